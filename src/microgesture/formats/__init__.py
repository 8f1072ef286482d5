"""Timelines as files, by extension: one module per format (`register_format`), each with what it can write and read.

    formats.write(timeline, "out/timeline.eaf")
    formats.read("out/timeline.json")

Human annotations in ELAN documents have functions of their own in `microgesture.formats.eaf`: `read_eaf` for
chosen tiers, `add_to_eaf` to put a timeline beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microgesture.errors import DataError
from microgesture.formats import boris, csv, eaf, json, srt, textgrid, webvtt
from microgesture.formats.registry import FORMATS, Format, register_format
from microgesture.timeline import Timeline

__all__ = [
    "all_formats",
    "boris",
    "csv",
    "eaf",
    "json",
    "read",
    "register_format",
    "srt",
    "textgrid",
    "webvtt",
    "write",
]


def all_formats() -> tuple[Format, ...]:
    """Every known format, those of the package in the order of their modules first."""
    return tuple(FORMATS.members().values())


def write(timeline: Timeline, path: str | Path) -> Path:
    """Write a timeline in the format of the path's extension, atomically, and return the path.

    Raises `DataError` for an unknown extension, and for an ELAN document that a human has changed since it was
    written; `UserError` when the disk refuses.
    """
    path = Path(path)
    writer = _of(path, [each for each in all_formats() if each.write]).write
    assert writer is not None
    return writer(timeline, path)


def read(path: str | Path) -> Timeline:
    """Read a timeline. Raises `DataError` when there is no such file, or it is not of its extension's format."""
    path = Path(path)
    reader = _of(path, [each for each in all_formats() if each.read]).read
    assert reader is not None
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    return reader(data, str(path))


def _of(path: Path, known: Sequence[Format]) -> Format:
    """The format of the longest extension that the file's name ends in; capitals do not count."""
    name = path.name.lower()
    fitting = [each for each in known if name.endswith(each.extension.lower())]
    if not fitting:
        listed = ", ".join(each.extension for each in known)
        raise DataError(f"{path}: unknown format '{path.suffix}'; known are {listed}")
    return max(fitting, key=lambda each: len(each.extension))
