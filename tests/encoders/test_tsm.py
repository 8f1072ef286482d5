"""TSM: the shift by hand, the released network's function from its own key names, first weights, pixels."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from microgesture.encoders import ReferenceClassifier, create_encoder, load_reference
from microgesture.encoders import tsm as tsm_module
from microgesture.encoders.frame_network import evenly_spaced
from microgesture.encoders.pixels import PublishedPixels
from microgesture.encoders.tsm import temporal_shift
from microgesture.errors import RecipeError
from microgesture.libraries.torchvision_loader import load_torchvision
from microgesture.video.transforms import normalize


class _Shift(nn.Module):
    """A convolution behind a shift, as the released code wraps it: `net` is part of its key names."""

    def __init__(self, net: nn.Module, segments: int, div: int) -> None:
        super().__init__()
        self.net, self.segments, self.div = net, segments, div

    def forward(self, x):
        n, c = x.shape[0] // self.segments, x.shape[1] // self.div
        clips = x.reshape(n, self.segments, *x.shape[1:])
        nothing = torch.zeros_like(clips[:, :1])
        later, earlier = torch.cat((clips[:, 1:], nothing), 1), torch.cat((nothing, clips[:, :-1]), 1)
        return self.net(torch.cat((later[:, :, :c], earlier[:, :, c : 2 * c], clips[:, :, 2 * c :]), 2).flatten(0, 1))


class _Pool(nn.Module):
    """A stage behind the released temporal pooling."""

    def __init__(self, net: nn.Module, segments: int) -> None:
        super().__init__()
        self.net, self.segments = net, segments

    def forward(self, x):
        clips = x.reshape(-1, self.segments, *x.shape[1:])
        wide = torch.cat((torch.full_like(clips[:, :1], -torch.inf), clips), 1)
        pooled = [wide[:, 2 * i : 2 * i + 3].amax(dim=1) for i in range(self.segments // 2)]
        return self.net(torch.stack(pooled, 1).flatten(0, 1))


class _Released(nn.Module):
    """torchvision's own ResNet-18 with the modules of the released code put in: (B, T, 3, H, W) to logits."""

    def __init__(self, classes=5, segments=4, div=8, every=1, pool=False, dropout=True):
        super().__init__()
        load_torchvision()
        from torchvision.models import resnet18

        self.base_model = resnet18(weights=None)
        self.segments = segments // 2 if pool else segments
        for stage in ("layer1", "layer2", "layer3", "layer4"):
            length = segments if stage == "layer1" else self.segments
            for i, block in enumerate(getattr(self.base_model, stage)):
                if i % every == 0:
                    block.conv1 = _Shift(block.conv1, length, div)
        if pool:
            self.base_model.layer2 = _Pool(self.base_model.layer2, segments)
        self.base_model.fc = nn.Dropout(0.5) if dropout else nn.Linear(512, classes)
        self.new_fc = nn.Linear(512, classes) if dropout else None

    def forward(self, images):
        logits = self.base_model(images.flatten(0, 1))
        logits = logits if self.new_fc is None else self.new_fc(logits)
        return logits.reshape(-1, self.segments, logits.shape[1]).mean(1)


def _random(network: nn.Module) -> nn.Module:
    """In eval mode, with statistics that a training would leave."""
    generator = torch.Generator().manual_seed(2)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, shift in (("weight", 0.5), ("bias", -0.5), ("running_mean", -0.5), ("running_var", 0.5)):
                value = torch.rand(module.num_features, generator=generator) + shift
                getattr(module, tensor).data.copy_(value)
    return network.eval()


@pytest.fixture
def tmp_path():
    """A folder that goes when the test ends: these files are 45 MB each."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_shift_by_hand():
    x = torch.arange(1.0, 25.0).view(6, 4, 1, 1)  # two clips of three frames, four channels
    shifted = temporal_shift(x, frames=3, divisor=4).view(6, 4)
    assert shifted[0].tolist() == [5, 0, 3, 4]  # first channel from the frame after, second from the frame before
    assert shifted[1].tolist() == [9, 2, 7, 8]
    assert shifted[2].tolist() == [0, 6, 11, 12]
    assert shifted[3].tolist() == [17, 0, 15, 16]  # nothing crosses from clip to clip
    assert shifted[5].tolist() == [0, 18, 23, 24]


@pytest.mark.parametrize(("depth", "count"), [(50, 23_508_032), (18, 11_176_512)])
def test_parameter_count(depth, count):
    encoder = create_encoder("tsm", depth=depth)
    assert sum(p.numel() for p in encoder.parameters()) == count
    whole = ReferenceClassifier(encoder, 400)
    assert sum(p.numel() for p in whole.parameters()) == count + 400 * (encoder.width + 1)


@pytest.mark.parametrize(
    ("released", "options"),
    [
        ({}, {}),
        ({"segments": 6, "div": 4}, {"shift_div": 4, "segments": 6}),
        ({"dropout": False}, {}),
        ({"pool": True}, {"temporal_pool": True}),
    ],
)
def test_computes_what_the_released_network_computes(released, options):
    torch.manual_seed(0)
    theirs = _random(_Released(**released))
    state = {f"module.{key}": value for key, value in theirs.state_dict().items()}
    assert "module.base_model.layer1.0.conv1.net.weight" in state
    ours = load_reference(create_encoder("tsm", depth=18, **options), {"state_dict": state, "epoch": 3}).eval()
    clip = torch.randn(2, 3, released.get("segments", 4), 48, 48)
    with torch.no_grad():
        expected = theirs(clip.transpose(1, 2))
        assert torch.allclose(ours(clip), expected, atol=1e-5)
        assert not torch.allclose(ours(clip.flip(2)), expected, atol=1e-3)  # time matters


def test_a_deep_resnet_shifts_in_every_other_block(monkeypatch):
    monkeypatch.setattr(tsm_module, "DEEP", 2)  # as if the two blocks of ResNet-18 were the 23 of ResNet-101
    theirs = _random(_Released(every=2))
    ours = load_reference(create_encoder("tsm", depth=18), theirs.state_dict()).eval()
    clip = torch.randn(1, 3, 4, 48, 48)
    with torch.no_grad():
        assert torch.allclose(ours(clip), theirs(clip.transpose(1, 2)), atol=1e-5)


def test_official_names_of_resnet_50():
    encoder = create_encoder("tsm")
    shapes = {encoder._official(key): tuple(value.shape) for key, value in encoder.state_dict().items()}
    assert shapes["base_model.conv1.weight"] == (64, 3, 7, 7)
    assert shapes["base_model.layer1.0.conv1.net.weight"] == (64, 64, 1, 1)
    assert shapes["base_model.layer3.5.conv1.net.weight"] == (256, 1024, 1, 1)
    assert shapes["base_model.layer4.2.conv3.weight"] == (2048, 512, 1, 1)
    assert shapes["base_model.layer2.0.downsample.1.running_var"] == (512,)
    assert sum(".net." in name for name in shapes) == 16
    assert not any(name.startswith("base_model.fc") for name in shapes)


def test_weights_of_another_function_are_refused():
    encoder = create_encoder("tsm", depth=18)
    state = _Released().state_dict()
    with pytest.raises(RecipeError, match="no temporal shift"):
        load_reference(encoder, {key.replace(".net.", "."): value for key, value in state.items()})
    with pytest.raises(RecipeError, match=r"unknown, first base_model\.layer2\.net\."):
        load_reference(encoder, {**state, "base_model.layer2.net.extra": torch.zeros(1)})
    with pytest.raises(RecipeError, match="hold a head without its bias"):
        load_reference(encoder, {key: value for key, value in state.items() if key != "new_fc.bias"})
    with pytest.raises(RecipeError, match="hold no head"):
        load_reference(encoder, {key: value for key, value in state.items() if "new_fc" not in key})


def test_frames_and_segments():
    encoder = create_encoder("tsm", depth=18).eval()
    assert evenly_spaced(16, 4) == [2, 6, 10, 14]
    assert evenly_spaced(2, 4) == [0, 0, 1, 1]
    clip = torch.randn(1, 3, 16, 32, 32)
    with torch.no_grad():
        assert [encoder(clip[:, :, :t]).shape for t in (1, 5, 16)] == [(1, t, 512) for t in (1, 5, 16)]
        encoder.segments = 4
        assert torch.equal(encoder(clip), encoder(clip[:, :, [2, 6, 10, 14]]))
        encoder.segments, encoder.temporal_pool = None, True
        assert [encoder(clip[:, :, :t]).shape[1] for t in (1, 5, 16)] == [1, 3, 8]


def test_published_pixels():
    frames = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    clip = normalize(frames)[None]
    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float()
    mean, std = (torch.tensor(v).view(3, 1, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    assert torch.allclose(PublishedPixels("rgb")(clip), (pixels / 255 - mean) / std, atol=1e-5)
    caffe = pixels[:, [2, 1, 0]] - torch.tensor([104.0, 117.0, 128.0]).view(3, 1, 1, 1)
    assert torch.allclose(PublishedPixels("bgr")(clip), caffe, atol=1e-3)
    torch.manual_seed(0)
    plain = create_encoder("tsm", depth=18).eval()
    torch.manual_seed(0)
    published = create_encoder("tsm", depth=18, pixels="published").eval()
    assert plain.state_dict().keys() == published.state_dict().keys()
    large = torch.randn(1, 3, 2, 32, 32)
    with torch.no_grad():
        assert torch.equal(plain(PublishedPixels("rgb")(large)), published(large))


def test_first_weights_from_files(tmp_path):
    released = _random(_Released())
    torch.save({"state_dict": released.state_dict()}, tmp_path / "tsm.pth")
    encoder = create_encoder("tsm", depth=18, weights=str(tmp_path / "tsm.pth"))
    inner = released.base_model.layer4[1].conv1.net.weight
    assert torch.equal(encoder.backbone.layer4[1].conv1.weight, inner)

    load_torchvision()
    from torchvision.models import resnet18

    image = resnet18(weights=None).state_dict()
    save_file(image, tmp_path / "imagenet.safetensors")
    encoder = create_encoder("tsm", depth=18, weights=str(tmp_path / "imagenet.safetensors"))
    assert torch.equal(encoder.backbone.layer1[0].conv1.weight, image["layer1.0.conv1.weight"])

    with pytest.raises(RecipeError, match=r"imagenet.*does not fit ResNet: .*layer1\.2.* is missing"):
        create_encoder("tsm", depth=34, weights=str(tmp_path / "imagenet.safetensors"))
    with pytest.raises(RecipeError, match=r"tsm\.pth: the weights do not fit"):
        create_encoder("tsm", depth=34, weights=str(tmp_path / "tsm.pth"))


def test_weights_by_name(monkeypatch):
    with pytest.raises(RecipeError, match=r"no weights 'KINETICS' for resnet50: known are IMAGENET1K_V1"):
        create_encoder("tsm", weights="KINETICS")
    load_torchvision()
    from torchvision.models import ResNet18_Weights, resnet18

    image = resnet18(weights=None).state_dict()
    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", lambda *_a, **_k: image)
    encoder = create_encoder("tsm", depth=18, weights="IMAGENET1K_V1")
    assert torch.equal(encoder.backbone.conv1.weight, image["conv1.weight"])

    def no_network(*_args, **_kwargs):
        raise OSError("Name or service not known\nsecond line")

    monkeypatch.setattr(ResNet18_Weights, "get_state_dict", no_network)
    with pytest.raises(RecipeError, match=r"cannot be downloaded \(Name or service not known\): give a local file"):
        create_encoder("tsm", depth=18, weights="IMAGENET1K_V1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 20}, "no ResNet with 20 layers"),
        ({"segments": 0}, "segments must be 1 or more"),
        ({"shift_div": 1}, "shift_div must be 2 or more"),
        ({"pixels": "raw"}, "pixels must be kinetics or published"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(RecipeError, match=message):
        create_encoder("tsm", **options)
