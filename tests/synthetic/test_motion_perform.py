"""Bodies in motion: rigid bones, real contacts, no jerks, nothing through the body, and composition."""

import dataclasses

import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.synthetic.people.acting import Act
from microgesture.synthetic.people.body import sample_body, solids
from microgesture.synthetic.people.gesture import DRAWN, Draw
from microgesture.synthetic.people.hands import FINGERS, contact_thickness
from microgesture.synthetic.people.kinematics import from_quaternion, to_quaternion, unit
from microgesture.synthetic.people.motion import MOTIONS, perform
from microgesture.synthetic.people.performance import FACE, JOINT_INDEX, JOINTS, Performance
from microgesture.synthetic.people.rest import rest_names
from microgesture.synthetic.people.schedule import Scheduled, Setting, Style
from microgesture.synthetic.people.surface import LIMB_ENDS, limb_radius

FPS = 25.0
SECONDS = 2.6
SETTINGS = [Setting(s, t, r) for s in (True, False) for t in (True, False) for r in rest_names(s, t)]
SIDES = ("left", "right")
HAND = [n for n in JOINTS if any(f in n for f in ("thumb", *FINGERS))]


def act(key: str, seed: int, setting: Setting | None = None, **kwargs) -> Performance:
    setting = setting or suited(key, seed)
    event = Scheduled(key, 0.1, SECONDS - 0.1, seed)
    body = sample_body(np.random.default_rng(seed))
    return perform(body, [event], SECONDS, FPS, setting, Style(**kwargs), np.random.default_rng(seed + 50))


def suited(key: str, seed: int) -> Setting:
    spec = MOTIONS[key]
    fit = [s for s in SETTINGS if not (spec.seated_only and not s.seated) and not (spec.standing_only and s.seated)]
    return fit[(5 * seed) % len(fit)]


def drawn(key: str, seed: int) -> tuple:
    body = sample_body(np.random.default_rng(seed))
    gesture = DRAWN[key](Draw(seed, body, suited(key, seed), Style()))
    times = np.arange(round(SECONDS * FPS)) / FPS
    return gesture, Act(gesture, 0.1, SECONDS - 0.1).weight(times) > 0.999


BONES = [("pelvis", "spine"), ("spine", "chest"), ("chest", "neck"), ("head", "nose"), ("head", "head_top")]
BONES += [("left_ear", "right_ear"), ("pelvis", "left_hip"), ("pelvis", "right_hip")]
for side_name in SIDES:
    BONES += [(f"{side_name}_{a}", f"{side_name}_{b}") for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))]
    BONES += [(f"{side_name}_{a}", f"{side_name}_{b}") for a, b in (("hip", "knee"), ("knee", "ankle"))]
    BONES += [(f"{side_name}_ankle", f"{side_name}_toe"), ("neck", f"{side_name}_shoulder")]
    BONES += [(f"{side_name}_wrist", f"{side_name}_{f}_knuckle") for f in FINGERS]
    BONES += [(f"{side_name}_{f}_mid", f"{side_name}_{f}_tip") for f in FINGERS]


@pytest.mark.parametrize("key", sorted(MOTIONS))
def test_bones_are_rigid_and_everything_is_finite_and_smooth(key):
    for seed in (0, 1):
        p = act(key, seed)
        assert p.joints.shape == (len(p.times), len(JOINTS), 3)
        for array in (p.joints, p.head_rotation, p.chest_rotation, p.face):
            assert np.isfinite(array).all()
        for first, second in BONES:
            length = np.linalg.norm(p.point(first) - p.point(second), axis=1)
            assert np.ptp(length) < 1e-9, (first, second)
        assert p.face.min() >= 0
        assert p.face.max() <= 1
        acceleration = np.linalg.norm(np.diff(p.joints, 2, axis=0), axis=-1) * FPS**2
        assert acceleration.max() < 150.0, JOINTS[acceleration.max(0).argmax()]


def touches(key: str) -> bool:
    gesture = DRAWN[key](Draw(0, sample_body(np.random.default_rng(0)), Setting(), Style()))
    return any(r.contact for r in gesture.reaches.values())


CONTACTS = [key for key in sorted(MOTIONS) if touches(key)]


def surface_distance(p: Performance, site, side: int, points: np.ndarray) -> np.ndarray:
    """Distance of points `(T, 3)` from the surface of the part of the body that a site belongs to, metres."""
    if site.landmark:
        name = site.landmark.replace("own_", f"{SIDES[side]}_").replace("other_", f"{SIDES[1 - side]}_")
        return np.linalg.norm(points - p.point(name), axis=1)
    if site.frame == "table":
        assert p.table is not None
        return np.abs(points[:, 1] - p.table[0])
    if site.frame == "neck" or site.frame.startswith(("own_", "other_")):
        if site.frame == "neck":
            first, second = p.point("neck"), p.point("head")
            radius = np.full(len(points), p.body.radii["neck"])
        else:
            which, limb = site.frame.split("_", 1)
            owner = SIDES[side if which == "own" else 1 - side]
            first, second = (p.point(f"{owner}_{end}") for end in LIMB_ENDS[limb])
            radius = None
        bone = second - first
        along = np.clip(((points - first) * bone).sum(1) / (bone * bone).sum(1), 0, 1)
        if radius is None:
            radius = limb_radius(p.body, limb, along)
        return np.abs(np.linalg.norm(points - first - along[:, None] * bone, axis=1) - radius)
    frames = {"head": p.head_rotation, "chest": p.chest_rotation, "pelvis": half(p.chest_rotation)}
    nearest = np.full(len(points), np.inf)
    for s in solids(p.body):
        if (s.frame == "head") != (site.frame == "head"):
            continue
        rotation = frames[s.frame]
        centre = p.point(s.anchor) + rotation @ np.array(s.centre)
        local = np.einsum("tji,tj->ti", rotation, points - centre)
        value = np.linalg.norm(local / s.semi_axes, axis=1)
        slope = np.linalg.norm(local / np.array(s.semi_axes) ** 2, axis=1)
        nearest = np.minimum(nearest, np.abs(value - 1) * value / slope)
    return nearest


def touching(p: Performance, side: int, part: str) -> np.ndarray | None:
    """Where the touching part is, from the joints alone; None for parts that have no joint."""
    name = SIDES[side]
    joints = {
        "tips": ("index_tip", "middle_tip", "ring_tip"),
        "two_tips": ("index_tip", "middle_tip"),
        "pinch": ("thumb_tip", "index_tip"),
        "knuckles": ("index_mid", "middle_mid"),
        "fingers": tuple(f"{f}_{j}" for f in FINGERS[:3] for j in ("mid", "tip")),
    }
    single = {f: (f"{f}_tip",) for f in ("index", "middle", "thumb")}
    names = {**joints, **single}.get(part)
    return None if names is None else np.mean([p.point(f"{name}_{n}") for n in names], axis=0)


def half(rotation: np.ndarray) -> np.ndarray:
    """Half of each rotation `(T, 3, 3)`: as much as the pelvis turns with the chest."""
    q = to_quaternion(rotation)
    return from_quaternion(unit(np.where(q[:, :1] < 0, -q, q) + np.eye(4)[0]))


def deepest(p: Performance) -> np.ndarray:
    """How deep any hand joint is in trunk or head, `(T,)` metres; negative outside."""
    points = p.joints[:, [JOINT_INDEX[n] for n in HAND]]
    depths = []
    for s in solids(p.body):
        rotation = {"head": p.head_rotation, "chest": p.chest_rotation, "pelvis": half(p.chest_rotation)}[s.frame]
        centre = p.point(s.anchor) + rotation @ np.array(s.centre)
        local = (points - centre[:, None]) @ rotation
        value = np.linalg.norm(local / s.semi_axes, axis=-1)
        depths.append(((1 - value) * np.linalg.norm(local, axis=-1) / np.maximum(value, 1e-6)).max(1))
    return np.max(depths, axis=0)


@pytest.mark.parametrize("key", [k for k in sorted(MOTIONS) if MOTIONS[k].group == "hands"])
def test_hands_reach_what_they_touch_and_stay_out_of_the_body(key):
    misses = []
    for seed in range(20):
        p = act(key, seed)
        gesture, hold = drawn(key, seed)
        depth = deepest(p)
        assert depth[hold].max(initial=-1) < 0.05
        assert depth.max() < 0.13  # on the way past the hip a fingertip may brush through clothes
        for side, reach in gesture.reaches.items():
            points = touching(p, side, reach.part)
            if not reach.contact or points is None:
                continue
            allowed = contact_thickness(p.body, reach.part) + max(reach.offset[2], 0.0) + abs(reach.drift[2])
            if reach.site.landmark:  # the draw strays from the landmark along the skin
                allowed += np.hypot(*reach.offset[:2]) + np.hypot(*reach.drift[:2])
            if reach.stroke is not None:
                allowed += reach.stroke.lift + abs(reach.stroke.size[2])
                allowed += np.hypot(*reach.stroke.size[:2]) if reach.site.landmark else 0.0
            misses.append((surface_distance(p, reach.site, side, points)[hold] - allowed).max())
    assert misses or key not in CONTACTS or key == "akimbo"  # palms have no joint to measure
    behind = any(r.behind for r in gesture.reaches.values())
    assert max(misses, default=0.0) < (0.04 if behind else 0.02)


def difference(p: Performance, q: Performance, joints: list[str]) -> np.ndarray:
    index = [JOINT_INDEX[n] for n in joints]
    return np.linalg.norm(p.joints[:, index] - q.joints[:, index], axis=-1).max(1)


def test_groups_compose_and_gestures_do_not_depend_on_each_other():
    body, setting, style = sample_body(np.random.default_rng(1)), Setting(), Style()

    def play(*events):
        return perform(body, events, 4.0, FPS, setting, style, np.random.default_rng(5))

    arms, legs, lips = (Scheduled(k, 1.0, 3.0, 7) for k in ("fold_arms", "move_legs", "press_lips"))
    alone, both, still = play(arms), play(arms, legs, lips), play()
    assert play(lips, legs, arms).joints.tobytes() == both.joints.tobytes()
    upper = [n for n in JOINTS if "hand" in n or "wrist" in n or "elbow" in n]
    lower = ["left_ankle", "right_ankle", "left_toe", "right_toe"]
    held = (both.times > 1.9) & (both.times < 2.1)
    assert difference(both, alone, upper)[held].max() < 0.01  # hands keep clear of a head that moved
    assert difference(both, still, upper).max() > 0.15
    assert difference(both, still, lower).max() > 0.01
    assert both.face[50, FACE.index("lips_pressed")] > 0.3
    before, after = both.times <= 1.0, both.times >= 3.0
    body_only = [n for n in JOINTS if n not in {*HAND, *upper}]
    assert difference(both, still, list(JOINTS))[before].max() < 2e-3
    assert difference(both, still, body_only)[after].max() < 1e-3  # hands may come to rest elsewhere


def test_pressed_lips_do_not_speak():
    p = act("press_lips", 3, speaking=1.0)
    lips, mouth = p.face[:, FACE.index("lips_pressed")], p.face[:, FACE.index("mouth_open")]
    assert mouth.max() > 0.05
    assert mouth[lips > 0.95].max(initial=0.0) < 0.05


def test_same_arguments_same_bytes_and_other_seeds_other_motion():
    first, again, other = act("touch_jaw", 4), act("touch_jaw", 4), act("touch_jaw", 5)
    for f in dataclasses.fields(Performance):
        a, b = getattr(first, f.name), getattr(again, f.name)
        assert a.tobytes() == b.tobytes() if isinstance(a, np.ndarray) else a == b
    assert first.joints.tobytes() != other.joints.tobytes()


@pytest.mark.parametrize(
    ("key", "site"), [("touch_jaw", "chin"), ("touch_ear", "left_ear"), ("touch_head", "head_top")]
)
def test_sides_are_where_they_should_be(key, site):
    for seed in range(6):
        p = act(key, seed, setting=Setting())
        gesture = DRAWN[key](Draw(seed, p.body, Setting(), Style()))
        hold = Act(gesture, 0.1, SECONDS - 0.1).weight(p.times) > 0.999
        (side,) = gesture.reaches
        site_here = f"{SIDES[side]}_ear" if site == "left_ear" else site
        near, far = (
            np.linalg.norm(p.point(f"{SIDES[s]}_index_tip") - p.point(site_here), axis=1)[hold].mean()
            for s in (side, 1 - side)
        )
        assert near < 0.16 < far


@pytest.mark.parametrize("setting", SETTINGS)
def test_people_rest_in_every_setting(setting):
    for seed in range(3):
        body = sample_body(np.random.default_rng(seed))
        p = perform(body, [], 1.0, FPS, setting, Style(), np.random.default_rng(seed))
        assert p.seated == setting.seated
        assert (p.table is not None) == setting.table
        assert p.joints[..., 1].min() > -0.03  # nothing below the floor
        assert p.point("head")[:, 1].min() > p.point("neck")[:, 1].max()
        assert np.abs(p.point("pelvis")[:, [0, 2]]).max() < 0.05
        if setting.rest == "table":
            wrists = p.joints[:, [JOINT_INDEX[f"{s}_wrist"] for s in SIDES], 1]
            assert np.abs(wrists - p.table[0]).max() < 0.12


def test_breathing_and_blinking_never_stop():
    p = perform(sample_body(np.random.default_rng(0)), [], 20.0, FPS, Setting(), Style(), np.random.default_rng(0))
    assert 0.003 < np.ptp(p.point("left_shoulder")[:, 1]) < 0.06
    assert p.face[:, FACE.index("eyes_open")].min() < 0.3
    assert p.face[:, FACE.index("mouth_open")].max() > 0.1
    silent = perform(
        sample_body(np.random.default_rng(0)), [], 20.0, FPS, Setting(), Style(speaking=0.0), np.random.default_rng(0)
    )
    assert silent.face[:, FACE.index("mouth_open")].max() == 0


@pytest.mark.parametrize(
    ("events", "setting", "seconds", "message"),
    [
        ([Scheduled("no_such", 0, 1, 0)], Setting(), 1.0, "no_such"),
        ([Scheduled("touch_jaw", 1, 1, 0)], Setting(), 1.0, "touch_jaw"),
        ([], Setting(), 0.0, "nothing to perform"),
        ([], Setting(rest="table"), 1.0, "table"),
        ([], Setting(seated=False, rest="lap"), 1.0, "lap"),
    ],
)
def test_impossible_requests_are_user_errors(events, setting, seconds, message):
    with pytest.raises(DataError, match=message):
        perform(sample_body(np.random.default_rng(0)), events, seconds, FPS, setting, Style(), np.random.default_rng(0))


@pytest.mark.parametrize(("start", "end"), [(-1.0, 0.6), (0.5, 9.0), (0.2, 0.25), (5.0, 6.0)])
@pytest.mark.parametrize("key", ["touch_arm", "move_legs", "illustrate", "puff_cheeks"])
def test_events_may_reach_beyond_the_clip_or_be_too_short(key, start, end):
    body = sample_body(np.random.default_rng(0))
    p = perform(body, [Scheduled(key, start, end, 1)], 1.0, FPS, Setting(), Style(), np.random.default_rng(0))
    assert np.isfinite(p.joints).all()


def test_a_single_frame_can_be_performed():
    body = sample_body(np.random.default_rng(0))
    event = Scheduled("touch_jaw", -1.0, 1.0, 0)
    p = perform(body, [event], 0.04, FPS, Setting(), Style(), np.random.default_rng(0))
    assert p.joints.shape == (1, len(JOINTS), 3)


def test_objects_are_where_hands_and_tables_are():
    seen = set()
    for seed in range(12):
        p = act("play_object", seed, setting=Setting(True, True, "table"))
        assert p.prop is not None
        assert p.prop_position is not None
        seen.add(p.prop)
        hands = p.joints[:, [JOINT_INDEX[n] for n in HAND]]
        nearest = np.linalg.norm(hands - p.prop_position[:, None], axis=-1).min(1)
        hold = drawn("play_object", seed)[1]
        assert nearest[hold].max() < (0.09 if p.prop == "bottle" else 0.05)
    assert seen == {"pen", "ring", "bottle"}
    idle = {act("press_lips", seed, setting=Setting(True, True, "table")).prop for seed in range(40)}
    assert {None, "bottle", "ring"} <= idle  # objects lie about without being played with
