"""MA-GCN, reconstructed: joints' movements are magnified, then joints and frames are weighted by attention.

The network of "Geometric Magnification-Based Attention Graph Convolutional Network for Skeleton-Based Micro-Gesture
Recognition" (Haolin Jiang, Wenming Zheng, Yuan Zong, Xiaolin Xu, Xingxun Jiang, Yunlong Xue; ICIP 2023), a row of the
letter's table for iMiGUE. **This is not the official network.** Neither code nor the paper's text was available to us;
we built from its abstract.

From the abstract: a "geometric magnification module (GM module)" that "controls the magnification of different
joints", and a "spatial temporal attention graph convolution module (STA module)" that "selects valid information by
weighting different joints and frames".

Ours, since the abstract gives no equation: that GM stretches a joint's way about its mean place in the clip by a
learnt factor (the linear motion magnification of Wu et al. 2012, on coordinates in place of pixels); that the graph
convolution is 2s-AGCN's with its learnt B_k (Shi et al. 2019, arXiv 1805.07694); that the weights of joints and frames
are gates 1 + sigmoid(.), joints first, as in MS-AAGCN (Shi et al. 2020, arXiv 1912.06971); the ten blocks around them
(`graph_blocks`); every width and every initial value. Published numbers are not to be expected of it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.graph_blocks import BlockEncoder, TemporalConvolution, stack_blocks
from microgesture.encoders.joint_graphs import spatial_partitions
from microgesture.encoders.registry import register
from microgesture.skeletons.layout_files import LayoutLike

FIRST_MAGNIFICATION = 2.0
"""How much larger than they are all movements are before training."""


class GeometricMagnification(nn.Module):
    """`x̂_tv = x̄_v + (1 + α_v) (x_tv − x̄_v)` with x̄_v the mean over time and α_v > 0 learnt: the GM module.

    α has a value for every joint and channel: the third channel of 2D skeletons is a confidence, which nothing says to
    magnify like a place. What stands still stays where it is.
    """

    def __init__(self, joints: int, channels: int) -> None:
        super().__init__()
        start = math.log(math.expm1(FIRST_MAGNIFICATION - 1))
        self.raw = nn.Parameter(torch.full((joints, channels), start))

    @property
    def magnification(self) -> Tensor:
        """1 + α, (V, C)."""
        return 1 + F.softplus(self.raw)

    def forward(self, clip: Tensor) -> Tensor:
        """Skeletons (B, M, T, V, C) to the same shape."""
        mean = clip.mean(2, keepdim=True)
        return mean + self.magnification * (clip - mean)


class AdaptiveGraphConvolution(nn.Module):
    """`Σ_k W_k x (A_k + B_k)`: A_k the three partitions of the skeleton, B_k learnt from 0."""

    partitions: Tensor

    def __init__(self, width_in: int, width_out: int, partitions: Tensor) -> None:
        super().__init__()
        self.register_buffer("partitions", partitions.clone(), persistent=False)
        self.learnt = nn.Parameter(torch.zeros_like(partitions))
        self.mix = nn.Conv2d(len(partitions) * width_in, width_out, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, T, V) to (N, C', T, V)."""
        taken = torch.einsum("nctw,kvw->nkctv", features, self.partitions + self.learnt)
        return self.mix(taken.flatten(1, 2))


class JointFrameAttention(nn.Module):
    """The attention of the STA module: `y_v = x_v (1 + σ(w·mean_t x_tv + b_v))`, then
    `z_t = y_t (1 + σ((u * mean_v y_tv) + c))` with u a convolution over 9 frames. All weights start at 0: 1 + σ is 1.5.
    """

    def __init__(self, width: int, joints: int) -> None:
        super().__init__()
        self.joint_weight = nn.Parameter(torch.zeros(width))
        self.joint_bias = nn.Parameter(torch.zeros(joints))
        self.frames = nn.Conv1d(width, 1, 9, padding=4)
        nn.init.zeros_(self.frames.weight)
        nn.init.zeros_(self.frames.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, T, V) to the same shape."""
        joints = torch.einsum("ncv,c->nv", features.mean(2), self.joint_weight) + self.joint_bias
        features = features * (1 + joints.sigmoid())[:, None, None]
        return features * (1 + self.frames(features.mean(3)).sigmoid())[..., None]


@register("magcn")
class MaGcn(BlockEncoder):
    """GM module, input norm, ten blocks of the STA module and a convolution over 9 frames. Reconstructed: see above.

    Skeletons (B, M, T, V, C) to tokens (B, T / 4, 4 * first_width).
    """

    def __init__(
        self, layout: LayoutLike = "coco-17", channels: int = 3, persons: int = 1, *, first_width: int = 64
    ) -> None:
        super().__init__(layout, channels, persons, first_width)
        joints, partitions = len(self.layout), spatial_partitions(self.layout)
        self.magnify = GeometricMagnification(joints, channels)

        def spatial(width_in: int, width_out: int) -> nn.Module:
            return AdaptiveGraphConvolution(width_in, width_out, partitions)

        def temporal(width: int, stride: int) -> nn.Module:
            return nn.Sequential(JointFrameAttention(width, joints), TemporalConvolution(width, width, stride=stride))

        self.blocks = nn.Sequential(*stack_blocks(spatial, temporal, channels, first_width))

    def prepare(self, clip: Tensor) -> Tensor:
        """The magnified skeletons, (B, M, T, V, C)."""
        return self.magnify(clip)
