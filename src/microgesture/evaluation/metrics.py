"""Metrics of a recogniser, each with an interval that resamples persons and not clips.

Clips of one person are alike, so resampling clips makes intervals too narrow; the bootstrap here draws whole
subjects. Class sizes in this field run from thousands to two, so mean-class accuracy and the majority line
stand beside every top-1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from microgesture.errors import DataError
from microgesture.statistics import (
    checked_labels,
    checked_scores,
    joined_interval,
    percentile_interval,
    subject_draws,
)

INTERVAL_OF = ("top1", "top5", "mean_class", "macro_f1")
"""The metrics that carry an interval."""


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class: how many test clips it has and the share of them recognised (None without clips)."""

    id: int
    clips: int
    accuracy: float | None


@dataclass(frozen=True)
class Metrics:
    """Scores of one run (or the mean of several seeds) on one test set; shares in [0, 1].

    `top5` counts the best min(5, K) classes. `mean_class` is the mean accuracy over the classes that have
    test clips; `macro_f1` the mean F1 over the classes that occur as label or prediction. `majority` is the
    accuracy of always answering the most frequent class of the training labels (None when they are not
    given), `best_constant` that of the most frequent class of the test labels themselves.
    `intervals` are 95 % bootstrap intervals by subject, None where fewer than two subjects were seen.
    """

    top1: float
    top5: float
    mean_class: float
    macro_f1: float
    best_constant: float
    majority: float | None
    clips: int
    subjects: int
    classes: int
    classes_present: int
    intervals: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)
    per_class: tuple[ClassScore, ...] = ()
    seeds: int = 1

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them back."""
        data = asdict(self)
        data["intervals"] = {k: None if v is None else list(v) for k, v in self.intervals.items()}
        data["per_class"] = [asdict(c) for c in self.per_class]
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Metrics:
        """Inverse of `to_json`."""
        intervals = {k: None if v is None else (v[0], v[1]) for k, v in data["intervals"].items()}
        per_class = tuple(ClassScore(**c) for c in data["per_class"])
        return cls(**{**data, "intervals": intervals, "per_class": per_class})


def evaluate(
    scores: np.ndarray,
    labels: np.ndarray,
    subjects: Sequence[object] | np.ndarray | None = None,
    train_labels: np.ndarray | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Metrics:
    """Metrics of class scores `(n, K)` against labels `(n,)`.

    Higher scores are better; ties go to the lower class id. `subjects (n,)` names the person of every clip;
    clips whose subject is None, NaN or empty count as a person of their own, as do all without `subjects`.
    `train_labels` give the majority line. Raises `DataError` when shapes do not fit, there are no clips, a
    score is not a number, or a label is outside 0..K-1.
    """
    scores, labels = checked_scores(scores, labels)
    n, K = scores.shape
    rank = true_class_rank(scores, labels)
    predicted = scores.argmax(axis=1)
    groups = _subject_index(subjects, n)
    table = _CountsBySubject.of(labels, predicted, rank, groups, K)
    point = {name: float(values[0]) for name, values in table.metrics(np.ones((1, table.subjects))).items()}
    support = np.bincount(labels, minlength=K)
    hits = np.bincount(labels[rank == 0], minlength=K)
    majority = None
    if train_labels is not None:
        train = checked_labels(train_labels, K, "training labels")
        majority = float(np.mean(labels == np.bincount(train, minlength=K).argmax()))
    return Metrics(
        top1=point["top1"],
        top5=point["top5"],
        mean_class=point["mean_class"],
        macro_f1=point["macro_f1"],
        best_constant=float(support.max() / n),
        majority=majority,
        clips=n,
        subjects=table.subjects,
        classes=K,
        classes_present=int((support > 0).sum()),
        intervals=table.intervals(resamples, seed),
        per_class=tuple(
            ClassScore(k, int(support[k]), float(hits[k] / support[k]) if support[k] else None) for k in range(K)
        ),
    )


def majority_metrics(
    train_labels: np.ndarray,
    labels: np.ndarray,
    classes: int,
    subjects: Sequence[object] | np.ndarray | None = None,
    **options: int,
) -> Metrics:
    """Metrics of the recogniser that knows the frequencies of the training labels and sees nothing: its best
    guess is the most frequent class, its best five the five most frequent."""
    train = checked_labels(train_labels, classes, "training labels")
    frequency = np.bincount(train, minlength=classes).astype(float)
    scores = np.broadcast_to(frequency, (len(labels), classes))
    return evaluate(scores, labels, subjects, train_labels=train, **options)


def mean_over_seeds(runs: Sequence[Metrics]) -> Metrics:
    """The mean of several seeds of one recipe on one test set.

    Intervals are `joined_interval` with the mean distances of the seeds' own bounds. Raises `DataError` without
    runs or when they were measured on different test sets.
    """
    if not runs:
        raise DataError("no runs to average")
    if len({(r.clips, r.classes, tuple(c.clips for c in r.per_class)) for r in runs}) > 1:
        raise DataError("runs to average must share one test set: their clips per class differ")
    if len(runs) == 1:
        return runs[0]
    means = {name: float(np.mean([getattr(r, name) for r in runs])) for name in INTERVAL_OF}
    intervals: dict[str, tuple[float, float] | None] = {}
    for name in INTERVAL_OF:
        bounds = [r.intervals.get(name) for r in runs]
        if any(b is None for b in bounds):
            intervals[name] = None
            continue
        values = np.array([getattr(r, name) for r in runs])
        below = float(np.mean([v - b[0] for v, b in zip(values, bounds, strict=True) if b is not None]))
        above = float(np.mean([b[1] - v for v, b in zip(values, bounds, strict=True) if b is not None]))
        intervals[name] = joined_interval(means[name], below, above, values)
    per_class = []
    for of_class in zip(*(r.per_class for r in runs), strict=True):
        known = [c.accuracy for c in of_class if c.accuracy is not None]
        per_class.append(replace(of_class[0], accuracy=float(np.mean(known)) if known else None))
    return replace(
        runs[0],
        top1=means["top1"],
        top5=means["top5"],
        mean_class=means["mean_class"],
        macro_f1=means["macro_f1"],
        intervals=intervals,
        per_class=tuple(per_class),
        seeds=sum(r.seeds for r in runs),
    )


def true_class_rank(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """How many classes come before the true one, `(n,)`: 0 is a hit. Ties go to the lower class id."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    earlier = np.arange(scores.shape[1])[None, :] < labels[:, None]
    return (scores > own).sum(axis=1) + ((scores == own) & earlier).sum(axis=1)


@dataclass(frozen=True)
class _CountsBySubject:
    """Everything that the metrics need, summed per subject, so that a resample is one matrix product.

    `clips, top1, top5 (S,)`; `support, predicted, hits (S, K)`.
    """

    clips: np.ndarray
    top1: np.ndarray
    top5: np.ndarray
    support: np.ndarray
    predicted: np.ndarray
    hits: np.ndarray

    @classmethod
    def of(
        cls, labels: np.ndarray, predicted: np.ndarray, rank: np.ndarray, groups: np.ndarray, classes: int
    ) -> _CountsBySubject:
        S = int(groups.max()) + 1

        def per_class(which: np.ndarray, chosen: np.ndarray) -> np.ndarray:
            cells = np.bincount(groups[chosen] * classes + which[chosen], minlength=S * classes)
            return cells.reshape(S, classes).astype(float)

        everything, hit = np.ones(len(labels), dtype=bool), rank == 0
        return cls(
            np.bincount(groups, minlength=S).astype(float),
            np.bincount(groups, hit, S),
            np.bincount(groups, rank < min(5, classes), S),
            per_class(labels, everything),
            per_class(predicted, everything),
            per_class(labels, hit),
        )

    @property
    def subjects(self) -> int:
        return len(self.clips)

    def metrics(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Metrics `(R,)` with every subject counted `weights (R, S)` times."""
        clips = weights @ self.clips
        support, predicted, hits = weights @ self.support, weights @ self.predicted, weights @ self.hits
        present, either = support > 0, support + predicted > 0
        recall = np.divide(hits, support, out=np.zeros_like(hits), where=present)
        f1 = np.divide(2 * hits, support + predicted, out=np.zeros_like(hits), where=either)
        return {
            "top1": weights @ self.top1 / clips,
            "top5": weights @ self.top5 / clips,
            "mean_class": recall.sum(axis=1) / present.sum(axis=1),
            "macro_f1": f1.sum(axis=1) / either.sum(axis=1),
        }

    def intervals(self, resamples: int, seed: int) -> dict[str, tuple[float, float] | None]:
        """Percentile bootstrap over subjects."""
        if self.subjects < 2 or resamples < 1:
            return dict.fromkeys(INTERVAL_OF)
        rng = np.random.default_rng(seed)
        sizes = [min(500, resamples - begin) for begin in range(0, resamples, 500)]  # 22,000 lone clips would not fit
        parts = [self.metrics(subject_draws(self.subjects, rows, rng)) for rows in sizes]
        return {name: percentile_interval(np.concatenate([p[name] for p in parts])) for name in INTERVAL_OF}


def _subject_index(subjects: Sequence[object] | np.ndarray | None, n: int) -> np.ndarray:
    if subjects is None:
        return np.arange(n)
    if len(subjects) != n:
        raise DataError(f"{len(subjects)} subjects do not fit {n} clips")
    names: list[object] = []
    for i, subject in enumerate(subjects):
        text = str(subject).strip()
        names.append(("clip", i) if text.lower() in ("", "none", "nan", "<na>") else text)
    known = {name: s for s, name in enumerate(dict.fromkeys(names))}
    return np.array([known[name] for name in names], dtype=np.intp)
