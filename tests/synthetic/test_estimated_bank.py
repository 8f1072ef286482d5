"""Estimated banks: what is filmed is what was acted, and what is found lies in the person's own units."""

from pathlib import Path

import numpy as np
import pytest

from microgesture.pose.estimator import Pose
from microgesture.pretraining.estimated_bank import estimate, estimate_bank, film
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.synthetic.people.motion import MOTIONS
from microgesture.synthetic.worlds.skeleton_bank import JOINTS_62, LIBRARY, RATE, SkeletonBank, act

KEYS = ("nod", "touch_jaw", "shake_legs") if "shake_legs" in MOTIONS else ("nod", "touch_jaw")
SIZE = 48


class Pointing:
    """Finds one point that moves with the frame's number; nobody in every third frame."""

    name = "pointing"
    layout = "gesture-62"

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[int, ...], float]] = []
        self.resets = 0
        self.closed = False

    def estimate(self, frame: np.ndarray, time: float) -> list[Pose]:
        self.calls.append((frame.shape, time))
        number = len(self.calls)
        if number % 3 == 0:
            return []
        scores = np.full(len(GESTURE_62), 0.9, np.float32)
        scores[-1] = 0.0
        return [Pose(np.full((len(GESTURE_62), 2), 10.0 + number, np.float32), scores)]

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed = True


SHORT = (1.0, 1.3)


def test_units_are_shoulder_widths_from_the_middle_of_the_picture() -> None:
    acted = act(0, "train", 0, KEYS, (1.0, 1.0))
    filmed = film(acted, "train", SIZE)
    assert min(filmed.camera.size) == SIZE
    pixels, _ = filmed.camera.project(acted.performance.joints[:, JOINTS_62])
    points = filmed.in_units(pixels)
    np.testing.assert_allclose(filmed.in_units(0.5 * np.array(filmed.camera.size)), 0.0)
    ends = [GESTURE_62.index(f"{side}_shoulder") for side in ("left", "right")]
    apart = np.linalg.norm(points[:, ends[0]] - points[:, ends[1]], axis=-1)
    assert 0.4 < apart.mean() < 1.1  # narrower only as far as the person is turned
    straight = acted.performance.joints[:, JOINTS_62][:, ends]
    nearer = filmed.camera.to_camera(straight)
    across = np.linalg.norm((nearer[:, 0] - nearer[:, 1])[:, :2], axis=-1)
    assert apart.mean() == pytest.approx(
        (across / np.linalg.norm(nearer[:, 0] - nearer[:, 1], axis=-1)).mean(), rel=0.1
    )


def test_frames_go_to_the_estimator_in_order_and_come_back_in_units() -> None:
    filmed = film(act(0, "test", 2, KEYS, (1.0, 1.0)), "test", SIZE)
    estimator = Pointing()
    found = estimate(filmed, estimator)
    steps = len(filmed.acted.performance.times)
    assert found.shape == (steps, 62, 3)
    assert estimator.resets == 1
    assert [time for _, time in estimator.calls] == pytest.approx(np.arange(steps) / RATE)
    width, height = filmed.camera.size
    assert {shape for shape, _ in estimator.calls} == {(height, width, 3)}
    assert (found[2::3] == 0).all()
    expected = (11.0 - 0.5 * np.array([width, height])) / filmed.unit
    np.testing.assert_allclose(found[0, 0], [*expected, 0.9], rtol=1e-5)
    assert (found[:, -1] == 0).all()  # a point of score 0 is nowhere


def test_people_do_not_depend_on_how_they_are_dealt_out(tmp_path: Path) -> None:
    estimators = []

    def factory() -> Pointing:
        estimators.append(Pointing())
        return estimators[-1]

    ticks: list[tuple[float, float]] = []
    both = estimate_bank(2, 5, "train", size=SIZE, seconds=SHORT, factory=factory, progress=lambda *t: ticks.append(t))
    second = estimate_bank(1, 5, "train", size=SIZE, seconds=SHORT, factory=factory, first=1)
    assert ticks == [(1, 2), (2, 2)]
    assert all(estimator.closed for estimator in estimators)
    assert both.estimated
    assert both.motions == LIBRARY
    assert len(both) == 2
    acted = act(5, "train", 1, tuple(MOTIONS), (1.0, 1.3))
    assert both.offsets[2] - both.offsets[1] == len(acted.performance.times) == len(second.joints)
    mine = both.events[both.events[:, 0] == 1]
    np.testing.assert_array_equal(mine[:, 1:], second.events[:, 1:])
    assert [both.motions[int(m)] for m in mine[:, 1]] == [s.key for s in acted.schedule]
    assert both.joints.dtype == np.float16
    both.save(tmp_path / "bank.npz")
    loaded = SkeletonBank.load(tmp_path / "bank.npz")
    assert loaded.estimated
    np.testing.assert_array_equal(loaded.joints, both.joints)


def test_mediapipe_finds_the_rendered_people() -> None:
    pytest.importorskip("mediapipe")
    errors, found = [], []
    bank = estimate_bank(2, 1, "train", size=256, seconds=SHORT)
    for index in range(2):
        acted = act(1, "train", index, tuple(MOTIONS), (1.0, 1.3))
        filmed = film(acted, "train", 256)
        pixels, _ = filmed.camera.project(acted.performance.joints[:, JOINTS_62])
        part = bank.joints[bank.offsets[index] : bank.offsets[index + 1]].astype(np.float32)
        ends = [GESTURE_62.index(f"{side}_shoulder") for side in ("left", "right")]
        known = part[:, ends, 2] > 0.15
        found.append(known.mean())
        errors.append(np.linalg.norm(part[:, ends, :2] - filmed.in_units(pixels)[:, ends], axis=-1)[known])
    assert np.mean(found) > 0.8
    assert np.median(np.concatenate(errors)) < 0.12
