"""MS-G3D: graph convolutions over several scales and over windows of frames.

Liu et al., "Disentangling and Unifying Graph Convolutions for Skeleton-Based Action Recognition", CVPR 2020
(arXiv 2003.14111). The official weights load (`load_reference`): 3,194,595 parameters with the 60 classes, 25 joints
and 2 persons of NTU RGB+D, head, adjacency masks and input normalisation counted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from microgesture.encoders.graph_encoder import GraphEncoder
from microgesture.encoders.joint_graphs import hop_distances
from microgesture.encoders.msg3d_blocks import BRANCHES, DILATIONS, SpatialTemporalBlock
from microgesture.encoders.reference import ReferenceWeights, load_reference_encoder
from microgesture.encoders.registry import register
from microgesture.encoders.weights import read_state_dict
from microgesture.errors import RecipeError
from microgesture.skeletons.layout_files import LayoutLike

log = logging.getLogger(__name__)

OFFICIAL_SCALES = {"ntu-rgb+d": (13, 6), "openpose-kinetics": (8, 8)}
"""`gcn_scales` and `g3d_scales` of the official configurations, by layout."""
_LOOKALIKES = {"ntu-25": "ntu-rgb+d", "kinect-25": "ntu-rgb+d", "openpose-18": "openpose-kinetics"}
"""Layouts of the same joints as an official one, with other bones."""
_MOST_SCALES = OFFICIAL_SCALES["ntu-rgb+d"]
_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_LAYER = ("weight", "bias")


@register("msg3d")
class MSG3D(GraphEncoder):
    """Skeletons (B, M, T, V, C) to tokens (B, ceil(T/4), 384), one for four frames.

    `gcn_scales` is how many scales the graph convolutions have (K + 1 in the paper: 0 to K hops), `g3d_scales` those
    of the windows. None is the official number where there is one (`OFFICIAL_SCALES`), and else that of NTU RGB+D
    (13 and 6) or as many as the graph has, if those are fewer: beyond its longest way a scale is only the identity
    once more. `weights` is None (random) or a local file with the official keys, with or without the head. Any T from
    1 frame works. Raises `RecipeError` for scales below 1, weights that do not fit, or a clip of another shape.
    """

    width = 384

    def __init__(
        self,
        layout: LayoutLike = "coco-17",
        channels: int = 3,
        persons: int = 1,
        gcn_scales: int | None = None,
        g3d_scales: int | None = None,
        weights: str | None = None,
    ) -> None:
        super().__init__(layout, channels, persons)
        longest = int(hop_distances(self.layout).max())
        usual = OFFICIAL_SCALES.get(self.layout.name) or tuple(min(most, longest + 1) for most in _MOST_SCALES)
        self.gcn_scales = usual[0] if gcn_scales is None else gcn_scales
        self.g3d_scales = usual[1] if g3d_scales is None else g3d_scales
        if min(self.gcn_scales, self.g3d_scales) < 1:
            raise RecipeError(f"'msg3d' needs 1 scale or more, got {self.gcn_scales} and {self.g3d_scales}")
        self.input_norm = nn.BatchNorm1d(persons * len(self.layout) * channels)
        scales = (self.gcn_scales, self.g3d_scales)
        self.blocks = nn.Sequential(
            SpatialTemporalBlock(self.layout, scales, channels, 96, 96, 1),
            SpatialTemporalBlock(self.layout, scales, 96, 96, 192, 2),
            SpatialTemporalBlock(self.layout, scales, 192, 192, 384, 2),
        )
        if weights is not None:
            state = read_state_dict(Path(weights).expanduser())
            try:
                load_reference_encoder(self, state)
            except RecipeError as error:
                raise RecipeError(f"{weights}: {error}") from error

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, ceil(T/4), 384) of a clip (B, M, T, V, C): means over the joints and persons."""
        self.check(clip)
        batch, persons, frames, joints, channels = clip.shape
        x = self.input_norm(clip.permute(0, 1, 3, 4, 2).reshape(batch, -1, frames))
        x = x.reshape(batch * persons, joints, channels, frames).permute(0, 2, 3, 1)
        x = self.blocks(x.contiguous(memory_format=torch.channels_last))
        return x.mean(3).unflatten(0, (batch, persons)).mean(1).transpose(1, 2)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """Weights of the official `model.msg3d.Model`, whose branches of one layer each are one layer here."""
        rest = dict(state)
        self._check_options(rest)
        own = {}
        for name, official in _official_names():
            if name.endswith("num_batches_tracked") and official[0] not in rest:
                continue
            missing = [key for key in official if key not in rest]
            if missing:
                raise RecipeError(f"the weights do not fit 'msg3d': {missing[0]} is missing")
            own[name] = _joined([rest.pop(key) for key in official], official[0])
        weight, bias = rest.pop("fc.weight", None), rest.pop("fc.bias", None)
        if self.layout.name in _LOOKALIKES:  # the graph is not among the weights
            log.warning(
                "'msg3d': official weights were trained on layout '%s', whose bones are not those of '%s'",
                _LOOKALIKES[self.layout.name],
                self.layout.name,
            )
        return ReferenceWeights({**own, **rest}, weight, bias)

    def _check_options(self, state: Mapping[str, Tensor]) -> None:
        """Say which options the weights were made with, where they are other ones than this encoder's."""
        try:
            (rows, joints), window = state["sgcn1.0.A_res"].shape, state["gcn3d1.gcn3d.0.gcn3d.1.A_res"].shape
            channels = state["sgcn1.0.mlp.layers.0.weight"].shape[1] * joints // rows
            persons = state["data_bn.weight"].shape[0] // (joints * channels)
            theirs = (channels, persons, rows // joints, window[0] // window[1])
        except (KeyError, ValueError, IndexError, ZeroDivisionError):
            return  # incomplete: what is missing is said later
        if joints != len(self.layout):
            raise RecipeError(
                f"the weights are for {joints} joints, layout '{self.layout.name}' has {len(self.layout)}: "
                "give the layout that they were trained on"
            )
        own = (self.channels, self.persons, self.gcn_scales, self.g3d_scales)
        names = ("channels", "persons", "gcn_scales", "g3d_scales")
        other = [f"{name}={value}" for name, value, mine in zip(names, theirs, own, strict=True) if value != mine]
        if other:
            raise RecipeError(f"the weights are those of an 'msg3d' with other options: give {', '.join(other)}")


def _joined(parts: list[Tensor], key: str) -> Tensor:
    """Parts of one layer after each other; a count of batches is that of the first part."""
    if parts[0].dim() == 0:
        return parts[0]
    if any(part.shape[1:] != parts[0].shape[1:] for part in parts):
        shapes = ", ".join(str(tuple(part.shape)) for part in parts)
        raise RecipeError(f"the weights do not fit 'msg3d': {key} and its neighbours are {shapes}")
    whole = torch.cat(parts)
    return whole.squeeze(2) if whole.dim() == 5 else whole  # the collapse is a Conv3d there


def _official_names() -> Iterator[tuple[str, list[str]]]:
    """Every key of the encoder with the official keys whose values it joins."""
    yield from _layer("input_norm", ["data_bn"], _NORM)
    for block in range(3):
        own, official = f"blocks.{block}", f"{block + 1}"
        for window in range(2):
            there = f"gcn3d{official}.gcn3d.{window}"
            yield from _graph_names(f"{own}.windows.{window}.graph", f"{there}.gcn3d.1")
            yield from _layer(f"{own}.windows.{window}.collapse", [f"{there}.out_conv"], _LAYER)
            yield from _layer(f"{own}.windows.{window}.norm", [f"{there}.out_bn"], _NORM)
        yield from _graph_names(f"{own}.graph", f"sgcn{official}.0")
        yield from _temporal_names(f"{own}.first", f"sgcn{official}.1", residual=block > 0)
        yield from _temporal_names(f"{own}.second", f"sgcn{official}.2")
        yield from _temporal_names(f"{own}.last", f"tcn{official}")


def _layer(own: str, official: list[str], kinds: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
    for kind in kinds:
        yield f"{own}.{kind}", [f"{layer}.{kind}" for layer in official]


def _graph_names(own: str, official: str) -> Iterator[tuple[str, list[str]]]:
    yield f"{own}.mask", [f"{official}.A_res"]
    yield from _layer(f"{own}.mix", [f"{official}.mlp.layers.0"], _LAYER)
    yield from _layer(f"{own}.norm", [f"{official}.mlp.layers.1"], _NORM)


def _temporal_names(own: str, official: str, residual: bool = False) -> Iterator[tuple[str, list[str]]]:
    branches = [f"{official}.branches.{i}" for i in range(BRANCHES)]
    *dilated, maximum, single = branches
    yield from _layer(f"{own}.enter", [f"{branch}.0" for branch in branches[:-1]], _LAYER)
    yield from _layer(f"{own}.enter_norm", [f"{branch}.1" for branch in branches[:-1]], _NORM)
    for i in range(len(DILATIONS)):
        yield from _layer(f"{own}.dilated.{i}", [f"{dilated[i]}.3.conv"], _LAYER)
    yield from _layer(f"{own}.single", [f"{single}.0"], _LAYER)
    yield from _layer(f"{own}.norm", [*(f"{branch}.3.bn" for branch in dilated), f"{maximum}.4", f"{single}.1"], _NORM)
    if residual:
        yield from _layer(f"{own}.residual.0", [f"{official}.residual.conv"], _LAYER)
        yield from _layer(f"{own}.residual.1", [f"{official}.residual.bn"], _NORM)
