"""A timeline format is one file that ends in `register_format(...)`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from microgesture.errors import DataError
from microgesture.files.atomic import write_text
from microgesture.files.text_tables import text_of
from microgesture.registry import Registry
from microgesture.timeline import Timeline

Writer = Callable[[Timeline, Path], Path]
Reader = Callable[[bytes, str], Timeline]


@dataclass(frozen=True)
class Format:
    """`write` a timeline to a path, `read` one from a file's bytes and its name (for errors); None where the format
    cannot. `dumps` is the text that is written, where it is one; `analyze` writes the formats `with_analysis`."""

    extension: str
    dumps: Callable[[Timeline], str] | None
    write: Writer | None
    read: Reader | None
    with_analysis: bool


FORMATS: Registry[Format] = Registry("timeline format", "microgesture.formats", error=DataError)


def register_format(
    *extensions: str,
    dumps: Callable[[Timeline], str] | None = None,
    loads: Callable[[str, str], Timeline] | None = None,
    write: Writer | None = None,
    read: Reader | None = None,
    with_analysis: bool = True,
) -> None:
    """Make a format known by its extensions (".rttm").

    Either `dumps` makes a timeline a text, or `write` writes it; either `loads` reads a text and takes the file's name
    for errors, or `read` reads bytes. `with_analysis` is whether `analyze` writes such a file beside the others.
    """
    writer = _text_writer(dumps) if write is None and dumps is not None else write
    reader = _text_reader(loads) if read is None and loads is not None else read
    for extension in extensions:
        FORMATS.add(extension, Format(extension, dumps, writer, reader, with_analysis))


def _text_writer(dumps: Callable[[Timeline], str]) -> Writer:
    def write_whole(timeline: Timeline, path: Path) -> Path:
        text = dumps(timeline).encode("utf-8", "replace")  # a file name may hold bytes that are not UTF-8
        return write_text(path, text.decode("utf-8"))

    return write_whole


def _text_reader(loads: Callable[[str, str], Timeline]) -> Reader:
    def read_text(data: bytes, source: str) -> Timeline:
        return loads(text_of(data, source), source)

    return read_text
