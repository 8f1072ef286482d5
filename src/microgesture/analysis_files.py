"""The files of one analysis: timeline.json, timeline.csv and report.html in one folder."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from microgesture import formats
from microgesture.errors import UserError
from microgesture.report import write_report
from microgesture.timeline import Timeline
from microgesture.video import VideoReader

THUMBNAILS = 60
"""At most so many events, the most confident ones, get a picture."""
WIDTH = 240
"""Width of a picture, pixels."""


def write_analysis(timeline: Timeline, out: Path, video: str | Path, thumbnails: bool = False) -> Path:
    """Write the three files into `out` and return the report's path.

    `thumbnails` puts a picture of the middle of each event into the report: the person's face is then in the
    file, so the default is none. Raises `UserError` when the folder cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot be made ({error.strerror})") from error
    formats.write(timeline, out / "timeline.json")
    formats.write(timeline, out / "timeline.csv")
    pictures = event_thumbnails(timeline, video) if thumbnails else None
    write_report(timeline, out / "report.html", video=Path(video), thumbnails=pictures)
    return out / "report.html"


def event_thumbnails(timeline: Timeline, video: str | Path) -> list[bytes | None]:
    """A JPEG of the middle of each event, in event order; None beyond the `THUMBNAILS` most confident ones."""
    ranked = sorted(range(len(timeline)), key=lambda i: -timeline[i].confidence)[:THUMBNAILS]
    chosen = sorted(ranked, key=lambda i: timeline[i].start + timeline[i].end)
    pictures: list[bytes | None] = [None] * len(timeline)
    if not chosen:
        return pictures
    with VideoReader(video) as reader:
        for index in chosen:
            event = timeline[index]
            frame = reader.frames_at([(event.start + event.end) / 2])[0]
            image = Image.fromarray(frame)
            image.thumbnail((WIDTH, WIDTH))
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=80)
            pictures[index] = buffer.getvalue()
    return pictures
