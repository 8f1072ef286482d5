"""Rotation, shear, scale and viewpoint: maps about the middle of the picture or the centre of the body."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from microgesture.datasets.augmentation.piece import (
    RgbPiece,
    SkeletonPiece,
    SkeletonSample,
    draw,
    register_piece,
    within,
)
from microgesture.datasets.augmentation.rgb import warp


class LinearPiece(RgbPiece, SkeletonPiece):
    """A random matrix that moves every point, or every pixel, of a clip; x to the right, y down."""

    def matrix(self, dimensions: int, rng: np.random.Generator) -> np.ndarray:
        """The matrix `(D, D)` of one clip, float64, for column vectors."""
        raise TypeError(f"{type(self).__name__} moves nothing: define matrix()")

    def changed_frames(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return warp(frames, self.matrix(2, rng))

    def changed_skeleton(self, sample: SkeletonSample, rng: np.random.Generator) -> SkeletonSample:
        matrix = self.matrix(sample.points.shape[-1], rng).astype(np.float32)
        return replace(sample, points=sample.points @ matrix.T)


@register_piece
@dataclass(frozen=True, kw_only=True)
class Rotate(LinearPiece):
    """In two dimensions the plane turns by up to `degrees` either way. In three the person turns by up to `turn`
    degrees about the vertical and leans by up to `degrees` to the side and to the front."""

    name = "rotate"
    order = 12
    degrees: float = within(10.0, 0.0, 180.0)
    turn: float = within(30.0, 0.0, 180.0)

    def matrix(self, dimensions: int, rng: np.random.Generator) -> np.ndarray:
        side = _rotation(draw((-self.degrees, self.degrees), rng), 0, 1, dimensions)
        if dimensions == 2:
            return side
        front = _rotation(draw((-self.degrees, self.degrees), rng), 1, 2, dimensions)
        return side @ front @ _rotation(draw((-self.turn, self.turn), rng), 2, 0, dimensions)


@register_piece
@dataclass(frozen=True, kw_only=True)
class Shear(LinearPiece):
    """Every coordinate grows by up to `amount` of each of the others: a matrix with 1 on its diagonal and uniform
    numbers off it (Rao et al. 2021, "Augmented skeleton based contrastive action learning")."""

    name = "shear"
    order = 13
    amount: float = within(0.2, 0.0, 0.9)

    def matrix(self, dimensions: int, rng: np.random.Generator) -> np.ndarray:
        matrix = rng.uniform(-self.amount, self.amount, (dimensions, dimensions))
        np.fill_diagonal(matrix, 1.0)
        return matrix


@register_piece
@dataclass(frozen=True, kw_only=True)
class Scale(LinearPiece):
    """Everything becomes up to `amount` larger or smaller; with `per_axis` each direction by itself, as bodies are
    built differently."""

    name = "scale"
    order = 14
    amount: float = within(0.1, 0.0, 0.9)
    per_axis: bool = False

    def matrix(self, dimensions: int, rng: np.random.Generator) -> np.ndarray:
        return np.diag(
            1.0 + rng.uniform(-self.amount, self.amount, dimensions if self.per_axis else 1) * np.ones(dimensions)
        )


@register_piece
@dataclass(frozen=True, kw_only=True)
class Viewpoint(SkeletonPiece):
    """The camera goes round the person by up to `turn` degrees to either side and up to `tilt` up or down.

    In three dimensions that is an exact rotation about the body's centre. In a picture depth is not known: the body is
    taken as a flat figure, turned, and seen again from `distance` shoulder widths, so that what comes nearer grows. The
    idea is that of Gao et al. (arXiv 2405.13206), who give no strength. `Rotate` turns within the picture's plane.
    """

    name = "viewpoint"
    order = 15
    turn: float = within(25.0, 0.0, 90.0)
    tilt: float = within(10.0, 0.0, 90.0)
    distance: float = within(8.0, 1.0, 1000.0)

    def changed_skeleton(self, sample: SkeletonSample, rng: np.random.Generator) -> SkeletonSample:
        tilted = _rotation(draw((-self.tilt, self.tilt), rng), 1, 2, 3)
        turned = (tilted @ _rotation(draw((-self.turn, self.turn), rng), 2, 0, 3)).astype(np.float32)
        dimensions = sample.points.shape[-1]
        points = sample.points @ turned[:, :dimensions].T
        if dimensions == 2:
            depth = np.maximum(self.distance + points[..., 2:], self.distance / 2)  # nobody stands behind the camera
            points = points[..., :2] * (np.float32(self.distance) / depth)
        return replace(sample, points=points.astype(np.float32))


def _rotation(degrees: float, a: int, b: int, dimensions: int) -> np.ndarray:
    """Turn from axis `a` towards axis `b`."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = np.eye(dimensions)
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = cosine, -sine, sine, cosine
    return matrix
