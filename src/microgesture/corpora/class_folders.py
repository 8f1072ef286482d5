"""A folder for every class: `root/Nodding/a.mp4`, or `root/train/Nodding/a.mp4` beside `root/test/...`.

A clip is a video, a skeleton (`.npz`, a folder of OpenPose files, a MiGA or Kinect `.csv`) or both of one name. The
folders' names are the labels as they stand. Without folders for the splits the clips have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from microgesture.corpora.source import Reading, register_source
from microgesture.corpora.tables import NAMES as TABLES
from microgesture.datasets.folder_files import is_video_name, is_visible, majority_line, split_counts
from microgesture.datasets.label_names import vocabulary_of
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.datasets.media_lengths import media_lengths
from microgesture.datasets.skeleton_checks import skeleton_problems
from microgesture.errors import DataError
from microgesture.skeletons.openpose import is_openpose
from microgesture.skeletons.skeleton import Layout
from microgesture.skeletons.sources import is_skeleton
from microgesture.vocabulary import Vocabulary

SPLITS = {
    **{"train": "train", "training": "train"},
    **{"val": "val", "valid": "val", "validation": "val", "validate": "val", "dev": "val"},
    **{"test": "test", "testing": "test"},
}
"""Names of folders that are splits."""


def recognises(root: Path) -> bool:
    """Whether at least two classes have a folder with clips, and no table, pickle or ELAN file lies beside them."""
    if not root.is_dir():
        return False
    try:
        names = [path.name.lower() for path in root.iterdir()]
        if any(name in TABLES or name.endswith((".eaf", ".pkl", ".pickle")) for name in names):
            return False
        classes = {folder.name for _, folder in _class_folders(root) if next(_clip_paths(folder), None)}
    except (OSError, ValueError, NotImplementedError):  # a folder that cannot be listed, an archive that is broken
        return False
    return len(classes) > 1


def read(root: Path, protocol: str = "", vocabulary: Vocabulary | None = None, layout: Layout | None = None) -> Reading:
    """The clips of all folders. `vocabulary` (without: the folders' names, sorted) must hold every folder's name.
    `protocol` is not looked at. Videos and skeletons are opened; `layout` is that of tracks which do not say theirs."""
    if not root.is_dir():
        raise DataError(f"{root}: is not a folder")
    folders = list(_class_folders(root))
    problems = [*_astray(root)]
    vocabulary = vocabulary or vocabulary_of((folder.name for _, folder in folders), root.resolve().name)
    rows: list[ClipRow] = []
    for split, folder in folders:
        if folder.name not in vocabulary:
            problems.append(Problem(folder, 0, f"label '{folder.name}' is not in vocabulary '{vocabulary.name}'"))
            continue
        label = vocabulary[vocabulary.index(folder.name)].name
        found = _rows(root, folder, label, split, problems)
        if not found:
            problems.append(Problem(folder, 0, "no clips in it", error=False))
        rows += found
    rows = _whole(rows, problems, layout)
    if not rows and not any(problem.error for problem in problems):
        problems.append(Problem(root, 0, "no clips in it"))
    counted = f"{len({folder.name for _, folder in folders})} folders of classes, {split_counts(rows)}"
    return Reading("class_folders", root, vocabulary, tuple(rows), (), tuple(problems), (counted, *majority_line(rows)))


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir() and is_visible(path.name))


def _class_folders(root: Path) -> Iterator[tuple[str, Path]]:
    """(split, folder of a class); where there are folders of splits, those in them, else those in the root."""
    splits = [folder for folder in _folders(root) if folder.name.lower() in SPLITS]
    for folder in splits:
        yield from ((SPLITS[folder.name.lower()], inner) for inner in _folders(folder) if not is_openpose(inner))
    if not splits:
        yield from (("", folder) for folder in _folders(root) if not is_openpose(folder))


def _astray(root: Path) -> Iterator[Problem]:
    """Clips that lie in no class's folder, and folders that are passed over."""
    splits = [folder for folder in _folders(root) if folder.name.lower() in SPLITS]
    for place in (root, *splits):
        count = sum(1 for _ in _clip_paths(place))
        if count:
            yield Problem(place, 0, f"{count} clips lie in no folder of a class: left out", error=False)
    for folder in _folders(root) if splits else ():
        if folder not in splits:
            yield Problem(folder, 0, "is no folder of a split: left out", error=False)
    for _, folder in _class_folders(root):
        for inner in _folders(folder):
            if not is_openpose(inner):
                yield Problem(inner, 0, "a folder in the folder of a class: left out", error=False)


def _clip_paths(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if is_visible(path.name) and (is_video_name(path.name) or _is_single_skeleton(path)):
            yield path


def _is_single_skeleton(path: Path) -> bool:
    """Whether it is a skeleton that is one clip: no pickle of many."""
    return (path.is_dir() or path.suffix.lower() in (".npz", ".csv")) and is_skeleton(path)


def _rows(root: Path, folder: Path, label: str, split: str, problems: list[Problem]) -> list[ClipRow]:
    """One row for every name in a folder; two videos, or two skeletons, of one name are a problem of the second."""
    clips: dict[str, dict[str, Path]] = {}
    claimed: set[str] = set()
    for path in _clip_paths(folder):
        stem = path.name if path.is_dir() else path.stem
        kind = "video" if is_video_name(path.name) and path.is_file() else "skeleton"
        first = clips.setdefault(stem, {}).setdefault(kind, path)
        if first is not path:
            problems.append(Problem(path, 0, f"claims to be clip '{stem}', as {first.name} does"))
            claimed.add(stem)
    place = folder.relative_to(root)
    return [
        ClipRow(
            files.get("video"),
            label,
            split=split,
            skeleton=files.get("skeleton"),
            extra={"id": (place / stem).as_posix()},
        )
        for stem, files in clips.items()
        if stem not in claimed
    ]


def _whole(rows: Iterable[ClipRow], problems: list[Problem], layout: Layout | None) -> list[ClipRow]:
    """The rows whose video and skeleton can be read; the others are noted."""
    rows = list(rows)
    lengths = media_lengths(row.video for row in rows if row.video)
    kept = []
    for row in rows:
        sound = True
        if row.video and lengths[row.video].wrong:
            problems.append(Problem(row.video, 0, lengths[row.video].wrong))
            sound = False
        if row.skeleton:
            found = skeleton_problems(row.skeleton, layout)
            problems += found
            sound = sound and not any(problem.error for problem in found)
        if sound:
            kept.append(row)
    return kept


register_source(
    "class_folders", "a folder for every class, with the clips in it", read, recognises, order=30, takes=("layout",)
)
