"""From decoded frames to model input: crop, resize with antialiasing, letterbox, normalise. Pure functions.

Pixels are scaled to [0, 1] and then normalised with the mean and standard deviation of Kinetics-400, as the
weights of R(2+1)D expect (torchvision's `R2Plus1D_18_Weights`). By default nothing is cut off and nothing is
squashed: the whole frame is scaled to fit and the rest of the square is the mean colour, zero after
normalisation.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F

from microgesture.errors import UserError

KINETICS_MEAN = (0.43216, 0.394666, 0.37645)
KINETICS_STD = (0.22803, 0.22145, 0.216989)

Fit = Literal["pad", "crop", "stretch"]
"""How a frame becomes a square: letterboxed whole, its centre square, or squashed."""


class Box(NamedTuple):
    """A rectangle in pixels, x to the right and y down; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float


def to_clip(
    frames: np.ndarray,
    size: int,
    fit: Fit = "pad",
    box: tuple[float, float, float, float] | None = None,
    flip: bool = False,
) -> torch.Tensor:
    """uint8 RGB frames `(T, H, W, 3)` as float32 clip `(3, T, size, size)`, normalised.

    `box` (left, top, right, bottom in pixels) is cut out first; `flip` mirrors left and right. Raises
    `UserError` when the frames have another form or the fit is unknown.
    """
    return normalize(shrink(frames, size, fit, box), size, flip)


def shrink(
    frames: np.ndarray,
    size: int,
    fit: Fit = "pad",
    box: tuple[float, float, float, float] | None = None,
) -> np.ndarray:
    """The part of the frames that a `size` x `size` input shows, scaled, uint8 `(T, h, w, 3)`, h, w <= size.

    With "pad" the longer side becomes `size` and the aspect stays; otherwise both sides do. Scaling is
    bilinear with antialiasing.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or 0 in frames.shape:
        raise UserError(f"a clip must be uint8 (T, H, W, 3) with pixels, got {frames.dtype} {frames.shape}")
    if box is not None:
        frames = cut(frames, box)
    height, width = frames.shape[1:3]
    if fit == "pad":
        target = fitted(height, width, size)
    elif fit in ("crop", "stretch"):
        target = (size, size)
    else:
        raise UserError(f"unknown fit '{fit}': choose pad, crop or stretch")
    if fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        frames = frames[:, top : top + side, left : left + side]
    if frames.shape[1:3] == target:
        return np.ascontiguousarray(frames)
    pictures = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)  # channels last in memory
    scaled = F.interpolate(pictures, size=target, mode="bilinear", antialias=True, align_corners=False)
    return scaled.permute(0, 2, 3, 1).contiguous().numpy()


def cut(frames: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The part of frames `(T, H, W, 3)` inside `box`, rounded to pixels and at least one of them; a view."""
    height, width = frames.shape[1:3]
    left, right = _pixels(box[0], box[2], width)
    top, bottom = _pixels(box[1], box[3], height)
    return frames[:, top:bottom, left:right]


def normalize(frames: np.ndarray, size: int | None = None, flip: bool = False) -> torch.Tensor:
    """uint8 `(T, h, w, 3)` as float32 `(3, T, size, size)`: [0, 1], Kinetics mean and std, centred in zeros.

    Without `size` the frames keep their height and width.
    """
    clip = torch.from_numpy(np.ascontiguousarray(frames)).permute(3, 0, 1, 2).float()
    mean = torch.tensor(KINETICS_MEAN).view(3, 1, 1, 1)
    std = torch.tensor(KINETICS_STD).view(3, 1, 1, 1)
    clip = (clip / 255.0 - mean) / std
    if flip:
        clip = clip.flip(-1)
    if size is None:
        return clip.contiguous()
    height, width = clip.shape[2:]
    top, left = (size - height) // 2, (size - width) // 2
    return F.pad(clip, (left, size - width - left, top, size - height - top)).contiguous()


def fitted(height: int, width: int, size: int) -> tuple[int, int]:
    """(height, width) of a frame scaled so that its longer side is `size`, aspect kept, at least one pixel."""
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def square_around(box: tuple[float, float, float, float], enlarge: float = 1.25) -> Box:
    """The square with the centre of `box` and its longer side times `enlarge`."""
    left, top, right, bottom = box
    half = max(right - left, bottom - top) * enlarge / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return Box(x - half, y - half, x + half, y + half)


def person_box(
    box: tuple[float, float, float, float] | None, image_size: tuple[int, int], enlarge: float = 1.25
) -> Box:
    """What to cut out around a person: `square_around`, moved and where need be trimmed to lie in the image.

    `box` is tight around the person (`SkeletonTrack.box`), `image_size` is (width, height). Where the square
    is larger than a side of the image the result is not square and "pad" letterboxes it. Without a box, or
    with one that lies outside the image, it is the whole image.
    """
    width, height = image_size
    whole = Box(0, 0, width, height)
    if box is None or box[2] <= 0 or box[3] <= 0 or box[0] >= width or box[1] >= height:
        return whole
    square = square_around(box, enlarge)
    side = max(square.right - square.left, 8.0)
    left, right = _slide(square.left, square.left + side, width)
    top, bottom = _slide(square.top, square.top + side, height)
    return Box(left, top, right, bottom)


def released_box(image_size: tuple[int, int]) -> Box:
    """What the paper's released code shows of an image of `image_size` (width, height) to its weights: squashed to
    128 x 171, the centre of 112 x 112."""
    width, height = image_size
    return Box(30 / 171 * width, 8 / 128 * height, 142 / 171 * width, 120 / 128 * height)


def random_box(height: int, width: int, generator: np.random.Generator, share: float) -> Box:
    """A random part of a frame with the frame's aspect (augmentation).

    `share` in [0, 1) is the largest part of each side that may be taken away.
    """
    side = 1.0 - share * generator.random()
    left = generator.random() * (1 - side) * width
    top = generator.random() * (1 - side) * height
    return Box(left, top, left + side * width, top + side * height)


def _slide(low: float, high: float, limit: int) -> tuple[float, float]:
    """Move an interval into [0, limit]; one that is too long becomes all of it."""
    if high - low >= limit:
        return 0.0, float(limit)
    shift = max(0.0, -low) - max(0.0, high - limit)
    return low + shift, high + shift


def _pixels(low: float, high: float, limit: int) -> tuple[int, int]:
    first = min(max(0, round(low)), limit - 1)
    return first, min(max(first + 1, round(high)), limit)
