"""Projection heads: from encoder features to the shared space of video and text."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class ProjectionHead(nn.Module):
    """Linear, GELU, Linear, Dropout, plus the first Linear's output, LayerNorm.

    (..., `inputs`) to (..., `width`). The paper calls it an FNN (its section on stage 1); this is the form of
    the released code, whose parameter names `projection, fc, layer_norm` it keeps.
    """

    def __init__(self, inputs: int, width: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        self.width = width
        self.projection = nn.Linear(inputs, width)
        self.fc = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """(..., inputs) to (..., width)."""
        projected = self.projection(features)
        return self.layer_norm(projected + self.dropout(self.fc(F.gelu(projected))))
