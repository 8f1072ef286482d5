"""A bank of synthetic people moving, as joints: what the built-in skeleton recogniser learns from.

Nothing is rendered, so a bank of a day of movement is made in minutes. A performance lasts 20 to 30 seconds and
holds many gestures, of the hands one after another, of head, face, trunk and legs beneath them. `SkeletonBank`
keeps the joints in space; cameras and the estimator's errors are drawn anew each time a window is taken
(`skeleton_windows.py`), so that no view is seen twice.
"""

from __future__ import annotations

import itertools
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.errors import DataError
from microgesture.files.atomic import replacing
from microgesture.skeletons.layouts import GESTURE_62, SYNTHETIC
from microgesture.synthetic.people.motion import MOTIONS, acting_hands, perform
from microgesture.synthetic.people.performance import Performance
from microgesture.synthetic.people.schedule import GROUPS, MotionSpec, Scheduled, Setting
from microgesture.synthetic.worlds.domains import DOMAINS, SPLITS, Subject, draw_setting, draw_subject
from microgesture.vocabulary import NO_GESTURE

RATE = 12.5
"""Joints a second, Hz: what an estimator manages on two cores, and twice the fastest rubbing of hands."""

SECONDS = (16.0, 28.0)
"""Shortest and longest performance."""

IDLE = {"hands": 1.6, "legs": 9.0, "face": 16.0, "head": 9.0, "trunk": 11.0}
"""Mean pause between two gestures of one part of the body, seconds, of people whose hands are busy; the other parts
move often enough that about every second gesture of the hands has company."""
CALM_IDLE = {"hands": 14.0, "legs": 11.0, "face": 11.0, "head": 8.0, "trunk": 9.0}
"""The same of people who mostly rest: what one part does is then seen by itself."""
CALM = 0.5
"""Share of people who mostly rest."""

ELSEWHERE = frozenset({"gaze_about"})
"""Motions of the library that no bank shows: looking about is one of "turning head", "nodding" and others, drawn at
random, and in MA-52's words each of these has a name."""

LIBRARY = tuple(key for key in MOTIONS if key not in ELSEWHERE)
"""The motions of a bank, unless others are asked for."""

JOINTS_62 = np.array([SYNTHETIC.index(joint) for joint in GESTURE_62.joints])
"""Where the joints of "gesture-62" stand among those of the synthetic body."""


@dataclass(frozen=True)
class SkeletonBank:
    """`joints (F, 62, 3)` float16 metres at `RATE` Hz in layout "gesture-62", performances end to end.

    Performance p has frames `[offsets[p], offsets[p + 1])`. `events (E, 5)` float32 are performance, motion
    (index into `motions`), start and end in seconds of the performance, and which hands act (the sum of 1 for the left
    and 2 for the right one). `table (P,)` is the height of the table
    top, NaN without one; `seated (P,)`. In an `estimated` bank the last axis of `joints` is x, y (in shoulder widths,
    y down) and score, as a pose estimator found them in rendered video.
    """

    motions: tuple[str, ...]
    joints: np.ndarray
    offsets: np.ndarray
    events: np.ndarray
    table: np.ndarray
    seated: np.ndarray
    estimated: bool = False

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def alone(self) -> np.ndarray:
        """(E,) whether an event goes on without another one over more than a third of its time. Idling counts for
        nothing, and what accompanies a gesture of the hands counts only from two thirds on."""
        motion = self.events[:, 1].astype(int)
        specs = [MOTIONS[key] for key in self.motions]
        idle = np.array([set(spec.labels.values()) <= {NO_GESTURE} for spec in specs])[motion]
        hands = np.array([spec.group == "hands" for spec in specs])[motion]
        found = np.ones(len(self.events), bool)
        order = np.searchsorted(self.events[:, 0], np.arange(len(self) + 1))
        for first, last in itertools.pairwise(order.tolist()):
            begin, end = self.events[first:last, 2], self.events[first:last, 3]
            shared = np.minimum(end[:, None], end) - np.maximum(begin[:, None], begin)
            shared = np.clip(shared, 0.0, None) / (end - begin)[:, None] * ~idle[first:last]
            np.fill_diagonal(shared, 0.0)
            limit = np.where(hands[first:last], 0.67, 0.34)
            found[first:last] = shared.max(1, initial=0.0) < limit
        return found

    def save(self, path: str | Path) -> None:
        """Write the bank as .npz, uncompressed."""
        arrays = {name: getattr(self, name) for name in ("joints", "offsets", "events", "table", "seated")}
        with replacing(Path(path)) as temporary, open(temporary, "wb") as file:
            np.savez(file, motions=np.array(self.motions), estimated=np.array(self.estimated), **arrays)

    @classmethod
    def load(cls, path: str | Path) -> SkeletonBank:
        """Read what `save` wrote. Raises `DataError` naming the file when it is no bank."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {k: file[k] for k in ("joints", "offsets", "events", "table", "seated")}
                return cls(tuple(file["motions"].tolist()), **arrays, estimated=bool(file["estimated"]))
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path}: cannot be read as a skeleton bank ({error})") from error


def make_bank(
    performances: int,
    seed: int,
    split: str = "train",
    workers: int = 1,
    motions: Sequence[str] = (),
    progress: Callable[[float, float], None] | None = None,
    calm: float = CALM,
) -> SkeletonBank:
    """Let `performances` people of a split's domain act; `motions` limits the library, empty for all of it but
    `ELSEWHERE`; `calm` is the share of them who mostly rest.

    The same arguments give the same bank, whatever the number of `workers`.
    """
    keys = tuple(motions or LIBRARY)
    jobs = [(seed, split, index, keys, calm) for index in range(performances)]
    made = []
    if workers > 1:
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            for part in pool.imap(_act, jobs, chunksize=8):
                made.append(part)
                if progress is not None:
                    progress(len(made), performances)
    else:
        made = [_act(job) for job in jobs]
    return join_bank(keys, made)


def joined(banks: Sequence[SkeletonBank]) -> SkeletonBank:
    """Banks of the same motions, one after another, as one."""
    people = np.cumsum([0, *(len(bank) for bank in banks[:-1])])
    frames = np.cumsum([0, *(len(bank.joints) for bank in banks[:-1])])
    events = [
        bank.events + np.array([start, 0, 0, 0, 0], np.float32) for bank, start in zip(banks, people, strict=True)
    ]
    offsets = [bank.offsets[1:] + start for bank, start in zip(banks, frames, strict=True)]
    return SkeletonBank(
        banks[0].motions,
        np.concatenate([bank.joints for bank in banks]),
        np.concatenate([[0], *offsets]).astype(np.int64),
        np.concatenate(events).astype(np.float32),
        np.concatenate([bank.table for bank in banks]),
        np.concatenate([bank.seated for bank in banks]),
        banks[0].estimated,
    )


Part = tuple[np.ndarray, np.ndarray, float, bool]
"""One performance of a bank: joints (T, 62, 3); events (E, 4) of motion, start, end, hands; table height; seated."""


def join_bank(motions: Sequence[str], parts: Sequence[Part], estimated: bool = False) -> SkeletonBank:
    """A bank of performances made one by one."""
    lengths = [len(joints) for joints, *_ in parts]
    events = [np.column_stack([np.full(len(rows), p), rows]) for p, (_, rows, _, _) in enumerate(parts)]
    return SkeletonBank(
        tuple(motions),
        np.concatenate([joints for joints, *_ in parts]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate(events).astype(np.float32),
        np.array([table for *_, table, _ in parts], np.float32),
        np.array([seated for *_, seated in parts]),
        estimated,
    )


@dataclass(frozen=True)
class Acted:
    """One performance and what it was made from; `rng` goes on to draw what the performance did not need."""

    person: Subject
    setting: Setting
    schedule: tuple[Scheduled, ...]
    performance: Performance
    rng: np.random.Generator

    def part(self, joints: np.ndarray, motions: Sequence[str]) -> Part:
        """The performance as a part of a bank of these motions, with `joints` in place of its own."""
        order = {key: i for i, key in enumerate(motions)}
        sides = acting_hands(self.person.body, self.schedule, self.setting, self.person.style)
        rows = [(order[s.key], s.start, s.end, hands) for s, hands in zip(self.schedule, sides, strict=True)]
        table = self.performance.table[0] if self.performance.table else np.nan
        return joints.astype(np.float16), np.array(rows, float).reshape(-1, 4), table, self.performance.seated


def act(
    seed: int,
    split: str,
    index: int,
    motions: Sequence[str],
    seconds: tuple[float, float] = SECONDS,
    calm: float = CALM,
) -> Acted:
    """Person number `index` of a split's domain acts for a while, at `RATE` Hz."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(SPLITS.index(split), index)))
    domain = DOMAINS[split]
    person = draw_subject(rng, domain, f"{split}-{index}")
    setting = draw_setting(rng, domain)
    specs = [
        MOTIONS[key]
        for key in motions
        if not (MOTIONS[key].standing_only if setting.seated else MOTIONS[key].seated_only)
    ]
    duration = float(rng.uniform(*seconds))
    scheduled = draw_schedule(rng, specs, duration, CALM_IDLE if rng.random() < calm else IDLE)
    performance = perform(person.body, scheduled, duration, RATE, setting, person.style, rng)
    return Acted(person, setting, tuple(scheduled), performance, rng)


def _act(job: tuple[int, str, int, tuple[str, ...], float]) -> Part:
    seed, split, index, motions, calm = job
    acted = act(seed, split, index, motions, SECONDS, calm)
    return acted.part(acted.performance.joints[:, JOINTS_62], motions)


def draw_schedule(
    rng: np.random.Generator, specs: Sequence[MotionSpec], duration: float, idle: Mapping[str, float] = IDLE
) -> list[Scheduled]:
    """Gestures of every part of the body, each part on a clock of its own; every motion equally often.

    `idle` is the mean pause of each part, seconds.

    Held gestures may last up to 12 s: real people keep their arms folded for minutes, and a window then sees
    neither the beginning nor the end.
    """
    scheduled = []
    for group in GROUPS:
        members = [spec for spec in specs if spec.group == group]
        if not members:
            continue
        clock = float(rng.exponential(idle[group]))
        while clock < duration - 0.5:
            spec = members[int(rng.integers(len(members)))]
            low, high = spec.duration
            length = float(rng.uniform(low, high)) if rng.random() < 0.8 else float(rng.uniform(high, 1.6 * high))
            end = min(clock + length, duration + 2.0)
            scheduled.append(Scheduled(spec.key, round(clock, 3), round(end, 3), int(rng.integers(2**31))))
            clock = end + 0.15 + float(rng.exponential(idle[group]))
    return scheduled
