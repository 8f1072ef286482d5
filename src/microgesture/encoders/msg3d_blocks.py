"""The two convolutions of MS-G3D: over the joints of a window of frames, and over time.

Liu et al., "Disentangling and Unifying Graph Convolutions for Skeleton-Based Action Recognition", CVPR 2020
(arXiv 2003.14111). Features are (N, C, T, V) with the channels last in memory, N skeletons of V joints. Where the
official code gathers windows of frames, multiplies them by the adjacency matrices of all scales and reorders the
result, one convolution over time does the same here: a matrix from the joints of w frames to others is a kernel of
length w whose channels are joints.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.joint_graphs import hop_distances
from microgesture.skeletons.layouts import Layout

DILATIONS = (1, 2, 3, 4)
BRANCHES = len(DILATIONS) + 2
"""Branches of a temporal convolution: one a dilation, a maximum over three frames, a single frame."""
FIRST_MASK = 1e-6
"""The learnt part of the adjacency matrices starts uniform between minus and plus this."""


def scale_adjacency(layout: Layout, scales: int, window: int = 1) -> Tensor:
    """Disentangled adjacency matrices (scales, wV, wV) of the joints of `window` frames (sections 3.2, 3.3).

    Scale k joins every joint to itself and to those exactly k hops away, in all frames of the window; a joint's own
    copies in other frames are 1 hop away. Each matrix is normalised by the degrees of both ends, D^-1/2 A D^-1/2.
    A scale beyond the longest way in the graph is the identity.
    """
    distance = np.tile(hop_distances(layout).numpy(), (window, window))
    itself = np.eye(len(distance), dtype=bool)
    distance[(distance == 0) & ~itself] = 1
    matrices = []
    for k in range(scales):
        matrix = ((distance == k) | itself).astype(np.float32)
        norm = (matrix.sum(-1) ** np.float32(-0.5)).astype(np.float64)
        matrices.append((norm[:, None] * matrix * norm).astype(np.float32))
    return torch.from_numpy(np.stack(matrices))


class GraphConvolution(nn.Module):
    """Joints exchange features at every scale, and the scales are mixed: section 3.2, over a window section 3.3.

    (N, `inputs`, T, V) to (N * ceil(T/`stride`), `outputs`, `window`, V), after BatchNorm and ReLU: for every
    `stride`-th frame the joints of the `window` frames around it, zeros beyond the clip's ends.
    """

    adjacency: Tensor

    def __init__(
        self, layout: Layout, scales: int, inputs: int, outputs: int, window: int = 1, stride: int = 1
    ) -> None:
        super().__init__()
        self.scales, self.window, self.stride = scales, window, stride
        self.register_buffer("adjacency", scale_adjacency(layout, scales, window).flatten(0, 1), persistent=False)
        self.mask = nn.Parameter(torch.empty_like(self.adjacency).uniform_(-FIRST_MASK, FIRST_MASK))
        self.mix = nn.Conv2d(scales * inputs, outputs, 1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """The features, frames first: (N T', outputs, window, V)."""
        joints = (self.adjacency + self.mask).unflatten(-1, (self.window, -1)).transpose(1, 2)  # (K wV, V, w)
        # Both orders are the same function: the cheaper one exchanges the smaller number of channels.
        y = self._exchange_first(x, joints) if x.shape[1] < self.mix.out_channels else self._mix_first(x, joints)
        return F.relu(self.norm(y), inplace=True)

    def _exchange_first(self, x: Tensor, joints: Tensor) -> Tensor:
        y = self._over_joints(x.permute(0, 3, 2, 1), joints).unflatten(-1, (self.scales, self.window, -1))
        return self.mix(y.transpose(1, 2).flatten(1, 2).contiguous(memory_format=torch.channels_last))

    def _mix_first(self, x: Tensor, joints: Tensor) -> Tensor:
        """Every frame is mixed once, not once for every window that it is part of."""
        weight = self.mix.weight.unflatten(1, (self.scales, -1)).transpose(0, 1).flatten(0, 1)  # (K C', C, 1, 1)
        z = F.conv2d(x, weight).permute(0, 2, 3, 1).unflatten(3, (self.scales, -1))  # (N, T, V, K, C')
        z = z.permute(0, 1, 4, 3, 2).flatten(3).permute(0, 3, 1, 2)  # (N, K V, T, C')
        joints = joints.unflatten(0, (self.scales, -1)).transpose(0, 1).flatten(1, 2)  # (wV, K V, w)
        y = self._over_joints(z, joints).unflatten(-1, (self.window, -1))
        y = y.contiguous(memory_format=torch.channels_last)
        return y + cast(Tensor, self.mix.bias)[:, None, None]

    def _over_joints(self, x: Tensor, joints: Tensor) -> Tensor:
        """(N, U, T, C) by a kernel (R, U, w) over time to (N T', C, R)."""
        y = F.conv2d(x, joints[..., None], stride=(self.stride, 1), padding=(self.window // 2, 0))
        return y.permute(0, 2, 3, 1).flatten(0, 1)


class WindowConvolution(nn.Module):
    """G3D: a graph convolution over windows of frames, each window collapsed into one frame (section 3.3).

    (N, `inputs`, T, V) to (N, `outputs`, ceil(T/`stride`), V), after BatchNorm, without activation. As in the official
    code the channels grow at the collapse, but at once when there are only the 3 of the skeleton itself.
    """

    def __init__(self, layout: Layout, scales: int, inputs: int, outputs: int, window: int, stride: int) -> None:
        super().__init__()
        inner = outputs if inputs == 3 else inputs
        self.graph = GraphConvolution(layout, scales, inputs, inner, window, stride)
        self.collapse = nn.Conv2d(inner, outputs, (window, 1))
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, outputs, T', V)."""
        return self.norm(frames_apart(self.collapse(self.graph(x)), len(x)))


class TemporalConvolution(nn.Module):
    """Multi-scale temporal convolution (figure 3): six branches of which each gives a sixth of the channels.

    (N, `inputs`, T, V) to (N, `outputs`, ceil(T/`stride`), V). Four branches look at three frames with a dilation of
    1 to 4, one takes the maximum of three frames, one a single frame; a residual; ReLU, unless `activate` is off.
    The branches' first layers are one layer here, and so are their last BatchNorms: it is the same function.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, activate: bool = True) -> None:
        super().__init__()
        branch = outputs // BRANCHES
        self.activate = activate
        self.enter = nn.Conv2d(inputs, (BRANCHES - 1) * branch, 1)
        self.enter_norm = nn.BatchNorm2d((BRANCHES - 1) * branch)
        self.dilated = nn.ModuleList(
            nn.Conv2d(branch, branch, (3, 1), (stride, 1), (dilation, 0), (dilation, 1)) for dilation in DILATIONS
        )
        self.maximum = nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        self.single = nn.Conv2d(inputs, branch, 1, (stride, 1))
        self.norm = nn.BatchNorm2d(outputs)
        self.residual: nn.Module = nn.Identity()
        if inputs != outputs or stride != 1:
            self.residual = nn.Sequential(nn.Conv2d(inputs, outputs, 1, (stride, 1)), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, outputs, T', V)."""
        *dilated, last = F.relu(self.enter_norm(self.enter(x)), inplace=True).chunk(BRANCHES - 1, 1)
        branches = [layer(part) for layer, part in zip(self.dilated, dilated, strict=True)]
        y = self.norm(torch.cat([*branches, self.maximum(last), self.single(x)], 1)) + self.residual(x)
        return F.relu(y, inplace=True) if self.activate else y


def frames_apart(x: Tensor, skeletons: int) -> Tensor:
    """(N T, C, 1, V) to (N, C, T, V), channels last in memory."""
    x = x.squeeze(2).unflatten(0, (skeletons, -1)).transpose(1, 2)
    return x.contiguous(memory_format=torch.channels_last)


class SpatialTemporalBlock(nn.Module):
    """One STGC block (figure 3): windows of 3 and of 5 frames beside a graph convolution with two temporal ones,
    summed, ReLU, and a last temporal convolution.

    (N, `inputs`, T, V) to (N, `outputs`, ceil(T/`stride`), V). `scales` are those of the graph convolution and of the
    windows; `middle` channels leave the former.
    """

    def __init__(
        self, layout: Layout, scales: tuple[int, int], inputs: int, middle: int, outputs: int, stride: int
    ) -> None:
        super().__init__()
        self.windows = nn.ModuleList(
            WindowConvolution(layout, scales[1], inputs, outputs, window, stride) for window in (3, 5)
        )
        self.graph = GraphConvolution(layout, scales[0], inputs, middle)
        self.first = TemporalConvolution(middle, outputs, stride)
        self.second = TemporalConvolution(outputs, outputs, activate=False)
        self.last = TemporalConvolution(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, outputs, T', V)."""
        y = self.second(self.first(frames_apart(self.graph(x), len(x))))
        for window in self.windows:
            y = y + window(x)
        return self.last(F.relu(y))
