"""MSTCN-VAE: angles, encoder, decoder and loss against the equations in float64; official names."""

import math

import pytest
import torch
from tiny_models import TinyEncoder, vocabulary
from torch.nn import functional as F

from microgesture.encoders import create_encoder, load_reference
from microgesture.encoders.joint_angles import TRIPLETS, joint_angles, triplet_indices
from microgesture.errors import RecipeError
from microgesture.recognition import create_objective, describe, restore
from microgesture.recognition.mstcn_vae import TransposedLevel, reconstruction_losses
from microgesture.skeletons.layouts import LAYOUTS

FRAMES = 12


def make(linear=True, layout="imigue-22", **options):
    torch.manual_seed(0)
    encoder = create_encoder("mstcn", layout=layout, frames=FRAMES, linear=linear, **options)
    return create_objective("mstcn-vae", encoder, None, vocabulary())


def official_state(objective) -> dict[str, torch.Tensor]:
    """Random weights under the authors' names: older weight norms, every convolution a second time inside `net`, and an
    outer `data_bn` that nothing uses."""
    generator = torch.Generator().manual_seed(4)
    state = {"data_bn.weight": torch.ones(66), "data_bn.running_mean": torch.zeros(66)}
    for key, value in objective.state_dict().items():
        name = key.replace("parametrizations.weight.original0", "weight_g")
        name = name.replace("parametrizations.weight.original1", "weight_v")
        new = torch.randn(value.shape, generator=generator, dtype=torch.float64) * 0.3
        new = new.abs() + 0.5 if name.endswith(("running_var", "weight_g")) else new
        state[name] = torch.tensor(7) if name.endswith("num_batches_tracked") else new
        if ".conv1." in name or ".conv2." in name:
            state[name.replace(".conv1.", ".net.0.").replace(".conv2.", ".net.4.")] = state[name]
    return state


def norm(state, key, y):
    statistics = state[f"{key}.running_mean"], state[f"{key}.running_var"]
    shape = (1, -1) + (1,) * (y.dim() - 2)
    mean, variance, weight, bias = (v.view(shape) for v in (*statistics, state[f"{key}.weight"], state[f"{key}.bias"]))
    return (y - mean) / torch.sqrt(variance + 1e-5) * weight + bias


def normed_weight(state, key):
    v = state[f"{key}.weight_v"]
    length = v.flatten(1).norm(dim=1).view(-1, 1, 1)
    return state[f"{key}.weight_g"] * v / length


def over_time(state, key, y, dilation=1):
    weight, bias = state[f"{key}.weight"][..., 0], state[f"{key}.bias"]
    reach = dilation * (weight.shape[2] // 2)
    padded = F.pad(y, (0, 0, reach, reach))
    frames = y.shape[2]
    parts = (
        torch.einsum("oi,nitv->notv", weight[:, :, k], padded[:, :, k * dilation : k * dilation + frames])
        for k in range(weight.shape[2])
    )
    return sum(parts) + bias.view(1, -1, 1, 1)


def plain_block(state, key, x):
    branches = []
    for i in range(6):
        name = f"{key}.branches.{i}"
        y = norm(state, f"{name}.1", over_time(state, f"{name}.0", x))
        if i < 5:
            y = y.relu()
        if i < 4:
            y = norm(state, f"{name}.3.bn", over_time(state, f"{name}.3.conv", y, dilation=i + 1))
        if i == 4:
            padded = F.pad(y, (0, 0, 1, 1), value=-math.inf)
            y = norm(state, f"{name}.4", torch.stack([padded[:, :, k : k + y.shape[2]] for k in range(3)]).amax(0))
        branches.append(y)
    residual = norm(state, f"{key}.residual.bn", over_time(state, f"{key}.residual.conv", x))
    return (torch.cat(branches, 1) + residual).relu()


def residual_of(state, key, x):
    if f"{key}.downsample.weight" not in state:
        return x
    return torch.einsum("oi,nil->nol", state[f"{key}.downsample.weight"][..., 0], x) + state[
        f"{key}.downsample.bias"
    ].view(1, -1, 1)


def plain_code(state, clip, linear):
    """Codes of clips (N, T, V, C)."""
    count, frames, joints, channels = clip.shape
    x = norm(state, "encoder.data_bn", clip.reshape(count, frames, -1).transpose(1, 2))
    x = x.view(count, joints, channels, frames).permute(0, 2, 3, 1)
    if linear:
        y = plain_block(state, "encoder.mstcn", x).reshape(count, -1)
        return y @ state["encoder.fcn1.weight"].T + state["encoder.fcn1.bias"]
    y = plain_block(state, "encoder.tcn1", x).reshape(count, joints * 96, frames)
    padded = F.pad(y, (1, 1))
    weight = state["encoder.conv1d.weight"]
    y = sum(torch.einsum("oi,nit->not", weight[:, :, k], padded[..., k : k + frames]) for k in range(3))
    y = (y + state["encoder.conv1d.bias"].view(1, -1, 1)).transpose(1, 2)
    for i in range(3):
        key, before = f"encoder.TCN.network.{i}", y
        for name in ("conv1", "conv2"):
            weight = normed_weight(state, f"{key}.{name}")
            past = F.pad(y, (2**i, 0))
            y = sum(
                torch.einsum("oi,nil->nol", weight[:, :, k], past[..., k * 2**i :][..., : y.shape[2]]) for k in (0, 1)
            )
            y = (y + state[f"{key}.{name}.bias"].view(1, -1, 1)).relu()
        y = (y + residual_of(state, key, before)).relu()
    return y[:, 0]


def plain_transposed(x, weight, bias, dilation):
    """Kernel 2, stride 2: input t goes to places 2t + d k - padding of the L that are kept."""
    length = x.shape[2]
    extra = (length - 1 + dilation) % 2
    padding = (length - 1 + dilation + extra) // 2
    y = bias.view(1, -1, 1).repeat(len(x), 1, length)
    for t in range(length):
        for k in (0, 1):
            place = 2 * t + dilation * k - padding
            if 0 <= place < length:
                y[:, :, place] += x[:, :, t] @ weight[:, :, k]
    return y


def plain_frames(state, code, linear):
    y = (code @ state["decoder.fcn1.weight"].T + state["decoder.fcn1.bias"] if linear else code)[:, None]
    for i in range(2):
        key, before = f"decoder.AntiTCN.network.{i}", y
        for name in ("conv1", "conv2"):
            y = plain_transposed(y, normed_weight(state, f"{key}.{name}"), state[f"{key}.{name}.bias"], 2**i).relu()
        y = (y + residual_of(state, key, before)).relu()
    return y


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("layout", ["imigue-22", "coco-17"])
def test_official_weights_give_the_official_function(linear, layout):
    objective = make(linear, layout).double().eval()
    state = official_state(objective)
    assert load_reference(objective, {"state_dict": state}) is objective
    encoder = create_encoder("mstcn", layout=layout, frames=FRAMES, linear=linear).double().eval()
    assert load_reference(encoder, state) is encoder
    clip = torch.randn(3, 1, FRAMES, len(LAYOUTS[layout]), 3, dtype=torch.float64)
    code = plain_code(state, clip[:, 0], linear)
    assert code.shape == (3, 128 if linear else 3 * len(LAYOUTS[layout]))
    assert torch.allclose(objective.embed(clip), code, atol=1e-10)
    assert torch.allclose(encoder(clip)[:, 0], code, atol=1e-10)
    made = plain_frames(state, code, linear)
    assert torch.allclose(objective.decoder(code), made, atol=1e-10)
    target = clip[:, 0].flatten(2)
    mean, variance = target.mean((0, 1)), target.var((0, 1), unbiased=False)
    target = (target - mean) / torch.sqrt(variance + 1e-5)
    p, q = target.softmax(-1), made.softmax(-1)
    losses = objective({"clip": clip})
    assert losses["square_loss"].item() == pytest.approx(((target - made) ** 2).mean().item(), rel=1e-9)
    divergence = (q * (q.log() - p.log())).sum() / 3
    assert losses["kl_loss"].item() == pytest.approx(0.8 * divergence.item(), rel=1e-9)


def test_names_are_those_of_the_authors():
    state = official_state(make())
    names = {key for key in state if "num_batches" not in key}
    assert {
        "encoder.data_bn.weight",
        "encoder.mstcn.branches.3.3.conv.weight",
        "encoder.mstcn.branches.4.4.running_mean",
        "encoder.mstcn.branches.5.1.bias",
        "encoder.mstcn.residual.bn.weight",
        "encoder.fcn1.weight",
        "decoder.fcn1.bias",
        "decoder.AntiTCN.network.1.conv2.weight_g",
        "decoder.AntiTCN.network.0.net.4.weight_v",
        "decoder.AntiTCN.network.1.downsample.weight",
    } <= names
    with pytest.raises(RecipeError, match=r"1 are missing, first encoder\.fcn1\.bias"):
        load_reference(make(), {key: value for key, value in state.items() if key != "encoder.fcn1.bias"})


@pytest.mark.parametrize("length", [40, 51, 66, 75])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_level_of_the_decoder_keeps_the_length(length, dilation):
    assert TransposedLevel(2, 3, dilation, length)(torch.randn(1, 2, length)).shape == (1, 3, length)


def test_the_weight_of_the_divergence_is_an_option():
    values, made = torch.randn(4, 5, 6), torch.rand(4, 5, 6)
    one, ten = reconstruction_losses(values, made, 0.8), reconstruction_losses(values, made, 8.0)
    assert ten["kl_loss"].item() == pytest.approx(10 * one["kl_loss"].item(), rel=1e-5)
    assert torch.equal(one["square_loss"], ten["square_loss"])
    with pytest.raises(RecipeError, match="kl_weight is 0 or more"):
        create_objective("mstcn-vae", make().encoder, None, vocabulary(), kl_weight=-1)


def test_every_parameter_learns_and_nothing_is_sampled():
    objective = make().train()
    clip = objective.encoder.example_input(4)
    sum(objective({"clip": clip}).values()).backward()
    assert [name for name, p in objective.named_parameters() if p.grad is None] == []
    objective.eval()
    first = objective({"clip": clip})
    assert all(torch.equal(value, first[key]) for key, value in objective({"clip": clip}).items())
    assert (objective.decoder(objective.embed(clip)) >= 0).all()


def test_describe_and_restore():
    objective = make(inputs="angles").eval()
    again = restore(describe(objective)).eval()
    again.load_state_dict(objective.state_dict())
    clip = objective.encoder.example_input(2)
    assert torch.equal(again.embed(clip), objective.embed(clip))
    assert objective.encoder.size == 40


def plain_angle(a, b, c, clockwise):
    """The angle at b and its confidence, as the paper's code has them."""
    if 0 in (a[2], b[2], c[2]):
        return 0.0, 0.0
    confidence = a[2] / 4 + b[2] / 2 + c[2] / 4
    first, second, third = math.dist(a[:2], b[:2]), math.dist(c[:2], b[:2]), math.dist(a[:2], c[:2])
    if first == 0 or second == 0:
        return 0.0, confidence
    angle = math.acos(max(-1.0, min(1.0, (first**2 + second**2 - third**2) / (2 * first * second))))
    if a[0] == b[0]:
        beyond = c[0] < a[0] if clockwise else c[0] > a[0]
    else:
        line = (a[1] - b[1]) / (a[0] - b[0]) * (c[0] - a[0]) + a[1]
        beyond = c[1] > line if clockwise else c[1] < line
    return (2 * math.pi - angle if beyond else angle), confidence


def test_angles_are_those_of_the_paper():
    layout = LAYOUTS["imigue-22"]
    points = torch.rand(2, 5, 22, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    wrist, elbow = layout.index("right_wrist"), layout.index("right_elbow")
    points[0, 0, wrist] = points[0, 0, elbow]  # coinciding
    points[0, 1, wrist, 2] = 0.0  # not seen
    points[0, 2, wrist, 0] = points[0, 2, elbow, 0]  # vertical
    points[1, 2, layout.index("left_wrist"), 0] = points[1, 2, layout.index("left_elbow"), 0]
    found = joint_angles(points, triplet_indices(layout))
    assert found.shape == (2, 5, 20, 2)
    for clip in range(2):
        for frame in range(5):
            for i, triplet in enumerate(TRIPLETS):
                joints = [points[clip, frame, layout.index(joint)].tolist() for joint in triplet]
                expected = plain_angle(*joints, clockwise=i % 2 == 0)
                assert found[clip, frame, i].tolist() == pytest.approx(expected, abs=1e-7), (frame, triplet)
    assert found[0, 1, TRIPLETS.index(("right_shoulder", "right_elbow", "right_wrist"))].tolist() == [0, 0]


def test_triplets_are_in_the_order_of_the_code():
    ends = [triplet[2] for triplet in TRIPLETS]
    assert ends[:6] == ["nose", "nose", "neck", "neck", "left_shoulder", "right_shoulder"]
    assert ends[6:12] == ["right_elbow", "left_elbow", "right_wrist", "left_wrist", "right_thumb_tip", "left_thumb_tip"]
    assert TRIPLETS[0] == ("left_ear", "left_eye", "nose")  # what the code calls right is the picture's right
    assert TRIPLETS[1] == ("right_ear", "right_eye", "nose")
    assert TRIPLETS[19] == ("left_elbow", "left_wrist", "left_pinky_tip")


def test_angles_do_not_feel_size_and_place():
    encoder = create_encoder("mstcn", layout="imigue-22", inputs="angles", frames=4)
    clip = torch.rand(1, 1, 4, 22, 3)
    moved = clip.clone()
    moved[..., :2] = 3 * moved[..., :2] + 5
    assert torch.allclose(encoder.frames_of(clip), encoder.frames_of(moved), atol=1e-3)
    flat = create_encoder("mstcn", layout="imigue-22", channels=2, inputs="angles", frames=4)
    assert (flat.frames_of(clip[..., :2]).view(4, 20, 2)[..., 1] == 1).all()


def test_what_does_not_fit_is_refused():
    with pytest.raises(RecipeError, match="layout 'coco-17' has no left_index_tip"):
        create_encoder("mstcn", inputs="angles")
    with pytest.raises(RecipeError, match="in space"):
        create_encoder("mstcn", layout="imigue-22", inputs="angles", dimensions=3)
    with pytest.raises(RecipeError, match="reads 'raw' or 'angles'"):
        create_encoder("mstcn", inputs="bones")
    with pytest.raises(RecipeError, match="was built for 100 frames"):
        create_encoder("mstcn")(torch.randn(1, 1, 50, 17, 3))
    with pytest.raises(RecipeError, match="decodes the codes of encoder mstcn, not of 'TinyEncoder'"):
        create_objective("mstcn-vae", TinyEncoder(), None, vocabulary())
