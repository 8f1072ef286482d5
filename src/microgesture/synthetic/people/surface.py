"""Places on the body that hands go to: named sites, and where their surface is at every time.

A site is written for the acting hand: x > 0 is the acting hand's own side, whichever hand that is. Coordinates
are in parts of the body's own size, so that the jaw is the jaw on a large and on a small head:

- frame `head`: half widths, half heights, half depths of the head from its centre;
- frames `chest` and `pelvis`: half breadths of the chest, lengths of the trunk, half depths of the chest, from
  joint "chest" or "pelvis"; `neck`: radii and lengths of the neck from its base;
- `own_…` and `other_…` limbs (`LIMB_ENDS`): the direction from the bone, along the chest's axes, in which the
  skin is touched, at `along` (0..1) of the bone;
- `table`: on the table top, x and z from the middle of its near edge (its `up` tangent is forwards);
- free places, which have no surface: `space` before the chest, `near_pelvis` around the pelvis, `above_table`
  from the middle of the table's near edge. These and `table` are in metres of a person of 1.73 m.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microgesture.synthetic.people.body import Ellipsoid, head_points, solids
from microgesture.synthetic.people.kinematics import SIDES, SIGNS, Skeleton, apply, cross, dot, unit
from microgesture.synthetic.people.performance import Body

FREE_FRAMES = ("space", "near_pelvis", "above_table")

LIMB_ENDS = {
    "upper_arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
    "thigh": ("hip", "knee"),
    "shin": ("knee", "ankle"),
    "foot": ("ankle", "toe"),
}
"""Joints, without side, at the ends of the bone of every limb that has sites."""


@dataclass(frozen=True)
class Site:
    """A place: `frame` and `at` as the module describes; `landmark` names a point of the face instead
    ("nose", "own_ear", "other_eye"). `up` is the tangent that strokes call their first direction."""

    frame: str
    at: tuple[float, float, float]
    landmark: str = ""
    up: tuple[float, float, float] = (0.0, 1.0, 0.0)
    along: float = 0.5


@dataclass(frozen=True)
class Table:
    """Table top at `height` metres whose edge near the person is at `edge` metres in front of the pelvis."""

    height: float
    edge: float


def resolve(
    body: Body, skeleton: Skeleton, site: Site, side: int, offset: np.ndarray, table: Table | None
) -> tuple[np.ndarray, np.ndarray]:
    """Track of a site for hand `side` and its outward normal, both `(T, 3)` in the world.

    `offset (T, 3)` metres: along the site's `up` tangent, across it (to the acting side on the front of the
    body), and away from the surface; at free places upwards, to the acting side, and forwards.
    """
    sign = SIGNS[side]
    mirror = np.array([sign, 1.0, 1.0])
    if site.frame.startswith(("own_", "other_")):
        return _on_limb(body, skeleton, site, side, offset)
    if site.frame in ("table", "above_table"):
        return _at_table(body, site, sign, offset, table)
    frame = {"space": "chest", "near_pelvis": "pelvis"}.get(site.frame, site.frame)
    origin, rotation = skeleton.frames[frame]
    if site.frame in FREE_FRAMES:
        local = np.array(site.at) * mirror * body.lengths["stature"] / 1.73
        moved = np.stack([sign * offset[:, 1], offset[:, 0], offset[:, 2]], -1)
        return origin + apply(rotation, local + moved), rotation[..., 2]
    if site.landmark:
        local_points, normals = _landmark(body, site, side, offset)
    elif site.frame == "neck":
        local_points, normals = _on_neck(body, site, sign, offset)
    else:
        local_points, normals = _on_solids(body, site, sign, offset)
    return origin + apply(rotation, local_points), apply(rotation, normals)


def _at_table(
    body: Body, site: Site, sign: float, offset: np.ndarray, table: Table | None
) -> tuple[np.ndarray, np.ndarray]:
    if table is None:
        raise ValueError("a site at the table needs a table")
    scale = body.lengths["stature"] / 1.73
    free = site.frame == "above_table"
    height = table.height + (site.at[1] * scale if free else 0.0)
    start = np.array([sign * site.at[0] * scale, height, table.edge + site.at[2] * scale])
    up, forward = (offset[:, 0], offset[:, 2]) if free else (offset[:, 2], offset[:, 0])
    moved = np.stack([sign * offset[:, 1], up, forward], -1)
    return start + moved, np.broadcast_to([0.0, 1.0, 0.0], offset.shape)


def _scale(body: Body, frame: str) -> np.ndarray:
    size, r = body.lengths, body.radii
    if frame == "head":
        return np.array([size["head_width"], size["head_height"], size["head_depth"]]) / 2
    return np.array([r["chest_width"], size["trunk"], r["chest_depth"]])


def _frame_solids(body: Body, frame: str) -> list[Ellipsoid]:
    """The solids that make the surface around a frame, all written in that frame."""
    by_name = {s.name: s for s in solids(body)}
    if frame == "head":
        return [by_name["cranium"], by_name["jaw"]]
    pair = ("chest", "waist") if frame == "chest" else ("pelvis", "waist")
    lift = {"waist": -body.lengths["spine_chest"] if frame == "chest" else body.lengths["pelvis_spine"]}
    moved = []
    for name in pair:
        s = by_name[name]
        centre = (s.centre[0], s.centre[1] + lift.get(name, 0.0), s.centre[2])
        moved.append(Ellipsoid(s.name, frame, frame, centre, s.semi_axes))
    return moved


def _exit(solids_here: list[Ellipsoid], origin: np.ndarray, through: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Last point at which rays from `origin` through `through (T, 3)` leave the solids, and its normal."""
    direction = unit(through - origin)
    best = np.full((*direction.shape[:-1], 1), -1.0)
    normal = direction.copy()
    for s in solids_here:
        axes = np.array(s.semi_axes)
        o, d = (origin - np.array(s.centre)) / axes, direction / axes
        a, b, c = dot(d, d), dot(o, d), dot(o, o) - 1.0
        discriminant = b * b - a * c
        hit = (-b + np.sqrt(np.maximum(discriminant, 0.0))) / a
        hit = np.where(discriminant > 0, hit, -1.0)
        point = origin + direction * hit
        here = unit((point - np.array(s.centre)) / axes**2)
        normal = np.where(hit > best, here, normal)
        best = np.maximum(best, hit)
    return origin + direction * best, normal


def _tangents(normal: np.ndarray, up: tuple[float, float, float], sign: float) -> tuple[np.ndarray, np.ndarray]:
    u = np.array(up) * np.array([sign, 1.0, 1.0])
    u = u - dot(u, normal) * normal
    u = unit(np.where(np.linalg.norm(u, axis=-1, keepdims=True) < 0.2, np.array([0.0, 0.0, -1.0]), u))
    return u, unit(cross(u, normal)) * sign


def _on_solids(body: Body, site: Site, sign: float, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    solids_here = _frame_solids(body, site.frame)
    through = np.array(site.at) * _scale(body, site.frame) * np.array([sign, 1.0, 1.0])
    origin = np.zeros(3) if site.frame == "head" else np.array([0.0, through[1], 0.0])
    if site.frame == "chest":  # above the chest's middle the surface leans; look at it from below
        origin[1] *= 0.8
    base, base_normal = _exit(solids_here, origin, through[None])
    u, v = _tangents(base_normal, site.up, sign)
    moved = base + offset[:, :1] * u + offset[:, 1:2] * v
    point, normal = _exit(solids_here, origin, moved)
    return point + normal * offset[:, 2:], normal


def _on_neck(body: Body, site: Site, sign: float, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    radius, length = body.radii["neck"], body.lengths["neck"]
    normal = unit(np.array([sign * site.at[0], 0.0, site.at[2]]))
    angle = offset[:, 1] / radius * sign
    c, s = np.cos(angle), np.sin(angle)
    turned = np.stack([normal[0] * c + normal[2] * s, np.zeros(len(angle)), normal[2] * c - normal[0] * s], -1)
    height = np.clip(site.at[1] * length + offset[:, 0], 0.0, 1.1 * length)
    point = turned * (radius + offset[:, 2:])
    point[:, 1] = height
    return point, turned


def _landmark(body: Body, site: Site, side: int, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sign = SIGNS[side]
    name = site.landmark.replace("own_", f"{SIDES[side]}_").replace("other_", f"{SIDES[1 - side]}_")
    point = head_points(body)[name]
    lateral = np.array([np.sign(point[0]), 0.0, 0.0])
    normal = lateral if name.endswith("_ear") else unit(point * np.array([0.6, 0.0, 1.0]))
    u, v = _tangents(normal[None], site.up, sign)
    moved = point + offset[:, :1] * u + offset[:, 1:2] * v + offset[:, 2:] * normal
    return moved, np.broadcast_to(normal, moved.shape)


def limb_radius(body: Body, limb: str, along: np.ndarray) -> np.ndarray:
    """Radius of a limb's capsule at `along` 0..1 of its bone: it tapers linearly from the first to the second end."""
    r = body.radii
    first, second = {
        "upper_arm": (r["upper_arm"] * 1.08, r["forearm"]),
        "forearm": (r["forearm"], r["wrist"]),
        "thigh": (r["thigh"] * 1.1, r["shin"] * 1.1),
        "shin": (r["shin"] * 1.1, r["ankle"]),
        "foot": (r["ankle"], r["foot"] * 0.7),
    }[limb]
    return first + (second - first) * np.clip(along, 0.0, 1.0)


def _on_limb(
    body: Body, skeleton: Skeleton, site: Site, side: int, offset: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    which, limb = site.frame.split("_", 1)
    owner = side if which == "own" else 1 - side
    first, second = (skeleton.joints[f"{SIDES[owner]}_{end}"] for end in LIMB_ENDS[limb])
    bone = unit(second - first)
    _, chest = skeleton.frames["chest"]
    out = apply(chest, np.array(site.at) * np.array([SIGNS[side], 1.0, 1.0]))
    normal = unit(out - dot(out, bone) * bone)
    along = np.clip(site.along + offset[:, 0] / body.lengths[limb], 0.0, 1.0)[:, None]
    radius = limb_radius(body, limb, along)
    across = cross(bone, normal)
    turned = unit(normal + across * offset[:, 1:2] / radius)
    return first + (second - first) * along + turned * (radius + offset[:, 2:]), turned
