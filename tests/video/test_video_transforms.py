import numpy as np
import pytest
import torch
from PIL import Image

from microgesture.errors import UserError
from microgesture.video.transforms import (
    KINETICS_MEAN,
    KINETICS_STD,
    Box,
    normalize,
    person_box,
    random_box,
    shrink,
    square_around,
    to_clip,
)

NOISE = np.random.default_rng(0).integers(0, 256, (3, 72, 128, 3), dtype=np.uint8)


def test_pixels_are_scaled_before_they_are_normalised():
    white = np.full((2, 16, 16, 3), 255, np.uint8)
    expected = (1 - np.array(KINETICS_MEAN)) / np.array(KINETICS_STD)
    np.testing.assert_allclose(to_clip(white, 16)[:, 0, 0, 0].numpy(), expected, rtol=1e-5)


def test_nothing_is_cut_off_and_the_rest_is_zero():
    clip = to_clip(NOISE, 64)
    assert clip.shape == (3, 3, 64, 64)
    assert clip.dtype == torch.float32
    assert (clip[:, :, :14] == 0).all()
    assert (clip[:, :, 50:] == 0).all()
    torch.testing.assert_close(clip[:, :, 14:50], normalize(shrink(NOISE, 64)))
    tall = to_clip(NOISE.swapaxes(1, 2), 64)
    assert (tall[:, :, :, :14] == 0).all()
    assert (tall[:, :, :, 14:50] != 0).float().mean() > 0.99


def test_shrinking_is_antialiased_as_in_pillow():
    ours = shrink(NOISE, 32)[0].astype(int)
    theirs = np.asarray(Image.fromarray(NOISE[0]).resize((32, 18), Image.BILINEAR)).astype(int)
    assert np.abs(ours - theirs).max() <= 1


def test_crop_stretch_flip_and_box():
    torch.testing.assert_close(to_clip(NOISE, 72, "crop"), to_clip(NOISE[:, :, 28:100], 72))
    assert shrink(NOISE, 40, "stretch").shape == (3, 40, 40, 3)
    torch.testing.assert_close(to_clip(NOISE, 64, flip=True), to_clip(NOISE, 64).flip(-1))
    box = (10.2, 5.1, 60.4, 40.0)
    torch.testing.assert_close(to_clip(NOISE, 64, box=box), to_clip(NOISE[:, 5:40, 10:60], 64))
    assert to_clip(NOISE, 16, box=(500, 500, 600, 600)).shape == (3, 3, 16, 16)


def test_a_person_gets_a_square_inside_the_picture():
    assert square_around((10, 20, 30, 100)) == Box(-30, 10, 70, 110)
    assert person_box((10, 20, 30, 100), (640, 480)) == Box(0, 10, 100, 110)
    assert person_box((600, 300, 630, 470), (640, 480)) == Box(427.5, 267.5, 640, 480)
    assert person_box((10, 10, 600, 470), (640, 480)) == Box(0, 0, 640, 480)
    assert person_box(None, (640, 480)) == Box(0, 0, 640, 480)
    assert person_box((700, 10, 800, 90), (640, 480)) == Box(0, 0, 640, 480)


def test_random_boxes_keep_the_aspect_and_stay_inside():
    for seed in range(50):
        left, top, right, bottom = random_box(72, 128, np.random.default_rng(seed), 0.3)
        assert left >= 0
        assert top >= 0
        assert right <= 128 + 1e-9
        assert bottom <= 72 + 1e-9
        assert (right - left) / 128 == pytest.approx((bottom - top) / 72)
        assert (right - left) / 128 >= 0.7


@pytest.mark.parametrize("frames", [NOISE[0], NOISE.astype(np.float32), NOISE[:0], NOISE[..., :1]])
def test_other_arrays_are_refused(frames):
    with pytest.raises(UserError, match="uint8"):
        to_clip(frames, 32)
    with pytest.raises(UserError, match="fit"):
        to_clip(NOISE, 32, "fill")
