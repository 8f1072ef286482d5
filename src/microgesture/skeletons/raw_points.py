"""What every reader does with the raw numbers of a skeleton file before they become a track."""

from __future__ import annotations

import math

import numpy as np

from microgesture.errors import DataError

NORMALISED = 2.0
"""Points none of which lies further than this from the origin are not pixels."""


def frame_rate(fps: float | None, default: float) -> float:
    """The given frame rate or the default. Raises `DataError` when it is not a positive number."""
    if fps is None:
        return default
    if not (math.isfinite(fps) and fps > 0):
        raise DataError(f"the frame rate must be a positive number, got {fps}")
    return float(fps)


def clean(points: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 copies: scores in [0, 1]; a point that is not finite, or has no score, lies at 0 with score 0."""
    points = np.array(points, dtype=np.float32)
    scores = np.clip(np.nan_to_num(np.array(scores, dtype=np.float32), nan=0.0), 0.0, 1.0)
    lost = ~np.isfinite(points).all(-1)
    points[lost], scores[lost] = 0.0, 0.0
    return points, scores


def in_pixels(points: np.ndarray, scores: np.ndarray, size: tuple[int, int] | None, source: str) -> np.ndarray:
    """2D points `(..., V, 2)` as pixels of a picture of `size` (width, height).

    Points that a file gives normalised, to [0, 1] or around the centre to [-1, 1], are told by their range and
    scaled; pixels come back as they are. Raises `DataError` when they are normalised and the size is not known.
    """
    known = points[scores > 0]
    if not len(known) or np.abs(known).max() > NORMALISED:
        return points
    if size is None:
        raise DataError(f"{source}: the points are normalised, not pixels: give the picture's size (image_size)")
    centred = bool((known < 0).mean() > 0.1)
    unit = (points + 1) / 2 if centred else points
    return (unit * np.array(size, dtype=np.float32)).astype(np.float32)


def guessed_size(points: np.ndarray, scores: np.ndarray) -> tuple[int, int]:
    """The smallest picture (width, height) that holds every known point; (1, 1) when there is none."""
    known = points[scores > 0]
    if not len(known):
        return 1, 1
    width, height = (max(math.floor(float(value)) + 1, 1) for value in known.max(0))
    return width, height
