"""What cells and headers of other people's tables mean: several gestures in one cell, times and their units, numbers
with commas, and what stands for nothing."""

from __future__ import annotations

import ast
import re

from microgesture.errors import DataError
from microgesture.files.text_tables import number_of

MISSING = frozenset(("NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null"))
"""What R, pandas, spreadsheets and databases write for an empty cell."""

_UNIT = re.compile(
    r"[\s_-]*[\[(]?(?:hh:mm:ss[.,:]\w+|ss[.,]\w+|(?<![a-z])(?:ms|msec|milliseconds?|s|secs?|seconds?|frames?))[\])]?\s*$"
)


def plain(name: str) -> str:
    """A name without capitals and what stands between words."""
    return re.sub(r"[\W_]+", "", name.lower())


def without_unit(name: str) -> str:
    """The same without the unit of a time at its end: "Onset [s]", "Begin Time - hh:mm:ss.ms"."""
    return plain(_UNIT.sub("", name.lower()))


def unit(name: str) -> str:
    """ "ms" or "frame" where the name of a column says that its times are such; else ""."""
    if re.search(r"(?<![.,:a-z])(ms|msec|milliseconds?)[\])]?\s*$", name.lower()):
        return "ms"
    return "frame" if re.search(r"(?<![a-z])frames?(?![a-z])", name.lower()) else ""


def split_labels(cell: str, separator: str = "") -> list[str]:
    """The gestures of one cell: one, several between separators or in a list in brackets, or none."""
    if not cell:
        return []
    if separator:
        return [text for part in cell.split(separator) if (text := part.strip())]
    if cell.startswith("[") and cell.endswith("]"):
        try:
            listed = ast.literal_eval(cell)
        except (ValueError, SyntaxError):
            listed = [part.strip(" '\"") for part in cell[1:-1].split(",")]
        return [text for each in listed if (text := str(each).strip())]
    return [text for part in re.split(r"[;|]|->|→", cell) if (text := part.strip())]


def seconds(cell: str, where: str, column: str, fps: float = 0.0) -> float:
    """A time as seconds: hh:mm:ss, a number of seconds, or what the column's name says; with `fps`, a frame. Raises
    `DataError` for frames without a rate."""
    clock = re.fullmatch(r"(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)", cell)
    if clock:
        hours, minutes, rest = clock.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest.replace(",", "."))
    value, told = number(cell, where, column), unit(column)
    if fps:
        return value / fps
    if told == "frame":
        raise DataError(f"{where}: {column} counts frames: give --fps, frames per second")
    return value / 1000 if told == "ms" else value


def number(cell: str, where: str, column: str) -> float:
    """A number, with a point or a comma. Raises `DataError` naming row and column."""
    try:
        return number_of(cell)
    except ValueError:
        raise DataError(f"{where}: {column} '{cell}' is not a number") from None


def sort_key(cell: str) -> tuple[float, str]:
    """Sorts times and running numbers, whatever stands around them."""
    clock = [float(part) for part in re.findall(r"\d+(?:\.\d+)?", cell.replace(",", "."))]
    value = 0.0
    for part in clock if ":" in cell else clock[:1]:
        value = value * 60 + part
    return value, cell
