"""Pose estimators behind one protocol: a frame goes in, the keypoints of the people in it come out.

with create_estimator() as estimator:                 # MediaPipe, the models inside its wheel
    poses = estimator.estimate(frame, 0.0)             # uint8 (H, W, 3) RGB -> list[Pose]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import numpy as np

from microgesture.errors import UserError
from microgesture.registry import Registry
from microgesture.skeletons.track import MIN_SCORE

PEOPLE = 4
"""How many people are followed at once: each costs as much time as the first."""


@dataclass(frozen=True)
class Pose:
    """One person in one frame: `points (V, 2)` float32 pixels (x right, y down), `scores (V,)` float32 in [0, 1].

    Points of score 0 are unknown, whatever their coordinates.
    """

    points: np.ndarray
    scores: np.ndarray

    def box(self, min_score: float = MIN_SCORE) -> tuple[float, float, float, float] | None:
        """Tight box (left, top, right, bottom) around the points of at least `min_score`; None without any."""
        seen = self.points[self.scores >= max(min_score, 1e-6)]
        if not len(seen):
            return None
        (left, top), (right, bottom) = seen.min(0).tolist(), seen.max(0).tolist()
        return left, top, right, bottom


@runtime_checkable
class PoseEstimator(Protocol):
    """Finds the people in the frames of one video, in the order of their times.

    `layout` names the keypoint layout of its poses, `name` says what it is, for provenance. An estimator may
    remember the frames before: `reset` makes it forget them (another video, a cut).
    """

    layout: str
    name: str

    def estimate(self, frame: np.ndarray, time: float) -> list[Pose]:
        """Poses of the people in `frame`, uint8 `(H, W, 3)` RGB, in its pixels, largest first; `time` in seconds."""
        ...

    def reset(self) -> None:
        """Forget the frames seen so far."""
        ...

    def close(self) -> None:
        """Free the models."""
        ...


class Closing:
    """Makes an estimator a context manager that closes itself."""

    def close(self) -> None:
        """Free the models."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


ESTIMATORS: Registry[Callable[[Path | None, int], PoseEstimator]] = Registry(
    "pose estimator", "microgesture.pose", error=UserError
)
register_estimator = ESTIMATORS.register
"""Decorator `@register_estimator("name")` for a function `(model_file, max_people)` that makes a `PoseEstimator`."""


def create_estimator(
    name: str = "mediapipe", model_file: str | Path | None = None, max_people: int = PEOPLE
) -> PoseEstimator:
    """A pose estimator that follows up to `max_people` people, the largest of a crowd.

    "mediapipe" without a file uses the models inside MediaPipe's wheel (no network); with `model_file` a pose
    landmarker of the Tasks API (`.task`). Raises `UserError` for an unknown name, a number below 1 or a file that
    is no model, `MissingExtra` when the library is not installed.
    """
    make = ESTIMATORS.find(name)
    if max_people < 1:
        raise UserError(f"a pose estimator must look for at least one person, not {max_people}")
    return make(None if model_file is None else Path(model_file), max_people)
