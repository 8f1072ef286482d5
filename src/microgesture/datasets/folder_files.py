"""Looking through the folders of a data set: what lies where, and the numbers of small text files row by row."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.errors import DataError
from microgesture.files.text_tables import read_text

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
"""Endings of video files, in the order in which one of several is chosen."""

MANY = 2000
"""Folders that are looked into before a layout is not recognised."""

_ROW = re.compile(r"(?:row|line) (\d+)(?:,|:)\s*(.*)", re.DOTALL)


def folders_under(root: Path, depth: int = 5) -> Iterator[tuple[Path, list[str], list[str]]]:
    """(folder, names of its folders, names of its files), sorted, for `root` and what lies up to `depth` folders below.

    Links to folders are followed, every folder is visited once. Hidden names (.x, __MACOSX) are left out.
    """
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if is_visible(name))
        place = os.path.realpath(folder)
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        path = Path(folder)
        yield path, list(folders), sorted(name for name in files if is_visible(name))
        if len(path.relative_to(root).parts) >= depth:
            folders.clear()


def files_under(root: Path, depth: int = 5) -> Iterator[Path]:
    """The files that `folders_under` finds, folder by folder."""
    for folder, _, names in folders_under(root, depth):
        yield from (folder / name for name in names)


def is_video_name(name: str) -> bool:
    """Whether a file's name ends like that of a video."""
    return name.lower().endswith(VIDEO_SUFFIXES)


def problem_of(file: Path, error: Exception, lead: str = "") -> Problem:
    """An error of a reader as a problem of the file; `file, row 3: what` (or line 3) becomes a problem of row 3."""
    text = str(error).removeprefix(str(file)).lstrip(",: ")
    match = _ROW.match(text)
    return Problem(file, int(match[1]), lead + match[2]) if match else Problem(file, 0, lead + text)


def number_lines(path: Path) -> list[tuple[int, list[str]]]:
    """The fields of the lines of a text file that are not empty, with the line's number from 1.

    Fields are separated by commas, semicolons, tabs or spaces. Raises `DataError` when the file cannot be read.
    """
    lines = enumerate(read_text(path).splitlines(), start=1)
    return [(number, re.split(r"\s*[,;\t]\s*|\s+", line.strip().strip(","))) for number, line in lines if line.strip()]


def whole_number(text: str) -> int:
    """A whole number, `12` or `12.0`. Raises `DataError` for anything else."""
    try:
        value = float(text)
        if value == int(value):
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise DataError(f"'{text[:20]}' is not a whole number")


def ranges(numbers: Iterable[int]) -> str:
    """`1 to 30, 32` for people."""
    parts: list[list[int]] = []
    for number in sorted(set(numbers)):
        if parts and number == parts[-1][-1] + 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ", ".join(f"{p[0]} to {p[-1]}" if len(p) > 1 else str(p[0]) for p in parts) or "none"


def split_counts(rows: Sequence[ClipRow]) -> str:
    """`120 clips (train 100, test 20)`."""
    counts = Counter(row.split or "no split" for row in rows)
    listed = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return f"{len(rows):,} clips" + (f" ({listed})" if listed else "")


def majority_line(rows: Sequence[ClipRow], split: str = "test") -> tuple[str, ...]:
    """What always naming the most frequent class of a split would score; nothing where the split is empty."""
    labels = Counter(row.label for row in rows if row.split == split)
    if not labels:
        return ()
    label, count = labels.most_common(1)[0]
    share = 100 * count / labels.total()
    return (f"always saying '{label}' gives {share:.1f} % on {split}: give mean-class accuracy beside top-1",)


def is_visible(name: str) -> bool:
    """Whether a file or folder is one that people put there: no `.x`, no `__MACOSX`."""
    return not name.startswith(".") and name != "__MACOSX"
