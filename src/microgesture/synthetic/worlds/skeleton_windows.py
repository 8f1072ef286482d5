"""Windows of a skeleton bank as an estimator would see them through a camera, with what happens in them.

A window is at most `frames` poses at `RATE` Hz. In `trimmed` windows a gesture fills the window, as in the clips of
the data sets; the others lie anywhere, as in an untrimmed video. Camera, picture, layout and estimator's errors are
drawn without a look at the motion (`framing.py`). Every draw depends on the seed, the epoch and the batch (its size and
first indices) alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from microgesture.skeletons.layouts import GESTURE_62
from microgesture.skeletons.parts import ENOUGH, parts_seen
from microgesture.skeletons.track import LEAST_SCORE, SkeletonTrack
from microgesture.synthetic.estimator.framing import visibility
from microgesture.synthetic.estimator.noise import (
    FEET,
    FINGERS,
    LEGS,
    MARKS,
    MEDIAPIPE,
    SHOULDERS,
    TIPS,
    EstimatorNoise,
    disturb,
)
from microgesture.synthetic.estimator.occlusion import hidden_hands
from microgesture.synthetic.people.motion import MOTIONS
from microgesture.synthetic.worlds.skeleton_bank import RATE, SkeletonBank
from microgesture.synthetic.worlds.window_truth import TAKES_PART, Happening, Truth
from microgesture.timeline import GestureEvent
from microgesture.vocabulary import NO_GESTURE, Vocabulary

_FLIP = GESTURE_62.flip_permutation
_MOUTH = np.array([GESTURE_62.index("left_mouth"), GESTURE_62.index("right_mouth")])
_COARSE_HAND = np.array(
    [GESTURE_62.index(f"{s}_{j}") for s in ("left", "right") for j in ("index_knuckle", "pinky_knuckle", "thumb_mid")]
)
_ALL_FINGERS = np.concatenate(list(FINGERS.values()))


@dataclass(frozen=True)
class ViewRanges:
    """Cameras, uniformly drawn: degrees, metres; `speed` is how much faster than filmed the film runs."""

    azimuth: tuple[float, float] = (-62.0, 45.0)
    elevation: tuple[float, float] = (-12.0, 20.0)
    distance: tuple[float, float] = (1.2, 4.5)
    roll: tuple[float, float] = (-5.0, 5.0)
    speed: tuple[float, float] = (0.82, 1.2)
    mirror: bool = True


VIEWS = {
    "train": ViewRanges(),
    "val": ViewRanges(),
    "test": ViewRanges((-40.0, 62.0), (-4.0, 26.0), (1.8, 6.0), (-6.0, 6.0), (0.9, 1.3), False),
}
"""The test looks from other sides, from higher up and from farther away, at quicker people."""

WHOLE = 0.6
"""Share of trimmed windows that hold a gesture to its end, where it is not longer than a window; the others are
shorter, for all motions alike, so that length tells nothing."""


class SkeletonWindows(Dataset):
    """Items by the batch (`__getitems__`): a dictionary of arrays with these keys.

    `clip (B, 1, T, 62, 3)` float32: x, y in shoulder widths, score 0 or 1 (all 0 in frames beyond the window's
    end); `active (B, N, K)`: share of each of N stretches of `stride` frames during which each of the K classes of
    the `vocabularies` goes on and is seen, one vocabulary after another; `share (B, K)`: the same for the whole window,
    squared, "No gesture" where nothing fills a quarter of it; `tell (B, K)` and `tell_tokens (B, N, K)`: whether it can
    be known if a class goes on (`window_truth.py`); `motion_share`, `motion_tell` (B, M): the same of the bank's
    motions themselves; `main (B,)`: the motion that a trimmed window was cut for, -1 in the others; `performance
    (B,)`: whose window it is.

    `noise` None gives true joints; `everything` a picture that shows the whole body, and no table; `gaps` recordings
    whose layout lacks points.
    """

    def __init__(
        self,
        bank: SkeletonBank,
        size: int,
        vocabularies: Sequence[str] = ("imigue", "smg", "ma52"),
        split: str = "train",
        seed: int = 0,
        frames: int = 48,
        stride: int = 2,
        trimmed: float = 0.6,
        balance: np.ndarray | None = None,
        noise: EstimatorNoise | None = MEDIAPIPE,
        alone_share: float = 0.7,
        everything: bool = False,
        gaps: bool = True,
    ) -> None:
        self.bank, self.size, self.split, self.seed = bank, size, split, seed
        self.frames, self.stride, self.trimmed, self.noise = frames, stride, trimmed, noise
        self.views, self.everything, self.gaps = VIEWS[split], everything, gaps
        self.what = Truth(bank.motions, vocabularies)
        self.epoch = 0
        motion = bank.events[:, 1].astype(int)
        self._of_motion = [np.flatnonzero(motion == k) for k in range(len(bank.motions))]
        alone = bank.alone()
        self._alone = [rows[alone[rows]] for rows in self._of_motion]
        self.alone = alone_share
        weights = np.array([len(rows) > 0 for rows in self._of_motion], float)
        self._weights = weights * (np.ones(len(weights)) if balance is None else np.asarray(balance, float))
        self._weights /= self._weights.sum()
        self._joints = bank.joints
        self._first_event = np.searchsorted(bank.events[:, 0], np.arange(len(bank) + 1))

    def __len__(self) -> int:
        return self.size

    def set_epoch(self, epoch: int) -> None:
        """Which epoch the next draws belong to."""
        self.epoch = epoch

    def __getitems__(self, indices: Sequence[int]) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng((self.seed, self.epoch, len(indices), *indices[:2]))
        performance, start, length, main = self._place(rng, len(indices))
        speed = rng.uniform(*self.views.speed, len(indices))
        clip, seen, mirrored = self._look(rng, performance, start, length, speed)
        in_view, claimed = parts_seen(seen), parts_seen(clip[..., 2] > 0)
        what = self._happening(performance, start, length, speed, in_view, claimed, mirrored)
        inside = (np.arange(what.active.shape[1]) * self.stride < length[:, None])[..., None]
        arrays = {
            "clip": clip[:, None].astype(np.float32),
            "active": np.minimum(what.active @ self.what.classes, 1.0),
            "share": self.what.shares(what.share),
            "tell": self.what.of_classes(what.tell, what.nothing),
            "tell_tokens": self.what.of_classes(what.tell_tokens) & inside,
            "motion_share": np.where(what.share >= TAKES_PART, what.share, 0.0) ** 2,
            "motion_tell": what.of_motions(),
            "main": main,
            "performance": performance,
        }
        return {key: torch.from_numpy(value) for key, value in arrays.items()}

    def _place(self, rng: np.random.Generator, batch: int) -> tuple[np.ndarray, ...]:
        """Performance, start (seconds of the performance), length (frames seen), main motion; each (B,)."""
        span = self.frames / RATE
        motion = rng.choice(len(self._weights), batch, p=self._weights)
        by_itself = rng.random(batch) < self.alone
        rows = [
            self._alone[m] if first and len(self._alone[m]) else self._of_motion[m]
            for m, first in zip(motion, by_itself, strict=True)
        ]
        event = np.array([each[rng.integers(len(each))] for each in rows])
        performance = self.bank.events[event, 0].astype(int)
        begin, end = self.bank.events[event, 2].astype(float), self.bank.events[event, 3].astype(float)
        total = np.diff(self.bank.offsets)[performance] / RATE
        end = np.minimum(end, total)
        low = begin - np.clip(rng.normal(0.05, 0.15, batch), -0.25, 0.4)
        high = end + np.clip(rng.normal(0.05, 0.15, batch), -0.25, 0.4)
        most = np.where(rng.random(batch) < WHOLE, span, rng.uniform(1.2, span, batch))
        wanted = np.clip(high - low, 0.4, most)
        spare = (
            np.maximum(high - low - wanted, 0.0) * ~self.what.one_shot[motion]
        )  # those are seen from their beginning
        start = low + rng.random(batch) * spare
        free = rng.random(batch) >= self.trimmed
        wanted = np.where(free, span * np.where(rng.random(batch) < 0.8, 1.0, rng.uniform(0.2, 1.0, batch)), wanted)
        around = begin - 0.8 * wanted + rng.random(batch) * (end - begin + 0.6 * wanted)
        start = np.where(free, around, start)
        start = np.clip(start, 0.0, np.maximum(total - wanted, 0.0))
        length = np.clip(np.rint(wanted * RATE), 4, self.frames).astype(int)
        return performance, start, length, np.where(free, -1, motion)

    def film(self, performance: int) -> SkeletonTrack:
        """A whole performance as a track in "gesture-62" at `RATE` Hz, through one camera; the same at every call."""
        points, scores, _ = self._whole(performance)
        points = 100.0 * points * (scores[..., None] > 0) + 500.0
        return SkeletonTrack(np.arange(len(points)) / RATE, points, scores, GESTURE_62.name, (1000, 1000))

    def _whole(self, performance: int) -> tuple[np.ndarray, ...]:
        """Points (T, 62, 2), scores and which are truly in view (T, 62) of a performance's film."""
        rng = np.random.default_rng((self.seed, 1, performance))
        first, last = self.bank.offsets[performance], self.bank.offsets[performance + 1]
        joints = self._joints[first:last].astype(np.float32)[None]
        return tuple(array[0] for array in self._estimate(rng, joints, np.array([performance]), whole=True))

    def truth(self, performance: int, vocabulary: Vocabulary, built_in: str) -> list[GestureEvent]:
        """What happens in a performance and can be seen in its film for `ENOUGH` of its time, in the words of a
        vocabulary; overlapping events of one class are one."""
        seen = parts_seen(self._whole(performance)[2])
        first, last = self._first_event[performance], self._first_event[performance + 1]
        end_of_film = float(self.bank.offsets[performance + 1] - self.bank.offsets[performance]) / RATE
        found: dict[str, list[list[float]]] = {}
        for _, motion, begin, end, hands in self.bank.events[first:last].tolist():
            label = MOTIONS[self.bank.motions[int(motion)]].labels.get(built_in)
            end = min(end, end_of_film)
            if label is None or label == NO_GESTURE or end - begin < 0.1:
                continue
            acting = seen[int(begin * RATE) : max(int(end * RATE), int(begin * RATE) + 1)]
            if acting[:, self.what.acting_parts(int(motion), int(hands))].any(-1).mean() < ENOUGH:
                continue
            spans = found.setdefault(label, [])
            if spans and begin < spans[-1][1] + 0.3:
                spans[-1][1] = max(spans[-1][1], end)
            else:
                spans.append([begin, end])
        names = {label: vocabulary[vocabulary.index(label)] for label in found}
        events = [
            GestureEvent(a, b, names[label].name, names[label].id, 1.0, names[label].body_region)
            for label, spans in found.items()
            for a, b in spans
        ]
        return sorted(events, key=lambda event: (event.start, event.end))

    def _look(
        self,
        rng: np.random.Generator,
        performance: np.ndarray,
        start: np.ndarray,
        length: np.ndarray,
        speed: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(B, T, 62, 3) as the estimator sees it, which points (B, T, 62) are truly in view, and who is mirrored."""
        batch = len(performance)
        place = (start * RATE)[:, None] + np.arange(self.frames) * speed[:, None]
        count = np.diff(self.bank.offsets)[performance]
        place = np.clip(place, 0.0, (count - 1.001)[:, None])
        low = place.astype(int)
        rows = self.bank.offsets[performance][:, None] + low
        part = (place - low)[..., None, None].astype(np.float32)
        before, after = self._joints[rows].astype(np.float32), self._joints[rows + 1].astype(np.float32)
        joints = (1 - part) * before + part * after
        if self.bank.estimated:  # between a point that was found and one that was not there is nothing
            joints[..., 2] = np.minimum(before[..., 2], after[..., 2])
        points, scores, seen = self._estimate(rng, joints, performance)
        flip = (rng.random(batch) < 0.5) & self.views.mirror
        if flip.any():
            points[flip] = points[flip][:, :, _FLIP] * np.array([-1.0, 1.0])
            scores[flip], seen[flip] = scores[flip][:, :, _FLIP], seen[flip][:, :, _FLIP]
        self._slow_camera(points, rng)
        inside = (np.arange(self.frames)[None] < length[:, None])[..., None]
        scores *= inside
        points *= scores[..., None] > 0
        return np.concatenate([points, scores[..., None]], -1), seen & inside, flip

    def _estimate(
        self, rng: np.random.Generator, joints: np.ndarray, performance: np.ndarray, whole: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (B, T, 62, 2), scores (B, T, 62) and which are truly in view, (B, T, 62): those of the bank when it is
        estimated, else of a camera and the noise model. With `gaps`, unless `whole`, some recordings lack the joints
        that their layout has not."""
        layout = self._layout(rng, len(joints)) if self.gaps and not whole else np.ones((1, 1, 1), np.float32)
        if self.bank.estimated:
            scores = (joints[..., 2] >= LEAST_SCORE).astype(np.float32) * layout
            points = joints[..., :2].copy()
            return _seen_otherwise(points, rng) if self.split == "train" else points, scores, scores > 0
        points, camera = project(joints, self.views, rng)
        table = np.isfinite(self.bank.table[performance])
        scores = visibility(points, table, rng, self.everything) * layout
        seen = scores == 1.0
        if self.noise is None:
            return points, seen.astype(np.float32), seen
        points, scores = disturb(points, scores, RATE, rng, self.noise, hidden_hands(camera))
        return points, scores, seen & (scores > 0)

    def _layout(self, rng: np.random.Generator, batch: int) -> np.ndarray:
        """(B, 1, 62) 1 for the points that the recording's layout has."""
        scores = np.ones((batch, 1, len(GESTURE_62)), np.float32)
        for joints, chance in _layout_gaps():
            without = rng.random((batch, 1, 1)) < chance
            scores[:, :, joints] = np.where(without, 0.0, scores[:, :, joints])
        return scores

    def _slow_camera(self, points: np.ndarray, rng: np.random.Generator) -> None:
        """A sixth of the windows has half the frames, and straight lines between them; in place."""
        slow = np.flatnonzero(rng.random(len(points)) < 0.16)
        steps = points.shape[1] - points.shape[1] % 2 - 2
        for b in slow:
            points[b, 1:steps:2] = 0.5 * (points[b, 0 : steps - 1 : 2] + points[b, 2 : steps + 1 : 2])

    def _happening(
        self,
        performance: np.ndarray,
        start: np.ndarray,
        length: np.ndarray,
        speed: np.ndarray,
        seen: np.ndarray,
        claimed: np.ndarray,
        mirrored: np.ndarray,
    ) -> Happening:
        """What goes on; `seen` and `claimed` (B, T, 6) as in `Happening`."""
        what = Happening(self.what, seen, claimed, length, self.stride)
        for b in range(len(performance)):
            first, last = self._first_event[performance[b]], self._first_event[performance[b] + 1]
            rows = self.bank.events[first:last]
            end_of_window = start[b] + length[b] / RATE * speed[b]
            rows = rows[(rows[:, 2] < end_of_window) & (rows[:, 3] > start[b])]
            for _, motion, begin, end, hands in rows.tolist():
                acting = 3 - int(hands) if mirrored[b] and hands in (1, 2) else int(hands)
                window = ((begin - start[b]) / speed[b], (end - start[b]) / speed[b])
                what.add(b, int(motion), acting, *window, int(length[b]), RATE)
        return what


def _seen_otherwise(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Points (B, T, 62, 2) turned, stretched and sheared a little, each window in its own way: estimated people were
    filmed once."""
    batch = len(points)
    angle = np.radians(rng.uniform(-6.0, 6.0, batch))
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(batch, 2, 2)
    shape = np.tile(np.eye(2), (batch, 1, 1))
    shape[:, 0, 0], shape[:, 1, 1] = np.exp(rng.normal(0.0, (0.08, 0.05), (batch, 2))).T
    shape[:, 0, 1] = rng.normal(0.0, 0.05, batch)
    return np.einsum("bij,btvj->btvi", (turn @ shape).astype(np.float32), points)


def project(joints: np.ndarray, views: ViewRanges, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Joints (B, T, 62, 3) metres through one camera a window: (B, T, 62, 2) in shoulder widths, y down; and the
    joints along the camera's axes, (B, T, 62, 3) metres, the last one its line of sight."""
    batch = len(joints)
    angles = (views.azimuth, views.elevation, views.roll)
    azimuth, elevation, roll = (np.radians(rng.uniform(*r, batch)) for r in angles)
    distance = rng.uniform(*views.distance, batch)
    neck = joints[:, :, SHOULDERS].mean((1, 2))
    aim = neck - np.array([0.0, 1.0, 0.0]) * rng.uniform(-0.1, 0.5, (batch, 1))
    sight = -np.stack([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], -1)
    right = np.cross(sight, [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right, axis=-1, keepdims=True)
    down = np.cross(sight, right)
    c, s = np.cos(roll)[:, None], np.sin(roll)[:, None]
    axes = np.stack([c * right + s * down, c * down - s * right, sight], 1)
    seen = np.einsum("bij,btvj->btvi", axes, joints - aim[:, None, None]).astype(np.float32)
    depth = np.maximum(seen[..., 2] + distance[:, None, None], 0.35)
    width = np.linalg.norm(joints[:, :, SHOULDERS[0]] - joints[:, :, SHOULDERS[1]], axis=-1).mean(1)
    scale = (distance / width)[:, None, None, None]
    points = (seen[..., :2] / depth[..., None] * scale).astype(np.float32)
    return points, np.concatenate([seen[..., :2], depth[..., None]], -1)


def _layout_gaps() -> tuple[tuple[np.ndarray, float], ...]:
    """Joints that whole recordings lack, because their layout has none, with the share of windows."""
    without_tips = np.setdiff1d(_ALL_FINGERS, TIPS)
    beyond_body = np.setdiff1d(_ALL_FINGERS, _COARSE_HAND)
    return (
        (np.concatenate([MARKS, beyond_body]), 0.08),  # MediaPipe's body model alone
        (np.concatenate([MARKS, _ALL_FINGERS, FEET, _MOUTH]), 0.06),  # COCO-17
        (np.concatenate([MARKS, without_tips, FEET, _MOUTH]), 0.06),  # iMiGUE's points
        (MARKS, 0.06),
        (LEGS, 0.10),
    )
