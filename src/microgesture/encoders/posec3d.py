"""PoseC3D: a slow 3-D ResNet over heat maps of joints or limbs.

Duan et al., "Revisiting Skeleton-based Action Recognition", CVPR 2022 (arXiv 2104.13586). Official weight files load
(`load_reference`): PYSKL's `slowonly_r50` configurations, 2,024,860 parameters with 17 joints and 60 classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from microgesture.encoders.graph_encoder import GraphEncoder
from microgesture.encoders.heatmaps import (
    clip_boxes,
    cropped,
    in_pixels,
    joint_maps,
    limb_maps,
    limb_pairs,
    mirrored_limbs,
)
from microgesture.encoders.reference import ReferenceWeights, load_reference_encoder
from microgesture.encoders.registry import register
from microgesture.encoders.slow_resnet import SlowResNet, check_size
from microgesture.encoders.weights import read_state_dict
from microgesture.errors import RecipeError
from microgesture.skeletons.layout_files import LayoutLike

Maps = Literal["joint", "limb"]


class HeatMapEncoder(GraphEncoder):
    """Skeletons (B, M, T, V, C) that are drawn before a network sees them. `draw` makes the pictures.

    A map shows the square around all that is known in the clip (`clip_boxes`): whole, of `size` pixels, outside
    training; a random part of `crop` of its area or more, of `crop_size` pixels, in training (`crop: 1` is the whole).
    A spot is as high as the joint's score. Where a clip has none (two channels, or `dimensions` 3: x, y, z) a joint
    counts as known, with height 1, unless it lies at the origin in all frames; of points in space x and y are drawn.
    """

    places_only = True
    min_frames = 4
    swap: Tensor
    pairs: Tensor

    def __init__(
        self,
        layout: LayoutLike,
        channels: int,
        persons: int,
        maps: Maps,
        limbs: Sequence[Sequence[str]] | None,
        dimensions: int,
        size: int,
        crop_size: int,
        crop: float,
        sigma: float,
    ) -> None:
        super().__init__(layout, channels, persons)
        if maps not in get_args(Maps):
            raise RecipeError(f"maps are of {' or '.join(get_args(Maps))}, got '{maps}'")
        if dimensions not in (2, 3) or channels < dimensions:
            raise RecipeError(f"{channels} channels of points in {dimensions} dimensions cannot be drawn")
        if min(size, crop_size) < 16 or not 0 < crop <= 1 or not sigma > 0:
            given = f"size {size}, crop_size {crop_size}, crop {crop:g} and sigma {sigma:g}"
            raise RecipeError(f"heat maps need 16 pixels or more, a crop in (0, 1] and a sigma above 0; got {given}")
        self.maps, self.dimensions, self.sigma = maps, dimensions, sigma
        self.size, self.crop_size, self.crop = size, crop_size, crop
        pairs = limb_pairs(self.layout, limbs) if maps == "limb" else torch.zeros(0, 2, dtype=torch.int64)
        self.register_buffer("pairs", pairs, persistent=False)

    @property
    def drawn(self) -> int:
        """Channels of a map: joints or limbs."""
        return len(self.pairs) if self.maps == "limb" else len(self.layout)

    def mirror(self) -> Tensor:
        """For each channel of a map the one that takes its place in a mirrored picture. Raises `RecipeError`."""
        if self.maps == "limb":
            return mirrored_limbs(self.pairs, self.layout)
        return torch.from_numpy(self.layout.flip_permutation)

    @torch.no_grad()
    def draw(self, clip: Tensor) -> Tensor:
        """Maps (B, joints or limbs, T, S, S) of a clip (B, M, T, V, C), float32, S = `size` or `crop_size`."""
        with torch.autocast(clip.device.type, enabled=False):
            points, heights = clip[..., :2].float(), self._heights(clip)
            boxes = clip_boxes(points, heights > 0)
            smaller = self.training and self.crop < 1
            size = self.crop_size if smaller else self.size
            points = in_pixels(points, cropped(boxes, self.crop) if smaller else boxes, size)
            return self.drawn_at(points, heights, size)

    def drawn_at(self, points: Tensor, heights: Tensor, size: int) -> Tensor:
        """Maps of points that are pixels already, (B, M, T, V, 2), and their heights (B, M, T, V)."""
        if self.maps == "limb":
            return limb_maps(points, heights, self.pairs, size, self.sigma)
        return joint_maps(points, heights, size, self.sigma)

    def _heights(self, clip: Tensor) -> Tensor:
        if self.channels > self.dimensions:
            return clip[..., self.dimensions].float()
        known = (clip[..., : self.dimensions] != 0).any(-1).any(2, keepdim=True)
        return known.float().expand(clip.shape[:-1])


@register("posec3d")
class PoseC3D(HeatMapEncoder):
    """Skeletons (B, M, T, V, C) to tokens (B, ceil(T/2), 16 `width`) over heat maps of `maps`: "joint" or "limb".

    Limbs are those of `heatmaps.LIMBS` or the bones of the layout, unless `limbs` lists pairs of joints. Published: 48
    frames, blocks (4, 6, 3) and width 32, maps of 64 pixels and in training crops of 56 % or more at 56, σ 0.6. One
    stage halves the time, all halve the picture. A token is the mean over the picture.

    `mirrored` shows the network the mirrored clip too, left and right channels exchanged, outside training: its tokens
    are appended, so scores are means over both. (PYSKL's test averages probabilities, a linear head logits; not for
    classes that name a side.) PYSKL's ten clips a test are one here, its frames the middles of the segments.

    `weights` is None or a file with the official keys, with or without the head. Raises `RecipeError` for an option out
    of range, weights that do not fit, or a clip of another shape.
    """

    def __init__(
        self,
        layout: LayoutLike = "coco-17",
        channels: int = 3,
        persons: int = 1,
        maps: Maps = "joint",
        limbs: Sequence[Sequence[str]] | None = None,
        blocks: Sequence[int] = (4, 6, 3),
        width: int = 32,
        size: int = 64,
        crop_size: int = 56,
        crop: float = 0.56,
        sigma: float = 0.6,
        dimensions: int = 2,
        mirrored: bool = False,
        weights: str | None = None,
    ) -> None:
        super().__init__(layout, channels, persons, maps, limbs, dimensions, size, crop_size, crop, sigma)
        check_size("posec3d", width, blocks, 3)
        self.backbone = SlowResNet(self.drawn, width, blocks, (False, True, True), (2, 2, 2), (1, 1, 2))
        self.width = self.backbone.outputs
        self.mirrored = mirrored
        self.register_buffer("swap", self.mirror() if mirrored else torch.zeros(0, dtype=torch.int64), persistent=False)
        if weights is not None:
            load_reference_encoder(self, read_state_dict(weights))

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, ceil(T/2), C) of a clip (B, M, T, V, C); twice as many where the mirrored clip is seen too."""
        self.check(clip)
        maps = self.draw(clip)
        tokens = self._tokens(maps)
        if not self.mirrored or self.training:
            return tokens
        return torch.cat([tokens, self._tokens(maps[:, self.swap].flip(-1))], 1)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """Weights of PYSKL's `Recognizer3D` with a `ResNet3dSlowOnly`, whose head is `cls_head.fc_cls`."""
        own = dict(state)
        stem = own.get("backbone.conv1.conv.weight")
        if stem is not None and stem.dim() == 5 and stem.shape[1] != self.drawn:
            what = f"{self.drawn} {self.maps}s of layout '{self.layout.name}'"
            raise RecipeError(f"the weights are for maps of {stem.shape[1]} channels, not of the {what}")
        return ReferenceWeights(own, own.pop("cls_head.fc_cls.weight", None), own.pop("cls_head.fc_cls.bias", None))

    def _tokens(self, maps: Tensor) -> Tensor:
        return self.backbone(maps).mean((3, 4)).transpose(1, 2)
