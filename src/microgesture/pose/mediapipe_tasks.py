"""`TasksEstimator`: MediaPipe's pose landmarker of the Tasks API, with a model file (`.task`) that the user gives.

It finds several people by itself, but only their bodies: layout "mediapipe-33".
"""

from __future__ import annotations

import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.errors import UserError
from microgesture.pose.estimator import PEOPLE, Closing, Pose
from microgesture.pose.mediapipe_points import OUTSIDE, check_process, import_mediapipe, landmark_array, quiet

_POSE_MODELS = ("pose_detector.tflite", "pose_landmarks_detector.tflite")


class TasksEstimator(Closing):
    """A pose landmarker as a `PoseEstimator` of up to `max_people` (`num_poses` of the Tasks API).

    Raises `UserError` when the file is missing or no pose landmarker, `MissingExtra` without MediaPipe.
    """

    layout = "mediapipe-33"

    def __init__(self, model_file: Path, max_people: int = PEOPLE) -> None:
        _check(model_file)
        self._mediapipe = import_mediapipe()
        self._vision = import_mediapipe("mediapipe.tasks.python.vision")
        self._tasks = import_mediapipe("mediapipe.tasks.python")
        self._file = model_file
        self.max_people = max_people
        self.name = f"mediapipe-tasks-{model_file.stem}"
        self._landmarker = self._open()
        self._stamp = 0
        self._found = False

    def _open(self) -> Any:
        options = self._vision.PoseLandmarkerOptions(
            base_options=self._tasks.BaseOptions(model_asset_buffer=self._file.read_bytes()),
            running_mode=self._vision.RunningMode.VIDEO,
            num_poses=self.max_people,
        )
        check_process()
        try:
            with quiet():
                landmarker = self._vision.PoseLandmarker.create_from_options(options)
                landmarker.detect_for_video(self._image(np.zeros((64, 64, 3), np.uint8)), 0)
        except (RuntimeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0][:200]
            raise UserError(f"{self._file}: not a pose landmarker that this MediaPipe can use ({reason})") from error
        return landmarker

    def _image(self, frame: np.ndarray) -> Any:
        return self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame))

    def estimate(self, frame: np.ndarray, time: float) -> list[Pose]:
        """Poses of the people in `frame`, uint8 `(H, W, 3)` RGB, in its pixels, largest first."""
        check_process()
        self._stamp = max(self._stamp + 1, round(1000 * time))  # MediaPipe wants them to increase
        with nullcontext() if self._found else quiet():  # it warns when it first finds somebody
            found = self._landmarker.detect_for_video(self._image(frame), self._stamp)
        self._found = self._found or bool(found.pose_landmarks)
        size = (frame.shape[1], frame.shape[0])
        poses = [_pose(landmarks, size) for landmarks in found.pose_landmarks]
        return sorted(poses, key=lambda pose: -_area(pose))

    def reset(self) -> None:
        """Forget the frames seen so far."""
        if self._stamp > 0:
            self._landmarker.close()
            self._landmarker, self._stamp = self._open(), 0

    def close(self) -> None:
        """Free the model."""
        self._landmarker.close()


def _pose(landmarks: Any, size: tuple[int, int]) -> Pose:
    rows = landmark_array(landmarks, size)
    assert rows is not None  # MediaPipe gives no empty poses
    margin = OUTSIDE * max(size)
    points, scores = rows[:, :2], np.clip(rows[:, 2], 0.0, 1.0)
    x, y = points.T
    inside = (x > -margin) & (x < size[0] + margin) & (y > -margin) & (y < size[1] + margin)
    return Pose(np.where(inside[:, None], points, 0.0).astype(np.float32), np.where(inside, scores, 0.0))


def _area(pose: Pose) -> float:
    box = pose.box()
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])


def _check(file: Path) -> None:
    """A `.task` file is an archive of models; say so before MediaPipe says it in ten lines."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a .task file"
        raise UserError(f"{file}: cannot be read as a pose model ({reason})") from error
    if not names.issuperset(_POSE_MODELS):
        raise UserError(f"{file}: not a pose landmarker (no '{next(n for n in _POSE_MODELS if n not in names)}' in it)")
