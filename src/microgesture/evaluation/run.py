"""Test one run: scores on a split, metrics with intervals, the confusion matrix, every prediction as a row."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from microgesture.atomic import write_json, write_text
from microgesture.datasets import Manifest
from microgesture.errors import DataError
from microgesture.evaluation.figures import confusion_figure, reliability_figure
from microgesture.evaluation.metrics import Metrics, calibration, confusion_matrix, evaluate
from microgesture.training.assembly import Run, load_run, make_dataset, open_manifest
from microgesture.training.prediction import Predictions, predict, resolve_precision


@dataclass(frozen=True)
class Evaluation:
    """One run on one test set: its metrics, counts `confusion (K, K)`, embeddings `clips (N, D)` and
    `texts (K, D)` (None without a text encoder), `labels (N,)`, and what a majority line needs."""

    title: str
    folder: Path
    names: tuple[str, ...]
    metrics: Metrics
    confusion: np.ndarray
    clips: np.ndarray
    texts: np.ndarray | None
    labels: np.ndarray
    subjects: tuple[str, ...]
    train_labels: np.ndarray


def evaluate_run(
    run: Path, out: Path, manifest: str | None = None, split: str = "test", device: str = "auto"
) -> Evaluation:
    """Score a run on a split of its own manifest or another one; every clip counts, the last batch too.

    Writes `metrics.json`, `predictions.csv`, `confusion.png` and `reliability.png` into `out`. Raises
    `DataError` when the split is empty or a label is outside the run's vocabulary.
    """
    chosen = "cuda" if device == "auto" and torch.cuda.is_available() else "cpu" if device == "auto" else device
    opened = load_run(run, chosen)
    if manifest:
        opened.recipe.data.manifest = manifest
    data = _with_vocabulary(open_manifest(opened.recipe), opened)
    dataset = make_dataset(opened.recipe, data, split)
    precision = resolve_precision(opened.recipe.training.precision, chosen)
    found = predict(opened.objective, dataset, opened.recipe.optimiser.batch, precision, chosen, features=True)
    train_labels = np.array([data.vocabulary.index(row.label) for row in data.split("train")], dtype=int)
    train_labels = train_labels if len(train_labels) else found.labels
    subjects = tuple(str(s) for s in dataset.subjects)
    metrics = evaluate(found.scores, found.labels, subjects, train_labels)
    confusion = confusion_matrix(found.labels, found.scores.argmax(1), len(data.vocabulary))
    with torch.inference_mode():
        texts = opened.objective.text_embed()
    evaluation = Evaluation(
        opened.title,
        run,
        data.vocabulary.names,
        metrics,
        confusion,
        found.features,
        None if texts is None else texts.float().cpu().numpy(),
        found.labels,
        subjects,
        train_labels,
    )
    _write(evaluation, found, opened, dataset, out)
    return evaluation


def _write(evaluation: Evaluation, found: Predictions, run: Run, dataset, out: Path) -> None:
    probabilities = found.probabilities(run.temperature)
    ece = calibration(probabilities, found.labels).ece
    values = {
        "title": evaluation.title,
        "metrics": evaluation.metrics.to_json(),
        "expected_calibration_error": ece,
        "classes": list(evaluation.names),
        "confusion": evaluation.confusion.tolist(),
    }
    write_json(out / "metrics.json", values)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["video", "start", "end", "subject", "label", "predicted", "confidence", "second", "third"])
    for row, p in zip(dataset.rows, probabilities, strict=True):
        order = np.argsort(-p)[:3]
        names = [evaluation.names[k] for k in order] + [""] * (3 - len(order))
        writer.writerow(
            [row.video, row.start, row.end, row.subject, row.label, names[0], f"{p[order[0]]:.4f}", *names[1:]]
        )
    write_text(out / "predictions.csv", stream.getvalue())
    confusion_figure({evaluation.title: evaluation.confusion}, evaluation.names, out / "confusion.png")
    reliability_figure({evaluation.title: probabilities}, found.labels, out / "reliability.png")


def _with_vocabulary(manifest: Manifest, run: Run) -> Manifest:
    """The manifest read with the run's own classes: their order is that of the scores."""
    unknown = sorted({row.label for row in manifest.rows if row.label not in run.vocabulary})
    if unknown:
        raise DataError(f"{run.recipe.data.manifest}: label '{unknown[0]}' is not in the vocabulary of '{run.folder}'")
    return replace(manifest, vocabulary=run.vocabulary)
