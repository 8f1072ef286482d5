"""Which detection of a frame is which person: people followed from frame to frame by where their points are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

NEAR = 0.5
"""A detection continues a person when its points moved by less than this share of the person's size."""

_SURE = 0.05
"""Points of a lower score do not say where a person is."""


class _Detection:
    """A pose `(V, 3)` with the centre of its known points and the diagonal of the box around them."""

    def __init__(self, pose: np.ndarray) -> None:
        known = pose[pose[:, 2] > 0, :2]
        self.pose = pose
        self.centre = known.mean(0)
        self.size = float(np.linalg.norm(known.max(0) - known.min(0)))


@dataclass
class _Person:
    """One person so far: the last detection, and which one they were in every frame in which they were seen."""

    last: _Detection
    seen: dict[int, int] = field(default_factory=dict)
    area: float = 0.0

    def add(self, frame: int, index: int, detection: _Detection) -> None:
        self.seen[frame] = index
        self.last = detection
        self.area += detection.size**2


def follow(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """One array `(T, V, 3)` a person from the detections of every frame `(M, V, 3)` of x, y, score.

    In every frame the nearest pairs of person and detection are joined first: the median distance of the points that
    both know, in shares of the person's size (diagonal of the box), has to be under `NEAR`. Other detections are new
    people. Where no frame has more than one person they are all the same one. Rows of frames in which a person was
    not seen are 0. The largest comes first, by the area of the box summed over the frames.
    """
    detections = [{i: _Detection(pose) for i, pose in enumerate(frame) if (pose[:, 2] > 0).any()} for frame in frames]
    alone = all(len(found) <= 1 for found in detections)
    people: list[_Person] = []
    for t, found in enumerate(detections):
        joined = dict.fromkeys(found, 0) if alone and people else _join(people, found)
        for index, detection in found.items():
            if index not in joined:
                joined[index] = len(people)
                people.append(_Person(detection))
            people[joined[index]].add(t, index, detection)
    people.sort(key=lambda person: -person.area)
    return [_rows(person, frames) for person in people]


def _rows(person: _Person, frames: Sequence[np.ndarray]) -> np.ndarray:
    rows = np.zeros((len(frames), *person.last.pose.shape), dtype=np.float32)
    for t, index in person.seen.items():
        rows[t] = frames[t][index]
    return rows


def _join(people: Sequence[_Person], found: dict[int, _Detection]) -> dict[int, int]:
    """Index of a detection to the number of the person whom it continues, nearest pairs first."""
    costs = sorted(
        (cost, number, index)
        for number, person in enumerate(people)
        for index, detection in found.items()
        if (cost := _distance(person.last, detection)) < NEAR
    )
    joined: dict[int, int] = {}
    for _, number, index in costs:
        if index not in joined and number not in joined.values():
            joined[index] = number
    return joined


def _distance(before: _Detection, now: _Detection) -> float:
    """Median distance of the points known in both poses, in sizes of the larger; of the centres when there are none."""
    size = max(before.size, now.size)
    gap = float(np.hypot(*(before.centre - now.centre)))
    if size <= 0 or gap > 2 * size:
        return np.inf
    both = (before.pose[:, 2] > _SURE) & (now.pose[:, 2] > _SURE)
    if not both.any():
        return gap / size
    return float(np.median(np.linalg.norm(before.pose[both, :2] - now.pose[both, :2], axis=-1))) / size
