"""Choosing times: which moments of a clip a model sees, and where the windows over a whole video start."""

from __future__ import annotations

import math

import numpy as np

from microgesture.errors import UserError


def sample_times(start: float, end: float, count: int, generator: np.random.Generator | None = None) -> np.ndarray:
    """`count` times in [start, end) seconds, one in each of `count` equal segments, ascending float64.

    Without a generator these are the centres of the segments (test time, always the same); with one, a
    uniform draw inside each segment (training). This is the sampling of Temporal Segment Networks (Wang et
    al. 2016) carried from frame numbers to seconds; in a clip of fewer frames than `count` frames repeat.
    Raises `UserError` when count < 1 or the end precedes the start.
    """
    if count < 1:
        raise UserError(f"cannot sample {count} times, at least one is needed")
    if not (math.isfinite(start) and math.isfinite(end)) or end < start:
        raise UserError(f"cannot sample from {start} to {end} s")
    inside = np.full(count, 0.5) if generator is None else generator.random(count)
    return start + (np.arange(count) + inside) * ((end - start) / count)


def window_starts(duration: float, window_s: float, stride_s: float) -> np.ndarray:
    """Starts of windows that together cover [0, duration) seconds, ascending float64, at least one.

    Windows begin every `stride_s`; the last one is moved back to end with the video, so no window but that
    of a video shorter than `window_s` reaches past the end. Raises `UserError` when a length is not positive.
    """
    if not (window_s > 0 and stride_s > 0) or stride_s > window_s:
        raise UserError(f"window {window_s} s and stride {stride_s} s: need 0 < stride <= window")
    last = max(0.0, duration - window_s)
    steps = math.ceil(last / stride_s - 1e-9)
    return np.minimum(np.arange(steps + 1) * stride_s, last)
