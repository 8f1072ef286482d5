"""The files of one analysis: timeline.json, timeline.csv and report.html in one folder."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Sequence
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
    check_folder(out)
    pictures = event_thumbnails(timeline, video) if thumbnails else None
    formats.write(timeline, out / "timeline.json")
    formats.write(timeline, out / "timeline.csv")
    write_report(timeline, out / "report.html", video=Path(video), thumbnails=pictures)
    return out / "report.html"


def check_folder(out: Path) -> None:
    """See before the long work, and without making anything, that the folder `out` can be written or made.

    Raises `UserError` when it cannot.
    """
    there = out
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise UserError(f"{out}: cannot be made ({there} is not a folder)")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{out}: cannot be written (no permission in {there})")


def folder_names(files: Sequence[str | Path]) -> list[str]:
    """One name a file for its folder, no two alike even where capitals do not count.

    The file's stem where that tells it from the others; else with its extension; else with the names of the
    folders that it lies in; a file given twice gets a number.
    """
    paths = [Path(os.path.abspath(file)) for file in files]
    forms: list[Callable[[Path], str]] = [lambda path: path.stem, lambda path: path.name]
    longest = max((len(path.parts) for path in paths), default=0)
    forms += [lambda path, n=n: "_".join(path.parts[1:][-n:]) for n in range(2, longest)]  # type: ignore[misc]
    names = [path.stem for path in paths]
    for form in forms:
        taken = Counter(name.lower() for name in names)
        names = [form(p) if taken[n.lower()] > 1 else n for p, n in zip(paths, names, strict=True)]
    seen: Counter[str] = Counter()
    for i, name in enumerate(names):
        while (number := seen[names[i].lower()]) > 0:
            seen[names[i].lower()] += 1
            names[i] = f"{name}-{number + 1}"
        seen[names[i].lower()] += 1
    return names


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
