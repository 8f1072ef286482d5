"""The manifest: one table that names every clip of a data set, CSV or Parquet.

Columns: `video,start,end,label,person,subject,split`, of which `video` (or `skeleton`) and `label` must be there. Paths
are relative to the manifest; `start` and `end` are seconds, both empty for a clip that is already trimmed. A column
`skeleton` names the file of the person's track, any that `skeletons.sources.read_tracks` reads; with it the video may
be left out. Other columns are kept as they are. CSV is read as spreadsheets save it (`text_tables`): any usual
separator and encoding, decimal commas, the paths of Windows. A subject, and a split, that is written in several ways
("s01", "S01") is one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from microgesture.errors import DataError, VideoError
from microgesture.files.atomic import replacing
from microgesture.files.text_tables import composed, file_named, folded, number_of, one_spelling, read_text, table_rows
from microgesture.tables import Table
from microgesture.vocabulary import GestureClass, Vocabulary

BANKS = "skeletons.json"
"""File name of an index of skeleton banks, which may stand where a recipe names its manifest."""

COLUMNS = ("video", "start", "end", "label", "person", "subject", "split")
_SLACK = 0.1  # seconds that an interval may reach past the video: annotation tools round


@dataclass(frozen=True)
class ClipRow:
    """One clip. `video` and `skeleton` (what `skeletons.sources.read_tracks` reads, `file.pkl::clip` too) are paths
    that can be opened as they are, one of them may be None; `start` and `end` are seconds, None for the whole file;
    `extra` holds the other columns; `row` is the line in the manifest, where 1 is the header (0 for rows made in
    Python)."""

    video: Path | None
    label: str
    start: float | None = None
    end: float | None = None
    person: str = "P1"
    subject: str = ""
    split: str = ""
    skeleton: Path | None = None
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)
    row: int = 0

    @property
    def media(self) -> Path:
        """The video, or where there is none the skeleton."""
        found = self.video or self.skeleton
        if found is None:
            raise DataError(f"row {self.row}: neither a video nor a skeleton is named")
        return found


@dataclass(frozen=True)
class Manifest:
    """A manifest that fits its vocabulary. `path` is the file that the rows come from; `numbering` how a PYSKL pickle
    numbers its classes, so that another one is read alike."""

    path: Path
    rows: tuple[ClipRow, ...]
    vocabulary: Vocabulary
    numbering: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[ClipRow]:
        return iter(self.rows)

    def split(self, name: str) -> tuple[ClipRow, ...]:
        """The rows of one split (case does not matter), in order; empty when there are none."""
        return tuple(row for row in self.rows if row.split.lower() == name.lower())

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits in order of first appearance."""
        return tuple(dict.fromkeys(row.split for row in self.rows))

    @property
    def labels(self) -> tuple[int, ...]:
        """Class ids of the rows, in order."""
        return tuple(self.vocabulary.index(row.label) for row in self.rows)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one row: `row` is its line in the file (1 is the header, 0 the file as a whole)."""

    file: Path
    row: int
    what: str
    error: bool = True
    """False: worth knowing, but nothing that training stumbles over."""

    def __str__(self) -> str:
        return f"{self.file}: row {self.row}: {self.what}" if self.row else f"{self.file}: {self.what}"


def read_manifest(path: str | Path, vocabulary: Vocabulary | None = None, labelled: bool = True) -> Manifest:
    """Read a manifest and check every row, without opening the videos.

    Without a vocabulary, `vocabulary.json` beside the manifest is used; else the labels found, sorted.
    Raises `DataError` with the first problem (and how many more there are): a column or file missing, end
    before start, a label outside the vocabulary or empty, a time that is no number. Rows that are not `labelled` may
    have an empty label, and no others than those of the vocabulary.
    """
    path = Path(path)
    rows, problems = _parse(path)
    vocabulary = vocabulary or _own_vocabulary(path, rows)
    problems += _label_problems(path, rows, vocabulary, labelled) + _missing_files(path, rows)
    if problems:
        problems.sort(key=lambda problem: problem.row)
        more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more}")
    if not rows:
        raise DataError(f"{path}: no rows")
    return Manifest(path, tuple(rows), vocabulary)


def read_unlabelled(path: str | Path) -> tuple[ClipRow, ...]:
    """The rows of a table of clips whose labels are not known (a challenge's test set). Raises `DataError`."""
    rows, problems = _parse(Path(path))
    if problems:
        raise DataError(str(problems[0]))
    return tuple(rows)


def spelt_alike(rows: Sequence[ClipRow]) -> list[ClipRow]:
    """The rows with every subject and split written one way: else one person could be on both sides of a split."""
    subjects, others = one_spelling(row.subject for row in rows)
    splits, parts = one_spelling(row.split for row in rows)
    if not others and not parts:
        return list(rows)
    return [replace(row, subject=subjects[row.subject], split=splits[row.split]) for row in rows]


def check_manifest(path: str | Path, vocabulary: Vocabulary | None = None) -> list[Problem]:
    """Everything that is wrong with a manifest, row by row, videos opened: empty when all is well.

    Beyond `read_manifest`: videos that cannot be read or end early, clips that reach past the end of their
    video, and rows that name the same clip of the same person twice. Raises `DataError` only when the table
    itself cannot be read.
    """
    return check_manifest_rows(path, vocabulary)[1]


def check_manifest_rows(
    path: str | Path, vocabulary: Vocabulary | None = None, labelled: bool = True
) -> tuple[tuple[ClipRow, ...], list[Problem], Vocabulary]:
    """The rows that could be read, all problems as `check_manifest` lists them, and the vocabulary that was held to;
    rows that are not `labelled` may have an empty label."""
    path = Path(path)
    rows, problems = _parse(path)
    if not rows and not problems:
        problems.append(Problem(path, 0, "no rows"))
    vocabulary = vocabulary or _own_vocabulary(path, rows)
    problems += _label_problems(path, rows, vocabulary, labelled) + _missing_files(path, rows)
    problems += _duplicates(path, rows, vocabulary) + _video_problems(path, rows)
    return tuple(rows), sorted(problems, key=lambda problem: problem.row), vocabulary


def write_manifest(path: str | Path, rows: Sequence[ClipRow]) -> None:
    """Write rows as CSV, or Parquet by suffix, atomically; paths become relative to the manifest.

    Raises `UserError` when the file cannot be written.
    """
    path = Path(path)
    known = (*COLUMNS, "skeleton") if any(row.skeleton for row in rows) else COLUMNS
    columns = list(dict.fromkeys((*known, *(key for row in rows for key in row.extra))))
    table = [_cells(row, path.parent) for row in rows]
    with replacing(path) as temporary:
        if path.suffix.lower() == ".parquet":
            _write_parquet(table, columns, temporary)
            return
        temporary.write_text(Table.of(columns, table).csv(), "utf-8", newline="")


def _write_parquet(table: list[dict[str, str]], columns: list[str], path: Path) -> None:
    import pandas as pd

    _need_pyarrow("a Parquet manifest")
    pd.DataFrame(table, columns=columns).fillna("").to_parquet(path, index=False, engine="pyarrow")


def _need_pyarrow(what: str) -> None:
    try:
        import pyarrow  # noqa: F401
    except Exception as error:  # one that does not fit raises anything
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{what} needs pyarrow ({reason}): pip install pyarrow") from error


def _cells(row: ClipRow, folder: Path) -> dict[str, str]:
    return {
        **row.extra,
        "video": _relative(row.video, folder) if row.video else "",
        "start": _number(row.start),
        "end": _number(row.end),
        "label": row.label,
        "person": row.person,
        "subject": row.subject,
        "split": row.split,
        "skeleton": _relative(row.skeleton, folder) if row.skeleton else "",
    }


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def _number(value: float | None) -> str:
    """Seconds in as many digits as give the same number back: a frame's time must not lie before its clip's start."""
    return "" if value is None else repr(float(value)).removesuffix(".0")


def _parse(path: Path) -> tuple[list[ClipRow], list[Problem]]:
    """Rows whose cells can be used, and what is wrong with the others."""
    records = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    rows, problems = [], []
    for line, record in records:
        try:
            rows.append(_row(path, line, record))
        except DataError as error:
            problems.append(Problem(path, line, str(error)))
    return spelt_alike(rows), problems


def _read_csv(path: Path) -> list[tuple[int, dict[str, str]]]:
    if path.is_dir():
        raise DataError(f"{path}: is a directory, not a manifest")
    if not path.exists():
        raise DataError(f"{path}: no such manifest")
    rows = table_rows(read_text(path), str(path))
    header = [name.lower() for name in rows[0][1]] if rows else []
    _check_columns(path, header)
    records = []
    for line, cells in rows[1:]:
        if any(cells[len(header) :]):
            raise DataError(f"{path}: row {line}: more cells than columns: quote labels that hold commas")
        records.append((line, dict.fromkeys(header, "") | dict(zip(header, cells, strict=False))))
    return records


def _read_parquet(path: Path) -> list[tuple[int, dict[str, str]]]:
    if not path.is_file():
        raise DataError(f"{path}: no such manifest")
    import pandas as pd

    _need_pyarrow(f"{path}: Parquet")
    try:
        table = pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a Parquet table") from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    _check_columns(path, list(table.columns))
    records = table.to_dict("records")
    return [
        (line, {str(k): "" if pd.isna(v) else composed(str(v)).strip() for k, v in record.items()})
        for line, record in enumerate(records, start=2)
    ]


def _check_columns(path: Path, columns: Sequence[str]) -> None:
    lacking = "" if {"video", "skeleton"} & set(columns) else "video"
    lacking = lacking or ("" if "label" in columns else "label")
    if lacking:
        raise DataError(f"{path}: no column '{lacking}': a manifest has {','.join(COLUMNS)}")
    twice = next((name for name, count in Counter(columns).items() if name and count > 1), None)
    if twice:
        raise DataError(f"{path}: column '{twice}' appears twice")


_LONGEST_NAME = 255  # bytes, of every usual file system


def _row(path: Path, line: int, cell: Mapping[str, str]) -> ClipRow:
    if not cell.get("video") and not cell.get("skeleton"):
        raise DataError("no video named" if "video" in cell else "no skeleton named")
    for column in ("video", "skeleton"):
        if any(len(os.fsencode(part)) > _LONGEST_NAME for part in Path(cell.get(column, "")).parts):
            raise DataError(f"{column} '{cell[column][:40]}...' is longer than the name of a file can be")
    start, end = _seconds(cell, "start"), _seconds(cell, "end")
    if start is not None and start < 0:
        raise DataError(f"start {start:g} is before the video begins")
    if end is not None and end <= (start or 0.0):
        raise DataError(f"end {end:g} is not after start {start or 0.0:g}")
    return ClipRow(
        file_named(path.parent, cell["video"]) if cell.get("video") else None,
        cell["label"],
        start,
        end,
        cell.get("person") or "P1",
        cell.get("subject", ""),
        cell.get("split", ""),
        _skeleton(path.parent, cell["skeleton"]) if cell.get("skeleton") else None,
        {key: value for key, value in cell.items() if key not in (*COLUMNS, "skeleton")},
        line,
    )


def _skeleton(folder: Path, cell: str) -> Path:
    """The skeleton file; of `file.pkl::clip` the file is looked for and the clip's name kept."""
    file, mark, clip = cell.partition("::")
    return Path(f"{file_named(folder, file)}{mark}{clip}")


def _seconds(cell: Mapping[str, str], column: str) -> float | None:
    text = cell.get(column, "")
    if not text:
        return None
    try:
        return number_of(text)
    except ValueError:
        raise DataError(f"{column} '{text}' is not a number of seconds") from None


def _own_vocabulary(path: Path, rows: Sequence[ClipRow]) -> Vocabulary:
    beside = path.parent / "vocabulary.json"
    if beside.is_file():
        return Vocabulary.load(beside)
    found: dict[str, str] = {}
    for row in rows:
        if row.label:
            found.setdefault(folded(row.label), row.label)
    if not found:
        return Vocabulary("empty", (GestureClass(0, "none"),))
    classes = (GestureClass(i, label) for i, label in enumerate(sorted(found.values())))
    return Vocabulary(path.stem, tuple(classes))


def _label_problems(path: Path, rows: Sequence[ClipRow], vocabulary: Vocabulary, labelled: bool) -> list[Problem]:
    problems = []
    for row in rows:
        if not row.label:
            problems += [Problem(path, row.row, "empty label")] if labelled else []
        elif row.label not in vocabulary:
            what = f"label '{row.label}' is not in vocabulary '{vocabulary.name}'"
            problems.append(Problem(path, row.row, what))
    return problems


def _missing_files(path: Path, rows: Sequence[ClipRow]) -> list[Problem]:
    here = {v: v is None or v.is_file() for v in {row.video for row in rows}}
    problems = [Problem(path, row.row, f"no video file {row.video}") for row in rows if not here[row.video]]
    there = {s: s is None or _without_name(s).exists() for s in {row.skeleton for row in rows}}
    lost = (row for row in rows if not there[row.skeleton])
    return problems + [Problem(path, row.row, f"no skeleton file {row.skeleton}") for row in lost]


def _without_name(skeleton: Path) -> Path:
    """The file of `file.pkl::clip`."""
    return Path(str(skeleton).partition("::")[0])


def _duplicates(path: Path, rows: Sequence[ClipRow], vocabulary: Vocabulary) -> list[Problem]:
    seen: dict[tuple, ClipRow] = {}
    problems = []
    for row in rows:
        key = (row.media, row.start, row.end, row.person)
        first = seen.setdefault(key, row)
        if first is not row:
            same = folded(first.label) == folded(row.label)
            what = f"the same clip as row {first.row}" + ("" if same else f", with another label ('{first.label}')")
            problems.append(Problem(path, row.row, what))
    return problems


def _video_problems(path: Path, rows: Sequence[ClipRow]) -> list[Problem]:
    from microgesture.video import VideoReader

    problems: list[Problem] = []
    reaches: dict[Path, tuple[float, float] | None] = {}
    for row in rows:
        if row.video is None:
            continue
        if row.video not in reaches:
            reaches[row.video] = None
            if not row.video.is_file():
                continue
            try:
                with VideoReader(row.video) as video:
                    reaches[row.video] = video.start, video.duration
                    if video.truncated:
                        problems.append(Problem(path, row.row, f"{row.video}: cut off or damaged"))
            except VideoError as error:
                problems.append(Problem(path, row.row, str(error)))
        if (reach := reaches[row.video]) is not None and (what := _outside(row, *reach)):
            problems.append(Problem(path, row.row, what))
    return problems


def _outside(row: ClipRow, begins: float, length: float) -> str:
    """How a clip reaches out of its video, whose picture begins and ends at these seconds; "" when it does not."""
    start = row.start or 0.0
    if start > 0 and start >= length:
        return f"start {start:g} is past the video's end ({length:.2f} s)"
    if row.end is not None and row.end > length + _SLACK:
        return f"end {row.end:g} is past the video's end ({length:.2f} s)"
    if row.end is not None and row.end <= begins:
        return f"end {row.end:g} is before the picture begins ({begins:.2f} s)"
    return ""
