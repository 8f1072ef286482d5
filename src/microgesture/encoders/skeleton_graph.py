"""A spatio-temporal graph network over the joints: what the temporal Transformer of the built-in recogniser is
compared with.

The graph convolution is that of ST-GCN (Yan et al. 2018, arXiv 1801.07455) with its partition of a joint's
neighbours into itself, those nearer to the centre of the body and those farther from it. To each of the three
adjacency matrices a learnt one is added, as B_k of 2s-AGCN (Shi et al. 2019, arXiv 1805.07694), and a fourth
partition begins as the mean over all joints. Each partition has its own quarter of the channels, as in DG-STGCN (Duan
et al. 2022, arXiv 2210.05895), and the convolution over time is depthwise, for the sake of CPUs. The order of axes
inside, (V, N, B, C), is what makes both cheap there.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.body_features import BodyFeatures
from microgesture.encoders.joint_graphs import spatial_partitions
from microgesture.encoders.registry import register
from microgesture.encoders.skeleton_encoder import SkeletonEncoder
from microgesture.skeletons.layouts import GESTURE_62, Layout

PARTITIONS = 4
"""Itself, towards the centre, away from the centre, the whole body."""

CPU_CLIPS = 16
"""Clips that a CPU encodes at a time: with all 62 joints kept to the end, a batch of 192 would spend half of its time
on tensors beyond the cache."""


def partitioned_adjacency(layout: Layout) -> Tensor:
    """(4, V, V), the partitions in order; row v holds the shares of the joints that v takes from, and sums to 1 or 0.

    ST-GCN's spatial configuration with rows divided by their sums, and a fourth matrix that is 1/V throughout.
    """
    joints = len(layout)
    return torch.cat([spatial_partitions(layout), torch.full((1, joints, joints), 1 / joints)])


class JointFeatures(nn.Module):
    """Skeletons (B, T, 62, 3) to (B, T, 62, 7) and whether anybody is there (B, T).

    The channels: place (2), change since the frame before (2), whether the point is known, and the bone (2), from the
    wrist for the points of a hand and else from the parent. Units as in `BodyFeatures`; unknown is 0. No parameters.
    """

    width = 7
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.body = BodyFeatures()
        self.origins = GESTURE_62.parents.tolist()
        scale = torch.ones(len(GESTURE_62))
        for fingers, wrist in zip(self.body.fingers, self.body.wrists, strict=True):
            for joint in fingers:
                self.origins[joint] = wrist
                scale[joint] = 4.0
        self.register_buffer("scale", scale[:, None], persistent=False)

    def forward(self, skeleton: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, T, 62, 7), float32, and seen (B, T), bool."""
        points, known = self.body.normalise(skeleton)
        steps = known[:, 1:] & known[:, :-1]
        change = ((points[:, 1:] - points[:, :-1]) * steps[..., None]).clamp(-1, 1) * 5
        change = F.pad(change, (0, 0, 0, 0, 1, 0))
        both = known & known[:, :, self.origins]
        bones = ((points - points[:, :, self.origins]) * self.scale * both[..., None]).clamp(-3, 3)
        return torch.cat([points, change, known[..., None].to(points.dtype), bones], -1), known.any(-1)


class GraphConvolution(nn.Module):
    """(V, N, B, `inputs`) to (V, N, B, `outputs`): each partition gathers its quarter of the channels along its edges.

    y = [(A_k + B_k) x W_k for k in partitions], A of the bones and B learnt, 0 at first.
    """

    adjacency: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        if outputs % PARTITIONS:
            raise ValueError(f"channels {outputs} cannot be divided among the {PARTITIONS} partitions")
        self.linear = nn.Linear(inputs, outputs)
        self.register_buffer("adjacency", partitioned_adjacency(GESTURE_62), persistent=False)
        self.learnt = nn.Parameter(torch.zeros_like(self.adjacency))

    def forward(self, x: Tensor) -> Tensor:
        quarters = self.linear(x).chunk(PARTITIONS, -1)
        gather = self.adjacency + self.learnt
        # joints first: the sum over neighbours is one matrix product for all clips, tokens and channels
        return torch.cat([(a @ q.flatten(1)).view(q.shape) for a, q in zip(gather, quarters, strict=True)], -1)


class GraphBlock(nn.Module):
    """Graph convolution, then a depthwise-separable one over time; pre-norm, residual.

    (V, N, B, `inputs`) to (V, N, B, `outputs`).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(inputs)
        self.graph = GraphConvolution(inputs, outputs)
        self.temporal = nn.Conv2d(outputs, outputs, (kernel, 1), padding=(kernel // 2, 0), groups=outputs)
        self.mixing = nn.Linear(outputs, outputs)
        self.dropout = nn.Dropout(dropout)
        self.skip = nn.Identity() if inputs == outputs else nn.Linear(inputs, outputs)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """`there (B, N)` bool: tokens in which nobody is seen are 0 to the convolution over time."""
        h = F.gelu(self.graph(self.norm(x))) * there.T[..., None]
        h = F.gelu(self.temporal(h.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        kept = self.dropout(torch.ones_like(h[0]))  # the same for all joints: 62 times fewer random numbers
        return self.skip(x) + self.mixing(h) * kept


@register("skeleton_graph")
class SkeletonGraph(SkeletonEncoder):
    """A `SkeletonEncoder` of graph blocks over the 62 joints.

    `channels` are the widths of the blocks, multiples of 4; `kernel`, odd, their length over time in tokens; `heads`
    how many weighted means over the joints make a token; `dropout` is that of the blocks.
    """

    def __init__(
        self,
        width: int = 256,
        channels: Sequence[int] = (64, 64, 64, 128, 128),
        kernel: int = 7,
        heads: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"kernel {kernel} is even: the convolution over time would shift the tokens")
        self.width = width
        self.features = JointFeatures()
        self.reach = 5
        self.stem = nn.Linear(self.reach * self.features.width, channels[0])
        self.joints = nn.Parameter(torch.randn(len(GESTURE_62), 1, 1, channels[0]) * 0.1)
        pairs = zip((channels[0], *channels[:-1]), channels, strict=True)
        self.blocks = nn.ModuleList(GraphBlock(a, b, kernel, dropout) for a, b in pairs)
        self.joint_norm = nn.LayerNorm(channels[-1])
        self.joint_weight = nn.Linear(channels[-1], heads)
        self.output = nn.Linear(heads * channels[-1], width)
        self.norm = nn.LayerNorm(width)
        self.weight = nn.Linear(width, 1)

    def encode(self, skeleton: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, C) and in which of them somebody is seen (B, N)."""
        features, seen = self.features(skeleton)
        there = self.seen_tokens(seen)
        clips = CPU_CLIPS if skeleton.device.type == "cpu" else max(1, len(skeleton))
        parts = zip(features.split(clips), there.split(clips), strict=True)
        return torch.cat([self._encode(part, seen_part) for part, seen_part in parts]), there

    def _encode(self, features: Tensor, there: Tensor) -> Tensor:
        x = self._stem(features)
        for block in self.blocks:
            x = block(x, there)
        x = self.joint_norm(x)
        share = self.joint_weight(x).float().softmax(0).to(x.dtype)
        means = torch.einsum("vnbh,vnbc->bnhc", share, x)
        return self.norm(self.output(means.flatten(2)))

    def _stem(self, features: Tensor) -> Tensor:
        """A convolution over time of stride 2, (B, T, V, 7) to (V, N, B, C), and who is which joint."""
        half = self.reach // 2
        frames = F.pad(features.permute(2, 1, 0, 3), (0, 0, 0, 0, half, half))
        windows = frames.unfold(1, self.reach, self.stride).flatten(3)
        x = self.stem(windows)
        return x + self.joints.to(x.dtype)
