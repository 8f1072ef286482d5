"""SMG: a folder `Sample0001` a subject, with Kinect v2 skeleton, fine labels and RGB video.

`Sample0001_finelabels.csv` has no header and says `label (1..17),start,end` in frames; `_data.csv` is
`numFrames,fps,maxDepth`; `_skeleton.csv` has 275 columns a frame; `_color.mp4` is the video. The files of a sample are
known by their names and may lie in several trees (MiGA: `smg_data_phase1/smg_skeleton_train/Sample0001/...`, the
videos elsewhere).

Frame numbers are taken as the organisers' recognition benchmark takes them, as places in the list of frames from 0 on,
the last one included. (The class that their start kit inherited from another challenge counts from 1: the difference is
one frame, 36 ms, in clips of 51 frames.)
"""

from __future__ import annotations

import filecmp
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from microgesture.corpora.published import compared, compared_classes, published
from microgesture.corpora.smg.emotion import outcomes
from microgesture.corpora.source import Reading, register_source
from microgesture.datasets.folder_files import (
    MANY,
    folders_under,
    is_video_name,
    majority_line,
    number_lines,
    problem_of,
    ranges,
    split_counts,
    whole_number,
)
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.datasets.media_lengths import SLACK, MediaLength, media_lengths
from microgesture.errors import DataError
from microgesture.skeletons.kinect import COLUMNS, FPS
from microgesture.skeletons.number_rows import read_number_rows
from microgesture.vocabulary import Vocabulary

PROTOCOLS = ("classification", "miga")
_FOLDER = re.compile(r"Sample(\d{1,4})", re.IGNORECASE)
_FILE = re.compile(r"Sample(\d{1,4})_(color|skeleton|data|finelabels|tflabels_new)(\.\w+)", re.IGNORECASE)
_CLIP = re.compile(r"Sample(\d{4})(?:\D.*)?")
_JOINTS = 25
_PIXELS = slice(7, 9)
_RATES = 0.02  # share by which the rates of _data.csv and of the video may differ


@dataclass
class _Sample:
    """The files of one subject by kind, and what is wrong with them; `broken`: none of its clips can be used."""

    number: int
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False

    @property
    def name(self) -> str:
        return f"Sample{self.number:04d}"

    @property
    def group(self) -> Path:
        """The tree that it is of, such as `smg_skeleton_train`."""
        kind = next(kind for kind in ("finelabels", "skeleton", "data", "color", "tflabels_new") if kind in self.files)
        return self.files[kind].parent.parent

    def wrong(self, file: Path, row: int, what: str) -> None:
        """Note an error of a file that makes the sample's clips unusable."""
        self.problems.append(Problem(file, row, what))
        self.broken = True

    def remark(self, file: Path, row: int, what: str) -> None:
        """Note something that training does not stumble over."""
        self.problems.append(Problem(file, row, what, error=False))


@dataclass(frozen=True)
class _Frames:
    """How long a sample is: frames per second, and the number of frames by the file that says so. `seen (T,)` is where
    the skeleton shows somebody, None without a skeleton; `duration` is the video's, in seconds."""

    fps: float
    counts: Mapping[str, int]
    seen: np.ndarray | None
    duration: float | None


def recognises(root: Path) -> bool:
    """Whether there are folders `Sample0001` with files of SMG, or such files, at most four folders below."""
    if not root.is_dir():
        return False
    for folder, folders, files in islice(folders_under(root, 4), MANY):
        if any(_FILE.fullmatch(name) for name in files):
            return True
        if any(_FOLDER.fullmatch(name) for name in folders) and folder == root:
            return True
    return False


def read(root: Path, protocol: str = "", vocabulary: Vocabulary | None = None) -> Reading:
    """The clips of the fine labels. `protocol` is "classification" (subjects 1 to 35 train, 36 to 40 test) or "miga"
    (1 to 30 train, 31 to 35 val; they are the test set where the labels of 36 to 40 are not there); empty:
    "classification", but "miga" where only that leaves a test set. SMG brings its own `vocabulary`.

    Samples of the test subjects without labels are `unlabelled`, whole. Skeletons are read and videos are opened.
    """
    if protocol and protocol not in PROTOCOLS:
        raise DataError(f"no protocol '{protocol}' of SMG: known are {', '.join(PROTOCOLS)}")
    vocabulary = Vocabulary.load("smg")
    samples, problems = _gather(root)
    lengths = media_lengths(s.files["color"] for s in samples if "color" in s.files and not s.broken)
    labelled = {s.number for s in samples if "finelabels" in s.files}
    protocol, splits = _splits(protocol, labelled)
    rows: list[ClipRow] = []
    unlabelled: list[ClipRow] = []
    rates: set[float] = set()
    for sample in samples:
        split = splits.get(sample.number)
        if split is None:
            sample.wrong(sample.group, 0, f"{sample.name} is no subject of protocol '{protocol}'")
        if not sample.broken:
            frames = _frames(sample, lengths)
            if frames is not None and "finelabels" in sample.files:
                rates.add(frames.fps)
                rows += _rows(sample, frames, vocabulary, split or "")
            elif frames is not None:
                unlabelled.append(_row(sample, "", None, None, "test", sample.name, 0))
        problems += sample.problems
    if not rows and not problems:
        problems.append(Problem(root, 0, "no clips with labels in it"))
    facts = _facts(samples, rows, unlabelled, protocol, splits, rates, vocabulary)
    return Reading("smg", root, vocabulary, tuple(rows), tuple(unlabelled), tuple(problems), facts, protocol)


def _gather(root: Path) -> tuple[list[_Sample], list[Problem]]:
    """The samples by number with their files, and problems of what belongs to none."""
    samples: dict[int, _Sample] = {}
    empty: dict[int, Path] = {}
    for folder, folders, files in folders_under(root):
        empty |= {int(m[1]): folder / name for name in folders if (m := _FOLDER.fullmatch(name))}
        for name in files:
            match = _FILE.fullmatch(name)
            if match is None or (match[3].lower() != ".csv") != (match[2].lower() == "color"):
                continue
            if match[2].lower() == "color" and not is_video_name(name):
                continue
            sample = samples.setdefault(int(match[1]), _Sample(int(match[1])))
            _claim(sample, match[2].lower(), folder / name)
    lost = [Problem(path, 0, "no file of SMG in it") for number, path in empty.items() if number not in samples]
    found = [samples[number] for number in sorted(samples)]
    _note_missing(found)
    return found, lost


def _claim(sample: _Sample, kind: str, path: Path) -> None:
    first = sample.files.setdefault(kind, path)
    if first is path:
        folder = _FOLDER.fullmatch(path.parent.name)
        if folder and int(folder[1]) != sample.number:
            sample.remark(path, 0, f"lies in {path.parent.name}, and is of {sample.name} by its name")
    elif filecmp.cmp(first, path, shallow=False):
        sample.remark(path, 0, f"a copy of {first}")
    else:
        sample.wrong(path, 0, f"claims {sample.name}, as {first} does, and they differ")


def _note_missing(samples: list[_Sample]) -> None:
    """A file that other samples of the same tree have is missed; test subjects may be without labels."""
    test = published("smg")["classification"]["test"]
    for sample in samples:
        folder = sample.files[next(iter(sample.files))].parent
        if "finelabels" not in sample.files and sample.number not in test:
            sample.wrong(folder, 0, f"no {sample.name}_finelabels.csv")
        if not {"skeleton", "color"} & set(sample.files):
            sample.wrong(folder, 0, f"neither {sample.name}_skeleton.csv nor {sample.name}_color.mp4")
            continue
        for kind, ending in (("skeleton", "csv"), ("color", "mp4")):
            with_it = sum(kind in other.files for other in samples if other.group == sample.group)
            if kind not in sample.files and with_it:
                sample.wrong(folder, 0, f"no {sample.name}_{kind}.{ending}, which others beside it have")


def _splits(protocol: str, labelled: set[int]) -> tuple[str, dict[int, str]]:
    """The protocol's name and the split of every subject."""
    known = published("smg")
    test, held = known["classification"]["test"], known["miga"]["val"]
    hidden = not labelled & set(test)
    if not protocol:
        protocol = "miga" if hidden and labelled & set(held) else "classification"
    if protocol == "classification":
        return protocol, dict.fromkeys(known["classification"]["train"], "train") | dict.fromkeys(test, "test")
    splits = dict.fromkeys(known["miga"]["train"], "train") | dict.fromkeys(test, "test")
    return protocol, splits | dict.fromkeys(held, "test" if hidden else "val")


def _frames(sample: _Sample, lengths: Mapping[Path, MediaLength]) -> _Frames | None:
    """What the files say of the sample's length; None when one of them is broken."""
    counts: dict[str, int] = {}
    fps, seen, duration = None, None, None
    if (data := sample.files.get("data")) is not None:
        try:
            frames, fps = read_number_rows(data, (2, 3))[0, :2].tolist()
            if not (np.isfinite(fps) and fps > 0 and np.isfinite(frames)):
                raise DataError(f"{frames:g} frames at {fps:g} a second make no sense")
            counts["_data.csv"] = int(frames)
        except DataError as error:
            sample.problems.append(problem_of(data, error))
            sample.broken = True
    if (video := sample.files.get("color")) is not None:
        length = lengths[video]
        if length.wrong:
            sample.wrong(video, 0, length.wrong)
        elif fps and length.fps and abs(length.fps - fps) > _RATES * fps:
            sample.remark(
                video, 0, f"{length.fps:g} frames per second, _data.csv says {fps:g}: clips are cut by the latter"
            )
        fps, duration = fps or length.fps, length.duration
    if (skeleton := sample.files.get("skeleton")) is not None:
        seen = _seen(sample, skeleton)
        counts["the skeleton"] = 0 if seen is None else len(seen)
    if sample.broken:
        return None
    if len(set(counts.values())) > 1:
        said = counts["_data.csv"]
        sample.remark(sample.files["data"], 0, f"says {said} frames, the skeleton has {counts['the skeleton']}")
    return _Frames(fps or FPS, counts, seen, duration)


def _seen(sample: _Sample, path: Path) -> np.ndarray | None:
    """Whether somebody is seen in each frame, bool `(T,)`; None when the file cannot be used."""
    try:
        values = read_number_rows(path, (COLUMNS,)).reshape(-1, _JOINTS, 11)
    except DataError as error:
        sample.problems.append(problem_of(path, error))
        sample.broken = True
        return None
    finite = np.isfinite(values)
    lost = np.flatnonzero(~finite.all((1, 2)))
    if len(lost):
        what = f"values that are no numbers, in {len(lost)} rows: their joints count as not seen"
        sample.remark(path, int(lost[0]) + 1, what)
    pixels = values[..., _PIXELS]
    seen = (finite[..., _PIXELS].all(-1) & (pixels != 0).any(-1)).any(-1)
    if not seen.any():
        sample.wrong(path, 0, "no person in any frame")
        return None
    return seen


def _rows(sample: _Sample, frames: _Frames, vocabulary: Vocabulary, split: str) -> list[ClipRow]:
    """The clips of a label file, those that are wrong left out and noted."""
    path = sample.files["finelabels"]
    rows: list[ClipRow] = []
    known: dict[tuple[int, ...], int] = {}
    try:
        lines = number_lines(path)
    except DataError as error:
        sample.problems.append(problem_of(path, error))
        return []
    if lines and len(lines[0][1]) == 3 and not any(any(c.isdigit() for c in text) for text in lines[0][1]):
        lines = lines[1:]  # a header
    if not lines:
        sample.problems.append(Problem(path, 0, "empty: no labels in it"))
    for index, (line, fields) in enumerate(lines):
        try:
            if len(fields) != 3:
                raise DataError(f"{len(fields)} columns, expected label,start,end")
            label, start, end = (whole_number(text) for text in fields)
            name = vocabulary[vocabulary.from_file_id(label)].name
            _check_interval(start, end, frames)
        except DataError as error:
            sample.problems.append(Problem(path, line, str(error)))
            continue
        if (first := known.setdefault((label, start, end), line)) != line:
            sample.remark(path, line, f"the same as row {first}")
            continue
        last = min([end + 1, *(count for count in frames.counts.values() if count >= end)])
        begin, until = start / frames.fps, last / frames.fps
        rows.append(_row(sample, name, begin, until, split, f"{sample.name}_{index}", line))
    return rows


def _check_interval(start: int, end: int, frames: _Frames) -> None:
    """Raises `DataError` for frames that are not there, or in which nobody is seen. A last frame that is one too far is
    accepted: it is what counting from 1 gives."""
    if start < 0 or end < start:
        raise DataError(f"frames {start} to {end} are no interval")
    for source, count in frames.counts.items():
        if end > count or start >= count:
            raise DataError(f"frame {end} is past the end: {count} frames by {source}")
    if frames.duration is not None and end / frames.fps > frames.duration + SLACK:
        raise DataError(f"frame {end} ({end / frames.fps:.2f} s) is past the video's end ({frames.duration:.2f} s)")
    if frames.seen is not None and not frames.seen[start : end + 1].any():
        raise DataError(f"nobody is seen in the skeleton from frame {start} to {end}")


def _row(
    sample: _Sample, label: str, start: float | None, end: float | None, split: str, identity: str, line: int
) -> ClipRow:
    return ClipRow(
        sample.files.get("color"),
        label,
        start,
        end,
        subject=str(sample.number),
        split=split,
        skeleton=sample.files.get("skeleton"),
        extra={"id": identity},
        row=line,
    )


def _facts(
    samples: list[_Sample],
    rows: list[ClipRow],
    unlabelled: list[ClipRow],
    protocol: str,
    splits: Mapping[int, str],
    rates: set[float],
    vocabulary: Vocabulary,
) -> tuple[str, ...]:
    numbers = {sample.number for sample in samples}
    kinds = {
        kind: sum(kind in s.files for s in samples) for kind in ("finelabels", "skeleton", "color", "tflabels_new")
    }
    lacking = sorted(set(range(1, published("smg")["videos"]["count"] + 1)) - numbers)
    parts = {name: [n for n, split in splits.items() if split == name] for name in ("train", "val", "test")}
    facts = [
        compared("samples", len(numbers), published("smg")["videos"]["count"]),
        *([f"samples that are not there: {ranges(lacking)}"] if lacking else []),
        f"files: {kinds['finelabels']} of labels, {kinds['skeleton']} skeletons, {kinds['color']} videos, "
        f"{kinds['tflabels_new']} of emotion intervals (for `microgesture emotion train`)",
        f"protocol '{protocol}': "
        + "; ".join(f"{name} subjects {ranges(subjects)}" for name, subjects in parts.items() if subjects),
        split_counts(rows) + (f", and {len(unlabelled)} test samples without labels" if unlabelled else ""),
        "frame numbers count from 0, the last one belongs to the clip; "
        + (f"{', '.join(f'{rate:g}' for rate in sorted(rates))} frames per second" if rates else "no frame rate known"),
        *_published_counts(samples, rows, vocabulary),
        *majority_line(rows),
    ]
    return tuple(facts)


def _published_counts(samples: list[_Sample], rows: list[ClipRow], vocabulary: Vocabulary) -> list[str]:
    """Clips of each published group of subjects that is whole, beside the published counts."""
    facts = []
    labelled = {sample.number for sample in samples if "finelabels" in sample.files}
    for group, expected in published("smg")["clips_per_class"].items():
        low, high = (int(number) for number in group.split("_"))
        if not set(range(low, high + 1)) <= labelled:
            continue
        counts = [0] * len(vocabulary)
        for row in rows:
            if low <= int(row.subject) <= high:
                counts[vocabulary.index(row.label)] += 1
        what = f"subjects {low} to {high}"
        facts.append(compared(f"{what}, clips", sum(counts), sum(expected)))
        facts.append(compared_classes(what, counts, expected, vocabulary))
    return facts


def subject_of(clip: str) -> str | None:
    """Clips are called after their sample, `Sample0007_12`."""
    match = _CLIP.fullmatch(clip)
    return str(int(match[1])) if match else None


register_source(
    "smg",
    "SMG: Sample folders with Kinect skeletons, fine labels and RGB",
    read,
    recognises,
    order=11,
    space="metres",
    subject_of=subject_of,
    outcomes=outcomes,
)
