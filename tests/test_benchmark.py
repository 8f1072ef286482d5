"""The table of many recipes: restart, failing rows, runs that start from others, rows of one title."""

import json
from pathlib import Path

import pytest
import yaml

from microgesture.errors import RecipeError, UserError
from microgesture.evaluation.benchmark import benchmark, expand
from microgesture.runs.configuration import make_recipe
from microgesture.training import prerequisites as module
from microgesture.training.loop import train
from microgesture.training.prerequisites import run_folder, train_recipe
from microgesture.training.stopping import Interrupted
from moving_squares import recipe_values


@pytest.fixture
def recipes(squares, tmp_path, monkeypatch) -> Path:
    """A folder, the current one, with small.yaml, second.yaml and finetune.yaml, which starts from second."""
    monkeypatch.chdir(tmp_path)
    small = recipe_values(squares, title="baseline")
    small["optimiser"] = {**small["optimiser"], "epochs": 2}
    texts = {"text": {"name": "label-words"}, "objective": {"name": "visual-text", "options": {"prompting": "none"}}}
    write("small", small)
    write("second", {**small, "title": "visual-text", **texts})
    write("finetune", {**small, "title": "finetune", "objective": {"name": "classifier"}, "start": "second.yaml"})
    return tmp_path


def write(name: str, values: dict) -> None:
    Path(f"{name}.yaml").write_text(yaml.safe_dump(values))


def stamps(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in sorted(out.glob("runs/**/seed*/model.safetensors"))}


def test_two_recipes_two_seeds_and_a_restart(recipes):
    result = benchmark(["small.yaml", "second.yaml"], "out", seeds=2, show=False)
    assert result.failed == {}
    assert {title: len(runs) for title, runs in result.evaluations.items()} == {"baseline": 2, "visual-text": 2}
    out = Path("out")
    for name in ("table.md", "table.csv", "confusion.png", "embedding.png"):
        assert (out / name).is_file()
    assert "Mean of 2 seeds" in (out / "table.md").read_text()
    for name in ("small", "second"):
        for seed in (0, 1):
            run = run_folder(out, f"{name}.yaml", seed)
            assert json.loads((run / "config.json").read_text())["recipe"]["training"]["seed"] == seed
            assert (run / "evaluation/metrics.json").is_file()
    before = stamps(out)
    assert len(before) == 4
    again = benchmark(["small.yaml", "second.yaml"], "out", seeds=2, show=False)
    assert stamps(out) == before
    for title, runs in result.evaluations.items():
        assert [e.metrics for e in again.evaluations[title]] == [e.metrics for e in runs]


def test_a_start_is_the_run_of_the_same_seed(recipes):
    result = benchmark(["finetune.yaml"], "out", seeds=2, show=False)
    assert [len(runs) for runs in result.evaluations.values()] == [2]
    for seed in (0, 1):
        config = json.loads((run_folder(Path("out"), "finetune.yaml", seed) / "config.json").read_text())
        assert Path(config["recipe"]["start"]) == Path(f"out/runs/second/seed{seed}")
    assert len(stamps(Path("out"))) == 4


def test_a_failing_row_does_not_stop_the_others(recipes, squares, capsys):
    broken = yaml.safe_load(Path("second.yaml").read_text())
    broken["encoder"] = {"name": f"{squares}/tiny.py:Nothing"}
    write("second", broken)
    result = benchmark(["finetune.yaml", "second.yaml", "small.yaml"], "out", show=False)
    assert list(result.evaluations) == ["baseline"]
    assert {Path(folder).parent.name for folder in result.failed} == {"finetune", "second"}
    assert "Nothing" in result.failed[str(run_folder(Path("out"), "second.yaml", 0))]
    assert Path("out/table.md").is_file()
    err = capsys.readouterr().err
    assert "finetune.yaml seed 0 failed" in err
    assert "Traceback" not in err


def test_a_fault_of_the_users_own_encoder_is_a_failing_row_with_its_traceback(recipes, capsys):
    own = yaml.safe_load(Path("small.yaml").read_text())
    Path("own.py").write_text(
        "from microgesture.encoders import Encoder\nfrom torch import nn\n\nclass Own(Encoder):\n"
        "    width = 4\n\n    def __init__(self):\n        super().__init__()\n        self.a = nn.Linear(1, 1)\n\n"
        "    def forward(self, clip):\n        raise ValueError('five is right out')\n"
    )
    write("own", {**own, "encoder": {"name": "own.py:Own"}})
    result = benchmark(["own.yaml", "small.yaml"], "out", show=False)
    assert list(result.failed.values()) == ["ValueError: five is right out"]
    assert list(result.evaluations) == ["baseline"]
    assert "Traceback" in capsys.readouterr().err


def test_a_start_that_failed_is_not_tried_again(recipes, monkeypatch):
    tried = []

    def failing(recipe, folder, resume, show):
        tried.append(folder)
        raise UserError("the loss became nan")

    monkeypatch.setattr(module, "train", failing)
    result = benchmark(["second.yaml", "finetune.yaml"], "out", show=False)
    assert tried == [Path("out/runs/second/seed0")]
    assert "starts from 'out/runs/second/seed0', which failed" in result.failed.values()
    assert result.evaluations == {}


def test_a_stop_by_the_user_ends_all(recipes, monkeypatch):
    def stopped(*args, **kwargs):
        raise Interrupted("stopped in epoch 1")

    monkeypatch.setattr(module, "train", stopped)
    for name in ("small.yaml", "finetune.yaml"):
        with pytest.raises(Interrupted):
            benchmark([name], "out", show=False)


def test_a_finished_run_of_other_settings_is_not_taken_for_this_one(recipes):
    assert benchmark(["small.yaml"], "out", show=False).failed == {}
    result = benchmark(["small.yaml"], "out", flags=["--optimiser.epochs", "3"], show=False)
    assert "`optimiser.epochs` differs" in next(iter(result.failed.values()))
    assert benchmark(["small.yaml"], "out", flags=["--data.workers", "1"], show=False).failed == {}


def test_two_recipes_of_one_title_are_two_rows(recipes):
    other = yaml.safe_load(Path("small.yaml").read_text())
    write("other", {**other, "optimiser": {**other["optimiser"], "epochs": 1}})
    rows = benchmark(["small.yaml", "other.yaml"], "out", show=False).evaluations
    assert list(rows) == ["baseline (out/runs/small/seed0)", "baseline (out/runs/other/seed0)"]


def test_another_network_is_not_listed_under_the_recipes_title(recipes, squares):
    small = yaml.safe_load(Path("small.yaml").read_text())
    write("small", {**small, "published": "imigue_recognition/ST-GCN"})
    other = ["--encoder.name", "r2plus1d_small", "--encoder.options", "{channels: [4, 4, 8, 8]}"]
    for flags, title, published in (
        (other, "r2plus1d_small", ""),
        ([*other, "--title", "mine", "--published", "imigue_recognition/ST-GCN"], "mine", "imigue_recognition/ST-GCN"),
        (["--optimiser.epochs", "1"], "baseline", "imigue_recognition/ST-GCN"),
    ):
        recipe = module.recogniser_recipe("small.yaml", flags)
        assert (recipe.title, recipe.published) == (title, published)
    own = ["--encoder.name", f"{squares}/tiny.py:Tiny"]
    assert module.recogniser_recipe("demo/baseline", own).title == "Tiny"


def test_seeds_count_from_the_recipes_own(recipes):
    benchmark(["small.yaml"], "out", flags=["--training.seed", "5"], show=False)
    assert run_folder(Path("out"), "small.yaml", 5).is_dir()
    with pytest.raises(RecipeError, match="1 seed or more"):
        benchmark(["small.yaml"], "out", seeds=0)


def test_patterns_choose_the_rows_of_a_table():
    names = expand(["demo/*"])
    assert {"demo/baseline", "demo/adaptive", "demo/finetune"} <= set(names)
    assert "demo/emotion" not in names
    assert not any(name.endswith("pretraining") for name in names)
    assert expand(["demo/baseline", "demo/*"]).count("demo/baseline") == 1
    with pytest.raises(RecipeError, match="no recipe matches 'x/"):
        expand(["x/*"])


def test_what_no_row_can_be_trained_from_is_said_at_once(recipes):
    with pytest.raises(RecipeError, match="epoch"):
        benchmark(["small.yaml"], "out", flags=["--optimiser.epoch", "3"])
    with pytest.raises(RecipeError, match="emotion recipe is no row"):
        benchmark(["demo/emotion"], "out")
    Path("file").write_text("")
    with pytest.raises(UserError, match="file/out: cannot be made"):
        benchmark(["small.yaml"], "file/out")
    assert not Path("out").exists()


def test_train_trains_first_what_a_recipe_starts_from(recipes, squares):
    run = train_recipe("finetune.yaml", Path("mine"), ["--title", "my own"], show=False)
    config = json.loads((run / "config.json").read_text())["recipe"]
    assert (config["title"], config["start"]) == ("my own", "runs/second")
    assert json.loads(Path("runs/second/config.json").read_text())["recipe"]["title"] == "visual-text"
    before = Path("runs/second/model.safetensors").stat().st_mtime_ns
    train_recipe("finetune.yaml", Path("another"), show=False)
    assert Path("runs/second/model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(RecipeError, match="already holds a run"):
        train_recipe("finetune.yaml", Path("mine"), show=False)
    with pytest.raises(RecipeError, match=r"runs/second.*`training\.seed` differs"):
        train_recipe("finetune.yaml", Path("third"), ["--training.seed", "4"], show=False)
    train(make_recipe({**yaml.safe_load(Path("second.yaml").read_text())}), "given", show=False)
    train_recipe("finetune.yaml", Path("fourth"), ["--start", "given", "--training.seed", "4"], show=False)
    assert json.loads(Path("fourth/config.json").read_text())["recipe"]["start"] == "given"


def test_starts_that_cannot_be(recipes):
    with pytest.raises(RecipeError, match="'nowhere' is neither a run folder nor a recipe"):
        train_recipe("small.yaml", Path("mine"), ["--start", "nowhere"], show=False)
    write("second", {**yaml.safe_load(Path("second.yaml").read_text()), "start": "finetune.yaml"})
    with pytest.raises(RecipeError, match="start from each other"):
        train_recipe("finetune.yaml", Path("mine"), show=False)
