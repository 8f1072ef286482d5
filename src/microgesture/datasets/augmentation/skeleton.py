"""Pieces for skeletons alone: joints that tremble or are moved, joints and parts of the body that are not seen."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from microgesture.datasets.augmentation.piece import SkeletonPiece, SkeletonSample, register_piece, stretch, within
from microgesture.skeletons.skeleton import Layout

PARTS = ("head", "arm", "hand", "leg")
"""Parts of the body that `PartMask` can hide; all but the head exist on either side."""

_PART_OF = {
    "arm": re.compile(r"elbow|wrist"),
    "hand": re.compile(r"hand|hand_\w+|(thumb|index|middle|ring|pinky)_\w+"),
    "leg": re.compile(r"knee|ankle|heel|toe|small_toe|foot"),
    "head": re.compile(
        r"(head|nose|eye|ear|brow|cheek|mouth|jaw|lid|pupil|nostril|chin|forehead|upper_lip|lower_lip)(_\w+)?"
    ),
}


def part_of(joint: str) -> tuple[str, str]:
    """The part and the side of a joint: ("arm", "left"), ("head", ""); ("trunk", "") for shoulders, hips and spine.

    The head has no sides.
    """
    side, _, rest = joint.partition("_")
    if side not in ("left", "right"):
        side, rest = "", joint
    part = next((part for part, names in _PART_OF.items() if names.fullmatch(rest)), "trunk")
    return part, "" if part in ("head", "trunk") else side


@register_piece
@dataclass(frozen=True, kw_only=True)
class JointJitter(SkeletonPiece):
    """Gaussian noise on every known joint, in shoulder widths: `sigma` anew in every frame, as of an estimator, and
    `drift` once a clip and joint, as of a body that is built differently."""

    name = "joint_jitter"
    order = 21
    sigma: float = within(0.01, 0.0, 10.0)
    drift: float = within(0.0, 0.0, 10.0)

    def changed_skeleton(self, sample: SkeletonSample, rng: np.random.Generator) -> SkeletonSample:
        M, T, V, D = sample.points.shape
        noise = self.sigma * rng.standard_normal((M, T, V, D), dtype=np.float32)
        noise += self.drift * rng.standard_normal((M, 1, V, D), dtype=np.float32)
        return replace(sample, points=sample.points + noise * sample.known[:, None, :, None])


@register_piece
@dataclass(frozen=True, kw_only=True)
class CoordinateShift(SkeletonPiece):
    """Up to `share` of the known joints, at least one, are moved aside by up to `amount` shoulder widths along each
    axis, the same in all frames and for all people: a small local shift, as Gao et al. (arXiv 2405.13206) perturb
    coordinates; their strength is not public."""

    name = "coordinate_shift"
    order = 22
    share: float = within(0.3, 0.0, 1.0)
    amount: float = within(0.1, 0.0, 10.0)

    def changed_skeleton(self, sample: SkeletonSample, rng: np.random.Generator) -> SkeletonSample:
        known = np.flatnonzero(sample.known.any(0))
        count = int(rng.integers(1, max(1, round(self.share * len(known))) + 1))
        shift = np.zeros((len(sample.layout), sample.points.shape[-1]), np.float32)
        chosen = rng.permutation(known)[:count]
        shift[chosen] = rng.uniform(-self.amount, self.amount, (len(chosen), shift.shape[1]))
        return replace(sample, points=sample.points + shift * sample.known[:, None, :, None])


@register_piece
@dataclass(frozen=True, kw_only=True)
class JointMask(SkeletonPiece):
    """Up to `share` of the joints, at least one, are not seen during a run of `duration` of the frames.

    They lie at the origin with score 0, as joints that the estimator never saw; the same joints for all people.
    """

    name = "joint_mask"
    order = 30
    share: float = within(0.2, 0.0, 1.0)
    duration: tuple[float, float] = within((1.0, 1.0), 0.0, 1.0)
    probability: float = within(0.5, 0.0, 1.0)

    def changed_skeleton(self, sample: SkeletonSample, rng: np.random.Generator) -> SkeletonSample:
        V = len(sample.layout)
        count = int(rng.integers(1, max(1, round(self.share * V)) + 1))
        return _hidden(sample, rng.permutation(V)[:count], stretch(sample.points.shape[1], self.duration, rng))


@register_piece
@dataclass(frozen=True, kw_only=True)
class PartMask(SkeletonPiece):
    """One part of the body is not seen during a run of `duration` of the frames, as `JointMask` does with joints.

    `parts` are those that may go: "head", "arm" (elbow and wrist), "hand" (fingers), "leg" (knee and below); of the
    parts with sides one side goes. Each that the layout has is as likely as any other; without any nothing happens.
    """

    name = "part_mask"
    order = 31
    parts: tuple[str, ...] = PARTS
    duration: tuple[float, float] = within((1.0, 1.0), 0.0, 1.0)
    probability: float = within(0.5, 0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        for part in self.parts:
            if part not in PARTS:
                raise self.error(f"no part '{part}': known are {', '.join(PARTS)}")

    def groups(self, layout: Layout) -> dict[tuple[str, str], np.ndarray]:
        """The joints of each part (name, side) that may go and that the layout has, as indices."""
        found: dict[tuple[str, str], list[int]] = {}
        for i, joint in enumerate(layout.joints):
            part = part_of(joint)
            if part[0] in self.parts:
                found.setdefault(part, []).append(i)
        return {part: np.array(found[part]) for part in sorted(found)}

    def changed_skeleton(self, sample: SkeletonSample, rng: np.random.Generator) -> SkeletonSample:
        groups = list(self.groups(sample.layout).values())
        if not groups:
            return sample
        joints = groups[int(rng.integers(len(groups)))]
        return _hidden(sample, joints, stretch(sample.points.shape[1], self.duration, rng))


@register_piece
@dataclass(frozen=True, kw_only=True)
class Framing(SkeletonPiece):
    """A crop in space: a picture of random place shows part of the body, and what lies outside it is not seen.

    Its width and height are `least` to all of those of everything that is known in the clip, and it stands still. Of
    points in space it is the picture of somebody who looks along z.
    """

    name = "framing"
    order = 33
    least: float = within(0.6, 0.01, 1.0)
    probability: float = within(0.5, 0.0, 1.0)

    def changed_skeleton(self, sample: SkeletonSample, rng: np.random.Generator) -> SkeletonSample:
        seen = sample.scores > 0
        if not seen.any():
            return sample
        places = sample.points[..., :2]
        low, high = places[seen].min(0), places[seen].max(0)
        side = rng.uniform(self.least, 1.0, 2)
        first = low + rng.uniform(0.0, 1.0 - side) * (high - low)
        inside = ((places >= first) & (places <= first + side * (high - low))).all(-1)
        points = np.where(inside[..., None], sample.points, np.float32(0.0))
        return replace(sample, points=points, scores=np.where(inside, sample.scores, np.float32(0.0)))


def _hidden(sample: SkeletonSample, joints: np.ndarray, frames: slice) -> SkeletonSample:
    points, scores = sample.points.copy(), sample.scores.copy()
    points[:, frames, joints], scores[:, frames, joints] = 0.0, 0.0
    return replace(sample, points=points, scores=scores)
