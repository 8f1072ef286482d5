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
