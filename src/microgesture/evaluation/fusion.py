"""Score fusion of any runs: RGB, skeleton streams, texts; as the challenges' winners do, but honestly.

Every run's scores are divided by its own temperature and become probabilities; the fused prediction is their weighted
mean. The weights maximise the likelihood of the *validation* labels (a concave problem, solved by expectation
maximisation, McLachlan and Peel 2000, ch. 2), never of the test labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from microgesture.datasets import Manifest
from microgesture.datasets.manifest import ClipRow
from microgesture.datasets.split_names import TEST, VALIDATION, validation_split
from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.figures import confusion_figure
from microgesture.evaluation.metrics import Metrics, evaluate
from microgesture.evaluation.run import open_data, other_table, scored_split
from microgesture.evaluation.tables import ablation_rows, to_markdown
from microgesture.files.atomic import write_json, write_text
from microgesture.runs.run import Run, load_run
from microgesture.statistics import confusion_matrix

FILE = "fusion.json"


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
    split: str = TEST,
    weights: Sequence[float] | None = None,
) -> Fusion:
    """Fuse two or more runs, test them on `split` and write `fusion.json`, `table.md` and `confusion.png` into `out`.

    Clips are matched by what they are (video or skeleton file, time, person); those that a run cannot read are left out
    for all. On a validation split, weights are searched on the clips that are tested, and the table says so. Raises
    `RecipeError` for fewer than two runs, a run that is named twice, runs of different classes, or when there is no
    validation split and no `weights` are given; `DataError` when a run has no clips of `split`, or they share none.
    """
    opened = _open(runs)
    names = opened[0].vocabulary.names
    searched = weights is None
    if manifest:
        opened = [run.with_data(**other_table(manifest)) for run in opened]
    read = (split, *(VALIDATION if searched else ()))
    data = [open_data(run, read, all_test=bool(manifest)) for run in opened]
    for run, clips in zip(opened, data, strict=True):
        if not clips.split(split):
            what = f"no row has split '{split}', on which '{run.folder}' is tested"
            raise DataError(f"{clips.path}: {what}{_advice(clips)}")
    weights = _checked(_search(opened, data) if weights is None else weights, len(runs))
    tested, left_out = _common([_score(run, d, split) for run, d in zip(opened, data, strict=True)])
    known = [row.label for row in data[0].split("train") if row.label in opened[0].vocabulary]
    train = np.array([opened[0].vocabulary.index(label) for label in known], dtype=int) if known else None
    alone = tuple(evaluate(np.log(t.probabilities + 1e-12), t.labels, t.subjects, train) for t in tested)
    mixed = mix([t.probabilities for t in tested], weights)
    together = evaluate(np.log(mixed + 1e-12), tested[0].labels, tested[0].subjects, train)
    titles = [f"{name} ({weight:.2f})" for name, weight in zip(_names(opened), weights, strict=True)]
    found = ablation_rows(dict(zip(titles, alone, strict=True)) | {"fused": together})
    chosen = _chosen(opened, split, own=not manifest, searched=searched)
    table = to_markdown([replace(row, split=split, chosen=chosen) for row in found])
    out = Path(out)
    described = [{"run": str(Path(r).resolve()), "weight": w} for r, w in zip(runs, weights, strict=True)]
    values = {"runs": described, "classes": list(names), "split": split, "chosen_on_these_clips": chosen}
    write_json(out / FILE, {**values, "metrics": together.to_json()})
    write_text(out / "table.md", table)
    matrix = confusion_matrix(tested[0].labels, mixed.argmax(1), len(names))
    confusion_figure({"fused": matrix}, names, out / "confusion.png")
    return Fusion(tuple(Path(r) for r in runs), weights, alone, together, left_out, table)


def _open(runs: Sequence[str | Path]) -> list[Run]:
    """The runs; raises `RecipeError` when they cannot be fused."""
    if len(runs) < 2:
        raise RecipeError("fusion needs two runs or more")
    for folder, count in Counter(Path(run).resolve() for run in runs).items():
        if count > 1:
            raise RecipeError(f"'{folder}' is named {count} times: fusion takes every run once")
    opened = [load_run(run) for run in runs]
    for run in opened:
        run.check_names_gestures()
        if run.vocabulary.names != opened[0].vocabulary.names:
            raise RecipeError(f"'{run.folder}' knows other classes than '{opened[0].folder}': they cannot be fused")
    return opened


def _search(runs: Sequence[Run], data: Sequence[Manifest]) -> tuple[float, ...]:
    splits = [validation_split(clips) for clips in data]
    if not all(splits):
        raise RecipeError("weights are searched on a validation split, and there is none: give --weights 0.6 0.4")
    held, _ = _common([_score(run, d, split) for run, d, split in zip(runs, data, splits, strict=True)])
    return search_weights([h.probabilities for h in held], held[0].labels)


def _chosen(runs: Sequence[Run], split: str, own: bool, searched: bool) -> str:
    """What was chosen on the clips that are tested, in words; empty when they are a test set."""
    if split.lower() not in VALIDATION:
        return ""
    epochs = own and any(run.recipe.training.keep == "best" for run in runs)
    parts = [*(["every run's epoch"] if epochs else []), *(["the fusion's weights"] if searched else [])]
    return " and ".join(parts)


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


def clip_key(row: ClipRow) -> tuple:
    """What a clip is, however its files are named: video and skeleton on the disk, time, person."""
    places = (None if path is None else str(path.resolve()) for path in (row.video, row.skeleton))
    return (*places, row.start, row.end, row.person)


def _names(runs: Sequence[Run]) -> list[str]:
    """What the runs are called in the table: their titles, with the folder where two have one title."""
    count = Counter(run.title for run in runs)
    return [run.title if count[run.title] == 1 else f"{run.title}, {run.folder}" for run in runs]


def _advice(data: Manifest) -> str:
    there = ", ".join(f"'{name}'" for name in data.splits)
    validation = validation_split(data)
    instead = f"--split {validation} tests on the clips that the weights are searched on, " if validation else ""
    return f" (there are {there}): {instead}--manifest names other data"


def _score(run: Run, data: Manifest, split: str) -> Scored:
    dataset, found = scored_split(run, data, split)
    keys = tuple(clip_key(row) for row in dataset.rows)
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
