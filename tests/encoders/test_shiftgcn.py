"""Shift-GCN: the shifts by loops over single values, the network by another one written plainly, official weights."""

import math

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from microgesture.encoders import create_encoder
from microgesture.encoders.reference import load_reference
from microgesture.encoders.shiftgcn import TemporalShift, non_local_shift, shift
from microgesture.errors import RecipeError

NTU = {"layout": "ntu-rgb+d", "persons": 2}
STRIDES = (1, 1, 1, 1, 2, 1, 1, 2, 1, 1)


def scalar_shift(x, time, joint, stride):
    """The kernel value by value: four neighbours, 0 beyond the borders."""
    count, channels, frames, joints = x.shape
    y = torch.zeros(count, channels, -(-frames // stride), joints, dtype=x.dtype)
    for c in range(channels):
        t0, v0 = math.floor(time[c]), math.floor(joint[c])
        dt, dv = float(time[c]) - t0, float(joint[c]) - v0
        for t in range(y.shape[2]):
            for v in range(joints):
                for row, tall in ((t * stride + t0, 1 - dt), (t * stride + t0 + 1, dt)):
                    for column, wide in ((v + v0, 1 - dv), (v + v0 + 1, dv)):
                        if 0 <= row < frames and 0 <= column < joints:
                            y[:, c, t, v] += tall * wide * x[:, c, row, column]
    return y


def matrix_shift(x, time, joint, stride=1):
    """The same by interpolation matrices, for whole networks: hat functions around each position."""

    def hats(positions, size, step=1):
        places = step * torch.arange(-(-size // step))[:, None] + positions[:, None, None]
        return (1 - (places - torch.arange(size)).abs()).clamp_min(0)

    return torch.einsum("nctv,cst,cwv->ncsw", x, hats(time, x.shape[2], stride), hats(joint, x.shape[3]))


def official_state(encoder, classes=60):
    """Random weights under the official names, positions over joints included; the indices are the encoder's."""
    generator = torch.Generator().manual_seed(3)
    state = {}
    for key, value in encoder.state_dict().items():
        drawn = torch.randn(value.shape, generator=generator) * (1.5 if key.endswith("pos") else 0.1)
        if key.endswith("running_var"):
            drawn = torch.rand(value.shape, generator=generator) + 0.5
        state[key] = drawn if value.is_floating_point() else value
    head = torch.randn(classes, 257, generator=generator) * 0.1
    return {**state, "fc.weight": head[:, 1:].contiguous(), "fc.bias": head[:, 0].contiguous()}


def plain_network(state, x):
    """Logits (N, K) of x (N, C, T, V, M), from the weights by name."""

    def norm(y, key):
        statistics = state[f"{key}.running_mean"], state[f"{key}.running_var"]
        return F.batch_norm(y, *statistics, state[f"{key}.weight"], state[f"{key}.bias"])

    def mix(y, key, stride=1):
        return F.conv2d(y, state[f"{key}.weight"], state[f"{key}.bias"], (stride, 1))

    def over_joints(x, key):
        (count, _, frames, joints), y = x.shape, x.permute(0, 2, 3, 1)
        y = y.flatten(2)[..., state[f"{key}.shift_in"]].view_as(y) * (1 + state[f"{key}.Feature_Mask"].tanh())
        y = (y @ state[f"{key}.Linear_weight"] + state[f"{key}.Linear_bias"]).flatten(2)[..., state[f"{key}.shift_out"]]
        y = norm(y.flatten(0, 1), f"{key}.bn").view(count, frames, joints, -1).permute(0, 3, 1, 2)
        return (y + (norm(mix(x, f"{key}.down.0"), f"{key}.down.1") if f"{key}.down.0.weight" in state else x)).relu()

    def over_time(y, key, stride):
        positions = [(state[f"{key}.{name}.ypos"], state[f"{key}.{name}.xpos"]) for name in ("shift_in", "shift_out")]
        y = mix(matrix_shift(norm(y, f"{key}.bn"), *positions[0]), f"{key}.temporal_linear").relu()
        time, joint = positions[1]
        return norm(matrix_shift(y, time + 0.5 * (stride == 2), joint, stride), f"{key}.bn2")

    count, channels, frames, joints, persons = x.shape
    y = norm(x.permute(0, 4, 3, 1, 2).reshape(count, -1, frames), "data_bn")
    y = y.view(count, persons, joints, channels, frames).permute(0, 1, 3, 4, 2).flatten(0, 1)
    for i, stride in enumerate(STRIDES):
        key, before = f"l{i + 1}", y
        y = over_time(over_joints(y, f"{key}.gcn1"), f"{key}.tcn1", stride)
        if f"{key}.residual.conv.weight" in state:
            before = norm(mix(before, f"{key}.residual.conv", stride), f"{key}.residual.bn")
        y = (y + before if i else y).relu()
    pooled = y.mean((2, 3)).view(count, persons, -1).mean(1)
    return pooled @ state["fc.weight"].T + state["fc.bias"]


@pytest.mark.parametrize("stride", [1, 2])
def test_shift_is_the_kernel(stride):
    torch.manual_seed(0)
    x = torch.randn(2, 8, 9, 4, dtype=torch.float64)
    time = torch.tensor([0.0, 2.0, -3.0, 0.3, -0.3, 4.75, -60.2, 1e9], dtype=torch.float64)
    joint = torch.tensor([1e-8, 0.5, -0.25, 1.0, -2.0, 9.0, 0.0, -1e-8], dtype=torch.float64)
    for places in (torch.zeros_like(joint), joint):
        expected = scalar_shift(x, time, places, stride)
        assert torch.allclose(shift(x, time, places, stride), expected, atol=1e-7)
        channels_last = x.to(memory_format=torch.channels_last)
        assert torch.allclose(shift(channels_last, time, places, stride), expected, atol=1e-7)


def test_a_positive_position_looks_ahead():
    x = torch.arange(6.0).view(1, 1, 6, 1)
    here = torch.zeros(1)
    assert shift(x, torch.tensor([1.0]), here).flatten().tolist() == [1, 2, 3, 4, 5, 0]
    assert shift(x, torch.tensor([-0.5]), here).flatten().tolist() == [0, 0.5, 1.5, 2.5, 3.5, 4.5]
    assert shift(x, torch.tensor([0.5]), here, stride=2).flatten().tolist() == [0.5, 2.5, 4.5]


def test_shift_has_gradients_to_everything():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    time = torch.tensor([0.4, -1.3, 2.6], dtype=torch.float64, requires_grad=True)
    joint = torch.tensor([0.2, -0.7, 1.1], dtype=torch.float64, requires_grad=True)
    for stride in (1, 2):
        assert torch.autograd.gradcheck(lambda *inputs, s=stride: shift(*inputs, s), (x, time, joint))
    # where a position is whole the kernel looks ahead: value of the next frame minus value of this one
    whole = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    shift(x, whole, torch.zeros(3, dtype=torch.float64)).sum().backward()
    assert torch.allclose(whole.grad, -x[:, :, 0].sum((0, 2)))


def test_positions_learn_by_the_sign():
    torch.manual_seed(0)
    layer = TemporalShift(5)
    x = torch.randn(3, 5, 7, 2)
    x[:, 4] = 0
    true = layer.ypos.detach().clone().requires_grad_()
    (shift(x, true, layer.xpos) ** 2).sum().backward()
    (layer(x) ** 2).sum().backward()
    assert torch.allclose(layer.ypos.grad[:4], 0.01 * true.grad[:4].sign())
    assert layer.ypos.grad[4].item() == pytest.approx(1e-4)
    assert layer.xpos.grad is None
    assert layer.ypos.abs().max() <= 1


def test_lost_positions_give_nan_and_no_crash():
    y = shift(torch.ones(1, 2, 4, 3), torch.tensor([float("nan"), 0.0]), torch.zeros(2))
    assert y[0, 0].isnan().all()
    assert torch.equal(y[0, 1], torch.ones(4, 3))


def test_shift_over_joints_is_that_of_the_paper():
    joints, channels = 5, 7
    for direction in (1, -1):
        indices = non_local_shift(joints, channels, direction).tolist()
        assert indices == [
            (i * channels + j + direction * j * channels) % (joints * channels)
            for i in range(joints)
            for j in range(channels)
        ]
    there, back = (non_local_shift(joints, channels, direction) for direction in (1, -1))
    assert torch.equal(there[back], torch.arange(joints * channels))


def test_parameters_are_those_of_the_publication():
    network = nn.Sequential(create_encoder("shiftgcn", **NTU), nn.Linear(256, 60))
    assert sum(p.numel() for p in network.parameters()) == 757_182
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == 690_291
    fixed = {name.rsplit(".", 2)[-1] for name, p in network.named_parameters() if not p.requires_grad}
    assert fixed == {"xpos", "shift_in", "shift_out"}


def test_names_and_shapes_are_official():
    state = create_encoder("shiftgcn", **NTU).state_dict()
    norm = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    shapes = {
        "gcn1.Linear_weight": (128, 256),
        "gcn1.Linear_bias": (1, 1, 256),
        "gcn1.Feature_Mask": (1, 25, 128),
        "gcn1.shift_in": (3200,),
        "gcn1.shift_out": (6400,),
        "gcn1.down.0.weight": (256, 128, 1, 1),
        "gcn1.down.0.bias": (256,),
        "tcn1.shift_in.xpos": (256,),
        "tcn1.shift_in.ypos": (256,),
        "tcn1.shift_out.xpos": (256,),
        "tcn1.shift_out.ypos": (256,),
        "tcn1.temporal_linear.weight": (256, 256, 1, 1),
        "tcn1.temporal_linear.bias": (256,),
        "residual.conv.weight": (256, 128, 1, 1),
        "residual.conv.bias": (256,),
    }
    sizes = {"gcn1.bn": 6400, "gcn1.down.1": 256, "tcn1.bn": 256, "tcn1.bn2": 256, "residual.bn": 256}
    shapes |= {f"{key}.{kind}": () if kind == norm[-1] else (size,) for key, size in sizes.items() for kind in norm}
    assert {key.removeprefix("l8."): tuple(v.shape) for key, v in state.items() if key.startswith("l8.")} == shapes
    assert tuple(state["data_bn.weight"].shape) == (150,)
    assert [i for i in range(1, 11) if f"l{i}.gcn1.down.0.weight" in state] == [1, 5, 8]
    assert [i for i in range(1, 11) if f"l{i}.residual.conv.weight" in state] == [5, 8]


@pytest.mark.parametrize("moved", [False, True])
def test_official_weights_give_the_official_function(moved):
    encoder = create_encoder("shiftgcn", layout="coco-17", persons=2)
    state = official_state(encoder)
    if not moved:  # as after the official training
        state |= {key: value * 1e-8 for key, value in state.items() if key.endswith("xpos")}
    network = load_reference(encoder, {"state_dict": state}).eval()
    x = torch.randn(1, 3, 6, 17, 2, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = network(x.permute(0, 4, 2, 3, 1))
        assert torch.allclose(logits, plain_network(state, x), rtol=1e-4, atol=1e-5)


def test_weights_of_other_joints_are_refused():
    state = official_state(create_encoder("shiftgcn", **NTU))
    with pytest.raises(RecipeError, match="weights are for 25 joints, layout 'coco-17' has 17"):
        load_reference(create_encoder("shiftgcn"), state)
    with pytest.raises(RecipeError, match=r"data_bn\.weight is \(150,\), not \(75,\)"):
        load_reference(create_encoder("shiftgcn", layout="ntu-rgb+d"), state)


def test_a_head_without_its_bias_is_refused():
    encoder = create_encoder("shiftgcn")
    state = {key: value for key, value in official_state(encoder).items() if key != "fc.bias"}
    with pytest.raises(RecipeError, match="hold a head without its bias"):
        load_reference(encoder, state)


def test_weights_from_a_file(tmp_path):
    encoder = create_encoder("shiftgcn")
    save_file(official_state(encoder), tmp_path / "official.safetensors")
    other = create_encoder("shiftgcn", weights=str(tmp_path / "official.safetensors"))
    assert torch.equal(other.l3.tcn1.shift_in.ypos, official_state(encoder)["l3.tcn1.shift_in.ypos"])


@pytest.mark.parametrize(("frames", "tokens"), [(1, 1), (16, 4), (21, 6)])
def test_tokens_follow_frames(frames, tokens):
    encoder = create_encoder("shiftgcn", layout="imigue-22", channels=2).eval()
    with torch.no_grad():
        assert encoder(torch.randn(2, 1, frames, 22, 2)).shape == (2, tokens, 256)
    with pytest.raises(RecipeError, match="1 persons, 22 joints and 2 channels"):
        encoder(torch.randn(2, 1, frames, 17, 2))


def test_one_step_of_training_leaves_the_indices():
    torch.manual_seed(0)
    encoder = create_encoder("shiftgcn").train()
    before = {key: value.clone() for key, value in encoder.named_parameters()}
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    encoder(encoder.example_input(2)).square().mean().backward()
    optimizer.step()
    changed = {
        key.rsplit(".", 1)[-1] for key, value in encoder.named_parameters() if not torch.equal(value, before[key])
    }
    assert "ypos" in changed
    assert not changed & {"xpos", "shift_in", "shift_out"}
