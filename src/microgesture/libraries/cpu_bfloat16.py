"""A way around a wrong kernel: bf16 convolutions over two frames on a CPU.

Seen with torch 2.13 (oneDNN) on AVX-512 processors: the weight gradient of a bf16 convolution that is 3 long in
time, with stride 1 and padding 1, is garbage (wrong by 100 %, infinite or NaN, changing from run to run) when its
input is exactly 2 long; 1, 3, 6 and 12 are right. R(2+1)D meets that length in its last stage with 9 to 16
frames. Such a layer is computed in fp32 here; it is small, and the rest of the network stays in bf16.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def avoid_wrong_kernel(module: nn.Module) -> None:
    """Make every 3-D convolution of `module` that the fault can meet compute in fp32 when it would."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv3d) and layer.kernel_size[0] > 1:
            layer._conv_forward = _careful(layer._conv_forward)  # type: ignore


def _careful(
    convolve: Callable[[Tensor, Tensor, Tensor | None], Tensor],
) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    def forward(clip: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if clip.device.type != "cpu" or clip.shape[2] != 2 or not torch.is_autocast_enabled("cpu"):
            return convolve(clip, weight, bias)
        with torch.autocast("cpu", enabled=False):
            return convolve(clip.float(), weight.float(), None if bias is None else bias.float())

    return forward
