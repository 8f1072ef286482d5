"""Skeleton files of any kind as tracks (`.npz`) in one folder, each converted once.

`index.json` in the folder says which file became which tracks, and its size and date then: a file that is as it was is
not converted again, one that has changed since is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from microgesture.datasets.folder_files import problem_of
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.errors import DataError
from microgesture.files.atomic import write_json
from microgesture.files.plain_json import parse_json
from microgesture.skeletons.layout_files import described
from microgesture.skeletons.skeleton import Layout
from microgesture.skeletons.sources import Space, read_tracks

INDEX = "index.json"
Progress = Callable[[float, float], None]


@dataclass(frozen=True)
class SkeletonTracks:
    """Which tracks skeleton files became: `files` maps a file to its tracks by person, the largest person first;
    `lost` are the files that could not be read; `layouts` are those of the tracks."""

    files: dict[Path, dict[str, Path]]
    lost: frozenset[Path]
    layouts: frozenset[str]

    def rows(self, rows: Iterable[ClipRow]) -> list[ClipRow]:
        """The rows with the person's track in place of the file (the largest person's where the row's is not there).

        Rows of lost files are left out. A whole clip that shows several people keeps its file: a track has one.
        """
        return [replace(row, skeleton=self._of(row)) for row in rows if row.skeleton not in self.lost]

    def _of(self, row: ClipRow) -> Path | None:
        tracks = None if row.skeleton is None else self.files.get(row.skeleton)
        if tracks is None or (len(tracks) > 1 and row.start is None):
            return row.skeleton
        return tracks.get(row.person) or next(iter(tracks.values()))


def convert_skeletons(
    rows: Sequence[ClipRow],
    root: Path,
    folder: Path,
    progress: Progress | None = None,
    space: Space = "pixels",
    layout: Layout | None = None,
) -> tuple[SkeletonTracks, list[Problem]]:
    """Write the tracks of the rows' skeleton files into `folder`, named after the files (with their place below `root`
    where names are alike). Tracks and pickles of many clips stay where they are.

    `space` belongs to Kinect files, `layout` to those that do not say what their points are. Files that cannot be read,
    or show nobody, are problems. Raises `UserError` when the disk refuses.
    """
    sources = dict.fromkeys(row.skeleton for row in rows if row.skeleton and _is_convertible(row.skeleton))
    names = _names(list(sources), root)
    index = _read_index(folder / INDEX)
    made: dict[Path, dict[str, Path]] = {}
    problems: list[Problem] = []
    try:
        for done, (source, name) in enumerate(names.items()):
            if progress is not None:
                progress(done, len(names))
            state = _state(source) | {"space": space} | ({} if layout is None else {"points": described(layout)})
            if (known := index.get(name)) is None or not _is_finished(known, state, folder):
                try:
                    index[name] = {**state, **_convert(source, folder, name, space, layout)}
                except DataError as error:
                    problems.append(problem_of(source, error))
                    continue
            made[source] = {person: folder / track for person, track in index[name]["tracks"].items()}
    finally:
        if names:
            write_json(folder / INDEX, index)
    layouts = frozenset(str(index[names[source]]["layout"]) for source in made)
    return SkeletonTracks(made, frozenset(names) - frozenset(made), layouts), problems


def _is_convertible(source: Path) -> bool:
    """Whether a skeleton file is one clip or video, and no track yet."""
    return "::" not in str(source) and source.suffix.lower() not in (".npz", ".pkl", ".pickle")


def _names(sources: Sequence[Path], root: Path) -> dict[Path, str]:
    """A file name for each source, without suffix: its own, with its folders where that is another's too."""
    plain = {source: source.name if source.is_dir() else source.stem for source in sources}
    taken = Counter(name.lower() for name in plain.values())
    names: dict[Path, str] = {}
    seen: Counter[str] = Counter()
    for source, name in plain.items():
        if taken[name.lower()] > 1:
            inside = source.relative_to(root) if source.is_relative_to(root) else source.relative_to(source.anchor)
            name = "_".join([*inside.parts[:-1], name])
        name = re.sub(r"[^\w.+-]+", "_", name)
        seen[name.lower()] += 1
        names[source] = name if seen[name.lower()] == 1 else f"{name}+{seen[name.lower()]}"
    return names


def _read_index(path: Path) -> dict[str, dict[str, Any]]:
    with suppress(OSError, ValueError):
        found = parse_json(path.read_text("utf-8"))
        if isinstance(found, dict):
            return found
    return {}


def _state(source: Path) -> dict[str, Any]:
    """What tells whether a file, or a folder of files, has changed."""
    try:
        state = source.stat()
        size = sum(1 for _ in source.iterdir()) if source.is_dir() else state.st_size
    except OSError:
        return {"source": str(source), "size": 0, "date": 0}  # reading it says what is wrong
    return {"source": str(source), "size": size, "date": state.st_mtime_ns}


def _is_finished(known: dict[str, Any], state: dict[str, Any], folder: Path) -> bool:
    """Whether the index speaks of this very file, and its tracks are there."""
    tracks = known.get("tracks")
    same = "layout" in known and all(known.get(key) == value for key, value in state.items())
    return same and isinstance(tracks, dict) and bool(tracks) and all((folder / t).is_file() for t in tracks.values())


def _convert(source: Path, folder: Path, name: str, space: Space, layout: Layout | None) -> dict[str, Any]:
    """Write a track for each person of a skeleton file: names by person, and their layout. Raises `DataError` when it
    cannot be read or shows nobody."""
    tracks = read_tracks(source, space=space, layout=layout)
    if not any((track.scores > 0).any() for track in tracks):
        raise DataError(f"{source}: no person in any frame")
    names = {tracks[0].person: f"{name}.npz"} | {track.person: f"{name}@{track.person}.npz" for track in tracks[1:]}
    for track in tracks:
        track.save(folder / names[track.person])
    return {"tracks": names, "layout": tracks[0].layout}
