"""The analyzer for skeleton runs that score whole clips (the graph networks, supervised or aligned with texts): a video
is read through sliding windows, each made ready as a training clip is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from microgesture.analysis.analyzer import WindowScores
from microgesture.analysis.skeleton_analyzer import BATCH, LEAST_SEEN_S, SkeletonAnalyzer, Watched
from microgesture.datasets.frame_choice import padded_frames
from microgesture.datasets.skeletons import SPACES, as_clip, at_moments, prepare
from microgesture.errors import DataError, RecipeError
from microgesture.runs.assembly import Run
from microgesture.runs.prediction import softmax
from microgesture.skeletons.layouts import Layout
from microgesture.skeletons.normalisation import body_frame
from microgesture.skeletons.resampling import LONGEST_S, resample, speed_of_body
from microgesture.skeletons.sources import is_skeleton
from microgesture.skeletons.track import LEAST_SCORE, SkeletonTrack
from microgesture.spotting import SpottingConfig
from microgesture.timeline import GestureEvent, Timeline
from microgesture.video import sample_times

RATE = 25.0
"""Poses a second that are estimated of a video: that of iMiGUE's own skeletons."""
LEAST_SEEN = 0.5
"""Share of a window's poses in which the person must be seen."""


class SkeletonWindowAnalyzer(SkeletonAnalyzer):
    """A run whose objective gives `scores` of clips (B, M, T, V, C) made ready for videos and tracks.

    Windows are `window_s` long and `stride_s` apart (`SpottingConfig`). A run that was trained on points in space reads
    skeleton files alone: no video shows those.
    """

    def __init__(self, run: Run, device: str = "auto") -> None:
        super().__init__(run, device)
        self.rate = float(run.config.get("rate", RATE))
        self.dimensions = int(run.config.get("dimensions", 2))
        self.space = "metres" if self.dimensions == 3 else "pixels"
        layout = getattr(run.objective.encoder, "layout", None)
        if not isinstance(layout, Layout):
            raise RecipeError(f"'{run.folder}': its encoder does not say which keypoint layout it reads (layout)")
        self.layout = layout
        self.channels = int(getattr(run.objective.encoder, "channels", 3))
        self.persons = int(getattr(run.objective.encoder, "persons", 1))

    def watch(self, source: str | Path, *args: Any, **options: Any) -> Watched:
        """As of any skeleton run. Raises `RecipeError` for a video when the run was trained on points in space."""
        if self.dimensions != 2 and not is_skeleton(source):
            raise RecipeError(f"'{self.run.folder}' learnt from points in space (3D), which a video does not show")
        return super().watch(source, *args, **options)

    def probabilities(self, track: SkeletonTrack, beside: Sequence[SkeletonTrack] = ()) -> np.ndarray:
        """Probabilities (K,) of a trimmed track: one clip over the time in which the person is seen, with the people
        `beside` them where the encoder looks at several.

        Raises `DataError` when the person is seen for less than a quarter of a second, and for points in space.
        """
        self._check(track)
        seen = np.flatnonzero((track.scores >= LEAST_SCORE).any(-1))
        if not len(seen):
            raise DataError("no person was found in it, so there is no gesture to name")
        step = float(np.median(np.diff(track.times))) if len(track) > 1 else 0.0
        start, end = float(track.times[seen[0]]), float(track.times[seen[-1]]) + step
        if end - start < LEAST_SEEN_S:
            raise DataError(f"a person is seen for {end - start:.2f} s only: too short for a gesture")
        return self._score([self._clip(track.between(start, end), beside, start, end)])[0]

    def token_probabilities(
        self, track: SkeletonTrack, config: SpottingConfig | None = None, beside: Sequence[SkeletonTrack] = ()
    ) -> WindowScores:
        """Probabilities of sliding windows; NaN where the person is seen in less than half of a window.

        `motion` is the speed of the fastest of hands, head, shoulders and feet in the window, in shoulder widths a
        second. `beside` as in `probabilities`. Raises `DataError` for points in space.
        """
        self._check(track)
        config = config or self.default_spotting
        classes = len(self.vocabulary)
        if len(track) < 2:
            return WindowScores(np.zeros(0), np.zeros((0, classes)), np.zeros(0))
        step = float(np.median(np.diff(track.times)))
        first, last = float(track.times[0]), float(track.times[-1]) + step
        window = min(config.window_s, last - first)
        count = int(np.ceil(max(last - first - window, 0.0) / config.stride_s - 1e-6)) + 1
        starts = np.minimum(first + np.arange(count) * config.stride_s, last - window)
        rows = np.full((count, classes), np.nan)
        clips: list[torch.Tensor] = []
        where: list[int] = []
        others = _is_others(track)
        speed = speed_of_joints(track, self.rate) if others else speed_of_body(resample(track, self.rate), self.rate, 1)
        motion = np.zeros(count)
        for i, start in enumerate(starts.tolist()):
            begin = int((start - first) * self.rate)
            motion[i] = speed[begin : begin + max(int(window * self.rate), 1)].max(initial=0.0)
            part = track.between(start - 1e-9, start + window - 1e-9)
            if len(part) and (part.scores >= LEAST_SCORE).any(-1).mean() >= LEAST_SEEN:
                clips.append(self._clip(part, beside, start, start + window))
                where.append(i)
            if clips and (len(clips) == BATCH or i == count - 1):
                rows[where] = self._score(clips)
                clips, where = [], []
        return WindowScores(starts + window / 2, rows, motion)

    def visible(self, track: SkeletonTrack, duration: float) -> dict[str, float]:
        """As of any skeleton; nothing is said of points in space, and of a layout of the user's own."""
        return {} if _is_others(track) else super().visible(track, duration)

    def is_seen(self, event: GestureEvent, track: SkeletonTrack) -> bool:
        """As of any skeleton; points in space and a layout of the user's own are taken as they are."""
        return _is_others(track) or super().is_seen(event, track)

    def counted(self, events: Sequence[GestureEvent], track: SkeletonTrack) -> list[GestureEvent]:
        """As of any skeleton; nothing is counted of points in space, and of a layout of the user's own."""
        return list(events) if _is_others(track) else super().counted(events, track)

    def acting_parts(self, track: SkeletonTrack) -> list[tuple[str, int, float]]:
        """None: such a run compares whole clips, and tells one gesture of each."""
        return []

    @torch.inference_mode()
    def event_features(
        self, tracks: Sequence[SkeletonTrack], timeline: Timeline, beside: Sequence[SkeletonTrack] = ()
    ) -> np.ndarray:
        """The visual representation v̄ of each event of the timeline, (events, D): of its seconds as a clip of their
        own, made ready as a training clip is. A run that looks at several persons sees those of `tracks` and those
        `beside` them, as when it scores windows."""
        person, rows = {track.person: track for track in tracks}, []
        for event in timeline:
            track = person[event.person]
            others = [other for other in (*tracks, *beside) if other is not track]
            part = track.between(event.start - 1e-9, event.end + 1e-9)
            clip = self._clip(part, others, event.start, event.end)
            rows.append(self.run.objective.embed(clip[None].to(self.device)).float().cpu().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)

    def _check(self, track: SkeletonTrack) -> None:
        if track.points.shape[-1] != self.dimensions:
            theirs, ours = SPACES[track.points.shape[-1]], SPACES[self.dimensions]
            raise DataError(f"its points are {theirs}, the run learnt from points {ours}")

    def _clip(self, track: SkeletonTrack, beside: Sequence[SkeletonTrack], start: float, end: float) -> torch.Tensor:
        """(M, T, V, C) of one stretch, as `SkeletonDataset` makes it at test time; the person of `track` comes first,
        then those who are seen `beside` them."""
        data = self.run.recipe.data
        others = [_at_times_of(track, other) for other in beside[: self.persons - 1]] if len(track) else []
        people = [track, *(other for other in others if (other.scores > 0).any())]
        moments, points, scores = prepare(people, (start, end), self.layout, self.persons, data.normalise)
        if data.sampling == "uniform":
            points, scores = at_moments(sample_times(0.0, 1.0, data.frames), moments, points, scores)
        else:
            points, scores = padded_frames(points, scores, data.frames, data.sampling)
        return as_clip(points, scores, data.stream, self.layout, self.channels)

    @torch.inference_mode()
    def _score(self, clips: list[torch.Tensor]) -> np.ndarray:
        scores = self.run.objective.scores(torch.stack(clips).to(self.device))
        return softmax(scores.float().cpu().numpy() / self.run.temperature)


def _is_others(track: SkeletonTrack) -> bool:
    """Whether a track cannot be put into the 62 points in a picture that the built-in recogniser reads."""
    return track.own is not None or track.points.shape[-1] != 2


def speed_of_joints(track: SkeletonTrack, rate: float) -> np.ndarray:
    """The speed of the fastest joint of any layout at `rate` moments a second, (T,), in units of `body_frame` a second.

    Raises `DataError` for times that reach over more than a day.
    """
    length = float(track.times[-1] - track.times[0])
    if length > LONGEST_S:
        raise DataError(f"its times reach over {length / 3600:.0f} hours: they must be wrong")
    known = track.scores >= LEAST_SCORE
    _, unit = body_frame(np.where(known[..., None], track.points, np.nan), track.skeleton)
    step = np.linalg.norm(np.diff(track.points, axis=0), axis=-1) * (known[1:] & known[:-1]) / unit
    fastest = step.max(1) / np.maximum(np.diff(track.times), 1e-9)
    grid = track.times[0] + np.arange(int(length * rate + 1.001)) / rate
    return np.interp(grid, track.times[1:], fastest)


def _at_times_of(track: SkeletonTrack, other: SkeletonTrack) -> SkeletonTrack:
    """Another person at the times of a track: the nearest pose, nobody (scores 0) where it is a frame away or more."""
    if not len(other):
        return replace(track, scores=np.zeros_like(track.scores))
    after = np.clip(np.searchsorted(other.times, track.times), 1, max(len(other) - 1, 1))
    candidates = np.stack([after - 1, np.minimum(after, len(other) - 1)])
    gaps = np.abs(other.times[candidates] - track.times)
    nearest = np.where(gaps[0] <= gaps[1], candidates[0], candidates[1])
    step = float(np.median(np.diff(track.times))) if len(track) > 1 else 0.04
    there = gaps.min(0) < step
    scores = np.where(there[:, None], other.scores[nearest], 0.0)
    return replace(other, times=track.times, points=other.points[nearest], scores=scores, interpolated=None)
