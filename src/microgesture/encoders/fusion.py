"""Balancing fusion: what a clip shows and how it changes, each with the weight that a gate gives it.

After Gao et al. (arXiv 2405.13206), whose "spatiotemporal balancing fusion" is named in their abstract as simple,
efficient and plug-and-play. Its equations are not public: everything here is a reconstruction [R], and numbers measured
with it are not theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.reference import ReferenceWeights
from microgesture.errors import RecipeError

Fusion = Literal["balanced", "half"]


class BalancedFusion(nn.Module):
    """h = [α h_s ; (1 − α) h_t] of a spatial part (B, `space`) and a temporal part (B, `time`).

    "balanced": α = sigmoid(w·[h_s ; h_t] + b), one gate for every clip, `space` + `time` + 1 parameters; it begins at
    ½. "half": α = ½ for all clips, the line to compare with, without parameters. Raises `RecipeError` for another kind.
    """

    def __init__(self, space: int, time: int, kind: Fusion = "balanced") -> None:
        super().__init__()
        if kind not in get_args(Fusion):
            raise RecipeError(f"fusion is {' or '.join(get_args(Fusion))}, got '{kind}'")
        self.width = space + time
        self.gate = nn.Linear(self.width, 1) if kind == "balanced" else None
        if self.gate is not None:
            nn.init.zeros_(self.gate.weight)
            nn.init.zeros_(self.gate.bias)

    def forward(self, space: Tensor, time: Tensor) -> Tensor:
        """(B, space + time)."""
        alpha = self.alpha(space, time)
        return torch.cat([alpha * space, (1 - alpha) * time], -1)

    def alpha(self, space: Tensor, time: Tensor) -> Tensor:
        """The weight of the spatial part, (B, 1)."""
        if self.gate is None:
            return space.new_full((len(space), 1), 0.5)
        return torch.sigmoid(self.gate(torch.cat([space, time], -1)))

    @property
    def products(self) -> int:
        """Multiplications a clip: the gate's, where there is one, and those by α and 1 − α."""
        return self.width * (1 if self.gate is None else 2)


class FusedEncoder(Encoder):
    """An encoder whose code is [α h_s ; (1 − α) h_t], twice as wide: the option `fusion` of any encoder makes it.

    h_s is the encoder's own code, the mean of its tokens for most: what is seen, whenever. h_t is the mean of
    |x_t − x_(t−1)| over the tokens, each with the one of the same place a moment before (the first moment takes the
    change of the second): what changes, wherever. Tokens (B, N, 2C) hold both side by side, the gate acts in `pool`.
    A token that is exactly 0 (nobody is seen) changes nothing. Raises `RecipeError` for clips so short that their
    tokens are of one moment alone.
    """

    def __init__(self, encoder: Encoder, kind: Fusion = "balanced") -> None:
        super().__init__()
        self.encoder = encoder
        self.fusion = BalancedFusion(encoder.width, encoder.width, kind)
        self.width = 2 * encoder.width
        for key in ("modality", "min_frames", "min_size", "starting_options"):
            setattr(self, key, getattr(encoder, key))
        for key in ("layout", "channels", "persons", "dimensions"):
            if hasattr(encoder, key):
                setattr(self, key, getattr(encoder, key))

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, N, 2C): the encoder's, and how much each changed."""
        tokens = self.encoder(clip)
        moments = self.encoder.moments(clip.shape[2], tokens.shape[1])
        if moments < 2:
            raise RecipeError(
                f"fusion: a clip of {clip.shape[2]} frames is one moment to encoder '{self.encoder.name}', and nothing "
                "changes in it: raise data.frames, or leave the fusion out"
            )
        in_time = tokens.unflatten(1, (moments, -1))
        there = (in_time != 0).any(-1, keepdim=True)
        change = (in_time[:, 1:] - in_time[:, :-1]).abs() * (there[:, 1:] & there[:, :-1])
        return torch.cat([tokens, torch.cat([change[:, :1], change], 1).flatten(1, 2)], -1)

    def pool(self, tokens: Tensor) -> Tensor:
        """The balanced code (B, 2C)."""
        space, change = tokens.chunk(2, -1)
        return self.fusion(self.encoder.pool(space), change.mean(1))

    def moments(self, frames: int, tokens: int) -> int:
        """As the encoder's own."""
        return self.encoder.moments(frames, tokens)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """Raises `RecipeError`: official weights belong to the encoder alone."""
        raise RecipeError(f"encoder '{self.name}' with fusion has no official weights: give them as its own `weights`")

    def example_input(self, batch: int) -> Tensor:
        """The encoder's; of an encoder of pictures with frames enough for two moments."""
        clip = self.encoder.example_input(batch)
        return clip if self.modality == "skeleton" else torch.cat([clip, clip.flip(2)], 2)
