"""`VideoReader`: frames of a video chosen by time, or streamed in chunks with flat memory.

The frame shown at time t is the last one whose presentation time is at most t, in seconds on the file's own clock,
which is the one that players show: its 0 is the start of the earliest stream, so the picture may start later than 0
(`VideoReader.start`). Before the first frame it is the first, after the end the last. Frames come out as a viewer would
see them: rotated as the phone held it, stretched to square pixels, RGB; one of another shape than the first is made to
fit, with black beside it.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from microgesture.errors import VideoError
from microgesture.video.decoding import EPSILON, Decoder, SeekError, Shown
from microgesture.video.packets import PacketIndex, packet_index

log = logging.getLogger(__name__)

_LOOK_AHEAD = 0.5  # seconds: nearer than this, decoding on is never worth the thought
_SEEK_COST = 12  # frames: roughly what emptying and refilling the decoder costs; only speed depends on it


class VideoReader:
    """Opens one video (or still picture: one frame, no duration).

    `size` is (width, height) as displayed. `threads` is the number of decoder threads, 0 for one per core. Of several
    video streams the one that players show is read (one that moves, flagged as default, the largest), or the one with
    the number `stream`, counted from 1.
    Use as a context manager. Raises `VideoError`, one line naming the file, when it is missing, a directory,
    not a video, only sound, has no such stream, or holds no frame that can be decoded. A truncated or damaged
    file gives the frames that it has; `truncated` tells.

    Example: `with VideoReader("a.mp4") as video: frames = video.frames_at([0.5, 1.0])`.
    """

    def __init__(self, path: str | Path, threads: int = 0, stream: int | None = None) -> None:
        self.path = Path(path)
        self._threads, self._number = threads, stream
        self._cursor = _Cursor(self.path, threads, stream)
        self._view = _View(self._cursor.decoder)

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._cursor.close()

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels as displayed: after rotation and with square pixels."""
        return self._view.size

    @property
    def start(self) -> float:
        """Time of the first frame: 0, or more where the sound begins before the picture."""
        return self._cursor.decoder.first.time

    @property
    def duration(self) -> float:
        """Seconds from 0 on the file's clock to the end of the last frame; 0 for a still picture."""
        return 0.0 if self._cursor.decoder.is_image else self._index.end

    @property
    def times(self) -> np.ndarray:
        """Presentation times (n,) float64 of all frames, in seconds, ascending."""
        return self._index.times.copy()

    @property
    def frame_count(self) -> int:
        """Number of frames that the file really holds, whatever its header says."""
        return len(self._index.times)

    def pauses(self, least_s: float) -> np.ndarray:
        """Stretches (n, 2) of start and end in seconds in which one frame is held for longer than `least_s`."""
        edges = np.append(self._index.times, max(self.duration, self._index.times[-1]))
        long = np.flatnonzero(np.diff(edges) > least_s + EPSILON)
        return np.stack([edges[long], edges[long + 1]], axis=1)

    @property
    def fps(self) -> float | None:
        """Average frames per second, None when there is only one frame.

        The nominal rate where the frames keep it within 1 %, else what their times say (variable rate).
        """
        times = self._index.times
        if len(times) < 2 or times[-1] <= times[0]:
            return None
        measured = (len(times) - 1) / float(times[-1] - times[0])
        nominal = self._cursor.decoder.rate
        return nominal if abs(measured - nominal) <= 0.01 * nominal else measured

    @property
    def truncated(self) -> bool:
        """True when the file ends early, or packets met so far could not be decoded."""
        return self._index.truncated or bool(self._cursor.decoder.damage)

    def sha256(self) -> str:
        """SHA-256 of the file's bytes, hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def frames_at(self, seconds: Sequence[float] | np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """The frames shown at these times, uint8 `(T, H, W, 3)` RGB, in the order asked for.

        Times may be in any order and repeat. With `size` (width, height) frames are scaled while decoding.
        Jumps to keyframes where that saves decoding. Raises `VideoError` when a time is not finite.
        """
        times = np.asarray(seconds, dtype=np.float64).ravel()
        if not np.isfinite(times).all():
            raise VideoError(f"{self.path}: cannot show a frame at a time that is not a number")
        view = self._view if size is None else _View(self._cursor.decoder, size)
        width, height = view.size
        out = np.empty((len(times), height, width, 3), dtype=np.uint8)
        order = np.argsort(times, kind="stable")
        previous: tuple[av.VideoFrame, int] | None = None
        for position, shown in zip(order, self._cursor.show(times[order]), strict=True):
            if previous is not None and previous[0] is shown.frame:
                out[position] = out[previous[1]]
            else:
                view.render(shown.frame, out[position])
            previous = shown.frame, int(position)
        return out

    def stream(
        self,
        fps: float | None = None,
        chunk: int = 64,
        start: float = 0.0,
        end: float | None = None,
        size: tuple[int, int] | None = None,
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Chunks of (times `(n,)` float64 seconds, frames `(n, H, W, 3)` uint8), n at most `chunk`.

        Without `fps` these are the file's own frames with start <= time < end. With `fps` they are the frames
        shown at start + k / fps. Both stop at `end` or at the end of the video. Memory does not grow with
        the length of the video; each chunk is a new array. Independent of `frames_at`.
        """
        if chunk < 1 or (fps is not None and not fps > 0):
            raise VideoError(f"{self.path}: chunk and fps of a stream must be positive")
        cursor = _Cursor(self.path, self._threads, self._number)
        try:
            view = _View(cursor.decoder, size)
            limit = math.inf if end is None else end
            source = cursor.native(start, limit) if fps is None else cursor.sampled(fps, start, limit)
            yield from _chunks(source, view, chunk)
            if cursor.decoder.damage:
                log.warning("%s: cut off or damaged, %d packets lost", self.path, len(cursor.decoder.damage))
        finally:
            cursor.close()

    @property
    def _index(self) -> PacketIndex:
        return self._cursor.index


def _chunks(source: Iterator[Shown], view: _View, chunk: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    width, height = view.size
    times: list[float] = []
    frames = np.empty((0, height, width, 3), dtype=np.uint8)
    last: av.VideoFrame | None = None
    for shown in source:
        if not times:
            previous, frames = frames, np.empty((chunk, height, width, 3), dtype=np.uint8)
        position = len(times)
        if shown.frame is last:
            frames[position] = frames[position - 1] if position else previous[-1]
        else:
            view.render(shown.frame, frames[position])
        last = shown.frame
        times.append(shown.time)
        if len(times) == chunk:
            yield np.array(times), frames
            times = []
    if times:
        yield np.array(times), frames[: len(times)]


class _Cursor:
    """A place in a video that moves forward by decoding and elsewhere by jumping to keyframes."""

    def __init__(self, path: Path, threads: int, number: int | None) -> None:
        self.path = path
        self.decoder = Decoder(path, threads, number)
        self._run = self.decoder.after_first()
        self._current: Shown = self.decoder.first
        self._upcoming: Shown | None = None
        self._ended = False
        self._seeks = not self.decoder.is_image

    def close(self) -> None:
        self.decoder.close()

    @property
    def index(self) -> PacketIndex:
        return packet_index(self.path, self.decoder)

    def show(self, times: Iterable[float]) -> Iterator[Shown]:
        """The frame shown at each of these times, which ascend."""
        for time in times:
            yield self._move_to(float(time))

    def native(self, start: float, end: float) -> Iterator[Shown]:
        """All frames with start <= time < end."""
        self._move_to(start)
        if self._current.time < start - EPSILON and not self._advance():
            return
        while self._current.time < end - EPSILON:
            yield self._current
            if not self._advance():
                return

    def sampled(self, fps: float, start: float, end: float) -> Iterator[Shown]:
        """The frames shown at start + k / fps, with these times, until `end` or the end of the video."""
        number = 0
        # A still picture lasts no time and gives one frame.
        end = min(end, 2 * EPSILON if self.decoder.is_image else self.index.end)
        while (time := start + number / fps) < end - EPSILON:
            yield self._move_to(time)._replace(time=time)
            number += 1

    def _move_to(self, time: float) -> Shown:
        time = max(time, self.decoder.first.time)
        if time + EPSILON < self._current.time or self._worth_a_jump(time):
            self._jump(time)
        while (upcoming := self._peek()) is not None and upcoming.time <= time + EPSILON:
            self._advance()
        return self._current

    def _peek(self) -> Shown | None:
        if self._upcoming is None and not self._ended:
            self._upcoming = next(self._run, None)
            self._ended = self._upcoming is None
        return self._upcoming

    def _advance(self) -> bool:
        """One frame on; False at the end."""
        if (upcoming := self._peek()) is None:
            return False
        self._current, self._upcoming = upcoming, None
        return True

    def _worth_a_jump(self, time: float) -> bool:
        if not self._seeks or time < self._current.time + _LOOK_AHEAD:
            return False
        key = self.index.key_before(time)
        return key is not None and self.index.frames_between(self._current.time, key.time) > _SEEK_COST

    def _jump(self, time: float) -> None:
        """Go to a frame at or before `time`: by a keyframe if the file can do that, else from its start."""
        self._upcoming, self._ended = None, False
        key = self.index.key_before(time) if self._seeks else None
        if key is not None and key.time > self.decoder.first.time + EPSILON:
            try:
                self._run = self.decoder.from_key(key, self.index.key_sizes)
                shown = next(self._run, None)
            except SeekError:
                shown = None
            if shown is not None and shown.time <= time + EPSILON:
                self._current = shown
                return
            self._seeks = False  # this file's jumps cannot be trusted
        self._run = self.decoder.from_start()
        self._current = next(self._run)


class _View:
    """How a file's pictures become what a viewer sees: size, rotation, mirror, RGB.

    `size` (width, height) is the displayed size of the first picture unless another one is asked for. Phones that are
    turned and web calls change the shape in mid-file: such a picture is scaled to fit, with black beside it, never
    squashed. The display matrix of MP4 and Matroska maps a pixel (x, y) to (a x + c y, b x + d y); angles are rounded
    to right angles.
    """

    def __init__(self, decoder: Decoder, size: tuple[int, int] | None = None) -> None:
        aspect = decoder.stream.sample_aspect_ratio
        self._stretch = float(aspect) if aspect and 0.1 < aspect < 10 else 1.0
        first = decoder.first.frame
        self._usual, self._angle = _orientation(first) or _UPRIGHT, first.rotation
        self._shown = self._displayed(first, self._usual)
        self.size = size or self._shown
        if min(self.size) < 1:
            raise VideoError(f"{decoder.path}: a frame cannot be {self.size[0]} x {self.size[1]} pixels")
        self._reformatter = VideoReformatter()

    def render(self, frame: av.VideoFrame, out: np.ndarray) -> None:
        """Write one frame into `out`, uint8 `(H, W, 3)`."""
        turn = self._usual if frame.rotation == self._angle else _orientation(frame) or self._usual
        left, top, width, height = self._place(self._displayed(frame, turn))
        across, down = (height, width) if turn.swap else (width, height)
        scaling = "AREA" if across * down < frame.width * frame.height else "BICUBIC"
        image = self._reformatter.reformat(frame, across, down, "rgb24", interpolation=scaling).to_ndarray()
        if turn.swap:
            image = image.swapaxes(0, 1)
        if turn.flip_x:
            image = image[:, ::-1]
        if turn.flip_y:
            image = image[::-1]
        if (width, height) != self.size:
            out[...] = 0
        out[top : top + height, left : left + width] = image

    def _displayed(self, frame: av.VideoFrame, turn: _Turn) -> tuple[int, int]:
        width, height = max(1, round(frame.width * self._stretch)), frame.height
        return (height, width) if turn.swap else (width, height)

    def _place(self, shown: tuple[int, int]) -> tuple[int, int, int, int]:
        """Left, top, width and height of a picture that is displayed in the size `shown`, as large as fits."""
        share = min(self._shown[0] / shown[0], self._shown[1] / shown[1])
        fitted = [
            side if whole - share * part < 1 else max(1, round(share * part * side / whole))
            for side, whole, part in zip(self.size, self._shown, shown, strict=True)
        ]
        return (self.size[0] - fitted[0]) // 2, (self.size[1] - fitted[1]) // 2, fitted[0], fitted[1]


class _Turn(NamedTuple):
    """Swap axes, then mirror x, then mirror y: shows a frame upright."""

    swap: bool
    flip_x: bool
    flip_y: bool


_UPRIGHT = _Turn(False, False, False)


def _orientation(frame: av.VideoFrame) -> _Turn | None:
    """None where the frame says nothing of it."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return None
    a, b, _, c, d = np.frombuffer(bytes(data), dtype=np.int32)[:5].tolist()
    if abs(b) > abs(a):
        return _Turn(True, c < 0, b < 0)
    return _Turn(False, a < 0, d < 0)
