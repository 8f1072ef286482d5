"""What can be known of a whole-video skeleton without turning all its numbers into numbers.

`CsvFrames` reads the text of a MiGA file once and parses single rows of it, `OpenPoseFrames` lists a folder and opens
single files of it. Both say how many frames there are and whether anybody is seen in some of them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from microgesture.errors import DataError
from microgesture.skeletons.miga import COLUMNS

_ORDINARY = b"0123456789.,;+-eE \t\r\n"
_FRAME = re.compile(r"(\d+)(?!.*\d)")


class FrameError(DataError):
    """A skeleton that cannot be read; `row` is the line of the file, 0 for the file as a whole."""

    def __init__(self, what: str, row: int = 0) -> None:
        super().__init__(what)
        self.row = row


class Frames(Protocol):
    """The frames of one video, numbered from 0; `notes` are lines (row, what) on what a reader passes over."""

    count: int
    notes: tuple[tuple[int, str], ...]

    def seen(self, frame: int) -> bool:
        """Whether anybody is seen in a frame. Raises `FrameError` when it cannot be read."""


def anybody(frames: Frames, first: int, last: int) -> bool:
    """Whether anybody is seen from frame `first` to `last`; a few frames are tried before all of them."""
    last = min(last, frames.count - 1)
    if first > last:
        return False
    likely = dict.fromkeys(((first + last) // 2, first, last))
    return any(frames.seen(i) for i in likely) or any(frames.seen(i) for i in range(first + 1, last))


class CsvFrames:
    """The rows of `_light_hand.csv` or `_light.csv`.

    Raises `FrameError` with the row when there is none, when rows have another width, or when one is cut off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise FrameError(f"cannot be read ({error.strerror or error})") from error
        self._data = data.removeprefix(b"\xef\xbb\xbf").rstrip(b" \r\n")
        if not self._data:
            raise FrameError("empty")
        text = np.frombuffer(self._data, np.uint8)
        self._starts = np.concatenate([[0], np.flatnonzero(text == ord("\n")) + 1])
        head = self._data[: self._starts[1] if len(self._starts) > 1 else None]
        self._mark = next((mark for mark in b",;\t" if mark in head), ord(","))
        self._width = len(self._fields(0))
        if self._width not in COLUMNS:
            raise FrameError(f"{self._width} columns, expected {' or '.join(map(str, COLUMNS))}", 1)
        marks = np.flatnonzero(text == self._mark)
        self._check_width(marks)
        self._header = int(not any(_is_number(field) for field in self._fields(0)[1:]))
        self.count = len(self._starts) - self._header
        if not self.count:
            raise FrameError("no rows")
        self.notes: tuple[tuple[int, str], ...] = self._lost_values(text, marks)

    def values(self, frame: int) -> np.ndarray:
        """x, y, score of one frame, `(V, 3)`; NaN for what is no number. Raises `FrameError` for what is text."""
        fields = self._fields(frame + self._header)[1:]
        try:
            numbers = [float(field) if field else np.nan for field in fields]
        except ValueError:
            wrong = next(field for field in fields if field and not _is_number(field))
            text = wrong[:20].decode("utf-8", "replace")
            raise FrameError(f"'{text}' is not a number", frame + self._header + 1) from None
        return np.array(numbers).reshape(-1, 3)

    def seen(self, frame: int) -> bool:
        points = self.values(frame)
        return bool((points[np.isfinite(points).all(1), 2] > 0).any())

    def _fields(self, line: int) -> list[bytes]:
        end = self._starts[line + 1] - 1 if line + 1 < len(self._starts) else None
        fields = [field.strip() for field in self._data[self._starts[line] : end].split(bytes([self._mark]))]
        if not fields[-1] and len(fields) - 1 in COLUMNS:
            fields.pop()
        return fields

    def _check_width(self, marks: np.ndarray) -> None:
        counts = np.diff(np.searchsorted(marks, [*self._starts.tolist(), len(self._data)]))
        for line in np.flatnonzero(counts != counts[0])[:2].tolist():
            found = len(self._fields(line))
            if found != self._width:
                raise FrameError(f"{found} columns, expected {self._width}", line + 1)

    def _lost_values(self, text: np.ndarray, marks: np.ndarray) -> tuple[tuple[int, str], ...]:
        """One note with the first row in which a value is NaN, infinite or missing; column 0 is passed over."""
        odd = np.zeros(0, np.int64)
        if self._data.translate(None, _ORDINARY):
            odd = np.flatnonzero(np.isin(text, np.frombuffer(_ORDINARY, np.uint8), invert=True))
        places = np.concatenate([odd, marks[1:][np.diff(marks) == 1]])
        if not len(places):
            return ()
        lines = np.searchsorted(self._starts, places, side="right") - 1
        first_marks = marks[np.searchsorted(marks, self._starts)]
        lines = np.unique(lines[places > first_marks[lines]])
        rows = [i for i in lines.tolist() if i >= self._header and not np.isfinite(self.values(i - self._header)).all()]
        if not rows:
            return ()
        return ((rows[0] + 1, f"values that are no numbers, in {len(rows)} rows: their points count as not seen"),)


class OpenPoseFrames:
    """The files of an OpenPose folder; a frame without a file is one without a person.

    Raises `FrameError` when there is no file, two of one frame, or one that is cut off.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.as_posix()
        names = [entry.name for entry in os.scandir(folder) if entry.name.endswith(".json") and entry.name[0] != "."]
        names = [name for name in names if name.endswith("_keypoints.json")] or names
        self._files: dict[int, str] = {}
        for name in sorted(names):
            match = _FRAME.search(name.rpartition(".")[0])
            if match is None:
                raise FrameError(f"{name}: no frame number in the name")
            if int(match[1]) in self._files:
                raise FrameError(f"frame {int(match[1])} twice, {self._files[int(match[1])]} and {name}")
            if not self._ends(name):
                raise FrameError(f"{name}: not JSON, or cut off")
            self._files[int(match[1])] = name
        if not self._files:
            raise FrameError("no OpenPose JSON files in it")
        self.count = max(self._files) + 1
        lost = self.count - min(self._files) - len(self._files)
        self.notes: tuple[tuple[int, str], ...] = ((0, f"{lost} frames have no file: nobody is seen in them"),)
        self.notes = self.notes if lost else ()

    def seen(self, frame: int) -> bool:
        name = self._files.get(frame)
        if name is None:
            return False
        try:
            with open(f"{self._folder}/{name}", "rb") as file:
                return any(_scores(person) for person in json.load(file)["people"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise FrameError(f"{name}: not an OpenPose file, or cut off") from None

    def _ends(self, name: str) -> bool:
        """Whether a file has an end: reading all of every file would take long."""
        with open(f"{self._folder}/{name}", "rb") as file:
            file.seek(max(os.fstat(file.fileno()).st_size - 16, 0))
            return file.read().rstrip().endswith(b"}")


def open_frames(path: Path) -> Frames:
    """The frames of a MiGA file or an OpenPose folder. Raises `FrameError`, which does not name the path."""
    return OpenPoseFrames(path) if path.is_dir() else CsvFrames(path)


def _scores(person: dict[str, Iterable[float]]) -> bool:
    return any(
        value > 0
        for key in ("pose_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d")
        for value in list(person.get(key) or ())[2::3]
    )


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
