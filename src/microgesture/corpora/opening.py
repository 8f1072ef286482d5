"""Whatever a recipe names as its data, as one `Manifest` whose rows can be trained on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from microgesture.corpora.source import Reading, read_source
from microgesture.corpora.tables import NAMES
from microgesture.datasets.manifest import Manifest, check_manifest_rows, read_manifest
from microgesture.datasets.splits import held_out_by, hold_out, hold_out_named
from microgesture.errors import DataError
from microgesture.files.plain_json import parse_json
from microgesture.skeletons.skeleton import Layout
from microgesture.vocabulary import Vocabulary

log = logging.getLogger(__name__)

MARK = "prepared.json"
"""What `microgesture data prepare` made a folder from: layout, root, protocol, space, facts."""
_TABLES = (".csv", ".parquet", ".tsv")


def locate(path: str | Path, source: str = "") -> tuple[Path, str]:
    """The file or folder to read and the layout to read it as, "" when that is to be found out.

    A folder with a manifest is that manifest, and a file says itself what it is, whatever `source` a recipe names: it
    is the layout of a data set as its owners hand it out.
    """
    path = Path(path)
    if path.is_dir():
        table = next((path / name for name in NAMES if (path / name).is_file()), None)
        return (path, source) if table is None else (table, "manifest")
    if path.suffix.lower() in _TABLES:
        return path, "manifest"
    return path, "" if path.is_file() else source


def open_data(
    path: str | Path,
    source: str = "",
    protocol: str = "",
    vocabulary: Vocabulary | None = None,
    test_subjects: Sequence[str] = (),
    skip: bool = False,
    seed: int = 0,
    space: str = "",
    numbering: str = "",
    layout: Layout | None = None,
    labelled: bool = True,
) -> Manifest:
    """The clips of a table, a PYSKL pickle, a prepared folder or a data set as its owners hand it out.

    A table is read as it is, without opening its videos; everything else by `read_source`, whose facts are logged.
    `test_subjects` overrides the splits (`hold_out_named`); where no row has a split, subjects are held out
    (`hold_out`). A prepared folder must have been made with this `protocol`, and its Kinect skeletons in this `space`
    (empty: whatever they are). `numbering` is that of a PYSKL pickle's classes, `layout` that of skeletons which do not
    say what their points are. Without `labelled` the rows of a table may leave their label empty. Raises `DataError`
    with the first of the errors and how many there are, unless `skip` leaves their rows out.
    """
    path = Path(path)
    place, source = locate(path, source)
    if source == "manifest":
        mark = read_mark(place.parent) if place.name in NAMES else {}
        _check_prepared(place, mark, protocol, space)
        found = _table(place, vocabulary, skip, labelled)
        facts = mark.get("facts", ())
    else:
        reading = read_source(place, source, protocol, vocabulary, numbering, layout)
        _refuse(reading, skip)
        place = place if place.is_file() else place / "manifest.csv"
        found = Manifest(place, reading.rows, reading.vocabulary, reading.numbering)
        facts = reading.facts
    if facts:
        log.info("%s: %s", path, "; ".join(str(fact) for fact in facts))
    rows = list(found.rows)
    if test_subjects:
        rows = hold_out_named(rows, test_subjects)
    elif not any(row.split for row in rows):
        rows = hold_out(rows, seed, found.path.parent)
        shares = "about 20 % are held out for testing and 10 % to validate"
        log.warning("%s: no row has a split: %s, %s", path, shares, held_out_by(rows))
    return replace(found, rows=tuple(rows))


def read_mark(folder: Path) -> dict[str, Any]:
    """What a folder was prepared from; empty when `microgesture data prepare` did not make it."""
    try:
        mark = parse_json((folder / MARK).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return mark if isinstance(mark, dict) and "layout" in mark else {}


def _check_prepared(table: Path, mark: dict[str, Any], protocol: str, space: str) -> None:
    """Raises `DataError` when a run wants another protocol or space than its data were prepared with."""
    if protocol and not mark:
        log.warning("%s: data.protocol '%s' is not looked at: a table has its own splits", table, protocol)
    made = mark.get("protocol", "")
    if mark and protocol and protocol != made:
        was = f"protocol '{made}'" if made else "the data set's own splits"
        raise DataError(
            f"{table.parent}: was prepared with {was}, not with '{protocol}': leave out --data.protocol, or prepare "
            f"another folder with --protocol {protocol}"
        )
    made = mark.get("space", "")
    if space and made and space != made:
        raise DataError(
            f"{table.parent}: its Kinect skeletons were prepared in {made}, the recipe reads {space}: "
            f"--data.space {made}, or prepare another folder with --space {space}"
        )


def _table(path: Path, vocabulary: Vocabulary | None, skip: bool, labelled: bool) -> Manifest:
    if not skip:
        return read_manifest(path, vocabulary, labelled)
    rows, problems, vocabulary = check_manifest_rows(path, vocabulary, labelled)
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
