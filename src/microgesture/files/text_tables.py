"""Texts, tables and names as other people's programs save them: one reader for every verb that reads a table.

A text is UTF-8 with or without a byte order mark, UTF-16, or Windows-1252. A table is separated by commas, semicolons,
tabs or bars, or by what its first line says (`sep=;`); numbers may have a decimal comma. Names are compared composed:
"é" is one letter in most tables, and two signs in file names that come from a Mac.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from math import isfinite
from pathlib import Path
from unicodedata import normalize

from microgesture.errors import DataError

_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?[ \t]*(?:\r\n|\n|\r|$)", re.IGNORECASE)


def text_of(data: bytes, source: str, wanted: str = "a text file") -> str:
    """The text of a file's bytes. Raises `DataError` naming `source` and what was `wanted` for what is no text."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif b"\0" in data[:1000]:  # UTF-16 without its mark has a zero in every other place
        encodings = [f"utf-16-{end}" for end, zeros in (("le", data[1:200:2]), ("be", data[:200:2])) if not any(zeros)]
    else:
        encodings = ["utf-8-sig", "cp1252", "latin-1"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{source}: not {wanted}")


def read_text(path: Path, wanted: str = "a text file") -> str:
    """The text of a file. Raises `DataError` naming it when it cannot be read or is not what was `wanted`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    return text_of(data, str(path), wanted)


def table_rows(text: str, source: str) -> list[tuple[int, list[str]]]:
    """The rows that hold anything as (line in the file, cells), cells without white space around them and composed.

    Raises `DataError` naming `source` and the line for what is no such table.
    """
    said = _SEPARATOR_LINE.match(text)
    body, before = (text[said.end() :], 1) if said else (text, 0)
    try:
        reader = csv.reader(io.StringIO(composed(body), newline=""), delimiter=said[1] if said else delimiter(body))
        rows = [(reader.line_num + before, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise DataError(f"{source}: not CSV ({error})") from error
    return [(line, cells) for line, cells in rows if any(cells)]


def named_rows(text: str, source: str) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The header, and the rows below it by its names; missing cells are empty. Raises `DataError` as `table_rows`."""
    rows = table_rows(text, source)
    header = rows[0][1] if rows else []
    below = ((line, [*cells, *[""] * len(header)]) for line, cells in rows[1:])
    return header, [(line, dict(zip(header, cells, strict=False))) for line, cells in below]


def delimiter(text: str) -> str:
    """Comma, semicolon, tab or bar: by which the first rows have the same number of cells; then by which they have
    most. Lists in the cells ("jaw; neck; jaw") differ from row to row."""
    lines = [line for line in io.StringIO(text, newline=None) if line.strip()][:20]

    def fit(character: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=character)]
        if not widths or widths[0] < 2:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    return max(",;\t|", key=fit)


def number_of(cell: str) -> float:
    """A finite number, with a point or a comma before its decimals. Raises `ValueError` for anything else."""
    value = float(cell.replace(",", "."))
    if not isfinite(value):
        raise ValueError(f"'{cell}' is not a number")
    return value


def composed(text: str) -> str:
    """The text with every accent and its letter as one sign, where there is such a sign."""
    return text if text.isascii() else normalize("NFC", text)


def folded(text: str) -> str:
    """What ways of writing one name share: no capitals, single blanks, accents composed."""
    return " ".join(composed(text).lower().split())


def one_spelling(values: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """From each value to the commonest way in which it is written (the first of equals), and the others that were
    found, for a person: "Won" is won."""
    ways: dict[str, Counter[str]] = {}
    for value in values:
        ways.setdefault(folded(value), Counter())[value] += 1
    best = {key: found.most_common(1)[0][0] for key, found in ways.items()}
    spelt = {way: best[key] for key, found in ways.items() for way in found}
    return spelt, [way for way, chosen in spelt.items() if way != chosen]


def file_named(folder: Path, name: str) -> Path:
    """The file that a table in `folder` names: as it is written; else, where that is there, with the separators of
    Windows as ours, or with accents composed the other way."""
    spellings = list(dict.fromkeys((name, name.replace("\\", "/"))))
    for spelling in spellings:
        if os.path.lexists(folder / spelling):
            return folder / spelling
    others = (_in_another_form(folder / spelling) for spelling in spellings)
    return next((other for other in others if other is not None), folder / name)


def _in_another_form(path: Path) -> Path | None:
    """The file or folder of this name with its accents written otherwise, None where there is none."""
    if str(path).isascii():
        return None
    here = Path(path.anchor)
    for part in path.parts[len(here.parts) :]:
        if not os.path.lexists(here / part):
            try:
                part = _entries(str(here), os.stat(here).st_mtime_ns)[composed(part)]
            except (OSError, KeyError):
                return None
        here /= part
    return here


@lru_cache(maxsize=16)
def _entries(folder: str, _changed: int) -> dict[str, str]:
    """The names in a folder, by their composed form."""
    return {composed(name): name for name in os.listdir(folder)}


def printable(path: str | Path) -> str:
    """A path as text that every file format takes; bytes of its name that are no UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")
