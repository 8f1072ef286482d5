"""Keypoint layouts: which joints a skeleton has, which bones join them, what mirrors what.

A layout is data. Joint names are shared between layouts (`left_wrist` is the same point everywhere), left and
right are the *person's*, and conversion goes by name, with the fall-backs of `FALLBACKS` where a layout lacks
a point that another one can be computed from.

Sources: COCO keypoint task (17); OpenPose BODY_25 output format; MediaPipe Pose landmarker (33); Kinect v2
`JointType` (25, also NTU RGB+D); the iMiGUE selection of BODY_25 plus fingertips (22).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microgesture.errors import DataError
from microgesture.synthetic.performance import JOINTS as SYNTHETIC_JOINTS


@dataclass(frozen=True)
class Layout:
    """One keypoint layout.

    `joints` are the names in array order; `bones` are (parent, child) name pairs that form a tree; `center` is
    the joint that normalisation puts at the origin; `flip` are (left, right) name pairs that swap in a mirror.
    Raises `DataError` when names repeat, the bones are not a tree, or a pair names an unknown or used joint.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[str, str], ...]
    center: str
    flip: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        known = set(self.joints)
        if len(known) != len(self.joints):
            raise DataError(f"layout '{self.name}': a joint name stands twice")
        mirrored = [joint for pair in self.flip for joint in pair]
        named = {self.center, *mirrored, *(joint for bone in self.bones for joint in bone)}
        if unknown := sorted(named - known):
            raise DataError(f"layout '{self.name}': unknown joints {', '.join(unknown)}")
        if len(set(mirrored)) != len(mirrored):
            raise DataError(f"layout '{self.name}': a joint stands in two flip pairs")
        if not self._is_tree():
            raise DataError(f"layout '{self.name}': the bones are not a tree over all joints")

    def _is_tree(self) -> bool:
        reached, rest = {self.center}, list(self.bones)
        while True:
            touching = [bone for bone in rest if (bone[0] in reached) != (bone[1] in reached)]
            if not touching:
                return len(reached) == len(self.joints) == len(self.bones) + 1
            bone = touching[0]
            reached.update(bone)
            rest.remove(bone)

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Position of a joint in the arrays. Raises `DataError` when the layout has no such joint."""
        try:
            return self.joints.index(joint)
        except ValueError:
            raise DataError(f"layout '{self.name}' has no joint '{joint}'") from None

    @property
    def edges(self) -> np.ndarray:
        """Bones as index pairs, int64 `(V - 1, 2)`."""
        return np.array([(self.index(a), self.index(b)) for a, b in self.bones], dtype=np.int64)

    @property
    def flip_permutation(self) -> np.ndarray:
        """`points[:, permutation]` of a mirrored picture are the mirrored person's joints; int64 `(V,)`."""
        permutation = np.arange(len(self.joints), dtype=np.int64)
        for left, right in self.flip:
            a, b = self.index(left), self.index(right)
            permutation[[a, b]] = b, a
        return permutation


def _mirror_pairs(joints: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(left_x, right_x) for every name that has both sides."""
    names = set(joints)
    lefts = (joint for joint in joints if joint.startswith("left_"))
    return tuple((left, f"right_{left[5:]}") for left in lefts if f"right_{left[5:]}" in names)


def _both_sides(*bones: str) -> tuple[tuple[str, str], ...]:
    """`"shoulder elbow"` becomes the bone on the left and on the right; a name after `|` has no side."""
    pairs = []
    for bone in bones:
        parent, child = bone.split()
        for side in ("left", "right"):
            start = parent[1:] if parent.startswith("|") else f"{side}_{parent}"
            pairs.append((start, f"{side}_{child}"))
    return tuple(pairs)


def _layout(name: str, joints: Sequence[str], bones: Sequence[tuple[str, str]], center: str) -> Layout:
    return Layout(name, tuple(joints), tuple(bones), center, _mirror_pairs(joints))


_FINGERS = ("index", "middle", "ring", "pinky")
_TIPS = ("thumb_tip", "index_tip", "middle_tip", "ring_tip", "pinky_tip")

SYNTHETIC = _layout(
    "synthetic",
    SYNTHETIC_JOINTS,
    (
        ("pelvis", "spine"),
        ("spine", "chest"),
        ("chest", "neck"),
        ("neck", "head"),
        *(("head", j) for j in ("head_top", "head_back", "forehead", "nose", "upper_lip", "lower_lip", "chin")),
        *_both_sides("|head eye", "|head ear", "|head brow", "|head cheek", "|head mouth"),
        *_both_sides("|neck shoulder", "shoulder elbow", "elbow wrist"),
        *_both_sides("wrist thumb_base", "thumb_base thumb_mid", "thumb_mid thumb_tip"),
        *(
            bone
            for f in _FINGERS
            for bone in _both_sides(f"wrist {f}_knuckle", f"{f}_knuckle {f}_mid", f"{f}_mid {f}_tip")
        ),
        *_both_sides("|pelvis hip", "hip knee", "knee ankle", "ankle heel", "ankle toe"),
    ),
    "pelvis",
)

_COCO_BODY = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO_17 = _layout(
    "coco-17",
    ("nose", *(f"{side}_{part}" for part in _COCO_BODY for side in ("left", "right"))),
    (
        *_both_sides("|nose eye", "eye ear", "|nose shoulder", "shoulder elbow", "elbow wrist"),
        *_both_sides("shoulder hip", "hip knee", "knee ankle"),
    ),
    "nose",
)

BODY_25 = _layout(
    "body-25",
    (
        "nose",
        "neck",
        *(f"{side}_{part}" for side in ("right", "left") for part in ("shoulder", "elbow", "wrist")),
        "pelvis",
        *(f"{side}_{part}" for side in ("right", "left") for part in ("hip", "knee", "ankle")),
        "right_eye",
        "left_eye",
        "right_ear",
        "left_ear",
        *(f"{side}_{part}" for side in ("left", "right") for part in ("toe", "small_toe", "heel")),
    ),
    (
        ("neck", "nose"),
        ("neck", "pelvis"),
        *_both_sides("|nose eye", "eye ear", "|neck shoulder", "shoulder elbow", "elbow wrist"),
        *_both_sides("|pelvis hip", "hip knee", "knee ankle", "ankle toe", "toe small_toe", "ankle heel"),
    ),
    "neck",
)

_MEDIAPIPE_BODY = (
    *("mouth", "shoulder", "elbow", "wrist", "pinky_knuckle", "index_knuckle", "thumb_mid"),
    *("hip", "knee", "ankle", "heel", "toe"),
)
MEDIAPIPE_33 = _layout(
    "mediapipe-33",
    (
        "nose",
        *(f"{side}_{part}" for side in ("left", "right") for part in ("eye_inner", "eye", "eye_outer")),
        "left_ear",
        "right_ear",
        *(f"{side}_{part}" for part in _MEDIAPIPE_BODY for side in ("left", "right")),
    ),
    (
        *_both_sides("|nose eye_inner", "eye_inner eye", "eye eye_outer", "eye_outer ear", "|nose mouth"),
        *_both_sides("|nose shoulder", "shoulder elbow", "elbow wrist"),
        *_both_sides("wrist pinky_knuckle", "wrist index_knuckle", "wrist thumb_mid"),
        *_both_sides("shoulder hip", "hip knee", "knee ankle", "ankle heel", "heel toe"),
    ),
    "nose",
)

_KINECT_ARM = ("shoulder", "elbow", "wrist", "hand")
_KINECT_LEG = ("hip", "knee", "ankle", "foot")
KINECT_25 = _layout(
    "kinect-25",
    (
        *("spine_base", "spine_mid", "neck", "head"),
        *(f"{side}_{part}" for side in ("left", "right") for part in _KINECT_ARM),
        *(f"{side}_{part}" for side in ("left", "right") for part in _KINECT_LEG),
        *("spine_shoulder", "left_hand_tip", "left_thumb_tip", "right_hand_tip", "right_thumb_tip"),
    ),
    (
        ("spine_base", "spine_mid"),
        ("spine_mid", "spine_shoulder"),
        ("spine_shoulder", "neck"),
        ("neck", "head"),
        *_both_sides("|spine_shoulder shoulder", "shoulder elbow", "elbow wrist", "wrist hand"),
        *_both_sides("hand hand_tip", "wrist thumb_tip"),
        *_both_sides("|spine_base hip", "hip knee", "knee ankle", "ankle foot"),
    ),
    "spine_shoulder",
)

IMIGUE_22 = _layout(
    "imigue-22",
    (
        "nose",
        "neck",
        *(f"{side}_{part}" for side in ("right", "left") for part in ("shoulder", "elbow", "wrist")),
        *("right_eye", "left_eye", "right_ear", "left_ear"),
        *(f"{side}_{tip}" for side in ("right", "left") for tip in _TIPS),
    ),
    (
        ("nose", "neck"),
        *_both_sides("|neck shoulder", "shoulder elbow", "elbow wrist", "|nose eye", "eye ear"),
        *(bone for tip in _TIPS for bone in _both_sides(f"wrist {tip}")),
    ),
    "neck",
)
"""Points 2..4 of BODY_25 are the person's right arm, so 2..4 here are right and the first five fingertips are
those of the right hand. Files differ in which hand comes first: a reader puts them in this order."""

_FACE_MARKS = ("forehead", "chin", "upper_lip", "lower_lip", "left_brow", "right_brow", "left_cheek", "right_cheek")
_HAND_CHAINS = (
    *_both_sides("wrist thumb_base", "thumb_base thumb_knuckle", "thumb_knuckle thumb_mid", "thumb_mid thumb_tip"),
    *(
        bone
        for f in _FINGERS
        for bone in _both_sides(f"wrist {f}_knuckle", f"{f}_knuckle {f}_mid", f"{f}_mid {f}_dip", f"{f}_dip {f}_tip")
    ),
)
_HAND_MORE = (
    *("thumb_base", "thumb_knuckle", "thumb_tip"),
    *(
        f"{f}_{part}"
        for f in _FINGERS
        for part in ("knuckle", "mid", "dip", "tip")
        if f"{f}_{part}" not in _MEDIAPIPE_BODY
    ),
)

MEDIAPIPE_HOLISTIC = _layout(
    "mediapipe-holistic",
    (
        *MEDIAPIPE_33.joints,
        *(f"{side}_{part}" for side in ("left", "right") for part in _HAND_MORE),
        *_FACE_MARKS,
    ),
    (
        *_both_sides("|nose eye_inner", "eye_inner eye", "eye eye_outer", "eye_outer ear", "|nose mouth"),
        *_both_sides("|nose shoulder", "shoulder elbow", "elbow wrist", "|nose brow", "|nose cheek"),
        *_both_sides("shoulder hip", "hip knee", "knee ankle", "ankle heel", "heel toe"),
        *(("nose", mark) for mark in ("forehead", "chin", "upper_lip", "lower_lip")),
        *_HAND_CHAINS,
    ),
    "nose",
)
"""Body, hands and eight points of the face mesh. A hand has its 21 points: knuckle, mid, dip and tip of a finger are
MCP, PIP, DIP and TIP, of the thumb base, knuckle, mid and tip are CMC, MCP, IP and TIP. Where the hand model sees no
hand, the wrist, two knuckles and thumb_mid are those of the body model."""

_UPPER_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_mouth", "right_mouth", *_FACE_MARKS)
_HAND_SHORT = (
    "thumb_base",
    "thumb_mid",
    "thumb_tip",
    *(f"{f}_{p}" for f in _FINGERS for p in ("knuckle", "mid", "tip")),
)

GESTURE_62 = _layout(
    "gesture-62",
    (
        "neck",
        *_UPPER_FACE,
        *(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist") for side in ("left", "right")),
        *(f"{side}_{part}" for side in ("left", "right") for part in _HAND_SHORT),
        *(f"{side}_{part}" for part in ("hip", "knee", "ankle", "heel", "toe") for side in ("left", "right")),
    ),
    (
        ("neck", "nose"),
        *_both_sides("|nose eye", "eye ear", "|nose mouth", "|nose brow", "|nose cheek"),
        *(("nose", mark) for mark in ("forehead", "chin", "upper_lip", "lower_lip")),
        *_both_sides("|neck shoulder", "shoulder elbow", "elbow wrist"),
        *_both_sides("wrist thumb_base", "thumb_base thumb_mid", "thumb_mid thumb_tip"),
        *(b for f in _FINGERS for b in _both_sides(f"wrist {f}_knuckle", f"{f}_knuckle {f}_mid", f"{f}_mid {f}_tip")),
        *_both_sides("|neck hip", "hip knee", "knee ankle", "ankle heel", "ankle toe"),
    ),
    "neck",
)
"""What the built-in recogniser reads: every point that the synthetic body and the estimators share."""

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        *(SYNTHETIC, COCO_17, BODY_25, MEDIAPIPE_33, MEDIAPIPE_HOLISTIC, KINECT_25, IMIGUE_22),
        GESTURE_62,
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
    **{
        f"{side}_{joint}": tuple(tuple(f"{side}_{source}" for source in group) for group in groups)
        for side in ("left", "right")
        for joint, groups in {
            "eye_inner": (("eye",),),
            "eye_outer": (("eye",),),
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
members all exist. Only points of the layout itself count, never other fall-backs."""


def convert(points: np.ndarray, from_layout: Layout | str, to_layout: Layout | str) -> np.ndarray:
    """Points of one layout as points of another: `(..., V, C)` to `(..., V', C)`, by joint name.

    A joint that the source neither has nor can stand in for (`FALLBACKS`) is NaN. Raises `DataError` when
    the joint axis does not fit the source layout.
    """
    source, target = _resolve(from_layout), _resolve(to_layout)
    points = np.asarray(points)
    if points.ndim < 2 or points.shape[-2] != len(source):
        raise DataError(f"points {points.shape} do not fit layout '{source.name}' with {len(source)} joints")
    out = np.full((*points.shape[:-2], len(target), points.shape[-1]), np.nan, dtype=_floating(points))
    for position, indices in enumerate(_sources(source, target)):
        if indices:
            out[..., position, :] = points[..., indices, :].mean(axis=-2)
    return out


def convert_scores(scores: np.ndarray, from_layout: Layout | str, to_layout: Layout | str) -> np.ndarray:
    """Scores `(..., V)` to `(..., V')`: of a mean the least of its parts, 0 where there is no point."""
    source, target = _resolve(from_layout), _resolve(to_layout)
    scores = np.asarray(scores)
    if scores.ndim < 1 or scores.shape[-1] != len(source):
        raise DataError(f"scores {scores.shape} do not fit layout '{source.name}' with {len(source)} joints")
    out = np.zeros((*scores.shape[:-1], len(target)), dtype=_floating(scores))
    for position, indices in enumerate(_sources(source, target)):
        if indices:
            out[..., position] = scores[..., indices].min(axis=-1)
    return out


def _sources(source: Layout, target: Layout) -> list[list[int]]:
    """For every joint of `target` the indices in `source` whose mean it is; empty when there are none."""
    have = {joint: i for i, joint in enumerate(source.joints)}
    found: list[list[int]] = []
    for joint in target.joints:
        groups = ((joint,), *FALLBACKS.get(joint, ()))
        usable = next((group for group in groups if all(name in have for name in group)), ())
        found.append([have[name] for name in usable])
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
