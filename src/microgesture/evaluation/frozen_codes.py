"""What codes that were learnt without labels are worth: one evaluator for all self-supervised systems.

The codes stay as they are; labels of the training split are used by what stands on them:

1-NN             the label of the nearest training clip by cosine (P&C). Its top-5 are the five classes whose nearest
                 clips are nearest, which is ours: how the published top-5 came out of one neighbour is not known.
linear probe     a multinomial logistic regression on standardised codes; its top-5 is ranked.
k-NN, union      MSTCN-VAE's own: 1-NN by Euclidean distance, and as "top-5" a hit of any of the five answers of k-NN
                 with k = 1..5. That is no ranked top-5: the five are mostly the same class.
random forest, union   MSTCN-VAE's own, and of these its published numbers are: a forest of 100 trees (seed 1), and as
                 "top-5" a hit of any of the answers of five forests of 50 trees (seeds 0..4).

Intervals resample the people of the test clips, as everywhere here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from microgesture.errors import DataError
from microgesture.evaluation.metrics import Metrics, evaluate

log = logging.getLogger(__name__)

NEIGHBOURS = range(1, 6)
"""k of the five k-NN classifiers whose answers are united."""
FOREST_SEEDS = range(5)
"""Seeds of the five forests whose answers are united."""
UNION = ("k-NN, union", "random forest, union")
"""Measures whose "top-5" is the union of five answers and no ranked list."""
_AT_ONCE = 1024
"""Test clips that are compared with all training clips at once."""


@dataclass(frozen=True)
class Codes:
    """Codes `vectors (N, D)` of the clips of one split, their `labels (N,)` as class ids, and whom each shows."""

    vectors: np.ndarray
    labels: np.ndarray
    subjects: Sequence[object]


@dataclass(frozen=True)
class Measure:
    """What one measure says: its `metrics`, and its `answers (N,)` to the test clips as class ids."""

    metrics: Metrics
    answers: np.ndarray


@dataclass(frozen=True)
class CodeMeasures:
    """Every measure by its name, and the `probabilities` (N, K) of the linear probe for the test clips."""

    measures: Mapping[str, Measure]
    probabilities: np.ndarray


def measure_codes(train: Codes, test: Codes, classes: int) -> CodeMeasures:
    """All measures of `test` codes, learnt from `train` codes; class ids are 0 to `classes` - 1.

    Deterministic. Logs a warning when a person is in both. Raises `DataError` when a split is empty, codes do not fit
    each other or are no numbers, or the training clips show a single class.
    """
    _check(train, test)
    both = sorted({str(s) for s in train.subjects if str(s)} & {str(s) for s in test.subjects if str(s)})
    if both:
        log.warning("%d people are in both splits, first '%s': their test clips are easier", len(both), both[0])
    probabilities = linear_probe(train, test.vectors, classes)

    def scored(scores: np.ndarray) -> Measure:
        return Measure(evaluate(scores, test.labels, test.subjects, train.labels), scores.argmax(1))

    def united(first: np.ndarray, five: Sequence[np.ndarray]) -> Measure:
        hit = np.any([answer == test.labels for answer in five], 0)
        alone = scored(np.eye(classes)[first])
        return replace(alone, metrics=_with_union(alone.metrics, hit, test.subjects))

    near = nearest_answers(train, test.vectors)
    forests = [_forest(train, test.vectors, trees=50, seed=seed) for seed in FOREST_SEEDS]
    measures = {
        "1-NN": scored(class_similarities(train, test.vectors, classes)),
        "linear probe": scored(probabilities),
        "k-NN, union": united(near[0], near),
        "random forest, union": united(_forest(train, test.vectors, trees=100, seed=1), forests),
    }
    return CodeMeasures(measures, probabilities)


def class_similarities(train: Codes, vectors: np.ndarray, classes: int) -> np.ndarray:
    """For each of `vectors` (N, D) and each class the largest cosine to a training clip of it, (N, `classes`); -2 for a
    class that has none. Its best class is that of the nearest neighbour."""
    known, asked = _unit(train.vectors), _unit(vectors)
    found = np.full((len(asked), classes), -2.0)
    for begin in range(0, len(asked), _AT_ONCE):
        cosines = asked[begin : begin + _AT_ONCE] @ known.T
        for k in np.unique(train.labels):
            found[begin : begin + _AT_ONCE, k] = cosines[:, train.labels == k].max(1)
    return found


def linear_probe(train: Codes, vectors: np.ndarray, classes: int) -> np.ndarray:
    """Probabilities (N, `classes`) of a logistic regression (L2 penalty, C = 1) on codes standardised by the training
    clips; 0 for a class without training clips."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    probe.fit(train.vectors, train.labels)
    found = np.zeros((len(vectors), classes))
    found[:, probe.classes_] = probe.predict_proba(vectors)
    return found


def nearest_answers(train: Codes, vectors: np.ndarray) -> list[np.ndarray]:
    """Answers (N,) of k-NN by Euclidean distance for k = 1..5, or up to the number of training clips."""
    from sklearn.neighbors import KNeighborsClassifier

    counts = [k for k in NEIGHBOURS if k <= len(train.labels)]
    models = (KNeighborsClassifier(n_neighbors=k, algorithm="kd_tree") for k in counts)
    return [model.fit(train.vectors, train.labels).predict(vectors) for model in models]


def _forest(train: Codes, vectors: np.ndarray, trees: int, seed: int) -> np.ndarray:
    from sklearn.ensemble import RandomForestClassifier

    return (
        RandomForestClassifier(n_estimators=trees, random_state=seed).fit(train.vectors, train.labels).predict(vectors)
    )


def _with_union(metrics: Metrics, hit: np.ndarray, subjects: Sequence[object]) -> Metrics:
    """Metrics whose top-5 is the share of `hit` (N,) bool, with its interval over people."""
    share = evaluate(np.eye(2)[np.where(hit, 0, 1)], np.zeros(len(hit), int), subjects)
    return replace(metrics, top5=share.top1, intervals={**metrics.intervals, "top5": share.intervals["top1"]})


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1.0)


def _check(train: Codes, test: Codes) -> None:
    for name, part in (("training", train), ("test", test)):
        shape = np.shape(part.vectors)
        if len(shape) != 2 or not len(part.labels) or shape[0] != len(part.labels) or shape[0] != len(part.subjects):
            raise DataError(
                f"{name} codes {shape} do not fit {len(part.labels)} labels and {len(part.subjects)} people"
            )
        if not np.isfinite(part.vectors).all():
            raise DataError(f"{name} codes are not all finite numbers")
    if train.vectors.shape[1] != test.vectors.shape[1]:
        raise DataError(f"training codes are {train.vectors.shape[1]} wide, test codes {test.vectors.shape[1]}")
    if len(np.unique(train.labels)) < 2:
        raise DataError("the training clips show a single class: a measure of codes needs two or more")
