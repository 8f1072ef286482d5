"""Stacked bidirectional LSTMs over a skeleton sequence: the encoder of the U-S-VAE, as far as it is public.

Liu et al., "iMiGUE: An Identity-free Video Dataset for Micro-Gesture Understanding and Emotion Analysis", CVPR 2021,
gives a figure and no code. **Reconstruction**: layers and width are those of P&C, and the backward half of the code is
its state after it has read the first frame (the figure does not say which).
"""

from __future__ import annotations

from torch import Tensor, nn

from microgesture.encoders.registry import register
from microgesture.encoders.sequence_encoder import SequenceEncoder, both_ends, check_recurrent, start_matrices
from microgesture.skeletons.layout_files import LayoutLike


@register("bilstm")
class BiLSTM(SequenceEncoder):
    """Skeletons (B, M, T, V, C) to one token (B, 1, 2 `hidden`): [forward state after the last real frame; backward
    state after the first] of the last of `layers` layers.

    Raises `RecipeError` for sizes below 1 or a clip of another shape.
    """

    def __init__(
        self,
        layout: LayoutLike = "coco-17",
        channels: int = 3,
        persons: int = 1,
        dimensions: int = 2,
        hidden: int = 1024,
        layers: int = 3,
    ) -> None:
        super().__init__(layout, channels, persons, dimensions)
        check_recurrent("bilstm", hidden, layers)
        self.width = 2 * hidden
        self.lstm = nn.LSTM(self.size, hidden, layers, batch_first=True, bidirectional=True)
        start_matrices(self)

    def forward(self, clip: Tensor) -> Tensor:
        """The state of each clip as its only token, (B, 1, 2 hidden)."""
        return both_ends(self.lstm, *self.sequences(clip))[:, None]
