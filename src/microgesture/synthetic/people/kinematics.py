"""The kinematic chain: rotations, two-bone limbs, trunk, head and legs, vectorised over time.

All arrays have time first: points `(T, 3)`, rotations `(T, 3, 3)` whose columns are the local axes. Angles are
radians; a pose angle triple is (pitch, yaw, roll): pitch > 0 bends forwards, yaw > 0 turns to the person's
left, roll > 0 tilts to the person's right. Sides: index 0 is left, 1 is right, with signs +1 and -1 along x.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from microgesture.synthetic.people.body import head_points
from microgesture.synthetic.people.performance import FACE, Body

SIDES = ("left", "right")
SIGNS = (1.0, -1.0)


def unit(v: np.ndarray) -> np.ndarray:
    """Vectors of length one along the last axis; zero vectors stay zero."""
    return v / np.maximum(np.sqrt((v * v).sum(-1, keepdims=True)), 1e-12)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Inner product along the last axis, kept as an axis of length one."""
    return (a * b).sum(-1, keepdims=True)


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Vector product along the last axis."""
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], -1)


def apply(rotation: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rotate vectors: `(T, 3, 3)` times `(T, 3)` or `(3,)`."""
    return (rotation @ np.broadcast_to(v, (*rotation.shape[:-2], 3))[..., None])[..., 0]


def euler(angles: np.ndarray) -> np.ndarray:
    """`(..., 3)` pitch, yaw, roll to rotations `R_y(yaw) R_x(pitch) R_z(roll)`, `(..., 3, 3)`."""
    cp, cy, cr = (np.cos(angles[..., i]) for i in range(3))
    sp, sy, sr = (np.sin(angles[..., i]) for i in range(3))
    rows = [
        [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def rotate_about(axis: np.ndarray, angle: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Rodrigues' formula: `v (..., 3)` about unit `axis (..., 3)` by `angle (...)`."""
    c, s = np.cos(angle)[..., None], np.sin(angle)[..., None]
    return v * c + cross(axis, v) * s + axis * dot(axis, v) * (1.0 - c)


def frame_from(primary: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """Rotation whose y axis is `primary` and whose z axis is `secondary` made perpendicular; `(T, 3, 3)`."""
    y = unit(primary)
    z = secondary - dot(secondary, y) * y
    fallback = np.where(np.abs(y[..., 2:3]) < 0.9, np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]))
    z = np.where(np.linalg.norm(z, axis=-1, keepdims=True) < 1e-6, fallback - dot(fallback, y) * y, z)
    z = unit(z)
    return np.stack([cross(y, z), y, z], -1)


def to_quaternion(rotation: np.ndarray) -> np.ndarray:
    """Rotations `(..., 3, 3)` to unit quaternions `(..., 4)` (w, x, y, z), by the largest component."""
    m = rotation
    t = np.stack(
        [
            1 + m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2],
            1 + m[..., 0, 0] - m[..., 1, 1] - m[..., 2, 2],
            1 - m[..., 0, 0] + m[..., 1, 1] - m[..., 2, 2],
            1 - m[..., 0, 0] - m[..., 1, 1] + m[..., 2, 2],
        ],
        -1,
    )
    d = [m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]]
    s = [m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]]
    table = np.stack(
        [
            np.stack([t[..., 0], d[0], d[1], d[2]], -1),
            np.stack([d[0], t[..., 1], s[0], s[1]], -1),
            np.stack([d[1], s[0], t[..., 2], s[2]], -1),
            np.stack([d[2], s[1], s[2], t[..., 3]], -1),
        ],
        -2,
    )
    best = t.argmax(-1)
    return unit(np.take_along_axis(table, best[..., None, None], -2)[..., 0, :])


def from_quaternion(q: np.ndarray) -> np.ndarray:
    """Unit quaternions `(..., 4)` to rotations `(..., 3, 3)`."""
    w, x, y, z = (q[..., i] for i in range(4))
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def two_bone(
    root: np.ndarray, target: np.ndarray, upper: float, lower: float, pole: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Middle and end joint, each `(..., 3)`, of a two-bone limb that reaches for `target`.

    The middle joint bends towards direction `pole`. A target out of reach is approached along the straight
    line to it, smoothly (the limb never snaps straight); one too near is kept at the limb's tightest fold.
    """
    offset = target - root
    distance = np.linalg.norm(offset, axis=-1, keepdims=True)
    direction = offset / np.maximum(distance, 1e-9)
    full = upper + lower
    soft = 0.03 * full
    start = full - soft
    over = np.maximum(distance - start, 0.0)
    reach = np.where(distance > start, full - soft * np.exp(-over / soft) * 0.999, distance)
    nearest = np.sqrt(upper**2 + lower**2 - 2 * upper * lower * np.cos(np.radians(30.0)))
    near = np.maximum(1.25 * nearest - reach, 0.0)  # folds up to 150 degrees, smoothly
    reach = np.where(near > 0, nearest + 0.25 * nearest * np.exp(-near / (0.25 * nearest)), reach)
    along = (upper**2 - lower**2 + reach**2) / (2 * reach)
    height = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    side = pole - dot(pole, direction) * direction
    middle = root + direction * along + unit(side) * height
    return middle, root + direction * reach


@dataclass
class Rig:
    """The pose of trunk, head and legs at T times, and the face; what arms do comes on top of it.

    `pelvis (T, 3)` metres; `pelvis_turn`, `trunk` (chest against pelvis), `head` (against chest) `(T, 3)`
    angle triples; `girdle (T, 2, 2)` elevation and protraction of each shoulder; `neck_shift (T, 3)` metres
    along the chest's axes; `ankle (T, 2, 3)` metres; `foot (T, 2, 2)` pitch (toes up > 0) and yaw (outwards
    > 0); `knee (T, 2, 3)` direction that the knee bends to; `face (T, 5)` as `FACE`.
    """

    pelvis: np.ndarray
    pelvis_turn: np.ndarray
    trunk: np.ndarray
    girdle: np.ndarray
    head: np.ndarray
    neck_shift: np.ndarray
    ankle: np.ndarray
    foot: np.ndarray
    knee: np.ndarray
    face: np.ndarray


@dataclass
class Skeleton:
    """Solved joints so far, by name, and frames: name -> (origin `(T, 3)`, rotation `(T, 3, 3)`)."""

    joints: dict[str, np.ndarray] = field(default_factory=dict)
    frames: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def at(self, steps: slice) -> Skeleton:
        """The same during a part of the time."""
        joints = {name: track[steps] for name, track in self.joints.items()}
        return Skeleton(joints, {name: (o[steps], r[steps]) for name, (o, r) in self.frames.items()})


def solve_trunk(body: Body, rig: Rig) -> Skeleton:
    """Everything but arms and hands: trunk, shoulders, head, face, legs, feet, with their frames."""
    size, steps = body.lengths, len(rig.pelvis)
    up = np.array([0.0, 1.0, 0.0])
    s = Skeleton()
    base = euler(rig.pelvis_turn)
    low = base @ euler(0.5 * rig.trunk)
    chest = base @ euler(rig.trunk)
    joints = s.joints
    joints["pelvis"] = rig.pelvis
    joints["spine"] = rig.pelvis + apply(low, up * size["pelvis_spine"])
    joints["chest"] = joints["spine"] + apply(chest, up * size["spine_chest"])
    joints["neck"] = joints["chest"] + apply(chest, up * size["chest_neck"])
    neck = chest @ euler(0.4 * rig.head)
    head = chest @ euler(rig.head)
    skull = joints["neck"] + apply(neck, up * size["neck"]) + apply(chest, rig.neck_shift)
    joints["head"] = skull + apply(head, np.array([0.0, size["skull_base"], 0.03 * size["head_depth"]]))
    s.frames["world"] = (np.zeros((steps, 3)), np.broadcast_to(np.eye(3), (steps, 3, 3)))
    s.frames["pelvis"] = (rig.pelvis, low)
    s.frames["waist"] = (joints["spine"], chest)
    s.frames["chest"] = (joints["chest"], chest)
    s.frames["neck"] = (joints["neck"], frame_from(skull - joints["neck"], chest[..., 2]))
    s.frames["head"] = (joints["head"], head)
    for i, (side, sign) in enumerate(zip(SIDES, SIGNS, strict=True)):
        turn = np.stack([np.zeros(steps), -sign * rig.girdle[:, i, 1], sign * (rig.girdle[:, i, 0] - 0.12)], -1)
        clavicle = apply(euler(turn), np.array([sign * size["shoulder_width"] / 2, 0.0, 0.0]))
        joints[f"{side}_shoulder"] = joints["neck"] + apply(chest, clavicle)
    _solve_face(body, rig, s)
    _solve_legs(body, rig, s)
    return s


def _solve_face(body: Body, rig: Rig, s: Skeleton) -> None:
    height, width = body.lengths["head_height"], body.lengths["head_width"]
    local = head_points(body)
    opened, pressed, puffed, raised = (rig.face[:, FACE.index(name)] for name in FACE[1:])
    shifts = {
        "chin": (-0.075 * height * opened, -0.015 * height * opened, 1),
        "lower_lip": (-0.085 * height * opened + 0.016 * height * pressed, -0.02 * height * pressed, 1),
        "upper_lip": (0.012 * height * opened - 0.012 * height * pressed, -0.02 * height * pressed, 1),
    }
    origin, rotation = s.frames["head"]
    for name, point in local.items():
        track = np.broadcast_to(point, (len(opened), 3)).copy()
        sign = np.sign(point[0])
        if name in shifts:
            track[:, 1] += shifts[name][0]
            track[:, 2] += shifts[name][1]
        elif name.endswith("_mouth"):
            track[:, 0] += sign * width * (0.03 * pressed - 0.035 * opened - 0.04 * puffed)
            track[:, 1] += height * (-0.03 * opened - 0.006 * pressed)
        elif name.endswith("_cheek"):
            track[:, 0] += sign * 0.085 * width * puffed
            track[:, 2] += 0.03 * width * puffed
        elif name.endswith("_brow"):
            track[:, 1] += 0.035 * height * raised
        s.joints[name] = origin + apply(rotation, track)


def _solve_legs(body: Body, rig: Rig, s: Skeleton) -> None:
    size = body.lengths
    pelvis_rotation = euler(rig.pelvis_turn)
    for i, (side, sign) in enumerate(zip(SIDES, SIGNS, strict=True)):
        hip = rig.pelvis + apply(pelvis_rotation, np.array([sign * size["hip_width"] / 2, 0.0, 0.0]))
        knee, ankle = two_bone(hip, rig.ankle[:, i], size["thigh"], size["shin"], rig.knee[:, i])
        turn = np.stack([-rig.foot[:, i, 0], sign * rig.foot[:, i, 1], np.zeros(len(hip))], -1)
        foot = euler(turn)
        heel = ankle + apply(foot, np.array([0.0, -0.8 * size["ankle_height"], -0.22 * size["foot"]]))
        toe = ankle + apply(foot, np.array([0.0, -0.8 * size["ankle_height"], 0.70 * size["foot"]]))
        s.joints |= {f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": ankle}
        s.joints |= {f"{side}_heel": heel, f"{side}_toe": toe}
        s.frames[f"{side}_thigh"] = (hip, frame_from(knee - hip, np.broadcast_to(rig.knee[:, i], hip.shape)))
        s.frames[f"{side}_shin"] = (knee, frame_from(ankle - knee, np.broadcast_to(rig.knee[:, i], hip.shape)))
