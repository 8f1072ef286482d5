"""Timelines as files, by extension: one module a format, each with what it can write and read.

formats.write(timeline, "out/timeline.csv")
formats.read("out/timeline.json")
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from microgesture.atomic import write_text
from microgesture.errors import DataError
from microgesture.formats import csv, json
from microgesture.timeline import Timeline

WRITERS: dict[str, Callable[[Timeline], str]] = {".json": json.dumps, ".csv": csv.dumps}
"""From an extension to a function that gives the text of the file."""

READERS: dict[str, Callable[[str, str], Timeline]] = {".json": json.loads, ".csv": csv.loads}
"""From an extension to a function of the file's text and its name (for errors)."""


def write(timeline: Timeline, path: str | Path) -> Path:
    """Write a timeline in the format of the path's extension, atomically, and return the path.

    Raises `DataError` for an unknown extension, `UserError` when the disk refuses.
    """
    path = Path(path)
    return write_text(path, _of(WRITERS, path)(timeline))


def read(path: str | Path) -> Timeline:
    """Read a timeline. Raises `DataError` when there is no such file, or it is not of its extension's format."""
    path = Path(path)
    loads = _of(READERS, path)
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    return loads(text, str(path))


def _of(table: dict, path: Path):
    try:
        return table[path.suffix.lower()]
    except KeyError:
        raise DataError(f"{path}: unknown format '{path.suffix}'; known are {', '.join(table)}") from None
