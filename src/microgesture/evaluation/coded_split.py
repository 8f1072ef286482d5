"""A run that learnt without labels on a split: codes of the training clips and of the split, and their measures."""

from __future__ import annotations

import numpy as np
import torch

from microgesture.datasets import Manifest, make_loader
from microgesture.datasets.skeletons import SkeletonDataset
from microgesture.datasets.split_names import TRAIN
from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.frozen_codes import CodeMeasures, Codes, measure_codes
from microgesture.runs.data import make_dataset
from microgesture.runs.devices import autocast, clip_input
from microgesture.runs.prediction import Predictions
from microgesture.runs.run import Run


def coded_split(run: Run, data: Manifest, split: str) -> tuple[SkeletonDataset, Predictions, CodeMeasures]:
    """The clips of a split as the run reads them; the linear probe's log-probabilities and the codes in the place of
    scores and features; and all measures, learnt from the clips of split "train".

    Raises `DataError` when either split is empty, and what `measure_codes` raises; `RecipeError` for a run that reads
    no skeletons.
    """
    if not data.split(TRAIN):
        raise DataError(f"{data.path}: no row has split '{TRAIN}', whose labels the measures of codes learn from")
    _, train = _codes(run, data, TRAIN)
    dataset, test = _codes(run, data, split)
    found = measure_codes(train, test, len(data.vocabulary))
    scores = np.log(np.maximum(found.probabilities, 1e-12)).astype(np.float32)
    return dataset, Predictions(scores, test.labels, test.vectors), found


@torch.inference_mode()
def _codes(run: Run, data: Manifest, split: str) -> tuple[SkeletonDataset, Codes]:
    dimensions, encoder = run.config.get("dimensions"), run.objective.encoder
    dataset = make_dataset(run.recipe, data, split, encoder=encoder, dimensions=dimensions, labelled=True)
    if not isinstance(dataset, SkeletonDataset):
        raise RecipeError(f"'{run.folder}': only codes of skeletons are measured")
    parts = []
    for batch in make_loader(dataset, batch=run.recipe.optimiser.batch, shuffle=False):
        with autocast(run.test_precision, run.device):
            parts.append(run.objective.embed(clip_input(batch["clip"], run.device)).float().cpu())
    return dataset, Codes(torch.cat(parts).numpy(), np.array(dataset.labels), dataset.subjects)
