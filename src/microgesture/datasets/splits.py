"""Test sets for data that come without one: whole subjects are held out, or whole files where no subject is known.

Where a subject goes is drawn from its own name (and the seed), so subjects that are added later move nobody who is
there already.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from microgesture.datasets.manifest import ClipRow
from microgesture.errors import DataError

TEST_SHARE, VAL_SHARE = 0.2, 0.1
_NUMBER = r"([^\d]*)0*(\d+)"


def hold_out_named(rows: Sequence[ClipRow], subjects: Sequence[str]) -> list[ClipRow]:
    """The rows with split "test" for the named subjects and "train" for the others; a "val" that is there stays.

    Subjects are names, numbers or ranges of numbers ("36-40" is 36, 37, ... 40). A subject's very name comes first;
    numbers are compared without leading zeros, and letters in front of them count where some subject has the same
    ("P1" is P001 and not Q001, "1" is P001 where there is no Q001). Raises `DataError` for a subject that has no clip,
    a number that stands for several subjects, or when none is left for training.
    """
    known = {row.subject for row in rows if row.subject}
    chosen: set[str] = set()
    for text in subjects:
        found = {text} if text in known else _numbered(text, known)
        if not found:
            listed = ", ".join(sorted(known)[:12]) or "none: the rows name no subject"
            raise DataError(f"no clip of subject '{text}'; there are {listed}")
        chosen |= found
    placed = [replace(row, split=_named_split(row, chosen)) for row in rows]
    if all(row.split == "test" for row in placed):
        raise DataError("all subjects are held out for testing: none is left to train on")
    return placed


def hold_out(rows: Sequence[ClipRow], seed: int = 0, folder: Path | None = None) -> list[ClipRow]:
    """The rows with about 20 % of the subjects for testing and 10 % for validation.

    Rows that name no subject go with their file (its place below `folder` is its name), and the clips of one pickle
    that names no subject at all go one by one: `held_out_by` says it. A group's part is a hash of its name and the
    seed, so a data set that grows keeps its test set; only where a part would be empty, the nearest group is put
    there. Raises `DataError` when there are fewer than 3 groups.
    """
    singly = _is_one_pickle(rows)
    names = [_clip_name(row) if singly else group(row, folder) for row in rows]
    order = sorted(set(names), key=lambda name: (_draw(name, seed), name))
    if len(order) < 3:
        raise DataError(
            f"{len(order)} subjects or files are too few to hold some out: fill the column 'subject' or 'split' "
            "of a manifest (`microgesture data prepare` writes one)"
        )
    drawn = [_draw(name, seed) for name in order]
    test = min(max(sum(d < TEST_SHARE for d in drawn), 1), len(order) - 2)
    upto = min(max(sum(d < TEST_SHARE + VAL_SHARE for d in drawn), test + 1), len(order) - 1)
    part = {name: "test" if i < test else "val" if i < upto else "train" for i, name in enumerate(order)}
    return [replace(row, split=part[name]) for row, name in zip(rows, names, strict=True)]


def held_out_by(rows: Sequence[ClipRow]) -> str:
    """What `hold_out` keeps together in these rows, in words for a person."""
    if all(row.subject for row in rows):
        return "whole subjects"
    if _is_one_pickle(rows):
        return "single clips, as none names its subject: people of the test clips are trained on too"
    return "whole files where no subject is named: who is in several files may be on both sides"


def _named_split(row: ClipRow, chosen: set[str]) -> str:
    if row.subject in chosen:
        return "test"
    return "train" if row.split.lower() in ("", "test") else row.split


def _numbered(text: str, known: set[str]) -> set[str]:
    """The subjects whose numbers a text like "36", "P036" or "P36-P40" names."""
    wanted = re.fullmatch(rf"{_NUMBER}(?:\s*-\s*{_NUMBER})?", text.strip())
    if not wanted:
        return set()
    letters, low, high = _plain(wanted[1]), int(wanted[2]), int(wanted[4] or wanted[2])
    found: list[tuple[str, int, str]] = []
    for name in sorted(known):
        match = re.fullmatch(_NUMBER, name)
        if match and low <= int(match[2]) <= high:
            found.append((_plain(match[1]), int(match[2]), name))
    found = [each for each in found if each[0] == letters and letters] or found
    named: dict[int, str] = {}
    for _, number, name in found:
        if named.setdefault(number, name) != name:
            raise DataError(f"subject '{text}' may be '{named[number]}' or '{name}': name it in full")
    return set(named.values())


def _plain(letters: str) -> str:
    return letters.strip().lower()


def group(row: ClipRow, folder: Path | None = None) -> str:
    """Whom a clip counts for: its subject, or where it names none the file that it is from."""
    return row.subject or _place(_file(row), folder)


def _file(row: ClipRow) -> Path:
    """The file of a row: of `file.pkl::clip` the pickle."""
    return Path(str(row.media).partition("::")[0])


def _place(file: Path, folder: Path | None) -> str:
    """A file's name that stays when the data set is moved."""
    if folder is None:
        return file.as_posix()
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return file.as_posix()


def _is_one_pickle(rows: Sequence[ClipRow]) -> bool:
    """Whether no clip names its subject and all are clips of one file."""
    if any(row.subject or "::" not in str(row.media) for row in rows):
        return False
    return len({_file(row) for row in rows}) == 1


def _clip_name(row: ClipRow) -> str:
    return str(row.media).partition("::")[2]


def _draw(name: str, seed: int) -> float:
    """A number in [0, 1) that is the name's own."""
    digest = hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
