"""Stage 3 of the paper (arXiv 2405.01885): gestures in order through an embedding, a trainable [class] token in
front, positional encoding, a Transformer encoder, and a feed-forward network to the outcomes."""

from __future__ import annotations

import math

import torch
from torch import nn

from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.registry import EventEmbedding, InputSpec, SequenceBatch, register


@register("transformer")
class EmotionTransformer(nn.Module):
    """`SequenceBatch` -> logits (B, C). Layers are pre-norm, which trains from scratch without a warm-up. What is told
    of the whole video is added to the [class] token."""

    def __init__(self, config: EmotionConfig, spec: InputSpec) -> None:
        super().__init__()
        width = config.width
        self.embedding = EventEmbedding(width, spec)
        self.class_token = nn.Parameter(torch.randn(width) * 0.02)
        self.position_scale = nn.Parameter(torch.tensor(0.1))
        layer = nn.TransformerEncoderLayer(
            width, config.heads, 2 * width, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, config.layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.classifier = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(width, len(config.classes))
        )

    def forward(self, batch: SequenceBatch) -> torch.Tensor:
        tokens, padding = self._tokens(batch)
        return self.classifier(self.encoder(tokens, src_key_padding_mask=padding)[:, 0])

    @torch.no_grad()
    def attention(self, batch: SequenceBatch) -> torch.Tensor:
        """Share of the [class] token's attention that each event gets, (B, N), rows sum to 1 where there are events:
        attention rolled out over the layers, half of each layer being its residual path (Abnar and Zuidema 2020,
        section 3), without what stays on the [class] token itself. In evaluation mode."""
        tokens, padding = self._tokens(batch)
        rolled = torch.eye(tokens.shape[1]).expand(len(tokens), -1, -1)
        for layer in self.encoder.layers:
            normed = layer.norm1(tokens)
            attended, weights = layer.self_attn(normed, normed, normed, key_padding_mask=padding)
            rolled = (0.5 * weights + 0.5 * torch.eye(tokens.shape[1])) @ rolled
            tokens = tokens + attended
            tokens = tokens + layer.linear2(layer.activation(layer.linear1(layer.norm2(tokens))))
        events = rolled[:, 0, 1:].masked_fill(batch.padding, 0.0)
        return events / events.sum(dim=1, keepdim=True).clamp(min=1e-9)

    def _tokens(self, batch: SequenceBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 1 + N, C) with positions, and where they are padding, (B, 1 + N)."""
        events = self.embedding(batch)
        front = self.class_token.expand(len(events), 1, -1)
        whole = self.embedding.whole(batch)
        front = front if whole is None else front + whole[:, None]
        tokens = torch.cat([front, events], dim=1)
        tokens = tokens + self.position_scale * positional_encoding(tokens.shape[1], tokens.shape[2]).to(tokens)
        return tokens, torch.cat([batch.padding.new_zeros(len(events), 1), batch.padding], dim=1)


def positional_encoding(length: int, width: int) -> torch.Tensor:
    """Sines and cosines (length, width), Vaswani et al. 2017, section 3.5; any length, so no video is too long."""
    position = torch.arange(length)[:, None]
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    return torch.stack([torch.sin(position * rate), torch.cos(position * rate)], dim=-1).flatten(1)
