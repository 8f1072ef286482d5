"""What an RGB network is shown: clips as they are everywhere here, as published weights want them, or what changes."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from microgesture.errors import RecipeError
from microgesture.video.transforms import KINETICS_MEAN, KINETICS_STD

PixelScale = Literal["kinetics", "published", "change"]
"""How a network gets its pixels: as clips have them everywhere here (Kinetics' mean and deviation), as its published
weights were trained, or minus their mean over time (`change_over_time`; not the published networks')."""
PublishedOrder = Literal["rgb", "bgr", "tanh"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN = (104.0, 117.0, 128.0)
"""Mean of blue, green and red in 0..255, as the published BN-Inception subtracts it."""


def change_over_time(clip: Tensor) -> Tensor:
    """A clip (B, 3, T, H, W) minus its mean over time, doubled: room, clothes and face go, what moves stays.

    In the spirit of the RGB differences of TSN (Wang et al. 2016, arXiv 1608.00859), but against the whole clip and
    not the frame before, so that a hand that rests on the jaw stays visible between coming and going. What does not
    change within the clip is not seen: arms that are folded from the first frame to the last.
    """
    return 2.0 * (clip - clip.mean(dim=2, keepdim=True))


class ChangeOverTime(nn.Module):
    """`change_over_time` as a layer."""

    def forward(self, clip: Tensor) -> Tensor:
        """(B, 3, T, H, W) to the same shape."""
        return change_over_time(clip)


class PublishedPixels(nn.Module):
    """Clips (B, 3, T, H, W), RGB under Kinetics' mean and deviation, as a published image network expects them.

    `order` "rgb": RGB in 0..1 under ImageNet's mean and deviation (ResNet); "bgr": BGR in 0..255 minus `CAFFE_MEAN`
    (BN-Inception); "tanh": RGB in [-1, 1] (I3D).
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, order: PublishedOrder) -> None:
        super().__init__()
        mean, std = torch.tensor(KINETICS_MEAN), torch.tensor(KINETICS_STD)
        if order == "rgb":
            scale, offset = std / torch.tensor(IMAGENET_STD), mean - torch.tensor(IMAGENET_MEAN)
            offset = offset / torch.tensor(IMAGENET_STD)
        elif order == "tanh":
            scale, offset = 2 * std, 2 * mean - 1
        else:
            scale, offset = 255.0 * std.flip(0), 255.0 * mean.flip(0) - torch.tensor(CAFFE_MEAN)
        self.order = order
        self.register_buffer("scale", scale.view(3, 1, 1, 1), persistent=False)
        self.register_buffer("offset", offset.view(3, 1, 1, 1), persistent=False)

    def forward(self, clip: Tensor) -> Tensor:
        """The same clip (B, 3, T, H, W) in the other scale."""
        clip = clip.flip(1) if self.order == "bgr" else clip
        return clip * self.scale + self.offset


def pixel_conversion(pixels: str, order: PublishedOrder) -> nn.Module:
    """What stands before an RGB network whose published pixels are `order`. Raises `RecipeError` for other words."""
    if pixels not in get_args(PixelScale):
        raise RecipeError(f"pixels must be {' or '.join(get_args(PixelScale))}, got '{pixels}'")
    if pixels == "change":
        return ChangeOverTime()
    return PublishedPixels(order) if pixels == "published" else nn.Identity()
