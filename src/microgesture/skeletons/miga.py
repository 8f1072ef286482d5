"""Skeletons of the MiGA challenge (iMiGUE): `0001_light_hand.csv`, a row per frame, without header.

Column 0 is passed over; then 35 points of x, y, score: the 25 of OpenPose BODY_25 and five fingertips of each hand, in
pixels of 1280 x 720. Which hand's tips come first differs between files and readers in use: it is decided here by the
distance of the tips to the two wrists. `0001_light.csv` has the 25 points only.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from microgesture.skeletons.layouts import IMIGUE_35, Layout
from microgesture.skeletons.number_rows import read_number_rows
from microgesture.skeletons.raw_points import clean, frame_rate, in_pixels
from microgesture.skeletons.track import SkeletonTrack

log = logging.getLogger(__name__)

FPS = 25.0
IMAGE_SIZE = (1280, 720)
COLUMNS = {106: "imigue-35", 76: "body-25"}
"""Width of a row, and the layout of its points."""


def read_miga(
    path: str | Path, fps: float | None = None, image_size: tuple[int, int] | None = None, person: str = "P1"
) -> SkeletonTrack:
    """Read `_light_hand.csv` (or `_light.csv`) into a track of layout "imigue-35" (or "body-25").

    The right hand's tips come first in the layout; the tips of a file that has the left hand first are exchanged, by
    the median distance between each five and each wrist over the frames in which both are seen, and the log says so.
    The right hand is taken to come first where no frame can tell. `fps` is 25 and `image_size` (1280, 720) unless
    given. Frames without a person, and values that are NaN, have score 0. Raises `DataError` with file and row.
    """
    rows = read_number_rows(path, tuple(COLUMNS), skip=1)
    values = rows.reshape(len(rows), -1, 3)
    points, scores = clean(values[..., :2], values[..., 2])
    size = image_size or IMAGE_SIZE
    points = in_pixels(points, scores, size, str(path))
    layout = COLUMNS[rows.shape[1] + 1]
    if layout == "imigue-35":
        swapped = left_hand_first(points, scores)
        log.info("%s: the first five fingertips are those of the %s hand", path, "left" if swapped else "right")
        if swapped:
            order = [*range(25), *range(30, 35), *range(25, 30)]
            points, scores = points[:, order], scores[:, order]
    times = np.arange(len(rows)) / frame_rate(fps, FPS)
    return SkeletonTrack(times, points, scores, layout, size, person)


def left_hand_first(points: np.ndarray, scores: np.ndarray, layout: Layout = IMIGUE_35) -> bool:
    """Whether the first five fingertips of `points (T, V, 2)` are those of the left hand.

    In "imigue-35" and "imigue-22" they should be the right hand's. Compared are the median distances of both fives to
    the wrist that they should belong to, and to the other one.
    """
    first = layout.index("right_thumb_tip")

    def distance(start: int, side: str) -> float:
        wrist = layout.index(f"{side}_wrist")
        gaps = np.linalg.norm(points[:, start : start + 5] - points[:, [wrist]], axis=-1)
        seen = (scores[:, start : start + 5] > 0) & (scores[:, [wrist]] > 0)
        return float(np.median(gaps[seen])) if seen.any() else np.nan

    as_named = [distance(first, "right"), distance(first + 5, "left")]
    exchanged = [distance(first, "left"), distance(first + 5, "right")]
    known = [(a, b) for a, b in zip(as_named, exchanged, strict=True) if np.isfinite(a) and np.isfinite(b)]
    return sum(b - a for a, b in known) < 0
