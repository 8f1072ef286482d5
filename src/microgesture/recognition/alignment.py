"""Similarity of clips and texts, and the loss that aligns them. Equations 3 and 4 of the paper.

Everything here is computed in float32 at least, also under autocast: logits are divided by τ = 0.05, and an
error of bf16 would be multiplied by 20.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Similarity = Literal["cosine", "released"]
Target = Literal["normalised", "released"]


def similarity(visual: Tensor, text: Tensor, temperature: float = 0.05, kind: Similarity = "cosine") -> Tensor:
    """Eq. 3: v̄ t̂ᵀ / τ, (B, M), of clips (B, D) and texts (M, D), or (B, M, D) with texts of each clip's own.

    "cosine" divides both by their length first, the usual choice; "released" takes the vectors as the
    projection heads left them, LayerNormed and nothing more.
    """
    with torch.autocast(visual.device.type, enabled=False):
        v, t = full_precision(visual), full_precision(text)
        if kind == "cosine":
            v, t = F.normalize(v, dim=-1), F.normalize(t, dim=-1)
        product = v @ t.T if t.dim() == 2 else torch.einsum("bd,bmd->bm", v, t)
        return product / temperature


def target_rows(labels: Tensor, kind: Target = "normalised", dtype: torch.dtype = torch.float32) -> Tensor:
    """Rows of GT as distributions, (n, n): GT[i, j] = 1 where labels i and j (n,) are equal.

    "normalised" divides each row by its sum; "released" is softmax(10 GT), which leaves a little mass on the
    negatives (0.0014 at n = 32 with one positive).
    """
    GT = (labels.unsqueeze(1) == labels.unsqueeze(0)).to(dtype)
    if kind == "released":
        return torch.softmax(10.0 * GT, dim=1)
    return GT / GT.sum(dim=1, keepdim=True)


def alignment_loss(S_visual: Tensor, labels: Tensor, target: Target = "normalised") -> dict[str, Tensor]:
    """Eq. 4: ½ (KL(S_visual, GT) + KL(S_text, GT)), with both directions apart for the log.

    `S_visual` (n, n) are logits, clips in rows and texts in columns; S_text = t̂ v̄ᵀ / τ is its transpose.
    KL is Σ GT (log GT − log softmax S) summed over a row and averaged over the rows (`batchmean`): the
    divergence of the prediction from the target, as `torch.nn.functional.kl_div` and the released code have it.
    """
    S_visual = full_precision(S_visual)
    GT = target_rows(labels, target, S_visual.dtype)
    visual_kl = F.kl_div(F.log_softmax(S_visual, dim=1), GT, reduction="batchmean")
    text_kl = F.kl_div(F.log_softmax(S_visual.T, dim=1), GT, reduction="batchmean")
    return {
        "alignment_loss": 0.5 * (visual_kl + text_kl),
        "visual_kl": visual_kl.detach(),
        "text_kl": text_kl.detach(),
    }


def full_precision(x: Tensor) -> Tensor:
    """bf16 and fp16 to float32; float32 and float64 as they are."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
