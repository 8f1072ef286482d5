"""Pieces for pictures: resized crop and colour; and the warp that rotation, shear and scale use."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from microgesture.datasets.augmentation.piece import RgbPiece, draw, register_piece, within

MEAN_COLOUR = (110, 101, 96)
"""Kinetics' mean as uint8: what a model sees as zero, as in the bars beside a letterboxed frame."""

_LUMA = np.array([0.299, 0.587, 0.114])
_YIQ = np.array([_LUMA, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_CHUNK = 4  # frames warped at a time: they stay in the processor's cache, which is four times faster


@register_piece
@dataclass(frozen=True, kw_only=True)
class ResizedCrop(RgbPiece):
    """A random part of the picture, magnified to its whole size (torchvision's RandomResizedCrop).

    `scale` is the part's share of the area, `ratio` how much wider than the picture, or narrower, its shape may be
    (uniform in the logarithm, as far as the part fits into the picture).
    """

    name = "resized_crop"
    order = 11
    scale: tuple[float, float] = within((0.5, 1.0), 0.01, 1.0)
    ratio: tuple[float, float] = within((0.8, 1.25), 0.1, 10.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.ratio[0] <= 1.0 <= self.ratio[1]:
            raise self.error(f"ratio must be a range around 1, got {list(self.ratio)}")

    def box(self, height: int, width: int, rng: np.random.Generator) -> tuple[int, int, int, int]:
        """The part (left, top, right, bottom) of a picture, whole pixels."""
        area = draw(self.scale, rng)
        narrowest, widest = math.log(max(self.ratio[0], area)), math.log(min(self.ratio[1], 1.0 / area))
        ratio = math.exp(draw((narrowest, widest), rng))
        w = min(max(1, round(width * math.sqrt(area * ratio))), width)
        h = min(max(1, round(height * math.sqrt(area / ratio))), height)
        left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
        return left, top, left + w, top + h

    def changed_frames(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        left, top, right, bottom = self.box(frames.shape[1], frames.shape[2], rng)
        return _resized(frames[:, top:bottom, left:right], frames.shape[1], frames.shape[2])


@register_piece
@dataclass(frozen=True, kw_only=True)
class Colour(RgbPiece):
    """Brightness, contrast and saturation are multiplied by up to 1 ± their value, the hue turns by up to ± `hue` of
    the colour circle: one draw for all frames of a clip.

    All four are linear (the hue turns in YIQ), so together they are one 3 x 3 matrix and an offset a clip; contrast is
    about the clip's mean luma.
    """

    name = "colour"
    order = 20
    brightness: float = within(0.2, 0.0, 1.0)
    contrast: float = within(0.2, 0.0, 1.0)
    saturation: float = within(0.2, 0.0, 1.0)
    hue: float = within(0.02, 0.0, 0.5)

    def changed_frames(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        draws = rng.uniform(-1.0, 1.0, 4) * (self.brightness, self.contrast, self.saturation, self.hue)
        brightness, contrast, saturation = (1.0 + draws[:3]).tolist()
        mean = frames[:, ::4, ::4].reshape(-1, 3).mean(axis=0) @ _LUMA  # every 16th pixel is enough
        matrix = brightness * contrast * _hue_matrix(float(draws[3])) @ _saturation_matrix(saturation)
        changed = frames.reshape(-1, 3).astype(np.float32) @ matrix.T.astype(np.float32)
        changed += np.float32(brightness * (1.0 - contrast) * mean + 0.5)  # 0.5: uint8 cuts, this rounds
        return np.clip(changed, 0.0, 255.0, out=changed).astype(np.uint8).reshape(frames.shape)


def _saturation_matrix(factor: float) -> np.ndarray:
    """Away from, or towards, the grey of the same luma; (3, 3)."""
    return factor * np.eye(3) + (1.0 - factor) * np.outer(np.ones(3), _LUMA)


def _hue_matrix(share: float) -> np.ndarray:
    """A turn by `share` of the circle in the plane of I and Q; (3, 3). Greys stay."""
    cosine, sine = math.cos(2 * math.pi * share), math.sin(2 * math.pi * share)
    turn = np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
    return np.linalg.inv(_YIQ) @ turn @ _YIQ


def _resized(frames: np.ndarray, height: int, width: int) -> np.ndarray:
    """Frames `(T, h, w, 3)` as `(T, height, width, 3)`, bilinear with antialiasing."""
    import torch
    import torch.nn.functional as F

    pictures = torch.from_numpy(np.ascontiguousarray(frames)).permute(0, 3, 1, 2)  # channels last in memory
    scaled = F.interpolate(pictures, size=(height, width), mode="bilinear", antialias=True, align_corners=False)
    return scaled.permute(0, 2, 3, 1).contiguous().numpy()


def warp(frames: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Frames `(T, H, W, 3)` moved by a matrix `(2, 2)` about the middle of the picture, bilinear.

    `matrix` takes (x, y) in pixels from the middle, y down, to where that point of the picture is shown. Where nothing
    is shown is `MEAN_COLOUR`.
    """
    import torch
    import torch.nn.functional as F

    count, height, width = frames.shape[:3]
    half = np.diag([width / 2.0, height / 2.0])
    back = np.linalg.inv(half) @ np.linalg.inv(matrix) @ half  # from the new picture to the old one, half a side is 1
    theta = torch.from_numpy(np.concatenate([back, np.zeros((2, 1))], axis=1)).float()[None]
    grid = F.affine_grid(theta, [1, 1, height, width], align_corners=False)
    covered = F.grid_sample(torch.ones(1, 1, height, width), grid, align_corners=False)[0]
    background = (1.0 - covered) * torch.tensor(MEAN_COLOUR, dtype=torch.float32).view(3, 1, 1) + 0.5
    out = np.empty(frames.shape, dtype=np.uint8)
    for first in range(0, count, _CHUNK):
        part = torch.from_numpy(np.ascontiguousarray(frames[first : first + _CHUNK])).permute(0, 3, 1, 2).contiguous()
        moved = F.grid_sample(part.reshape(1, -1, height, width).float(), grid, align_corners=False)
        moved = moved.view(part.shape).add_(background)
        out[first : first + _CHUNK] = moved.to(torch.uint8).permute(0, 2, 3, 1).numpy()
    return out
