"""From drawn gestures to tracks: envelopes over time, drives into the rig, hands on their way to their sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from microgesture.synthetic.arms import ArmPose, HandTrack, average, place_arm, push_out, settle
from microgesture.synthetic.gesture import Drive, Gesture, Reach, Stroke, minimum_jerk
from microgesture.synthetic.hands import FLAT_PARTS, HAND_SHAPES, contact_point, contact_thickness, hand_points
from microgesture.synthetic.kinematics import SIDES, SIGNS, Rig, Skeleton, apply, dot, frame_from, unit
from microgesture.synthetic.performance import Body
from microgesture.synthetic.surface import FREE_FRAMES, Table, resolve


@dataclass(frozen=True)
class Act:
    """A gesture with its times, seconds: the hold lies between `start + attack` and `end - release`."""

    gesture: Gesture
    start: float
    end: float

    @property
    def phases(self) -> tuple[float, float]:
        """Attack and release, shortened when the event is short."""
        attack, release = self.gesture.attack, self.gesture.release
        share = min(1.0, 0.75 * (self.end - self.start) / (attack + release))
        return attack * share, release * share

    def weight(self, times: np.ndarray, delay: float = 0.0) -> np.ndarray:
        """Envelope `(T,)`: 0 outside, 1 in the hold, minimum jerk between."""
        attack, release = self.phases
        start = self.start + delay * (self.end - self.start)
        attack = min(attack, max(0.4 * (self.end - start), 1e-6))
        release = min(release, max(0.4 * (self.end - start), 1e-6))
        return minimum_jerk((times - start) / attack) * minimum_jerk((self.end - times) / release)

    def swing(
        self, times: np.ndarray, frequency: float, cycles: float, phase: float, delay: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Angle `(T,)` of a repeated movement and the window `(T,)` in which it happens."""
        attack, release = self.phases
        first = self.start + max(0.85 * attack, delay * (self.end - self.start))
        last = min(self.end - 0.85 * release, first + cycles / frequency)
        ramp = max(min(0.35 / frequency, 0.45 * (last - first)), 1e-6)
        window = minimum_jerk((times - first) / ramp) * minimum_jerk((last - times) / ramp)
        return 2 * np.pi * frequency * (times - first) + phase, window


def drive(rig: Rig, act: Act, times: np.ndarray, move: Drive) -> None:
    """Add one drive to its channel of the rig, in place."""
    channel = getattr(rig, move.channel)
    index = (slice(None), *move.index)
    if move.frequency <= 0:
        channel[index] += move.size * act.weight(times, move.delay)
        return
    angle, window = act.swing(times, move.frequency, move.cycles, move.phase, move.delay)
    channel[index] += move.size * (move.offset * act.weight(times, move.delay) + window * np.sin(angle))


def _stroke(act: Act, times: np.ndarray, stroke: Stroke | None) -> tuple[np.ndarray, np.ndarray]:
    """Offset `(T, 3)` along (up, across, off) and extra finger bend `(T,)`."""
    if stroke is None:
        return np.zeros((len(times), 3)), np.zeros(len(times))
    angle, window = act.swing(times, stroke.frequency, stroke.cycles, stroke.phase)
    offset = (window * np.sin(angle))[:, None] * np.array(stroke.size)
    offset[:, 2] += window * stroke.lift * 0.5 * (1.0 - np.cos(angle - stroke.phase))
    return offset, window * stroke.curl * np.sin(angle + 0.6)


def reach_track(
    body: Body, skeleton: Skeleton, side: int, reach: Reach, act: Act, times: np.ndarray, table: Table | None
) -> HandTrack:
    """Where the hand would be if it were at the site all the time."""
    offset, curl = _stroke(act, times, reach.stroke)
    attack, release = act.phases
    hold = max(act.end - act.start - attack - release, 1e-6)
    along = minimum_jerk((times - act.start - attack) / hold)
    offset = offset + np.array(reach.offset) + along[:, None] * np.array(reach.drift)
    return hand_at(body, skeleton, side, reach, offset, curl, table)


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


def hands(
    body: Body,
    skeleton: Skeleton,
    rest: tuple[Reach, Reach],
    drift: tuple[np.ndarray, np.ndarray],
    acts: Sequence[Act],
    times: np.ndarray,
    table: Table | None,
) -> None:
    """Solve both arms into the skeleton. Reaches to the other arm are solved after it, in a second pass."""
    smooth = max(1, round(0.16 / (times[1] - times[0]))) if len(times) > 1 else 0
    still = np.zeros(len(times))
    arms = []
    for side in (0, 1):
        lying = hand_at(body, skeleton, side, rest[side], drift[side], still, table)
        arms.append(settle(body, skeleton, side, replace(lying, careful=False), smooth))
    leaning = [any(_on_other_arm(r) for r in act.gesture.reaches.values()) for act in acts]
    for late in (False, True) if any(leaning) else (False,):
        for act, leans in zip(acts, leaning, strict=True):
            if leans == late:
                _act_out(body, skeleton, arms, act, times, table, smooth)
        for side in (0, 1):
            place_arm(body, skeleton, side, arms[side])


def _act_out(
    body: Body,
    skeleton: Skeleton,
    arms: list[ArmPose],
    act: Act,
    times: np.ndarray,
    table: Table | None,
    smooth: int,
) -> None:
    """Blend one act into both arms, over its times, in place. A hand that goes to the other arm is solved
    against that arm as it is in the hold."""
    during = np.flatnonzero((times > act.start) & (times < act.end))
    if not len(during):
        return
    span = slice(int(during[0]), int(during[-1]) + 1)
    here, t = skeleton.at(span), times[span]
    weight = act.weight(t)
    for side, reach in sorted(act.gesture.reaches.items(), key=lambda item: _on_other_arm(item[1])):
        goal = settle(body, here, side, reach_track(body, here, side, reach, act, t, table), smooth)
        place_arm(body, here, side, goal)
        before = ArmPose(**{f.name: getattr(arms[side], f.name)[span] for f in fields(ArmPose)})
        via = apply(here.frames["chest"][1], np.array(reach.via) * np.array([SIGNS[side], 1.0, 1.0]))
        shoulder = here.joints[f"{SIDES[side]}_shoulder"]
        beside = _beside(body, here, side) if reach.behind else None
        mixed = blend(before, goal, weight, shoulder, via, beside)
        shift = _clear(body, here, mixed, weight)
        if table is not None:
            shift = shift + _round_table(mixed.point + shift, weight, table, smooth)
        mixed.point, mixed.wrist = mixed.point + shift, mixed.wrist + shift
        arm = ArmPose(**{f.name: getattr(arms[side], f.name).copy() for f in fields(ArmPose)})
        for f in fields(ArmPose):
            getattr(arm, f.name)[span] = getattr(mixed, f.name)
        arms[side] = arm


def _beside(body: Body, skeleton: Skeleton, side: int) -> np.ndarray:
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


def _on_other_arm(reach: Reach) -> bool:
    return reach.site.frame in ("other_upper_arm", "other_forearm")
