"""What a PYSKL pickle leaves unsaid, decided once for the whole file from many of its annotations.

A single clip misleads: a bent person's nose lies below the neck, clasped hands lie at the other hand's wrist. A file
has one convention, so its clips vote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from microgesture.errors import DataError
from microgesture.skeletons.bone_fit import best_fit
from microgesture.skeletons.layout_files import layout_from_values
from microgesture.skeletons.layouts import LAYOUTS, MEDIAPIPE_HOLISTIC, Layout
from microgesture.skeletons.miga import left_hand_first
from microgesture.skeletons.raw_points import NORMALISED, clean

ASKED = 300
"""Annotations of each number of points that vote, evenly spread over the file."""
_METRES = 10.0
"""Points of 3D files lie within this distance of the origin; pixels do not."""
_BY_COUNT = {
    len(LAYOUTS[name]): name
    for name in (
        *("coco-17", "openpose-18", "kinect-20", "imigue-22", "mediapipe-33", "imigue-35", "gesture-62", "synthetic"),
        *("coco-wholebody-133", "openpose-137", "openpose-140"),
    )
}
_FINGERTIPS = (22, 35)
_ORDERS = {15: ("openni-15", "nite-15"), 17: ("coco-17",), 20: ("kinect-20",)}
"""Layouts with numbers of points that other makers use for other joints too."""
_LOOSE = {15: 1.45, 17: 2.0, 20: 1.45}
"""The median of `bone_fit` from which on the bones do not belong to the points. Right ones have 1.2 to 1.3 (17 points:
1.4 to 1.5) on people who sit, stand and gesture, those of Human3.6M read as COCO 2.4, of MSR Action3D as Kinect 2.2, of
CAD-60 as OpenNI 1.53."""
_HOW = "data.layout, --layout, or layout.yaml beside the file"
_POSES = 5
"""Poses of an annotation that are looked at for that."""


@dataclass(frozen=True)
class Conventions:
    """How a file's numbers are meant: whether the last of three values a point `is_score` (else a depth), the layout
    by (number of points, 2 or 3 dimensions) where the number alone does not tell, and the numbers of points (22, 35)
    whose first five fingertips are those of the left hand (`left_first`), or of the right (`right_first`). `doubtful`
    are numbers of points with the layout that is taken for theirs, though its bones fit them badly. `own` is the layout
    that was given for points of which the file says nothing."""

    is_score: bool = False
    layouts: Mapping[tuple[int, int], str] = field(default_factory=dict)
    left_first: frozenset[int] = frozenset()
    right_first: frozenset[int] = frozenset()
    doubtful: Mapping[int, str] = field(default_factory=dict)
    own: Layout | None = None

    @property
    def facts(self) -> list[str]:
        """What was decided, in lines for a person."""
        guessed = {shape: name for shape, name in self.layouts.items() if self.own is None or shape[0] != len(self.own)}
        found = [f"{count} points in {size}D are taken for those of {name}" for (count, size), name in guessed.items()]
        found += self.doubts
        if self.is_score:
            found.append("the last of three values a point is taken for its score")
        for side, counts in (("left", self.left_first), ("right", self.right_first)):
            counts = counts - {0 if self.own is None else len(self.own)}
            found += [f"of {count} points, the first five fingertips are those of the {side} hand" for count in counts]
        return found

    @property
    def doubts(self) -> list[str]:
        """Layouts that may not be those of the points, in lines for a person."""
        return [
            f"the bones of {name} fit the {count} points badly: name their layout ({_HOW})"
            for count, name in self.doubtful.items()
            if self.own is None or len(self.own) != count
        ]

    def layout(self, count: int, dimensions: int, given: Layout | None, said: Any, where: str) -> Layout:
        """The layout of `count` points: the one that is `given`, else `own`, else what the annotation `said` (a name,
        or what stands in a layout file), else by their number or as was decided.

        Raises `DataError`, which begins with `where`.
        """
        wanted = given if given is not None else self.own
        if wanted is not None and len(wanted) == count:
            return wanted
        if given is None and (named := _said(said, count, where)) is not None:
            return named
        if wanted is not None:
            raise DataError(f"{where}: {count} points do not fit layout '{wanted.name}' of {len(wanted)} joints")
        if said is not None:
            what = f"do not fit layout '{str(said)[:40]}'; known are {', '.join(LAYOUTS)}"
            raise DataError(f"{where}: {count} points {what}, and layout files of your own")
        name = self.layouts.get((count, dimensions)) or _BY_COUNT.get(count)
        if name is None:
            what = (
                "are of no known layout: give a layout file (data.layout, --layout, or layout.yaml beside the file), "
            )
            raise DataError(f"{where}: {count} points {what}or one of {', '.join(LAYOUTS)}")
        return LAYOUTS[name]


def _said(said: Any, count: int, where: str) -> Layout | None:
    """The layout of `count` points that an annotation names or holds; None when it is another or none."""
    if isinstance(said, Mapping):
        named: Layout | None = layout_from_values(said, f"{where}: layout")
    else:
        named = LAYOUTS.get(said) if isinstance(said, str) else None
    return named if named is not None and len(named) == count else None


def decide(annotations: Sequence[Mapping[str, Any]]) -> Conventions:
    """The conventions that most of a file's annotations speak for; annotations that are broken do not vote."""
    asked = _asked(annotations)
    is_score = _most(_third_is_score(annotation) for annotation in asked) or False
    open_layouts: dict[tuple[int, int], list[bool | None]] = {}
    hands: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
    poses: dict[tuple[int, int], list[np.ndarray]] = {}
    for annotation in asked:
        count = annotation["keypoint"].shape[-2]
        if "layout" in annotation or count not in (25, 75, *_FINGERTIPS, *_ORDERS):
            continue
        try:
            points, scores = clean(*points_and_scores(annotation, "", is_score))
        except DataError:
            continue
        if count in _FINGERTIPS:
            flat = points[..., :2].reshape(-1, count, 2), scores.reshape(-1, count)
            hands.setdefault(count, []).append(flat)
        elif count in _ORDERS:
            poses.setdefault((count, points.shape[-1]), []).append(_whole_poses(points, scores))
        else:
            told = _is_kinect(points, scores) if count == 25 else _is_holistic(points, scores)
            open_layouts.setdefault((count, points.shape[-1]), []).append(told)
    left = {count: _left_first(clips, count) for count, clips in hands.items()}
    orders = {count: [LAYOUTS[name] for name in names] for count, names in _ORDERS.items()}
    fits = {key: best_fit(np.concatenate(found), orders[key[0]]) for key, found in poses.items()}
    return Conventions(
        is_score,
        {key: _named(key[0], _most(votes)) for key, votes in open_layouts.items()}
        | {key: layout.name for key, (layout, _) in fits.items() if len(orders[key[0]]) > 1},
        frozenset(count for count, first in left.items() if first),
        frozenset(count for count, first in left.items() if not first),
        {key[0]: layout.name for key, (layout, fit) in fits.items() if _LOOSE[key[0]] < fit < np.inf},
    )


def _whole_poses(points: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """A few poses (N, V, D) of points (M, T, V, D) in which all of them are known."""
    whole = points[(scores > 0).all(-1)]
    return whole[np.unique(np.linspace(0, len(whole) - 1, min(_POSES, len(whole))).astype(int))]


def points_and_scores(annotation: Mapping[str, Any], where: str, is_score: bool) -> tuple[np.ndarray, np.ndarray]:
    """float32 `(M, T, V, 2 or 3)` and `(M, T, V)` of an annotation; raises `DataError`, which begins with `where`.

    The last of three values is the score when `is_score`. Points without scores are known unless all their values
    are 0.
    """
    keypoint, score = annotation.get("keypoint"), annotation.get("keypoint_score")
    if not isinstance(keypoint, np.ndarray) or keypoint.dtype.kind not in "fiu" or keypoint.ndim not in (3, 4):
        raise DataError(f"{where}: no array 'keypoint' [M, T, V, C]")
    points = keypoint if keypoint.ndim == 4 else keypoint[None]
    if points.shape[-1] not in (2, 3) or 0 in points.shape:
        raise DataError(f"{where}: 'keypoint' has shape {keypoint.shape}, expected [M, T, V, 2 or 3]")
    points = points.astype(np.float32)
    third = points[..., 2] if is_score and points.shape[-1] == 3 else None
    flat = points if third is None else points[..., :2]
    if score is None:
        return flat, np.any(points != 0, axis=-1).astype(np.float32) if third is None else third
    if not isinstance(score, np.ndarray) or score.dtype.kind not in "fiu" or score.size != points[..., 0].size:
        raise DataError(f"{where}: 'keypoint_score' does not fit 'keypoint' {keypoint.shape}")
    return flat, score.reshape(points.shape[:3]).astype(np.float32)


def _asked(annotations: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """At most `ASKED` annotations of each number of points and of values a point."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, annotation in enumerate(annotations):
        points = annotation.get("keypoint")
        if isinstance(points, np.ndarray) and points.ndim in (3, 4) and 0 not in points.shape:
            groups.setdefault(points.shape[-2:], []).append(i)
    chosen = [
        members[i]
        for members in groups.values()
        for i in np.unique(np.linspace(0, len(members) - 1, min(len(members), ASKED)).round().astype(int)).tolist()
    ]
    return [annotations[i] for i in sorted(chosen)]


def _most(votes: Iterable[bool | None]) -> bool | None:
    """What more than half of those say that say something; None when nobody does."""
    said = [vote for vote in votes if vote is not None]
    return 2 * sum(said) > len(said) if said else None


def _third_is_score(annotation: Mapping[str, Any]) -> bool | None:
    """Whether the last of three values a point is a score, not a depth; None without three values.

    A score stands in `keypoint_score` too; or all of them lie in [0, 1], and x and y are pixels, or parts of a picture:
    the annotation tells its size, or none of them is negative.
    """
    keypoint, score = annotation.get("keypoint"), annotation.get("keypoint_score")
    if not isinstance(keypoint, np.ndarray) or keypoint.dtype.kind not in "fiu" or keypoint.shape[-1:] != (3,):
        return None
    points = keypoint.reshape(-1, 3).astype(np.float32)
    known = np.isfinite(points).all(-1) & (points != 0).any(-1)
    if not known.any():
        return None
    points = points[known]
    if isinstance(score, np.ndarray) and score.dtype.kind in "fiu" and score.size == known.size:
        return bool(np.allclose(points[:, 2], score.reshape(-1)[known].astype(np.float32), atol=1e-3))
    if score is not None or points[:, 2].min() < 0 or points[:, 2].max() > 1:
        return False
    across = float(np.abs(points[:, :2]).max())
    in_picture = annotation.get("img_shape") is not None or points.min() >= 0
    return across > _METRES or (across <= NORMALISED and bool(in_picture))


def _is_kinect(points: np.ndarray, scores: np.ndarray) -> bool | None:
    """Whether 25 points `(M, T, 25, 2 or 3)` are those of Kinect, not of BODY_25: point 0 is the base of the spine
    there, below point 1, and the nose here, above the neck."""
    if points.shape[-1] == 3:
        return True
    both = (scores[..., 0] > 0) & (scores[..., 1] > 0)
    return bool(np.median((points[..., 0, 1] - points[..., 1, 1])[both]) > 0) if both.any() else None


def _is_holistic(points: np.ndarray, scores: np.ndarray) -> bool | None:
    """Whether the points that are lips in "mediapipe-holistic" are nearer to the mouth than the mouth to the ears."""
    mouth, ears, lips = (
        [MEDIAPIPE_HOLISTIC.index(name) for name in names]
        for names in (("left_mouth", "right_mouth"), ("left_ear", "right_ear"), ("upper_lip", "lower_lip"))
    )
    seen = (scores[..., [*mouth, *ears, *lips]] > 0).all(-1)
    if not seen.any():
        return None
    centres = [points[seen][:, part, :2].mean(1) for part in (mouth, ears, lips)]
    gaps = [np.linalg.norm(centre - centres[0], axis=-1) for centre in centres[1:]]
    return bool(np.median(gaps[1]) < np.median(gaps[0]))


def _left_first(clips: Sequence[tuple[np.ndarray, np.ndarray]], count: int) -> bool:
    """Whether the left hand's tips come first, over the frames of all clips together."""
    points, scores = (np.concatenate(parts) for parts in zip(*clips, strict=True))
    return left_hand_first(points, scores, LAYOUTS[_BY_COUNT[count]])


def _named(count: int, told: bool | None) -> str:
    if count == 25:
        return "kinect-25" if told else "body-25"
    return "mediapipe-75" if told is False else "mediapipe-holistic"
