"""Arms that hold a contact: elbow by a soft choice among swivels, wrist within its limits, hand on the spot.

Given where a part of the hand must be and how the hand would like to be turned, the arm is solved so that
the contact is kept and everything else gives way: the elbow stays out of the trunk and hangs as it does in
life, the wrist bends no further than wrists do (72 degrees up and down, 30 sideways, 85 of pronation either
way; up to 30 % more where the contact would be lost), and the hand's turn yields to that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microgesture.synthetic.people.body import Ellipsoid, solids
from microgesture.synthetic.people.hands import hand_points
from microgesture.synthetic.people.kinematics import (
    SIDES,
    SIGNS,
    Skeleton,
    apply,
    cross,
    dot,
    frame_from,
    from_quaternion,
    rotate_about,
    to_quaternion,
    two_bone,
    unit,
)
from microgesture.synthetic.people.performance import Body

_SWIVELS = np.radians(np.linspace(-80.0, 80.0, 9))
TWIST_LIMIT, BEND_LIMIT, DEVIATION_LIMIT = np.radians(85.0), np.radians(72.0), np.radians(30.0)
STRAIN = 0.3


@dataclass
class HandTrack:
    """What a hand is to do at T times: `point (T, 3)` where its touching part is, metres; `turn (T, 3, 3)` the
    wished rotation; `local (T, 3)` the touching part in the hand's frame; `shape (T, 15)`; `elbow (T,)`. A
    `careful` hand turns so as to stay out of head and trunk; a resting one need not."""

    point: np.ndarray
    turn: np.ndarray
    local: np.ndarray
    shape: np.ndarray
    elbow: np.ndarray
    careful: bool = True


@dataclass
class ArmPose:
    """An arm as its joints know it: `point`, `local` and `shape` as in `HandTrack`, `wrist (T, 3)` metres, `swivel
    (T,)` of the elbow from where it would hang, `lift (T,)` of that, and `angles (T, 3)` of the hand against the
    forearm: pronation, bend, deviation. Two arm poses can be mixed number by number: no way between them
    twists a wrist the wrong way round."""

    point: np.ndarray
    local: np.ndarray
    shape: np.ndarray
    wrist: np.ndarray
    swivel: np.ndarray
    lift: np.ndarray
    angles: np.ndarray


def trunk_depth(body: Body, skeleton: Skeleton, points: np.ndarray, margin: float) -> np.ndarray:
    """How deep points `(T, N, 3)` lie in trunk solids grown by `margin` metres: 1 - implicit value, >= 0."""
    deepest = np.zeros(points.shape[:-1])
    for s in solids(body):
        if s.frame != "head":
            local, _ = _within(skeleton, s, points)
            local /= np.array(s.semi_axes) + margin
            deepest = np.maximum(deepest, 1.0 - dot(local, local)[..., 0])
    return deepest


def _within(skeleton: Skeleton, solid: Ellipsoid, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points `(T, N, 3)` from a solid's centre along its axes, and the solid's rotation `(T, 3, 3)`."""
    rotation = skeleton.frames[solid.frame][1]
    centre = skeleton.joints[solid.anchor] + apply(rotation, np.array(solid.centre))
    return (points - centre[:, None]) @ rotation, rotation


def push_out(body: Body, skeleton: Skeleton, points: np.ndarray, margin: float) -> np.ndarray:
    """Displacements like `points (T, N, 3)` that bring them out of head and trunk grown by `margin`, metres."""
    moved = points.copy()
    for s in solids(body):
        axes = np.array(s.semi_axes) + margin
        local, rotation = _within(skeleton, s, moved)
        scaled = local / axes
        value = np.sqrt(dot(scaled, scaled))
        if value.min(initial=2.0) >= 1.0:
            continue
        slope = scaled / axes
        steep = np.maximum(np.sqrt(dot(slope, slope)), 1e-6)
        depth = np.minimum(np.maximum(1.0 - value, 0.0) * value / steep, 0.15)
        moved += (slope / steep * depth) @ np.swapaxes(rotation, -1, -2)
    return moved - points


def _lift_off(body: Body, skeleton: Skeleton, hand: HandTrack, local: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Turn the hand about its touching part so that the rest of it, points `local (T, N, 3)` in the hand's frame,
    leaves head and trunk."""
    arm = (local - hand.local[:, None]) @ np.swapaxes(turn, -1, -2)
    push = push_out(body, skeleton, hand.point[:, None] + arm, 0.0)
    depth = np.linalg.norm(push, axis=-1)
    if depth.max(initial=0.0) < 0.006:
        return turn
    push = push * (np.maximum(depth - 0.006, 0.0) / np.maximum(depth, 1e-9))[..., None]
    torque = cross(arm, push).sum(1)
    lever = (arm**2).sum(-1) * (depth > 0.006)
    angle = np.linalg.norm(torque, axis=-1) / np.maximum(lever.sum(1), 0.004)
    angle = np.minimum(1.5 * angle, 0.5)
    axis = unit(torque)
    return _turned(axis, angle, turn)


def settle(body: Body, skeleton: Skeleton, side: int, hand: HandTrack, smooth: int) -> ArmPose:
    """The arm that does what the hand is to do. `smooth` is the half width, in steps, over which the elbow's
    swivel is averaged."""
    turn, swivel, angles = hand.turn, np.zeros(len(hand.point)), np.zeros((len(hand.point), 3))
    target = hand.point - apply(turn, hand.local)
    slack = np.ones(len(target))
    points = np.stack(list(hand_points(body, side, hand.shape).values()), 1)
    for attempt in range(7 if hand.careful else 4):
        if attempt in (0, 3):
            swivel = average(_choose(body, skeleton, side, target, hand.elbow, turn), smooth)
        _, wrist, forearm = _reach(body, skeleton, side, target, swivel, hand.elbow)
        turn = _aim(turn, hand.local, hand.point - wrist)
        if hand.careful:
            turn = _lift_off(body, skeleton, hand, points, turn)
        angles = _wrist_angles(turn, forearm, slack)
        turn = forearm @ _wrist_turn(angles)
        if attempt >= 3:  # a wrist strains rather than lose what it touches
            miss = np.linalg.norm(wrist + apply(turn, hand.local) - hand.point, axis=-1)
            slack = np.maximum(slack, 1.0 + STRAIN * np.clip(miss / 0.02, 0.0, 1.0))
        target = 0.25 * target + 0.75 * (hand.point - apply(turn, hand.local))
    pose = ArmPose(hand.point, hand.local, hand.shape, target, swivel, hand.elbow, angles)
    pose.wrist = _wrist_for(body, skeleton, side, pose)
    return pose


def _wrist_for(body: Body, skeleton: Skeleton, side: int, pose: ArmPose) -> np.ndarray:
    """The wrist `(T, 3)` for which the touching part is at `pose.point`, by damped fixed point."""
    target, bent = pose.wrist, _wrist_turn(pose.angles)
    wrist = target
    for _ in range(8):
        _, wrist, forearm = _reach(body, skeleton, side, target, pose.swivel, pose.lift)
        target = 0.3 * target + 0.7 * (pose.point - apply(forearm @ bent, pose.local))
    return wrist


def place_arm(body: Body, skeleton: Skeleton, side: int, pose: ArmPose) -> None:
    """Add elbow, wrist and hand of `side` to the skeleton, with the wrist at `pose.wrist`."""
    name = SIDES[side]
    elbow, wrist, forearm = _reach(body, skeleton, side, pose.wrist, pose.swivel, pose.lift)
    turn = forearm @ _wrist_turn(pose.angles)
    skeleton.joints |= {f"{name}_elbow": elbow, f"{name}_wrist": wrist}
    for point, local in hand_points(body, side, pose.shape).items():
        skeleton.joints[f"{name}_{point}"] = wrist + apply(turn, local)
    skeleton.frames[f"{name}_hand"] = (wrist, turn)


def _reach(
    body: Body, skeleton: Skeleton, side: int, target: np.ndarray, swivel: np.ndarray, lift: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Elbow, wrist and the forearm's frame for a wrist that reaches for `target`."""
    shoulder = skeleton.joints[f"{SIDES[side]}_shoulder"]
    axis = unit(target - shoulder)
    pole = _pole(skeleton, side, axis, lift)
    bent = rotate_about(axis, swivel, unit(pole - dot(pole, axis) * axis))
    elbow, wrist = two_bone(shoulder, target, body.lengths["upper_arm"], body.lengths["forearm"], bent)
    hinge = -cross(axis, bent)
    return elbow, wrist, frame_from(wrist - elbow, SIGNS[side] * hinge)


def average(track: np.ndarray, half: int) -> np.ndarray:
    """Track `(T,)` smoothed over `half` steps to either side; the ends are held."""
    if half < 1 or len(track) < 2:
        return track
    kernel = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(track, half, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def _pole(skeleton: Skeleton, side: int, axis: np.ndarray, lift: np.ndarray) -> np.ndarray:
    """Direction in which the elbow would hang, `(T, 3)`, for an arm along `axis (T, 3)`; `lift` raises it
    outwards. It turns with the arm so that it is never along it: behind the arm that hangs, below the arm
    that reaches out, beside the arm that reaches up."""
    chest = skeleton.frames["chest"][1]
    height = (axis * chest[..., 1]).sum(-1)
    down, up = np.maximum(-height, 0.0), np.maximum(height, 0.0)
    local = np.stack(
        [0.5 + 0.7 * lift, -(1.0 - height**2) * (1.0 - 0.8 * lift), -0.15 - 0.75 * down**2 + 0.6 * up**2 + 0.2 * lift],
        -1,
    )
    return apply(chest, local * np.array([SIGNS[side], 1.0, 1.0]))


def _choose(
    body: Body,
    skeleton: Skeleton,
    side: int,
    target: np.ndarray,
    lift: np.ndarray,
    turn: np.ndarray,
) -> np.ndarray:
    """Swivel `(T,)` around shoulder-wrist: a soft minimum over candidates of strain, twist and penetration."""
    upper, lower = body.lengths["upper_arm"], body.lengths["forearm"]
    shoulder = skeleton.joints[f"{SIDES[side]}_shoulder"]
    axis = unit(target - shoulder)
    pole = _pole(skeleton, side, axis, lift)
    base = unit(pole - dot(pole, axis) * axis)
    count = len(_SWIVELS)
    bent = rotate_about(axis[:, None], np.broadcast_to(_SWIVELS, (len(axis), count)), base[:, None])
    elbow, wrist = two_bone(shoulder[:, None], target[:, None], upper, lower, bent)
    wrist = np.broadcast_to(wrist, elbow.shape)
    forearm = unit(wrist - elbow)
    neutral = -SIGNS[side] * cross(axis[:, None], bent)
    neutral = unit(neutral - dot(neutral, forearm) * forearm)
    palm = np.broadcast_to(turn[:, None, :, 2], forearm.shape)
    palm = palm - dot(palm, forearm) * forearm
    strength = np.linalg.norm(palm, axis=-1)
    twist = np.arctan2(dot(cross(neutral, palm), forearm)[..., 0], dot(neutral, palm)[..., 0])
    places = np.stack([0.5 * (shoulder[:, None] + elbow), elbow, 0.5 * (elbow + wrist), wrist], 2)
    deep = trunk_depth(body, skeleton, places.reshape(len(places), -1, 3), 0.6 * body.radii["upper_arm"])
    inside = deep.reshape(places.shape[:-1]) @ np.array([0.4, 1.0, 1.0, 0.6])
    cost = 1.1 * (_SWIVELS / 1.2) ** 2 + 4.0 * inside
    cost = cost + 1.2 * strength * (np.maximum(np.abs(twist) - 0.9, 0.0)) ** 2
    weight = np.exp(-(cost - cost.min(1, keepdims=True)) / 0.22)
    return (weight * _SWIVELS).sum(1) / weight.sum(1)


def _aim(turn: np.ndarray, local: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Turn the hand by the smallest rotation that brings its touching part into direction `wanted (T, 3)`: nothing
    changes where the arm reaches its target; where it cannot, the hand bends to keep the contact."""
    now, goal = unit(apply(turn, local)), unit(wanted)
    axis = cross(now, goal)
    sine = np.linalg.norm(axis, axis=-1)
    angle = np.minimum(np.arctan2(sine, (now * goal).sum(-1)), 1.2)
    far = np.linalg.norm(local, axis=-1) > 0.04  # a palm at the wrist has no direction to aim
    angle = np.where(far, angle, 0.0)
    return _turned(unit(axis), angle, turn)


def _turned(axis: np.ndarray, angle: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Rotations `turn (T, 3, 3)` turned about unit `axis (T, 3)` by `angle (T,)`."""
    columns = rotate_about(axis[:, None], angle[:, None], np.swapaxes(turn, -1, -2))
    return np.swapaxes(columns, -1, -2)


def _wrist_angles(turn: np.ndarray, forearm: np.ndarray, slack: np.ndarray) -> np.ndarray:
    """Pronation, bend and deviation `(T, 3)` of hands against forearms, brought within their limits times `slack`."""
    q = to_quaternion(np.swapaxes(forearm, -1, -2) @ turn)
    q = np.where(q[:, :1] < 0, -q, q)
    twist = 2.0 * np.arctan2(q[:, 2], q[:, 0])
    zero = np.zeros_like(twist)
    untwist = np.stack([np.cos(-twist / 2), zero, np.sin(-twist / 2), zero], -1)
    swing = _multiply(untwist, q)
    swing = np.where(swing[:, :1] < 0, -swing, swing)
    angle = 2.0 * np.arccos(np.clip(swing[:, :1], -1.0, 1.0))
    bent = unit(swing[:, 1:]) * angle
    size = np.maximum(np.hypot(bent[:, 0] / BEND_LIMIT, bent[:, 2] / DEVIATION_LIMIT), 1e-9)
    share = slack * _soft_clip(size / slack, 1.0) / size
    held = _soft_clip(np.unwrap(twist), TWIST_LIMIT)
    return np.stack([held, bent[:, 0] * share, bent[:, 2] * share], -1)


def _wrist_turn(angles: np.ndarray) -> np.ndarray:
    """Rotation of the hand in the forearm's frame from pronation, bend and deviation; `(T, 3, 3)`."""
    twist, zero = angles[:, 0], np.zeros(len(angles))
    swing = np.stack([angles[:, 1], zero, angles[:, 2]], -1)
    angle = np.linalg.norm(swing, axis=-1)
    bent = np.concatenate([np.cos(angle / 2)[:, None], np.sin(angle / 2)[:, None] * unit(swing)], -1)
    twisted = np.stack([np.cos(twist / 2), zero, np.sin(twist / 2), zero], -1)
    return from_quaternion(unit(_multiply(twisted, bent)))


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
