"""`PairedDataset`: rows that name a video and a skeleton, as clips of both that lie on each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from microgesture.datasets.clips import ClipDataset
from microgesture.datasets.manifest import ClipRow
from microgesture.datasets.skeleton_reading import RowTracks, read_rows
from microgesture.datasets.skeletons import at_moments, prepare
from microgesture.encoders.paired_clip import PairedClip
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.skeletons.layout_files import LayoutLike, as_layout
from microgesture.skeletons.layouts import Layout
from microgesture.video.sampling import sample_times
from microgesture.video.transforms import Box, person_box
from microgesture.vocabulary import Vocabulary


class PairedDataset(Dataset):
    """Items `{"clip": PairedClip, "label": int, "index": int}`, one per row that has a video and a skeleton of it.

    Both show the square around the person (`person_box` of the first person's points in the clip), stretched to
    `size` where the edge of the picture cuts it. The skeletons have `frames` moments, the pictures one for every
    `speed` of them, each drawn inside its own segment in `training`. `flip` and `random_crop` act on both alike; a
    skeleton that is mirrored has left and right exchanged, while its label stays: leave `flip` off where labels are
    told by a side. `persons` beyond those who are seen are 0. Skeletons must be in the picture (2D), in the video's
    own pixels.

    Raises `DataError` for rows without either, unless `skip` leaves them out, and what `ClipDataset` raises.
    """

    augment = None

    def __init__(
        self,
        rows: Sequence[ClipRow],
        vocabulary: Vocabulary,
        frames: int = 32,
        speed: int = 4,
        size: int = 224,
        layout: LayoutLike | None = None,
        persons: int | None = None,
        training: bool = False,
        seed: int = 0,
        flip: bool = False,
        random_crop: float = 0.0,
        cache: Path | None = None,
        skip: bool = False,
        points: Layout | None = None,
    ) -> None:
        if frames < 1 or speed < 1 or frames % speed:
            raise UserError(f"{frames} frames of skeletons cannot have a picture for every {speed}")
        self.rows, tracks = _with_both(rows, skip, points)
        try:
            self.layout = tracks[0].tracks[0].skeleton if layout is None else as_layout(layout)
        except DataError as error:
            raise RecipeError(str(error)) from error
        self.persons = persons or 1
        self.channels = 3
        self.vocabulary, self.frames, self.training, self.seed, self.epoch = vocabulary, frames, training, seed, 0
        boxes = [_box(clip) for clip in tracks]
        self.pictures = _Pictures(
            self.rows, vocabulary, frames // speed, size, training, seed, flip, random_crop, cache, boxes
        )
        self.labels, self.subjects = self.pictures.labels, self.pictures.subjects
        self._clips = [self._prepare(*each) for each in zip(self.rows, tracks, boxes, strict=True)]

    def __len__(self) -> int:
        return len(self.rows)

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next draws belong to; call before the loader's workers start."""
        self.epoch = epoch
        self.pictures.set_epoch(epoch)

    def __getitem__(self, index: int) -> dict[str, Any]:
        index = range(len(self))[index]
        rgb, shown, flipped = self.pictures.view(index)
        generator = np.random.default_rng((self.seed, self.epoch, index, 1)) if self.training else None
        moments, points, scores = self._clips[index]
        points, scores = at_moments(sample_times(0.0, 1.0, self.frames, generator), moments, points, scores)
        corner, side = np.array(shown[:2]), np.array(shown[2:]) - np.array(shown[:2])
        points = (points - corner) / side
        if flipped:
            swap = self.layout.flip_permutation
            points, scores = points[:, :, swap] * (-1, 1) + (1, 0), scores[:, :, swap]
        skeleton = np.concatenate([points, scores[..., None]], -1).astype(np.float32)
        return {"clip": PairedClip(rgb, torch.from_numpy(skeleton)), "label": self.labels[index], "index": index}

    def _prepare(self, row: ClipRow, clip: RowTracks, box: Box) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Moments (T,), points (M, T, V, 2) as shares of the box, scores (M, T, V)."""
        try:
            moments, points, scores = prepare(clip.tracks, clip.span, self.layout, self.persons, "none")
        except DataError as error:
            raise DataError(f"row {row.row} ({row.media}): {error}") from error
        points = points / np.array(clip.tracks[0].image_size, np.float32)
        return moments, (points - np.array(box[:2])) / (np.array(box[2:]) - np.array(box[:2])), scores


class _Pictures(ClipDataset):
    """The videos, cut to boxes that are known; `boxes` are shares of the whole picture."""

    def __init__(
        self,
        rows: Sequence[ClipRow],
        vocabulary: Vocabulary,
        frames: int,
        size: int,
        training: bool,
        seed: int,
        flip: bool,
        random_crop: float,
        cache: Path | None,
        boxes: Sequence[Box],
    ) -> None:
        self._boxes = dict(zip(map(_name, rows), boxes, strict=True))
        settings: dict[str, Any] = {"training": training, "seed": seed, "flip": flip, "random_crop": random_crop}
        super().__init__(rows, vocabulary, frames, size, "stretch", crop="person", cache=cache, **settings)

    def _person(self, row: ClipRow, size: tuple[int, int]) -> Box:
        left, top, right, bottom = self._boxes[_name(row)]
        return Box(left * size[0], top * size[1], right * size[0], bottom * size[1])

    def _source(self, row: ClipRow) -> list[Any]:
        return [*super()._source(row), [round(edge, 6) for edge in self._boxes[_name(row)]]]


def _name(row: ClipRow) -> tuple[Any, ...]:
    """What no other row of a data set is."""
    return row.row, str(row.media), str(row.skeleton), row.start, row.end, row.person


def _box(clip: RowTracks) -> Box:
    """The square around the first person as shares of the picture."""
    track = clip.tracks[0]
    width, height = track.image_size
    left, top, right, bottom = person_box(track.box(), (width, height))
    return Box(left / width, top / height, right / width, bottom / height)


def _with_both(
    rows: Sequence[ClipRow], skip: bool, points: Layout | None
) -> tuple[tuple[ClipRow, ...], list[RowTracks]]:
    found, problems = read_rows(rows, "pixels", points)
    reasons = {problem.row: str(problem) for problem in problems}
    kept, tracks = [], []
    for i, row in enumerate(rows):
        if i in found and row.video is not None and found[i].tracks[0].points.shape[-1] == 2:
            kept.append(row)
            tracks.append(found[i])
        elif not skip:
            missing = "names no video" if row.video is None else "has points in space, not in the picture"
            raise DataError(reasons.get(row.row) or f"{row.media}: row {row.row}: {missing}")
    if not kept:
        raise DataError("no row names both a video and a skeleton in it (columns 'video' and 'skeleton')")
    return tuple(kept), tracks
