"""`Encoder`: what every architecture of this room promises to the objectives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from microgesture.errors import RecipeError

if TYPE_CHECKING:
    from microgesture.encoders.reference import ReferenceWeights

Modality = Literal["rgb", "skeleton", "rgb+skeleton"]


class Encoder(nn.Module):
    """Maps a clip to tokens.

    A subclass sets `width` (C), implements `forward`, and says what it takes: `modality` ("rgb": clip
    (B, 3, T, H, W); "skeleton": (B, M, T, V, C); "rgb+skeleton": a `PairedClip` of both), `min_frames` and, for rgb,
    `min_size` (pixels a side).
    `name` and `options` are filled in by `create_encoder`, so that a checkpoint can build the same encoder
    again; `starting_options` are those that only choose the first weights and are left out of checkpoints.
    """

    modality: ClassVar[Modality] = "rgb"
    min_frames: ClassVar[int] = 1
    min_size: ClassVar[int] = 32
    starting_options: ClassVar[frozenset[str]] = frozenset({"weights"})
    places_only: ClassVar[bool] = False
    """Whether it reads skeletons as places alone: not as bones, nor as the change of either."""
    width: int
    name: str = ""
    options: Mapping[str, Any] = {}

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, N, C) of a clip; N depends on the clip's size."""
        raise TypeError(f"{type(self).__name__} does not say how it encodes a clip: define forward()")

    def pool(self, tokens: Tensor) -> Tensor:
        """One vector per clip, (B, C): the mean over the tokens (B, N, C)."""
        return tokens.mean(dim=1)

    def moments(self, frames: int, tokens: int) -> int:
        """How many moments the `tokens` of a clip of so many frames stand for; the tokens of a moment are places, and
        time is slowest. Each token is a moment unless a subclass knows better."""
        return tokens

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """The state dictionary of the official implementation (keys without `module.`) as this encoder's own and the
        weight and bias of a linear head; `encoders.reference.load_reference` calls it.

        Raises `RecipeError` when the architecture has no official implementation, or a key of its head is missing.
        """
        raise RecipeError(f"encoder '{self.name or type(self).__name__}' has no official implementation to load from")

    def example_input(self, batch: int) -> Tensor:
        """A small input of the right shape, the same at every call; for tests and for tracing."""
        generator = torch.Generator().manual_seed(0)
        frames = max(self.min_frames, 8)
        return torch.randn(batch, 3, frames, self.min_size, self.min_size, generator=generator)
