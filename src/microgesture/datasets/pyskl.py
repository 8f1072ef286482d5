"""A PYSKL skeleton pickle as a data set: its annotations are the clips, its `split` the protocols.

The file is read once, by an unpickler that runs nothing (`pose.array_pickle`). A row's skeleton is
`file.pkl::frame_dir`, and its row number the annotation's, from 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.datasets.folder_files import majority_line, split_counts
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.datasets.pyskl_splits import Protocol, choose_protocol, find_protocols
from microgesture.datasets.sources import Reading
from microgesture.errors import DataError
from microgesture.pose.pyskl import PysklFile, annotation_tracks, read_pyskl
from microgesture.vocabulary import GestureClass, Vocabulary

SUFFIXES = (".pkl", ".pickle")
MOST_CLASSES = 10_000
"""No class number is taken for one from here on, when no vocabulary says how many there are."""

_NTU = re.compile(r"S\d{3}C\d{3}(P\d{3})R\d{3}A\d{3}.*")
_PATTERNS = {
    "imigue": re.compile(r"(\d{4})_\d{1,4}"),
    "smg": re.compile(r"Sample(\d{4})(?:\D.*)?"),
    "ma52": re.compile(r"(\d+)_\d+_\d+"),
}
"""How the clips of a data set are named; the group is the subject (SMG, MA-52) or the video (iMiGUE)."""


def recognises(root: Path) -> bool:
    """Whether this is a pickle, or a folder whose only data is one."""
    if root.is_dir():
        return len(_pickles(root)) == 1 and not (root / "manifest.csv").is_file()
    return root.suffix.lower() in SUFFIXES


def read(root: Path, protocol: str = "", vocabulary: Vocabulary | None = None) -> Reading:
    """The annotations of a pickle, or of the only one in a folder, as clips.

    `protocol` is what stands before `_train` in the names of the file's lists ("xsub" of "xsub_train"), "train" where
    nothing does; the first of the file unless given. Lists for training and validation alone make the latter the test
    set. Without lists the rows have no split. Without a vocabulary the classes are those of iMiGUE, SMG or MA-52 where
    the names of the clips and the class numbers leave no doubt, and "class 0" to the largest number otherwise.

    Raises `DataError` for no file, several, one that is no PYSKL pickle or holds anything but arrays and plain values,
    and a protocol that it does not have.
    """
    return _PysklReader(read_pyskl(_file(root)), vocabulary).read(protocol)


def _pickles(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())


def _file(root: Path) -> Path:
    if not root.is_dir():
        return root
    found = _pickles(root)
    if len(found) != 1:
        listed = ", ".join(path.name for path in found[:4])
        raise DataError(f"{root}: {len(found)} pickles in it, name one" + (f": {listed}" if found else ""))
    return found[0]


@dataclass
class _PysklReader:
    file: PysklFile
    vocabulary: Vocabulary | None
    problems: list[Problem] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)

    def read(self, protocol: str) -> Reading:
        names = self.file.names
        chosen = choose_protocol(self.file, find_protocols(self.file.split), protocol)
        self.facts += chosen.facts
        sound = [i for i in range(len(names)) if self._is_sound(i)]
        sound = self._once(sound)
        pattern = next((p for p in _PATTERNS if names and all(_PATTERNS[p].fullmatch(name) for name in names)), "")
        labels = {i: label for i in sound if (label := self._label(i)) is not None}
        texts = self._texts(pattern, labels)
        rows, unlabelled = [], []
        splits = self._splits(chosen)
        for i in sound:
            split = splits.get(names[i], "") if chosen.lists else ""
            if chosen.lists and not split:
                continue
            if i in labels and texts(labels[i]) is None:
                number = labels[i]
                what = f"label {number} is out of range" + (f" (0 to {len(self.known) - 1})" if number >= 0 else "")
                self.problems.append(Problem(self.file.path, i + 1, f"{names[i]}: {what}"))
            elif i in labels:
                rows.append(self._row(i, texts(labels[i]) or "", split, pattern))
            elif split in ("test", ""):
                unlabelled.append(self._row(i, "", split or "test", pattern))
            else:
                self.problems.append(Problem(self.file.path, i + 1, f"{names[i]}: no label"))
        self._check_lists(chosen)
        self._look_at_points(sound)
        self.problems.sort(key=lambda problem: problem.row)
        self.facts += [f"{split_counts(rows)} can be used, {len(unlabelled):,} more have no label"]
        self.facts += majority_line(rows)
        return Reading(
            *("pyskl", self.file.path, self.known, tuple(rows), tuple(unlabelled)),
            *(tuple(self.problems), tuple(self.facts)),
        )
