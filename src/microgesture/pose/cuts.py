"""Cuts between shots, told from how much the picture changes from one frame to the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

ALWAYS = 30.0
"""Mean change of a thumbnail, in grey levels of 0 to 255, that no motion of one shot reaches."""
SUDDEN = 10.0
"""Mean change that is a cut when it comes out of nothing: `TIMES` as much as in the frames before."""
TIMES = 2.5

_COLUMNS, _ROWS = 32, 18
_BEFORE = 3


class CutFinder:
    """`change` of each frame from the one before, and whether that `is_cut`. Frames of one video in order.

    Measured on people who sign or fidget in front of a resting camera: the change stays under 8.4 at 12.5 frames a
    second and under 12.5 at 5; between two videos of one room with other people the median is 23.
    """

    def __init__(self) -> None:
        self.change = 0.0
        self.is_cut = False
        self._last: np.ndarray | None = None
        self._before: deque[float] = deque(maxlen=_BEFORE)

    def look(self, frame: np.ndarray) -> None:
        """Take the next frame, uint8 `(H, W, 3)`."""
        small = thumbnail(frame)
        if self._last is None:
            self._last, self.change, self.is_cut = small, 0.0, False
            return
        self.change = float(np.abs(small - self._last).mean())
        usual = max(self._before, default=0.0)
        self.is_cut = self.change > ALWAYS or (self.change > SUDDEN and self.change > TIMES * usual)
        self._last = small
        if self.is_cut:
            self._before.clear()
        else:
            self._before.append(self.change)

    def memory(self) -> dict[str, np.ndarray]:
        """What is needed to go on later, see `recall`."""
        last = np.zeros((0, _COLUMNS, 3), np.float32) if self._last is None else self._last
        return {"cut_last": last, "cut_before": np.array(self._before, dtype=np.float64)}

    def recall(self, memory: Mapping[str, np.ndarray]) -> None:
        """Go on after the frame at which `memory` was taken."""
        last = memory["cut_last"]
        self._last = last if len(last) else None
        self._before = deque(memory["cut_before"].tolist(), maxlen=_BEFORE)


def thumbnail(frame: np.ndarray) -> np.ndarray:
    """Mean colours of 32 x 18 cells, float32 `(18, 32, 3)`; each from at most 8 x 8 pixels spread over it."""
    rows, columns = (_places(n, cells) for n, cells in ((frame.shape[0], _ROWS), (frame.shape[1], _COLUMNS)))
    picked = frame[rows[:, None], columns[None, :]].astype(np.float32)
    return picked.reshape(_ROWS, len(rows) // _ROWS, _COLUMNS, len(columns) // _COLUMNS, 3).mean((1, 3))


def _places(length: int, cells: int) -> np.ndarray:
    each = min(8, max(1, length // cells))
    return ((np.arange(cells * each) + 0.5) * length / (cells * each)).astype(np.intp)
