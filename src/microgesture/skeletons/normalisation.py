"""Skeletons without the camera's distance and place: gaps filled, the body's centre at the origin, its size 1."""

from __future__ import annotations

import warnings

import numpy as np

from microgesture.skeletons.skeleton import Layout
from microgesture.skeletons.track import LEAST_SCORE
from microgesture.skeletons.view_alignment import align_view

_LENGTHS = (
    (("left_shoulder", "right_shoulder"), 1.0),
    (("neck", "nose"), 0.65),
    (("spine_shoulder", "head"), 0.75),
    (("neck", "pelvis"), 1.35),
    (("spine_shoulder", "spine_base"), 1.4),
    (("left_shoulder", "left_hip"), 1.35),
    (("right_shoulder", "right_hip"), 1.35),
)
"""Pairs of joints and their distance in shoulder widths, of an upright person seen from in front."""


def fill_gaps(points: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Points `(T, V, D)` with every joint that is known at some time known at all times.

    Between two known places a joint moves on a straight line, before the first and after the last it stands still. A
    joint that is never known (score 0 or not finite throughout) is NaN.
    """
    filled = np.where((scores > 0)[..., None], points, np.nan).astype(np.float32)
    good = np.asarray(np.isfinite(filled).all(-1))
    frames = np.arange(len(points))
    for joint in np.flatnonzero(~good.all(0)):
        known = np.flatnonzero(good[:, joint])
        if len(known):
            for axis in range(points.shape[-1]):
                filled[:, joint, axis] = np.interp(frames, known, filled[known, joint, axis])
        else:
            filled[:, joint] = np.nan
    return filled


def body_frame(points: np.ndarray, layout: Layout) -> tuple[np.ndarray, float]:
    """The person's own origin `(D,)` and unit: the median place of the layout's centre and the shoulder width, over all
    frames of points `(T, V, D)` (NaN: unknown).

    Where the centre is never known it is the mean of the joints that are. The width is the largest of what the known
    distances of `_LENGTHS` make it: a turned person's shoulders and a bent person's trunk look short, never long.
    Without any of them it is 0.6 of the joints' spread, and 1 when nothing is known.
    """
    origin = np.nanmedian(points[:, layout.index(layout.center)], axis=0) if len(points) else np.full(2, np.nan)
    if not np.isfinite(origin).all():
        known = points[np.isfinite(points).all(-1)]
        origin = known.mean(0) if len(known) else np.zeros(points.shape[-1])
    widths = []
    for (a, b), length in _LENGTHS:
        if a in layout.joints and b in layout.joints:
            apart = np.linalg.norm(points[:, layout.index(a)] - points[:, layout.index(b)], axis=-1)
            if np.isfinite(apart).any():
                widths.append(float(np.nanmedian(apart)) / length)
    if not widths or max(widths) <= 1e-6:
        spread = np.linalg.norm(points - origin, axis=-1)
        widths = [0.6 * float(np.nanmean(spread))] if np.isfinite(spread).any() else [1.0]
    return origin.astype(np.float32), max(widths) if max(widths) > 1e-6 else 1.0


def normalise(points: np.ndarray, scores: np.ndarray, layout: Layout, by: str = "body") -> np.ndarray:
    """Points `(M, T, V, D)` of one clip with gaps filled, all persons in the frame of the first one, float32.

    `by` is "body" (`body_frame`), "view" (`align_view`) or "none" (units as they are). Joints that are never known lie
    at the origin, and so do persons who are never seen.
    """
    filled = np.stack([fill_gaps(p, s) for p, s in zip(points, scores, strict=True)])
    sure = fill_gaps(points[0], np.where(scores[0] >= LEAST_SCORE, scores[0], 0.0))  # guesses set no scale
    if by == "view":
        filled = align_view(filled, layout)
    elif by == "body":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # slices that are all NaN: joints that nobody saw
            origin, unit = body_frame(sure if np.isfinite(sure).any() else filled[0], layout)
        filled = (filled - origin) / unit
    return np.nan_to_num(filled).astype(np.float32)
