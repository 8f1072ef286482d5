"""Data sets as their owners hand them out: a folder (or a file) in, labelled clips and everything wrong with it out.

Each layout is one module of this room with a function `read(root, protocol) -> Reading`. This module knows their names
and finds out which one a folder is. Imports no torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from microgesture.datasets.manifest import ClipRow, Problem, spelt_alike
from microgesture.errors import DataError
from microgesture.pose.layout_files import layout_beside
from microgesture.pose.skeleton import Layout
from microgesture.vocabulary import Vocabulary

SOURCES = {
    "imigue": "iMiGUE: MiGA challenge layout, or OpenPose JSON folders beside label files",
    "smg": "SMG: Sample folders with Kinect skeletons, fine labels and RGB",
    "ma52": "MA-52: lists of clips",
    "letter_clips": "clips of iMiGUE or SMG with training_clips/clip.csv and testing_clips/clip.csv",
    "class_folders": "a folder for every class, with the clips in it",
    "elan": "ELAN files (.eaf) beside their media",
    "pyskl": "a PYSKL skeleton pickle (.pkl)",
    "manifest": "a table of clips (manifest.csv, .parquet)",
}
"""Name of a layout (its module in this room, but for "manifest") and what it is."""
WITH_TRACKS = ("class_folders", "elan", "pyskl")
"""Those whose skeletons may be in any layout of joints, and are opened."""


@dataclass(frozen=True)
class Reading:
    """What stands in a data set's folder.

    `rows` are the clips that can be used, each with label and split ("train", "val" or "test"); `extra["id"]` is the
    clip's id in the data set's own terms. `unlabelled` are the clips of a challenge's test set (label ""). `problems`
    are listed with file and row, those with `error` stop a training. `facts` are lines for a person: what is there,
    counts beside the published ones, what was decided (which hand comes first, 99 is illustrative). `protocol` is the
    one that the splits are of, "" where a layout has none; `numbering` is what the class numbers of a PYSKL pickle
    were taken for (`datasets.pyskl_classes`), "" elsewhere.
    """

    name: str
    root: Path
    vocabulary: Vocabulary
    rows: tuple[ClipRow, ...]
    unlabelled: tuple[ClipRow, ...] = ()
    problems: tuple[Problem, ...] = ()
    facts: tuple[str, ...] = field(default=())
    protocol: str = ""
    numbering: str = ""

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that a training must not start with."""
        return tuple(problem for problem in self.problems if problem.error)


def read_source(
    root: str | Path,
    name: str = "",
    protocol: str = "",
    vocabulary: Vocabulary | None = None,
    numbering: str = "",
    layout: Layout | None = None,
) -> Reading:
    """Read a data set. `name` is a key of `SOURCES`, found out when empty; `protocol` chooses among published splits
    (empty: the layout's own default, named in `facts`); `vocabulary` is for layouts that bring none (manifest, class
    folders, ELAN, PYSKL). `numbering` says what the class numbers of a PYSKL pickle mean (`datasets.pyskl.read`), and
    is passed over for other layouts: a run gives that of its training data. `layout`, else `layout.yaml` in the folder,
    is that of skeletons which do not say what their points are.

    Raises `DataError` when there is no such folder or no known layout in it, or the protocol is unknown; what is wrong
    inside the data set is in `Reading.problems`.
    """
    root = Path(root)
    if not root.exists():
        raise DataError(f"{root}: no such file or folder")
    name = name or detect(root)
    if name not in SOURCES:
        raise DataError(f"no data set layout '{name}': known are {', '.join(SOURCES)}")
    more: dict[str, Any] = {"numbering": numbering} if name == "pyskl" else {}
    if name in WITH_TRACKS:
        more["layout"] = layout or layout_beside(root)
    reading = _module(name).read(root, protocol, vocabulary, **more)
    return replace(reading, rows=tuple(spelt_alike(reading.rows)))


def detect(root: Path) -> str:
    """Which layout a folder or file is; raises `DataError` when it is none that is known."""
    for name in ("manifest", *SOURCES):  # what is prepared comes first
        if _module(name).recognises(root):
            return name
    listed = "; ".join(f"{name} ({what})" for name, what in SOURCES.items())
    raise DataError(f"{root}: no known data set layout in it. Known are {listed}")


@dataclass(frozen=True)
class _Module:
    """The two functions that a layout's module gives."""

    read: Callable[..., Reading]
    recognises: Callable[[Path], bool]


def _module(name: str) -> _Module:
    stem = "tables" if name == "manifest" else name
    module = importlib.import_module(f"microgesture.datasets.{stem}")
    return _Module(module.read, module.recognises)
