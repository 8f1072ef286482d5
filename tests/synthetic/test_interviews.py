"""Interviews: the likelihood ratio is the true one; the announced best accuracy is reached and not passed."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest

from likelihood_ratio import log_likelihood_ratio
from microgesture.errors import DataError
from microgesture.synthetic.people.schedule import MotionSpec
from microgesture.synthetic.worlds.interviews import (
    InterviewRates,
    MotionRate,
    bayes_accuracy,
    draw_rates,
    motions_by_label,
    sample_interview,
    simulate_ratios,
)
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.vocabulary import Vocabulary

LABELS = ["Touching jaw", "Touching or scratching neck", "Folding arms", "Pressing lips", "Head up"]
VOCABULARY = Vocabulary.load("imigue").subset([*LABELS, "Illustrative hand gestures"]).with_background()


def _spec(key: str, group: str, label: str, **kwargs: bool) -> MotionSpec:
    return MotionSpec(key, group, (0.8, 2.4), {"imigue": label}, **kwargs)


MOTIONS = {
    spec.key: spec
    for spec in (
        _spec("jaw_stroke", "hands", "Touching jaw"),
        _spec("jaw_rub", "hands", "Touching jaw"),
        _spec("neck", "hands", "Touching or scratching neck"),
        _spec("arms", "hands", "Folding arms"),
        _spec("lips", "face", "Pressing lips"),
        _spec("head_up", "head", "Head up"),
        _spec("illustrate", "hands", "Illustrative hand gestures"),
        _spec("idle", "trunk", "No gesture"),
        _spec("unused", "legs", "Moving torso"),
    )
}


def _rates(effect: float = 0.9, seed: int = 3) -> InterviewRates:
    by_label = motions_by_label(VOCABULARY, MOTIONS, "imigue")
    return draw_rates(np.random.default_rng(seed), VOCABULARY, by_label, per_minute=18.0, effect=effect)


def _timelines(rates: InterviewRates, outcome: str, n: int, duration: float = 60.0) -> list[Timeline]:
    rng = np.random.default_rng([n, outcome == "positive"])
    return [sample_interview(rng, rates, outcome, VOCABULARY, duration)[1] for _ in range(n)]


def test_rates_follow_the_announced_effects() -> None:
    rates = _rates(effect=0.9)
    ratio = rates.per_second("positive") / rates.per_second("negative")
    shift = {m.label: math.log(r) for m, r in zip(rates.motions, ratio, strict=True)}
    assert shift["Touching jaw"] == pytest.approx(-0.9)
    assert shift["Illustrative hand gestures"] == pytest.approx(0.9)
    assert shift["Pressing lips"] == pytest.approx(0.0)
    assert sum(m.per_minute for m in rates.motions) == pytest.approx(18.0)
    jaw = [m.per_minute for m in rates.motions if m.label == "Touching jaw"]
    assert len(jaw) == 2
    assert jaw[0] == jaw[1]


def test_rates_survive_json() -> None:
    rates = _rates()
    assert InterviewRates.from_json(json.loads(json.dumps(rates.to_json()))) == rates


def test_labels_without_motion_are_named() -> None:
    other = Vocabulary.load("imigue").subset(["Touching ears"])
    with pytest.raises(DataError, match="'Touching ears'"):
        motions_by_label(other, MOTIONS, "imigue")


def test_motions_that_do_not_fit_the_setting_are_left_out() -> None:
    motions = {**MOTIONS, "arms": _spec("arms", "hands", "Folding arms", standing_only=True)}
    motions["head_up"] = _spec("head_up", "head", "Head up", seated_only=True)
    rates = draw_rates(np.random.default_rng(0), VOCABULARY, motions_by_label(VOCABULARY, motions, "imigue"))
    assert rates.seated
    assert "arms" not in {m.key for m in rates.motions}


def test_inconsistent_rates_are_refused() -> None:
    jaw = MotionRate("a", "jaw", "hands", (1.0, 2.0), 3.0, 0.5)
    with pytest.raises(DataError, match="differ in group or effect"):
        InterviewRates((jaw, MotionRate("b", "jaw", "hands", (1.0, 2.0), 3.0, 0.4)))
    with pytest.raises(DataError, match="at least one motion"):
        InterviewRates(())
    with pytest.raises(DataError, match="wrong group, rate or duration"):
        InterviewRates((MotionRate("a", "jaw", "tail", (1.0, 2.0), 3.0, 0.5),))
    with pytest.raises(DataError, match="unknown outcome 'win'"):
        InterviewRates((jaw,)).per_second("win")


def test_schedule_and_timeline_agree() -> None:
    rates = _rates()
    scheduled, timeline = sample_interview(np.random.default_rng(5), rates, "negative", VOCABULARY, 90.0)
    assert len(scheduled) == len(timeline) > 5
    label_of = {m.key: m.label for m in rates.motions}
    for done, event in zip(scheduled, timeline, strict=True):
        assert event.label == label_of[done.key]
        assert event.label_id == VOCABULARY.index(event.label)
        assert event.start == done.start
        assert event.end == min(done.end, 90.0)
    for group in rates.groups:
        members = [s for s in scheduled if MOTIONS[s.key].group == group]
        for before, after in itertools.pairwise(members):
            assert after.start >= before.end + rates.rest - 0.003
    again = sample_interview(np.random.default_rng(5), rates, "negative", VOCABULARY, 90.0)
    assert again == (scheduled, timeline)


def test_ratio_of_a_timeline_written_by_hand() -> None:
    jaw = MotionRate("jaw", "Touching jaw", "hands", (1.0, 2.0), 6.0, -1.0)
    lips = MotionRate("lips", "Pressing lips", "face", (1.0, 2.0), 3.0, 0.5)
    rates = InterviewRates((jaw, lips), rest=0.5)
    events = (
        GestureEvent(1.0, 2.5, "Touching jaw"),
        GestureEvent(2.0, 3.0, "Pressing lips"),
        GestureEvent(9.0, 10.0, "Touching jaw"),  # cut by the end: nothing rests after it
    )
    timeline = Timeline(events, Media(duration=10.0))
    hands = 0.1 * (math.exp(-0.5) - math.exp(0.5)) * (10 - 2.0 - 1.0)
    face = 0.05 * (math.exp(0.25) - math.exp(-0.25)) * (10 - 1.5)
    assert log_likelihood_ratio(timeline, rates) == pytest.approx(-2.0 + 0.5 - hands - face)
    with pytest.raises(DataError, match="'Head up'"):
        log_likelihood_ratio(Timeline((GestureEvent(0, 1, "Head up"),), Media(duration=5.0)), rates)


def test_ratio_is_a_likelihood_ratio() -> None:
    """Under "negative" the mean of p(x|positive)/p(x|negative) is 1, and the other way round."""
    rates = _rates(effect=0.5)
    for outcome, sign in (("negative", 1.0), ("positive", -1.0)):
        timelines = _timelines(rates, outcome, 1500, duration=40.0)
        weights = np.exp([sign * log_likelihood_ratio(t, rates) for t in timelines])
        error = weights.std() / math.sqrt(len(weights))
        assert abs(weights.mean() - 1.0) < 4 * error
        assert error < 0.06


def test_fast_simulation_has_the_same_distribution() -> None:
    rates = _rates()
    slow = np.array([log_likelihood_ratio(t, rates) for t in _timelines(rates, "positive", 1200)])
    fast = simulate_ratios(np.random.default_rng(0), rates, "positive", np.full(20_000, 60.0))
    assert abs(slow.mean() - fast.mean()) < 4 * slow.std() / math.sqrt(len(slow))
    for q in (0.1, 0.5, 0.9):
        assert abs((slow < np.quantile(fast, q)).mean() - q) < 4 * math.sqrt(q * (1 - q) / len(slow))


def test_announced_accuracy_is_reached_by_the_ratio_and_not_by_a_count() -> None:
    rates = _rates()
    best, error = bayes_accuracy(rates, 60.0, seed=1)
    assert 0.6 < best < 0.97
    assert error < 0.005
    by_ratio, by_count = [], []
    for outcome in ("positive", "negative"):
        for timeline in _timelines(rates, outcome, 700):
            by_ratio.append((log_likelihood_ratio(timeline, rates) > 0) == (outcome == "positive"))
            by_count.append((len(timeline) < 14) == (outcome == "positive"))
    spread = math.sqrt(best * (1 - best) / len(by_ratio))
    assert abs(np.mean(by_ratio) - best) < 4 * spread
    assert np.mean(by_count) < best - 2 * spread


def test_accuracy_without_effect_is_chance_and_grows_with_length_and_effect() -> None:
    assert bayes_accuracy(_rates(effect=0.0), 60.0, n=200) == (0.5, 0.0)
    short, long = (bayes_accuracy(_rates(), d, n=4000)[0] for d in (20.0, 180.0))
    assert short < long
    between = bayes_accuracy(_rates(), (20.0, 180.0), n=4000)[0]
    assert short < between < long
    assert bayes_accuracy(_rates(effect=0.4), 60.0, n=4000)[0] < bayes_accuracy(_rates(), 60.0, n=4000)[0]
    assert bayes_accuracy(_rates(), 60.0, n=500, seed=4) == bayes_accuracy(_rates(), 60.0, n=500, seed=4)
