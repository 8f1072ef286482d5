"""MA-52 (Micro-Action): lists of trimmed clips with a class number each, and the clips in folders.

`train_list_videos.txt`, `val_list_videos.txt` and `test_list_videos.txt` have a line `0003_01_0001.mp4 9` a clip (class
0 to 51); the name is `<subject>_<session>_<index>`. Lists and clips may lie in any folder below the root: in `train`,
`val`, `test`, `videos_train/train`, or all in one; a track `0003_01_0001.npz` anywhere is the clip's skeleton. The
body group of a clip is its class's `body_region` in the vocabulary.

The public test list names class 0 for every clip: its clips are not labelled. Training and validation share subjects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from microgesture.corpora.ma52 import challenge  # noqa: F401  (registers the file of its server)
from microgesture.corpora.published import compared, published
from microgesture.corpora.source import Reading, register_source
from microgesture.datasets.folder_files import (
    MANY,
    files_under,
    folders_under,
    is_video_name,
    majority_line,
    number_lines,
    problem_of,
    split_counts,
    whole_number,
)
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.datasets.media_lengths import MediaLength, media_lengths
from microgesture.errors import DataError
from microgesture.vocabulary import Vocabulary

PROTOCOLS = ("official", "validation")
SPLITS = ("train", "val", "test")
_LIST = re.compile(r"(train|val|test)_list_videos\.txt", re.IGNORECASE)
_SUBJECT = re.compile(r"(\d+)_\d+_\d+")


@dataclass
class _Clips:
    """What was found: lists by split, clips and skeletons by name, problems."""

    lists: dict[str, Path] = field(default_factory=dict)
    videos: dict[str, list[Path]] = field(default_factory=dict)
    skeletons: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, file: Path, row: int, what: str) -> None:
        self.problems.append(Problem(file, row, what))

    def remark(self, file: Path, row: int, what: str) -> None:
        self.problems.append(Problem(file, row, what, error=False))


@dataclass(frozen=True)
class _Entry:
    """A line of a list: the clip's name without folder, and its class number, None where it says none."""

    line: int
    name: str
    label: str | None


def recognises(root: Path) -> bool:
    """Whether there is one of the lists, at most two folders below."""
    return root.is_dir() and any(
        _LIST.fullmatch(name) for _, _, files in islice(folders_under(root, 2), MANY) for name in files
    )


def read(root: Path, protocol: str = "", vocabulary: Vocabulary | None = None) -> Reading:
    """The clips of the lists. `protocol` is "official" (the default: the splits of the lists) or "validation" (the
    clips of the validation list are the test set, as no labels of the test list are public). MA-52 brings its own
    `vocabulary`. Every video is opened.
    """
    if protocol and protocol not in PROTOCOLS:
        raise DataError(f"no protocol '{protocol}' of MA-52: known are {', '.join(PROTOCOLS)}")
    protocol = protocol or PROTOCOLS[0]
    vocabulary = Vocabulary.load("ma52")
    clips = _gather(root)
    entries = {split: _entries(clips, clips.lists[split]) for split in SPLITS if split in clips.lists}
    hidden = _hidden(entries.get("test", ()))
    found = {split: _with_videos(clips, split, lines, hidden) for split, lines in entries.items()}
    lengths = media_lengths(path for pairs in found.values() for _, path in pairs)
    rows: list[ClipRow] = []
    unlabelled: list[ClipRow] = []
    claimed: dict[str, tuple[Path, int]] = {}
    for split, pairs in found.items():
        for entry, video in pairs:
            row = _row(clips, split, entry, video, lengths, vocabulary, claimed, split == "test" and hidden)
            if row is not None:
                (rows if row.label else unlabelled).append(row)
    if protocol == "validation":
        rows = _validation_is_test(rows)
    facts = _facts(clips, entries, rows, unlabelled, protocol)
    return Reading("ma52", root, vocabulary, tuple(rows), tuple(unlabelled), tuple(clips.problems), facts, protocol)


def _gather(root: Path) -> _Clips:
    """Lists, clips and skeletons below a folder."""
    clips = _Clips()
    for path in files_under(root):
        match = _LIST.fullmatch(path.name)
        if match is not None:
            first = clips.lists.setdefault(match[1].lower(), path)
            if first is not path:
                same = first.read_bytes() == path.read_bytes()
                (clips.remark if same else clips.wrong)(path, 0, f"a second list beside {first}: the first is read")
        elif is_video_name(path.name):
            clips.videos.setdefault(path.name, []).append(path)
        elif path.suffix.lower() == ".npz":
            clips.skeletons.setdefault(path.stem, path)
    for split in ("train", "val"):
        if split not in clips.lists:
            clips.remark(root, 0, f"no {split}_list_videos.txt")
    if not clips.lists:
        clips.wrong(root, 0, "no list of clips, such as train_list_videos.txt")
    return clips


def _entries(clips: _Clips, path: Path) -> tuple[_Entry, ...]:
    try:
        lines = number_lines(path)
    except DataError as error:
        clips.problems.append(problem_of(path, error))
        return ()
    if not lines:
        clips.wrong(path, 0, "empty: no clips in it")
    entries = []
    for line, fields in lines:
        if len(fields) > 2:
            clips.wrong(path, line, f"{len(fields)} columns, expected a clip and its class")
            continue
        name = fields[0].replace("\\", "/").rsplit("/", 1)[-1]
        entries.append(_Entry(line, name, fields[1] if len(fields) > 1 else None))
    return tuple(entries)


def _hidden(test: tuple[_Entry, ...]) -> bool:
    """Whether the test list keeps its labels to itself: class 0, or none, for every clip."""
    return all(entry.label in (None, "0", "-1") for entry in test)


def _with_videos(clips: _Clips, split: str, entries: tuple[_Entry, ...], hidden: bool) -> list[tuple[_Entry, Path]]:
    """The lines of a list with the file of each clip; those without one are noted."""
    path = clips.lists[split]
    found = [(entry, _video(clips, path, split, entry)) for entry in entries]
    if entries and not any(entry.name in clips.videos for entry in entries):
        note = clips.remark if split == "test" and hidden else clips.wrong
        note(path, 0, f"none of its {len(entries):,} clips is there")
        return []
    for entry, video in found:
        if video is None and entry.name not in clips.videos:
            clips.wrong(path, entry.line, f"no video file {entry.name}")
    return [(entry, video) for entry, video in found if video is not None]


def _video(clips: _Clips, path: Path, split: str, entry: _Entry) -> Path | None:
    """The file of a clip: of several of its name the one in a folder of the split; None when that does not tell."""
    named = clips.videos.get(entry.name, [])
    if len(named) < 2:
        return named[0] if named else None
    own = [video for video in named if split in re.split(r"[\W_]+", video.parent.as_posix().lower())]
    if len(own) == 1:
        return own[0]
    clips.wrong(path, entry.line, f"two files claim {entry.name}: {named[0]} and {named[1]}")
    return None


def _row(
    clips: _Clips,
    split: str,
    entry: _Entry,
    video: Path,
    lengths: Mapping[Path, MediaLength],
    vocabulary: Vocabulary,
    claimed: dict[str, tuple[Path, int]],
    hidden: bool,
) -> ClipRow | None:
    path = clips.lists[split]
    first = claimed.setdefault(entry.name, (path, entry.line))
    if first != (path, entry.line):
        clips.wrong(path, entry.line, f"{entry.name} stands in row {first[1]} of {first[0].name} already")
        return None
    if lengths[video].wrong:
        clips.wrong(path, entry.line, f"{video}: {lengths[video].wrong}")
        return None
    label = ""
    if not hidden:
        try:
            if entry.label is None:
                raise DataError(f"no class for {entry.name}")
            label = vocabulary[vocabulary.from_file_id(whole_number(entry.label))].name
        except DataError as error:
            clips.wrong(path, entry.line, str(error))
            return None
    stem = video.stem
    subject = _SUBJECT.fullmatch(stem)
    return ClipRow(
        video,
        label,
        subject=subject[1] if subject else "",
        split=split,
        skeleton=clips.skeletons.get(stem),
        extra={"id": stem},
        row=entry.line,
    )


def _validation_is_test(rows: list[ClipRow]) -> list[ClipRow]:
    """The rows of the test list left out, those of the validation list in their place."""
    return [replace(row, split="test" if row.split == "val" else row.split) for row in rows if row.split != "test"]


def _facts(
    clips: _Clips,
    entries: Mapping[str, tuple[_Entry, ...]],
    rows: list[ClipRow],
    unlabelled: list[ClipRow],
    protocol: str,
) -> tuple[str, ...]:
    known = published("ma52")
    listed = {entry.name for lines in entries.values() for entry in lines}
    others = sum(name not in listed for name in clips.videos)
    subjects = {row.subject for row in rows if row.subject}
    facts = [
        compared(f"{split} list, clips", len(entries[split]), known["clips"][split])
        for split in SPLITS
        if split in entries
    ]
    facts.append(f"protocol '{protocol}': {split_counts(rows)}")
    facts.append(compared("subjects", len(subjects), known["participants"]))
    if unlabelled:
        facts.append(f"{len(unlabelled):,} clips of the test list without labels: it names class 0 everywhere")
    if not any(row.split == "test" for row in rows):
        facts.append("no test set with labels: evaluate with --split val, or take protocol 'validation'")
    shared = {row.subject for row in rows if row.split == "train"} & {row.subject for row in rows if row.split == "val"}
    if shared - {""}:
        facts.append(f"{len(shared - {''})} subjects are in training and in validation, as published")
    if others:
        facts.append(f"{others:,} videos stand in no list")
    groups = Vocabulary.load("ma52")
    counted: dict[str, int] = {}
    for row in rows:
        group = groups[groups.index(row.label)].body_region
        counted[group] = counted.get(group, 0) + 1
    if counted:
        facts.append("body groups: " + ", ".join(f"{group} {count:,}" for group, count in sorted(counted.items())))
    split = "test" if any(row.split == "test" for row in rows) else "val"
    return (*facts, *majority_line(rows, split))


def subject_of(clip: str) -> str | None:
    """Clips are called `0003_01_0001`, by subject, session and place."""
    match = _SUBJECT.fullmatch(clip)
    return str(int(match[1])) if match else None


register_source("ma52", "MA-52: lists of clips", read, recognises, order=12, subject_of=subject_of)
