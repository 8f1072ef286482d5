"""Settings of spotting; the names of the thresholds are those of EnvisionHGdetector."""

from __future__ import annotations

from dataclasses import dataclass

from microgesture.errors import RecipeError


@dataclass(frozen=True)
class SpottingConfig:
    """How sliding windows become events. Seconds and probabilities.

    Raises `RecipeError` when a value is outside its range.
    """

    window_s: float = 1.6
    """Length of a window: about the length of the clips that the recogniser was trained on."""
    stride_s: float = 0.4
    """From one window to the next: a quarter of a window places boundaries within about a tenth of one."""
    smoothing_s: float = 0.8
    """Probabilities are averaged over the windows whose centres lie within this span; 0: not at all."""
    gesture_threshold: float = 0.4
    """A class opens an event when its smoothed probability reaches this. Below one half, so that two gestures
    that share the probability of one window can both be found."""
    release_ratio: float = 0.5
    """Hysteresis: the event stays open while the probability is at least this share of `gesture_threshold`."""
    motion_threshold: float = 0.0
    """With `motion` given: an event in which no window moves at least this much is dropped (the unit is the
    caller's). One moving window is enough, because folded arms are held still after they fold."""
    min_gap_s: float = 0.3
    """Two events of one class nearer than this are one event."""
    min_length_s: float = 0.2
    """Shorter events are dropped."""
    max_alternatives: int = 4
    """How many other readings an event lists."""
    edge_share: float = 0.5
    """Which share of a window (or of the gesture, when that is shorter) must be covered before the score stands
    at half its height. 0: the recogniser fires as soon as a window touches a gesture; 0.5: half-way in;
    measure it on videos with known truth when boundaries come out early (lower it) or late (raise it)."""

    def __post_init__(self) -> None:
        checks = (
            ("window_s", self.window_s > 0, "above 0"),
            ("stride_s", self.stride_s > 0, "above 0"),
            ("smoothing_s", self.smoothing_s >= 0, "0 or more"),
            ("gesture_threshold", 0 < self.gesture_threshold <= 1, "in (0, 1]"),
            ("release_ratio", 0 < self.release_ratio <= 1, "in (0, 1]"),
            ("motion_threshold", self.motion_threshold >= 0, "0 or more"),
            ("min_gap_s", self.min_gap_s >= 0, "0 or more"),
            ("min_length_s", self.min_length_s >= 0, "0 or more"),
            ("max_alternatives", self.max_alternatives >= 0, "0 or more"),
            ("edge_share", 0 <= self.edge_share <= 1, "in [0, 1]"),
        )
        for name, holds, wanted in checks:
            if not holds:
                raise RecipeError(f"spotting.{name} must be {wanted}, got {getattr(self, name)}")
