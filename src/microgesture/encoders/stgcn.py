"""ST-GCN: graph convolutions over the joints of a frame, and convolutions over time.

Yan et al., "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition", AAAI 2018
(arXiv 1801.07455). Names and shapes of the weights are those of the official code, whose files load
(`load_reference`): 3,098,832 parameters with the 60 classes and 25 joints of NTU RGB+D, head included.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.graph_encoder import GraphEncoder
from microgesture.encoders.joint_graphs import Partition, partitioned_graph
from microgesture.encoders.reference import ReferenceWeights, load_reference_encoder
from microgesture.encoders.registry import register
from microgesture.encoders.weights import read_state_dict
from microgesture.errors import RecipeError
from microgesture.skeletons.layout_files import LayoutLike

STEPS = ((64, 1), (64, 1), (64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1), (256, 1))
"""Channels and stride over time of each block."""
KERNEL = 9
"""Frames of a convolution over time."""


class GraphConvolution(nn.Module):
    """`y_w = Σ_k Σ_v A_k[v, w] (W_k x_v + b_k)`, eq. 10 with the masks already in A.

    (N, `inputs`, T, V) and A (K, V, V) to (N, `outputs`, T, V).
    """

    def __init__(self, inputs: int, outputs: int, partitions: int) -> None:
        super().__init__()
        self.partitions = partitions
        self.conv = nn.Conv2d(inputs, outputs * partitions, 1)

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        mixed = self.conv(x).unflatten(1, (self.partitions, -1))
        return torch.einsum("nkctv,kvw->nctw", mixed, graph).contiguous()


class Block(nn.Module):
    """Graph convolution, convolution over time, dropout; then the sum with the input, and ReLU.

    (N, `inputs`, T, V) to (N, `outputs`, ceil(T/`stride`), V). Where the shape changes the input goes through a 1x1
    convolution; without `residual` it is left out.
    """

    def __init__(
        self, inputs: int, outputs: int, partitions: int, stride: int, dropout: float, residual: bool = True
    ) -> None:
        super().__init__()
        self.gcn = GraphConvolution(inputs, outputs, partitions)
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, (KERNEL, 1), (stride, 1), (KERNEL // 2, 0)),
            nn.BatchNorm2d(outputs),
            nn.Dropout(dropout),
        )
        self.residual: nn.Module | None = nn.Identity() if residual else None
        if residual and (inputs != outputs or stride != 1):
            self.residual = nn.Sequential(nn.Conv2d(inputs, outputs, 1, (stride, 1)), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor, graph: Tensor) -> Tensor:
        y = self.tcn(self.gcn(x, graph))
        return F.relu(y if self.residual is None else y + self.residual(x), inplace=True)


@register("stgcn")
class STGCN(GraphEncoder):
    """Skeletons (B, M, T, V, C) to tokens (B, ceil(T/4), 256), one for four frames. Any T from 1 frame works.

    `partition` and `reach` are those of `partitioned_graph`; "spatial" with a reach of 1 is official. A learnt mask
    weights the edges of every block unless `edge_importance` is off. `dropout` is that of all blocks but the first:
    0 in the official code, 0.5 in its configuration for NTU RGB+D. `weights` is None (random) or a local file with
    the official keys, with or without the head; the graph `A` in it takes the place of the layout's. Raises
    `RecipeError` for an option out of range, weights that do not fit, or a clip of another shape.
    """

    width = STEPS[-1][0]
    A: Tensor

    def __init__(
        self,
        layout: LayoutLike = "coco-17",
        channels: int = 3,
        persons: int = 1,
        partition: Partition = "spatial",
        reach: int = 1,
        edge_importance: bool = True,
        dropout: float = 0.0,
        weights: str | None = None,
    ) -> None:
        super().__init__(layout, channels, persons)
        self.register_buffer("A", partitioned_graph(self.layout, partition, reach))
        self.data_bn = nn.BatchNorm1d(len(self.layout) * channels)
        inputs = (channels, *(outputs for outputs, _ in STEPS))
        self.st_gcn_networks = nn.ModuleList(
            Block(inputs[i], outputs, len(self.A), stride, dropout if i else 0.0, residual=i > 0)
            for i, (outputs, stride) in enumerate(STEPS)
        )
        masks = [nn.Parameter(torch.ones_like(self.A)) for _ in STEPS] if edge_importance else []
        self.edge_importance = nn.ParameterList(masks)
        self.apply(_start)
        if weights is not None:
            load_reference_encoder(self, read_state_dict(weights))

    def forward(self, clip: Tensor) -> Tensor:
        """Tokens (B, ceil(T/4), 256) of a clip (B, M, T, V, C): means over the joints and persons."""
        self.check(clip)
        batch, persons, frames, joints, channels = clip.shape
        x = self.data_bn(clip.reshape(-1, joints * channels)).view(batch * persons, frames, joints, channels)
        x = x.permute(0, 3, 1, 2).contiguous()
        for i, block in enumerate(self.st_gcn_networks):
            x = block(x, self.A * self.edge_importance[i] if len(self.edge_importance) else self.A)
        return x.mean(3).unflatten(0, (batch, persons)).mean(1).transpose(1, 2)

    def from_reference(self, state: Mapping[str, Tensor]) -> ReferenceWeights:
        """Weights of the official `net.st_gcn.Model`, whose head is a 1x1 convolution `fcn`."""
        own = dict(state)
        graph = own.get("A")
        if graph is not None and graph.dim() == 3 and graph.shape != self.A.shape:
            (partitions, joints, _), name = graph.shape, self.layout.name
            ours = f"{len(self.A)} partitions of the {len(self.layout)} joints of layout '{name}'"
            raise RecipeError(f"the weights are for {partitions} partitions of {joints} joints, not {ours}")
        weight, bias = own.pop("fcn.weight", None), own.pop("fcn.bias", None)
        return ReferenceWeights(own, None if weight is None else weight.flatten(1), bias)


def _start(module: nn.Module) -> None:
    """First weights as in the official training: N(0, 0.02²), those of batch norms N(1, 0.02²), biases 0."""
    if isinstance(module, nn.Conv2d | nn.BatchNorm1d | nn.BatchNorm2d):
        nn.init.normal_(module.weight, 0.0 if isinstance(module, nn.Conv2d) else 1.0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
