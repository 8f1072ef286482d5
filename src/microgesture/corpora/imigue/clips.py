"""The clips of one video of iMiGUE, checked against its skeleton and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from microgesture.corpora.imigue.labels import Label, class_of
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.datasets.media_lengths import SLACK, MediaLength
from microgesture.datasets.skeleton_frames import FrameError, Frames, anybody, open_frames
from microgesture.errors import DataError
from microgesture.vocabulary import Vocabulary

FPS = 25.0


@dataclass(frozen=True)
class VideoFiles:
    """One video: its labels and the file they stand in, its skeleton, its pictures whole or as `clips` by index.

    `split` and `subject` are those of its rows. `wants_skeleton` and `wants_video`: other videos of the same part have
    one. `gap`: the official files of this video are known to be empty.
    """

    number: int
    split: str
    subject: str
    source: Path
    labels: tuple[Label, ...]
    skeleton: Path | None = None
    video: Path | None = None
    clips: Mapping[int, Path] = field(default_factory=dict)
    wants_skeleton: bool = False
    wants_video: bool = False
    labelled: bool = True
    gap: bool = False


@dataclass
class Clips:
    """Rows with a label, rows without, and what is wrong."""

    rows: list[ClipRow] = field(default_factory=list)
    unlabelled: list[ClipRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_clips(files: VideoFiles, lengths: Mapping[Path, MediaLength], vocabulary: Vocabulary, out: Clips) -> None:
    """Add the clips of a video to `out`; `lengths` are those of its videos. Clips that no file shows are left out."""
    frames = _frames(files, out)
    length = _length(files, frames, lengths, out)
    if not files.labels and files.clips:  # a test set of trimmed videos without a list
        for index, path in sorted(files.clips.items()):
            if not lengths[path].frames:
                out.problems.append(Problem(path, 0, lengths[path].wrong))
                continue
            extra = {"id": f"{files.number:04d}_{index}"}
            out.unlabelled.append(ClipRow(path, "", subject=files.subject, split=files.split, extra=extra))
    seen: dict[tuple[int | None, int, int], int] = {}
    for label in files.labels:
        key = (label.number, label.first, label.last)
        if seen.setdefault(key, label.row) != label.row:
            what = f"the same clip as row {seen[key]}"
            out.problems.append(Problem(files.source, label.row, what, error=False))
        _add_row(files, label, frames, length, lengths, vocabulary, out)


def _add_row(
    files: VideoFiles,
    label: Label,
    frames: Frames | None,
    length: MediaLength | None,
    lengths: Mapping[Path, MediaLength],
    vocabulary: Vocabulary,
    out: Clips,
) -> None:
    """Add one clip with what shows it; nothing when its label is wrong or no file shows it."""
    text = ""
    if files.labelled:
        try:
            if label.number is None:
                raise DataError("no label")
            text = class_of(label.number, vocabulary)
        except DataError as error:
            out.problems.append(Problem(files.source, label.row, str(error)))
            return
    span: tuple[float | None, float | None] = (label.first / FPS, (label.last + 1) / FPS)
    extra = {"id": f"{files.number:04d}_{label.index}"}
    skeleton = files.skeleton if frames is not None and _is_shown(files, label, frames, out) else None
    video = files.video if length is not None and _is_long_enough(files, label, length, out) else None
    if files.clips and files.video is None:
        video = _trimmed(files, label, lengths, out)
        if video is not None and skeleton is not None:
            extra["video_start"] = f"{label.first / FPS:g}"
        elif video is not None:  # nothing has the clock of the whole video
            span = (None, None)
    if skeleton is None and video is None:
        return
    row = ClipRow(video, text, *span, "P1", files.subject, files.split, skeleton, extra, label.row)
    (out.rows if files.labelled else out.unlabelled).append(row)


def _is_shown(files: VideoFiles, label: Label, frames: Frames, out: Clips) -> bool:
    """Whether the skeleton has the frames of a clip, and somebody in them."""
    problem = None
    if (label.last + 1 - frames.count) / FPS > SLACK:
        what = f"ends in frame {label.last}, past the skeleton's last one ({frames.count - 1})"
        problem = Problem(files.source, label.row, what)
    else:
        try:
            if not anybody(frames, label.first, label.last):
                what = f"the skeleton shows nobody in frames {label.first} to {label.last}"
                problem = Problem(files.source, label.row, what)
        except FrameError as error:
            problem = Problem(files.skeleton or files.source, error.row, str(error))
    out.problems += [] if problem is None else [problem]
    return problem is None


def _is_long_enough(files: VideoFiles, label: Label, length: MediaLength, out: Clips) -> bool:
    end = (label.last + 1) / FPS
    if end <= length.duration + SLACK:
        return True
    what = f"ends at {end:.2f} s, past the video's end ({length.duration:.2f} s)"
    out.problems.append(Problem(files.source, label.row, what))
    return False


def _trimmed(files: VideoFiles, label: Label, lengths: Mapping[Path, MediaLength], out: Clips) -> Path | None:
    """The file of one clip, None when it is missing or cannot be read."""
    path = files.clips.get(label.index)
    if path is None:
        what = f"no clip {files.number:04d}_{label.index} among those of its video"
        out.problems.append(Problem(files.source, label.row, what))
        return None
    seconds = (label.last - label.first + 1) / FPS
    if lengths[path].wrong or lengths[path].duration + SLACK < seconds:
        shorter = f"lasts {lengths[path].duration:.2f} s, its label {seconds:.2f} s"
        out.problems.append(Problem(path, 0, lengths[path].wrong or shorter))
    return path if lengths[path].frames else None


def _frames(files: VideoFiles, out: Clips) -> Frames | None:
    """The frames of the skeleton, None when there is none that can be read."""
    if files.skeleton is None:
        if files.wants_skeleton:
            out.problems.append(Problem(files.source, 0, f"no skeleton of video {files.number:04d}", not files.gap))
        return None
    try:
        frames = open_frames(files.skeleton)
        nobody = not anybody(frames, 0, frames.count - 1)
    except (FrameError, OSError) as error:
        row = error.row if isinstance(error, FrameError) else 0
        out.problems.append(Problem(files.skeleton, row, str(error), not files.gap))
        return None
    if nobody:
        out.problems.append(Problem(files.skeleton, 0, "nobody is seen in any frame", not files.gap))
        return None
    out.problems += [Problem(files.skeleton, row, what, error=False) for row, what in frames.notes]
    return frames


def _length(
    files: VideoFiles, frames: Frames | None, lengths: Mapping[Path, MediaLength], out: Clips
) -> MediaLength | None:
    """The length of the whole video, None when there is none that can be read."""
    if files.video is None:
        if files.wants_video and not files.clips:
            out.problems.append(Problem(files.source, 0, f"no video file of video {files.number:04d}", not files.gap))
        return None
    length = lengths[files.video]
    if length.wrong:
        out.problems.append(Problem(files.video, 0, length.wrong))
    if not length.frames:
        return None
    if length.fps is not None and abs(length.fps - FPS) > 0.01 * FPS:
        what = f"{length.fps:g} frames per second, not {FPS:g}: the frames of the labels may be others"
        out.problems.append(Problem(files.video, 0, what, error=False))
    elif frames is not None and not length.wrong and abs(length.frames - frames.count) > SLACK * FPS + 1:
        what = f"{length.frames} frames, its skeleton has {frames.count}"
        out.problems.append(Problem(files.video, 0, what, error=False))
    return length
