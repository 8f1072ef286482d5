"""Views: what a run is shown of a source. Each view gives windows over the whole of it, and any stretch as a clip."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch

from microgesture.analysis.watching import Progress
from microgesture.datasets.frame_choice import padded_frames
from microgesture.datasets.skeletons import SPACES, as_clip, at_moments, prepare
from microgesture.errors import DataError, RecipeError, VideoError
from microgesture.runs.run import Run, Spec
from microgesture.skeletons.normalisation import body_frame
from microgesture.skeletons.parts import PARTS, of_parts, parts_seen
from microgesture.skeletons.resampling import LONGEST_S, resample, speed_of_body
from microgesture.skeletons.track import LEAST_SCORE, SkeletonTrack
from microgesture.spotting import SpottingConfig
from microgesture.video import VideoReader, sample_times
from microgesture.video.transforms import Box, Fit, cut, released_box, shrink, to_clip

PAUSE_S = 2.0
"""Seconds without a new frame after which a picture says nothing of what the person does."""
LEAST_SEEN_S = 0.24
"""A shorter appearance is no movement that could be named."""
LEAST_SEEN = 0.5
"""Share of a window's poses in which the person must be seen."""


@dataclass(frozen=True)
class Window:
    """Seconds `start` to `end` and what the run is shown of them; None where there is nobody to see."""

    start: float
    end: float
    clip: torch.Tensor | None


class View(Protocol):
    """One person of a source, or its pictures, from second `start` to `end` of it."""

    start: float
    end: float

    def windows(self, config: SpottingConfig) -> Iterator[Window]:
        """Windows over all of it."""
        ...

    def clip(self, start: float, end: float) -> torch.Tensor:
        """A stretch as a clip of its own."""
        ...

    def trimmed(self) -> list[torch.Tensor]:
        """All of it, as a trimmed clip: in one clip or several of equal weight."""
        ...

    def motion(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """How much moves in windows that were given, (W,)."""
        ...

    def there(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Whether anybody is seen at any time of each stretch, (W,) bool."""
        ...

    def parts(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
        """Which part of the body is seen at any time of each stretch, (W, 5) bool; None where that is not known."""
        ...


def view_of(run: Run, track: SkeletonTrack, beside: Sequence[SkeletonTrack] = ()) -> PoseWindows | PoseClips:
    """A track as the run reads skeletons; the people `beside` are seen by a run that looks at several persons.

    Raises `DataError` when the run reads points of another number of dimensions, `RecipeError` when its encoder does
    not say which layout it reads.
    """
    if run.spec.windows:
        return PoseWindows(run.spec, track)
    if run.spec.layout is None:
        raise RecipeError(f"'{run.folder}': its encoder does not say which keypoint layout it reads (layout)")
    if track.points.shape[-1] != run.spec.dimensions:
        theirs, ours = SPACES[track.points.shape[-1]], SPACES[run.spec.dimensions]
        raise DataError(f"its points are {theirs}, the run learnt from points {ours}")
    return PoseClips(run.spec, track, beside)


class PictureView:
    """A video's pictures. Frames pass through a window and are gone; motion is the mean absolute change between
    consecutive sampled frames of a window, in [0, 1]."""

    def __init__(self, spec: Spec, reader: VideoReader, progress: Progress | None = None) -> None:
        if reader.frame_count < 2:
            raise VideoError(f"{reader.path}: has only one frame; a gesture is a movement and needs at least two")
        self.spec, self.reader, self.progress = spec, reader, progress
        self.start, self.end = reader.start, reader.duration
        self._moved: list[tuple[float, float]] = []

    def windows(self, config: SpottingConfig) -> Iterator[Window]:
        """No window reaches into a pause, in which one frame is held for longer than a window and `PAUSE_S`. At least
        one window, however short the video."""
        for begin, end in self._stretches(config.window_s):
            for start, length, frames in self._windows_of(config, begin, end):
                self._moved.append((start + length / 2, _change(frames)))
                yield Window(start, start + length, to_clip(self._shown(frames), self.spec.size, self.spec.fit))
                if self.progress is not None:
                    self.progress(min(start + length, self.end), self.end)

    def clip(self, start: float, end: float) -> torch.Tensor:
        """`frames` pictures, evenly over the stretch."""
        moments = sample_times(start, end, self.spec.frames)
        # one at a time: 32 frames of 4K video at once would be 800 MB
        frames = [shrink(self._shown(self.reader.frames_at([m])), self.spec.size, self.spec.fit) for m in moments]
        return to_clip(np.concatenate(frames), self.spec.size, self.spec.fit)

    def trimmed(self) -> list[torch.Tensor]:
        """One clip, the same pixels as in `evaluate_run`."""
        return [self.clip(self.start, self.end)]

    def motion(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """That of the window that was given nearest before each."""
        centres, changes = np.array(self._moved).reshape(-1, 2).T
        return changes[np.clip(np.searchsorted(centres, (starts + ends) / 2 + 1e-6) - 1, 0, None)]

    def there(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Pictures do not say."""
        return np.ones(len(starts), bool)

    def parts(self, starts: np.ndarray, ends: np.ndarray) -> None:
        """Pictures do not say."""

    def _stretches(self, window: float) -> list[tuple[float, float]]:
        """Start and end of what lies between pauses; all of it where nothing as long as half a window does."""
        edges = [self.start, *self.reader.pauses(max(PAUSE_S, window)).ravel().tolist(), self.end]
        stretches = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= window / 2]
        return stretches or [(self.start, self.end)]

    def _windows_of(
        self, config: SpottingConfig, begin: float, end: float
    ) -> Iterator[tuple[float, float, np.ndarray]]:
        """Start, length and frames (T, H, W, 3) of the windows of one stretch: the first begins with it and the last
        ends with it, so that every second is seen. The step is `stride_s` or the little less that is a whole number of
        sampled frames."""
        count = self.spec.frames
        window = min(config.window_s, end - begin)
        period = window / count
        stride = max(int(config.stride_s / period + 1e-6), 1)
        kept: deque[np.ndarray] = deque(maxlen=count)
        size = _reading_size(self.reader.size, self.spec.size, self.spec.fit, self.spec.crop)
        seen = done = 0
        for _, frames in self.reader.stream(fps=1 / period, start=begin + period / 2, end=end, size=size):
            for frame in frames:
                kept.append(frame)
                seen += 1
                if seen >= count and (seen - count) % stride == 0:
                    done = seen
                    yield begin + (seen - count) * period, window, np.stack(kept)
        if not kept:
            raise VideoError(f"{self.reader.path}: no frame could be decoded")
        if done < seen:
            filled = list(kept) + [kept[-1]] * (count - len(kept))
            centre = begin + max(seen - count / 2, seen / 2) * period
            yield centre - window / 2, window, np.stack(filled)

    def _shown(self, frames: np.ndarray) -> np.ndarray:
        """The part of frames (T, H, W, 3) that the run is shown."""
        if self.spec.crop != "released":
            return frames
        return cut(frames, released_box((frames.shape[2], frames.shape[1])))


class _PoseView:
    """What both views of a track share. Motion is the speed of the fastest of hands, head, shoulders and feet, in
    shoulder widths per second."""

    def __init__(self, spec: Spec, track: SkeletonTrack) -> None:
        self.spec, self.track = spec, track
        self.start = float(track.times[0]) if len(track) else 0.0
        self.end = float(track.times[-1]) + track.step if len(track) else 0.0

    @property
    def told(self) -> bool:
        """Whether the track can be put into the 62 points in a picture by which parts of the body are known."""
        return self.track.own is None and self.track.points.shape[-1] == 2

    @cached_property
    def skeleton(self) -> np.ndarray:
        """(T, 62, 3) of x, y, score at the run's rate."""
        return resample(self.track, self.spec.rate)

    @cached_property
    def seen(self) -> np.ndarray:
        """(T, 5) whether each of `PARTS` is seen."""
        return of_parts(parts_seen(self.skeleton[..., 2] > 0))

    def motion(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """The greatest speed in each window."""
        rate = self.spec.rate
        speed = speed_of_body(self.skeleton, rate, 1) if self.told else speed_of_joints(self.track, rate)
        return np.array([speed[at].max(initial=0.0) for at in self._frames(starts, ends)])

    def there(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """Whether any pose of each stretch is known."""
        if not self.told:
            known = self.track.times[(self.track.scores >= LEAST_SCORE).any(-1)]
            return np.searchsorted(known, ends) > np.searchsorted(known, starts - 1e-9)
        seen = np.asarray((self.skeleton[..., 2] > 0).any(-1))
        return np.array([seen[at].any() for at in self._frames(starts, ends)], bool)

    def parts(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
        """Which of `PARTS` are seen at any time of each stretch, (W, 5)."""
        if not self.told:
            return None
        return np.array([self.seen[at].any(0) for at in self._frames(starts, ends)], bool).reshape(-1, len(PARTS))

    def _frames(self, starts: np.ndarray, ends: np.ndarray) -> list[slice]:
        firsts = np.maximum(((starts - self.start) * self.spec.rate + 1e-6).astype(int), 0)
        lengths = np.maximum(((ends - starts) * self.spec.rate + 1e-6).astype(int), 1)
        return [slice(a, a + n) for a, n in zip(firsts.tolist(), lengths.tolist(), strict=True)]


class PoseWindows(_PoseView):
    """Windows of `frames` poses at the run's rate, as they are: what a run is shown that learnt from skeleton banks."""

    def __init__(self, spec: Spec, track: SkeletonTrack) -> None:
        super().__init__(spec, track)
        self.end = self.start + len(self.skeleton) / spec.rate

    def windows(self, config: SpottingConfig) -> Iterator[Window]:
        """Windows overlap by half."""
        for first in self._starts(len(self.skeleton)):
            start = self.start + first / self.spec.rate
            yield Window(start, start + self.spec.frames / self.spec.rate, self._cut(self.skeleton, first))

    def clip(self, start: float, end: float) -> torch.Tensor:
        """The stretch, or the middle of what is longer than a window."""
        first, last = (round((time - self.start) * self.spec.rate) for time in (start, end))
        spare = max(last - first - self.spec.frames, 0) // 2
        return self._cut(self.skeleton[: max(last, first + 1)], max(first + spare, 0))

    def trimmed(self) -> list[torch.Tensor]:
        """Half-overlapping windows over the time in which the person is seen. Raises `DataError` when that is less than
        a quarter of a second."""
        shown = self.shown()
        return [self._cut(shown, first) for first in self._starts(len(shown))]

    def shown(self) -> np.ndarray:
        """The skeleton from the first to the last moment in which the person is seen."""
        seen = np.flatnonzero((self.skeleton[..., 2] > 0).any(-1))
        if not len(seen):
            raise DataError("no person was found in it, so there is no gesture to name")
        if len(seen) / self.spec.rate < LEAST_SEEN_S:
            raise DataError(f"a person is seen for {len(seen) / self.spec.rate:.2f} s only: too short for a gesture")
        return self.skeleton[seen[0] : seen[-1] + 1]

    def _starts(self, length: int) -> list[int]:
        """First frames of windows that overlap by half and cover everything; all of them even."""
        half = self.spec.frames // 2
        hop = max(half - half % 2, 1)
        return list(range(0, max(length - self.spec.frames, 0) + hop, hop))

    def _cut(self, skeleton: np.ndarray, first: int) -> torch.Tensor:
        part = skeleton[first : first + self.spec.frames]
        padded = np.pad(part, ((0, self.spec.frames - len(part)), (0, 0), (0, 0)))
        return torch.from_numpy(padded).float().unsqueeze(0)


class PoseClips(_PoseView):
    """Clips (M, T, V, C) of `frames` moments evenly over a stretch, as `SkeletonDataset` makes them at test time: what
    all other skeleton runs are shown. The person of the track comes first, then those who are `beside` them."""

    def __init__(self, spec: Spec, track: SkeletonTrack, beside: Sequence[SkeletonTrack] = ()) -> None:
        super().__init__(spec, track)
        self.beside = beside

    def windows(self, config: SpottingConfig) -> Iterator[Window]:
        """`window_s` long, `stride_s` apart; nobody is seen in a window that shows the person for less than half."""
        track = self.track
        if len(track) < 2:
            return
        window = min(config.window_s, self.end - self.start)
        count = int(np.ceil(max(self.end - self.start - window, 0.0) / config.stride_s - 1e-6)) + 1
        for start in np.minimum(self.start + np.arange(count) * config.stride_s, self.end - window).tolist():
            part = track.between(start - 1e-9, start + window - 1e-9)
            there = len(part) and (part.scores >= LEAST_SCORE).any(-1).mean() >= LEAST_SEEN
            yield Window(start, start + window, self._clip(part, start, start + window) if there else None)

    def clip(self, start: float, end: float) -> torch.Tensor:
        """The stretch, made ready as a training clip is."""
        return self._clip(self.track.between(start - 1e-9, end + 1e-9), start, end)

    def trimmed(self) -> list[torch.Tensor]:
        """One clip over the time in which the person is seen. Raises `DataError` when that is less than a quarter of a
        second."""
        track = self.track
        seen = np.flatnonzero((track.scores >= LEAST_SCORE).any(-1))
        if not len(seen):
            raise DataError("no person was found in it, so there is no gesture to name")
        start, end = float(track.times[seen[0]]), float(track.times[seen[-1]]) + track.step
        if end - start < LEAST_SEEN_S:
            raise DataError(f"a person is seen for {end - start:.2f} s only: too short for a gesture")
        return [self._clip(track.between(start, end), start, end)]

    def _clip(self, track: SkeletonTrack, start: float, end: float) -> torch.Tensor:
        spec, layout = self.spec, self.spec.layout
        assert layout is not None
        others = [_at_times_of(track, other) for other in self.beside[: spec.persons - 1]] if len(track) else []
        people = [track, *(other for other in others if (other.scores > 0).any())]
        moments, points, scores = prepare(people, (start, end), layout, spec.persons, spec.normalised)
        if spec.sampling == "uniform":
            points, scores = at_moments(sample_times(0.0, 1.0, spec.frames), moments, points, scores)
        else:
            points, scores = padded_frames(points, scores, spec.frames, spec.sampling)
        return as_clip(points, scores, spec.stream, layout, spec.channels)


def speed_of_joints(track: SkeletonTrack, rate: float) -> np.ndarray:
    """The speed of the fastest joint of any layout, (T,) at `rate` moments per second, in `body_frame` units a second.

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
    there = gaps.min(0) < (track.step or 0.04)
    scores = np.where(there[:, None], other.scores[nearest], 0.0)
    return replace(other, times=track.times, points=other.points[nearest], scores=scores, interpolated=None)


def _reading_size(shown: tuple[int, int], size: int, fit: Fit, crop: str) -> tuple[int, int]:
    """Size to decode to: no larger than the model needs, so that a window of 4K video fits in memory."""
    box = released_box(shown) if crop == "released" else Box(0, 0, *shown)
    sides = (box.right - box.left, box.bottom - box.top)
    scale = min(size / (max(sides) if fit == "pad" else min(sides)), 1.0)
    return max(round(shown[0] * scale), 2), max(round(shown[1] * scale), 2)


def _change(frames: np.ndarray) -> float:
    if len(frames) < 2:
        return 0.0
    return float(np.abs(np.diff(frames.astype(np.int16), axis=0)).mean() / 255.0)
