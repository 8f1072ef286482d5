import hashlib
import os
import shutil
import threading
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
from awkward import cut_off, number_in, picture, sound_only, write
from PIL import Image

from microgesture.errors import VideoError
from microgesture.video import VideoReader, write_video

GOPS = {"g": "12", "bf": "3"}
OPEN_GOPS = {"x264-params": "open-gop=1:keyint=12:bframes=3:b-adapt=0:scenecut=0"}
UNEVEN = np.cumsum(np.random.default_rng(1).integers(900, 9000, 60)).tolist()
T90 = Fraction(1, 90_000)

FILES = {
    "b-frames.mp4": {"options": GOPS},
    "tiny-gops.mp4": {"options": {"x264-params": "keyint=2:bframes=3:open-gop=1"}},
    "open-gops.mp4": {"options": OPEN_GOPS},
    "open-gops.mkv": {"options": OPEN_GOPS},
    "open-gops.ts": {"options": OPEN_GOPS},
    "intra-refresh.mp4": {"options": {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}},
    "no-count.mkv": {"options": GOPS},
    "uneven.mp4": {"options": GOPS, "stamps": UNEVEN, "time_base": T90},
    "uneven.mkv": {"options": GOPS, "stamps": UNEVEN, "time_base": T90},
    "starts-late.mp4": {"options": GOPS, "stamps": [5000 + 40 * i for i in range(60)], "time_base": Fraction(1, 1000)},
    "fragments.mp4": {"options": GOPS, "container": {"movflags": "frag_keyframe+empty_moov"}},
    "slow.mkv": {"options": GOPS, "rate": 10},
    "decode-times.avi": {"options": GOPS},
    "xvid.avi": {"codec": "mpeg4", "options": {"g": "12", "bf": "2"}},
    "program.mpg": {"codec": "mpeg2video", "options": {"g": "12", "bf": "2"}},
    "no-times.h264": {"options": GOPS},
    "grey.mkv": {"codec": "ffv1", "pix_fmt": "gray"},
    "odd.mkv": {"codec": "ffv1", "pix_fmt": "yuv444p", "size": (95, 77)},
    "ten-bit.mkv": {"codec": "ffv1", "pix_fmt": "yuv420p10le"},
    "web.webm": {"codec": "libvpx", "options": {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "10"}},
    "with-sound.mp4": {"options": GOPS, "sound": True},
}

LATE = {"starts-late.mp4": 5.0, "uneven.mp4": UNEVEN[0] / 90_000}  # by an edit list; elsewhere 0 is the first picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("awkward")


def everything(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """All times and frames of a file, by streaming."""
    with VideoReader(path, threads=1) as video:
        chunks = list(video.stream(chunk=17))
    return np.concatenate([t for t, _ in chunks]), np.concatenate([f for _, f in chunks])


@pytest.mark.parametrize("name", FILES)
def test_every_frame_is_found_at_its_time(name, folder):
    path = write(folder / name, **FILES[name])
    times, frames = everything(path)
    assert [number_in(frame) for frame in frames] == list(range(60))
    assert times[0] == pytest.approx(LATE.get(name, 0), abs=1e-3 if name in LATE else 0)  # edit lists count in 1/1000 s
    assert (np.diff(times) > 0).all()
    with VideoReader(path, threads=1) as video:
        assert video.frame_count == 60
        assert video.start == times[0]
        np.testing.assert_allclose(video.times, times, atol=1e-6)
        assert not video.truncated
        assert video.duration == pytest.approx(times[-1] + np.median(np.diff(times)), abs=0.1)
        assert video.fps == pytest.approx(59 / (times[-1] - times[0]), rel=0.02)
        rng = np.random.default_rng(0)
        asked = np.concatenate([rng.uniform(-0.5, video.duration + 0.5, 12), rng.choice(times, 6), [0.0]])
        shown = np.clip(np.searchsorted(times, asked, side="right") - 1, 0, None)
        np.testing.assert_array_equal(video.frames_at(asked), frames[shown])
        for seconds, index in zip(asked, shown, strict=True):
            np.testing.assert_array_equal(video.frames_at([seconds])[0], frames[index])


def test_uneven_times_are_those_of_the_file(folder):
    times, _ = everything(write(folder / "vfr.mp4", options=GOPS, stamps=UNEVEN, time_base=T90))
    assert times[0] == pytest.approx(UNEVEN[0] / 90_000, abs=1e-3)
    np.testing.assert_allclose(times - times[0], (np.array(UNEVEN) - UNEVEN[0]) / 90_000, atol=1e-4)


def test_frames_cut_by_an_edit_list_do_not_exist(folder):
    stamps = [40 * i - 1000 for i in range(60)]
    path = write(folder / "edited.mp4", options=GOPS, stamps=stamps, time_base=Fraction(1, 1000))
    _, frames = everything(path)
    assert [number_in(frame) for frame in frames] == list(range(25, 60))
    with VideoReader(path, threads=1) as video:
        assert video.frame_count == 35
        assert not video.truncated
        assert number_in(video.frames_at([1.0])[0]) == 50


def test_joined_recordings_go_on_where_the_first_ended(folder):
    one = write(folder / "one.ts", codec="mpeg2video", options=GOPS).read_bytes()
    path = folder / "joined.ts"
    path.write_bytes(one + one)
    times, frames = everything(path)
    assert [number_in(f) for f in frames] == [*range(60), *range(60)]
    assert (np.diff(times) > 0).all()
    with VideoReader(path, threads=1) as video:
        assert video.duration == pytest.approx(4.8)
        assert number_in(video.frames_at([2.4 + 0.41])[0]) == 10


@pytest.mark.parametrize(("angle", "turns"), [(90, 1), (180, 2), (270, 3), (-90, 3)])
def test_a_phone_held_upright_is_seen_upright(angle, turns, folder):
    path = write(folder / f"turned{angle}.mp4", count=3, rotation=angle, size=(96, 80))
    flat = write(folder / "flat.mp4", count=3, size=(96, 80))
    _, expected = everything(flat)
    _, frames = everything(path)
    np.testing.assert_array_equal(frames, np.rot90(expected, turns, axes=(1, 2)))
    with VideoReader(path) as video:
        assert video.size == ((96, 80) if turns == 2 else (80, 96))
        assert video.frames_at([0], size=(40, 48)).shape == (1, 48, 40, 3)


def test_non_square_pixels_are_stretched(folder):
    path = write(folder / "wide.mp4", count=4, aspect=Fraction(4, 3))
    with VideoReader(path) as video:
        assert video.size == (128, 80)
        assert number_in(video.frames_at([0.13])[0]) == 3


def test_colours_are_kept(tmp_path):
    stripes = np.zeros((64, 96, 3), np.uint8)
    stripes[:, :32], stripes[:, 32:64], stripes[:, 64:] = (220, 30, 30), (30, 200, 40), (20, 40, 210)
    write_video(tmp_path / "c.mp4", [stripes] * 2, fps=10, crf=10)
    with VideoReader(tmp_path / "c.mp4") as video:
        seen = video.frames_at([0])[0].astype(int)
    for x in (16, 48, 80):
        assert np.abs(seen[32, x] - stripes[32, x]).max() <= 4


@pytest.mark.parametrize("name", ["cut.mkv", "cut.mp4"])
def test_a_cut_off_file_gives_what_it_has(name, folder):
    options = {"options": {**GOPS, "crf": "1"}, "container": {"movflags": "+faststart"} if "mp4" in name else {}}
    path = cut_off(write(folder / f"whole-{name}", **options), folder / name, 0.6)
    _, frames = everything(path)
    with VideoReader(path) as video:
        assert 10 < video.frame_count < 58
        assert video.truncated
        assert number_in(video.frames_at([99.0])[0]) == number_in(frames[-1])
        assert video.duration < 2.3
    assert [number_in(f) for f in frames] == list(range(len(frames)))


def test_damage_in_the_middle_costs_only_the_damaged_frames(folder, caplog):
    data = bytearray(write(folder / "whole.mp4", options=GOPS).read_bytes())
    middle = len(data) // 3
    data[middle : middle + 200] = bytes(k * 7 % 256 for k in range(200))
    (folder / "damaged.mp4").write_bytes(data)
    _, frames = everything(folder / "damaged.mp4")
    assert 40 <= len(frames) <= 60
    assert number_in(frames[-1]) == 59
    assert "damaged.mp4: cut off or damaged" in caplog.text


def test_one_frame_and_still_pictures(tmp_path):
    write(tmp_path / "one.mp4", count=1)
    Image.fromarray(picture(5, 51, 33)).save(tmp_path / "still.png")
    with VideoReader(tmp_path / "one.mp4") as video:
        assert (video.frame_count, video.fps) == (1, None)
        assert video.duration == pytest.approx(0.04)
        assert video.frames_at([0, 7, -1]).shape == (3, 80, 96, 3)
    with VideoReader(tmp_path / "still.png") as video:
        assert (video.duration, video.size, video.frame_count) == (0.0, (51, 33), 1)
        np.testing.assert_array_equal(video.frames_at([3.0])[0], picture(5, 51, 33))
        assert [len(times) for times, _ in video.stream(fps=1000)] == [1]


def bad_files(folder: Path) -> dict[str, Path]:
    text = folder / "text.mp4"
    text.write_text("This is no video.\n" * 500)
    (folder / "notes.txt").write_text("Neither is this.\n" * 500)
    (folder / "empty.mp4").touch()
    (folder / "folder.mp4").mkdir()
    whole = write(folder / "w.mp4", count=30)
    return {
        "no such file": folder / "missing.mp4",
        "directory": folder / "folder.mp4",
        "not a video": text,
        "text": folder / "notes.txt",
        "only sound": sound_only(folder / "sound.mp4"),
        "empty": folder / "empty.mp4",
        "cut off": cut_off(whole, folder / "headless.mp4", 0.5),
    }


def test_unusable_files_say_what_is_wrong_in_one_line(tmp_path, capfd):
    for reason, path in bad_files(tmp_path).items():
        with pytest.raises(VideoError) as caught:
            VideoReader(path)
        assert str(path) in str(caught.value)
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_video_stream_without_frames(tmp_path):
    path = tmp_path / "frameless.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        out.start_encoding()
    with pytest.raises(VideoError, match=r"frameless.mp4: no (frame|video)"):
        VideoReader(path)


def test_names_that_look_like_addresses_are_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = write(tmp_path / "plain.mp4", count=2)
    for name in ("http:a.mp4", "clip 100%d.mp4", "größe.mp4"):
        shutil.copy(source, tmp_path / name)
        with VideoReader(name) as video:
            assert video.frame_count == 2


def test_a_playlist_fetches_nothing(tmp_path):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/a.ts"
    path = tmp_path / "list.m3u8"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{address}\n#EXT-X-ENDLIST\n")
    with pytest.raises(VideoError):
        VideoReader(path)
    server.shutdown()
    assert asked == []


def test_a_changed_file_is_read_anew(tmp_path):
    path = write(tmp_path / "a.mp4", count=10)
    with VideoReader(path) as video:
        assert video.frame_count == 10
    write(path, count=20)
    os.utime(path, (1, 1))
    with VideoReader(path) as video:
        assert video.frame_count == 20


def test_stream_resamples_by_time(folder):
    path = write(folder / "s.mp4", options=GOPS, stamps=UNEVEN, time_base=T90)
    times, frames = everything(path)
    with VideoReader(path) as video:
        for fps, start, end in ((7, 0, None), (50, 0.5, 1.7), (1, 0.3, 99)):
            chunks = list(video.stream(fps=fps, chunk=5, start=start, end=end))
            got = np.concatenate([t for t, _ in chunks])
            last = min(video.duration, end or np.inf)
            np.testing.assert_allclose(got, np.arange(start, last - 1e-9, 1 / fps), atol=1e-9)
            shown = np.clip(np.searchsorted(times, got + 1e-9, side="right") - 1, 0, None)
            np.testing.assert_array_equal(np.concatenate([f for _, f in chunks]), frames[shown])
            assert all(len(t) == 5 for t, _ in chunks[:-1])


def test_stream_of_a_part_has_the_frames_of_that_part(folder):
    path = write(folder / "p.mp4", options=GOPS)
    with VideoReader(path) as video:
        (times, frames), *rest = video.stream(start=1.01, end=1.25)
        assert not rest
        assert [number_in(f) for f in frames] == [26, 27, 28, 29, 30, 31]
        assert times[0] == pytest.approx(1.04)
        assert list(video.stream(start=5.0)) == []
        small = next(video.stream(size=(48, 40)))[1]
        assert small.shape[1:] == (40, 48, 3)
        assert [number_in(f) for f in small[:20]] == list(range(20))


def test_stream_keeps_memory_flat(tmp_path):
    path = write(tmp_path / "long.mp4", count=600, size=(320, 240), options={"preset": "ultrafast"})
    psutil = pytest.importorskip("psutil")
    process, seen = psutil.Process(), []
    with VideoReader(path, threads=1) as video:
        for _ in video.stream(chunk=16):
            seen.append(process.memory_info().rss)
    assert len(seen) == 38
    assert max(seen[10:]) - seen[9] < 20e6  # all 600 frames would be 138 MB


def test_not_a_number_is_refused(folder):
    with VideoReader(write(folder / "n.mp4", count=3)) as video:
        with pytest.raises(VideoError, match="not a number"):
            video.frames_at([0.0, float("nan")])
        assert video.frames_at([]).shape == (0, 80, 96, 3)
        assert video.sha256() == hashlib.sha256((folder / "n.mp4").read_bytes()).hexdigest()


REAL = Path(__file__).resolve().parents[3] / "shared" / "media" / "asl"


@pytest.mark.skipif(not REAL.is_dir(), reason="no real videos beside the repository")
def test_real_videos():
    for path in sorted(REAL.glob("*.mkv"))[:3]:
        times, frames = everything(path)
        with VideoReader(path) as video:
            assert len(times) == len(frames) == video.frame_count
            assert not video.truncated
            assert video.fps == pytest.approx(30, rel=0.02)
            assert (np.diff(times) > 0).all()
            np.testing.assert_array_equal(video.frames_at(times[::-9]), frames[::-9])
