"""Where hands are while they do nothing: rest poses by name, how a person drawn into one rests, and the changes.

A rest pose gives each hand its ways to rest; the two hands draw theirs apart from each other, so that a person
seldom rests symmetrically. Hands that hold each other, folded arms and a chin in the hand are gestures of the
vocabularies and no rests, except "clasped", which is there for scenes without labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from microgesture.errors import DataError
from microgesture.synthetic.people.gesture import Reach, plus
from microgesture.synthetic.people.idle import add_idle, held, moments, noise, shifts
from microgesture.synthetic.people.performance import Body
from microgesture.synthetic.people.posture import Stance, draw_stance, place_table
from microgesture.synthetic.people.rest_poses import LYING, REST_POSES, RestPose
from microgesture.synthetic.people.schedule import Setting
from microgesture.synthetic.people.surface import Site

__all__ = [
    "REST_POSES",
    "Change",
    "Resting",
    "add_idle",
    "base_rig",
    "check_setting",
    "place_table",
    "rest_names",
    "rest_reaches",
    "shifts",
]


def rest_names(seated: bool, table: bool) -> tuple[str, ...]:
    """Names of the rest poses that make sense in a setting."""
    return tuple(name for name, pose in REST_POSES.items() if pose.fits(seated, table))


def check_setting(setting: Setting) -> None:
    """Raise `DataError` when a rest pose is unknown or impossible in the setting."""
    possible = rest_names(setting.seated, setting.table)
    for name in (setting.rest, *setting.also):
        if name not in possible:
            posture = "seated" if setting.seated else "standing"
            where = "with" if setting.table else "without"
            raise DataError(f"rest pose '{name}' is not possible {posture} {where} a table: {', '.join(possible)}")


def base_rig(body: Body, setting: Setting, steps: int, rng: np.random.Generator) -> Stance:
    """The person at rest in the setting, without movement: a posture of their own that suits the resting hands."""
    pose = REST_POSES[setting.rest]
    return draw_stance(body, setting, steps, pose.lean(setting.seated), pose.yaw, rng)


@dataclass(frozen=True)
class Change:
    """From `start` on, within `length` seconds, a hand goes to rest at `reach`; length 0: unseen, at once."""

    start: float
    length: float
    reach: Reach


@dataclass(frozen=True)
class Resting:
    """How a person's hands rest during a performance.

    `reaches` left and right at first; `role (2)` says which hand has the first part in a pose that gives the
    hands different ones; `poses` are those that hands may change to, the first being the present one. A hand
    changes about every `every` seconds, and with probability `after` during a gesture, to end elsewhere than
    it began. `lift` metres is the size of the small beats that go with speech, `seed` draws them all.
    """

    reaches: tuple[Reach, Reach]
    role: tuple[int, int]
    poses: tuple[RestPose, ...]
    every: float
    after: float
    lift: float
    seed: int

    def changes(self, busy: tuple[Sequence[tuple[float, ...]], ...], end: float) -> tuple[list[Change], list[Change]]:
        """What each hand rests at, from its first `Change` (at minus infinity) to the end at `end` seconds.

        `busy` holds for each hand the gestures that it makes: (first movement, middle of the hold, at rest again),
        seconds.
        """
        rng = np.random.default_rng([self.seed, 1])
        found = tuple([Change(-np.inf, 0.0, reach)] for reach in self.reaches)
        for side in (0, 1):
            for _, middle, _ in busy[side]:
                if rng.random() < self.after and 0.0 < middle < end:
                    found[side].append(Change(middle, 0.0, self._other(side, rng)))
        at = float(rng.uniform(0.0, 1.6 * self.every))
        while at < end:
            sides = (0, 1) if rng.random() < 0.4 else (int(rng.integers(2)),)
            for side in sides:
                start, length = at + float(rng.uniform(0.0, 0.25)), float(rng.uniform(0.7, 1.5))
                reach = self._other(side, rng)
                if not any(first < start + length + 0.1 and start - 0.1 < last for first, _, last in busy[side]):
                    found[side].append(Change(start, length, reach))
            at += 0.4 * self.every + float(rng.exponential(0.6 * self.every)) + 1.8
        left, right = (_apart(sorted(changes, key=lambda c: c.start)) for changes in found)
        return left, right

    def _other(self, side: int, rng: np.random.Generator) -> Reach:
        """Another way to rest for a hand, of the present pose or of another."""
        loose = [pose for pose in self.poses if not pose.paired]
        if not loose or self.poses[0].paired:  # hands that lie together stay together: a little further on
            return _jitter(self.reaches[side], rng, 0.01)
        pose = self.poses[0] if rng.random() < 0.4 else loose[int(rng.integers(len(loose)))]
        ways = pose.ways[self.role[side]]
        return _jitter(ways[int(rng.integers(len(ways)))], rng)

    def beats(self, times: np.ndarray, speech: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Small movements of a resting hand: offset `(T, 3)` metres along (up, across, off) its site, and bend of
        the fingers `(T,)` radians. Beats come with `speech (T,)` in [0, 1]; drift and breath never stop."""
        rng = np.random.default_rng([self.seed, 2, side])
        offset = np.stack([0.0025 * noise(times, rng, 0.05, 0.5) for _ in range(3)], 1) * np.array([1.0, 1.0, 0.0])
        curl = 0.05 * noise(times, rng, 0.05, 0.4)
        size = self.lift * float(np.exp(rng.normal(scale=0.4)))
        every = float(rng.uniform(0.3, 4.0))
        for at in moments(times, rng, every, 0.5):
            rise, fall = rng.uniform(0.18, 0.35, 2)
            beat = held(times, at, rise, float(rng.exponential(0.12)), fall)
            direction = np.array([rng.normal() * 0.7, rng.normal() * 0.5, rng.uniform(0.3, 1.2)])
            heard = float(speech[min(int(np.searchsorted(times, at + rise)), len(times) - 1)])
            beat *= heard * float(np.clip(rng.gamma(2.0, 0.5), 0.1, 2.2))
            offset += size * beat[:, None] * direction
            curl += rng.uniform(-0.25, 0.15) * beat
        return offset, curl


def rest_reaches(setting: Setting, rng: np.random.Generator) -> Resting:
    """How the left and the right hand rest, each in its own way and a little off its place."""
    role = (0, 1) if rng.random() < 0.5 else (1, 0)
    pose = REST_POSES[setting.rest]
    if setting.rest == "clasped":
        pose = RestPose(*_clasped(setting, rng), paired=True)
    if pose.paired:
        way = int(rng.integers(len(pose.first)))
        reaches = [_jitter(pose.ways[part][way], rng, 0.004) for part in role]
    else:
        reaches = []
        for part in role:
            ways = pose.ways[part]
            reaches.append(_jitter(ways[int(rng.integers(len(ways)))], rng))
        if pose.mirrored and rng.random() < 0.3:  # some people do rest symmetrically
            reaches[1] = _jitter(reaches[0], rng, 0.012)
    others = tuple(other for other in (REST_POSES[name] for name in setting.also) if pose.agrees(other))
    every, after = float(np.exp(rng.uniform(np.log(6.0), np.log(25.0)))), float(rng.uniform(0.2, 0.7))
    lift = float(rng.uniform(0.004, 0.022))
    return Resting((reaches[0], reaches[1]), role, (pose, *others), every, after, lift, int(rng.integers(2**31)))


def _clasped(setting: Setting, rng: np.random.Generator) -> tuple[tuple[Reach, ...], tuple[Reach, ...]]:
    """One hand lies loosely in the other: on the table, in the lap, or before the belly."""
    if setting.table and rng.random() < 0.6:
        site = Site("above_table", (rng.uniform(-0.05, 0.05), 0.025, rng.uniform(0.06, 0.14)))
        under, over, turned = (0.0, 0.0, 0.0), (0.035, 0.0, 0.03), (-0.45, -0.6, -0.6)
    else:
        low = (0.16, 0.20) if setting.seated else (0.02, 0.08)
        site = Site("near_pelvis", (0.0, rng.uniform(*low), rng.uniform(0.19, 0.22)))
        under, over, turned = (-0.005, 0.0, -0.012), (0.01, 0.0, 0.028), (-0.1, -0.45, -0.9)
    mirrored = replace(site, at=(-site.at[0], site.at[1], site.at[2]))
    below = Reach(site, "palm", "relaxed", (-0.95, 0.0, 0.35), turned, offset=under, contact=False)
    above = Reach(mirrored, "palm", "cup", (-0.90, -0.1, 0.40), turned, offset=over, contact=False)
    return (below,), (above,)


def _apart(changes: list[Change]) -> list[Change]:
    """Changes in order, without those that come before the one ahead of them is over."""
    kept = changes[:1]
    for change in changes[1:]:
        if change.start > kept[-1].start + kept[-1].length + 0.2:
            kept.append(change)
    return kept


def _jitter(reach: Reach, rng: np.random.Generator, spread: float = 0.045) -> Reach:
    """The same a little elsewhere, by up to `spread` metres, and turned a little."""
    first, second = (float(v) for v in rng.uniform(-spread, spread, 2))
    turned = (0.10 if spread > 0.02 else 0.04) * rng.normal(size=(2, 3))
    third = 0.0 if reach.site.frame in LYING else float(rng.uniform(-0.7, 0.7) * spread)
    elbow = reach.elbow + float(rng.uniform(-0.5, 0.2))
    fingers, palm = ((float(v[0]), float(v[1]), float(v[2])) for v in np.array([reach.fingers, reach.palm]) + turned)
    return replace(reach, offset=plus(reach.offset, (first, second, third)), fingers=fingers, palm=palm, elbow=elbow)
