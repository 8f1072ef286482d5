"""Heads and hands found in frames, to be hidden and to be kept: MediaPipe's face and hand models, and skeletons.

The face models are those inside MediaPipe's wheel: "short range" sees faces within about 2 m, "full range" within
5 m (Bazarevsky et al., BlazeFace, 2019). Both look at small squares (128 and 192 pixels), so a frame is shown to them
whole, with a border (faces cut by the edge), in tiles, and around every face that is already known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from microgesture.pose.estimator import Closing
from microgesture.pose.mediapipe_points import check_process, quiet, solution, starting
from microgesture.privacy.masking import Head
from microgesture.skeletons.layouts import Layout

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""

FEATURE = "hiding faces"
LEAST = 0.5
"""Score from which a model's finding counts."""
_LOOK = 900  # pixels: a larger picture is thinned out first, the models look at 192


@dataclass(frozen=True)
class Face:
    """A face: `box` from the brows to the chin, `marks (6, 2)` (right and left eye, nose tip, mouth, right and left
    ear) in pixels, `score` in [0, 1]."""

    box: Box
    marks: np.ndarray
    score: float

    @property
    def head(self) -> Head:
        """The ellipse over the head around it."""
        return head_of_face(self.box, self.marks, self.score)


class FaceFinder(Closing):
    """Finds every face in a frame. Raises `MissingExtra` without MediaPipe."""

    def __init__(self) -> None:
        module = solution("face_detection", FEATURE)
        with starting():
            self._models = [module.FaceDetection(model_selection=m, min_detection_confidence=LEAST) for m in (0, 1)]
            for model in self._models:
                model.process(np.zeros((64, 64, 3), np.uint8))

    def find(self, frame: np.ndarray, known: Iterable[Box] = (), thorough: bool = False) -> list[Face]:
        """Faces in `frame`, uint8 `(H, W, 3)`, surest first; `known` are boxes around which to look closely.

        `thorough` asks the short-range model too, and shows more: the frame with a border, and small tiles for faces
        far away. What is not near a known face must be confirmed by the full-range model in two of four looks at its
        surroundings; alone the models take fists, prints on shirts and covered heads for faces.
        """
        height, width = frame.shape[:2]
        whole = (0.0, 0.0, float(width), float(height))
        faces = [self._again(frame, box, (3.0, 2.0, 4.0), 1) for box in known]
        found = _distinct([face for face in faces if face is not None])
        views, models = [whole, *_tiles(width, height, 1.0)], self._models[1:]
        if thorough:
            views += [_widened(whole, 1.3), *_tiles(width, height, 0.5)]
            models = self._models
        candidates = [face for view in views for model in models for face in self._look(model, frame, view)]
        for face in _distinct(candidates):
            if not any(_overlap(face.box, other.box) > 0.3 for other in found):
                confirmed = self._again(frame, face.box, (4.0, 3.0, 2.0, 1.7), 2)
                found += [confirmed] if confirmed is not None else []
        return _distinct(found)

    def sees(self, frame: np.ndarray, box: Box) -> bool:
        """Whether a face is found at `box`, in any of three close looks."""
        return self._again(frame, box, (3.0, 2.0, 4.0), 1) is not None

    def _again(self, frame: np.ndarray, box: Box, scales: Sequence[float], needed: int) -> Face | None:
        """The face that the full-range model sees at `box` in at least `needed` looks of different width."""
        seen: list[Face] = []
        for left, scale in zip(range(len(scales), 0, -1), scales, strict=True):
            if len(seen) + left < needed:
                return None
            looked = self._look(self._models[1], frame, _widened(box, scale))
            seen += [face for face in looked if _overlap(face.box, box) > 0.3][:1]
            if len(seen) >= needed:
                return max(seen, key=lambda face: face.score)
        return None

    def _look(self, model: Any, frame: np.ndarray, view: Box) -> list[Face]:
        """What a model finds in a part of the frame, which may reach beyond it (black there); pixels of the frame."""
        left, top, right, bottom = (round(v) for v in view)
        step = max(1, math.ceil(max(right - left, bottom - top) / _LOOK))
        picture = _cut(frame, (left, top, right, bottom), step)
        if min(picture.shape[:2]) < 8:
            return []
        size = np.array(picture.shape[1::-1]) * step
        faces = []
        check_process()
        for found in model.process(picture).detections or ():
            data = found.location_data
            box = data.relative_bounding_box
            x, y = left + box.xmin * size[0], top + box.ymin * size[1]
            corners = (x, y, x + box.width * size[0], y + box.height * size[1])
            marks = np.array([(m.x, m.y) for m in data.relative_keypoints]) * size + (left, top)
            if _overlap_share(corners, (0, 0, frame.shape[1], frame.shape[0])) > 0.2:
                faces.append(Face(corners, marks, float(found.score[0])))
        return faces

    def close(self) -> None:
        """Free the models."""
        for model in self._models:
            model.close()


class HandFinder(Closing):
    """Finds hands near a face. Raises `MissingExtra` without MediaPipe."""

    def __init__(self) -> None:
        module = solution("hands", FEATURE)
        with starting():
            self._model = module.Hands(static_image_mode=True, max_num_hands=4, min_detection_confidence=0.5)
            self._model.process(np.zeros((64, 64, 3), np.uint8))
        self._started = False

    def find(self, frame: np.ndarray, head: Head) -> list[np.ndarray]:
        """Hands, each `(21, 2)` pixels, in the surroundings of a head in `frame`, uint8 `(H, W, 3)`."""
        side = 2.6 * head.along
        left, top = round(head.x - side), round(head.y - 0.8 * side)
        box = (left, top, round(head.x + side), round(head.y + 1.2 * side))
        step = max(1, math.floor(2 * side / _LOOK))
        picture = _cut(frame, box, step)
        size = np.array(picture.shape[1::-1]) * step
        check_process()
        with nullcontext() if self._started else quiet():  # the first hand brings a line of warnings
            found = self._model.process(picture).multi_hand_landmarks or ()
        self._started = self._started or bool(found)
        return [np.array([(m.x, m.y) for m in hand.landmark]) * size + (left, top) for hand in found]

    def close(self) -> None:
        """Free the model."""
        self._model.close()


def head_of_face(box: Sequence[float], marks: np.ndarray, score: float = 1.0) -> Head:
    """The head around a face found by MediaPipe.

    `box` (left, top, right, bottom) goes from the brows to the chin; `marks (6, 2)` are right and left eye, nose
    tip, mouth, right and left ear. Seen from the side the ears lie far from the eyes: the ellipse grows to them.
    """
    left, top, right, bottom = box
    width = max(right - left, bottom - top)
    eyes, mouth = marks[:2].mean(0), marks[3]
    down = mouth - eyes
    roll = math.atan2(-down[0], down[1]) if np.hypot(*down) > 0.1 * width else 0.0
    axis = np.array([-math.sin(roll), math.cos(roll)])  # from forehead to chin
    centre = np.array([(left + right) / 2, (top + bottom) / 2]) - 0.18 * width * axis
    across = 0.8 * width
    for ear in marks[4:]:
        across = max(across, abs(float((ear - centre) @ (axis[1], -axis[0]))) + 0.22 * width)
    return Head(float(centre[0]), float(centre[1]), min(across, 1.1 * width), 1.02 * width, roll, score)


def head_of_pose(points: np.ndarray, scores: np.ndarray, layout: Layout, min_score: float = 0.5) -> Head | None:
    """The head of a skeleton in pixels, `points (V, 2)`, `scores (V,)`; None where it is not seen.

    Its size is the largest that any pair of points asks for (a head from the side has its ears in one place), its
    centre lies between the ears, or where there are none at the nose or between the eyes.
    """

    def point(*names: str) -> np.ndarray | None:
        found = [layout.index(n) for n in names if n in layout.joints]
        found = [i for i in found if scores[i] >= min_score]
        return points[found].astype(float).mean(0) if len(found) == len(names) else None

    ears, eyes = point("left_ear", "right_ear"), point("left_eye", "right_eye")
    nose, mouth = point("nose"), point("left_mouth", "right_mouth")
    centre = next((p for p in (ears, eyes, nose, point("head")) if p is not None), None)
    if centre is None:
        return None
    sizes = [0.0]
    for a, b, factor in (
        (point("left_ear"), point("right_ear"), 0.75),
        (eyes, mouth, 2.0),
        (ears, nose, 1.1),
        (ears, eyes, 1.2),
        (point("left_shoulder"), point("right_shoulder"), 0.26),
        (nose, point("neck"), 0.7),
    ):
        if a is not None and b is not None:
            sizes.append(factor * float(np.hypot(*(a - b))))
    across = max(sizes)
    if across < 2:
        return None
    roll = 0.0
    if eyes is not None and mouth is not None and np.hypot(*(mouth - eyes)) > 0.2 * across:
        roll = math.atan2(-(mouth - eyes)[0], (mouth - eyes)[1])
    if nose is not None and ears is not None:
        centre = 0.65 * centre + 0.35 * nose
    seen = [s for s, n in zip(scores, layout.joints, strict=True) if n in ("nose", "left_eye", "right_eye")]
    return Head(float(centre[0]), float(centre[1]), across, 1.2 * across, roll, float(max(seen, default=min_score)))


def _cut(frame: np.ndarray, box: tuple[int, int, int, int], step: int) -> np.ndarray:
    """Every `step`-th pixel of a part of the frame, black where it reaches beyond; contiguous."""
    left, top, right, bottom = box
    height, width = frame.shape[:2]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return np.ascontiguousarray(frame[top:bottom:step, left:right:step])
    out = np.zeros((max(bottom - top, 1), max(right - left, 1), 3), np.uint8)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if x1 > x0 and y1 > y0:
        out[y0 - top : y1 - top, x0 - left : x1 - left] = frame[y0:y1, x0:x1]
    return np.ascontiguousarray(out[::step, ::step])


def _tiles(width: int, height: int, share: float) -> list[Box]:
    """Squares of `share` of the shorter side that overlap by about a third and cover the frame."""
    side = share * min(width, height)
    if share == 1.0 and max(width, height) < 1.4 * side:
        return []
    tiles = []
    for top in _starts(height, side):
        tiles += [(left, top, left + side, top + side) for left in _starts(width, side)]
    return tiles


def _starts(length: float, side: float) -> list[float]:
    count = 1 if length <= side * 1.01 else math.ceil((length - side) / (0.67 * side)) + 1
    return [0.0] if count == 1 else np.linspace(0, length - side, count).tolist()


def _widened(box: Box, factor: float) -> Box:
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom) / 2
    w, h = factor * (right - left) / 2, factor * (bottom - top) / 2
    return x - w, y - h, x + w, y + h


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _shared(a: Sequence[float], b: Sequence[float]) -> float:
    return _area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def _overlap(a: Box, b: Box) -> float:
    both = _shared(a, b)
    return both / max(_area(a) + _area(b) - both, 1e-9)


def _overlap_share(box: Box, frame: Box) -> float:
    """How much of a box lies in the frame."""
    return _shared(box, frame) / max(_area(box), 1e-9)


def _distinct(faces: list[Face]) -> list[Face]:
    """One finding a face, the surest."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        if not any(_overlap(face.box, other.box) > 0.3 for other in kept):
            kept.append(face)
    return kept
