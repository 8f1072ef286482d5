"""Whether a skeleton file can be used whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from microgesture.datasets.folder_files import problem_of
from microgesture.datasets.manifest import Problem
from microgesture.errors import DataError
from microgesture.skeletons.skeleton import Layout
from microgesture.skeletons.sources import read_tracks


def skeleton_problems(path: Path, layout: Layout | None = None) -> list[Problem]:
    """What is wrong with a skeleton file: it cannot be read, shows nobody (errors), or has points that are NaN.

    `layout` belongs to files that do not say what their points are.
    """
    try:
        tracks = read_tracks(path, layout=layout)
    except DataError as error:
        return [problem_of(path, error)]
    if not any((track.scores > 0).any() for track in tracks):
        return [Problem(path, 0, "no person in any frame")]
    lost = [np.flatnonzero((~np.isfinite(t.points).all(-1) & (t.scores > 0)).any(-1)) for t in tracks]
    first = next((frames for frames in lost if len(frames)), None)
    if first is None:
        return []
    what = f"points that are no numbers, in {len(first)} frames: they count as not seen"
    return [Problem(path, int(first[0]) + 1, what, error=False)]


def skeleton_end(path: Path, layout: Layout | None = None) -> float:
    """Seconds at which the last frame of a skeleton file ends. Raises `DataError` when it cannot be read."""
    track = read_tracks(path, layout=layout)[0]
    return float(track.times[-1]) + track.step if len(track) else 0.0
