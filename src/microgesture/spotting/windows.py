"""Where the windows of an untrimmed video stand."""

from __future__ import annotations

import math

import numpy as np


def window_centres(duration: float, window_s: float, stride_s: float) -> np.ndarray:
    """Centres (W,) in seconds of the windows that cover [0, duration) seconds.

    The first window begins at 0 and the last one ends at `duration`, so that every second is seen; the step is
    `stride_s` or the little less that makes it fit. A video shorter than one window gets a single window at its
    middle; one without length gets none.
    """
    if not math.isfinite(duration) or duration <= 0:
        return np.empty(0)
    if duration <= window_s:
        return np.array([duration / 2.0])
    steps = math.ceil((duration - window_s) / stride_s - 1e-9)
    return np.linspace(window_s / 2.0, duration - window_s / 2.0, max(steps, 1) + 1)
