"""Timelines as files, by extension: one module a format, each with what it can write and read.

    formats.write(timeline, "out/timeline.eaf")
    formats.read("out/timeline.json")

Human annotations in ELAN documents have functions of their own in `microgesture.formats.eaf`: `read_eaf` for
chosen tiers, `add_to_eaf` to put a timeline beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from microgesture.atomic import write_text
from microgesture.errors import DataError
from microgesture.formats import boris, csv, eaf, json, srt, textgrid, webvtt
from microgesture.text_tables import text_of
from microgesture.timeline import Timeline

Writer = Callable[[Timeline, Path], Path]
Reader = Callable[[bytes, str], Timeline]
_Entry = TypeVar("_Entry")


def _writer(dumps: Callable[[Timeline], str]) -> Writer:
    def write_whole(timeline: Timeline, path: Path) -> Path:
        text = dumps(timeline).encode("utf-8", "replace")  # a file name may hold bytes that are no UTF-8
        return write_text(path, text.decode("utf-8"))

    return write_whole


def _reader(loads: Callable[[str, str], Timeline]) -> Reader:
    def read_text(data: bytes, source: str) -> Timeline:
        return loads(text_of(data, source), source)

    return read_text


WRITERS: Mapping[str, Writer] = {
    ".json": _writer(json.dumps),
    ".csv": _writer(csv.dumps),
    ".boris.csv": _writer(boris.dumps),
    ".eaf": eaf.write,
    ".vtt": _writer(webvtt.dumps),
    ".srt": _writer(srt.dumps),
    ".TextGrid": _writer(textgrid.dumps),
}
"""From an extension to a function that writes a timeline to a path."""

READERS: Mapping[str, Reader] = {
    ".json": _reader(json.loads),
    ".csv": _reader(csv.loads),
    ".tsv": _reader(csv.loads),
    ".txt": _reader(csv.loads),
    ".boris.csv": _reader(boris.loads),
    ".eaf": eaf.loads,
    ".vtt": _reader(webvtt.loads),
    ".srt": _reader(srt.loads),
    ".TextGrid": textgrid.loads,
}
"""From an extension to a function of the file's bytes and its name (for errors). Tables of BORIS's aggregated events
are known by their header, whatever they are called."""


def write(timeline: Timeline, path: str | Path) -> Path:
    """Write a timeline in the format of the path's extension, atomically, and return the path.

    Raises `DataError` for an unknown extension, and for an ELAN document that a human has changed since it was
    written; `UserError` when the disk refuses.
    """
    path = Path(path)
    return _of(WRITERS, path)(timeline, path)


def read(path: str | Path) -> Timeline:
    """Read a timeline. Raises `DataError` when there is no such file, or it is not of its extension's format."""
    path = Path(path)
    reader = _of(READERS, path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    return reader(data, str(path))


def _of(table: Mapping[str, _Entry], path: Path) -> _Entry:
    """The entry of the longest extension that the file's name ends in; capitals do not count."""
    name = path.name.lower()
    fitting = [extension for extension in table if name.endswith(extension.lower())]
    if not fitting:
        raise DataError(f"{path}: unknown format '{path.suffix}'; known are {', '.join(table)}")
    return table[max(fitting, key=len)]
