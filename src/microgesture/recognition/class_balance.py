"""How much a clip of each class counts in a loss, where classes are of very different size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from microgesture.errors import RecipeError

Balance = Literal["none", "inverse", "root", "effective"]
BETA = 0.999
"""Default β of the effective number."""


def check_balance(balance: str, beta: float) -> None:
    """Raises `RecipeError` for another word than those of `Balance`, or β outside [0, 1)."""
    if balance not in get_args(Balance):
        raise RecipeError(f"balance is one of {', '.join(get_args(Balance))}, got '{balance}'")
    if not 0 <= beta < 1:
        raise RecipeError(f"beta of the effective number lies in [0, 1), got {beta:g}")


def class_weights(labels: Sequence[int], classes: int, balance: Balance, beta: float = BETA) -> Tensor:
    """The weight of each class (K,), float64, from the class ids of the training clips, n_k of them of class k.

    "none": 1; "inverse": 1/n_k; "root": 1/√n_k, the square-root-smoothed weights; "effective": (1 - β)/(1 - β^n_k), the
    inverse of the effective number (Cui et al., CVPR 2019, arXiv 1901.05555, eq. 2). All are scaled so that the mean
    over the training clips is 1, and learning rates keep their meaning (Cui et al. let them sum to K instead).
    Classes without clips get 0.
    """
    count = torch.bincount(torch.as_tensor(list(labels), dtype=torch.int64), minlength=classes).double()
    known = count > 0
    n = count.clamp_min(1)
    raw = {"none": torch.ones_like(n), "inverse": 1 / n, "root": n.rsqrt(), "effective": (1 - beta) / (1 - beta**n)}
    weight = torch.where(known, raw[balance], torch.zeros_like(n))
    return weight * count.sum() / (weight * count).sum().clamp_min(1e-12)
