"""Twenty angles of head, arms and fingers with their confidences: the angle input of MSTCN-VAE.

Yuan, He, Dou, MSTCN-VAE, MiGA workshop at IJCAI 2023 (CEUR Vol-3522, paper 5), as its code computes them from points in
a picture, y down. What that code calls left is the picture's left, which is the person's right: its names are those of
BODY_25's places, where the right arm comes first. Here sides are the person's, as everywhere in this package.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from microgesture.errors import RecipeError
from microgesture.skeletons.body_layouts import TIPS
from microgesture.skeletons.skeleton import Layout

_OF_A_HEAD = ("{0}_ear {0}_eye nose", "{0}_eye nose neck", "nose neck {0}_shoulder")
_OF_AN_ARM = (
    "neck {0}_shoulder {0}_elbow",
    "{0}_shoulder {0}_elbow {0}_wrist",
    *(f"{{0}}_elbow {{0}}_wrist {{0}}_{tip}" for tip in TIPS),
)
_SIDES = (("left", "right"), ("right", "left"))  # of the head and of the arm: the clockwise set, then the other
TRIPLETS: tuple[tuple[str, str, str], ...] = tuple(
    (a, b, c)
    for places, part in ((_OF_A_HEAD, 0), (_OF_AN_ARM, 1))
    for place in places
    for sides in _SIDES
    for a, b, c in [place.format(sides[part]).split()]
)
"""Joints (a, b, c) of the 20 angles, each at b; the clockwise and the other set by turns, in the code's order: nose,
neck, shoulder, then elbow, hand and fingers."""


def triplet_indices(layout: Layout) -> Tensor:
    """Places of the joints of `TRIPLETS` in a layout, int64 (20, 3). Raises `RecipeError` naming a joint that it
    lacks."""
    lacking = sorted({joint for triplet in TRIPLETS for joint in triplet} - set(layout.joints))
    if lacking:
        needed = "the angles need head, arms and fingertips (imigue-22, imigue-35)"
        raise RecipeError(f"layout '{layout.name}' has no {lacking[0]}: {needed}")
    return torch.tensor([[layout.index(joint) for joint in triplet] for triplet in TRIPLETS])


def joint_angles(points: Tensor, triplets: Tensor) -> Tensor:
    """Angles in radians, [0, 2π), and confidences (..., 20, 2) of points (..., V, 3) of x, y, score; `triplets` are
    those of `triplet_indices`.

    θ by the rule of cosines; 2π - θ where c lies below the line from a to b (clockwise set) or above it (the other), y
    down, or left and right of it where it is vertical. The confidence is ¼p_a + ½p_b + ¼p_c. Points that coincide have
    angle 0; where a score is 0 both are 0.
    """
    a, b, c = points[..., triplets[:, 0], :], points[..., triplets[:, 1], :], points[..., triplets[:, 2], :]
    at_b, at_c, apart = ((p[..., :2] - q[..., :2]).square().sum(-1) for p, q in ((a, b), (c, b), (a, c)))
    lengths = at_b.sqrt() * at_c.sqrt()
    known = lengths > 0
    cosine = (at_b + at_c - apart) / (2 * torch.where(known, lengths, 1.0))
    theta = torch.acos(cosine.clamp(-1, 1))
    theta = torch.where(_is_beyond(a, b, c), 2 * math.pi - theta, theta)
    confidence = 0.25 * a[..., 2] + 0.5 * b[..., 2] + 0.25 * c[..., 2]
    seen = (a[..., 2] != 0) & (b[..., 2] != 0) & (c[..., 2] != 0)
    return torch.stack([torch.where(known, theta, 0.0), confidence], -1) * seen[..., None]


def _is_beyond(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Whether an angle counts from the other side, bool (..., 20)."""
    clockwise = torch.arange(a.shape[-2], device=a.device) % 2 == 0
    across, down = a[..., 0] - b[..., 0], a[..., 1] - b[..., 1]
    vertical = across == 0
    slope = down / torch.where(vertical, 1.0, across)
    line = slope * (c[..., 0] - a[..., 0]) + a[..., 1]
    sloping = torch.where(clockwise, c[..., 1] > line, c[..., 1] < line)
    upright = torch.where(clockwise, c[..., 0] < a[..., 0], c[..., 0] > a[..., 0])
    return torch.where(vertical, upright, sloping)
