"""Arms that hold a contact: elbow by a soft choice among swivels, wrist within its limits, hand on the spot.

Given where a part of the hand must be and how the hand would like to be turned, the arm is solved so that
the contact is kept and everything else gives way: the elbow stays out of the trunk and hangs as it does in
life, the wrist bends no further than wrists do (65 degrees up and down, 28 sideways, 85 of pronation either
way), and the hand's turn yields to that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microgesture.synthetic.body import solids
from microgesture.synthetic.hands import hand_points
from microgesture.synthetic.kinematics import (
    SIDES,
    SIGNS,
    Skeleton,
    apply,
    dot,
    frame_from,
    from_quaternion,
    rotate_about,
    to_quaternion,
    two_bone,
    unit,
)
from microgesture.synthetic.performance import Body

_SWIVELS = np.radians(np.linspace(-80.0, 80.0, 9))
_POLE = np.array([0.40, -0.80, -0.40])
TWIST_LIMIT, BEND_LIMIT, DEVIATION_LIMIT = np.radians(85.0), np.radians(65.0), np.radians(28.0)


@dataclass
class HandTrack:
    """What a hand is to do at T times: `point (T, 3)` where its touching part is, metres; `turn (T, 3, 3)` the
    wished rotation; `local (T, 3)` the touching part in the hand's frame; `shape (T, 15)`; `elbow (T,)`."""

    point: np.ndarray
    turn: np.ndarray
    local: np.ndarray
    shape: np.ndarray
    elbow: np.ndarray


def trunk_depth(body: Body, skeleton: Skeleton, points: np.ndarray, margin: float) -> np.ndarray:
    """How deep points `(T, ..., 3)` lie in trunk solids grown by `margin` metres: 1 - implicit value, >= 0."""
    deepest = np.zeros(points.shape[:-1])
    extra = points.ndim - 2
    for s in solids(body):
        if s.frame == "head":
            continue
        rotation = skeleton.frames[s.frame][1]
        origin = skeleton.joints[s.anchor] + apply(rotation, np.array(s.centre))
        shifted = points - origin.reshape(len(origin), *([1] * extra), 3)
        local = np.einsum("tji,t...j->t...i", rotation, shifted) / (np.array(s.semi_axes) + margin)
        deepest = np.maximum(deepest, 1.0 - (local**2).sum(-1))
    return deepest


def push_out(body: Body, skeleton: Skeleton, points: np.ndarray, margin: float) -> np.ndarray:
    """Displacements `(T, 3)` that bring points `(T, 3)` out of head, trunk and neck grown by `margin`."""
    moved = points.copy()
    for s in solids(body):
        rotation = skeleton.frames[s.frame][1]
        origin = skeleton.joints[s.anchor] + apply(rotation, np.array(s.centre))
        axes = np.array(s.semi_axes) + margin
        local = np.einsum("tji,tj->ti", rotation, moved - origin)
        value = np.sqrt(((local / axes) ** 2).sum(-1, keepdims=True))
        gradient = unit(local / axes**2)
        depth = np.maximum(1.0 - value, 0.0) / np.maximum(np.linalg.norm(local / axes**2, axis=-1, keepdims=True), 1e-6)
        moved = moved + apply(rotation, gradient * np.minimum(depth * value, 0.15))
    return moved - points


def solve_arm(body: Body, skeleton: Skeleton, side: int, hand: HandTrack, smooth: int) -> None:
    """Add elbow, wrist and hand of `side` to the skeleton's joints. `smooth` is the half width, in steps, over
    which the elbow's swivel is averaged."""
    upper, lower = body.lengths["upper_arm"], body.lengths["forearm"]
    name = SIDES[side]
    shoulder = skeleton.joints[f"{name}_shoulder"]
    turn = hand.turn
    swivel = np.zeros(len(shoulder))
    for attempt in range(4):
        target = hand.point - apply(turn, hand.local)
        pole = _pole(skeleton, side, shoulder, target, hand.elbow)
        if attempt in (0, 2):
            swivel = _average(_choose(body, skeleton, side, shoulder, target, pole, turn), smooth)
        axis = unit(target - shoulder)
        bent = rotate_about(axis, swivel, unit(pole - dot(pole, axis) * axis))
        elbow, wrist = two_bone(shoulder, target, upper, lower, bent)
        if attempt < 3:
            turn = _limit(turn, _forearm_frame(side, shoulder, elbow, wrist, bent))
    skeleton.joints |= {f"{name}_elbow": elbow, f"{name}_wrist": wrist}
    for point, local in hand_points(body, side, hand.shape).items():
        skeleton.joints[f"{name}_{point}"] = wrist + apply(turn, local)
    skeleton.frames[f"{name}_hand"] = (wrist, turn)


def _average(track: np.ndarray, half: int) -> np.ndarray:
    if half < 1 or len(track) < 2:
        return track
    kernel = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(track, half, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _pole(
    skeleton: Skeleton, side: int, shoulder: np.ndarray, target: np.ndarray, elbow: np.ndarray
) -> np.ndarray:
    """Direction in which the elbow would hang, `(T, 3)`; `elbow` lifts it outwards."""
    chest = skeleton.frames["chest"][1]
    local = _POLE + elbow[:, None] * np.array([0.9, 0.75, 0.25])
    return apply(chest, local * np.array([SIGNS[side], 1.0, 1.0]))


def _forearm_frame(
    side: int, shoulder: np.ndarray, elbow: np.ndarray, wrist: np.ndarray, bent: np.ndarray
) -> np.ndarray:
    """Frame of the forearm with the palm as it faces in mid pronation: y to the wrist, z where the palm faces."""
    hinge = -np.cross(unit(wrist - shoulder), bent)
    return frame_from(wrist - elbow, SIGNS[side] * hinge)


def _choose(
    body: Body,
    skeleton: Skeleton,
    side: int,
    shoulder: np.ndarray,
    target: np.ndarray,
    pole: np.ndarray,
    turn: np.ndarray,
) -> np.ndarray:
    """Swivel `(T,)` around shoulder-wrist: a soft minimum over candidates of strain, twist and penetration."""
    upper, lower = body.lengths["upper_arm"], body.lengths["forearm"]
    axis = unit(target - shoulder)
    base = unit(pole - dot(pole, axis) * axis)
    count = len(_SWIVELS)
    bent = rotate_about(axis[:, None], np.broadcast_to(_SWIVELS, (len(axis), count)), base[:, None])
    elbow, wrist = two_bone(shoulder[:, None], target[:, None], upper, lower, bent)
    wrist = np.broadcast_to(wrist, elbow.shape)
    forearm = unit(wrist - elbow)
    neutral = -SIGNS[side] * np.cross(axis[:, None], bent)
    neutral = unit(neutral - dot(neutral, forearm) * forearm)
    palm = np.broadcast_to(turn[:, None, :, 2], forearm.shape)
    palm = palm - dot(palm, forearm) * forearm
    strength = np.linalg.norm(palm, axis=-1)
    twist = np.arctan2(dot(np.cross(neutral, palm), forearm)[..., 0], dot(neutral, palm)[..., 0])
    places = np.stack([0.5 * (shoulder[:, None] + elbow), elbow, 0.5 * (elbow + wrist), wrist], 2)
    inside = trunk_depth(body, skeleton, places, 0.6 * body.radii["upper_arm"]) @ np.array([0.4, 1.0, 1.0, 0.6])
    cost = 1.1 * (_SWIVELS / 1.2) ** 2 + 4.0 * inside
    cost = cost + 1.2 * strength * (np.maximum(np.abs(twist) - 0.9, 0.0)) ** 2
    weight = np.exp(-(cost - cost.min(1, keepdims=True)) / 0.12)
    return (weight * _SWIVELS).sum(1) / weight.sum(1)


def _limit(turn: np.ndarray, forearm: np.ndarray) -> np.ndarray:
    """The hand's rotation brought within the limits of pronation and wrist, against the forearm's frame."""
    q = to_quaternion(np.swapaxes(forearm, -1, -2) @ turn)
    q = np.where(q[:, :1] < 0, -q, q)
    twist = 2.0 * np.arctan2(q[:, 2], q[:, 0])
    held = _soft_clip(twist, TWIST_LIMIT)
    zero = np.zeros_like(twist)
    untwist = np.stack([np.cos(-twist / 2), zero, np.sin(-twist / 2), zero], -1)
    swing = _multiply(untwist, q)
    swing = np.where(swing[:, :1] < 0, -swing, swing)
    angle = 2.0 * np.arccos(np.clip(swing[:, 0], -1.0, 1.0))
    axis = unit(swing[:, 1:])
    bend, deviation = axis[:, 0] * angle / BEND_LIMIT, axis[:, 2] * angle / DEVIATION_LIMIT
    size = np.maximum(np.hypot(bend, deviation), 1e-9)
    angle = angle * _soft_clip(size, 1.0) / size
    swing = np.concatenate([np.cos(angle / 2)[:, None], np.sin(angle / 2)[:, None] * axis], -1)
    twisted = np.stack([np.cos(held / 2), zero, np.sin(held / 2), zero], -1)
    return forearm @ from_quaternion(unit(_multiply(twisted, swing)))


def _soft_clip(x: np.ndarray, limit: float) -> np.ndarray:
    """Identity up to 70 % of the limit, then bending smoothly, never beyond the limit."""
    knee = 0.7 * limit
    over = np.maximum(np.abs(x) - knee, 0.0)
    room = limit - knee
    return np.sign(x) * (np.minimum(np.abs(x), knee) + room * np.tanh(over / room))


def _multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    aw, ax, ay, az = (a[:, i] for i in range(4))
    bw, bx, by, bz = (b[:, i] for i in range(4))
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        -1,
    )
