"""Opening a file: which of its video streams is watched, and where the file's clock begins.

The clock is the one that a player shows. Its 0 is the start of the earliest stream, sound or picture: a picture that
comes two seconds after the sound starts at 2.0, and a file whose stamps begin at an hour starts at 0. Only where an
MP4's edit list delays everything, 0 is where the list says that the film begins (as browsers, QuickTime and VLC have
it), although nothing is shown there yet.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import av.container
import av.error
import av.stream
import av.video

from microgesture.errors import VideoError

log = logging.getLogger(__name__)

Input = av.container.InputContainer
Stream = av.video.stream.VideoStream

_TEXT_FORMATS = frozenset({"tty"})  # FFmpeg renders .txt and .nfo files as terminal art
_LOOKED_AT = 500  # packets after which a stream that showed one picture only is a still
_RUN_UP = Fraction(1, 10)  # seconds of sound before 0 that are a codec's run-up, which nobody hears
_MICROSECOND = Fraction(1, 1_000_000)


def open_container(path: Path, threads: int, number: int | None = None) -> tuple[Input, Stream]:
    """Open a file and pick its video stream: the one with this `number`, counted from 1, else the one players show.

    That is one that moves, then the one flagged as default, then the one with most pixels, then the first. Raises
    `VideoError` when the file cannot be opened, has no video stream or none of that number.
    """
    container = _open(path)
    stream = None
    if container.format.name not in _TEXT_FORMATS:
        try:
            stream = _pick(path, _shown(container), number)
        except VideoError:
            container.close()
            raise
    if stream is None or stream.codec_context is None:
        audio, kind = bool(container.streams.audio), container.format.name
        container.close()
        if kind in _TEXT_FORMATS:
            raise VideoError(f"{path}: not a video but text")
        if stream is not None:
            raise VideoError(f"{path}: no decoder for its video stream")
        raise VideoError(f"{path}: no video stream" + (", only sound" if audio else ""))
    stream.thread_type = "AUTO"  # type: ignore[assignment]
    stream.thread_count = threads
    return container, stream


def clock_zero(path: Path, container: Input, stream: Stream) -> Fraction | None:
    """Seconds on the time stamps at which the file's clock shows 0; None when the file has no time stamps."""
    if container.start_time is None:
        return None
    zero = _earliest(container)
    if zero > 0 and "mp4" in container.format.name and _delayed_by_edit_list(path, zero):
        return Fraction(0)
    if -_RUN_UP < zero < 0 and stream.start_time is not None and stream.start_time >= 0:
        return Fraction(0)
    return zero


def why_undecodable(path: Path) -> str:
    """What is to be said of a file that opens but gives no frame."""
    head = _head(path)
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and head[20] & 2:
        return "an animated WebP picture, which cannot be read; convert it to a video (MP4) or an animated GIF"
    return "no frame can be decoded"


def _open(path: Path, **options: str) -> Input:
    _check_file(path)
    try:
        # Only plain files: a playlist that calls itself a video must not fetch anything.
        # Not `options`: PyAV hands those to every stream, and files whose streams turn up late crash it.
        limits = {"protocol_whitelist": "file", **options}
        return av.open(f"file:{path}", "r", container_options=limits, metadata_errors="replace")
    except PermissionError:
        raise VideoError(f"{path}: permission denied") from None
    except (av.error.FFmpegError, UnicodeError, OSError) as error:
        raise VideoError(f"{path}: {_why_unreadable(path)}") from error


def _check_file(path: Path) -> None:
    try:
        if not path.exists():
            raise VideoError(f"{path}: no such file")
        if path.is_dir():
            raise VideoError(f"{path}: is a directory, not a video")
        if not path.is_file():
            raise VideoError(f"{path}: not a regular file")
        if path.stat().st_size == 0:
            raise VideoError(f"{path}: the file is empty")
    except (OSError, ValueError) as error:
        raise VideoError(f"{path}: cannot be opened ({error})") from error


def _why_unreadable(path: Path) -> str:
    if _head(path)[4:8] == b"ftyp":
        return "incomplete: the index at the end of the MP4 is missing, the recording or copy was cut off"
    return "not a video that can be read"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(32).ljust(32, b"\0")


def _shown(container: Input) -> list[Stream]:
    """The video streams but for cover art and thumbnails."""
    pictures = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    return [stream for stream in container.streams.video if not stream.disposition & pictures]


def _pick(path: Path, streams: Sequence[Stream], number: int | None) -> Stream | None:
    if number is not None:
        if not 1 <= number <= len(streams):
            has = f"{len(streams)} video stream" + "s" * (len(streams) != 1)
            raise VideoError(f"{path}: has {has}, so there is no number {number}")
        return streams[number - 1]
    if len(streams) < 2:
        return streams[0] if streams else None
    state = path.stat()
    moving = _moving(path, state.st_size, state.st_mtime_ns)

    def rank(stream: Stream) -> tuple[bool, bool, bool, int]:
        context = stream.codec_context
        pixels = context.width * context.height if context is not None else 0
        default = bool(stream.disposition & av.stream.Disposition.default)
        return context is not None, stream.index in moving, default, pixels

    best = max(streams, key=rank)
    _say_which(path, state.st_mtime_ns, len(streams), streams.index(best) + 1)
    return best


@lru_cache(maxsize=256)
def _moving(path: Path, size: int, changed: int) -> frozenset[int]:
    """Indices of the streams that show more than one picture."""
    seen: Counter[int] = Counter()
    with _open(path) as container:
        streams = _shown(container)
        try:
            for count, packet in enumerate(container.demux(streams)):
                seen[packet.stream_index] += packet.size > 0
                if count >= _LOOKED_AT or all(seen[stream.index] > 1 for stream in streams):
                    break
        except av.error.FFmpegError:
            pass
    return frozenset(index for index, pictures in seen.items() if pictures > 1)


@lru_cache(maxsize=256)
def _say_which(path: Path, changed: int, count: int, number: int) -> None:
    """Once for each file."""
    text = "%s: has %d video streams; number %d is read, the one that players show (--video-stream chooses another)"
    log.warning(text, path, count, number)


def _earliest(container: Input) -> Fraction:
    """The start that the container tells, exactly as the stream has it that starts there."""
    said = container.start_time * _MICROSECOND
    starts = [s.start_time * s.time_base for s in container.streams if s.start_time is not None and s.time_base]
    nearest = min(starts, key=lambda start: abs(start - said), default=said)
    return nearest if abs(nearest - said) <= _MICROSECOND else said


def _delayed_by_edit_list(path: Path, zero: Fraction) -> bool:
    with _open(path, ignore_editlist="1") as raw:
        return raw.start_time is not None and _earliest(raw) != zero
