"""A track as poses at even times, and how fast it moves: what recognisers of skeletons are shown."""

from __future__ import annotations

import numpy as np

from microgesture.errors import DataError
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.skeletons.track import LEAST_SCORE, SkeletonTrack

LONGEST_STEP_S = 0.4
"""Poses farther apart than this are not joined by a straight line: nobody is seen between them."""
LEAST_RATE = 2.5
"""Poses a second below which a track is refused."""
LONGEST_S = 86_400.0
"""A longer track is refused: its times are damaged."""

_SHOULDERS = [GESTURE_62.index("left_shoulder"), GESTURE_62.index("right_shoulder")]
_NECK = GESTURE_62.index("neck")
_HEAD = [GESTURE_62.index(name) for name in ("nose", "left_eye", "right_eye", "left_ear", "right_ear")]
LEADING = tuple(
    GESTURE_62.index(name)
    for name in (
        "nose",
        *(f"{s}_{j}" for j in ("wrist", "index_tip", "shoulder", "knee", "toe") for s in ("left", "right")),
    )
)
"""Points whose speed is that of the body: head, hands, shoulders, knees and feet."""


def resample(track: SkeletonTrack, rate: float) -> np.ndarray:
    """A track in layout "gesture-62" at `rate` poses per second from its first time on, (T, 62, 3) of x, y, score.

    Points lie on straight lines between the neighbouring poses; their score is the lower of the two, and 0 below
    `LEAST_SCORE`. Nobody is seen where the poses are more than `LONGEST_STEP_S` apart and where neither the neck nor
    both shoulders nor three points of the head are known: a hand alone says nothing. Raises `DataError` for a 3D
    track, for too few poses per second and for times that reach over more than a day.
    """
    if track.points.shape[-1] != 2:
        raise DataError("the recogniser reads 2D tracks (pixels); this one is in metres")
    converted = track.to_layout(GESTURE_62.name)
    if len(track) == 0:
        return np.zeros((0, len(GESTURE_62), 3), np.float32)
    if track.step > LONGEST_STEP_S:
        raise DataError(f"{1 / track.step:.1f} poses per second are too few: a gesture needs at least {LEAST_RATE:g}")
    usable = np.isfinite(converted.points).all(-1) & (converted.scores >= LEAST_SCORE)
    usable &= (usable[:, _SHOULDERS].all(1) | usable[:, _NECK] | (usable[:, _HEAD].sum(1) >= 3))[:, None]
    times, scores = converted.times, np.where(usable, converted.scores, 0.0)
    points = np.nan_to_num(converted.points)
    if len(track) == 1:
        return np.concatenate([points, scores[..., None]], -1).astype(np.float32)
    if times[-1] - times[0] > LONGEST_S:
        raise DataError(f"its times reach over {(times[-1] - times[0]) / 3600:.0f} hours: they must be wrong")
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


def shoulder_width(skeleton: np.ndarray) -> float:
    """Median distance of the shoulders (T, 62, 3), 1 where they are never known."""
    both = (skeleton[:, _SHOULDERS, 2] > 0).all(-1)
    width = np.linalg.norm(np.subtract(*(skeleton[:, joint, :2] for joint in _SHOULDERS)), axis=-1)[both]
    return max(float(np.median(width)), 1e-6) if len(width) else 1.0


def speed_of_body(skeleton: np.ndarray, rate: float, stride: int) -> np.ndarray:
    """Speed of the fastest of hands, head, shoulders and feet, shoulder widths per second, every `stride` poses."""
    if len(skeleton) < 2:
        return np.zeros(-(-len(skeleton) // stride))
    points, known = skeleton[:, LEADING, :2], skeleton[:, LEADING, 2] > 0
    scale = shoulder_width(skeleton)
    step = np.linalg.norm(np.diff(points, axis=0), axis=-1) * (known[1:] & known[:-1]) * rate / scale
    fastest = np.concatenate([[0.0], step.max(1)])
    return np.maximum.reduceat(fastest, np.arange(0, len(fastest), stride))
