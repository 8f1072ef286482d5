"""Views of skeletons for contrastive learning: crops in time, and one of two distortions in space.

After Gao et al., VCIP 2022 (CdCLR), and Thoker et al., ACM MM 2021 (ISC), whose augmentations they are. All draws come
from torch's global generator, which the training loop sets from (seed, step), so a run that goes on sees what it would
have seen. They are drawn on the CPU, alike on every device.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from microgesture.encoders.encoder import Encoder
from microgesture.errors import RecipeError


def draw_crops(frames: Tensor, count: int, scale: tuple[float, float], least: int) -> tuple[Tensor, Tensor]:
    """First frames and lengths, int64 (B, `count`), of crops of clips with so many real `frames`, int64 (B,).

    A length is min(max(⌊frames s⌋, `least`), frames) with s uniform within `scale`, a start uniform over what fits.
    """
    low, high = scale
    whole = frames.cpu()[:, None]
    share = low + (high - low) * torch.rand(len(whole), count)
    lengths = (whole * share).floor().long().clamp_min(least).minimum(whole)
    starts = (torch.rand(len(whole), count) * (whole - lengths + 1)).floor().long()
    return starts.minimum(whole - lengths), lengths


def crop(clip: Tensor, starts: Tensor, lengths: Tensor, frames: int) -> Tensor:
    """Part [start, start + length) of every clip (B, M, T, V, C), stretched to `frames` frames on straight lines.

    `starts` and `lengths` are (B,). Frames lie as `torch.nn.functional.interpolate` (linear, `align_corners` off) has
    them: the middles of equal parts.
    """
    starts, lengths = starts.to(clip.device)[:, None], lengths.to(clip.device)[:, None]
    middle = (torch.arange(frames, device=clip.device) + 0.5) * (lengths / frames) - 0.5
    place = middle.clamp_min(0.0).minimum(lengths - 1.0)
    before = place.floor().long()
    after = (before + 1).minimum(lengths - 1)
    part = (place - before)[:, None, :, None, None].to(clip.dtype)
    row = torch.arange(len(clip), device=clip.device)[:, None]
    in_time = clip.transpose(1, 2)
    first, second = (in_time[row, starts + each].transpose(1, 2) for each in (before, after))
    return torch.lerp(first, second, part)


def distort(clip: Tensor, dimensions: int, corrupted: float) -> Tensor:
    """Every clip (B, M, T, V, C) by one of two distortions, each as likely as the other: corrupted joints, or shear.

    A share `corrupted` of the joints, the same in all frames, lies at the origin (p = ½) or is multiplied by one matrix
    of entries U(−1, 1); or all joints are sheared by a matrix of 1 on its diagonal and U(−1, 1) off it. Matrices are
    `dimensions` wide: 2 x 2 for points in a picture, where the authors had 3D [R]. A score behind the coordinates of a
    joint at the origin becomes 0, as of a joint that is not seen [R].
    """
    B, V, D = len(clip), clip.shape[3], min(dimensions, clip.shape[-1])
    joints = (torch.rand(B, V).argsort(1) < round(corrupted * V))[:, :, None, None]
    kind = torch.rand(B, 1, 1, 1)
    noise = torch.rand(B, 1, D, D) * 2 - 1
    same = torch.eye(D)
    broken = torch.where(joints, torch.where(kind < 0.25, 0.0, noise), same)
    sheared = (noise * (1 - same) + same).expand(B, V, D, D)
    matrix = torch.where(kind < 0.5, broken, sheared).to(clip.device, clip.dtype)
    with torch.autocast(clip.device.type, enabled=False):  # places keep their precision
        points = torch.einsum("bmtvd,bvde->bmtve", clip[..., :D], matrix)
    gone = (joints & (kind < 0.25)).squeeze(-1).to(clip.device)[:, None, None]
    return torch.cat([points, clip[..., D:].masked_fill(gone, 0.0)], -1)


def dimensions_of(encoder: Encoder, objective: str, given: int) -> int:
    """How many of a skeleton's channels are coordinates: what the recipe says, or else the encoder knows.

    Raises `RecipeError` for clips of pictures, for other dimensions than 2 and 3, and where nobody knows: the third
    channel may be a score or a depth, and a score that is sheared into the place would be wrong in silence.
    """
    if encoder.modality != "skeleton":
        raise RecipeError(f"objective '{objective}' learns from skeletons, encoder '{encoder.name}' reads pictures")
    known: Any = given or getattr(encoder, "dimensions", 0) or (2 if getattr(encoder, "channels", 3) == 2 else 0)
    if known not in (2, 3):
        raise RecipeError(
            f"objective '{objective}': give --objective.options.dimensions 2 (x, y and a score) or 3 (x, y, z): "
            f"encoder '{encoder.name}' does not tell"
        )
    return int(known)
