"""`SkeletonDataset`: the rows of a manifest as (skeleton, label), for the graph networks and the built-in encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from microgesture.datasets.augmentation import Augmentation
from microgesture.datasets.manifest import ClipRow
from microgesture.datasets.skeleton_reading import RowTracks, read_rows
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.pose.layouts import LAYOUTS, Layout
from microgesture.pose.normalisation import normalise
from microgesture.pose.sources import Space
from microgesture.pose.track import SkeletonTrack
from microgesture.video.sampling import sample_times
from microgesture.vocabulary import Vocabulary

Stream = Literal["joint", "bone", "joint-motion", "bone-motion"]
"""What of a skeleton is shown (Shi et al. 2019, two-stream AGCN): places; vectors from the joint nearer to the body's
centre; or the change of either from one sampled frame to the next."""
STREAMS: tuple[Stream, ...] = ("joint", "bone", "joint-motion", "bone-motion")
SECOND_PERSON = 0.05
"""Share of clips with a second person from which on a data set counts as one of pairs."""


class SkeletonDataset(Dataset):
    """Items `{"clip": float32 (M, T, V, C), "label": int, "index": int}`, one per row that has a skeleton.

    T = `frames` moments uniformly over the clip in time (drawn inside their segments in `training`), on straight lines
    between the poses; `layout`, M = `persons` (persons who are not there are 0) and C = `channels` are those of the
    data unless given: the first row's layout; 2 persons where more than 5 % of the clips show two; x, y, score in 2D
    and x, y, z in 3D. Points are `normalise`d once, when the set is made ("body": the person's own centre and size).
    `augment` is an `Augmentation` for training; its draws depend on nothing but (seed, epoch, index).

    Raises `DataError` for rows without a usable skeleton (the first one, and how many), unless `skip` leaves them out;
    then `rows` are those that are left.
    """

    def __init__(
        self,
        rows: Sequence[ClipRow],
        vocabulary: Vocabulary,
        frames: int = 64,
        layout: str | None = None,
        channels: int = 3,
        persons: int | None = None,
        stream: Stream = "joint",
        normalised: str = "body",
        training: bool = False,
        seed: int = 0,
        augment: Augmentation | None = None,
        skip: bool = False,
        space: Space = "pixels",
    ) -> None:
        if frames < 1 or stream not in STREAMS:
            raise UserError(f"skeletons of {frames} frames and stream '{stream}' cannot be made")
        found, problems = read_rows(rows, space)
        if (problems and not skip) or not found:
            more = f" (and {len(problems) - 1} more rows)" if len(problems) > 1 else ""
            raise DataError(f"{problems[0]}{more}; --data.on_problem skip goes on without them")
        self.rows = tuple(rows[i] for i in sorted(found))
        tracks = [found[i] for i in sorted(found)]
        self.vocabulary, self.frames, self.stream = vocabulary, frames, stream
        self.layout: Layout = LAYOUTS[layout or tracks[0].tracks[0].layout]
        self.channels = channels
        self.persons = persons or (2 if np.mean([len(t.tracks) > 1 for t in tracks]) > SECOND_PERSON else 1)
        self.training, self.seed, self.epoch = training, seed, 0
        self.augment = augment if training else None
        self.labels = tuple(vocabulary.index(row.label) for row in self.rows)
        self.subjects = tuple(row.subject or row.media.as_posix() for row in self.rows)
        if self.augment is not None:
            self.augment.check("skeleton")
            if normalised == "none":
                raise RecipeError(
                    "data.augment: skeletons are augmented about the body's centre: set data.normalise body"
                )
            self._mirrored = self.augment.flipped_labels(vocabulary)
        self._parents = self.layout.parents
        self._clips = [self._prepare(row, clip, normalised) for row, clip in zip(self.rows, tracks, strict=True)]

    def __len__(self) -> int:
        return len(self.rows)

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next draws belong to; call before the loader's workers start."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        index = range(len(self))[index]
        generator = np.random.default_rng((self.seed, self.epoch, index)) if self.training else None
        moments, points, scores = self._clips[index]
        wanted = sample_times(0.0, 1.0, self.frames, generator)
        label = self.labels[index]
        if self.augment is not None and generator is not None:
            wanted = self.augment.temporal_moments(wanted, generator)
        points, scores = at_moments(wanted, moments, points, scores)
        if self.augment is not None and generator is not None:
            mirrored = int(self._mirrored[label])
            points, scores, flipped = self.augment.skeleton_points(
                points, scores, self.layout, generator, mirrored >= 0
            )
            label = mirrored if flipped else label
        clip = to_stream(points, scores, self.stream, self._parents)[..., : self.channels]
        return {"clip": torch.from_numpy(np.ascontiguousarray(clip)), "label": label, "index": index}

    @property
    def dimensions(self) -> int:
        """2 for points in a picture, 3 for points in space."""
        return int(self._clips[0][1].shape[-1])

    def _prepare(self, row: ClipRow, clip: RowTracks, by: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        try:
            return prepare(clip.tracks, clip.span, self.layout, self.persons, by)
        except DataError as error:
            raise DataError(f"row {row.row} ({row.media}): {error}") from error


def prepare(
    tracks: Sequence[SkeletonTrack], span: tuple[float, float], layout: Layout, persons: int = 1, by: str = "body"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """People seen at the same times as one clip: moments (T,), the share of the `span` (seconds) that has passed;
    points (M, T, V, D), normalised; scores (M, T, V). Raises `DataError` when their times differ."""
    first = tracks[0]
    points = np.zeros((persons, len(first), len(layout), first.points.shape[-1]), np.float32)
    scores = np.zeros(points.shape[:-1], np.float32)
    for m, track in enumerate(track.to_layout(layout.name) for track in tracks[:persons]):
        if not np.array_equal(track.times, first.times):
            raise DataError("its people were not seen at the same times")
        points[m], scores[m] = np.nan_to_num(track.points), track.scores
    moments = (first.times - span[0]) / max(span[1] - span[0], 1e-9)
    return moments, normalise(points, scores, layout, by), scores


def at_moments(
    wanted: np.ndarray, moments: np.ndarray, points: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points (M, T', V, D) and scores (M, T', V) at `wanted` (T',), on straight lines between those at `moments`."""
    if len(moments) == 1:
        return np.repeat(points, len(wanted), 1), np.repeat(scores, len(wanted), 1)
    place = np.interp(wanted, moments, np.arange(len(moments), dtype=np.float64))
    before = np.minimum(place.astype(np.int64), len(moments) - 2)
    part = (place - before).astype(np.float32)[None, :, None]
    joined = points[:, before] * (1 - part[..., None]) + points[:, before + 1] * part[..., None]
    return joined, scores[:, before] * (1 - part) + scores[:, before + 1] * part


def to_stream(points: np.ndarray, scores: np.ndarray, stream: Stream, parents: np.ndarray) -> np.ndarray:
    """Points (M, T, V, D) and scores (M, T, V) as the channels (M, T, V, D + 1) of one stream, the score last.

    `parents (V,)` is for each joint the next one towards the centre, itself for the centre. The last frame does not
    change. The score of a bone is the lower one of its ends.
    """
    if stream.startswith("bone"):
        points = points - points[:, :, parents]
        scores = np.minimum(scores, scores[:, :, parents])
    if stream.endswith("motion"):
        moved = np.zeros_like(points)
        moved[:, :-1] = points[:, 1:] - points[:, :-1]
        points = moved
    return np.concatenate([points, scores[..., None]], -1).astype(np.float32)
