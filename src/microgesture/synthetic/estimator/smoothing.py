"""What the smoothing of a pose estimator leaves of a movement: MediaPipe's filter of body points.

A one-euro filter (Casiez, Roussel and Vogel, CHI 2012) with the constants of MediaPipe's pose graph: cutoff
0.05 Hz + 80 times the speed in sizes of the person's region a second, speeds smoothed at 1 Hz. Slow and short
movements, and those that go to and fro, are the ones that it takes away. Fed with the points that MediaPipe finds
unsmoothed it gives those that it finds smoothed, to 4 % of their speed, for a region of 4.3 shoulder widths.
"""

from __future__ import annotations

import numpy as np

LEAST_CUTOFF_HZ = 0.05
BETA = 80.0
SPEED_CUTOFF_HZ = 1.0


def smooth(points: np.ndarray, region: np.ndarray, interval_s: np.ndarray) -> np.ndarray:
    """Points (B, T, V, 2) in shoulder widths as the filter gives them.

    `region (B,)` is the size of each person's region in shoulder widths, `interval_s (B,)` the time that the filter
    believes to lie between two frames.
    """
    per_region = (1.0 / (region * interval_s)).astype(np.float32)[:, None, None]
    interval = interval_s.astype(np.float32)[:, None, None]
    kept = _share(np.float32(SPEED_CUTOFF_HZ), interval)
    out = points.astype(np.float32)
    speed = np.zeros_like(out[:, 0])
    for t in range(1, points.shape[1]):
        speed += kept * ((points[:, t] - points[:, t - 1]) * per_region - speed)
        out[:, t] = out[:, t - 1] + _share(LEAST_CUTOFF_HZ + BETA * np.abs(speed), interval) * (
            points[:, t] - out[:, t - 1]
        )
    return out


def _share(cutoff_hz: np.ndarray | np.float32, interval_s: np.ndarray) -> np.ndarray:
    """How much of a new value a low-pass filter of first order takes over."""
    around = 2.0 * np.pi * cutoff_hz * interval_s
    return around / (1.0 + around)
