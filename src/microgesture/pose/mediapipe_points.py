"""MediaPipe's landmarks as points of the layout "mediapipe-holistic", its import, and its noise kept quiet.

Index tables: MediaPipe Pose (33 landmarks, the order of `MEDIAPIPE_33`), Hands (21: wrist, then thumb CMC, MCP, IP,
TIP, then MCP, PIP, DIP, TIP of index, middle, ring and little finger) and Face Mesh (468). Left and right are
the person's: MediaPipe's pose model says so itself, its holistic graph crops the "left hand" at the left wrist.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from microgesture.errors import UserError
from microgesture.libraries.extras import import_extra, why_not
from microgesture.libraries.matplotlib_loader import load_matplotlib
from microgesture.pose.estimator import Pose
from microgesture.skeletons.layouts import MEDIAPIPE_33, MEDIAPIPE_HOLISTIC

log = logging.getLogger(__name__)

PART_SCORE = 0.9
"""Score of the points of a hand or face that its own model found: these models tell only yes or no."""

OUTSIDE = 0.1
"""Points further outside the picture than this share of its longer side are guesses and score 0."""

_HAND_PARTS = (
    *(f"thumb_{part}" for part in ("base", "knuckle", "mid", "tip")),
    *(f"{f}_{part}" for f in ("index", "middle", "ring", "pinky") for part in ("knuckle", "mid", "dip", "tip")),
)
_BODY = len(MEDIAPIPE_33)
HANDS = {
    side: np.array([MEDIAPIPE_HOLISTIC.index(f"{side}_{part}") for part in ("wrist", *_HAND_PARTS)])
    for side in ("left", "right")
}
"""Where the 21 landmarks of a hand stand in the layout."""

_FACE_MESH = {
    "forehead": (10, 151),
    "chin": (152, 152),
    "upper_lip": (0, 13),
    "lower_lip": (14, 17),
    "left_brow": (334, 334),
    "right_brow": (105, 105),
    "left_cheek": (280, 280),
    "right_cheek": (50, 50),
}
"""Mid-forehead is halfway between hairline and glabella, a lip's point is halfway between its two edges."""

FACE = np.array([MEDIAPIPE_HOLISTIC.index(name) for name in _FACE_MESH])
"""Where the eight points of the face mesh stand in the layout."""

_MESH_ROWS = np.array(list(_FACE_MESH.values()))


def landmark_array(landmarks: Sequence[Any] | None, size: tuple[int, int]) -> np.ndarray | None:
    """Landmarks as float32 `(n, 3)`: x, y in pixels of a picture of `size` (width, height), visibility."""
    if not landmarks:
        return None
    width, height = size
    rows = [(mark.x * width, mark.y * height, mark.visibility) for mark in landmarks]
    return np.array(rows, dtype=np.float32)


def holistic_pose(
    body: np.ndarray,
    hands: dict[str, np.ndarray | None],
    face: np.ndarray | None,
    size: tuple[int, int],
) -> Pose:
    """One person of the layout "mediapipe-holistic" from arrays of `landmark_array`.

    `body (33, 3)`; `hands` by side `(21, 3)`; `face (468 or 478, 3)`, each None when not seen. A hand that was seen
    replaces the four hand points of the body model.
    """
    count = len(MEDIAPIPE_HOLISTIC)
    points, scores = np.zeros((count, 2), np.float32), np.zeros(count, np.float32)
    points[:_BODY], scores[:_BODY] = body[:, :2], np.clip(body[:, 2], 0.0, 1.0)
    for side, hand in hands.items():
        if hand is not None:
            points[HANDS[side]], scores[HANDS[side]] = hand[:, :2], PART_SCORE
    if face is not None:
        points[FACE], scores[FACE] = face[_MESH_ROWS, :2].mean(1), PART_SCORE
    margin = OUTSIDE * max(size)
    width, height = size
    x, y = points.T
    inside = (x > -margin) & (x < width + margin) & (y > -margin) & (y < height + margin)  # false for NaN
    return Pose(np.where(inside[:, None], points, 0.0).astype(np.float32), np.where(inside, scores, 0.0))


FEATURE = "pose estimation with MediaPipe"


def import_mediapipe(module: str = "mediapipe", feature: str = FEATURE) -> ModuleType:
    """Import a module of MediaPipe with its log lines kept down.

    Raises `MissingExtra` when it is not installed or does not load.
    """
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    load_matplotlib()  # which MediaPipe imports
    import_extra("mediapipe", feature, "pose")
    return importlib.import_module(module)


def solution(name: str, feature: str = FEATURE) -> ModuleType:
    """A module of MediaPipe's legacy solutions, whose models are inside the wheel.

    Raises `MissingExtra` without MediaPipe, `UserError` when its release no longer has them.
    """
    mediapipe = import_mediapipe(feature=feature)
    try:
        return import_mediapipe(f"mediapipe.python.solutions.{name}")
    except ModuleNotFoundError as error:
        raise UserError(
            f"mediapipe {mediapipe.__version__} has no models inside, and {feature} needs them: give pose a model file "
            "(.task), or take the release of pip install 'microgesture[pose]'"
        ) from error


_process: int | None = None


def check_process() -> None:
    """Raises `UserError` in a process that was forked after MediaPipe had started a graph.

    A fork does not copy the threads that every graph waits for, so it would wait for ever.
    """
    global _process
    _process = _process or os.getpid()
    if _process != os.getpid():
        raise UserError(
            "MediaPipe was used before this process was forked and would wait for ever here: start processes with "
            "multiprocessing.get_context('spawn'), or analyze no video before they are forked"
        )


@contextmanager
def starting() -> Iterator[None]:
    """Around the making of a graph, and its first picture: what MediaPipe prints is kept quiet.

    Raises `UserError` with MediaPipe's own reason when the graph cannot be made, and as `check_process`.
    """
    check_process()
    with quiet():
        try:
            yield
        except UserError:
            raise
        except Exception as error:  # a protobuf or numpy that does not fit raises anything
            raise UserError(why_not("mediapipe", error)) from error


_quiet_lock = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what C++ code writes to file descriptor 2 off the terminal; it goes to this module's debug log.

    MediaPipe's graphs print half a dozen warnings while they start, before any log level applies.
    """
    with _quiet_lock, tempfile.TemporaryFile() as sink:
        try:
            sys.stderr.flush()
            kept = os.dup(2)
        except (OSError, ValueError, AttributeError):  # no stderr at all: nothing to keep quiet
            yield
            return
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            sink.seek(0)
            if text := sink.read().decode("utf-8", "replace").strip():
                log.debug("%s", text)
