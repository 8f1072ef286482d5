"""Every skeleton file that can stand in the place of a video, read by one function.

| what | told by | layout |
|---|---|---|
| our own track | `.npz` | as written |
| OpenPose JSON folder | a folder with JSON files | "openpose-137", "body-25" |
| MiGA challenge | `.csv` of 106 (or 76) columns | "imigue-35", "body-25" |
| SMG, Kinect v2 | `.csv` of 275 columns | "kinect-25" |
| PYSKL pickle | `.pkl`, `.pickle` | the file's or the user's word, else by the number of points |
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from microgesture.errors import DataError
from microgesture.skeletons.kinect import COLUMNS as KINECT_COLUMNS
from microgesture.skeletons.kinect import read_kinect
from microgesture.skeletons.layout_files import LayoutLike, as_layout
from microgesture.skeletons.miga import COLUMNS as MIGA_COLUMNS
from microgesture.skeletons.miga import read_miga
from microgesture.skeletons.number_rows import first_row_width
from microgesture.skeletons.openpose import is_openpose, read_openpose
from microgesture.skeletons.pyskl import annotation_tracks, read_pyskl
from microgesture.skeletons.raw_points import frame_rate
from microgesture.skeletons.track import BROKEN_ARCHIVE, SkeletonTrack

ACCEPTED = (
    "a track (.npz), a folder of OpenPose JSON files, a MiGA _light_hand.csv, a Kinect _skeleton.csv or a PYSKL .pkl"
)
Space = Literal["pixels", "metres"]
"""Of Kinect files: the joints in the colour picture (2D), or those in space (3D)."""
_PICKLES = (".pkl", ".pickle")


def read_tracks(
    path: str | Path,
    fps: float | None = None,
    *,
    name: str | None = None,
    layout: LayoutLike | None = None,
    image_size: tuple[int, int] | None = None,
    space: Space = "pixels",
) -> list[SkeletonTrack]:
    """Read any skeleton file: one track a person, the largest person first, never an empty list.

    `fps` stands in for the times of the file. Without it a track has its own times, OpenPose and MiGA files have 25
    frames per second, Kinect files what `_data.csv` says or 28, PYSKL files 30. A PYSKL file of several clips needs
    the `frame_dir` of one, as `name` or as `file.pkl::frame_dir`; what the file leaves unsaid all of its clips decide.
    `layout` (a name, a layout file, or a `Layout`) is that of the points of a PYSKL file that does not say it, and of a
    track in a layout that the package does not know; unless given, `layout.yaml` beside the file. `image_size` is
    (width, height) where the files do not say, `space` belongs to Kinect files.
    Raises `DataError` in one line that names the file, and the row where there is one.
    """
    path, inner = _split_name(path)
    name = name or inner
    own = None if layout is None else as_layout(layout)
    if name is not None and path.suffix.lower() not in _PICKLES:
        raise DataError(f"{path}: only a PYSKL file has clips to choose from, not '{name}'")
    if path.is_dir():
        return read_openpose(path, fps, image_size)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    suffix = path.suffix.lower()
    if suffix == ".npz":
        track = SkeletonTrack.load(path, own)
        return [track if fps is None else replace(track, times=np.arange(len(track)) / frame_rate(fps, 1.0))]
    if suffix in _PICKLES:
        file = read_pyskl(path, own)
        annotation = file.annotation(name)
        where = f"{path}::{annotation['frame_dir']}"
        return largest_first(annotation_tracks(annotation, fps, None, image_size, where, file.conventions))
    kind = _kind_of_csv(path)
    if kind == "kinect":
        return [read_kinect(path, fps, space, image_size)]
    if kind == "miga":
        return [read_miga(path, fps, image_size)]
    raise DataError(f"{path}: not a skeleton file; accepted are {ACCEPTED}")


def is_skeleton(path: str | Path) -> bool:
    """Whether `read_tracks` is the reader for this path, judged by its name and first bytes.

    A broken file of such a name is a skeleton file too: `read_tracks` says what is wrong with it.
    """
    path, _ = _split_name(path)
    suffix = path.suffix.lower()
    if path.is_dir():
        return is_openpose(path)
    if not path.is_file():
        return False
    if suffix == ".npz":
        return _is_track(path)
    return suffix in _PICKLES or bool(_kind_of_csv(path))


def largest_first(tracks: Iterable[SkeletonTrack]) -> list[SkeletonTrack]:
    """People by the area of their box, summed over the frames, the largest first."""
    tracks = list(tracks)
    return tracks if len(tracks) < 2 else sorted(tracks, key=_smallness)


def _split_name(path: str | Path) -> tuple[Path, str | None]:
    """The file, and the clip in it that `file.pkl::frame_dir` names."""
    file, mark, name = str(path).partition("::")
    if mark and Path(file).suffix.lower() in _PICKLES:
        return Path(file), name
    return Path(path), None


def _kind_of_csv(path: Path) -> str:
    """ "kinect", "miga", or nothing for another file, by its name and else by the width of its first row."""
    if path.suffix.lower() != ".csv":
        return ""
    for endings, kind in ((("_skeleton",), "kinect"), (("_light_hand", "_light"), "miga")):
        if path.stem.endswith(endings):
            return kind
    width = first_row_width(path)
    return "kinect" if width == KINECT_COLUMNS else "miga" if width in MIGA_COLUMNS else ""


def _is_track(path: Path) -> bool:
    """Whether an archive has the arrays of a track; an archive that cannot be opened may have been one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {"points.npy", "layout.npy"} <= set(archive.namelist())
    except BROKEN_ARCHIVE:
        return True


def _smallness(track: SkeletonTrack) -> float:
    """Minus the area of the person's box, summed over the frames."""
    known = (track.scores > 0)[..., None]
    low = np.where(known, track.points, np.inf).min(1)
    high = np.where(known, track.points, -np.inf).max(1)
    seen = known.any((1, 2))
    return -float(np.prod((high - low)[seen, :2], axis=-1).sum())
