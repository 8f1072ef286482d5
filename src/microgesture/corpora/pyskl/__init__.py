"""A PYSKL skeleton pickle as a data set: its annotations are the clips, its `split` the protocols.

The file is read once, by an unpickler that runs nothing (`skeletons.array_pickle`). A row's skeleton is
`file.pkl::frame_dir`, its number and that of a problem is the annotation's, from 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.corpora.pyskl.classes import (
    MOST,
    Classes,
    name_pattern,
    read_classes,
    split_numbering,
    subject_of,
)
from microgesture.corpora.pyskl.splits import Lists, choose_lists
from microgesture.corpora.source import Reading, register_source
from microgesture.datasets.folder_files import majority_line, split_counts
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.errors import DataError
from microgesture.skeletons.pyskl import FPS, PysklFile, annotation_tracks, read_pyskl
from microgesture.skeletons.skeleton import Layout
from microgesture.vocabulary import Vocabulary

SUFFIXES = (".pkl", ".pickle")


def recognises(root: Path) -> bool:
    """Whether this is a pickle, or a folder with one and without a manifest."""
    if root.is_dir():
        return len(_pickles(root)) == 1 and not (root / "manifest.csv").is_file()
    return root.suffix.lower() in SUFFIXES


def read(
    root: Path,
    protocol: str = "",
    vocabulary: Vocabulary | None = None,
    numbering: str = "",
    layout: Layout | None = None,
) -> Reading:
    """The annotations of a pickle, or of the only one in a folder, as clips.

    `protocol` is what stands before `_train` in the names of the file's lists ("xsub" of "xsub_train"), "train" where
    nothing does; the first of the file unless given. Lists for training and validation alone make the latter the test
    set. Without lists the rows have no split. Without a vocabulary the classes are those of iMiGUE, SMG or MA-52 where
    the names of the clips and the class numbers leave no doubt, and "class 0" to the largest number otherwise.

    `numbering` says what the class numbers mean: "ids" (from 0), "file-ids" (as in the label files: SMG 1 to 17, iMiGUE
    1 to 31 and 99) or "99-as-0" (those with 0 for 99); it may stand behind the protocol, as in "xsub,file-ids", or
    alone in its place, which comes first. Unless given it is decided by the numbers; `Reading.numbering` tells.
    `layout`, else `layout.yaml` beside the file, is that of points of which the file says nothing.

    Raises `DataError` for no file, several, one that is no PYSKL pickle or holds anything but arrays and plain values,
    a protocol that it does not have, and numbers that may mean different classes of the vocabulary.
    """
    file = read_pyskl(_only_file(root), layout)
    protocol, said = split_numbering(protocol)
    try:
        lists = choose_lists(file.split, protocol)
        return _PysklReader(file, lists, vocabulary, said or numbering).read()
    except DataError as error:
        raise DataError(f"{file.path}: {error}") from None


def _pickles(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
    except OSError:
        return []


def _only_file(root: Path) -> Path:
    found = _pickles(root) if root.is_dir() else [root]
    if len(found) != 1:
        listed = ", ".join(path.name for path in found[:4])
        raise DataError(f"{root}: {len(found)} pickles in it, name one" + (f": {listed}" if found else ""))
    return found[0]


@dataclass
class _PysklReader:
    file: PysklFile
    lists: Lists
    vocabulary: Vocabulary | None
    numbering: str = ""
    problems: list[Problem] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names = self.file.names

    def read(self) -> Reading:
        names, annotations = self.names, self.file.annotations
        found = [i for i in range(len(names)) if not self._faults(i)]
        found = self._drawn(self._once(found))
        if self.lists.name:
            found = [i for i in found if names[i] in self.lists.split_of]
        numbers = {i: _class_number(annotations[i].get("label")) for i in found}
        untold = self._untold(found, numbers)
        counts = Counter(number for i, number in numbers.items() if number is not None and i not in untold)
        pattern = name_pattern(names)
        classes = read_classes(counts, pattern, self.vocabulary, self.numbering)
        rows, unlabelled = [], []
        for i in found:
            number = numbers[i]
            if i in untold:
                unlabelled.append(self._row(i, "", pattern))
            elif number is not None and number in classes.ids:
                rows.append(self._row(i, classes.vocabulary[classes.ids[number]].name, pattern))
            else:
                self._wrong_label(i, number, classes)
        self._check_lists()
        facts = (
            *(f"{len(names):,} annotations", *self.lists.facts, classes.fact, *self._points(found)),
            f"{split_counts(rows)} can be used, {len(unlabelled):,} more have no label",
            *majority_line(rows),
        )
        problems = tuple(sorted(self.problems, key=lambda problem: problem.row))
        return Reading(
            "pyskl",
            self.file.path,
            classes.vocabulary,
            tuple(rows),
            tuple(unlabelled),
            problems,
            tuple(facts),
            self.lists.name,
            classes.numbering,
        )

    def _problem(self, i: int, what: str, error: bool = True) -> None:
        self.problems.append(Problem(self.file.path, i + 1, f"{self.names[i] or 'no name'}: {what}", error))

    def _row(self, i: int, label: str, pattern: str) -> ClipRow:
        name = self.names[i]
        split = self.lists.split_of.get(name, "") if self.lists.name else ""
        skeleton = Path(f"{self.file.path}::{name}")
        subject, extra = subject_of(name, pattern), {"id": name}
        return ClipRow(None, label, subject=subject, split=split, skeleton=skeleton, extra=extra, row=i + 1)

    def _faults(self, i: int) -> bool:
        """Whether an annotation cannot be used; says why, and what else is odd about it."""
        annotation, name = self.file.annotations[i], self.names[i]
        named = str(Path(f"{self.file.path}::{name}")).removeprefix(f"{self.file.path}::")
        what = "" if name and named == name else "its frame_dir cannot stand in a path"
        what = what or _array_fault(annotation)
        if what:
            self._problem(i, what)
            return True
        points = annotation["keypoint"]
        finite = np.isfinite(points)
        if not finite.all():
            share = 1 - float(finite.all(-1).mean())
            self._problem(i, f"{100 * share:.2g} % of the points are NaN: they count as not seen", error=False)
        total = annotation.get("total_frames")
        frames = points.shape[-3]
        if isinstance(total, int | np.integer) and total != frames:
            self._problem(i, f"total_frames is {total}, its points have {frames} frames", error=False)
        return False

    def _once(self, found: Sequence[int]) -> list[int]:
        """Annotations whose names are their own; of equal ones that share a name the first, of others none."""
        first: dict[str, int] = {}
        bad: set[int] = set()
        for i in found:
            other = first.setdefault(self.names[i], i)
            if other == i:
                continue
            bad.add(i)
            same = _equal(self.file.annotations[other], self.file.annotations[i])
            if not same:
                bad.add(other)
            also = "the same clip again" if same else "another clip of this name: neither can be told from the other"
            self._problem(i, f"stands in annotation {other + 1} already, {also}", error=not same)
        return [i for i in found if i not in bad]

    def _drawn(self, found: Sequence[int]) -> list[int]:
        """Annotations whose points are of a known layout; one of each number of points is tried."""
        groups: dict[tuple[int, ...], list[int]] = {}
        for i in found:
            groups.setdefault(self.file.annotations[i]["keypoint"].shape[-2:], []).append(i)
        known: list[int] = []
        for members in groups.values():
            try:
                annotation_tracks(
                    self.file.annotations[members[0]], source="its points", conventions=self.file.conventions
                )
                known += members
            except DataError as error:
                more = f" (and {len(members) - 1:,} more like it)" if len(members) > 1 else ""
                self._problem(members[0], f"{error}{more}")
        return sorted(known)

    def _untold(self, found: Sequence[int], numbers: Mapping[int, int | None]) -> set[int]:
        """Annotations of a test set without labels: all of its numbers are missing or -1."""
        tested = [i for i in found if self.lists.split_of.get(self.names[i]) == "test"]
        missing = {i for i in tested if self.file.annotations[i].get("label") is None or numbers[i] == -1}
        return missing if len(missing) == len(tested) else set()

    def _wrong_label(self, i: int, number: int | None, classes: Classes) -> None:
        label = self.file.annotations[i].get("label")
        if label is None:
            self._problem(i, "no label")
        elif number is None:
            self._problem(i, f"label {str(label)[:20]!r} is no class number")
        elif number < 0 or self.vocabulary is not None or classes.vocabulary.name != "pyskl":
            known = f"{min(classes.ids)} to {max(classes.ids)}"
            self._problem(i, f"label {number} is out of range, classes of {classes.vocabulary.name} are {known}")
        else:
            self._problem(i, f"label {number} is out of range, no class has a number of {MOST:,} or more")

    def _check_lists(self) -> None:
        if not self.lists.name:
            return
        names = set(self.names)
        lost = [name for name in self.lists.split_of if name not in names]
        if lost:
            what = f"the lists of protocol {self.lists.name} name {len(lost):,} clips that are not in the file"
            self.problems.append(Problem(self.file.path, 0, f"{what}, the first is {lost[0]}", error=False))
        unlisted = [name for name in self.names if name not in self.lists.split_of]
        if unlisted:
            what = f"{len(unlisted):,} annotations are in no list of protocol {self.lists.name}: left out"
            self.problems.append(Problem(self.file.path, 0, f"{what}, the first is {unlisted[0]}", error=False))
        if self.lists.removed:
            what = f"{len(self.lists.removed):,} clips are listed for training and for evaluation"
            first = f"the first is {self.lists.removed[0]}"
            self.problems.append(Problem(self.file.path, 0, f"{what}: left out of training, {first}", error=False))

    def _points(self, found: Sequence[int]) -> list[str]:
        """Lines on the points: those of the first annotation, and what was decided of all."""
        if not found:
            return []
        first = annotation_tracks(self.file.annotations[found[0]], conventions=self.file.conventions)[0]
        people = max(_people(self.file.annotations[i]) for i in found)
        picture = "" if first.points.shape[-1] == 3 else f", picture {first.image_size[0]} x {first.image_size[1]}"
        return [
            f"points of {first.layout}{picture}, at most {people} people in a clip; {FPS:g} frames per second, as the "
            "file does not say",
            *self.file.conventions.facts,
        ]


def _class_number(label: Any) -> int | None:
    """A class number from what stands in the place of one; None for anything else."""
    if isinstance(label, np.ndarray) and label.size == 1:
        label = label.item()
    if isinstance(label, list | tuple) and len(label) == 1:
        label = label[0]
    if isinstance(label, bool) or not isinstance(label, int | float | np.integer | np.floating):
        return None
    return int(label) if np.isfinite(label) and label == int(label) else None


def _array_fault(annotation: Mapping[str, Any]) -> str:
    """Why the points of an annotation cannot be used, "" when they can."""
    points, scores = annotation.get("keypoint"), annotation.get("keypoint_score")
    if not isinstance(points, np.ndarray) or points.dtype.kind not in "fiu" or points.ndim not in (3, 4):
        return "no array 'keypoint' of people, frames, points and coordinates"
    if points.ndim == 4 and not points.shape[0]:
        return "no people in it"
    if not points.shape[-3]:
        return "no frames in it"
    if points.shape[-1] not in (2, 3) or not points.shape[-2]:
        return f"'keypoint' has shape {points.shape}, expected [people, frames, points, 2 or 3]"
    known = np.isfinite(points).all(-1)
    if not known.any():
        return "all its points are NaN"
    if scores is None:
        return "" if (known & (points != 0).any(-1)).any() else "nobody is seen in it, all points are 0"
    if not isinstance(scores, np.ndarray) or scores.dtype.kind not in "fiu" or scores.size != known.size:
        return f"'keypoint_score' does not fit 'keypoint' {points.shape}"
    seen = known & (scores.reshape(known.shape) > 0)
    return "" if seen.any() else "nobody is seen in it, all scores are 0"


def _people(annotation: Mapping[str, Any]) -> int:
    return annotation["keypoint"].shape[0] if annotation["keypoint"].ndim == 4 else 1


def _equal(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    same = _class_number(first.get("label")) == _class_number(second.get("label"))
    return same and np.array_equal(first["keypoint"], second["keypoint"], equal_nan=True)


register_source("pyskl", "a PYSKL skeleton pickle (.pkl)", read, recognises, order=50, takes=("layout", "numbering"))
