"""From a video to skeleton tracks: `extract` in memory, `write_pose` to files.

The video is streamed once (memory does not grow with its length, but for the poses themselves, about a kilobyte
each); decoding runs ahead on its own thread. Poses are found first and people told apart afterwards, so the expensive
half can be kept in parts of half a minute and a stopped run goes on.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from microgesture.errors import DataError, UserError, VideoError
from microgesture.pose.cuts import CutFinder
from microgesture.pose.detections import Collector, Detections, trunk_colour
from microgesture.pose.estimator import Pose, PoseEstimator, create_estimator
from microgesture.pose.plausibility import is_person
from microgesture.pose.read_ahead import read_ahead
from microgesture.pose.tracking import people
from microgesture.skeletons.gaps import MAX_GAP_S, fill_gaps
from microgesture.skeletons.layouts import LAYOUTS, Layout, check_joints
from microgesture.skeletons.sources import is_skeleton, read_tracks
from microgesture.skeletons.track import SkeletonTrack, media_hash
from microgesture.video import VideoReader

Progress = Callable[[float, float], None]
"""Called with (seconds done, seconds in all)."""

RATE = 12.5
"""Poses per second: what two cores can estimate faster than the video plays."""
LONG_SIDE = 1280
"""Larger frames are scaled to this while they are decoded; the models look at 256 x 256 pixels of a person."""
PART_S = 30.0
"""Seconds of video in a part of a run that can be stopped. Every part looks for its people anew."""
PAUSE_EDGE_S = 5.0
"""Seconds at each end of a pause that have rows without poses; the middle of a longer one has none."""

_CHUNK, _CHUNKS_AHEAD = 8, 2
_FORMAT = 2  # of part files


def extract(
    video: str | Path,
    estimator: PoseEstimator | None = None,
    fps: float = RATE,
    persons: str = "largest",
    progress: Progress | None = None,
    max_gap_s: float = MAX_GAP_S,
    resume_folder: str | Path | None = None,
    video_stream: int | None = None,
) -> list[SkeletonTrack]:
    """Skeleton tracks of the people in a video: "P1" is the largest over the whole of it, then "P2" and so on.

    Every track has all frames looked at: at most `fps` a second, never more than the video has, times in seconds on the
    file's clock, points in pixels as displayed. Where the person is not seen all scores are 0 (`SkeletonTrack.absent`),
    except for gaps of at most `max_gap_s`, which are filled and marked `interpolated`; never over a cut. Nobody is seen
    where the video has no frames for longer than that. `video_stream` is that of `VideoReader`. The list has at most
    one track for `persons` "largest", any number for "all", and is empty when nobody is seen. With `resume_folder` what
    was estimated so far is kept there in a folder for this video and these settings, and a second call goes on.
    Raises `VideoError` when the video cannot be read or is a single picture, `UserError` for settings that cannot
    be, `MissingExtra` when no `estimator` is given and MediaPipe is not installed.
    """
    if persons not in ("largest", "all"):
        raise UserError(f"persons must be 'largest' or 'all', not '{persons}'")
    if not (math.isfinite(fps) and fps > 0):
        raise UserError(f"fps must be a positive number of poses per second, not {fps}")
    if not max_gap_s >= 0:
        raise UserError(f"max_gap_s must be 0 or more seconds, not {max_gap_s}")
    with VideoReader(video, stream=video_stream) as reader:
        plan = _plan(reader, fps)
        used = create_estimator() if estimator is None else estimator
        try:
            place = None if resume_folder is None else Path(resume_folder)
            folder = None if place is None else _parts_folder(place, reader, plan, used, video_stream)
            found = _detect(reader, plan, used, folder, progress)
        finally:
            if estimator is None:
                used.close()
    chosen = people(found, 1.0 / plan.rate)
    chosen = chosen[:1] if persons == "largest" else chosen
    return [_track(found, rows, f"P{k}", used.layout, plan, max_gap_s) for k, rows in enumerate(chosen, 1)]


def write_pose(
    video: str | Path,
    out: str | Path,
    persons: str = "largest",
    fps: float | None = None,
    model_file: str | Path | None = None,
    pose_estimator: str = "mediapipe",
    estimator: PoseEstimator | None = None,
    progress: Progress | None = None,
    video_stream: int | None = None,
    layout: Layout | None = None,
) -> list[Path]:
    """Write the skeleton tracks of a video, or of another tool's skeleton file.

    One person goes to `out`, several to `out` with -P1, -P2 before the suffix. `layout` is the one that the tracks are
    written in, by the names of its joints, and that of a skeleton file which does not say what its points are.

    Returns the files. A stopped run leaves its parts in a hidden folder beside `out` and goes on from there. Raises
    as `extract` does, `DataError` when nobody is seen, `UserError` when `out` is no `.npz` or cannot be written.
    """
    out = Path(out)
    if out.suffix.lower() != ".npz":
        raise UserError(f"{out}: a skeleton track is a .npz file")
    if is_skeleton(video):
        tracks = read_tracks(video, fps=fps, layout=layout)[: 1 if persons == "largest" else None]
        return _write_tracks(_in_layout(tracks, layout, video), out, video)
    parts = out.with_name(f".{out.name}.parts")
    used = create_estimator(pose_estimator, model_file) if estimator is None else estimator
    try:
        rate = RATE if fps is None else fps
        tracks = extract(video, used, rate, persons, progress, resume_folder=parts, video_stream=video_stream)
    finally:
        if estimator is None:
            used.close()
    if not tracks:
        shutil.rmtree(parts, ignore_errors=True)
        raise DataError(f"{video}: nobody was found in it, so there is no skeleton to write")
    files = _write_tracks(_in_layout(tracks, layout, video), out, video)
    shutil.rmtree(parts, ignore_errors=True)
    return files


def _in_layout(tracks: Sequence[SkeletonTrack], layout: Layout | None, video: str | Path) -> Sequence[SkeletonTrack]:
    """The tracks in a layout, as they are without one. Raises `DataError` when its joints are unknown to them."""
    if layout is None or not tracks:
        return tracks
    try:
        check_joints(tracks[0].skeleton, layout)
    except DataError as error:
        raise DataError(f"{video}: {error}") from error
    return [track if track.skeleton == layout else track.to_layout(layout) for track in tracks]


def _write_tracks(tracks: Sequence[SkeletonTrack], out: Path, video: str | Path) -> list[Path]:
    media = media_hash(video)
    names = [out.name] if len(tracks) == 1 else [f"{out.stem}-{track.person}{out.suffix}" for track in tracks]
    files = [out.with_name(name) for name in names]
    for track, file in zip(tracks, files, strict=True):
        replace(track, media=media).save(file)
    return files


@dataclass(frozen=True)
class _Plan:
    """Which frames are looked at: `rate` a second; `sampled` at start + k / rate, else those of the file."""

    rate: float
    sampled: bool
    start: float
    size: tuple[int, int]
    shown: tuple[int, int]

    @property
    def part(self) -> int:
        """Frames in a part."""
        return max(1, round(PART_S * self.rate))

    @property
    def pause(self) -> float:
        """Seconds: a frame that is held for longer shows nothing of the person any more."""
        return max(MAX_GAP_S, 2.5 / self.rate)


def _plan(reader: VideoReader, fps: float) -> _Plan:
    if reader.duration <= 0 or reader.frame_count < 2:
        raise VideoError(f"{reader.path}: a single picture; gestures need a video")
    native = _usual_rate(reader) or fps
    sampled = native > 1.01 * fps
    share = min(1.0, LONG_SIDE / max(reader.size))
    width, height = (max(1, round(side * share)) for side in reader.size)
    return _Plan(fps if sampled else native, sampled, reader.start, (width, height), reader.size)


def _usual_rate(reader: VideoReader) -> float | None:
    """Frames a second, pauses in an otherwise moving picture left out."""
    steps = np.diff(reader.times)
    moving = steps[steps <= MAX_GAP_S]
    if len(moving) == len(steps) or 2 * len(moving) < len(steps):
        return reader.fps
    return len(moving) / max(float(moving.sum()), 1e-9)


def _detect(
    reader: VideoReader, plan: _Plan, estimator: PoseEstimator, folder: Path | None, progress: Progress | None
) -> Detections:
    """Poses of all frames, with parts that are already in `folder` read from there."""
    cuts, collector = CutFinder(), Collector(len(LAYOUTS[estimator.layout]))
    parts: list[Detections] = []
    while folder is not None and (kept := Detections.load(_part_file(folder, len(parts)))) is not None:
        parts.append(kept[0])
        cuts.recall(kept[1])
    shot = int(parts[-1].shots[-1]) if parts else 0
    paused = False

    def finish() -> None:
        parts.append(collector.take())
        if folder is not None:
            parts[-1].save(_part_file(folder, len(parts) - 1), cuts.memory())

    estimator.reset()
    with read_ahead(_frames(reader, plan, parts[:]), _CHUNKS_AHEAD) as chunks:
        for times, frames in chunks:
            for time, frame in zip(times.tolist(), frames, strict=True):
                if len(collector) == plan.part:
                    finish()
                    estimator.reset()
                if frame is None:
                    collector.add(time, shot, math.nan, [], [])
                    paused = True
                    continue
                cuts.look(frame)
                shot += cuts.is_cut
                if cuts.is_cut or paused:
                    estimator.reset()
                    paused = False
                poses = [p for p in estimator.estimate(frame, time) if is_person(p, estimator.layout, plan.size)]
                colours = [trunk_colour(frame, pose, estimator.layout) for pose in poses]
                collector.add(time, shot, cuts.change, [_displayed(pose, plan) for pose in poses], colours)
                if progress is not None:
                    progress(min(time, reader.duration), reader.duration)
    if len(collector) or not parts:
        finish()
    if progress is not None:
        progress(reader.duration, reader.duration)
    return Detections.join(parts)


_Chunk = tuple[np.ndarray, Sequence[np.ndarray | None]]
"""Times and frames; None in place of a frame that is held through a pause."""


def _frames(reader: VideoReader, plan: _Plan, parts: Sequence[Detections]) -> Iterator[_Chunk]:
    """What is to be looked at after the parts that are done."""
    size = None if plan.size == plan.shown else plan.size
    rows = np.concatenate([part.times for part in parts]) if parts else np.empty(0)
    if plan.sampled:
        yield from _sampled(reader, plan, size, round((float(rows[-1]) - plan.start) * plan.rate) + 1 if parts else 0)
        return
    pictured = rows[np.isfinite(np.concatenate([part.changes for part in parts]))] if parts else rows
    yield from _native(reader, plan, size, rows, pictured)


def _sampled(reader: VideoReader, plan: _Plan, size: tuple[int, int] | None, first: int) -> Iterator[_Chunk]:
    """At start + k / rate from k = `first` on."""
    pauses = reader.pauses(plan.pause)
    skipped = pauses[np.diff(pauses, axis=1)[:, 0] > 2 * PAUSE_EDGE_S] + (PAUSE_EDGE_S, -PAUSE_EDGE_S)
    edges = [plan.start, *skipped.ravel().tolist(), math.inf]
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        k = max(math.ceil((begin - plan.start) * plan.rate - 1e-6), first)
        for times, frames in reader.stream(plan.rate, _CHUNK, plan.start + k / plan.rate, end, size):
            moments = plan.start + np.arange(k, k + len(times)) / plan.rate
            inside = (moments[:, None] > pauses[:, 0] + 1 / plan.rate) & (moments[:, None] < pauses[:, 1])
            held = np.asarray(inside.any(axis=1))
            yield moments, [None if gone else frame for gone, frame in zip(held, frames, strict=True)]
            k += len(times)


def _native(
    reader: VideoReader, plan: _Plan, size: tuple[int, int] | None, rows: np.ndarray, pictured: np.ndarray
) -> Iterator[_Chunk]:
    """The file's own frames after those of the times `pictured`, which are among the `rows` that are done.

    Of a variable rate they may come closer together than the rate asked for: those in between are left out.
    """
    latest, last = (float(times[-1]) if len(times) else -math.inf for times in (rows, pictured))
    least = 0.6 / plan.rate
    start = 0.0 if math.isinf(last) else last + least
    for times, frames in reader.stream(None, _CHUNK, start=start, size=size):
        found: list[tuple[float, np.ndarray | None]] = []
        for time, frame in zip(times.tolist(), frames, strict=True):
            if time - last < least:
                continue
            if plan.pause < time - last < math.inf:
                found += [(moment, None) for moment in _held(last, time, plan.rate) if moment > latest + 1e-6]
            found.append((time, frame))
            latest = last = time
        if found:
            yield np.array([time for time, _ in found]), [frame for _, frame in found]


def _held(last: float, time: float, rate: float) -> list[float]:
    """Moments of rows between two frames, without the middle of a long pause."""
    count, edge = int((time - last) * rate - 0.6), round(PAUSE_EDGE_S * rate)
    numbers = range(1, count + 1)
    chosen = [*numbers[:edge], *numbers[max(edge, count - edge) :]]
    return [last + number / rate for number in chosen]


def _displayed(pose: Pose, plan: _Plan) -> Pose:
    scale = np.array(plan.shown) / np.array(plan.size)
    return Pose((pose.points * scale).astype(np.float32), pose.scores.astype(np.float32))


def _track(
    found: Detections, rows: np.ndarray, person: str, layout: str, plan: _Plan, max_gap_s: float
) -> SkeletonTrack:
    points = np.zeros((len(found.times), *found.points.shape[1:]), dtype=np.float32)
    scores = np.zeros(points.shape[:2], dtype=np.float32)
    points[found.frames[rows]], scores[found.frames[rows]] = found.points[rows], found.scores[rows]
    points, scores, filled = fill_gaps(found.times, points, scores, found.shots, max_gap_s)
    return SkeletonTrack(found.times, points, scores, layout, plan.shown, person, filled)


def _part_file(folder: Path, number: int) -> Path:
    return folder / f"part-{number:05d}.npz"


def _parts_folder(
    folder: Path, reader: VideoReader, plan: _Plan, estimator: PoseEstimator, video_stream: int | None
) -> Path:
    """A folder for this video (its length in bytes, its beginning and end) and these settings."""
    bytes_ = reader.path.stat().st_size
    with reader.path.open("rb") as file:
        digest = hashlib.sha256(file.read(1 << 20))
        with suppress(OSError):
            file.seek(-min(bytes_, 1 << 20), 2)
        digest.update(file.read(1 << 20))
    settings = [
        *(_FORMAT, bytes_, digest.hexdigest(), plan.rate, plan.sampled, plan.size, plan.part),
        *(plan.start, video_stream),
        *(estimator.name, estimator.layout, getattr(estimator, "max_people", None)),
    ]
    key = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]
    return folder / key
