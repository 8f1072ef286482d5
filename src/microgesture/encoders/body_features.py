"""From the points of a skeleton to what a gesture is made of: places relative to the body, movement, contact.

Ours; nothing in the papers. Self-touch is about where on the body and how, so beside coordinates and their changes
the network is given how near each hand's points are to the face, the neck, the shoulders, the other arm and hand,
the hips and the knees. Everything is in units of the person's own size and relative to the person's own place, so
that neither the camera's distance nor the picture's size matters.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.skeletons.layouts import GESTURE_62
from microgesture.skeletons.track import LEAST_SCORE

_TARGETS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_mouth", "right_mouth", "chin", "forehead"),
    *("neck", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist"),
    *("left_hip", "right_hip", "left_knee", "right_knee"),
)
_TIPS = ("thumb_tip", "index_tip", "middle_tip")
_NOSE_PER_SHOULDER = 1.55
"""Shoulder width over the distance from nose to neck, of an upright person seen from in front."""
_FACE_PER_SHOULDER, _HEAD_PER_SHOULDER = 0.44, 0.43
"""Distance of chin and forehead, and of the ears, in shoulder widths: what a close-up of a head is measured by."""


def _indices(names: Sequence[str]) -> list[int]:
    return [GESTURE_62.index(name) for name in names]


class BodyFeatures(nn.Module):
    """Skeletons (B, T, 62, 3) of x, y, score in layout "gesture-62" to features (B, T, `width`) and seen (B, T).

    Scale is the larger of the shoulders' distance and 1.55 times that of nose and neck, averaged over the clip (a
    turned person's shoulders look narrow), the head's size where neither is known; the origin is the neck's mean
    place, or where it would be below the nose. Without parameters.
    """

    to_neck: Tensor

    def __init__(self) -> None:
        super().__init__()
        joints = len(GESTURE_62)
        self.targets = _indices(_TARGETS)
        self.tips = _indices([f"{side}_{tip}" for side in ("left", "right") for tip in _TIPS])
        self.wrists = _indices(["left_wrist", "right_wrist"])
        self.knuckles = [_indices([f"{s}_index_knuckle", f"{s}_pinky_knuckle"]) for s in ("left", "right")]
        fingers = [
            [i for i, name in enumerate(GESTURE_62.joints) if name.startswith(side) and _is_finger(name)]
            for side in ("left", "right")
        ]
        self.fingers = fingers
        self.shoulders = _indices(["left_shoulder", "right_shoulder"])
        self.neck, self.nose = _indices(["neck", "nose"])
        self.face, self.ears = _indices(["chin", "forehead"]), _indices(["left_ear", "right_ear"])
        self.register_buffer("to_neck", torch.tensor([0.0, 1 / _NOSE_PER_SHOULDER]), persistent=False)
        hands = len(self.tips) + 2
        between = (len(self.tips) // 2 + 1) ** 2
        contacts = hands * len(self.targets) + between
        self.contact_width, self.finger_width = 2 * contacts, 2 * sum(len(f) for f in fingers)
        self.width = 5 * joints + self.contact_width + self.finger_width

    def forward(self, skeleton: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, T, width) and whether anybody is there (B, T), bool."""
        points, known = self.normalise(skeleton)
        seen = known.any(-1)
        steps = known[:, 1:] & known[:, :-1]
        change = (points[:, 1:] - points[:, :-1]) * steps[..., None]
        change = F.pad(change, (0, 0, 0, 0, 1, 0)).clamp(-1, 1) * 5
        parts = [points.flatten(2), change.flatten(2), known.to(points.dtype), *self.contacts(points, known)]
        return torch.cat([*parts, *self.hands(points, known)], -1), seen

    def normalise(self, skeleton: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, T, 62, 2) around the neck in shoulder widths, 0 where unknown, and known (B, T, 62)."""
        points, known = skeleton[..., :2].float(), skeleton[..., 2] >= LEAST_SCORE
        known = known & points.isfinite().all(-1)
        points = torch.where(known[..., None], points, torch.zeros_like(points))
        both = known[:, :, self.shoulders].all(-1)
        middle = points[:, :, self.shoulders].mean(2)
        neck = torch.where(both[..., None], middle, points[:, :, self.neck])
        has_neck = both | known[:, :, self.neck]
        columns = torch.arange(points.shape[2], device=points.device) == self.neck
        points = torch.where(columns[:, None], neck[:, :, None], points)
        known = torch.where(columns, has_neck[:, :, None], known)
        width = (points[:, :, self.shoulders[0]] - points[:, :, self.shoulders[1]]).norm(dim=-1)
        height = (points[:, :, self.nose] - neck).norm(dim=-1) * _NOSE_PER_SHOULDER
        scale = torch.maximum(_mean(width, both), _mean(height, has_neck & known[:, :, self.nose]))
        tall = _mean(self._apart(points, "chin", "forehead"), known[:, :, self.face].all(-1)) / _FACE_PER_SHOULDER
        wide = _mean(self._apart(points, "left_ear", "right_ear"), known[:, :, self.ears].all(-1)) / _HEAD_PER_SHOULDER
        scale = torch.where(scale > 0, scale, torch.maximum(tall, wide))
        spread = _mean((points - _mean(points, known[..., None], (1, 2))[:, None, None]).norm(dim=-1), known, (1, 2))
        scale = torch.where(scale > 0, scale, spread).clamp_min(1e-6)
        origin = _mean(neck, has_neck[..., None], (1,))
        anywhere = _mean(points, known[..., None], (1, 2))
        below = _mean(points[:, :, self.nose], known[:, :, self.nose, None], (1,)) + scale[:, None] * self.to_neck
        anywhere = torch.where(known[:, :, self.nose].any(1)[:, None], below, anywhere)
        origin = torch.where(has_neck.any(1)[:, None], origin, anywhere)
        normal = (points - origin[:, None, None]) / scale[:, None, None, None]
        return (normal * known[..., None]).clamp(-6, 6), known

    def hands(self, points: Tensor, known: Tensor) -> list[Tensor]:
        """Of each hand the finger points around its wrist, in quarters of a shoulder width; 0 where unknown."""
        parts = []
        for side, wrist in enumerate(self.wrists):
            local = (points[:, :, self.fingers[side]] - points[:, :, wrist : wrist + 1]) * 4
            both = known[:, :, self.fingers[side]] & known[:, :, wrist : wrist + 1]
            parts.append((local * both[..., None]).clamp(-3, 3).flatten(2))
        return parts

    def _apart(self, points: Tensor, one: str, other: str) -> Tensor:
        return (points[:, :, GESTURE_62.index(one)] - points[:, :, GESTURE_62.index(other)]).norm(dim=-1)

    def contacts(self, points: Tensor, known: Tensor) -> list[Tensor]:
        """Nearness of hand points to targets and of the two hands' points, on two scales; 0 where unknown."""
        hands, have = [], []
        for side in range(2):
            k = self.knuckles[side]
            wrist, ok = points[:, :, self.wrists[side]], known[:, :, self.wrists[side]]
            knuckle, fine = points[:, :, k].mean(2), known[:, :, k].all(-1)
            palm = torch.where(fine[..., None], 0.35 * wrist + 0.65 * knuckle, wrist)
            tips = self.tips[3 * side : 3 * side + 3]
            guess = torch.where(fine[..., None], knuckle + 0.8 * (knuckle - wrist), wrist)[:, :, None]
            there = known[:, :, tips]
            hands += [palm[:, :, None], torch.where(there[..., None], points[:, :, tips], guess)]
            have += [ok[:, :, None], there | ok[:, :, None]]
        at, ok = torch.cat(hands, 2), torch.cat(have, 2)
        away = torch.cdist(at, points[:, :, self.targets]).flatten(2)
        valid = (ok[:, :, :, None] & known[:, :, None, self.targets]).flatten(2)
        half = at.shape[2] // 2
        apart = torch.cdist(at[:, :, :half], at[:, :, half:]).flatten(2)
        both = (ok[:, :, :half, None] & ok[:, :, None, half:]).flatten(2)
        away, valid = torch.cat([away, apart], -1), torch.cat([valid, both], -1)
        return [torch.exp(-away / reach) * valid for reach in (0.15, 0.6)]


def _is_finger(name: str) -> bool:
    return any(f"_{finger}_" in name for finger in ("thumb", "index", "middle", "ring", "pinky"))


def _mean(values: Tensor, where: Tensor, dims: tuple[int, ...] = (1,)) -> Tensor:
    """Mean of `values` over `dims` where `where` holds; 0 where it never does."""
    where = where.to(values.dtype)
    return (values * where).sum(dims) / where.sum(dims).clamp_min(1e-9)
