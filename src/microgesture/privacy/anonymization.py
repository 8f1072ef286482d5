"""A video without faces: every head covered, hands that touch it still visible, and an audit of the result.

    audit = anonymize("interview.mp4", "masked.mp4")
    print(audit)                      # one paragraph: what was found in the masked file
    audit.clean                       # False: look at `audit.remaining`

Two readers go through the file, the one that looks some seconds ahead of the one that paints, so that a head that a
detector misses for a while is covered from the sighting before it to the one after it; memory does not grow with the
length. Sound, titles, places and all other metadata of the source are left behind: a voice identifies a person as
surely as a face does. Clothes, gait, build and surroundings still can: this hides faces, no more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from microgesture.errors import UserError
from microgesture.pose.estimator import Pose, PoseEstimator, create_estimator
from microgesture.privacy.face_audit import Audit, Sighting, audit_with
from microgesture.privacy.face_search import Box, FaceFinder, HandFinder, head_of_pose
from microgesture.privacy.masking import Head, Style, Trail, hand_reaches, paint
from microgesture.settings import check_settings, within
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.video import VideoReader, VideoWriter

Progress = Callable[[float, float], None]
"""Called with (seconds done, seconds in all)."""

_POSE_EVERY = 0.25  # seconds, while every known face is seen
_POSE_LEAST = 0.06  # seconds between two looks for bodies while one is not
_THOROUGH_EVERY = 0.25
_HANDS_EVERY = 0.06
_KNOWN_FOR = 0.5  # seconds for which a face that is not seen is looked for in its place
_CHUNK_BYTES = 48_000_000
_CRF = 18


@dataclass(frozen=True)
class AnonymizeConfig:
    """How faces are hidden.

    `style` is "solid" (a hatch of two greys: nothing of the face is left) or "pixelate" (four mean colours across the
    head: tells skin and hair colour, and over many frames perhaps more). `hands` keeps hands before the face visible.
    A head that is not seen is covered for `bridge_s` seconds between two sightings and for `hold_s` before the first
    and after the last. `margin` scales the masks.
    """

    style: Style = "solid"
    hands: bool = True
    bridge_s: float = within(4.0, 0, 60)
    hold_s: float = within(1.0, 0, 60)
    margin: float = within(1.0, 0.8, 3)

    def __post_init__(self) -> None:
        check_settings(self, "anonymize.", UserError)


def anonymize(
    video: str | Path,
    out: str | Path,
    config: AnonymizeConfig | None = None,
    progress: Progress | None = None,
    video_stream: int | None = None,
) -> Audit:
    """Write `video` with every face hidden to `out` (.mp4, no sound, no metadata) and audit what was written.

    Frames keep their times on the file's clock: a picture that starts two seconds after its sound does so here
    too. The picture is upright, odd sizes grow by a pixel. `video_stream` is that of `VideoReader`. Where the audit
    still finds a face, the work is done once more with what it found. The file appears when it is whole; an older one
    is replaced. Raises `MissingExtra` without MediaPipe, `VideoError` when the source cannot be read, `UserError` when
    `out` is the source, is not .mp4 or cannot be written.
    """
    source, target = Path(video), Path(out)
    config = config or AnonymizeConfig()
    _check_target(source, target)
    with _Eyes(config.hands) as eyes:
        sightings: tuple[Sighting, ...] = ()
        for _ in range(2):
            with VideoReader(source, stream=video_stream) as reader:
                _write(reader, target, config, eyes, sightings, _part(progress, 0.0, 0.6))
            found = audit_with(eyes.faces, eyes.poses, target, _part(progress, 0.6, 1.0))
            if found.clean:
                break
            sightings = (*sightings, *found.sightings)
        return found


def masked_frames(
    video: str | Path,
    times: Sequence[float],
    config: AnonymizeConfig | None = None,
    video_stream: int | None = None,
) -> Iterator[np.ndarray | None]:
    """The frames shown at these ascending times, uint8 `(H, W, 3)`, with every face hidden as in `anonymize`.

    Each is judged with the half second around it. None where a person is seen but no head was found to cover.
    Errors as in `anonymize`.
    """
    config = config or AnonymizeConfig()
    with _Eyes(config.hands) as eyes, VideoReader(video, stream=video_stream) as reader:
        for time in times:
            watcher = _Watcher(eyes, config)
            around = time + np.arange(-5, 6) * 0.1
            picture = reader.frames_at([time])[0]
            for moment in around[(around >= reader.start) & (around <= max(reader.duration, time))].tolist():
                watcher.look(moment, picture if moment == time else reader.frames_at([moment])[0])
            hidden = watcher.cover(time, picture)
            yield None if watcher.person_seen and not hidden else picture


def _check_target(source: Path, target: Path) -> None:
    if target.suffix.lower() not in (".mp4", ".m4v"):
        raise UserError(f"{target}: masked videos are written as .mp4")
    if target.exists() and source.exists() and os.path.samefile(source, target):
        raise UserError(f"{target}: is the video itself; give another name")
    if target.is_dir():
        raise UserError(f"{target}: is a folder")
    if not target.parent.is_dir():
        raise UserError(f"{target}: there is no folder {target.parent}")


def _part(progress: Progress | None, start: float, end: float) -> Progress | None:
    """Progress of one part of the work as progress of the whole."""
    if progress is None:
        return None
    return lambda done, total: progress(start * total + done * (end - start), total)


def _write(
    reader: VideoReader,
    target: Path,
    config: AnonymizeConfig,
    eyes: _Eyes,
    sightings: Sequence[Sighting],
    progress: Progress | None,
) -> None:
    width, height = reader.size
    chunk = max(1, min(32, _CHUNK_BYTES // (width * height * 3)))
    watcher = _Watcher(eyes, config, sightings)
    ahead = _frames(reader, chunk)
    seen, last = -1.0, -1.0
    with VideoWriter(target, reader.fps or 25.0, (width, height), _CRF) as writer:
        for time, frame in _frames(reader, chunk):
            while seen < time + watcher.horizon and (upcoming := next(ahead, None)) is not None:
                seen = upcoming[0]
                watcher.look(*upcoming)
            watcher.cover(time, frame)
            last = max(time, last + 2e-5)  # joined recordings can say one time twice
            writer.write(frame, last)
            if progress is not None:
                progress(min(time, reader.duration), reader.duration)


def _frames(reader: VideoReader, chunk: int) -> Iterator[tuple[float, np.ndarray]]:
    for times, frames in reader.stream(chunk=chunk):
        yield from zip(times.tolist(), frames, strict=True)


class _Eyes:
    """The models: faces, hands, bodies."""

    def __init__(self, hands: bool) -> None:
        with ExitStack() as stack:
            self.faces = stack.enter_context(FaceFinder())
            self.hands = stack.enter_context(HandFinder()) if hands else None
            self.poses: PoseEstimator = create_estimator()
            stack.callback(self.poses.close)
            self._stack = stack.pop_all()

    def __enter__(self) -> _Eyes:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()


class _Watcher:
    """Looks at frames in order, remembers where heads and hands were, and covers the heads of a frame."""

    def __init__(self, eyes: _Eyes, config: AnonymizeConfig, sightings: Sequence[Sighting] = ()) -> None:
        self._eyes, self._config = eyes, config
        self._heads = Trail(config.bridge_s, config.hold_s)
        self._hands = Trail(0.2, 0.0, 0.0)
        self._given = sightings
        self._known: list[tuple[float, Box]] = []
        self._pose_at = self._thorough_at = self._hands_at = -np.inf
        self.person_seen = False
        eyes.poses.reset()

    @property
    def horizon(self) -> float:
        """How far ahead of `cover` one must have looked, seconds."""
        return max(self._config.bridge_s, self._config.hold_s)

    def look(self, time: float, frame: np.ndarray) -> None:
        """Find heads and hands in the frame shown at `time`, which is later than the one before."""
        thorough = time - self._thorough_at >= _THOROUGH_EVERY
        if thorough:
            self._thorough_at = time
        faces = self._eyes.faces.find(frame, [box for _, box in self._known], thorough)
        heads = [face.head for face in faces]
        heads += [s.head for s in self._given if abs(s.time - time) < 0.02]
        missed = [box for t, box in self._known if time - t <= _KNOWN_FOR and not _inside(box, heads)]
        self._known = [(time, face.box) for face in faces] + [k for k in self._known if k[1] in missed]
        poses = self._bodies(time, frame, heads)
        for pose in poses:
            head = head_of_pose(pose.points, pose.scores, LAYOUTS[self._eyes.poses.layout])
            if head is not None and not any(head.near(other, 0.9) for other in heads):
                heads.append(head)
        self._heads.add(time, [h.row for h in heads], [h.along for h in heads], [h.score for h in heads])
        self._keep_hands(time, frame, heads, poses)

    def _bodies(self, time: float, frame: np.ndarray, heads: Sequence[Head]) -> list[Pose]:
        """Skeletons, when it is time for them: at once where a head that was there a moment ago has no face."""
        before = [Head(*row) for row in self._heads.latest(time, self.horizon)]
        lost = not heads or any(not any(old.near(head, 1.5) for head in heads) for old in before)
        if time - self._pose_at < (_POSE_LEAST if lost else _POSE_EVERY):
            return []
        self._pose_at = time
        poses = self._eyes.poses.estimate(frame, time)
        self.person_seen = self.person_seen or bool(poses)
        return poses

    def _keep_hands(self, time: float, frame: np.ndarray, heads: Sequence[Head], poses: Sequence[Pose]) -> None:
        if self._eyes.hands is None or time - self._hands_at < _HANDS_EVERY:
            return
        self._hands_at = time
        hands: list[np.ndarray] = []
        found = [hand for head in heads for hand in self._eyes.hands.find(frame, head)]
        for hand in [*found, *_hands_of(poses, self._eyes.poses.layout)]:
            palm = max(float(np.hypot(*(hand[9] - hand[0]))), 1.0)
            if not any(np.hypot(*(hand - other).T).mean() < 0.7 * palm for other in hands):
                hands.append(hand)
        sizes = [float(np.hypot(*(hand[9] - hand[0]))) for hand in hands]
        self._hands.add(time, [hand.ravel() for hand in hands], sizes, [1.0] * len(hands))

    def cover(self, time: float, frame: np.ndarray) -> int:
        """Hide the heads of the frame at `time` in place, as far as has been looked; returns how many."""
        heads = [Head(*row).grown(factor * self._config.margin) for row, factor in self._heads.at(time)]
        hands = [row.reshape(-1, 2) for row, _ in self._hands.at(time)]
        if any(abs(s.time - time) < 0.02 for s in self._given):
            hands = []  # the audit found a face in this frame
        touched = [head for head in heads if any(hand_reaches(hand, head) for hand in hands)]
        bare = frame.copy() if touched else frame
        paint(frame, heads, hands, self._config.style)
        if any(self._eyes.faces.sees(frame, _face_of(head)) for head in touched):
            paint(bare, heads, (), self._config.style)
            frame[...] = bare
        self._heads.forget(time)
        self._hands.forget(time)
        return len(heads)


def _hands_of(poses: Sequence[Pose], layout: str) -> list[np.ndarray]:
    """Hands `(21, 2)` of which all points were seen, from skeletons whose layout has them."""
    from microgesture.pose.mediapipe_points import HANDS

    if layout != "mediapipe-holistic":
        return []
    return [p.points[i].astype(float) for p in poses for i in HANDS.values() if p.scores[i].min() > 0.5]


def _face_of(head: Head) -> Box:
    """About where the face detector's box lies under a mask."""
    half, y = head.along / 2.04, head.y + 0.18 * head.along
    return head.x - half, y - half, head.x + half, y + half


def _inside(box: Box, heads: Sequence[Head]) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(np.hypot(h.x - x, h.y - y) < h.along for h in heads)
