"""What a face detector still finds in a video, frame by frame, and where nobody can tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from microgesture.pose.estimator import Pose, PoseEstimator, create_estimator
from microgesture.privacy.face_search import FaceFinder, head_of_pose
from microgesture.privacy.masking import TONES, Head
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.skeletons.track import MIN_SCORE
from microgesture.video import VideoReader

Stretch = tuple[float, float]
"""Start and end in seconds."""

_EVERY = 0.25  # seconds between looks for bodies and small faces
_LISTED = 8


@dataclass(frozen=True)
class Sighting:
    """A face that the audit found: when, and the head around it."""

    time: float
    head: Head


@dataclass(frozen=True)
class Audit:
    """What remained in a video.

    `counts (T,)` uint8 are the faces found in each frame, `times (T,)` its time in seconds. `remaining` are the
    stretches in which a face is found, `uncertain` those in which a person is seen whose head is neither covered nor
    found to be a face (from behind, in the dark, or a face that the detector does not know). `sightings` are the
    faces. A detector that finds nothing is no proof that nobody can be recognised.
    """

    file: str
    duration: float
    times: np.ndarray
    counts: np.ndarray
    remaining: tuple[Stretch, ...]
    uncertain: tuple[Stretch, ...]
    sightings: tuple[Sighting, ...] = ()

    @property
    def frames(self) -> int:
        """Frames looked at."""
        return len(self.counts)

    @property
    def face_frames(self) -> int:
        """Frames in which a face is found."""
        return int((self.counts > 0).sum())

    @property
    def share(self) -> float:
        """Share of frames in which a face is found, in [0, 1]."""
        return self.face_frames / max(self.frames, 1)

    @property
    def clean(self) -> bool:
        """No face was found in any frame."""
        return self.face_frames == 0

    def __str__(self) -> str:
        if self.clean:
            text = f"{self.file}: no face found in any of {self.frames} frames ({self.duration:.1f} s)."
        else:
            most = int(self.counts.max())
            text = (
                f"{self.file}: a face is still found in {self.face_frames} of {self.frames} frames "
                f"({_percent(self.share)}), at most {most} at once, at {_listed(self.remaining)}."
            )
        if self.uncertain:
            text += (
                f" A person is seen but no head that is covered or found at {_listed(self.uncertain)}: "
                "look at these yourself."
            )
        return f"{text} A detector can miss what a person would recognise: watch the video before it is shared."


def audit(video: str | Path, progress: Callable[[float, float], None] | None = None) -> Audit:
    """Look for faces in every frame of `video`, with the detector that `anonymize` uses.

    Raises `MissingExtra` without MediaPipe, `VideoError` when the file cannot be read.
    """
    with FaceFinder() as faces:
        poses = create_estimator()
        try:
            return audit_with(faces, poses, Path(video), progress)
        finally:
            poses.close()


def audit_with(
    faces: FaceFinder, poses: PoseEstimator, video: Path, progress: Callable[[float, float], None] | None = None
) -> Audit:
    """`audit` with models that are there already."""
    poses.reset()
    times: list[float] = []
    counts: list[int] = []
    sightings: list[Sighting] = []
    doubtful: list[tuple[float, bool]] = []
    with VideoReader(video) as reader:
        duration = reader.duration
        for moments, frames in reader.stream(chunk=2):
            for time, frame in zip(moments.tolist(), frames, strict=True):
                known = [_around(s.head) for s in sightings[-4:] if time - s.time < 0.2]
                due = not doubtful or time - doubtful[-1][0] >= _EVERY
                found = faces.find(frame, known, thorough=due)
                times.append(time)
                counts.append(min(len(found), 255))
                sightings += [Sighting(time, face.head) for face in found]
                if due:
                    people = poses.estimate(frame, time)
                    heads = [face.head for face in found]
                    doubtful.append((time, any(_doubtful(p, poses.layout, frame, heads) for p in people)))
                if progress is not None:
                    progress(min(time, duration), duration)
    seen = np.array(counts, np.uint8)
    remaining = _stretches(np.array(times), seen > 0, duration)
    uncertain = _stretches(np.array([t for t, _ in doubtful]), np.array([d for _, d in doubtful]), duration)
    return Audit(str(video), duration, np.array(times), seen, remaining, uncertain, tuple(sightings))


def _around(head: Head) -> tuple[float, float, float, float]:
    half = head.along / 2
    return head.x - half, head.y - half, head.x + half, head.y + half


def _doubtful(pose: Pose, layout: str, frame: np.ndarray, faces: Sequence[Head]) -> bool:
    """A person whose head, as far as it lies in the picture, is neither a face that was found nor covered."""
    head = head_of_pose(pose.points, pose.scores, LAYOUTS[layout], min_score=MIN_SCORE)
    if head is None:
        return False  # the head is out of the picture
    height, width = frame.shape[:2]
    if not (0 <= head.x < width and 0 <= head.y < height) or any(head.near(face, 1.2) for face in faces):
        return False
    # on a covered head the skeleton's guess lies too low as often as not
    return not any(covered(frame, replace(head, y=head.y - k * head.along)) for k in (0.0, 0.6, 1.2))


def covered(frame: np.ndarray, head: Head) -> bool:
    """Whether most of what lies inside an ellipse is a mask: the greys of the hatch, or flat cells."""
    reach = 0.7
    left, right = max(0, round(head.x - reach * head.across)), round(head.x + reach * head.across)
    top, bottom = max(0, round(head.y - reach * head.along)), round(head.y + reach * head.along)
    part = frame[top : bottom + 1, left : right + 1].astype(np.int16)
    if part.size == 0:
        return True
    grey = np.ptp(part, axis=-1) < 16
    tone = np.abs(part.mean(-1)[..., None] - np.array(TONES)).min(-1) < 12
    if (grey & tone).mean() > 0.5:
        return True
    step = max(1, part.shape[1] // 24)
    thin = part[::step, ::step]
    change = np.concatenate([np.abs(np.diff(thin, axis=a)).max(-1).ravel() for a in (0, 1)])
    return bool(thin.mean() > 40 and (change <= 3).mean() > 0.75)


def _stretches(times: np.ndarray, flags: np.ndarray, duration: float) -> tuple[Stretch, ...]:
    """Runs of true flags; each lasts until the next moment, neighbours less than half a second apart are one."""
    ends = np.append(times[1:], max(duration, times[-1] if len(times) else 0.0))
    runs: list[Stretch] = []
    for start, end, flag in zip(times.tolist(), ends.tolist(), flags, strict=True):
        if not flag:
            continue
        if runs and start - runs[-1][1] < 0.5:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return tuple(runs)


def _listed(stretches: Sequence[Stretch]) -> str:
    shown = ", ".join(f"{start:.1f} to {end:.1f} s" for start, end in stretches[:_LISTED])
    rest = len(stretches) - _LISTED
    return shown + (f" and {rest} more stretches" if rest > 0 else "")


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
