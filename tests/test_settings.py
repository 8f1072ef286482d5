"""Wrong settings of every configuration are one line: the setting, what it takes, what was given."""

from dataclasses import dataclass
from typing import Literal

import pytest

from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.protocols import ProtocolConfig
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.privacy.anonymization import AnonymizeConfig
from microgesture.reasoning.backends import Settings
from microgesture.reasoning.evidence import Limits
from microgesture.runs.configuration import load_recipe
from microgesture.settings import check_settings, within
from microgesture.spotting import SpottingConfig
from microgesture.synthetic.worlds.plan import WorldConfig


@dataclass(frozen=True)
class Sample:
    share: float = within(0.5, above=0, high=1)
    rate: float = within(0.5, 0, below=1)
    span: tuple[float, float] = within((0.2, 0.5), 0, 1)
    long: tuple[float, float] = within((1.0, 2.0), 1)
    count: int = within(3, 1)
    seed: int = within(0, 0, 2**31 - 1)
    names: tuple[str, ...] = ()
    mirror: bool = False
    kind: Literal["a", "b", "c"] = "a"
    text: str = ""
    free: list[str | int] | str | int | None = None

    def __post_init__(self) -> None:
        check_settings(self, "sample.")


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"share": 0}, "share must be above 0 and at most 1, got 0"),
        ({"share": float("nan")}, "share must be a number, got nan"),
        ({"rate": 1.0}, "rate must be 0 or more and below 1, got 1.0"),
        ({"span": [0.5, 0.2]}, "span must be an ascending range within 0 and 1, got [0.5, 0.2]"),
        ({"span": (0.5,)}, "span must be two numbers, got [0.5]"),
        ({"long": (0.0, 2.0)}, "long must be an ascending range 1 or more, got [0.0, 2.0]"),
        ({"count": 0}, "count must be 1 or more, got 0"),
        ({"count": 1.5}, "count must be a whole number, got 1.5"),
        ({"count": True}, "count must be a whole number, got True"),
        ({"count": float("inf")}, "count must be a whole number, got inf"),
        ({"share": float("inf")}, "share must be a number, got inf"),
        ({"long": (1.0, float("inf"))}, "long must be two numbers, got [1.0, inf]"),
        ({"seed": 2**31}, "seed must be between 0 and 2147483647, got 2147483648"),
        ({"names": "arm"}, "names must be a list of names, got 'arm'"),
        ({"mirror": 1}, "mirror must be true or false, got 1"),
        ({"kind": "d"}, "kind must be a, b or c, got 'd'"),
        ({"share": "much"}, "share must be a number, got 'much'"),
        ({"text": None}, "text has no value"),
    ],
)
def test_what_is_said_of_a_wrong_setting(change, wanted):
    with pytest.raises(RecipeError) as error:
        Sample(**change)
    assert str(error.value) == f"sample.{wanted}"


def test_right_settings_pass_and_lists_become_tuples():
    made = Sample(share=1, rate=0, span=[0.2, 0.2], names=["x"], free=["s", 3])
    assert made.span == (0.2, 0.2)
    assert made.names == ("x",)
    assert made.free == ["s", 3]


@pytest.mark.parametrize(
    ("make", "error", "wanted"),
    [
        (lambda: SpottingConfig(window_s=0), RecipeError, "spotting.window_s must be above 0, got 0"),
        (lambda: EmotionConfig(input="pixels"), RecipeError, "emotion.input must be text, probability or features"),
        (lambda: EmotionConfig(members=1), RecipeError, "emotion.members must be 2 or more, got 1"),
        (lambda: EmotionConfig(width=30), RecipeError, "emotion.width must be a multiple of twice the heads, got 30"),
        (lambda: ProtocolConfig(folds=1), RecipeError, "protocol.folds must be 2 or more, got 1"),
        (lambda: AnonymizeConfig(style="blur"), UserError, "anonymize.style must be solid or pixelate, got 'blur'"),
        (lambda: AnonymizeConfig(hold_s=61), UserError, "anonymize.hold_s must be between 0 and 60, got 61"),
        (lambda: Settings(max_tokens=0), RecipeError, "--max-tokens must be 1 or more, got 0"),
        (lambda: Settings(timeout=0), RecipeError, "--timeout must be above 0 and at most 86400, got 0"),
        (lambda: Limits(events=0), DataError, "limits of the prompt: events must be 1 or more, got 0"),
        (lambda: WorldConfig(fps=0.0), RecipeError, "synthesize: fps must be between 1 and 120, got 0.0"),
        (lambda: WorldConfig(size=33), RecipeError, "synthesize: size must be an even number, got 33"),
        (
            lambda: load_recipe("demo/baseline", ["--optimiser.batch", "0"]),
            RecipeError,
            "demo/baseline: optimiser.batch must be 1 or more, got 0",
        ),
        (
            lambda: load_recipe("demo/baseline", ["--data.random_crop", "1"]),
            RecipeError,
            "demo/baseline: data.random_crop must be 0 or more and below 1, got 1.0",
        ),
        (
            lambda: load_recipe("demo/baseline", ["--optimiser.lr_text", "small"]),
            RecipeError,
            "demo/baseline: optimiser.lr_text must be a number, got 'small'",
        ),
        (
            lambda: load_recipe("demo/baseline", ["--data.fit", "round"]),
            RecipeError,
            "demo/baseline: data.fit must be pad, crop or stretch, got 'round'",
        ),
    ],
)
def test_every_configuration_says_it_alike(make, error, wanted):
    with pytest.raises(error) as raised:
        make()
    assert type(raised.value) is error
    assert str(raised.value).startswith(wanted)
    assert "\n" not in str(raised.value)
