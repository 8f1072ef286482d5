"""Rotations, limbs and hands."""

import numpy as np
import pytest

from microgesture.synthetic.people.arms import BEND_LIMIT, TWIST_LIMIT, _wrist_angles, _wrist_turn, average
from microgesture.synthetic.people.body import sample_body
from microgesture.synthetic.people.gesture import minimum_jerk
from microgesture.synthetic.people.hands import FINGERS, HAND_SHAPES, hand_points
from microgesture.synthetic.people.kinematics import euler, frame_from, from_quaternion, to_quaternion, two_bone, unit

RNG = np.random.default_rng(0)


def test_euler_angles_mean_what_the_docs_say():
    def turned(angles, v):
        return euler(np.array(angles, float)) @ np.array(v, float)

    assert turned((0.3, 0, 0), (0, 1, 0))[2] > 0  # pitch bends forwards
    assert turned((0, 0.3, 0), (0, 0, 1))[0] > 0  # yaw turns to the person's left
    assert turned((0, 0, 0.3), (0, 1, 0))[0] < 0  # roll tilts to the person's right


def test_quaternions_round_trip():
    rotations = euler(RNG.uniform(-np.pi, np.pi, (500, 3)))
    np.testing.assert_allclose(from_quaternion(to_quaternion(rotations)), rotations, atol=1e-12)


def test_frames_are_rotations_even_when_directions_agree():
    primary = RNG.normal(size=(50, 3))
    secondary = RNG.normal(size=(50, 3))
    secondary[:10] = primary[:10]
    frames = frame_from(primary, secondary)
    np.testing.assert_allclose(np.swapaxes(frames, 1, 2) @ frames, np.broadcast_to(np.eye(3), frames.shape), atol=1e-9)
    assert np.linalg.det(frames) == pytest.approx(np.ones(50))
    np.testing.assert_allclose(frames[..., 1], unit(primary))


def test_two_bones_keep_their_lengths_and_reach_what_is_in_reach():
    root, pole = np.zeros((400, 3)), RNG.normal(size=(400, 3))
    target = unit(RNG.normal(size=(400, 3))) * RNG.uniform(0.0, 1.2, (400, 1))
    middle, end = two_bone(root, target, 0.3, 0.25, pole)
    np.testing.assert_allclose(np.linalg.norm(middle - root, axis=1), 0.3, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(end - middle, axis=1), 0.25, atol=1e-9)
    distance = np.linalg.norm(target, axis=1)
    easy = (distance > 0.20) & (distance < 0.53)
    assert easy.sum() > 50
    np.testing.assert_allclose(end[easy], target[easy], atol=1e-9)
    fold = np.degrees(np.arccos(np.clip(-(unit(middle - root) * unit(end - middle)).sum(1), -1, 1)))
    assert fold.min() > 29.0  # an elbow does not fold beyond 151 degrees


def test_wrists_stay_within_their_limits():
    turn, forearm = (euler(RNG.uniform(-np.pi, np.pi, (300, 3))) for _ in range(2))
    angles = _wrist_angles(turn, forearm, np.ones(300))
    assert np.abs(angles[:, 0]).max() <= TWIST_LIMIT + 1e-9
    assert np.hypot(angles[:, 1], angles[:, 2]).max() <= BEND_LIMIT + 1e-9
    small = np.array([[0.3, 0.2, -0.1], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(
        _wrist_angles(_wrist_turn(small), np.tile(np.eye(3), (2, 1, 1)), np.ones(2)), small, atol=1e-9
    )


def test_hand_bones_do_not_depend_on_the_shape_and_sides_mirror():
    body = sample_body(np.random.default_rng(1))
    shapes = np.stack(list(HAND_SHAPES.values()))
    left, right = hand_points(body, 0, shapes), hand_points(body, 1, shapes)
    for finger in FINGERS:
        for first, second in ((f"{finger}_knuckle", f"{finger}_mid"), (f"{finger}_mid", f"{finger}_tip")):
            bone = np.linalg.norm(left[first] - left[second], axis=1)
            np.testing.assert_allclose(bone, bone[0], atol=1e-12)
    for name in left:
        np.testing.assert_allclose(left[name] * [-1, 1, 1], right[name])
    flat = list(HAND_SHAPES).index("flat")
    assert left["middle_tip"][flat, 1] == pytest.approx(body.lengths["hand"], rel=0.02)
    assert (left["thumb_tip"][:, 0] < left["pinky_knuckle"][:, 0]).all()  # thumb at -x of a left hand


def test_fingers_bend_towards_the_palm():
    body = sample_body(np.random.default_rng(1))
    fist = hand_points(body, 0, HAND_SHAPES["fist"][None])
    assert fist["middle_mid"][0, 2] > 0.02
    assert np.linalg.norm(fist["middle_tip"][0]) < 0.75 * body.lengths["hand"]


def test_minimum_jerk_starts_and_ends_at_rest():
    x = np.linspace(-0.5, 1.5, 4001)
    y = minimum_jerk(x)
    assert (np.diff(y) >= -1e-15).all()
    assert y[0] == 0
    assert y[-1] == pytest.approx(1)
    assert np.abs(np.diff(y, 2)).max() / (x[1] - x[0]) ** 2 < 5.8  # 10 / sqrt(3)


def test_average_keeps_constants_and_length():
    np.testing.assert_allclose(average(np.full(20, 2.5), 4), 2.5)
    assert average(np.arange(3.0), 8).shape == (3,)
    assert average(np.array([1.0]), 4) == pytest.approx([1.0])
