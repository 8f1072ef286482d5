"""How long videos really are, many at a time: found by walking through their packets, never believed from a header."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from microgesture.errors import VideoError

SLACK = 0.1
"""Seconds that a clip may reach past the end of its video: label files round."""


@dataclass(frozen=True)
class MediaLength:
    """Seconds, frames and frames per second of a video; `wrong` says why it is not whole, "" when it is; `start` is
    when its picture begins."""

    duration: float = 0.0
    frames: int = 0
    fps: float | None = None
    wrong: str = ""
    start: float = 0.0


def media_lengths(videos: Iterable[Path]) -> dict[Path, MediaLength]:
    """The length of each video. One that cannot be read has length 0."""
    paths = list(dict.fromkeys(videos))
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(paths, pool.map(_length, paths), strict=True))


def _length(path: Path) -> MediaLength:
    from microgesture.video import VideoReader

    try:
        with VideoReader(path, threads=1) as video:
            wrong = "cut off or damaged" if video.truncated else ""
            return MediaLength(video.duration, video.frame_count, video.fps, wrong, video.start)
    except VideoError as error:
        return MediaLength(wrong=str(error).removeprefix(f"{path}: "))
