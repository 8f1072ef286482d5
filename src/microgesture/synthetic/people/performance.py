"""What the motion library hands to the renderer: where every named point of the body is, at every time.

World frame, metres, right-handed: +x to the person's LEFT, +y up, +z where the person faces at rest. The
floor is y = 0 and the person's pelvis stands above the origin. Seen from a camera in front (at +z), the
person's left hand is on the right of the picture, as in any photograph.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FINGERS = ("index", "middle", "ring", "pinky")


def _hand(side: str) -> tuple[str, ...]:
    names = [f"{side}_thumb_base", f"{side}_thumb_mid", f"{side}_thumb_tip"]
    for finger in _FINGERS:
        names += [f"{side}_{finger}_knuckle", f"{side}_{finger}_mid", f"{side}_{finger}_tip"]
    return tuple(names)


JOINTS: tuple[str, ...] = (
    # trunk
    "pelvis",
    "spine",
    "chest",
    "neck",  # base of the neck, between the shoulders
    "head",  # centre of the skull
    # face and head surface, rigid with the head except lips, brows, chin and cheeks
    "head_top",
    "head_back",
    "forehead",
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_brow",
    "right_brow",
    "left_cheek",
    "right_cheek",
    "left_mouth",
    "right_mouth",
    "upper_lip",
    "lower_lip",
    "chin",
    # arms
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    *_hand("left"),
    *_hand("right"),
    # legs
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_heel",
    "right_heel",
    "left_toe",
    "right_toe",
)
"""The 68 named points of a synthetic body, in the order of every array's joint axis."""

JOINT_INDEX = {name: i for i, name in enumerate(JOINTS)}

FACE = ("eyes_open", "mouth_open", "lips_pressed", "cheeks_puffed", "brows_raised")
"""Names of the face channels, each in [0, 1]; at rest (1, 0, 0, 0, 0)."""


@dataclass(frozen=True)
class Body:
    """Sampled proportions of one person, metres.

    `lengths` are bone lengths by name (e.g. "upper_arm", "forearm", "hand", "thigh", "shin", "trunk",
    "neck", "shoulder_width", "hip_width", "head_height", "head_width"); `radii` the thickness of the parts
    by name (e.g. "upper_arm", "forearm", "wrist", "thigh", "shin", "chest_depth", "waist_depth", "neck",
    "finger"). The exact keys are documented in `synthetic.people.body.sample_body`.
    """

    lengths: dict[str, float]
    radii: dict[str, float]


@dataclass(frozen=True)
class Performance:
    """One person moving: `times (T,)` seconds, `joints (T, J, 3)` metres, `head_rotation (T, 3, 3)` and
    `chest_rotation (T, 3, 3)` (columns are the local x, y, z axes in the world), `face (T, 5)` in the order
    of `FACE`, `seated` (a chair is drawn), `table` (height, near edge z, in metres; None without a table),
    `prop` per time step: a small object held (pen, ring, bottle), as name or None for the whole clip with
    its position `prop_position (T, 3)`.
    """

    times: np.ndarray
    joints: np.ndarray
    head_rotation: np.ndarray
    chest_rotation: np.ndarray
    face: np.ndarray
    body: Body
    seated: bool = True
    table: tuple[float, float] | None = None
    prop: str | None = None
    prop_position: np.ndarray | None = None

    def point(self, name: str) -> np.ndarray:
        """Track of one named point, `(T, 3)`."""
        return self.joints[:, JOINT_INDEX[name]]
