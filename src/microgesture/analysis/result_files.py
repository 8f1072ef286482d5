"""The files of one analysis in one folder: the timeline as .json, .csv, .eaf and .vtt, and report.html.

Every video has a folder of its own name, so that one call or ten into the same place leave the same. An analysis
replaces its own files, and none that a human has changed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from PIL import Image

from microgesture import formats
from microgesture.errors import DataError, UserError
from microgesture.files.atomic import check_folder
from microgesture.formats import eaf
from microgesture.privacy.anonymization import masked_frames
from microgesture.report import write_report
from microgesture.report.html import is_report
from microgesture.skeletons.track import SkeletonTrack
from microgesture.timeline import Timeline
from microgesture.video import VideoReader

Thumbnails = Literal["none", "masked", "original"]
"""Pictures in the report: none (drawings of the skeleton, where there is one), frames with every face hidden, frames
as they are."""

THUMBNAILS = 60
"""At most so many events, the most confident ones, get a picture."""
WIDTH = 240
"""Width of a picture, pixels."""


def write_analysis(
    timeline: Timeline,
    out: Path,
    video: str | Path,
    thumbnails: Thumbnails = "none",
    track: SkeletonTrack | Sequence[SkeletonTrack] | None = None,
    video_stream: int | None = None,
) -> Path:
    """Write the files into `out` and return the report's path.

    From `track`, one or one per person, events get drawings. "masked" thumbnails show the middle of each event with
    every face hidden; with "original" the person's face is in the report. Raises `UserError` when the folder cannot
    be written or the kind of thumbnails is unknown, `DataError` when a human has changed a file that would be replaced,
    `MissingExtra` when faces cannot be hidden.
    """
    check_analysis(out)
    tracks = () if track is None else (track,) if isinstance(track, SkeletonTrack) else tuple(track)
    pictures = event_thumbnails(timeline, video, thumbnails, video_stream)
    for extension in _derived():  # else a write that is stopped in between leaves files that disagree
        (out / f"timeline{extension}").unlink(missing_ok=True)
    formats.write(timeline, out / "timeline.json")
    for each in formats.all_formats():
        if each.with_analysis and each.write is not None and each.extension != ".json":
            each.write(timeline, out / f"timeline{each.extension}")
    write_report(timeline, out / "report.html", video=Path(video), thumbnails=pictures, tracks=tracks)
    return out / "report.html"


def check_analysis(folder: Path) -> None:
    """As `check_folder`, for a folder of an analysis: `DataError` also when a human has changed a file of it."""
    check_folder(folder)
    eaf.check_overwritable(folder / "timeline.eaf")
    report = folder / "report.html"
    if report.exists() and not is_report(report.read_text("utf-8", "replace")):
        raise DataError(f"{report}: is not ours; move it away or write to another folder")
    whole = folder / "timeline.json"
    timeline = formats.read(whole) if whole.exists() else None
    for extension, dumps in _derived().items():
        path = folder / f"timeline{extension}"
        if path.exists() and (timeline is None or path.read_bytes() != dumps(timeline).encode("utf-8", "replace")):
            raise DataError(
                f"{path}: does not say what {whole.name} says, a human changed one of them: move them away or write to "
                "another folder"
            )


def _derived() -> dict[str, Callable[[Timeline], str]]:
    """What says nothing but what timeline.json says, as long as nobody changes it: extension and text."""
    return {
        each.extension: each.dumps
        for each in formats.all_formats()
        if each.with_analysis and each.dumps is not None and each.extension != ".json"
    }


def event_thumbnails(
    timeline: Timeline, video: str | Path, kind: Thumbnails, video_stream: int | None = None
) -> list[bytes | None]:
    """A JPEG of the middle of each event, in event order; None beyond the `THUMBNAILS` most confident ones.

    "masked": None too where a person is seen but no head was found to hide. "none": all None.
    """
    if kind not in get_args(Thumbnails):
        raise UserError(f"unknown thumbnails '{kind}': choose {', '.join(get_args(Thumbnails))}")
    pictures: list[bytes | None] = [None] * len(timeline)
    if kind == "none" or not pictures:
        return pictures
    ranked = sorted(range(len(timeline)), key=lambda i: -timeline[i].confidence)[:THUMBNAILS]
    chosen = sorted(ranked, key=lambda i: timeline[i].start + timeline[i].end)
    times = [(timeline[i].start + timeline[i].end) / 2 for i in chosen]
    frames = (masked_frames if kind == "masked" else _frames)(video, times, video_stream=video_stream)
    for index, frame in zip(chosen, frames, strict=True):
        pictures[index] = None if frame is None else _jpeg(frame)
    return pictures


def _frames(video: str | Path, times: Sequence[float], video_stream: int | None) -> Iterator[np.ndarray]:
    with VideoReader(video, stream=video_stream) as reader:
        for time in times:
            yield reader.frames_at([time])[0]


def _jpeg(frame: np.ndarray) -> bytes:
    image = Image.fromarray(frame)
    image.thumbnail((WIDTH, WIDTH))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
