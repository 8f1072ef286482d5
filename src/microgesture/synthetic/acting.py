"""From drawn gestures to tracks: envelopes over time, drives into the rig, hands on their way to their sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microgesture.synthetic.arms import HandTrack, push_out, solve_arm
from microgesture.synthetic.gesture import Drive, Gesture, Reach, Stroke, minimum_jerk
from microgesture.synthetic.hands import HAND_SHAPES, contact_point, contact_thickness, hand_points
from microgesture.synthetic.kinematics import SIGNS, Rig, Skeleton, apply, frame_from, slerp
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
    turn = frame_from(apply(axes, np.array(reach.fingers) * mirror), apply(axes, np.array(reach.palm) * mirror))
    local = contact_point(body, side, reach.part, hand_points(body, side, shape))
    return HandTrack(point, turn, local, shape, np.full(len(offset), reach.elbow))


def blend(
    resting: HandTrack, acting: HandTrack, weight: np.ndarray, via: np.ndarray, chest: np.ndarray, rig: np.ndarray
) -> HandTrack:
    """From one track to another by `weight (T,)`, bending the way by `via (3,)` along the chest's axes."""
    w = weight[:, None]
    bulge = 4.0 * w * (1.0 - w) * apply(chest, via)
    return HandTrack(
        (1 - w) * resting.point + w * acting.point + bulge,
        slerp(resting.turn, acting.turn, weight),
        (1 - w) * resting.local + w * acting.local,
        (1 - w) * resting.shape + w * acting.shape,
        (1 - weight) * resting.elbow + weight * acting.elbow,
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
    smooth = max(1, round(0.08 / (times[1] - times[0]))) if len(times) > 1 else 0
    leans = any(_on_other_arm(r) for act in acts for r in act.gesture.reaches.values())
    for final in (False, True) if leans else (True,):
        for side in (0, 1):
            track = hand_at(body, skeleton, side, rest[side], drift[side], np.zeros(len(times)), table)
            free = np.ones(len(times))
            for act in acts:
                reach = act.gesture.reaches.get(side)
                if reach is None or (_on_other_arm(reach) and not final):
                    continue
                weight = act.weight(times)
                goal = reach_track(body, skeleton, side, reach, act, times, table)
                via = np.array(reach.via) * np.array([SIGNS[side], 1.0, 1.0])
                if table is not None and rest[side].site.frame != "table" and via[2] > 0:
                    via[2] = -0.04  # hands under the table come out between its edge and the belly
                track = blend(track, goal, weight, via, skeleton.frames["chest"][1], free)
                free = np.minimum(free, 1.0 - weight)
            solve_arm(body, skeleton, side, track, smooth)


def _on_other_arm(reach: Reach) -> bool:
    return reach.site.frame in ("other_upper_arm", "other_forearm", "other_hand")
