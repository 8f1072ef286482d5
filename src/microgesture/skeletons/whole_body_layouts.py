"""Layouts of body, hands and face together.

A hand has 21 points in the same order everywhere (OpenPose, COCO-WholeBody, MediaPipe): the root, then thumb, index,
middle, ring and little finger from the base to the tip. A face of 68 points is that of iBUG 300-W, which begins at the
person's right ear; OpenPose adds the two pupils. The names of single points are ours.
"""

from __future__ import annotations

from microgesture.skeletons.body_layouts import BODY_25, COCO_17, FINGERS, MEDIAPIPE_33, MEDIAPIPE_SIDES
from microgesture.skeletons.skeleton import both_sides, make_layout

_FACE_MARKS = ("forehead", "chin", "upper_lip", "lower_lip", "left_brow", "right_brow", "left_cheek", "right_cheek")
_HAND_CHAINS = (
    *both_sides("wrist thumb_base", "thumb_base thumb_knuckle", "thumb_knuckle thumb_mid", "thumb_mid thumb_tip"),
    *(
        bone
        for f in FINGERS
        for bone in both_sides(f"wrist {f}_knuckle", f"{f}_knuckle {f}_mid", f"{f}_mid {f}_dip", f"{f}_dip {f}_tip")
    ),
)
_HAND_MORE = (
    *("thumb_base", "thumb_knuckle", "thumb_tip"),
    *(
        f"{f}_{part}"
        for f in FINGERS
        for part in ("knuckle", "mid", "dip", "tip")
        if f"{f}_{part}" not in MEDIAPIPE_SIDES
    ),
)

MEDIAPIPE_HOLISTIC = make_layout(
    "mediapipe-holistic",
    (
        *MEDIAPIPE_33.joints,
        *(f"{side}_{part}" for side in ("left", "right") for part in _HAND_MORE),
        *_FACE_MARKS,
    ),
    (
        *both_sides("|nose eye_inner", "eye_inner eye", "eye eye_outer", "eye_outer ear", "|nose mouth"),
        *both_sides("|nose shoulder", "shoulder elbow", "elbow wrist", "|nose brow", "|nose cheek"),
        *both_sides("shoulder hip", "hip knee", "knee ankle", "ankle heel", "heel toe"),
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
    *(f"{f}_{p}" for f in FINGERS for p in ("knuckle", "mid", "tip")),
)

GESTURE_62 = make_layout(
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
        *both_sides("|nose eye", "eye ear", "|nose mouth", "|nose brow", "|nose cheek"),
        *(("nose", mark) for mark in ("forehead", "chin", "upper_lip", "lower_lip")),
        *both_sides("|neck shoulder", "shoulder elbow", "elbow wrist"),
        *both_sides("wrist thumb_base", "thumb_base thumb_mid", "thumb_mid thumb_tip"),
        *(b for f in FINGERS for b in both_sides(f"wrist {f}_knuckle", f"{f}_knuckle {f}_mid", f"{f}_mid {f}_tip")),
        *both_sides("|neck hip", "hip knee", "knee ankle", "ankle heel", "ankle toe"),
    ),
    "neck",
)
"""What the built-in recogniser reads: every point that the synthetic body and the estimators share."""

_HAND_PARTS = (
    *("hand_root", "thumb_base", "thumb_knuckle", "thumb_mid", "thumb_tip"),
    *(f"{f}_{part}" for f in FINGERS for part in ("knuckle", "mid", "dip", "tip")),
)
_HANDS = tuple(f"{side}_{part}" for side in ("left", "right") for part in _HAND_PARTS)
_HAND_BONES = (
    *both_sides("wrist hand_root", "hand_root thumb_base", "thumb_base thumb_knuckle"),
    *both_sides("thumb_knuckle thumb_mid", "thumb_mid thumb_tip"),
    *(
        bone
        for f in FINGERS
        for bone in both_sides(f"hand_root {f}_knuckle", f"{f}_knuckle {f}_mid", f"{f}_mid {f}_dip", f"{f}_dip {f}_tip")
    ),
)

_FACE_68 = (
    *(f"right_jaw_{i}" for i in range(8)),
    "chin",
    *(f"left_jaw_{i}" for i in reversed(range(8))),
    *("right_brow_outer", "right_brow_1", "right_brow", "right_brow_3", "right_brow_inner"),
    *("left_brow_inner", "left_brow_3", "left_brow", "left_brow_1", "left_brow_outer"),
    *("nose_bridge_0", "nose_bridge_1", "nose_bridge_2", "nose_tip"),
    *("right_nostril", "right_nostril_inner", "nose_base", "left_nostril_inner", "left_nostril"),
    *("right_eye_outer", "right_lid_upper_1", "right_lid_upper_2"),
    *("right_eye_inner", "right_lid_lower_2", "right_lid_lower_1"),
    *("left_eye_inner", "left_lid_upper_2", "left_lid_upper_1"),
    *("left_eye_outer", "left_lid_lower_1", "left_lid_lower_2"),
    *("right_mouth", "right_upper_lip_1", "right_upper_lip_2", "upper_lip"),
    *("left_upper_lip_2", "left_upper_lip_1", "left_mouth"),
    *("left_lower_lip_1", "left_lower_lip_2", "lower_lip", "right_lower_lip_2", "right_lower_lip_1"),
    *("right_mouth_inner", "right_upper_lip_inner", "upper_lip_inner", "left_upper_lip_inner", "left_mouth_inner"),
    *("left_lower_lip_inner", "lower_lip_inner", "right_lower_lip_inner"),
)
"""iBUG 300-W: jaw 0..16, brows 17..26, nose 27..35, eyes 36..47, outer lips 48..59, inner lips 60..67."""

_FACE_68_BONES = (
    *both_sides("|chin jaw_7", *(f"jaw_{i + 1} jaw_{i}" for i in reversed(range(7)))),
    *both_sides("|nose_bridge_0 brow_inner", "brow_inner brow_3", "brow_3 brow", "brow brow_1", "brow_1 brow_outer"),
    *(("nose", "nose_tip"), ("nose_tip", "nose_bridge_2"), ("nose_tip", "nose_base")),
    *(("nose_bridge_2", "nose_bridge_1"), ("nose_bridge_1", "nose_bridge_0")),
    *both_sides("|nose_base nostril_inner", "nostril_inner nostril", "|nose_bridge_0 eye_inner"),
    *both_sides("eye_inner lid_upper_2", "lid_upper_2 lid_upper_1", "lid_upper_1 eye_outer"),
    *both_sides("eye_inner lid_lower_2", "lid_lower_2 lid_lower_1"),
    *(("nose_base", "upper_lip"), ("upper_lip", "upper_lip_inner"), ("upper_lip_inner", "lower_lip_inner")),
    *(("lower_lip_inner", "lower_lip"), ("lower_lip", "chin")),
    *both_sides("|upper_lip upper_lip_2", "upper_lip_2 upper_lip_1", "upper_lip_1 mouth"),
    *both_sides("|upper_lip_inner upper_lip_inner", "upper_lip_inner mouth_inner"),
    *both_sides("|lower_lip lower_lip_2", "lower_lip_2 lower_lip_1", "|lower_lip_inner lower_lip_inner"),
)

OPENPOSE_137 = make_layout(
    "openpose-137",
    (*BODY_25.joints, *_FACE_68, "right_pupil", "left_pupil", *_HANDS),
    (*BODY_25.bones, *_FACE_68_BONES, *both_sides("eye pupil"), *_HAND_BONES),
    "neck",
)
"""OpenPose with `--face --hand`: BODY_25, 70 face points, left hand, right hand."""

_PICKED = (*range(8), *range(15, 19), 27, 29, 33, 37, 39, 44, 49, 52, 73, 76, 79, 82)
_PICKED_HANDS = (95, 99, 103, 107, 111, 115, 116, 120, 124, 128, 132, 136)
_JAW = ("|nose_bridge_0 brow", "brow jaw_2", "jaw_2 jaw_4", "|upper_lip mouth")
OPENPOSE_36 = make_layout(
    "openpose-36",
    tuple(OPENPOSE_137.joints[i] for i in (*_PICKED, *_PICKED_HANDS)),
    (
        *(("nose", "neck"), ("nose", "nose_bridge_0"), ("nose_bridge_0", "chin")),
        *(("nose_bridge_0", "upper_lip"), ("chin", "lower_lip")),
        *both_sides("|nose eye", "eye ear", "|neck shoulder", "shoulder elbow", "elbow wrist", "wrist hand_root"),
        *both_sides(*_JAW, *(f"hand_root {tip}_tip" for tip in ("thumb", *FINGERS))),
    ),
    "neck",
)
"""The points of "openpose-137" that MM-Gesture (arXiv 2507.08344) reads, in its order: upper body, twelve of the face,
root and tips of both hands. The bones are a tree, ours; its maps draw the limbs in `encoders.heatmaps.LIMBS`."""

OPENPOSE_140 = make_layout(
    "openpose-140",
    (*OPENPOSE_137.joints, "forehead", "left_cheek", "right_cheek"),
    (*OPENPOSE_137.bones, ("nose_bridge_0", "forehead"), *both_sides("|nose cheek")),
    "neck",
)
"""OpenPose's points, and the three of "gesture-62" that it does not have; what `write_openpose` writes."""

COCO_WHOLEBODY_133 = make_layout(
    "coco-wholebody-133",
    (
        *COCO_17.joints,
        *(f"{side}_{part}" for side in ("left", "right") for part in ("toe", "small_toe", "heel")),
        *_FACE_68,
        *_HANDS,
    ),
    (
        *COCO_17.bones,
        *both_sides("ankle toe", "toe small_toe", "ankle heel"),
        *_FACE_68_BONES,
        *_HAND_BONES,
    ),
    "nose",
)
"""COCO-WholeBody: COCO-17, six points of the feet, 68 of the face, left hand, right hand."""

_COARSE = {"pinky_knuckle": "pinky_coarse", "index_knuckle": "index_coarse", "thumb_mid": "thumb_coarse"}
_COARSE_SIDES = {f"{side}_{a}": f"{side}_{b}" for side in ("left", "right") for a, b in _COARSE.items()}
MEDIAPIPE_75 = make_layout(
    "mediapipe-75",
    (*(_COARSE_SIDES.get(joint, joint) for joint in MEDIAPIPE_33.joints), *_HANDS),
    (*((a, _COARSE_SIDES.get(b, b)) for a, b in MEDIAPIPE_33.bones), *_HAND_BONES),
    "nose",
)
"""MediaPipe's 33 points of the body, then 21 of the left and 21 of the right hand. The body model's own three points
of a hand are called coarse here, the names of the fingers belong to the hand model."""
