"""OpenPose's JSON output (`--write_json`): a folder with one file a frame, read into tracks and written from them.

A file is `<video>_<12 digits>_keypoints.json` with a list `people`; a person has flat arrays x, y, score:
`pose_keypoints_2d` (25 points BODY_25, or 18 of the older COCO model), `face_keypoints_2d` (70),
`hand_left_keypoints_2d` and `hand_right_keypoints_2d` (21 each). Source: OpenPose, doc/02_output.md.

`write_openpose` adds what the format lacks and other programs pass over: `time` (seconds) and `image_size` of the
frame, and `extra_keypoints_2d` of the person: forehead, left and right cheek.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.errors import DataError
from microgesture.files.atomic import write_text
from microgesture.files.plain_json import parse_json
from microgesture.skeletons.following import follow
from microgesture.skeletons.layouts import (
    BODY_25,
    OPENPOSE_18,
    OPENPOSE_137,
    OPENPOSE_140,
    Layout,
    convert,
    convert_scores,
)
from microgesture.skeletons.raw_points import clean, frame_rate, guessed_size, in_pixels
from microgesture.skeletons.track import SkeletonTrack

log = logging.getLogger(__name__)

FPS = 25.0
_NUMBER = re.compile(r"(\d+)(?!.*\d)")
_PARTS = {
    "face_keypoints_2d": (25, 70),
    "hand_left_keypoints_2d": (95, 21),
    "hand_right_keypoints_2d": (116, 21),
    "extra_keypoints_2d": (137, 3),
}
"""Where the points of an array stand in the layout "openpose-140", and how many there are."""

_BODIES: dict[int, Layout] = {len(BODY_25): BODY_25, len(OPENPOSE_18): OPENPOSE_18}


@dataclass(frozen=True)
class _Frame:
    """One file: `people (M, 140, 3)` x, y, score in the layout "openpose-140", and what the file has of it."""

    number: int
    people: np.ndarray
    time: float | None
    size: tuple[int, int] | None
    has_parts: bool
    has_extra: bool


def read_openpose(
    folder: str | Path, fps: float | None = None, image_size: tuple[int, int] | None = None
) -> list[SkeletonTrack]:
    """Read a folder of OpenPose JSON files: one track a person, the largest and longest seen first.

    A track has the layout "openpose-137" ("openpose-140" when `write_openpose` wrote the files), and "body-25" when
    no file has a face or a hand; the 18 points of the COCO model go to those layouts by name. It has every frame of
    the folder; where the person is missing all scores are 0.

    Frames are in the order of the last number in the file's name, their time is number / `fps` (25 unless given: the
    files do not say), so a missing file is a gap in time. `image_size` (width, height) is guessed from the range of
    the points unless given; it must be given for points that OpenPose has normalised (`--keypoint_scale` 3 or 4).
    Raises `DataError` naming the file for what is no such folder, a broken file, or two files of one frame.
    """
    folder = Path(folder)
    frames = [_read_frame(path, number) for number, path in _numbered(folder)]
    parts, extra = any(frame.has_parts for frame in frames), any(frame.has_extra for frame in frames)
    layout = OPENPOSE_140 if extra else OPENPOSE_137 if parts else BODY_25
    people = follow([frame.people[:, : len(layout)] for frame in frames])
    if not people:
        log.warning("%s: no person in any frame", folder)
        people = [np.zeros((len(frames), len(layout), 3), dtype=np.float32)]
    times = _times(frames, fps)
    size = image_size or next((frame.size for frame in frames if frame.size), None)
    cleaned = [clean(person[..., :2], person[..., 2]) for person in people]
    cleaned = [(in_pixels(points, scores, size, str(folder)), scores) for points, scores in cleaned]
    if size is None:
        size = guessed_size(np.concatenate([p for p, _ in cleaned]), np.concatenate([s for _, s in cleaned]))
    return [
        SkeletonTrack(times, points, scores, layout.name, size, f"P{i}")
        for i, (points, scores) in enumerate(cleaned, start=1)
    ]


def is_openpose(path: Path) -> bool:
    """Whether a folder holds OpenPose JSON files, judged by the first JSON file of its listing."""
    if not path.is_dir():
        return False
    first = next((file for file in path.iterdir() if file.suffix == ".json" and not file.name.startswith(".")), None)
    if first is None:
        return False
    if first.name.endswith("_keypoints.json"):
        return True
    try:
        with first.open("rb") as file:
            return b'"people"' in file.read(4096)
    except OSError:
        return False


def write_openpose(track: SkeletonTrack | Sequence[SkeletonTrack], folder: str | Path, name: str = "track") -> Path:
    """Write one `<name>_<12 digits>_keypoints.json` a frame into `folder` and return it.

    Several tracks are the people of one video and must have the same times. People with no known point in a frame
    are left out of it. Numbers keep their precision: `read_openpose` gives the same points, scores and times. Points
    that OpenPose does not have are lost, but for those of "gesture-62". Raises `DataError` for 3D tracks, tracks of
    different times, or a folder that has JSON files already; `UserError` when the disk refuses.
    """
    tracks = [track] if isinstance(track, SkeletonTrack) else list(track)
    folder = Path(folder)
    if not tracks or any(t.points.shape[-1] != 2 or not len(t) for t in tracks):
        raise DataError(f"{folder}: OpenPose files hold 2D tracks of at least one frame")
    if any(not np.array_equal(t.times, tracks[0].times) for t in tracks):
        raise DataError(f"{folder}: the people of one folder must have the same times")
    if folder.is_dir() and any(folder.glob("*.json")):
        raise DataError(f"{folder}: has JSON files already, frames of two videos must not mix")
    values = [_values(t) for t in tracks]
    for index, time in enumerate(tracks[0].times.tolist()):
        people = [_person(rows[index]) for rows in values if (rows[index, :, 2] > 0).any()]
        frame = {"version": 1.3, "people": people, "time": time, "image_size": list(tracks[0].image_size)}
        write_text(folder / f"{name}_{index:012d}_keypoints.json", json.dumps(frame))
    return folder


def _values(track: SkeletonTrack) -> np.ndarray:
    """x, y, score `(T, 140, 3)` of a track; nothing is known of joints that its layout cannot give."""
    other = track.to_layout(OPENPOSE_140.name)
    return np.concatenate([other.points, other.scores[..., None]], axis=-1)


def _person(rows: np.ndarray) -> dict[str, Any]:
    """The JSON object of one person from `(140, 3)`; arrays without a known point are empty but for the body."""
    person: dict[str, Any] = {"person_id": [-1], "pose_keypoints_2d": rows[:25].ravel().tolist()}
    for key, (start, count) in _PARTS.items():
        part = rows[start : start + count]
        person[key] = part.ravel().tolist() if (part[:, 2] > 0).any() else []
    return person


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    """(frame number, file) in order."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    files = sorted(path for path in folder.iterdir() if path.suffix == ".json" and not path.name.startswith("."))
    files = [path for path in files if path.name.endswith("_keypoints.json")] or files
    if not files:
        raise DataError(f"{folder}: no OpenPose JSON files in it")
    found: dict[int, Path] = {}
    for path in files:
        match = _NUMBER.search(path.stem)
        if match is None:
            raise DataError(f"{path}: no frame number in the name")
        number = int(match[1])
        if number in found:
            raise DataError(f"{folder}: frame {number} twice, {found[number].name} and {path.name}: two videos in one?")
        found[number] = path
    return sorted(found.items())


def _read_frame(path: Path, number: int) -> _Frame:
    try:
        data = parse_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError:
        raise DataError(f"{path}: not JSON, or cut off") from None
    people = data.get("people") if isinstance(data, dict) else None
    if not isinstance(people, list) or not all(isinstance(person, dict) for person in people):
        raise DataError(f"{path}: not an OpenPose file (no list 'people')")
    rows = np.zeros((len(people), len(OPENPOSE_140), 3), dtype=np.float32)
    for index, person in enumerate(people):
        where = f"{path}, person {index + 1}"
        rows[index, :25] = _body(person, where)
        for key, (start, count) in _PARTS.items():
            part = _triples(person.get(key), key, where)
            if len(part) not in (0, count):
                raise DataError(f"{where}: {key} has {3 * len(part)} numbers, expected {3 * count}")
            rows[index, start : start + len(part)] = part
    time, size = data.get("time"), data.get("image_size")
    return _Frame(
        number,
        rows,
        float(time) if isinstance(time, int | float) and np.isfinite(time) else None,
        (size[0], size[1]) if isinstance(size, list) and [type(v) for v in size] == [int, int] else None,
        bool(rows[:, 25:137, 2].any()),
        bool(rows[:, 137:, 2].any()),
    )


def _body(person: dict[str, Any], where: str) -> np.ndarray:
    """Body points `(25, 3)` of a person, all 0 when the file has none."""
    # the key before version 1.1 had no dimension in it
    key = "pose_keypoints_2d" if "pose_keypoints_2d" in person else "pose_keypoints"
    body = _triples(person.get(key), key, where)
    if not len(body):
        return np.zeros((25, 3), dtype=np.float32)
    if len(body) not in _BODIES:
        raise DataError(f"{where}: {len(body)} body points, only BODY_25 (25) and COCO (18) can be read")
    layout = _BODIES[len(body)]
    points = np.nan_to_num(convert(body[:, :2], layout, BODY_25))
    return np.concatenate([points, convert_scores(body[:, 2], layout, BODY_25)[:, None]], axis=1)


def _triples(values: Any, key: str, where: str) -> np.ndarray:
    """A flat array as float32 `(n, 3)`; what is not finite is unknown."""
    if values is None:
        values = []
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise DataError(f"{where}: {key} is not a list of numbers")
    if len(values) % 3:
        raise DataError(f"{where}: {key} has {len(values)} numbers, not a multiple of 3")
    try:
        rows = np.array(values, dtype=np.float64).astype(np.float32).reshape(-1, 3)
    except OverflowError:
        raise DataError(f"{where}: {key} holds a number that is too large") from None
    rows[~np.isfinite(rows).all(-1)] = 0.0
    return rows


def _times(frames: Sequence[_Frame], fps: float | None) -> np.ndarray:
    """Seconds of the frames: number / frame rate, or as written in every file, in order, when no rate is given."""
    written = [frame.time for frame in frames if frame.time is not None]
    if fps is None and len(written) == len(frames) and written == sorted(written):
        return np.array(written)
    return np.array([frame.number for frame in frames]) / frame_rate(fps, FPS)
