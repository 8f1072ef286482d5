"""One person's body, hands and face points by MediaPipe's holistic graph, whose models are inside its wheel.

The graph (`mediapipe.solutions.holistic`, MediaPipe 0.10.20 to 0.10.29) follows a single person. Source: Grishchenko
and Bazarevsky, MediaPipe Holistic, 2020.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.errors import UserError
from microgesture.pose.estimator import Pose
from microgesture.pose.mediapipe_points import (
    check_process,
    holistic_pose,
    import_mediapipe,
    landmark_array,
    quiet,
    solution,
    starting,
)


class HolisticPerson:
    """One holistic graph: the person it follows, in the pictures it is shown.

    `static` takes every picture for itself (no tracking, about a quarter slower); else `smooth` filters the points of
    the body over time, by a filter that takes frames for 1/30 s apart. `complexity` 1 is the model inside the wheel; 0
    and 2 work only where their files were put beside it.
    Raises `UserError` when this MediaPipe has no such graph or model file, `MissingExtra` without MediaPipe.
    """

    def __init__(self, static: bool = False, smooth: bool = False, complexity: int = 1) -> None:
        module = solution("holistic")
        _check_complexity(Path(str(import_mediapipe().__file__)).parent, complexity)
        with starting():
            self._graph: Any = module.Holistic(
                static_image_mode=static, model_complexity=complexity, smooth_landmarks=smooth
            )
            self.reset()  # waits for the models, which load on other threads
        self._started = False

    def estimate(self, picture: np.ndarray) -> Pose | None:
        """The person's pose in pixels of `picture`, uint8 `(H, W, 3)`; None when there is nobody."""
        check_process()
        with nullcontext() if self._started else quiet():
            found = self._graph.process(np.ascontiguousarray(picture))
        self._started = self._started or bool(found.face_landmarks)
        size = (picture.shape[1], picture.shape[0])
        body = _array(found.pose_landmarks, size)
        if body is None:
            return None
        hands = {
            "left": _array(found.left_hand_landmarks, size),
            "right": _array(found.right_hand_landmarks, size),
        }
        return holistic_pose(body, hands, _array(found.face_landmarks, size), size)

    def reset(self) -> None:
        """Forget the person: the next picture is searched anew.

        A black picture does this: nobody is followed out of it. (Starting the graph anew would load the models.)
        """
        self._graph.process(np.zeros((64, 64, 3), np.uint8))

    def close(self) -> None:
        """Free the graph."""
        self._graph.close()


def _array(landmarks: Any, size: tuple[int, int]) -> np.ndarray | None:
    return landmark_array(landmarks.landmark, size) if landmarks else None


def _check_complexity(folder: Path, complexity: int) -> None:
    names = {0: "lite", 1: "full", 2: "heavy"}
    if complexity not in names:
        raise UserError(f"the complexity of MediaPipe's body model is 0, 1 or 2, not {complexity}")
    file = folder / "modules" / "pose_landmark" / f"pose_landmark_{names[complexity]}.tflite"
    if not file.is_file():  # MediaPipe would download it
        raise UserError(f"MediaPipe's body model of complexity {complexity} is not installed: {file} is missing")
