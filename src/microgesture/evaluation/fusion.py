"""Score fusion of any runs: RGB, skeleton streams, texts; as the challenges' winners do, but honestly.

Every run's scores are divided by its own temperature and become probabilities; the fused prediction is their weighted
mean. The weights maximise the likelihood of the *validation* labels (a concave problem, solved by expectation
maximisation, McLachlan and Peel 2000, ch. 2), never of the test labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.atomic import write_json
from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.figures import confusion_figure
from microgesture.evaluation.metrics import Metrics, confusion_matrix, evaluate
from microgesture.evaluation.run import open_data, scored_split
from microgesture.evaluation.tables import AblationRow, ablation_rows, to_markdown
from microgesture.training.assembly import Run, load_run

FILE = "fusion.json"
VALIDATION = ("val", "validation", "validate")


@dataclass(frozen=True)
class Scored:
    """Probabilities `(N, K)` of one run for the clips of one split, their labels `(N,)`, subjects and identities."""

    probabilities: np.ndarray
    labels: np.ndarray
    subjects: tuple[str, ...]
    keys: tuple[tuple, ...]


@dataclass(frozen=True)
class Fusion:
    """Runs and their weights, the metrics of each and of all together, and how many clips all of them could read."""

    runs: tuple[Path, ...]
    weights: tuple[float, ...]
    alone: tuple[Metrics, ...]
    together: Metrics
    left_out: int
    table: str


def fuse(
    runs: Sequence[str | Path],
    out: str | Path,
    manifest: str | None = None,
    split: str = "test",
    weights: Sequence[float] | None = None,
) -> Fusion:
    """Fuse two or more runs, test them on `split` and write `fusion.json`, `table.md` and `confusion.png` into `out`.

    Clips are matched by what they are (video or skeleton file, time, person); those that a run cannot read are left out
    for all. Raises `RecipeError` for fewer than two runs, runs of different classes, or when there is no validation
    split and no `weights` are given; `DataError` when the runs share no clip.
    """
    if len(runs) < 2:
        raise RecipeError("fusion needs two runs or more")
    opened = [load_run(run) for run in runs]
    names = opened[0].vocabulary.names
    for run in opened:
        if run.vocabulary.names != names:
            raise RecipeError(f"'{run.folder}' knows other classes than '{opened[0].folder}': they cannot be fused")
    data = [open_data(run, manifest, (split,)) for run in opened]
    if weights is None:
        found = next((s for s in VALIDATION if all(d.split(s) for d in data)), None)
        if found is None:
            raise RecipeError("weights are searched on a validation split, and there is none: give --weights 0.6 0.4")
        held, _ = _common([_score(run, d, found) for run, d in zip(opened, data, strict=True)])
        weights = search_weights([h.probabilities for h in held], held[0].labels)
    weights = _checked(weights, len(runs))
    tested, left_out = _common([_score(run, d, split) for run, d in zip(opened, data, strict=True)])
    train = np.array([opened[0].vocabulary.index(row.label) for row in data[0].split("train")], dtype=int)
    alone = tuple(evaluate(np.log(t.probabilities + 1e-12), t.labels, t.subjects, train) for t in tested)
    mixed = mix([t.probabilities for t in tested], weights)
    together = evaluate(np.log(mixed + 1e-12), tested[0].labels, tested[0].subjects, train)
    rows: list[AblationRow] = ablation_rows(
        {f"{run.title} ({w:.2f})": m for run, w, m in zip(opened, weights, alone, strict=True)} | {"fused": together}
    )
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    described = [{"run": str(Path(r).resolve()), "weight": w} for r, w in zip(runs, weights, strict=True)]
    write_json(out / FILE, {"runs": described, "classes": list(names), "metrics": together.to_json()})
    table = to_markdown(rows)
    (out / "table.md").write_text(table, "utf-8")
    matrix = confusion_matrix(tested[0].labels, mixed.argmax(1), len(names))
    confusion_figure({"fused": matrix}, names, out / "confusion.png")
    return Fusion(tuple(Path(r) for r in runs), tuple(weights), alone, together, left_out, table)


def mix(probabilities: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Weighted mean of probabilities `(N, K)`."""
    return np.tensordot(np.asarray(weights), np.stack(probabilities), 1)


def search_weights(probabilities: Sequence[np.ndarray], labels: np.ndarray, rounds: int = 500) -> tuple[float, ...]:
    """Weights (sum 1) of the mixture that makes `labels (N,)` most likely: the weights' expectation maximisation.

    The maximum is the only one (the likelihood is concave in the weights), so the start does not matter.
    """
    likely = np.stack([p[np.arange(len(labels)), labels] for p in probabilities], 1) + 1e-9
    weights = np.full(len(probabilities), 1 / len(probabilities))
    for _ in range(rounds):
        share = likely * weights
        weights = (share / share.sum(1, keepdims=True)).mean(0)
    return tuple(float(w) for w in weights)


def _score(run: Run, data, split: str) -> Scored:
    dataset, found = scored_split(run, data, split)
    keys = tuple((str(r.video), str(r.skeleton), r.start, r.end, r.person) for r in dataset.rows)
    return Scored(found.probabilities(run.temperature), found.labels, tuple(map(str, dataset.subjects)), keys)


def _common(scored: Sequence[Scored]) -> tuple[list[Scored], int]:
    """The same for the clips that all have, in one order; and how many clips some of them lack."""
    shared = set(scored[0].keys).intersection(*(s.keys for s in scored))
    if not shared:
        raise DataError("the runs share no clip that all of them can read: nothing to fuse")
    order = [key for key in dict.fromkeys(scored[0].keys) if key in shared]
    cut = []
    for s in scored:
        place = {key: i for i, key in enumerate(s.keys)}
        pick = [place[key] for key in order]
        subjects = tuple(s.subjects[i] for i in pick)
        cut.append(Scored(s.probabilities[pick], s.labels[pick], subjects, tuple(order)))
    return cut, max(len(s.keys) for s in scored) - len(order)


def _checked(weights: Sequence[float], count: int) -> tuple[float, ...]:
    total = float(sum(weights))
    if len(weights) != count or min(weights) < 0 or not total > 0:
        raise RecipeError(f"{count} runs need {count} weights of 0 or more, got {', '.join(map(str, weights))}")
    return tuple(float(w) / total for w in weights)
