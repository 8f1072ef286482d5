"""What the class numbers of a PYSKL pickle mean: the classes of a known data set, or "class 0" and so on.

Files with clips of iMiGUE number the classes in three ways: by id with 31 for illustrative gestures, as the label files
do (1 to 31 and 99), and with 0 for what is 99 there. In the organisers' list, Shaking shoulders (31 in the label files)
has 2,272 clips and Arms akimbo (30) has 6, which tells the third way from the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from microgesture.vocabulary import GestureClass, Vocabulary

PATTERNS = {
    "imigue": re.compile(r"(\d{4})_\d{1,4}"),
    "smg": re.compile(r"Sample(\d{4})(?:\D.*)?"),
    "ma52": re.compile(r"(\d+)_\d+_\d+"),
}
"""How the clips of a data set are named; the group is the subject (SMG, MA-52) or the video (iMiGUE)."""
NTU = re.compile(r"S\d{3}C\d{3}(P\d{3})R\d{3}A\d{3}.*")
MOST = 10_000
"""Without a vocabulary no number is taken for that of a class from here on."""

_MANY = 500  # clips from which on the sizes of the classes tell how they are numbered
_CERTAIN = 0.8  # share of a data set's classes that must be there


@dataclass(frozen=True)
class Classes:
    """A vocabulary, which class id each number in the file means, and how that was decided."""

    vocabulary: Vocabulary
    ids: Mapping[int, int]
    fact: str


def name_pattern(names: Sequence[str]) -> str:
    """Which data set's clips are named like these: "imigue", "smg", "ma52", "ntu" or ""."""
    every = {**PATTERNS, "ntu": NTU}
    return next((p for p, expression in every.items() if names and all(expression.fullmatch(n) for n in names)), "")


def subject_of(name: str, pattern: str) -> str:
    """The subject of a clip by its name; iMiGUE's names tell the video. "" where they tell nothing."""
    match = NTU.fullmatch(name) if pattern == "ntu" else PATTERNS[pattern].fullmatch(name) if pattern else None
    if match is None:
        return ""
    return match[1] if pattern == "ntu" else f"video {match[1]}" if pattern == "imigue" else str(int(match[1]))


def read_classes(counts: Mapping[int, int], pattern: str, vocabulary: Vocabulary | None = None) -> Classes:
    """The classes of a file with `counts` clips for each number, in a given vocabulary or one that is found out."""
    if vocabulary is not None:
        return _numbered(counts, pattern, vocabulary)
    if pattern in PATTERNS:
        known = _numbered(counts, pattern, Vocabulary.load(pattern))
        there = {number for number in counts if number in known.ids}
        strange = sum(count for number, count in counts.items() if number not in known.ids)
        if len(there) >= _CERTAIN * len(known.vocabulary) and 100 * strange <= sum(counts.values()):
            return known
    largest = max((number for number in counts if 0 <= number < MOST), default=0)
    names = [f"class {number}" for number in range(largest + 1)]
    own = Vocabulary("pyskl", tuple(GestureClass(i, name) for i, name in enumerate(names)))
    return Classes(own, {i: i for i in range(len(own))}, f"{len(own)} classes without names: name a vocabulary")


def _numbered(counts: Mapping[int, int], pattern: str, vocabulary: Vocabulary) -> Classes:
    """How the numbers of a file stand for the classes of a vocabulary."""
    by_file = {c.file_id: c.id for c in vocabulary if c.file_id is not None}
    extra = max(by_file, default=-1)  # 99 of iMiGUE, 17 of SMG: in no file that numbers from 0
    if extra >= len(vocabulary) and extra in counts and 0 not in counts:
        return Classes(vocabulary, by_file, f"classes of {vocabulary.name}, numbered as in its label files")
    if vocabulary.name == pattern == "imigue" and sum(counts.values()) >= _MANY:
        illustrative, shoulders, akimbo = (counts.get(number, 0) for number in (0, 31, 30))
        if illustrative > shoulders > akimbo:
            ids = {0: 31, **{number: id for number, id in by_file.items() if number != 99}}
            return Classes(vocabulary, ids, "classes of imigue, numbered from 1 with 0 for illustrative gestures")
    by_id = {c.id: c.id for c in vocabulary}
    return Classes(vocabulary, by_id, f"classes of {vocabulary.name}, numbered from 0")
