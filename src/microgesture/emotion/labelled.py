"""Timelines with the outcome of each: from a table that names timeline files, a folder of timelines, a data set as its
owners hand it out, or anybody's table of events; the outcomes may stand in a table of their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from microgesture import formats
from microgesture.datasets.manifest import ClipRow
from microgesture.emotion.event_tables import (
    OF_TARGETS,
    Table,
    TableColumns,
    keys_by_person,
    read_events,
    read_table,
    read_target_table,
)
from microgesture.errors import DataError
from microgesture.files.plain_json import parse_json
from microgesture.files.text_tables import composed, file_named, folded, one_spelling, read_text
from microgesture.formats.csv import is_timeline
from microgesture.timeline import UNTIMED, GestureEvent, Media, Timeline

_FOLDER_FORMATS = (".json", ".eaf", ".csv", ".tsv", ".TextGrid")
_EXTENSION = re.compile(r"\.(mp4|m4v|mkv|avi|mov|webm|mpe?g|wmv|json|[ct]sv|eaf|npz|textgrid)$", re.IGNORECASE)
_MOST_OUTCOMES = 20
_NAME_THEM = "name the column (--target COLUMN), or a table of them (--targets CSV)"


@dataclass(frozen=True)
class LabelledTimelines:
    """Timelines, one per video, with the name, outcome, subject and split ("train", "val", "test" or "") of each.
    `subjects` are the names of the videos where nothing says whose they are. `features`: file of the events' visual
    representations (events, D), where there is one. `remarks`: what a person should know of how they were read."""

    names: list[str]
    timelines: list[Timeline]
    outcomes: list[str]
    subjects: list[str]
    splits: list[str]
    features: list[Path | None]
    remarks: tuple[str, ...] = ()
    source: str = ""

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, index: Iterable[int]) -> LabelledTimelines:
        """Some of the videos."""
        chosen = [int(i) for i in index]
        return LabelledTimelines(
            [self.names[i] for i in chosen],
            [self.timelines[i] for i in chosen],
            [self.outcomes[i] for i in chosen],
            [self.subjects[i] for i in chosen],
            [self.splits[i] for i in chosen],
            [self.features[i] for i in chosen],
            self.remarks,
            self.source,
        )

    def read_features(self) -> list[np.ndarray]:
        """The visual representations (events, D) of each video. Raises `DataError` where there are none."""
        found = []
        for name, path, timeline in zip(self.names, self.features, self.timelines, strict=True):
            if path is None:
                raise DataError(
                    f"{self.source}: video '{name}' has no column 'features' that names the visual representations of "
                    "its events; `microgesture emotion chain` writes them"
                )
            try:
                rows = np.load(path, allow_pickle=False)
            except (OSError, ValueError) as error:
                raise DataError(f"{path}: not an array of features ({error})") from error
            if rows.ndim != 2 or len(rows) != len(timeline):
                raise DataError(f"{path}: features {rows.shape} do not fit the {len(timeline)} events of '{name}'")
            found.append(rows)
        return found


@dataclass(frozen=True)
class _Found:
    """One video before its outcome is known."""

    name: str
    timeline: Timeline
    target: str = ""
    subject: str = ""
    split: str = ""
    features: Path | None = None


def read_labelled(source: str | Path, columns: TableColumns | None = None) -> LabelledTimelines:
    """Read timelines and their outcomes.

    `source` is a CSV with a column `timeline` that names timeline files (as `synthesize` and `emotion chain` write it),
    a CSV of events, a folder with `timelines.csv` or with timeline files, or a data set's folder as `data check` reads
    it (SMG brings its own outcomes, relaxed and stressed). Videos without an outcome are left out, with a remark.

    Raises `DataError` naming file and row for what cannot be used.
    """
    columns = columns or TableColumns()
    source = Path(source)
    if not source.exists():
        raise DataError(f"{source}: no such file or folder")
    found, remarks = _read(source, columns)
    if columns.targets:
        found, said = _with_targets(found, Path(columns.targets), columns)
        remarks += said
    without = [each.name for each in found if not each.target]
    if len(without) == len(found):
        raise DataError(f"{source}: nothing says the outcomes: {_NAME_THEM}")
    if without:
        remarks.append(f"{_some(without)} without an outcome: left out")
    found = [each for each in found if each.target]
    found, said = _spelt_alike(found)
    remarks += said
    twice = next((name for name, n in Counter(each.name for each in found).items() if n > 1), "")
    if twice:
        raise DataError(f"{source}: two videos are called '{twice}': name them apart (a column video)")
    outcomes = sorted({each.target for each in found})
    if len(outcomes) > _MOST_OUTCOMES:
        raise DataError(
            f"{source}: {len(outcomes)} different outcomes ({', '.join(outcomes[:4])}, ...): name a column of few"
        )
    if len(outcomes) < 2:
        raise DataError(f"{source}: all videos have the outcome '{outcomes[0]}': nothing to tell apart")
    if not any(each.subject for each in found):
        remarks.append("nothing says whose the videos are (--subject COLUMN): each counts as a person of its own")
    lost = [each.name for each in found if not each.subject]
    if 0 < len(lost) < len(found):
        remarks.append(f"{_some(lost)} without a subject: each counts as a person of its own")
    return LabelledTimelines(
        [each.name for each in found],
        [each.timeline for each in found],
        [each.target for each in found],
        [each.subject or f"video {each.name}" for each in found],
        [each.split for each in found],
        [each.features for each in found],
        tuple(remarks),
        str(source),
    )


def _spelt_alike(found: list[_Found]) -> tuple[list[_Found], list[str]]:
    """The videos with every outcome and every person written one way ("Won" is won), and remarks."""
    remarks = []
    for role, called in (("target", "outcomes"), ("subject", "subjects")):
        spelt, others = one_spelling(getattr(each, role) for each in found)
        found = [_with(each, role, spelt[getattr(each, role)]) for each in found]
        if others:
            listed = ", ".join(f"'{way}' as '{spelt[way]}'" for way in others[:4]) + ", ..." * (len(others) > 4)
            remarks.append(f"{called} that differ in capitals or blanks are one: {listed}")
    return found, remarks


def _with(found: _Found, role: str, value: str) -> _Found:
    changed: dict[str, Any] = {role: value}
    return replace(found, **changed)


def best_reachable(table: str | Path) -> float | None:
    """The accuracy that no model can beat in expectation, where world.json beside the table (or in the folder) knows
    it."""
    table = Path(table)
    folder = table if table.is_dir() else table.parent
    try:
        known = parse_json((folder / "world.json").read_text("utf-8"))
        return float(known["bayes_accuracy"]["value"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _read(source: Path, columns: TableColumns) -> tuple[list[_Found], list[str]]:
    if source.is_dir():
        if (source / "timelines.csv").is_file():
            table = read_table(source / "timelines.csv", columns)
            return _named_files(table, _of_events(table, columns))
        files = _timeline_files(source)
        return _folder(source, files) if files else _data_set(source, columns)
    if source.suffix.lower() not in (".csv", ".tsv", ".txt"):
        found = formats.read(source)
        return [_Found(source.stem, found)], []
    table = read_table(source, columns)
    columns = _of_events(table, columns)
    if "timeline" in table.header and not columns.label:
        return _named_files(table, columns)
    return _events(table, columns)


def _named_files(table: Table, columns: TableColumns) -> tuple[list[_Found], list[str]]:
    """A table with a column `timeline`: a row per video."""
    timeline = table.column("timeline")
    roles = ("subject", "split") if columns.targets else ("target", "subject", "split")
    names = {role: name for role in roles if (name := table.usual(role, getattr(columns, role)))}
    if "target" in roles and "target" not in names:
        raise DataError(f"{table.path}: nothing says the outcomes: {_NAME_THEM}")
    cells: dict[str, Callable[[int], str]] = {role: table.column(name) for role, name in names.items()}
    video = table.column("video") if "video" in table.header and not columns.video else None
    video = table.column(columns.video) if columns.video else video
    features = table.column("features") if "features" in table.header else None
    called = [(video(row) if video else "") or timeline(row) for row in range(len(table.rows))]
    stems = [Path(name.replace("\\", "/")).stem for name in called]
    found = []
    for row in range(len(table.rows)):
        if not timeline(row):
            raise DataError(f"{table.where(row)}: timeline is missing")
        values = {role: cell(row) for role, cell in cells.items()}
        absent = next((role for role, value in values.items() if not value and role != "split"), "")
        if absent:
            raise DataError(f"{table.where(row)}: {names[absent]} is missing")
        try:
            events = formats.read(file_named(table.path.parent, timeline(row)))
        except DataError as error:
            raise DataError(f"{table.where(row)}: {error}") from error
        name = stems[row] if len(set(stems)) == len(stems) else called[row]  # interview.json of several folders
        file = file_named(table.path.parent, features(row)) if features and features(row) else None
        found.append(_Found(name, events, features=file, **values))
    return found, []


def _events(table: Table, columns: TableColumns) -> tuple[list[_Found], list[str]]:
    read = read_events(table, replace(columns, target="") if columns.targets else columns)
    facts = read.facts
    found = [
        _Found(
            name,
            timeline,
            "" if columns.targets else facts.get("target", {}).get(name, ""),
            facts.get("subject", {}).get(name, ""),
            facts.get("split", {}).get(name, ""),
        )
        for name, timeline in read.timelines.items()
    ]
    return found, list(read.remarks)


def _timeline_files(folder: Path) -> list[Path]:
    """Timeline files in a folder, or `timeline.json` in the folders of its analyses; one file a video."""
    analyses = sorted(folder.glob("*/timeline.json"))
    if analyses:
        return analyses
    for extension in _FOLDER_FORMATS:
        files = sorted(p for p in folder.iterdir() if p.name.lower().endswith(extension.lower()))
        if extension == ".json":
            files = [p for p in files if '"microgesture/timeline' in p.read_text("utf-8", "replace")[:400]]
        if extension in (".csv", ".tsv"):
            files = [p for p in files if is_timeline(read_text(p))]
        if files:
            return files
    return []


def _folder(folder: Path, files: Sequence[Path]) -> tuple[list[_Found], list[str]]:
    found = [
        _Found(p.parent.name if p.stem == "timeline" and p.parent != folder else p.stem, formats.read(p)) for p in files
    ]
    return found, [f"{len(found)} timelines ({files[0].suffix}) in {folder}"]


def _data_set(folder: Path, columns: TableColumns) -> tuple[list[_Found], list[str]]:
    """A data set in its owners' layout: its timelines whose outcome is known (SMG's emotional states), else its labels
    as timelines."""
    from microgesture.corpora.source import SOURCES, detect, read_source

    outcomes = SOURCES.find(detect(folder)).outcomes
    if outcomes is not None and not columns.targets:
        states, remarks = outcomes(folder)
        return [_Found(name, timeline, outcome, subject) for name, timeline, outcome, subject in states], remarks
    reading = read_source(folder)
    if reading.errors:
        more = f" (and {len(reading.errors) - 1} more)" if len(reading.errors) > 1 else ""
        raise DataError(f"{reading.errors[0]}{more}; `microgesture data check {folder}` lists what is wrong")
    return _timelines_of_rows(reading.rows, reading.vocabulary.name), [
        f"{folder}: gestures as annotated ({reading.name})"
    ]


def _timelines_of_rows(rows: Sequence[ClipRow], vocabulary: str) -> list[_Found]:
    """Clips of films as one timeline a film: events at the clips' own times, in their order where they have none."""
    from microgesture.datasets.clip_videos import videos_of
    from microgesture.vocabulary import NO_GESTURE

    found = []
    for video in videos_of(rows):
        clips = [rows[i] for i in video.clips]
        spans = [(c.start, c.end) if video.timed else (float(i), i + 1.0) for i, c in enumerate(clips)]
        events = tuple(
            GestureEvent(start or 0.0, end or 0.0, clip.label, person=clip.person)
            for (start, end), clip in zip(spans, clips, strict=True)
            if clip.label != NO_GESTURE
        )
        provenance = {} if video.timed else {UNTIMED: True}
        timeline = Timeline(events, Media(video.name), vocabulary, provenance=provenance)
        found.append(_Found(video.name, timeline, "", clips[0].subject, clips[0].split))
    return found


def _with_targets(found: list[_Found], path: Path, columns: TableColumns) -> tuple[list[_Found], list[str]]:
    """The videos with what the table of targets says of each."""
    table = read_target_table(columns)
    own = {field: getattr(columns, field) if _has(table, getattr(columns, field)) else "" for field in OF_TARGETS}
    names = {role: table.usual(role, given) for role, given in own.items()}
    names["video"] = names["video"] or _naming(table, found)
    if columns.target and not own["target"]:
        table.position(columns.target, "the target")
    if not names["video"] or not names["target"]:
        absent = "--video" if not names["video"] else "--target"
        raise DataError(f"{path}: which column? Give {absent}; there are {', '.join(table.header)}")
    cells = {role: table.column(name) for role, name in names.items() if name}
    videos = [cells["video"](row) for row in range(len(table.rows))]
    videos = (keys_by_person(videos, table, names["subject"]) if names["subject"] else []) or videos
    same_name = _comparing([each.name for each in found], videos)
    says: dict[str, dict[str, str]] = {}
    for row, video in enumerate(videos):
        values = {role: cell(row) for role, cell in cells.items()}
        key = same_name(video)
        if key in says and folded(says[key]["target"]) != folded(values["target"]):
            raise DataError(f"{table.where(row)}: video '{values['video']}' has two targets")
        says[key] = values
    known = [each for each in found if same_name(each.name) in says]
    if not known:
        raise DataError(f"{path}: names none of the videos; it has '{videos[0]}', the timelines '{found[0].name}'")
    joined = []
    for each in known:
        values = says[same_name(each.name)]
        subject, split = (values.get(r) or getattr(each, r) for r in ("subject", "split"))
        joined.append(replace(each, target=values["target"], subject=subject, split=split))
    lost = [each.name for each in found if same_name(each.name) not in says]
    remarks = [f"{_some(lost)} not in {path.name}: left out"] if lost else []
    unseen = len(says) - len({same_name(each.name) for each in known})
    if unseen:
        remarks.append(f"{unseen} videos of {path.name} have no timeline")
    return joined, remarks


def _of_events(table: Table, columns: TableColumns) -> TableColumns:
    """The columns but for those that only the table of targets has."""
    if not columns.targets:
        return columns
    targets = read_target_table(columns)
    named = {field: getattr(columns, field) for field in OF_TARGETS}
    there: dict[str, Any] = {
        field: ""
        for field, name in named.items()
        if _has(targets, name) and (not _has(table, name) or (name.isdigit() and field != "video"))
    }
    return replace(columns, **there)


def _naming(table: Table, found: Sequence[_Found]) -> str:
    """The column that names most of the videos, in a table without a header; "" where none does."""
    known = {_same_name(each.name) for each in found}
    columns = [column for column in table.header if column.isdigit()]
    told = {c: sum(_same_name(table.column(c)(row)) in known for row in range(len(table.rows))) for c in columns}
    best = max(columns, key=lambda column: told[column], default="")
    return best if told.get(best) else ""


def _has(table: Table, name: str) -> bool:
    if not name:
        return False
    try:
        table.position(name)
    except DataError:
        return False
    return True


def _same_name(name: str) -> str:
    """What two ways of writing one video's name share: no folder, no known extension, no capitals, no leading zeros."""
    stem = Path(composed(name).replace("\\", "/")).name
    stem = _EXTENSION.sub("", stem)
    stem = stem.lower().strip()
    return stem.lstrip("0") or "0" if stem.isdigit() else stem


def _comparing(*lists: Sequence[str]) -> Callable[[str], str]:
    """What makes names comparable: `_same_name`, or, where that confuses no two names of a list, words and numbers
    alone, so that "Interview 01.mp4" is interview_1."""

    def loosely(name: str) -> str:
        parts = re.findall(r"\d+|[^\W\d_]+", _same_name(name))
        return "-".join(part.lstrip("0") or "0" if part.isdigit() else part for part in parts)

    confused = any(len(set(map(loosely, names))) < len(set(map(_same_name, names))) for names in lists)
    return _same_name if confused else loosely


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{len(names)} video{'s' * (len(names) != 1)} ({shown})"
