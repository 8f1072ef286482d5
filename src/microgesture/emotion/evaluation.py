"""How good an emotion model is, beside what guessing gives, with intervals that resample subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from microgesture.errors import DataError
from microgesture.timeline import Timeline

if TYPE_CHECKING:
    from microgesture.emotion.model import EmotionModel


@dataclass(frozen=True)
class EmotionScores:
    """`accuracy` of the most probable outcome, with its 95 % `interval` over resampled subjects; `majority`:
    accuracy of always saying the most frequent outcome of these videos; `balanced_accuracy`: mean over
    outcomes; `log_loss` in nats (guessing among C: log C). `undecided` is the share of readings without an
    answer and `accuracy_decided` the accuracy of the others, None when readings were not asked for (the latter
    also when none was decided)."""

    accuracy: float
    interval: tuple[float, float]
    majority: float
    balanced_accuracy: float
    log_loss: float
    timelines: int
    subjects: int
    undecided: float | None = None
    accuracy_decided: float | None = None


def evaluate_emotion(
    model: EmotionModel,
    timelines: Sequence[Timeline],
    outcomes: Sequence[str],
    subjects: Sequence[str] | None = None,
    features: Sequence[np.ndarray] | None = None,
    readings: bool = False,
    resamples: int = 2000,
    seed: int = 0,
) -> EmotionScores:
    """Score a model on timelines whose outcome is known, best of subjects that training did not see.

    `readings` also asks the model for its full reading of each timeline, which is what may say "undecided".
    Raises `DataError` when there are no timelines or the lists differ in length.
    """
    if not timelines or not (len(timelines) == len(outcomes) == len(subjects or outcomes)):
        raise DataError("emotion: evaluation needs timelines, and as many outcomes and subjects")
    if features is not None and len(features) != len(timelines):
        raise DataError("emotion: features must be one array for each timeline")
    classes = model.config.classes
    y = class_indices(outcomes, classes)
    probabilities = model.probabilities(timelines, features)
    correct = (probabilities.argmax(axis=1) == y).astype(float)
    groups = np.unique(np.asarray(subjects if subjects is not None else range(len(y)), dtype=str), return_inverse=True)[
        1
    ]
    undecided = accuracy_decided = None
    if readings:
        each = features if features is not None else [None] * len(timelines)
        labels = [model.read(t, f).label for t, f in zip(timelines, each, strict=True)]
        decided = np.array([label in classes for label in labels])
        undecided = float(1.0 - decided.mean())
        accuracy_decided = float(correct[decided].mean()) if decided.any() else None
    return EmotionScores(
        accuracy=float(correct.mean()),
        interval=subject_interval(correct, groups, resamples, seed),
        majority=float(np.bincount(y).max() / len(y)),
        balanced_accuracy=float(np.mean([correct[y == c].mean() for c in np.unique(y)])),
        log_loss=float(-np.log(np.clip(probabilities[np.arange(len(y)), y], 1e-12, 1.0)).mean()),
        timelines=len(y),
        subjects=int(groups.max()) + 1,
        undecided=undecided,
        accuracy_decided=accuracy_decided,
    )


def subject_interval(
    correct: np.ndarray, groups: np.ndarray, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean of `correct` (n,), drawing whole subjects `groups` (n,) anew."""
    hits, sizes = np.bincount(groups, correct), np.bincount(groups).astype(float)
    draws = np.random.default_rng(seed).integers(len(hits), size=(resamples, len(hits)))
    means = hits[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def class_indices(outcomes: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Outcome names as indices (n,). Raises `DataError` naming the first unknown one and its row."""
    position = {name: i for i, name in enumerate(classes)}
    for row, outcome in enumerate(outcomes):
        if outcome not in position:
            raise DataError(f"emotion: outcome '{outcome}' of timeline {row} is none of {', '.join(classes)}")
    return np.array([position[outcome] for outcome in outcomes], dtype=np.int64)
