"""What MediaPipe means by a joint, where that is not what the synthetic body means: its ears lie before those of the
synthetic head, its wrists nearer to the hand, its hips higher.

Fitted on rendered people (`benchmarks/estimator_noise.py --definitions`). A difference is given in shares of vectors
between joints of the body itself, so that it turns and shortens with them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from microgesture.skeletons.layouts import GESTURE_62

_NAMES = GESTURE_62.joints
_FINGER_NAMES = ("thumb", "index", "middle", "ring", "pinky")

_HEAD_AXES = (("left_ear", "right_ear"), ("chin", "forehead"), ("nose", "ears"))


def _bases() -> dict[str, tuple[tuple[str, str], ...]]:
    out: dict[str, tuple[tuple[str, str], ...]] = {}
    for name in ("nose", "forehead", "chin", "upper_lip", "lower_lip"):
        out[name] = _HEAD_AXES[1:]  # whatever lies in the middle is nowhere else for the estimator
    for part in ("eye", "ear", "mouth", "brow", "cheek"):
        out[f"left_{part}"] = _HEAD_AXES
    out["left_shoulder"] = (("left_shoulder", "right_shoulder"), ("hips", "shoulders"))
    out["left_hip"] = (("left_hip", "right_hip"), ("hips", "shoulders"), ("left_knee", "left_hip"))
    out["left_elbow"] = (("left_elbow", "left_shoulder"), ("left_wrist", "left_elbow"))
    out["left_wrist"] = (("left_wrist", "left_elbow"), ("left_middle_knuckle", "left_wrist"))
    for finger in _FINGER_NAMES:
        chain = ("base", "mid", "tip") if finger == "thumb" else ("knuckle", "mid", "tip")
        first, second, third = (f"left_{finger}_{part}" for part in chain)
        out[first] = ((first, "left_wrist"), (second, first))
        out[second] = ((second, first), (third, second))
        out[third] = ((second, first), (third, second))
    out["left_knee"] = (("left_knee", "left_hip"), ("left_ankle", "left_knee"))
    out["left_ankle"] = (("left_ankle", "left_knee"), ("left_toe", "left_ankle"))
    out["left_heel"] = out["left_toe"] = (("left_heel", "left_ankle"), ("left_toe", "left_heel"))
    return out


BASIS = _bases()
"""For each joint (of a pair the left one) the vectors, (end, begin), along which its definition may differ."""

DEFINITIONS: dict[str, tuple[float, ...]] = {
    "nose": (-0.04, -0.16),
    "forehead": (0.01, 0.06),
    "chin": (-0.04, 0.12),
    "upper_lip": (-0.02, 0.06),
    "lower_lip": (-0.04, 0.04),
    "left_eye": (-0.03, 0.01, -0.15),
    "left_ear": (-0.12, -0.01, 0.21),
    "left_mouth": (-0.02, -0.07, -0.04),
    "left_brow": (0.05, -0.04, -0.03),
    "left_cheek": (-0.02, -0.04, 0.05),
    "left_shoulder": (-0.03, -0.02),
    "left_hip": (0.06, -0.04, 0.05),
    "left_elbow": (-0.03, -0.02),
    "left_wrist": (0.00, 0.18),
    "left_index_knuckle": (0.01, -0.15),
    "left_index_mid": (-0.18, 0.06),
    "left_index_tip": (0.02, -0.08),
    "left_middle_knuckle": (0.01, -0.22),
    "left_middle_mid": (-0.26, 0.05),
    "left_middle_tip": (-0.06, -0.10),
    "left_ring_knuckle": (0.00, -0.18),
    "left_ring_mid": (-0.23, 0.04),
    "left_ring_tip": (0.01, -0.14),
    "left_pinky_knuckle": (-0.07, -0.03),
    "left_pinky_mid": (-0.24, 0.05),
    "left_pinky_tip": (0.12, -0.21),
}
"""Where the estimator sees a joint, as shares of the vectors of `BASIS`."""


def vectors(points: np.ndarray, joint: str) -> np.ndarray:
    """The vectors of `BASIS` of a joint, (..., 2, n), in points (..., 62, 2). A right joint mirrors the left one."""
    right = joint.startswith("right_")

    def place(name: str) -> np.ndarray:
        if name in ("ears", "shoulders", "hips"):  # the middle between left and right
            return points[..., [_NAMES.index(f"{side}_{name[:-1]}") for side in ("left", "right")], :].mean(-2)
        return points[..., _NAMES.index(_mirrored(name) if right else name), :]

    basis = BASIS[_mirrored(joint) if right else joint]
    return np.stack([place(end) - place(begin) for end, begin in basis], -1)


def _mirrored(name: str) -> str:
    side, _, part = name.partition("_")
    return {"left": f"right_{part}", "right": f"left_{part}"}.get(side, name)


@lru_cache
def _definition_matrix() -> np.ndarray:
    """(62, 62): the estimator's joints as weighted sums of the synthetic ones."""
    unit = np.eye(len(_NAMES), dtype=np.float32)[:, :, None]  # a joint's coordinate in the place of x
    matrix = unit[..., 0].copy()
    for name in _NAMES:
        weights = DEFINITIONS.get(_mirrored(name) if name.startswith("right_") else name)
        if weights is not None:
            matrix[:, _NAMES.index(name)] += vectors(unit, name)[:, 0] @ np.array(weights, np.float32)
    return np.ascontiguousarray(matrix.T)


def redefine(points: np.ndarray) -> np.ndarray:
    """Points (..., 62, 2) of the synthetic body where the estimator would see them."""
    return _definition_matrix() @ points
