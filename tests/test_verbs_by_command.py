"""Verbs from the command line to the files that they promise: synthesize, train --resume, evaluate --split."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import load_file

from microgesture import formats
from microgesture.commands.main import main
from microgesture.datasets import read_manifest
from microgesture.video import VideoReader
from moving_squares import make_clips, recipe_values

WORLD = ["--clips", "6", "--interviews", "1", "--timelines", "2", "--subjects", "6", "--shares", "[0.4, 0.3, 0.3]"]
SMALL = ["--size", "32", "--interview_size", "48", "--fps", "4", "--interview_seconds", "[4.0, 6.0]"]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def one_line(capsys) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


def test_synthesize_writes_a_world_once(here, capsys):
    argv = ["synthesize", "world", *WORLD, *SMALL, "--classes", "Touching jaw; Folding arms; Head up", "--seed", "7"]
    assert main(argv) == 0
    assert capsys.readouterr().out.endswith(
        "world: manifest.csv, interviews.csv, timelines.csv and world.json are written\n"
    )
    rows = read_manifest(Path("world/manifest.csv")).rows
    assert len(rows) == 6
    assert {row.split for row in rows} == {"train", "val", "test"}
    with VideoReader(rows[0].video) as video:
        assert video.size == (32, 32)
    with Path("world/interviews.csv").open(encoding="utf-8") as file:
        (interview,) = csv.DictReader(file)
    truth = formats.read(Path("world", interview["timeline"]))
    assert 4.0 <= truth.duration <= 6.0
    with VideoReader(Path("world", interview["video"])) as video:
        assert video.size == (48, 48)
        assert video.duration == pytest.approx(truth.duration, abs=0.3)
    assert len(list(Path("world/timelines").glob("*.json"))) == 2
    stamps = {path: path.stat().st_mtime_ns for path in Path("world").rglob("*.mp4")}
    assert main(argv) == 0
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    capsys.readouterr()
    assert main([*argv[:-1], "8"]) == 2
    assert "world" in one_line(capsys)


SLOW = '''
import os, time
from pathlib import Path

class Slow(Mover):
    """Leaves time to stop the training, while the file `slow` is there."""

    def forward(self, clip):
        Path("stepped").touch()
        time.sleep(0.3 * Path("slow").exists())
        return super().forward(clip)
'''


def test_a_training_that_was_stopped_resumes_to_the_weights_of_one_that_was_not(here):
    clips = make_clips(here, {"train": 4, "val": 1, "test": 1})
    with (clips / "tiny.py").open("a") as file:
        file.write(SLOW)
    values = recipe_values(clips, encoder={"name": f"{clips}/tiny.py:Slow"})
    values["optimiser"] = {**values["optimiser"], "epochs": 2, "batch": 4}
    Path("recipe.yaml").write_text(yaml.safe_dump(values))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # as in this process: sums in another order end otherwise
    command = [sys.executable, "-m", "microgesture", "train", "recipe.yaml", "-o", "run"]
    Path("slow").touch()
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        began = time.monotonic()
        while not Path("stepped").exists():
            assert running.poll() is None, running.stderr.read().decode()
            assert time.monotonic() < began + 240
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=120)
    assert (running.returncode, "--resume" in said.decode()) == (130, True), said.decode()
    assert not json.loads(Path("run/config.json").read_text())["finished"]
    Path("slow").unlink()
    assert main(["train", "recipe.yaml", "-o", "run", "--resume"]) == 0
    assert main(["train", "recipe.yaml", "-o", "whole"]) == 0
    resumed, whole = load_file("run/model.safetensors"), load_file("whole/model.safetensors")
    assert resumed.keys() == whole.keys()
    assert all(np.array_equal(resumed[key], whole[key]) for key in whole)


def test_evaluate_tests_the_split_that_is_named(recogniser, here, capsys):
    counts = {}
    for split in ("val", "test"):
        assert main(["evaluate", str(recogniser), "--split", split, "-o", f"on-{split}"]) == 0
        with Path(f"on-{split}", recogniser.name, "predictions.csv").open(encoding="utf-8") as file:
            videos = [row["video"] for row in csv.DictReader(file)]
        assert all(Path(video).name.startswith(split) for video in videos)
        counts[split] = len(videos)
    assert counts == {"val": 15, "test": 20}
    capsys.readouterr()
    assert main(["evaluate", str(recogniser), "--split", "exam", "-o", "on-exam"]) == 2
    assert "no row has split 'exam'" in one_line(capsys)
    assert not Path("on-exam").exists()
