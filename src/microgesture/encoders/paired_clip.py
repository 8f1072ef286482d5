"""What an encoder of pictures and skeletons together is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class PairedClip:
    """Pictures and skeletons of the same moments and the same part of the picture.

    `rgb` (3, T, S, S), normalised as everywhere, and `skeleton` (M, T', V, 3): x and y as shares of the picture's width
    and height, and the score. A batch has one more axis in front of both; what indexes, splits or moves a clip does so
    with both.
    """

    rgb: Tensor
    skeleton: Tensor

    def __getitem__(self, index: Any) -> PairedClip:
        return PairedClip(self.rgb[index], self.skeleton[index])

    def __len__(self) -> int:
        return len(self.rgb)

    def split(self, size: int) -> list[PairedClip]:
        """Batches of `size` clips, the last of what is left."""
        return [PairedClip(*both) for both in zip(self.rgb.split(size), self.skeleton.split(size), strict=True)]

    def to(self, device: torch.device | str) -> PairedClip:
        """The same on a device; pictures in channels-last layout, which is faster."""
        rgb = self.rgb.to(device)
        layout = torch.channels_last_3d if rgb.dim() == 5 else torch.contiguous_format
        return PairedClip(rgb.contiguous(memory_format=layout), self.skeleton.to(device))


def stacked(clips: Sequence[PairedClip]) -> PairedClip:
    """Clips to a batch."""
    return PairedClip(torch.stack([clip.rgb for clip in clips]), torch.stack([clip.skeleton for clip in clips]))
