"""`microgesture demo`: the main job on a synthetic person, with a pose estimator and without one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from microgesture import formats
from microgesture.commands import demo as module
from microgesture.commands.main import main
from microgesture.errors import MissingExtra
from microgesture.pose.estimator import ESTIMATORS

FILES = ["report.html", *(f"timeline.{ending}" for ending in ("csv", "eaf", "json", "vtt"))]


def test_without_the_estimator_the_skeleton_is_read_and_it_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "SECONDS", 6.0)
    monkeypatch.setattr(module, "TIMELINES", 60)
    monkeypatch.setattr(module, "SIZE", 64)

    def missing(model_file, max_people):
        raise MissingExtra("pose estimation", "pose")

    with ESTIMATORS.replaced("mediapipe", missing):
        assert main(["demo", "-o", "out"]) == 0
        said = capsys.readouterr().out
        assert "the skeleton of the person is read in place of the video" in said
        assert "true outcome of the interview" in said
        timeline = formats.read("out/interview/timeline.json")
        assert timeline.duration == pytest.approx(6.0, abs=0.1)
        assert timeline.emotion is not None
        assert Path("out/interview/report.html").stat().st_size > 10_000
        assert main(["demo", "-o", "out"]) == 0  # nothing is made twice
        assert "is trained already" in capsys.readouterr().out


@pytest.mark.slow
def test_the_demo_as_it_stands_finds_most_of_what_was_done(tmp_path):
    """In a process of its own, as a newcomer types it: video, pose, timeline, emotion, report."""
    pytest.importorskip("mediapipe")
    command = [sys.executable, "-m", "microgesture", "demo", "-o", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found = re.search(r"(\d+) gestures found, (\d+) true ones, .*\(F1 (\d\.\d+)\)", done.stdout)
    assert found, done.stdout
    assert float(found[3]) > 0.5
    assert "Open the report: out/interview/report.html" in done.stdout
    assert "microgesture analyze interview.mp4 -o out/" in done.stdout
    assert sorted(path.name for path in (tmp_path / "out/interview").iterdir()) == FILES
