"""The encoder of MSTCN-VAE: one multi-scale temporal convolution over a clip of fixed length, then a narrow code.

Yuan, He, Dou, MSTCN-VAE, MiGA workshop at IJCAI 2023 (CEUR Vol-3522, paper 5). Names and shapes of the weights are
those of the authors' code. It is a variational auto-encoder by name only: nothing is sampled. What it learns from is
objective `mstcn-vae`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from microgesture.encoders.graph_encoder import GraphEncoder
from microgesture.encoders.joint_angles import TRIPLETS, joint_angles, triplet_indices
from microgesture.encoders.reference import ReferenceWeights
from microgesture.encoders.registry import register
from microgesture.errors import RecipeError
from microgesture.skeletons.layout_files import LayoutLike

CHANNELS = 96
"""Of the multi-scale block, over its six branches."""
CODE = 128
"""Width of the linear code."""
NARROWING = (50, 25, 1)
"""Channels of the causal convolutions that make the code without the linear layer; time is their channel axis."""
DILATIONS = (1, 2, 3, 4)
DROPOUT = 0.2


class TemporalConvolution(nn.Module):
    """Convolution over time and BatchNorm, (N, `inputs`, T, V) to (N, `outputs`, T, V)."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        reach = dilation * (kernel // 2)
        self.conv = nn.Conv2d(inputs, outputs, (kernel, 1), padding=(reach, 0), dilation=(dilation, 1))
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, outputs, T, V)."""
        return self.bn(self.conv(x))


class MultiScaleBlock(nn.Module):
    """The multi-scale temporal convolution of MS-G3D: six branches side by side and a residual, ReLU.

    (N, `inputs`, T, V) to (N, `CHANNELS`, T, V). The function of `msg3d_blocks.TemporalConvolution`, layer by layer
    under the names of this paper's code.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        width = CHANNELS // (len(DILATIONS) + 2)

        def enter() -> tuple[nn.Module, nn.Module]:
            return nn.Conv2d(inputs, width, 1), nn.BatchNorm2d(width)

        dilated = [nn.Sequential(*enter(), nn.ReLU(), TemporalConvolution(width, width, 3, d)) for d in DILATIONS]
        largest = nn.Sequential(*enter(), nn.ReLU(), nn.MaxPool2d((3, 1), 1, (1, 0)), nn.BatchNorm2d(width))
        self.branches = nn.ModuleList([*dilated, largest, nn.Sequential(*enter())])
        self.residual = TemporalConvolution(inputs, CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        """(N, CHANNELS, T, V)."""
        return F.relu(torch.cat([branch(x) for branch in self.branches], 1) + self.residual(x))


class CausalLevel(nn.Module):
    """Two causal convolutions with weight norm over the last axis, ReLU and dropout after each; a residual, ReLU.

    (N, `inputs`, L) to (N, `outputs`, L).
    """

    def __init__(self, inputs: int, outputs: int, dilation: int) -> None:
        super().__init__()
        self.reach = dilation
        self.conv1 = weight_norm(nn.Conv1d(inputs, outputs, 2, padding=dilation, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(outputs, outputs, 2, padding=dilation, dilation=dilation))
        self.downsample = residual_layer(inputs, outputs)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        """(N, outputs, L)."""
        y = x
        for layer in (self.conv1, self.conv2):
            y = self.dropout(F.relu(layer(y)[..., : -self.reach]))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class CausalNetwork(nn.Module):
    """Levels of twice the dilation of the one before; (N, T, L) to (N, 1, L)."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        sizes = (frames, *NARROWING)
        self.network = nn.Sequential(*(CausalLevel(sizes[i], sizes[i + 1], 2**i) for i in range(len(NARROWING))))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1, L)."""
        return self.network(x)


def residual_layer(inputs: int, outputs: int) -> nn.Conv1d | None:
    """The 1x1 convolution of a residual whose channels change, N(0, 0.01²) at first; None where they do not."""
    if inputs == outputs:
        return None
    layer = nn.Conv1d(inputs, outputs, 1)
    nn.init.normal_(layer.weight, 0.0, 0.01)
    return layer


@register("mstcn")
class MSTCN(GraphEncoder):
    """Skeletons (B, 1, `frames`, V, C) of one person to one token, the code (B, 1, width).

    `inputs` "raw" are the C channels of the V joints, "angles" the 20 angles and confidences of `joint_angles`. With
    `linear` (the paper's HFE) the code is one linear layer over everything, 128 wide; without it a convolution and
    causal ones that take time for channels make it, as wide as a frame (66 for 22 joints of 3 channels).

    Raises `RecipeError` for several persons, angles of points in space or of a layout without fingertips, and a clip of
    another shape or length.
    """

    def __init__(
        self,
        layout: LayoutLike = "coco-17",
        channels: int = 3,
        dimensions: int = 2,
        frames: int = 100,
        inputs: Literal["raw", "angles"] = "raw",
        linear: bool = True,
    ) -> None:
        super().__init__(layout, channels)
        if inputs not in ("raw", "angles") or frames < 2:
            raise RecipeError(f"mstcn reads 'raw' or 'angles' of 2 frames or more, not '{inputs}' of {frames}")
        if inputs == "angles" and dimensions != 2:
            raise RecipeError("the angles of mstcn are those of points in a picture, and these are in space (3D)")
        self.frames, self.inputs, self.linear = frames, inputs, linear
        joints = len(TRIPLETS) if inputs == "angles" else len(self.layout)
        self.depth = 2 if inputs == "angles" else channels
        self.size = joints * self.depth
        self.width = CODE if linear else self.size
        if inputs == "angles":
            self.register_buffer("triplets", triplet_indices(self.layout), persistent=False)
        self.data_bn = nn.BatchNorm1d(self.size)
        block = MultiScaleBlock(self.depth)
        if linear:
            self.mstcn = block
            self.fcn1 = nn.Linear(CHANNELS * frames * joints, CODE)
        else:
            self.tcn1, self.TCN = block, CausalNetwork(frames)
            self.conv1d = nn.Conv1d(CHANNELS * joints, self.size, 3, padding=1)

    def frames_of(self, clip: Tensor) -> Tensor:
        """What is read of a clip (B, 1, T, V, C), (B, T, D): raw values or angles, a joint's channels side by side.
        Raises `RecipeError` for a clip of another shape or length."""
        self.check(clip)
        if clip.shape[2] != self.frames:
            raise RecipeError(
                f"'{self.name or 'mstcn'}' was built for {self.frames} frames (data.frames), not {clip.shape[2]}"
            )
        values = clip[:, 0]
        if self.inputs == "angles":
            if self.channels == 2:  # all scores are alike, and are not shown
                values = F.pad(values, (0, 1), value=1.0)
            values = joint_angles(values, self.get_buffer("triplets"))
        return values.flatten(2)

    def forward(self, clip: Tensor) -> Tensor:
        """The code of each clip as its only token, (B, 1, width)."""
        x = self.data_bn(self.frames_of(clip).transpose(1, 2))
        x = x.unflatten(1, (-1, self.depth)).permute(0, 2, 3, 1).contiguous()
        if self.linear:
            return self.fcn1(self.mstcn(x).flatten(1))[:, None]
        # (N, C, T, V) is taken for (N, V C, T) as it lies in memory: the published weights mean that
        mixed = self.tcn1(x).contiguous().view(len(x), -1, self.frames)
        return self.TCN(self.conv1d(mixed).transpose(1, 2))

    def example_input(self, batch: int) -> Tensor:
        """A random skeleton (B, 1, frames, V, C)."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(batch, 1, self.frames, len(self.layout), self.channels, generator=generator)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """Weights of the authors' `MSTCN_VAE`; its decoder belongs to the objective, and there is no head."""
        return ReferenceWeights(with_own_names(state, "encoder."), None, None, headless=True)


def with_own_names(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """The tensors of one `part` of the authors' state dictionary ("encoder.", "decoder.") under our names, without it.

    Their weight norms have older names, and each convolution stands there twice, the second time inside `net`.
    """
    own = {key.removeprefix(part): value for key, value in state.items() if key.startswith(part) and ".net." not in key}
    new = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
    return {".".join(new.get(name, name) for name in key.split(".")): value for key, value in own.items()}
