"""A temporal Transformer over body features: the encoder of the built-in recogniser.

Ours. Blocks as in the Conformer (Gulati et al. 2020, arXiv 2005.08100) without its macaron halves: self-attention,
a depthwise convolution over time, a feed-forward layer. There is no absolute position: when a movement happens
within the window means nothing, what stands before and after it does, and the convolutions see that.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.body_features import BodyFeatures
from microgesture.encoders.movement_features import MovementFeatures
from microgesture.encoders.registry import register
from microgesture.encoders.skeleton_encoder import SkeletonEncoder


class Block(nn.Module):
    """Attention, convolution over time, feed-forward; pre-norm, (B, N, C) to (B, N, C)."""

    def __init__(self, width: int, heads: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)
        self.convolution_norm = nn.LayerNorm(width)
        self.convolution = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.mixing = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, seen: Tensor) -> Tensor:
        """`seen (B, N)` bool: attention leaves out tokens in which nobody is there."""
        q, k, v = self.qkv(self.attention_norm(tokens)).chunk(3, -1)
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (q, k, v))
        # written out: for so few tokens it is several times faster on a CPU than the fused kernel
        logits = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
        attention = logits.masked_fill(~seen[:, None, None], -1e4).softmax(-1).to(v.dtype)
        tokens = tokens + self.output((attention @ v).transpose(1, 2).flatten(2))
        moved = self.convolution_norm(tokens) * seen[..., None]
        moved = self.mixing(F.gelu(self.convolution(moved.transpose(1, 2)).transpose(1, 2)))
        tokens = tokens + moved
        return tokens + self.dropout(self.feed(self.feed_norm(tokens)))


@register("skeleton_transformer")
class SkeletonTransformer(SkeletonEncoder):
    """A `SkeletonEncoder` of `layers` blocks over the features of whole bodies.

    `kernel` is the length of the blocks' convolutions in tokens, `dropout` that of the blocks; `features` "body"
    (`BodyFeatures`) or "movement" (`MovementFeatures`).
    """

    def __init__(
        self,
        width: int = 256,
        layers: int = 4,
        heads: int = 4,
        kernel: int = 7,
        dropout: float = 0.1,
        features: Literal["body", "movement"] = "body",
    ) -> None:
        super().__init__()
        self.width = width
        self.features = BodyFeatures() if features == "body" else MovementFeatures()
        self.stem = nn.Sequential(nn.Linear(self.features.width, width), nn.GELU(), nn.Linear(width, width))
        self.reduce = nn.Conv1d(width, width, 5, stride=self.stride, padding=2)
        self.blocks = nn.ModuleList(Block(width, heads, kernel, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.weight = nn.Linear(width, 1)
        self.weight.bias.requires_grad_(False)  # a softmax over tokens does not feel it; kept as the weights have it

    def encode(self, skeleton: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, C) and in which of them somebody is seen (B, N)."""
        features, seen = self.features(skeleton)
        tokens = self.stem(features) * seen[..., None]
        tokens = self.reduce(F.gelu(tokens).transpose(1, 2)).transpose(1, 2)
        there = self.seen_tokens(seen)
        safe = there | ~there.any(1, keepdim=True)  # a softmax over nothing is no number
        for block in self.blocks:
            tokens = block(tokens, safe)
        return self.norm(tokens), there
