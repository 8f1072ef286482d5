"""Masking of whole frames, in pictures and in skeletons."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from microgesture.datasets.augmentation.piece import (
    RgbPiece,
    SkeletonPiece,
    SkeletonSample,
    draw,
    register_piece,
    stretch,
    within,
)
from microgesture.datasets.augmentation.rgb import MEAN_COLOUR


@register_piece
@dataclass(frozen=True, kw_only=True)
class FrameMask(RgbPiece, SkeletonPiece):
    """A random `share` of the frames shows nothing: a run of them, or `scattered` ones; at least one.

    Nothing is the mean colour in pictures, and the origin with score 0 in skeletons.
    """

    name = "frame_mask"
    order = 32
    share: tuple[float, float] = within((0.1, 0.3), 0.0, 1.0)
    scattered: bool = False
    probability: float = within(0.5, 0.0, 1.0)

    def masked(self, length: int, rng: np.random.Generator) -> np.ndarray:
        """Which of `length` frames are masked, bool `(T,)`."""
        mask = np.zeros(length, dtype=bool)
        if self.scattered:
            mask[rng.permutation(length)[: max(1, round(draw(self.share, rng) * length))]] = True
        else:
            mask[stretch(length, self.share, rng)] = True
        return mask

    def changed_frames(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        out = frames.copy()
        out[self.masked(len(frames), rng)] = MEAN_COLOUR
        return out

    def changed_skeleton(self, sample: SkeletonSample, rng: np.random.Generator) -> SkeletonSample:
        points, scores = sample.points.copy(), sample.scores.copy()
        mask = self.masked(points.shape[1], rng)
        points[:, mask], scores[:, mask] = 0.0, 0.0
        return replace(sample, points=points, scores=scores)
