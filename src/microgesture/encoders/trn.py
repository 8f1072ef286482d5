"""TRN: which frames follow which, read by small perceptrons over the features of several frames at once.

Reference: Zhou, Andonian, Oliva, Torralba, "Temporal Relational Reasoning in Videos", ECCV 2018 (arXiv 1711.08496),
equations 1 to 3, and the released zhoubolei/TRN-pytorch. `trn` is its relation over all frames, `trn_multiscale` the
sum of relations over 2, 3, ... frames. The last layer of every relation is linear and is the head here.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.bninception import BNInception
from microgesture.encoders.encoder import Encoder
from microgesture.encoders.frame_network import (
    as_images,
    evenly_spaced,
    resnet,
    start_from,
    take_segments,
)
from microgesture.encoders.pixels import PixelScale, pixel_conversion
from microgesture.encoders.reference import ReferenceWeights
from microgesture.encoders.registry import register
from microgesture.errors import RecipeError

Backbone = Literal["bninception", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
Relation = tuple[int, ...]
"""Some of the frames of a clip, by number and in order."""

MAX_SEGMENTS = 16
"""There are 2^T relations over T frames, and all of them are listed."""


class RelationNetwork(Encoder):
    """The features of single frames, (B, `segments`, `feature_dim`), that relations are read from.

    `backbone` is "bninception" (published) or "resnet50" and the like. Of its features `dropout` takes a part while
    training, and a linear layer makes them `feature_dim` wide. A clip of another length gives `segments` evenly spaced
    frames; they repeat when it has fewer. `weights` is None (random), a file with the official keys or the backbone's,
    or, for a ResNet, the name of torchvision's weights ("IMAGENET1K_V1"). `pixels`: "kinetics" takes the clip as it is,
    "published" converts it to what published weights expect: BGR in 0..255 minus (104, 117, 128) for BN-Inception, RGB
    under ImageNet's mean and deviation for ResNets. Raises `RecipeError` when an option has no such value.
    """

    official: ClassVar[Mapping[str, str]] = {"base_model.": "backbone.", "new_fc.": "reduce."}

    def __init__(self, backbone: Backbone, segments: int, feature_dim: int, dropout: float, pixels: PixelScale) -> None:
        super().__init__()
        if not 2 <= segments <= MAX_SEGMENTS:
            raise RecipeError(f"TRN relates 2 to {MAX_SEGMENTS} segments, got {segments}")
        self.segments = segments
        self.architecture = str(backbone)
        if backbone == "bninception":
            self.backbone: nn.Module = BNInception()
            width = BNInception.width
        else:
            depth = self.architecture.removeprefix("resnet")
            if not (self.architecture.startswith("resnet") and depth.isdigit()):
                raise RecipeError(f"no backbone '{backbone}' for TRN: known are bninception, resnet50 and the like")
            self.backbone, width = resnet(int(depth))
        self.pixels = pixel_conversion(pixels, "bgr" if backbone == "bninception" else "rgb")
        self.dropout = nn.Dropout(dropout)
        self.reduce = nn.Linear(width, feature_dim)
        nn.init.normal_(self.reduce.weight, std=0.001)  # as released
        nn.init.zeros_(self.reduce.bias)

    def frame_features(self, clip: Tensor) -> Tensor:
        """(B, `segments`, `feature_dim`) of a clip (B, 3, T, H, W)."""
        images = as_images(self.pixels(take_segments(clip, self.segments)))
        return self.reduce(self.dropout(self.backbone(images))).unflatten(0, (-1, self.segments))

    def example_input(self, batch: int) -> Tensor:
        """A random clip (B, 3, `segments`, 64, 64)."""
        return torch.randn(batch, 3, self.segments, 64, 64, generator=torch.Generator().manual_seed(0))

    def _renamed(self, state: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
        """`state` with the beginnings of keys that `names` and `official` list replaced; other keys stay."""
        names = {**names, **self.official}
        own = {}
        for key, value in state.items():
            old = next((beginning for beginning in names if key.startswith(beginning)), None)
            own[key if old is None else names[old] + key.removeprefix(old)] = value
        return own


@register("trn")
class TRN(RelationNetwork):
    """Single-scale TRN: one perceptron over the features of all `segments` frames, one token (B, 1, 512).

    See `RelationNetwork` for the options.
    """

    width = 512

    def __init__(
        self,
        backbone: Backbone = "bninception",
        segments: int = 8,
        feature_dim: int = 256,
        dropout: float = 0.8,
        weights: str | None = None,
        pixels: PixelScale = "kinetics",
    ) -> None:
        super().__init__(backbone, segments, feature_dim, dropout, pixels)
        self.relation = nn.Linear(segments * feature_dim, self.width)
        if weights is not None:
            start_from(str(weights), self, self.backbone, self.architecture)

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, 1, 512) of a clip (B, 3, T, H, W)."""
        frames = F.relu(self.frame_features(clip)).flatten(1)
        return F.relu(self.relation(frames)).unsqueeze(1)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """The official network's weights: `base_model.conv1_7x7_s2.weight`, ..., `new_fc.weight`,
        `consensus.classifier.1.weight` and, the head, `consensus.classifier.3.weight`."""
        own = self._renamed(state, {"consensus.classifier.1.": "relation."})
        head = "consensus.classifier.3."
        return ReferenceWeights(own, own.pop(head + "weight", None), own.pop(head + "bias", None))


@register("trn_multiscale")
class MultiScaleTRN(RelationNetwork):
    """Multi-scale TRN: a perceptron for every number of frames from `segments` down to 2, one token (B, 1, C).

    C is 256 for every scale, the longest first. Of the relations of a scale the released code draws three anew at every
    call, in evaluation too, and adds up their logits. Here so many are drawn (torch's generator) while training only.
    In evaluation `self.relations` counts, a list of `Relation`s for every scale, which may be set. With `relations`
    "even" they are the three evenly spaced in the list of all, a draw that could have been; with "all" they are all,
    and their mean times three is the expectation of the released network's logits.

    To compare with the released code, seed it (`official_draw`) or let it choose what "even" does:
    `numpy.random.choice = lambda n, k, replace: [(2 * i + 1) * n // (2 * k) for i in range(k)]`.

    The head is linear in the sum over a scale's relations. Its bias is that of all scales together, each times the
    number of its relations; so encoder and head have (`segments` - 2) K parameters fewer than the released network,
    which has a bias for every scale.
    """

    perceptron = 256
    drawn = 3

    def __init__(
        self,
        backbone: Backbone = "bninception",
        segments: int = 8,
        feature_dim: int = 256,
        dropout: float = 0.8,
        weights: str | None = None,
        pixels: PixelScale = "kinetics",
        relations: Literal["even", "all"] = "even",
    ) -> None:
        super().__init__(backbone, segments, feature_dim, dropout, pixels)
        if relations not in ("even", "all"):
            raise RecipeError(f"encoder 'trn_multiscale': relations must be even or all, got '{relations}'")
        self.scales = tuple(range(segments, 1, -1))
        self.width = self.perceptron * len(self.scales)
        self.possible = [list(combinations(range(segments), scale)) for scale in self.scales]
        self.counts = [min(self.drawn, len(possible)) for possible in self.possible]
        self.relations: list[list[Relation]] = self.possible
        if relations == "even":
            self.relations = [
                [possible[i] for i in evenly_spaced(len(possible), count)]
                for possible, count in zip(self.possible, self.counts, strict=True)
            ]
        self.fusions = nn.ModuleList(nn.Linear(scale * feature_dim, self.perceptron) for scale in self.scales)
        if weights is not None:
            start_from(str(weights), self, self.backbone, self.architecture)

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, 1, C) of a clip (B, 3, T, H, W)."""
        frames = F.relu(self.frame_features(clip))
        chosen = self._random_draw() if self.training else self.relations
        sums = []
        for fusion, relations, count in zip(self.fusions, chosen, self.counts, strict=True):
            related = frames[:, torch.tensor(relations, device=frames.device)].flatten(2)  # (B, R, scale features)
            sums.append(F.relu(fusion(related)).mean(dim=1) * count)
        return torch.cat(sums, dim=1).unsqueeze(1)

    def official_draw(self, generator: np.random.RandomState) -> list[list[Relation]]:
        """The relations that the released code draws in one call when NumPy's global generator is in this state.

        `np.random.seed(s)`, then the released network, equals `encoder.relations = encoder.official_draw(
        np.random.RandomState(s))`, then this one in eval mode.
        """
        draws = [self.possible[0][:1]]
        for possible, count in zip(self.possible[1:], self.counts[1:], strict=True):
            draws.append([possible[i] for i in generator.choice(len(possible), count, replace=False)])
        return draws

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """The official network's weights: `base_model.conv1_7x7_s2.weight`, ..., `new_fc.weight`,
        `consensus.fc_fusion_scales.0.1.weight` (0: the longest scale) and, the head,
        `consensus.fc_fusion_scales.0.3.weight`.

        Raises `RecipeError` when the head lacks a scale.
        """
        scales = [f"consensus.fc_fusion_scales.{i}." for i in range(len(self.scales))]
        own = self._renamed(state, {f"{scale}1.": f"fusions.{i}." for i, scale in enumerate(scales)})
        heads = [(own.pop(f"{scale}3.weight", None), own.pop(f"{scale}3.bias", None)) for scale in scales]
        if all(head == (None, None) for head in heads):
            return ReferenceWeights(own, None, None)
        weights, biases = [], []
        for scale, count, (weight, bias) in zip(scales, self.counts, heads, strict=True):
            if weight is None or bias is None:
                raise RecipeError(f"the head of the weights for 'trn_multiscale' lacks {scale}3")
            weights.append(weight)
            biases.append(count * bias)
        return ReferenceWeights(own, torch.cat(weights, dim=1), torch.stack(biases).sum(dim=0))

    def _random_draw(self) -> list[list[Relation]]:
        """As many relations of every scale as the released code adds up, drawn with torch's generator."""
        return [
            [possible[i] for i in torch.randperm(len(possible))[:count].tolist()]
            for possible, count in zip(self.possible, self.counts, strict=True)
        ]
