"""What a network costs: its parameters, and the arithmetic of one clip."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from microgesture.recognition import Objective


@dataclass(frozen=True)
class Cost:
    """`modality` ("rgb", "skeleton", with "+text" where label texts are read), `parameters` of everything that is
    scored with, and `gflops`, 10^9 multiply-adds for one clip of the size the run reads (convolutions and matrix
    products; the tables of this field count a multiply-add as one)."""

    modality: str
    parameters: int
    gflops: float


def cost(objective: Objective, clip: Tensor) -> Cost:
    """The cost of an objective on one clip (1, ...). Label texts are encoded once and not counted in `gflops`."""
    was_training = objective.training
    objective.eval()
    try:
        with torch.inference_mode():
            of_clip = objective.scores if objective.labelled else objective.embed
            of_clip(clip)  # texts that are encoded once are now
            with FlopCounterMode(display=False) as counter:
                of_clip(clip)
    finally:
        objective.train(was_training)
    texts = "+text" if objective.text_encoder is not None else ""
    parameters = sum(p.numel() for p in objective.parameters())
    return Cost(objective.modality + texts, parameters, counter.get_total_flops() / 2e9)
