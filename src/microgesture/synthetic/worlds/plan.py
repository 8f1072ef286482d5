"""What a configuration of a synthetic world means: classes, people, and a list of items with their seeds.

Everything here is cheap and draws no pictures, so every process can work it out for itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from microgesture.errors import RecipeError
from microgesture.settings import check_settings, listed, within
from microgesture.synthetic.people.schedule import MotionSpec
from microgesture.synthetic.worlds.domains import DOMAINS, SPLITS
from microgesture.synthetic.worlds.interviews import (
    OUTCOMES,
    InterviewRates,
    draw_rates,
    motions_by_label,
    sample_interview,
)
from microgesture.synthetic.worlds.staging import Script, script_clip, script_interview, stream, whole_frames
from microgesture.timeline import Timeline
from microgesture.vocabulary import NO_GESTURE, Vocabulary, vocabularies

BALANCES = ("equal", "long-tail")
"""Class counts: all alike, or falling off geometrically to a fiftieth, as in the real data sets."""

POSES = ("true", "estimated")
"""What the skeleton files hold."""


@dataclass(frozen=True)
class WorldConfig:
    """What a world holds. Raises `RecipeError` naming the value that cannot be.

    Args:
        clips: number of clips of one gesture each (all splits together).
        interviews: number of filmed interviews.
        timelines: number of further interviews that exist as true timelines only.
        seed: everything is drawn from it.
        vocabulary: `imigue` or `smg`.
        classes: class names of the vocabulary, separated by semicolons; empty for all.
        size: width and height of the videos, pixels.
        interview_size: width and height of the interviews, pixels; 0: as the clips.
        fps: frames per second.
        subjects: number of people (all splits together).
        shares: share of clips, interviews and people in train, val and test.
        balance: `equal` or `long-tail` class counts.
        companions: share of clips in which a motion outside the vocabulary overlaps the gesture.
        longest_gesture: no gesture is longer, seconds, unless its motion cannot be that short.
        interview_seconds: shortest and longest interview.
        gestures_per_minute: sum of the hazards of all gestures.
        effect: log of the ratio by which the outcome shifts the rates that it shifts.
        poses: `true` joints in the skeleton files, or `estimated`: with the errors of a pose estimator, modelled.
        device: where pictures are computed, `cpu` or `cuda`; other devices round differently.
        workers: processes; no influence on what is written.
    """

    clips: int = within(2000, 0)
    interviews: int = within(20, 0)
    timelines: int = within(400, 0)
    seed: int = within(0, 0)
    vocabulary: str = "imigue"
    classes: str = ""
    size: int = within(128, 16)
    interview_size: int = within(0, 0)
    fps: float = within(12.5, 1, 120)
    subjects: int = within(60, len(SPLITS))
    shares: tuple[float, float, float] = (0.65, 0.1, 0.25)
    balance: str = "equal"
    companions: float = within(0.15, 0, 1)
    longest_gesture: float = within(4.0, above=0)
    interview_seconds: tuple[float, float] = within((60.0, 180.0), 1)
    gestures_per_minute: float = within(16.0, above=0, high=600)
    effect: float = within(0.8, 0, 5)
    poses: str = "true"
    device: str = "cpu"
    workers: int = within(1, 1)

    def __post_init__(self) -> None:
        check_settings(self, "synthesize: ")
        checks = (
            ("vocabulary", self.vocabulary in vocabularies(), listed(vocabularies())),
            ("size", self.size % 2 == 0, "an even number"),
            ("interview_size", self.interview_size == 0 or self.interview_size >= 16, "0, or 16 or more"),
            ("interview_size", self.interview_size % 2 == 0, "an even number"),
            ("shares", min(self.shares) >= 0 and sum(self.shares) > 0, "0 or more, and not all 0"),
            ("balance", self.balance in BALANCES, listed(BALANCES)),
            ("poses", self.poses in POSES, listed(POSES)),
        )
        for name, holds, wanted in checks:
            if not holds:
                raise RecipeError(f"synthesize: {name} must be {wanted}, got {getattr(self, name)!r}")

    def identity(self) -> dict[str, Any]:
        """Everything that what is written depends on, as plain JSON values."""
        data = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "workers"}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in data.items()}


@dataclass(frozen=True)
class Item:
    """One video or timeline to be made: `kind` "clip", "interview" or "timeline", its number within kind and
    split, its class or outcome, and its subject's number within the split."""

    kind: str
    split: str
    index: int
    label: str
    subject: int

    @property
    def name(self) -> str:
        return f"{self.split}-{self.index:05d}" if self.kind == "clip" else f"{self.split}-{self.index:04d}"


class Plan:
    """What a configuration means: vocabulary, motions, rates, and the list of items. Cheap, and the same in
    every process. Raises `DataError` when a class is unknown or has no motion."""

    def __init__(self, config: WorldConfig, motions: Mapping[str, MotionSpec] | None = None) -> None:
        if motions is None:
            from microgesture.registry import load_plugins
            from microgesture.synthetic.people.motion import MOTIONS

            load_plugins()
            motions = MOTIONS
        motions = {key: _shortened(spec, config.longest_gesture) for key, spec in motions.items()}
        self.config, self.motions = config, motions
        vocabulary = Vocabulary.load(config.vocabulary)
        names = [name.strip() for name in config.classes.split(";") if name.strip()]
        vocabulary = vocabulary.subset(names) if names else vocabulary
        self.gestures = motions_by_label(vocabulary, motions, config.vocabulary)
        self.vocabulary = vocabulary.with_background()
        nothing = [s for s in motions.values() if s.labels.get(config.vocabulary) == NO_GESTURE]
        self.by_label = {**self.gestures, NO_GESTURE: nothing}
        taken = {spec.key for specs in self.by_label.values() for spec in specs}
        # Hand motions are left out: one that only another vocabulary names may well be a class of this one.
        self.others = [s for s in motions.values() if s.key not in taken and s.group != "hands"]
        self.subjects = dict(zip(SPLITS, split_sizes(config.subjects, config.shares), strict=True))

    @cached_property
    def rates(self) -> InterviewRates:
        """Gesture rates of the interviews."""
        c = self.config
        rng = stream(c.seed, "rates")
        return draw_rates(rng, self.vocabulary, self.gestures, c.gestures_per_minute, c.effect)

    def items(self) -> Iterator[Item]:
        """All items, clips first, in the order of the tables."""
        c = self.config
        for split, n in zip(SPLITS, split_sizes(c.clips, c.shares), strict=True):
            rng = stream(c.seed, "order", split)
            labels = class_counts(n, len(self.vocabulary), c.balance, stream(c.seed, "order", "train", 1))
            for index, k in enumerate(rng.permutation(labels)):
                yield Item("clip", split, index, self.vocabulary.names[k], index % self.subjects[split])
        for kind, total in (("interview", c.interviews), ("timeline", c.timelines)):
            for split, n in zip(SPLITS, split_sizes(total, c.shares), strict=True):
                for index in range(n):
                    outcome = OUTCOMES[index % 2]
                    yield Item(kind, split, index, outcome, (index // 2) % self.subjects[split])

    def size(self, item: Item) -> int:
        """Width and height of an item's video, pixels."""
        c = self.config
        return c.size if item.kind == "clip" else c.interview_size or c.size

    def clip(self, item: Item) -> Script:
        """What happens in a clip."""
        c = self.config
        rng = stream(c.seed, "clip", item.split, item.index)
        domain = DOMAINS[item.split]
        return script_clip(rng, item.label, item.subject, domain, self.by_label, self.others, c.companions, c.fps)

    def interview(self, item: Item) -> tuple[Script, Timeline]:
        """What happens in an interview or timeline, and its truth."""
        c = self.config
        rng = stream(c.seed, item.kind, item.split, item.index)
        duration = whole_frames(float(rng.uniform(*c.interview_seconds)), c.fps)
        schedule, truth = sample_interview(rng, self.rates, item.label, self.vocabulary, duration)
        script = script_interview(
            rng, schedule, duration, item.subject, DOMAINS[item.split], self.motions, self.rates.seated
        )
        return script, truth


def _shortened(spec: MotionSpec, longest: float) -> MotionSpec:
    low, high = spec.duration
    return replace(spec, duration=(low, max(low, min(high, longest))))


def split_sizes(total: int, shares: Sequence[float]) -> tuple[int, ...]:
    """Whole numbers in the ratio of `shares` that sum to `total`; no split with a share stays empty if
    there are enough for all."""
    wanted = np.asarray(shares, float) / sum(shares) * total
    sizes = np.floor(wanted).astype(int)
    for i in np.argsort(-(wanted - sizes), kind="stable")[: total - int(sizes.sum())]:
        sizes[i] += 1
    for i in range(len(sizes)):
        if sizes[i] == 0 and shares[i] > 0 and sizes.max() > 1:
            sizes[sizes.argmax()] -= 1
            sizes[i] += 1
    return tuple(int(s) for s in sizes)


def class_counts(n: int, classes: int, balance: str, rng: np.random.Generator) -> np.ndarray:
    """Class ids `(n,)` of `n` clips: as equal as can be, or long-tailed in a random order of classes, with at
    least one of each as far as `n` allows."""
    if balance == "equal":
        return np.arange(n) % classes
    weight = np.exp(-math.log(50.0) * rng.permutation(classes) / max(classes - 1, 1))
    first = np.arange(min(n, classes))
    rest = split_sizes(n - len(first), weight.tolist()) if n > classes else (0,) * classes
    return np.concatenate([first, np.repeat(np.arange(classes), rest)])
