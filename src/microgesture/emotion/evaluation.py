"""How good an emotion model is, beside what guessing gives, with intervals that resample subjects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from microgesture.emotion.scores import EmotionScores, Predictions, score
from microgesture.errors import DataError
from microgesture.timeline import Timeline

if TYPE_CHECKING:
    from microgesture.emotion.model import EmotionModel


def evaluate_emotion(
    model: EmotionModel,
    timelines: Sequence[Timeline],
    outcomes: Sequence[str],
    subjects: Sequence[str] | None = None,
    features: Sequence[np.ndarray] | None = None,
    readings: bool = False,
    seed: int = 0,
) -> EmotionScores:
    """Score one model on timelines whose outcome is known, best of subjects that training did not see.

    `readings` also asks for the model's answers, of which some may be "undecided". Raises `DataError` when there are no
    timelines or the lists differ in length.
    """
    if not timelines or not (len(timelines) == len(outcomes) == len(subjects or outcomes)):
        raise DataError("emotion: evaluation needs timelines, and as many outcomes and subjects")
    if features is not None and len(features) != len(timelines):
        raise DataError("emotion: features must be one array for each timeline")
    classes = model.config.classes
    y = class_indices(outcomes, classes)
    videos = tuple(str(i) for i in range(len(y)))
    found = Predictions(
        videos,
        tuple(map(str, subjects)) if subjects is not None else videos,
        y,
        classes,
        model.probabilities(timelines, features)[None],
        np.full((1, len(y)), model.summary.commonest),
        np.array([label in classes for label in model.answers(timelines, features)]) if readings else None,
    )
    return score(found, seed=seed)


def class_indices(outcomes: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """Outcome names as indices (n,). Raises `DataError` naming the first unknown one and its row."""
    position = {name: i for i, name in enumerate(classes)}
    for row, outcome in enumerate(outcomes):
        if outcome not in position:
            raise DataError(f"emotion: outcome '{outcome}' of timeline {row} is none of {', '.join(classes)}")
    return np.array([position[outcome] for outcome in outcomes], dtype=np.int64)


def classes_of(outcomes: Sequence[str]) -> tuple[str, ...]:
    """The outcomes that occur, sorted; "positive" before "negative" where it is these two."""
    found = tuple(sorted(set(outcomes)))
    return ("positive", "negative") if found == ("negative", "positive") else found
