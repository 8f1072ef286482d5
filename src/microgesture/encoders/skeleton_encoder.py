"""What the encoders of skeletons in layout "gesture-62" share: several persons, frames without anybody, pooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder, Modality
from microgesture.skeletons.layouts import GESTURE_62


class SkeletonEncoder(Encoder):
    """Skeletons (B, M, T, 62, 3) of x, y, score to one token for every two frames, (B, ceil(T/2), C).

    Persons beyond the first count as further clips whose tokens are averaged where they are seen. Frames in which
    nobody is seen (all scores 0) give tokens that are exactly 0 and that `pool` leaves out. A subclass sets `width`
    and `weight`, and implements `encode`.
    """

    modality: Modality = "skeleton"  # type: ignore[misc]
    layout = GESTURE_62
    channels = 3
    min_frames = 2
    stride = 2
    weight: nn.Linear
    """(C to 1): how much a token counts in `pool`."""

    def encode(self, skeleton: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, C) of one person a clip, (B, T, 62, 3), and in which of them somebody is seen, (B, N)."""
        raise TypeError(f"{type(self).__name__} does not say how it encodes a skeleton: define encode()")

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, N, C); those in which nobody is seen are exactly 0."""
        batch, persons = clip.shape[:2]
        tokens, there = self.encode(clip.flatten(0, 1))
        tokens = tokens * there[..., None]
        if persons == 1:
            return tokens
        count = there.unflatten(0, (batch, persons)).sum(1).clamp_min(1)
        return tokens.unflatten(0, (batch, persons)).sum(1) / count[..., None]

    def pool(self, tokens: Tensor) -> Tensor:
        """(B, C): a mean over the tokens in which somebody is seen, weighted by attention that is learnt."""
        there = (tokens != 0).any(-1)
        logits = self.weight(tokens)[..., 0].float().masked_fill(~there, -1e4)
        return (tokens * logits.softmax(-1)[..., None].to(tokens.dtype)).sum(1)

    def example_input(self, batch: int) -> Tensor:
        """A random skeleton (B, 1, 16, 62, 3) with all points known."""
        generator = torch.Generator().manual_seed(0)
        points = torch.randn(batch, 1, 16, 62, 2, generator=generator)
        return torch.cat([points, torch.ones(batch, 1, 16, 62, 1)], -1)

    def seen_tokens(self, seen: Tensor) -> Tensor:
        """From the frames in which somebody is seen (B, T), bool, to the tokens (B, ceil(T/2))."""
        return F.max_pool1d(seen[:, None].float(), self.stride, ceil_mode=True)[:, 0] > 0
