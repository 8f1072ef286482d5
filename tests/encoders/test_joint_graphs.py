"""Graphs of joints: distances by hand, the official graphs of ST-GCN by their own list of bones."""

from itertools import pairwise

import pytest
import torch

from microgesture.encoders.joint_graphs import divide_by_degree, hop_distances, partitioned_graph
from microgesture.errors import RecipeError
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.skeletons.skeleton import make_layout

# the bones of the published graphs, counted from 1 (NTU RGB+D) and from 0 (OpenPose), and their centres from 0
NTU_BONES = (
    *((1, 2), (2, 21), (3, 21), (4, 3), (5, 21), (6, 5), (7, 6), (8, 7), (9, 21), (10, 9), (11, 10), (12, 11)),
    *((13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19), (22, 23), (23, 8)),
    *((24, 25), (25, 12)),
)
OPENPOSE_BONES = (
    *((4, 3), (3, 2), (7, 6), (6, 5), (13, 12), (12, 11), (10, 9), (9, 8), (11, 5), (8, 2), (5, 1), (2, 1)),
    *((0, 1), (15, 0), (14, 0), (17, 15), (16, 14)),
)
OFFICIAL = {
    "ntu-rgb+d": ([(a - 1, b - 1) for a, b in NTU_BONES], 25, 20),
    "openpose-kinetics": (list(OPENPOSE_BONES), 18, 1),
}


def published_graph(layout: str) -> torch.Tensor:
    """The three matrices for neighbours one bone away, joint by joint."""
    bones, joints, centre = OFFICIAL[layout]
    linked = {(v, v) for v in range(joints)} | set(bones) | {(b, a) for a, b in bones}
    # the official code knows only these distances from the centre; all others are "infinite", and equal
    away = [0 if v == centre else 1 if (v, centre) in linked else 2 for v in range(joints)]
    graph = torch.zeros(3, joints, joints)
    for v, w in linked:
        partition = 0 if v == w else 1 if away[v] >= away[w] else 2
        graph[partition, v, w] = 1 / sum((u, w) in linked for u in range(joints))
    return graph


def chain(joints: int, centre: int = 0):
    names = [f"j{i}" for i in range(joints)]
    return make_layout("chain", names, list(pairwise(names)), names[centre])


def test_distances_count_bones():
    assert hop_distances(chain(4)).tolist() == [[0, 1, 2, 3], [1, 0, 1, 2], [2, 1, 0, 1], [3, 2, 1, 0]]
    body = LAYOUTS["imigue-22"]
    distances = hop_distances(body)
    assert torch.equal(distances, distances.T)
    assert distances[body.index("left_thumb_tip"), body.index("right_eye")] == 6
    assert (distances == 1).sum() == 2 * len(body.bones)


@pytest.mark.parametrize("layout", OFFICIAL)
def test_spatial_partition_is_the_published_one(layout):
    assert torch.equal(partitioned_graph(LAYOUTS[layout]), published_graph(layout))


@pytest.mark.parametrize("reach", [0, 1, 2])
@pytest.mark.parametrize("layout", ["coco-17", "imigue-22", "kinect-25", "ntu-rgb+d"])
def test_partitions_divide_the_same_neighbourhood(layout, reach):
    (whole,) = partitioned_graph(LAYOUTS[layout], "uniform", reach)
    assert torch.allclose(whole.sum(0), torch.ones(len(whole)))
    assert torch.equal(whole > 0, hop_distances(LAYOUTS[layout]) <= reach)
    for partition, matrices in (("distance", 1 + reach), ("spatial", 1 + 2 * reach), ("spatial-tree", 1 + 2 * reach)):
        graph = partitioned_graph(LAYOUTS[layout], partition, reach)
        assert graph.shape == (matrices, len(whole), len(whole))
        assert torch.equal(graph.sum(0), whole)
        assert (graph > 0).sum() == (whole > 0).sum()


def test_only_the_tree_knows_the_way_to_the_centre_from_afar():
    # 0 - 1 - 2 - 3 - 4, the centre is 0: the third matrix holds the step towards the centre
    tree, near = partitioned_graph(chain(5), "spatial-tree"), partitioned_graph(chain(5), "spatial")
    assert tree[2].nonzero().tolist() == [[0, 1], [1, 2], [2, 3], [3, 4]]
    assert near[2].nonzero().tolist() == [[0, 1], [1, 2]]
    assert near[1].nonzero().tolist() == [[1, 0], [2, 1], [2, 3], [3, 2], [3, 4], [4, 3]]
    assert tree[2][0, 1].item() == pytest.approx(1 / 3)
    assert tree[2][3, 4].item() == pytest.approx(1 / 2)
    assert torch.equal(partitioned_graph(chain(3, centre=1), "spatial"), partitioned_graph(chain(3, 1), "spatial-tree"))


def test_empty_columns_stay_empty():
    graph = divide_by_degree(torch.tensor([[1.0, 0.0, 3.0], [1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]))
    assert graph.tolist() == [[0.5, 0.0, 0.75], [0.5, 0.0, 0.25], [0.0, 0.0, 0.0]]


def test_unknown_partitions_are_named():
    with pytest.raises(
        RecipeError, match="no partition 'near' of the joints: known are spatial, spatial-tree, distance, uniform"
    ):
        partitioned_graph(chain(3), "near")
    with pytest.raises(RecipeError, match="reach of a graph is 0 bones or more, got -1"):
        partitioned_graph(chain(3), reach=-1)
