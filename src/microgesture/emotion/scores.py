"""How well videos were read by models that had not seen their people, and whether that is better than chance.

All figures are of predictions on held-out videos, one or more for each (repeats: other folds, other seeds). Intervals
resample subjects, not videos, and join the spread over repeats; the permutation test moves outcomes between subjects.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.errors import DataError
from microgesture.statistics import (
    LEVEL,
    balanced_accuracy,
    calibration,
    joined_interval,
    percentile_interval,
    subject_weights,
)
from microgesture.tables import Table

HIGHER = ("accuracy", "balanced_accuracy", "auc")
LOWER = ("log_loss", "brier")
FIGURES = (*HIGHER, *LOWER)
"""Names of the figures; of the last two, less is better."""

_UNIFORM_FLOOR = 1e-6


@dataclass(frozen=True)
class Predictions:
    """Probabilities (R, n, C) of the outcomes `classes` for n videos in R repeats, each by a model that the video was
    held out from; `y` (n,) the true ones, `subjects` whose videos, `majority` (R, n) the commonest outcome of what each
    prediction was trained on; `decided` (n,) whether the model gave an answer in the first repeat, where asked."""

    videos: tuple[str, ...]
    subjects: tuple[str, ...]
    y: np.ndarray
    classes: tuple[str, ...]
    probabilities: np.ndarray
    majority: np.ndarray
    decided: np.ndarray | None = None

    @property
    def groups(self) -> np.ndarray:
        """Subjects as numbers (n,)."""
        return np.unique(np.array(self.subjects), return_inverse=True)[1]


COLUMNS = ("video", "subject", "outcome", "repeat", "fold", "majority", "decided")


def write_rows(rows: Sequence[Sequence[object]], classes: Sequence[str]) -> str:
    """Text of the table of predictions: a row per video and repeat, as `COLUMNS` and one probability a class."""
    return Table([*COLUMNS, *(f"p({name})" for name in classes)], rows).csv()


def read_rows(path: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    """Classes and rows of a table of predictions. Raises `DataError` when it is none."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as a table of predictions ({error})") from error
    if not table or tuple(table[0][: len(COLUMNS)]) != COLUMNS:
        raise DataError(f"{path}: not a table of predictions")
    short = next((line for line, row in enumerate(table, 1) if len(row) != len(table[0])), 0)
    if short:
        raise DataError(
            f"{path}: row {short}: {len(table[short - 1])} cells where the table has {len(table[0])} columns"
        )
    return tuple(name[2:-1] for name in table[0][len(COLUMNS) :]), table[1:]


def read_predictions(path: Path) -> Predictions:
    """A whole table of predictions. Raises `DataError` when a video lacks a repeat, or cells are no numbers."""
    classes, rows = read_rows(path)
    videos = tuple(dict.fromkeys(row[0] for row in rows))
    try:
        repeats = sorted({int(row[3]) for row in rows})
    except ValueError as error:
        raise DataError(f"{path}: not a table of predictions ({error})") from error
    place = {name: i for i, name in enumerate(videos)}
    p = np.full((len(repeats), len(videos), len(classes)), np.nan)
    majority = np.zeros((len(repeats), len(videos)), dtype=int)
    subjects, y = [""] * len(videos), np.zeros(len(videos), dtype=int)
    decided = np.zeros(len(videos), dtype=bool)
    asked = any(row[6] for row in rows)
    try:
        for row in rows:
            r, i = repeats.index(int(row[3])), place[row[0]]
            p[r, i] = [float(cell) for cell in row[len(COLUMNS) :]]
            subjects[i], y[i], majority[r, i] = row[1], classes.index(row[2]), classes.index(row[5])
            decided[i] |= row[6] == "yes"
    except (ValueError, IndexError) as error:
        raise DataError(f"{path}: not a table of predictions ({error})") from error
    if not len(videos) or np.isnan(p).any():
        raise DataError(f"{path}: predictions of some videos are missing: the training was stopped; run it again")
    if not ((p >= 0) & (abs(p.sum(axis=-1, keepdims=True) - 1) < 1e-3)).all():
        raise DataError(f"{path}: probabilities of a row are below 0, or their sum is not 1")
    return Predictions(videos, tuple(subjects), y, classes, p, majority, decided if asked else None)


@dataclass(frozen=True)
class Figure:
    """One figure: mean over repeats, 95 % `interval` by subject (None with one subject), `spread` (standard deviation)
    over repeats, None with one repeat."""

    value: float
    interval: tuple[float, float] | None
    spread: float | None


@dataclass(frozen=True)
class EmotionScores:
    """`figures` by name (`FIGURES`); `ece` the expected calibration error in 10 bins; `chance` accuracy of these very
    predictions if outcomes had nothing to do with them (mean over permutations), `majority` accuracy of always saying
    the commonest outcome of training; `p_value` of the permutation test of the balanced accuracy, one-sided; `learnt`
    whether p < 0.05 and the interval of the balanced accuracy lies above 1/C. `undecided`: share of the videos of the
    first repeat for which the model says that there is not enough evidence, `accuracy_decided` that of the others."""

    figures: dict[str, Figure]
    ece: float
    chance: float
    majority: float
    p_value: float
    learnt: bool
    videos: int
    subjects: int
    repeats: int
    classes: tuple[str, ...]
    undecided: float | None = None
    accuracy_decided: float | None = None

    @property
    def accuracy(self) -> float:
        """Share of videos whose most probable outcome is the true one."""
        return self.figures["accuracy"].value

    @property
    def verdict(self) -> str:
        """In words for a person whether anything was learnt."""
        balanced = self.figures["balanced_accuracy"]
        low, high = balanced.interval or (0.0, 1.0)
        between = f"balanced accuracy {100 * balanced.value:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        even = f"chance {100 / len(self.classes):.1f} %, p = {self.p_value:.3g}"
        if self.learnt:
            return f"Better than chance: {between}; {even}."
        return f"Nothing was learnt that can be told from chance: {between}; {even}."


def score(predictions: Predictions, resamples: int = 2000, permutations: int = 2000, seed: int = 0) -> EmotionScores:
    """All figures of some predictions. Deterministic in `seed`."""
    rng = np.random.default_rng(seed)
    weights = subject_weights(predictions.groups, resamples, rng)
    once = np.ones((1, len(predictions.y)))
    single = [figures_of(predictions, r, once) for r in range(len(predictions.probabilities))]
    resampled = [figures_of(predictions, r, weights) for r in range(len(predictions.probabilities))]
    alone = len(np.unique(predictions.groups)) < 2
    figures = {
        name: _figure(
            np.array([each[name][0] for each in single]),
            [each[name] for each in resampled],
            alone,
            1.0 if name in HIGHER else np.inf,
        )
        for name in FIGURES
    }
    chance, p_value = permutation_test(predictions, permutations, rng)
    low = figures["balanced_accuracy"].interval
    probabilities = predictions.probabilities.reshape(-1, len(predictions.classes))
    repeats = len(predictions.probabilities)
    decided, hit = predictions.decided, predictions.probabilities[0].argmax(axis=1) == predictions.y
    return EmotionScores(
        figures=figures,
        ece=calibration(probabilities, np.tile(predictions.y, repeats)).ece,
        chance=chance,
        majority=float((predictions.majority == predictions.y).mean()),
        p_value=p_value,
        learnt=bool(p_value < 1 - LEVEL and low is not None and low[0] > 1 / len(predictions.classes)),
        videos=len(predictions.y),
        subjects=int(predictions.groups.max()) + 1,
        repeats=repeats,
        classes=predictions.classes,
        undecided=None if decided is None else float(1 - decided.mean()),
        accuracy_decided=float(hit[decided].mean()) if decided is not None and decided.any() else None,
    )


def figures_of(predictions: Predictions, repeat: int, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Figures (B,) of one repeat with every video counted `weights` (B, n) times. NaN where a resample lacks what a
    figure needs (an outcome that never occurs)."""
    p, y = predictions.probabilities[repeat], predictions.y
    classes = len(predictions.classes)
    correct = (p.argmax(axis=1) == y).astype(float)
    total = weights.sum(axis=1)
    own = p[np.arange(len(y)), y].clip(_UNIFORM_FLOOR)
    truth = np.eye(classes)[y]
    with np.errstate(invalid="ignore", divide="ignore"):
        recalls = np.stack([(weights * (y == c)) @ correct / (weights @ (y == c)) for c in range(classes)])
        areas = np.stack([_area(p[:, c], y == c, weights) for c in range(classes)][-1 if classes == 2 else None :])
    present = np.array([(y == c).any() for c in range(classes)])
    return {
        "accuracy": weights @ correct / total,
        "balanced_accuracy": np.nanmean(recalls[present], axis=0),
        "auc": _mean_of_known(areas),
        "log_loss": weights @ -np.log(own) / total,
        "brier": weights @ ((p - truth) ** 2).sum(axis=1) / total,
    }


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    return np.where(counts > 0, np.where(known, values, 0.0).sum(axis=0) / np.maximum(counts, 1), np.nan)


def _area(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve (B,) of one class against the others, ties counting half (Mann-Whitney)."""
    order = np.argsort(scores, kind="stable")
    sorted_scores, up = scores[order], positive[order]
    w_up, w_down = weights[:, order] * up, weights[:, order] * ~up
    below = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(w_down, axis=1)], axis=1)
    first = np.searchsorted(sorted_scores, sorted_scores, "left")
    after = np.searchsorted(sorted_scores, sorted_scores, "right")
    wins = (w_up * (below[:, first] + below[:, after]) / 2).sum(axis=1)
    return wins / (w_up.sum(axis=1) * w_down.sum(axis=1))


def _figure(values: np.ndarray, resampled: Sequence[np.ndarray], alone: bool, most: float) -> Figure:
    """The mean of the repeats. All repeats meet the same subjects: the interval is that of their mean over resampled
    subjects, joined with the spread over repeats (`joined_interval`)."""
    value = float(values.mean())
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    if alone:
        return Figure(value, None, spread)
    low, high = percentile_interval(np.mean(resampled, axis=0))
    return Figure(value, joined_interval(value, max(value - low, 0.0), max(high - value, 0.0), values, most), spread)


def permutation_test(predictions: Predictions, permutations: int, rng: np.random.Generator) -> tuple[float, float]:
    """Mean accuracy of the predictions when outcomes are moved between subjects, and the share of moves whose balanced
    accuracy is at least the real one, (1 + k) / (1 + permutations) (Phipson and Smyth 2010).

    Each subject takes the outcomes of another one (cut or repeated to its number of videos), shuffled within: outcomes
    of one person stay together, as they are not independent. The models are not trained anew: the test is of these
    predictions.
    """
    y, groups, classes = predictions.y, predictions.groups, len(predictions.classes)
    said = predictions.probabilities.argmax(axis=2)
    share = np.stack([(said == c).mean(axis=0) for c in range(classes)])  # (C, n): how often a video is called c
    members = [np.flatnonzero(groups == g) for g in range(int(groups.max()) + 1)]

    def balanced(outcomes: np.ndarray) -> float:
        return balanced_accuracy(share[outcomes, np.arange(len(outcomes))], outcomes)

    real = balanced(y)
    accuracy, at_least = 0.0, 0
    for _ in range(permutations):
        moved = rng.permutation(y)
        for mine, theirs in zip(members, rng.permutation(len(members)), strict=True):
            if len(members) == len(y):
                break  # a video each: that was all
            moved[mine] = rng.permutation(np.resize(rng.permutation(y[members[theirs]]), len(mine)))
        accuracy += float(share[moved, np.arange(len(y))].mean())
        at_least += balanced(moved) >= real - 1e-12
    return accuracy / max(permutations, 1), (1 + at_least) / (1 + permutations)
