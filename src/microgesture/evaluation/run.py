"""Test one run: scores on a split, metrics with intervals, the confusion matrix, every prediction as a row."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.corpora import pyskl
from microgesture.corpora.opening import locate
from microgesture.corpora.source import read_source
from microgesture.datasets import ClipDataset, Manifest, read_manifest
from microgesture.datasets.manifest import read_unlabelled
from microgesture.datasets.paired import PairedDataset
from microgesture.datasets.skeletons import SkeletonDataset
from microgesture.datasets.split_names import TEST, TRAIN, validation_split
from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.coded_split import coded_split
from microgesture.evaluation.cost import Cost, cost
from microgesture.evaluation.figures import confusion_figure, reliability_figure
from microgesture.evaluation.frozen_codes import Measure
from microgesture.evaluation.metrics import Metrics, evaluate
from microgesture.files.atomic import write_json, write_text
from microgesture.runs.data import make_dataset, open_manifest
from microgesture.runs.devices import clip_input
from microgesture.runs.prediction import Predictions, predict
from microgesture.runs.run import Run, load_run
from microgesture.skeletons.layout_files import described, layout_beside
from microgesture.statistics import calibration, confusion_matrix
from microgesture.tables import Table
from microgesture.vocabulary import Vocabulary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """One run on one test set: its recipe, its metrics, counts `confusion (K, K)`, embeddings `clips (N, D)` and
    `texts (K, D)` (None without a text encoder), `labels (N,)`, what a majority line needs, the `cost`, the `split`
    that was measured on, and what was `chosen` on the very same clips ("the epoch"; empty for a test set).

    Of a run that learnt without labels the metrics are those of a linear probe, and `codes` holds every measure by its
    name (`frozen_codes`)."""

    title: str
    folder: Path
    recipe: Mapping[str, Any]
    names: tuple[str, ...]
    metrics: Metrics
    confusion: np.ndarray
    clips: np.ndarray
    texts: np.ndarray | None
    labels: np.ndarray
    subjects: tuple[str, ...]
    train_labels: np.ndarray
    cost: Cost | None = None
    split: str = TEST
    chosen: str = ""
    codes: Mapping[str, Measure] = field(default_factory=dict)


def evaluate_run(
    run: Path, out: Path, manifest: str | None = None, split: str = "", device: str = "auto"
) -> Evaluation:
    """Score a run on a split of its own manifest or another one; every clip counts, the last batch too.

    Without a name the split is "test", or that of validation in data that keep their test labels to themselves (MA-52);
    all rows of another manifest that has no split are the test.
    Writes `metrics.json`, `predictions.csv`, `confusion.png` and `reliability.png` into `out`. Raises
    `DataError` when the split is empty or a label of it is outside the run's vocabulary, `RecipeError` when
    neither the run nor `manifest` names data.
    """
    own = load_run(run, device)
    opened = own.with_data(**other_table(manifest)) if manifest else own
    data = open_data(opened, (split or TEST,), all_test=bool(manifest))
    validation = validation_split(data)
    chosen_on = bool(validation) and not manifest and opened.recipe.training.keep == "best"
    chosen_on = chosen_on and opened.objective.labelled
    if not split and not data.split(TEST) and validation:
        but = ", which chose the epoch" if chosen_on else ""
        log.warning("%s: no row has split 'test': tested on '%s'%s", data.path, validation, but)
        split = validation
    split = split or TEST
    codes: Mapping[str, Measure] = {}
    if opened.objective.labelled:
        dataset, found = scored_split(opened, data, split, features=True)
    else:
        dataset, found, measured = coded_split(opened, data, split)
        codes = measured.measures
    known = [row.label for row in data.split("train") if row.label in data.vocabulary]
    train_labels = np.array([data.vocabulary.index(label) for label in known], dtype=int)
    train_labels = train_labels if len(train_labels) else found.labels
    subjects = tuple(str(s) for s in dataset.subjects)
    metrics = evaluate(found.scores, found.labels, subjects, train_labels)
    confusion = confusion_matrix(found.labels, found.scores.argmax(1), len(data.vocabulary))
    with torch.inference_mode():
        texts = opened.objective.text_embed()
    evaluation = Evaluation(
        opened.title,
        run,
        own.recipe.to_dict(),
        data.vocabulary.names,
        metrics,
        confusion,
        found.features,
        None if texts is None else texts.float().cpu().numpy(),
        found.labels,
        subjects,
        train_labels,
        cost(opened.objective, clip_input(dataset[0]["clip"][None], opened.device)),
        split,
        "the epoch" if chosen_on and split.lower() == validation else "",
        codes,
    )
    _write(evaluation, found, opened, dataset, out)
    return evaluation


def scored_split(
    run: Run, data: Manifest, split: str, features: bool = False
) -> tuple[ClipDataset | SkeletonDataset | PairedDataset, Predictions]:
    """The clips of a split as the run reads them, and its scores for them. Raises what `make_dataset` raises."""
    dimensions = run.config.get("dimensions")
    dataset = make_dataset(run.recipe, data, split, encoder=run.objective.encoder, dimensions=dimensions)
    assert isinstance(dataset, ClipDataset | SkeletonDataset | PairedDataset)
    batch, precision = run.recipe.optimiser.batch, run.test_precision
    return dataset, predict(run.objective, dataset, batch, precision, run.device, features=features)


def _write(
    evaluation: Evaluation,
    found: Predictions,
    run: Run,
    dataset: ClipDataset | SkeletonDataset | PairedDataset,
    out: Path,
) -> None:
    probabilities = found.probabilities(run.temperature)
    ece = calibration(probabilities, found.labels).ece
    values = {
        "title": evaluation.title,
        "split": evaluation.split,
        "chosen_on_these_clips": evaluation.chosen,
        "metrics": evaluation.metrics.to_json(),
        "cost": None if evaluation.cost is None else asdict(evaluation.cost),
        "expected_calibration_error": ece,
        "classes": list(evaluation.names),
        "confusion": evaluation.confusion.tolist(),
    }
    if evaluation.codes:
        values["codes"] = {name: measure.metrics.to_json() for name, measure in evaluation.codes.items()}
    write_json(out / "metrics.json", values)
    columns = ["video", "start", "end", "subject", "label", "predicted", "confidence", "second", "third"]
    rows: list[list[object]] = []
    for row, p in zip(dataset.rows, probabilities, strict=True):
        order = np.argsort(-p)[:3]
        names = [evaluation.names[k] for k in order] + [""] * (3 - len(order))
        clip = [row.media, row.start, row.end, row.subject, row.label]
        rows.append([*clip, names[0], f"{p[order[0]]:.4f}", *names[1:]])
    write_text(out / "predictions.csv", Table(columns, rows).csv())
    confusion_figure({evaluation.title: evaluation.confusion}, evaluation.names, out / "confusion.png")
    reliability_figure({evaluation.title: probabilities}, found.labels, out / "reliability.png")


def other_table(manifest: str | Path) -> dict[str, Any]:
    """The settings of `DataConfig` that make a run read another table: its protocol and held-out subjects are those of
    its own data."""
    beside = layout_beside(manifest)
    layout = {} if beside is None else {"layout": described(beside)}
    return {"manifest": str(manifest), "root": "", "source": "", "protocol": "", "test_subjects": [], **layout}


def open_data(run: Run, splits: Sequence[str], all_test: bool = False) -> Manifest:
    """The data of a run's recipe, read with the run's own classes: their order is that of the scores. With `all_test` a
    table without splits is all test.

    Raises `RecipeError` when the recipe names none, `DataError` when they cannot be read or a label of these splits is
    outside the run's vocabulary.
    """
    data = run.recipe.data
    path = data.manifest or data.root
    if not path:
        raise RecipeError(f"'{run.folder}' names no data to test on: give --manifest path/to/manifest.csv")
    numbering = run.config.get("numbering", "") if pyskl.recognises(locate(path)[0]) else ""
    classes = run.trained_vocabulary if numbering and run.objective.labelled else None
    found = (_all_test(run) if all_test else None) or open_manifest(run.recipe, classes, numbering)
    if not isinstance(found, Manifest):
        raise RecipeError(
            f"'{run.folder}' learnt from skeleton banks: `make pretrain` tests it and writes its model card"
        )
    if not run.objective.labelled:
        return _all_labelled(found, (TRAIN, *splits))
    for row in (row for split in splits for row in found.split(split)):
        if row.label not in run.vocabulary:
            raise DataError(f"{path}: row {row.row}: label '{row.label}' is not among the classes of '{run.folder}'")
    return replace(found, vocabulary=run.vocabulary)


def _all_labelled(data: Manifest, splits: Sequence[str]) -> Manifest:
    """The data. Raises `DataError` when a row of these splits has no label: codes are measured by them."""
    for row in (row for split in splits for row in data.split(split) if not row.label):
        raise DataError(
            f"{data.path}: row {row.row}: has no label: training needed none, but codes are measured by the labels of "
            f"the splits {' and '.join(dict.fromkeys(splits))} (--manifest names a table that has them)"
        )
    return data


def _all_test(run: Run) -> Manifest | None:
    """The table that the run is told to test on, all of its rows in split "test"; None when it is no table without
    splits."""
    data = run.recipe.data
    place, layout = locate(data.manifest)
    if layout != "manifest" or not place.is_file() or any(row.split for row in read_unlabelled(place)):
        return None
    vocabulary = Vocabulary.load(data.vocabulary) if data.vocabulary else None
    if data.on_problem == "skip":
        reading = read_source(place, layout, "", vocabulary)
        found = Manifest(place, reading.rows, reading.vocabulary)
    else:
        found = read_manifest(place, vocabulary)
    return replace(found, rows=tuple(replace(row, split=TEST) for row in found.rows))
