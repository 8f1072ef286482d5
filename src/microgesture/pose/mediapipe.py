"""MediaPipe as a pose estimator: the models in its wheel, or a model file of the Tasks API."""

from __future__ import annotations

from pathlib import Path

from microgesture.pose.estimator import PoseEstimator, register_estimator
from microgesture.pose.mediapipe_holistic import HolisticEstimator
from microgesture.pose.mediapipe_tasks import TasksEstimator


@register_estimator("mediapipe")
def mediapipe(model_file: Path | None, max_people: int) -> PoseEstimator:
    """`HolisticEstimator`, or `TasksEstimator` with a file."""
    if model_file is None:
        return HolisticEstimator(max_people=max_people)
    return TasksEstimator(model_file, max_people=max_people)
