"""The encoder of Predict & Cluster: stacked bidirectional GRUs whose last states are the code of a clip.

Su, Liu, Shlizerman, "PREDICT & CLUSTER: Unsupervised Skeleton Based Action Recognition", CVPR 2020. Names and shapes of
the weights are those of the authors' PyTorch code. What it learns from is objective `predict-and-cluster`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from microgesture.encoders.reference import ReferenceWeights, load_reference_encoder
from microgesture.encoders.registry import register
from microgesture.encoders.sequence_encoder import (
    Reading,
    SequenceEncoder,
    both_ends,
    check_recurrent,
    forward_only,
    start_matrices,
)
from microgesture.encoders.weights import read_state_dict
from microgesture.skeletons.layout_files import LayoutLike

_PREFIX = "encoder."


@register("pc")
class PCEncoder(SequenceEncoder):
    """Skeletons (B, M, T, V, C) to one token, the code (B, 1, 2 `hidden`): [forward; backward] state of the last of
    `layers` bidirectional GRUs.

    `reading` "whole" is the paper's: every layer reads the whole sequence of the layer below, in both directions, and
    the code is the state after the last real frame and the backward state after the first. "released" is what the
    PyTorch code does: it feeds one frame a call and keeps the states, so that the "backward" halves run forward too.
    `weights` is None (random) or a local file with the official keys. Raises `RecipeError` for another reading, sizes
    below 1, weights that do not fit, or a clip of another shape.
    """

    def __init__(
        self,
        layout: LayoutLike = "coco-17",
        channels: int = 3,
        persons: int = 1,
        dimensions: int = 2,
        hidden: int = 1024,
        layers: int = 3,
        reading: Reading = "whole",
        weights: str | None = None,
    ) -> None:
        super().__init__(layout, channels, persons, dimensions)
        check_recurrent("pc", hidden, layers, reading)
        self.width, self.reading = 2 * hidden, reading
        self.gru = nn.GRU(self.size, hidden, layers, batch_first=True, bidirectional=True)
        start_matrices(self)
        if weights is not None:
            load_reference_encoder(self, read_state_dict(weights))

    def forward(self, clip: Tensor) -> Tensor:
        """The code of each clip as its only token, (B, 1, 2 hidden)."""
        frames, lengths = self.sequences(clip)
        if self.reading == "whole":
            return both_ends(self.gru, frames, lengths)[:, None]
        states = forward_only(self.gru, frames)
        return states[torch.arange(len(frames), device=frames.device), lengths - 1][:, None]

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """Weights of the authors' `seq2seq`; its decoder belongs to the objective, and there is no head."""
        own = {key.removeprefix(_PREFIX): value for key, value in state.items() if key.startswith(_PREFIX)}
        return ReferenceWeights(own, None, None, headless=True)
