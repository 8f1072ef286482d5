"""The recurrent encoder of CdCLR: bidirectional GRUs over the coordinates of a skeleton.

Gao, Liu, Yang, Yue, "CdCLR: Clip-Driven Contrastive Learning for Skeleton-Based Action Recognition", VCIP 2022. Names
and shapes of the weights are those of the authors' code (Erich-G/CdCLR), whose checkpoints load. What it learns from is
objective `cdclr`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from microgesture.encoders.graph_encoder import GraphEncoder
from microgesture.encoders.reference import ReferenceWeights, load_reference_encoder
from microgesture.encoders.registry import register
from microgesture.encoders.sequence_encoder import start_matrices
from microgesture.encoders.weights import read_state_dict
from microgesture.errors import RecipeError
from microgesture.skeletons.layout_files import LayoutLike

Reading = Literal["whole", "released"]
_PREFIXES = ("encoder_q.encoder.", "encoder.")
"""What stands before the GRU in a checkpoint of pre-training, and in one of the linear evaluation."""


@register("cdclr-gru")
class CdCLREncoder(GraphEncoder):
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
        super().__init__(layout, channels, persons)
        if reading not in ("whole", "released"):
            raise RecipeError(f"'cdclr-gru' reads 'whole' sequences or as 'released', not '{reading}'")
        if hidden < 1 or layers < 1 or dimensions not in (2, 3):
            given = f"{layers}, {hidden} and {dimensions}"
            raise RecipeError(f"'cdclr-gru' has 1 layer and 1 unit or more and 2 or 3 dimensions, not {given}")
        self.width, self.reading, self.dimensions = 2 * hidden, reading, dimensions
        self.coordinates = min(channels, dimensions)
        inputs = persons * len(self.layout) * self.coordinates
        self.gru = nn.GRU(inputs, hidden, layers, batch_first=True, bidirectional=True)
        start_matrices(self)
        if weights is not None:
            load_reference_encoder(self, read_state_dict(weights))

    def forward(self, clip: Tensor) -> Tensor:
        """States (B, T, 2 hidden) after each frame; float32 also under autocast, which CPUs cannot do in a GRU."""
        self.check(clip)
        frames = clip[..., : self.coordinates].permute(0, 2, 3, 4, 1).flatten(2)
        with torch.autocast(clip.device.type, enabled=False):
            frames = frames.to(next(self.gru.parameters()).dtype)
            return self.gru(frames)[0] if self.reading == "whole" else self._frame_by_frame(frames)

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

    def _frame_by_frame(self, frames: Tensor) -> Tensor:
        """(B, T, D) to (B, T, 2 hidden) when both halves of every layer run forward in time: what comes of feeding one
        frame a call, layer by layer instead."""
        start = frames.new_zeros(1, len(frames), self.gru.hidden_size)
        for layer in range(self.gru.num_layers):
            halves = [self._one_way(frames, start, f"l{layer}{suffix}") for suffix in ("", "_reverse")]
            frames = torch.cat(halves, -1)
        return frames

    def _one_way(self, frames: Tensor, start: Tensor, name: str) -> Tensor:
        weights = [getattr(self.gru, f"{kind}_{name}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        return torch.gru(frames, start, weights, True, 1, 0.0, self.training, False, True)[0]
