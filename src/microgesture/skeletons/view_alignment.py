"""The preprocessing of Predict & Cluster: skeletons in space turned to one view, every axis of a clip within [-1, 1].

Su, Liu, Shlizerman, CVPR 2020, as their notebook `NTU_View_Invariant_Transform` has it. Points in a picture cannot be
turned; for them only the range is left, which is **our reconstruction**: nothing of P&C on iMiGUE is public. Two things
differ from the paper in both cases: joints that nobody saw are put on straight lines between those that were seen,
where the paper drops the frame; and the joints are found by name, whatever the layout.
"""

from __future__ import annotations

import numpy as np

from microgesture.errors import DataError
from microgesture.skeletons.layouts import NTU_RGBD, convert
from microgesture.skeletons.skeleton import Layout

_JOINTS = ("spine_base", "spine_mid", "left_hip", "right_hip")
"""J0, J1, J12 and J16 of NTU RGB+D."""


def align_view(points: np.ndarray, layout: Layout) -> np.ndarray:
    """Points (M, T, V, D) of one clip (NaN: never seen), turned where D is 3, every axis over all of them in [-1, 1].

    Raises `DataError` when the layout has no spine and hips to turn by.
    """
    turned = _turned(points, layout) if points.shape[-1] == 3 else points
    known = turned[np.isfinite(turned).all(-1)]
    if not len(known):
        return points
    low, high = known.min(0), known.max(0)
    return np.where(high > low, 2 * (turned - low) / np.where(high > low, high - low, 1.0) - 1, 0.0 * turned)


def _turned(points: np.ndarray, layout: Layout) -> np.ndarray:
    """x' = R⁻¹ (x - d): d is J0 of the first frame of the first person, R its view (`first_view`)."""
    first = convert(points[0, :1].astype(np.float64), layout, NTU_RGBD)[0]
    root, spine, left, right = (first[NTU_RGBD.index(joint)] for joint in _JOINTS)
    if not np.isfinite([root, spine, left, right]).all():
        raise DataError(f"its view cannot be turned: layout '{layout.name}' shows no spine and hips (data.normalise)")
    return (points - root) @ first_view(root, spine, left, right)


def first_view(root: np.ndarray, spine: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """R = [v2 v3 v1] as columns, (3, 3): v1 from the root up the spine, v2 from the right hip to the left one without
    its part along v1, v3 = v2 x v1; all of length 1. R⁻¹ x is x @ R for a row x, as R is orthogonal.

    Raises `DataError` when joints coincide.
    """
    v1 = _unit(spine - root)
    across = left - right
    v2 = _unit(across - (v1 @ across) * v1)
    return np.stack([v2, _unit(np.cross(v2, v1)), v1], 1)


def _unit(vector: np.ndarray) -> np.ndarray:
    length = float(np.linalg.norm(vector))
    if not length > 1e-9:
        raise DataError("its view cannot be turned: spine or hips of the first frame coincide (data.normalise)")
    return vector / length
