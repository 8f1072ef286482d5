"""Which video each clip is of, and whose: what belongs together when predictions of clips become timelines of videos.

A clip with times is of the film that it names. A clip that is a file of its own says it by its name: `<video>_<place>`
(iMiGUE, MiGA) or `<video>_<first frame>_<last frame>` (the paper's clips).
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microgesture.datasets.manifest import ClipRow
from microgesture.errors import DataError

_FRAMES = re.compile(r"(.+?)_(\d+)_(\d+)")
_PLACE = re.compile(r"(.+)_(\d+)")


@dataclass(frozen=True)
class ClipVideo:
    """One video: a `name` that no other has and that can be a file's, and the numbers of its `clips` in order of time.

    `timed` tells whether all of them have a start and an end in the video; without, only their order is known.
    """

    name: str
    clips: tuple[int, ...]
    timed: bool


def videos_of(rows: Sequence[ClipRow]) -> list[ClipVideo]:
    """The videos of these clips, in order of first appearance; every clip is in exactly one."""
    found: dict[tuple[str, ...], list[int]] = defaultdict(list)
    names: dict[tuple[str, ...], str] = {}
    for number, row in enumerate(rows):
        key, name = _video(row)
        found[key].append(number)
        names.setdefault(key, name)
    chosen = _distinct(names)
    videos = []
    for key, members in found.items():
        timed = all(rows[i].start is not None and rows[i].end is not None for i in members)
        members.sort(key=lambda i: (rows[i].start or 0.0, rows[i].end or 0.0) if timed else (_place(rows[i]), i))
        videos.append(ClipVideo(chosen[key], tuple(members), timed))
    return videos


def subject_folds(rows: Sequence[ClipRow], videos: Sequence[ClipVideo], folds: int, seed: int = 0) -> list[list[str]]:
    """The names of the subjects of each of `folds` folds; all clips must name theirs.

    People who are in one video together stay together. Folds are nearly alike in clips; which one a person goes to
    depends on the names, the numbers of clips and the seed. Raises `DataError` for fewer than two folds, and for fewer
    people than folds.
    """
    whose = {row.subject: {row.subject} for row in rows}
    for video in videos:
        together = set().union(*(whose[rows[i].subject] for i in video.clips))
        for subject in together:
            whose[subject] = together
    units = {min(people): sorted(people) for people in whose.values()}
    if folds < 2:
        raise DataError(f"chaining needs 2 folds or more, got {folds}")
    if len(units) < folds:
        raise DataError(f"{len(units)} subjects cannot be dealt out to {folds} folds")
    sizes = dict.fromkeys(units, 0)
    for row in rows:
        sizes[min(whose[row.subject])] += 1
    dealt: list[list[str]] = [[] for _ in range(folds)]
    load = [0] * folds
    for name in sorted(units, key=lambda name: (-sizes[name], drawn(name, seed))):
        fold = min(range(folds), key=lambda k: (load[k], len(dealt[k]), k))
        dealt[fold] += units[name]
        load[fold] += sizes[name]
    return [sorted(people) for people in dealt]


def drawn(name: str, seed: int) -> str:
    """What orders names as if by lot."""
    return hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogateescape")).hexdigest()


def _video(row: ClipRow) -> tuple[tuple[str, ...], str]:
    """What all clips of a video share, and its name."""
    media = row.media
    stem = Path(str(media).partition("::")[2] or media.name).stem
    part = _parsed(row.extra.get("id", ""))[0]
    if row.start is not None and row.end is not None and "video_start" not in row.extra:
        if part and stem.startswith(part):  # video and skeleton of one film: Sample0001_color, Sample0001_skeleton
            return ("name", part, row.subject), part
        return ("file", str(media)), stem
    name = part or _parsed(stem)[0] or stem
    return ("name", name, row.subject), name


def _parsed(name: str) -> tuple[str, int]:
    """Video and place of a clip's name, ("", 0) where it tells none."""
    name = name.rpartition("/")[2]
    frames = _FRAMES.fullmatch(name)
    if frames and int(frames[2]) <= int(frames[3]):
        return frames[1], int(frames[2])
    place = _PLACE.fullmatch(name)
    return (place[1], int(place[2])) if place else ("", 0)


def _place(row: ClipRow) -> int:
    stem = Path(str(row.media).partition("::")[2] or row.media.name).stem
    return _parsed(row.extra.get("id", ""))[1] or _parsed(stem)[1]


def _distinct(names: dict[tuple[str, ...], str]) -> dict[tuple[str, ...], str]:
    """File names that differ, also where case does not matter: a folder or subject in front, then a number behind."""
    often: dict[str, int] = defaultdict(int)
    for name in names.values():
        often[name.lower()] += 1
    taken: set[str] = set()
    found = {}
    for key, name in names.items():
        if often[name.lower()] > 1:
            front = Path(key[1]).parent.name if key[0] == "file" else key[2]
            name = f"{front}-{name}" if front else name
        name = re.sub(r'[\x00-\x1f<>:"/\\|?*]', "-", name)
        one, number = name, 2
        while one.lower() in taken:
            one, number = f"{name}-{number}", number + 1
        taken.add(one.lower())
        found[key] = one
    return found
