"""`SkeletonTrack`: the keypoints of one person over time, in memory and as a `.npz` file.

Keys of the file, readable with `numpy.load(path, allow_pickle=False)`:

| key | shape, type | meaning |
|---|---|---|
| `times` | (T,) float64 | seconds from the start of the media, not decreasing |
| `points` | (T, V, 2) or (T, V, 3) float32 | pixels as displayed (x right, y down), or metres in 3D |
| `scores` | (T, V) float32 | confidence in [0, 1]; 0 where the point is unknown |
| `layout` | () str | name in `microgesture.pose.LAYOUTS` |
| `joints` | (V,) str | joint names in order, so that the file explains itself |
| `image_size` | (2,) int32 | width and height of the picture |
| `person` | () str | e.g. "P1" |
| `interpolated` | (T,) bool | the person was not seen in this frame, the pose lies between two that were; optional |
| `bones`, `centre`, `pairs` | (V - 1, 2) str, () str, (P, 2) str | of a layout of one's own, as in its file; optional |
| `media` | () str | SHA-256 of the file that the person was seen in; optional |
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tokenize
import zipfile
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.errors import DataError
from microgesture.files.atomic import replacing
from microgesture.skeletons.layout_files import layout_beside, layout_from_values
from microgesture.skeletons.layouts import LAYOUTS, Layout, convert, convert_scores

MIN_SCORE = 0.3
"""A point of at least this score counts as seen, where seen or not must be told."""
LEAST_SCORE = 0.15
"""Points of a lower score count as unknown to the recogniser."""
BROKEN_ARCHIVE = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, MemoryError),
    *(ValueError, KeyError, TypeError, AttributeError, OverflowError, SyntaxError, tokenize.TokenError),
)
"""What reading a damaged archive raises: NumPy reads the headers of arrays with Python's own tokenizer."""
_KEYS = ("times", "points", "scores", "layout", "joints", "image_size", "person")
_OWN = ("bones", "centre", "pairs")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def media_hash(path: str | Path) -> str:
    """SHA-256 of a file's content; of a folder, of the names and sizes in it; of `file.pkl::clip`, of name and content.
    "" for what cannot be read."""
    name, _, clip = str(path).partition("::")
    digest = hashlib.sha256(clip.encode("utf-8", "surrogateescape"))
    try:
        if os.path.isdir(name):
            entries = sorted((entry.name, entry.stat().st_size) for entry in os.scandir(name))
            digest.update(repr(entries).encode("utf-8", "surrogateescape"))
            return digest.hexdigest()
        with open(name, "rb") as file:
            return hashlib.file_digest(file, lambda: digest).hexdigest()
    except OSError:
        return ""


@dataclass(frozen=True)
class SkeletonTrack:
    """Keypoints of one person: `times (T,)` seconds, `points (T, V, 2|3)`, `scores (T, V)` in [0, 1].

    `layout` is a name in `LAYOUTS`, or a `Layout`, which is stored by name and, when it is one's own, in `own`;
    `image_size` is (width, height) in pixels as displayed. Points of score 0 are unknown, whatever their coordinates.
    `interpolated (T,)` marks poses that were not seen but lie between two that were (None: nothing is known of that).
    `media` is the SHA-256 of the file that the person was seen in, where it is known.
    Raises `DataError` when the shapes do not fit each other or the layout, or times decrease.
    """

    times: np.ndarray
    points: np.ndarray
    scores: np.ndarray
    layout: str
    image_size: tuple[int, int]
    person: str = "P1"
    interpolated: np.ndarray | None = None
    media: str = ""
    own: Layout | None = None

    def __post_init__(self) -> None:
        self._name_layout()
        times = np.asarray(self.times, dtype=np.float64)
        points = np.asarray(self.points, dtype=np.float32)
        scores = np.asarray(self.scores, dtype=np.float32)
        shape = (len(times), len(self.skeleton)) if times.ndim == 1 else None
        if shape is None or points.shape not in ((*shape, 2), (*shape, 3)) or scores.shape != shape:
            shapes = f"times {times.shape}, points {points.shape}, scores {scores.shape}"
            raise DataError(f"skeleton track: {shapes} do not fit layout '{self.layout}'")
        if not np.isfinite(times).all() or (np.diff(times) < 0).any():
            raise DataError("skeleton track: times must be finite and may not decrease")
        if self.interpolated is not None:
            interpolated = np.asarray(self.interpolated, dtype=bool)
            if interpolated.shape != times.shape:
                raise DataError(f"skeleton track: interpolated {interpolated.shape} does not fit times {times.shape}")
            object.__setattr__(self, "interpolated", interpolated)
        width, height = self.image_size
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "image_size", (int(width), int(height)))

    def _name_layout(self) -> None:
        """Settle `layout`, the name, and `own`, which is there for a layout that is not the package's."""
        layout, own = self.layout, self.own
        if isinstance(layout, Layout):
            own = layout
        elif own is not None and own.name != layout:  # put into another layout by `replace`
            own = None
        name = own.name if own is not None else layout
        if own is not None and name in LAYOUTS:
            if LAYOUTS[name] != own:
                raise DataError(f"layout '{name}' is not the package's of that name: give it another name")
            own = None
        if own is None and name not in LAYOUTS:
            raise DataError(f"no keypoint layout '{name}': known are {', '.join(LAYOUTS)}")
        object.__setattr__(self, "layout", name)
        object.__setattr__(self, "own", own)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def skeleton(self) -> Layout:
        """The layout with its bones and flip pairs."""
        return LAYOUTS[self.layout] if self.own is None else self.own

    @property
    def step(self) -> float:
        """Median time from one pose to the next, seconds; 0 where there are not two."""
        return float(np.median(np.diff(self.times))) if len(self) > 1 else 0.0

    def between(self, start: float, end: float) -> SkeletonTrack:
        """Only the poses at start <= time < end seconds; times are unchanged."""
        keep = (self.times >= start) & (self.times < end)
        marks = None if self.interpolated is None else self.interpolated[keep]
        return replace(
            self, times=self.times[keep], points=self.points[keep], scores=self.scores[keep], interpolated=marks
        )

    def absent(self) -> list[tuple[float, float]]:
        """Stretches (start, end) in seconds without the person: of frames whose scores are all 0.

        A stretch begins at its first such frame and ends where the next frame shows the person; at the end of the
        track it lasts one frame longer than its last (the median distance of frames).
        """
        edges = np.diff(np.concatenate(([0], (self.scores == 0).all(axis=1).astype(np.int8), [0])))
        after = np.append(self.times, self.times[-1:] + self.step)
        starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        return [(float(self.times[a]), float(after[b])) for a, b in zip(starts, ends, strict=True)]

    def to_layout(self, layout: Layout | str) -> SkeletonTrack:
        """The same track in another layout; joints that cannot be made have score 0 and lie at the origin."""
        points = convert(self.points, self.skeleton, layout)
        scores = np.where(np.isfinite(points).all(-1), convert_scores(self.scores, self.skeleton, layout), 0.0)
        target = LAYOUTS[layout] if isinstance(layout, str) else layout
        return replace(self, points=np.nan_to_num(points), scores=scores, layout=target.name, own=target)

    def box(
        self, start: float | None = None, end: float | None = None, min_score: float = MIN_SCORE
    ) -> tuple[float, float, float, float] | None:
        """Tight box (left, top, right, bottom) in pixels around all points of at least `min_score`.

        Poses at start <= time <= end count, and the pose nearest to the interval when none lies in it. None
        when no point is confident. Raises `DataError` for a 3D track, which has no pixels.
        """
        if self.points.shape[-1] != 2:
            raise DataError("a box needs a 2D skeleton track, this one is 3D")
        if not len(self):
            return None
        low = -np.inf if start is None else start
        high = np.inf if end is None else end
        gap = np.maximum(np.maximum(low - self.times, self.times - high), 0.0)
        chosen = gap == gap.min()
        sure = (self.scores[chosen] >= max(min_score, 1e-6)) & np.isfinite(self.points[chosen]).all(-1)
        points = self.points[chosen][sure]
        if not len(points):
            return None
        (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
        return left, top, right, bottom

    def save(self, path: str | Path) -> None:
        """Write the `.npz` of the module's docstring, atomically; equal tracks give equal bytes.

        Raises `UserError` when the file cannot be written.
        """
        target = Path(path)
        arrays = {
            "times": self.times,
            "points": self.points,
            "scores": self.scores,
            "layout": np.array(self.layout),
            "joints": np.array(self.skeleton.joints),
            "image_size": np.array(self.image_size, dtype=np.int32),
            "person": np.array(self.person),
        }
        if self.interpolated is not None:
            arrays["interpolated"] = self.interpolated
        if self.own is not None:
            arrays["bones"] = np.array(self.own.bones)
            arrays["centre"] = np.array(self.own.center)
            arrays["pairs"] = np.array(self.own.flip, dtype=str).reshape(-1, 2)
        if self.media:
            arrays["media"] = np.array(self.media)
        with replacing(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for key in arrays:
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, arrays[key], allow_pickle=False)
                info = zipfile.ZipInfo(f"{key}.npy", date_time=_ZIP_DATE)
                info.compress_type = zipfile.ZIP_DEFLATED
                info.external_attr = 0o644 << 16
                archive.writestr(info, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path, layout: Layout | None = None) -> SkeletonTrack:
        """Read a track that `save` wrote. Raises `DataError` naming the file when it is not one.

        `layout`, else `layout.yaml` beside the file, is what a name in the file means that the package does not know
        and whose bones the file does not hold.
        """
        try:
            with np.load(path, allow_pickle=False) as archive:
                if missing := [key for key in _KEYS if key not in archive.files]:
                    raise DataError(f"{path}: not a skeleton track (no '{missing[0]}')")
                data = {key: archive[key] for key in _KEYS}
                drawn = {key: archive[key].tolist() for key in _OWN if key in archive.files}
                marks = archive["interpolated"] if "interpolated" in archive.files else None
                media = str(archive["media"]) if "media" in archive.files else ""
        except BROKEN_ARCHIVE as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a .npz file"
            raise DataError(f"{path}: cannot be read as a skeleton track ({reason})") from error
        found = _layout_of(path, str(data["layout"]), data["joints"].ravel().tolist(), drawn, layout)
        try:
            width, height = (int(side) for side in data["image_size"].ravel())
            size = (width, height)
            person = str(data["person"])
            arrays = (data["times"], data["points"], data["scores"])
            return cls(*arrays, found.name, size, person, marks, media, found)
        except (DataError, ValueError) as error:
            raise DataError(f"{path}: {error}") from error


def _layout_of(path: str | Path, name: str, joints: list[str], drawn: dict[str, Any], given: Layout | None) -> Layout:
    """The layout of a track file, whose joints it must have; `drawn` are the bones and so on that the file holds."""
    known = LAYOUTS.get(name)
    if known is None and len(drawn) == len(_OWN):
        known = layout_from_values({"name": name, "joints": joints, **drawn}, str(path))
    if known is None:
        known = given if given is not None and given.name == name else layout_beside(path)
    if known is None or known.name != name:
        what = "and no layout file of that name was given or lies beside it (layout.yaml)"
        raise DataError(f"{path}: no keypoint layout '{name}' is known, {what}; known are {', '.join(LAYOUTS)}")
    if tuple(joints) != known.joints:
        raise DataError(f"{path}: its joints are not those of layout '{name}'")
    return known
