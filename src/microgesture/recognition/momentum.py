"""Contrast with a queue of keys, as MoCo (He et al., CVPR 2020, arXiv 1911.05722) and its heirs have it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.errors import RecipeError
from microgesture.recognition.alignment import full_precision
from microgesture.recognition.gather import gather_with_gradient


class KeyQueue(nn.Module):
    """The last `size` keys of length `width`: `memory` (size, width), and `pointer`, the row that is overwritten next.

    Both are buffers, so that a training that goes on has the same negatives (the released code of CdCLR forgets its
    pointer). The first rows are random: "uniform" in ±1/√(width/3) as in CdCLR, or "normal" and of length 1 as in ISC.
    """

    memory: Tensor
    pointer: Tensor

    def __init__(self, size: int, width: int, start: str = "uniform") -> None:
        super().__init__()
        if size < 1:
            raise RecipeError(f"a queue holds 1 key or more, not {size}")
        bound = 1.0 / math.sqrt(width / 3)
        rows = torch.rand(size, width) * 2 * bound - bound if start == "uniform" else torch.randn(size, width)
        self.register_buffer("memory", rows if start == "uniform" else F.normalize(rows, dim=1))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def put(self, keys: Tensor) -> None:
        """Write keys (n, width) of all processes over the oldest ones; of more than fit the last are kept."""
        keys = gather_with_gradient(keys.detach())
        size = len(self.memory)
        rows = (self.pointer + torch.arange(len(keys), device=keys.device)) % size
        self.memory[rows[-size:]] = keys[-size:].to(self.memory.dtype)
        self.pointer.copy_((self.pointer + len(keys)) % size)

    def products(self, query: Tensor) -> Tensor:
        """Products (B, size) of queries (B, width) with all keys, for `info_nce`; the keys get no gradient."""
        with torch.autocast(query.device.type, enabled=False):  # divided by 0.07, an error of bf16 would be 14 times it
            return query @ self.memory.clone().to(query.dtype).T  # cloned: keys are written before the backward pass


def info_nce(query: Tensor, key: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """−log e^{q·k/τ} / (e^{q·k/τ} + Σ e^{q·n/τ}), mean over the rows of queries and keys (B, D), with the products q·n
    (B, n) of the queries with negatives. Keys get no gradient."""
    positive = (query * key.detach()).sum(-1, keepdim=True)
    logits = torch.cat([positive, negatives], 1) / temperature
    return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


@torch.no_grad()
def follow(key: nn.Module, query: nn.Module, momentum: float) -> None:
    """Move the weights of `key` towards those of `query`: k ← m k + (1 − m) q. Fixed whole numbers stay."""
    for theirs, ours in zip(key.parameters(), query.parameters(), strict=True):
        if theirs.is_floating_point():
            theirs.mul_(momentum).add_(ours.detach(), alpha=1.0 - momentum)


def unit(features: Tensor) -> Tensor:
    """Vectors (B, D) of length 1, float32 at least."""
    return F.normalize(full_precision(features), dim=-1)


def check_contrast(name: str, queue: int, momentum: float, *temperatures: float) -> None:
    """Raises `RecipeError` naming the objective for settings that cannot be."""
    if queue < 1 or not 0.0 <= momentum <= 1.0 or min(temperatures) <= 0:
        raise RecipeError(
            f"objective '{name}': queue is 1 or more, momentum from 0 to 1, temperatures above 0; got {queue}, "
            f"{momentum:g}, {', '.join(f'{t:g}' for t in temperatures)}"
        )
