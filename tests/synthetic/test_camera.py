"""Projection in known cases, and cameras drawn round a performance."""

import math

import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.synthetic.people.body import sample_body
from microgesture.synthetic.people.motion import perform
from microgesture.synthetic.people.performance import JOINT_INDEX, Performance
from microgesture.synthetic.people.schedule import Scheduled, Setting, Style
from microgesture.synthetic.pictures.camera import Camera, CameraRanges, sample_camera

FRONT = Camera((0.0, 1.2, 3.0), (0.0, 1.2, 0.0), 40.0, 0.0, (160, 120))


def act(key: str, seed: int = 0, seated: bool = True, table: bool = False) -> Performance:
    rng = np.random.default_rng(seed)
    setting = Setting(seated, table, "table" if table else "lap" if seated else "sides")
    return perform(sample_body(rng), [Scheduled(key, 0.2, 1.8, seed)], 2.0, 10.0, setting, Style(), rng)


def test_target_lies_in_the_middle() -> None:
    pixels, depth = FRONT.project(np.array([0.0, 1.2, 0.0]))
    assert pixels == pytest.approx([80.0, 60.0])
    assert depth == pytest.approx(3.0)


def test_field_of_view_is_the_vertical_angle() -> None:
    top = 1.2 + 3.0 * math.tan(math.radians(20.0))
    pixels, _ = FRONT.project(np.array([[0.0, top, 0.0]]))
    assert pixels[0] == pytest.approx([80.0, 0.0])


def test_persons_left_is_right_in_the_picture_and_up_is_up() -> None:
    pixels, _ = FRONT.project(np.array([[0.3, 1.2, 0.0], [0.0, 1.5, 0.0]]))
    assert pixels[0, 0] > 80
    assert pixels[1, 1] < 60


def test_points_behind_the_camera_have_no_pixel() -> None:
    pixels, depth = FRONT.project(np.array([[0.0, 1.2, 4.0], [0.1, 1.2, 3.0], [0.0, 1.2, 0.0]]))
    assert np.isnan(pixels[:2]).all()
    assert np.isfinite(pixels[2]).all()
    assert (depth[:2] <= 0).all()


def test_roll_turns_the_camera_clockwise() -> None:
    rolled = Camera(FRONT.position, FRONT.target, 40.0, 90.0, FRONT.size)
    pixels, _ = rolled.project(np.array([0.0, 1.5, 0.0]))
    assert pixels[0] < 79
    assert pixels[1] == pytest.approx(60.0)


def test_rotation_is_a_rotation() -> None:
    camera = Camera((1.0, 2.0, 3.0), (0.2, 1.0, -0.3), 30.0, 7.0)
    assert camera.rotation @ camera.rotation.T == pytest.approx(np.eye(3), abs=1e-12)
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)


def test_shake_moves_each_frame() -> None:
    shake = np.array([[0.0, 0.0], [0.1, -0.05]])
    camera = Camera(FRONT.position, FRONT.target, 40.0, 0.0, FRONT.size, shake)
    pixels, _ = camera.project(np.tile([0.0, 1.2, 0.0], (2, 5, 1)))
    assert pixels[1, 3] - pixels[0, 3] == pytest.approx([12.0, -6.0])
    with pytest.raises(DataError, match="shake"):
        camera.project(np.zeros((3, 5, 3)))


def test_other_size_is_the_same_view() -> None:
    point = np.array([0.2, 1.0, 0.1])
    small, _ = FRONT.project(point)
    large, _ = FRONT.with_size((320, 240)).project(point)
    assert large == pytest.approx(2.0 * small)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"size": (0, 5)}, "size"),
        ({"field_of_view": 180.0}, "field_of_view"),
        ({"target": (0.0, 5.0, 3.0)}, "target"),
        ({"target": (0.0, 1.2, 3.0)}, "target"),
    ],
)
def test_impossible_cameras(kwargs: dict, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Camera(**{"position": (0.0, 1.2, 3.0), "target": (0.0, 1.2, 0.0), **kwargs})


def test_unknown_framing() -> None:
    with pytest.raises(DataError, match="framings"):
        CameraRanges(framings=("closeup",))


@pytest.mark.parametrize("size", [(128, 128), (96, 160), (200, 100)])
def test_head_and_moving_hand_are_in_the_picture(size: tuple[int, int]) -> None:
    ranges = CameraRanges(keep_active=1.0, shake=0.0)
    for seed in range(8):
        performance = act("touch_jaw" if seed % 2 else "illustrate", seed, seated=seed % 4 < 2)
        camera = sample_camera(np.random.default_rng(seed), ranges, performance, size)
        pixels, depth = camera.project(performance.joints)
        moving = np.ptp(performance.joints, axis=0).max(axis=1)
        wanted = [JOINT_INDEX["nose"], JOINT_INDEX["chin"], int(moving.argmax())]
        assert (depth > 0.5).all()
        assert (pixels[:, wanted] >= 0).all()
        assert (pixels[:, wanted] <= np.array(size)).all()


def test_framing_widens_the_view() -> None:
    performance = act("nothing", 3)
    heights = {}
    for framing in ("bust", "full"):
        ranges = CameraRanges(framings=(framing,), distance=(3.0, 3.0), azimuth=(0, 0), margin=(0.05, 0.05))
        camera = sample_camera(np.random.default_rng(5), ranges, performance)
        pixels, _ = camera.project(performance.joints)
        heights[framing] = float(np.ptp(pixels[0, [JOINT_INDEX["head_top"], JOINT_INDEX["chin"]], 1]))
        toe = pixels[:, JOINT_INDEX["left_toe"], 1]
        assert (toe.max() < 128) == (framing == "full")
    assert heights["bust"] > 1.8 * heights["full"]


def test_what_a_table_hides_is_not_framed() -> None:
    ranges = CameraRanges(framings=("full",), azimuth=(0, 0), elevation=(0, 0), keep_active=0.0)
    camera = sample_camera(np.random.default_rng(1), ranges, act("nothing", 2, table=True))
    bare = sample_camera(np.random.default_rng(1), ranges, act("nothing", 2))
    assert camera.field_of_view < 0.8 * bare.field_of_view


def test_same_seed_same_camera() -> None:
    performance = act("nothing")
    draws = [sample_camera(np.random.default_rng(9), CameraRanges(hand_held=1.0), performance) for _ in range(2)]
    assert draws[0] == draws[1]
    assert draws[0].shake is not None
    assert np.array_equal(draws[0].shake, draws[1].shake)  # type: ignore[arg-type]
