"""The command line: help, flags, and what is said of manifests, recipes and folders that cannot be used."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from microgesture.commands.main import VERBS, main
from moving_squares import recipe_values


def test_help_imports_no_torch():
    code = "import sys; from microgesture.commands.main import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    check = "print([m for m in ('torch', 'transformers', 'av', 'matplotlib', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + check], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith("[]")
    for verb in VERBS:
        assert verb in done.stdout


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(verb, capsys):
    try:
        code = main([verb, "--help"])
    except SystemExit as stop:
        code = stop.code
    assert code == 0
    assert f"microgesture {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["train", "demo/nothing"], "no recipe 'demo/nothing'"),
        (["train", "demo/baseline"], "--data.manifest"),
        (["train", "demo/baseline", "--optimizer.epochs", "3"], "optimizer.epochs"),
        (["train", "demo/baseline", "--data.manifest", "none.csv"], "none.csv"),
        (["recognize", "a.mp4", "--model", "nowhere"], "'nowhere' is not a run folder"),
        (["analyze", "a.mp4", "-o", "out", "--model", "nowhere"], "'nowhere' is not a run folder"),
        (["analyze", "a.mp4", "-o", "out", "--model", "x", "--gesture_threshold", "2"], "gesture_threshold"),
        (["analyze", "a.mp4", "-o", "out", "--model", "x", "--window", "2"], "window"),
        (["evaluate", "nowhere"], "'nowhere' is not a run folder"),
        (["benchmark", "none/*", "-o", "out"], "no recipe matches 'none/*'"),
        (["import-checkpoint", "none.pth", "-o", "out"], "none.pth"),
        (["synthesize", "out", "--clips", "many"], "clips"),
        (["synthesize", "out", "--classes", "Flying"], "Flying"),
        (["recipes", "nothing"], "no recipe 'nothing'"),
        (["fly"], "invalid choice: 'fly'"),
        (["recognize"], "microgesture recognize --help"),
        (["recognize", "a.mp4", "--model", "x", "--top", "many"], "--top"),
        (["evaluate", "x", "--fast"], "--fast"),
        (["train", "demo/emotion"], "--timelines"),
        (["train", "demo/emotion", "--timelines", "none.csv"], "none.csv: no such file"),
        (["train", "demo/baseline", "--data.manifest", "m.csv", "--start", "nowhere"], "start: 'nowhere'"),
        (["benchmark", "demo/*", "-o", "out", "--optimiser.epoch", "2"], "optimiser.epoch"),
        (["benchmark", "demo/emotion", "-o", "out"], "demo/emotion"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_code_2(argv, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_debug_shows_the_traceback(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Exception, match="no recipe"):
        main(["train", "nothing", "--debug"])


def test_recipes_are_listed_printed_and_copied(capsys, tmp_path):
    assert main(["recipes"]) == 0
    assert "demo/finetune" in capsys.readouterr().out
    assert main(["recipes", "demo/finetune", "-o", str(tmp_path / "mine.yaml")]) == 0
    assert main(["recipes", str(tmp_path / "mine.yaml")]) == 0
    assert "classifier" in capsys.readouterr().out
    assert main(["recipes", "demo/emotion"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["reader"]["model"] == "transformer"


def test_flags_of_a_configuration_may_stand_anywhere(tmp_path, capsys):
    assert main(["train", "--data.manifest", "none.csv", "demo/baseline", "--optimiser.epochs=1"]) == 2
    assert "none.csv" in capsys.readouterr().err


def test_json_goes_to_stdout_alone(capsys):
    assert main(["recognize", "none.mp4", "--model", "none", "--format", "json"]) == 2
    out = capsys.readouterr().out
    assert out == "" or json.loads(out) is not None


def test_the_program_alone_prints_its_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 0
    assert "analyze" in capsys.readouterr().out


@pytest.fixture
def here(squares, tmp_path, monkeypatch) -> Path:
    """An own current folder with recipe.yaml, which names the squares."""
    monkeypatch.chdir(tmp_path)
    values = recipe_values(squares)
    values["optimiser"] = {**values["optimiser"], "epochs": 1}
    Path("recipe.yaml").write_text(yaml.safe_dump(values))
    return tmp_path


def one_line(capsys) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


ROWS = {
    "none.mp4,,,up,P1,s,{split}": "row 3: no video file",
    "{good},2,1,up,P1,s,{split}": "row 3: end 1 is not after start 2",
    "{good},0,x,up,P1,s,{split}": "row 3: end 'x' is not a number",
    "{good},,,,P1,s,{split}": "row 3: empty label",
}


@pytest.mark.parametrize("row", ROWS)
def test_a_manifest_row_that_cannot_be_used_is_named(row, recogniser, squares, here, capsys):
    good = squares / "test_up_0.mp4"
    for verb, split in (["train", "recipe.yaml", "--data.manifest"], "train"), (["evaluate", str(recogniser)], "test"):
        rows = ["video,start,end,label,person,subject,split", f"{good},,,up,P1,s,{split}"]
        Path("m.csv").write_text("\n".join([*rows, row.format(good=good, split=split)]))
        flag = [] if verb[0] == "train" else ["--manifest"]
        assert main([*verb, *flag, "m.csv", "-o", "out"]) == 2
        line = one_line(capsys)
        assert line.startswith("microgesture: m.csv: ")
        assert ROWS[row] in line
    assert not Path("out").exists()


def test_a_label_outside_the_vocabulary_is_named(recogniser, squares, here, capsys):
    assert main(["train", "recipe.yaml", "--data.vocabulary", "smg", "-o", "out"]) == 2
    assert "label 'left' is not in vocabulary 'smg'" in one_line(capsys)
    good = squares / "test_up_0.mp4"
    Path("m.csv").write_text(f"video,label,split\n{good},up,test\n{good},jumping,test\n")
    assert main(["evaluate", str(recogniser), "--manifest", "m.csv", "-o", "out"]) == 2
    assert "m.csv: row 3: label 'jumping' is not among the classes of" in one_line(capsys)


def test_a_recipe_that_does_not_fit_the_checkpoint_is_one_line(recogniser, here, capsys):
    argv = ["train", "recipe.yaml", "--encoder.name", "r2plus1d_small", "--start", str(recogniser), "-o", "out"]
    assert main(argv) == 2
    assert f"does not fit the checkpoint '{recogniser}'" in one_line(capsys)


def test_a_run_that_is_none_or_broken_is_one_line(recogniser, here, capsys):
    (here / "run").mkdir()
    for name in ("config.json", "labels.json", "preprocessor.json"):
        (here / "run" / name).write_bytes((recogniser / name).read_bytes())
    argv = ["recognize", "a.mp4", "--model", "run"]
    assert main(argv) == 2
    assert "'run' holds no weights yet" in one_line(capsys)
    (here / "run/model.safetensors").write_bytes((recogniser / "model.safetensors").read_bytes()[:500])
    assert main(argv) == 2
    assert "run/model.safetensors: the weights are damaged" in one_line(capsys)
    assert main(["train", "recipe.yaml", "--start", "run", "-o", "out"]) == 2
    assert "run/model.safetensors: the weights are damaged" in one_line(capsys)
    (here / "run/config.json").write_text("{")
    assert main(argv) == 2
    assert "'run' is not a run folder" in one_line(capsys)


def test_an_output_that_is_a_file_is_one_line(recogniser, here, capsys):
    Path("file").write_text("")
    commands = (
        ["train", "recipe.yaml", "-o", "file/run"],
        ["train", "recipe.yaml", "-o", "file"],
        ["benchmark", "recipe.yaml", "-o", "file/out"],
        ["evaluate", str(recogniser), "-o", "file/out"],
        ["recipes", "demo/finetune", "-o", "file/mine.yaml"],
    )
    for argv in commands:
        assert main(argv) == 2
        assert "file" in one_line(capsys)
    assert Path("file").read_text() == ""


def test_training_evaluation_and_benchmark_by_command(here, capsys):
    assert main(["train", "recipe.yaml", "--title", "adaptive"]) == 0
    assert "runs/recipe: trained" in capsys.readouterr().out
    assert main(["train", "recipe.yaml"]) == 2
    assert "--resume" in one_line(capsys)
    assert main(["evaluate", "runs/recipe"]) == 0
    out = capsys.readouterr().out
    assert "Majority class" in out
    assert "+ adaptive prompting" in out
    for name in ("metrics.json", "predictions.csv", "table.md", "confusion.png", "embedding.png"):
        assert Path("runs/recipe/evaluation", name).is_file()
    assert main(["benchmark", "recipe.yaml", "-o", "table", "--seeds", "1"]) == 0
    assert "table and figures: table" in capsys.readouterr().out


def test_a_batch_of_runs_goes_on_and_counts(recogniser, reader_of_texts, here, capsys):
    assert main(["evaluate", str(recogniser), "nowhere", str(reader_of_texts), "-o", "out"]) == 1
    streams = capsys.readouterr()
    assert "'nowhere' is not a run folder" in streams.err
    assert "1 of 3 runs failed" in streams.err
    assert "Baseline R(2+1)D" in streams.out
    assert Path("out/table.md").is_file()
    for run in (recogniser, reader_of_texts):
        assert Path("out", run.name, "metrics.json").is_file()
    table = Path("out/table.md").read_text()
    for run in (recogniser, reader_of_texts):
        assert main(["evaluate", str(run), "-o", "out"]) == 0
        assert Path("out", run.name, "table.md").is_file()
    assert {path.name for path in Path("out").iterdir() if path.is_dir()} == {recogniser.name, reader_of_texts.name}
    capsys.readouterr()
    assert main(["evaluate", str(recogniser), str(reader_of_texts), "-o", "out"]) == 2
    assert "out/table.md: was made from " in one_line(capsys)
    assert Path("out/table.md").read_text() == table


def test_submission_and_fusion_by_command(recogniser, reader_of_texts, here, capsys):
    ask = ["submit", str(recogniser), "--split", "test", "-o", "out.zip"]
    assert main([*ask, "--challenge", "ma52"]) == 2
    assert "not those of challenge ma52" in one_line(capsys)
    assert main([*ask, "--challenge", "miga2025", "--data.on_problem", "skip"]) == 0
    assert "out.zip: 20 clips" in capsys.readouterr().out
    both = ["fuse", str(recogniser), str(reader_of_texts), "-o", "fused"]
    assert main([*both, "--split", "exam"]) == 2
    line = one_line(capsys)
    assert "no row has split 'exam'" in line
    assert "--split val" in line
    assert main(both) == 0
    assert "| fused |" in capsys.readouterr().out
    assert main(["fuse", str(recogniser), "another", "-o", "fused"]) == 2
    assert "fusion.json: was made from " in one_line(capsys)


def test_a_benchmark_with_a_failing_row_ends_with_code_1(here, capsys):
    values = yaml.safe_load(Path("recipe.yaml").read_text())
    Path("bad.yaml").write_text(yaml.safe_dump({**values, "title": "bad", "encoder": {"name": "none.py:None"}}))
    assert main(["benchmark", "bad.yaml", "recipe.yaml", "-o", "table"]) == 1
    err = capsys.readouterr().err
    assert "bad.yaml seed 0 failed" in err
    assert "1 of 2 runs failed" in err
    assert main(["benchmark", "bad.yaml", "-o", "table"]) == 2


def test_a_training_stopped_by_the_user_says_how_to_go_on(here, capsys, monkeypatch):
    from microgesture.training import prerequisites
    from microgesture.training.stopping import Interrupted

    def stopped(*args, **kwargs):
        raise Interrupted("stopped in epoch 1; go on with --resume")

    monkeypatch.setattr(prerequisites, "train", stopped)
    assert main(["train", "recipe.yaml"]) == 130
    assert "--resume" in one_line(capsys)
    assert main(["benchmark", "recipe.yaml", "-o", "table"]) == 130
    assert "the same command resumes" in one_line(capsys)
