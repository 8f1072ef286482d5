"""Writing H.264 in MP4: the same frames give the same bytes, and a file is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np

from microgesture.errors import UserError
from microgesture.files.atomic import settle

_CLOCK = Fraction(1, 90_000)  # for frames with their own times
_BT709 = 1


class VideoWriter:
    """Writes uint8 RGB frames `(H, W, 3)` of `size` (width, height) to an MP4 (libx264, yuv420p).

    Odd sizes grow by one row or column, repeated from the edge, as 4:2:0 asks for even ones. `fps` may be a
    float or `Fraction`; a frame written with `seconds` gets that presentation time instead (variable rate:
    then give it for every frame, ascending). `rotation` is what a player turns the picture by when it shows
    it, degrees anticlockwise, as phones store it. `crf` is x264's quality (lower is better, 18 is near
    lossless to the eye).

    The file appears under its name only when `close` succeeds; leaving the `with` block by an exception
    leaves nothing behind. Equal input gives equal bytes for one version of x264: one thread, no dates.
    Raises `UserError` naming the file when it cannot be written: no folder, no permission, disk full.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float | Fraction,
        size: tuple[int, int],
        crf: int = 20,
        rotation: int = 0,
        preset: str = "veryfast",
        keyframe_every: int = 48,
    ) -> None:
        self.path = Path(path)
        if not fps > 0 or min(size) < 1:
            raise UserError(f"{self.path}: cannot write {size[0]} x {size[1]} pixels at {fps} frames per second")
        self.size = size
        self._rate = Fraction(fps).limit_denominator(1001)
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._count = 0
        self._variable: bool | None = None
        self._last_stamp = -1
        with self._reporting():
            self._container = av.open(
                f"file:{self._part}",
                "w",
                format="mp4",
                container_options={"movflags": "+faststart", "fflags": "+bitexact"},
            )
            self._open_stream(crf, rotation, preset, keyframe_every)

    def _open_stream(self, crf: int, rotation: int, preset: str, keyframe_every: int) -> None:
        stream = self._container.add_stream("libx264", rate=self._rate)
        stream.options = {"crf": str(crf), "preset": preset, "x264-params": "cpu-independent=1:threads=1"}
        stream.width, stream.height = (side + side % 2 for side in self.size)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count = 1
        context.gop_size = keyframe_every
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = 1  # limited range
        if rotation:
            stream.set_display_rotation(rotation)
        self._stream = stream

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def write(self, frame: np.ndarray, seconds: float | None = None) -> None:
        """Add one frame, uint8 `(H, W, 3)`; `seconds` is its own presentation time (variable rate)."""
        width, height = self.size
        if frame.shape != (height, width, 3) or frame.dtype != np.uint8:
            raise UserError(f"{self.path}: frame is {frame.dtype} {frame.shape}, expected uint8 {(height, width, 3)}")
        variable = seconds is not None
        if self._variable is None:
            self._variable = variable
            if variable:
                self._stream.codec_context.time_base = _CLOCK
        elif self._variable != variable:
            raise UserError(f"{self.path}: give the time of every frame or of none")
        if height % 2 or width % 2:
            frame = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        picture.time_base = _CLOCK if variable else 1 / self._rate
        picture.pts = self._count if seconds is None else round(Fraction(seconds) / _CLOCK)
        if picture.pts <= self._last_stamp:
            raise UserError(f"{self.path}: frame {self._count} at {seconds} s is not later than the one before")
        self._last_stamp = picture.pts
        self._count += 1
        with self._reporting():
            self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Finish the file and give it its name. Raises `UserError` when no frame was written."""
        if not self._count:
            self.discard()
            raise UserError(f"{self.path}: a video needs at least one frame")
        with self._reporting():
            self._container.mux(self._stream.encode(None))
            self._container.close()
            settle(self._part)
            os.replace(self._part, self.path)

    def discard(self) -> None:
        """Stop and leave no file."""
        if hasattr(self, "_container"):
            with contextlib.suppress(av.error.FFmpegError, OSError):
                self._container.close()
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Turn what the encoder or the disk says into one line, and leave no half file."""
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            self.discard()
            reason = getattr(error, "strerror", None) or str(error)
            raise UserError(f"{self.path}: cannot be written ({reason})") from error


def write_video(
    path: str | Path,
    frames: Iterable[np.ndarray],
    fps: float | Fraction,
    times: Iterable[float] | None = None,
    crf: int = 20,
    rotation: int = 0,
) -> None:
    """Write frames (any iterable of uint8 `(H, W, 3)`, or an array `(T, H, W, 3)`) to an MP4.

    `times` are presentation times in seconds for a variable rate. Errors as in `VideoWriter`.
    """
    writer: VideoWriter | None = None
    try:
        stamps = iter(times) if times is not None else None
        for frame in frames:
            if writer is None:
                writer = VideoWriter(path, fps, (frame.shape[1], frame.shape[0]), crf, rotation)
            writer.write(frame, None if stamps is None else next(stamps))
    except BaseException:
        if writer is not None:
            writer.discard()
        raise
    if writer is None:
        raise UserError(f"{path}: a video needs at least one frame")
    writer.close()
