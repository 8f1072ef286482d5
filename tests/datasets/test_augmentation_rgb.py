import time

import numpy as np
import pytest

from microgesture.datasets.augmentation import Colour, Flip, FrameMask, ResizedCrop, Rotate, Scale, Shear
from microgesture.datasets.augmentation.rgb import MEAN_COLOUR, warp
from microgesture.errors import RecipeError

PIECES = [ResizedCrop(), Rotate(), Shear(), Scale(), Colour(), FrameMask(probability=1.0)]
by_name = pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)


def turned(frames: np.ndarray, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return warp(frames, np.array([[c, -s], [s, c]]))


@by_name
@pytest.mark.parametrize("shape", [(5, 20, 31), (1, 1, 1), (9, 3, 40)])
def test_shape_and_type_stay_and_the_generator_decides(piece, shape):
    frames = noise(*shape)
    before = frames.copy()
    one, two = (piece.frames(frames, np.random.default_rng(4)) for _ in range(2))
    assert one.shape == frames.shape
    assert one.dtype == np.uint8
    assert np.array_equal(one, two)
    assert np.array_equal(frames, before)


@by_name
def test_with_probability_0_nothing_changes(piece):
    frames = noise(4, 12, 16)
    never = type(piece)(probability=0.0)
    assert np.array_equal(never.frames(frames, np.random.default_rng(0)), frames)
    assert not np.array_equal(piece.frames(frames, np.random.default_rng(0)), frames)


@pytest.mark.parametrize("piece", PIECES[:-1], ids=lambda piece: piece.name)
def test_all_frames_of_a_clip_change_alike(piece):
    frames = np.repeat(noise(1, 14, 18), 11, axis=0)
    changed = piece.frames(frames, np.random.default_rng(2))
    assert (changed == changed[:1]).all()
    view = np.repeat(frames, 2, axis=2)[:, :, ::-2]  # not contiguous, columns in reverse
    assert piece.frames(view, np.random.default_rng(2)).shape == view.shape


def test_a_quarter_turn_by_hand():
    frames = noise(3, 6, 6)
    assert np.array_equal(turned(frames, 90), frames[:, ::-1].swapaxes(1, 2))  # y down: clockwise
    assert np.array_equal(warp(frames, np.eye(2)), frames)
    assert np.array_equal(warp(frames, np.diag([-1.0, 1.0])), Flip().frames(frames))


def test_what_lies_outside_is_the_mean_colour():
    frames = np.full((2, 40, 20, 3), 255, np.uint8)
    lying = turned(frames, 90)  # 20 wide, 40 high: lies 40 wide, 20 high
    assert (lying[:, 10:30] == 255).all()
    assert (lying[:, :9] == MEAN_COLOUR).all()
    assert (lying[:, 31:] == MEAN_COLOUR).all()


def test_scale_and_shear_move_a_pixel_where_the_matrix_says():
    frames = np.zeros((1, 41, 41, 3), np.uint8)
    frames[0, 30, 26] = 255  # (x, y) = (6, 10) from the middle
    for matrix in ([[1.5, 0], [0, 0.5]], [[1, 0.4], [0, 1]], [[1, 0], [-0.5, 1]]):
        x, y = np.array(matrix) @ (6, 10)
        moved = warp(frames, np.array(matrix))[0, :, :, 0].astype(float)
        moved[moved == MEAN_COLOUR[0]] = 0
        assert np.unravel_index(moved.argmax(), moved.shape) == (20 + round(y), 20 + round(x))


def test_a_resized_crop_magnifies_a_part_of_the_right_size():
    rng, piece = np.random.default_rng(0), ResizedCrop(scale=(0.25, 0.5), ratio=(0.5, 2.0))
    for _ in range(200):
        left, top, right, bottom = piece.box(60, 80, rng)
        assert 0 <= left < right <= 80
        assert 0 <= top < bottom <= 60
        area = (right - left) * (bottom - top) / 4800
        assert 0.24 < area < 0.52
        assert 0.48 < (right - left) / 80 / ((bottom - top) / 60) < 2.1
    ramp = np.zeros((2, 60, 80, 3), np.uint8)
    ramp[:] = np.arange(80, dtype=np.uint8)[:, None] * 3
    cropped = piece.frames(ramp, np.random.default_rng(1))
    generator = np.random.default_rng(1)
    generator.random()
    left, _, right, _ = piece.box(60, 80, generator)
    assert abs(int(cropped[0, 30, 0, 0]) - 3 * left) <= 3
    assert abs(int(cropped[0, 30, -1, 0]) - 3 * (right - 1)) <= 3
    whole = ResizedCrop(scale=(1.0, 1.0)).frames(ramp, generator)
    assert np.array_equal(whole, ramp)
    with pytest.raises(RecipeError, match="ratio must be a range around 1"):
        ResizedCrop(ratio=(1.2, 2.0))


class Draws:
    """Stands for the generator: happens, and draws these four numbers."""

    def __init__(self, *draws: float):
        self.draws = np.array(draws)

    def random(self):
        return 0.0

    def uniform(self, low, high, size):
        return self.draws


def test_colour_by_hand():
    grey = np.full((2, 4, 4, 3), 100, np.uint8)
    red = np.zeros((2, 4, 4, 3), np.uint8)
    red[..., 0] = 200
    full = {"brightness": 0.5, "contrast": 0.5, "saturation": 1.0, "hue": 0.5}
    assert (Colour(**full).frames(grey, Draws(1, 0, 0, 0)) == 150).all()
    assert (Colour(**full).frames(grey, Draws(0, 1, 1, 1)) == 100).all()  # greys keep their hue, saturation, contrast
    assert (Colour(**full).frames(red, Draws(0, 0, -1, 0)) == round(0.299 * 200)).all()
    two = np.concatenate([grey, grey + 100], axis=1)
    two = np.repeat(two, 4, axis=1)  # the mean is over every fourth line
    contrasted = Colour(**full).frames(two, Draws(0, 1, 0, 0))
    assert set(np.unique(contrasted)) == {75, 225}  # 150 ± 1.5 * 50
    cyan = Colour(**full).frames(red, Draws(0, 0, 0, 1))[0, 0, 0]
    assert cyan[0] == 0
    assert cyan[1] > 100
    assert cyan[2] > 100


def test_colour_never_wraps_around():
    frames = np.zeros((1, 2, 2, 3), np.uint8)
    frames[0, 0] = 255
    bright = Colour(brightness=1.0).frames(frames, Draws(1, 0, 0, 0))
    assert (bright[0, 0] == 255).all()
    assert (bright[0, 1] == 0).all()


@pytest.mark.parametrize("scattered", [False, True])
def test_frame_mask_hides_its_share(scattered):
    piece = FrameMask(share=(0.25, 0.5), scattered=scattered, probability=1.0)
    frames = np.full((16, 4, 4, 3), 255, np.uint8)
    counts, runs = [], []
    for seed in range(100):
        masked = piece.frames(frames, np.random.default_rng(seed))
        hidden = (masked == MEAN_COLOUR).all(axis=(1, 2, 3))
        assert (masked[~hidden] == 255).all()
        counts.append(int(hidden.sum()))
        runs.append(int(np.count_nonzero(np.diff(np.concatenate(([0], hidden, [0]))) == 1)))
    assert set(counts) == {4, 5, 6, 7, 8}
    assert (max(runs) > 1) == scattered


@by_name
def test_a_piece_takes_a_few_milliseconds(piece):
    frames, rng = noise(32, 128, 128), np.random.default_rng(0)
    piece.frames(frames, rng)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        piece.frames(frames, rng)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.06  # measured: 0.4 to 5 ms; a machine under load is slower
