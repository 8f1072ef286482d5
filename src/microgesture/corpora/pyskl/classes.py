"""What the class numbers of a PYSKL pickle mean: the classes of a known data set, or "class 0" and so on.

Files number the classes in different ways (`NUMBERINGS`), and a part of a file may not show in which: numbers 1 to 16
are SMG's ids or those of its label files. A run therefore keeps the way that its training data were read in, and a
person can say it. Where a data set knows how large its classes are (`Source.sizes_fit`), a large file tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from microgesture.corpora.source import SOURCES, sources
from microgesture.errors import DataError
from microgesture.vocabulary import GestureClass, Vocabulary, vocabularies

NTU = re.compile(r"S\d{3}C\d{3}(P\d{3})R\d{3}A\d{3}.*")
MOST = 10_000
"""Without a vocabulary no number is taken for that of a class from here on."""

IDS, FILE_IDS, ZERO = "ids", "file-ids", "99-as-0"
NUMBERINGS = {
    IDS: "numbered from 0",
    FILE_IDS: "numbered as in its label files",
    ZERO: "numbered from 1 with 0 for illustrative gestures",
}
"""Ways to number the classes of a vocabulary: by id (PYSKL's own); by the numbers of the data set's label files (SMG 1
to 17, iMiGUE 1 to 31 and 99); by those with 0 in the place of 99 (iMiGUE alone)."""

_CLASS = re.compile(r"class (\d+)")
_MANY = 500  # clips from which on the sizes of the classes tell how they are numbered
_CERTAIN = 0.8  # share of a data set's classes that must be there


@dataclass(frozen=True)
class Classes:
    """A vocabulary, which class id each number in the file means, the name of that way in `NUMBERINGS`, and a line for
    a person."""

    vocabulary: Vocabulary
    ids: Mapping[int, int]
    numbering: str
    fact: str


def _ntu_subject(clip: str) -> str | None:
    match = NTU.fullmatch(clip)
    return match[1] if match else None


def _known_names() -> dict[str, Callable[[str], str | None]]:
    """For every data set whose clips have names of their own, what tells the subject of one."""
    return {source.name: source.subject_of for source in sources() if source.subject_of} | {"ntu": _ntu_subject}


def name_pattern(names: Sequence[str]) -> str:
    """Which data set's clips are named like these: "imigue", "smg", "ma52", "ntu" or ""."""
    every = _known_names()
    return next((p for p, subject in every.items() if names and all(subject(n) is not None for n in names)), "")


def subject_of(name: str, pattern: str) -> str:
    """The subject of a clip by its name; iMiGUE's names tell the video. "" where they tell nothing."""
    return (_known_names()[pattern](name) or "") if pattern else ""


def split_numbering(protocol: str) -> tuple[str, str]:
    """A protocol and the numbering that may stand behind it: "xsub,file-ids" or "file-ids" alone."""
    name, _, last = protocol.rpartition(",")
    return (name.strip(), last.strip()) if last.strip() in NUMBERINGS else (protocol, "")


def read_classes(
    counts: Mapping[int, int], pattern: str, vocabulary: Vocabulary | None = None, numbering: str = ""
) -> Classes:
    """The classes of a file with `counts` clips for each number, in a given vocabulary or one that is found out.

    `numbering` is a key of `NUMBERINGS`, decided by the numbers unless given. The numbers of classes named "class 5"
    are in their names. Raises `DataError`, without the file's name, when a vocabulary is given and its numbers may mean
    two things, or when a numbering is not one of the vocabulary.
    """
    if vocabulary is None and numbering and pattern in vocabularies():
        vocabulary = Vocabulary.load(pattern)
    if vocabulary is None:
        return _found_out(counts, pattern, numbering)
    if named := _by_name(vocabulary):
        return Classes(vocabulary, named, IDS, f"{len(named)} classes, numbered as they are named")
    ways = _ways(vocabulary)
    if numbering:
        if numbering not in ways:
            raise DataError(f"classes of {vocabulary.name} are not numbered '{numbering}': it is {' or '.join(ways)}")
        return _classes(vocabulary, ways, numbering)
    possible = _possible(counts, pattern, vocabulary)
    if len(possible) > 1:
        meant = " or ".join(f"{NUMBERINGS[name]} ({name})" for name in possible)
        raise DataError(
            f"the classes of {vocabulary.name} may be {meant}, and the file's numbers {min(counts)} to {max(counts)} "
            f"do not tell: say it in data.protocol, as in '{possible[-1]}' alone or behind the protocol, "
            f"'xsub,{possible[-1]}'"
        )
    return _classes(vocabulary, ways, possible[0])


def _classes(vocabulary: Vocabulary, ways: Mapping[str, Mapping[int, int]], name: str) -> Classes:
    return Classes(vocabulary, ways[name], name, f"classes of {vocabulary.name}, {NUMBERINGS[name]}")


def _found_out(counts: Mapping[int, int], pattern: str, numbering: str) -> Classes:
    """Classes of the data set that the clips are named after, where the numbers leave no doubt; else without names."""
    doubt = ""
    if pattern in vocabularies():
        vocabulary = Vocabulary.load(pattern)
        possible = _possible(counts, pattern, vocabulary)
        known = _classes(vocabulary, _ways(vocabulary), possible[0])
        there = {number for number in counts if number in known.ids}
        strange = sum(count for number, count in counts.items() if number not in known.ids)
        if len(there) >= _CERTAIN * len(vocabulary) and 100 * strange <= sum(counts.values()):
            if len(possible) == 1:
                return known
            doubt = f" (the clips are named as in {pattern}, their numbers may be {' or '.join(possible)})"
    if numbering not in ("", IDS):
        raise DataError(f"numbering '{numbering}' is that of a vocabulary: name it (data.vocabulary)")
    largest = max((number for number in counts if 0 <= number < MOST), default=0)
    names = [f"class {number}" for number in range(largest + 1)]
    own = Vocabulary("pyskl", tuple(GestureClass(i, name) for i, name in enumerate(names)))
    fact = f"{len(own)} classes without names: name a vocabulary{doubt}"
    return Classes(own, {i: i for i in range(len(own))}, IDS, fact)


def _by_name(vocabulary: Vocabulary) -> dict[int, int]:
    """Class ids by the numbers in their names, when all are named "class 5"."""
    found = [(_CLASS.fullmatch(c.name), c.id) for c in vocabulary]
    return {int(match[1]): id for match, id in found if match} if all(match for match, _ in found) else {}


def _ways(vocabulary: Vocabulary) -> dict[str, dict[int, int]]:
    """For every way to number a vocabulary, class ids by number."""
    ways = {IDS: {c.id: c.id for c in vocabulary}}
    by_file = {c.file_id: c.id for c in vocabulary if c.file_id is not None}
    if by_file and by_file != ways[IDS]:
        ways[FILE_IDS] = by_file
    if 99 in by_file and 0 not in by_file:
        ways[ZERO] = {0: by_file[99], **{number: id for number, id in by_file.items() if number != 99}}
    return ways


def _possible(counts: Mapping[int, int], pattern: str, vocabulary: Vocabulary) -> list[str]:
    """The ways that give most clips per class, and differ in which; one where the sizes of the data set's classes tell.

    0 is taken for 99 only where the clips are named as those of the vocabulary's data set.
    """
    ways = _ways(vocabulary)
    same = pattern == vocabulary.name
    if not same:
        ways.pop(ZERO, None)
    told = {name: sum(count for n, count in counts.items() if n in ids) for name, ids in ways.items()}
    different: dict[tuple[int | None, ...], str] = {}
    for name, ids in ways.items():
        if told[name] == max(told.values()):
            different.setdefault(tuple(ids.get(number) for number in sorted(counts)), name)
    names = list(different.values())
    sizes_fit = SOURCES.find(pattern).sizes_fit if same else None
    if len(names) > 1 and sizes_fit is not None and sum(counts.values()) >= _MANY:
        fitting = [n for n in names if sizes_fit({id: counts.get(number, 0) for number, id in ways[n].items()})]
        names = fitting if len(fitting) == 1 else names
    return names
