import resource
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from awkward import number_in, picture

from microgesture.errors import UserError
from microgesture.video import VideoReader, VideoWriter, write_video


def pictures(count: int, width: int = 96, height: int = 80) -> list[np.ndarray]:
    return [picture(i, width, height) for i in range(count)]


def test_what_is_written_is_read(tmp_path):
    write_video(tmp_path / "a.mp4", pictures(30), fps=10)
    with VideoReader(tmp_path / "a.mp4") as video:
        assert (video.size, video.fps, video.frame_count) == ((96, 80), 10.0, 30)
        assert video.duration == pytest.approx(3.0)
        assert [number_in(f) for f in video.frames_at(np.arange(30) / 10)] == list(range(30))


def test_equal_frames_give_equal_bytes(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3), dtype=np.uint8)
    for name in ("a.mp4", "b.mp4"):
        write_video(tmp_path / name, noise, fps=25)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.mp4"]


def test_odd_sizes_grow_by_a_pixel(tmp_path):
    write_video(tmp_path / "odd.mp4", pictures(5, 95, 77), fps=25)
    with VideoReader(tmp_path / "odd.mp4") as video:
        assert video.size == (96, 78)
        frame = video.frames_at([0.17])[0]
    assert number_in(frame[:77, :95]) == 4
    assert np.abs(frame[77].astype(int) - frame[76]).max() < 12


def test_own_times_and_rotation(tmp_path):
    times = np.cumsum(np.random.default_rng(2).uniform(0.01, 0.2, 20))
    write_video(tmp_path / "v.mp4", pictures(20), fps=25, times=times - times[0], rotation=-90)
    with VideoReader(tmp_path / "v.mp4") as video:
        assert video.size == (80, 96)
        (seen, frames), *rest = video.stream()
        assert not rest
    np.testing.assert_allclose(seen, times - times[0], atol=2e-5)
    assert [number_in(np.rot90(f)) for f in frames] == list(range(20))


def test_nothing_is_left_when_writing_stops(tmp_path):
    def interrupted():
        yield picture(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "a.mp4", interrupted(), fps=25)
    writer = VideoWriter(tmp_path / "a.mp4", 25, (96, 80))
    writer.write(picture(0))
    writer.__exit__(ValueError, ValueError(), None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("frames", "times", "message"),
    [
        ([], None, "at least one frame"),
        ([np.zeros((8, 8, 3), np.float32)], None, "expected uint8"),
        ([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 10, 3), np.uint8)], None, r"expected uint8 \(8, 8, 3\)"),
        ([np.zeros((8, 8, 3), np.uint8)] * 2, [0.5, 0.5], "not later"),
    ],
)
def test_frames_that_do_not_fit(frames, times, message, tmp_path):
    with pytest.raises(UserError, match=message):
        write_video(tmp_path / "a.mp4", frames, fps=25, times=times)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be written") as caught:
        write_video(tmp_path / "no" / "a.mp4", pictures(2), fps=25)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a file size limit")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    script = f"""
        import resource, signal, numpy as np
        from microgesture.errors import UserError
        from microgesture.video import write_video
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        noise = np.random.default_rng(0).integers(0, 255, (60, 128, 128, 3), dtype=np.uint8)
        try:
            write_video({str(tmp_path / "a.mp4")!r}, noise, fps=25)
        except UserError as error:
            print(error)
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True)
    assert "a.mp4: cannot be written" in result.stdout, result.stderr
    assert list(tmp_path.iterdir()) == []
