"""What a body tells beside the scores: which parts of it could be seen, what each does, how often it repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microgesture.analysis.scanning import WindowScores
from microgesture.analysis.views import PoseClips, PoseWindows
from microgesture.runs.run import Run
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.skeletons.parts import ENOUGH, PARTS, of_parts, parts_seen
from microgesture.skeletons.resampling import LEADING, resample, shoulder_width
from microgesture.spotting.repetition import repetitions
from microgesture.timeline import Alternative, GestureEvent
from microgesture.vocabulary import Vocabulary

ACTS = 0.5
"""Probability from which on a part of the body does something in a clip."""

_MOVED = tuple(
    [GESTURE_62.index(name) for name in names]
    for names in (
        ("left_wrist", "right_wrist", "left_index_tip", "right_index_tip"),
        ("left_knee", "right_knee", "left_ankle", "right_ankle", "left_toe", "right_toe"),
        ("upper_lip", "lower_lip"),
        ("nose", "chin"),
        ("left_shoulder", "right_shoulder"),
        tuple(GESTURE_62.joints[k] for k in LEADING),
    )
)
"""Points that a movement of each of `PARTS` is counted by; last: of any part."""


def visible(view: PoseWindows | PoseClips, duration: float) -> dict[str, float]:
    """For which share of `duration` seconds each of `PARTS` can be seen; empty for points in space and a layout of the
    user's own, of which nothing is said."""
    if not view.told:
        return {}
    shares = np.minimum(view.seen.sum(0) / view.spec.rate / max(duration, 1e-9), 1.0)
    return {part: round(float(share), 3) for part, share in zip(PARTS, shares, strict=True)}


def is_seen(run: Run, event: GestureEvent, view: PoseWindows | PoseClips) -> bool:
    """Whether the part that makes an event is seen for `ENOUGH` of its time; True where that is not known."""
    part = _part(run, event)
    if part == len(PARTS) or not view.told:
        return True
    skeleton = resample(view.track.between(event.start - 1e-9, event.end + 1e-9), view.spec.rate)
    seen = of_parts(parts_seen(skeleton[..., 2] > 0))[:, part]
    return len(seen) > 0 and bool(seen.sum() >= ENOUGH * (event.end - event.start) * view.spec.rate - 1.0)


def counted(run: Run, events: Sequence[GestureEvent], view: PoseWindows | PoseClips) -> list[GestureEvent]:
    """The events of a person with how often the movement is repeated in each; as they are where that is not known."""
    if not view.told or not events or not len(view.skeleton):
        return list(events)
    skeleton, rate = view.skeleton, view.spec.rate
    points, known = skeleton[..., :2] / shoulder_width(skeleton), skeleton[..., 2] > 0
    made = []
    for event in events:
        start, end = (round((time - view.start) * rate) for time in (event.start, event.end))
        part = _part(run, event)
        if part == PARTS.index("hands"):  # not the way there and back
            start, end = start + (end - start) // 5, end - (end - start) // 5
        at = slice(max(start, 0), max(end, 0)), _MOVED[part]
        made.append(replace(event, count=repetitions(points[at], known[at])))
    return made


def acting_parts(run: Run, scores: WindowScores) -> list[tuple[str, int, float]]:
    """Of each part of the body that does something in a trimmed clip: its name, its best class and how sure that is,
    strongest first. A part acts when a class of it is likelier than not for a third of the time."""
    rows = scores.probabilities[np.isfinite(scores.probabilities).all(-1)]
    if not len(rows):
        return []
    strength = np.sort(rows, 0)[-max(len(rows) // 3, 1) :].mean(0)
    found = []
    for number, part in enumerate(PARTS):
        classes = np.flatnonzero(run.needs == number)
        if len(classes):
            best = int(classes[strength[classes].argmax()])
            found.append((part, best, float(strength[best])))
    return sorted((one for one in found if one[2] >= ACTS), key=lambda one: -one[2])


def with_parts(event: GestureEvent, acting: Sequence[tuple[str, int, float]], vocabulary: Vocabulary) -> GestureEvent:
    """The event with the best reading of each acting part (`acting_parts`), which are brought among its readings in
    place of the least probable ones."""
    by_part = tuple((part, Alternative(vocabulary[best].name, sure)) for part, best, sure in acting)
    readings = [Alternative(event.label, event.confidence), *event.alternatives]
    missing = [a for _, a in by_part if a.label not in {r.label for r in readings}][: max(len(readings) - 1, 0)]
    least = min(r.confidence for r in readings)
    kept = readings[1 : len(readings) - len(missing)]
    promoted = tuple(Alternative(a.label, min(a.confidence, least)) for a in missing)
    return replace(event, alternatives=(*kept, *promoted), by_part=by_part)


def _part(run: Run, event: GestureEvent) -> int:
    return int(run.needs[event.label_id]) if event.label_id is not None else len(PARTS)
