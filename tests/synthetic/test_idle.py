"""People who do nothing in particular: rest poses, posture, what idles, and long performances."""

from __future__ import annotations

import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.synthetic.people.acting import Act, turns
from microgesture.synthetic.people.body import sample_body
from microgesture.synthetic.people.gesture import Gesture, Reach
from microgesture.synthetic.people.idle import bouts, held, moments, shifts
from microgesture.synthetic.people.motion import perform
from microgesture.synthetic.people.performance import FACE, JOINT_INDEX, JOINTS, Performance
from microgesture.synthetic.people.rest import REST_POSES, rest_names, rest_reaches
from microgesture.synthetic.people.schedule import CROSSED_LEGS, LEGS, Scheduled, Setting, Style
from microgesture.synthetic.people.surface import Site
from microgesture.synthetic.worlds.domains import DOMAINS, TEST_ONLY, draw_setting, draw_subject

FPS = 20.0
SIDES = ("left", "right")
HANDS = [i for i, n in enumerate(JOINTS) if any(f in n for f in ("wrist", "thumb", "index", "middle", "ring", "pinky"))]


def play(setting: Setting, seconds: float = 1.0, seed: int = 0, *events: Scheduled, **style: float) -> Performance:
    body = sample_body(np.random.default_rng(seed))
    return perform(body, events, seconds, FPS, setting, Style(**style), np.random.default_rng(seed + 7))


def test_there_is_a_rest_pose_for_every_domain_and_setting_and_folded_hands_are_none_of_them() -> None:
    for seated in (True, False):
        for table in (True, False):
            names = set(rest_names(seated, table))
            assert len(names - {"clasped"}) >= 12
            for domain in DOMAINS.values():
                assert names & set(domain.rests)
    for domain in DOMAINS.values():
        assert "clasped" not in domain.rests
        assert set(domain.rests) <= set(REST_POSES)
    assert not set(TEST_ONLY) & set(DOMAINS["train"].rests)
    assert set(TEST_ONLY) <= set(DOMAINS["test"].rests)


@pytest.mark.parametrize("name", [n for n, pose in REST_POSES.items() if n != "clasped" and pose.fits(True, True)])
def test_hands_at_a_table_lie_on_it_and_not_in_it(name: str) -> None:
    ways = {reach.site.frame for part in REST_POSES[name].ways for reach in part}
    if ways - {"table", "above_table"}:
        return
    for seed in range(4):
        p = play(Setting(True, True, name), seed=seed)
        assert p.table is not None
        height, edge = p.table
        hands = p.joints[:, HANDS]
        below = np.where(hands[..., 2] > edge + 0.01, height - hands[..., 1], 0.0)
        assert below.max() < 0.01
        assert (hands[..., 1].max(1) - height).min() > -0.01
        assert hands[..., 1].min(1).max() < height + 0.35


def test_each_hand_rests_in_its_own_way() -> None:
    apart = []
    for seed in range(20):
        p = play(Setting(), seed=seed)
        left, right = (p.joints[0, JOINT_INDEX[f"{side}_wrist"]] - p.joints[0, JOINT_INDEX["pelvis"]] for side in SIDES)
        apart.append(np.linalg.norm(left * [-1, 1, 1] - right))
    assert np.median(apart) > 0.04
    sides = {int(np.argmax([p.point(f"{s}_wrist")[0, 1] for s in SIDES])) for p in _microphones()}
    assert sides == {0, 1}


def _microphones() -> list[Performance]:
    return [play(Setting(True, False, "microphone"), 0.2, seed) for seed in range(8)]


@pytest.mark.parametrize("legs", LEGS)
def test_legs_are_where_the_setting_says(legs: str) -> None:
    p = play(Setting(legs=legs), seed=3)
    left, right = (p.joints[0, JOINT_INDEX[f"{side}_ankle"]] for side in SIDES)
    if legs != "ankle_on_knee":
        assert (left[0] < right[0]) == (legs in ("ankles", "knees"))
    assert (max(left[1], right[1]) > 0.2) == (legs in ("knees", "ankle_on_knee"))
    hips = p.joints[0, JOINT_INDEX["left_hip"], 0] - p.joints[0, JOINT_INDEX["right_hip"], 0]
    assert p.joints[..., 1].min() > -0.03
    if legs == "together":
        assert left[0] - right[0] < hips + 0.02


def test_crossed_legs_part_before_they_move() -> None:
    for legs in CROSSED_LEGS:
        p = play(Setting(legs=legs), 6.0, 1, Scheduled("move_legs", 2.0, 4.0, 5))
        still = play(Setting(legs=legs), 6.0, 1)
        raised = np.abs(p.point("left_ankle")[:, 1] - p.point("right_ankle")[:, 1])
        apart = p.point("left_ankle")[:, 0] - p.point("right_ankle")[:, 0]
        assert apart[45] > 0.1
        assert raised[45] < 0.1
        assert apart[0] < 0.0 or raised[0] > 0.2
        np.testing.assert_allclose(p.point("left_ankle")[-1], still.point("left_ankle")[-1], atol=1e-9)
        assert np.linalg.norm(np.diff(p.point("left_ankle"), 2, axis=0), axis=1).max() * FPS**2 < 40.0


@pytest.mark.parametrize("split", ["train", "test"])
def test_idling_is_smooth_slow_and_never_still(split: str) -> None:
    heads, shifted = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        subject = draw_subject(rng, DOMAINS[split], "x")
        p = perform(subject.body, [], 20.0, FPS, draw_setting(rng, DOMAINS[split]), subject.style, rng)
        speed = np.linalg.norm(np.diff(p.joints, axis=0), axis=-1) * FPS
        assert speed.max() < 2.5
        assert np.linalg.norm(np.diff(p.joints, 2, axis=0), axis=-1).max() * FPS**2 < 25.0
        assert speed[:, JOINT_INDEX["head"]].mean() > 0.001
        yaw = np.degrees(np.arctan2(p.head_rotation[:, 0, 2], p.head_rotation[:, 2, 2]))
        heads.append(yaw.mean())
        shifted.append(np.ptp(p.point("left_wrist"), axis=0).max())
        assert np.abs(yaw).max() < 80.0
    assert np.abs(heads).max() > 20.0  # somebody looks at an interviewer at the side
    assert max(shifted) > 0.08  # a hand went elsewhere
    assert np.median(shifted) > 0.02


def test_hands_beat_with_speech_and_lie_still_without() -> None:
    def restless(speaking: float) -> float:
        found = []
        for seed in range(6):
            p = play(Setting(rest="lap"), 10.0, seed, speaking=speaking, fidget=0.5, sway=0.4)
            speed = np.linalg.norm(np.diff(p.point("left_wrist"), axis=0), axis=-1) * FPS
            found.append(np.mean(np.minimum(speed, 0.2)))
        return float(np.mean(found))

    assert restless(0.9) > 1.3 * restless(0.0)


def test_a_hand_returns_to_another_rest_after_a_gesture() -> None:
    before, after = [], []
    for seed in range(10):
        setting = Setting(True, False, "thighs", ("armrests", "lap"))
        p = play(setting, 5.0, seed, Scheduled("touch_jaw", 1.0, 3.5, seed), right_handed=1.0)
        still = play(setting, 5.0, seed)
        gap = np.linalg.norm(p.point("right_wrist") - still.point("right_wrist"), axis=1)
        before.append(gap[15])
        after.append(gap[80])
    assert sum(gap < 0.01 for gap in before) >= 8
    assert sum(gap > 0.03 for gap in after) >= 2
    assert sum(gap < 0.03 for gap in after) >= 2


def test_gestures_that_follow_closely_share_the_way() -> None:
    reach = Reach(Site("space", (0.1, 0.1, 0.3)), "palm", "relaxed", (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), contact=False)
    acts = [Act(Gesture({1: reach}), 0.0, 2.0), Act(Gesture({1: reach}), 2.1, 4.0), Act(Gesture({1: reach}), 9.0, 11.0)]
    when = turns(acts, np.random.default_rng(0))
    times = np.linspace(0.0, 12.0, 600)
    first, second, third = (when[i, 1].weight(times) for i in range(3))
    busy = np.maximum(first, second)
    assert busy[(times > 0.6) & (times < 3.4)].min() > 0.99  # no rest between the two
    assert busy[(times > 4.01) & (times < 9.0)].max() == 0
    assert third.max() == 1.0


def test_a_long_performance_stays_within_the_body_and_has_no_jerks() -> None:
    keys = ("touch_jaw", "touch_neck", "illustrate", "fold_arms", "rub_eyes", "touch_arm", "touch_ear", "cover_face")
    events, at = [], 0.5
    for i, key in enumerate(keys * 2):
        events.append(Scheduled(key, at, at + 2.0, i))
        at += 2.0 + (0.1, 0.4, 1.5)[i % 3]
    p = play(Setting(True, False, "lap_thigh", ("armrests", "waiting")), 40.0, 2, *events)
    assert np.linalg.norm(np.diff(p.joints, 2, axis=0), axis=-1).max() * FPS**2 < 110.0
    assert np.isfinite(p.joints).all()
    twin = play(Setting(True, False, "lap_thigh", ("armrests", "waiting")), 40.0, 2, *events)
    assert p.joints.tobytes() == twin.joints.tobytes()


def test_rests_and_legs_that_do_not_exist_are_user_errors() -> None:
    with pytest.raises(DataError, match="pocket"):
        play(Setting(True, False, "lap", ("pocket",)))
    with pytest.raises(DataError, match="akimbo"):
        play(Setting(legs="akimbo"))


def test_paired_hands_keep_together() -> None:
    for seed in range(5):
        resting = rest_reaches(Setting(rest="lap_over", also=("armrests",)), np.random.default_rng(seed))
        left, right = resting.changes(([], []), 120.0)
        frames = {change.reach.site.frame for change in (*left, *right)}
        assert frames <= {"own_thigh", "other_thigh"}


def test_settings_follow_the_domain() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_setting(rng, DOMAINS["train"]) for _ in range(400)]
    assert len({s.rest for s in drawn}) > 25
    assert all({s.rest, *s.also} <= set(DOMAINS["train"].rests) for s in drawn)
    assert all(name in rest_names(s.seated, s.table) for s in drawn for name in (s.rest, *s.also))
    crossed = [s for s in drawn if s.legs]
    assert 0.15 < len(crossed) / sum(s.seated for s in drawn) < 0.45
    assert all(s.seated and s.legs in CROSSED_LEGS for s in crossed)
    assert not draw_setting(rng, DOMAINS["test"], seated=False, table=True).seated


def test_parts_of_idling() -> None:
    times, rng = np.arange(0.0, 60.0, 0.05), np.random.default_rng(0)
    assert 0.35 < np.mean([bouts(times, np.random.default_rng(i), 0.5).mean() for i in range(20)]) < 0.65
    visit = held(times, 10.0, 0.5, 2.0, 0.5)
    assert visit[times < 10.0].max() == 0 == visit[times > 13.01].max()
    assert visit[(times > 10.51) & (times < 12.49)].min() == pytest.approx(1.0)
    gaps = np.diff([*moments(times, rng, 2.0, 0.7)])
    assert gaps.min() >= 0.7
    assert shifts(times, rng, 5.0, 0.1).shape == (len(times), 3)
    assert len(FACE) == 5
