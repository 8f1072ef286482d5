"""RGBPoseConv3D: a slow path over pictures and a fast one over heat maps, which tell each other what they see.

Duan et al., "Revisiting Skeleton-based Action Recognition", CVPR 2022 (arXiv 2104.13586), section 3.4, with the
numbers of the released PYSKL and of MM-Gesture (arXiv 2507.08344). Official weight files load (`load_reference`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from microgesture.encoders.encoder import Modality
from microgesture.encoders.paired_clip import PairedClip
from microgesture.encoders.posec3d import HeatMapEncoder
from microgesture.encoders.reference import ReferenceWeights, load_reference_encoder
from microgesture.encoders.registry import register
from microgesture.encoders.slow_resnet import SlowResNet, check_size
from microgesture.encoders.weights import read_state_dict
from microgesture.errors import RecipeError
from microgesture.skeletons.layout_files import LayoutLike

SPEED = 4
"""Moments of the skeleton for each picture."""
KERNEL = 7
"""Moments that a lateral connection sees."""
REDUCTION = 16
"""Channels of a stage of pictures for each that the lateral connection hands over."""


class ToPictures(nn.Module):
    """From the moments of the skeleton to those of the pictures, (B, C, 4 T, H, W) to (B, C, T, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, (KERNEL, 1, 1), (SPEED, 1, 1), (KERNEL // 2, 0, 0), bias=False)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class ToSkeleton(nn.Module):
    """From the moments of the pictures to those of the skeleton, (B, C, T, H, W) to (B, C / 16, 4 T, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        outputs = channels // REDUCTION
        shape = ((KERNEL, 1, 1), (SPEED, 1, 1), (KERNEL // 2, 0, 0), (SPEED - 1, 0, 0))
        self.conv = nn.ConvTranspose3d(channels, outputs, *shape, bias=False)
        self.bn = nn.BatchNorm3d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x)).relu()


@register("rgbpose")
class RGBPose(HeatMapEncoder):
    """A `PairedClip` of pictures (B, 3, T, S, S) and skeletons (B, M, 4 T, V, 3) to tokens (B, T, 80 `width`).

    Published: 8 pictures of 224 pixels and 32 moments, `width` 32 of the skeletons' path (that of the pictures is
    twice as wide), σ 0.7. After its second and third stage the path of pictures is joined by what the other has
    found, and the other way round: by a 7x1x1 convolution of stride 4 towards the pictures, its transpose, batch norm
    and ReLU towards the skeletons. Maps are a quarter as large as the pictures and show the same part of them. A
    token is what both paths see at the moment of a picture, the mean over space; of the skeletons' path also over
    four moments. `paths` are the two widths. Lateral connections begin at random, where MM-Gesture begins from two
    trained paths and from zeros.

    `weights` is None or a file with the official keys, with or without the heads. Raises `RecipeError` for an option
    out of range, weights that do not fit, or a clip of another shape.
    """

    modality: Modality = "rgb+skeleton"  # type: ignore[misc]

    def __init__(
        self,
        layout: LayoutLike = "coco-17",
        persons: int = 1,
        maps: Literal["joint", "limb"] = "joint",
        limbs: Sequence[Sequence[str]] | None = None,
        rgb_blocks: Sequence[int] = (3, 4, 6, 3),
        pose_blocks: Sequence[int] = (4, 6, 3),
        width: int = 32,
        sigma: float = 0.7,
        weights: str | None = None,
    ) -> None:
        super().__init__(layout, 3, persons, maps, limbs, 2, 16, 16, 1.0, sigma)
        check_size("rgbpose", width, rgb_blocks, 4)
        check_size("rgbpose", width, pose_blocks, 3)
        if width % 2:
            raise RecipeError(f"encoder 'rgbpose' needs an even width, got {width}")
        late, inflate = (1, 2, 2, 2), (False, False, True, True)
        joining = (0, 0, 4 * width, 8 * width)
        self.rgb_path = SlowResNet(3, 2 * width, rgb_blocks, inflate, late, (1, 1, 1, 1), 2, joining)
        joining = (0, width, 2 * width, 0)
        pose_inflate, halves = (False, True, True), (2, 2, 2)
        self.pose_path = SlowResNet(self.drawn, width, pose_blocks, pose_inflate, halves, (1, 1, 1), 1, joining)
        for stage in (1, 2):
            self.rgb_path.add_module(f"layer{stage + 1}_lateral", ToPictures(4 * width * stage))
            self.pose_path.add_module(f"layer{stage}_lateral", ToSkeleton(16 * width * stage))
        self.paths = (self.rgb_path.outputs, self.pose_path.outputs)
        self.width = sum(self.paths)
        if weights is not None:
            load_reference_encoder(self, read_state_dict(weights))

    def forward(self, clip: PairedClip) -> Tensor:  # type: ignore[override]
        """Tokens (B, T, C): the pictures' path in front, the skeletons' behind."""
        self._check_both(clip)
        rgb, pose = self.rgb_path.stem(clip.rgb), self.pose_path.stem(self._maps(clip))
        rgb, pose = self.rgb_path.stage(2, self.rgb_path.stage(1, rgb)), self.pose_path.stage(1, pose)
        rgb, pose = self._joined(rgb, pose, 1)
        rgb, pose = self._joined(self.rgb_path.stage(3, rgb), self.pose_path.stage(2, pose), 2)
        rgb, pose = self.rgb_path.stage(4, rgb), self.pose_path.stage(3, pose)
        moments = pose.mean((3, 4)).unflatten(2, (-1, SPEED)).mean(3)
        return torch.cat([rgb.mean((3, 4)), moments], 1).transpose(1, 2)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """Weights of the official `RGBPoseConv3D` and `RGBPoseHead`, which has a linear layer for each path.

        The head that is returned gives the mean of the logits of both; the official network's scores are the mean of
        their probabilities (objective "supervised-paths").
        """
        own = {key.removeprefix("backbone."): value for key, value in state.items() if key.startswith("backbone.")}
        heads = {key: value for key, value in state.items() if key.startswith("cls_head.fc_")}
        names = [f"cls_head.fc_{path}" for path in ("rgb", "pose")]
        own |= {key: value for key, value in state.items() if not key.startswith(("backbone.", *names))}  # is refused
        weights = [heads[f"{name}.weight"] for name in names if f"{name}.weight" in heads]
        biases = [heads[f"{name}.bias"] for name in names if f"{name}.bias" in heads]
        weight = torch.cat(weights, 1) / 2 if len(weights) == 2 else None
        return ReferenceWeights(own, weight, torch.stack(biases).mean(0) if len(biases) == 2 else None)

    def example_input(self, batch: int) -> PairedClip:  # type: ignore[override]
        """Random pictures (B, 3, 4, 64, 64) and skeletons (B, M, 16, V, 3) in them."""
        generator = torch.Generator().manual_seed(0)
        rgb = torch.randn(batch, 3, 4, 64, 64, generator=generator)
        return PairedClip(rgb, torch.rand(batch, self.persons, 16, len(self.layout), 3, generator=generator))

    def _joined(self, rgb: Tensor, pose: Tensor, stage: int) -> tuple[Tensor, Tensor]:
        """Both with what the other found, `stage` being that of the skeletons' path."""
        to_rgb = self.rgb_path.get_submodule(f"layer{stage + 1}_lateral")(pose)
        to_pose = self.pose_path.get_submodule(f"layer{stage}_lateral")(rgb)
        return torch.cat([rgb, to_rgb], 1), torch.cat([pose, to_pose], 1)

    @torch.no_grad()
    def _maps(self, clip: PairedClip) -> Tensor:
        """Heat maps that lie on the pictures after the stem: a quarter of their size, rounded up."""
        size = -(-clip.rgb.shape[-1] // 4)
        with torch.autocast(clip.rgb.device.type, enabled=False):
            skeleton = clip.skeleton.float()
            return self.drawn_at(skeleton[..., :2] * size, skeleton[..., 2], size)

    def _check_both(self, clip: PairedClip) -> None:
        if not isinstance(clip, PairedClip):
            raise RecipeError("'rgbpose' reads a video and its skeleton together, not one of them")
        self.check(clip.skeleton)
        pictures, moments = clip.rgb.shape[2], clip.skeleton.shape[2]
        if moments != SPEED * pictures or clip.rgb.shape[-1] != clip.rgb.shape[-2]:
            shapes = f"{tuple(clip.rgb.shape)} and {tuple(clip.skeleton.shape)}"
            raise RecipeError(
                f"'rgbpose' reads square pictures and {SPEED} moments of skeletons for each, got {shapes}"
            )
