"""Files whose pictures change shape on the way, and files with several video streams."""

import logging
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from awkward import number_in, picture, write
from PIL import Image

from microgesture.errors import VideoError
from microgesture.video import VideoReader
from several_streams import write_streams

RED = (210, 40, 40)


def disc(width: int, height: int, diameter: int) -> np.ndarray:
    """A red disc in the middle of a grey picture."""
    y, x = np.mgrid[:height, :width]
    inside = (x - width / 2 + 0.5) ** 2 + (y - height / 2 + 0.5) ** 2 < (diameter / 2) ** 2
    return np.where(inside[..., None], RED, (90, 90, 90)).astype(np.uint8)


def disc_in(image: np.ndarray) -> tuple[int, int]:
    """Width and height of the red disc."""
    ys, xs = np.nonzero((image[..., 0] > 150) & (image[..., 1] < 110))
    return int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1


def encoded(codec: str, frames: list[np.ndarray], first: int) -> list[av.Packet]:
    context = av.CodecContext.create(codec, "w")
    context.height, context.width = frames[0].shape[:2]
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    context.options = {"bf": "0", "x264-params": "repeat-headers=1"} if codec == "libx264" else {}
    packets = []
    for k, frame in enumerate(frames):
        image = av.VideoFrame.from_ndarray(frame)
        image.pts, image.time_base = first + k, Fraction(1, 25)
        packets += context.encode(image)
    return packets + context.encode(None)


def turning(path: Path, codec: str, shots: list[list[np.ndarray]]) -> Path:
    """Shots of different shapes in one stream, as phones and web calls write them."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25)
        stream.height, stream.width = shots[0][0].shape[:2]
        stream.pix_fmt = "yuv420p"
        first = 0
        for shot in shots:
            for packet in encoded(codec, shot, first):
                packet.stream, packet.time_base = stream, Fraction(1, 25)
                out.mux(packet)
            first += len(shot)
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.webm", "libvpx"), ("a.ts", "libx264"), ("a.mkv", "libvpx")])
def test_a_picture_that_turns_is_not_squashed(name, codec, tmp_path):
    wide, tall, small = disc(160, 120, 80), disc(120, 160, 80), disc(80, 60, 40)
    path = turning(tmp_path / name, codec, [[wide] * 10, [tall] * 10, [small] * 10])
    with VideoReader(path, threads=1) as video:
        assert (video.size, video.frame_count) == ((160, 120), 30)
        first, turned, third = video.frames_at([0.2, 0.6, 1.0])
        half = video.frames_at([0.6], size=(80, 60))[0]
        streamed = np.concatenate([frames for _, frames in video.stream()])
    for image, size in ((first, 80), (turned, 60), (third, 80), (half, 30)):
        assert disc_in(image) == (pytest.approx(size, abs=3), pytest.approx(size, abs=3))
    assert turned[:, :34].max() < 16  # black beside it: 90 of 160 columns are picture
    assert turned[:, -34:].max() < 16
    np.testing.assert_array_equal(streamed[[5, 15, 25]], [first, turned, third])


ONES, TWOS = [picture(1)] * 25, [picture(2)] * 25


@pytest.mark.parametrize("extension", ["mkv", "mp4"])
@pytest.mark.parametrize(("default", "expected"), [(0, 1), (1, 2)])
def test_of_several_streams_the_one_flagged_as_default_is_read(extension, default, expected, tmp_path, caplog):
    path = write_streams(tmp_path / f"a.{extension}", [ONES, TWOS], default=default)
    with caplog.at_level(logging.WARNING), VideoReader(path) as video:
        assert [number_in(f) for f in video.frames_at([0.0, 0.9])] == [expected, expected]
    with VideoReader(path):
        pass
    assert [
        r.message.count(f"a.{extension}: has 2 video streams; number {expected} is read") for r in caplog.records
    ] == [1]


def test_without_a_flag_the_largest_is_read(tmp_path):
    path = write_streams(tmp_path / "a.mkv", [ONES, [picture(2, 192, 160)] * 25])
    with VideoReader(path) as video:
        assert video.size == (192, 160)


@pytest.mark.parametrize("extension", ["mkv", "mp4"])
def test_a_single_picture_before_the_video_is_not_the_video(extension, tmp_path):
    still = [picture(7, 192, 160)]
    path = write_streams(
        tmp_path / f"a.{extension}", [still, [picture(k) for k in range(60)]], 25, 0, ("mjpeg", "libx264")
    )
    with VideoReader(path) as video:
        assert (video.size, video.frame_count) == ((96, 80), 60)
        assert number_in(video.frames_at([1.62])[0]) == 40
        assert video.duration == pytest.approx(2.4)


def test_another_stream_is_chosen_by_its_number(tmp_path, caplog):
    path = write_streams(
        tmp_path / "a.mkv", [[picture(k) for k in range(30)], [picture(100 + k) for k in range(60)]], default=0
    )
    with VideoReader(path) as shown, VideoReader(path, stream=1) as one, VideoReader(path, stream=2) as two:
        assert [v.frame_count for v in (shown, one, two)] == [30, 30, 60]
        assert [number_in(v.frames_at([1.0])[0]) for v in (shown, one, two)] == [25, 25, 125]
        assert sum(len(times) for times, _ in two.stream()) == 60
    for number in (0, 3):
        with pytest.raises(VideoError, match=f"a.mkv: has 2 video streams, so there is no number {number}"):
            VideoReader(path, stream=number)
    with pytest.raises(VideoError, match=r"b.mp4: has 1 video stream, so there is no number 2"):
        VideoReader(write(tmp_path / "b.mp4", count=3), stream=2)


def test_moving_pictures_in_picture_formats(tmp_path):
    """GIF, APNG and AVIF are read; WebP, which the decoder does not know, is called by its name."""
    pictures = [Image.fromarray(picture(k)) for k in range(10)]
    for name in ("a.gif", "a.png", "a.avif", "a.webp"):
        pictures[0].save(tmp_path / name, save_all=True, append_images=pictures[1:], duration=100)
    for name in ("a.gif", "a.png", "a.avif"):
        with VideoReader(tmp_path / name) as video:
            assert (video.frame_count, video.duration) == (10, pytest.approx(1.0))
            assert number_in(video.frames_at([0.55])[0]) == 5
    with pytest.raises(VideoError, match=r"a\.webp: an animated WebP picture, which cannot be read; convert it"):
        VideoReader(tmp_path / "a.webp")
    pictures[0].save(tmp_path / "still.webp")
    with VideoReader(tmp_path / "still.webp") as video:
        assert (video.frame_count, video.duration) == (1, 0.0)
