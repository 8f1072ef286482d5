"""Pieces that act on a batch: mixup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from microgesture.datasets.augmentation.piece import Piece, register_piece, within

if TYPE_CHECKING:
    from torch import Tensor


class BatchPiece(Piece):
    """Changes a batch of clips and gives it soft labels."""

    def mix(self, batch: Mapping[str, Tensor], rng: np.random.Generator, classes: int) -> dict[str, Tensor]:
        """The batch with its `clip` (B, ...) changed and `target` (B, K) beside `label` (B,), K = `classes`.

        The rows of `target` are distributions; the label is their largest member. Nothing passed in changes.
        """
        raise TypeError(f"{type(self).__name__} mixes nothing: define mix()")


@register_piece
@dataclass(frozen=True, kw_only=True)
class Mixup(BatchPiece):
    """Every clip of a batch is laid over another one, and so are their labels (Zhang et al., ICLR 2018).

    λ clip + (1 - λ) other, with one λ ~ Beta(alpha, alpha) and one permutation a batch. The clip with the larger share
    comes first (λ >= ½): in the mean over batches that is the same, and `label` stays the larger part. A batch to
    which it does not happen gets targets of 0 and 1.
    """

    name = "mixup"
    order = 90
    alpha: float = within(0.2, 0.001, 100.0)

    def mix(self, batch: Mapping[str, Tensor], rng: np.random.Generator, classes: int) -> dict[str, Tensor]:
        import torch
        from torch.nn import functional as F

        clip, target = batch["clip"], F.one_hot(batch["label"].long(), classes).float()
        if not self.happens(rng):
            return {**batch, "target": target}
        share = float(rng.beta(self.alpha, self.alpha))
        share = max(share, 1.0 - share)
        others = torch.from_numpy(rng.permutation(len(clip))).to(clip.device)
        return {
            **batch,
            "clip": torch.lerp(clip[others], clip, share),
            "target": torch.lerp(target[others.to(target.device)], target, share),
        }
