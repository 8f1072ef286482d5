"""What a recording shows of a person: the edges of its picture and what stands before the body.

All of it is drawn without a look at what the person does. Recordings were seen to be told by their framing otherwise:
where only films of legs show legs, legs in the picture come to mean a gesture of the legs.
"""

from __future__ import annotations

import numpy as np

from microgesture.skeletons.layouts import GESTURE_62
from microgesture.synthetic.estimator.noise import ANKLES, FEET, HIDDEN, KNEES, LEGS

BOTTOMS: tuple[tuple[float, float, float], ...] = (
    (0.40, 99.0, 99.0),  # the whole body
    (0.12, 2.6, 4.2),  # to the knees
    (0.19, 1.5, 2.6),  # to the waist or the lap
    (0.16, 0.8, 1.5),  # chest: hands come in only when they rise
    (0.09, 0.4, 0.8),  # head and shoulders, as in video calls
    (0.04, 0.1, 0.4),  # a close-up of the face
)
"""Share of the recordings, and the range in which the lower edge lies, shoulder widths below the neck. The edge of a
picture, of a desk, a bench or a lectern: half of the recordings do not show hands that lie in a lap."""

SIDES: tuple[tuple[float, float, float], ...] = ((0.85, 1.5, 4.0), (0.15, 0.8, 1.5))
"""The same of the edges to the left and right, from the neck's middle."""

TOP = 2.2
"""Shoulder widths above the neck at which pictures end."""

TABLE_HIDES = 0.9
"""Share of people at a table whose legs the table hides."""

_NECK = GESTURE_62.index("neck")
_BELOW = np.concatenate([KNEES, ANKLES, FEET])
_HIPS = np.setdiff1d(LEGS, _BELOW)


def visibility(points: np.ndarray, table: np.ndarray, rng: np.random.Generator, everything: bool = False) -> np.ndarray:
    """Scores (B, T, 62) of points (B, T, 62, 2), in shoulder widths and y down, for `disturb`: 1 where a point can be
    seen, `HIDDEN` beyond the edges or under the table. `table (B,)` says who sits at one; with `everything` all is
    seen."""
    batch = len(points)
    scores = np.ones(points.shape[:3], np.float32)
    if everything:
        return scores
    x, y = (points - points[:, :, _NECK].mean(1)[:, None, None]).transpose(3, 0, 1, 2)
    bottom = _draw(BOTTOMS, rng, (batch,))
    left, right = _draw(SIDES, rng, (2, batch))
    draw = rng.random((2, batch))
    inside = (y < bottom[:, None, None]) & (x > -left[:, None, None]) & (x < right[:, None, None]) & (y > -TOP)
    scores[~inside] = HIDDEN
    hidden = table & (draw[0] < TABLE_HIDES)
    for who, joints in ((hidden, _BELOW), (hidden & (draw[1] < 0.6), _HIPS)):
        rows = np.flatnonzero(who)
        scores[np.ix_(rows, np.arange(points.shape[1]), joints)] = HIDDEN
    return scores


def _draw(
    ranges: tuple[tuple[float, float, float], ...], rng: np.random.Generator, shape: tuple[int, ...]
) -> np.ndarray:
    share, low, high = np.array(ranges).T
    kind = np.searchsorted(np.cumsum(share / share.sum()), rng.random(shape), side="right").clip(0, len(share) - 1)
    return low[kind] + rng.random(shape) * (high - low)[kind]
