"""Objectives by name, a user's own, and descriptions that build them again."""

import json

import pytest
import torch
from tiny_models import TinyEncoder, vocabulary

from microgesture.encoders import create_encoder, create_text_encoder
from microgesture.errors import RecipeError
from microgesture.recognition import Objective, create_objective, describe, list_objectives, restore

OWN = """
from microgesture.recognition.supervised import SupervisedObjective

class Twice(SupervisedObjective):
    def scores(self, clip):
        return 2 * super().scores(clip)
"""


def test_published_objectives_are_listed():
    assert {"cdclr", "classifier", "dual-stream", "supervised", "visual-text"} <= set(list_objectives())


def test_unknown_name():
    with pytest.raises(
        RecipeError, match=r"no objective 'clip': known are cdclr, .*classifier, .*supervised, .*visual-text"
    ):
        create_objective("clip", TinyEncoder(), None, vocabulary())


def test_own_objective(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    objective = create_objective(f"{tmp_path}/own.py:Twice", TinyEncoder(), None, vocabulary())
    assert objective.scores(torch.randn(2, 3, 2, 4, 4)).shape == (2, 4)


def test_base_objective_says_what_is_missing():
    objective = Objective(TinyEncoder(), None, vocabulary())
    with pytest.raises(TypeError, match="define forward"):
        objective({})
    with pytest.raises(TypeError, match="define scores"):
        objective.scores(torch.zeros(1))


@pytest.mark.parametrize("name", ["visual-text", "supervised", "classifier"])
def test_describe_and_restore(name):
    torch.manual_seed(0)
    text = create_text_encoder("label-words", vocabulary().names)
    encoder = create_encoder("r2plus1d_small", channels=[4, 4, 8, 8])
    options = {"prompting": "tokens", "width": 32, "heads": 2} if name == "visual-text" else {}
    objective = create_objective(name, encoder, text, vocabulary(), **options).eval()
    description = json.loads(json.dumps(describe(objective)))
    again = restore(description).eval()
    again.load_state_dict(objective.state_dict())
    clip = encoder.example_input(2)
    assert torch.equal(again.scores(clip), objective.scores(clip))
    assert describe(again) == description


def test_starting_weights_are_not_described():
    encoder = TinyEncoder()
    encoder.name, encoder.options = "tiny", {"weights": "gone.pth", "depth": 2}
    objective = create_objective("supervised", encoder, None, vocabulary())
    assert describe(objective)["encoder_options"] == {"depth": 2}


def test_incomplete_description():
    with pytest.raises(RecipeError, match="lacks 'text_encoder'"):
        restore({"objective": "supervised"})
