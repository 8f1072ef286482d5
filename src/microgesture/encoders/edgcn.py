"""EDGCN's encoder, reconstructed: every joint takes from every other (a dense graph), at a small cost.

The network of "Efficient Dense-Graph Convolutional Network with Inductive Prior Augmentations for Unsupervised
Micro-Gesture Recognition" (Atif Shah, Haoyu Chen, Henglin Shi, Guoying Zhao; ICPR 2022, doi
10.1109/ICPR56361.2022.9956565), a row of the paper's tables for iMiGUE and SMG. **This is not the official network.**
Neither code nor the paper's text was available to us; we built from its abstract.

From the abstract: an "effective dense-graph based unsupervised architecture" with "efficient and scalable encoders",
meant to overcome the "structure topologies" that differ between data sets. The rest of the method is training, not
architecture, and is not here: contrastive learning with a momentum encoder and a queue of keys, priors from augmented
sequences, knowledge from larger data sets. The published numbers are of that unsupervised training; this is the encoder
alone, trained as any other.

Ours, since the abstract gives no equation: that the dense graph is a learnt weight for every pair of joints, which
starts from the number of bones between them, with four reaches from a joint alone to nearly the whole body; that each
of the four graphs serves a quarter of the channels and that the convolution over time is split into depthwise and
pointwise (both usual in efficient graph networks: DecoupleGCN, ECCV 2020; EfficientGCN, arXiv 2106.15125); the ten
blocks around them (`graph_blocks`); every width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from microgesture.encoders.graph_blocks import BlockEncoder, stack_blocks
from microgesture.encoders.joint_graphs import hop_distances
from microgesture.encoders.registry import register
from microgesture.skeletons.layout_files import LayoutLike

REACHES = (0.5, 1.0, 2.0, 4.0)
"""In bones: at the start a joint's weight falls by e over so many, in each of the four graphs."""


class DenseGraphConvolution(nn.Module):
    """`y_kv = Σ_w D_k[v, w] (W x_w)_k`: k counts the four graphs and the quarters of the channels.

    D_k (V, V) is learnt and starts as the softmax over w of `-distance / reach_k` in bones: all joints are neighbours.
    """

    def __init__(self, width_in: int, width_out: int, distances: Tensor) -> None:
        super().__init__()
        self.graphs = nn.Parameter(torch.stack([(-distances / reach).softmax(-1) for reach in REACHES]))
        self.mix = nn.Conv2d(width_in, width_out, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, C, T, V) to (N, C', T, V)."""
        mixed = self.mix(features)
        count, width, frames, joints = mixed.shape
        taken = mixed.reshape(count, len(REACHES), -1, joints) @ self.graphs.mT
        return taken.reshape(count, width, frames, joints)


class SeparableTemporal(nn.Sequential):
    """A convolution over 9 frames of each channel by itself, then one over channels: 9 C + C² weights, not 9 C².

    (N, C, T, V) to (N, C, ceil(T / stride), V).
    """

    def __init__(self, width: int, stride: int) -> None:
        super().__init__(
            nn.Conv2d(width, width, (9, 1), (stride, 1), (4, 0), groups=width, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )


@register("edgcn")
class EdGcn(BlockEncoder):
    """Input norm, ten blocks of dense graph convolution and separable convolution over time. Reconstructed: see above.

    Skeletons (B, M, T, V, C) to tokens (B, T / 4, 4 * first_width).
    """

    def __init__(
        self, layout: LayoutLike = "coco-17", channels: int = 3, persons: int = 1, *, first_width: int = 64
    ) -> None:
        super().__init__(layout, channels, persons, first_width)
        distances = hop_distances(self.layout)

        def spatial(width_in: int, width_out: int) -> nn.Module:
            return DenseGraphConvolution(width_in, width_out, distances)

        self.blocks = nn.Sequential(*stack_blocks(spatial, SeparableTemporal, channels, first_width))
