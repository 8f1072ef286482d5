"""Recipes by method and data set: the old names, the same recipes, what cannot work together."""

import json
from pathlib import Path

import pytest

import microgesture
from microgesture.commands.main import main
from microgesture.emotion.recipes import EmotionRecipe, load_emotion_recipe
from microgesture.errors import RecipeError
from microgesture.evaluation.benchmark import expand
from microgesture.files.data_sets import RECIPE, data_sets
from microgesture.runs.configuration import Recipe, load_recipe
from microgesture.runs.recipe_files import methods, read_recipe, recipe_name, recipe_names, rows, run_name

BEFORE = json.loads(Path(__file__).with_name("recipes_before.json").read_text("utf-8"))
"""Every recipe of the package before there was `--on`: the values that differ from the configuration's defaults."""
CROSSED = [name for name in BEFORE if name.split("/")[0] in data_sets(RECIPE) and name != "demo/emotion"]


def differing(values: dict, defaults: dict, above: str = "") -> dict:
    """Dotted keys of the values that are not the defaults."""
    found = {}
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(defaults.get(key), dict) and key != "options":
            found |= differing(value, defaults[key], f"{above}{key}.")
        elif value != defaults.get(key):
            found[above + key] = value
    return found


def as_json(values):
    return json.loads(json.dumps(values, default=lambda value: getattr(value, "to_json", lambda: vars(value))()))


def made(name: str) -> dict:
    """What a recipe says beyond the defaults."""
    if read_recipe(name).get("kind") != "emotion":
        return as_json(differing(load_recipe(name).to_dict(), Recipe().to_dict()))
    recipe = load_emotion_recipe(name, ["--timelines", "given.csv"])
    found = differing(as_json(vars(recipe)), as_json(vars(EmotionRecipe())))
    del found["timelines"]
    return {"kind": "emotion", **found}


@pytest.mark.parametrize("name", BEFORE)
def test_every_old_name_makes_the_recipe_that_its_file_made(name):
    assert made(name) == BEFORE[name]


@pytest.mark.parametrize("name", CROSSED)
def test_an_old_name_and_a_method_on_a_data_set_make_the_same_recipe(name):
    data_set, method = name.split("/")
    for given in (method, methods()[method]):
        assert recipe_name(given, data_set) == name
        assert load_recipe(recipe_name(given, data_set)) == load_recipe(name)
    assert method in rows(data_set)


def test_the_old_names_are_all_there_and_the_files_are_few():
    assert set(BEFORE) <= set(recipe_names())
    assert len(CROSSED) == 58
    root = Path(microgesture.__file__).parent
    files = [*root.glob("recipes/**/*.yaml"), *root.glob("corpora/*/recipe.yaml")]
    assert len(files) <= 45
    assert len(data_sets(RECIPE)) == len(list(root.glob("corpora/*/recipe.yaml")))


def test_a_method_starts_from_the_run_on_its_own_data_set():
    assert load_recipe(recipe_name("finetune", "smg")).start == "smg/adaptive"
    assert load_recipe(recipe_name("finetune")).start == "letter/adaptive"
    assert load_recipe("synthetic/finetune").start == "synthetic/adaptive"
    assert load_recipe("synthetic/adaptive").start == "synthetic/pretraining"


def test_a_method_that_is_no_row_of_a_table_is_trained_on_it_all_the_same():
    assert "ma52/adaptive" not in recipe_names()
    recipe = load_recipe(recipe_name("adaptive", "ma52"))
    assert (recipe.data.source, recipe.objective.options["prompting"]) == ("ma52", "pooled")


def test_a_file_of_ones_own_on_a_data_set(tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text("extends: stgcn\ntitle: mine\nencoder: {name: 'mine.py:Mine'}\n")
    name = recipe_name(str(own), "imigue")
    recipe = load_recipe(name)
    assert (recipe.title, recipe.data.source, recipe.encoder.name) == ("mine", "imigue", "mine.py:Mine")
    assert recipe.encoder.options == {"layout": "imigue-22"}
    assert recipe.optimiser.name == "sgd"
    assert run_name(name) == "imigue/mine"
    own.write_text("extends: imigue/stgcn\n")
    with pytest.raises(RecipeError, match=r"--on smg: '.*mine.yaml' extends a recipe that is on imigue"):
        recipe_name(str(own), "smg")


def test_another_recipe_on_a_data_set():
    name = recipe_name("own/finetune", "smg")
    assert (load_recipe(name).start, load_recipe(name).data.source) == ("built-in/skeleton", "smg")
    assert run_name(name) == "smg/own/finetune"
    protocol = load_emotion_recipe(recipe_name("labels", "smg"), ["--timelines", "given.csv"]).protocol
    assert protocol.name == "smg"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["train", "stgcn", "--on", "demo"], "'skeleton/stgcn' needs skeletons, which demo does not have: methods for"),
        (["emotion", "chain", "msg3d", "--on", "demo", "-o", "out"], "needs skeletons, which demo does not have"),
        (["benchmark", "stgcn", "--on", "demo", "-o", "out"], "needs skeletons, which demo does not have"),
        (["recipes", "labels", "--on", "ma52"], "'emotion/labels' needs outcomes, which ma52 does not have"),
        (["train", "rgbpose", "--on", "demo"], "'rgb/rgbpose' needs skeletons, which demo does not have"),
        (["train", "rgbpose_small", "--on", "demo"], "'rgb/rgbpose_small' needs skeletons, which demo does not have"),
        (["benchmark", "*", "--on", "mars", "-o", "out"], "--on mars: no such data set"),
        (["train", "stgcn", "--on", "mars"], "--on mars: no such data set; there are: demo, imigue, ma52, smg"),
        (["train", "imigue/stgcn", "--on", "smg"], "--on smg: 'imigue/stgcn' is on imigue already"),
        (["train", "mars/stgcn"], "no recipe 'mars/stgcn': methods are cecn"),
        (["benchmark", "x*", "--on", "smg", "-o", "out"], "no recipe matches 'x*'; there are: smg/stgcn"),
        (["train", "stgcn", "--on", "imigue"], "--data.root with the folder of a data set"),
    ],
)
def test_what_cannot_work_is_one_line(argv, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


def test_patterns_name_the_rows_of_a_data_set():
    assert expand(["*"], "imigue") == expand(["*"], on="imigue")
    without_labels = {f"imigue/{method}" for method in ("pc", "u_s_vae", "s_vae", "cdclr", "mstcn_vae")}
    expected = {name for name in BEFORE if name.startswith("imigue/")} | without_labels
    assert set(expand(["*"], "imigue")) == set(expand(["imigue/*"])) == expected
    assert set(expand(["self-supervised/*"], "imigue")) == without_labels
    assert "ma52/cdclr" in expand(["self-supervised/*"], "ma52")
    skeleton = expand(["skeleton/*"], "ma52")
    assert set(skeleton) == set(expand(["st*", "msg3d", "shiftgcn"], "ma52"))
    assert set(skeleton) == {"ma52/stgcn", "ma52/msg3d", "ma52/shiftgcn"}
    assert expand(["stgcn", "skeleton/stgcn"]) == ["skeleton/stgcn"]


def test_methods_and_data_sets_are_listed(capsys):
    assert main(["recipes"]) == 0
    text = capsys.readouterr().out
    assert "microgesture train METHOD --on DATA_SET" in text
    for name in (*methods(), *data_sets(RECIPE)):
        assert f"\n  {name} " in text
    assert main(["recipes", "--on", "ma52"]) == 0
    assert capsys.readouterr().out.split()[0] == "ma52/stgcn"
    assert main(["recipes", "stgcn", "--on", "imigue"]) == 0
    assert "imigue-22" in capsys.readouterr().out


def test_a_broken_recipe_of_a_data_set_names_file_and_key(tmp_path, monkeypatch):
    from microgesture.files import data_sets as module

    monkeypatch.setattr(module, "_added", {"mine": tmp_path})
    for text, said in (
        ("recognisers: {}\n", "recognisers is none of has, recogniser"),
        ("methods: {stgcnn: {}}\n", "methods.stgcnn is none of"),
        ("- 1\n", "mapping"),
    ):
        (tmp_path / "recipe.yaml").write_text(text)
        with pytest.raises(RecipeError, match=f"recipe.yaml: .*{said}"):
            recipe_name("stgcn", "mine")
