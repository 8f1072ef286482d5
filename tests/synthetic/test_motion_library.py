"""The motion library: what it covers, and that no class gives itself away by its timing or its side."""

import numpy as np
import pytest

from microgesture.synthetic.people.body import sample_body
from microgesture.synthetic.people.gesture import DRAWN, Draw
from microgesture.synthetic.people.motion import MOTIONS, NEEDS_HAT
from microgesture.synthetic.people.schedule import GROUPS, Setting, Style
from microgesture.vocabulary import NO_GESTURE, Vocabulary

BODY = sample_body(np.random.default_rng(0))
CONFUSABLE = ("touch_jaw", "touch_neck", "touch_cheek", "touch_forehead", "touch_ear", "touch_notch", "touch_head")


def draws(key: str, count: int = 300, style: Style | None = None):
    return [DRAWN[key](Draw(seed, BODY, Setting(), style or Style())) for seed in range(count)]


@pytest.mark.parametrize("name", ["imigue", "smg", "ma52"])
def test_every_class_has_a_motion_and_every_label_is_a_class(name):
    vocabulary = Vocabulary.load(name).with_background()
    labels = [spec.labels[name] for spec in MOTIONS.values() if name in spec.labels]
    assert set(labels) == set(vocabulary.names)


def test_specs_are_sound():
    assert set(MOTIONS) == set(DRAWN)
    assert set(MOTIONS) >= NEEDS_HAT
    assert MOTIONS["nothing"].labels["imigue"] == NO_GESTURE
    for key, spec in MOTIONS.items():
        assert spec.key == key
        assert spec.group in GROUPS
        assert 0.5 <= spec.duration[0] < spec.duration[1]
        assert not (spec.seated_only and spec.standing_only)


@pytest.mark.parametrize("key", sorted(MOTIONS))
def test_only_hand_motions_move_hands_and_every_motion_moves_something(key):
    gestures = draws(key, 40)
    if MOTIONS[key].group == "hands":
        assert all(g.reaches for g in gestures)
    else:
        assert not any(g.reaches for g in gestures)
        assert key == "nothing" or all(g.drives for g in gestures)


def test_confusable_touches_share_their_timing_and_repetition():
    spans, shares, rates = [], [], []
    for key in CONFUSABLE:
        assert MOTIONS[key].duration == MOTIONS["touch_jaw"].duration
        gestures = draws(key)
        spans.append(np.mean([g.attack for g in gestures]))
        reaches = [next(iter(g.reaches.values())) for g in gestures]
        strokes = [r.stroke for r in reaches if r.stroke is not None]
        shares.append(len(strokes) / len(reaches))
        rates.append(np.mean([s.frequency for s in strokes]))
    assert np.ptp(spans) < 0.03
    assert np.ptp(shares) < 0.12
    assert np.ptp(rates) < 0.3


@pytest.mark.parametrize("key", CONFUSABLE)
def test_the_hand_is_chosen_by_the_person_not_by_the_class(key):
    share = np.mean([1 in g.reaches for g in draws(key, style=Style(right_handed=0.7))])
    assert share == pytest.approx(0.7, abs=0.08)


def test_occurrences_differ_and_seeds_repeat():
    first, again = draws("touch_jaw", 20), draws("touch_jaw", 20)
    assert first == again
    assert len({g.attack for g in first}) == 20
