"""The labels of iMiGUE: `0001_label.csv` of the MiGA challenge, and the table of the full release.

A label file has no header: `class,start,end` with class 1 to 31 or 99, and frames from 0, the last one included. The
table (`labels_20200831.csv`) has a header with `video_id,subject_id,class,start_frame,end_frame`; other tables that
name video and subject serve as a list of subjects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microgesture.datasets.manifest import Problem
from microgesture.errors import DataError
from microgesture.files.text_tables import read_text, table_rows
from microgesture.vocabulary import Vocabulary

_VIDEO, _SUBJECT = ("video_id", "video"), ("subject_id", "subject")
_CLIP = ("class", "start_frame", "end_frame")


@dataclass(frozen=True)
class Label:
    """One clip: `index` is its place among the video's clips from 0, `row` its line in the file, `number` the class as
    the file has it, None where the file does not tell (test sets); frames from 0, both included."""

    index: int
    row: int
    number: int | None
    first: int
    last: int


@dataclass(frozen=True)
class Table:
    """A table with a header: the subject and the clips of each video, as far as it names them."""

    path: Path
    subjects: dict[int, str]
    clips: dict[int, list[Label]]
    problems: tuple[Problem, ...]


def read_label_file(path: Path) -> tuple[list[Label], list[Problem]]:
    """The clips of `0001_label.csv` and what is wrong with its rows. Raises `DataError` when it cannot be read."""
    rows = table_rows(read_text(path), str(path))
    if rows and not any(_whole(cell) is not None for cell in rows[0][1]):
        rows = rows[1:]  # a header
    labels, problems = [], []
    for index, (line, cells) in enumerate(rows):
        while len(cells) > 2 and not cells[-1]:
            cells = cells[:-1]
        try:
            labels.append(_label(index, line, ["", *cells] if len(cells) == 2 else cells))
        except DataError as error:
            problems.append(Problem(path, line, str(error)))
    if not rows:
        problems.append(Problem(path, 0, "empty: no clips in it"))
    return labels, problems


def read_table(path: Path) -> Table | None:
    """A table that names video and subject, or video and clips; None when it is another one."""
    try:
        with path.open("rb") as file:
            start = file.read(4096).replace(b"\0", b"").lower()
        rows = table_rows(read_text(path), str(path)) if any(name.encode() in start for name in _VIDEO) else []
    except (OSError, DataError):
        return None
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    video = next((header.index(name) for name in _VIDEO if name in header), None)
    subject = next((header.index(name) for name in _SUBJECT if name in header), None)
    clip = [header.index(name) for name in _CLIP if name in header]
    if video is None or (subject is None and len(clip) < len(_CLIP)):
        return None
    found = Table(path, {}, {}, ())
    problems: list[Problem] = []
    places: dict[int, int] = {}
    for line, cells in rows[1:]:
        cells += [""] * (len(header) - len(cells))
        number = _whole(cells[video])
        if number is None:
            problems += (
                [Problem(path, line, f"'{cells[video][:20]}' is not the number of a video")] if any(cells) else []
            )
            continue
        if subject is not None and cells[subject]:
            name = str(_whole(cells[subject]) or cells[subject])
            if found.subjects.setdefault(number, name) != name:
                what = f"video {number:04d} is of subject {name} here, of subject {found.subjects[number]} above"
                problems.append(Problem(path, line, what))
        if len(clip) == len(_CLIP):
            index = places[number] = places.get(number, -1) + 1
            try:
                found.clips.setdefault(number, []).append(_label(index, line, [cells[i] for i in clip]))
            except DataError as error:
                problems.append(Problem(path, line, str(error)))
    return Table(path, found.subjects, found.clips, tuple(problems))


def class_of(number: int, vocabulary: Vocabulary) -> str:
    """The label text for a class number of the files: 99 is illustrative. Raises `DataError` for another number."""
    try:
        return vocabulary[vocabulary.from_file_id(number)].name
    except DataError:
        hint = ": illustrative gestures are 99 in the official files" if number == 0 else ""
        raise DataError(f"label {number} is none of iMiGUE's classes (1 to 31, 99){hint}") from None


def are_placeholders(labels: Sequence[Label]) -> bool:
    """Whether a test set's class numbers stand for nothing: all missing, none a class, or one number for all clips."""
    numbers = {label.number for label in labels}
    known = {number for number in numbers if number is not None and (1 <= number <= 31 or number == 99)}
    return not known or (len(numbers) == 1 and len(labels) >= 50)


def _label(index: int, row: int, cells: list[str]) -> Label:
    if len(cells) != 3:
        raise DataError(f"{len(cells)} columns, expected class,start,end")
    values = [_whole(cell) for cell in cells]
    for cell, value, what in zip(cells, values, ("class", "start", "end"), strict=True):
        if value is None and (cell or what != "class"):
            raise DataError(f"{what} '{cell[:20]}' is not a whole number")
    number, first, last = values
    assert first is not None
    assert last is not None
    if first < 0 or last < first:
        raise DataError(f"frames {first} to {last} are no clip")
    return Label(index, row, number, first, last)


def _whole(text: str) -> int | None:
    try:
        value = float(text)
        return int(value) if value == int(value) else None
    except (ValueError, OverflowError):
        return None
