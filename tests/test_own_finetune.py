"""The recipe that teaches the built-in weights a person's own corrected files, from the weights that ship."""

import json
from pathlib import Path

import pytest

from microgesture.commands.main import main
from microgesture.runs.run import built_in_weights
from microgesture.synthetic.worlds.skeleton_bank import make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.vocabulary import Vocabulary


@pytest.fixture
def interviews(tmp_path, monkeypatch) -> Path:
    """Skeleton files of three people with their true gestures as a manifest."""
    monkeypatch.chdir(tmp_path)
    windows = SkeletonWindows(make_bank(3, seed=9), 1, ("imigue",), "train", 3)
    rows = ["skeleton,start,end,label,person,subject,split"]
    for number in range(3):
        windows.film(number).save(tmp_path / f"film{number}.npz")
        for event in windows.truth(number, Vocabulary.load("imigue"), "imigue")[:3]:
            split = "test" if number == 2 else "train"
            rows.append(f'film{number}.npz,{event.start},{event.end},"{event.label}",P1,S{number},{split}')
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.mark.usefixtures("interviews")
@pytest.mark.parametrize("recipe", ["own/finetune", "own/built_in"])
def test_the_weights_in_the_package_are_what_it_starts_from(recipe):
    short = ["--optimiser.epochs", "1", "--optimiser.least_steps", "0", "--optimiser.lr_encoder", "0"]
    assert main(["train", recipe, "--data.manifest", "manifest.csv", "-o", "run", *short]) == 0
    theirs = json.loads((built_in_weights() / "config.json").read_text())["model"]["encoder_options"]
    assert json.loads(Path("run/config.json").read_text())["model"]["encoder_options"] == theirs
    assert main(["recognize", "film0.npz", "--model", "run"]) == 0
