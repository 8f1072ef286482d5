"""Which frames of a clip a network is shown: moments evenly over it, or frames as they are, padded to a length.

"uniform" is this package's own and reads a clip of any length and rate alike. The others are those of published
systems, whose clips keep their frames: "strided" takes every ⌊n/T⌋-th of n frames, the first T of them (P&C); "last"
takes the last T (MSTCN-VAE). A shorter clip keeps its frames and zeros stand behind them; with "last-repeated" it is
repeated from its beginning instead.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from microgesture.errors import RecipeError

Sampling = Literal["uniform", "strided", "last", "last-repeated"]
SAMPLINGS: tuple[Sampling, ...] = ("uniform", "strided", "last", "last-repeated")


def chosen_frames(count: int, frames: int, sampling: Sampling) -> np.ndarray:
    """Indices of the `frames` or fewer frames that are shown of a clip of `count`, in order. Raises `RecipeError` for a
    sampling that chooses moments and not frames."""
    if sampling == "strided":
        return np.arange(min(count, frames)) * max(count // frames, 1)
    if sampling == "last":
        return np.arange(max(count - frames, 0), count)
    if sampling == "last-repeated":
        return np.arange(frames) % count if count < frames else np.arange(count - frames, count)
    raise RecipeError(f"data.sampling '{sampling}' chooses no frames")


def padded_frames(
    points: np.ndarray, scores: np.ndarray, frames: int, sampling: Sampling
) -> tuple[np.ndarray, np.ndarray]:
    """Points (M, T', V, D) and scores (M, T', V) of a clip as it is, of T = `frames` chosen frames with zeros behind
    them where there are fewer."""
    chosen = chosen_frames(points.shape[1], frames, sampling)
    lacking = frames - len(chosen)
    padding = [(0, 0), (0, lacking), (0, 0)]
    return np.pad(points[:, chosen], [*padding, (0, 0)]), np.pad(scores[:, chosen], padding)
