"""Shift-GCN: joints exchange channels instead of being multiplied by a graph; so do frames, by learnt distances.

Cheng et al., "Skeleton-Based Action Recognition with Shift Graph Convolutional Network", CVPR 2020. Names and shapes of
the weights are those of the official code, whose files load (`load_reference`): 757,182 parameters with the 60
classes, 25 joints and 2 persons of NTU RGB+D, head included. That count is the official one, which has in it 64,075
indices of the shift over joints and 2,816 places of a shift over joints that is never trained: parameters here as well,
with `requires_grad` off. 690,291 are learnt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.graph_encoder import GraphEncoder
from microgesture.encoders.reference import ReferenceWeights, load_reference_encoder
from microgesture.encoders.registry import register
from microgesture.encoders.weights import read_state_dict
from microgesture.errors import RecipeError
from microgesture.skeletons.layout_files import LayoutLike

STEPS = ((64, 1), (64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1), (256, 1))
"""Channels and stride over time of each block."""
POSITION_STEP = 0.01
"""The size of every gradient of a position in time, whose sign alone is used."""
NEGLIGIBLE = 1e-6
"""Positions nearer to 0 than this are 0. Official weights have ±1e-8 where nothing is shifted."""


class SignOnly(torch.autograd.Function):
    """Does nothing forwards; backwards every gradient becomes `POSITION_STEP` of its sign, and 0 becomes 1e-4."""

    @staticmethod
    def forward(ctx: Any, positions: Tensor) -> Tensor:
        return positions.view_as(positions)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        return torch.where(gradient == 0, POSITION_STEP**2, POSITION_STEP * gradient.sign())


def shift(x: Tensor, time: Tensor, joint: Tensor, stride: int = 1) -> Tensor:
    """`y[n, c, t, v] = x[n, c, stride * t + time[c], v + joint[c]]`, bilinear between frames and joints, 0 outside.

    (N, C, T, V) to (N, C, ceil(T/`stride`), V); positions (C,). It is the official CUDA kernel as a convolution of
    each channel by itself, whose few weights come from its position: differentiable in x and in both positions. For
    an odd T and a stride of 2, where the official code cannot add its residual, the last frame is kept.
    """
    frames, joints = x.shape[2:]
    ranges = torch.stack([*time.detach().aminmax(), *joint.detach().aminmax()])
    first, last, left, right = torch.where(ranges.abs() < NEGLIGIBLE, 0.0, ranges).nan_to_num(0.0).tolist()
    rows = _reach(first, last, frames)
    columns = _reach(left, right, joints) if left or right else 0
    kernel = _taps(time, rows)[:, :, None] * _taps(joint, columns)[:, None] if columns else _taps(time, rows)[..., None]
    return F.conv2d(x, kernel[:, None].to(x.dtype), None, (stride, 1), (rows, columns), groups=len(time))


def _reach(lowest: float, highest: float, most: int) -> int:
    """How far the taps of positions between these two extend to either side; `most` is beyond everything."""
    return int(min(max(-math.floor(lowest), math.floor(highest) + 1, 0), most))


def _taps(positions: Tensor, reach: int) -> Tensor:
    """Weights (C, 2 * `reach` + 1) of the neighbours from -`reach` to `reach`: two of them beside each position."""
    below = positions.detach().floor()
    part = (positions - below)[:, None]
    offsets = torch.arange(-reach, reach + 1, device=positions.device) - below[:, None]
    return (offsets == 0) * (1 - part) + (offsets == 1) * part


class TemporalShift(nn.Module):
    """The adaptive temporal shift: each channel is taken from a learnt distance in time, section 3.3.

    (N, C, T, V) to (N, C, ceil(T/`stride`), V). `ypos` is the distance in frames of the input, uniform in ±1 at first;
    with a stride of 2 half a frame is added. As in the official code the gradient only says into which direction it
    moves (`SignOnly`): the true one sums over all frames of all joints and would throw it far. `xpos`, the same over
    joints, is part of the official weights and 0 in practice: its gradient there is set to 0, and here it has none.
    """

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.xpos = nn.Parameter(torch.zeros(channels), requires_grad=False)
        self.ypos = nn.Parameter(torch.empty(channels).uniform_(-1, 1))

    def forward(self, x: Tensor) -> Tensor:
        time: Tensor = SignOnly.apply(self.ypos)  # type: ignore[no-untyped-call]
        return shift(x, time if self.stride == 1 else time + 0.5, self.xpos, self.stride)


class TemporalBlock(nn.Module):
    """Shift, 1x1 convolution, ReLU, shift, between two batch norms. (N, C, T, V) to (N, C, ceil(T/`stride`), V)."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shift_in = TemporalShift(channels)
        self.shift_out = TemporalShift(channels, stride)
        self.temporal_linear = nn.Conv2d(channels, channels, 1)
        nn.init.kaiming_normal_(self.temporal_linear.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.temporal_linear(self.shift_in(self.bn(x))), inplace=True)
        return self.bn2(self.shift_out(y))


def non_local_shift(joints: int, channels: int, direction: int) -> Tensor:
    """Where each of the V * C values of a frame comes from: channel c of joint v is that of joint v + `direction` * c,
    counted around (section 3.2.2). A permutation, int64 (V * C,)."""
    channel = torch.arange(channels)
    joint = (torch.arange(joints)[:, None] + direction * channel) % joints
    return (joint * channels + channel).flatten()


def _exchange(frames: Tensor, sources: Tensor) -> Tensor:
    """The values (NT, V * C) of every frame in another order. On CPUs `gather` is faster than `index_select`."""
    return frames.gather(1, sources.expand(len(frames), -1))


class SpatialBlock(nn.Module):
    """Shift over joints, mask, linear, shift back, batch norm of every joint's channels; residual, ReLU.

    (N, `inputs`, T, V) to (N, `outputs`, T, V). All joints are each other's neighbours, and the mask, 1 + tanh, learns
    which of them count: section 3.2.2.
    """

    def __init__(self, inputs: int, outputs: int, joints: int) -> None:
        super().__init__()
        self.Linear_weight = nn.Parameter(torch.randn(inputs, outputs) * math.sqrt(1.0 / outputs))
        self.Linear_bias = nn.Parameter(torch.zeros(1, 1, outputs))
        self.Feature_Mask = nn.Parameter(torch.zeros(1, joints, inputs))
        self.bn = nn.BatchNorm1d(joints * outputs)
        self.shift_in = nn.Parameter(non_local_shift(joints, inputs, 1), requires_grad=False)
        self.shift_out = nn.Parameter(non_local_shift(joints, outputs, -1), requires_grad=False)
        self.down: nn.Module = nn.Identity()
        if inputs != outputs:
            self.down = nn.Sequential(_convolution(inputs, outputs), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        count, _, frames, joints = x.shape
        y = x.permute(0, 2, 3, 1).flatten(0, 1)  # (NT, V, C)
        y = _exchange(y.flatten(1), self.shift_in).view_as(y)
        y = y * (1 + self.Feature_Mask.tanh()).to(y.dtype)
        y = F.linear(y, self.Linear_weight.T, self.Linear_bias.flatten())
        y = self.bn(_exchange(y.flatten(1), self.shift_out))
        return F.relu(y.view(count, frames, joints, -1).permute(0, 3, 1, 2) + self.down(x), inplace=True)


class Residual(nn.Module):
    """A 1x1 convolution and batch norm, for where the shape changes: (N, C, T, V) to (N, C', ceil(T/`stride`), V)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv = _convolution(inputs, outputs, stride)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    convolution = nn.Conv2d(inputs, outputs, 1, (stride, 1))
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out")
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution


class Block(nn.Module):
    """Over joints, over time, the sum with the input, ReLU. (N, `inputs`, T, V) to (N, `outputs`, T/`stride`, V)."""

    def __init__(self, inputs: int, outputs: int, joints: int, stride: int, residual: bool = True) -> None:
        super().__init__()
        self.gcn1 = SpatialBlock(inputs, outputs, joints)
        self.tcn1 = TemporalBlock(outputs, stride)
        self.residual: nn.Module | None = nn.Identity() if residual else None
        if residual and (inputs != outputs or stride != 1):
            self.residual = Residual(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.tcn1(self.gcn1(x))
        return F.relu(y if self.residual is None else y + self.residual(x), inplace=True)


@register("shiftgcn")
class ShiftGCN(GraphEncoder):
    """Skeletons (B, M, T, V, C) to tokens (B, ceil(T/4), 256), one for four frames. Any T from 1 frame works.

    Of the layout only the number and order of the joints count: the network has no bones. `weights` is None (random)
    or a local file with the official keys, with or without the head. Raises `RecipeError` for weights that do not fit,
    or a clip of another shape.
    """

    width = STEPS[-1][0]

    def __init__(
        self, layout: LayoutLike = "coco-17", channels: int = 3, persons: int = 1, weights: str | None = None
    ) -> None:
        super().__init__(layout, channels, persons)
        self.data_bn = nn.BatchNorm1d(persons * len(self.layout) * channels)
        inputs = channels
        for i, (outputs, stride) in enumerate(STEPS):
            self.add_module(f"l{i + 1}", Block(inputs, outputs, len(self.layout), stride, residual=i > 0))
            inputs = outputs
        if weights is not None:
            load_reference_encoder(self, read_state_dict(weights))

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, ceil(T/4), 256) of a clip (B, M, T, V, C): means over the joints and persons."""
        self.check(clip)
        batch, persons, frames, joints, channels = clip.shape
        x = self.data_bn(clip.transpose(1, 2).reshape(batch * frames, -1))
        x = x.view(batch, frames, persons, joints, channels).transpose(1, 2).flatten(0, 1)
        x = x.contiguous().permute(0, 3, 1, 2)  # channels last in memory
        for i in range(len(STEPS)):
            x = self.get_submodule(f"l{i + 1}")(x)
        return x.mean(3).unflatten(0, (batch, persons)).mean(1).transpose(1, 2)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """Weights of the official `model.shift_gcn.Model`, whose head is the linear layer `fc`."""
        own = dict(state)
        mask = own.get("l1.gcn1.Feature_Mask")
        if mask is not None and mask.dim() == 3 and mask.shape[1] != len(self.layout):
            name, joints = self.layout.name, len(self.layout)
            raise RecipeError(f"the weights are for {mask.shape[1]} joints, layout '{name}' has {joints}")
        weight, bias = own.pop("fc.weight", None), own.pop("fc.bias", None)
        return ReferenceWeights(own, weight, bias)
