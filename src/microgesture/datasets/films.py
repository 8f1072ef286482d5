"""Annotated films for the objective "visual-text-timed": windows at a true rate, with what happens in them and when.

Where clips are stretched to a number of frames, a film stays as fast as it was: a window is `frames` poses at `RATE` a
second, shorter ones are followed by frames without anybody. That is what the built-in weights were trained on, and
the recipe own/finetune goes on from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.datasets.augmentation import mirrored_labels
from microgesture.datasets.background import UNSURE, unsure_stretches
from microgesture.datasets.manifest import ClipRow
from microgesture.datasets.skeleton_reading import RowTracks
from microgesture.datasets.skeletons import SkeletonDataset
from microgesture.datasets.windows import WindowDataset
from microgesture.errors import DataError
from microgesture.pose.layouts import GESTURE_62
from microgesture.pose.resampling import resample
from microgesture.pose.sources import read_tracks
from microgesture.vocabulary import NO_GESTURE, Vocabulary

RATE = 12.5
"""Poses a second: that of the built-in weights."""
STRIDE = 2
"""Poses a token."""
AROUND_S = 1.0
"""How long before the first and after the last mark of a film somebody is taken to have looked."""
LEAST_SHARE = 0.25
"""A class that fills less of a window is not what the window shows."""


@dataclass(frozen=True)
class _Film:
    """One person's `skeleton (T, 62, 3)` with `active (T, K)`, the share of each frame that a class takes, and
    `known (T,)`: whether what is marked there is all that happens."""

    skeleton: np.ndarray
    active: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class _Mark:
    """A gesture of a film in frames."""

    film: int
    start: float
    end: float
    label: int


class FilmWindows(WindowDataset):
    """Batches of windows to train on: one for each row, cut around its gesture or (a share `free`) anywhere near it.

    Keys as in `SkeletonWindows`, for one vocabulary with "No gesture" as its last class: `clip (B, 1, T, 62, 3)`,
    `share (B, K)`, `active (B, N, K)`, `known (B, 1)`, `known_tokens (B, N, 1)`. Half of the windows are mirrored, and
    labels that say a side with them. A film is taken to be annotated whole from `AROUND_S` before its first mark to as
    long after its last one, except where a human was unsure. Every draw depends on (seed, epoch, row) alone.

    Raises `DataError` for a row without a skeleton, or whose skeleton cannot be read; `skip` leaves such rows out.
    """

    def __init__(
        self,
        rows: Sequence[ClipRow],
        vocabulary: Vocabulary,
        frames: int = 48,
        seed: int = 0,
        free: float = 0.5,
        skip: bool = False,
    ) -> None:
        self.training, self.epoch = True, 0
        self.vocabulary = vocabulary.subset([n for n in vocabulary.names if n != NO_GESTURE]).with_background()
        self.frames, self.seed, self.free = frames, seed, free
        self._films: list[_Film] = []
        self._marks: list[_Mark] = []
        for group in _by_film(rows):
            try:
                self._add(group)
            except DataError as error:
                if not skip:
                    raise DataError(f"row {group[0].row} ({group[0].media}): {error}") from error
        if not self._marks:
            raise DataError("no row with a skeleton is left to train on")
        self.size = len(self._marks)
        self.labels = [mark.label for mark in self._marks]
        self._mirrored = mirrored_labels(self.vocabulary)

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next draws belong to."""
        self.epoch = epoch

    def __getitems__(self, indices: Sequence[int]) -> dict[str, torch.Tensor]:
        made = [self._window(self._marks[i], np.random.default_rng((self.seed, self.epoch, i))) for i in indices]
        return {key: torch.from_numpy(np.stack([each[key] for each in made])) for key in made[0]}

    def _add(self, rows: Sequence[ClipRow]) -> None:
        """The film of these rows, one person's, with their marks."""
        if rows[0].skeleton is None:
            raise DataError("names no skeleton: make one with `microgesture pose`")
        tracks = read_tracks(rows[0].skeleton)
        own = [track for track in tracks if track.person == rows[0].person]
        track = own[0] if own else tracks[0]
        skeleton = resample(track, RATE)
        first, nothing = float(track.times[0]), self.vocabulary.index(NO_GESTURE)
        active = np.zeros((len(skeleton), len(self.vocabulary)), np.float32)
        marks = []
        for row in rows:
            start = 0.0 if row.start is None else (row.start - first) * RATE
            end = float(len(skeleton)) if row.end is None else (row.end - first) * RATE
            if start >= len(skeleton) or end <= 0:
                raise DataError(f"row {row.row} lies outside its skeleton")
            label = self.vocabulary.index(row.label)
            marks.append(_Mark(len(self._films), start, end, label))
            if label != nothing:
                active[:, label] = np.maximum(active[:, label], _cover(len(skeleton), start, end))
        around = AROUND_S * RATE
        reach = (min(m.start for m in marks) - around, max(m.end for m in marks) + around)
        known = _cover(len(skeleton), *reach) > 0
        for start, end in {stretch for row in rows if UNSURE in row.extra for stretch in unsure_stretches(row)}:
            known &= _cover(len(skeleton), (start - first) * RATE, (end - first) * RATE) == 0
        self._films.append(_Film(skeleton, active, known))
        self._marks += marks

    def _window(self, mark: _Mark, draws: np.random.Generator) -> dict[str, np.ndarray]:
        film = self._films[mark.film]
        total = len(film.skeleton)
        if draws.random() < self.free:
            length = self.frames if draws.random() < 0.8 else int(draws.uniform(0.2, 1.0) * self.frames)
            start = draws.uniform(mark.start - 0.8 * length, mark.end - 0.2 * length)
        else:
            low, high = mark.start - draws.normal(0.6, 1.9), mark.end + draws.normal(0.6, 1.9)
            length = int(np.clip(round(high - low), 5, self.frames))
            start = low + draws.random() * max(high - low - length, 0.0)
        first = int(np.clip(round(start), 0, max(total - length, 0)))
        part = slice(first, min(first + length, total))
        clip, active = film.skeleton[part], film.active[part]
        may_flip = (self._mirrored >= 0) | ~active.any(0)
        if draws.random() < 0.5 and may_flip.all():
            clip = clip[:, GESTURE_62.flip_permutation] * np.array([-1.0, 1.0, 1.0], np.float32)
            active = active[:, np.where(self._mirrored >= 0, self._mirrored, np.arange(active.shape[1]))]
        share = active.mean(0)
        share = np.where(share >= LEAST_SHARE, share, 0.0) ** 2
        share[-1] = max(share[-1], float(not share[:-1].any()))
        known = film.known[part]
        return {
            "clip": _padded(clip, self.frames)[None],
            "active": _tokens(_padded(active, self.frames)),
            "share": share.astype(np.float32),
            "known": np.array([known.mean() > 0.75]),
            "known_tokens": _tokens(_padded(known.astype(np.float32), self.frames))[:, None] == 1.0,
        }


class FilmClips(SkeletonDataset):
    """Items as of `SkeletonDataset`, `clip (1, T, 62, 3)`, but at a true rate: a gesture shorter than `frames` poses is
    followed by frames without anybody, a longer one is shown faster."""

    def __init__(self, rows: Sequence[ClipRow], vocabulary: Vocabulary, frames: int = 48, skip: bool = False) -> None:
        self._shown: list[torch.Tensor] = []
        super().__init__(rows, vocabulary, frames, GESTURE_62.name, persons=1, skip=skip)

    def __getitem__(self, index: int) -> dict[str, Any]:
        index = range(len(self))[index]
        return {"clip": self._shown[index], "label": self.labels[index], "index": index}

    def _prepare(self, row: ClipRow, clip: RowTracks, by: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shown = resample(clip.tracks[0], RATE)
        if len(shown) > self.frames:
            shown = shown[((np.arange(self.frames) + 0.5) * len(shown) / self.frames).astype(int)]
        self._shown.append(torch.from_numpy(_padded(shown, self.frames))[None])
        return super()._prepare(row, clip, by)


def _by_film(rows: Sequence[ClipRow]) -> list[list[ClipRow]]:
    """Rows of the same person in the same skeleton file."""
    films: dict[tuple[Path | None, str, str], list[ClipRow]] = {}
    for row in rows:
        films.setdefault((row.skeleton, row.person, row.subject), []).append(row)
    return list(films.values())


def _cover(length: int, start: float, end: float) -> np.ndarray:
    """How much of each of `length` frames lies between `start` and `end`, (T,)."""
    frames = np.arange(length)
    return np.clip(np.minimum(frames + 1, end) - np.maximum(frames, start), 0.0, 1.0).astype(np.float32)


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    """Zeros after the values until there are `length`."""
    return np.pad(values, ((0, length - len(values)), *((0, 0),) * (values.ndim - 1))).astype(np.float32)


def _tokens(values: np.ndarray) -> np.ndarray:
    """Means over `STRIDE` frames, (T, ...) to (ceil(T / STRIDE), ...)."""
    even = np.pad(values, ((0, -len(values) % STRIDE), *((0, 0),) * (values.ndim - 1)), mode="edge")
    return even.reshape(-1, STRIDE, *values.shape[1:]).mean(1, dtype=np.float32)
