"""CE-CN, reconstructed: joints exchange by self-attention over a learnt topology, then convolutions at several scales.

The paper lists "CE-CN" for iMiGUE. **This is not the official network, and we are not certain which one is meant**:
no text that bears this name was available to us. The one that fits is the "graph-encoding convolutional network" (its
initials differ by one letter) of "Representation Learning for Topology-adaptive Micro-gesture Recognition and Analysis"
(Atif Shah, Haoyu Chen, Guoying Zhao; MiGA workshop at IJCAI 2023, CEUR-WS 3522, paper 7). Of that paper we had the
beginning of the abstract, and no code.

From the abstract: a network "to extract intrinsic joint representations from skeletons using a self-attention graph
convolution module in the spatial domain", and something "multi-scale" in time (there our copy ends).

Ours, from the published network whose words these are, InfoGCN (Chi et al., CVPR 2022): an embedding of every joint
(its coordinates and who it is), self-attention among the joints of the mean over time, times a learnt topology that all
clips share. Also ours: that the topology starts as the three partitions of the skeleton; four branches over time, as in
MS-G3D and CTR-GCN (arXiv 2003.14111, 2107.12213); the ten blocks around them (`graph_blocks`); every width and every
initial value. Published numbers are not to be expected of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from microgesture.encoders.graph_blocks import BlockEncoder, TemporalConvolution, stack_blocks
from microgesture.encoders.joint_graphs import spatial_partitions
from microgesture.encoders.registry import register
from microgesture.skeletons.layout_files import LayoutLike


class JointEmbedding(nn.Module):
    """`h_tv = W x_tv + e_v`: the coordinates of a joint and a learnt vector that says which joint it is.

    Without e_v a network over a symmetric skeleton is slow to tell left from right.
    """

    def __init__(self, channels: int, width: int, joints: int) -> None:
        super().__init__()
        self.coordinates = nn.Conv2d(channels, width, 1)
        self.joints = nn.Parameter(torch.randn(width, 1, joints))

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, T, V) to (N, width, T, V)."""
        return self.coordinates(features) + self.joints


class SelfAttentionGraphConvolution(nn.Module):
    """`Σ_h W_h x (G_h ⊙ S_h)ᵀ`, `S_h = softmax(Q_h K_hᵀ / √d)`: Q and K from the layer norm of the mean over time.

    The topology G_h (V, V) is learnt and shared by all clips; S_h (V, V) is the clip's own.
    """

    def __init__(self, width_in: int, width_out: int, topology: Tensor) -> None:
        super().__init__()
        self.heads, self.depth = len(topology), max(width_in // 8, 8)
        self.topology = nn.Parameter(topology.clone())
        self.norm = nn.LayerNorm(width_in)
        self.query_key = nn.Linear(width_in, 2 * self.heads * self.depth, bias=False)
        self.mix = nn.Conv2d(self.heads * width_in, width_out, 1, bias=False)

    def attention(self, features: Tensor) -> Tensor:
        """S (N, heads, V, V) of features (N, C, T, V); rows sum to 1."""
        joints = self.query_key(self.norm(features.mean(2).transpose(1, 2)))
        query, key = joints.unflatten(-1, (2, self.heads, self.depth)).permute(2, 0, 3, 1, 4)
        return (query @ key.mT * self.depth**-0.5).softmax(-1)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, T, V) to (N, C', T, V)."""
        weights = self.topology * self.attention(features)
        count, width, frames, joints = features.shape
        taken = features.reshape(count, 1, width * frames, joints) @ weights.mT
        return self.mix(taken.reshape(count, self.heads * width, frames, joints))


class MultiScaleTemporal(nn.Module):
    """Four branches over time, each with a quarter of the channels: 5 frames, 5 frames of every second, the maximum of
    3, the frame itself. (N, C, T, V) to (N, C, ceil(T / stride), V)."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        quarter = width // 4

        def branch(*over_time: nn.Module) -> nn.Module:
            return nn.Sequential(TemporalConvolution(width, quarter, kernel=1), nn.ReLU(), *over_time)

        pool = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        self.branches = nn.ModuleList(
            [
                branch(TemporalConvolution(quarter, quarter, kernel=5, stride=stride)),
                branch(TemporalConvolution(quarter, quarter, kernel=5, stride=stride, dilation=2)),
                branch(pool, nn.BatchNorm2d(quarter)),
                TemporalConvolution(width, quarter, kernel=1, stride=stride),
            ]
        )

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, T, V) to (N, C, ceil(T / stride), V)."""
        return torch.cat([branch(features) for branch in self.branches], 1)


@register("cecn")
class CeCn(BlockEncoder):
    """Input norm, joint embedding, ten blocks of self-attention graph convolution and multi-scale convolution over
    time. Reconstructed: see above.

    Skeletons (B, M, T, V, C) to tokens (B, T / 4, 4 * first_width).
    """

    def __init__(
        self, layout: LayoutLike = "coco-17", channels: int = 3, persons: int = 1, *, first_width: int = 64
    ) -> None:
        super().__init__(layout, channels, persons, first_width)
        topology = spatial_partitions(self.layout)

        def spatial(width_in: int, width_out: int) -> nn.Module:
            return SelfAttentionGraphConvolution(width_in, width_out, topology)

        embedding = JointEmbedding(channels, first_width, len(self.layout))
        self.blocks = nn.Sequential(embedding, *stack_blocks(spatial, MultiScaleTemporal, first_width, first_width))
