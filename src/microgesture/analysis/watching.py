"""Watching: a video or a skeleton file as tracks, one per person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from microgesture.errors import RecipeError
from microgesture.files.text_tables import printable
from microgesture.runs.run import Spec
from microgesture.skeletons.layout_files import LayoutLike, as_layout
from microgesture.skeletons.sources import is_skeleton, read_tracks
from microgesture.skeletons.track import SkeletonTrack
from microgesture.timeline import Media
from microgesture.video import VideoReader

Progress = Callable[[float, float], None]
"""Called with (seconds done, seconds in all)."""


@dataclass(frozen=True)
class Watched:
    """What was seen: `tracks`, one per person, largest first (none: nobody), and the `media` they come from. `beside`
    are people in view who are not analysed, but are passed to models that look at several persons."""

    tracks: tuple[SkeletonTrack, ...]
    media: Media
    source: str = ""
    beside: tuple[SkeletonTrack, ...] = ()

    def others(self, track: SkeletonTrack) -> tuple[SkeletonTrack, ...]:
        """Everyone but the person of a track, largest first."""
        return tuple(other for other in (*self.tracks, *self.beside) if other is not track)


def watch(
    source: str | Path,
    spec: Spec,
    persons: str = "largest",
    fps: float | None = None,
    model_file: str | Path | None = None,
    pose_estimator: str = "mediapipe",
    resume: Path | None = None,
    progress: Progress | None = None,
    video_stream: int | None = None,
    layout: LayoutLike | None = None,
) -> Watched:
    """Tracks of a video, or of a skeleton file in its place (`fps` for formats that hold no times).

    Of a video `fps` poses per second are estimated (by default the run's rate) and kept in the folder `resume`, so
    that a stopped watch resumes. `pose_estimator` and `model_file` are those of `create_estimator`, `video_stream`
    is that of `VideoReader`, `layout` (by default that of the run's data) of points that do not say it. Raises
    `VideoError`, `DataError`, `MissingExtra` without the extra `pose`, `RecipeError` for a video when the run was
    trained on points in space.
    """
    if is_skeleton(source):
        return _read(source, spec, persons, fps, layout)
    if spec.dimensions != 2:
        raise RecipeError("the run learnt from points in space (3D), which a video does not show")
    from microgesture.pose.estimator import create_estimator
    from microgesture.pose.extraction import extract
    from microgesture.skeletons.gaps import MAX_GAP_S

    with VideoReader(source, stream=video_stream) as reader:
        media = Media(printable(source), reader.duration, reader.fps, reader.size, reader.sha256())
    estimator = create_estimator(pose_estimator, model_file)
    try:
        looked_for = "all" if spec.persons > 1 and persons == "largest" else persons
        tracks = extract(source, estimator, fps or spec.rate, looked_for, progress, MAX_GAP_S, resume, video_stream)
    finally:
        estimator.close()
    kept = tracks[:1] if persons == "largest" else tracks
    return Watched(tuple(kept), media, estimator.name, tuple(tracks[len(kept) :]))


def _read(source: str | Path, spec: Spec, persons: str, fps: float | None, layout: LayoutLike | None) -> Watched:
    points = as_layout(layout) if layout else spec.points
    tracks = read_tracks(source, fps=fps, space="metres" if spec.dimensions == 3 else "pixels", layout=points)
    kept = tracks[:1] if persons == "largest" else tracks
    end = max((float(t.times[-1]) + t.step for t in kept if len(t)), default=0.0)
    media = Media(printable(source), end, None, kept[0].image_size if kept else None)
    return Watched(tuple(kept), media, "file", tuple(tracks[len(kept) :]))
