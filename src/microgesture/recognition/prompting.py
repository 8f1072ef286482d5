"""Adaptive prompting: the text of a label, changed by what is seen. Equations 1 and 2 of the paper."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from microgesture.errors import RecipeError


class QuickGELU(nn.Module):
    """x sigmoid(1.702 x), CLIP's approximation of GELU."""

    def forward(self, x: Tensor) -> Tensor:
        """Elementwise."""
        return x * torch.sigmoid(1.702 * x)


class AdaptivePrompting(nn.Module):
    """Text queries attend to visual keys and values; the result is added to the text.

    Reference: the paper (arXiv 2405.01885), eq. 1 and 2, with the inner form of the released module: `heads`
    heads over `width` (4 of 64), no bias on q, k and v, an output projection, LayerNorm on the text query, on
    the visual input and before the FNN (4 x width, QuickGELU), and a vector λ that starts at `scale`. The first
    weights are a truncated normal of 0.02, as released, so that a prompt starts close to its label.

    With one visual vector per clip the softmax has one entry, which is 1: attention is then a linear map of the
    clip (the paper read literally). With the encoder's tokens it chooses where and when to look.
    Raises `RecipeError` when `width` cannot be divided into `heads`.
    """

    def __init__(self, width: int = 256, heads: int = 4, scale: float = 0.1) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise RecipeError(f"adaptive prompting: width {width} cannot be divided into {heads} heads")
        self.heads = heads
        self.query_norm = nn.LayerNorm(width)
        self.visual_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(width, width)
        self.ffn_norm = nn.LayerNorm(width)
        self.ffn = nn.Sequential(nn.Linear(width, 4 * width), QuickGELU(), nn.Linear(4 * width, width))
        self.scale = nn.Parameter(torch.full((width,), float(scale)))
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, text: Tensor, visual: Tensor) -> Tensor:
        """Prompted texts t̂ (B, Q, D) from texts t̄ (B, Q, D), or (Q, D) the same for every clip, and visual
        vectors v̄ (B, N, D)."""
        weights = self.attention(text, visual)
        V = self._split(self.value(self.visual_norm(visual)))
        attended = (weights @ V).transpose(1, 2).flatten(2)  # heads side by side again: (B, Q, D)
        att = text + self.output(attended)  # eq. 1
        return text + self.scale * (att + self.ffn(self.ffn_norm(att)))  # eq. 2

    def attention(self, text: Tensor, visual: Tensor) -> Tensor:
        """Attention weights softmax(Q Kᵀ / √d_k) of eq. 1, (B, heads, Q, N); each row sums to 1."""
        texts = text.unsqueeze(0) if text.dim() == 2 else text
        Q = self._split(self.query(self.query_norm(texts)))
        K = self._split(self.key(self.visual_norm(visual)))
        return torch.softmax(Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1]), dim=-1)

    def _split(self, x: Tensor) -> Tensor:
        """(B, S, D) to (B, heads, S, D / heads)."""
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
