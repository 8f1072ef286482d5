"""Names, options and a user's own encoder."""

import pytest
import torch
from torch import nn

from microgesture.encoders import Encoder, create_encoder, list_encoders
from microgesture.encoders.registry import Registry
from microgesture.errors import RecipeError

OWN = """
from torch import nn
from microgesture.encoders import Encoder

class Mean(Encoder):
    width = 7
    def __init__(self, bias: bool = True):
        super().__init__()
        self.linear = nn.Linear(3, 7, bias=bias)
    def forward(self, clip):
        return self.linear(clip.mean(dim=(3, 4)).transpose(1, 2))

class NotOne(nn.Module):
    pass
"""


def test_published_architectures_are_listed():
    assert {"r2plus1d_18", "r2plus1d_small"} <= set(list_encoders())


def test_unknown_name_names_the_known():
    with pytest.raises(RecipeError, match=r"no encoder 'r3d'.*r2plus1d_18, r2plus1d_small"):
        create_encoder("r3d")


def test_unknown_option_names_the_known():
    with pytest.raises(RecipeError, match="'r2plus1d_small' has no option 'widht': known are channels"):
        create_encoder("r2plus1d_small", widht=3)


@pytest.mark.parametrize("channels", [(8, 8), (8, 8, 8, 0), "four"])
def test_bad_option_value(channels):
    with pytest.raises(RecipeError, match="r2plus1d_small"):
        create_encoder("r2plus1d_small", channels=channels)


def test_own_encoder_from_a_file(tmp_path):
    path = tmp_path / "my_encoder.py"
    path.write_text(OWN)
    encoder = create_encoder(f"{path}:Mean", bias=False)
    assert encoder(torch.randn(2, 3, 4, 8, 8)).shape == (2, 4, 7)
    assert encoder.name == f"{path}:Mean"
    assert encoder.options == {"bias": False}
    assert type(create_encoder(f"{path}:Mean")) is type(encoder)


def test_own_encoder_from_a_module():
    encoder = create_encoder("microgesture.encoders.r2plus1d:R2Plus1DSmall", channels=[4, 4, 4, 6])
    assert encoder.width == 6


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.py:Mean", "no file .*absent.py"),
        ("{folder}/own.py:NotOne", "no class 'NotOne' derived from microgesture.encoders"),
        ("{folder}/own.py:Absent", "no class 'Absent'"),
        ("{folder}/broken.py:Mean", "cannot be imported"),
        ("no.such.module:Mean", "cannot be imported"),
    ],
)
def test_own_encoder_that_is_none(tmp_path, name, message):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "broken.py").write_text("1 / 0")
    with pytest.raises(RecipeError, match=message) as caught:
        create_encoder(name.format(folder=tmp_path))
    assert "\n" not in str(caught.value)


def test_a_name_is_given_once():
    registry: Registry[Encoder] = Registry("encoder", "microgesture.encoders", Encoder)
    first = registry.register("x")(type("A", (Encoder,), {}))
    assert registry.register("x")(first) is first
    with pytest.raises(RecipeError, match="'x' is taken"):
        registry.register("x")(type("B", (Encoder,), {}))


def test_base_encoder_says_what_is_missing():
    class Lazy(Encoder):
        pass

    assert isinstance(Lazy(), nn.Module)
    with pytest.raises(TypeError, match="define forward"):
        Lazy()(torch.zeros(1))
