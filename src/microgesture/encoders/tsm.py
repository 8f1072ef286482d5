"""TSM: a 2-D ResNet over frames whose residual branches see some channels of the frame before and the frame after.

Reference: Lin, Gan, Han, "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019 (arXiv 1811.08383),
the residual shift of section 3.2 ("blockres"), and the released mit-han-lab/temporal-shift-module.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.frame_network import (
    as_images,
    resnet,
    start_from,
    take_segments,
)
from microgesture.encoders.pixels import PixelScale, pixel_conversion
from microgesture.encoders.reference import ReferenceWeights
from microgesture.encoders.registry import register
from microgesture.errors import RecipeError

if TYPE_CHECKING:
    from torchvision.models.resnet import BasicBlock, Bottleneck

STAGES = ("layer1", "layer2", "layer3", "layer4")
DEEP = 23
"""A ResNet with this many blocks in its third stage, or more, shifts in every other block only."""


def temporal_shift(x: Tensor, frames: int, divisor: int = 8) -> Tensor:
    """Features (B `frames`, C, H, W), clip after clip, with C // `divisor` channels moved either way in time.

    At frame t the first C // `divisor` channels are those of frame t + 1, the next as many those of frame t - 1, the
    rest its own; beyond the ends of a clip there are zeros (Lin et al., figure 1b).
    """
    fold = x.shape[1] // divisor
    shifted = torch.zeros_like(x)
    source, target = (each.unflatten(0, (-1, frames)) for each in (x, shifted))
    target[:, :-1, :fold] = source[:, 1:, :fold]
    target[:, 1:, fold : 2 * fold] = source[:, :-1, fold : 2 * fold]
    target[:, :, 2 * fold :] = source[:, :, 2 * fold :]
    return shifted


@register("tsm")
class TSM(Encoder):
    """TSM over a ResNet of `depth` 18, 34, 50, 101 or 152: 23.5 million parameters at 50, C = 2048 (512 at 18 and 34).

    A clip (B, 3, T, H, W) gives one token per frame, (B, T, C): the pooled features, of which `dropout` takes a part
    while training. The published network averages the logits of its segments, which is the linear head on the mean
    token. Every frame of the clip is a segment unless `segments` asks for so many, evenly spaced (published: 8 or 16).
    One part in `shift_div` of the channels shifts each way. `temporal_pool` halves the frames before the second stage
    (maximum of 3, stride 2). `weights` is None (random), a file with the official keys or ResNet's, or the name of
    torchvision's weights ("IMAGENET1K_V1"). `pixels`: "kinetics" takes the clip as it is, "published" converts it to
    RGB under ImageNet's mean and deviation, as published weights of either kind expect.
    Raises `RecipeError` when an option has no such value, or the weights cannot be had or do not fit.
    """

    def __init__(
        self,
        depth: int = 50,
        segments: int | None = None,
        shift_div: int = 8,
        temporal_pool: bool = False,
        dropout: float = 0.5,
        weights: str | None = None,
        pixels: PixelScale = "kinetics",
    ) -> None:
        super().__init__()
        if segments is not None and segments < 1:
            raise RecipeError(f"encoder 'tsm': segments must be 1 or more, got {segments}")
        if shift_div < 2:
            raise RecipeError(f"encoder 'tsm': shift_div must be 2 or more, got {shift_div}")
        self.segments, self.shift_div, self.temporal_pool = segments, shift_div, temporal_pool
        self.pixels = pixel_conversion(pixels, "rgb")
        self.backbone, self.width = resnet(depth)
        self.dropout = nn.Dropout(dropout)
        if weights is not None:
            start_from(str(weights), self, self.backbone, f"resnet{depth}")

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, T, C) of a clip (B, 3, T, H, W); half as many with `temporal_pool`."""
        clip = self.pixels(clip if self.segments is None else take_segments(clip, self.segments))
        frames, network = clip.shape[2], self.backbone
        x = network.maxpool(network.relu(network.bn1(network.conv1(as_images(clip)))))
        for stage in STAGES:
            if self.temporal_pool and stage == "layer2":
                x = _pool_time(x, frames)
                frames = (frames + 1) // 2
            for i, block in enumerate(self._blocks(stage)):
                x = self._residual(block, x, frames if self._shifts(i) else None)
        features = network.avgpool(x).flatten(1)
        return self.dropout(features).unflatten(0, (-1, frames))

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """The official network's weights: `base_model.conv1.weight`, `base_model.layer1.0.conv1.net.weight`, ...,
        `new_fc.weight` (or `base_model.fc.weight`, where it was trained without dropout).

        Raises `RecipeError` for a network without shift (TSN): it is another function of the clip.
        """
        if not any(".net." in key for key in state):
            raise RecipeError("the weights for 'tsm' have no temporal shift: no key holds '.net.'")
        names = {self._official(key): key for key in self.state_dict()}
        own = {names.get(key, key): value for key, value in state.items()}
        head: dict[str, Tensor | None] = {"weight": None, "bias": None}
        for part in head:
            for layer in ("base_model.fc", "new_fc"):
                head[part] = own.pop(f"{layer}.{part}", head[part])
        return ReferenceWeights(own, head["weight"], head["bias"])

    def example_input(self, batch: int) -> Tensor:
        """A random clip (B, 3, 8, 64, 64)."""
        return torch.randn(batch, 3, 8, 64, 64, generator=torch.Generator().manual_seed(0))

    def _blocks(self, stage: str) -> list[BasicBlock | Bottleneck]:
        return list(self.backbone.get_submodule(stage).children())  # type: ignore[arg-type]

    def _shifts(self, block: int) -> bool:
        """Whether block number `block` of a stage shifts."""
        return block % (2 if len(self._blocks("layer3")) >= DEEP else 1) == 0

    def _residual(self, block: BasicBlock | Bottleneck, x: Tensor, frames: int | None) -> Tensor:
        """A block of torchvision's ResNet whose branch begins with the shift over so many `frames`."""
        branch = x if frames is None else temporal_shift(x, frames, self.shift_div)
        branch = block.bn2(block.conv2(block.relu(block.bn1(block.conv1(branch)))))
        if hasattr(block, "conv3"):  # a bottleneck
            branch = block.bn3(block.conv3(block.relu(branch)))
        shortcut = x if block.downsample is None else block.downsample(x)
        return block.relu(branch + shortcut)

    def _official(self, key: str) -> str:
        """The official name of the parameter or buffer `key`."""
        _, *parts = key.split(".")
        if parts[0] in STAGES:
            if parts[2] == "conv1" and self._shifts(int(parts[1])):
                parts.insert(3, "net")
            if parts[0] == "layer2" and self.temporal_pool:
                parts.insert(1, "net")
        return ".".join(("base_model", *parts))


def _pool_time(x: Tensor, frames: int) -> Tensor:
    """(B `frames`, C, H, W) to half the frames, rounded up: the maximum over 3 neighbours at every other frame."""
    clips = x.unflatten(0, (-1, frames)).transpose(1, 2)
    return F.max_pool3d(clips, (3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0)).transpose(1, 2).flatten(0, 1)
