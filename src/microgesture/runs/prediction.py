"""Scores of an objective over a data set, and the temperature that makes its confidences honest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from microgesture.datasets import ClipDataset, make_loader
from microgesture.datasets.paired import PairedDataset
from microgesture.datasets.paired_clip import PairedClip
from microgesture.datasets.skeletons import SkeletonDataset
from microgesture.datasets.windows import WindowDataset
from microgesture.recognition import Objective


@dataclass(frozen=True)
class Predictions:
    """`scores (N, K)` logits, `labels (N,)` class ids, `features (N, D)` embeddings (empty unless asked for)."""

    scores: np.ndarray
    labels: np.ndarray
    features: np.ndarray

    def probabilities(self, temperature: float = 1.0) -> np.ndarray:
        """Softmax of the scores over the temperature, `(N, K)`."""
        return softmax(self.scores / temperature)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


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
            inputs = clip_input(part, device)
            scores.append(objective.scores(inputs).float().cpu())
            if features:
                embedded.append(objective.embed(inputs).float().cpu())
        labels.append(part["label"])
    objective.train(was_training)
    found = torch.cat(embedded).numpy() if embedded else np.zeros((0, 0), np.float32)
    return Predictions(torch.cat(scores).numpy(), torch.cat(labels).numpy(), found)


def clip_input(batch: dict[str, torch.Tensor], device: torch.device | str) -> torch.Tensor:
    """The encoder's input of a batch, on the device: RGB clips in channels-last layout."""
    clip = batch["clip"].to(device)
    if isinstance(clip, PairedClip):
        return clip  # type: ignore[return-value]  # the encoders that read both know what it is
    return clip.contiguous(memory_format=torch.channels_last_3d) if clip.dim() == 5 and clip.shape[1] == 3 else clip


def autocast(precision: str, device: torch.device | str) -> torch.autocast:
    """Mixed precision for "bf16" and "fp16"; nothing for "no"."""
    kind = torch.device(device).type
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(kind, dtype=dtype, enabled=precision != "no")


def resolve_precision(precision: str, device: torch.device | str) -> str:
    """ "auto" becomes "bf16" where the processor or accelerator multiplies in it, else "no"."""
    if precision != "auto":
        return precision
    if torch.device(device).type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "no"
    if torch.device(device).type == "cpu":
        return "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "no"
    return "no"


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """The temperature in [0.05, 20] with the least cross-entropy on held-out scores (Guo et al. 2017)."""
    if len(labels) == 0:
        return 1.0
    logits, target = torch.from_numpy(scores).double(), torch.from_numpy(labels)
    grid = torch.logspace(np.log10(0.05), np.log10(20.0), 241, dtype=torch.float64)
    losses = torch.stack([F.cross_entropy(logits / t, target) for t in grid])
    return float(grid[losses.argmin()])


def to_channels_last(module: torch.nn.Module) -> None:
    """Put the weights of 3-D convolutions in channels-last layout, those of 2-D ones likewise."""
    for parameter in module.parameters():
        if parameter.dim() == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
        elif parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
