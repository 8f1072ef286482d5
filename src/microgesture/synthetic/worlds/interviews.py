"""Interviews with an outcome that shifts gesture rates by a known amount.

The model. Parts of the body (`schedule.GROUPS`) are independent. While a part idles, motion k of that part
begins with constant hazard λ[k, y] per second, where y is the outcome; so an idle gap is exponential with
rate Λ[g, y] = Σ_k λ[k, y], and the motion that ends it is k with probability λ[k, y] / Λ[g, y]. A motion's
length is uniform over its range and does not depend on y; after it the part rests for a fixed time in which
nothing can begin. The interview is cut at its end (right-censoring).

Everything that does not depend on y cancels, and the log-likelihood ratio of a timeline is exact:

    log p(timeline | positive) / p(timeline | negative)
        = Σ_events effect[label] - Σ_g (Λ[g, positive] - Λ[g, negative]) · idle_g

with effect = log(λ[k, positive] / λ[k, negative]) and idle_g the seconds in which part g could have begun a
gesture. With both outcomes equally likely, no emotion model that sees the timeline alone can be right more
often than the sign of this ratio: `bayes_accuracy` computes that share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from microgesture.errors import DataError
from microgesture.synthetic.people.schedule import GROUPS, MotionSpec, Scheduled
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.vocabulary import NO_GESTURE, Vocabulary

OUTCOMES = ("positive", "negative")
"""The two outcomes of an interview (iMiGUE: the player won, the player lost)."""

SELF_TOUCH = ("head-hand", "body-hand", "leg-hand")
"""Body regions in which a hand touches the own body: more frequent when the outcome is negative."""


@dataclass(frozen=True, slots=True)
class MotionRate:
    """How often one motion begins.

    `per_minute` is its hazard per minute of idle time, averaged (geometrically) over the two outcomes;
    `effect` the log of its ratio positive to negative; `duration` the range of its length in seconds.
    """

    key: str
    label: str
    group: str
    duration: tuple[float, float]
    per_minute: float
    effect: float


@dataclass(frozen=True)
class InterviewRates:
    """All motions of a world's interviews. `rest` seconds follow every gesture before the same part of the
    body can begin another; `seated` is the setting of all interviews, which never tells the outcome.

    Raises `DataError` when there are no motions, or when motions of one label disagree on group or effect
    (the ratio could then not be computed from labels).
    """

    motions: tuple[MotionRate, ...]
    rest: float = 0.4
    seated: bool = True

    def __post_init__(self) -> None:
        if not self.motions:
            raise DataError("interviews need at least one motion")
        facts: dict[str, tuple[str, float]] = {}
        for m in self.motions:
            if m.group not in GROUPS or m.per_minute <= 0 or not 0 < m.duration[0] <= m.duration[1]:
                raise DataError(f"interviews: motion '{m.key}' has a wrong group, rate or duration")
            if facts.setdefault(m.label, (m.group, m.effect)) != (m.group, m.effect):
                raise DataError(f"interviews: motions of label '{m.label}' differ in group or effect")

    def per_second(self, outcome: str) -> np.ndarray:
        """λ[k, y]: hazard of every motion per second of idle time, `(K,)`."""
        if outcome not in OUTCOMES:
            raise DataError(f"unknown outcome '{outcome}': give one of {', '.join(OUTCOMES)}")
        sign = 0.5 if outcome == "positive" else -0.5
        return np.array([m.per_minute / 60.0 * math.exp(sign * m.effect) for m in self.motions])

    def in_group(self, group: str) -> np.ndarray:
        """Indices of the motions of one part of the body."""
        return np.array([i for i, m in enumerate(self.motions) if m.group == group], dtype=np.intp)

    @property
    def groups(self) -> tuple[str, ...]:
        """The parts of the body that have motions, in the order of `GROUPS`."""
        return tuple(g for g in GROUPS if any(m.group == g for m in self.motions))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them back."""
        motions = [{**asdict(m), "duration": list(m.duration)} for m in self.motions]
        return {"rest": self.rest, "seated": self.seated, "motions": motions}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> InterviewRates:
        """Inverse of `to_json`."""
        motions = tuple(MotionRate(**{**m, "duration": tuple(m["duration"])}) for m in data["motions"])
        return cls(motions, float(data["rest"]), bool(data["seated"]))


def motions_by_label(
    vocabulary: Vocabulary, motions: Mapping[str, MotionSpec], built_in: str
) -> dict[str, list[MotionSpec]]:
    """The motions of the library that stand for each class, by class name, without `NO_GESTURE`.

    `built_in` is the vocabulary under whose name the motions give their labels ("imigue", "smg").
    Raises `DataError` naming a class that has no motion.
    """
    found: dict[str, list[MotionSpec]] = {name: [] for name in vocabulary.names if name != NO_GESTURE}
    for spec in motions.values():
        label = spec.labels.get(built_in)
        if label is not None and label in vocabulary and label != NO_GESTURE:
            found[vocabulary.names[vocabulary.index(label)]].append(spec)
    for label, specs in found.items():
        if not specs:
            raise DataError(f"no synthetic motion stands for '{label}' of vocabulary '{built_in}'")
    return found


def draw_rates(
    rng: np.random.Generator,
    vocabulary: Vocabulary,
    by_label: Mapping[str, Sequence[MotionSpec]],
    per_minute: float = 16.0,
    effect: float = 0.8,
    spread: float = 0.8,
) -> InterviewRates:
    """Rates of a world: strongly unequal (log-normal with log standard deviation `spread`), summing to
    `per_minute` per minute of idle time, and shifted by outcome.

    Self-touch (`SELF_TOUCH` regions) has effect `-effect`: exp(effect) times as frequent when the outcome is
    negative. Gestures that accompany speech (not micro-gestures) have `+effect`. The rest tell nothing. In a
    vocabulary without self-touch every second class takes its place. Motions that do not fit the setting
    (standing, when interviews are seated) are left out.
    """
    specs = [spec for found in by_label.values() for spec in found]
    seated = sum(s.standing_only for s in specs) <= sum(s.seated_only for s in specs)
    usable = {
        label: [s for s in found if not (s.standing_only if seated else s.seated_only)]
        for label, found in by_label.items()
    }
    labels = [label for label, found in usable.items() if found]
    weights = np.exp(rng.normal(0.0, spread, len(labels)))
    weights *= per_minute / weights.sum()
    regions = {c.name: c.body_region for c in vocabulary}
    touching = {label for label in labels if regions[label] in SELF_TOUCH} or set(labels[::2])
    speech = {c.name for c in vocabulary if not c.micro_gesture}
    rates = []
    for label, weight in zip(labels, weights, strict=True):
        shift = -effect if label in touching else effect if label in speech else 0.0
        same = [s for s in usable[label] if s.group == usable[label][0].group]
        for s in same:
            low, high = (float(d) for d in s.duration)
            rates.append(MotionRate(s.key, label, s.group, (low, high), float(weight) / len(same), shift))
    return InterviewRates(tuple(rates), seated=seated)


def sample_interview(
    rng: np.random.Generator,
    rates: InterviewRates,
    outcome: str,
    vocabulary: Vocabulary,
    duration: float,
) -> tuple[list[Scheduled], Timeline]:
    """One interview of `duration` seconds: what the person does, and the true timeline.

    Times lie on a grid of a millisecond. A gesture that is still going on at the end keeps its full length in
    the schedule and ends with the interview in the timeline.
    """
    end_ms = round(duration * 1000)
    hazards = rates.per_second(outcome)
    scheduled: list[Scheduled] = []
    for group in rates.groups:
        members = rates.in_group(group)
        total = hazards[members].sum()
        clock = 0.0
        while True:
            clock += rng.exponential(1.0 / total)
            motion = rates.motions[rng.choice(members, p=hazards[members] / total)]
            start, length = clock, rng.uniform(*motion.duration)
            clock += length + rates.rest
            seed = int(rng.integers(2**31))
            if math.floor(start * 1000) >= end_ms:
                break
            start_ms, stop_ms = math.floor(start * 1000), math.ceil((start + length) * 1000)
            scheduled.append(Scheduled(motion.key, start_ms / 1000, stop_ms / 1000, seed))
    scheduled.sort(key=lambda s: (s.start, s.key))
    label_of = {m.key: m.label for m in rates.motions}
    events = []
    for s in scheduled:
        gesture = vocabulary[vocabulary.index(label_of[s.key])]
        end = min(s.end, end_ms / 1000)
        events.append(
            GestureEvent(s.start, end, gesture.name, gesture.id, 1.0, gesture.body_region, annotator="synthetic")
        )
    timeline = Timeline(
        tuple(events),
        Media(duration=end_ms / 1000),
        vocabulary.name,
        vocabulary.names,
        provenance={"tool": "microgesture synthesize"},
    )
    return scheduled, timeline


def simulate_ratios(rng: np.random.Generator, rates: InterviewRates, outcome: str, durations: np.ndarray) -> np.ndarray:
    """Log-likelihood ratios `(n,)` of `n` fresh interviews of these durations `(n,)` seconds: the same model
    as `sample_interview`, all interviews at once and without the timelines."""
    hazards = rates.per_second(outcome)
    difference = rates.per_second("positive") - rates.per_second("negative")
    effects = np.array([m.effect for m in rates.motions])
    lengths = np.array([m.duration for m in rates.motions])
    n = len(durations)
    ratio = np.zeros(n)
    for group in rates.groups:
        members = rates.in_group(group)
        total = hazards[members].sum()
        shares = np.cumsum(hazards[members] / total)
        clock, idle = np.zeros(n), np.zeros(n)
        running = clock < durations
        while running.any():
            gap = rng.exponential(1.0 / total, n)
            picked = members[np.minimum(np.searchsorted(shares, rng.random(n)), len(members) - 1)]
            length = rng.uniform(lengths[picked, 0], lengths[picked, 1])
            begins = running & (clock + gap < durations)
            idle += np.where(running, np.minimum(gap, durations - clock), 0.0)
            ratio += np.where(begins, effects[picked], 0.0)
            clock = clock + gap + length + rates.rest
            running = begins & (clock < durations)
        ratio -= difference[members].sum() * idle
    return ratio


def bayes_accuracy(
    rates: InterviewRates, duration: float | tuple[float, float], n: int = 20_000, seed: int = 0
) -> tuple[float, float]:
    """Best accuracy that any emotion model can reach from the full, true timeline, and its standard error.

    Both outcomes are equally likely; `duration` seconds is fixed or uniform over a range. Monte Carlo over
    `n` interviews: the mean of the larger posterior probability, 1 / (1 + exp(-|log-likelihood ratio|)).
    """
    rng = np.random.default_rng(seed)
    low, high = (duration, duration) if isinstance(duration, (int, float)) else duration
    halves = [simulate_ratios(rng, rates, outcome, rng.uniform(low, high, max(n // 2, 1))) for outcome in OUTCOMES]
    best = [1.0 / (1.0 + np.exp(-np.abs(ratio))) for ratio in halves]
    variance = sum(float(np.var(b)) / len(b) for b in best) / 4.0
    return float(np.mean([b.mean() for b in best])), math.sqrt(variance)
