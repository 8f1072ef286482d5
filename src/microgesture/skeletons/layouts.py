"""Keypoint layouts by name, and conversion between them.

A layout is data. Joint names are shared between layouts (`left_wrist` is the same point everywhere), left and
right are the *person's*, and conversion goes by name, with the fall-backs of `FALLBACKS` where a layout lacks
a point that another one can be computed from.

Sources: COCO keypoint task (17); COCO-WholeBody (133; Jin et al., ECCV 2020); OpenPose output formats BODY_25, COCO
(18), face (70), hand (21); MediaPipe Pose (33) and Hand landmarker (21); Kinect v2 `JointType` (25, also NTU RGB+D);
Kinect v1 `NUI_SKELETON_POSITION_INDEX` (20); OpenNI and NiTE 2 (15); the iMiGUE selections of BODY_25 plus fingertips
(22 and 35). Layouts of one's own are files (`layout_files`).
"""

from __future__ import annotations

import logging
from functools import cache

import numpy as np

from microgesture.errors import DataError
from microgesture.skeletons.body_layouts import (
    BODY_25,
    COCO_17,
    IMIGUE_22,
    IMIGUE_35,
    KINECT_20,
    KINECT_25,
    MEDIAPIPE_33,
    NITE_15,
    NTU_25,
    NTU_RGBD,
    OPENNI_15,
    OPENPOSE_18,
    OPENPOSE_KINETICS,
    SYNTHETIC,
)
from microgesture.skeletons.skeleton import Layout
from microgesture.skeletons.whole_body_layouts import (
    COCO_WHOLEBODY_133,
    GESTURE_62,
    MEDIAPIPE_75,
    MEDIAPIPE_HOLISTIC,
    OPENPOSE_36,
    OPENPOSE_137,
    OPENPOSE_140,
)

log = logging.getLogger(__name__)

__all__ = [
    "BODY_25",
    "COCO_17",
    "COCO_WHOLEBODY_133",
    "EXTRAPOLATED",
    "FALLBACKS",
    "GESTURE_62",
    "IMIGUE_22",
    "IMIGUE_35",
    "KINECT_20",
    "KINECT_25",
    "LAYOUTS",
    "MEDIAPIPE_33",
    "MEDIAPIPE_75",
    "MEDIAPIPE_HOLISTIC",
    "NITE_15",
    "NTU_25",
    "NTU_RGBD",
    "OPENNI_15",
    "OPENPOSE_18",
    "OPENPOSE_36",
    "OPENPOSE_137",
    "OPENPOSE_140",
    "OPENPOSE_KINETICS",
    "SYNTHETIC",
    "Layout",
    "check_joints",
    "convert",
    "convert_scores",
]

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        *(SYNTHETIC, COCO_17, BODY_25, MEDIAPIPE_33, MEDIAPIPE_HOLISTIC, KINECT_25, IMIGUE_22),
        *(GESTURE_62, OPENPOSE_18, OPENPOSE_137, OPENPOSE_140, COCO_WHOLEBODY_133, IMIGUE_35, NTU_25, MEDIAPIPE_75),
        *(NTU_RGBD, OPENPOSE_KINETICS, KINECT_20, OPENNI_15, NITE_15, OPENPOSE_36),
    )
}

FALLBACKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "neck": (("spine_shoulder",), ("left_shoulder", "right_shoulder")),
    "spine_shoulder": (("left_shoulder", "right_shoulder"), ("neck",)),
    "pelvis": (("spine_base",), ("left_hip", "right_hip")),
    "spine_base": (("pelvis",), ("left_hip", "right_hip")),
    "spine": (("spine_mid",), ("neck", "pelvis"), ("left_shoulder", "right_shoulder", "left_hip", "right_hip")),
    "spine_mid": (("spine",), ("neck", "pelvis"), ("left_shoulder", "right_shoulder", "left_hip", "right_hip")),
    "head": (("left_ear", "right_ear"), ("left_eye", "right_eye")),
    "nose_tip": (("nose",),),
    **{
        f"{side}_{joint}": tuple(tuple(f"{side}_{source}" for source in group) for group in groups)
        for side in ("left", "right")
        for joint, groups in {
            "eye_inner": (("eye",),),
            "eye_outer": (("eye",),),
            "pupil": (("eye",),),
            "cheek": (("eye", "jaw_3"),),
            "hand_root": (("wrist",),),
            "wrist": (("hand",),),
            "ankle": (("foot",),),
            "hand": (("index_knuckle", "pinky_knuckle"), ("index_tip", "pinky_tip", "wrist")),
            "hand_tip": (("middle_tip",), ("index_knuckle",)),
            "thumb_tip": (("thumb_mid",),),
            "thumb_mid": (("thumb_tip",),),
            "foot": (("toe",), ("ankle",)),
            "toe": (("foot",),),
        }.items()
    },
}
"""How a missing joint is made: groups of joints in order of preference; the mean of the first group whose
members all exist. Only points of the layout itself count, never other fall-backs.

The cheek of a 68-point face is halfway from the eye to the jaw below it: 0.03 face heights (median) from the point of
MediaPipe's face mesh on 47 frames of real video."""

EXTRAPOLATED: dict[str, dict[str, float]] = {
    "forehead": {"left_brow": 0.7, "right_brow": 0.7, "nose": -0.4},
}
"""Joints that no mean can make: weights that add up to 1. Mid-forehead lies beyond the brows by 0.4 of their height
above the nose: 0.02 face heights (median) from the point of MediaPipe's face mesh on the same frames."""


def convert(points: np.ndarray, from_layout: Layout | str, to_layout: Layout | str) -> np.ndarray:
    """Points of one layout as points of another: `(..., V, C)` to `(..., V', C)`, by joint name.

    A joint that the source neither has nor can stand in for (`FALLBACKS`, `EXTRAPOLATED`) is NaN. Raises
    `DataError` when the joint axis does not fit the source layout.
    """
    source, target = _resolve(from_layout), _resolve(to_layout)
    points = np.asarray(points)
    if points.ndim < 2 or points.shape[-2] != len(source):
        raise DataError(f"points {points.shape} do not fit layout '{source.name}' with {len(source)} joints")
    out = np.full((*points.shape[:-2], len(target), points.shape[-1]), np.nan, dtype=_floating(points))
    for position, (indices, weights) in enumerate(_sources(source, target)):
        if weights:
            out[..., position, :] = (points[..., indices, :] * np.array(weights, dtype=out.dtype)[:, None]).sum(axis=-2)
        elif indices:
            out[..., position, :] = points[..., indices, :].mean(axis=-2)
    return out


def convert_scores(scores: np.ndarray, from_layout: Layout | str, to_layout: Layout | str) -> np.ndarray:
    """Scores `(..., V)` to `(..., V')`: of a computed point the least of its parts, 0 where there is no point."""
    source, target = _resolve(from_layout), _resolve(to_layout)
    scores = np.asarray(scores)
    if scores.ndim < 1 or scores.shape[-1] != len(source):
        raise DataError(f"scores {scores.shape} do not fit layout '{source.name}' with {len(source)} joints")
    out = np.zeros((*scores.shape[:-1], len(target)), dtype=_floating(scores))
    for position, (indices, _) in enumerate(_sources(source, target)):
        if indices:
            out[..., position] = scores[..., indices].min(axis=-1)
    return out


@cache
def check_joints(source: Layout, target: Layout) -> None:
    """Say once which joints of a layout cannot be made from another's; they lie at the origin with score 0.

    Raises `DataError` when none can be made, or not even half of a layout of the user's own, whose names are others.
    """
    made = convert_scores(np.ones(len(source)), source, target)
    lacking = [joint for joint, score in zip(target.joints, made, strict=True) if score == 0]
    if len(lacking) == len(target) or (target.name not in LAYOUTS and 2 * len(lacking) > len(target)):
        what = f"{len(lacking)} of {len(target)} joints of '{target.name}' cannot be made from those of '{source.name}'"
        raise DataError(f"{what}, the first is {lacking[0]}: joints are matched by their names")
    if lacking:
        listed = ", ".join(lacking[:4]) + (", ..." if len(lacking) > 4 else "")
        log.warning(
            "%d of %d joints of %s cannot be made from %s and are never seen: %s",
            *(len(lacking), len(made), target.name, source.name, listed),
        )


def _sources(source: Layout, target: Layout) -> list[tuple[list[int], list[float]]]:
    """For every joint of `target` the indices in `source` that it is the mean of, none when it cannot be made.

    With weights, one an index, it is their weighted sum instead.
    """
    have = {joint: i for i, joint in enumerate(source.joints)}
    found: list[tuple[list[int], list[float]]] = []
    for joint in target.joints:
        groups = ((joint,), *FALLBACKS.get(joint, ()))
        usable = next((group for group in groups if all(name in have for name in group)), ())
        weights = {} if usable else EXTRAPOLATED.get(joint, {})
        if weights and all(name in have for name in weights):
            found.append(([have[name] for name in weights], list(weights.values())))
        else:
            found.append(([have[name] for name in usable], []))
    return found


def _floating(array: np.ndarray) -> np.dtype:
    return array.dtype if np.issubdtype(array.dtype, np.floating) else np.dtype(np.float64)


def _resolve(layout: Layout | str) -> Layout:
    if isinstance(layout, Layout):
        return layout
    try:
        return LAYOUTS[layout]
    except KeyError:
        raise DataError(f"no keypoint layout '{layout}': known are {', '.join(LAYOUTS)}") from None
