"""Whatever a recipe names as its data, as one `Manifest` whose rows can be trained on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from microgesture.datasets.manifest import Manifest, check_manifest_rows, read_manifest
from microgesture.datasets.sources import Reading, read_source
from microgesture.datasets.splits import hold_out, hold_out_named
from microgesture.errors import DataError
from microgesture.vocabulary import Vocabulary

log = logging.getLogger(__name__)

_TABLES = (".csv", ".parquet", ".tsv")


def open_data(
    path: str | Path,
    source: str = "",
    protocol: str = "",
    vocabulary: Vocabulary | None = None,
    test_subjects: Sequence[str] = (),
    skip: bool = False,
    seed: int = 0,
) -> Manifest:
    """The clips of a table, a PYSKL pickle, a prepared folder or a data set as its owners hand it out.

    A table is read as it is, without opening its videos; everything else by `read_source`. `test_subjects` overrides
    the splits (`hold_out_named`); where no row has a split, subjects are held out (`hold_out`). Raises `DataError` with
    the first of the errors and how many there are, unless `skip` leaves their rows out.
    """
    path = Path(path)
    table = path / "manifest.csv" if path.is_dir() and not source and (path / "manifest.csv").is_file() else path
    if source in ("", "manifest") and table.suffix.lower() in _TABLES:
        found = _table(table, vocabulary, skip)
    else:
        reading = read_source(path, source, protocol, vocabulary)
        _refuse(reading, skip)
        place = path if path.is_file() else path / "manifest.csv"
        found = Manifest(place, reading.rows, reading.vocabulary)
    rows = list(found.rows)
    if test_subjects:
        rows = hold_out_named(rows, test_subjects)
    elif not any(row.split for row in rows):
        rows = hold_out(rows, seed)
        log.warning("%s: no row has a split: 20 %% of the subjects are held out for testing, 10 %% to validate", path)
    return Manifest(found.path, tuple(rows), found.vocabulary)


def _table(path: Path, vocabulary: Vocabulary | None, skip: bool) -> Manifest:
    if not skip:
        return read_manifest(path, vocabulary)
    rows, problems, vocabulary = check_manifest_rows(path, vocabulary)
    bad = {problem.row for problem in problems if problem.error}
    for problem in problems:
        log.warning("left out: %s", problem)
    kept = tuple(row for row in rows if row.row not in bad)
    if not kept:
        raise DataError(f"{path}: no row is left that can be used")
    return Manifest(path, kept, vocabulary)


def _refuse(reading: Reading, skip: bool) -> None:
    for problem in reading.errors if skip else ():
        log.warning("left out: %s", problem)
    if reading.errors and not skip:
        more = f" (and {len(reading.errors) - 1} more errors)" if len(reading.errors) > 1 else ""
        raise DataError(
            f"{reading.errors[0]}{more}; `microgesture data check` lists them, --data.on_problem skip leaves them out"
        )
    if not reading.rows:
        raise DataError(f"{reading.root}: no clips to train on or to test")
