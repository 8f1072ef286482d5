"""The plain parts that reconstructed graph networks share: blocks, their order, the norm of the input, the output.

The frame is that of 2s-AGCN (Shi et al. 2019, arXiv 1805.07694), which is that of ST-GCN (Yan et al. 2018, arXiv
1801.07455): batch norm of every input coordinate, ten blocks of a convolution over the graph and one over time, each
with a residual, 64 to 256 channels, half of the frames after the 5th and the 8th. What is particular to a network, its
convolution over the graph or over time, lies in that network's own file. Features inside are (N, C, T, V) with N = B M.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from microgesture.encoders.graph_encoder import GraphEncoder
from microgesture.errors import RecipeError
from microgesture.skeletons.layout_files import LayoutLike

STEPS = ((1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (2, 1), (2, 1), (4, 2), (4, 1), (4, 1))
"""Of each block: its channels, in multiples of the first's, and its stride over time."""


class TemporalConvolution(nn.Sequential):
    """A convolution over the frames of each joint and batch norm: (N, C, T, V) to (N, C', ceil(T / stride), V)."""

    def __init__(self, width_in: int, width_out: int, kernel: int = 9, stride: int = 1, dilation: int = 1) -> None:
        padding = (kernel - 1) * dilation // 2
        convolution = nn.Conv2d(
            width_in, width_out, (kernel, 1), (stride, 1), (padding, 0), dilation=(dilation, 1), bias=False
        )
        super().__init__(convolution, nn.BatchNorm2d(width_out))


def shortcut(width_in: int, width_out: int, stride: int = 1) -> nn.Module:
    """What stands beside a convolution: nothing is changed where the shapes agree, else a 1x1 convolution."""
    if width_in == width_out and stride == 1:
        return nn.Identity()
    return TemporalConvolution(width_in, width_out, kernel=1, stride=stride)


class GraphBlock(nn.Module):
    """`relu(temporal(relu(norm(spatial(x)) + x)) + x)`, with 1x1 convolutions on x where its shape changes.

    `spatial` maps (N, C, T, V) to (N, C', T, V), `temporal` that to (N, C', ceil(T / stride), V). Without `residual`
    the outer x is left out, as in the first block of ST-GCN.
    """

    def __init__(
        self, spatial: nn.Module, temporal: nn.Module, width_in: int, width_out: int, stride: int, residual: bool = True
    ) -> None:
        super().__init__()
        self.spatial, self.temporal = spatial, temporal
        self.norm = nn.BatchNorm2d(width_out)
        self.inner = shortcut(width_in, width_out)
        self.outer = shortcut(width_in, width_out, stride) if residual else None

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, T, V) to (N, C', ceil(T / stride), V)."""
        out = self.temporal((self.norm(self.spatial(features)) + self.inner(features)).relu())
        return (out if self.outer is None else out + self.outer(features)).relu()


def stack_blocks(
    spatial: Callable[[int, int], nn.Module],
    temporal: Callable[[int, int], nn.Module],
    width_in: int,
    first_width: int,
) -> list[nn.Module]:
    """The ten blocks for (N, width_in, T, V): `spatial(width_in, width_out)` and `temporal(width, stride)` make the
    parts of each. Convolutions start as He et al. (2015) have it."""
    blocks: list[nn.Module] = []
    for position, (multiple, stride) in enumerate(STEPS):
        width = first_width * multiple
        parts = spatial(width_in, width), temporal(width, stride)
        blocks.append(GraphBlock(*parts, width_in, width, stride, residual=position > 0))
        width_in = width
    for module in (module for block in blocks for module in block.modules()):
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return blocks


class BlockEncoder(GraphEncoder):
    """Batch norm of the input, `blocks`, the mean over joints and persons. A subclass sets `blocks` (to `width`).

    `first_width` is the number of channels of the first block; the last has four times as many. Raises `RecipeError`
    when it is no multiple of 4, and for a clip whose persons, joints or channels are others than those of the options.
    """

    blocks: nn.Module

    def __init__(self, layout: LayoutLike, channels: int, persons: int, first_width: int) -> None:
        super().__init__(layout, channels, persons)
        if first_width < 4 or first_width % 4:
            raise RecipeError(f"first_width is a multiple of 4, got {first_width}")
        self.width = first_width * STEPS[-1][0]
        self.input_norm = nn.BatchNorm1d(persons * len(self.layout) * channels)

    def prepare(self, clip: Tensor) -> Tensor:
        """What a network does to skeletons (B, M, T, V, C) before anything else: nothing, unless it says so."""
        return clip

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, ceil(ceil(T / 2) / 2), width) of skeletons (B, M, T, V, C)."""
        self.check(clip)
        batch, persons, frames, joints, channels = clip.shape
        series = self.prepare(clip).permute(0, 1, 3, 4, 2).reshape(batch, persons * joints * channels, frames)
        series = self.input_norm(series).view(batch * persons, joints, channels, frames)
        features = self.blocks(series.permute(0, 2, 3, 1).contiguous())
        return features.mean(-1).view(batch, persons, self.width, -1).mean(1).transpose(1, 2)
