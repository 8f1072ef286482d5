"""TRN and BN-Inception: counts, key names, the released networks' functions written anew, which relations are drawn."""

import tempfile
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from microgesture.encoders import ReferenceClassifier, create_encoder, load_reference
from microgesture.encoders.bninception import BNInception
from microgesture.errors import RecipeError

IMAGE_NETWORK = 10_270_240
"""Parameters of BN-Inception without classifier: 11,295,240 less 1,025,000."""


@pytest.fixture
def tmp_path():
    """A folder that goes when the test ends: these files are 45 MB each."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _randomise(network: nn.Module) -> nn.Module:
    """In eval mode, lively weights and statistics that a training would leave."""
    generator = torch.Generator().manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, generator=generator)
        if isinstance(module, nn.BatchNorm2d):
            for tensor, shift in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5), ("running_var", 0.5)):
                value = torch.rand(module.num_features, generator=generator) + shift
                getattr(module, tensor).data.copy_(value)
    return network.eval()


def _official(encoder, head: dict[str, torch.Tensor], inner: dict[str, str]) -> dict[str, torch.Tensor]:
    """The state of an encoder under the released names; `inner` renames the relations' own layers."""
    names = {"backbone.": "base_model.", "reduce.": "new_fc.", **inner}
    state = {}
    for key, value in encoder.state_dict().items():
        ours = next(name for name in names if key.startswith(name))
        state[names[ours] + key.removeprefix(ours)] = value.clone()
    return {**state, **head}


def _scale_names(scales: int) -> dict[str, str]:
    return {f"fusions.{i}.": f"consensus.fc_fusion_scales.{i}.1." for i in range(scales)}


def _scale_head(scales: int, classes: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    head = {}
    for i in range(scales):
        head[f"consensus.fc_fusion_scales.{i}.3.weight"] = torch.randn(classes, 256, generator=generator)
        head[f"consensus.fc_fusion_scales.{i}.3.bias"] = torch.randn(classes, generator=generator)
    return head


def _relation_logits(state, scale_index: int, frames: torch.Tensor, relation) -> torch.Tensor:
    """One relation's logits as the released perceptron computes them: ReLU, Linear, ReLU, Linear."""
    name = f"consensus.fc_fusion_scales.{scale_index}."
    hidden = F.linear(frames[:, list(relation)].flatten(1).relu(), state[name + "1.weight"], state[name + "1.bias"])
    return F.linear(hidden.relu(), state[name + "3.weight"], state[name + "3.bias"])


@pytest.mark.parametrize("classes", [32, 174])
def test_parameter_counts(classes):
    feature = 1024 * 256 + 256
    single = IMAGE_NETWORK + feature + (8 * 256 * 512 + 512) + (512 * classes + classes)
    whole = ReferenceClassifier(create_encoder("trn"), classes)
    assert sum(p.numel() for p in whole.parameters()) == single
    scales = range(8, 1, -1)
    several = IMAGE_NETWORK + feature + sum(s * 256 * 256 + 256 + 256 * classes + classes for s in scales)
    whole = ReferenceClassifier(create_encoder("trn_multiscale"), classes)
    assert sum(p.numel() for p in whole.parameters()) == several - 6 * classes  # one bias for all scales


def test_bninception_names_and_shapes():
    shapes = {key: tuple(value.shape) for key, value in BNInception().state_dict().items()}
    assert sum(v.numel() for v in BNInception().parameters()) == IMAGE_NETWORK
    assert shapes["conv1_7x7_s2.weight"] == (64, 3, 7, 7)
    assert shapes["conv1_7x7_s2.bias"] == (64,)
    assert shapes["conv2_3x3_reduce_bn.running_mean"] == (64,)
    assert shapes["inception_3a_1x1.weight"] == (64, 192, 1, 1)
    assert shapes["inception_3c_double_3x3_2.weight"] == (96, 96, 3, 3)
    assert shapes["inception_4a_pool_proj.weight"] == (128, 576, 1, 1)
    assert shapes["inception_4d_1x1.weight"] == (96, 608, 1, 1)
    assert shapes["inception_5a_3x3_reduce.weight"] == (192, 1056, 1, 1)
    assert shapes["inception_5b_pool_proj_bn.weight"] == (128,)
    assert "inception_3c_1x1.weight" not in shapes
    assert "inception_4e_pool_proj.weight" not in shapes
    assert len([key for key in shapes if key.endswith("_bn.weight")]) == 69


def test_bninception_layer_by_layer():
    network = _randomise(BNInception())
    state = network.state_dict()

    def layer(name, x, stride=1):
        weight = state[f"{name}.weight"]
        y = F.conv2d(x, weight, state[f"{name}.bias"], stride, weight.shape[-1] // 2)
        mean, var, gain, bias = (
            state[f"{name}_bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        mean, var, gain, bias = (each.view(-1, 1, 1) for each in (mean, var, gain, bias))
        return ((y - mean) / (var + 1e-5).sqrt() * gain + bias).clamp(min=0)

    def towers(name, x, stride):
        three = layer(f"{name}_3x3", layer(f"{name}_3x3_reduce", x), stride)
        double = layer(f"{name}_double_3x3_1", layer(f"{name}_double_3x3_reduce", x))
        return three, layer(f"{name}_double_3x3_2", double, stride)

    halve = nn.MaxPool2d(3, 2, ceil_mode=True)
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        x = halve(layer("conv1_7x7_s2", images, 2))
        x = halve(layer("conv2_3x3", layer("conv2_3x3_reduce", x)))
        for block in ("3a", "3b", "3c", "4a", "4b", "4c", "4d", "4e", "5a", "5b"):
            name = f"inception_{block}"
            if block in ("3c", "4e"):
                x = torch.cat((*towers(name, x, 2), halve(x)), 1)
                continue
            pool = nn.MaxPool2d(3, 1, 1) if block == "5b" else nn.AvgPool2d(3, 1, 1, count_include_pad=True)
            x = torch.cat((layer(f"{name}_1x1", x), *towers(name, x, 1), layer(f"{name}_pool_proj", pool(x))), 1)
        assert x.shape == (2, 1024, 2, 3)
        features = network(images)
        assert torch.allclose(features, x.mean(dim=(2, 3)), rtol=1e-4, atol=1e-4)
        assert not torch.allclose(features[0], features[1], atol=0.1)
        assert network(torch.randn(1, 3, 37, 49)).shape == (1, 1024)  # where a map to be halved has an odd side


def test_single_scale_is_the_released_function():
    torch.manual_seed(0)
    encoder = create_encoder("trn", backbone="resnet18", segments=3)
    _randomise(encoder)
    head = {"consensus.classifier.3.weight": torch.randn(5, 512), "consensus.classifier.3.bias": torch.randn(5)}
    state = _official(encoder, head, {"relation.": "consensus.classifier.1."})
    assert state["consensus.classifier.1.weight"].shape == (512, 3 * 256)
    assert state["new_fc.weight"].shape == (256, 512)
    model = load_reference(create_encoder("trn", backbone="resnet18", segments=3), state).eval()
    clip = torch.randn(2, 3, 3, 32, 32)
    with torch.no_grad():
        features = torch.stack([encoder.backbone(clip[:, :, t]) for t in range(3)], dim=1)
        frames = F.linear(features, state["new_fc.weight"], state["new_fc.bias"])
        hidden = F.linear(
            frames.flatten(1).relu(), state["consensus.classifier.1.weight"], state["consensus.classifier.1.bias"]
        )
        logits = F.linear(hidden.relu(), head["consensus.classifier.3.weight"], head["consensus.classifier.3.bias"])
        assert torch.allclose(model(clip), logits, atol=1e-4)
        assert not torch.allclose(model(clip.flip(2)), logits, atol=1e-3)


@pytest.fixture(scope="module")
def multiscale():
    """An encoder over 5 frames whose frame features are lively, and its state under the released names, with a head."""
    torch.manual_seed(0)
    encoder = create_encoder("trn_multiscale", backbone="resnet18", segments=5)
    _randomise(encoder)
    nn.init.normal_(encoder.reduce.weight, std=0.02)
    return encoder, _official(encoder, _scale_head(4, 6), _scale_names(4))


def test_multi_scale_with_numpys_draw_is_the_released_function(multiscale):
    encoder, state = multiscale
    model = load_reference(create_encoder("trn_multiscale", backbone="resnet18", segments=5), state).eval()
    clip = torch.randn(2, 3, 5, 32, 32)
    for seed in (1, 2):
        model.encoder.relations = model.encoder.official_draw(np.random.RandomState(seed))
        generator = np.random.RandomState(seed)
        with torch.no_grad():
            frames = encoder.frame_features(clip)
            logits = _relation_logits(state, 0, frames, range(5))
            for i, scale in enumerate((4, 3, 2), start=1):
                possible = list(combinations(range(5), scale))
                for chosen in generator.choice(len(possible), 3, replace=False):
                    logits = logits + _relation_logits(state, i, frames, possible[chosen])
            assert torch.allclose(model(clip), logits, rtol=1e-5, atol=2e-4)


def test_all_relations_are_the_expectation_of_the_draws(multiscale):
    encoder, state = multiscale
    options = {"backbone": "resnet18", "segments": 5, "relations": "all"}
    model = load_reference(create_encoder("trn_multiscale", **options), state).eval()
    clip = torch.randn(2, 3, 5, 32, 32)
    with torch.no_grad():
        frames = encoder.frame_features(clip)
        logits = _relation_logits(state, 0, frames, range(5))
        for i, scale in enumerate((4, 3, 2), start=1):
            each = [_relation_logits(state, i, frames, relation) for relation in combinations(range(5), scale)]
            logits = logits + 3 * torch.stack(each).mean(dim=0)
        assert torch.allclose(model(clip), logits, rtol=1e-5, atol=2e-4)


def test_draws_while_training_follow_torchs_seed(multiscale):
    encoder, _ = multiscale
    torch.manual_seed(7)
    first, second = encoder._random_draw(), encoder._random_draw()
    torch.manual_seed(7)
    assert encoder._random_draw() == first != second
    for relations, scale, count in zip(first, (5, 4, 3, 2), (1, 3, 3, 3), strict=True):
        assert len(set(relations)) == count
        assert all(len(relation) == scale for relation in relations)
    clip = encoder.example_input(2)
    encoder.eval()
    with torch.no_grad():
        torch.manual_seed(0)
        np.random.seed(0)
        before = encoder(clip)
        torch.manual_seed(1)
        np.random.seed(1)
        assert torch.equal(encoder(clip), before)


def test_relations_of_evaluation():
    encoder = create_encoder("trn_multiscale", backbone="resnet18", segments=8)
    assert encoder.counts == [1, 3, 3, 3, 3, 3, 3]
    assert encoder.relations[0] == [tuple(range(8))]
    assert encoder.relations[1] == [(0, 1, 2, 3, 4, 5, 7), (0, 1, 2, 4, 5, 6, 7), (0, 2, 3, 4, 5, 6, 7)]
    assert encoder.relations[6] == [(0, 5), (2, 4), (4, 6)]
    everything = create_encoder("trn_multiscale", backbone="resnet18", segments=8, relations="all").relations
    assert [len(relations) for relations in everything] == [1, 8, 28, 56, 70, 56, 28]
    few = create_encoder("trn_multiscale", backbone="resnet18", segments=3).relations
    assert few == [[(0, 1, 2)], [(0, 1), (0, 2), (1, 2)]]


def test_a_head_that_lacks_a_scale(multiscale):
    _, state = multiscale
    state = {key: value for key, value in state.items() if key != "consensus.fc_fusion_scales.2.3.bias"}
    with pytest.raises(RecipeError, match=r"lacks consensus\.fc_fusion_scales\.2\.3"):
        load_reference(create_encoder("trn_multiscale", backbone="resnet18", segments=5), state)
    headless = {key: value for key, value in state.items() if not key.endswith((".3.weight", ".3.bias"))}
    with pytest.raises(RecipeError, match="hold no head"):
        load_reference(create_encoder("trn_multiscale", backbone="resnet18", segments=5), headless)


def test_other_numbers_of_frames():
    encoder = create_encoder("trn", backbone="resnet18", segments=4).eval()
    clip = torch.randn(1, 3, 8, 32, 32)
    with torch.no_grad():
        assert torch.equal(encoder(clip), encoder(clip[:, :, [1, 3, 5, 7]]))
        assert torch.equal(encoder(clip[:, :, :2]), encoder(clip[:, :, [0, 0, 1, 1]]))


def test_first_weights_from_files(tmp_path):
    image = BNInception().state_dict()
    old = {key: value[None] if key.endswith(("_bn.weight", "running_var")) else value for key, value in image.items()}
    old = {key: value for key, value in old.items() if "num_batches" not in key}  # a file from before torch 0.4
    old |= {"fc.weight": torch.zeros(1000, 1024), "fc.bias": torch.zeros(1000)}
    torch.save({"state_dict": {f"module.{key}": value for key, value in old.items()}}, tmp_path / "imagenet.pth.tar")
    encoder = create_encoder("trn", weights=str(tmp_path / "imagenet.pth.tar"))
    assert all(torch.equal(value, image[key]) for key, value in encoder.backbone.state_dict().items())

    torch.save(_official(encoder, {}, {"relation.": "consensus.classifier.1."}), tmp_path / "trn.pth")
    again = create_encoder("trn", weights=str(tmp_path / "trn.pth"))
    assert all(torch.equal(value, encoder.state_dict()[key]) for key, value in again.state_dict().items())
    with pytest.raises(RecipeError, match=r"trn\.pth: the weights do not fit .* relation\.weight is"):
        create_encoder("trn", segments=3, weights=str(tmp_path / "trn.pth"))
    with pytest.raises(RecipeError, match="no weights 'IMAGENET1K_V1' for bninception: give a local file"):
        create_encoder("trn", weights="IMAGENET1K_V1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segments": 1}, "2 to 16 segments, got 1"),
        ({"segments": 32}, "2 to 16 segments, got 32"),
        ({"backbone": "vgg16"}, "no backbone 'vgg16'"),
        ({"backbone": "resnet20"}, "no ResNet with 20 layers"),
        ({"relations": "some"}, "relations must be even or all"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(RecipeError, match=message):
        create_encoder("trn_multiscale", **options)
