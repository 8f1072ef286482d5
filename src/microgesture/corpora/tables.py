"""A manifest as a data set layout: the table itself, or the folder that holds `manifest.csv`."""

from __future__ import annotations

from pathlib import Path

from microgesture.corpora.source import Reading, register_source
from microgesture.datasets.manifest import check_manifest_rows
from microgesture.vocabulary import Vocabulary

NAMES = ("manifest.csv", "manifest.parquet")


def recognises(root: Path) -> bool:
    """Whether this is a table of clips or a folder with one."""
    if root.is_dir():
        return any((root / name).is_file() for name in NAMES)
    return root.suffix.lower() in (".csv", ".parquet", ".tsv", ".txt")


def read(root: Path, protocol: str = "", vocabulary: Vocabulary | None = None) -> Reading:
    """The rows that can be used and what is wrong with the others; videos are opened. `protocol` is not looked at."""
    path = next((root / name for name in NAMES if (root / name).is_file()), root) if root.is_dir() else root
    rows, problems, vocabulary = check_manifest_rows(path, vocabulary)
    bad = {problem.row for problem in problems if problem.error}
    good = tuple(row for row in rows if row.row not in bad)
    splits = {name: sum(row.split == name for row in good) for name in dict.fromkeys(row.split for row in good)}
    counted = ", ".join(f"{count} {name or 'without a split'}" for name, count in splits.items())
    facts = (f"{len(rows)} rows, {len(good)} of them sound ({counted or 'none'}), {len(vocabulary)} classes",)
    return Reading("manifest", path, vocabulary, good, (), tuple(problems), facts)


register_source("manifest", "a table of clips (manifest.csv, .parquet)", read, recognises, order=0)
