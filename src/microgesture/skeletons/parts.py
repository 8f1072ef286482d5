"""Which parts of a body are seen, from the points that are known: what a gesture of a part needs, to be one at all."""

from __future__ import annotations

import numpy as np

from microgesture.skeletons.layouts import GESTURE_62

PARTS = ("hands", "legs", "face", "head", "trunk")
"""Parts of the body that move by themselves."""

ENOUGH = 0.5
"""Share of its time for which the part that makes a gesture must be seen."""

NEEDED = {
    **dict.fromkeys(("upper limb", "body-hand", "head-hand", "leg-hand"), "hands"),
    "lower limb": "legs",
    "head": "head",
    "body": "trunk",
}
"""Part that the gestures of each body region are told by."""


def _indices(*ends: str) -> np.ndarray:
    return np.array([i for i, name in enumerate(GESTURE_62.joints) if name.endswith(ends)])


_FINGERS = ("_base", "_mid", "_tip", "_knuckle")
_HANDS = tuple(
    (
        GESTURE_62.index(f"{side}_wrist"),
        np.array([i for i in _indices(*_FINGERS) if GESTURE_62.joints[i].startswith(side)]),
    )
    for side in ("left", "right")
)
_MESH = _indices("forehead", "chin", "_lip", "_brow", "_cheek")
_OTHERS: tuple[tuple[tuple[np.ndarray, int], ...], ...] = (
    ((_indices("_knee"), 1), (_indices("_ankle"), 1)),
    ((_MESH, len(_MESH) // 2),),
    ((_indices("nose", "_eye", "_ear"), 2),),
    ((_indices("_shoulder"), 2),),
)
"""Legs, face, head, trunk: sets of points with how many of each make the part seen; any one set will do."""


def parts_seen(known: np.ndarray) -> np.ndarray:
    """Known points (..., 62) of layout "gesture-62", bool, to (..., 6): the left hand, the right hand, legs, face,
    head, trunk. A hand is seen by its wrist or three of its finger points."""
    hands = [known[..., wrist] | (known[..., fingers].sum(-1) >= 3) for wrist, fingers in _HANDS]
    others = [np.any([known[..., points].sum(-1) >= least for points, least in sets], axis=0) for sets in _OTHERS]
    return np.stack([*hands, *others], -1)


def of_parts(seen: np.ndarray) -> np.ndarray:
    """(..., 6) of `parts_seen` to (..., 5), one a member of `PARTS`: either hand counts as hands."""
    return np.concatenate([seen[..., :2].any(-1, keepdims=True), seen[..., 2:]], -1)
