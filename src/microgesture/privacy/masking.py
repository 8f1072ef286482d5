"""Hiding heads in frames: what a mask looks like, and where it lies between two sightings. No detector in here.

A mask is an ellipse over the whole head (face, ears, hair line) that is filled with a hatch of two fixed greys, so
nothing of the face is left in the pixels. Hands in front of it stay: their outline, thin capsules along the fingers
and the palm, is cut out of the ellipse. `Trail` carries sightings through the frames in which a detector missed:
straight on between two of them, held before the first and after the last, growing with the time away from one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

Style = Literal["solid", "pixelate"]
"""What a face is covered with: a hatch that knows nothing of it (default), or `CELLS` x `CELLS` mean colours."""

TONES = (90, 160)
"""The two greys of the hatch. One flat tone on a pair of shoulders still looks like a head to face detectors."""
CELLS = 4
"""Cells across a pixelated head: the face itself gets two or three."""
_STRIPES = 5

_FINGERS = ((0, 1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20))
_PALM = (0, 1, 5, 9, 13, 17)
_FINGER = 0.11  # half the width of a finger, in lengths from the wrist to the knuckle of the middle finger
_REACH, _SPEED = 0.8, 3.0  # how far a thing may move between sightings: in its sizes, and in sizes per second
_PALM_IN_HEADS = (0.25, 1.6)  # that length in half widths of the head; another one is no hand at this face


@dataclass(frozen=True)
class Head:
    """An ellipse over a head, pixels: centre, half width `across`, half height `along`, `roll` in radians
    (positive: leaning to the right of the picture). `score` is the detector's confidence."""

    x: float
    y: float
    across: float
    along: float
    roll: float = 0.0
    score: float = 1.0

    @property
    def row(self) -> np.ndarray:
        """float64 `(5,)`: what is interpolated."""
        return np.array([self.x, self.y, self.across, self.along, self.roll])

    def grown(self, factor: float) -> Head:
        """The same place, larger."""
        return Head(self.x, self.y, self.across * factor, self.along * factor, self.roll, self.score)

    def box(self) -> tuple[float, float, float, float]:
        """Tight upright box (left, top, right, bottom)."""
        c, s = math.cos(self.roll), math.sin(self.roll)
        w = math.hypot(self.across * c, self.along * s)
        h = math.hypot(self.across * s, self.along * c)
        return self.x - w, self.y - h, self.x + w, self.y + h

    def near(self, other: Head, reach: float = 1.0) -> bool:
        """Whether the centres are nearer than `reach` times the larger half height."""
        return math.hypot(self.x - other.x, self.y - other.y) < reach * max(self.along, other.along)


def hand_reaches(hand: np.ndarray, head: Head) -> bool:
    """Whether a hand `(21, 2)` may lie before this head: it touches the ellipse and is of a size with it."""
    palm = float(np.hypot(*(hand[9] - hand[0])))
    low, high = _PALM_IN_HEADS
    if not low * head.across <= palm <= high * head.across:
        return False
    return bool((_level(hand, head.grown(1.15)) < 1).any())


def _level(points: np.ndarray, head: Head) -> np.ndarray:
    """Below 1 inside the ellipse; `points (..., 2)`."""
    d = points - (head.x, head.y)
    c, s = math.cos(head.roll), math.sin(head.roll)
    across, along = d[..., 0] * c + d[..., 1] * s, -d[..., 0] * s + d[..., 1] * c
    return (across / head.across) ** 2 + (along / head.along) ** 2


def paint(frame: np.ndarray, heads: Iterable[Head], hands: Sequence[np.ndarray] = (), style: Style = "solid") -> None:
    """Cover the heads in `frame`, uint8 `(H, W, 3)`, in place, except where `hands`, each `(21, 2)`, lie."""
    for head in heads:
        place = _pixels_of(head.box(), frame.shape)
        if place is None:
            continue
        left, top, right, bottom = place
        part = frame[top:bottom, left:right]
        ys, xs = np.mgrid[top:bottom, left:right]
        covered = _level(np.stack([xs + 0.5, ys + 0.5], -1), head) < 1
        for hand in hands:
            if hand_reaches(hand, head):
                covered &= ~_hand_pixels(hand, place)
        fill = _hatch(xs, ys, head) if style == "solid" else _cells(part, head)
        part[covered] = fill[covered]


def _pixels_of(box: Sequence[float], shape: Sequence[int]) -> tuple[int, int, int, int] | None:
    left, top = max(0, math.floor(box[0])), max(0, math.floor(box[1]))
    right, bottom = min(shape[1], math.ceil(box[2]) + 1), min(shape[0], math.ceil(box[3]) + 1)
    return (left, top, right, bottom) if right > left and bottom > top else None


def _hatch(xs: np.ndarray, ys: np.ndarray, head: Head) -> np.ndarray:
    width = max(2.0, 2 * head.across / _STRIPES)
    light = np.floor((xs - head.x + ys - head.y) / width) % 2 == 1
    tones = np.where(light, TONES[1], TONES[0]).astype(np.uint8)
    return np.repeat(tones[..., None], 3, axis=-1)


def _cells(part: np.ndarray, head: Head) -> np.ndarray:
    side = max(1, math.ceil(2 * head.across / CELLS))
    height, width = part.shape[:2]
    out = np.empty_like(part)
    for top in range(0, height, side):
        for left in range(0, width, side):
            block = np.s_[top : top + side, left : left + side]
            out[block] = part[block].mean((0, 1))
    return out


def _hand_pixels(hand: np.ndarray, place: tuple[int, int, int, int]) -> np.ndarray:
    """bool over the pixels of `place`: capsules along the fingers and the palm between wrist and knuckles."""
    left, top, right, bottom = place
    image = Image.new("1", (right - left, bottom - top))
    draw = ImageDraw.Draw(image)
    radius = _FINGER * float(np.hypot(*(hand[9] - hand[0])))
    points = [(float(x) - left, float(y) - top) for x, y in hand]
    draw.polygon([points[i] for i in _PALM], fill=1)
    for chain in (*_FINGERS, (*_PALM, _PALM[0])):
        line = [points[i] for i in chain]
        draw.line(line, fill=1, width=max(1, round(2 * radius)))
        for x, y in line:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=1)
    return np.asarray(image)


@dataclass
class _Sightings:
    """One thing followed over time."""

    times: deque[float]
    rows: deque[np.ndarray]
    count: int = 1
    best: float = 0.0


class Trail:
    """Things seen now and then, followed so that they are there in between; memory is what lies in the window.

    `bridge_s` is the longest gap between two sightings that is filled, `hold_s` how long one is held before the
    first and after the last, `growth` how much larger per second away from a sighting (at most 1.6 times in all).
    The first two numbers of a row are its place. What jumps further than a head can move is another thing, and the
    first one is still held: a detector that errs for a moment does not take the mask with it.
    """

    def __init__(self, bridge_s: float, hold_s: float, growth: float = 0.5) -> None:
        self.bridge_s, self.hold_s, self.growth = bridge_s, hold_s, growth
        self._trails: list[_Sightings] = []

    def add(self, time: float, rows: Sequence[np.ndarray], sizes: Sequence[float], scores: Sequence[float]) -> None:
        """Sightings of one moment: rows `(n,)`, how large each thing is (pixels), how sure it is."""
        open_trails = [t for t in self._trails if time - t.times[-1] <= max(self.bridge_s, self.hold_s)]
        pairs = []
        for i, (row, size) in enumerate(zip(rows, sizes, strict=True)):
            for k, trail in enumerate(open_trails):
                distance = float(np.hypot(*(trail.rows[-1][:2] - row[:2]))) / max(size, 1.0)
                if distance < _REACH + min(_SPEED * (time - trail.times[-1]), 2.0):
                    pairs.append((distance, i, k))
        taken: dict[int, int] = {}
        for _, i, k in sorted(pairs):
            if i not in taken and k not in taken.values():
                taken[i] = k
        for i, row in enumerate(rows):
            if i in taken:
                trail = open_trails[taken[i]]
                trail.times.append(time)
                trail.rows.append(row)
                trail.count += 1
                trail.best = max(trail.best, scores[i])
            else:
                self._trails.append(_Sightings(deque([time]), deque([row]), 1, scores[i]))

    def at(self, time: float) -> list[tuple[np.ndarray, float]]:
        """(row, growth factor) of everything that is there at `time`."""
        found = []
        for trail in self._trails:
            place = self._place(trail, time)
            if place is not None:
                row, away = place
                found.append((row, min(1.6, 1.0 + self.growth * away)))
        return found

    def _place(self, trail: _Sightings, time: float) -> tuple[np.ndarray, float] | None:
        """The row at `time` and the seconds to the nearest sighting."""
        times = np.array(trail.times)
        after = int(np.searchsorted(times, time - 1e-6))
        if after < len(times) and times[after] <= time + 1e-6:
            return trail.rows[after], 0.0
        hold = self.hold_s if trail.count > 2 or trail.best > 0.75 else 0.1  # one weak sighting is not held
        if after == 0:
            early = times[0] - time
            return (trail.rows[0], early) if early <= hold else None
        late = time - times[after - 1]
        if after == len(times):
            return (trail.rows[-1], late) if late <= hold else None
        gap = times[after] - times[after - 1]
        if gap > self.bridge_s:
            nearest = after - 1 if late <= gap / 2 else after
            away = min(late, gap - late)
            return (trail.rows[nearest], away) if away <= hold else None
        share = late / gap
        return (1 - share) * trail.rows[after - 1] + share * trail.rows[after], min(late, gap - late)

    def forget(self, before: float) -> None:
        """Drop what no moment from `before` on can need."""
        for trail in self._trails:
            while len(trail.times) > 1 and trail.times[1] <= before:
                trail.times.popleft()
                trail.rows.popleft()
        keep = before - max(self.bridge_s, self.hold_s)
        self._trails = [t for t in self._trails if t.times[-1] >= keep]

    def latest(self, time: float, within: float) -> list[np.ndarray]:
        """The last rows of what was seen within the last seconds."""
        return [t.rows[-1] for t in self._trails if time - t.times[-1] <= within]
