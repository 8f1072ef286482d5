"""Two streams of one skeleton: a graph network for space, a recurrent one for time, and the gate that balances them.

After Gao et al. (arXiv 2405.13206), "Spatial-Temporal-Balanced Dual-stream Contrastive Learning": a GCN on the skeleton
graph beside a GRU. Layers, sizes and fusion are not public; this is a reconstruction [R] on the nearest code of the
same lineage (ISC, Thoker et al., ACM MM 2021: a GRU contrasted with a graph network). Objective `dual-stream` trains
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from microgesture.encoders.cdclr import Reading
from microgesture.encoders.fusion import BalancedFusion, Fusion
from microgesture.encoders.graph_encoder import GraphEncoder
from microgesture.encoders.registry import create_encoder, register
from microgesture.errors import RecipeError
from microgesture.skeletons.layout_files import LayoutLike


@register("dual-stream")
class DualStream(GraphEncoder):
    """Skeletons (B, M, T, V, C) to tokens (B, T', C_s + 2 `hidden`): those of `graph` (an encoder of skeleton graphs,
    with its `graph_options`) and the states of `cdclr-gru` at the same moments, side by side.

    The code is the balanced fusion of both streams' own codes (`BalancedFusion`; `fusion` "half" fixes the balance).
    Raises `RecipeError` for an option that a stream does not have.
    """

    def __init__(
        self,
        layout: LayoutLike = "coco-17",
        channels: int = 3,
        persons: int = 1,
        dimensions: int = 2,
        graph: str = "stgcn",
        graph_options: Mapping[str, Any] | None = None,
        hidden: int = 512,
        layers: int = 1,
        reading: Reading = "whole",
        fusion: Fusion = "balanced",
    ) -> None:
        super().__init__(layout, channels, persons)
        shape: dict[str, Any] = {"layout": layout, "channels": channels, "persons": persons}
        self.graph = create_encoder(graph, **shape, **dict(graph_options or {}))
        if self.graph.modality != "skeleton":
            raise RecipeError(f"encoder 'dual-stream': graph '{graph}' reads pictures, not skeletons")
        size: dict[str, Any] = {"hidden": hidden, "layers": layers, "reading": reading}
        self.recurrent = create_encoder("cdclr-gru", **shape, dimensions=dimensions, **size)
        self.dimensions = dimensions
        self.width = self.graph.width + self.recurrent.width
        self.fusion = BalancedFusion(self.graph.width, self.recurrent.width, fusion)

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, T', width); of the states the forward half is that after a moment's last frame, the backward half
        that before its first, so that the first and last token still hold the stream's code."""
        space, states = self.graph(clip), self.recurrent(clip)
        frames, count = states.shape[1], space.shape[1]
        moment = torch.arange(count, device=clip.device)
        last = ((moment + 1) * frames).div(count, rounding_mode="floor") - 1
        first = (moment * frames).div(count, rounding_mode="floor")
        if self.recurrent.reading == "released":
            first = last
        forward, backward = states.chunk(2, -1)
        return torch.cat([space, forward[:, last], backward[:, first]], -1)

    def pool(self, tokens: Tensor) -> Tensor:
        """The balanced code (B, width)."""
        return self.fusion(*self.streams(tokens))

    def streams(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The codes of space (B, C_s) and of time (B, 2 hidden) in the tokens of a clip."""
        space, time = tokens.split([self.graph.width, self.recurrent.width], -1)
        return self.graph.pool(space), self.recurrent.pool(time)
