"""R(2+1)D: token grid, torchvision's weights from local files, the small network's factorisation."""

import copy
import tempfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from microgesture.encoders import create_encoder, load_reference
from microgesture.encoders.r2plus1d import KINETICS_MEAN, KINETICS_STD, middle_channels
from microgesture.errors import RecipeError
from microgesture.libraries.torchvision_loader import load_torchvision


@pytest.fixture(scope="module")
def network():
    """torchvision's own network with a classification layer, as its weight files hold it."""
    load_torchvision()
    from torchvision.models.video import r2plus1d_18

    torch.manual_seed(3)
    return r2plus1d_18(weights=None).eval()


@pytest.fixture
def tmp_path():
    """A folder that goes when the test ends: these files are 125 MB each, and pytest keeps its own for days."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def weights(network):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r2plus1d_18.pth"
        torch.save(network.state_dict(), path)
        yield path


@pytest.mark.parametrize(("name", "width"), [("r2plus1d_18", 512), ("r2plus1d_small", 128)])
def test_token_grid_of_the_letter(name, width):
    with torch.no_grad():
        tokens = create_encoder(name).eval()(torch.randn(1, 3, 32, 48, 64))
    assert tokens.shape == (1, 4 * 3 * 4, width)


def test_local_weights_give_torchvisions_features(network, weights):
    encoder = create_encoder("r2plus1d_18", weights=str(weights)).eval()
    clip = encoder.example_input(2)
    features = {}
    hook = network.avgpool.register_forward_hook(lambda _m, _i, out: features.update(pooled=out.flatten(1)))
    with torch.no_grad():
        network(clip)
        ours = encoder.pool(encoder(clip))
    hook.remove()
    assert torch.allclose(ours, features["pooled"], rtol=1e-4, atol=1e-5)


def test_load_reference_gives_torchvisions_logits(network):
    generator = torch.Generator().manual_seed(5)
    state = {
        key: torch.rand(value.shape, generator=generator) + 0.5 if "running" in key else value
        for key, value in network.state_dict().items()
    }
    official = copy.deepcopy(network)
    official.load_state_dict(state)
    model = load_reference(create_encoder("r2plus1d_18"), state).eval()
    assert sum(p.numel() for p in model.parameters()) == 31_505_325  # torchvision's documented count
    clip = model.encoder.example_input(2)
    with torch.no_grad():
        expected = official(clip)
        assert expected.shape == (2, 400)
        assert torch.allclose(model(clip), expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())


def test_load_reference_without_the_classification_layer(network):
    state = {key: value for key, value in network.state_dict().items() if not key.startswith("fc.")}
    with pytest.raises(RecipeError, match="'r2plus1d_18' hold no head"):
        load_reference(create_encoder("r2plus1d_18"), state)


def test_safetensors_and_data_parallel_prefix(network, tmp_path):
    state = {f"module.{k}": v for k, v in network.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    encoder = create_encoder("r2plus1d_18", weights=str(tmp_path / "w.safetensors"))
    assert torch.equal(encoder.state_dict()["layer4.1.conv2.0.0.weight"], network.layer4[1].conv2[0][0].weight)


def test_weights_that_do_not_fit(network, tmp_path):
    state = dict(network.state_dict())
    state["layer1.0.conv1.0.0.weight"] = torch.zeros(2, 2)
    state["stranger"] = torch.zeros(1)
    del state["stem.0.weight"]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(RecipeError) as caught:
        create_encoder("r2plus1d_18", weights=str(tmp_path / "w.pth"))
    for part in ("w.pth", "stem.0.weight is missing", "stranger is unknown", "layer1.0.conv1.0.0.weight is (2, 2)"):
        assert part in str(caught.value)


class _Evil:
    def __reduce__(self):
        return (print, ("code ran",))


@pytest.mark.parametrize("content", ["text", "list", "code", "empty"])
def test_files_that_are_no_weights(tmp_path, content, capsys):
    path = tmp_path / "w.pth"
    if content == "text":
        path.write_text("no weights")
    elif content == "list":
        torch.save([torch.zeros(1)], path)
    elif content == "code":
        torch.save({"stem.0.weight": _Evil()}, path)
    else:
        path.write_bytes(b"")
    with pytest.raises(RecipeError, match=r"w\.pth") as caught:
        create_encoder("r2plus1d_18", weights=str(path))
    assert "\n" not in str(caught.value)
    assert "code ran" not in capsys.readouterr().out


def test_unknown_weights_name():
    with pytest.raises(RecipeError, match=r"no weights 'IMAGENET'.*KINETICS400_V1"):
        create_encoder("r2plus1d_18", weights="IMAGENET")


def test_weights_without_network(monkeypatch):
    load_torchvision()
    from torchvision.models.video import R2Plus1D_18_Weights

    def no_network(*_args, **_kwargs):
        raise OSError("Name or service not known\nsecond line")

    monkeypatch.setattr(R2Plus1D_18_Weights, "get_state_dict", no_network)
    with pytest.raises(RecipeError, match=r"cannot be downloaded \(Name or service not known\): give a local file"):
        create_encoder("r2plus1d_18", weights="KINETICS400_V1")


def test_pixel_scale_feeds_the_pixels_of_the_released_code(weights):
    mean, std = (torch.tensor(v).view(3, 1, 1, 1) for v in (KINETICS_MEAN, KINETICS_STD))
    pixels = torch.rand(1, 3, 8, 32, 32, generator=torch.Generator().manual_seed(1))
    plain = create_encoder("r2plus1d_18", weights=str(weights)).eval()
    scaled = create_encoder("r2plus1d_18", weights=str(weights), pixel_scale=255.0).eval()
    with torch.no_grad():
        expected = plain((255 * pixels - mean) / std)
        assert torch.allclose(scaled((pixels - mean) / std), expected, rtol=1e-3, atol=1e-4 * expected.max().item())


@pytest.mark.parametrize(("inputs", "outputs", "published"), [(64, 64, 144), (64, 128, 230), (512, 512, 1152)])
def test_middle_channels_are_those_of_the_paper(inputs, outputs, published):
    assert middle_channels(inputs, outputs) == published
    both = 9 * inputs * published + 3 * published * outputs
    assert both <= 27 * inputs * outputs < both + 9 * inputs + 3 * outputs


@pytest.mark.parametrize("name", ["r2plus1d_18", "r2plus1d_small"])
def test_with_change_a_still_background_is_not_seen(name):
    torch.manual_seed(0)
    encoder = create_encoder(name, change=True).eval()
    clip, background = torch.randn(1, 3, 8, 32, 32), torch.randn(1, 3, 1, 32, 32)
    with torch.inference_mode():
        assert torch.allclose(encoder(clip), encoder(clip + background), atol=1e-3)
        encoder.change = False
        assert not torch.allclose(encoder(clip), encoder(clip + background), atol=1e-1)
