"""People as coloured rectangles on grey, in frames and videos, and a pose estimator that finds them by their colour."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgesture.pose import Pose
from microgesture.video.writer import write_video

RED, GREEN = (200, 40, 40), (40, 180, 60)
GREY = 90

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def picture(people: Sequence[tuple[tuple[int, int, int], Box]], size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """uint8 (H, W, 3) with a rectangle for each (colour, box)."""
    frame = np.full((size[1], size[0], 3), GREY, np.uint8)
    for colour, (left, top, right, bottom) in people:
        frame[int(top) : int(bottom), int(left) : int(right)] = colour
    return frame


def film(path: Path, frames: Sequence[np.ndarray], fps: float = 25, **options: object) -> Path:
    """Write the frames as a video."""
    write_video(path, frames, fps, **options)  # type: ignore[arg-type]
    return path


def pose_in(box: Box, score: float = 1.0) -> Pose:
    """A COCO pose that fills a box: head on top, shoulders at a quarter, ankles below."""
    left, top, right, bottom = box
    middle, height = (left + right) / 2, bottom - top
    rows = (0.1, 0.05, 0.05, 0.06, 0.06, 0.25, 0.25, 0.4, 0.4, 0.5, 0.5, 0.55, 0.55, 0.75, 0.75, 1.0, 1.0)
    sides = (0, 0.1, -0.1, 0.2, -0.2, *(s * 0.5 for s in (1, -1) * 6))
    points = [(middle + side * (right - left), top + row * height) for side, row in zip(sides, rows, strict=True)]
    return Pose(np.array(points, np.float32), np.full(17, score, np.float32))


class ColourEstimator:
    """Finds red and green rectangles. `calls` are the times asked for, `resets` how often it forgot; `stop_after`
    frames it is interrupted."""

    layout = "coco-17"
    name = "colours"

    def __init__(self, stop_after: int | None = None) -> None:
        self.calls: list[float] = []
        self.shapes: set[tuple[int, ...]] = set()
        self.resets = 0
        self.stop_after = stop_after

    def estimate(self, frame: np.ndarray, time: float) -> list[Pose]:
        if self.stop_after is not None and len(self.calls) >= self.stop_after:
            raise KeyboardInterrupt
        self.calls.append(time)
        self.shapes.add(frame.shape)
        poses = []
        for colour in (RED, GREEN):
            ys, xs = np.nonzero(np.abs(frame.astype(int) - colour).sum(axis=2) < 90)
            if len(xs) > 40:
                poses.append(pose_in((xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)))
        return poses

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.calls.append(-1.0)
