"""The graphs of joints that networks over skeletons are built on: distances in bones, and ST-GCN's partitions.

Yan et al., "Spatial Temporal Graph Convolutional Networks for Skeleton-Based Action Recognition", AAAI 2018
(arXiv 1801.07455), section 3.3. A neighbourhood is all joints within `reach` bones; a partition divides it among
several matrices A_k, of which each has its own weights.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from microgesture.errors import RecipeError
from microgesture.skeletons.layouts import Layout

Partition = Literal["spatial", "spatial-tree", "distance", "uniform"]
"""How the neighbours of a joint are divided: see `partitioned_graph`."""


def hop_distances(layout: Layout) -> Tensor:
    """Bones on the way from each joint to each other one, int64 (V, V)."""
    distances = torch.zeros(len(layout), len(layout), dtype=torch.int64)
    neighbours: list[list[int]] = [[] for _ in layout.joints]
    for a, b in layout.edges.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    for start in range(len(layout)):
        reached = {start: 0}
        for joint in (queue := [start]):  # grows as it goes: breadth first
            for neighbour in neighbours[joint]:
                if neighbour not in reached:
                    reached[neighbour] = reached[joint] + 1
                    queue.append(neighbour)
        distances[start, list(reached)] = torch.tensor(list(reached.values()))
    return distances


def divide_by_degree(adjacency: Tensor) -> Tensor:
    """A D^-1 of matrices (..., V, V): every column sums to 1, or to 0 where it is empty."""
    degree = adjacency.sum(-2, keepdim=True)
    return torch.where(degree > 0, adjacency / degree.clamp_min(torch.finfo(degree.dtype).tiny), 0.0)


def partitioned_graph(layout: Layout, partition: Partition = "spatial", reach: int = 1) -> Tensor:
    """A (K, V, V) of ST-GCN: `A[k, v, w]` is the share of joint v in what joint w takes from partition k.

    Over all partitions the shares of a joint sum to 1. "uniform": one matrix. "distance": one for each distance from 0
    to `reach`. "spatial": the joint itself; then for each distance from 1 those as far from the layout's centre or
    farther, and those nearer to it (the names `close` and `further` of the official code are the other way round).

    "spatial" is the official code to the letter: it knows distances from the centre only up to `reach`. Beyond, all
    joints count as equally far, so that with a reach of 1 the third matrix has only bones within two of the centre.
    "spatial-tree" takes the whole way to the centre, as the paper means it. Raises `RecipeError` for another partition
    and a reach below 0.
    """
    if partition not in get_args(Partition):
        raise RecipeError(f"no partition '{partition}' of the joints: known are {', '.join(get_args(Partition))}")
    if reach < 0:
        raise RecipeError(f"the reach of a graph is 0 bones or more, got {reach}")
    distances = hop_distances(layout)
    shares = divide_by_degree((distances <= reach).double())
    if partition == "uniform":
        return shares[None].float()
    rings = [shares * (distances == hop) for hop in range(reach + 1)]
    if partition == "distance":
        return torch.stack(rings).float()
    to_centre = distances[layout.index(layout.center)]
    if partition == "spatial":
        to_centre = to_centre.clamp_max(reach + 1)
    nearer = to_centre[:, None] < to_centre  # [v, w]: v is nearer to the centre than w
    outer = [part for ring in rings[1:] for part in (ring * ~nearer, ring * nearer)]
    return torch.stack([rings[0], *outer]).float()


def spatial_partitions(layout: Layout) -> Tensor:
    """ST-GCN's three adjacency matrices (3, V, V): a joint itself, its neighbour towards the centre, those beyond it.

    Row v holds the shares of the joints that v takes from: it sums to 1, or to 0 where there is none.
    """
    towards = torch.zeros(len(layout), len(layout))
    for joint, parent in enumerate(layout.parents.tolist()):
        towards[joint, parent] = float(joint != parent)
    away = towards.T / towards.sum(0).clamp_min(1)[:, None]
    return torch.stack([torch.eye(len(layout)), towards, away])
