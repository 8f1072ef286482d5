"""`SkeletonDataset`: the rows of a manifest as (skeleton, label), for the graph networks and the built-in encoders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from microgesture.datasets.augmentation import Augmentation
from microgesture.datasets.frame_choice import SAMPLINGS, Sampling, padded_frames
from microgesture.datasets.manifest import ClipRow, Problem
from microgesture.datasets.skeleton_reading import RowTracks, read_rows
from microgesture.datasets.splits import group
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.skeletons.layout_files import LayoutLike, as_layout
from microgesture.skeletons.layouts import Layout, check_joints
from microgesture.skeletons.normalisation import normalise
from microgesture.skeletons.sources import Space
from microgesture.skeletons.track import SkeletonTrack
from microgesture.video.sampling import sample_times
from microgesture.vocabulary import Vocabulary

Stream = Literal["joint", "bone", "joint-motion", "bone-motion"]
"""What of a skeleton is shown (Shi et al. 2019, two-stream AGCN): places; vectors from the joint nearer to the body's
centre; or the change of either from one sampled frame to the next."""
STREAMS: tuple[Stream, ...] = ("joint", "bone", "joint-motion", "bone-motion")
SPACES = {2: "in a picture (2D)", 3: "in space (3D)"}
UNLABELLED = -1
"""The label of every clip of a data set that is read without labels."""
SECOND_PERSON = 0.05
"""Share of clips with a second person from which on a data set counts as one of pairs."""


class SkeletonDataset(Dataset):
    """Items `{"clip": float32 (M, T, V, C), "label": int, "index": int}`, one per row that has a skeleton.

    T = `frames` moments uniformly over the clip in time (drawn inside their segments in `training`), on straight lines
    between the poses; `layout`, M = `persons` (persons who are not there are 0) and C = `channels` are those of the
    data unless given: the first row's layout; 2 persons where more than 5 % of the clips show two; x, y, score in 2D
    (x, y where all scores are alike: a network would be thrown by others later) and x, y, z in 3D. Rows whose points
    have not the given `dimensions` (2 or 3; by default what most rows have) cannot be used. Points are `normalise`d
    once, when the set is made ("body": the person's own centre and size). `augment` is an `Augmentation` for training;
    its draws depend on nothing but (seed, epoch, index). `points` is the layout of files that do not say theirs.
    With another `sampling` than "uniform" frames are shown as they are, padded with zeros (`frame_choice`). A set that
    is not `labelled` gives `UNLABELLED` for every clip, whatever its rows say.

    Raises `DataError` for rows without a usable skeleton (the first one, and how many), unless `skip` leaves them out;
    then `rows` are those that are left. Raises `RecipeError` for a layout that does not exist.
    """

    def __init__(
        self,
        rows: Sequence[ClipRow],
        vocabulary: Vocabulary,
        frames: int = 64,
        layout: LayoutLike | None = None,
        channels: int | None = None,
        persons: int | None = None,
        stream: Stream = "joint",
        normalised: str = "body",
        training: bool = False,
        seed: int = 0,
        augment: Augmentation | None = None,
        skip: bool = False,
        space: Space = "pixels",
        dimensions: int | None = None,
        points: Layout | None = None,
        sampling: Sampling = "uniform",
        labelled: bool = True,
    ) -> None:
        if frames < 1 or stream not in STREAMS or sampling not in SAMPLINGS:
            raise UserError(f"skeletons of {frames} frames and stream '{stream}' cannot be made")
        try:
            wanted = None if layout is None else as_layout(layout)
        except DataError as error:
            raise RecipeError(str(error)) from error
        self.rows, tracks = _usable(rows, space, dimensions, skip, points)
        self.vocabulary, self.frames, self.stream, self.sampling = vocabulary, frames, stream, sampling
        self.layout: Layout = wanted or tracks[0].tracks[0].skeleton
        self.channels = channels or (2 if _scores_say_nothing(tracks) else 3)
        self.persons = persons or (2 if np.mean([len(t.tracks) > 1 for t in tracks]) > SECOND_PERSON else 1)
        self.training, self.seed, self.epoch = training, seed, 0
        self.augment = augment if training else None
        self.labels = tuple(vocabulary.index(row.label) if labelled else UNLABELLED for row in self.rows)
        self.subjects = tuple(group(row) for row in self.rows)
        if self.augment is not None:
            self.augment.check("skeleton")
            if sampling != "uniform" and self.augment.temporal:
                raise RecipeError("data.augment: pieces that move clips in time need data.sampling uniform")
            if normalised != "body":
                raise RecipeError(
                    "data.augment: skeletons are augmented about the body's centre: set data.normalise body"
                )
            self._mirrored = self.augment.flipped_labels(vocabulary)
        self._clips = [self._prepare(row, clip, normalised) for row, clip in zip(self.rows, tracks, strict=True)]

    def __len__(self) -> int:
        return len(self.rows)

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next draws belong to; call before the loader's workers start."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        index = range(len(self))[index]
        generator = np.random.default_rng((self.seed, self.epoch, index)) if self.training else None
        points, scores = self._sampled(index, generator)
        label = self.labels[index]
        if self.augment is not None and generator is not None:
            mirrored = int(self._mirrored[label]) if label >= 0 else label
            points, scores, flipped = self.augment.skeleton_points(
                points, scores, self.layout, generator, mirrored >= 0 or label < 0
            )
            label = mirrored if flipped else label
        return {
            "clip": as_clip(points, scores, self.stream, self.layout, self.channels),
            "label": label,
            "index": index,
        }

    def _sampled(self, index: int, generator: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
        """Points (M, T, V, D) and scores (M, T, V) of the frames that are shown of a clip; drawn with a `generator`."""
        moments, points, scores = self._clips[index]
        if self.sampling != "uniform":
            return padded_frames(points, scores, self.frames, self.sampling)
        wanted = sample_times(0.0, 1.0, self.frames, generator)
        if self.augment is not None and generator is not None:
            wanted = self.augment.temporal_moments(wanted, generator)
        return at_moments(wanted, moments, points, scores)

    @property
    def dimensions(self) -> int:
        """2 for points in a picture, 3 for points in space: the same for all rows."""
        return int(self._clips[0][1].shape[-1])

    def _prepare(self, row: ClipRow, clip: RowTracks, by: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        try:
            return prepare(clip.tracks, clip.span, self.layout, self.persons, by)
        except DataError as error:
            raise DataError(f"row {row.row} ({row.media}): {error}") from error


def _scores_say_nothing(tracks: Sequence[RowTracks]) -> bool:
    """Whether points in a picture all have one and the same score."""
    people = [track for row in tracks for track in row.tracks]
    if people[0].points.shape[-1] != 2:
        return False
    low = min(float(track.scores.min()) for track in people)
    return max(float(track.scores.max()) for track in people) - low < 1e-3


def _usable(
    rows: Sequence[ClipRow], space: Space, dimensions: int | None, skip: bool, points: Layout | None
) -> tuple[tuple[ClipRow, ...], list[RowTracks]]:
    """The rows with a skeleton of these dimensions and their tracks; raises `DataError` as `SkeletonDataset` does."""
    if not any(row.skeleton for row in rows):
        first = f"{rows[0].media}: row {rows[0].row}" if rows else "no rows"
        raise DataError(
            f"{first}: no row names a skeleton: make tracks of the videos with `microgesture pose`, and name them in a "
            "column 'skeleton'"
        )
    found, problems = read_rows(rows, space, points)
    sizes = {i: clip.tracks[0].points.shape[-1] for i, clip in found.items()}
    wanted = dimensions or (Counter(sizes.values()).most_common(1)[0][0] if sizes else 0)
    by = "the run learnt from points" if dimensions else "most rows have points"
    for i, size in sizes.items():
        if size != wanted:
            del found[i]
            problems.append(Problem(rows[i].media, rows[i].row, f"has points {SPACES[size]}, {by} {SPACES[wanted]}"))
    if problems and not (skip and found):
        more = f" (and {len(problems) - 1} more rows)" if len(problems) > 1 else ""
        hint = "no row is left" if skip else "--data.on_problem skip goes on without them"
        raise DataError(f"{problems[0]}{more}; {hint}")
    return tuple(rows[i] for i in sorted(found)), [found[i] for i in sorted(found)]


def prepare(
    tracks: Sequence[SkeletonTrack], span: tuple[float, float], layout: Layout, persons: int = 1, by: str = "body"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """People seen at the same times as one clip: moments (T,), the share of the `span` (seconds) that has passed;
    points (M, T, V, D), normalised; scores (M, T, V). Raises `DataError` when their times differ, or
    hardly a joint of the layout can be made of theirs."""
    first = tracks[0]
    check_joints(first.skeleton, layout)
    points = np.zeros((persons, len(first), len(layout), first.points.shape[-1]), np.float32)
    scores = np.zeros(points.shape[:-1], np.float32)
    for m, track in enumerate(track.to_layout(layout) for track in tracks[:persons]):
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


def as_clip(points: np.ndarray, scores: np.ndarray, stream: Stream, layout: Layout, channels: int) -> torch.Tensor:
    """Points (M, T, V, D) and scores (M, T, V) as an encoder is shown them: one stream, its first `channels`."""
    return torch.from_numpy(np.ascontiguousarray(to_stream(points, scores, stream, layout.parents)[..., :channels]))
