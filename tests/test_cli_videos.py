"""`recognize` and `analyze` from the command line: real and awkward files, batches, full disks."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from microgesture import formats
from microgesture.commands.main import main
from microgesture.video import VideoReader, VideoWriter, write_video
from moving_squares import make_interview, moving_square, square_at
from several_streams import write_streams

REAL = sorted((Path(__file__).parents[2] / "shared/media/asl").glob("*.mkv"))
SPOTTING = ["--window_s", "1", "--stride-s=0.17", "--smoothing_s", "0.3", "--edge_share", "0.6"]


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An own current folder with one video that works, up.mp4."""
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "up.mp4", moving_square("up", np.random.default_rng(0)), fps=12)
    return tmp_path


@pytest.fixture(scope="session")
def broken(tmp_path_factory) -> dict[str, str]:
    """Files that are no video to watch, with what is to be said of them."""
    folder = tmp_path_factory.mktemp("broken")
    (folder / "text.mp4").write_text("no video")
    (folder / "zero.mp4").write_bytes(b"")
    (folder / "folder.mp4").mkdir()
    write_video(folder / "one.mp4", np.stack([square_at(3, 3)]), fps=12)
    write_video(folder / "whole.mp4", moving_square("up", np.random.default_rng(0)), fps=12)
    (folder / "cut.mp4").write_bytes((folder / "whole.mp4").read_bytes()[:900])
    write_sound(folder / "sound.mp4")
    said = {
        "text.mp4": "not a video",
        "zero.mp4": "is empty",
        "folder.mp4": "is a directory",
        "one.mp4": "only one frame",
        "cut.mp4": "",
        "sound.mp4": "only sound",
        "none.mp4": "no such file",
    }
    return {str(folder / name): words for name, words in said.items()}


def write_sound(path: Path) -> None:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def error_lines(capsys) -> list[str]:
    return capsys.readouterr().err.strip().splitlines()


def test_every_broken_file_is_one_line_and_code_2(recogniser, broken, here, capsys):
    for file, words in broken.items():
        for verb in (["recognize"], ["analyze", "-o", "out"]):
            assert main([*verb, file, "--model", str(recogniser)]) == 2
            lines = error_lines(capsys)
            assert len(lines) == 1
            assert Path(file).name in lines[0]
            assert words in lines[0]
    assert not Path("out").exists()


def test_a_batch_goes_on_and_counts_what_failed(recogniser, broken, here, capsys):
    files = [*broken, "up.mp4"]
    assert main(["recognize", *files, "--model", str(recogniser), "--format", "json"]) == 1
    streams = capsys.readouterr()
    assert [entry["file"] for entry in json.loads(streams.out)] == ["up.mp4"]
    assert len(streams.err.strip().splitlines()) == len(broken) + 1
    assert f"{len(broken)} of {len(files)} files failed" in streams.err
    assert main(["analyze", *files, "--model", str(recogniser), "-o", "out"]) == 1
    streams = capsys.readouterr()
    assert "out/up/report.html" in streams.out
    assert f"{len(broken)} of {len(files)} files failed" in streams.err
    assert os.listdir("out") == ["up"]
    assert main(["recognize", *broken, "--model", str(recogniser)]) == 2


def test_debug_shows_the_traceback_of_a_batch(recogniser, broken, here):
    for verb in (["recognize"], ["analyze", "-o", "out"]):
        with pytest.raises(Exception, match="no such file"):
            main([*verb, "none.mp4", "up.mp4", "--model", str(recogniser), "--debug"])


def test_readings_as_text_and_json(recogniser, here, capsys):
    assert main(["recognize", "up.mp4", "--model", str(recogniser), "--top", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "up.mp4  (1.00 s)"
    assert lines[1].endswith("  up")
    assert len(lines) == 3
    assert main(["recognize", "up.mp4", "--model", str(recogniser), "--top", "50", "--format", "json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["duration"] == pytest.approx(1.0)
    assert entry["readings"][0]["label"] == "up"
    assert len(entry["readings"]) == 5


@pytest.mark.parametrize("argv", [["--top", "0"], ["--device", "abacus"], ["--vocabulary", "imigue"], ["--fast"]])
def test_options_that_cannot_be_are_one_line(recogniser, here, capsys, argv):
    assert main(["recognize", "up.mp4", "--model", str(recogniser), *argv]) == 2
    assert len(error_lines(capsys)) == 1


def test_videos_of_one_name_do_not_overwrite_each_other(recogniser, here, capsys):
    for folder in ("a", "b"):
        Path(folder).mkdir()
        make_interview(Path(folder, "clip.mp4"))
    shutil.copy("up.mp4", "clip.mp4")
    files = ["a/clip.mp4", "b/clip.mp4", "clip.mp4"]
    assert main(["analyze", *files, "--model", str(recogniser), "-o", "out", *SPOTTING]) == 0
    media = [formats.read(path).media.file for path in sorted(Path("out").glob("*/timeline.json"))]
    assert sorted(media) == files


def test_one_call_or_several_into_one_folder_leave_the_same(recogniser, here, capsys):
    for name in ("clip.mp4", "clip.mov", "b/clip.mp4", "other.mp4"):
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy("up.mp4", name)
        with Path(name).open("ab") as file:
            file.write(name.encode())  # else they would be one video in several places
    videos = ["clip.mp4", "clip.mov", "b/clip.mp4", "other.mp4"]
    argv = ["--model", str(recogniser), "-o"]
    for video in [*videos, *videos]:  # the second time each replaces its own
        assert main(["analyze", video, *argv, "each"]) == 0
    assert main(["analyze", *videos, *argv, "all"]) == 0
    for out in ("each", "all"):
        names = {"clip": "clip.mp4", "clip.mov": "clip.mov", "b_clip.mp4": "b/clip.mp4", "other": "other.mp4"}
        assert {p.parent.name: formats.read(p).media.file for p in Path(out).glob("*/timeline.json")} == names


def test_a_pattern_that_the_shell_left_is_its_files(recogniser, here, capsys):
    for name in ("vids/a.mp4", "vids/b.mp4", "vids/c[1].mp4"):
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy("up.mp4", name)
    argv = ["--model", str(recogniser)]
    assert main(["analyze", "vids/[ab].mp4", "vids/c[1].mp4", *argv, "-o", "out"]) == 0
    assert sorted(os.listdir("out")) == ["a", "b", "c[1]"]
    capsys.readouterr()
    assert main(["recognize", "vids/*.mp4", "vids/a.mp4", *argv, "--format", "json"]) == 0
    files = [entry["file"] for entry in json.loads(capsys.readouterr().out)]
    assert files == ["vids/a.mp4", "vids/b.mp4", "vids/c[1].mp4"]
    assert main(["recognize", "vids/*.avi", *argv]) == 2
    (line,) = error_lines(capsys)
    assert "vids/*.avi: no such file" in line


def test_an_analysis_is_three_files_with_pictures_where_asked_for(recogniser, here, capsys):
    make_interview(here / "interview.mp4")
    argv = ["analyze", "interview.mp4", "--model", str(recogniser), "-o", "out", *SPOTTING]
    assert main([*argv, "--thumbnails", "original"]) == 0
    assert "2 gestures" in capsys.readouterr().out
    assert sorted(os.listdir("out/interview")) == [
        "report.html",
        *(f"timeline.{e}" for e in ("csv", "eaf", "json", "vtt")),
    ]
    page = Path("out/interview/report.html").read_text("utf-8")
    assert page.count("data:image/jpeg") == 2
    assert "../../interview.mp4" in page
    assert [e.label for e in formats.read("out/interview/timeline.csv")] == ["right", "down"]
    config = formats.read("out/interview/timeline.json").provenance["config"]["spotting"]
    assert (config["window_s"], config["stride_s"]) == (1.0, pytest.approx(1 / 6))  # whole sampled frames


def test_a_phone_held_upright_with_frames_that_come_when_they_come(recogniser, here):
    generator = np.random.default_rng(0)
    times = np.cumsum(generator.uniform(0.02, 0.09, 170))  # about nine seconds
    with VideoWriter("phone.mp4", fps=30, size=(64, 64), rotation=-90) as writer:
        for t in times - times[0]:
            x, y = (2 + round(20 * min(max(t - start, 0.0), 1.0)) for start in (3.0, 6.0))
            lying = np.rot90(np.kron(square_at(x, y), np.ones((2, 2, 1), np.uint8)), 1)
            writer.write(np.ascontiguousarray(lying), seconds=float(t))
    with VideoReader("phone.mp4") as reader:
        assert reader.frames_at([0.0])[0][8, 8].min() > 150  # upright: the square begins above on the left
    assert main(["analyze", "phone.mp4", "--model", str(recogniser), "-o", "out", *SPOTTING]) == 0
    timeline = formats.read("out/phone/timeline.json")
    assert [event.label for event in timeline] == ["right", "down"]
    assert [(e.start + e.end) / 2 for e in timeline] == pytest.approx([3.5, 6.5], abs=0.3)
    assert main(["recognize", "phone.mp4", "--model", str(recogniser)]) == 0


@pytest.mark.skipif(not REAL, reason="the real clips are not here")
def test_real_people(reader_of_texts, here, capsys):
    """Twenty files by hand, two of them here; any text is asked for, so that there are events to report."""
    files = [str(path) for path in (REAL[0], REAL[-1])]
    Path("own.txt").write_text("waving\nfolding arms\n")
    options = ["--model", str(reader_of_texts), "--vocabulary", "own.txt"]
    assert main(["recognize", *files, *options, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [len(entry["readings"]) for entry in found] == [2, 2]
    assert main(["analyze", *files, *options, "-o", "out", "--window_s", "1", "--thumbnails", "original"]) == 0
    for file in files:
        folder = Path("out", Path(file).stem)
        timeline = formats.read(folder / "timeline.json")
        assert len(timeline) >= 1
        assert timeline.media.size == (640, 480)
        assert all(event.label in ("waving", "folding arms") for event in timeline)
        page = (folder / "report.html").read_text("utf-8")
        assert page.lower().startswith("<!doctype html>")
        assert page.count("data:image/jpeg") == len(timeline)
        assert timeline[0].label in page


def test_a_name_that_is_no_text(recogniser, here, capsys):
    name = os.fsdecode(b"caf\xe9 & <b>.mp4")
    try:
        shutil.copy("up.mp4", name)
    except (OSError, UnicodeError):
        pytest.skip("this file system wants names in UTF-8")
    assert main(["recognize", name, "--model", str(recogniser)]) == 0
    assert main(["analyze", name, "--model", str(recogniser), "-o", "out"]) == 0
    (folder,) = Path("out").iterdir()
    assert formats.read(folder / "timeline.json").media.file == "caf\ufffd & <b>.mp4"


def test_an_output_that_cannot_be_written_is_said_before_the_work(recogniser, here, capsys, monkeypatch):
    from microgesture.analysis.analyzer import Analyzer

    monkeypatch.setattr(Analyzer, "analyze", lambda *a, **k: pytest.fail("the work was done first"))
    assert main(["analyze", "up.mp4", "--model", str(recogniser), "-o", "up.mp4/out"]) == 2
    (line,) = error_lines(capsys)
    assert "up.mp4/out: cannot be made" in line


LIMITED = """
import sys, resource
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
from microgesture.commands.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_disk_that_is_full_is_one_line_and_leaves_no_half_file(recogniser, here):
    """A limit on the size of files stands for the full disk: the system refuses the write in the same way."""
    argv = ["analyze", "up.mp4", "--model", str(recogniser), "-o", "out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", LIMITED, *argv], capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "out/up/timeline.json: cannot be written (File too large)" in line
    assert os.listdir("out/up") == []


def test_a_reader_that_has_enough_ends_the_command_quietly(recogniser, here):
    command = [sys.executable, "-m", "microgesture", "recognize", *["up.mp4"] * 3, "--model", str(recogniser)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait() == 0


def test_another_video_stream_is_chosen_by_a_flag(here, recogniser, capfd):
    shots = [moving_square(label, np.random.default_rng(0)) for label in ("right", "up")]
    write_streams(Path("two.mkv"), shots, 12)
    for flags, label in (([], "right"), (["--video-stream", "2"], "up")):
        assert main(["recognize", "two.mkv", "--model", str(recogniser), "--top", "1", *flags]) == 0
        said = capfd.readouterr()
        assert said.out.split()[-1] == label
    assert main(["recognize", "two.mkv", "--model", str(recogniser), "--video-stream", "3"]) == 2
    assert "two.mkv: has 2 video streams, so there is no number 3" in capfd.readouterr().err


def test_options_of_poses_are_refused_by_a_run_that_reads_pixels(recogniser, here, capsys):
    for flags in (["--fps", "25"], ["--pose-estimator", "mediapipe"], ["--pose-model", "x.task"]):
        assert main(["recognize", "up.mp4", "--model", str(recogniser), *flags]) == 2
        assert "are for runs that read skeletons; this one reads pixels" in capsys.readouterr().err
