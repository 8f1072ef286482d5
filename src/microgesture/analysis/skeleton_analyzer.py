"""The analyzer for runs that read skeletons: the built-in weights among them.

A video is watched by a pose estimator (extra `pose`) and becomes tracks, one a person; a skeleton file is read
instead of a video wherever one is named. From there on no pixel is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from microgesture.analysis.analyzer import Analyzer, Progress, WindowScores, printable, read_emotion
from microgesture.errors import DataError
from microgesture.runs.assembly import layout_of_points
from microgesture.runs.prediction import softmax
from microgesture.skeletons.layout_files import LayoutLike
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.skeletons.parts import ENOUGH, NEEDED, PARTS, of_parts, parts_seen
from microgesture.skeletons.resampling import LEADING, resample, shoulder_width, speed_of_body
from microgesture.skeletons.sources import Space, is_skeleton, read_tracks
from microgesture.skeletons.track import SkeletonTrack
from microgesture.spotting import SpottingConfig, spot
from microgesture.spotting.repetition import repetitions
from microgesture.timeline import Alternative, GestureEvent, Media, Timeline
from microgesture.video import VideoReader
from microgesture.vocabulary import Vocabulary

if TYPE_CHECKING:
    from microgesture.emotion.model import EmotionModel

BATCH = 32
"""Windows scored at once."""
ACTS = 0.5
"""Probability from which on a part of the body does something in a clip."""
LEAST_SEEN_S = 0.24
"""A shorter appearance is no movement that could be named."""


@dataclass(frozen=True)
class Watched:
    """What was seen: `tracks`, one a person, largest first (none: nobody), and the `media` they come from. `beside` are
    people who are not read themselves, but whom a run that looks at several persons sees with the others."""

    tracks: tuple[SkeletonTrack, ...]
    media: Media
    source: str = ""
    beside: tuple[SkeletonTrack, ...] = ()

    def others(self, track: SkeletonTrack) -> tuple[SkeletonTrack, ...]:
        """Everyone but the person of a track, largest first."""
        return tuple(other for other in (*self.tracks, *self.beside) if other is not track)


class SkeletonAnalyzer(Analyzer):
    """A skeleton run made ready: `watch` a video or a skeleton file, `read` what was watched; or both at once by
    `recognize` and `analyze`. `rate` is the poses a second that the run was trained on."""

    def __init__(self, run, device: str = "auto") -> None:
        super().__init__(run, device)
        self.rate = float(run.config.get("rate", 12.5))
        self.frames = int(run.recipe.data.frames)
        self.persons = 1
        self.space: Space = "pixels"

    def watch(
        self,
        source: str | Path,
        persons: str = "largest",
        fps: float | None = None,
        model_file: str | Path | None = None,
        pose_estimator: str = "mediapipe",
        resume: Path | None = None,
        progress: Progress | None = None,
        video_stream: int | None = None,
        layout: LayoutLike | None = None,
    ) -> Watched:
        """Tracks of a video, or of a skeleton file in its place (`fps` for formats that hold no times).

        Of a video `fps` poses a second are estimated (by default the run's rate) and kept in the folder `resume`, so
        that a stopped watch resumes. `pose_estimator` and `model_file` are those of `create_estimator`, `video_stream`
        is that of `VideoReader`, `layout` (by default that of the run's data) of points that do not say it. Raises
        `VideoError`, `DataError`, `MissingExtra` without the extra `pose`.
        """
        if is_skeleton(source):
            tracks = read_tracks(source, fps=fps, space=self.space, layout=layout or layout_of_points(self.run.recipe))
            kept = tracks[:1] if persons == "largest" else tracks
            end = max((float(t.times[-1]) + t.step for t in kept if len(t)), default=0.0)
            media = Media(printable(source), end, None, kept[0].image_size if kept else None)
            return Watched(tuple(kept), media, "file", tuple(tracks[len(kept) :]))
        from microgesture.pose.estimator import create_estimator
        from microgesture.pose.extraction import extract
        from microgesture.skeletons.gaps import MAX_GAP_S

        with VideoReader(source, stream=video_stream) as reader:
            media = Media(printable(source), reader.duration, reader.fps, reader.size, reader.sha256())
        estimator = create_estimator(pose_estimator, model_file)
        try:
            looked_for = "all" if self.persons > 1 and persons == "largest" else persons
            rate = fps or self.rate
            tracks = extract(source, estimator, rate, looked_for, progress, MAX_GAP_S, resume, video_stream)
        finally:
            estimator.close()
        kept = tracks[:1] if persons == "largest" else tracks
        return Watched(tuple(kept), media, estimator.name, tuple(tracks[len(kept) :]))

    def recognize(self, clip: str | Path, top: int = 5, **watching: Any) -> GestureEvent:
        """Name the gesture of a trimmed clip, video or skeleton file, by its largest person.

        What happens together is told together: the best reading of each part of the body that acts (`by_part` of the
        event) is among the first `top`. `watching` are options of `watch`. Raises `DataError` when nobody is found.
        """
        watched = self.watch(clip, **watching)
        if not watched.tracks:
            raise DataError(f"{clip}: no person was found in it, so there is no gesture to name")
        track = watched.tracks[0]
        start, end = float(track.times[0]), watched.media.duration or 0.0
        if watched.source == "file":
            start, end = 0.0, float(track.times[-1] - track.times[0]) + track.step
        try:
            probabilities = self.probabilities(track, watched.others(track))
            event = self.event_of(probabilities, max(end, start + 1e-3), top, start)
            return with_parts(event, self.acting_parts(track), self.vocabulary)
        except DataError as error:
            raise DataError(f"{clip}: {error}") from error

    def analyze_with_tracks(
        self,
        video: str | Path,
        spotting: SpottingConfig | None = None,
        emotion: EmotionModel | None = None,
        progress: Progress | None = None,
        **watching: Any,
    ) -> tuple[Timeline, tuple[SkeletonTrack, ...]]:
        """Watch and read a video or skeleton file: the gestures, and the tracks that they were read from.

        `watching` are options of `watch`.
        """
        watched = self.watch(video, progress=progress, **watching)
        try:
            return self.read(watched, spotting, emotion), watched.tracks
        except DataError as error:
            raise DataError(f"{video}: {error}") from error

    def remarks(self, timeline: Timeline) -> list[str]:
        """What a reader of the timeline must know, in plain sentences."""
        said = super().remarks(timeline)
        for person, stretches in timeline.provenance["unseen"].items():
            away = sum(end - start for start, end in stretches)
            if away > 0.05 * timeline.duration:
                said.append(f"{person} is not seen for {away:.1f} of {timeline.duration:.1f} s")
        for person, shares in timeline.provenance.get("visible", {}).items():
            hidden = [part for part in ("hands", "legs", "face") if shares.get(part, 1.0) < ENOUGH]
            said += [f"{person}: the {part} can be seen for {100 * shares[part]:.0f} % of the video" for part in hidden]
        if not timeline.provenance["persons"]:
            return ["nobody was found in it, so there are no gestures"]
        return said

    def read(
        self, watched: Watched, spotting: SpottingConfig | None = None, emotion: EmotionModel | None = None
    ) -> Timeline:
        """Find, time and name the gestures of everyone who was watched."""
        config = spotting or self.default_spotting
        duration = watched.media.duration or 0.0
        events: list[GestureEvent] = []
        unseen: dict[str, list[list[float]]] = {}
        visible: dict[str, dict[str, float]] = {}
        for track in watched.tracks:
            scores = self.token_probabilities(track, config, watched.others(track))
            found = spot(
                scores.times,
                scores.probabilities,
                self.vocabulary,
                config,
                duration,
                motion=scores.motion,
                person=track.person,
                annotator=self.run.title,
                start=float(track.times[0]) if len(track) else 0.0,
            )
            events += self.counted([event for event in found if self.is_seen(event, track)], track)
            unseen[track.person] = [[round(a, 3), round(b, 3)] for a, b in _absent(scores, duration)]
            visible[track.person] = self.visible(track, duration)
        if not watched.tracks and duration > 0:
            unseen["P1"] = [[0.0, round(duration, 3)]]
        persons = [track.person for track in watched.tracks]
        seen = {"persons": persons, "unseen": unseen, "visible": visible}
        provenance = {**self._provenance(config), "pose": watched.source, **seen}
        timeline = Timeline(tuple(events), watched.media, self.vocabulary.name, self.vocabulary.names, None, provenance)
        return read_emotion(timeline, emotion, lambda: self.event_features(watched.tracks, timeline, watched.beside))

    @torch.inference_mode()
    def event_features(
        self, tracks: Sequence[SkeletonTrack], timeline: Timeline, beside: Sequence[SkeletonTrack] = ()
    ) -> np.ndarray:
        """The visual representation v̄ of each event of the timeline, (events, D): of its seconds as a clip of their own
        (the middle of what is longer than a window), the mean over the person and their mirror image. `tracks` are
        those of the timeline's people; the people `beside` them, of whom it says nothing, do not matter here."""
        resampled = {track.person: (track, resample(track, self.rate)) for track in tracks}
        windows = np.zeros((len(timeline), self.frames, len(GESTURE_62), 3), np.float32)
        for window, event in zip(windows, timeline, strict=True):
            track, skeleton = resampled[event.person]
            first = float(track.times[0]) if len(track) else 0.0
            start, end = (round((time - first) * self.rate) for time in (event.start, event.end))
            spare = max(end - start - self.frames, 0) // 2
            part = skeleton[max(start + spare, 0) : max(end, start + 1)][: self.frames]
            window[: len(part)] = part
        objective, found = self.run.objective, []
        for first in range(0, len(windows), BATCH):
            batch = torch.from_numpy(windows[first : first + BATCH]).unsqueeze(1).to(self.device)
            mirrored = batch[:, :, :, _FLIP] * torch.tensor([-1.0, 1.0, 1.0], device=self.device)
            embedded = objective.embed(torch.cat([batch, mirrored])).float()
            found.append(embedded.unflatten(0, (2, len(batch))).mean(0).cpu().numpy())
        return np.concatenate(found) if found else np.zeros((0, 0), np.float32)

    def probabilities(self, track: SkeletonTrack, beside: Sequence[SkeletonTrack] = ()) -> np.ndarray:
        """Probabilities (K,) of a trimmed track: one window over the time in which the person is seen, or the mean
        over half-overlapping windows when it is longer. The people `beside` them do not matter here.

        Raises `DataError` when the person is seen for less than a quarter of a second.
        """
        skeleton = resample(track, self.rate)
        seen = np.flatnonzero((skeleton[..., 2] > 0).any(-1))
        if not len(seen):
            raise DataError("no person was found in it, so there is no gesture to name")
        if len(seen) / self.rate < LEAST_SEEN_S:
            raise DataError(f"a person is seen for {len(seen) / self.rate:.2f} s only: too short for a gesture")
        skeleton = skeleton[seen[0] : seen[-1] + 1]
        starts = _starts(len(skeleton), self.frames)
        logits, _ = self.score_windows(np.stack([_cut(skeleton, s, self.frames) for s in starts]))
        share = of_parts(parts_seen(skeleton[..., 2] > 0)).mean(0)
        tell = self._needs_of(share >= ENOUGH)
        ranked = logits.mean(0) if not tell.any() else np.where(tell, logits.mean(0), -np.inf)
        return softmax(ranked / self.run.temperature)

    def _needs_of(self, seen: np.ndarray) -> np.ndarray:
        """Whether what each class needs is there: parts (..., 5) in the order of `PARTS`, bool, to classes (..., K)."""
        always = np.concatenate([seen, np.ones((*seen.shape[:-1], 1), bool)], -1)
        return always[..., self.needs]

    @cached_property
    def needs(self) -> np.ndarray:
        """(K,) the part of the body, as an index of `PARTS`, that each class is told by; `len(PARTS)`: none. A text of
        one's own needs what the label nearest to it in the objective's space does."""
        regions = self.run.objective.regions()
        background = self.vocabulary.background_id
        parts = [PARTS.index(NEEDED[region]) if region else len(PARTS) for region in regions]
        return np.array([len(PARTS) if k == background else part for k, part in enumerate(parts)])

    def counted(self, events: Sequence[GestureEvent], track: SkeletonTrack) -> list[GestureEvent]:
        """The events of a person with how often the movement is repeated in each."""
        skeleton = resample(track, self.rate)
        if not events or not len(skeleton):
            return list(events)
        points, known = skeleton[..., :2] / shoulder_width(skeleton), skeleton[..., 2] > 0
        made = []
        for event in events:
            start, end = (round((time - float(track.times[0])) * self.rate) for time in (event.start, event.end))
            part = self.needs[event.label_id] if event.label_id is not None else len(PARTS)
            if part == PARTS.index("hands"):  # not the way there and back
                start, end = start + (end - start) // 5, end - (end - start) // 5
            at = slice(max(start, 0), max(end, 0)), _MOVED[part]
            made.append(replace(event, count=repetitions(points[at], known[at])))
        return made

    def is_seen(self, event: GestureEvent, track: SkeletonTrack) -> bool:
        """Whether the part of the body that makes an event is seen for `ENOUGH` of its time."""
        part = self.needs[event.label_id] if event.label_id is not None else len(PARTS)
        if part == len(PARTS):
            return True
        skeleton = resample(track.between(event.start - 1e-9, event.end + 1e-9), self.rate)
        seen = of_parts(parts_seen(skeleton[..., 2] > 0))[:, part]
        return len(seen) > 0 and bool(seen.sum() >= ENOUGH * (event.end - event.start) * self.rate - 1.0)

    def visible(self, track: SkeletonTrack, duration: float) -> dict[str, float]:
        """For which share of `duration` seconds each part of the body (`PARTS`) of a person can be seen."""
        seen = of_parts(parts_seen(resample(track, self.rate)[..., 2] > 0)).sum(0) / self.rate
        return {part: round(min(float(s) / max(duration, 1e-9), 1.0), 3) for part, s in zip(PARTS, seen, strict=True)}

    def acting_parts(self, track: SkeletonTrack) -> list[tuple[str, int, float]]:
        """Of each part of the body that does something in a trimmed track: its name, its best class and how sure that
        is, strongest first. A part acts when a class of it is likelier than not for a third of the time."""
        rows = self.token_probabilities(track).probabilities
        rows = rows[np.isfinite(rows).all(-1)]
        if not len(rows):
            return []
        strength = np.sort(rows, 0)[-max(len(rows) // 3, 1) :].mean(0)
        found = []
        for number, part in enumerate(PARTS):
            classes = np.flatnonzero(self.needs == number)
            if len(classes):
                best = int(classes[strength[classes].argmax()])
                found.append((part, best, float(strength[best])))
        acts = [one for one in found if one[2] >= ACTS]
        return sorted(acts, key=lambda one: -one[2])

    def token_probabilities(
        self, track: SkeletonTrack, config: SpottingConfig | None = None, beside: Sequence[SkeletonTrack] = ()
    ) -> WindowScores:
        """Probability of every class, each for itself, every `stride` poses; NaN where nobody is seen.

        Windows overlap by half; each moment takes its scores from both, the nearer centre weighing more. `motion`
        is the speed of the fastest of hands, head, shoulders and feet, in shoulder widths a second.
        """
        stride = int(getattr(self.run.objective.encoder, "stride", 1))
        skeleton = resample(track, self.rate)
        count = -(-len(skeleton) // stride)
        classes = len(self.vocabulary)
        total, weight = np.zeros((count, classes)), np.zeros((count, 1))
        starts = _starts(len(skeleton), self.frames)
        tokens = -(-self.frames // stride)
        slope = 1.0 - np.abs((np.arange(tokens) + 0.5) / tokens * 2 - 1.0) + 0.02
        for first in range(0, len(starts), BATCH):
            part = starts[first : first + BATCH]
            _, scored = self.score_windows(np.stack([_cut(skeleton, s, self.frames) for s in part]))
            for start, moments in zip(part, 1.0 / (1.0 + np.exp(-scored)), strict=True):
                at = slice(start // stride, min(start // stride + tokens, count))
                n = at.stop - at.start
                total[at] += moments[:n] * slope[:n, None]
                weight[at] += slope[:n, None]
        rows = total / np.maximum(weight, 1e-9)
        seen = np.asarray((skeleton[..., 2] > 0).any(-1))
        there = np.add.reduceat(seen, np.arange(0, len(seen), stride)) > 0 if len(seen) else np.zeros(0, bool)
        parts = of_parts(parts_seen(skeleton[..., 2] > 0))
        if len(parts):  # what is not seen cannot be an event
            rows *= self._needs_of(np.logical_or.reduceat(parts, np.arange(0, len(parts), stride)))
        rows[~there] = np.nan
        times = float(track.times[0] if len(track) else 0.0) + (np.arange(count) + 0.5) * stride / self.rate
        return WindowScores(times, rows, speed_of_body(skeleton, self.rate, stride))

    @torch.inference_mode()
    def score_windows(self, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of windows (B, T, 62, 3): clip logits (B, K) and token logits (B, N, K), each the mean over the person and
        their mirror image, so that left and right are alike."""
        batch = torch.from_numpy(windows).float().unsqueeze(1).to(self.device)
        mirrored = batch[:, :, :, _FLIP] * torch.tensor([-1.0, 1.0, 1.0], device=self.device)
        objective = self.run.objective
        clips, tokens = objective.both_scores(torch.cat([batch, mirrored]))
        clips, tokens = (x.float().unflatten(0, (2, len(windows))).mean(0) for x in (clips, tokens))
        return clips.cpu().numpy(), tokens.cpu().numpy()


def with_parts(event: GestureEvent, acting: Sequence[tuple[str, int, float]], vocabulary: Vocabulary) -> GestureEvent:
    """The event with the best reading of each acting part (`SkeletonAnalyzer.acting_parts`), which are brought among
    its readings in place of the least probable ones."""
    by_part = tuple((part, Alternative(vocabulary[best].name, sure)) for part, best, sure in acting)
    readings = [Alternative(event.label, event.confidence), *event.alternatives]
    missing = [a for _, a in by_part if a.label not in {r.label for r in readings}][: max(len(readings) - 1, 0)]
    least = min(r.confidence for r in readings)
    kept = readings[1 : len(readings) - len(missing)]
    promoted = tuple(Alternative(a.label, min(a.confidence, least)) for a in missing)
    return replace(event, alternatives=(*kept, *promoted), by_part=by_part)


def _starts(length: int, window: int) -> list[int]:
    """First frames of windows that overlap by half and cover everything; all of them even."""
    hop = max(window // 2 - (window // 2) % 2, 1)
    return list(range(0, max(length - window, 0) + hop, hop))


def _cut(skeleton: np.ndarray, start: int, length: int) -> np.ndarray:
    part = skeleton[start : start + length]
    return np.pad(part, ((0, length - len(part)), (0, 0), (0, 0)))


_FLIP = torch.from_numpy(GESTURE_62.flip_permutation)
_MOVED = tuple(
    [GESTURE_62.index(name) for name in names]
    for names in (
        ("left_wrist", "right_wrist", "left_index_tip", "right_index_tip"),
        ("left_knee", "right_knee", "left_ankle", "right_ankle", "left_toe", "right_toe"),
        ("upper_lip", "lower_lip"),
        ("nose", "chin"),
        ("left_shoulder", "right_shoulder"),
        tuple(GESTURE_62.joints[k] for k in LEADING),
    )
)
"""Points that a movement of each of `PARTS` is counted by; last: of any part."""


def _absent(scores: WindowScores, duration: float) -> list[tuple[float, float]]:
    """Stretches of at least a second in which nobody is seen, before, between and after."""
    half = (scores.times[1] - scores.times[0]) / 2 if len(scores.times) > 1 else 0.0
    seen = scores.times[np.isfinite(scores.probabilities).all(1)]
    edges = [0.0, *(edge for time in seen for edge in (time - half, time + half)), duration]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [(max(a, 0.0), min(b, duration)) for a, b in gaps if min(b, duration) - max(a, 0.0) >= 1.0]
