"""EDGCN's encoder as reconstructed: the dense graph and the separable convolution are their equations."""

import torch
from torch.nn import functional as F

from microgesture.encoders import create_encoder
from microgesture.encoders.edgcn import REACHES, DenseGraphConvolution, SeparableTemporal
from microgesture.encoders.joint_graphs import hop_distances
from microgesture.skeletons.layouts import LAYOUTS

DISTANCES = hop_distances(LAYOUTS["imigue-22"])


def test_every_joint_takes_from_every_other():
    for layout in LAYOUTS.values():
        graphs = DenseGraphConvolution(3, 4, hop_distances(layout)).graphs
        assert (graphs > 0).all(), layout.name
        assert torch.allclose(graphs.sum(-1), torch.ones(4, len(layout)), atol=1e-5)


def test_a_joint_starts_with_most_from_itself_and_less_from_afar_the_more_so_the_smaller_the_reach():
    graphs = DenseGraphConvolution(3, 4, DISTANCES).graphs
    for graph, reach in zip(graphs, REACHES, strict=True):
        expected = torch.exp(-DISTANCES / reach)
        assert torch.allclose(graph, expected / expected.sum(1, keepdim=True), atol=1e-6)
        assert (graph.argmax(1) == torch.arange(22)).all()
    own = graphs.diagonal(dim1=1, dim2=2)
    assert (own[:-1] > own[1:]).all()


def test_dense_graph_convolution_is_its_sum():
    torch.manual_seed(0)
    convolution = DenseGraphConvolution(3, 8, DISTANCES)
    with torch.no_grad():
        convolution.graphs.normal_()
    x = torch.randn(2, 3, 5, 22)
    mixed = torch.einsum("oc,nctv->notv", convolution.mix.weight[..., 0, 0], x)
    expected = torch.zeros(2, 8, 5, 22)
    for channel in range(8):
        graph = convolution.graphs[channel // 2]
        for joint in range(22):
            expected[:, channel, :, joint] = (mixed[:, channel] * graph[joint]).sum(-1)
    assert torch.allclose(convolution(x), expected, atol=1e-4)


def test_dense_graphs_cost_no_more_than_one_convolution_over_channels():
    convolution = DenseGraphConvolution(64, 128, DISTANCES)
    assert sum(p.numel() for p in convolution.parameters()) == 64 * 128 + 4 * 22 * 22


def test_separable_convolution_is_its_equation():
    torch.manual_seed(0)
    temporal = SeparableTemporal(4, 2).eval()
    depthwise, first, _, pointwise, second = temporal
    x = torch.randn(2, 4, 11, 3)
    padded = F.pad(x, (0, 0, 4, 4))
    taken = torch.stack([(padded[:, :, t : t + 9] * depthwise.weight[:, 0]).sum(2) for t in range(0, 11, 2)], 2)
    expected = second(torch.einsum("oc,nctv->notv", pointwise.weight[..., 0, 0], first(taken).relu()))
    assert expected.shape == (2, 4, 6, 3)
    assert torch.allclose(temporal(x), expected, atol=1e-5)


def test_it_is_the_smallest_of_the_three():
    def count(name: str) -> int:
        return sum(p.numel() for p in create_encoder(name).parameters())

    assert count("edgcn") < 0.5 * count("cecn")
    assert count("edgcn") < 0.25 * count("magcn")


def test_whole_body_layouts_fit():
    encoder = create_encoder("edgcn", layout="openpose-137", first_width=4).eval()
    with torch.no_grad():
        tokens = encoder(torch.randn(1, 1, 16, 137, 3))
    assert tokens.shape == (1, 4, 16)
