"""Short gaps in a skeleton filled by straight lines between what was seen before and after, and marked."""

from __future__ import annotations

import numpy as np

MAX_GAP_S = 0.5
"""Longer gaps stay empty: from the last time a point was seen to the next."""
SHARE = 0.5
"""Score of a filled point, as a share of the lower score at the two ends of its gap."""


def fill_gaps(
    times: np.ndarray, points: np.ndarray, scores: np.ndarray, shots: np.ndarray, max_gap_s: float = MAX_GAP_S
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points `(T, V, C)` and scores `(T, V)` with gaps filled joint by joint, and frames `(T,)` bool that were empty.

    A gap is a run of frames in which a joint has score 0; it is filled when at most `max_gap_s` seconds lie between
    the frames on its two sides and both are of one shot (`shots (T,)` numbers them). The marked frames are those in
    which nothing at all was seen and which now have a pose. The input stays as it is.
    """
    points, scores = points.copy(), scores.copy()
    empty = (scores == 0).all(axis=1)
    for joint in range(points.shape[1]):
        seen = np.flatnonzero(scores[:, joint] > 0)
        gaps = np.flatnonzero(np.diff(seen) > 1)
        for before, after in zip(seen[gaps], seen[gaps + 1], strict=True):
            if times[after] - times[before] > max_gap_s + 1e-6 or shots[before] != shots[after]:
                continue
            inside = slice(before + 1, after)
            share = ((times[inside] - times[before]) / max(times[after] - times[before], 1e-9))[:, None]
            points[inside, joint] = (1 - share) * points[before, joint] + share * points[after, joint]
            scores[inside, joint] = SHARE * min(scores[before, joint], scores[after, joint])
    return points, scores, empty & (scores > 0).any(axis=1)
