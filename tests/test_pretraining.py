"""The built-in weights made by command, small: every step runs, and what comes out opens and says what was measured."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

import microgesture
from microgesture.pretraining.weights_card import weights_card
from microgesture.synthetic.worlds.skeleton_bank import make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows

SIZES = ["--train", "5", "--val", "3", "--test", "3", "--clips", "64", "--films", "2", "--windows", "64"]
SMALL = ["--encoder.options", '{"width": 32, "layers": 1}', "--optimiser.epochs", "1", "--optimiser.batch", "32"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The folder that the command says it has packed."""
    command = [sys.executable, "-m", "microgesture.pretraining", "out", "--seeds", "2", "--workers", "1"]
    command += ["--no-estimated", "--idle_minutes", "0.4", *SIZES, *SMALL]
    folder, one_thread = tmp_path_factory.mktemp("pretraining"), {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=one_thread, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return folder / done.stdout.splitlines()[-1]


def test_the_packed_folder_is_a_run_that_opens_and_answers(weights):
    analyzer = microgesture.load(weights, "cpu")
    assert analyzer.vocabulary.names[0] == "Turtle neck"
    assert json.loads((weights / "results.json").read_text("utf-8"))["making"]["sizes"]["train"] == 5
    assert len(analyzer.vocabulary) == 32, "a clip that is to be named shows a gesture: no 'No gesture'"
    assert not analyzer.run.zero_shot
    track = SkeletonWindows(make_bank(1, 9), 1, ("imigue",)).film(0)
    probabilities = analyzer.probabilities(track)
    assert probabilities.shape == (32,)
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-4)


def test_half_precision_changes_nothing_that_matters(weights):
    packed, whole = load_file(weights / "model.safetensors"), load_file(weights.parent / "seed-0" / "model.safetensors")
    assert packed.keys() == whole.keys()
    assert {v.dtype for k, v in packed.items() if whole[k].dtype == np.float32 and v.ndim} == {np.dtype(np.float16)}
    assert all(np.isfinite(v).all() for v in packed.values())
    track = SkeletonWindows(make_bank(1, 9), 1, ("imigue",)).film(0)
    ours = microgesture.load(weights, "cpu").probabilities(track)
    names = microgesture.load(weights, "cpu").vocabulary
    theirs = microgesture.load(weights.parent / "seed-0", "cpu").with_vocabulary(names).probabilities(track)
    np.testing.assert_allclose(ours, theirs, atol=5e-3)


def test_the_card_says_what_was_measured(weights):
    card = (weights / "README.md").read_text("utf-8")
    results = json.loads((weights / "results.json").read_text("utf-8"))
    top1 = results["clips"]["joints/imigue"]["metrics"]["top1"]
    assert f"{100 * top1:.1f}" in card
    assert "mean over 2 seeds" in card
    assert "| said | right | clips |" in card
    rung = results["ladder"]["true joints, all in the picture"]["imigue"]["all"]
    assert f"| true joints, all in the picture | {100 * rung['top1']:.0f}" in card
    assert f"{100 * results['audit']['blind']:.1f} %" in card
    assert "no point of a skeleton is a hat" in card
    for gesture in ("Touching jaw", "scratching feet", "Turtling neck and shoulder"):
        assert gesture in card
    assert "lie detector" in card
    assert "false alarms per minute" in card


def test_the_card_says_how_texts_of_ones_own_are_read(weights):
    config, result = (json.loads((weights / name).read_text("utf-8")) for name in ("config.json", "results.json"))
    assert "(zero-shot, as far as the built-in gesture words reach)" in weights_card(config, result)
    config["model"]["objective_options"]["sentences"] = {"name": "some/encoder", "width": 4, "texts": ["x"]}
    assert "read as sentences by `some/encoder`, which is not part of the weights" in weights_card(config, result)


def test_calibration_is_part_of_the_run(weights):
    config = json.loads((weights / "config.json").read_text("utf-8"))
    assert config["calibration"]["scale"] > 0
    assert 0.05 <= config["temperature"] <= 20
    assert config["spotting"]["window_s"] == 0.16
    assert config["rate"] == 12.5
