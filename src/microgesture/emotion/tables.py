"""Emotion runs as a table: each run's figures with intervals, and pairs of runs tested on the same videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np

from microgesture.corpora.emotion_split import EMOTION_SPLITS
from microgesture.corpora.published import published_results
from microgesture.emotion.recipes import PREDICTIONS, TRUE, read_evaluation
from microgesture.emotion.scores import (
    HIGHER,
    EmotionScores,
    Figure,
    Predictions,
    read_predictions,
    score,
)
from microgesture.errors import DataError
from microgesture.evaluation.figures import reliability_figure
from microgesture.files.atomic import write_text
from microgesture.statistics import paired_sign_test, percentile_interval, subject_weights
from microgesture.tables import Table, console, percent, percent_interval

TOLD_APART = 0.05
"""Largest p-value, corrected for the number of pairs, at which two runs count as told apart."""


@dataclass(frozen=True)
class EmotionRow:
    """One row of the table: its name, predictions and scores, the best accuracy that can be reached on its data (None
    where nobody knows), its protocol, remarks, and the table of the paper that it stands beside ("" if none)."""

    name: str
    predictions: Predictions
    scores: EmotionScores
    ceiling: float | None
    protocol: str
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Two runs on the same videos: difference of their accuracies (first minus second) with its 95 % interval by
    subject, p-value of the paired permutation test and the same after Holm's correction."""

    first: str
    second: str
    difference: float
    interval: tuple[float, float]
    p_value: float
    corrected: float

    @property
    def told_apart(self) -> bool:
        """Whether the two runs differ by more than chance."""
        return self.corrected < TOLD_APART


def emotion_rows(runs: Sequence[str | Path]) -> list[EmotionRow]:
    """Rows of finished run folders; two of one name are told apart by their folders. Raises `DataError`."""
    found = []
    for run in runs:
        folder = Path(run)
        values = read_evaluation(folder)
        reader = values["recipe"]["reader"]
        title = values["recipe"]["title"] or f"{reader['model']}, {reader['input']}"
        for condition, file in PREDICTIONS.items():
            if not (folder / file).is_file():
                continue
            name = title if condition == TRUE else f"{title} ({condition})"
            predictions = read_predictions(folder / file)
            ceiling = values.get("best_reachable")
            found.append(
                EmotionRow(name, predictions, score(predictions), ceiling, values["protocol"], tuple(values["remarks"]))
            )
    names = [row.name for row in found]
    if len(set(names)) < len(names) and len(runs) == len(found):
        found = [replace(row, name=f"{row.name} ({Path(run).name})") for row, run in zip(found, runs, strict=True)]
    return found


def compare(
    rows: Sequence[EmotionRow], resamples: int = 2000, permutations: int = 10_000, seed: int = 0
) -> list[Comparison]:
    """Every pair of rows, on the videos that both were tested on.

    Of each video the share of repeats that were right is compared. Test: under the null the two runs could change
    places, subject by subject, so the signs of the subjects' differences are drawn anew (two-sided; exact where few
    subjects differ, else by Monte Carlo). Raises `DataError` when two runs share no video.
    """
    tests = []
    for first, second in combinations(rows, 2):
        difference, groups = _paired(first, second)
        rng = np.random.default_rng(seed)
        weights = subject_weights(groups, resamples, rng)
        tests.append(
            (
                first.name,
                second.name,
                float(difference.mean()),
                percentile_interval(weights @ difference / weights.sum(axis=1)),
                paired_sign_test(difference, groups, permutations, rng),
            )
        )
    order = np.argsort([test[4] for test in tests], kind="stable")
    corrected, highest = np.zeros(len(tests)), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, tests[i][4] * (len(tests) - rank)))
        corrected[i] = highest
    return [Comparison(*test, float(p)) for test, p in zip(tests, corrected, strict=True)]


def _paired(first: EmotionRow, second: EmotionRow) -> tuple[np.ndarray, np.ndarray]:
    """Difference of the share of right answers for each common video (n,), and whose it is (n,)."""

    def right(row: EmotionRow) -> dict[str, float]:
        p = row.predictions
        hits = (p.probabilities.argmax(axis=2) == p.y).mean(axis=0)
        return dict(zip(p.videos, hits.tolist(), strict=True))

    def true(row: EmotionRow) -> dict[str, str]:
        p = row.predictions
        return {video: p.classes[c] for video, c in zip(p.videos, p.y, strict=True)}

    a, b, true_a, true_b = right(first), right(second), true(first), true(second)
    common = [video for video in a if video in b]
    if not common:
        raise DataError(f"'{first.name}' and '{second.name}' were tested on different videos: they cannot be compared")
    if any(true_a[video] != true_b[video] for video in common):
        raise DataError(f"'{first.name}' and '{second.name}' read different outcomes: they cannot be compared")
    whose = dict(zip(first.predictions.videos, first.predictions.subjects, strict=True))
    groups = np.unique(np.array([whose[v] for v in common]), return_inverse=True)[1]
    return np.array([a[v] - b[v] for v in common]), groups


HEADER = (
    "",
    "accuracy",
    "95 % interval",
    "balanced",
    "95 % interval",
    "AUC",
    "log-loss",
    "ECE",
    "seeds ±",
    "p (chance)",
    "undecided",
    "right of decided",
)


def emotion_table(rows: Sequence[EmotionRow]) -> Table:
    """The majority line first and the best that can be reached last; per cent where not a score."""
    first = rows[0].scores
    lines = [["Majority of training", percent(first.majority), "", percent(1 / len(first.classes)), *[""] * 8]]
    for row in rows:
        s = row.scores
        lines.append(
            [
                row.name,
                *(text for name in HIGHER[:2] for text in _with_interval(s.figures[name])),
                *(f"{value:.3f}" for value in (s.figures["auc"].value, s.figures["log_loss"].value, s.ece)),
                percent(s.figures["accuracy"].spread),
                _p_value(s.p_value),
                percent(s.undecided),
                percent(s.accuracy_decided),
            ]
        )
    known = {row.ceiling for row in rows if row.ceiling is not None}
    if len(known) == 1:
        lines.append(["Best reachable", percent(known.pop()), *[""] * 10])
    return Table(HEADER, lines)


def to_markdown(rows: Sequence[EmotionRow], comparisons: Sequence[Comparison] = ()) -> str:
    """The table, what it was measured on, each run's verdict and the pairs."""
    lines = [*emotion_table(rows).markdown(), "", caption(rows), ""]
    lines += [f"- {row.name}: {row.scores.verdict}" for row in rows]
    if comparisons:
        lines += ["", *pair_table(comparisons).markdown()]
    return "\n".join(lines) + "\n"


def pair_table(comparisons: Sequence[Comparison]) -> Table:
    """The pairs, differences of accuracy in per cent."""
    lines = [
        [
            f"{c.first} / {c.second}",
            f"{100 * c.difference:+.1f}",
            f"{100 * c.interval[0]:+.1f} to {100 * c.interval[1]:+.1f}",
            _p_value(c.p_value),
            _p_value(c.corrected),
            "told apart" if c.told_apart else "cannot be told apart",
        ]
        for c in comparisons
    ]
    return Table(("pair", "difference of accuracy", "95 % interval", "p", "p (Holm)", ""), lines)


def caption(rows: Sequence[EmotionRow]) -> str:
    """What the table was measured on."""
    s = rows[0].scores
    repeats = {row.scores.repeats for row in rows}
    times = f"{min(repeats)} repeats" if len(repeats) == 1 and s.repeats > 1 else "one repeat" if repeats == {1} else ""
    text = (
        f"Per cent; {s.videos} held-out videos of {s.subjects} subjects, outcomes {', '.join(s.classes)}; protocol "
        f"{rows[0].protocol}{', ' + times if times else ''}. Intervals resample subjects and join the spread over "
        f"repeats; accuracy by chance {100 * s.chance:.1f} (first row)."
    )
    if (protocol := rows[0].protocol) in EMOTION_SPLITS.names() and (table := EMOTION_SPLITS.find(protocol).results):
        printed = "; ".join(f"{name} ({modality}) {value}" for name, modality, value in published_results()[table])
        text += f" Published on this split: {printed}."
    return text


def write_tables(rows: Sequence[EmotionRow], out: Path, comparisons: Sequence[Comparison] = ()) -> None:
    """Write table.md, table.csv and calibration.png into `out`."""
    write_text(out / "table.md", to_markdown(rows, comparisons))
    write_text(out / "table.csv", Table(("row", *HEADER[1:]), emotion_table(rows).rows).csv())
    same = [row for row in rows if row.predictions.videos == rows[0].predictions.videos]
    if len({row.scores.repeats for row in same}) == 1:
        labels = np.tile(rows[0].predictions.y, rows[0].scores.repeats)
        flat: Mapping[str, np.ndarray] = {
            row.name: row.predictions.probabilities.reshape(-1, len(row.predictions.classes)) for row in same
        }
        reliability_figure(flat, labels, out / "calibration.png")


def print_tables(rows: Sequence[EmotionRow], comparisons: Sequence[Comparison] = ()) -> None:
    """The tables on the terminal, with verdicts and remarks."""
    terminal = console()
    terminal.print(emotion_table(rows).rich())
    terminal.print(caption(rows), style="dim", markup=False)
    for row in rows:
        terminal.print(f"{row.name}: {row.scores.verdict}", markup=False)
    if comparisons:
        terminal.print(pair_table(comparisons).rich())
    for remark in dict.fromkeys(remark for row in rows for remark in row.remarks):
        terminal.print(f"note: {remark}", markup=False)


def _p_value(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _with_interval(figure: Figure) -> tuple[str, str]:
    return percent(figure.value), percent_interval(figure.interval)
