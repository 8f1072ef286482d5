import json
import subprocess
import sys

import pytest

from microgesture.cli import VERBS, main


def test_help_imports_no_torch():
    code = "import sys; from microgesture.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
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


def test_flags_of_a_configuration_may_stand_anywhere(tmp_path, capsys):
    assert main(["train", "--data.manifest", "none.csv", "demo/baseline", "--optimiser.epochs=1"]) == 2
    assert "none.csv" in capsys.readouterr().err


def test_json_goes_to_stdout_alone(capsys):
    assert main(["recognize", "none.mp4", "--model", "none", "--format", "json"]) == 2
    out = capsys.readouterr().out
    assert out == "" or json.loads(out) is not None
