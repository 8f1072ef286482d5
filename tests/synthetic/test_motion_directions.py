"""Every motion of MA-52 moves the right joints the right way, clearly more than a person who does nothing."""

from functools import cache

import numpy as np
import pytest

from microgesture.synthetic.people.body import sample_body
from microgesture.synthetic.people.gesture import DRAWN, Draw
from microgesture.synthetic.people.motion import MOTIONS, perform
from microgesture.synthetic.people.performance import Performance
from microgesture.synthetic.people.schedule import Scheduled, Setting, Style

SECONDS, FPS, SEEDS = 4.0, 12.5, range(5)
SIDES = ("left", "right")
SEATED, TABLE, STANDING = (
    Setting(True, False, "thighs", legs="plain"),
    Setting(True, True, "table", legs="plain"),
    Setting(False, False, "sides", legs="plain"),
)
MIDDLE = slice(21, 29)
CALM = Style(fidget=0.2, speaking=0.0)


@cache
def act(key: str | None, seed: int, setting: Setting = SEATED) -> Performance:
    """A person who makes the motion; with key None the same person who does nothing."""
    body = sample_body(np.random.default_rng(seed))
    events = [] if key is None else [Scheduled(key, 0.3, SECONDS - 0.3, seed)]
    return perform(body, events, SECONDS, FPS, setting, CALM, np.random.default_rng(seed + 9))


def pair(key: str, seed: int, setting: Setting = SEATED) -> tuple[Performance, Performance]:
    """The motion, and the same person without it."""
    return act(key, seed, setting), act(None, seed, setting)


def turned(key: str, seed: int, axis: int) -> np.ndarray:
    """Head against the same person at rest, `(T,)` radians: 0 pitch (down > 0), 1 yaw (left > 0), 2 roll."""
    moving, still = pair(key, seed)
    r = np.swapaxes(still.head_rotation, 1, 2) @ moving.head_rotation
    return (
        np.arcsin(np.clip(-r[:, 1, 2], -1, 1)),
        np.arctan2(r[:, 0, 2], r[:, 2, 2]),
        np.arctan2(r[:, 1, 0], r[:, 1, 1]),
    )[axis]


def peak(track: np.ndarray) -> float:
    """The value farthest from 0."""
    return float(track[np.abs(track).argmax()])


def swings(track: np.ndarray, size: float) -> int:
    """How many times a track crosses its mean after having been `size` away from it."""
    far = np.sign(track - track.mean()) * (np.abs(track - track.mean()) > size)
    far = far[far != 0]
    return int((np.diff(far) != 0).sum())


def apart(p: Performance, first: str, second: str) -> np.ndarray:
    return np.linalg.norm(p.point(first) - p.point(second), axis=1)


def test_heads_bow_lift_tilt_and_turn():
    sides = {"tilt_head": set(), "turn_head": set()}
    for seed in range(8):
        assert peak(turned("bow_head", seed, 0)) > 0.25
        assert peak(turned("head_up", seed, 0)) < -0.2
        tilt, turn = peak(turned("tilt_head", seed, 2)), peak(turned("turn_head", seed, 1))
        assert abs(tilt) > 0.12
        assert abs(turn) > 0.3
        sides["tilt_head"].add(np.sign(tilt))
        sides["turn_head"].add(np.sign(turn))
    assert all(found == {-1.0, 1.0} for found in sides.values())


def test_nods_and_shakes_are_larger_than_what_heads_do_anyway():
    nods, shakes, idle = [], [], []
    for seed in range(12):
        pitch, yaw = turned("nod", seed, 0), turned("shake_head", seed, 1)
        assert swings(yaw, 0.03) >= 2
        assert np.ptp(pitch) > np.ptp(turned("nod", seed, 1))
        nods.append(np.ptp(pitch))
        shakes.append(np.ptp(yaw))
        idle.append(max(np.ptp(turned("nothing", seed, axis)) for axis in (0, 1)))
    assert min(*nods, *shakes) > 0.12
    assert np.median([*nods, *shakes]) > 2 * np.median(idle)
    assert np.mean([swings(turned("nod", seed, 0), 0.02) >= 2 for seed in range(12)]) > 0.5


def test_shoulders_shrug_and_trunks_sway_turn_and_rise():
    ways = set()
    for seed in SEEDS:
        moving, still = pair("shrug", seed)
        assert max((moving.point(f"{s}_shoulder") - still.point(f"{s}_shoulder"))[:, 1].max() for s in SIDES) > 0.02
        moving, still = pair("shake_body", seed)
        neck = moving.point("neck") - still.point("neck")
        sway = max((neck[:, axis] for axis in (0, 2)), key=np.ptp)
        twist = moving.chest_rotation[:, 0, 2] - still.chest_rotation[:, 0, 2]
        assert np.ptp(sway) > 0.02 or np.ptp(twist) > 0.05
        assert max(swings(sway, 0.25 * np.ptp(sway)), swings(twist, 0.25 * np.ptp(twist))) >= 2
        moving, still = pair("turn_around", seed)
        yaw = peak(moving.chest_rotation[:, 0, 2] - still.chest_rotation[:, 0, 2])
        assert abs(yaw) > 0.3
        ways.add(np.sign(yaw))
        moving, still = pair("rise_up", seed)
        assert (moving.point("pelvis") - still.point("pelvis"))[:, 1].max() > 0.04
        assert moving.joints[..., 1].min() > -0.03
        assert np.abs(moving.point("left_toe") - still.point("left_toe"))[:, 1].max() < 0.02  # feet stay down
    assert ways == {-1.0, 1.0}


def test_one_can_rise_to_full_height():
    heights = []
    for seed in range(14):
        p, _ = pair("rise_up", seed)
        heights.append(p.point("pelvis")[:, 1].max() / (p.body.lengths["thigh"] + p.body.lengths["shin"]))
    assert max(heights) > 0.93
    assert min(heights) < 0.75


@pytest.mark.parametrize("setting", [SEATED, STANDING])
def test_tiptoe_lifts_heels_and_not_toes(setting):
    legs = set()
    for seed in SEEDS:
        moving, still = pair("tiptoe", seed, setting)
        rise = {s: (moving.point(f"{s}_heel") - still.point(f"{s}_heel"))[:, 1].max() for s in SIDES}
        toes = max(np.abs(moving.point(f"{s}_toe") - still.point(f"{s}_toe"))[:, 1].max() for s in SIDES)
        assert max(rise.values()) > 0.03
        assert toes < 0.02
        legs.add(tuple(lift > 0.03 for lift in rise.values()))
        if not setting.seated and min(rise.values()) > 0.03:
            assert (moving.point("head") - still.point("head"))[:, 1].max() > 0.015
    assert (True, True) in legs
    assert len(legs) > 1


def knees_apart(p: Performance) -> np.ndarray:
    return apart(p, "left_knee", "right_knee")


def test_knees_part_and_meet_and_ankles_cross():
    for seed in SEEDS:
        moving, still = pair("spread_legs", seed)
        assert (knees_apart(moving) - knees_apart(still)).max() > 0.05
        moving, still = pair("close_legs", seed)
        assert (knees_apart(moving) - knees_apart(still)).min() < -0.03
        moving, still = pair("cross_legs", seed)
        gap = (moving.point("left_ankle") - moving.point("right_ankle"))[:, 0]
        above = max(
            (moving.point(f"{s}_ankle") - moving.point(f"{t}_knee"))[:, 1].max() for s, t in (SIDES, SIDES[::-1])
        )
        assert gap.max() > 0.0
        assert gap.min() < 0.0 or above > 0.0  # crossed, or the ankle lies on the other knee


@pytest.mark.parametrize("setting", [SEATED, STANDING])
def test_feet_go_out_and_come_back(setting):
    enough = 0.10 if setting.seated else 0.06
    for seed in SEEDS:
        for key, way in (("stretch_feet", 1.0), ("retract_feet", -1.0), ("curl_legs", -1.0)):
            moving, still = pair(key, seed, setting)
            shift = [
                way * (moving.point(f"{s}_ankle") - still.point(f"{s}_ankle"))[:, 2].max(initial=-1) for s in SIDES
            ]
            if way < 0:
                shift = [-(moving.point(f"{s}_ankle") - still.point(f"{s}_ankle"))[:, 2].min() for s in SIDES]
            assert max(shift) > enough, key
            assert moving.joints[..., 1].min() > -0.04


def test_legs_shake_again_and_again():
    for seed in SEEDS:
        moving, still = pair("shake_legs", seed)
        tracks = [
            (moving.point(f"{s}_{joint}") - still.point(f"{s}_{joint}"))[:, axis]
            for s in SIDES
            for joint in ("knee", "ankle", "toe")
            for axis in range(3)
        ]
        assert max(swings(t, 0.25 * np.ptp(t)) for t in tracks if np.ptp(t) > 0.004) >= 4


def straightness(p: Performance, side: str) -> np.ndarray:
    arm = p.body.lengths["upper_arm"] + p.body.lengths["forearm"]
    return apart(p, f"{side}_shoulder", f"{side}_wrist") / arm


def test_arms_stretch_retract_wave_spread_and_point():
    for seed in SEEDS:
        p, _ = pair("stretch_arms", seed)
        assert max(straightness(p, s).max() for s in SIDES) > 0.9
        p, _ = pair("retract_arms", seed)
        bent = [straightness(p, s)[10:35].min() for s in SIDES]
        assert min(bent) < 0.72
        p, _ = pair("spread_hands", seed)
        assert apart(p, "left_wrist", "right_wrist").max() > 0.35
        p, _ = pair("point_oneself", seed)
        near = [
            min(np.linalg.norm(p.point(f"{s}_{f}_tip") - p.point("chest"), axis=1).min() for f in ("index", "thumb"))
            for s in SIDES
        ]
        assert min(near) < p.body.radii["chest_depth"] + 0.16
        p, _ = pair("wave", seed)
        hand = [p.point(f"{s}_middle_tip") - p.point(f"{s}_elbow") for s in SIDES]
        assert max(swings(h[10:-10, 0], 0.006) + swings(h[10:-10, 1], 0.006) for h in hand) >= 3


def test_fists_close_and_fingers_move():
    for seed in SEEDS:
        p, _ = pair("clench_fist", seed)
        closed = [(apart(p, f"{s}_wrist", f"{s}_middle_tip") / p.body.lengths["hand"]).min() for s in SIDES]
        assert min(closed) < 0.52
        p, _ = pair("move_fingers", seed)
        bend = [apart(p, f"{s}_wrist", f"{s}_middle_tip") / p.body.lengths["hand"] for s in SIDES]
        assert max(np.ptp(b) for b in bend) > 0.02


def test_hands_meet():
    for key in ("hold_hands", "rub_hands", "touch_fingers", "cross_fingers", "steeple"):
        for seed in range(3):
            for setting in (SEATED, TABLE, STANDING):
                p, _ = pair(key, seed, setting)
                middle = MIDDLE
                tips = [
                    p.point(f"{s}_{f}")[middle]
                    for s in SIDES
                    for f in ("index_tip", "middle_tip", "thumb_tip", "middle_knuckle", "wrist")
                ]
                gap = min(np.linalg.norm(a - b, axis=1).min() for a in tips[:5] for b in tips[5:])
                assert gap < 0.07, (key, seed)


LEG_TOUCHES = ("pat_legs", "touch_legs", "scratch_legs")


def limb_distance(p: Performance, hand: np.ndarray, first: str, second: str) -> np.ndarray:
    a, b = p.point(first), p.point(second)
    share = np.clip(((hand - a) * (b - a)).sum(1) / ((b - a) ** 2).sum(1), 0, 1)[:, None]
    return np.linalg.norm(hand - a - share * (b - a), axis=1)


@pytest.mark.parametrize("key", LEG_TOUCHES)
@pytest.mark.parametrize("setting", [SEATED, STANDING])
def test_hands_go_to_legs_and_move_there(key, setting):
    for seed in SEEDS:
        p, _ = pair(key, seed, setting)
        sides = DRAWN[key](Draw(seed, p.body, setting, CALM)).reaches
        for side in sides:
            hand = p.point(f"{SIDES[side]}_index_knuckle")[MIDDLE]
            near = min(
                limb_distance(p, p.point(f"{SIDES[side]}_index_tip"), f"{leg}_{a}", f"{leg}_{b}")[MIDDLE].min()
                for leg in SIDES
                for a, b in (("hip", "knee"), ("knee", "ankle"))
            )
            assert near < 0.17
            assert np.isfinite(hand).all()
    lift = [pair("pat_legs", s, setting)[0].joints for s in SEEDS]
    assert all(np.isfinite(j).all() for j in lift)


@pytest.mark.parametrize("setting", [SEATED, TABLE, STANDING])
def test_hands_scratch_feet(setting):
    for seed in range(12):
        p, _ = pair("scratch_feet", seed, setting)
        near = np.min(
            [
                limb_distance(p, p.point(f"{s}_{f}_tip"), f"{leg}_{a}", f"{leg}_{b}")
                for s in SIDES
                for f in ("index", "middle")
                for leg in SIDES
                for a, b in (("ankle", "toe"), ("ankle", "heel"))
            ],
            axis=0,
        )
        assert near[MIDDLE].min() < 0.12, seed
        assert p.joints[..., 1].min() > -0.04


@pytest.mark.parametrize(
    ("key", "point", "limit"),
    [
        ("touch_nose", "nose", 0.07),
        ("touch_mouth", "lower_lip", 0.07),
        ("cover_mouth", "lower_lip", 0.09),
        ("touch_hindhead", "head_back", 0.12),
        ("push_glasses", "nose", 0.13),
    ],
)
def test_hands_at_the_head_are_where_the_class_says(key, point, limit):
    for seed in SEEDS:
        p, _ = pair(key, seed)
        fingers = [
            f"{s}_{f}" for s in SIDES for f in ("index_tip", "middle_tip", "thumb_tip", "index_mid", "middle_mid")
        ]
        assert min(apart(p, f, point)[MIDDLE].min() for f in fingers) < limit, seed


def test_shoulders_and_chest_are_touched():
    sides = set()
    for seed in range(16):
        p, _ = pair("touch_shoulder", seed)
        found = {(s, t): apart(p, f"{s}_index_tip", f"{t}_shoulder")[MIDDLE].min() for s in SIDES for t in SIDES}
        assert min(found.values()) < 0.15, seed
        who, where = min(found, key=found.get)
        sides.add(who == where)
    assert sides == {True, False}


@pytest.mark.parametrize("key", sorted(k for k, s in MOTIONS.items() if s.group == "hands"))
def test_a_window_in_a_long_hold_shows_the_gesture_from_its_first_to_its_last_frame(key):
    """Real clips are often cut inside a gesture: no frame of the hold may be back at rest."""
    seed = 3
    body = sample_body(np.random.default_rng(seed))
    setting = SEATED
    whole, still = (
        perform(body, events, 1.5, FPS, setting, CALM, np.random.default_rng(7))
        for events in ([Scheduled(key, -4.0, 6.0, seed)], [])
    )
    hands = [f"{SIDES[side]}_wrist" for side in DRAWN[key](Draw(seed, body, setting, CALM)).reaches]
    if key not in ("move_fingers", "clench_fist", "touch_legs", "pat_legs", "scratch_legs"):  # done where hands rest
        away = [np.linalg.norm(whole.point(h) - still.point(h), axis=1) for h in hands]
        assert max(a.min() for a in away) > 0.05
    assert np.linalg.norm(np.diff(whole.joints, axis=0), axis=-1).max() * FPS < 3.0
