"""How often a movement is repeated within an event: three nods are one event that counts three."""

from __future__ import annotations

import numpy as np

LEAST = 0.02
"""Shoulder widths; a smaller to and fro is no stroke."""
SHARE = 0.3
"""A stroke swings at least by this share of the largest one."""
TREMBLES = 6.0
"""And by so many times what the points tremble."""


def repetitions(points: np.ndarray, known: np.ndarray) -> int:
    """Strokes of a movement: points (T, n, 2) in shoulder widths, and where they are known (T, n); at least 1.

    The point that moves most speaks for all. Its way along the line that it moves on is read for turns that stand out
    from what it trembles; a stroke is a turn one way and back. What is held or moves once counts 1.
    """
    if len(points) < 5:
        return 1
    from scipy.signal import find_peaks  # half a second, which `load` would pay

    usable = known.mean(0) >= 0.5
    if not usable.any():
        return 1
    tracks = [_filled(points[:, k], known[:, k]) for k in np.flatnonzero(usable)]
    track = max(tracks, key=lambda p: float(np.ptp(_level(p), axis=0).max()))
    moved = _level(track)
    axis = np.linalg.svd(moved, full_matrices=False)[2][0]
    way = moved @ axis
    tremble = float(np.median(np.abs(way[1:-1] - 0.5 * (way[2:] + way[:-2]))))
    stands_out = max(LEAST, SHARE * float(np.ptp(way)), TREMBLES * tremble)
    turns = [len(find_peaks(np.pad(sign * way, 1, mode="edge"), prominence=stands_out)[0]) for sign in (1.0, -1.0)]
    return max(1, *turns)


def _filled(track: np.ndarray, known: np.ndarray) -> np.ndarray:
    times, at = np.arange(len(track)), np.flatnonzero(known)
    return np.stack([np.interp(times, at, track[at, axis]) for axis in range(2)], -1)


def _level(track: np.ndarray) -> np.ndarray:
    """Without the way from its first to its last place, around 0."""
    way = np.linspace(0.0, 1.0, len(track))[:, None] * (track[-1] - track[0])
    level = track - way
    return level - level.mean(0)
