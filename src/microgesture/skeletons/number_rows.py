"""Tables of numbers as text: one row per frame, separated by commas, semicolons, tabs or spaces; after a semicolon or a
tab a decimal comma is one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgesture.errors import DataError

_FIRST_LINE = 1 << 16


def read_number_rows(path: str | Path, widths: Sequence[int], skip: int = 0) -> np.ndarray:
    """Rows of one of the `widths` as float64 `(rows, width - skip)`, without the first `skip` columns.

    Empty fields are NaN. A first row without a single number is a header and is passed over, as are empty lines
    at the end. Raises `DataError` with file and row when a row has another width or holds what is no number.
    """
    lines = _lines(path)
    separator = _separator(lines[0])
    rows: list[np.ndarray] = []
    width = 0
    for number, line in enumerate(lines, start=1):
        fields = _fields(line, separator, widths)
        if number == 1 and len(fields) in widths and _is_header(fields[skip:]):
            continue
        width = width or (len(fields) if len(fields) in widths else 0)
        if len(fields) != width or not width:
            expected = width or " or ".join(map(str, widths))
            raise DataError(f"{path}, row {number}: {len(fields)} columns, expected {expected}")
        try:
            rows.append(np.array([_number(field) if field else np.nan for field in fields[skip:]]))
        except ValueError:
            column = next(i for i, field in enumerate(fields) if i >= skip and field and not _is_number(field))
            wrong = fields[column][:20]
            raise DataError(f"{path}, row {number}, column {column + 1}: '{wrong}' is not a number") from None
    if not rows:
        raise DataError(f"{path}: no rows")
    return np.stack(rows)


def first_row_width(path: Path) -> int:
    """Number of columns of the first line, 0 when the file cannot be read as text."""
    try:
        with path.open("rb") as file:
            line = file.readline(_FIRST_LINE).decode("utf-8-sig").strip("\r\n")
    except (OSError, UnicodeDecodeError):
        return 0
    separator = _separator(line)
    fields = line.split(separator)
    return len(fields) - (separator is not None and not fields[-1].strip()) if line.strip() else 0


def _lines(path: str | Path) -> list[str]:
    try:
        text = Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    lines = text.rstrip(" \r\n").splitlines()
    if not lines:
        raise DataError(f"{path}: empty")
    return lines


def _separator(line: str) -> str | None:
    return next((mark for mark in (";", "\t", ",") if mark in line), None)


def _fields(line: str, separator: str | None, widths: Sequence[int]) -> list[str]:
    fields = [field.strip() for field in line.split(separator)]
    if fields and not fields[-1] and len(fields) - 1 in widths:
        fields.pop()
    return fields


def _is_header(fields: Sequence[str]) -> bool:
    return any(fields) and not any(_is_number(field) for field in fields)


def _is_number(field: str) -> bool:
    try:
        _number(field)
    except ValueError:
        return False
    return True


def _number(field: str) -> float:
    """A number with a point or a comma before its decimals; "nan" is one too."""
    return float(field.replace(",", "."))
