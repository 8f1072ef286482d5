"""The statistics of every table: intervals by subject, calibration, balanced accuracy, the paired test.

Clips, videos and timelines of one person are alike, so resampling them one by one makes intervals too narrow; every
bootstrap here draws whole subjects (the cluster bootstrap).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from microgesture.errors import DataError

LEVEL = 0.95
"""Coverage of every interval."""

_TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
_EXACT = 12
"""Subjects up to which a paired test counts every assignment of signs."""


def softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def subject_draws(subjects: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each subject counts in each resample, float `(resamples, subjects)`."""
    return rng.multinomial(subjects, np.full(subjects, 1.0 / subjects), size=resamples).astype(float)


def subject_weights(groups: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each row counts `(resamples, n)` when whole subjects `groups` (n,), numbers from 0, are drawn anew."""
    return subject_draws(int(groups.max()) + 1, resamples, rng)[:, groups]


def percentile_interval(draws: np.ndarray) -> tuple[float, float]:
    """Percentile interval of resampled figures; resamples that lack what the figure needs (NaN) are left out."""
    low, high = np.nanquantile(draws, _TAILS)
    return float(low), float(high)


def subject_interval(
    correct: np.ndarray, groups: np.ndarray, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile bootstrap of the mean of `correct` (n,), drawing whole subjects `groups` (n,) anew."""
    hits, sizes = np.bincount(groups, correct), np.bincount(groups).astype(float)
    draws = np.random.default_rng(seed).integers(len(hits), size=(resamples, len(hits)))
    return percentile_interval(hits[draws].sum(axis=1) / sizes[draws].sum(axis=1))


def joined_interval(
    value: float, below: float, above: float, repeats: np.ndarray, most: float = 1.0, least: float = 0.0
) -> tuple[float, float]:
    """Interval of the mean `value` of `repeats` (seeds or folds, each measured on the same subjects), in [`least`,
    `most`].

    `below` and `above` are the distances of the bounds by subject. Averaging repeats does not narrow those; the spread
    over repeats adds to them as independent errors do: a bound lies sqrt(d² + h²) away, with h the Student-t half width
    of the mean over repeats.
    """
    half = 0.0
    if len(repeats) > 1:
        from scipy import stats  # half a second that opening a model need not wait for

        half = float(stats.t.ppf(_TAILS[1], len(repeats) - 1) * repeats.std(ddof=1) / math.sqrt(len(repeats)))
    return max(value - math.hypot(below, half), least), min(value + math.hypot(above, half), most)


def paired_sign_test(difference: np.ndarray, groups: np.ndarray, permutations: int, rng: np.random.Generator) -> float:
    """Two-sided p-value of a paired permutation test by subject.

    `difference` (n,) is what one system gained over the other on each row, `groups` (n,) whose row it is. Under the
    null hypothesis the two could change places, subject by subject: the signs of the subjects' sums are exact where at
    most 12 subjects differ, else drawn `permutations` times (p as in Phipson and Smyth 2010).
    """
    sums = np.bincount(groups, difference)
    sums = sums[np.abs(sums) > 1e-12]
    if len(sums) < 2:
        return 1.0
    if len(sums) <= _EXACT:
        from scipy import stats

        exact = stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=np.inf)
        return float(exact.pvalue)
    signs = rng.choice((-1.0, 1.0), size=(permutations, len(sums)))
    return float((1 + (np.abs(signs @ sums) >= abs(sums.sum()) - 1e-9).sum()) / (1 + permutations))


def balanced_accuracy(right: np.ndarray, truth: np.ndarray) -> float:
    """Mean over the classes that occur in `truth` (n,), class ids, of the mean of `right` (n,), each in [0, 1]."""
    counts, sums = np.bincount(truth), np.bincount(truth, right)
    return float((sums[counts > 0] / counts[counts > 0]).mean())


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts `(K, K)`: row = true class, column = predicted class."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (np.asarray(labels), np.asarray(predicted)), 1)
    return counts


@dataclass(frozen=True)
class Calibration:
    """Reliability of the leading probability: per bin its mean `confidence`, the `accuracy` and the number of
    `clips` (empty bins left out), and the expected calibration error `ece`."""

    confidence: np.ndarray
    accuracy: np.ndarray
    clips: np.ndarray
    ece: float


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = 10) -> Calibration:
    """Stated `confidence` (n,) against how `right` (n,) each answer was, both in [0, 1], in equal-width bins (Guo et
    al. 2017, eq. 2 and 3)."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    clips = np.bincount(which, minlength=bins)
    used = clips > 0
    stated = np.bincount(which, confidence, bins)[used] / clips[used]
    accuracy = np.bincount(which, right, bins)[used] / clips[used]
    ece = float((clips[used] / len(right) * np.abs(accuracy - stated)).sum())
    return Calibration(stated, accuracy, clips[used], ece)


def calibration(probabilities: np.ndarray, labels: np.ndarray, bins: int = 10) -> Calibration:
    """Reliability of probabilities `(n, K)` against labels `(n,)`.

    Raises `DataError` when the rows are not probability distributions or do not fit the labels.
    """
    probabilities, labels = checked_scores(probabilities, labels)
    if (probabilities < 0).any() or not np.allclose(probabilities.sum(axis=1), 1.0, atol=1e-3):
        raise DataError("calibration needs probabilities: rows must be positive and sum to 1")
    right = (probabilities.argmax(axis=1) == labels).astype(float)
    return reliability(probabilities.max(axis=1), right, bins)


def checked_scores(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores `(n, K)` as floats and labels `(n,)` as class ids.

    Raises `DataError` when shapes do not fit, there are no clips, a score is not a number or a label not in 0..K-1.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or scores.shape[0] != len(labels) or scores.shape[1] < 1:
        raise DataError(f"scores {scores.shape} do not fit {len(labels)} labels: expected (clips, classes)")
    if len(scores) == 0:
        raise DataError("nothing to evaluate: no clips")
    if np.isnan(scores).any():
        raise DataError(f"scores of clip {int(np.isnan(scores).any(axis=1).argmax())} are not numbers")
    return scores, checked_labels(labels, scores.shape[1], "labels")


def checked_labels(labels: np.ndarray, classes: int, what: str) -> np.ndarray:
    """Labels `(n,)` as class ids. Raises `DataError` saying `what` is not in 0..classes - 1 or no list of ids."""
    array = np.asarray(labels)
    if array.ndim != 1 or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"{what} must be a list of class ids, got {array.dtype} of shape {array.shape}")
    if array.min() < 0 or array.max() >= classes:
        raise DataError(f"{what} must be in 0..{classes - 1}, got {array.min()} to {array.max()}")
    return array.astype(np.intp)
