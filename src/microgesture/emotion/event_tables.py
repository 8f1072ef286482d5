"""Anybody's table of gesture events, read into timelines: CSV as annotation tools, spreadsheets and papers hand it out.

Three forms are told apart: a row per event; a row per video with its gestures in one cell ("jaw; neck; jaw"); a row a
video with a column a gesture (0, 1, counts). Columns are found by their usual names or named by the caller. Events may
lack times: then their order is what is known (`timeline.UNTIMED`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from microgesture.emotion.table_cells import (
    MISSING,
    number,
    plain,
    seconds,
    sort_key,
    split_labels,
    without_unit,
)
from microgesture.errors import DataError
from microgesture.files.text_tables import folded, number_of, one_spelling, read_text, table_rows
from microgesture.formats.boris import NOBODY
from microgesture.formats.spans import MOMENT
from microgesture.timeline import UNTIMED, GestureEvent, Media, Timeline
from microgesture.vocabulary import Vocabulary


@dataclass(frozen=True)
class TableColumns:
    """Which column says what. Empty: found by its usual names. A number is the position of a column, from 0, in a
    table without a header; one of two tables may have one."""

    target: str = ""
    """What is to be read: win or lose, relaxed or stressed."""
    targets: str = ""
    """CSV with target (and subject, split) of each video, when they are not in the table of events."""
    video: str = ""
    subject: str = ""
    """Whose video it is. No person is ever on both sides of a split."""
    split: str = ""
    label: str = ""
    """Name of the gesture, or several in one cell."""
    order: str = ""
    """Sorts the events of a video; without: by their start, else as the rows stand."""
    start: str = ""
    end: str = ""
    confidence: str = ""
    duration: str = ""
    """Length of the video in seconds; without: to its last event."""
    gestures: str = ""
    """A row per video: the columns that count gestures, with commas between."""
    separator: str = ""
    """Between several gestures in one cell; without: ; or | or a list in brackets."""
    fps: float = 0.0
    """Start and end are frames, per second; 0: they are seconds, hh:mm:ss or what their names say ("(ms)")."""
    vocabulary: str = ""
    """imigue, smg, ma52 or a file: what labels that are numbers mean, as in the data set's own label files."""


USUAL = {
    "video": "video, video_id, video_name, media, file, filename, recording, session, interview, trial, sample, "
    "observation id, clip, clip_id, file_path, id, name",
    "subject": "subject, subject_id, participant, participant_id, person_id, speaker, player, pid",
    "split": "split, set, partition",
    "label": "label, gesture, gestures, behavior, behaviour, event, events, code, micro_gesture, mg, action, "
    "annotation, sequence, gesture_label, gesture_name",
    "order": "order, index, position, event_index",
    "start": "start, start_s, start_time, onset, begin, begin_time, start (s), start_frame",
    "end": "end, end_s, end_time, offset, stop, stop (s), end_frame",
    "confidence": "confidence, score, probability",
    "duration": "video_duration, media duration, total length, duration, length",
    "target": "outcome, target, win_or_lose, emotion, result, state, class, truth, veracity",
}
"""Names that a column is found by, best first; case, units and what stands between words do not count."""

_TIMES = ("start", "end", "duration")

OF_TARGETS = ("video", "target", "subject", "split")
"""What a table of outcomes says."""

_NO_GESTURES = (
    "age, sex, gender, year, number, nr, no, n, row, index, trial, session, duration, subject, annotator, rater"
)
_LEAST_ROWS = 20


@dataclass(frozen=True)
class Table:
    """A CSV file: `header` and `rows` of cells without white space around them; `line` of each row in the file."""

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def column(self, name: str, what: str = "") -> Callable[[int], str]:
        """Cell of a row by the column's name. Raises `DataError` naming the columns that there are."""
        position = self.position(name, what)
        return lambda row: self.rows[row][position]

    def position(self, name: str, what: str = "") -> int:
        """Position of a column by its name."""
        found = next((i for i, own in enumerate(self.header) if plain(own) == plain(name)), None)
        if found is None:
            listed = ", ".join(self.header)
            raise DataError(f"{self.path}: no column '{name}'{what and f' for {what}'}: there are {listed}")
        return found

    def usual(self, role: str, given: str, taken: Collection[str] = ()) -> str:
        """Name of the column that says `role`: as given (it must be there), or by its usual names, but none of those
        that are `taken`; "" if none."""
        if given:
            return self.header[self.position(given, role)]
        for called in (plain, without_unit) if role in _TIMES else (plain,):
            for name in USUAL[role].split(", "):
                for own in self.header:
                    if called(own) == plain(name) and own not in taken:
                        return own
        return ""

    def in_one_spelling(self, name: str) -> Callable[[int], str]:
        """As `column`, each value as it is commonly written: "Won" is won."""
        cell = self.column(name)
        spelt, _ = one_spelling(cell(row) for row in range(len(self.rows)))
        return lambda row: spelt[cell(row)]

    def where(self, row: int) -> str:
        """File and line, for errors."""
        return f"{self.path}: row {self.lines[row]}"


def read_table(path: Path, columns: TableColumns | None = None) -> Table:
    """Read a table of events as `text_tables` does. It has no header where a column that is looked for in it is named
    by number. Raises `DataError` for what is no such table."""
    columns = columns or TableColumns()
    roles = [role for role in USUAL if not columns.targets or role == "video" or role not in OF_TARGETS]
    named = [getattr(columns, role, "") for role in roles] + columns.gestures.split(",")
    return _read(path, any(name.strip().isdigit() for name in named))


def read_target_table(columns: TableColumns) -> Table:
    """Read the table of outcomes, `columns.targets`; it has no header where the outcome is named by number. Raises
    `DataError` for what is no such table."""
    return _read(Path(columns.targets), columns.target.isdigit())


def _read(path: Path, headless: bool) -> Table:
    if path.suffix.lower() in (".xlsx", ".xls", ".ods"):
        raise DataError(f"{path}: a spreadsheet; save its sheet as CSV")
    rows = table_rows(read_text(path, "a CSV table"), str(path))
    if not rows:
        raise DataError(f"{path}: empty")
    width = len(rows[0][1])
    header = tuple(str(i) for i in range(width)) if headless else tuple(rows[0][1])
    body = rows if headless else rows[1:]
    for line, cells in body:
        if len(cells) > width and any(cells[width:]):
            raise DataError(f"{path}: row {line}: {len(cells)} cells where the table has {width} columns")
    known = [["" if cell in MISSING else cell for cell in cells] for _, cells in body]
    filled = tuple((*cells, *[""] * (width - len(cells)))[:width] for cells in known)
    if not filled:
        raise DataError(f"{path}: no rows below the header")
    return Table(path, header, filled, tuple(line for line, _ in body))


@dataclass(frozen=True)
class EventTable:
    """What a table of events holds: timelines by video in order of first appearance; what else the table says of each
    video, by role ("target", "subject", "split"); remarks for a person on what was taken for what."""

    timelines: dict[str, Timeline]
    facts: dict[str, dict[str, str]]
    remarks: tuple[str, ...]


def read_events(table: Table, columns: TableColumns) -> EventTable:
    """Timelines from a table of events in any of the three forms. Raises `DataError` naming file, row and column."""
    names = _roles(table, columns)
    counted, remarks = ([], []) if names["label"] else _counting_columns(table, columns, names)
    if names["label"]:
        _one_row_an_event(table)
    keys, said = _videos(table, names)
    remarks = said + remarks
    facts = _facts(table, keys, names, ("subject", "split") if columns.targets else ("target", "subject", "split"))
    vocabulary = Vocabulary.load(columns.vocabulary) if columns.vocabulary else None
    timed = bool(names["label"] and names["start"] and names["end"])
    rows_of: dict[str, list[int]] = {}
    once, said = _without_duplicates(table, keys, bool(names["video"]) and (timed or not names["label"]))
    remarks += said
    for row in once:
        rows_of.setdefault(keys[row], []).append(row)
    remarks += _commas(table, names["label"], columns.separator)
    timelines = {}
    for key, rows in rows_of.items():
        if names["label"]:
            events, timed_here = _events_of_rows(table, rows, names, columns, timed)
        else:
            events, timed_here = [(label, None) for row in rows for label in _counts(table, row, counted)], False
        timelines[key] = _timeline(key, events, timed_here, vocabulary, _duration(table, rows, names["duration"]))
    if not timed:
        known = "their order" if names["label"] else "how often each was seen"
        remarks.append(f"the events have no times: {known} is what is known of them")
    return EventTable(timelines, facts, tuple(remarks))


Timed = tuple[str, tuple[float, float, float] | None]
"""A label, and start, end and confidence where the table has times."""


def _events_of_rows(
    table: Table, rows: Sequence[int], names: dict[str, str], columns: TableColumns, timed: bool
) -> tuple[list[Timed], bool]:
    label = table.column(names["label"])
    found: list[Timed] = []
    order = names["order"] or ("" if timed else names["start"])
    if order:
        sorting = table.column(order)
        rows = sorted(rows, key=lambda row: sort_key(sorting(row)))
    for row in rows:
        texts = split_labels(label(row), columns.separator)
        span = _span(table, row, names, columns.fps) if timed and texts else None
        found += [(text, span) for text in texts]
    return found, timed


def _timeline(
    key: str, events: Sequence[Timed], timed: bool, vocabulary: Vocabulary | None, duration: float | None
) -> Timeline:
    made = []
    for position, (text, span) in enumerate(events):
        label = _named(text, vocabulary)
        start, end, confidence = span if span else (float(position), position + 1.0, 1.0)
        region = vocabulary[vocabulary.index(label)].body_region if vocabulary and label in vocabulary else ""
        made.append(GestureEvent(start, end, label, None, confidence, region))
    last = max((e.end for e in made), default=0.0)
    length = max(duration, last) if timed and duration else (last if timed else float(len(made)))
    provenance = {} if timed else {UNTIMED: True}
    return Timeline(tuple(made), Media(key, length), vocabulary.name if vocabulary else "", provenance=provenance)


def _named(text: str, vocabulary: Vocabulary | None) -> str:
    if vocabulary is not None and re.fullmatch(r"\d+([.,]0+)?", text):
        return vocabulary[vocabulary.from_file_id(int(number_of(text)))].name
    return text


def _span(table: Table, row: int, names: dict[str, str], fps: float) -> tuple[float, float, float]:
    where = table.where(row)
    start = seconds(table.column(names["start"])(row), where, names["start"], fps)
    cell = table.column(names["end"])(row)
    end = seconds(cell, where, names["end"], fps) if cell else start  # an event of a moment
    if start < 0:
        raise DataError(f"{where}: the event starts before the video ({start:g})")
    if end < start:
        raise DataError(f"{where}: the event ends before it starts ({start:g} to {end:g})")
    confidence = 1.0
    if names["confidence"] and (cell := table.column(names["confidence"])(row)):
        confidence = number(cell, where, names["confidence"])
        if not 0 <= confidence <= 1:
            raise DataError(f"{where}: {names['confidence']} {cell} is not between 0 and 1")
    return start, max(end, start + MOMENT), confidence


def _duration(table: Table, rows: Iterable[int], column: str) -> float | None:
    """Length of a video where a column says it the same in all of its rows; a length an event is no length a video."""
    if not column:
        return None
    cells = {table.column(column)(row) for row in rows}
    return seconds(cells.pop(), str(table.path), column) if len(cells) == 1 and cells != {""} else None


def _counting_columns(table: Table, columns: TableColumns, names: dict[str, str]) -> tuple[list[str], list[str]]:
    """The columns of a table with a row per video that say how often each gesture was seen, and remarks."""
    if columns.gestures:
        return [table.header[table.position(name.strip(), "gestures")] for name in columns.gestures.split(",")], []
    others = [name for name in table.header if name and name not in names.values()]
    numbers = [name for name in others if _counts_something(table, name)]
    no_gestures = {plain(name) for name in (*_NO_GESTURES.split(", "), *USUAL["target"].split(", "), "label")}
    left = {name: "no gesture by its name" for name in numbers if plain(name) in no_gestures}
    if names["target"]:
        left |= {name: f"says the same as {names['target']}" for name in numbers if _same(table, name, names["target"])}
    counting = [name for name in numbers if name not in left]
    if len(counting) < 2:
        raise DataError(
            f"{table.path}: which column names the gestures? Give --label COLUMN, or --gestures COLUMN,COLUMN,... for "
            f"a row per video with a column a gesture; there are {', '.join(table.header)}"
        )
    listed = ", ".join(counting[:6]) + (f" and {len(counting) - 6} more" if len(counting) > 6 else "")
    remarks = [f"{len(counting)} columns are taken as counts of gestures: {listed} (--gestures says which)"]
    return counting, remarks + [f"column {name} is not taken as a gesture: {why}" for name, why in left.items()]


def _counts_something(table: Table, column: str) -> bool:
    """Whether a column holds 0, 1 and other small counts, and is no running number."""
    cells = [cell for i in range(len(table.rows)) if (cell := table.column(column)(i))]
    if not cells or not all(re.fullmatch(r"\d{1,3}([.,]0+)?", cell) for cell in cells):
        return False
    return len(cells) < 5 or len(set(cells)) < len(cells)


def _same(table: Table, column: str, target: str) -> bool:
    """Whether a column is the outcome in other words, in so many rows that this is no chance."""
    cell, outcome = table.column(column), table.in_one_spelling(target)
    pairs = {(cell(row), outcome(row)) for row in range(len(table.rows))}
    return len(table.rows) >= _LEAST_ROWS and len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


def _counts(table: Table, row: int, counted: Sequence[str]) -> list[str]:
    labels = []
    for name in counted:
        cell = table.column(name)(row) or "0"
        value = number(cell, table.where(row), name)
        if value < 0 or not value.is_integer() or value > 1000:
            raise DataError(f"{table.where(row)}: {name} '{cell}' is no count of gestures")
        labels += [name] * int(value)
    return labels


def _videos(table: Table, names: dict[str, str]) -> tuple[list[str], list[str]]:
    """Which video each row is of, and remarks."""
    if names["video"]:
        cell = table.column(names["video"])
        keys = [cell(row) for row in range(len(table.rows))]
        if "" in keys:
            raise DataError(f"{table.where(keys.index(''))}: no {names['video']}")
        if names["subject"] and (own := keys_by_person(keys, table, names["subject"])):
            said = (
                f"one {names['video']} is of several people: rows of one {names['subject']} and one {names['video']} "
            )
            return own, [said + "are taken as one video"]
        return keys, []
    if not names["label"]:
        return [f"row {line}" for line in table.lines], ["no column names the video: each row is taken as one"]
    by = [name for name in (names["subject"], names["target"]) if name]
    if not names["subject"]:
        raise DataError(
            f"{table.path}: which column names the video? Give --video COLUMN; there are {', '.join(table.header)}"
        )
    cells = [table.in_one_spelling(name) for name in by]
    keys = [" ".join(cell(row) for cell in cells) for row in range(len(table.rows))]
    return keys, [f"no column names the video: rows of one {' and one '.join(by)} are taken as one video"]


def keys_by_person(keys: Sequence[str], table: Table, subject: str) -> list[str]:
    """Names of videos with their people, where most names are of several: trial 1 of each person, or two in one film;
    empty where names are of one person (or of a misspelt one, which is for `_facts` to say)."""
    cell = table.in_one_spelling(subject)
    people: dict[str, set[str]] = {}
    for row, key in enumerate(keys):
        people.setdefault(key, set()).update({cell(row)} - {"", NOBODY})
    several = sum(len(found) > 1 for found in people.values())
    return [f"{cell(row)} {key}".strip() for row, key in enumerate(keys)] if 2 * several > len(people) else []


def _facts(table: Table, keys: Sequence[str], names: dict[str, str], roles: Sequence[str]) -> dict[str, dict[str, str]]:
    facts: dict[str, dict[str, str]] = {}
    for role in roles:
        if not names[role]:
            continue
        cell = table.column(names[role])
        found: dict[str, str] = {}
        for row, key in enumerate(keys):
            value = cell(row)
            if role == "subject" and value == NOBODY:
                continue
            if value and folded(found.setdefault(key, value)) != folded(value):
                raise DataError(
                    f"{table.where(row)}: video '{key}' has two values of {names[role]}: '{found[key]}' and '{value}'"
                )
        facts[role] = found
    return facts


def _roles(table: Table, columns: TableColumns) -> dict[str, str]:
    """The column of each role, "" for none. What the caller named for one role is not guessed for another."""
    given = {role: table.usual(role, name) for role in USUAL if (name := getattr(columns, role, ""))}
    names = {role: given.get(role) or table.usual(role, "", given.values()) for role in USUAL}
    if names["label"] and names["label"] == names["target"]:
        raise DataError(f"{table.path}: column '{names['label']}' cannot be both gesture and outcome")
    if columns.gestures or ("label" not in given and names["label"] and _is_code(table, columns, names)):
        names["label"] = ""
    return names


def _is_code(table: Table, columns: TableColumns, names: dict[str, str]) -> bool:
    """Whether what is called label is a number that stands beside a column a gesture, in a table with a row per video:
    such a label is the outcome once more, as machine learning calls it."""
    if not names["video"] or columns.vocabulary or not _counts_something(table, names["label"]):
        return False
    videos = [table.column(names["video"])(row) for row in range(len(table.rows))]
    others = [name for name in table.header if name and name not in names.values() and _counts_something(table, name)]
    return len(others) >= 2 and len(set(videos)) == len(videos)


def _one_row_an_event(table: Table) -> None:
    """Raises `DataError` for a row a start and a row a stop."""
    for name in table.header:
        if plain(name) in ("status", "behaviortype", "behaviourtype"):
            cells = {table.column(name)(row).upper() for row in range(len(table.rows))}
            if {"START", "STOP"} <= cells:
                raise DataError(
                    f"{table.path}: {name} says START and STOP in rows of their own; a row per event is needed (BORIS: "
                    "export aggregated events)"
                )


def _without_duplicates(table: Table, keys: Sequence[str], told: bool) -> tuple[list[int], list[str]]:
    """Rows that are counted, and remarks. Where times or a row per video tell rows apart (`told`), those that are the
    same in every cell are one; without, a gesture may well be seen twice."""
    if not told:
        return list(range(len(keys))), []
    first = {cells: row for row, cells in reversed(list(enumerate(table.rows)))}
    once = sorted(first.values())
    again = len(table.rows) - len(once)
    return once, [f"{again} rows stand in the table twice: each is counted once"] if again else []


def _commas(table: Table, label: str, separator: str) -> list[str]:
    """A remark on cells that look like lists with commas, which are read as one gesture each."""
    if not label or separator:
        return []
    cells = Counter(cell for row in range(len(table.rows)) if "," in (cell := table.column(label)(row)))
    cells = Counter({cell: n for cell, n in cells.items() if len(split_labels(cell)) == 1})
    parts = {part.strip() for cell in cells for part in cell.split(",")}
    if 2 * sum(cells.values()) < len(table.rows) or len(parts) >= len(cells):
        return []
    return [f"'{next(iter(cells))}' is taken as one gesture: --separator , makes several of it"]
