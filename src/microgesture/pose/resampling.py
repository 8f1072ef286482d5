"""A track at an even rate in one layout: what recognisers of moving people read."""

from __future__ import annotations

import numpy as np

from microgesture.errors import DataError
from microgesture.pose.layouts import GESTURE_62
from microgesture.pose.track import LEAST_SCORE, SkeletonTrack

LONGEST_STEP_S = 0.4
"""Poses farther apart than this are not joined by a straight line: nobody is seen between them."""
LEAST_RATE = 2.5
"""Poses a second below which a track is refused."""

_SHOULDERS = [GESTURE_62.index("left_shoulder"), GESTURE_62.index("right_shoulder")]
_NECK = GESTURE_62.index("neck")


def resample(track: SkeletonTrack, rate: float) -> np.ndarray:
    """A track in layout "gesture-62" at `rate` poses a second from its first time on, (T, 62, 3) of x, y, score.

    Points lie on straight lines between the neighbouring poses; their score is the lower of the two, and 0 below
    `LEAST_SCORE`. Nobody is seen where the poses are more than `LONGEST_STEP_S` apart and where neither the neck nor
    both shoulders are known: a hand alone says nothing. Raises `DataError` for a 3D track and for too few poses a
    second.
    """
    if track.points.shape[-1] != 2:
        raise DataError("the recogniser reads 2D tracks (pixels); this one is in metres")
    converted = track.to_layout(GESTURE_62.name)
    if len(track) == 0:
        return np.zeros((0, len(GESTURE_62), 3), np.float32)
    if len(track) > 1 and median_step(track) > LONGEST_STEP_S:
        raise DataError(
            f"{1 / median_step(track):.1f} poses a second are too few: a gesture needs at least {LEAST_RATE:g}"
        )
    usable = np.isfinite(converted.points).all(-1) & (converted.scores >= LEAST_SCORE)
    usable &= (usable[:, _SHOULDERS].all(1) | usable[:, _NECK])[:, None]
    times, scores = converted.times, np.where(usable, converted.scores, 0.0)
    points = np.nan_to_num(converted.points)
    if len(track) == 1:
        return np.concatenate([points, scores[..., None]], -1).astype(np.float32)
    grid = times[0] + np.arange(int((times[-1] - times[0]) * rate + 1.001)) / rate
    after = np.clip(np.searchsorted(times, grid, side="right"), 1, len(times) - 1)
    before = after - 1
    gap = np.maximum(times[after] - times[before], 1e-9)
    part = np.clip((grid - times[before]) / gap, 0.0, 1.0)[:, None, None]
    a, b = scores[before], scores[after]
    low = np.where(part[..., 0] < 1e-6, a, np.where(part[..., 0] > 1 - 1e-6, b, np.minimum(a, b)))
    joined = points[before] * (1 - part) + points[after] * part
    low[(gap > LONGEST_STEP_S) & (part[:, 0, 0] > 1e-6) & (part[:, 0, 0] < 1 - 1e-6)] = 0.0
    return np.concatenate([joined, low[..., None]], -1).astype(np.float32)


def median_step(track: SkeletonTrack) -> float:
    """Seconds from one pose to the next, 0 for a single pose."""
    return float(np.median(np.diff(track.times))) if len(track) > 1 else 0.0
