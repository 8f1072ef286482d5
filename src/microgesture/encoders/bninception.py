"""BN-Inception: GoogLeNet with BatchNorm, the image network under the published weights of TRN.

Reference: Ioffe & Szegedy, "Batch Normalization", ICML 2015 (arXiv 1502.03167), appendix; as translated from Caffe for
TSN and TRN, whose parameter names are kept (`inception_3a_1x1.weight`, `inception_3a_1x1_bn.running_mean`). Like there,
convolutions have a bias although BatchNorm follows, poolings round up, and average pooling counts its padding.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Inception(NamedTuple):
    """Channels of one Inception block, `..._reduce` being 1 x 1 convolutions before the 3 x 3 ones.

    A block without `one` and `project` halves height and width; its pooled input goes on as it is.
    """

    one: int
    three_reduce: int
    three: int
    double_reduce: int
    double: int
    project: int

    @property
    def halves(self) -> bool:
        """Whether the block has stride 2."""
        return self.one == 0

    def outputs(self, inputs: int) -> int:
        """Channels that leave the block when `inputs` enter."""
        return self.one + self.three + self.double + (inputs if self.halves else self.project)


BLOCKS = {
    "inception_3a": Inception(64, 64, 64, 64, 96, 32),
    "inception_3b": Inception(64, 64, 96, 64, 96, 64),
    "inception_3c": Inception(0, 128, 160, 64, 96, 0),
    "inception_4a": Inception(224, 64, 96, 96, 128, 128),
    "inception_4b": Inception(192, 96, 128, 96, 128, 128),
    "inception_4c": Inception(160, 128, 160, 128, 160, 128),
    "inception_4d": Inception(96, 128, 192, 160, 192, 128),
    "inception_4e": Inception(0, 128, 192, 192, 256, 0),
    "inception_5a": Inception(352, 192, 320, 160, 224, 128),
    "inception_5b": Inception(352, 192, 320, 192, 224, 128),
}
MAX_POOLED = "inception_5b"
"""The one block of stride 1 that pools its input with the maximum instead of the mean."""


class BNInception(nn.Module):
    """Images (N, 3, H, W) to features (N, 1024), the mean over the last map: 7 x 7 for 224 x 224.

    10.3 million parameters; the classifier is left out. Any size goes: where a map to be halved has an odd side
    (never at multiples of 32, and the Caffe network cannot be run there) it is padded by a row or column of zeros,
    which changes no maximum after a ReLU.
    """

    width = 1024

    def __init__(self) -> None:
        super().__init__()
        self._add("conv1_7x7_s2", 3, 64, kernel=7, stride=2)
        self._add("conv2_3x3_reduce", 64, 64)
        self._add("conv2_3x3", 64, 192, kernel=3)
        channels = 192
        for name, block in BLOCKS.items():
            stride = 2 if block.halves else 1
            if not block.halves:
                self._add(f"{name}_1x1", channels, block.one)
                self._add(f"{name}_pool_proj", channels, block.project)
            self._add(f"{name}_3x3_reduce", channels, block.three_reduce)
            self._add(f"{name}_3x3", block.three_reduce, block.three, kernel=3, stride=stride)
            self._add(f"{name}_double_3x3_reduce", channels, block.double_reduce)
            self._add(f"{name}_double_3x3_1", block.double_reduce, block.double, kernel=3)
            self._add(f"{name}_double_3x3_2", block.double, block.double, kernel=3, stride=stride)
            channels = block.outputs(channels)

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, 1024) of images (N, 3, H, W)."""
        x = _halve(self._convolve("conv1_7x7_s2", images))
        x = _halve(self._convolve("conv2_3x3", self._convolve("conv2_3x3_reduce", x)))
        for name, block in BLOCKS.items():
            x = self._inception(name, block, x)
        return x.mean(dim=(2, 3))

    def _inception(self, name: str, block: Inception, x: Tensor) -> Tensor:
        three = self._convolve(f"{name}_3x3", self._convolve(f"{name}_3x3_reduce", x))
        double = self._convolve(f"{name}_double_3x3_1", self._convolve(f"{name}_double_3x3_reduce", x))
        double = self._convolve(f"{name}_double_3x3_2", double)
        if block.halves:
            height, width = x.shape[2:]
            return torch.cat((three, double, _halve(F.pad(x, (0, width % 2, 0, height % 2)))), dim=1)
        pool = F.max_pool2d if name == MAX_POOLED else F.avg_pool2d
        pooled = self._convolve(f"{name}_pool_proj", pool(x, 3, stride=1, padding=1))
        return torch.cat((self._convolve(f"{name}_1x1", x), three, double, pooled), dim=1)

    def _add(self, name: str, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        self.add_module(name, nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(outputs))

    def _convolve(self, name: str, x: Tensor) -> Tensor:
        """Convolution, BatchNorm, ReLU."""
        return F.relu(self.get_submodule(f"{name}_bn")(self.get_submodule(name)(x)))


def _halve(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 3, stride=2, ceil_mode=True)
