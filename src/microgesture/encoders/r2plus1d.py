"""R(2+1)D: 3-D convolutions split into a spatial and a temporal one.

Reference: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018
(arXiv 1711.11248). `r2plus1d_18` is torchvision's network, the one of the paper; `r2plus1d_small` is the same
factorisation, narrow and shallow, for machines without an accelerator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.pixels import change_over_time
from microgesture.encoders.reference import ReferenceWeights
from microgesture.encoders.registry import register
from microgesture.encoders.weights import read_state_dict
from microgesture.errors import RecipeError
from microgesture.libraries.torchvision_loader import load_torchvision
from microgesture.video.transforms import KINETICS_MEAN, KINETICS_STD

STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")
"""Names of the parts of `r2plus1d_18`, in order: the keys of torchvision's state dictionary begin with them."""


@register("r2plus1d_18")
class R2Plus1D18(Encoder):
    """R(2+1)D with 18 layers, 31.3 million parameters, C = 512.

    A clip (B, 3, T, H, W), scaled as Kinetics was, gives tokens (B, ceil(T/8) ceil(H/16) ceil(W/16), 512):
    4 x 7 x 7 for 32 x 112 x 112, time slowest. `weights` is None (random), the name of torchvision weights
    ("KINETICS400_V1"), or a local file (.pth, .pt or .safetensors) with torchvision's keys, with or without
    its classification layer `fc`. `pixel_scale` multiplies the pixels that stand behind the normalised clip: 255
    for weights that were trained on pixels of 0..255 under the mean and deviation of 0..1, as the paper's
    released weights were. `change` shows the network only what changes (`change_over_time`); it is not the paper's.
    Raises `RecipeError` when the weights cannot be had or do not fit.
    """

    width = 512

    def __init__(self, weights: str | None = None, pixel_scale: float = 1.0, change: bool = False) -> None:
        super().__init__()
        self.change = change
        self.pixel_scale = float(pixel_scale)
        load_torchvision()
        from torchvision.models.video import r2plus1d_18

        network = r2plus1d_18(weights=None)
        for stage in STAGES:
            self.add_module(stage, getattr(network, stage))
        if weights is not None:
            load_torchvision_state(self, *_find_weights(str(weights)))

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, N, 512) of a clip (B, 3, T, H, W): the feature map before the pooling."""
        features = clip
        if self.pixel_scale != 1.0:  # (s p - mean) / std from (p - mean) / std
            offset = torch.tensor(KINETICS_MEAN, device=clip.device) / torch.tensor(KINETICS_STD, device=clip.device)
            features = self.pixel_scale * clip + (self.pixel_scale - 1.0) * offset.to(clip.dtype).view(3, 1, 1, 1)
        if self.change:
            features = change_over_time(features)
        for stage in STAGES:
            features = self.get_submodule(stage)(features)
        return features.flatten(2).transpose(1, 2)

    def moments(self, frames: int, tokens: int) -> int:
        """ceil(T/8)."""
        return -(-frames // 8)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """torchvision's network: its stages by their own names (`STAGES`), its head `fc`."""
        own = dict(state)
        weight, bias = own.pop("fc.weight", None), own.pop("fc.bias", None)
        return ReferenceWeights(own, weight, bias)


def load_torchvision_state(encoder: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load a state dictionary with torchvision's keys; the classification layer `fc` is dropped.

    Raises `RecipeError` naming `source` and the keys that are missing, unknown or of another shape.
    """
    given = {key: value for key, value in state.items() if not key.startswith("fc.")}
    own = encoder.state_dict()
    counters = {key for key in own if key.endswith("num_batches_tracked")}  # absent in files before torch 0.4.1
    faults = [f"{key} is missing" for key in own if key not in given and key not in counters]
    faults += [f"{key} is unknown" for key in given if key not in own]
    faults += [
        f"{key} is {tuple(given[key].shape)}, not {tuple(own[key].shape)}"
        for key in own
        if key in given and given[key].shape != own[key].shape
    ]
    if faults:
        more = f" and {len(faults) - 4} more" if len(faults) > 4 else ""
        raise RecipeError(f"{source}: does not fit r2plus1d_18: {'; '.join(faults[:4])}{more}")
    encoder.load_state_dict({**{key: own[key] for key in counters}, **given})


def _find_weights(weights: str) -> tuple[Mapping[str, Tensor], str]:
    """The state dictionary that `weights` names, and where it came from."""
    from torchvision.models.video import R2Plus1D_18_Weights

    known = cast(Mapping[str, Any], R2Plus1D_18_Weights.__members__)
    if weights in known:
        try:
            return known[weights].get_state_dict(progress=False, check_hash=True), weights
        except Exception as error:  # no network, no disk, a broken download: all are the user's to mend
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RecipeError(
                f"weights '{weights}' of r2plus1d_18 cannot be downloaded ({reason}): give a local file"
            ) from error
    if not Path(weights).expanduser().is_file():
        raise RecipeError(f"no weights '{weights}' for r2plus1d_18: known are {', '.join(known)}, or a local file")
    return read_state_dict(Path(weights).expanduser()), weights


def middle_channels(inputs: int, outputs: int, time: int = 3, space: int = 3) -> int:
    """Channels between the spatial and the temporal convolution, chosen so that both together have as many
    parameters as the 3-D convolution they replace (Tran et al., section 3.5)."""
    return (time * space**2 * inputs * outputs) // (space**2 * inputs + time * outputs)


class FactorisedConvolution(nn.Sequential):
    """A (2+1)-D convolution: 1 x space x space, BatchNorm, ReLU, then 3 x 1 x 1.

    (B, `inputs`, T, H, W) to (B, `outputs`, T/`stride_time`, H/`stride`, W/`stride`), rounded up.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, stride_time: int = 1, space: int = 3) -> None:
        middle = middle_channels(inputs, outputs, space=space)
        super().__init__(
            nn.Conv3d(inputs, middle, (1, space, space), (1, stride, stride), (0, space // 2, space // 2), bias=False),
            nn.BatchNorm3d(middle),
            nn.ReLU(inplace=True),
            nn.Conv3d(middle, outputs, (3, 1, 1), (stride_time, 1, 1), (1, 0, 0), bias=False),
        )


class ResidualBlock(nn.Module):
    """Two factorised convolutions and a shortcut; (B, `inputs`, T, H, W) to `outputs` channels, strided."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = FactorisedConvolution(inputs, outputs, stride, stride)
        self.norm1 = nn.BatchNorm3d(outputs)
        self.conv2 = FactorisedConvolution(outputs, outputs)
        self.norm2 = nn.BatchNorm3d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, H, W) to (B, outputs, T', H', W')."""
        y = self.relu(self.norm1(self.conv1(x)))
        return self.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


@register("r2plus1d_small")
class R2Plus1DSmall(Encoder):
    """A narrow R(2+1)D, one residual block a stage: same factorisation, same strides, made for two cores.

    `channels` are the widths of the four stages, the first also of the stem; C is the last. A clip
    (B, 3, T, H, W) gives tokens (B, ceil(T/8) ceil(H/16) ceil(W/16), C). `change` as in `r2plus1d_18`, on by
    default: from random weights and a thousand clips it is the difference between chance and half right.
    """

    def __init__(self, channels: Sequence[int] = (16, 32, 64, 128), change: bool = True) -> None:
        super().__init__()
        if len(channels) != 4 or any(int(c) < 1 for c in channels):
            raise RecipeError(f"encoder 'r2plus1d_small': channels must be four positive numbers, got {channels}")
        self.change = change
        first, *_, self.width = (int(c) for c in channels)
        self.stem = nn.Sequential(
            FactorisedConvolution(3, first, stride=2, space=5), nn.BatchNorm3d(first), nn.ReLU(inplace=True)
        )
        widths = (first, *(int(c) for c in channels))
        self.stages = nn.Sequential(
            *(ResidualBlock(widths[i], widths[i + 1], stride=1 if i == 0 else 2) for i in range(4))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, N, C) of a clip (B, 3, T, H, W)."""
        features = change_over_time(clip) if self.change else clip
        return self.stages(self.stem(features)).flatten(2).transpose(1, 2)

    def moments(self, frames: int, tokens: int) -> int:
        """ceil(T/8)."""
        return -(-frames // 8)
