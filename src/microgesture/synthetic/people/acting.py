"""From drawn gestures to tracks: envelopes over time, drives into the rig, and whose turn it is to move a hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from microgesture.synthetic.people.arms import ArmPose, HandTrack, average, place_arm, settle
from microgesture.synthetic.people.body import head_points
from microgesture.synthetic.people.gesture import Drive, Gesture, Reach, Stroke, minimum_jerk
from microgesture.synthetic.people.kinematics import Rig, Skeleton
from microgesture.synthetic.people.performance import Body
from microgesture.synthetic.people.posture import Stance
from microgesture.synthetic.people.rest import Change, Resting
from microgesture.synthetic.people.surface import Table
from microgesture.synthetic.people.travel import (
    Scene,
    beside_hip,
    hand_at,
    keep_clear,
    part_of,
    stretched,
    travel,
    with_part,
)


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
        """Angle `(T,)` of a repeated movement and the window `(T,)` in which it happens: bouts of `cycles`, with pauses
        of 0.3 to 1.5 s between, until the release. What is called an event is one to its end."""
        attack, release = self.phases
        first = self.start + max(0.85 * attack, delay * (self.end - self.start))
        last = self.end - 0.85 * release
        bout = cycles / frequency
        pause = 0.3 + 1.2 * (37.0 * frequency % 1.0)
        window, begin = np.zeros(len(times)), first
        while begin < last and (begin == first or last - begin > 0.5 / frequency):
            end = min(last, begin + bout)
            ramp = max(min(0.35 / frequency, 0.45 * (end - begin)), 1e-6)
            window += minimum_jerk((times - begin) / ramp) * minimum_jerk((end - times) / ramp)
            begin = end + pause
        return 2 * np.pi * frequency * (times - first) + phase, window


def drive(rig: Rig, act: Act, times: np.ndarray, move: Drive) -> None:
    """Add one drive to its channel of the rig, in place. Legs that are crossed at rest part before they move."""
    if isinstance(rig, Stance) and move.channel in ("ankle", "foot", "knee"):
        rig.uncross(act.start, act.end, times)
    channel = getattr(rig, move.channel)
    index = (slice(None), *move.index)
    if move.frequency <= 0:
        distance = move.size - channel[index] if move.to else move.size
        channel[index] += distance * act.weight(times, move.delay)
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


@dataclass(frozen=True)
class Turn:
    """When a gesture has a hand: the hand comes within `rise` and leaves within `fall`, both (from, to) seconds.
    From and to may be one time: the hand then is there at once, behind a gesture that covers the change."""

    rise: tuple[float, float]
    fall: tuple[float, float]

    def weight(self, times: np.ndarray) -> np.ndarray:
        """Share `(T,)` of the gesture in what the hand does."""
        (a, b), (c, d) = self.rise, self.fall
        return minimum_jerk((times - a) / max(b - a, 1e-9)) * minimum_jerk((d - times) / max(d - c, 1e-9))

    @property
    def middle(self) -> float:
        """A time in the hold, seconds."""
        return 0.5 * (self.rise[1] + self.fall[0])


def turns(acts: Sequence[Act], rng: np.random.Generator) -> dict[tuple[int, int], Turn]:
    """Turn of every act's hands by (number of the act, side).

    A hand goes to its next gesture without resting when that one starts soon: within 0.2 to 1.2 s, drawn. Of
    two such gestures the one that is solved first keeps or takes the hand unseen while the other one moves.
    """
    found = {}
    for i, act in enumerate(acts):
        attack, release = act.phases
        turn = Turn((act.start, act.start + attack), (act.end - release, act.end))
        found.update({(i, side): turn for side in act.gesture.reaches})
    for side in (0, 1):
        mine = sorted((i for i, s in found if s == side), key=lambda i: acts[i].start)
        for i, j in pairwise(mine):
            one, two = found[i, side], found[j, side]
            behind = acts[i].gesture.reaches[side].behind or acts[j].gesture.reaches[side].behind
            if behind or not 0.0 <= acts[j].start - acts[i].end < rng.uniform(0.2, 1.2):
                continue
            leave = acts[i].end - 0.7 * (acts[i].end - one.fall[0])
            arrive = acts[j].start + 0.7 * (two.rise[1] - acts[j].start)
            if _leans(acts[i]) and not _leans(acts[j]):
                found[i, side], found[j, side] = Turn(one.rise, (leave, arrive)), Turn((leave, leave), two.fall)
            else:
                found[i, side], found[j, side] = Turn(one.rise, (arrive, arrive)), Turn((leave, arrive), two.fall)
    return found


def hands(
    body: Body,
    skeleton: Skeleton,
    rest: Resting,
    drift: tuple[np.ndarray, np.ndarray],
    acts: Sequence[Act],
    times: np.ndarray,
    table: Table | None,
) -> None:
    """Solve both arms into the skeleton: how they rest, moved by `drift (T, 3)` left and right, and over that the
    acts. Reaches to the other arm are solved after it, in a second pass."""
    smooth = max(1, round(0.16 / (times[1] - times[0]))) if len(times) > 1 else 0
    scene = Scene(body, skeleton, times, table, smooth)
    when = turns(acts, np.random.default_rng([rest.seed, 0]))
    busy = tuple([(t.rise[0], t.middle, t.fall[1]) for (_, s), t in when.items() if s == side] for side in (0, 1))
    speech = _speech(body, skeleton, smooth)
    arms = []
    for side, changes in enumerate(rest.changes(busy, float(times[-1]))):
        offset, curl = rest.beats(times, speech, side)
        arms.append(_at_rest(scene, side, changes, drift[side] + offset, curl))
    for late in (False, True) if any(_leans(act) for act in acts) else (False,):
        for i, act in enumerate(acts):
            if _leans(act) == late:
                _act_out(scene, arms, act, {side: when[i, side] for side in act.gesture.reaches})
        for side in (0, 1):
            place_arm(body, skeleton, side, arms[side])


def _speech(body: Body, skeleton: Skeleton, smooth: int) -> np.ndarray:
    """How much the lips have just moved, `(T,)` in [0, 1]: hands beat while the mouth speaks."""
    face = head_points(body)
    closed = np.linalg.norm(face["lower_lip"] - face["upper_lip"])
    gap = np.linalg.norm(skeleton.joints["lower_lip"] - skeleton.joints["upper_lip"], axis=1)
    return np.clip(average(gap - closed, 2 * smooth) / (0.02 * body.lengths["head_height"]), 0.0, 1.0)


def _at_rest(scene: Scene, side: int, changes: Sequence[Change], offset: np.ndarray, curl: np.ndarray) -> ArmPose:
    """The arm at rest, from one place to the next as `changes` say, the first of which holds from the start."""
    arm: ArmPose | None = None
    for change, after in zip(changes, [*changes[1:], None], strict=True):
        found = scene.during(change.start, np.inf if after is None else after.start + after.length + 1e-9)
        if found is None:
            continue
        span, here = found
        lying = hand_at(scene.body, here.skeleton, side, change.reach, offset[span], curl[span], scene.table)
        goal = settle(scene.body, here.skeleton, side, replace(lying, careful=False), scene.smooth)
        above = change.reach.site.frame in ("space", "table", "above_table")
        keep_clear(here, side, goal, scene.table if above else None)
        if arm is None:
            arm = stretched(goal, len(scene.times))
        elif change.length > 0:
            weight = minimum_jerk((here.times - change.start) / change.length)
            goal = travel(here, side, part_of(arm, span), goal, weight, np.array([0.02, 0.05, 0.06]))
        arm = with_part(arm, span, goal)
    assert arm is not None
    return arm


def _act_out(scene: Scene, arms: list[ArmPose], act: Act, when: Mapping[int, Turn]) -> None:
    """Blend one act into both arms while it has them, in place. A hand that goes to the other arm is solved
    against that arm as it is in the hold."""
    if not when:
        return
    found = scene.during(min(t.rise[0] for t in when.values()), max(t.fall[1] for t in when.values()))
    if found is None:
        return
    span, here = found
    for side, reach in sorted(act.gesture.reaches.items(), key=lambda item: _on_other_arm(item[1])):
        hand = reach_track(scene.body, here.skeleton, side, reach, act, here.times, scene.table)
        goal = settle(scene.body, here.skeleton, side, hand, scene.smooth)
        place_arm(scene.body, here.skeleton, side, goal)
        beside = beside_hip(scene.body, here.skeleton, side) if reach.behind else None
        weight = when[side].weight(here.times)
        mixed = travel(here, side, part_of(arms[side], span), goal, weight, np.array(reach.via), beside)
        arms[side] = with_part(arms[side], span, mixed)


def _leans(act: Act) -> bool:
    """Whether a hand of the act goes to the other arm."""
    return any(_on_other_arm(reach) for reach in act.gesture.reaches.values())


def _on_other_arm(reach: Reach) -> bool:
    return reach.site.frame in ("other_upper_arm", "other_forearm")
