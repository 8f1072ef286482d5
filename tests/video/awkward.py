"""Videos whose frames carry their number as bright and dark blocks, in every awkward form that PyAV can write."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 10


def picture(number: int, width: int = 96, height: int = 80) -> np.ndarray:
    """uint8 (H, W, 3): two rows of five blocks, bit b of the number is block b."""
    image = np.full((height, width, 3), 40, np.uint8)
    for bit in range(BITS):
        if number >> bit & 1:
            row, column = divmod(bit, 5)
            rows = slice(row * height // 2, (row + 1) * height // 2)
            image[rows, column * width // 5 : (column + 1) * width // 5] = 210
    return image


def number_in(image: np.ndarray) -> int:
    """The number that `picture` wrote."""
    height, width = image.shape[:2]
    number = 0
    for bit in range(BITS):
        row, column = divmod(bit, 5)
        y, x = row * height // 2 + height // 4, column * width // 5 + width // 10
        number |= int(image[y - 2 : y + 3, x - 2 : x + 3].mean() > 125) << bit
    return number


def write(
    path: Path,
    count: int = 60,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    rate: int = 25,
    stamps: list[int] | None = None,
    time_base: Fraction | None = None,
    size: tuple[int, int] = (96, 80),
    container: dict[str, str] | None = None,
    rotation: int = 0,
    aspect: Fraction | None = None,
    sound: bool = False,
) -> Path:
    """Encode pictures 0..count-1; `stamps` in `time_base` give each its own time."""
    with av.open(str(path), "w", container_options=container or {}) as out:
        stream = out.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        tick = time_base or Fraction(1, rate)
        if stamps is not None:
            stream.codec_context.time_base = tick
        if rotation:
            stream.set_display_rotation(rotation)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        audio = out.add_stream("aac", rate=16000, layout="mono") if sound else None
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(picture(i, *size))
            frame.pts, frame.time_base = (i if stamps is None else stamps[i]), tick
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        if audio is not None:
            write_tone(out, audio, seconds=2)
    return path


def write_tone(out, audio, seconds: int) -> None:
    """Silence of some seconds into an open container."""
    for k in range(seconds * 16000 // 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, k * 1024, Fraction(1, 16000)
        out.mux(audio.encode(frame))
    out.mux(audio.encode(None))


def sound_only(path: Path) -> Path:
    """An MP4 with a sound track and nothing to see."""
    with av.open(str(path), "w") as out:
        write_tone(out, out.add_stream("aac", rate=16000, layout="mono"), seconds=1)
    return path


def cut_off(source: Path, target: Path, share: float) -> Path:
    """The first part of a file, as a broken copy leaves it."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target
