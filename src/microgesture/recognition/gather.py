"""Features of all processes, with gradient: a contrastive loss over the whole batch, whoever holds which part."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def process_count() -> int:
    """Number of processes that train together; 1 without `torch.distributed`."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather_with_gradient(tensor: Tensor) -> Tensor:
    """Rows of all processes, in order of rank: (B, ...) to (B_0 + B_1 + ..., ...). Identity for one process.

    Processes may hold different numbers of rows (a last batch). The backward pass sums the gradients that all
    processes have for a row. When every process computes the same loss from the gathered rows, averaging the
    parameters' gradients over the processes, as DDP does, then gives the gradient of that loss: two processes
    equal one with the whole batch. It is collective: every process calls it equally often, in the same order.
    """
    if process_count() == 1:
        return tensor
    return _Gather.apply(tensor)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        rows = torch.tensor([tensor.shape[0]], device=tensor.device)
        all_rows = [torch.zeros_like(rows) for _ in range(process_count())]
        dist.all_gather(all_rows, rows)
        counts = [int(n) for n in all_rows]
        padded = tensor.new_zeros((max(counts), *tensor.shape[1:]))
        padded[: tensor.shape[0]] = tensor
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        ctx.first = sum(counts[: dist.get_rank()])
        ctx.rows = tensor.shape[0]
        return torch.cat([part[:n] for part, n in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total[ctx.first : ctx.first + ctx.rows]
