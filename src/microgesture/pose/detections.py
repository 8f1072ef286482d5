"""What an estimator found in the frames of a video, before anyone is told apart; in memory and in part files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from microgesture.files.atomic import replacing
from microgesture.pose.estimator import MIN_SCORE, Pose
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.skeletons.track import BROKEN_ARCHIVE


@dataclass(frozen=True)
class Detections:
    """Poses by frame: `times (T,)` seconds, `shots (T,)` number of the shot, `changes (T,)` of the picture (0 to 255),
    NaN where there is none: the video pauses.

    `frames (N,)` is the frame of each pose, not decreasing; `points (N, V, 2)` pixels, `scores (N, V)`; `colours
    (N, 3)` the mean RGB of the trunk, NaN where it is not seen. Colours tell people apart and go into no track.
    """

    times: np.ndarray
    shots: np.ndarray
    changes: np.ndarray
    frames: np.ndarray
    points: np.ndarray
    scores: np.ndarray
    colours: np.ndarray

    @property
    def boxes(self) -> np.ndarray:
        """Tight boxes (left, top, right, bottom) of the seen points `(N, 4)`; NaN where nothing is."""
        seen = (self.scores >= MIN_SCORE)[..., None]
        low = np.where(seen, self.points, np.inf).min(axis=1, initial=np.inf)
        high = np.where(seen, self.points, -np.inf).max(axis=1, initial=-np.inf)
        boxes = np.concatenate((low, high), axis=1)
        return np.where(np.isfinite(boxes), boxes, np.nan)

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Parts one after the other; `frames` of each count from its own first frame."""
        firsts = np.cumsum([0, *(len(part.times) for part in parts[:-1])])
        arrays = {f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)}
        arrays["frames"] = np.concatenate([part.frames + first for part, first in zip(parts, firsts, strict=True)])
        return cls(**arrays)

    def save(self, path: Path, memory: Mapping[str, np.ndarray]) -> None:
        """Write a part file (`.npz`), atomically, with arrays that whoever goes on needs."""
        arrays: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays, **dict[str, Any](memory))

    @classmethod
    def load(cls, path: Path) -> tuple[Self, dict[str, np.ndarray]] | None:
        """A part file and its memory; None when it is missing or damaged (it is then made again)."""
        names = [f.name for f in fields(cls)]
        try:
            with np.load(path, allow_pickle=False) as archive:
                arrays = {key: archive[key] for key in archive.files}
            return cls(**{key: arrays.pop(key) for key in names}), arrays
        except BROKEN_ARCHIVE:
            return None


class Collector:
    """Gathers the poses of one part; empty again after `take`."""

    def __init__(self, joints: int) -> None:
        self._joints = joints
        self._clear()

    def __len__(self) -> int:
        return len(self._times)

    def _clear(self) -> None:
        self._times: list[tuple[float, int, float]] = []
        self._frames: list[int] = []
        self._poses: list[Pose] = []
        self._colours: list[np.ndarray] = []

    def add(self, time: float, shot: int, change: float, poses: Sequence[Pose], colours: Sequence[np.ndarray]) -> None:
        """One more frame."""
        self._frames += [len(self._times)] * len(poses)
        self._times.append((time, shot, change))
        self._poses += poses
        self._colours += colours

    def take(self) -> Detections:
        """What was gathered since the last time."""
        rows = np.array(self._times, dtype=np.float64).reshape(-1, 3)
        found = Detections(
            times=rows[:, 0],
            shots=rows[:, 1].astype(np.int64),
            changes=rows[:, 2].astype(np.float32),
            frames=np.array(self._frames, dtype=np.int64),
            points=np.array([p.points for p in self._poses], np.float32).reshape(-1, self._joints, 2),
            scores=np.array([p.scores for p in self._poses], np.float32).reshape(-1, self._joints),
            colours=np.array(self._colours, np.float32).reshape(-1, 3),
        )
        self._clear()
        return found


def trunk_colour(frame: np.ndarray, pose: Pose, layout: str) -> np.ndarray:
    """Mean RGB float32 `(3,)` of a grid of pixels between shoulders and hips; NaN when the shoulders are not seen."""
    joints = LAYOUTS[layout].joints
    nowhere = np.full(3, np.nan, dtype=np.float32)
    if "left_shoulder" not in joints or "right_shoulder" not in joints:
        return nowhere
    shoulders = [joints.index("left_shoulder"), joints.index("right_shoulder")]
    if pose.scores[shoulders].min() < MIN_SCORE:
        return nowhere
    left, right = pose.points[shoulders]
    down = np.array((0.0, 0.8 * np.linalg.norm(right - left)))
    if "left_hip" in joints and "right_hip" in joints:
        hips = [joints.index("left_hip"), joints.index("right_hip")]
        if pose.scores[hips].min() >= MIN_SCORE:
            down = 0.7 * (pose.points[hips].mean(0) - (left + right) / 2)
    across, along = np.meshgrid(np.linspace(0.15, 0.85, 8), np.linspace(0.1, 1.0, 8))
    places = left + across[..., None] * (right - left) + along[..., None] * down
    x, y = np.rint(places).astype(int).reshape(-1, 2).T
    inside = (x >= 0) & (y >= 0) & (x < frame.shape[1]) & (y < frame.shape[0])
    return frame[y[inside], x[inside]].mean(0, dtype=np.float32) if inside.any() else nowhere
