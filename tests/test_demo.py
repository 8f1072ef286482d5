"""`microgesture demo`, small: the main job on a synthetic person, with and without a pose estimator."""

from pathlib import Path

import pytest

from microgesture import formats
from microgesture.commands import demo as module
from microgesture.commands.main import main
from microgesture.errors import MissingExtra
from microgesture.pose.estimator import ESTIMATORS


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
