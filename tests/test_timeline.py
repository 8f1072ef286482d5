"""Timeline and GestureEvent: what is refused, and what the derived numbers are."""

from __future__ import annotations

import dataclasses
import math

import pytest

from microgesture.errors import DataError
from microgesture.timeline import DATAFRAME_COLUMNS, Alternative, GestureEvent, Media, Timeline


@pytest.mark.parametrize(
    ("start", "end", "confidence", "message"),
    [
        (2.0, 1.0, 1.0, "must end after it starts"),
        (1.0, 1.0, 1.0, "must end after it starts"),
        (-0.1, 1.0, 1.0, "must end after it starts"),
        (math.nan, 1.0, 1.0, "finite"),
        (0.0, math.inf, 1.0, "finite"),
        (0.0, 1.0, 1.1, "confidence"),
        (0.0, 1.0, -0.1, "confidence"),
        (0.0, 1.0, math.nan, "confidence"),
    ],
)
def test_wrong_events_are_refused(start: float, end: float, confidence: float, message: str) -> None:
    with pytest.raises(DataError, match=message):
        GestureEvent(start, end, "jaw", confidence=confidence)


def test_overlap_is_intersection_over_union() -> None:
    event = GestureEvent(0.0, 2.0, "jaw")
    assert event.overlap(GestureEvent(1.0, 3.0, "neck")) == pytest.approx(1 / 3)
    assert event.overlap(event) == 1.0
    assert event.overlap(GestureEvent(2.0, 3.0, "neck")) == 0.0
    assert event.overlap(GestureEvent(0.5, 1.0, "neck")) == pytest.approx(0.25)


def test_events_are_sorted_and_may_overlap() -> None:
    late, early, longer = (
        GestureEvent(3, 4, "a"),
        GestureEvent(1, 2, "b"),
        GestureEvent(1, 5, "a", person="P2"),
    )
    timeline = Timeline((late, longer, early))
    assert list(timeline) == [early, longer, late]
    assert len(timeline) == 3
    assert timeline[2] is late
    assert timeline.persons == ("P1", "P2")


def test_frozen() -> None:
    timeline = Timeline()
    with pytest.raises(dataclasses.FrozenInstanceError):
        timeline.vocabulary = "x"  # type: ignore[misc]
    changed = timeline.with_events([GestureEvent(0, 1, "a")])
    assert (len(timeline), len(changed)) == (0, 1)


def test_duration_comes_from_media_else_from_events() -> None:
    events = (GestureEvent(0, 1, "a"), GestureEvent(1, 7, "a"), GestureEvent(2, 3, "b"))
    assert Timeline().duration == 0.0
    assert Timeline(events).duration == 7
    assert Timeline(events, Media(duration=30.0)).duration == 30.0


def test_rates_per_minute() -> None:
    events = (GestureEvent(0, 1, "a"), GestureEvent(1, 7, "a"), GestureEvent(2, 3, "b"))
    assert Timeline(events, Media(duration=30.0)).rates_per_minute() == {"a": 4.0, "b": 2.0}
    assert Timeline().rates_per_minute() == {}


def test_between_is_half_open_and_at_least_is_closed() -> None:
    events = (
        GestureEvent(0, 1, "a", confidence=0.5),
        GestureEvent(1, 2, "b", confidence=0.4),
        GestureEvent(2, 3, "c"),
    )
    timeline = Timeline(events, Media(duration=30.0))
    assert [e.label for e in timeline.between(1, 2)] == ["b"]
    assert [e.label for e in timeline.between(0.9, 2.1)] == ["a", "b", "c"]
    assert timeline.between(1, 2).duration == 30.0
    assert [e.label for e in timeline.at_least(0.5)] == ["a", "c"]


def test_dataframe_has_the_columns_of_the_csv() -> None:
    event = GestureEvent(
        0.5, 1.0, "jaw", 10, 0.8, "head-hand", alternatives=(Alternative("neck", 0.1),), annotator="model"
    )
    timeline = Timeline((event, GestureEvent(2, 3, "free")), Media("a.mp4"), provenance={"model": "m1"})
    frame = timeline.to_dataframe()
    assert tuple(frame.columns) == DATAFRAME_COLUMNS
    assert frame.loc[0, "alternatives"] == "neck (0.100)"
    assert frame.loc[0, "label_id"] == 10
    assert frame["label_id"].isna().tolist() == [False, True]
    assert set(frame["model"]) == {"m1"}
    empty = Timeline().to_dataframe()
    assert len(empty) == 0
    assert tuple(empty.columns) == DATAFRAME_COLUMNS
