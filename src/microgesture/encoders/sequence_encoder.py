"""What recurrent encoders of skeletons share: a clip is a sequence of vectors, and padding behind it does not count."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from microgesture.encoders.graph_encoder import GraphEncoder
from microgesture.errors import RecipeError
from microgesture.skeletons.layout_files import LayoutLike

Reading = Literal["whole", "released"]
"""A bidirectional network over the whole sequence, as papers mean it; or fed as by released code, `forward_only`."""


class SequenceEncoder(GraphEncoder):
    """Skeletons (B, M, T, V, C) as sequences (B, T, D) of their coordinates, D = M V min(C, `dimensions`), to one token
    a clip, (B, 1, width).

    `dimensions` are those of the points: the third channel of points in a picture is a score, which is not read. A
    recipe may leave it out, and it is then that of the data. Frames behind the last one that is not all 0 are padding.
    Raises `RecipeError` for other dimensions than 2 and 3, and what `GraphEncoder` raises.
    """

    def __init__(
        self, layout: LayoutLike = "coco-17", channels: int = 3, persons: int = 1, dimensions: int = 2
    ) -> None:
        super().__init__(layout, channels, persons)
        if dimensions not in (2, 3):
            raise RecipeError(f"points have 2 or 3 dimensions, not {dimensions}")
        self.coordinates = min(channels, dimensions)
        self.size = persons * len(self.layout) * self.coordinates

    def sequences(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B, T, D) of a clip (B, M, T, V, C), and how many of them are real, int64 (B,), 1 or more."""
        self.check(clip)
        frames = clip[..., : self.coordinates].transpose(1, 2).flatten(2)
        return frames, real_frames(clip)


def real_frames(clip: Tensor) -> Tensor:
    """How many frames each clip (B, M, T, V, C) has before the zeros that pad it, int64 (B,), 1 or more."""
    there = (clip != 0).any(-1).any(-1).any(1)
    numbers = torch.arange(1, clip.shape[2] + 1, device=clip.device)
    return (there * numbers).amax(1).clamp_min(1)


def both_ends(network: nn.GRU | nn.LSTM, frames: Tensor, lengths: Tensor) -> Tensor:
    """[state after the last real frame; state of the backward half after the first], of the last layer, (B, 2H)."""
    packed = pack_padded_sequence(frames, lengths.cpu(), batch_first=True, enforce_sorted=False)
    states = network(packed)[1]
    last = states[0] if isinstance(network, nn.LSTM) else states
    return torch.cat([last[-2], last[-1]], -1)


def forward_only(network: nn.GRU, frames: Tensor) -> Tensor:
    """States (B, T, 2H) after each of the frames (B, T, D) when both halves of every layer run forward in time: what
    comes of feeding one frame a call and keeping the states, as released code does; layer by layer here."""
    start = frames.new_zeros(1, len(frames), network.hidden_size)
    for layer in range(network.num_layers):
        halves = []
        for end in (f"l{layer}", f"l{layer}_reverse"):
            kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            weights = [getattr(network, f"{kind}_{end}") for kind in kinds]
            halves.append(torch.gru(frames, start, weights, True, 1, 0.0, network.training, False, True)[0])
        frames = torch.cat(halves, -1)
    return frames


def check_recurrent(name: str, hidden: int, layers: int, reading: str = "whole") -> None:
    """Raises `RecipeError` naming the encoder for sizes below 1 and another reading than those of `Reading`."""
    if reading not in get_args(Reading):
        raise RecipeError(f"encoder '{name}' reads 'whole' sequences or as 'released', not '{reading}'")
    if hidden < 1 or layers < 1:
        raise RecipeError(f"encoder '{name}' has 1 layer and 1 hidden unit or more, not {layers} and {hidden}")


def start_matrices(module: nn.Module) -> None:
    """Xavier's uniform first weights for every matrix, as the published P&C code starts its networks."""
    for parameter in module.parameters():
        if parameter.dim() == 2:
            nn.init.xavier_uniform_(parameter)
