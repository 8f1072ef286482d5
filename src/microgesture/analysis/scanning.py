"""Scanning: a view of a source through a run, to probabilities over time; and to the representation of its events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from microgesture.analysis.views import View, Window
from microgesture.runs.run import Run, Scores
from microgesture.spotting import SpottingConfig
from microgesture.timeline import GestureEvent

BATCH = {"rgb": 16, "skeleton": 32}
"""Windows scored at once, by what they show."""


@dataclass(frozen=True)
class WindowScores:
    """What windows, or the moments in them, said: centres `times (W,)` in seconds, `probabilities (W, K)`, NaN where
    nobody is seen, `motion (W,)` as the view measures it."""

    times: np.ndarray
    probabilities: np.ndarray
    motion: np.ndarray


def scan(run: Run, view: View, config: SpottingConfig) -> WindowScores:
    """Probabilities over all that a view shows.

    A run that tells clips gives those of each window. One that tells moments gives those of each token, every class
    for itself: where windows overlap a moment takes its scores from all of them, the nearer centre weighing more, and a
    class whose part of the body is not seen has probability 0.
    """
    if run.spec.resolution == "moment":
        return _moments(run, view, config)
    windows, rows = [], []
    for part, scores in _scored(run, view.windows(config)):
        windows += part
        rows.append(np.full((len(part), len(run.vocabulary)), np.nan))
        rows[-1][[w.clip is not None for w in part]] = run.probabilities(scores.clips)
    starts, ends = _edges(windows)
    times = (starts + ends) / 2
    if not windows:
        return WindowScores(times, np.zeros((0, len(run.vocabulary))), np.zeros(0))
    return WindowScores(times, np.concatenate(rows), view.motion(starts, ends))


def features_of(run: Run, views: Mapping[str, View], events: Iterable[GestureEvent]) -> np.ndarray:
    """The visual representation v̄ of each event, (events, D): of its seconds as a clip of their own, in the `views` of
    each person."""
    clips = (views[event.person].clip(event.start, event.end) for event in events)
    rows = [run.embed(torch.stack(part)) for part in _batches(clips, BATCH[run.spec.modality])]
    return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)


def tellable(run: Run, seen: np.ndarray) -> np.ndarray:
    """Whether what each class needs is there: parts (..., 5) in the order of `PARTS`, bool, to classes (..., K)."""
    always = np.concatenate([seen, np.ones((*seen.shape[:-1], 1), bool)], -1)
    return always[..., run.needs]


def _moments(run: Run, view: View, config: SpottingConfig) -> WindowScores:
    classes = len(run.vocabulary)
    total, weight, step = np.zeros((0, classes)), np.zeros((0, 1)), 0.0
    for part, scores in _scored(run, view.windows(config)):
        shown = [window for window in part if window.clip is not None]
        if not shown:
            continue
        assert scores.moments is not None
        tokens = scores.moments.shape[1]
        if not step:
            step = (shown[0].end - shown[0].start) / tokens
            count = int(np.ceil((view.end - view.start) / step - 1e-6))
            total, weight = np.zeros((count, classes)), np.zeros((count, 1))
        slope = 1.0 - np.abs((np.arange(tokens) + 0.5) / tokens * 2 - 1.0) + 0.02
        for window, moments in zip(shown, 1.0 / (1.0 + np.exp(-scores.moments)), strict=True):
            first = round((window.start - view.start) / step)
            at = slice(first, min(first + tokens, len(total)))
            n = max(at.stop - at.start, 0)
            total[at] += moments[:n] * slope[:n, None]
            weight[at] += slope[:n, None]
    starts = view.start + np.arange(len(total)) * step
    rows = total / np.maximum(weight, 1e-9)
    parts = view.parts(starts, starts + step)
    if parts is not None:  # what is not seen cannot be an event
        rows *= tellable(run, parts)
    rows[~view.there(starts, starts + step) | (weight[:, 0] == 0)] = np.nan
    return WindowScores(starts + step / 2, rows, view.motion(starts, starts + step))


def _scored(run: Run, windows: Iterator[Window]) -> Iterator[tuple[list[Window], Scores]]:
    """Batches of windows and the scores of those that show somebody."""
    for part in _batches(windows, BATCH[run.spec.modality]):
        clips = [window.clip for window in part if window.clip is not None]
        if clips:
            yield part, run.score(torch.stack(clips))
        else:
            yield part, Scores(np.zeros((0, len(run.vocabulary))), np.zeros((0, 1, len(run.vocabulary))))


def _batches(items: Iterable, size: int) -> Iterator[list]:
    batch: list = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _edges(windows: list[Window]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([w.start for w in windows]), np.array([w.end for w in windows])
