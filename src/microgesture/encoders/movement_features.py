"""Features in which small movements stand out: what `BodyFeatures` gives, and how every part moves against the others.

Ours; nothing in the papers. A nod moves the nose by a tenth of a shoulder width while the points of a hand move by
whole ones, and an estimator's points tremble by a hundredth. So beside places, contacts and fingers there are: each
point against its own mean place in the clip; its change over two spans of time; the same in units of the point's own
tremble, which the track itself tells; the points of the face within the head (turns about all three axes), the trunk
against the hips, and each leg from joint to joint. All of it is standardised on what training showed first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.body_features import BodyFeatures
from microgesture.skeletons.layouts import GESTURE_62

SPANS = (1, 4)
"""Frames between the two places of a change: 0.08 and 0.32 s at 12.5 Hz."""

LEAST_TREMBLE = 0.003
"""Shoulder widths; no point is known better."""

CPU_CLIPS = 8
"""Clips whose features a CPU makes at a time: more do not fit into its cache, and take twice as long."""

LARGEST = 5.0
"""Standardised features do not go beyond."""

_SIDES = ("left", "right")


def _indices(*names: str) -> list[int]:
    return [GESTURE_62.index(name) for name in names]


def _both(*joints: str) -> list[str]:
    return [f"{side}_{joint}" for side in _SIDES for joint in joints]


_EARS, _EYES = _indices("left_ear", "right_ear"), _indices("left_eye", "right_eye")
_FACE = _indices(
    *("nose", "forehead", "chin", "upper_lip", "lower_lip", *_both("eye", "ear", "mouth", "brow", "cheek"))
)
_STEADY = _indices(
    *("nose", "forehead", "chin", *_both("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "toe"))
)
_LINKS = (
    *(("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
    *((f"{s}_{a}", f"{s}_{b}") for s in _SIDES for a, b in (("hip", "shoulder"), ("elbow", "shoulder"))),
    *((f"{s}_{a}", f"{s}_{b}") for s in _SIDES for a, b in (("knee", "hip"), ("ankle", "knee"))),
    *((f"{s}_{a}", f"{s}_{b}") for s in _SIDES for a, b in (("heel", "ankle"), ("toe", "ankle"))),
    *(("left_knee", "right_knee"), ("left_ankle", "right_ankle")),
)
"""Pairs of joints whose distance vector is a feature, in time and against its mean."""
_ENDS, _STARTS = ([GESTURE_62.index(pair[k]) for pair in _LINKS] for k in (0, 1))


class MovementFeatures(nn.Module):
    """Skeletons (B, T, 62, 3) of x, y, score to features (B, T, `width`) and seen (B, T). Without parameters.

    Unknown points give 0. Statistics are those of the first `Standardised.clips` clips of training.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = BodyFeatures()
        places = 2 * len(GESTURE_62)
        within = 2 * len(_FACE) + 2 * len(_LINKS)
        moving = places * (2 + len(SPANS)) + 4 * len(_STEADY) + 2 * within
        self.standardised = Standardised(moving + self.body.contact_width + self.body.finger_width)
        self.width = self.standardised.width + len(GESTURE_62)

    def forward(self, skeleton: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, T, width) and whether anybody is there (B, T), bool."""
        clips = CPU_CLIPS if skeleton.device.type == "cpu" else max(1, len(skeleton))
        made = [self._features(part) for part in skeleton.split(clips)]
        return torch.cat([features for features, _ in made]), torch.cat([seen for _, seen in made])

    def _features(self, skeleton: Tensor) -> tuple[Tensor, Tensor]:
        points, known = self.body.normalise(skeleton)
        apart = _from_mean(points, known)
        changes = [_change(points, known, span) for span in SPANS]
        tremble = _tremble(points[:, :, _STEADY], known[:, :, _STEADY])
        parts = [points, apart, *changes]
        parts += [torch.asinh(moved[:, :, _STEADY] / tremble) for moved in (apart, changes[-1])]
        face, in_head = _within_head(points, known)
        links = known[:, :, _ENDS] & known[:, :, _STARTS]
        vectors = (points[:, :, _ENDS] - points[:, :, _STARTS]) * links[..., None]
        for local, there in ((face, in_head), (vectors, links)):
            parts += [local, _from_mean(local, there)]
        flat = [part.flatten(2) for part in parts]
        features = torch.cat([*flat, *self.body.contacts(points, known), *self.body.hands(points, known)], -1)
        return torch.cat([self.standardised(features), known.to(features.dtype)], -1), known.any(-1)


class Standardised(nn.Module):
    """Features (..., `width`) less their mean, over their standard deviation, at most `LARGEST`; 0 stays 0: unknown.

    Mean and deviation are those of the entries that are not 0 in the first `clips` clips of training; from then on they
    stay, and they are saved with the weights.
    """

    clips = 12_000
    mean: Tensor
    deviation: Tensor
    sums: Tensor
    seen: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.register_buffer("sums", torch.zeros(3, width, dtype=torch.float64))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def _learn(self, features: Tensor) -> None:
        rows = features.flatten(0, -2).double()
        self.sums += torch.stack([(rows != 0).sum(0).double(), rows.sum(0), (rows**2).sum(0)])
        self.seen += len(features)
        count = self.sums[0].clamp_min(1.0)
        mean = self.sums[1] / count
        self.mean.copy_(mean)
        self.deviation.copy_((self.sums[2] / count - mean**2).clamp_min(1e-8).sqrt())

    def forward(self, features: Tensor) -> Tensor:
        """The same shape."""
        if self.training and int(self.seen) < self.clips:
            self._learn(features)
        unknown = features == 0
        return (features - self.mean).div_(self.deviation).clamp_(-LARGEST, LARGEST).masked_fill_(unknown, 0.0)


def _from_mean(points: Tensor, known: Tensor) -> Tensor:
    """Points (B, T, n, 2) less their mean over the time in which they are known (B, T, n); 0 where unknown."""
    there = known[..., None].to(points.dtype)
    mean = (points * there).sum(1, keepdim=True) / there.sum(1, keepdim=True).clamp_min(1.0)
    return (points - mean) * there


def _change(points: Tensor, known: Tensor, span: int) -> Tensor:
    """Points (B, T, n, 2) less where they were `span` frames before; 0 where one of the two is unknown."""
    both = (known[:, span:] & known[:, :-span])[..., None]
    return F.pad((points[:, span:] - points[:, :-span]) * both, (0, 0, 0, 0, min(span, points.shape[1]), 0))


def _tremble(points: Tensor, known: Tensor) -> Tensor:
    """(B, 1, n, 1): how far each point is from the line through its neighbours in time, typically; shoulder widths.

    The square of the mean root, which a few large movements do not rule.
    """
    three = known[:, 2:] & known[:, 1:-1] & known[:, :-2]
    off = (points[:, 1:-1] - 0.5 * (points[:, 2:] + points[:, :-2])).norm(dim=-1).sqrt() * three
    typical = (off.sum(1) / three.sum(1).clamp_min(1)) ** 2
    return typical.clamp_min(LEAST_TREMBLE)[:, None, :, None]


def _within_head(points: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Points of the face (B, T, n, 2) around the middle of the ears, or of the eyes where an ear is unknown; and which
    are known."""
    ears, eyes = known[:, :, _EARS].all(-1), known[:, :, _EYES].all(-1)
    centre = torch.where(ears[..., None], points[:, :, _EARS].mean(2), points[:, :, _EYES].mean(2))
    there = known[:, :, _FACE] & (ears | eyes)[..., None]
    return (points[:, :, _FACE] - centre[:, :, None]) * there[..., None], there
