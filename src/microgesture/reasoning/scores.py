"""How good the answers of a run of trials are, one row a backend and condition, beside what guessing gives.

A reply that failed its check and the answer "undecided" get the uniform distribution over the answers: 1/C credit
for accuracy. Accuracy over all rows counts them so; "of those answered" leaves them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from microgesture.files.atomic import write_json, write_text
from microgesture.reasoning.record import Explanation
from microgesture.reasoning.scenario import UNDECIDED, Scenario
from microgesture.reasoning.trials import Case, Trial
from microgesture.statistics import balanced_accuracy, reliability, subject_interval
from microgesture.tables import Table, console, percent, percent_interval

RULE = (
    "A reply that failed its check and the answer 'undecided' count as the uniform distribution: 1/C credit for "
    "accuracy over all. Intervals (95 %) resample subjects. Brier: sum over the answers of squared error, 0 to 2; "
    "guessing among C gives 1 - 1/C. ECE: expected calibration error in ten bins of the probability of the answer. "
    "'nothing': no gestures and no transcript, so nothing was asked. Tokens and seconds: mean a timeline, both tries."
)
_ABREAST = 4


@dataclass(frozen=True)
class Row:
    """One backend under one condition. Shares are in [0, 1]; None where it cannot be said."""

    backend: str
    model: str
    condition: str
    timelines: int
    subjects: int
    accuracy: float
    interval: tuple[float, float]
    answered: int
    accuracy_answered: float | None
    balanced_accuracy: float
    brier: float
    calibration_error: float
    undecided: float
    valid_at_once: float | None
    valid_after_repair: float | None
    failed: float | None
    cited_events: float | None
    tokens: float | None
    seconds: float | None


@dataclass(frozen=True)
class Scores:
    """`majority`: accuracy of always giving the commonest outcome; `chance`: 1/C; `ceiling`: what no model can beat
    in a synthetic world, where that is known."""

    scenario: str
    rows: tuple[Row, ...]
    majority: float
    chance: float
    ceiling: float | None


def score(trials: Sequence[Trial], cases: Sequence[Case], scenario: Scenario, ceiling: float | None = None) -> Scores:
    """Scores of trials over these cases, rows in the order of the trials."""
    groups: dict[tuple[str, str, str], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.backend, trial.model, trial.condition), []).append(trial)
    by_name = {case.name: case for case in cases}
    counts = np.unique([case.outcome for case in cases], return_counts=True)[1]
    rows = tuple(_row(key, group, by_name, scenario) for key, group in groups.items())
    return Scores(scenario.title, rows, float(counts.max() / counts.sum()), scenario.chance, ceiling)


def distribution(explanation: Explanation | None, scenario: Scenario) -> np.ndarray:
    """Probabilities (C,) of the answers that a reply means: its own for its answer, the rest evenly over the others."""
    names = list(scenario.answers)
    if explanation is None or not explanation.accepted or explanation.answer in (None, UNDECIDED):
        return np.full(len(names), 1.0 / len(names))
    p = float(explanation.probability or 0.0)
    spread = np.full(len(names), (1.0 - p) / (len(names) - 1))
    spread[names.index(str(explanation.answer))] = p
    return spread


def write_scores(
    trials: Sequence[Trial], cases: Sequence[Case], scenario: Scenario, out: Path, ceiling: float | None = None
) -> Scores:
    """Score and write `results.json` and `results.md` into `out`. Raises `UserError` when the disk refuses."""
    scores = score(trials, cases, scenario, ceiling)
    write_json(out / "results.json", {"rule": RULE, **asdict(scores)})
    write_text(out / "results.md", markdown(scores))
    return scores


def markdown(scores: Scores) -> str:
    """The table with the lines below it."""
    lines = [f"# {scores.scenario}", "", *_table(scores).markdown(), "", *(f"- {line}" for line in _beside(scores))]
    return "\n".join([*lines, "", RULE, ""])


def print_scores(scores: Scores) -> None:
    """The table on the terminal, turned so that it fits: a line a figure, a column a backend and condition."""
    whole, terminal = _table(scores), console()
    for start in range(0, len(whole.rows), _ABREAST):
        rows = whole.rows[start : start + _ABREAST]
        figures = list(zip(whole.columns, *rows, strict=True))[2:]
        turned = Table(("", *(f"{row[0]}: {row[1]}" for row in rows)), figures)
        terminal.print(turned.rich(scores.scenario if start == 0 else None))
    for line in (*_beside(scores), RULE):
        terminal.print(line, markup=False)


def _row(key: tuple[str, str, str], trials: Sequence[Trial], cases: Mapping[str, Case], scenario: Scenario) -> Row:
    names = list(scenario.answers)
    mine = [cases[t.case] for t in trials]
    truth = np.array([names.index(case.outcome) for case in mine])
    probabilities = np.stack([distribution(t.explanation, scenario) for t in trials])
    decided = np.array([_decided(t) for t in trials])
    given = [str(t.explanation.answer) if t.explanation and d else "" for t, d in zip(trials, decided, strict=True)]
    answers = np.array([names.index(name) if name else -1 for name in given])
    credit = np.where(decided, (answers == truth).astype(float), scenario.chance)
    stated = np.where(decided, probabilities[np.arange(len(truth)), answers], scenario.chance)
    subjects = np.unique([case.subject for case in mine], return_inverse=True)[1]
    asked = [t.explanation for t in trials if t.explanation is not None]
    once = [e.accepted and len(e.attempts) == 1 for e in asked]
    repaired = [e.accepted and len(e.attempts) > 1 for e in asked]
    cited = [len({id for r in e.reasons for id in r.events}) for e in asked if e.accepted]
    tokens = [e.tokens for e in asked if e.tokens is not None]
    return Row(
        *key,
        timelines=len(mine),
        subjects=int(subjects.max()) + 1,
        accuracy=float(credit.mean()),
        interval=subject_interval(credit, subjects),
        answered=int(decided.sum()),
        accuracy_answered=float(credit[decided].mean()) if decided.any() else None,
        balanced_accuracy=balanced_accuracy(credit, truth),
        brier=float(((probabilities - np.eye(len(names))[truth]) ** 2).sum(axis=1).mean()),
        calibration_error=reliability(stated, credit).ece,
        undecided=float(np.mean([t.explanation is None or t.explanation.answer == UNDECIDED for t in trials])),
        valid_at_once=_mean(once),
        valid_after_repair=_mean(repaired),
        failed=_mean([not e.accepted for e in asked]),
        cited_events=_mean(cited),
        tokens=_mean(tokens),
        seconds=_mean([e.seconds for e in asked]),
    )


def _decided(trial: Trial) -> bool:
    found = trial.explanation
    return found is not None and found.accepted and found.answer not in (None, UNDECIDED)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _table(scores: Scores) -> Table:
    head = ["backend", "shown", "n", "accuracy %", "95 %", "of those answered %", "balanced %", "Brier", "ECE"]
    head += ["undecided %", "valid at once %", "after repair %", "failed %", "cited", "tokens", "seconds"]
    body = []
    for r in scores.rows:
        model = r.backend if r.backend == "template" else f"{r.backend} {r.model}"
        answered = "-" if r.accuracy_answered is None else f"{100 * r.accuracy_answered:.1f} ({r.answered})"
        shares = (r.undecided, r.valid_at_once, r.valid_after_repair, r.failed)
        body.append(
            [
                *(model, r.condition, str(r.timelines), percent(r.accuracy), percent_interval(r.interval), answered),
                *(percent(r.balanced_accuracy), f"{r.brier:.3f}", f"{r.calibration_error:.3f}"),
                *(percent(share, "-") for share in shares),
                *(_number(r.cited_events, 1), _number(r.tokens, 0), _number(r.seconds, 2)),
            ]
        )
    return Table(head, body)


def _beside(scores: Scores) -> list[str]:
    lines = [
        f"always the commonest outcome: {100 * scores.majority:.1f} %; guessing: {100 * scores.chance:.1f} %",
    ]
    if scores.ceiling is not None:
        lines.append(f"best reachable in this synthetic world: {100 * scores.ceiling:.1f} %")
    return lines


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
