"""The hand: its skeleton, the shapes it takes, and the parts of it that touch things.

Local frame of a hand: origin at the wrist, y to the fingers, z out of the palm, x = y cross z. The thumb is
on the -x side of a left hand and on the +x side of a right hand; tables below are written with the thumb on
the +x side and mirrored. All lengths are fractions of `Body.lengths["hand"]`.
"""

from __future__ import annotations

import numpy as np

from microgesture.synthetic.people.kinematics import SIGNS
from microgesture.synthetic.people.performance import Body

FINGERS = ("index", "middle", "ring", "pinky")
_KNUCKLES = np.array([[0.125, 0.49, 0.0], [0.035, 0.51, 0.0], [-0.055, 0.485, 0.0], [-0.14, 0.44, 0.0]])
_FINGER_LENGTHS = np.array([0.43, 0.49, 0.45, 0.345])
_FIRST_PHALANX = 0.46
_THUMB_BASE = np.array([0.13, 0.17, 0.035])
_THUMB_LENGTHS = np.array([0.205, 0.175])


def _shape(knuckle: object, middle: object, spread: object, thumb: tuple[float, float, float]) -> np.ndarray:
    fingers = np.stack([np.broadcast_to(np.asarray(v, float), (4,)) for v in (knuckle, middle, spread)], -1)
    return np.concatenate([fingers.reshape(-1), np.asarray(thumb)])


_CLOSE = (0.02, 0.0, -0.02, -0.05)
_WIDE = (0.24, 0.05, -0.12, -0.32)

HAND_SHAPES: dict[str, np.ndarray] = {
    "relaxed": _shape((0.30, 0.36, 0.42, 0.46), (0.50, 0.58, 0.62, 0.62), _CLOSE, (0.55, 0.45, 0.25)),
    "flat": _shape(0.06, 0.08, _CLOSE, (0.40, 0.12, 0.05)),
    "open": _shape((0.10, 0.10, 0.14, 0.18), (0.14, 0.16, 0.2, 0.22), _WIDE, (0.95, 0.20, 0.05)),
    "fist": _shape((1.25, 1.32, 1.36, 1.40), (1.75, 1.80, 1.80, 1.75), 0.0, (0.10, 0.95, 0.75)),
    "loose_fist": _shape((0.85, 0.95, 1.05, 1.10), (1.35, 1.40, 1.45, 1.45), 0.0, (0.25, 0.80, 0.55)),
    "point": _shape((0.10, 1.10, 1.20, 1.25), (0.15, 1.55, 1.60, 1.60), 0.0, (0.20, 0.85, 0.60)),
    "two_fingers": _shape((0.22, 0.22, 1.05, 1.10), (0.30, 0.30, 1.45, 1.45), _CLOSE, (0.30, 0.75, 0.50)),
    "pinch": _shape((0.82, 0.62, 0.60, 0.60), (0.95, 0.95, 0.90, 0.85), (0.0, 0.0, -0.05, -0.12), (0.35, 0.72, 0.10)),
    "precision": _shape(
        (0.72, 0.72, 0.70, 0.75), (0.75, 0.75, 0.85, 0.90), (0.0, 0.0, -0.03, -0.06), (0.32, 0.78, 0.05)
    ),
    "cup": _shape((0.34, 0.36, 0.38, 0.42), (0.40, 0.40, 0.42, 0.45), _CLOSE, (0.70, 0.55, 0.10)),
    "laid": _shape((0.10, 0.12, 0.14, 0.16), (0.20, 0.22, 0.24, 0.26), _CLOSE, (0.75, 0.30, 0.10)),
    "hook": _shape((0.50, 0.52, 0.55, 0.58), (0.85, 0.85, 0.88, 0.90), _CLOSE, (0.50, 0.40, 0.20)),
    "claw": _shape((0.25, 0.25, 0.28, 0.32), (0.95, 0.95, 0.98, 1.00), (0.08, 0.02, -0.06, -0.12), (0.60, 0.50, 0.40)),
    "grip": _shape((0.62, 0.66, 0.70, 0.74), (0.95, 0.98, 1.00, 1.00), _CLOSE, (0.75, 0.80, 0.45)),
    "interlaced": _shape(
        (0.80, 0.82, 0.84, 0.86), (0.85, 0.85, 0.85, 0.85), (0.05, 0.02, -0.02, -0.05), (0.25, 0.55, 0.35)
    ),
    "steeple": _shape(
        (0.10, 0.06, 0.10, 0.14), (0.10, 0.06, 0.10, 0.14), (0.12, 0.03, -0.08, -0.18), (0.55, 0.45, 0.0)
    ),
    "thumb_aside": _shape((0.95, 1.00, 1.05, 1.10), (1.20, 1.25, 1.30, 1.30), 0.0, (0.85, 0.30, 0.05)),
}
"""Hand shapes as 15 numbers: per finger (knuckle flexion, middle-joint flexion, spread to the thumb's side),
then the thumb's (angle from the hand's axis, opposition out of the palm's plane, flexion); radians."""


def hand_points(body: Body, side: int, shape: np.ndarray) -> dict[str, np.ndarray]:
    """Joints of one hand in its local frame: `shape (T, 15)` -> name without side -> `(T, 3)` metres.

    `side` is 0 (left) or 1 (right). Bone lengths do not depend on `shape`.
    """
    length, mirror = body.lengths["hand"], np.array([-SIGNS[side], 1.0, 1.0])
    steps = len(shape)
    points: dict[str, np.ndarray] = {}

    def put(name: str, local: np.ndarray) -> None:
        points[name] = local * mirror * length

    angles = shape[:, :12].reshape(steps, 4, 3)
    bend, more, spread = angles[..., 0], angles[..., 1], angles[..., 2]

    def direction(flexion: np.ndarray) -> np.ndarray:
        side_way = np.sin(spread) * np.maximum(np.cos(flexion), 0.0)
        rest = np.sqrt(1.0 - side_way**2)
        return np.stack([side_way, rest * np.cos(flexion), rest * np.sin(flexion)], -1)

    knuckle = np.broadcast_to(_KNUCKLES, (steps, 4, 3))
    middle = knuckle + direction(bend) * (_FIRST_PHALANX * _FINGER_LENGTHS)[:, None]
    tip = middle + direction(bend + more) * ((1 - _FIRST_PHALANX) * _FINGER_LENGTHS)[:, None]
    for i, finger in enumerate(FINGERS):
        put(f"{finger}_knuckle", knuckle[:, i])
        put(f"{finger}_mid", middle[:, i])
        put(f"{finger}_tip", tip[:, i])

    aside, opposed, flexed = shape[:, 12], shape[:, 13], shape[:, 14]

    def thumb(angle: np.ndarray) -> np.ndarray:
        flat = np.stack([np.sin(angle), np.cos(angle), np.zeros(steps)], -1)
        return flat * np.cos(opposed)[:, None] + np.sin(opposed)[:, None] * np.array([0.0, 0.0, 1.0])

    base = np.broadcast_to(_THUMB_BASE, (steps, 3))
    mid = base + thumb(aside) * _THUMB_LENGTHS[0]
    put("thumb_base", base)
    put("thumb_mid", mid)
    put("thumb_tip", mid + thumb(aside - flexed) * _THUMB_LENGTHS[1])
    return points


def _mean(points: dict[str, np.ndarray], *names: str) -> np.ndarray:
    return np.mean([points[name] for name in names], axis=0)


FLAT_PARTS = ("palm", "heel", "fingers", "web")
"""Parts that lie along a surface; the others touch it with their end."""


def contact_point(body: Body, side: int, part: str, points: dict[str, np.ndarray]) -> np.ndarray:
    """Centre of the part of the hand that touches, in the hand's frame, `(T, 3)`.

    Parts: `index`, `middle`, `thumb` (tips), `tips` (index, middle and ring), `pinch` (between thumb and index
    tips), `fingers` (lengths of index to ring), `palm`, `heel`, `knuckles` (backs of the bent fingers),
    `web` (between thumb and index), `wrist`.
    """
    length, mirror = body.lengths["hand"], np.array([-SIGNS[side], 1.0, 1.0])
    if part in ("index", "middle", "ring", "thumb"):
        return points[f"{part}_tip"]
    if part == "tips":
        return _mean(points, "index_tip", "middle_tip", "ring_tip")
    if part == "two_tips":
        return _mean(points, "index_tip", "middle_tip")
    if part == "pinch":
        return _mean(points, "thumb_tip", "index_tip")
    if part == "fingers":
        names = [f"{finger}_{joint}" for finger in FINGERS[:3] for joint in ("mid", "tip")]
        return _mean(points, *names)
    if part == "ring_mid":
        return points["ring_mid"]
    if part == "knuckles":
        return _mean(points, "index_mid", "middle_mid")
    steps = len(points["index_tip"])
    fixed = {"palm": (0.0, 0.30, 0.0), "heel": (0.0, 0.08, 0.0), "web": (0.12, 0.36, 0.0), "wrist": (0.0, 0.0, 0.0)}
    return np.broadcast_to(np.array(fixed[part]) * mirror * length, (steps, 3))


def contact_thickness(body: Body, part: str) -> float:
    """How far the part's centre stays above the surface that it touches, metres."""
    if part in ("palm", "heel", "wrist", "web"):  # the fingers of a flat hand are thinner
        return body.radii["palm"]
    return body.radii["finger"]
