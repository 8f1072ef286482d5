"""Times are those of the file's own clock: pauses, late and early pictures, cuts, edit lists."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from awkward import number_in, picture, write

from microgesture.video import VideoReader

B_FRAMES = {"x264-params": "keyint=250:bframes=3:b-adapt=0:scenecut=0"}
MS = Fraction(1, 1000)
BURSTS = [4000 * burst + 40 * k for burst in range(4) for k in range(15)]  # 0.6 s, then 3.4 s of nothing


def read(path: Path) -> tuple[np.ndarray, list[int]]:
    """Times and numbers of all frames, found alike by streaming, by the index and by time."""
    with VideoReader(path, threads=1) as video:
        chunks = list(video.stream(chunk=16))
        times = np.concatenate([t for t, _ in chunks])
        frames = np.concatenate([f for _, f in chunks])
        np.testing.assert_allclose(video.times, times, atol=1e-6)
        np.testing.assert_array_equal(video.frames_at(times[::-3] + 1e-3), frames[::-3])
        assert video.start == times[0]
        assert not video.truncated
    return times, [number_in(frame) for frame in frames]


def with_sound(path: Path, codec: str, stamps: list[int], sound: tuple[int, int]) -> Path:
    """Pictures at `stamps` (ms) beside sound from `sound[0]` to `sound[1]` ms."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=B_FRAMES if codec == "libx264" else {})
        stream.width, stream.height, stream.pix_fmt = 96, 80, "yuv420p"
        stream.codec_context.time_base = MS
        audio = out.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48000, layout="mono")
        for begin in range(sound[0], sound[1], 20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, begin * 48, Fraction(1, 48000)
            out.mux(audio.encode(frame))
        for number, stamp in enumerate(stamps):
            image = av.VideoFrame.from_ndarray(picture(number))
            image.pts, image.time_base = stamp, MS
            out.mux(stream.encode(image))
        out.mux(audio.encode(None))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("name", ["bursts.mp4", "bursts.mkv", "bursts.ts"])
@pytest.mark.parametrize("stamps", [BURSTS, [1000 * k for k in range(60)]], ids=["bursts", "one-a-second"])
def test_pauses_over_a_second_between_reordered_pictures_are_no_joint(name, stamps, tmp_path):
    path = write(tmp_path / name, options=B_FRAMES, stamps=stamps, time_base=MS)
    times, numbers = read(path)
    np.testing.assert_allclose(times, np.array(stamps) / 1000, atol=1e-3)
    assert numbers == list(range(60))
    with VideoReader(path) as video:
        assert times[-1] < video.duration <= times[-1] + 1.0
        assert video.fps == pytest.approx(59 / times[-1], rel=0.01)


FORMATS = [("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx"), ("a.ts", "libx264")]


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_a_picture_that_starts_after_the_sound_has_the_times_of_the_file(name, codec, tmp_path):
    path = with_sound(tmp_path / name, codec, [2000 + 40 * k for k in range(60)], (0, 4400))
    times, numbers = read(path)
    np.testing.assert_allclose(times, 2 + np.arange(60) / 25, atol=0.03)  # sound codecs run up some milliseconds
    assert numbers == list(range(60))
    with VideoReader(path) as video:
        assert video.duration == pytest.approx(4.4, abs=0.03)
        assert video.fps == pytest.approx(25)
        shown = [number_in(f) for f in video.frames_at([0.0, 1.9, times[10] + 0.01, times[10] + 0.01, 0.5, 99])]
        assert shown == [0, 0, 10, 10, 0, 59]


@pytest.mark.parametrize(("name", "codec"), FORMATS)
def test_a_picture_that_starts_before_the_sound_starts_at_0(name, codec, tmp_path):
    path = with_sound(tmp_path / name, codec, [40 * k for k in range(60)], (1000, 2400))
    times, numbers = read(path)
    np.testing.assert_allclose(times, np.arange(60) / 25, atol=1e-3)
    assert numbers == list(range(60))


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.ts", "libx264")])
def test_a_file_whose_stamps_begin_at_an_hour_starts_at_0(name, codec, tmp_path):
    hour = 3_600_000
    path = with_sound(tmp_path / name, codec, [hour + 500 + 40 * k for k in range(60)], (hour, hour + 2800))
    times, _ = read(path)
    np.testing.assert_allclose(times, 0.5 + np.arange(60) / 25, atol=0.03)


def test_a_start_before_zero_is_the_start(tmp_path):
    stamps = [40 * k - 1000 for k in range(60)]
    keep = {"avoid_negative_ts": "disabled"}
    path = write(tmp_path / "a.ts", options=B_FRAMES, stamps=stamps, time_base=MS, container=keep)
    with av.open(str(path)) as raw:
        assert raw.start_time == -1_000_000
    times, numbers = read(path)
    np.testing.assert_allclose(times, np.arange(60) / 25, atol=1e-3)
    assert numbers == list(range(60))


def cut_copy(source: Path, target: Path, at: float) -> Path:
    """Packets from `at` seconds on, as a cut without encoding leaves them: stamps keep their distances to the cut."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as out:
        streams = {s.index: out.add_stream_from_template(s) for s in whole.streams}
        for packet in whole.demux():
            if packet.dts is None:
                continue
            shift = round(at / packet.time_base)
            early = packet.stream.type == "audio" and packet.pts < shift
            if early or (packet.stream.type == "video" and packet.pts * packet.time_base < at - 0.25):
                continue
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, streams[packet.stream_index]
            out.mux(packet)
    return target


def test_a_cut_between_keyframes_hides_what_the_edit_list_hides(tmp_path):
    """The copy begins at the keyframe before the cut; its edit list starts at the cut, and so does the sound."""
    whole = with_sound(tmp_path / "whole.mp4", "mpeg4", [40 * k for k in range(60)], (0, 2400))
    path = cut_copy(whole, tmp_path / "cut.mp4", 0.68)  # keyframes at 0, 0.48, 0.96
    times, numbers = read(path)
    assert numbers[0] == 17
    assert times[0] == pytest.approx(0, abs=0.03)
    np.testing.assert_allclose(np.diff(times), 0.04, atol=1e-3)


def test_a_cut_that_lost_its_keyframe_shows_the_next_one_when_a_player_does(tmp_path):
    stamps = [40 * k for k in range(60)]
    every = {"x264-params": "keyint=24:min-keyint=24:bframes=2:scenecut=0"}
    whole = write(tmp_path / "whole.ts", options=every, stamps=stamps, time_base=MS)
    path = tmp_path / "cut.ts"
    with av.open(str(whole)) as source, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None and packet.pts * packet.time_base >= source.start_time / 1e6 + 0.4:
                packet.stream = stream
                out.mux(packet)
    with av.open(str(path)) as cut:
        first = cut.streams.video[0].start_time / 90_000
        keyframe = next(p.pts for p in cut.demux(video=0) if p.is_keyframe) / 90_000
    times, numbers = read_whole(path)
    assert numbers[0] == 24
    assert times[0] == pytest.approx(keyframe - first, abs=1e-3)


def read_whole(path: Path) -> tuple[np.ndarray, list[int]]:
    with VideoReader(path, threads=1) as video:
        chunks = list(video.stream())
    return np.concatenate([t for t, _ in chunks]), [number_in(f) for _, frames in chunks for f in frames]


def test_an_edit_list_that_delays_the_only_stream_delays_its_times(tmp_path):
    """Without its sound, the copy of a late picture still shows it at 2 s in a player."""
    late = with_sound(tmp_path / "late.mp4", "libx264", [2000 + 40 * k for k in range(60)], (0, 4400))
    with av.open(str(late)) as source, av.open(str(tmp_path / "quiet.mp4"), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    times, _ = read(tmp_path / "quiet.mp4")
    np.testing.assert_allclose(times, 2 + np.arange(60) / 25, atol=2e-3)


def test_recordings_joined_after_a_late_start_go_on(tmp_path):
    """The second one's stamps lie before the first one's."""
    stamps = [[start + 40 * k for k in range(60)] for start in (9000, 0)]
    parts = [write(tmp_path / f"{s[0]}.ts", options=B_FRAMES, stamps=s, time_base=MS) for s in stamps]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    times, numbers = read(path)
    assert numbers == [*range(60), *range(60)]
    np.testing.assert_allclose(np.diff(times), 0.04, atol=1e-3)
