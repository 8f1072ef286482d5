"""Tests of a skeleton run on people, cameras and ways of moving that its training had not: clips, events, trust."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from microgesture.analysis.skeleton_analyzer import SkeletonAnalyzer
from microgesture.datasets.windows import WindowDataset
from microgesture.evaluation.metrics import Metrics, evaluate
from microgesture.runs.prediction import softmax
from microgesture.spotting import SpottingConfig, match_events, pool, spot
from microgesture.spotting.matching import Matching, boundary_errors
from microgesture.synthetic.worlds.skeleton_bank import SkeletonBank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.timeline import GestureEvent
from microgesture.vocabulary import Vocabulary

BATCH = 256
_WORTH_IT = 0.005  # F1; smaller gains on a few minutes of film are chance


@dataclass(frozen=True)
class Clips:
    """Scores of trimmed clips: `logits (N, K)`, -inf for classes whose part of the body cannot be seen, `labels (N,)`,
    `people (N,)` (number of the performance)."""

    logits: np.ndarray
    labels: np.ndarray
    people: np.ndarray

    def metrics(self, classes: int) -> Metrics:
        """Top-1, top-5 and mean-class accuracy with intervals by person."""
        return evaluate(self.logits, self.labels, subjects=self.people)

    def probabilities(self, temperature: float) -> np.ndarray:
        """(N, K)."""
        return softmax(self.logits / temperature)

    def by_region(self, words: Vocabulary) -> dict[str, tuple[float, int]]:
        """Top-1 and number of clips of each body region of the labels."""
        right = self.logits.argmax(1) == self.labels
        regions = np.array([gesture.body_region for gesture in words])[self.labels]
        return {r: (float(right[regions == r].mean()), int((regions == r).sum())) for r in sorted(set(regions))}


def score_clips(
    analyzer: SkeletonAnalyzer,
    bank: SkeletonBank,
    vocabulary: str,
    count: int,
    split: str = "test",
    seed: int = 0,
    **view: Any,
) -> Clips:
    """Trimmed windows of a bank, `count` of them, equally many of each motion that the vocabulary has a word for;
    those that are out of the picture (legs under a table, lips of a face that was not found) are left out. `view` are
    further options of `SkeletonWindows`: how the windows are seen."""
    words = Vocabulary.load(vocabulary)
    other = analyzer.with_vocabulary(words)
    data = WindowDataset([(bank, 1.0)], (vocabulary,), count, split, analyzer.frames, 77 + seed, training=False, **view)
    logits, labels, people, visible = [], [], [], []
    for first in range(0, count, BATCH):
        batch = data.__getitems__(range(first, min(first + BATCH, count)))
        found = other.score_windows(batch["clip"][:, 0].numpy())[0]
        logits.append(np.where(batch["tell"][:, : len(words)].numpy(), found, -np.inf))
        labels.append(batch["label"].numpy())
        people.append(batch["performance"].numpy())
        visible.append(batch["visible"].numpy())
    shown = np.concatenate(visible)
    return Clips(np.concatenate(logits)[shown], np.concatenate(labels)[shown], np.concatenate(people)[shown])


@dataclass(frozen=True)
class Film:
    """Token scores of one performance with its truth."""

    times: np.ndarray
    probabilities: np.ndarray
    motion: np.ndarray
    duration: float
    truth: list


def score_films(
    analyzer: SkeletonAnalyzer, bank: SkeletonBank, vocabulary: str, count: int, split: str = "test"
) -> list[Film]:
    """The first `count` performances of a bank, watched whole."""
    words = Vocabulary.load(vocabulary)
    other = analyzer.with_vocabulary(words)
    windows = SkeletonWindows(bank, 1, (vocabulary,), split, seed=91)
    films = []
    for number in range(min(count, len(bank))):
        track = windows.film(number)
        scores = other.token_probabilities(track)
        duration = len(track) / analyzer.rate
        films.append(
            Film(scores.times, scores.probabilities, scores.motion, duration, windows.truth(number, words, vocabulary))
        )
    return films


def match_films(films: Sequence[Film], vocabulary: Vocabulary, config: SpottingConfig, iou: float = 0.3) -> Matching:
    """Events of all films against their truth, counted together."""
    return pool(match_events(_spot(film, vocabulary, config), film.truth, iou=iou) for film in films)


def boundary_medians(
    films: Sequence[Film], vocabulary: Vocabulary, config: SpottingConfig
) -> tuple[float, float] | None:
    """Median distance of start and end of the events that are hits from those of the truth, seconds; None without
    hits."""
    errors = []
    for film in films:
        found = _spot(film, vocabulary, config)
        errors += boundary_errors(found, film.truth, match_events(found, film.truth))
    if not errors:
        return None
    start, end = np.median(np.abs(errors), axis=0)
    return float(start), float(end)


def _spot(film: Film, vocabulary: Vocabulary, config: SpottingConfig) -> tuple[GestureEvent, ...]:
    return spot(film.times, film.probabilities, vocabulary, config, film.duration, motion=film.motion)


def fit_spotting(films: Sequence[Film], vocabulary: Vocabulary, start: SpottingConfig) -> tuple[SpottingConfig, float]:
    """Thresholds with the best event F1 on films that neither trained nor test: a search over a small grid, one
    setting after another, twice."""
    grid: dict[str, tuple[float, ...]] = {
        "gesture_threshold": (0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65),
        "smoothing_s": (0.0, 0.35, 0.5, 0.7, 1.0, 1.4),
        "release_ratio": (0.4, 0.5, 0.6, 0.7, 0.8),
        "min_gap_s": (0.2, 0.35, 0.5, 0.8),
        "min_length_s": (0.3, 0.5, 0.7, 0.9),
    }
    best, score = start, match_films(films, vocabulary, start).f1
    for name, values in itertools.chain(grid.items(), grid.items()):
        for value in values:
            tried = replace(best, **{name: value})  # type: ignore[arg-type]
            f1 = match_films(films, vocabulary, tried).f1
            if f1 > score + _WORTH_IT:
                best, score = tried, f1
    return best, score


def fit_tokens(logits: np.ndarray, active: np.ndarray) -> tuple[float, float]:
    """Platt scaling of the token logits: a, b of sigmoid(a x + b) with the least cross-entropy; both flat."""
    x = torch.from_numpy(logits).double().flatten()
    y = torch.from_numpy(active).double().flatten()
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    shift = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([scale, shift], max_iter=60, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(scale * x + shift, y)
        loss.backward()
        return loss

    optimiser.step(closure)
    return float(scale.detach()), float(shift.detach())
