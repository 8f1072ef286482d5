"""The layout that the paper's code reads, for clips of iMiGUE and SMG alike.

`training_clips/clip.csv` and `testing_clips/clip.csv` have the header `clip,caption`; `Clip_label.csv` has `id,name`.
Clips are `<video>_<first frame>_<last frame>.mp4` beside their list. Captions are label names, or ids of
`Clip_label.csv`. Which vocabulary it is, the names decide.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from microgesture.corpora.imigue.labels import read_table
from microgesture.corpora.published import compared, published
from microgesture.corpora.source import Reading, register_source
from microgesture.datasets.folder_files import is_video_name, majority_line, problem_of, split_counts
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.datasets.media_lengths import media_lengths
from microgesture.errors import DataError
from microgesture.files.text_tables import file_named, folded, read_text, table_rows
from microgesture.vocabulary import Vocabulary

LISTS = {"train": "training_clips", "test": "testing_clips"}
_CLIP = re.compile(r"(Sample)?(\d{1,4})_(\d+)_(\d+)", re.IGNORECASE)
_CANDIDATES = ("imigue", "smg")


def recognises(root: Path) -> bool:
    """Whether the folder, or one in it, has `training_clips/clip.csv` or `testing_clips/clip.csv`."""
    return root.is_dir() and bool(_places(root))


def read(root: Path, protocol: str = "", vocabulary: Vocabulary | None = None) -> Reading:
    """The clips of both lists that are there; `protocol` is "letter", the only one of this layout.

    The subject of an SMG clip is the number of its video; of an iMiGUE clip it is known where a table in the folder
    names it (`video_id,subject_id`), else each video stands for one. Raises `DataError` when there is no list, there
    are several data sets, or labels are numbers and `Clip_label.csv` is missing.
    """
    if protocol not in ("", "letter"):
        raise DataError(f"no protocol '{protocol}' of the paper's clips: there is 'letter' alone")
    places = _places(root)
    if len(places) != 1:
        listed = f"several data sets in it: {', '.join(p.name for p in places)}" if places else "no list of clips in it"
        raise DataError(f"{root}: {listed}")
    return _LetterReader(places[0], vocabulary).read()


def _places(root: Path) -> list[Path]:
    """Folders with a list of clips: `root` itself, the one above it, or those in it."""

    def has_list(folder: Path) -> bool:
        return any(_named(_named(folder, name), "clip.csv").is_file() for name in LISTS.values())

    if root.name.lower() in LISTS.values() and has_list(root.absolute().parent):
        return [root.absolute().parent]
    if has_list(root):
        return [root]
    try:
        found = sorted(entry for entry in root.iterdir() if entry.is_dir() and has_list(entry))
    except OSError:
        return []
    return list({entry.resolve(): entry for entry in reversed(found)}.values())[::-1]  # links count once


def _named(folder: Path, name: str) -> Path:
    """The entry of a folder with this name in any case; the plain path where there is none."""
    try:
        found = [entry for entry in os.listdir(folder) if entry.lower() == name.lower()]
    except OSError:
        found = []
    return folder / (name if name in found or not found else sorted(found)[0])


@dataclass
class _LetterReader:
    root: Path
    vocabulary: Vocabulary | None
    problems: list[Problem] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """Label names by the ids of Clip_label.csv."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Labels that are spelt otherwise than in the vocabulary."""

    def read(self) -> Reading:
        lists = {split: self._list(split) for split in LISTS}
        named = self._label_names()
        captions = [caption for entries in lists.values() for _, _, caption in entries if caption]
        self.names = dict(named)
        vocabulary = self.vocabulary or self._decide(named, captions)
        rows = self._rows(lists, vocabulary)
        rows = self._without_leaks(rows)
        rows = self._whole(rows)
        rows = self._subjects(rows, vocabulary)
        self.facts += [f"{split_counts(rows)} can be used", *majority_line(rows)]
        problems = tuple(self.problems)
        facts = tuple(self.facts)
        return Reading("letter_clips", self.root, vocabulary, tuple(rows), (), problems, facts, "letter")

    def _list_file(self, split: str) -> Path:
        return _named(_named(self.root, LISTS[split]), "clip.csv")

    def _list(self, split: str) -> list[tuple[int, str, str]]:
        """(row, clip, caption) of one list."""
        path = self._list_file(split)
        if not path.is_file():
            self.problems.append(Problem(path, 0, f"missing: no clips to {split}", split == "train"))
            return []
        try:
            rows = _table(path, ("clip", "caption"))
        except DataError as error:
            self.problems.append(problem_of(path, error))
            return []
        if not rows:
            self.problems.append(Problem(path, 0, "no clips in it"))
        return [(line, *cells) for line, cells in rows]

    def _label_names(self) -> list[tuple[str, str]]:
        """(id, name) of `Clip_label.csv`, in order."""
        path = _named(self.root, "Clip_label.csv")
        try:
            rows = _table(path, ("id", "name")) if path.is_file() else []
        except DataError as error:
            self.problems.append(problem_of(path, error))
            return []
        if not rows:
            self.problems.append(Problem(path, 0, "no labels in it" if path.is_file() else "missing", error=False))
        seen: dict[str, int] = {}
        for line, (number, name) in rows:
            if not name:
                self.problems.append(Problem(path, line, "empty name"))
            for key in (number, folded(name)):
                if key and seen.setdefault(key, line) != line:
                    self.problems.append(Problem(path, line, f"'{key}' stands in row {seen[key]} already"))
        return [cells for _, cells in rows if cells[1]]

    def _decide(self, named: list[tuple[str, str]], captions: list[str]) -> Vocabulary:
        """iMiGUE's or SMG's vocabulary when the names are those, one of the names themselves otherwise."""
        names = [name for _, name in named] or sorted({c for c in captions if not c.isdecimal()})
        if not names:
            raise DataError(f"{self.root}: the captions are numbers and no Clip_label.csv says what they mean")
        candidates = [Vocabulary.load(name) for name in _CANDIDATES]
        best = max(candidates, key=lambda v: sum(name in v for name in names) / max(len(v), len(names)))
        strange = [name for name in names if name not in best]
        if strange and 2 * len(strange) < len(names):
            strange = [name for name in strange if not self._rename(name, named, best)]
        if strange:
            self.facts.append(f"labels of its own, {len(names)}; not in vocabulary {best.name}: '{strange[0]}'")
            self.renamed.clear()
            once = {folded(name): name for name in reversed(names)}
            return Vocabulary.from_texts(reversed(once.values()), self.root.name or "own")
        self.facts.append(f"the labels are those of vocabulary {best.name}")
        self.facts += [f"label '{name}' is taken for '{other}', by its id" for name, other in self.renamed.items()]
        return best

    def _rename(self, name: str, named: list[tuple[str, str]], vocabulary: Vocabulary) -> bool:
        """Take a label that is spelt otherwise for the class of its id, if the ids of the others fit theirs."""
        ids = {text: int(number) for number, text in named if number.isdecimal()}
        known = {text: vocabulary[vocabulary.index(text)] for text in ids if text in vocabulary}
        for by_file in (False, True):
            numbers = {c.file_id if by_file else c.id: c.name for c in vocabulary}
            fits = all(ids[text] == (c.file_id if by_file else c.id) for text, c in known.items())
            if fits and ids.get(name) in numbers and numbers[ids[name]] not in {c.name for c in known.values()}:
                self.renamed[name] = numbers[ids[name]]
                return True
        return False

    def _rows(self, lists: Mapping[str, list[tuple[int, str, str]]], vocabulary: Vocabulary) -> list[ClipRow]:
        """Rows whose label is known and whose clip is there."""
        rows: list[ClipRow] = []
        for split, entries in lists.items():
            path = self._list_file(split)
            seen: dict[str, int] = {}
            for line, clip, caption in entries:
                video = file_named(path.parent, clip)
                if not video.is_file() and (video.parent / f"{clip}.mp4").is_file():
                    video = video.parent / f"{clip}.mp4"
                name = caption if caption in vocabulary else self.names.get(caption, caption)
                name = self.renamed.get(name, name)
                what = ""
                if not clip:
                    what = "no clip named"
                elif seen.setdefault(clip, line) != line:
                    what = f"{clip} stands in row {seen[clip]} already"
                elif name not in vocabulary:
                    what = f"label '{name}' is not in vocabulary '{vocabulary.name}'" if name else "empty label"
                elif not video.is_file():
                    what = f"no clip file {video.name}"
                if what:
                    self.problems.append(Problem(path, line, what))
                    continue
                label = vocabulary[vocabulary.index(name)].name
                extra = {"id": Path(clip).with_suffix("").as_posix()}
                rows.append(ClipRow(video, label, split=split, extra=extra, row=line))
            self._unlisted(path.parent, set(seen), split)
        return rows

    def _unlisted(self, folder: Path, listed: set[str], split: str) -> None:
        if not folder.is_dir():
            return
        names = {name for name in os.listdir(folder) if is_video_name(name)}
        names -= listed | {f"{name}.mp4" for name in listed}
        if names:
            what = f"{len(names)} clips are in no list, the first is {min(names)}"
            self.problems.append(Problem(self._list_file(split), 0, what, error=False))

    def _without_leaks(self, rows: list[ClipRow]) -> list[ClipRow]:
        """The rows without the training clips that are also test clips."""
        tested = {row.extra["id"]: row.row for row in rows if row.split == "test"}
        for row in rows:
            if row.split == "train" and row.extra["id"] in tested:
                what = f"is also in row {tested[row.extra['id']]} of the test list: left out"
                self.problems.append(Problem(self._list_file("train"), row.row, f"{row.extra['id']} {what}"))
        return [row for row in rows if row.split == "test" or row.extra["id"] not in tested]

    def _whole(self, rows: list[ClipRow]) -> list[ClipRow]:
        """The rows whose clips can be read to their end."""
        lengths = media_lengths(row.media for row in rows)
        for row in rows:
            if lengths[row.media].wrong:
                what = f"{row.media.name}: {lengths[row.media].wrong}"
                self.problems.append(Problem(self._list_file(row.split), row.row, what))
        return [row for row in rows if not lengths[row.media].wrong]

    def _subjects(self, rows: list[ClipRow], vocabulary: Vocabulary) -> list[ClipRow]:
        tables = [read_table(path) for path in sorted((*self.root.glob("*.csv"), *self.root.glob("[Ll]abel*/*.csv")))]
        known = {number: name for table in tables if table for number, name in table.subjects.items()}
        named = [(row, _CLIP.fullmatch(Path(row.extra["id"]).name)) for row in rows]
        smg = vocabulary.name == "smg" or any(match and match[1] for _, match in named)
        done = []
        for row, match in named:
            number = int(match[2]) if match else None
            subject = "" if number is None else str(number) if smg else known.get(number, f"video {number:04d}")
            done.append(replace(row, subject=subject))
        people = {split: {row.subject for row in done if row.split == split} - {""} for split in LISTS}
        both = sorted(people["train"] & people["test"])
        if both:
            what = f"{len(both)} subjects are in the training list and in the test list, the first is {both[0]}"
            self.problems.append(Problem(self._list_file("test"), 0, what, error=False))
        self._compare(done, people, smg, bool(known))
        return done

    def _compare(self, rows: list[ClipRow], people: Mapping[str, set[str]], smg: bool, known: bool) -> None:
        """Facts beside the published ones."""
        for split in LISTS:
            count = sum(row.split == split for row in rows)
            if smg:
                subjects = published("smg")["classification"][split]
                per_class = published("smg")["clips_per_class"]
                parts = ("1_30", "31_35") if split == "train" else ("36_40",)
                self.facts.append(compared(f"{split} subjects", len(people[split]), len(subjects)))
                self.facts.append(compared(f"{split} clips", count, sum(sum(per_class[part]) for part in parts)))
                wrong = sorted(int(s) for s in people[split] if s.isdecimal() and int(s) not in subjects)
                if wrong:
                    what = f"subject {wrong[0]} is none of the published {split} subjects ({len(wrong)} such subjects)"
                    self.problems.append(Problem(self._list_file(split), 0, what, error=False))
            elif any(row.subject for row in rows):
                counts = published("imigue")["gesture_subjects"]
                self.facts.append(compared(f"{split} clips", count, counts["published_clips"][split]))
                if known:
                    self.facts.append(compared(f"{split} subjects", len(people[split]), len(counts[split])))
        if not smg and not known:
            self.facts.append(
                "no table names the subject of each video (video_id,subject_id): each video stands for one"
            )


def _table(path: Path, columns: tuple[str, str]) -> list[tuple[int, tuple[str, str]]]:
    """(line, two cells) of the rows of a table with these columns. Raises `DataError`."""
    rows = table_rows(read_text(path), str(path))
    header = [cell.lower() for cell in rows[0][1]] if rows else []
    if any(name not in header for name in columns):
        raise DataError(f"{path}: the header is not {','.join(columns)}" if rows else f"{path}: empty")
    places = [header.index(name) for name in columns]
    found = []
    for line, cells in rows[1:]:
        if len(cells) > len(header):  # a label that holds commas, without quotes
            cells = [*cells[: len(header) - 1], ", ".join(cells[len(header) - 1 :])]
        a, b = (cells[place] if place < len(cells) else "" for place in places)
        found.append((line, (a, b)))
    return found


register_source(
    "letter_clips",
    "clips of iMiGUE or SMG with training_clips/clip.csv and testing_clips/clip.csv",
    read,
    recognises,
    order=20,
)
