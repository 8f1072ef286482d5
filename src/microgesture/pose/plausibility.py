"""Whether a pose can be a person: estimators also find people in coats, chairs and noise."""

from __future__ import annotations

import numpy as np

from microgesture.pose.estimator import Pose
from microgesture.skeletons.layouts import LAYOUTS

SURE = 0.5
"""A head or a pair of shoulders counts as seen when its points have this score."""

_SHOULDERS = ("left_shoulder", "right_shoulder")
_FACE = ("forehead", "chin", "upper_lip")
_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
_SHOULDER_WIDTH = (0.02, 1.0)  # of the picture's longer side; a person seen from the side is narrow
_HEAD_WIDTH = (0.004, 0.5)
_CLOSE_UP = 1.0
"""A face that the face model found may fill the picture: a close-up is a person whose hands cannot be seen."""
_EDGE = 0.02


def is_person(pose: Pose, layout: str, size: tuple[int, int]) -> bool:
    """Whether `pose` shows enough of a person in a picture of `size` (width, height).

    Enough is a face that the face model found, or both shoulders, or nose and both eyes or an eye and an ear, all
    inside the picture and of a possible size. A layout without these points is taken as it is.
    """
    joints = {name: k for k, name in enumerate(LAYOUTS[layout].joints)}
    if not any(name in joints for name in (*_SHOULDERS, *_HEAD)):
        return bool((pose.scores >= SURE).any())
    inside = _inside(pose, size)
    seen = {name for name, k in joints.items() if inside[k] and pose.scores[k] >= SURE}
    longer = max(size)

    def spread(names: tuple[str, ...]) -> float:
        points = pose.points[[joints[name] for name in names if name in seen]]
        return float(np.linalg.norm(np.ptp(points, axis=0))) / longer if len(points) else 0.0

    shoulders = seen.issuperset(_SHOULDERS) and _SHOULDER_WIDTH[0] <= spread(_SHOULDERS) <= _SHOULDER_WIDTH[1]
    face = seen.issuperset(_FACE) or ("nose" in seen and sum(name in seen for name in _HEAD) >= 3)
    mesh = seen.issuperset(_FACE)
    largest = _CLOSE_UP if mesh else _HEAD_WIDTH[1]
    head = face and _HEAD_WIDTH[0] <= spread(_FACE if mesh else _HEAD) <= largest
    if head and not shoulders:  # shoulders in sight but far too wide for this head belong to no person
        head = spread(_SHOULDERS) <= _SHOULDER_WIDTH[1]
    return shoulders or head


def _inside(pose: Pose, size: tuple[int, int]) -> np.ndarray:
    margin = _EDGE * max(size)
    x, y = pose.points.T
    return (x >= -margin) & (x <= size[0] + margin) & (y >= -margin) & (y <= size[1] + margin)
