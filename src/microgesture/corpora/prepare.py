"""A data set made ready to train on: a manifest, its vocabulary, skeleton tracks and a cache of decoded clips.

`prepare` writes into one folder

| file | what |
|---|---|
| `prepared.json` | what it was made from: layout, protocol, space of Kinect skeletons, facts |
| `vocabulary.json`, `manifest.csv` | the classes, and every clip with label, subject, split and the data set's `id` |
| `unlabelled.csv` | the clips of a challenge's test set, in the same form without labels |
| `skeletons/*.npz` | one track a person of every skeleton file (`datasets.skeleton_tracks`) |
| `layout.yaml` | the layout of the skeletons, where one was given or lies in the data set's folder |
| `cache/` | the decoded clips that `ClipDataset` reads |

Every file is there whole or not at all, and is kept when the same command runs again: an interrupted one goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from microgesture import __version__
from microgesture.corpora.opening import MARK, open_data, read_mark
from microgesture.corpora.source import SOURCES, Reading, read_source
from microgesture.datasets.manifest import ClipRow, Problem, write_manifest
from microgesture.datasets.skeleton_tracks import Progress, convert_skeletons
from microgesture.datasets.splits import held_out_by, hold_out
from microgesture.errors import DataError, UserError, VideoError
from microgesture.files.atomic import write_json
from microgesture.skeletons.layout_files import NAME, described, layout_beside, write_layout
from microgesture.skeletons.skeleton import Layout
from microgesture.skeletons.sources import Space
from microgesture.vocabulary import Vocabulary

KINECT = "kinect-25"
Watch = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Prepared:
    """What `prepare` made: the manifest's path, numbers of clips and of skeleton files, the splits whose clips are
    decoded, and what was left out (`problems`) or could not be done (`remarks`)."""

    manifest: Path
    reading: Reading
    clips: int
    unlabelled: int
    skeletons: int
    cached: tuple[str, ...]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Why clips were left out."""
        return tuple(problem for problem in self.problems if problem.error)


def prepare(
    root: str | Path,
    out: str | Path,
    name: str = "",
    protocol: str = "",
    vocabulary: Vocabulary | None = None,
    frames: int = 32,
    size: int = 112,
    skeletons: bool = True,
    clips: bool = True,
    space: Space | None = None,
    layout: Layout | None = None,
    watch: Watch = lambda title: nullcontext(lambda done, total: None),
) -> Prepared:
    """Read a data set (`read_source`) and write the files of the module's docstring into `out`.

    Clips that cannot be used are left out and listed. `skeletons` off: the manifest names the data set's own files;
    pickles of many clips are named as they are in any case. `layout`, else `layout.yaml` in the folder, is that of
    skeletons which do not say what their points are. `space` "metres" keeps Kinect skeletons in 3D, "pixels" is
    for runs that are to read videos; unless given it is that of the data set (`Source.space`). Where no row has
    a split, the manifest's are those of `hold_out`. `clips` off: no cache. The cache is that of `frames` frames of
    `size` pixels, with the other settings as a recipe has them by default; another recipe makes its own.
    `watch` makes a context of a title, whose `progress(done, total)` is called as skeleton files are converted.

    Raises `DataError` when the data set cannot be read, nothing in it can be used, or `out` holds a manifest that is
    not ours; `UserError` when the disk refuses.
    """
    root, out = Path(root), Path(out)
    if frames < 1 or size < 1:
        raise UserError(f"clips of {frames} frames and {size} pixels cannot be made")
    _check_out(out)
    layout = layout or layout_beside(root)
    reading = read_source(root, name, protocol, vocabulary, layout=layout)
    rows, unlabelled, problems = list(reading.rows), list(reading.unlabelled), list(reading.problems)
    if not rows:
        first = f": {reading.problems[0]}" if reading.problems else ""
        more = f" (and {len(reading.problems) - 1} more problems)" if len(reading.problems) > 1 else ""
        raise DataError(f"{root}: no clip with a label can be used{first}{more}")
    rows, remarks = _with_splits(rows, root)
    known = SOURCES.members().get(reading.name)
    space = space or (known.space if known else "pixels")
    mark: dict[str, Any] = {
        "layout": reading.name,
        "root": str(root),
        "protocol": reading.protocol or protocol,
        "space": space,
    }
    if layout is not None:
        mark["points"] = described(layout)
    _keep_layout(out, layout)
    _begin(out, mark)
    converted, kinect = 0, False
    if skeletons:
        with watch("converting skeletons") as progress:
            tracks, lost = convert_skeletons([*rows, *unlabelled], root, out / "skeletons", progress, space, layout)
        rows, unlabelled, converted = tracks.rows(rows), tracks.rows(unlabelled), len(tracks.files)
        problems += lost
        kinect = KINECT in tracks.layouts
    if kinect:
        reading = replace(reading, facts=(*reading.facts, _space_fact(space)))
    if not rows:
        raise DataError(f"{root}: no skeleton can be used: {problems[-1]}")
    write_json(out / "vocabulary.json", reading.vocabulary.to_json())
    write_manifest(out / "manifest.csv", rows)
    if unlabelled:
        write_manifest(out / "unlabelled.csv", unlabelled)
    else:
        (out / "unlabelled.csv").unlink(missing_ok=True)
    errors = [{"file": str(p.file), "row": p.row, "what": p.what} for p in problems if p.error]
    _write_mark(out, mark | {"space": space if kinect else "", "errors": errors}, reading)
    cached, undone = _cache(out, frames, size, problems) if clips else ([], [])
    remarks += undone
    counts = (len(rows), len(unlabelled), converted)
    return Prepared(out / "manifest.csv", reading, *counts, tuple(cached), tuple(problems), tuple(remarks))


def _check_out(out: Path) -> None:
    """Raises `DataError` when the folder holds a manifest that `prepare` did not write."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out}: is not a folder")
    if (out / "manifest.csv").exists() and not read_mark(out):
        raise DataError(f"{out / 'manifest.csv'}: is not of `microgesture data prepare`: choose another folder")


def _begin(out: Path, mark: dict[str, Any]) -> None:
    """Mark the folder as ours. A manifest that was made otherwise goes, lest an interrupted command leaves it behind
    with the tracks of this one."""
    before = read_mark(out)
    same = mark if before.get("space") else mark | {"space": before.get("space")}  # "": it held no Kinect skeletons
    if any(before.get(key) != value for key, value in same.items()):
        (out / "manifest.csv").unlink(missing_ok=True)
    write_json(out / MARK, mark)


def _keep_layout(out: Path, layout: Layout | None) -> None:
    """The layout of the data set beside its manifest, where training finds it; one that we wrote before goes."""
    if layout is None and "points" in read_mark(out):
        (out / NAME).unlink(missing_ok=True)
        (out / "manifest.csv").unlink(missing_ok=True)
    elif layout is not None and not ((out / NAME).is_file() and layout_beside(out) == layout):
        write_layout(out / NAME, layout)


def _write_mark(out: Path, mark: dict[str, Any], reading: Reading) -> None:
    write_json(out / MARK, mark | {"version": __version__, "facts": list(reading.facts)})


def _with_splits(rows: list[ClipRow], root: Path) -> tuple[list[ClipRow], list[str]]:
    """The rows with subjects held out where the data set has no split, and a line that says so."""
    if any(row.split for row in rows):
        return rows, []
    try:
        placed = hold_out(rows, folder=root if root.is_dir() else root.parent)
    except DataError as error:
        return rows, [f"the clips have no split: {error}"]
    return placed, [
        f"no clip has a split: the manifest holds out about 20 % for testing and 10 % to validate, {held_out_by(rows)}"
    ]


def _space_fact(space: Space) -> str:
    if space == "metres":
        return (
            "Kinect skeletons are kept in metres (3D), which needs data.space metres; a run that is to read videos "
            "needs --space pixels"
        )
    return "Kinect skeletons are kept in pixels (2D), which needs data.space pixels"


def _cache(out: Path, frames: int, size: int, problems: list[Problem]) -> tuple[list[str], list[str]]:
    """Decode the clips of every split as training will ask for them; the splits that are done, and why others are not.

    The rows are those of the written manifest, opened as training opens it, as the cache goes by their very numbers.
    """
    try:
        manifest = open_data(out)
    except DataError as error:
        return [], [f"no clips are decoded: {error}"]
    if not any(row.video for row in manifest.rows):
        return [], []
    from microgesture.datasets.clips import ClipDataset  # torch

    cached: list[str] = []
    remarks: list[str] = []
    for split in manifest.splits:
        rows = manifest.split(split)
        lacking = sum(row.video is None for row in rows)
        if lacking:
            remarks.append(f"the clips of split '{split}' are not decoded: {lacking} of {len(rows)} name no video")
            continue
        training = split.lower() == "train"
        try:
            ClipDataset(rows, manifest.vocabulary, frames, size, training=training, cache=out / "cache")
            cached.append(split)
        except (DataError, VideoError) as error:
            problems.append(Problem(manifest.path, 0, f"the clips of split '{split}' cannot be decoded: {error}"))
    return cached, remarks
