"""The files of an analysis, where they go, and what stops them."""

import base64
import io
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from microgesture import formats
from microgesture.analysis import result_files as analysis_files
from microgesture.analysis.result_files import check_analysis, event_thumbnails, write_analysis
from microgesture.errors import DataError, MissingExtra, UserError
from microgesture.files.atomic import check_folder
from microgesture.skeletons.track import SkeletonTrack
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.video import VideoReader, write_video
from moving_squares import make_interview, square_at


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return make_interview(tmp_path_factory.mktemp("video") / "interview.mp4")


@pytest.fixture
def timeline(video) -> Timeline:
    events = (GestureEvent(3.0, 4.0, "right", 1, 0.9), GestureEvent(6.0, 7.0, "down", 0, 0.6))
    return Timeline(events, Media(str(video), 9.0, 12.0, (32, 32)), "own", ("down", "right"))


TIMELINES = sorted(f"timeline{end}" for end in (".csv", ".eaf", ".json", ".vtt"))


def pictures_in(report: str) -> list[Image.Image]:
    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", report)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_files_that_agree(timeline, video, tmp_path):
    report = write_analysis(timeline, tmp_path / "deep/out", video)
    assert report == tmp_path / "deep/out/report.html"
    assert sorted(os.listdir(report.parent)) == ["report.html", *TIMELINES]
    assert formats.read(report.parent / "timeline.json") == timeline
    assert [e.label for e in formats.read(report.parent / "timeline.csv")] == ["right", "down"]
    page = report.read_text("utf-8")
    assert page.lower().startswith("<!doctype html>")
    assert "right" in page
    assert "interview.mp4" in page
    assert pictures_in(page) == []


def test_thumbnails_show_the_middle_of_their_events(timeline, video, tmp_path):
    page = write_analysis(timeline, tmp_path, video, thumbnails="original").read_text("utf-8")
    pictures = pictures_in(page)
    assert len(pictures) == 2
    with VideoReader(video) as reader:
        for picture, seconds in zip(pictures, (3.5, 6.5), strict=True):
            seen = np.asarray(picture.convert("RGB"), dtype=float)
            other = np.abs(seen - reader.frames_at([0.0])[0]).mean()
            assert np.abs(seen - reader.frames_at([seconds])[0]).mean() < 0.5 * other


def test_only_the_most_confident_events_get_a_picture(timeline, video, monkeypatch):
    monkeypatch.setattr(analysis_files, "THUMBNAILS", 1)
    assert [picture is not None for picture in event_thumbnails(timeline, video, "original")] == [True, False]


def test_pictures_are_small_and_a_timeline_without_events_has_none(timeline, tmp_path):
    write_video(tmp_path / "large.mp4", np.stack([square_at(8, 8, size=600)] * 96), fps=12)
    pictures = event_thumbnails(timeline, tmp_path / "large.mp4", "original")
    assert max(Image.open(io.BytesIO(pictures[0])).size) == analysis_files.WIDTH
    assert event_thumbnails(timeline.with_events(()), tmp_path / "none.mp4", "original") == []


def test_masked_pictures_hide_or_are_not_there(timeline, video, tmp_path, monkeypatch):
    hidden = np.full((32, 32, 3), 90, np.uint8)

    def masked(path, times, video_stream=None):
        assert list(times) == [3.5, 6.5]
        return iter([hidden, None])  # in the second a person is seen, and no head to hide

    monkeypatch.setattr(analysis_files, "masked_frames", masked)
    page = write_analysis(timeline, tmp_path, video, thumbnails="masked").read_text("utf-8")
    pictures = pictures_in(page)
    assert len(pictures) == 1
    assert np.abs(np.asarray(pictures[0].convert("L"), dtype=float) - 90).max() < 3
    assert "This page holds pictures" in page


def test_without_the_extra_faces_cannot_be_hidden_and_nothing_is_written(timeline, video, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(MissingExtra, match=r"microgesture\[pose\]"):
        write_analysis(timeline, tmp_path / "out", video, thumbnails="masked")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="unknown thumbnails 'photos': choose none, masked, original"):
        write_analysis(timeline, tmp_path / "out", video, thumbnails="photos")


def test_a_track_gives_drawings_and_no_picture(timeline, video, tmp_path):
    times = np.arange(0, 9, 0.1)
    points = np.tile(np.random.default_rng(0).uniform(0, 32, (1, 62, 2)), (len(times), 1, 1))
    track = SkeletonTrack(times, points, np.ones((len(times), 62)), "gesture-62", (32, 32))
    for given in (track, [track]):
        page = write_analysis(timeline, tmp_path, video, track=given).read_text("utf-8")
        assert page.count('<svg class="drawing"') == 2
        assert pictures_in(page) == []
        assert "This page holds no picture of anybody" in page


def test_a_folder_that_cannot_be_is_said_before_the_work(timeline, video, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    for place in ("file", "file/out", "gone/out"):
        with pytest.raises(UserError, match=f"{place}: cannot be made") as caught:
            write_analysis(timeline, tmp_path / place, video)
        assert "\n" not in str(caught.value)
    check_folder(tmp_path / "new/deep")
    assert not (tmp_path / "new").exists()
    locked = tmp_path / "locked"
    locked.mkdir()
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != locked and real(path, mode))  # root may all
    with pytest.raises(UserError, match=r"no permission in .*locked"):
        check_folder(locked / "out")


def test_a_full_disk_is_one_line_and_leaves_no_half_file(timeline, video, tmp_path, monkeypatch):
    def full(self, text, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match=r"timeline\.json: .*No space left on device"):
        write_analysis(timeline, tmp_path / "out", video)
    assert os.listdir(tmp_path / "out") == []


def test_a_file_that_a_human_changed_is_kept(timeline, video, tmp_path):
    write_analysis(timeline, tmp_path, video)
    write_analysis(timeline.with_events(timeline.events[:1]), tmp_path, video)
    assert len(formats.read(tmp_path / "timeline.csv")) == 1
    whole = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in TIMELINES:
        changed = (tmp_path / name).read_text("utf-8").replace("right", "left")
        (tmp_path / name).write_text(changed, "utf-8")
        with pytest.raises(DataError, match=r"timeline\.\w+: .* human"):
            write_analysis(timeline, tmp_path, video)
        assert {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}[name] == changed
        (tmp_path / name).write_bytes(whole[name])
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(DataError, match=r"report\.html: is not ours"):
        check_analysis(tmp_path)
    (tmp_path / "report.html").unlink()
    write_analysis(timeline, tmp_path, video)
    (tmp_path / "timeline.json").unlink()
    with pytest.raises(DataError, match=r"timeline\.csv"):
        check_analysis(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
