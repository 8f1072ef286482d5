"""Layouts of the body, some with fingertips: COCO, OpenPose, MediaPipe Pose, Kinect and other depth cameras, iMiGUE,
the synthetic body."""

from __future__ import annotations

from dataclasses import replace

from microgesture.skeletons.skeleton import both_sides, make_layout
from microgesture.synthetic.people.performance import JOINTS as SYNTHETIC_JOINTS

FINGERS = ("index", "middle", "ring", "pinky")
TIPS = ("thumb_tip", "index_tip", "middle_tip", "ring_tip", "pinky_tip")

SYNTHETIC = make_layout(
    "synthetic",
    SYNTHETIC_JOINTS,
    (
        ("pelvis", "spine"),
        ("spine", "chest"),
        ("chest", "neck"),
        ("neck", "head"),
        *(("head", j) for j in ("head_top", "head_back", "forehead", "nose", "upper_lip", "lower_lip", "chin")),
        *both_sides("|head eye", "|head ear", "|head brow", "|head cheek", "|head mouth"),
        *both_sides("|neck shoulder", "shoulder elbow", "elbow wrist"),
        *both_sides("wrist thumb_base", "thumb_base thumb_mid", "thumb_mid thumb_tip"),
        *(
            bone
            for f in FINGERS
            for bone in both_sides(f"wrist {f}_knuckle", f"{f}_knuckle {f}_mid", f"{f}_mid {f}_tip")
        ),
        *both_sides("|pelvis hip", "hip knee", "knee ankle", "ankle heel", "ankle toe"),
    ),
    "pelvis",
)

_COCO_BODY = ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COCO_17 = make_layout(
    "coco-17",
    ("nose", *(f"{side}_{part}" for part in _COCO_BODY for side in ("left", "right"))),
    (
        *both_sides("|nose eye", "eye ear", "|nose shoulder", "shoulder elbow", "elbow wrist"),
        *both_sides("shoulder hip", "hip knee", "knee ankle"),
    ),
    "nose",
)

BODY_25 = make_layout(
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
        *both_sides("|nose eye", "eye ear", "|neck shoulder", "shoulder elbow", "elbow wrist"),
        *both_sides("|pelvis hip", "hip knee", "knee ankle", "ankle toe", "toe small_toe", "ankle heel"),
    ),
    "neck",
)

OPENPOSE_18 = make_layout(
    "openpose-18",
    (
        "nose",
        "neck",
        *(f"{side}_{part}" for side in ("right", "left") for part in ("shoulder", "elbow", "wrist")),
        *(f"{side}_{part}" for side in ("right", "left") for part in ("hip", "knee", "ankle")),
        *("right_eye", "left_eye", "right_ear", "left_ear"),
    ),
    (
        ("neck", "nose"),
        *both_sides("|nose eye", "eye ear", "|neck shoulder", "shoulder elbow", "elbow wrist"),
        *both_sides("|neck hip", "hip knee", "knee ankle"),
    ),
    "neck",
)
"""OpenPose's older body model, COCO: the key points of COCO-17 in another order, and the neck."""

MEDIAPIPE_SIDES = (
    *("mouth", "shoulder", "elbow", "wrist", "pinky_knuckle", "index_knuckle", "thumb_mid"),
    *("hip", "knee", "ankle", "heel", "toe"),
)
MEDIAPIPE_33 = make_layout(
    "mediapipe-33",
    (
        "nose",
        *(f"{side}_{part}" for side in ("left", "right") for part in ("eye_inner", "eye", "eye_outer")),
        "left_ear",
        "right_ear",
        *(f"{side}_{part}" for part in MEDIAPIPE_SIDES for side in ("left", "right")),
    ),
    (
        *both_sides("|nose eye_inner", "eye_inner eye", "eye eye_outer", "eye_outer ear", "|nose mouth"),
        *both_sides("|nose shoulder", "shoulder elbow", "elbow wrist"),
        *both_sides("wrist pinky_knuckle", "wrist index_knuckle", "wrist thumb_mid"),
        *both_sides("shoulder hip", "hip knee", "knee ankle", "ankle heel", "heel toe"),
    ),
    "nose",
)

_KINECT_ARM = ("shoulder", "elbow", "wrist", "hand")
_KINECT_LEG = ("hip", "knee", "ankle", "foot")
KINECT_25 = make_layout(
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
        *both_sides("|spine_shoulder shoulder", "shoulder elbow", "elbow wrist", "wrist hand"),
        *both_sides("hand hand_tip", "wrist thumb_tip"),
        *both_sides("|spine_base hip", "hip knee", "knee ankle", "ankle foot"),
    ),
    "spine_shoulder",
)

NTU_25 = replace(KINECT_25, name="ntu-25")
"""NTU RGB+D was recorded with Kinect v2: the same 25 joints under the name that its files go by."""

NTU_RGBD = replace(
    KINECT_25,
    name="ntu-rgb+d",
    bones=(
        *(bone for bone in KINECT_25.bones if not bone[1].endswith(("hand_tip", "thumb_tip"))),
        *both_sides("hand thumb_tip", "thumb_tip hand_tip"),
    ),
)
"""The graph under that name in the official code of ST-GCN, 2s-AGCN, MS-G3D and others: the tip of the hand hangs on
the thumb there, not on the hand. For weights that were trained on it; "ntu-25" has the bones of the body."""

KINECT_20 = make_layout(
    "kinect-20",
    (
        *("spine_base", "spine_mid", "spine_shoulder", "head"),
        *(f"{side}_{part}" for side in ("left", "right") for part in _KINECT_ARM),
        *(f"{side}_{part}" for side in ("left", "right") for part in _KINECT_LEG),
    ),
    (
        ("spine_base", "spine_mid"),
        ("spine_mid", "spine_shoulder"),
        ("spine_shoulder", "head"),
        *both_sides("|spine_shoulder shoulder", "shoulder elbow", "elbow wrist", "wrist hand"),
        *both_sides("|spine_base hip", "hip knee", "knee ankle", "ankle foot"),
    ),
    "spine_shoulder",
)
"""Kinect v1 in the order of its SDK (`NUI_SKELETON_POSITION_INDEX`). Its centres of hips and shoulders bear the names
that the same points have in "kinect-25"."""

_DEPTH_LIMBS = (("shoulder", "elbow", "hand"), ("hip", "knee", "foot"))
OPENNI_15 = make_layout(
    "openni-15",
    (
        *("head", "neck", "spine_mid"),
        *(f"{side}_{part}" for limb in _DEPTH_LIMBS for side in ("left", "right") for part in limb),
    ),
    (
        *(("neck", "head"), ("neck", "spine_mid")),
        *both_sides("|neck shoulder", "shoulder elbow", "elbow hand"),
        *both_sides("|spine_mid hip", "hip knee", "knee foot"),
    ),
    "neck",
)
"""Depth cameras with OpenNI, limb by limb, as most data sets of theirs are written. OpenNI's torso is `spine_mid`."""

NITE_15 = replace(
    OPENNI_15,
    name="nite-15",
    joints=(
        *("head", "neck"),
        *(f"{side}_{part}" for part in _DEPTH_LIMBS[0] for side in ("left", "right")),
        "spine_mid",
        *(f"{side}_{part}" for part in _DEPTH_LIMBS[1] for side in ("left", "right")),
    ),
)
"""The same joints in the order of NiTE 2's `JointType`: side by side, the torso after the hands."""

OPENPOSE_KINETICS = replace(
    OPENPOSE_18,
    name="openpose-kinetics",
    bones=(
        *(bone for bone in OPENPOSE_18.bones if bone[0] != "neck" or not bone[1].endswith("hip")),
        *both_sides("shoulder hip"),
    ),
)
"""The graph "openpose" (Kinetics-Skeleton) of the same official code: hips hang on shoulders; joints of openpose-18."""

IMIGUE_22 = make_layout(
    "imigue-22",
    (
        "nose",
        "neck",
        *(f"{side}_{part}" for side in ("right", "left") for part in ("shoulder", "elbow", "wrist")),
        *("right_eye", "left_eye", "right_ear", "left_ear"),
        *(f"{side}_{tip}" for side in ("right", "left") for tip in TIPS),
    ),
    (
        ("nose", "neck"),
        *both_sides("|neck shoulder", "shoulder elbow", "elbow wrist", "|nose eye", "eye ear"),
        *(bone for tip in TIPS for bone in both_sides(f"wrist {tip}")),
    ),
    "neck",
)
"""Points 2..4 of BODY_25 are the person's right arm, so 2..4 here are right and the first five fingertips are
those of the right hand. Files differ in which hand comes first: a reader puts them in this order."""

IMIGUE_35 = make_layout(
    "imigue-35",
    (*BODY_25.joints, *(f"{side}_{tip}" for side in ("right", "left") for tip in TIPS)),
    (*BODY_25.bones, *(bone for tip in TIPS for bone in both_sides(f"wrist {tip}"))),
    "neck",
)
"""The points of the MiGA challenge's files: BODY_25, then the fingertips of the right and of the left hand."""
