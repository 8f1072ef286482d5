"""`HolisticEstimator`: several people by MediaPipe's holistic graph, one graph for each.

A graph follows the person that it found, so it must only be kept from finding somebody else: while it looks, it is
shown the picture with everything but its person blacked out. Who is there is told by the face detector, about once
a second, so a video of one person costs no more than the graph alone. A person whose face is not seen (from behind)
is found when nobody else is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microgesture.pose.estimator import MIN_SCORE, PEOPLE, Closing, Pose
from microgesture.pose.mediapipe_person import HolisticPerson
from microgesture.pose.mediapipe_points import check_process, solution, starting
from microgesture.skeletons.layouts import MEDIAPIPE_HOLISTIC

log = logging.getLogger(__name__)

SEARCH_S = 1.0
"""Seconds between two looks for further people."""
LOST_S = 1.0
"""After so many seconds out of sight a person is looked for anywhere, not only where they were."""

_FACE_SCORE = 0.6
_SMALLEST = 0.25  # faces below this share of the largest are the background's
_LARGER = 1.3  # so much larger is a newcomer for whom somebody is dropped
_HEAD = [MEDIAPIPE_HOLISTIC.index(j) for j in ("nose", "left_eye", "right_eye")]
_SHOULDERS = [MEDIAPIPE_HOLISTIC.index(j) for j in ("left_shoulder", "right_shoulder")]
_FACES_PER_SHOULDERS = 2.7  # a face detector's box beside the width of the shoulders


@dataclass(frozen=True)
class Face:
    """A face in the picture: centre and width of its box, pixels."""

    x: float
    y: float
    width: float


class FaceSearch:
    """MediaPipe's full-range face detector (faces within about 5 m; its model is in the wheel)."""

    def __init__(self) -> None:
        with starting():
            self._model: Any = solution("face_detection").FaceDetection(_FACE_SCORE, model_selection=1)
            self._model.process(np.zeros((64, 64, 3), np.uint8))

    def find(self, frame: np.ndarray) -> list[Face]:
        """Faces in `frame`, uint8 `(H, W, 3)`, largest first; far smaller ones in the background are left out.

        The model sees 192 x 192 pixels, so besides the whole its left and right parts are shown to it.
        """
        width = frame.shape[1]
        part = round(0.6 * width)
        faces = self._look(frame, 0) + self._look(frame[:, :part], 0) + self._look(frame[:, -part:], width - part)
        faces.sort(key=lambda face: -face.width)
        found: list[Face] = []
        for face in faces:
            if face.width >= _SMALLEST * faces[0].width and not any(_is_at(face, other) for other in found):
                found.append(face)
        return found

    def _look(self, picture: np.ndarray, offset: int) -> list[Face]:
        height, width = picture.shape[:2]
        check_process()
        found = self._model.process(np.ascontiguousarray(picture)).detections or ()
        boxes = [detection.location_data.relative_bounding_box for detection in found]
        return [
            Face(offset + (b.xmin + b.width / 2) * width, (b.ymin + b.height / 2) * height, b.width * width)
            for b in boxes
        ]

    def close(self) -> None:
        """Free the model."""
        self._model.close()


@dataclass
class _Followed:
    """A person with their graph. `face` is where the head was last, None when it may be anywhere."""

    graph: HolisticPerson
    face: Face | None = None
    pose: Pose | None = None
    seen: float | None = None  # time of the last pose; None: never found yet


class HolisticEstimator(Closing):
    """MediaPipe holistic as a `PoseEstimator` of up to `max_people`.

    `static`: every frame by itself; `smooth` and `complexity` as in `HolisticPerson`. Points are not smoothed unless
    asked for: the filter keeps less than half of the speed of a nod, of a shake of the head and of a shrug
    (`benchmarks/estimator_smoothing.py`).
    """

    layout = "mediapipe-holistic"

    def __init__(
        self, max_people: int = PEOPLE, static: bool = False, smooth: bool = False, complexity: int = 1
    ) -> None:
        self.name = f"mediapipe-holistic-{complexity}" + ("" if smooth else "-unsmoothed")
        self._options = (static, smooth, complexity)
        self._static = static
        self.max_people = max_people
        self._people = [_Followed(HolisticPerson(*self._options))]
        self._idle: list[HolisticPerson] = []
        self._faces = FaceSearch() if max_people > 1 else None
        self._next_search = -np.inf
        self._crowd_told = False

    def estimate(self, frame: np.ndarray, time: float) -> list[Pose]:
        """Poses of the people in `frame`, uint8 `(H, W, 3)` RGB, in its pixels, largest first."""
        frame = np.ascontiguousarray(frame)
        if self._faces is not None and (self._static or time >= self._next_search):
            self._next_search = time + SEARCH_S
            self._search(self._faces.find(frame), time)
        for person in self._people:
            hidden = self._static or person.pose is None
            picture = self._only(person, frame) if hidden else frame
            person.pose = person.graph.estimate(picture)
        self._drop_doubles()
        for person in self._people:
            if person.pose is not None:
                person.seen = time
                person.face = _head(person.pose, person.face)
        self._forget_lost(time)
        poses = [person.pose for person in self._people if person.pose is not None]
        return sorted(poses, key=lambda pose: -_size(pose))

    def reset(self) -> None:
        """Forget the frames seen so far."""
        while len(self._people) > 1:
            self._remove(self._people[-1])
        self._people[0].graph.reset()
        self._people = [_Followed(self._people[0].graph)]
        self._next_search = -np.inf

    def close(self) -> None:
        """Free the models."""
        for graph in (*(person.graph for person in self._people), *self._idle):
            graph.close()
        self._people, self._idle = [], []
        if self._faces is not None:
            self._faces.close()

    def _search(self, faces: Sequence[Face], time: float) -> None:
        """Give every face that belongs to nobody a graph, as far as there are any."""
        self._tell_crowd(len(faces), time)
        unknown = []
        for face in faces:
            owner = next((p for p in self._people if p.pose is not None and _is_at(face, p.face)), None)
            if owner is None:
                unknown.append(face)
            else:
                owner.face = face
        if len(faces) == 1 and len(self._people) == 1 and self._people[0].pose is None:
            return  # one face and one graph that looks everywhere
        for face in unknown:
            person = next((p for p in self._people if p.pose is None and p.seen is None), None)
            if person is None and len(self._people) >= self.max_people:
                smallest = min(self._people, key=lambda p: p.face.width if p.face else 0.0)
                if smallest.face is not None and face.width < _LARGER * smallest.face.width:
                    continue
                self._remove(smallest)
            if person is None:
                person = _Followed(self._idle.pop() if self._idle else HolisticPerson(*self._options))
                self._people.append(person)
            person.face, person.seen = face, time

    def _tell_crowd(self, faces: int, time: float) -> None:
        if faces > self.max_people and not self._crowd_told:
            self._crowd_told = True
            log.warning("%d people in view at %.1f s: only the largest %d are followed", faces, time, self.max_people)

    def _only(self, person: _Followed, frame: np.ndarray) -> np.ndarray:
        """The frame with the heads of the others, and all that is not near this person's head, blacked out."""
        others = [p.face for p in self._people if p is not person and p.face is not None]
        if person.face is None and not others:
            return frame
        picture = frame.copy()
        if person.face is not None:
            left, top, right, bottom = _around(person.face, others, frame.shape)
            picture[:top], picture[bottom:], picture[:, :left], picture[:, right:] = 0, 0, 0, 0
        for face in others:
            if person.face is None or not _is_at(face, person.face):
                rows, columns = _slices(face, frame.shape)
                picture[rows, columns] = 0
        return picture

    def _drop_doubles(self) -> None:
        """Two graphs on one body: the one that has followed for longer stays."""
        for k, person in enumerate(self._people):
            if person.pose is not None and any(
                p.pose is not None and _is_same(p.pose, person.pose) for p in self._people[:k]
            ):
                person.pose = None
                person.graph.reset()

    def _forget_lost(self, time: float) -> None:
        for person in list(self._people):
            if person.pose is None and person.seen is not None and not 0 <= time - person.seen < LOST_S:
                if len(self._people) > 1:
                    self._remove(person)
                else:
                    person.face = None

    def _remove(self, person: _Followed) -> None:
        self._people.remove(person)
        person.graph.reset()
        self._idle.append(person.graph)


def _head(pose: Pose, known: Face | None) -> Face | None:
    """Where the head of a pose is. Its width is that of the face found last, else it comes from the shoulders."""
    seen = pose.scores[_HEAD] >= MIN_SCORE
    if not seen.any():
        return known
    x, y = pose.points[_HEAD][seen].mean(0).tolist()
    if known is not None:
        return replace(known, x=x, y=y)
    width = float(np.linalg.norm(np.subtract(*pose.points[_SHOULDERS]))) / _FACES_PER_SHOULDERS
    return Face(x, y, max(width, 1.0))


def _is_at(face: Face, head: Face | None) -> bool:
    if head is None:
        return False
    return float(np.hypot(face.x - head.x, face.y - head.y)) < max(face.width, min(head.width, 2 * face.width))


def _is_same(one: Pose, other: Pose) -> bool:
    """Whether two poses are of one body: the points of head and shoulders that both know are close together."""
    both = [j for j in (*_HEAD, *_SHOULDERS) if min(one.scores[j], other.scores[j]) >= MIN_SCORE]
    if len(both) < 2:
        return False
    gap = np.linalg.norm(one.points[both] - other.points[both], axis=-1).mean()
    return bool(gap < 0.3 * max(_span(one, both), _span(other, both)))


def _span(pose: Pose, joints: Sequence[int]) -> float:
    return float(np.ptp(pose.points[list(joints)], axis=0).max())


def _size(pose: Pose) -> float:
    box = pose.box()
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])


def _around(face: Face, others: Sequence[Face], shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what a person with this face may fill, up to the heads of their neighbours."""
    left, right = face.x - 4 * face.width, face.x + 4 * face.width
    for other in _beside(face, others):
        edge = 0.7 * other.width
        if other.x > face.x:
            right = min(right, max(other.x - edge, face.x + 0.8 * face.width))
        else:
            left = max(left, min(other.x + edge, face.x - 0.8 * face.width))
    top, bottom = face.y - 2.5 * face.width, face.y + 11 * face.width
    clipped = np.clip((left, top, right, bottom), 0, (shape[1], shape[0], shape[1], shape[0]))
    return tuple(int(v) for v in clipped)  # type: ignore[return-value]


def _beside(face: Face, others: Sequence[Face]) -> Iterator[Face]:
    for other in others:
        if abs(other.x - face.x) > face.width and abs(other.y - face.y) < 3 * face.width:
            yield other


def _slices(face: Face, shape: tuple[int, ...]) -> tuple[slice, slice]:
    reach = 0.8 * face.width
    left, top = int(max(face.x - reach, 0)), int(max(face.y - 1.3 * reach, 0))
    return slice(top, int(min(face.y + reach, shape[0]))), slice(left, int(min(face.x + reach, shape[1])))
