"""Where the files of videos go: under their names, one call or several, and never over another video's."""

import os
from pathlib import Path

import numpy as np
import pytest

from microgesture import formats
from microgesture.commands.result_places import (
    SOURCES,
    analysis_folders,
    check_results,
    note_sources,
    result_folders,
    track_files,
)
from microgesture.errors import DataError
from microgesture.skeletons.track import SkeletonTrack, media_hash
from microgesture.timeline import Media, Timeline


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """Files of different content that stand for videos."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "a.mov", "x/a.mp4", "y/x/a.mp4", "b.mp4", "B.mov"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    return tmp_path


def analyse(video: str, out: str = "out") -> str:
    """What an analysis would leave, and its folder's name."""
    (folder,) = analysis_folders(Path(out), [video]).values()
    timeline = Timeline(media=Media(video, 1.0, sha256=media_hash(video) or None))
    for name in ("timeline.json", "timeline.eaf"):
        formats.write(timeline, folder / name)
    return folder.name


def track(video: str, persons: tuple[str, ...] = ("",)) -> str:
    (file,) = track_files(Path("out"), [video]).values()
    for person in persons:
        points = np.zeros((2, 17, 2))
        made = SkeletonTrack([0, 1], points, np.ones((2, 17)), "coco-17", (9, 9), media=media_hash(video))
        made.save(file.with_name(f"{file.stem}{person}.npz"))
    return file.name


VIDEOS = {
    "a.mp4": "a",
    "a.mov": "a.mov",
    "x/a.mp4": "x_a.mp4",
    "y/x/a.mp4": "y_x_a.mp4",
    "b.mp4": "b",
    "B.mov": "B.mov",
}


def test_one_call_and_one_a_video_give_the_same_names(here):
    together = analysis_folders(Path("out"), list(VIDEOS))
    assert {video: folder.name for video, folder in together.items()} == VIDEOS
    for _ in range(2):
        assert {video: analyse(video) for video in VIDEOS} == VIDEOS
    assert {video: folder.name for video, folder in analysis_folders(Path("out"), list(VIDEOS)).items()} == VIDEOS


def test_a_video_is_known_by_its_place_or_its_content(here, monkeypatch):
    assert analyse("a.mp4") == "a"
    Path("a.mp4").write_text("recorded again")
    assert analyse("a.mp4") == "a"
    Path("moved").mkdir()
    Path("a.mp4").rename("moved/a.mp4")
    assert analyse("moved/a.mp4") == "a"
    monkeypatch.chdir(here / "x")
    assert analyse("a.mp4", "../out") == "x_a.mp4"  # typed alike, and another video
    monkeypatch.chdir(here)
    os.rename(here / "out", here / "results")
    assert analyse("x/a.mp4", "results") == "x_a.mp4"


def test_what_lies_there_is_nobody_elses(here):
    Path("out/a").mkdir(parents=True)
    Path("out/a/notes.txt").write_text("mine")
    Path("out/b").write_text("mine")
    assert [analyse("a.mp4"), analyse("b.mp4")] == ["a", "b.mp4"]
    Path("out/a/timeline.json").write_text("no timeline")
    Path("out/a/timeline.eaf").unlink()
    assert analyse("a.mp4") == "a.mp4"
    Path("poses").mkdir()
    assert analysis_folders(Path(), ["poses"])["poses"].name != "poses"


def test_tracks(here):
    names = {"a.mp4": "a.npz", "x/a.mp4": "x_a.mp4.npz", "b.mp4": "b.npz"}
    assert {video: file.name for video, file in track_files(Path("out"), list(names)).items()} == names
    for persons in (("",), ("-P1", "-P2")):
        for _ in range(2):
            assert {video: track(video, persons) for video in names} == names
        for path in Path("out").iterdir():
            path.unlink()
    track("a.mp4")
    assert SkeletonTrack.load("out/a.npz").media == media_hash("a.mp4")
    assert track_files(Path("out"), ["out/a.npz"])["out/a.npz"] != Path("out/a.npz")


RUNS = {"runs/lr0.1": "lr0.1", "runs/lr0.2": "lr0.2", "more/lr0.1": "more_lr0.1", "runs": "runs"}


def test_results_of_runs_have_their_names_and_go_back_there(here):
    for run in RUNS:
        Path(run).mkdir(parents=True, exist_ok=True)
    for _ in range(2):
        for run, name in RUNS.items():
            (folder,) = result_folders(Path("out"), [run]).values()
            note_sources(folder, [run])
            (folder / "metrics.json").write_text(run)
            assert folder.name == name
    assert {run: folder.name for run, folder in result_folders(Path("out"), list(RUNS)).items()} == RUNS
    assert {run: Path("out", name, "metrics.json").read_text() for run, name in RUNS.items()} == {r: r for r in RUNS}
    os.rename(here / "out", here / "runs" / "results")  # one folder down: the notes lead elsewhere now
    assert result_folders(Path("runs/results"), ["runs/lr0.1"])["runs/lr0.1"].name == "runs_lr0.1"


def test_results_never_go_into_a_run_or_over_what_is_not_theirs(here):
    for folder in ("runs/a", "out/b", "runs/b", "out/c", "runs/c"):
        Path(folder).mkdir(parents=True)
    Path("out/b/notes.txt").write_text("mine")
    assert result_folders(Path("runs"), ["runs/a"])["runs/a"] == Path("runs/runs_a")
    found = result_folders(Path("out"), ["runs/a", "runs/b", "runs/c"])
    assert [folder.name for folder in found.values()] == ["a", "runs_b", "c"]


def test_a_table_of_other_runs_is_not_replaced(here):
    check_results(Path("out"), ["runs/a", "runs/b"], "table.md")
    note_sources(Path("out"), ["runs/a", "runs/b"])
    Path("out/table.md").write_text("a and b")
    assert (here / "out" / SOURCES).read_text() == "../runs/a\n../runs/b\n"
    check_results(Path("out"), ["runs/b", "runs/a"], "table.md")
    with pytest.raises(DataError, match=r"out/table.md: was made from runs/a, runs/b; choose another folder with -o"):
        check_results(Path("out"), ["runs/a", "runs/c"], "table.md")
    (here / "out" / SOURCES).unlink()
    with pytest.raises(DataError, match=r"out/table.md: was made from something else"):
        check_results(Path("out"), ["runs/a", "runs/b"], "table.md")
