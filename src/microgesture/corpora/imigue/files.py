"""Which files of iMiGUE lie where under a folder, in the layouts that its owners hand out.

Videos have numbers. A folder `0001` (or `1`) holds `0001_light_hand.csv`, `0001_label.csv`, `0001.mp4`, `0001_0.mp4`
(one clip) or OpenPose's JSON files; videos and label files may also lie beside each other. The names of the folders
above (`imigue_skeleton_train`, `imigue_rgb_phase1/validation_data`, ...) tell the part of the data set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from microgesture.datasets.folder_files import VIDEO_SUFFIXES
from microgesture.datasets.manifest import Problem
from microgesture.skeletons.openpose import is_openpose

PARTS = ("train", "val", "test", "")
"""Parts of the data set as the names of folders tell them; "" where they do not."""
Key = tuple[str, int]
"""Part and number of a video."""

_PART_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validate", "validation"), "val"),
    **dict.fromkeys(("test", "testing", "phase2"), "test"),
}
_NUMBER = re.compile(r"\d{1,4}")
_NUMBERED = re.compile(r"(\d{1,4})(?:_(\d+))?")
_LABELS = re.compile(r"(\d{1,4})_labels?", re.IGNORECASE)
_INSIDE = re.compile(
    r"imigue_(skeleton|rgb|data)_\w+|(train|training|validation|val|test)_data|datasets", re.IGNORECASE
)
_NOT_OURS = re.compile(r"\..*|__MACOSX|(training|testing)_clips|Sample\d+", re.IGNORECASE)
_DEEPEST = 5


@dataclass
class ImigueFiles:
    """What was found. `problems` are files that claim the place of another one; the first keeps it."""

    root: Path
    skeletons: dict[Key, Path] = field(default_factory=dict)
    labels: dict[Key, Path] = field(default_factory=dict)
    videos: dict[Key, Path] = field(default_factory=dict)
    clips: dict[tuple[str, int, int], Path] = field(default_factory=dict)
    tables: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def numbers(self, part: str) -> list[int]:
        """Videos of a part that have a label file, a skeleton or pictures there."""
        keys = [*self.labels, *self.skeletons, *self.videos, *((p, n) for p, n, _ in self.clips)]
        return sorted({number for of, number in keys if of == part})

    def anywhere(self, found: dict[Key, Path], part: str, number: int) -> Path | None:
        """The file of a video, of its own part if there is one: videos of validation are those of training again."""
        return next((found[key] for of in (part, "", *PARTS) if (key := (of, number)) in found), None)


def find_files(root: Path) -> ImigueFiles:
    """Everything under `root`, or under the data set's folder where `root` is one of its parts."""
    top = _top(root)
    files = ImigueFiles(top)
    for folder, part, numbered in _folders(top, root, 5000):
        _take(files, folder, part, _names(folder))
        for name in numbered:
            inside = folder / name
            names = _names(inside)
            _take(files, inside, part, names, int(name))
            if any(n.endswith(".json") for n in names) and is_openpose(inside):
                _claim(files, files.skeletons, (part, int(name)), inside)
    return files


def holds_imigue(root: Path) -> bool:
    """Whether a folder looks like iMiGUE, by the names of its folders and a few of the files in them."""
    if not root.is_dir():
        return False
    for folder, _, numbered in _folders(_top(root), root, 200):
        if re.fullmatch(r"imigue_(skeleton|rgb)_\w+", folder.name, re.IGNORECASE):
            return True
        if any(_LABELS.fullmatch(Path(name).stem) for name in _names(folder)):
            return True
        for name in numbered[:3]:
            stems = {Path(n).stem for n in _names(folder / name)}
            if any(_LABELS.fullmatch(stem) or stem.endswith(("_light_hand", "_light")) for stem in stems):
                return True
            if is_openpose(folder / name):
                return True
    return False


def _top(root: Path) -> Path:
    """The folder of the data set: `root`, or one above it when `root` is a part of the data set by its name."""
    top = root.absolute()
    while _INSIDE.fullmatch(top.name) and any("imigue" in p.name.lower() for p in (top, *top.parents[:2])):
        top = top.parent
    return top if top != root.absolute() else root


def _folders(top: Path, root: Path, most: int) -> Iterator[tuple[Path, str, list[str]]]:
    """Folders from the top down, with the part that their names tell and the numbered folders in each.

    Above the named root only what has the data set's name, or labels, is looked into.
    """
    within = () if top == root or "imigue" in top.name.lower() else root.absolute().relative_to(top).parts[:1]
    waiting = [(top, "", 0)]
    for folder, part, depth in waiting:  # grows as it goes
        if most == 0:
            return
        most -= 1
        inside = _names(folder, folders=True)
        yield folder, part, [name for name in inside if _NUMBER.fullmatch(name)]
        for name in inside if depth < _DEEPEST else ():
            ours = depth > 0 or not within or name in within or re.search("imigue|label", name, re.IGNORECASE)
            if ours and not (_NUMBER.fullmatch(name) or _NOT_OURS.fullmatch(name)):
                waiting.append((folder / name, _part(name) or part, depth + 1))


def _names(folder: Path, folders: bool = False) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() == folders)
    except OSError:
        return []


def _part(name: str) -> str:
    """The part that a folder's name tells, "" when it names none or several."""
    found = {_PART_WORDS[word] for word in re.split(r"[^a-z0-9]+", name.lower()) if word in _PART_WORDS}
    return found.pop() if len(found) == 1 else ""


def _take(files: ImigueFiles, folder: Path, part: str, names: list[str], own: int | None = None) -> None:
    """Note the files of a folder, `own` the number of the video that the folder is for."""
    skeletons: dict[int, list[str]] = {}
    for name in names:
        path, stem, suffix = folder / name, Path(name).stem, Path(name).suffix.lower()
        numbered, label = _NUMBERED.fullmatch(stem), _LABELS.fullmatch(stem)
        lead = re.match(r"(\d{1,4})_light(_hand)?$", stem)
        if name.startswith("."):
            continue
        if suffix == ".csv" and lead:
            skeletons.setdefault(int(lead[1]), []).append(name)
        elif suffix == ".csv" and label and _belongs(files, path, int(label[1]), own):
            _claim(files, files.labels, (part, int(label[1])), path)
        elif suffix in VIDEO_SUFFIXES and numbered and _belongs(files, path, int(numbered[1]), own):
            key = (part, int(numbered[1]))
            if numbered[2] is None:
                _claim(files, files.videos, key, path)
            else:
                _claim(files, files.clips, (*key, int(numbered[2])), path)
        elif suffix == ".csv" and own is None and not numbered:
            files.tables.append(path)
    for number, found in skeletons.items():
        hands = [name for name in found if name.endswith("_hand.csv")] or found
        if _belongs(files, folder / hands[0], number, own):
            _claim(files, files.skeletons, (part, number), folder / hands[0])


def _belongs(files: ImigueFiles, path: Path, number: int, own: int | None) -> bool:
    if own is None or own == number:
        return True
    files.problems.append(Problem(path, 0, f"a file of video {number:04d} in the folder of video {own:04d}: left out"))
    return False


def _claim(files: ImigueFiles, found: dict, key: tuple, path: Path) -> None:
    first = found.setdefault(key, path)
    if first != path:
        name = "_".join([f"{key[1]:04d}", *(str(i) for i in key[2:])])
        where = f" of {key[0]}" if key[0] else ""
        files.problems.append(Problem(path, 0, f"claims to be {name}{where}, as {first} does: left out"))
