"""Drawings of an event in place of photographs: the stick figure at its start, its middle and its end.

A drawing is an inline SVG of one to two kilobytes made from a `SkeletonTrack`: bones of body and hands, and a plain
oval where the head is. Nothing of a face goes into it, not even the places of eyes and mouth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from microgesture.report.markup import fill
from microgesture.skeletons.layouts import GESTURE_62, Layout
from microgesture.skeletons.track import MIN_SCORE, SkeletonTrack
from microgesture.timeline import GestureEvent, Timeline

DRAWINGS = 60
"""At most so many events, the most confident ones, get a drawing."""

_WIDTH, _HEIGHT = 120, 120
_LEG_REGIONS = ("lower limb", "leg-hand")
_SIDES = ("left", "right")
_TRUNK = (
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    *((f"{s}_shoulder", f"{s}_{end}") for s in _SIDES for end in ("hip", "elbow")),
    *((f"{s}_elbow", f"{s}_wrist") for s in _SIDES),
)
_LEGS = tuple(
    (f"{s}_{a}", f"{s}_{b}") for s in _SIDES for a, b in (("hip", "knee"), ("knee", "ankle"), ("ankle", "toe"))
)
_FINGERS = tuple(
    bone for bone in GESTURE_62.bones if any(f in bone[1] for f in ("thumb", "index", "middle", "ring", "pinky"))
)
_HEAD = re.compile(
    r"((left|right|[lr])[_ ]?)?(head|nose|eye|ear|brow|cheek|mouth|jaw|lid|pupil|forehead|chin|face)\w*|\w*_lip\w*"
)
"""Joints of a layout of the user's own that are no ends of lines: nothing of a face is drawn."""
_HEAD_PAIRS = (
    ("left_ear", "right_ear", 0.62),
    ("left_eye", "right_eye", 1.1),
    ("forehead", "chin", 0.62),
    ("nose", "neck", 0.5),
    ("head", "neck", 0.7),
    ("head", "spine_shoulder", 0.55),
    ("left_shoulder", "right_shoulder", 0.2),
)
"""Pairs of joints and how much of their distance is half the width of a head; the largest counts."""


@dataclass(frozen=True)
class _Stance:
    """One pose to draw: `points (V, 2)` with y down, `seen (V,)` bool; the head's centre and half width."""

    points: np.ndarray
    seen: np.ndarray
    head: tuple[float, float, float] | None
    layout: Layout = GESTURE_62

    def corners(self) -> np.ndarray:
        """Everything that must lie in the drawing, `(n, 2)`."""
        parts = [self.points[self.seen]]
        if self.head is not None:
            x, y, half = self.head
            parts.append(np.array([[x - half, y - 1.25 * half], [x + half, y + 1.25 * half]]))
        return np.vstack(parts)


@dataclass(frozen=True)
class _Figure:
    """Paths of body and hands, and the head's centre and half width, in pixels of the drawing."""

    body: str
    hands: str
    head: tuple[float, float, float] | None = None


def event_drawings(timeline: Timeline, tracks: Mapping[str, SkeletonTrack]) -> list[str]:
    """One SVG per event, "" where the person is not in view or beyond the `DRAWINGS` most confident events.

    `tracks` are by person.
    """
    ranked = sorted(range(len(timeline)), key=lambda i: -timeline[i].confidence)[:DRAWINGS]
    drawings = [""] * len(timeline)
    for i in ranked:
        track = tracks.get(timeline[i].person)
        if track is not None:
            drawings[i] = event_drawing(timeline[i], track)
    return drawings


def event_drawing(event: GestureEvent, track: SkeletonTrack) -> str:
    """The stick figure at the start, the middle and the end of an event, fainter the earlier; "" if not seen."""
    bones = (
        _TRUNK + (_LEGS if event.body_region in _LEG_REGIONS else ()) if track.own is None else _own_bones(track.own)
    )
    stances = _stances(event, track, bones)
    if not stances:
        return ""
    corners = np.vstack([stance.corners() for stance in stances])
    low, high = corners.min(0), corners.max(0)
    scale = float(min((np.array([_WIDTH, _HEIGHT]) - 8) / np.maximum(high - low, 1e-6)))
    shift = np.array([_WIDTH, _HEIGHT]) / 2 - (low + high) / 2 * scale
    figures = [_figure(stance, bones, scale, shift) for stance in stances]
    return fill("report/drawing.html", event=event, figures=figures, width=_WIDTH, height=_HEIGHT)


def _own_bones(layout: Layout) -> tuple[tuple[str, str], ...]:
    """The bones of a layout of the user's own that are drawn: those of which no end is of the head, by its name."""
    return tuple(bone for bone in layout.bones if not any(_HEAD.fullmatch(joint) for joint in bone))


def _stances(event: GestureEvent, track: SkeletonTrack, bones: tuple[tuple[str, str], ...]) -> list[_Stance]:
    """Poses near the start, the middle and the end; fewer when the person is seen less, none when hardly."""
    inside = track.between(event.start, event.end)
    layout = track.own or GESTURE_62
    lines = bones if track.own else (*bones, *_FINGERS)
    used = [layout.index(name) for name in dict.fromkeys(joint for bone in lines for joint in bone)]
    common = inside if track.own else inside.to_layout(GESTURE_62)
    seen = np.zeros(common.scores.shape, bool)
    seen[:, used] = (common.scores[:, used] >= MIN_SCORE) & np.isfinite(common.points[:, used]).all(-1)
    moments = np.flatnonzero(seen.sum(1) >= max(min(4, len(used)), 1))
    if not len(moments):
        return []
    wanted = event.start + event.duration * np.array([0.1, 0.5, 0.9])
    chosen = dict.fromkeys(int(moments[np.abs(inside.times[moments] - t).argmin()]) for t in wanted)
    down = np.array([1.0, -1.0 if _grows_upward(inside) else 1.0])
    return [_Stance(common.points[i, :, :2] * down, seen[i], _head(inside, i, down), layout) for i in chosen]


def _grows_upward(track: SkeletonTrack) -> bool:
    """Whether y grows upward, as in the space of depth cameras: the head then lies above the trunk."""
    if track.points.shape[-1] == 2:
        return False

    def height(*names: str) -> float:
        found = [track.skeleton.index(n) for n in names if n in track.skeleton.joints]
        seen = track.scores[:, found] > 0
        return float(track.points[:, found, 1][seen].mean()) if seen.any() else np.nan

    return bool(height("nose", "head", "neck") > height("pelvis", "spine_base", "spine_mid", "left_hip", "left_elbow"))


def _head(track: SkeletonTrack, moment: int, down: np.ndarray) -> tuple[float, float, float] | None:
    """Centre and half width of the head; None when it is not seen."""

    def point(name: str) -> np.ndarray | None:
        if name not in track.skeleton.joints:
            return None
        index = track.skeleton.index(name)
        return track.points[moment, index, :2] * down if track.scores[moment, index] >= MIN_SCORE else None

    groups = (("left_ear", "right_ear"), ("head",), ("left_eye", "right_eye"), ("nose",))
    centres = ([p for p in map(point, group) if p is not None] for group in groups)
    complete = [np.mean(c, axis=0) for c, group in zip(centres, groups, strict=True) if len(c) == len(group)]
    pairs = [(point(a), point(b), factor) for a, b, factor in _HEAD_PAIRS]
    sizes = [f * float(np.hypot(*(a - b))) for a, b, f in pairs if a is not None and b is not None]
    return (float(complete[0][0]), float(complete[0][1]), max(sizes)) if complete and sizes else None


def _figure(stance: _Stance, bones: tuple[tuple[str, str], ...], scale: float, shift: np.ndarray) -> _Figure:
    """Body and hands as two paths, the head over the neck."""
    points = stance.points * scale + shift

    def lines(pairs: tuple[tuple[str, str], ...]) -> str:
        ends = [(stance.layout.index(a), stance.layout.index(b)) for a, b in pairs]
        return "".join(
            "M{:.0f} {:.0f}L{:.0f} {:.0f}".format(*points[i], *points[j])
            for i, j in ends
            if stance.seen[i] and stance.seen[j]
        )

    joints = stance.layout.joints
    body, hands = lines(bones), lines(_FINGERS if stance.layout is GESTURE_62 else ())
    if stance.head is None:
        return _Figure(body, hands)
    x, y = np.array(stance.head[:2]) * scale + shift
    shoulders = [joints.index(name) for name in ("left_shoulder", "right_shoulder") if name in joints]
    if shoulders and stance.seen[shoulders].all():
        body += "M{:.0f} {:.0f}L{:.0f} {:.0f}".format(*points[shoulders].mean(0), x, y)
    return _Figure(body, hands, (float(x), float(y), stance.head[2] * scale))
