import pytest
import yaml

from microgesture.emotion.recipes import load_emotion_recipe
from microgesture.errors import RecipeError
from microgesture.runs.configuration import Recipe, given_by_flags, load_recipe, make_recipe
from microgesture.runs.recipe_files import overlay, read_recipe, recipe_names, write_own_recipe
from microgesture.spotting import SpottingConfig


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_is_valid(name):
    values = read_recipe(name)
    if values.get("kind") == "emotion":
        assert load_emotion_recipe(name, ["--timelines", "table.csv"]).title
        return
    recipe = load_recipe(name)
    assert recipe.title
    if recipe.start:
        assert recipe.start in recipe_names()


def test_flags_override_files_and_files_override_defaults(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("optimiser: {epochs: 4, batch: 8}\nencoder: {name: r2plus1d_18, options: {width: 3}}\n")
    more = tmp_path / "more.yaml"
    more.write_text("optimiser: {batch: 16}\n")
    recipe = load_recipe(str(own), ["--config", str(more), "--optimiser.epochs", "2", "--encoder.options.depth", "5"])
    assert (recipe.optimiser.epochs, recipe.optimiser.batch) == (2, 16)
    assert recipe.encoder.options == {"width": 3, "depth": 5}
    assert recipe.optimiser.lr_encoder == Recipe().optimiser.lr_encoder


def test_extends_lays_the_difference_over_the_other_recipe(tmp_path):
    (tmp_path / "base.yaml").write_text("title: base\nobjective: {name: visual_text, options: {temperature: 0.1}}\n")
    (tmp_path / "row.yaml").write_text("extends: base\ntitle: row\nobjective: {options: {similarity: cosine}}\n")
    (tmp_path / "other.yaml").write_text("extends: base\nobjective: {name: supervised}\n")
    row = load_recipe(str(tmp_path / "row.yaml"))
    assert row.objective.options == {"temperature": 0.1, "similarity": "cosine"}
    assert row.title == "row"
    assert load_recipe(str(tmp_path / "other.yaml")).objective.options == {}


def test_overlay_does_not_change_its_arguments():
    base = {"a": {"b": 1}}
    assert overlay(base, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert base == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("values", "flags", "said"),
    [
        ({"nonsense": 1}, [], "nonsense"),
        ({"encoder": {"nam": "x"}}, [], "nam"),
        ({}, ["--optimiser.epochs", "many"], "optimiser.epochs"),
        ({}, ["--optimizer.epochs", "3"], "optimizer.epochs"),
        ({}, ["--data.frames", "0"], "data.frames"),
        ({"data": {"fit": "squeeze"}}, [], "data.fit"),
        ({"optimiser": 3}, [], "optimiser"),
    ],
)
def test_a_wrong_recipe_is_one_line_that_names_the_key(values, flags, said):
    with pytest.raises(RecipeError, match=said) as caught:
        make_recipe(values, flags, "my.yaml")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("my.yaml")


def test_unknown_names_and_broken_files(tmp_path):
    with pytest.raises(RecipeError, match="no recipe 'demo/nothing'"):
        read_recipe("demo/nothing")
    with pytest.raises(RecipeError, match="does not exist"):
        read_recipe(str(tmp_path / "none.yaml"))
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1,\n")
    with pytest.raises(RecipeError, match="not valid YAML"):
        read_recipe(str(broken))
    broken.write_text("- a\n- b\n")
    with pytest.raises(RecipeError, match="mapping"):
        read_recipe(str(broken))


def test_a_recipe_survives_the_way_through_yaml():
    recipe = make_recipe({"encoder": {"name": "x", "options": {"a": [1, 2]}}}, ["--data.flip", "true"])
    assert make_recipe(yaml.safe_load(yaml.safe_dump(recipe.to_dict()))) == recipe


def test_copying_a_recipe_never_overwrites(tmp_path):
    out = tmp_path / "mine.yaml"
    write_own_recipe("demo/finetune", out)
    assert load_recipe(str(out)) == load_recipe("demo/finetune")
    with pytest.raises(RecipeError, match="already exists"):
        write_own_recipe("demo/finetune", out)


def test_flags_give_their_own_fields_and_no_defaults(tmp_path):
    """So that they can be laid over the settings that a run was calibrated with."""
    assert given_by_flags(SpottingConfig, [], "analyze") == {}
    given = {"window_s": SpottingConfig().window_s}  # given, and equal to the default
    assert given_by_flags(SpottingConfig, ["--window-s", str(given["window_s"])], "analyze") == given
    (tmp_path / "own.yaml").write_text("stride_s: 0.2\ngesture_threshold: 0.4\n")
    flags = ["--config", str(tmp_path / "own.yaml"), "--gesture_threshold=0.3"]
    assert given_by_flags(SpottingConfig, flags, "analyze") == {"stride_s": 0.2, "gesture_threshold": 0.3}
    for wrong, said in ((["--nothing", "1"], "nothing"), (["--gesture_threshold", "2"], "gesture_threshold")):
        with pytest.raises(RecipeError, match=said) as caught:
            given_by_flags(SpottingConfig, wrong, "analyze")
        assert "\n" not in str(caught.value)
