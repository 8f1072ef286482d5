"""What is published of data sets: splits and counts (`protocols.json` in a data set's folder), and results
(`published.json`).

Subjects and videos are numbers as in the data sets' own files; `clips_per_class` is in order of class id. Sources:
iMiGUE's supplementary material and the MiGA start kit, the public repositories of SMG and Micro-Action. Results are
tables of rows, each from its name to its numbers; they are those printed in the papers and by the challenges.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from microgesture.errors import DataError
from microgesture.files.data_sets import PROTOCOLS, PUBLISHED, data_set_file, data_sets
from microgesture.vocabulary import Vocabulary


def published(data_set: str) -> dict[str, Any]:
    """The published splits and counts of a data set; not to be changed by the caller. Raises `DataError` when it has
    none."""
    path = data_set_file(data_set, PROTOCOLS)
    if path is None:
        raise DataError(f"no published splits of '{data_set}'")
    return _read(path)


def published_results() -> dict[str, list[list[Any]]]:
    """The tables of published results by name. A table whose rows lie in several data sets' files is joined."""
    tables: dict[str, list[list[Any]]] = {}
    for name in data_sets(PUBLISHED):
        path = data_set_file(name, PUBLISHED)
        for table, rows in _read(path).items() if path else ():
            if table != "columns":
                tables[table] = tables.get(table, []) + rows
    return tables


def published_row(place: str) -> tuple[float, float | None] | None:
    """Top-1 and top-5 in per cent of "table/row" of the published results; None for an empty place.

    Raises `DataError` when there is no such table or row.
    """
    if not place:
        return None
    table, _, name = place.replace("(the letter)", "(the paper)").partition("/")  # as older runs have it
    found = next((row for row in published_results().get(table, []) if row[0] == name and len(row) >= 3), None)
    if found is None:
        raise DataError(f"published: no row '{name}' in table '{table}' of the published results")
    return found[-2], found[-1]


@cache
def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8"))


def compared(what: str, found: int, expected: int) -> str:
    """A line for a person: how many were found, and how many are published."""
    return f"{what}: found {found:,}, published {expected:,}" + ("" if found == expected else " (they differ)")


def compared_classes(what: str, found: Sequence[int], expected: Sequence[int], vocabulary: Vocabulary) -> str:
    """A line that names the classes, in order of id, whose number of clips is not the published one."""
    differing = [i for i in range(len(expected)) if found[i] != expected[i]]
    if not differing:
        return f"{what}, clips of each class: as published"
    listed = ", ".join(f"{vocabulary[i].name} {found[i]:,} ({expected[i]:,})" for i in differing[:5])
    more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
    return f"{what}, clips of each class: found (published) {listed}{more} differ"
