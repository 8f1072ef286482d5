"""Who is who: the poses of single frames joined into people, by where they are and by the colour of their clothes.

Within a shot a pose continues the one whose box it overlaps most. What is left in pieces (somebody was hidden, left
and came back, or the camera cut away and back) is joined when the pieces never stand side by side, are about as large
and wear the same colours; over a cut they must also be in the same place, as in an interview filmed by two cameras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from microgesture.pose.detections import Detections

MISS_S = 1.0
"""A person of one shot is followed through so many seconds without a pose."""
LEAST_S = 0.4
"""Whoever is found for less than this is nobody: estimators see people where there are none, for moments."""
LEAST_SHARE = 0.25
"""And whoever is found in a smaller share of the frames between the first and the last pose."""

_OVERLAP = 0.15  # of boxes, intersection over union: less is somebody else
_PLACE = 0.2  # the same for the usual boxes of two pieces
_COLOUR = 30.0  # distance of usual colours (mean RGB of the trunk) beyond which two pieces wear different clothes
_COLOUR_JUMP = 50.0  # the same from frame to frame, where arms move over the trunk
_JUMP = 3.0  # change of the whole picture with which a change of clothes is a cut
_SIZES = 2.2  # ratio of heights beyond which two pieces are two people


@dataclass
class Piece:
    """A person in a stretch of frames: `rows` of the detections, in time."""

    rows: np.ndarray
    first: int
    last: int
    shots: tuple[int, int]
    box: np.ndarray
    colour: np.ndarray
    area: float


def people(found: Detections, step: float) -> list[np.ndarray]:
    """Rows of `found` for each person, largest first: by the area of their boxes, summed over the frames.

    `step` is the usual time between two frames in seconds. No person has two rows in one frame.
    """
    pieces = _supported(_pieces(found), found, step)
    people: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda p: -p.area):
        same = next((person for person in people if all(_may_be_same(piece, other) for other in person)), None)
        if same is None:
            people.append([piece])
        else:
            same.append(piece)
    people.sort(key=lambda person: -sum(piece.area for piece in person))
    return [np.sort(np.concatenate([piece.rows for piece in person])) for person in people]


def _pieces(found: Detections) -> list[Piece]:
    """Unbroken runs of overlapping poses."""
    boxes = found.boxes
    done: list[list[int]] = []
    open_: list[list[int]] = []
    starts = np.searchsorted(found.frames, np.arange(len(found.times) + 1))
    for frame, (begin, end) in enumerate(pairwise(starts.tolist())):
        still: list[list[int]] = []
        for run in open_:
            last = found.frames[run[-1]]
            gone = found.shots[last] != found.shots[frame] or found.times[frame] - found.times[last] > MISS_S
            (done if gone else still).append(run)
        open_ = still
        rows = [row for row in range(begin, end) if np.isfinite(boxes[row]).all()]
        joined = _assign(found, boxes, open_, rows, frame)
        for row in rows:
            if row in joined:
                open_[joined[row]].append(row)
        open_ += [[row] for row in rows if row not in joined]
    return [_piece(found, boxes, np.array(run)) for run in done + open_]


def _assign(
    found: Detections, boxes: np.ndarray, runs: Sequence[list[int]], rows: Sequence[int], frame: int
) -> dict[int, int]:
    """Row to the run that it continues: the pairs of largest summed overlap."""
    if not runs or not rows:
        return {}
    lasts = [run[-1] for run in runs]
    overlap = overlaps(boxes[lasts], boxes[list(rows)])
    if found.changes[frame] > _JUMP:
        gap = np.linalg.norm(found.colours[lasts][:, None] - found.colours[list(rows)][None], axis=-1)
        overlap[np.nan_to_num(gap) > _COLOUR_JUMP] = 0.0
    chosen = zip(*linear_sum_assignment(-overlap), strict=True)
    return {rows[j]: int(i) for i, j in chosen if overlap[i, j] >= _OVERLAP}


def _piece(found: Detections, boxes: np.ndarray, rows: np.ndarray) -> Piece:
    frames = found.frames[rows]
    sides = boxes[rows, 2:] - boxes[rows, :2]
    colours = found.colours[rows]
    known = colours[np.isfinite(colours).all(axis=1)]
    return Piece(
        rows=rows,
        first=int(frames[0]),
        last=int(frames[-1]),
        shots=(int(found.shots[frames[0]]), int(found.shots[frames[-1]])),
        box=np.median(boxes[rows], axis=0),
        colour=np.median(known, axis=0) if len(known) else np.full(3, np.nan, np.float32),
        area=float(sides.prod(axis=1).sum()),
    )


def _supported(pieces: Sequence[Piece], found: Detections, step: float) -> list[Piece]:
    """Pieces long and dense enough to be somebody; in a clip of a few frames a third of them is long."""
    least = min(int(np.ceil(LEAST_S / step)) if step > 0 else 1, max(1, len(found.times) // 3))
    return [p for p in pieces if len(p.rows) >= least and len(p.rows) >= LEAST_SHARE * (p.last - p.first + 1)]


def _may_be_same(one: Piece, other: Piece) -> bool:
    if one.first <= other.last and other.first <= one.last:
        return False
    tall, small = sorted((one.box[3] - one.box[1], other.box[3] - other.box[1]), reverse=True)
    if tall > _SIZES * max(small, 1.0):
        return False
    if np.nan_to_num(np.linalg.norm(one.colour - other.colour)) > _COLOUR:
        return False
    return one.shots == other.shots or bool(overlaps(one.box[None], other.box[None])[0, 0] > _PLACE)


def overlaps(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union `(n, m)` of boxes `(n, 4)` and `(m, 4)` (left, top, right, bottom)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    common = np.clip(high - low, 0.0, None).prod(axis=-1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=-1) for boxes in (one, other)]
    union = areas[0][:, None] + areas[1][None] - common
    return common / np.maximum(union, 1e-9)
