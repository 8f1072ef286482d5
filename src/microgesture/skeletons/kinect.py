"""Kinect v2 skeletons of SMG: `Sample0001_skeleton.csv`, a row per frame, 25 joints of 11 values.

Of the values of a joint, [0:3] are x, y, z in metres, [3:7] the orientation, [7:9] the pixel in the colour picture of
1920 x 1080. `Sample0001_data.csv` beside it holds `numFrames,fps,maxDepth`.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

import numpy as np

from microgesture.errors import DataError
from microgesture.skeletons.number_rows import read_number_rows
from microgesture.skeletons.raw_points import clean, frame_rate, in_pixels
from microgesture.skeletons.track import SkeletonTrack

log = logging.getLogger(__name__)

FPS = 28.0
IMAGE_SIZE = (1920, 1080)
COLUMNS = 25 * 11
_SPACES = {"pixels": slice(7, 9), "metres": slice(0, 3)}


def read_kinect(
    path: str | Path,
    fps: float | None = None,
    space: Literal["pixels", "metres"] = "pixels",
    image_size: tuple[int, int] | None = None,
    person: str = "P1",
) -> SkeletonTrack:
    """Read `_skeleton.csv` into a track of layout "kinect-25".

    `space` "pixels" gives the joints in the colour picture (2D), which is what the recogniser reads, "metres" those
    of the camera's space (3D). The files hold no confidence: a joint scores 1, and 0 where its numbers are all zero
    or not finite, as in frames without a person. `fps` is that of `_data.csv` beside the file unless given, and 28
    where there is none; `image_size` (1920, 1080) unless given. Raises `DataError` with file and row.
    """
    if space not in _SPACES:
        raise DataError(f"the space of a Kinect skeleton is pixels or metres, not '{space}'")
    rows = read_number_rows(path, (COLUMNS,))
    values = rows.reshape(len(rows), 25, 11)[..., _SPACES[space]]
    points, scores = clean(values, (values != 0).any(-1))
    size = image_size or IMAGE_SIZE
    if space == "pixels":
        points = in_pixels(points, scores, size, str(path))
    rate = frame_rate(fps, _rate_beside(Path(path), len(rows)))
    return SkeletonTrack(np.arange(len(rows)) / rate, points, scores, "kinect-25", size, person)


def _rate_beside(path: Path, frames: int) -> float:
    """Frame rate in the `_data.csv` that belongs to a `_skeleton.csv`; 28 where there is none."""
    if not path.stem.endswith("_skeleton"):
        return FPS
    data = path.with_name(path.name.replace("_skeleton", "_data"))
    if not data.is_file():
        return FPS
    count, rate = read_number_rows(data, (2, 3))[0, :2]
    if not (np.isfinite(rate) and rate > 0):
        raise DataError(f"{data}: the frame rate must be a positive number, got {rate}")
    if count != frames:
        log.warning("%s: says %g frames, the skeleton has %d", data, count, frames)
    return float(rate)
