"""Skeleton pickles in the layout of PYSKL, which challenge participants exchange; read safely, and written.

`{'split': {name: [frame_dir]}, 'annotations': [...]}` or the bare list; an annotation is a dict with `frame_dir`,
`label`, `img_shape`, `keypoint` [M, T, V, C] (C = 2: pixels, with `keypoint_score` [M, T, V]; C = 3: metres, without).
Source: PYSKL, tools/data/README.md. `write_pyskl` adds `layout` (a name, or what stands in a layout file), `image_size`
(width, height), `times` (seconds) and `persons`, which other programs pass over.
"""

from __future__ import annotations

import logging
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.errors import DataError
from microgesture.files.atomic import replacing
from microgesture.skeletons.array_pickle import load_array_pickle
from microgesture.skeletons.layout_files import LayoutLike, as_layout, described, layout_beside
from microgesture.skeletons.layouts import IMIGUE_22, IMIGUE_35, Layout
from microgesture.skeletons.pyskl_conventions import Conventions, decide, points_and_scores
from microgesture.skeletons.raw_points import clean, frame_rate, guessed_size, in_pixels
from microgesture.skeletons.track import SkeletonTrack

log = logging.getLogger(__name__)

FPS = 30.0
_SEQUENCES = (list, tuple, np.ndarray)
_described = cache(described)  # one object for all annotations, which a pickle holds once


@dataclass(frozen=True)
class PysklFile:
    """What a PYSKL pickle holds: `annotations` as they stand in it, `split` from a name to the `frame_dir`s. `layout`
    is that of points of which it says nothing, where it was given or lies beside it."""

    path: Path
    annotations: tuple[Mapping[str, Any], ...]
    split: Mapping[str, tuple[str, ...]]
    layout: Layout | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """`frame_dir` of every annotation."""
        return tuple(str(annotation["frame_dir"]) for annotation in self.annotations)

    @cached_property
    def conventions(self) -> Conventions:
        """What the file leaves unsaid, by the vote of its annotations."""
        found = replace(decide(self.annotations), own=self.layout)
        for doubt in found.doubts:
            log.warning("%s: %s", self.path, doubt)
        return found

    def annotation(self, name: str | None = None) -> Mapping[str, Any]:
        """The annotation of a `frame_dir`; without a name the only one. Raises `DataError` when it is not one."""
        if name is None:
            if len(self.annotations) == 1:
                return self.annotations[0]
            example = f"{self.path}::{self.names[0]}" if self.annotations else ""
            raise DataError(f"{self.path}: holds {len(self.annotations)} clips, name one, as in {example}")
        found = [annotation for annotation, known in zip(self.annotations, self.names, strict=True) if known == name]
        if len(found) != 1:
            raise DataError(f"{self.path}: {len(found) or 'no'} clip{'s' * (len(found) > 1)} named '{name}'")
        return found[0]


def read_pyskl(path: str | Path, layout: Layout | None = None) -> PysklFile:
    """Read a PYSKL pickle with `load_array_pickle`, which runs nothing. Raises `DataError` naming file and clip.

    `layout`, else `layout.yaml` beside the file, is that of points of which the file says nothing.
    """
    data = load_array_pickle(path)
    if isinstance(data, dict) and "keypoint" in data:
        data = [data]  # one annotation by itself
    annotations, split = (data.get("annotations"), data.get("split")) if isinstance(data, dict) else (data, None)
    if not isinstance(annotations, list | tuple):
        raise DataError(f"{path}: not a PYSKL file (no list 'annotations')")
    for number, annotation in enumerate(annotations, start=1):
        if not isinstance(annotation, dict) or "frame_dir" not in annotation:
            raise DataError(f"{path}, clip {number}: not an annotation with 'frame_dir'")
    parts = split if isinstance(split, dict) else {}
    if not all(isinstance(names, list | tuple | set | frozenset | np.ndarray) for names in parts.values()):
        raise DataError(f"{path}: 'split' is not a dict of lists")
    lists = {str(part): tuple(map(str, names)) for part, names in parts.items()}
    return PysklFile(Path(path), tuple(annotations), lists, layout or layout_beside(path))


def annotation_tracks(
    annotation: Mapping[str, Any],
    fps: float | None = None,
    layout: LayoutLike | None = None,
    image_size: tuple[int, int] | None = None,
    source: str = "",
    conventions: Conventions | None = None,
) -> list[SkeletonTrack]:
    """The people of one annotation as tracks, in the order of the file; `source` begins the error messages.

    `conventions` are those of the file (`PysklFile.conventions`); without them the annotation is judged by itself,
    which errs for a bent person or clasped hands. Unless given, `fps` is 30 (the files do not say) and the layout is
    the annotation's `layout`, else follows from the number of points: 15 OpenNI or NiTE, in whose order the bones are
    shorter, 17 COCO, 18 OpenPose, 20 Kinect v1, 22 and 35 iMiGUE (the right hand's tips are put first, `read_miga`), 33
    MediaPipe, 62 "gesture-62", 133 COCO-WholeBody, 137 OpenPose; 25 in 3D is Kinect v2 = NTU, in 2D Kinect when point 0
    lies below point 1 (the base of the spine) and BODY_25 otherwise;
    75 is "mediapipe-holistic" or MediaPipe's 33 + 21 + 21, by whether the lips lie between the corners of the mouth.
    Three values a point are x, y, score when the last is in [0, 1] and the others are pixels or parts of a picture,
    else metres. Points without scores are known unless all their values are 0. `img_shape` is (height, width) unless
    more points lie inside (width, height). Normalised points are scaled to pixels. People without a known point are
    left out. Raises `DataError`.
    """
    where = source or str(annotation.get("frame_dir", "annotation"))
    conventions = conventions or decide([annotation])
    points, scores = points_and_scores(annotation, where, conventions.is_score)
    given = None if layout is None else as_layout(layout)
    known = conventions.layout(points.shape[2], points.shape[-1], given, annotation.get("layout"), where)
    points, scores = clean(points, scores)
    size = image_size or _image_size(annotation, points, scores, where)
    if points.shape[-1] == 2:
        points = in_pixels(points, scores, size, where)
    swapped = len(known) in conventions.left_first and "layout" not in annotation
    if swapped and known in (IMIGUE_22, IMIGUE_35):
        points, scores = _right_hand_first(points, scores, known)
    if size is None:
        size = guessed_size(points[..., :2], scores)
    seen = [m for m in range(len(points)) if scores[m].any()] or [0]
    written = annotation.get("persons")
    names = written if isinstance(written, list) and len(written) == len(points) else range(1, len(points) + 1)
    names = [name if isinstance(name, str) else f"P{name}" for name in names]
    times = _times(annotation, fps, points.shape[1], where)
    return [SkeletonTrack(times, points[m], scores[m], known.name, size, names[m], own=known) for m in seen]


def write_pyskl(
    clips: Sequence[SkeletonTrack | Sequence[SkeletonTrack]],
    labels: Sequence[int],
    path: str | Path,
    names: Sequence[str] | None = None,
    split: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write clips (each one track, or the tracks of its people) with their class ids into a PYSKL pickle.

    `names` are the `frame_dir`s, `clip_0000` and so on unless given; `split` maps part to names. Points and scores
    are float32, so `read_pyskl` gives the same tracks. Raises `DataError` when the numbers of clips, labels and names
    differ, a clip is empty, or its people differ in layout or times; `UserError` when the disk refuses.
    """
    names = [f"clip_{i:04d}" for i in range(len(clips))] if names is None else names
    if not len(clips) == len(labels) == len(names) or len(set(names)) != len(names):
        raise DataError(f"{path}: every clip needs one label and a name of its own")
    annotations = [_annotation(*clip, path) for clip in zip(clips, labels, names, strict=True)]
    data = {
        "split": {part: list(members) for part, members in (split or {}).items()},
        "annotations": annotations,
    }
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(pickle.dumps(data, protocol=4))


def _annotation(
    clip: SkeletonTrack | Sequence[SkeletonTrack], label: int, name: str, path: str | Path
) -> dict[str, Any]:
    tracks = [clip] if isinstance(clip, SkeletonTrack) else list(clip)
    if not tracks:
        raise DataError(f"{path}: clip '{name}' has no track")
    first = tracks[0]
    for track in tracks:
        same = track.skeleton == first.skeleton and track.points.shape == first.points.shape
        if not same or not np.array_equal(track.times, first.times):
            raise DataError(f"{path}: the people of clip '{name}' differ in layout or times")
    width, height = first.image_size
    return {
        "frame_dir": name,
        "total_frames": len(first),
        "img_shape": (height, width),
        "original_shape": (height, width),
        "label": int(label),
        "keypoint": np.stack([track.points for track in tracks]),
        "keypoint_score": np.stack([track.scores for track in tracks]),
        "layout": _described(first.skeleton),
        "image_size": (width, height),
        "times": first.times,
        "persons": [track.person for track in tracks],
    }


def _right_hand_first(points: np.ndarray, scores: np.ndarray, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Points of a file that has the left hand's fingertips first in the order of the layout."""
    first = layout.index("right_thumb_tip")
    order = [*range(first), *range(first + 5, first + 10), *range(first, first + 5)]
    return points[:, :, order], scores[:, :, order]


def _image_size(
    annotation: Mapping[str, Any], points: np.ndarray, scores: np.ndarray, where: str
) -> tuple[int, int] | None:
    """(width, height) of an annotation, None when it says nothing."""
    for key in ("image_size", "img_shape", "original_shape"):
        value = annotation.get(key)
        sides = [int(side) for side in value if _is_positive(side)] if isinstance(value, _SEQUENCES) else []
        if len(sides) == 2:
            break
    else:
        return None
    if key == "image_size":
        return sides[0], sides[1]
    height, width = sides
    known = points[scores > 0][:, :2]

    def inside(across: int, down: int) -> float:
        return float((known <= (across, down)).all(-1).mean()) if len(known) else 0.0

    if inside(height, width) > inside(width, height):
        log.info("%s: %s is (width, height), by the range of the points", where, key)
        return height, width
    return width, height


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and bool(0 < value < np.inf)


def _times(annotation: Mapping[str, Any], fps: float | None, frames: int, where: str) -> np.ndarray:
    written = annotation.get("times")
    if fps is None and isinstance(written, np.ndarray):
        if written.shape != (frames,) or written.dtype.kind not in "fiu":
            raise DataError(f"{where}: 'times' are not one number for each of {frames} frames")
        if not np.isfinite(written).all() or (np.diff(written) < 0).any():
            raise DataError(f"{where}: 'times' decrease or are not finite")
        return written
    return np.arange(frames) / frame_rate(fps, FPS)
