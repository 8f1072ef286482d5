"""A trained run applied to a video: name a trimmed clip, or turn a whole video into a `Timeline`.

    analyzer = microgesture.load("runs/finetune")
    analyzer.recognize("clip.mp4").label
    analyzer.analyze("interview.mp4").events

One way down: watch (a video becomes tracks, unless the run reads pictures) → scan (views through the run, to
probabilities over time) → spot. Memory does not grow with the length of the video: frames pass through a window and
are gone; what stays is one row of probabilities a window.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import microgesture
from microgesture.analysis import bodies
from microgesture.analysis.scanning import WindowScores, features_of, scan, tellable
from microgesture.analysis.views import PictureView, PoseClips, PoseWindows, View, view_of
from microgesture.analysis.watching import Progress, Watched, watch
from microgesture.errors import DataError, RecipeError
from microgesture.files.text_tables import printable
from microgesture.runs.run import Run, built_in_weights, load_run
from microgesture.skeletons.parts import ENOUGH, of_parts, parts_seen
from microgesture.skeletons.track import SkeletonTrack
from microgesture.spotting import SpottingConfig, spot
from microgesture.timeline import Alternative, GestureEvent, Media, Timeline
from microgesture.video import VideoReader
from microgesture.vocabulary import Vocabulary

if TYPE_CHECKING:
    from microgesture.emotion.model import EmotionModel

log = logging.getLogger(__name__)

HIDDEN = ("hands", "legs", "face")
"""Parts of the body of which the remarks say so when they are hidden for most of a video."""


_ZERO_SHOT = "zero-shot: no training ever saw some of these labels; their times and names are guesses from words"


def load(run: str | Path | None = None, device: str = "auto") -> Analyzer:
    """Open a run folder; without one, the weights that come with the package, which read skeletons.

    Raises `RecipeError` when it is none, or its weights do not fit its recipe.
    """
    opened = load_run(built_in_weights() if run is None else run, device)
    opened.check_names_gestures()
    if opened.spec.modality not in ("rgb", "skeleton"):
        raise RecipeError(
            f"'{opened.folder}' reads a video and its skeleton together: evaluate and fuse know such runs alone"
        )
    return Analyzer(opened)


class Analyzer:
    """A run made ready for video: `recognize` a trimmed clip, `analyze` a whole video.

    For runs that read skeletons, `watch` makes tracks and `read` finds what is in them; `analyze` does both.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        if run.spec.crop == "person" and self.modality == "rgb":
            log.warning("%s learnt from crops around the person, and is shown whole frames here", run.folder)

    @property
    def vocabulary(self) -> Vocabulary:
        """The gestures that this analyzer can name."""
        return self.run.vocabulary

    @property
    def modality(self) -> str:
        """What the run reads: "rgb" or "skeleton"."""
        return self.run.spec.modality

    def with_vocabulary(self, vocabulary: Vocabulary) -> Analyzer:
        """The same weights reading other label texts (zero-shot).

        Only visual-text runs can: a classifier's outputs are fixed, which raises `RecipeError`.
        """
        return type(self)(self.run.with_vocabulary(vocabulary))

    def vocabulary_remarks(self) -> list[str]:
        """What is not understood of the label texts, in plain sentences."""
        return self.run.objective.text_remarks()

    def watch(self, source: str | Path, **options: Any) -> Watched:
        """Tracks of a video or a skeleton file, for a run that reads skeletons; `options` and errors as of
        `analysis.watching.watch`."""
        return watch(source, self.run.spec, **options)

    def recognize(self, clip: str | Path, top: int = 5, **watching: Any) -> GestureEvent:
        """Name the gesture of a trimmed clip: an event from its first picture to its end with `top - 1` alternatives;
        of a skeleton file, from 0 to its length.

        A run that reads skeletons names that of the largest person, and tells together what happens together: the best
        reading of each part of the body that acts (`by_part` of the event) is among the first `top`. A clip with fewer
        frames than the model samples is read with frames repeated; `top` beyond the number of classes gives them all.
        `watching` are options of `watch`; of pictures `video_stream` alone matters. Raises `VideoError` when the file
        cannot be read or holds a single frame, `DataError` when nobody is found.
        """
        if self.modality == "rgb":
            with VideoReader(clip, stream=watching.get("video_stream")) as reader:
                pictures = PictureView(self.run.spec, reader)
                return self._event(self._trimmed(pictures), pictures.start, pictures.end, top)
        watched = self.watch(clip, **watching)
        if not watched.tracks:
            raise DataError(f"{clip}: no person was found in it, so there is no gesture to name")
        track = watched.tracks[0]
        start, end = float(track.times[0]), watched.media.duration or 0.0
        if watched.source == "file":
            start, end = 0.0, float(track.times[-1] - track.times[0]) + track.step
        try:
            event = self.recognize_track(track, top, watched.others(track))
        except DataError as error:
            raise DataError(f"{clip}: {error}") from error
        return replace(event, start=start, end=max(end, start + 1e-3))

    def recognize_track(self, track: SkeletonTrack, top: int = 5, beside: Sequence[SkeletonTrack] = ()) -> GestureEvent:
        """As `recognize`, of a trimmed track; the people `beside` are seen by a run that looks at several."""
        view = view_of(self.run, track, beside)
        event = self._event(self._trimmed(view), 0.0, max(view.end - view.start, 1e-3), top)
        if self.run.spec.resolution == "clip":
            return event
        acting = bodies.acting_parts(self.run, scan(self.run, view, self.run.spotting))
        return bodies.with_parts(event, acting, self.vocabulary)

    def probabilities(self, track: SkeletonTrack, beside: Sequence[SkeletonTrack] = ()) -> np.ndarray:
        """Probabilities (K,) of a trimmed track, with the people `beside` where the run looks at several; 0 for classes
        whose part of the body is not seen, when a run that tells moments knows so.

        Raises `DataError` when the person is seen for less than a quarter of a second.
        """
        return self._trimmed(view_of(self.run, track, beside))

    def scan(
        self, track: SkeletonTrack, config: SpottingConfig | None = None, beside: Sequence[SkeletonTrack] = ()
    ) -> WindowScores:
        """Probabilities over the whole of a track."""
        return scan(self.run, view_of(self.run, track, beside), config or self.run.spotting)

    def analyze(
        self,
        video: str | Path,
        spotting: SpottingConfig | None = None,
        emotion: EmotionModel | None = None,
        progress: Progress | None = None,
        **watching: Any,
    ) -> Timeline:
        """Find, time and name the gestures of a whole video or skeleton file; read emotion from them when a model is
        given. `watching` are options of `watch`; of pictures `video_stream` alone matters.

        Raises `VideoError` when the file cannot be read or holds a single frame.
        """
        return self.analyze_with_tracks(video, spotting, emotion, progress, **watching)[0]

    def analyze_with_tracks(
        self,
        video: str | Path,
        spotting: SpottingConfig | None = None,
        emotion: EmotionModel | None = None,
        progress: Progress | None = None,
        **watching: Any,
    ) -> tuple[Timeline, tuple[SkeletonTrack, ...]]:
        """As `analyze`, with the skeletons that it was read from; none where pictures are read."""
        if self.modality == "rgb":
            with VideoReader(video, stream=watching.get("video_stream")) as reader:
                return self._read_pictures(video, reader, spotting or self.run.spotting, emotion, progress), ()
        watched = self.watch(video, progress=progress, **watching)
        try:
            return self.read(watched, spotting, emotion), watched.tracks
        except DataError as error:
            raise DataError(f"{video}: {error}") from error

    def read(
        self, watched: Watched, spotting: SpottingConfig | None = None, emotion: EmotionModel | None = None
    ) -> Timeline:
        """Find, time and name the gestures of everyone who was watched."""
        config, duration = spotting or self.run.spotting, watched.media.duration or 0.0
        events: list[GestureEvent] = []
        unseen: dict[str, list[list[float]]] = {}
        visible: dict[str, dict[str, float]] = {}
        views: dict[str, View] = {}
        for track in watched.tracks:
            view = views[track.person] = view_of(self.run, track, watched.others(track))
            scores = scan(self.run, view, config)
            config = self._as_scanned(config, scores)
            found = self._spot(scores, config, duration, view.start, track.person)
            events += bodies.counted(self.run, [e for e in found if bodies.is_seen(self.run, e, view)], view)
            unseen[track.person] = [[round(a, 3), round(b, 3)] for a, b in _absent(scores, duration)]
            visible[track.person] = bodies.visible(view, duration)
        if not watched.tracks and duration > 0:
            unseen["P1"] = [[0.0, round(duration, 3)]]
        persons = [track.person for track in watched.tracks]
        seen = {"pose": watched.source, "persons": persons, "unseen": unseen, "visible": visible}
        return self._timeline(events, watched.media, self._provenance(config) | seen, emotion, views)

    def features(self, video: str | Path, timeline: Timeline, **watching: Any) -> np.ndarray:
        """The visual representation v̄ of each event of a video's timeline, (events, D): of its seconds as a clip of
        their own. Raises what `watch` raises."""
        if self.modality == "rgb":
            with VideoReader(video, stream=watching.get("video_stream")) as reader:
                return features_of(self.run, _one_for_all(PictureView(self.run.spec, reader), timeline), timeline)
        return self.event_features(self.watch(video, **watching), timeline)

    def event_features(self, watched: Watched, timeline: Timeline) -> np.ndarray:
        """As `features`, of what was watched already."""
        views = {t.person: view_of(self.run, t, watched.others(t)) for t in watched.tracks}
        return features_of(self.run, views, timeline)

    def remarks(self, timeline: Timeline) -> list[str]:
        """What a reader of the timeline must know, in plain sentences."""
        facts = timeline.provenance
        if "persons" in facts and not facts["persons"]:
            return ["nobody was found in it, so there are no gestures"]
        said = []
        if facts.get("zero_shot"):
            said.append(_ZERO_SHOT)
        for person, stretches in facts.get("unseen", {}).items():
            away = sum(end - start for start, end in stretches)
            if away > 0.05 * timeline.duration:
                said.append(f"{person} is not seen for {away:.1f} of {timeline.duration:.1f} s")
        for person, shares in facts.get("visible", {}).items():
            hidden = [part for part in HIDDEN if shares.get(part, 1.0) < ENOUGH]
            said += [f"{person}: the {part} can be seen for {100 * shares[part]:.0f} % of the video" for part in hidden]
        return said

    def _read_pictures(
        self,
        video: str | Path,
        reader: VideoReader,
        config: SpottingConfig,
        emotion: EmotionModel | None,
        progress: Progress | None,
    ) -> Timeline:
        view = PictureView(self.run.spec, reader, progress)
        scores = scan(self.run, view, config)
        config = self._as_scanned(config, scores)
        events = self._spot(scores, config, view.end, view.start)
        media = Media(printable(video), view.end, reader.fps, reader.size, reader.sha256())
        return self._timeline(events, media, self._provenance(config), emotion, _one_for_all(view, events))

    def _trimmed(self, view: PictureView | PoseWindows | PoseClips) -> np.ndarray:
        """Probabilities (K,) of all that a view shows, as one trimmed clip."""
        logits = self.run.score(torch.stack(view.trimmed())).clips.mean(0)
        if isinstance(view, PoseWindows) and self.run.spec.resolution == "moment":
            tell = tellable(self.run, of_parts(parts_seen(view.shown()[..., 2] > 0)).mean(0) >= ENOUGH)
            logits = np.where(tell, logits, -np.inf) if tell.any() else logits
        return self.run.probabilities(logits)

    def _event(self, probabilities: np.ndarray, start: float, end: float, top: int) -> GestureEvent:
        """One event of a whole clip: the best class and `top - 1` alternatives."""
        order = np.argsort(-probabilities)[: max(top, 1)]
        first = self.vocabulary[int(order[0])]
        return GestureEvent(
            start,
            end,
            first.name,
            first.id,
            float(probabilities[order[0]]),
            first.body_region,
            alternatives=tuple(Alternative(self.vocabulary[int(k)].name, float(probabilities[k])) for k in order[1:]),
            annotator=self.run.title,
        )

    def _as_scanned(self, config: SpottingConfig, scores: WindowScores) -> SpottingConfig:
        """The settings with the times of what was scored: windows of pictures are whole frames apart, moments are as
        long as they are apart."""
        step = float(np.median(np.diff(scores.times))) if len(scores.times) > 1 else config.stride_s
        length = step if self.run.spec.resolution == "moment" else config.window_s
        if abs(step - config.stride_s) < 1e-6 and abs(length - config.window_s) < 1e-6:
            return config
        return replace(config, stride_s=step, window_s=length)

    def _spot(
        self, scores: WindowScores, config: SpottingConfig, duration: float, start: float, person: str = "P1"
    ) -> tuple[GestureEvent, ...]:
        return spot(
            scores.times,
            scores.probabilities,
            self.vocabulary,
            config,
            duration,
            motion=scores.motion,
            person=person,
            annotator=self.run.title,
            start=start,
        )

    def _timeline(
        self,
        events: Sequence[GestureEvent],
        media: Media,
        provenance: dict[str, object],
        emotion: EmotionModel | None,
        views: Mapping[str, View],
    ) -> Timeline:
        made = Timeline(tuple(events), media, self.vocabulary.name, self.vocabulary.names, None, provenance)
        if emotion is None:
            return made
        features = features_of(self.run, views, made) if emotion.config.input == "features" else None
        return replace(made, emotion=emotion.read(made, features))

    def _provenance(self, config: SpottingConfig) -> dict[str, object]:
        recipe = self.run.config["recipe"]
        learnt_from = recipe.get("data", {}).get("manifest") or "an imported file"
        return {
            "tool": "microgesture",
            "version": microgesture.__version__,
            "model": self.run.title,
            "zero_shot": self.run.zero_shot,
            "trained_on": self.run.config.get("trained_on") or f"The recogniser learnt from {learnt_from}.",
            "config": {"spotting": asdict(config), "recipe": recipe},
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def _one_for_all(view: View, events: Sequence[GestureEvent] | Timeline) -> dict[str, View]:
    return {event.person: view for event in events}


def _absent(scores: WindowScores, duration: float) -> list[tuple[float, float]]:
    """Stretches of at least a second in which nobody is seen, before, between and after."""
    half = (scores.times[1] - scores.times[0]) / 2 if len(scores.times) > 1 else 0.0
    seen = scores.times[np.isfinite(scores.probabilities).all(1)]
    edges = [0.0, *(edge for time in seen for edge in (time - half, time + half)), duration]
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [(max(a, 0.0), min(b, duration)) for a, b in gaps if min(b, duration) - max(a, 0.0) >= 1.0]
