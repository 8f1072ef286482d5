"""What a change of a recipe gains: differences on the same clips, with intervals over seeds and people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.evaluation.figures import OKABE_ITO, save_figure
from microgesture.libraries.matplotlib_loader import Figure
from microgesture.statistics import joined_interval, percentile_interval, subject_draws

BETTER, WORSE, NOT_SHOWN = "better", "worse", "no difference shown"
UNSEEN = "one seed or one person"
RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and clips, with its 95 % interval; `low` and `high` are NaN where one person was seen."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """One row of a study on one data set: `top1` in [0, 1] and its gain against the row without the change (None for
    that row itself), over so many `seeds`; `title` as the table names it."""

    title: str
    top1: Estimate
    gain: Estimate | None
    seeds: int

    @property
    def verdict(self) -> str:
        """Better, or worse, only where the whole interval says so, and the spread over seeds is known."""
        if self.gain is None:
            return ""
        if self.seeds < 2 or not math.isfinite(self.gain.low):
            return UNSEEN
        return BETTER if self.gain.low > 0 else WORSE if self.gain.high < 0 else NOT_SHOWN


def estimate(values: np.ndarray, subjects: Sequence[str], least: float = -1.0) -> Estimate:
    """The mean of `values` (seeds, clips), and its interval over people and seeds within [`least`, 1].

    People are resampled whole, for clips of one are alike; the spread over seeds adds to that
    (`statistics.joined_interval`). A clip without a subject is a person of its own.
    """
    named = [subject or f"\0clip {i}" for i, subject in enumerate(subjects)]
    _, person = np.unique(named, return_inverse=True)
    value, count = float(values.mean()), int(person.max()) + 1
    if count < 2:
        return Estimate(value, math.nan, math.nan)
    sums, sizes = np.bincount(person, values.mean(0)), np.bincount(person).astype(float)
    weights = subject_draws(count, RESAMPLES, np.random.default_rng(0))
    low, high = percentile_interval((weights @ sums) / (weights @ sizes))
    return Estimate(value, *joined_interval(value, value - low, high - value, values.mean(1), least=least))


def gain_of(title: str, hits: np.ndarray, without: np.ndarray | None, subjects: Sequence[str]) -> Gain:
    """A row from which clips each seed got right, bool (seeds, clips), with the change and `without` it (None: this is
    the row without)."""
    top1 = estimate(hits.astype(float), subjects, least=0.0)
    gained = None if without is None else estimate(hits.astype(float) - without.astype(float), subjects)
    return Gain(title, top1, gained, len(hits))


def gain_figure(sets: Mapping[str, Sequence[Gain]], path: Path) -> Path:
    """Gains in points of per cent with their intervals, a row a change, a colour a data set; rows in the order of the
    first set. A filled mark says that its interval leaves zero out."""
    titles = list(dict.fromkeys(row.title for rows in sets.values() for row in rows if row.gain is not None))
    figure = Figure(figsize=(7.5, 1.2 + 0.3 * len(titles) * max(len(sets), 1)), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(0, color="#888888", linewidth=0.8)
    for number, (name, rows) in enumerate(sets.items()):
        colour = OKABE_ITO[number % len(OKABE_ITO)]
        shift = (number - (len(sets) - 1) / 2) * 0.25
        axes.plot([], [], "o", color=colour, label=name)
        for row in (row for row in rows if row.gain is not None):
            y = titles.index(row.title) + shift
            shown = row.verdict in (BETTER, WORSE)
            axes.plot([100 * row.gain.low, 100 * row.gain.high], [y, y], color=colour, linewidth=1.4)  # type: ignore[union-attr]
            axes.plot(100 * row.gain.value, y, "o", color=colour, markerfacecolor=colour if shown else "white")  # type: ignore[union-attr]
    axes.set_yticks(range(len(titles)), titles)
    axes.invert_yaxis()
    axes.set_xlabel("gain in top-1 against no augmentation, points (95 % interval)")
    axes.legend(frameon=False, fontsize=8)
    return save_figure(figure, path)
