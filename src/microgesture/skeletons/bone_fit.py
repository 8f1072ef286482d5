"""How well the bones of a layout fit points: what tells the orders of joints apart that have one number of points.

In the right order bones are short: all of them together are hardly longer than the shortest tree that joins the points.
In a wrong one they run across the body.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgesture.skeletons.skeleton import Layout


def bone_fit(points: np.ndarray, layout: Layout) -> np.ndarray:
    """Points (N, V, D), all known, to (N,): the length of all bones over that of the shortest tree over the points."""
    ends = points[:, layout.edges]
    bones = np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=-1).sum(-1)
    return bones / np.maximum(_shortest_tree(points), 1e-9)


def best_fit(points: np.ndarray, layouts: Sequence[Layout]) -> tuple[Layout, float]:
    """The layout whose bones are the shortest in most of the poses (N, V, D), the first of equals; and the median of
    its `bone_fit`, infinite without poses."""
    if not len(points):
        return layouts[0], np.inf
    fits = np.stack([bone_fit(points, layout) for layout in layouts], 1)
    best = int(np.bincount(fits.argmin(1), minlength=len(layouts)).argmax())
    return layouts[best], float(np.median(fits[:, best]))


def _shortest_tree(points: np.ndarray) -> np.ndarray:
    """Length of the minimum spanning tree of each pose, (N,): Prim's algorithm, all poses at once."""
    poses = np.arange(len(points))
    nearest = np.linalg.norm(points - points[:, :1], axis=-1)
    nearest[:, 0] = np.inf
    length = np.zeros(len(points))
    reached = np.zeros(points.shape[:2], bool)
    reached[:, 0] = True
    for _ in range(points.shape[1] - 1):
        joint = nearest.argmin(1)
        length += nearest[poses, joint]
        reached[poses, joint] = True
        away = np.linalg.norm(points - points[poses, joint][:, None], axis=-1)
        nearest = np.where(reached, np.inf, np.minimum(nearest, away))
    return length
