"""What a stranger's file may hold: values that are plain, not too deep, not too many; weights as they were written."""

import json
import time

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from microgesture.commands.arguments import MOST_LETTERS, say
from microgesture.datasets.cache import open_cache
from microgesture.errors import DataError, RecipeError
from microgesture.files.plain_json import parse_json
from microgesture.files.plain_yaml import load_yaml
from microgesture.runs.configuration import load_recipe
from microgesture.runs.own_weights import read_weights, write_weights
from microgesture.runs.recipe_files import read_recipe
from microgesture.timeline import GestureEvent


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff", '{"a": ' + "9" * 5000 + "}"])
def test_whatever_is_not_json_is_one_kind_of_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse_json(text)
    assert parse_json('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}


def test_yaml_with_aliases_is_read_and_a_bomb_of_them_is_not():
    shared = "base: &base {a: 1, b: 2}\nmine:\n  <<: *base\n  b: 3\nagain: *base\n"
    assert load_yaml(shared) == {"base": {"a": 1, "b": 2}, "mine": {"a": 1, "b": 3}, "again": {"a": 1, "b": 2}}
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    began = time.monotonic()
    with pytest.raises(yaml.YAMLError, match="more than 100000 values"):
        load_yaml(bomb)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("&a [*a]", "more than"),
        ("a: 1\nb: 2\na: 3\n", "'a' appears twice, line 1"),
        ("[" * 5000, "nested too deep"),
        ("a: 2001-99-99", "month must be"),
        ("!!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("{[1]: 2}", "unhashable"),
    ],
)
def test_yaml_that_is_refused(text, words):
    with pytest.raises(yaml.YAMLError, match=words):
        load_yaml(text)


def test_recipes_that_extend_themselves_or_leave_a_value_out(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: b\n")
    (tmp_path / "b.yaml").write_text("extends: a\n")
    with pytest.raises(RecipeError, match=r"a\.yaml: extends itself"):
        read_recipe(str(tmp_path / "a.yaml"))
    (tmp_path / "c.yaml").write_text("extends: [a, b]\n")
    with pytest.raises(RecipeError, match="extends is the name of one recipe"):
        read_recipe(str(tmp_path / "c.yaml"))
    (tmp_path / "d.yaml").write_text("optimiser:\n  batch: null\n")
    with pytest.raises(RecipeError, match=r"d\.yaml: optimiser\.batch has no value"):
        load_recipe(str(tmp_path / "d.yaml"))


@pytest.fixture
def weights(tmp_path):
    state = {"a": torch.randn(3, 4), "b": torch.tensor(2.0), "n": torch.tensor([3]), "h": torch.ones(2).bfloat16()}
    write_weights(tmp_path / "model.safetensors", {**state, "none": torch.zeros(0)}, {"format": "pt"})
    return tmp_path / "model.safetensors"


def test_weights_are_those_that_were_written(weights):
    state = read_weights(weights)
    assert state["b"] == 2
    assert state["h"].dtype == torch.bfloat16
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1  # one bit of one number
    weights.write_bytes(content)
    with pytest.raises(RecipeError, match=r"model\.safetensors: the weights are damaged: they are not those"):
        read_weights(weights)
    weights.write_bytes(content[:-9])
    with pytest.raises(RecipeError, match=r"model\.safetensors: the weights are damaged, or are none"):
        read_weights(weights)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), 1e38])
def test_weights_that_no_training_gives_are_refused_without_a_checksum_too(tmp_path, number):
    save_file({"a": torch.tensor([1.0, number])}, tmp_path / "other.safetensors")
    with pytest.raises(RecipeError, match="a holds numbers that no training gives"):
        read_weights(tmp_path / "other.safetensors")
    save_file({"a": torch.ones(1)}, tmp_path / "other.safetensors")
    assert read_weights(tmp_path / "other.safetensors")["a"] == 1, "another program's file has no checksum"


@pytest.mark.parametrize("damaged", ["clips.npy", "clips.sizes.npy"])
def test_a_damaged_cache_is_made_again(tmp_path, damaged):
    def make(number: int) -> np.ndarray:
        return np.full((2, 5, 4, 3), number, np.uint8)

    open_cache(tmp_path, "clips", 3, (2, 8), make)
    path = tmp_path / damaged
    for content in (path.read_bytes()[:-7], b"", b"\x93NUMPY\x01\x00\x10\x00{'descr': (((("):
        path.write_bytes(content)
        cache = open_cache(tmp_path, "clips", 3, (2, 8), make)
        assert [int(cache[i].max()) for i in range(3)] == [0, 1, 2]
        assert cache[2].shape == (2, 5, 4, 3)


@pytest.mark.parametrize("end", [1e308, float("inf"), float("nan"), 1e13])
def test_times_that_are_none(end):
    with pytest.raises(DataError, match="times must be finite"):
        GestureEvent(0.0, end, "a")


def test_a_message_that_quotes_a_whole_file_is_shortened(capsys):
    say("broken.json: " + "x" * 500_000 + " is unknown")
    line = capsys.readouterr().err
    assert len(line) < MOST_LETTERS
    assert line.startswith("microgesture: broken.json: ")
    assert line.endswith(" is unknown\n")
    assert line.count("\n") == 1


def test_a_description_of_a_model_that_cannot_be_built_names_its_file(recogniser, tmp_path):
    from microgesture.runs.run import load_run

    for name in ("model.safetensors", "config.json"):
        (tmp_path / name).write_bytes((recogniser / name).read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    for model, words in (
        ({**config["model"], "encoder": "nothing"}, "no encoder 'nothing'"),
        ({**config["model"], "encoder_options": {"colour": 3}}, "colour"),
        ([], "list"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**config, "model": model}))
        with pytest.raises(RecipeError, match=rf"config\.json: .*{words}"):
            load_run(tmp_path)
    for temperature in (0, -1, "warm", None):
        (tmp_path / "config.json").write_text(json.dumps({**config, "temperature": temperature}))
        with pytest.raises(RecipeError, match="the temperature is"):
            load_run(tmp_path)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(RecipeError, match="is not a run folder"):
        load_run(tmp_path)
