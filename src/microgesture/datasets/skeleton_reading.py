"""From the rows of a manifest to the people in their skeleton files: every file is opened once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.errors import DataError
from microgesture.skeletons.pyskl import annotation_tracks, read_pyskl
from microgesture.skeletons.skeleton import Layout
from microgesture.skeletons.sources import Space, largest_first, read_tracks
from microgesture.skeletons.track import SkeletonTrack


@dataclass(frozen=True)
class RowTracks:
    """The people of one row, largest first or the row's own person alone, cut to its time; `span` is that time in
    seconds of the tracks' own clock."""

    tracks: tuple[SkeletonTrack, ...]
    span: tuple[float, float]


def read_rows(
    rows: Sequence[ClipRow], space: Space = "pixels", layout: Layout | None = None
) -> tuple[dict[int, RowTracks], list[Problem]]:
    """The tracks of every row by its place in `rows`, and what is wrong with the rows that are missing there.

    A row whose skeleton is missing, unreadable, ends before the row begins, or shows nobody in the row's time is a
    problem. `space` belongs to Kinect files, `layout` to those that do not say what their points are.
    """
    found: dict[int, RowTracks] = {}
    problems: list[Problem] = []
    for file, places in _by_file(rows).items():
        if file is None:
            problems += [Problem(rows[i].media, rows[i].row, "names no skeleton") for i in places]
            continue
        people = _people(file, [_inner_name(rows[i]) for i in places], space, layout)
        for i, whole in zip(places, people, strict=True):
            try:
                if isinstance(whole, DataError):
                    raise whole
                found[i] = _cut(rows[i], whole)
            except DataError as error:
                problems.append(Problem(file, rows[i].row, str(error).removeprefix(f"{file}: ")))
    return found, sorted(problems, key=lambda problem: problem.row)


def _by_file(rows: Sequence[ClipRow]) -> dict[Path | None, list[int]]:
    files: dict[Path | None, list[int]] = {}
    for i, row in enumerate(rows):
        file = None if row.skeleton is None else Path(str(row.skeleton).partition("::")[0])
        files.setdefault(file, []).append(i)
    return files


def _inner_name(row: ClipRow) -> str:
    return str(row.skeleton).partition("::")[2]


def _people(
    file: Path, names: Sequence[str], space: Space, layout: Layout | None
) -> Iterator[list[SkeletonTrack] | DataError]:
    """For each row of a file the people in it, or why there are none."""
    try:
        if not any(names):
            tracks = read_tracks(file, space=space, layout=layout)
            yield from (tracks for _ in names)
            return
        pickle = read_pyskl(file, layout)
        annotations = dict(zip(pickle.names, pickle.annotations, strict=True))
    except DataError as error:
        yield from (error for _ in names)
        return
    for name in names:
        try:
            if name not in annotations:
                raise DataError(f"no clip named '{name}'")
            yield largest_first(annotation_tracks(annotations[name], source=name, conventions=pickle.conventions))
        except DataError as error:
            yield error


def _cut(row: ClipRow, people: Sequence[SkeletonTrack]) -> RowTracks:
    own = [track for track in people if track.person == row.person]
    chosen = own if own and len(people) > 1 and row.start is not None else list(people)
    first = chosen[0]
    if not len(first):
        raise DataError("has no frames")
    last = float(first.times[-1]) + (first.step or 0.04)
    start = float(first.times[0]) if row.start is None else row.start
    end = last if row.end is None else row.end
    if start >= last:
        raise DataError(f"start {start:g} s is past the end of the skeleton ({last:.2f} s)")
    parts = tuple(track if row.start is None and row.end is None else track.between(start, end) for track in chosen)
    parts = tuple(part for part in parts if len(part) and (part.scores > 0).any())
    if not parts:
        raise DataError(f"nobody is seen from {start:.2f} to {end:.2f} s")
    return RowTracks(parts, (start, end))
