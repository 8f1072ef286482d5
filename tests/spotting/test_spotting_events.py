"""Spotting on score tracks whose gestures are planted."""

from __future__ import annotations

import numpy as np
import pytest

from microgesture.errors import DataError, RecipeError
from microgesture.spotting import SpottingConfig, spot, window_centres
from microgesture.vocabulary import GestureClass, Vocabulary

VOCABULARY = Vocabulary(
    "small",
    (
        GestureClass(0, "Touching jaw", "", "head-hand"),
        GestureClass(1, "Rubbing eyes", "", "head-hand"),
        GestureClass(2, "Moving legs", "", "lower limb"),
        GestureClass(3, "Illustrative hand gestures", "", "upper limb", None, False),
        GestureClass(4, "No gesture", "", "", None, False),
    ),
)


def track(planted, duration, window_s, stride_s, peak=0.9, response=lambda share: share):
    """Score of each window: the share that it sees of a gesture, through the recogniser's `response`."""
    times = window_centres(duration, window_s, stride_s)
    p = np.zeros((len(times), len(VOCABULARY)))
    for class_id, start, end in planted:
        seen = np.minimum(times + window_s / 2, end) - np.maximum(times - window_s / 2, start)
        share = np.clip(seen, 0, None) / min(window_s, end - start)
        p[:, class_id] = np.maximum(p[:, class_id], peak * response(share))
    p[:, 4] = np.clip(1 - p[:, :4].sum(axis=1), 0, 1)
    return times, p


@pytest.mark.parametrize("window_s", [0.8, 1.6, 3.0])
@pytest.mark.parametrize("stride_share", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("length", [0.5, 1.0, 2.0, 5.0])
def test_boundaries_lie_within_the_resolution_of_the_windows(window_s, stride_share, length):
    if length < 0.3 * window_s:
        pytest.skip("a gesture far shorter than the window leaves no mark of its length")
    stride = stride_share * window_s
    config = SpottingConfig(window_s=window_s, stride_s=stride, smoothing_s=2 * stride)
    errors = []
    for start in np.linspace(6.0, 6.0 + stride, 5):
        times, p = track([(0, start, start + length)], 20.0, window_s, stride)
        events = spot(times, p, VOCABULARY, config, 20.0)
        assert len(events) == 1
        assert events[0].label == "Touching jaw"
        errors += [abs(events[0].start - start), abs(events[0].end - start - length)]
    tolerance = 0.15 * stride if length >= window_s else max(0.11 * window_s, 0.8 * stride)
    assert max(errors) < tolerance


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
def test_edge_share_undoes_an_eager_or_a_late_recogniser(share):
    def response(seen):
        return 1 / (1 + np.exp(-25 * (seen - share)))

    times, p = track([(0, 8.0, 11.0)], 20.0, 2.0, 0.25, response=response)
    config = SpottingConfig(window_s=2.0, stride_s=0.25, smoothing_s=0.0, edge_share=share)
    (event,) = spot(times, p, VOCABULARY, config, 20.0)
    assert event.start == pytest.approx(8.0, abs=0.08)
    assert event.end == pytest.approx(11.0, abs=0.08)


def test_short_gestures_of_an_eager_recogniser_keep_their_length():
    times, p = track([(0, 8.0, 8.6)], 20.0, 2.0, 0.1, response=lambda seen: 1 / (1 + np.exp(-40 * (seen - 0.1))))
    config = SpottingConfig(window_s=2.0, stride_s=0.1, smoothing_s=0.0, edge_share=0.1)
    (event,) = spot(times, p, VOCABULARY, config, 20.0)
    assert (event.start, event.end) == (pytest.approx(8.0, abs=0.1), pytest.approx(8.6, abs=0.1))


def test_a_known_track_gives_exactly_these_events():
    times = np.arange(0.5, 20.0, 0.5)
    p = np.zeros((len(times), 5))
    p[10:21, 0] = 0.8  # windows centred 5.5 .. 10.5
    p[10:21, 1] = 0.15
    p[:, 4] = 1 - p.sum(axis=1)
    config = SpottingConfig(window_s=1.0, stride_s=0.5, smoothing_s=0.0)
    (event,) = spot(times, p, VOCABULARY, config, 20.0, person="P2", annotator="model-a")
    assert (event.start, event.end) == (pytest.approx(5.25), pytest.approx(10.75))
    assert event.confidence == pytest.approx(0.8)
    assert event.label_id == 0
    assert event.body_region == "head-hand"
    assert event.person == "P2"
    assert event.annotator == "model-a"
    assert [(a.label, round(a.confidence, 6)) for a in event.alternatives] == [("Rubbing eyes", 0.15)]


def test_nothing_above_the_threshold_and_background_are_no_events():
    times, p = track([(0, 3.0, 6.0)], 20.0, 1.6, 0.4, peak=0.39)
    assert spot(times, p, VOCABULARY, SpottingConfig(), 20.0) == ()
    p[:] = 0
    p[:, 4] = 1.0
    assert spot(times, p, VOCABULARY, SpottingConfig(), 20.0) == ()
    assert spot(np.empty(0), np.empty((0, 5)), VOCABULARY, SpottingConfig(), 20.0) == ()


def test_illustrative_gestures_are_events():
    times, p = track([(3, 3.0, 6.0)], 20.0, 1.6, 0.4)
    assert [e.label for e in spot(times, p, VOCABULARY, SpottingConfig(), 20.0)] == ["Illustrative hand gestures"]


def test_regions_overlap_and_within_a_region_the_stronger_wins():
    times, head = track([(0, 4.0, 8.0)], 20.0, 1.6, 0.4, peak=0.6)
    p = head + track([(2, 5.0, 12.0)], 20.0, 1.6, 0.4, peak=0.5)[1]
    p[:, 1] = 0.8 * p[:, 0]  # a second reading of the same movement
    p = np.clip(p, 0, 1)
    events = spot(times, p, VOCABULARY, SpottingConfig(), 20.0)
    assert [e.label for e in events] == ["Touching jaw", "Moving legs"]
    assert events[0].overlap(events[1]) > 0.2
    assert events[0].alternatives[0].label == "Rubbing eyes"


def test_neighbours_of_one_region_are_both_kept_and_do_not_overlap():
    times, a = track([(0, 3.0, 7.0)], 20.0, 1.6, 0.4, peak=0.9)
    p = np.maximum(a, track([(1, 6.6, 11.0)], 20.0, 1.6, 0.4, peak=0.7)[1])
    first, second = spot(times, p, VOCABULARY, SpottingConfig(), 20.0)
    assert (first.label, second.label) == ("Touching jaw", "Rubbing eyes")
    assert first.end <= second.start
    assert second.start == pytest.approx(7.0, abs=0.25)


def test_a_short_strong_gesture_cuts_a_long_weak_one_in_two():
    times, a = track([(0, 3.0, 17.0)], 20.0, 1.6, 0.2, peak=0.5)
    p = np.maximum(a, track([(1, 9.0, 11.0)], 20.0, 1.6, 0.2, peak=0.9)[1])
    events = spot(times, p, VOCABULARY, SpottingConfig(stride_s=0.2), 20.0)
    assert [e.label for e in events] == ["Touching jaw", "Rubbing eyes", "Touching jaw"]


def test_gaps_are_merged_only_below_min_gap_and_short_events_dropped():
    times = np.arange(0.1, 20.0, 0.1)
    p = np.zeros((len(times), 5))
    p[(times > 5) & (times < 7), 0] = 0.9
    p[(times > 7.4) & (times < 9), 0] = 0.9
    narrow = SpottingConfig(window_s=0.4, stride_s=0.1, smoothing_s=0.0, min_gap_s=0.2)
    wide = SpottingConfig(window_s=0.4, stride_s=0.1, smoothing_s=0.0, min_gap_s=0.8)
    assert len(spot(times, p, VOCABULARY, narrow, 20.0)) == 2
    (event,) = spot(times, p, VOCABULARY, wide, 20.0)
    assert (event.start, event.end) == (pytest.approx(5.0, abs=0.06), pytest.approx(9.0, abs=0.1))
    long_only = SpottingConfig(window_s=0.4, stride_s=0.1, smoothing_s=0.0, min_gap_s=0.2, min_length_s=1.8)
    (event,) = spot(times, p, VOCABULARY, long_only, 20.0)
    assert event.end < 7.2


def test_hysteresis_holds_an_event_through_a_dip():
    times = np.arange(0.5, 20.0, 0.5)
    p = np.zeros((len(times), 5))
    p[8:25, 0] = 0.7
    p[14:19, 0] = 0.3  # below the threshold of 0.4, above its release at 0.2
    held = SpottingConfig(window_s=1.0, stride_s=0.5, smoothing_s=0.0)
    assert len(spot(times, p, VOCABULARY, held, 20.0)) == 1
    strict = SpottingConfig(window_s=1.0, stride_s=0.5, smoothing_s=0.0, release_ratio=1.0)
    assert len(spot(times, p, VOCABULARY, strict, 20.0)) == 2


def test_events_are_clipped_to_the_video():
    times, p = track([(0, -5.0, 3.0), (2, 17.0, 30.0)], 20.0, 1.6, 0.4)
    first, last = spot(times, p, VOCABULARY, SpottingConfig(), 20.0)
    assert first.start == 0.0
    assert last.end == 20.0
    (whole,) = spot(np.array([0.3]), np.array([[0.9, 0, 0, 0, 0.1]]), VOCABULARY, SpottingConfig(), 0.6)
    assert (whole.start, whole.end) == (0.0, 0.6)


def test_motion_gates_what_never_moves_and_spares_what_is_held():
    times, p = track([(0, 3.0, 8.0), (2, 12.0, 16.0)], 20.0, 1.6, 0.4)
    motion = np.where(np.abs(times - 3.0) < 1.0, 0.5, 0.01)
    config = SpottingConfig(motion_threshold=0.1)
    assert [e.label for e in spot(times, p, VOCABULARY, config, 20.0, motion)] == ["Touching jaw"]


def test_no_event_crosses_a_stretch_without_a_person():
    times, p = track([(0, 4.0, 14.0)], 20.0, 1.6, 0.4)
    gap = (times > 8) & (times < 10)
    p[gap] = np.nan
    first, second = spot(times, p, VOCABULARY, SpottingConfig(), 20.0)
    assert first.end < times[gap][0]
    assert second.start > times[gap][-1]
    assert first.confidence > 0.7


def test_the_end_of_a_long_event_is_judged_by_its_own_height():
    times = np.arange(0.25, 20.0, 0.25)
    p = np.zeros((len(times), 5))
    p[(times > 4) & (times < 8), 0] = 0.45
    p[(times >= 8) & (times < 10), 0] = 1.0
    (event,) = spot(times, p, VOCABULARY, SpottingConfig(window_s=1.0, stride_s=0.25, smoothing_s=0.0), 20.0)
    assert event.start == pytest.approx(4.0, abs=0.2)


def test_irregular_times_are_smoothed_by_time():
    rng = np.random.default_rng(0)
    times = np.sort(rng.uniform(0, 20, 120))
    p = np.zeros((120, 5))
    p[(times > 6) & (times < 9), 0] = 0.9
    (event,) = spot(times, p, VOCABULARY, SpottingConfig(window_s=1.0, stride_s=0.2, smoothing_s=0.4), 20.0)
    assert (event.start, event.end) == (pytest.approx(6.0, abs=0.3), pytest.approx(9.0, abs=0.3))


@pytest.mark.parametrize(
    ("times", "shape", "word"),
    [([0.0, 1.0], (2, 4), "fit"), ([1.0, 0.0], (2, 5), "rising"), ([0.0, np.nan], (2, 5), "rising")],
)
def test_arrays_that_do_not_fit_are_one_line_errors(times, shape, word):
    with pytest.raises(DataError, match=word):
        spot(np.array(times), np.zeros(shape), VOCABULARY, SpottingConfig(), 5.0)


def test_logits_and_wrong_settings_are_refused():
    with pytest.raises(DataError, match="logits"):
        spot(np.array([1.0]), np.array([[4.0, 0, 0, 0, -3.0]]), VOCABULARY, SpottingConfig(), 5.0)
    with pytest.raises(RecipeError, match="gesture_threshold"):
        SpottingConfig(gesture_threshold=0)


def test_windows_cover_every_second():
    centres = window_centres(10.3, 1.6, 0.4)
    assert centres[0] == pytest.approx(0.8)
    assert centres[-1] == pytest.approx(9.5)
    assert np.diff(centres).max() <= 0.4 + 1e-9
    assert window_centres(0.5, 1.6, 0.4).tolist() == [0.25]
    assert len(window_centres(0.0, 1.6, 0.4)) == 0
