"""Hands on their way: to a place, from one to the next, and clear of head, trunk and table meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from microgesture.synthetic.people.arms import ArmPose, HandTrack, average, place_arm, push_out
from microgesture.synthetic.people.gesture import Reach
from microgesture.synthetic.people.hands import FLAT_PARTS, HAND_SHAPES, contact_point, contact_thickness, hand_points
from microgesture.synthetic.people.kinematics import SIDES, SIGNS, Skeleton, apply, dot, frame_from, unit
from microgesture.synthetic.people.performance import Body
from microgesture.synthetic.people.surface import FREE_FRAMES, Table, resolve


@dataclass(frozen=True)
class Scene:
    """What every reach needs: the person, their solved trunk and legs, `times (T,)` seconds, the table, and the
    half width of smoothing, steps."""

    body: Body
    skeleton: Skeleton
    times: np.ndarray
    table: Table | None
    smooth: int

    def during(self, start: float, end: float) -> tuple[slice, Scene] | None:
        """The steps within (start, end), seconds, and the scene at these; None if there are none."""
        inside = np.flatnonzero((self.times > start) & (self.times < end))
        if not len(inside):
            return None
        span = slice(int(inside[0]), int(inside[-1]) + 1)
        return span, replace(self, skeleton=self.skeleton.at(span), times=self.times[span])


def hand_at(
    body: Body,
    skeleton: Skeleton,
    side: int,
    reach: Reach,
    offset: np.ndarray,
    curl: np.ndarray,
    table: Table | None,
) -> HandTrack:
    """The hand at its site, moved by `offset (T, 3)` with fingers bent by `curl (T,)` more."""
    point, normal = resolve(body, skeleton, reach.site, side, offset, table)
    if reach.site.frame not in FREE_FRAMES:
        point = point + normal * contact_thickness(body, reach.part)
    shape = np.tile(HAND_SHAPES[reach.shape], (len(offset), 1))
    shape[:, 1:12:3] += curl[:, None]
    shape[:, 0:12:3] += 0.4 * curl[:, None]
    mirror = np.array([SIGNS[side], 1.0, 1.0])
    axes = skeleton.frames["head" if reach.site.frame == "head" else "chest"][1]
    fingers, palm = (
        apply(axes, unit(np.array(reach.fingers)) * mirror),
        apply(axes, unit(np.array(reach.palm)) * mirror),
    )
    turn = _upon(fingers, palm, normal, reach.part) if reach.contact and not reach.around else frame_from(fingers, palm)
    local = contact_point(body, side, reach.part, hand_points(body, side, shape))
    return HandTrack(point, turn, local, shape, np.full(len(offset), reach.elbow))


def _upon(fingers: np.ndarray, palm: np.ndarray, normal: np.ndarray, part: str) -> np.ndarray:
    """Rotation of a hand that touches a surface with outward `normal`: as wished, but from outside.

    Flat parts lie along the surface; for fingertips the wrist stays above it.
    """
    if part in FLAT_PARTS:
        facing = unit(0.3 * (palm + dot(palm, normal) * -normal) - normal)
        along = fingers - dot(fingers, facing) * facing
        return frame_from(along, facing)
    ahead = 0.88 * fingers + 0.47 * palm  # from the wrist to bent fingertips
    inward = np.maximum(dot(ahead, normal) + 0.35, 0.0)
    return frame_from(fingers - inward * normal, palm - 0.5 * inward * normal)


def blend(
    first: ArmPose,
    second: ArmPose,
    weight: np.ndarray,
    shoulder: np.ndarray,
    via: np.ndarray,
    beside: np.ndarray | None = None,
) -> ArmPose:
    """From one arm pose to another by `weight (T,)`, around the `shoulder (T, 3)` as arms do, by way of `via (T, 3)`.

    The direction from the shoulder turns and the distance changes, so that the hand does not cut through the
    shoulder; between opposite directions the way leads through that of `via`, metres. Where `beside (T, 3)`
    is given, the way leads through that point instead, half way.
    """
    w = weight[:, None]

    def mix(name: str) -> np.ndarray:
        a, b = getattr(first, name), getattr(second, name)
        return a + (w if a.ndim == 2 else weight) * (b - a)

    def travel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        if beside is not None:  # the parabola through a, beside and b
            return a + w * (b - a) + 4.0 * w * (1.0 - w) * (beside - 0.5 * (a + b))
        a, b = a - shoulder, b - shoulder
        near, far = (np.linalg.norm(v, axis=-1, keepdims=True) for v in (a, b))
        a, b = a / np.maximum(near, 1e-6), b / np.maximum(far, 1e-6)
        apart = 0.5 * (1.0 - dot(a, b))
        bow = 4.0 * w * (1.0 - w)
        direction = unit((1 - w) * a + w * b + bow * apart * unit(via))
        return shoulder + direction * ((1 - w) * near + w * far) + bow * 0.7 * via

    return ArmPose(
        point=travel(first.point, second.point),
        local=mix("local"),
        shape=mix("shape"),
        wrist=travel(first.wrist, second.wrist),
        swivel=mix("swivel"),
        lift=mix("lift"),
        angles=mix("angles"),
    )


def travel(
    here: Scene,
    side: int,
    before: ArmPose,
    goal: ArmPose,
    weight: np.ndarray,
    via: np.ndarray,
    beside: np.ndarray | None = None,
) -> ArmPose:
    """From one arm pose to another, around head, trunk and the table's edge; `via (3,)` as in `Reach`."""
    way = apply(here.skeleton.frames["chest"][1], via * np.array([SIGNS[side], 1.0, 1.0]))
    mixed = blend(before, goal, weight, here.skeleton.joints[f"{SIDES[side]}_shoulder"], way, beside)
    shift = _clear(here.body, here.skeleton, mixed, weight)
    if here.table is not None:
        shift = shift + _round_table(mixed.point + shift, weight, here.table, here.smooth)
    mixed.point, mixed.wrist = mixed.point + shift, mixed.wrist + shift
    return mixed


def beside_hip(body: Body, skeleton: Skeleton, side: int) -> np.ndarray:
    """A point `(T, 3)` beside the hip that a hand passes on its way behind the body."""
    arm = body.lengths["upper_arm"] + body.lengths["forearm"]
    away = np.array([SIGNS[side] * 0.13, -0.78 * arm, -0.02])
    return skeleton.joints[f"{SIDES[side]}_shoulder"] + apply(skeleton.frames["chest"][1], away)


def _clear(body: Body, skeleton: Skeleton, arm: ArmPose, weight: np.ndarray) -> np.ndarray:
    """Displacement `(T, 3)` that takes a hand on its way around head and trunk; none at either end of the way."""
    way = (4.0 * weight * (1.0 - weight))[:, None]
    shift = np.zeros_like(arm.point)
    for place in (arm.wrist, arm.point):
        shift += way * push_out(body, skeleton, (place + shift)[:, None], 0.045)[:, 0]
    return shift


def _round_table(point: np.ndarray, weight: np.ndarray, table: Table, smooth: int) -> np.ndarray:
    """Displacement `(T, 3)` for hands on their way past the height of the table top: before its edge, not
    through the wood."""
    beyond = np.maximum(point[:, 2] - (table.edge - 0.06), 0.0)
    level = np.exp(-(((point[:, 1] - table.height + 0.03) / 0.10) ** 2))
    way = 1.0 - (2.0 * weight - 1.0) ** 4
    shift = np.zeros_like(point)
    shift[:, 2] = -average(level * beyond * way, smooth) * way
    return shift


def keep_clear(here: Scene, side: int, arm: ArmPose, table: Table | None) -> None:
    """Shift a resting hand, in place, out of trunk and head, but for 2 cm of clothes, and up until no part of it is
    in or below the table top, unless it is before its edge."""
    place_arm(here.body, here.skeleton, side, arm)
    names = [f"{SIDES[side]}_{name}" for name in hand_points(here.body, side, arm.shape)]
    points = np.stack([here.skeleton.joints[name] for name in (f"{SIDES[side]}_wrist", *names)], 1)
    push = push_out(here.body, here.skeleton, points, -0.02)
    deepest = np.sqrt((push**2).sum(-1)).argmax(1)
    shift = push[np.arange(len(push)), deepest]
    if table is not None:
        over = np.clip((points[..., 2] - table.edge + 0.03) / 0.03, 0.0, 1.0)
        depth = over * np.maximum(table.height + here.body.radii["finger"] - points[..., 1], 0.0)
        shift[:, 1] = np.maximum(shift[:, 1], depth.max(1))
    if np.any(shift):
        shift = np.stack([average(shift[:, axis], here.smooth) for axis in range(3)], 1)
        arm.point, arm.wrist = arm.point + shift, arm.wrist + shift


def part_of(arm: ArmPose, span: slice) -> ArmPose:
    """The arm during `span`."""
    return ArmPose(**{f.name: getattr(arm, f.name)[span] for f in fields(ArmPose)})


def with_part(arm: ArmPose, span: slice, part: ArmPose) -> ArmPose:
    """The arm with another pose during `span`."""
    merged = ArmPose(**{f.name: getattr(arm, f.name).copy() for f in fields(ArmPose)})
    for f in fields(ArmPose):
        getattr(merged, f.name)[span] = getattr(part, f.name)
    return merged


def stretched(arm: ArmPose, steps: int) -> ArmPose:
    """The arm over `steps` steps, of which the further ones are yet to be filled."""
    return ArmPose(**{f.name: np.resize(v := getattr(arm, f.name), (steps, *v.shape[1:])) for f in fields(ArmPose)})
