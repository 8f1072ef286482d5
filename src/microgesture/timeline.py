"""`Timeline`: the one type that recognition, annotation formats, emotion models and reports exchange.

Times are seconds from the start of the media. An event's interval is half-open, [start, end).
Events may overlap: folded arms and a moving leg are two events. All classes are frozen: a change is a new
object (`dataclasses.replace`, `Timeline.with_events`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from microgesture.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


UNTIMED = "untimed"
"""In `Timeline.provenance`, true where the events have an order and no times: their seconds then only count them."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another reading of an event: a label and its confidence in [0, 1]."""

    label: str
    confidence: float


LATEST_S = 1e12
"""Later times, in seconds, are no times: neither of a film nor of a calendar."""


@dataclass(frozen=True, slots=True)
class GestureEvent:
    """One gesture of one person, from `start` to `end` seconds.

    `confidence` is in [0, 1]; `alternatives` are the next best readings, best first. `label_id` is the class
    index in the timeline's vocabulary, None for a free label. `annotator` names the model or the human. `by_part`, of a
    clip that was recognised: the best reading of each part of the body that does something, strongest first. `count` is
    how often the movement is repeated within the event, None where nobody counted.
    Raises `DataError` when the times are not finite, end before they start, or the confidence leaves [0, 1].
    """

    start: float
    end: float
    label: str
    label_id: int | None = None
    confidence: float = 1.0
    body_region: str = ""
    person: str = "P1"
    alternatives: tuple[Alternative, ...] = ()
    annotator: str = ""
    by_part: tuple[tuple[str, Alternative], ...] = ()
    count: int | None = None

    def __post_init__(self) -> None:
        if not (abs(self.start) <= LATEST_S and abs(self.end) <= LATEST_S):  # false for NaN
            raise DataError(f"event '{self.label}': times must be finite, got {self.start} to {self.end}")
        if self.start < 0 or self.end <= self.start:
            raise DataError(f"event '{self.label}': must end after it starts, got {self.start} to {self.end} s")
        if not 0.0 <= self.confidence <= 1.0:
            raise DataError(f"event '{self.label}': confidence must be in [0, 1], got {self.confidence}")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start

    def overlap(self, other: GestureEvent) -> float:
        """Temporal intersection over union with another event, in [0, 1]."""
        inter = min(self.end, other.end) - max(self.start, other.start)
        if inter <= 0:
            return 0.0
        return inter / (self.duration + other.duration - inter)


@dataclass(frozen=True, slots=True)
class Media:
    """The file a timeline speaks of. `size` is (width, height) as displayed; unknown values are None."""

    file: str = ""
    duration: float | None = None
    fps: float | None = None
    size: tuple[int, int] | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """What moved an emotion reading: the event's index in the timeline and its effect on the log-odds of
    the reading's `label` (positive: spoke for it). `attention`: share of the model's attention on it, in [0, 1],
    None where the model has none; it says where the model looked, not which way the event spoke."""

    event: int
    label: str
    effect: float
    attention: float | None = None


@dataclass(frozen=True, slots=True)
class EmotionReading:
    """The emotion read from a timeline, never from face or voice.

    `label` is the most probable class of `probabilities` (class name to probability), or "undecided" when there is
    not enough evidence for it. `interval` is of the probability of the leading class, e.g. over bootstrap resamples
    of the events. `drivers` are sorted by the size of their effect. `caution` says in plain words what the
    reading cannot carry.
    """

    label: str
    probabilities: Mapping[str, float]
    interval: tuple[float, float] | None = None
    drivers: tuple[Driver, ...] = ()
    model: str = ""
    caution: str = ""


@dataclass(frozen=True)
class Timeline:
    """Gestures of one video in time order, with where they came from.

    `vocabulary` is the name of the vocabulary and `labels` its class names in id order. `provenance` holds
    tool, version, model, config and creation time, all plain JSON values.
    """

    events: tuple[GestureEvent, ...] = ()
    media: Media = Media()
    vocabulary: str = ""
    labels: tuple[str, ...] = ()
    emotion: EmotionReading | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.events, key=lambda e: (e.start, e.end, e.person, e.label)))
        object.__setattr__(self, "events", ordered)

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[GestureEvent]:
        return iter(self.events)

    def __getitem__(self, index: int) -> GestureEvent:
        return self.events[index]

    @property
    def duration(self) -> float:
        """Length of the media in seconds; without media, the end of the last event."""
        if self.media.duration is not None:
            return self.media.duration
        return max((e.end for e in self.events), default=0.0)

    @property
    def persons(self) -> tuple[str, ...]:
        """Persons in order of first appearance."""
        return tuple(dict.fromkeys(e.person for e in self.events))

    def with_events(self, events: Iterable[GestureEvent]) -> Timeline:
        """The same timeline with other events."""
        return replace(self, events=tuple(events))

    def between(self, start: float, end: float) -> Timeline:
        """Only the events that touch [start, end) seconds; times are unchanged."""
        return self.with_events(e for e in self.events if e.start < end and e.end > start)

    def at_least(self, confidence: float) -> Timeline:
        """Only the events with at least this confidence."""
        return self.with_events(e for e in self.events if e.confidence >= confidence)

    def rates_per_minute(self) -> dict[str, float]:
        """Events per minute of media, by label. Empty when the timeline has no duration."""
        if self.duration <= 0:
            return {}
        counts: dict[str, int] = {}
        for event in self.events:
            counts[event.label] = counts.get(event.label, 0) + 1
        return {label: 60.0 * n / self.duration for label, n in counts.items()}

    def to_dataframe(self) -> pd.DataFrame:
        """One row per event, with the columns of the CSV format (`microgesture.formats.csv`)."""
        import pandas as pd

        rows = [
            {
                "media": self.media.file,
                "person": e.person,
                "start_s": e.start,
                "end_s": e.end,
                "label_id": e.label_id,
                "label": e.label,
                "body_region": e.body_region,
                "confidence": e.confidence,
                "alternatives": "; ".join(f"{a.label} ({a.confidence:.3f})" for a in e.alternatives),
                "model": str(self.provenance.get("model", "")),
                "annotator": e.annotator,
            }
            for e in self.events
        ]
        frame = pd.DataFrame(rows, columns=list(DATAFRAME_COLUMNS))
        return frame.astype({"label_id": "Int64"})


DATAFRAME_COLUMNS = (
    "media",
    "person",
    "start_s",
    "end_s",
    "label_id",
    "label",
    "body_region",
    "confidence",
    "alternatives",
    "model",
    "annotator",
)
