"""iMiGUE as its owners hand it out: the MiGA challenge's folders, or OpenPose's JSON files beside label files.

Protocols: "miga" (the challenge's parts, its validation videos taken out of the training list, where they stand too),
"miga-as-published" (with them) and "letter" (37 subjects to train, 35 to test; needs a table that names the subject of
each video, as that of the full release does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from microgesture.corpora.imigue import emotion  # noqa: F401  (registers the splits for emotion)
from microgesture.corpora.imigue.clips import Clips, VideoFiles, read_clips
from microgesture.corpora.imigue.files import ImigueFiles, Key, find_files, holds_imigue
from microgesture.corpora.imigue.labels import Label, Table, are_placeholders, class_of, read_label_file, read_table
from microgesture.corpora.published import compared, compared_classes, published
from microgesture.corpora.source import Reading, register_source
from microgesture.datasets.folder_files import majority_line, problem_of, split_counts
from microgesture.datasets.manifest import Problem
from microgesture.datasets.media_lengths import media_lengths
from microgesture.datasets.skeleton_frames import CsvFrames
from microgesture.errors import DataError
from microgesture.skeletons.miga import left_hand_first
from microgesture.vocabulary import Vocabulary

PROTOCOLS = ("miga", "miga-as-published", "letter")
_CLIP = re.compile(r"(\d{4})_\d{1,4}")
_LOOKED_AT = 5  # skeleton files, and rows of each, that say in the facts which hand comes first
_ROWS = 200


def recognises(root: Path) -> bool:
    """Whether this folder, one above it or a part of it looks like iMiGUE."""
    return holds_imigue(root)


def read(root: Path, protocol: str = "", vocabulary: Vocabulary | None = None) -> Reading:
    """The clips of iMiGUE under `root`, which may also be one of its parts; the vocabulary is always iMiGUE's.

    A row's skeleton and video are those of the whole video, with start and end. Where the pictures are a file per clip,
    start and end are those in the whole video, and `extra["video_start"]` says where in it the file begins; without a
    skeleton such a row has no start and end. `extra["id"]` is `0001_<place among the video's clips, from 0>`. Videos
    without a known subject stand for a subject each. Raises `DataError` when there is no iMiGUE under `root`, or the
    protocol is unknown or cannot be formed from what is there.
    """
    if protocol and protocol not in PROTOCOLS:
        raise DataError(f"no protocol '{protocol}' of iMiGUE: known are {', '.join(PROTOCOLS)}")
    return _ImigueReader(find_files(root), protocol).read()


@dataclass
class _Listed:
    """The labels of one video as they were listed: in which file, and whether they tell the class."""

    source: Path
    labels: list[Label]
    labelled: bool = True


@dataclass
class _ImigueReader:
    files: ImigueFiles
    protocol: str
    listed: dict[Key, _Listed] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vocabulary = Vocabulary.load("imigue")
        self.known = published("imigue")
        self.tables = [table for path in self.files.tables if (table := read_table(path)) is not None]
        self.subjects = {number: name for table in self.tables for number, name in table.subjects.items()}
        self.parts = [part for part in ("train", "val", "test") if self.files.numbers(part)]
        table = next((table for table in self.tables if table.clips), None)
        if not self.files.skeletons and not self.files.videos and not self.files.clips:
            raise DataError(f"{self.files.root}: no skeletons and no videos of iMiGUE in it")
        self._choose_protocol()
        self._list_labels(table)

    def read(self) -> Reading:
        self._facts_of_files()
        videos = list(self._videos())
        paths = [path for v in videos for path in (v.video, *v.clips.values()) if path is not None]
        lengths, clips = media_lengths(paths), Clips()
        for video in videos:
            read_clips(video, lengths, self.vocabulary, clips)
        problems = (*self.files.problems, *self.problems, *clips.problems)
        rows, unlabelled = tuple(clips.rows), tuple(clips.unlabelled)
        self.facts += [
            f"{split_counts(rows)} can be used, {len(unlabelled):,} more have no label",
            *majority_line(rows),
        ]
        facts = tuple(self.facts)
        return Reading("imigue", self.files.root, self.vocabulary, rows, unlabelled, problems, facts, self.protocol)

    def _choose_protocol(self) -> None:
        lacking = "a table that names the subject of each video (video_id,subject_id) is not there"
        if self.protocol == "letter" and not self.subjects:
            others = "; protocol miga can be used" if self.parts else ""
            raise DataError(f"{self.files.root}: protocol letter cannot be formed: {lacking}{others}")
        if self.protocol.startswith("miga") and not self.parts:
            others = "; protocol letter can be used" if self.subjects else ""
            raise DataError(f"{self.files.root}: no folders of the MiGA challenge's parts in it{others}")
        self.protocol = self.protocol or ("miga" if self.parts else "letter" if self.subjects else "")
        if self.protocol:
            self.facts.append(f"protocol {self.protocol}")
        else:
            self.facts.append("no published protocol can be formed from what is here: the clips have no split")
        if not self.subjects:
            known = self.known["videos"]
            self.facts.append(
                f"{lacking}: protocol letter cannot be formed, and each video stands for a subject of its own, though "
                f"{known['subjects']} people are in the {known['count']} videos"
            )

    def _list_labels(self, table: Table | None) -> None:
        """The labels of every video under (part, number); under part "" where the protocol is not by parts."""
        for found in self.tables:
            self.problems += found.problems
        if self.protocol.startswith("miga"):
            keys = [(part, number) for part in self.parts for number in self.files.numbers(part)]
        else:
            of_files = {number for part in ("", *self.parts) for number in self.files.numbers(part)}
            keys = [("", number) for number in sorted(of_files)]
        for part, number in keys:
            path = self.files.anywhere(self.files.labels, part, number)
            in_table = table.clips.get(number) if table else None
            if in_table and table and (part == "" or path is None):
                self.listed[part, number] = _Listed(table.path, in_table)
            elif path is not None:
                self._list_file(part, number, path)
            elif part != "test" and not table:
                error = number not in self.known["without_skeleton"]
                self.problems.append(Problem(self.files.root, 0, f"no label file {number:04d}_label.csv", error))
        self._find_placeholders()

    def _list_file(self, part: str, number: int, path: Path) -> None:
        try:
            labels, problems = read_label_file(path)
        except DataError as error:
            problems, labels = [problem_of(path, error)], []
        if number in self.known["without_skeleton"] and not labels:
            problems = [Problem(p.file, p.row, p.what, error=False) for p in problems]
        self.problems += problems
        self.listed[part, number] = _Listed(path, labels)

    def _find_placeholders(self) -> None:
        """Mark the lists of a test set whose classes are not told."""
        of_test = {
            key: found for key, found in self.listed.items() if self.files.labels.get(("test", key[1])) == found.source
        }
        every = [label for found in of_test.values() for label in found.labels]
        if every and are_placeholders(every):
            for found in of_test.values():
                found.labelled = False
            self.facts.append(f"test: the {len(every):,} clips have no label")

    def _videos(self) -> Iterator[VideoFiles]:
        """The videos to read, each with its split."""
        again = {number for part, number in self.listed if part == "val"} if self.protocol == "miga" else set()
        removed = sorted(number for part, number in self.listed if part == "train" and number in again)
        if removed:
            count = sum(len(self.listed["train", number].labels) for number in removed)
            self.facts.append(
                f"taken out of train: {len(removed)} videos ({count:,} clips) that are those of validation again "
                "(protocol miga-as-published leaves them in)"
            )
        keys = list(self.listed)
        trimmed = {(p, n) for p, n, _ in self.files.clips}
        keys += sorted(key for key in trimmed if key[0] == "test" and self._by_parts and key not in self.listed)
        for part, number in keys:
            if part == "train" and number in again:
                continue
            split = part if self._by_parts else self._split_of(number)
            if split is None:
                continue
            yield self._video(part, number, split)

    @property
    def _by_parts(self) -> bool:
        return self.protocol.startswith("miga")

    def _video(self, part: str, number: int, split: str) -> VideoFiles:
        files = self.files
        found = self.listed.get((part, number), _Listed(files.root, [], False))
        clips = {i: path for (p, n, i), path in files.clips.items() if n == number and part in ("", p)}
        around = {key for key in (*files.videos, *((p, n) for p, n, _ in files.clips)) if part in ("", key[0])}
        return VideoFiles(
            number,
            split,
            self.subjects.get(number, f"video {number:04d}"),
            found.source,
            tuple(found.labels),
            files.anywhere(files.skeletons, part, number),
            files.anywhere(files.videos, part, number),
            clips,
            wants_skeleton=any(part in ("", p) for p, _ in files.skeletons),
            wants_video=bool(around),
            labelled=found.labelled,
            gap=number in self.known["without_skeleton"],
        )

    def _split_of(self, number: int) -> str | None:
        """Split of a video by its subject; "" without a protocol, None (and a problem) for an unknown subject."""
        if self.protocol != "letter":
            return ""
        name = self.subjects.get(number, "")
        lists = self.known["gesture_subjects"]
        for split in ("train", "test"):
            if name.isdecimal() and int(name) in lists[split]:
                return split
        what = f"subject '{name}' of video {number:04d} is in no list" if name else f"video {number:04d} has no subject"
        source = next((table.path for table in self.tables if table.subjects), self.files.root)
        self.problems.append(Problem(source, 0, f"{what} of the paper's protocol: left out"))
        return None

    def _facts_of_files(self) -> None:
        files = self.files
        every = {number for _, number in (*files.skeletons, *files.videos, *files.labels)}
        every |= {number for _, number, _ in files.clips}
        self.facts.append(compared("videos", len(every), self.known["videos"]["count"]))
        for part in ("train", "val", "test", ""):
            if numbers := files.numbers(part):
                have = [f"{sum(p == part for p, _ in found)} {what}" for found, what in self._kinds(part) if found]
                self.facts.append(f"{part or 'of no part'}: {len(numbers)} videos ({', '.join(have)})")
            elif part and self._by_parts:
                self.problems.append(Problem(files.root, 0, f"no folder of part {part}", part == "train"))
        self._facts_of_counts()
        if any(label.number == 99 for found in self.listed.values() for label in found.labels):
            self.facts.append(f"99 in the label files is '{class_of(99, self.vocabulary)}'")
        self._fact_of_hands()

    def _kinds(self, part: str) -> list[tuple[list[Key], str]]:
        files = self.files
        clips = [(p, n) for p, n, _ in files.clips]
        kinds = [(list(files.skeletons), "skeletons"), (list(files.videos), "videos"), (list(files.labels), "lists")]
        return [(keys, what) for keys, what in (*kinds, (clips, "clip files")) if any(p == part for p, _ in keys)]

    def _facts_of_counts(self) -> None:
        """Counts beside the published ones, of the lists as they stand in the files."""
        if self._by_parts and "train" in self.parts:
            train = {number: found.labels for (part, number), found in self.listed.items() if part == "train"}
            known = self.known["miga"]["train"]
            per_class = self._per_class([label for labels in train.values() for label in labels])
            self.facts.append(compared("train list, videos", len(train), known["videos"]))
            self.facts.append(compared("train list, clips", sum(map(len, train.values())), known["clips"]))
            what = "train list"
            self.facts.append(compared_classes(what, per_class, known["clips_per_class"], self.vocabulary))
        if self.protocol == "letter":
            lists = self.known["gesture_subjects"]
            for split in ("train", "test"):
                chosen = {n for n, name in self.subjects.items() if name.isdecimal() and int(name) in lists[split]}
                clips = sum(len(found.labels) for (_, number), found in self.listed.items() if number in chosen)
                people = len({self.subjects[number] for number in chosen})
                self.facts.append(compared(f"{split} subjects", people, len(lists[split])))
                self.facts.append(compared(f"{split} clips", clips, lists["published_clips"][split]))

    def _per_class(self, labels: list[Label]) -> list[int]:
        counts = [0] * len(self.vocabulary)
        for label in labels:
            if label.number is not None and (1 <= label.number <= 31 or label.number == 99):
                counts[self.vocabulary.from_file_id(label.number)] += 1
        return counts

    def _fact_of_hands(self) -> None:
        """Which hand's fingertips come first in the first rows of a few skeleton files; each is decided when read."""
        first: list[str] = []
        for _, path in sorted(self.files.skeletons.items())[:_LOOKED_AT]:
            if path.is_dir():
                continue
            try:
                frames = CsvFrames(path)
                rows = np.stack([frames.values(i) for i in range(min(frames.count, _ROWS))])
            except DataError:
                continue
            if rows.shape[1] == 35:
                known = np.isfinite(rows).all(-1)
                swapped = left_hand_first(np.nan_to_num(rows[..., :2]), rows[..., 2] * known)
                first.append("left" if swapped else "right")
        if first:
            counted = " and ".join(f"the {side} hand's in {first.count(side)}" for side in sorted(set(first)))
            self.facts.append(
                f"fingertips that come first: {counted} of {len(first)} files looked at, by their distance to the "
                "wrists; every file is decided by itself when it is read, and the right hand's put first"
            )


def subject_of(clip: str) -> str | None:
    """Clips are called `0001_17`, by video and place: "video 0001" stands for its subject."""
    match = _CLIP.fullmatch(clip)
    return f"video {match[1]}" if match else None


def sizes_fit(clips: Mapping[int, int]) -> bool:
    """Whether illustrative gestures, where there are any, are more than shaking shoulders, and these are more than ten
    times the arms akimbo: the organisers' list has 4,023, 2,272 and 6 clips of them."""
    akimbo, shoulders, illustrative = (clips.get(number, 0) for number in (29, 30, 31))
    return shoulders > 10 * akimbo and (not illustrative or illustrative > shoulders)


register_source(
    "imigue",
    "iMiGUE: MiGA challenge layout, or OpenPose JSON folders beside label files",
    read,
    recognises,
    order=10,
    subject_of=subject_of,
    sizes_fit=sizes_fit,
)
