"""`ClipDataset`: the rows of a manifest as (clip, label), with augmentation that depends on nothing but
(seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from microgesture.datasets.augmentation import Augmentation
from microgesture.datasets.cache import ClipCache, fingerprint, open_cache
from microgesture.datasets.manifest import ClipRow
from microgesture.datasets.splits import group
from microgesture.encoders.paired_clip import PairedClip, stacked
from microgesture.errors import DataError, RecipeError, UserError, VideoError
from microgesture.skeletons.track import SkeletonTrack
from microgesture.video.reader import VideoReader
from microgesture.video.sampling import sample_times
from microgesture.video.transforms import Box, Fit, cut, person_box, random_box, released_box, shrink, to_clip
from microgesture.vocabulary import Vocabulary

Crop = Literal["frame", "person", "released"]
"""What of the picture is shown: all of it, a square around the person (needs column `skeleton`), or the middle that the
letter's released code shows."""

_CACHED_PER_FRAME = 2  # frames stored per frame sampled in training, so that temporal jitter has a choice
_WARPED_PER_FRAME = 4  # and where pieces of augmentation stretch the time: a slow clip shows more of the frames there


class ClipDataset(Dataset):
    """Items `{"clip": float32 (3, T, size, size), "label": int, "index": int}`, one per manifest row.

    Without `training`, frames are the centres of `frames` equal segments of the clip and nothing is random.
    With it, each frame is drawn inside its segment, a `flip` happens to half of the clips, and `random_crop`
    is the largest share of each side that may be cut away. All draws come from a generator keyed by
    (seed, epoch, index), so they do not depend on workers or order; `set_epoch` says which epoch it is.

    With `cache` (a folder) every clip is decoded once, on construction, into `datasets.cache`. At test time a
    cached clip equals the decoded one exactly; in training, jitter chooses among twice as many frames, and pieces of
    `augment` that change time among four times as many.

    `augment` are the pieces that act in training, on top of the jitter; a flipped clip whose label says a side gets
    the label of the other side, and a clip whose label has no mirror image is not flipped by it. (The plain `flip`
    knows nothing of labels.) Pieces act on frames scaled to the size, not on whole pictures.

    Raises `DataError` for a label outside the vocabulary or a missing skeleton, `RecipeError` for a piece that does
    not act on video frames, `VideoError` for a video that cannot be read, `UserError` for a cache that cannot be
    written.
    """

    def __init__(
        self,
        rows: Sequence[ClipRow],
        vocabulary: Vocabulary,
        frames: int = 32,
        size: int = 112,
        fit: Fit = "pad",
        training: bool = False,
        seed: int = 0,
        flip: bool = False,
        random_crop: float = 0.0,
        crop: Crop = "frame",
        cache: Path | None = None,
        augment: Augmentation | None = None,
    ) -> None:
        if frames < 1 or size < 1 or not 0.0 <= random_crop < 1.0:
            raise UserError(f"clips of {frames} frames, {size} pixels and random crop {random_crop} cannot be made")
        self.rows = tuple(rows)
        self.vocabulary = vocabulary
        self.frames, self.size, self.fit, self.crop = frames, size, fit, crop
        self.training, self.seed, self.flip, self.random_crop = training, seed, flip, random_crop
        self.augment = augment if training and augment is not None else Augmentation()
        self.augment.check("rgb")
        if flip and self.augment.flip is not None:
            raise RecipeError("data.flip and data.augment.flip are both on: choose one")
        self._mirrored = self.augment.flipped_labels(vocabulary)
        self.epoch = 0
        self.labels = tuple(vocabulary.index(row.label) for row in self.rows)
        self.subjects = tuple(group(row) for row in self.rows)
        for row in self.rows:
            if row.video is None:
                raise DataError(
                    f"row {row.row} ({row.skeleton}): names no video: only a recipe for skeletons can use it"
                )
        if crop == "person":
            for row in self.rows:
                if row.skeleton is None:
                    raise DataError(f"row {row.row} ({row.video}): a person-centred crop needs the column 'skeleton'")
        self._cache = self._open_cache(cache) if cache is not None and self.rows else None

    def __len__(self) -> int:
        return len(self.rows)

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next draws belong to; call before the loader's workers start."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        index = range(len(self))[index]
        clip, label, _, _ = self._seen(index)
        return {"clip": clip, "label": label, "index": index}

    def view(self, index: int) -> tuple[torch.Tensor, Box, bool]:
        """A clip (3, T, size, size), which part of the picture (that is cut out and stretched) it shows, in shares of
        width and height, and whether it is flipped: for what must lie on it. Pieces of `augment` are not followed."""
        clip, _, shown, flipped = self._seen(index)
        return clip, shown, flipped

    def _seen(self, index: int) -> tuple[torch.Tensor, int, Box, bool]:
        generator = np.random.default_rng((self.seed, self.epoch, index)) if self.training else None
        moments, label = sample_times(0.0, 1.0, self.frames, generator), self.labels[index]
        if generator is not None:
            moments = self.augment.temporal_moments(moments, generator)
        if self._cache is not None:
            frames = self._cache[index][self._nearest_stored(moments)]
        else:
            frames = self._decode(index, moments)
        box: Box | None = None
        if generator is not None and self.random_crop > 0:
            box = random_box(frames.shape[1], frames.shape[2], generator, self.random_crop)
        flip = generator is not None and self.flip and generator.random() < 0.5
        shown = _shares(box, frames.shape)
        if generator is not None and self.augment.rgb:
            frames = shrink(frames, self._side, self.fit, box)
            frames, flipped = self.augment.rgb_frames(frames, generator, may_flip=self._mirrored[label] >= 0)
            box, label = None, int(self._mirrored[label]) if flipped else label
        return to_clip(frames, self.size, self.fit, box, flip), label, shown, flip

    def _decode(self, index: int, moments: np.ndarray) -> np.ndarray:
        """Frames of a clip at `moments` in [0, 1) of its length, uint8 `(T, H, W, 3)`, the person cut out."""
        row = self.rows[index]
        try:
            return self._read(row, moments)
        except VideoError as error:
            raise VideoError(f"row {row.row}: {error}" if row.row else str(error)) from error

    def _read(self, row: ClipRow, moments: np.ndarray) -> np.ndarray:
        with VideoReader(row.media, threads=1) as video:
            begins = float(row.extra.get("video_start") or 0.0)  # a cut file whose skeleton is that of the whole video
            start = video.start if row.start is None else max(row.start - begins, 0.0)
            end = video.duration if row.end is None else row.end - begins
            if 0 < video.duration <= start:
                raise DataError(
                    f"row {row.row}: start {start:g} is past the end of {row.video} ({video.duration:.2f} s)"
                )
            if row.end is not None and end <= video.start:
                raise DataError(
                    f"row {row.row}: end {end:g} is before the picture of {row.video} begins ({video.start:.2f} s)"
                )
            frames = video.frames_at(start + moments * (max(end, start) - start))
            if self.crop == "person" and row.skeleton is not None:
                frames = cut(frames, self._person(row, video.size))
            if self.crop == "released":
                frames = cut(frames, released_box(video.size))
        return frames

    def _person(self, row: ClipRow, size: tuple[int, int]) -> Box:
        track = SkeletonTrack.load(str(row.skeleton))
        box = track.box(row.start, row.end)
        if box is not None:
            x, y = size[0] / track.image_size[0], size[1] / track.image_size[1]
            box = (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
        return person_box(box, size)

    @property
    def _stored(self) -> int:
        """Frames in the cache per frame sampled."""
        if not self.training:
            return 1
        return _WARPED_PER_FRAME if self.augment.temporal else _CACHED_PER_FRAME

    @property
    def _side(self) -> int:
        """Largest side of the frames that are stored and augmented: what is cropped is magnified again."""
        return round(self.size * (1 + max(self.random_crop, self.augment.cut_away) / 2))

    def _stored_moments(self) -> np.ndarray:
        """Moments in [0, 1) of the cached frames; the centres of the segments are always among them."""
        per = self._stored
        offset = 0.5 if per % 2 else 0.0
        return (np.arange(self.frames * per) + offset) / (self.frames * per)

    def _nearest_stored(self, moments: np.ndarray) -> np.ndarray:
        total = self.frames * self._stored
        offset = 0.5 if self._stored % 2 else 0.0
        places = moments * total
        jitter_only = self.training and not self.augment.temporal
        rounded = np.floor(places) if jitter_only else np.rint(places - offset)  # floor stays in the segment
        return np.clip(rounded.astype(np.int64), 0, total - 1)

    def _open_cache(self, folder: Path) -> ClipCache:
        side, moments = self._side, self._stored_moments()
        settings = [self.frames, self._stored, side, self.fit, self.crop, "times on the file's clock"]
        name = fingerprint([settings, [self._source(row) for row in self.rows]])

        def make(index: int) -> np.ndarray:
            return shrink(self._decode(index, moments), side, self.fit)

        return open_cache(folder, name, len(self.rows), (len(moments), side), make)

    def _source(self, row: ClipRow) -> list[Any]:
        files = [row.media]
        if self.crop == "person" and row.skeleton is not None:
            files.append(Path(str(row.skeleton).partition("::")[0]))
        try:
            states = [(path.resolve().as_posix(), path.stat()) for path in files]
        except OSError as error:
            raise DataError(f"row {row.row}: {error.filename}: {error.strerror}") from error
        return [row.start, row.end, [[path, state.st_size, state.st_mtime_ns] for path, state in states]]


def _shares(box: Box | None, shape: tuple[int, ...]) -> Box:
    """A box in pixels of frames (T, H, W, 3), rounded as `cut` rounds it, as shares of their width and height."""
    height, width = shape[1:3]
    if box is None:
        return Box(0.0, 0.0, 1.0, 1.0)
    return Box(round(box.left) / width, round(box.top) / height, round(box.right) / width, round(box.bottom) / height)


def collate(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Items to a batch: `clip (B, 3, T, H, W)` float32 (or a `PairedClip`), `label (B,)` and `index (B,)` int64."""
    clips = [item["clip"] for item in items]
    return {
        "clip": stacked(clips) if isinstance(clips[0], PairedClip) else torch.stack(clips),
        "label": torch.tensor([item["label"] for item in items], dtype=torch.int64),
        "index": torch.tensor([item["index"] for item in items], dtype=torch.int64),
    }
