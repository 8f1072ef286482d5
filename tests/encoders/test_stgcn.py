"""ST-GCN: the graph convolution by its formula, the network by another one written plainly, official weights."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from microgesture.encoders import create_encoder
from microgesture.encoders.reference import load_reference
from microgesture.encoders.stgcn import Block, GraphConvolution
from microgesture.errors import RecipeError

NTU = {"layout": "ntu-rgb+d", "persons": 2}


def official_state(encoder, classes=60):
    """Random weights under the official names; every statistic of a batch norm is random too."""
    generator = torch.Generator().manual_seed(3)
    shapes = {key: value.shape for key, value in encoder.state_dict().items()}
    shapes |= {"fcn.weight": torch.Size((classes, 256, 1, 1)), "fcn.bias": torch.Size((classes,))}
    state = {}
    for key, shape in shapes.items():
        value = torch.randn(shape, generator=generator) * 0.1
        if key.endswith("running_var") or key.startswith(("edge_importance", "A")):
            value = torch.rand(shape, generator=generator) + 0.5
        state[key] = torch.tensor(7) if key.endswith("num_batches_tracked") else value
    return state


def plain_network(state, x, strides):
    """Logits (N, K) of x (N, C, T, V, M), from the weights by name."""

    def norm(y, key):
        statistics = state[f"{key}.running_mean"], state[f"{key}.running_var"]
        return F.batch_norm(y, *statistics, state[f"{key}.weight"], state[f"{key}.bias"])

    count, channels, frames, joints, persons = x.shape
    y = x.permute(0, 4, 3, 1, 2).reshape(count * persons, joints * channels, frames)
    y = norm(y, "data_bn").view(count * persons, joints, channels, frames).permute(0, 2, 3, 1)
    for i, stride in enumerate(strides):
        key, before = f"st_gcn_networks.{i}", y
        graph = state["A"] * state[f"edge_importance.{i}"]
        weight, bias = (state[f"{key}.gcn.conv.{kind}"].chunk(len(graph)) for kind in ("weight", "bias"))
        y = sum(F.conv2d(y, w, b) @ a for w, b, a in zip(weight, bias, graph, strict=True))
        y = norm(y, f"{key}.tcn.0").relu()
        y = F.conv2d(y, state[f"{key}.tcn.2.weight"], state[f"{key}.tcn.2.bias"], (stride, 1), (4, 0))
        y = norm(y, f"{key}.tcn.3")
        if f"{key}.residual.0.weight" in state:
            weights = state[f"{key}.residual.0.weight"], state[f"{key}.residual.0.bias"]
            before = norm(F.conv2d(before, *weights, (stride, 1)), f"{key}.residual.1")
        y = (y + before if i else y).relu()
    pooled = y.mean((2, 3)).view(count, persons, -1).mean(1)
    return pooled @ state["fcn.weight"].flatten(1).T + state["fcn.bias"]


def test_graph_convolution_is_the_formula():
    torch.manual_seed(0)
    layer, x, graph = GraphConvolution(2, 3, 2), torch.randn(1, 2, 4, 5), torch.randn(2, 5, 5)
    weight, bias = layer.conv.weight.view(2, 3, 2), layer.conv.bias.view(2, 3)
    y = layer(x, graph)
    for w in range(5):
        expected = sum(graph[k, v, w] * (weight[k] @ x[0, :, 1, v] + bias[k]) for k in range(2) for v in range(5))
        assert torch.allclose(y[0, :, 1, w], expected, atol=1e-6)


def test_parameters_are_those_of_the_publication():
    network = nn.Sequential(create_encoder("stgcn", **NTU), nn.Linear(256, 60))
    assert sum(p.numel() for p in network.parameters()) == 3_098_832


def test_names_and_shapes_are_official():
    state = create_encoder("stgcn", **NTU).state_dict()
    assert {
        key: tuple(state[key].shape) for key in state if key.startswith(("st_gcn_networks.4.", "A", "data_bn.w"))
    } == {
        "A": (3, 25, 25),
        "data_bn.weight": (75,),
        "st_gcn_networks.4.gcn.conv.weight": (384, 64, 1, 1),
        "st_gcn_networks.4.gcn.conv.bias": (384,),
        "st_gcn_networks.4.tcn.2.weight": (128, 128, 9, 1),
        "st_gcn_networks.4.tcn.2.bias": (128,),
        "st_gcn_networks.4.residual.0.weight": (128, 64, 1, 1),
        "st_gcn_networks.4.residual.0.bias": (128,),
        **{
            f"st_gcn_networks.4.{norm}.{kind}": () if kind.startswith("num") else (128,)
            for norm in ("tcn.0", "tcn.3", "residual.1")
            for kind in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
        },
    }
    assert tuple(state["edge_importance.9"].shape) == (3, 25, 25)
    assert [i for i in range(10) if f"st_gcn_networks.{i}.residual.0.weight" in state] == [4, 7]
    assert len(state) == 170


@pytest.mark.parametrize("frames", [1, 13, 20])
def test_official_weights_give_the_official_function(frames):
    encoder = create_encoder("stgcn", **NTU)
    state = official_state(encoder)
    network = load_reference(encoder, {f"module.{key}": value for key, value in state.items()}).eval()
    x = torch.randn(2, 3, frames, 25, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = plain_network(state, x, (1, 1, 1, 1, 2, 1, 1, 2, 1, 1))
        assert torch.allclose(network(x.permute(0, 4, 2, 3, 1)), expected, atol=1e-5)
    assert torch.equal(encoder.A, state["A"])


def test_weights_of_another_graph_are_refused():
    state = official_state(create_encoder("stgcn", **NTU))
    with pytest.raises(
        RecipeError, match="weights are for 3 partitions of 25 joints, not 3 partitions of the 17 joints"
    ):
        load_reference(create_encoder("stgcn"), state)
    with pytest.raises(RecipeError, match="3 partitions of 25 joints, not 2 partitions"):
        load_reference(create_encoder("stgcn", partition="distance", **NTU), state)
    with pytest.raises(RecipeError, match=r"1 are missing, first edge_importance\.3"):
        load_reference(create_encoder("stgcn", **NTU), {k: v for k, v in state.items() if k != "edge_importance.3"})


def test_a_head_without_its_bias_is_refused():
    encoder = create_encoder("stgcn")
    state = {key: value for key, value in official_state(encoder).items() if key != "fcn.bias"}
    with pytest.raises(RecipeError, match="hold a head without its bias"):
        load_reference(encoder, state)


def test_weights_from_a_file(tmp_path):
    encoder = create_encoder("stgcn")
    save_file(official_state(encoder), tmp_path / "official.safetensors")
    other = create_encoder("stgcn", weights=str(tmp_path / "official.safetensors"))
    assert torch.equal(other.edge_importance[0], official_state(encoder)["edge_importance.0"])


def test_tokens_follow_frames_and_persons():
    torch.manual_seed(0)
    encoder = create_encoder("stgcn", layout="imigue-22", persons=2, channels=2, partition="spatial-tree").eval()
    clip = torch.randn(1, 2, 21, 22, 2)
    with torch.no_grad():
        tokens = encoder(clip)
        assert tokens.shape == (1, 6, 256)
        assert torch.allclose(tokens, encoder(clip.flip(1)), atol=1e-6)
    with pytest.raises(RecipeError, match="2 persons, 22 joints and 2 channels"):
        encoder(torch.randn(1, 1, 21, 22, 2))
    with pytest.raises(RecipeError, match="no partition 'near'"):
        create_encoder("stgcn", partition="near")


def test_first_weights_and_dropout_are_those_of_the_official_training():
    torch.manual_seed(0)
    encoder = create_encoder("stgcn", dropout=0.5)
    kernel, norm = encoder.st_gcn_networks[9].tcn[2], encoder.st_gcn_networks[9].tcn[3]
    assert kernel.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.01)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.2)
    assert not kernel.bias.any()
    assert [block.tcn[4].p for block in encoder.st_gcn_networks] == [0.0] + [0.5] * 9


def test_without_edge_importance_there_are_no_masks():
    encoder = create_encoder("stgcn", edge_importance=False)
    assert not [key for key in encoder.state_dict() if key.startswith("edge_importance")]
    assert encoder(encoder.example_input(1)).shape == (1, 4, 256)


def test_dropout_comes_before_the_residual():
    block = Block(4, 4, 1, 1, dropout=1.0).train()
    x = torch.randn(2, 4, 5, 3)
    assert torch.equal(block(x, torch.eye(3)[None]), x.relu())
