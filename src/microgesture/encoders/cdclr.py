"""The recurrent encoder of CdCLR: bidirectional GRUs over the coordinates of a skeleton.

Gao, Liu, Yang, Yue, "CdCLR: Clip-Driven Contrastive Learning for Skeleton-Based Action Recognition", VCIP 2022. Names
and shapes of the weights are those of the authors' code (Erich-G/CdCLR), whose checkpoints load. What it learns from is
objective `cdclr`.
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
    check_recurrent,
    forward_only,
    start_matrices,
)
from microgesture.encoders.weights import read_state_dict
from microgesture.skeletons.layout_files import LayoutLike

_PREFIXES = ("encoder_q.encoder.", "encoder.")
"""What stands before the GRU in a checkpoint of pre-training, and in one of the linear evaluation."""


@register("cdclr-gru")
class CdCLREncoder(SequenceEncoder):
    """Skeletons (B, M, T, V, C) to tokens (B, T, 2 `hidden`), the states [forward; backward] of the last layer.

    A frame is the vector of its coordinates, joint after joint, the persons side by side as in the authors' feeder. Of
    the channels only the first `dimensions` (2 or 3, those of the data where a recipe leaves them out) are read: the
    third channel of points in a picture is a score. `pool` gives the code: the forward state after the last frame and
    the backward state after the first, which is a bidirectional GRU as the paper names it (`reading` "whole"). The
    released code feeds one frame a call and keeps the states, so that its "backward" halves run forward in time too;
    "released" does that, and there the code is the last token.

    The paper's sizes are 512 and 1 layer (UCLA); those of the same authors' NTU runs 1024 and 3. `weights` is None
    (random, Xavier for the matrices) or a local file with the official keys. Raises `RecipeError` for another reading,
    sizes below 1, dimensions other than 2 and 3, weights that do not fit, or a clip of another shape.
    """

    def __init__(
        self,
        layout: LayoutLike = "coco-17",
        channels: int = 3,
        persons: int = 1,
        dimensions: int = 2,
        hidden: int = 512,
        layers: int = 1,
        reading: Reading = "whole",
        weights: str | None = None,
    ) -> None:
        super().__init__(layout, channels, persons, dimensions)
        check_recurrent("cdclr-gru", hidden, layers, reading)
        self.width, self.reading, self.dimensions = 2 * hidden, reading, dimensions
        self.gru = nn.GRU(self.size, hidden, layers, batch_first=True, bidirectional=True)
        start_matrices(self)
        if weights is not None:
            load_reference_encoder(self, read_state_dict(weights))

    def forward(self, clip: Tensor) -> Tensor:
        """States (B, T, 2 hidden) after each frame; float32 also under autocast, which CPUs cannot do in a GRU."""
        self.check(clip)
        frames = clip[..., : self.coordinates].permute(0, 2, 3, 4, 1).flatten(2)
        with torch.autocast(clip.device.type, enabled=False):
            frames = frames.to(next(self.gru.parameters()).dtype)
            return self.gru(frames)[0] if self.reading == "whole" else forward_only(self.gru, frames)

    def pool(self, tokens: Tensor) -> Tensor:
        """The code (B, 2 hidden)."""
        if self.reading == "released":
            return tokens[:, -1]
        half = self.width // 2
        return torch.cat([tokens[:, -1, :half], tokens[:, 0, half:]], -1)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """Weights of the authors' `MemorySeCo` (keys `encoder_q.`, `encoder_k.`, `memory`, `params`), of which the
        query's are taken and which has no classes; or of their `BIGRU` alone, whose `fc` is then the head."""
        query = any(key.startswith(_PREFIXES[0]) for key in state)
        prefix = _PREFIXES[0] if query else _PREFIXES[1]
        own = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        head = None if query else state.get("fc.weight")
        return ReferenceWeights(own, head, None if head is None else state.get("fc.bias"), headless=head is None)
