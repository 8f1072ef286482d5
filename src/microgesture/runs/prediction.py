"""Scores of an objective over a data set, and the temperature that makes its confidences honest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from microgesture.datasets import ClipDataset, make_loader
from microgesture.datasets.paired import PairedDataset
from microgesture.datasets.skeletons import SkeletonDataset
from microgesture.datasets.windows import WindowDataset
from microgesture.recognition import Objective
from microgesture.runs.devices import autocast, clip_input
from microgesture.statistics import softmax


@dataclass(frozen=True)
class Predictions:
    """`scores (N, K)` logits, `labels (N,)` class ids, `features (N, D)` embeddings (empty unless asked for)."""

    scores: np.ndarray
    labels: np.ndarray
    features: np.ndarray

    def probabilities(self, temperature: float = 1.0) -> np.ndarray:
        """Softmax of the scores over the temperature, `(N, K)`."""
        return softmax(self.scores / temperature)


@torch.inference_mode()
def predict(
    objective: Objective,
    dataset: ClipDataset | WindowDataset | SkeletonDataset | PairedDataset,
    batch: int = 32,
    precision: str = "no",
    device: torch.device | str = "cpu",
    features: bool = False,
    workers: int = 0,
) -> Predictions:
    """Score every clip once, in order; the last batch counts like the others."""
    was_training = objective.training
    objective.eval()
    scores, labels, embedded = [], [], []
    for part in make_loader(dataset, batch=batch, shuffle=False, workers=workers):
        with autocast(precision, device):
            inputs = clip_input(part["clip"], device)
            scores.append(objective.scores(inputs).float().cpu())
            if features:
                embedded.append(objective.embed(inputs).float().cpu())
        labels.append(part["label"])
    objective.train(was_training)
    found = torch.cat(embedded).numpy() if embedded else np.zeros((0, 0), np.float32)
    return Predictions(torch.cat(scores).numpy(), torch.cat(labels).numpy(), found)


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """The temperature in [0.05, 20] with the least cross-entropy on held-out scores (Guo et al. 2017)."""
    if len(labels) == 0:
        return 1.0
    logits, target = torch.from_numpy(scores).double(), torch.from_numpy(labels)
    grid = torch.logspace(np.log10(0.05), np.log10(20.0), 241, dtype=torch.float64)
    losses = torch.stack([F.cross_entropy(logits / t, target) for t in grid])
    return float(grid[losses.argmin()])
