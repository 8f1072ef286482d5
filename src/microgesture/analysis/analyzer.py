"""Watch a video with a trained run: name a trimmed clip, or turn a whole video into a `Timeline`.

    analyzer = microgesture.load("runs/finetune")
    analyzer.recognize("clip.mp4").label
    analyzer.analyze("interview.mp4").events

Memory does not grow with the length of the video: frames pass through a window and are gone; what stays is
one row of probabilities a window.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

import microgesture
from microgesture.errors import RecipeError, VideoError
from microgesture.recognition.self_supervised import knows_no_classes
from microgesture.runs.assembly import Run, load_run
from microgesture.runs.prediction import autocast, clip_input, resolve_precision, softmax, to_channels_last
from microgesture.skeletons.track import SkeletonTrack
from microgesture.spotting import SpottingConfig, spot
from microgesture.timeline import Alternative, GestureEvent, Media, Timeline
from microgesture.video import VideoReader, sample_times
from microgesture.video.transforms import Box, cut, released_box, shrink, to_clip
from microgesture.vocabulary import Vocabulary

if TYPE_CHECKING:
    from microgesture.emotion.model import EmotionModel

log = logging.getLogger(__name__)

Progress = Callable[[float, float], None]
"""Called with (seconds done, seconds in all)."""

BATCH = 16
"""Windows scored at once."""
PAUSE_S = 2.0
"""Seconds without a new frame after which a picture says nothing of what the person does."""


@dataclass(frozen=True)
class WindowScores:
    """What sliding windows said: centres `times (W,)` in seconds, `probabilities (W, K)`, `motion (W,)`.

    Motion is the mean absolute change between consecutive sampled frames of a window, in [0, 1].
    """

    times: np.ndarray
    probabilities: np.ndarray
    motion: np.ndarray


def load(run: str | Path | None = None, device: str = "auto") -> Analyzer:
    """Open a run folder; without one, the weights that come with the package, which read skeletons.

    Raises `RecipeError` when it is none, its weights do not fit its recipe, or it learnt without labels.
    """
    opened = load_run(built_in_weights() if run is None else run)
    if not opened.objective.labelled:
        raise RecipeError(knows_no_classes(f"'{opened.folder}'"))
    if opened.objective.modality == "skeleton":
        from microgesture.analysis.skeleton_analyzer import SkeletonAnalyzer
        from microgesture.analysis.skeleton_window_analyzer import SkeletonWindowAnalyzer
        from microgesture.skeletons.layouts import GESTURE_62

        whole_bodies = getattr(opened.objective.encoder, "layout", None) == GESTURE_62
        timed = opened.objective.moments and whole_bodies
        return (SkeletonAnalyzer if timed else SkeletonWindowAnalyzer)(opened, device)
    return Analyzer(opened, device)


def built_in_weights() -> Path:
    """The run folder inside the package."""
    return Path(str(resources.files("microgesture") / "weights"))


class Analyzer:
    """A run made ready for video: `recognize` a trimmed clip, `analyze` a whole video."""

    def __init__(self, run: Run, device: str = "auto") -> None:
        self.run = run
        self.device = torch.device(_pick_device(device))
        trained = run.recipe.training.precision
        self.precision = resolve_precision("auto" if trained == "fp16" else trained, self.device)
        run.objective.eval().to(self.device)
        to_channels_last(run.objective)
        if run.recipe.data.crop == "person":
            log.warning("%s learnt from crops around the person, and is shown whole frames here", run.folder)

    @property
    def vocabulary(self) -> Vocabulary:
        """The gestures that this analyzer can name."""
        return self.run.objective.vocabulary

    @property
    def modality(self) -> str:
        """What the run reads: "rgb" or "skeleton"."""
        return self.run.objective.modality

    @property
    def zero_shot(self) -> bool:
        """Whether the vocabulary reaches beyond the labels that the run was trained on."""
        return self.run.objective.zero_shot(self.run.recipe_vocabulary)

    @property
    def default_spotting(self) -> SpottingConfig:
        """The settings of spotting that belong to the run."""
        return SpottingConfig(**self.run.config.get("spotting", {}))

    def vocabulary_remarks(self) -> list[str]:
        """What is not understood of the label texts, in plain sentences."""
        return self.run.objective.text_remarks()

    def remarks(self, timeline: Timeline) -> list[str]:
        """What a reader of the timeline must know, in plain sentences."""
        if not timeline.provenance.get("zero_shot"):
            return []
        return ["zero-shot: no training ever saw some of these labels; their times and names are guesses from words"]

    def with_vocabulary(self, vocabulary: Vocabulary) -> Self:
        """The same weights reading other label texts (zero-shot).

        Only visual-text runs can: a classifier's outputs are fixed, which raises `RecipeError`.
        """
        objective = self.run.objective.with_vocabulary(vocabulary)
        return type(self)(replace(self.run, objective=objective, vocabulary=vocabulary), str(self.device))

    def recognize(self, clip: str | Path, top: int = 5, **watching: Any) -> GestureEvent:
        """Name the gesture of a trimmed clip: an event from its first picture to its end with `top - 1` alternatives.

        A clip with fewer frames than the model samples is read with frames repeated; `top` beyond the number of
        classes gives them all. The model sees the same pixels as in `evaluate_run`. Of `watching` only `video_stream`,
        that of `VideoReader`, matters here. Raises `VideoError` when the file cannot be read or holds a single frame.
        """
        with VideoReader(clip, stream=watching.get("video_stream")) as reader:
            start, duration = reader.start, _moving_duration(reader)
            shown = self._clip_of(reader, start, duration)
        return self.event_of(self._score([shown])[0], duration, top, start)

    def _clip_of(self, reader: VideoReader, start: float, end: float) -> torch.Tensor:
        """The seconds from `start` to `end` as the run is shown a clip."""
        data = self.run.recipe.data
        moments = sample_times(start, end, data.frames)
        # one at a time: 32 frames of 4K video at once would be 800 MB
        frames = [shrink(self._shown(reader.frames_at([moment])), data.size, data.fit) for moment in moments]
        return to_clip(np.concatenate(frames), data.size, data.fit)

    def event_of(self, probabilities: np.ndarray, end: float, top: int, start: float = 0.0) -> GestureEvent:
        """One event of a whole clip from its probabilities (K,): the best class and `top - 1` alternatives."""
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

    def analyze(
        self,
        video: str | Path,
        spotting: SpottingConfig | None = None,
        emotion: EmotionModel | None = None,
        progress: Progress | None = None,
        **watching: Any,
    ) -> Timeline:
        """Find, time and name the gestures of a whole video; read emotion from them when a model is given.

        `watching` are options of `SkeletonAnalyzer.watch`, for runs that read skeletons; `video_stream` is for all.

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
        """As `analyze`, with the skeletons that it was read from; none here, since pixels are read."""
        config = spotting or self.default_spotting
        with VideoReader(video, stream=watching.get("video_stream")) as reader:
            start, duration = reader.start, _moving_duration(reader)
            scores = self.window_scores(reader, config, duration, progress)
            media = Media(printable(video), duration, reader.fps, reader.size, reader.sha256())
        if len(scores.times) > 1:  # windows are a whole number of sampled frames apart
            config = replace(config, stride_s=float(np.median(np.diff(scores.times))))
        events = spot(
            scores.times,
            scores.probabilities,
            self.vocabulary,
            config,
            duration,
            motion=scores.motion,
            annotator=self.run.title,
            start=start,
        )
        timeline = Timeline(events, media, self.vocabulary.name, self.vocabulary.names, None, self._provenance(config))
        return read_emotion(timeline, emotion, lambda: self.features(video, timeline, watching.get("video_stream"))), ()

    @torch.inference_mode()
    def features(self, video: str | Path, timeline: Timeline, video_stream: int | None = None) -> np.ndarray:
        """The visual representation v̄ of each event of a video's timeline, (events, D): of its seconds as a clip of
        their own. Raises `VideoError` when the file cannot be read."""
        rows = []
        with VideoReader(video, stream=video_stream) as reader:
            for event in timeline:
                clip = self._clip_of(reader, event.start, event.end)
                with autocast(self.precision, self.device):
                    batch = clip_input({"clip": clip[None]}, self.device)
                    rows.append(self.run.objective.embed(batch).float().cpu().numpy())
        return np.concatenate(rows) if rows else np.zeros((0, 0), np.float32)

    def window_scores(
        self, reader: VideoReader, config: SpottingConfig, duration: float, progress: Progress | None = None
    ) -> WindowScores:
        """Score windows of `config.window_s` every `config.stride_s` over an open video.

        No window reaches into a pause, in which one frame is held for longer than a window and `PAUSE_S`.
        """
        times, motions, rows, batch = [], [], [], []
        for centre, frames in self._windows(reader, config, duration):
            batch.append(to_clip(self._shown(frames), self.run.recipe.data.size, self.run.recipe.data.fit))
            times.append(centre)
            motions.append(_motion(frames))
            if len(batch) == BATCH:
                rows.append(self._score(batch))
                batch = []
                if progress is not None:
                    progress(min(centre, duration), duration)
        if batch:
            rows.append(self._score(batch))
        if progress is not None:
            progress(duration, duration)
        return WindowScores(np.array(times), np.concatenate(rows), np.array(motions))

    def _windows(
        self, reader: VideoReader, config: SpottingConfig, duration: float
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Window centres in seconds and their frames `(T, H, W, 3)`; at least one window, however short."""
        for begin, end in _stretches(reader, config.window_s, duration):
            yield from self._windows_of(reader, config, begin, end)

    def _windows_of(
        self, reader: VideoReader, config: SpottingConfig, begin: float, duration: float
    ) -> Iterator[tuple[float, np.ndarray]]:
        """Of one stretch: the first window begins with it and the last one ends with it, so that every second is seen.

        The step is `stride_s` or the little less that is a whole number of sampled frames.
        """
        count = self.run.recipe.data.frames
        window = min(config.window_s, duration - begin)
        period = window / count
        stride = max(int(config.stride_s / period + 1e-6), 1)
        kept: deque[np.ndarray] = deque(maxlen=count)
        data = self.run.recipe.data
        size = _reading_size(reader.size, data.size, data.fit, data.crop)
        seen = done = 0
        for _, frames in reader.stream(fps=1 / period, start=begin + period / 2, end=duration, size=size):
            for frame in frames:
                kept.append(frame)
                seen += 1
                if seen >= count and (seen - count) % stride == 0:
                    done = seen
                    yield begin + (seen - count / 2) * period, np.stack(kept)
        if not kept:
            raise VideoError(f"{reader.path}: no frame could be decoded")
        if done < seen:
            filled = list(kept) + [kept[-1]] * (count - len(kept))
            yield begin + max(seen - count / 2, seen / 2) * period, np.stack(filled)

    def _shown(self, frames: np.ndarray) -> np.ndarray:
        """The part of frames (T, H, W, 3) that the run is shown."""
        if self.run.recipe.data.crop != "released":
            return frames
        return cut(frames, released_box((frames.shape[2], frames.shape[1])))

    @torch.inference_mode()
    def _score(self, clips: list[torch.Tensor]) -> np.ndarray:
        with autocast(self.precision, self.device):
            batch = clip_input({"clip": torch.stack(clips)}, self.device)
            scores = self.run.objective.scores(batch).float().cpu().numpy()
        return softmax(scores / self.run.temperature)

    def _provenance(self, config: SpottingConfig) -> dict[str, object]:
        learnt_from = self.run.recipe.data.manifest or "an imported file"
        return {
            "tool": "microgesture",
            "version": microgesture.__version__,
            "model": self.run.title,
            "zero_shot": self.zero_shot,
            "trained_on": self.run.config.get("trained_on") or f"The recogniser learnt from {learnt_from}.",
            "config": {"spotting": asdict(config), "recipe": self.run.recipe.to_dict()},
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def read_emotion(timeline: Timeline, emotion: EmotionModel | None, features: Callable[[], np.ndarray]) -> Timeline:
    """The timeline with the reading of a model, where there is one; `features` makes the events' representations for
    one that reads those."""
    if emotion is None:
        return timeline
    return replace(timeline, emotion=emotion.read(timeline, features() if emotion.config.input == "features" else None))


def _moving_duration(reader: VideoReader) -> float:
    if reader.frame_count < 2:
        raise VideoError(f"{reader.path}: has only one frame; a gesture is a movement and needs at least two")
    return reader.duration


def _stretches(reader: VideoReader, window: float, duration: float) -> list[tuple[float, float]]:
    """Start and end of what lies between pauses, in seconds; all of it where nothing as long as half a window does."""
    edges = [reader.start, *reader.pauses(max(PAUSE_S, window)).ravel().tolist(), duration]
    stretches = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= window / 2]
    return stretches or [(reader.start, duration)]


def _reading_size(shown: tuple[int, int], size: int, fit: str, crop: str = "frame") -> tuple[int, int]:
    """Size to decode to: no larger than the model needs, so that a window of 4K video fits in memory."""
    box = released_box(shown) if crop == "released" else Box(0, 0, *shown)
    sides = (box.right - box.left, box.bottom - box.top)
    scale = min(size / (max(sides) if fit == "pad" else min(sides)), 1.0)
    return max(round(shown[0] * scale), 2), max(round(shown[1] * scale), 2)


def _motion(frames: np.ndarray) -> float:
    if len(frames) < 2:
        return 0.0
    return float(np.abs(np.diff(frames.astype(np.int16), axis=0)).mean() / 255.0)


def printable(path: str | Path) -> str:
    """A path as text that every file format takes; bytes of its name that are no UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def _pick_device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or not (number or "0").isdigit():
        raise RecipeError(f"there is no device '{device}': give auto, cpu, cuda, cuda:1 or mps")
    here = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[kind]
    if int(number or 0) >= here:
        raise RecipeError(f"device '{device}' was asked for, but this machine has none")
    return device
