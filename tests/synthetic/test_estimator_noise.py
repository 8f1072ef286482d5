"""The noise model: what it must do to points, scores and hands, whatever its numbers."""

from dataclasses import replace

import numpy as np
import pytest

from microgesture.skeletons.layouts import GESTURE_62
from microgesture.synthetic.estimator.definitions import BASIS, DEFINITIONS, redefine
from microgesture.synthetic.estimator.noise import (
    CLUSTERS,
    FINGERS,
    HIDDEN,
    KNEES,
    LONG,
    MARKS,
    MEDIAPIPE,
    NECK,
    SHOULDERS,
    WRISTS,
    ClusterNoise,
    Wobble,
    _unit,
    disturb,
    memory,
)
from microgesture.synthetic.estimator.smoothing import smooth
from microgesture.synthetic.worlds.skeleton_bank import JOINTS_62, RATE, act

STEPS = 48
CALM = ClusterNoise(Wobble(0.0), Wobble(0.0), 0.0)
SILENT = replace(
    MEDIAPIPE,
    clusters=dict.fromkeys(MEDIAPIPE.clusters, CALM),
    lost=-9.0,
    lost_by_hidden=0.0,
    doubled=0.0,
    faces=1.0,
    guessed=dict.fromkeys(MEDIAPIPE.guessed, (1.0, 0.0)),
    smoothed=0.0,
)
"""No error at all beyond where the estimator sees a joint."""


@pytest.fixture(scope="module")
def body() -> np.ndarray:
    """(62, 2) in shoulder widths: one seen from in front."""
    joints = act(3, "train", 1, ("nod",), (2.0, 2.0)).performance.joints[5]
    names = [*GESTURE_62.joints]
    points = joints[JOINTS_62][:, :2] * [1.0, -1.0]
    return points / np.linalg.norm(points[names.index("left_shoulder")] - points[names.index("right_shoulder")])


def windows(body: np.ndarray, batch: int) -> tuple[np.ndarray, np.ndarray]:
    points = np.tile(body, (batch, STEPS, 1, 1)).astype(np.float32)
    return points, np.ones(points.shape[:3], np.float32)


def test_every_joint_but_the_neck_is_in_one_cluster() -> None:
    inside = np.concatenate([members for clusters in CLUSTERS.values() for members in clusters])
    assert sorted([*inside.tolist(), NECK]) == list(range(len(GESTURE_62)))
    assert set(DEFINITIONS) <= set(BASIS)
    assert all(len(weights) == len(BASIS[name]) for name, weights in DEFINITIONS.items())


def test_definitions_move_mirrored_joints_alike(body: np.ndarray) -> None:
    mirrored = body[GESTURE_62.flip_permutation] * [-1, 1]
    np.testing.assert_allclose(redefine(mirrored), redefine(body)[GESTURE_62.flip_permutation] * [-1, 1], atol=1e-5)
    moved = 2.0 * body + [3.0, -1.0]
    np.testing.assert_allclose(redefine(moved), 2.0 * redefine(body) + [3.0, -1.0], atol=1e-4)
    assert np.linalg.norm(redefine(body) - body, axis=-1).max() < 0.25


def test_without_errors_only_the_definitions_remain(body: np.ndarray) -> None:
    points, scores = windows(body, 4)
    given = points.copy()
    out, known = disturb(points, scores, RATE, np.random.default_rng(0), SILENT)
    rest = np.arange(len(GESTURE_62)) != NECK
    np.testing.assert_allclose(out[:, :, rest], redefine(points)[:, :, rest], atol=1e-5)
    np.testing.assert_allclose(out[:, :, NECK], out[:, :, SHOULDERS].mean(2), atol=1e-6)
    assert (known == 1).all()
    assert (points == given).all()
    assert (scores == 1).all()


def test_same_numbers_same_noise(body: np.ndarray) -> None:
    a, b, c = (disturb(*windows(body, 3), RATE, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (a[0] == b[0]).all()
    assert (a[1] == b[1]).all()
    assert (a[0] != c[0]).any()
    assert np.isfinite(a[0]).all()
    assert set(np.unique(a[1])) <= {0.0, 1.0}


def test_bias_stays_drift_wanders_jitter_jumps(body: np.ndarray) -> None:
    points, scores = windows(body, 200)
    elbows = np.concatenate(CLUSTERS["elbows"])

    def errors(wobble: Wobble) -> np.ndarray:
        clusters = SILENT.clusters | {"elbows": ClusterNoise(wobble, Wobble(0.0), 0.0)}
        out, _ = disturb(points, scores, RATE, np.random.default_rng(0), replace(SILENT, clusters=clusters))
        return (out - redefine(points))[:, :, elbows]

    bias, drift, jitter = errors(Wobble(0.05)), errors(Wobble(0.0, 0.05)), errors(Wobble(0.0, jitter=0.05))
    for error in (bias, drift, jitter):
        assert error.std() == pytest.approx(0.05, rel=0.1)
    assert np.ptp(bias, axis=1).max() < 1e-5
    assert np.diff(drift, axis=1).std() < 0.3 * drift.std()
    assert np.diff(jitter, axis=1).std() == pytest.approx(2**0.5 * 0.05, rel=0.1)


def test_errors_of_long_tracks_are_as_those_of_short_ones(body: np.ndarray) -> None:
    """Beyond `LONG` frames another way makes them: the same size, memory and share that stays."""
    elbows = np.concatenate(CLUSTERS["elbows"])
    wobble = Wobble(0.0, 0.05, memory_s=0.8)
    noise = replace(SILENT, clusters=SILENT.clusters | {"elbows": ClusterNoise(wobble, Wobble(0.0), 0.0)})
    for steps in (LONG, LONG + 1, 3 * LONG):
        points = np.tile(body, (8, steps, 1, 1)).astype(np.float32)
        out, known = disturb(points, np.ones(points.shape[:3], np.float32), RATE, np.random.default_rng(3), noise)
        assert known.all()
        error = (out - redefine(points))[:, :, elbows].astype(float)
        assert error.std() == pytest.approx(0.05, rel=0.06)
        for frames in (1, 5, 10, 40):
            alike = (error[:, frames:] * error[:, :-frames]).mean() / 0.05**2
            assert alike == pytest.approx(float(memory(np.array(frames / RATE), 0.8)), abs=0.08)
    units = _unit(np.random.default_rng(0), (300, LONG + 100, 2), RATE, 0.2, 0.3)
    assert units.dtype == np.float32
    assert units.std() == pytest.approx(1.0, rel=0.03)
    assert units.mean(1).std() == pytest.approx(0.3**0.5, rel=0.1)


def test_errors_grow_with_speed(body: np.ndarray) -> None:
    points, scores = windows(body, 100)
    noise = replace(
        SILENT, clusters=SILENT.clusters | {"elbows": ClusterNoise(Wobble(0.0, by_speed=0.02), CALM.each, 0)}
    )
    elbows = np.concatenate(CLUSTERS["elbows"])
    still, _ = disturb(points, scores, RATE, np.random.default_rng(0), noise)
    moving = points + (np.arange(STEPS) / RATE)[:, None, None] * np.array([2.0, 0.0])
    moved, _ = disturb(moving, scores, RATE, np.random.default_rng(0), noise)
    assert (still - redefine(points))[:, :, elbows].std() < 1e-6
    assert (moved - redefine(moving))[:, 1:, elbows].std() == pytest.approx(0.04, rel=0.1)


def test_smoothing_takes_away_small_quick_movements_and_leaves_large_ones(body: np.ndarray) -> None:
    smoothed = replace(SILENT, smoothed=1.0)
    head, hands = CLUSTERS["head"][0], np.concatenate(CLUSTERS["hands"])
    kept = []
    for size in (0.03, 0.3):
        points, scores = windows(body, 20)
        points[..., 1] += size * np.sin(2 * np.pi * 2.5 * np.arange(STEPS) / RATE)[:, None]
        out, _ = disturb(points, scores, RATE, np.random.default_rng(0), smoothed)
        true = redefine(points)
        np.testing.assert_allclose(out[:, :, hands], true[:, :, hands], atol=1e-5)
        kept.append(np.ptp(out[:, 12:, head, 1], axis=1).mean() / np.ptp(true[:, 12:, head, 1], axis=1).mean())
    assert 0.3 < kept[0] < 0.7 < kept[1] < 1.0


def test_smoothing_is_the_one_euro_filter_step_by_step() -> None:
    points = np.random.default_rng(3).normal(0, 0.05, (1, 6, 1, 2)).astype(np.float32)
    out = smooth(points, np.array([4.0]), np.array([0.05]))[0, :, 0, 0]
    value, speed = float(points[0, 0, 0, 0]), 0.0
    for t in range(1, 6):
        new, before = float(points[0, t, 0, 0]), float(points[0, t - 1, 0, 0])
        speed += ((new - before) / 0.05 / 4.0 - speed) / (1 + 1 / (2 * np.pi * 1.0 * 0.05))
        cutoff = 0.05 + 80 * abs(speed)
        value += (new - value) / (1 + 1 / (2 * np.pi * cutoff * 0.05))
        assert out[t] == pytest.approx(value, abs=1e-6)


def test_hidden_hands_are_lost_and_leave_the_body_models_points(body: np.ndarray) -> None:
    points, scores = windows(body, 400)
    tips = [GESTURE_62.index(f"{s}_index_tip") for s in ("left", "right")]
    knuckles = [GESTURE_62.index(f"{s}_index_knuckle") for s in ("left", "right")]
    shares = []
    for share in (0.0, 0.5, 1.0):
        hidden = np.full((400, STEPS, 2), share)
        _, known = disturb(points, scores, RATE, np.random.default_rng(0), hidden=hidden)
        shares.append(known[:, :, tips].mean())
        assert known[:, :, knuckles].mean() > 0.85
        for side in FINGERS:
            assert (known[:, :, [FINGERS[side][-1]]] <= known[:, :, [GESTURE_62.index(f"{side}_index_knuckle")]]).all()
    assert shares[0] > 0.85 > 0.6 > shares[1] > 0.35 > 0.2 > shares[2]
    lost = known[:, :, tips[0]] == 0
    changes = (np.diff(lost.astype(int), axis=1) != 0).sum(1)
    assert changes.mean() < 6  # losses last, they do not flicker every frame


def test_a_hand_on_the_other_is_taken_for_it(body: np.ndarray) -> None:
    points, scores = windows(body, 200)
    left, right = CLUSTERS["hands"]
    offset = (points[:, :, right] - points[:, :, left]).mean(2, keepdims=True)
    points[:, :, left] += offset + np.array([0.05, 0.0], np.float32)
    hidden = np.tile(np.array([0.6, 0.1]), (200, STEPS, 1))
    noise = replace(SILENT, doubled=0.95)
    out, _ = disturb(points, scores, RATE, np.random.default_rng(0), noise, hidden)
    doubled = np.abs(out[:, :, left] - out[:, :, right]).max((2, 3)) < 1e-5
    assert 0.8 < doubled.mean() < 1.0
    np.testing.assert_allclose(out[:, :, right], redefine(points)[:, :, right], atol=1e-5)  # the one that is seen stays
    points[:, :, left] += [1.0, 0.0]
    out, _ = disturb(points, scores, RATE, np.random.default_rng(0), noise, hidden)
    assert (np.abs(out[:, :, left] - out[:, :, right]).max((2, 3)) > 0.1).all()


def test_hidden_points_are_guessed_unknown_ones_never(body: np.ndarray) -> None:
    points, scores = windows(body, 300)
    scores[:, :, KNEES] = HIDDEN
    scores[:, :, WRISTS] = 0.0
    out, known = disturb(points, scores, RATE, np.random.default_rng(0))
    share, error = MEDIAPIPE.guessed["knees"]
    assert known[:, :, KNEES].mean() == pytest.approx(share, abs=0.08)
    assert (out - redefine(points))[:, :, KNEES].std() > 0.8 * error
    assert (known[:, :, WRISTS] == 0).all()


def test_a_shoulder_that_is_not_known_leaves_no_neck(body: np.ndarray) -> None:
    points, scores = windows(body, 2)
    scores[0, :, SHOULDERS[0]] = 0.0
    _, known = disturb(points, scores, RATE, np.random.default_rng(0))
    assert (known[0, :, NECK] == 0).all()
    assert (known[1, :, NECK] == 1).all()


def test_face_marks_come_and_go_together(body: np.ndarray) -> None:
    _, known = disturb(*windows(body, 300), RATE, np.random.default_rng(0))
    assert np.ptp(known[:, :, MARKS], axis=2).max() == 0
    assert known[:, :, MARKS].mean() == pytest.approx(MEDIAPIPE.faces, abs=0.05)


def test_one_frame_is_a_window(body: np.ndarray) -> None:
    points, scores = windows(body, 2)
    out, known = disturb(points[:, :1], scores[:, :1], RATE, np.random.default_rng(0))
    assert out.shape == (2, 1, 62, 2)
    assert known.shape == (2, 1, 62)
