"""Settings of spotting; the names of the thresholds are those of EnvisionHGdetector."""

from __future__ import annotations

from dataclasses import dataclass

from microgesture.settings import check_settings, within


@dataclass(frozen=True)
class SpottingConfig:
    """How sliding windows become events. Seconds and probabilities.

    Raises `RecipeError` when a value is outside its range.
    """

    window_s: float = within(1.6, above=0)
    """Length of a window: about the length of the clips that the recogniser was trained on."""
    stride_s: float = within(0.4, above=0)
    """From one window to the next: a quarter of a window places boundaries within about a tenth of one."""
    smoothing_s: float = within(0.8, 0)
    """Probabilities are averaged over the windows whose centres lie within this span; 0: not at all."""
    gesture_threshold: float = within(0.4, above=0, high=1)
    """A class opens an event when its smoothed probability reaches this. Below one half, so that two gestures
    that share the probability of one window can both be found."""
    release_ratio: float = within(0.5, above=0, high=1)
    """Hysteresis: the event stays open while the probability is at least this share of `gesture_threshold`."""
    motion_threshold: float = within(0.0, 0)
    """With `motion` given: an event in which no window moves at least this much is dropped (the unit is the
    caller's). One moving window is enough, because folded arms are held still after they fold."""
    min_gap_s: float = within(0.3, 0)
    """Two events of one class nearer than this are one event."""
    min_length_s: float = within(0.2, 0)
    """Shorter events are dropped."""
    max_alternatives: int = within(4, 0)
    """How many other readings an event lists."""
    edge_share: float = within(0.5, 0, 1)
    """Which share of a window (or of the gesture, when that is shorter) must be covered before the score stands
    at half its height. 0: the recogniser fires as soon as a window touches a gesture; 0.5: half-way in;
    measure it on videos with known truth when boundaries come out early (lower it) or late (raise it)."""

    def __post_init__(self) -> None:
        check_settings(self, "spotting.")
