"""The verbs that watch people, with an estimator that finds coloured rectangles in place of MediaPipe."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from microgesture import formats
from microgesture.commands.main import main
from microgesture.encoders import create_encoder, create_text_encoder
from microgesture.pose.estimator import ESTIMATORS
from microgesture.recognition import create_objective
from microgesture.runs.configuration import load_recipe
from microgesture.runs.run import WEIGHTS
from microgesture.runs.run_files import write_configuration
from microgesture.skeletons.track import SkeletonTrack, media_hash
from microgesture.training.checkpoint import write_weights
from microgesture.vocabulary import Vocabulary

sys.path.insert(0, str(Path(__file__).parent / "pose"))
from coloured_people import GREEN, GREY, RED, ColourEstimator, film, picture

SPOTTING = ["--window_s", "0.16", "--gesture_threshold", "0.2"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A skeleton run with random weights."""
    folder = tmp_path_factory.mktemp("run")
    recipe = load_recipe("built-in/skeleton", ["--encoder.options", '{"width": 32, "layers": 1}'])
    encoder, text = create_encoder("skeleton_transformer", width=32, layers=1), create_text_encoder("gesture-words")
    objective = create_objective("visual-text-timed", encoder, text, Vocabulary.load("imigue"))
    objective.token_bias.data.fill_(-1.0)  # so that something is found
    write_configuration(folder, recipe, objective, {"finished": True, "temperature": 1.0})
    write_weights(folder / WEIGHTS, objective.state_dict(), {"format": "pt"})
    return str(folder)


@pytest.fixture
def estimating():
    """Puts an estimator in MediaPipe's place."""
    with ExitStack() as stack:
        yield lambda factory: stack.enter_context(ESTIMATORS.replaced("mediapipe", factory))


@pytest.fixture
def here(tmp_path, monkeypatch, estimating):
    """A folder with videos of two people and of nobody."""
    monkeypatch.chdir(tmp_path)
    estimating(lambda model_file, max_people: ColourEstimator())
    both = [picture([(RED, (10 + np.sin(i / 5) * 6, 10, 70, 110)), (GREEN, (100, 30, 140, 110))]) for i in range(100)]
    film(tmp_path / "both.mp4", both)
    film(tmp_path / "nobody.mp4", [np.full((120, 160, 3), GREY, np.uint8)] * 50)
    return tmp_path


def test_pose_keeps_the_largest_or_everyone_and_the_track_stands_for_the_video(run, here, capsys):
    assert main(["pose", "both.mp4", "-o", "one.npz"]) == 0
    assert main(["pose", "both.mp4", "-o", "all.npz", "--person", "all"]) == 0
    assert sorted(p.name for p in here.glob("*.npz")) == ["all-P1.npz", "all-P2.npz", "one.npz"]
    assert SkeletonTrack.load("one.npz").times[-1] > 3.5
    capsys.readouterr()
    assert main(["recognize", "both.mp4", "one.npz", "--model", run, "--format", "json"]) == 0
    video, track = json.loads(capsys.readouterr().out)
    assert video["readings"] == track["readings"]
    assert not video["zero_shot"]


def test_pose_into_one_folder_one_call_or_several(run, here, capsys):
    Path("b").mkdir()
    Path("b/both.mp4").write_bytes(Path("both.mp4").read_bytes() + b"another file")
    for video in ("both.mp4", "b/both.mp4", "both.mp4"):
        assert main(["pose", video, "-o", "each"]) == 0
    assert main(["pose", "both.mp4", "b/*.mp4", "-o", "all"]) == 0
    for folder in ("each", "all"):
        assert sorted(p.name for p in Path(folder).iterdir()) == ["b_both.mp4.npz", "both.npz"]
        assert SkeletonTrack.load(f"{folder}/both.npz").media == media_hash("both.mp4")


def test_analyze_writes_every_person_and_leaves_nothing_behind(run, here, capsys):
    assert main(["analyze", "both.mp4", "-o", "out", "--model", run, "--person", "all", *SPOTTING]) == 0
    timeline = formats.read("out/both/timeline.json")
    assert timeline.provenance["persons"] == ["P1", "P2"]
    assert timeline.provenance["zero_shot"] is False
    assert len(timeline) > 0
    assert {e.person for e in timeline} <= {"P1", "P2"}
    names = sorted(p.name for p in Path("out/both").iterdir())
    assert names == ["report.html", *(f"timeline.{e}" for e in ("csv", "eaf", "json", "vtt"))]
    assert main(["analyze", "both.mp4", "-o", "one", "--model", run, *SPOTTING]) == 0
    assert formats.read("one/both/timeline.json").provenance["persons"] == ["P1"]


def test_nobody_is_an_empty_timeline_said_in_words(run, here, capsys):
    assert main(["analyze", "nobody.mp4", "-o", "out", "--model", run, *SPOTTING]) == 0
    assert "nobody was found" in capsys.readouterr().out
    assert len(formats.read("out/nobody/timeline.json")) == 0
    assert main(["recognize", "nobody.mp4", "both.mp4", "--model", run]) == 1
    assert "nobody.mp4: no person was found" in capsys.readouterr().err


def test_own_words_are_marked_in_every_output(run, here, capsys):
    Path("own.txt").write_text("tugging the sleeve\nadjusting glasses\n")
    argv = ["analyze", "both.mp4", "-o", "out", "--model", run, "--vocabulary", "own.txt", *SPOTTING]
    assert main(argv) == 0
    assert "zero-shot" in capsys.readouterr().out
    assert formats.read("out/both/timeline.json").provenance["zero_shot"] is True
    assert "zero-shot" in Path("out/both/report.html").read_text("utf-8").lower()


def test_a_stopped_analysis_goes_on(run, here, monkeypatch, estimating):
    first = ColourEstimator(stop_after=30)
    estimating(lambda model_file, max_people: first)
    monkeypatch.setattr("microgesture.pose.extraction.PART_S", 1.0)
    assert main(["analyze", "both.mp4", "-o", "out", "--model", run, *SPOTTING]) == 130
    second = ColourEstimator()
    estimating(lambda model_file, max_people: second)
    assert main(["analyze", "both.mp4", "-o", "out", "--model", run, *SPOTTING]) == 0
    assert min(t for t in second.calls if t >= 0) > 0.9, "the first seconds are not watched again"
    whole = ColourEstimator()
    estimating(lambda model_file, max_people: whole)
    assert main(["analyze", "both.mp4", "-o", "again", "--model", run, *SPOTTING]) == 0
    assert formats.read("out/both/timeline.json").events == formats.read("again/both/timeline.json").events


def test_without_the_extra_one_line_names_the_command(run, here, estimating, capsys):
    def missing(model_file, max_people):
        from microgesture.errors import MissingExtra

        raise MissingExtra("pose estimation", "pose")

    estimating(missing)
    assert main(["recognize", "both.mp4", "--model", run]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "microgesture[pose]" in line


def test_wrong_settings_are_one_line(run, here, capsys):
    for argv in (
        ["recognize", "both.mp4", "--model", run, "--fps", "0"],
        ["analyze", "both.mp4", "-o", "out", "--model", run, "--person", "some"],
        ["pose", "both.mp4", "-o", "track.json"],
    ):
        assert main(argv) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_timeline_that_a_human_reviewed_is_not_written_over(run, here, capsys):
    argv = ["analyze", "both.mp4", "-o", "out", "--model", run, *SPOTTING]
    assert main(argv) == 0
    assert main(argv) == 0, "our own file is written again"
    reviewed = Path("out/both/timeline.eaf")
    reviewed.write_text(reviewed.read_text("utf-8").replace("Review@P1", "Review@P1 "), "utf-8")
    before, page = reviewed.read_bytes(), Path("out/both/report.html").stat().st_mtime_ns
    capsys.readouterr()
    assert main(argv) == 2
    assert "changed by a human" in capsys.readouterr().err
    assert reviewed.read_bytes() == before
    assert Path("out/both/report.html").stat().st_mtime_ns == page, "nothing was begun"
