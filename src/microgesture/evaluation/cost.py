"""What a network costs: its parameters, and the arithmetic of one clip."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from microgesture.encoders.fusion import BalancedFusion
from microgesture.recognition import Objective


@dataclass(frozen=True)
class Cost:
    """`modality` ("rgb", "skeleton", with "+text" where label texts are read), `parameters` of everything that is
    scored with, and `gflops`, 10^9 multiply-adds for one clip of the size the run reads (convolutions and matrix
    products; the tables of this field count a multiply-add as one). `fusion_parameters` are those of a balancing
    fusion's gate and `fusion_products` its multiplications for one clip, 0 without one."""

    modality: str
    parameters: int
    gflops: float
    fusion_parameters: int = 0
    fusion_products: int = 0


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
    fusions = [module for module in objective.encoder.modules() if isinstance(module, BalancedFusion)]
    gates = sum(p.numel() for fusion in fusions for p in fusion.parameters())
    products = sum(fusion.products for fusion in fusions)
    return Cost(objective.modality + texts, parameters, counter.get_total_flops() / 2e9, gates, products)
