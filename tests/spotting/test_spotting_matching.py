"""Matching of events with the truth."""

from __future__ import annotations

import pytest

from microgesture.spotting import match_events, pool
from microgesture.spotting.matching import boundary_errors
from microgesture.timeline import GestureEvent


def event(start, end, label="a", person="P1"):
    return GestureEvent(start, end, label, person=person)


def test_a_hit_needs_label_person_and_more_than_the_overlap():
    truth = [event(0, 10)]
    assert match_events([event(0, 3)], truth).hits == 0  # exactly 0.3 does not exceed 0.3
    assert match_events([event(0, 3.1)], truth).hits == 1
    assert match_events([event(0, 10, "b")], truth).hits == 0
    assert match_events([event(0, 10, person="P2")], truth).hits == 0
    assert match_events([event(0, 10, " A ")], truth).hits == 1


def test_one_prediction_hits_once_unless_as_the_organisers_do():
    predicted = [event(0, 10)]
    truth = [event(0, 4.5), event(5, 10)]
    ours = match_events(predicted, truth)
    assert (ours.matches, ours.precision, ours.recall) == (((0, 0),), 1.0, 0.5)
    official = match_events(predicted, truth, match="official")
    assert official.matches == ((0, 0), (0, 1))
    assert official.recall == 1.0
    assert official.f1 == pytest.approx(4 / 3)


def test_the_nearest_free_prediction_is_taken_in_order_of_truth():
    predicted = [event(0, 8), event(0, 10)]
    truth = [event(1, 10), event(0, 10)]
    assert match_events(predicted, truth).matches == ((1, 1), (0, 0))


def test_counts():
    result = match_events([event(0, 1), event(5, 6), event(8, 9)], [event(0, 1), event(2, 3)])
    assert (result.precision, result.recall) == (pytest.approx(1 / 3), 0.5)
    assert result.f1 == pytest.approx(0.4)
    pooled = pool([result, match_events([], [event(0, 1)])])
    assert (pooled.hits, pooled.predicted, pooled.truth) == (1, 3, 3)


def test_nothing_found_and_nothing_to_find():
    assert match_events([], [event(0, 1)]).f1 == 0.0
    assert match_events([event(0, 1)], []).precision == 0.0
    assert match_events([], []).f1 == 1.0


def test_boundary_errors_are_late_above_zero_and_early_below():
    predicted, truth = [event(1.5, 3), event(8, 12)], [event(9, 11.5), event(1, 3.5), event(20, 21)]
    assert boundary_errors(predicted, truth, match_events(predicted, truth)) == [(0.5, -0.5), (-1.0, 0.5)]
