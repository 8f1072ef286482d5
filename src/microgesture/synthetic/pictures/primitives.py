"""Solids that a figure is made of, and where a ray meets them.

Every round solid is one form: a round cone (the hull of two spheres) in a space that a linear map stretches.
Equal spheres make a capsule, one sphere an ellipsoid, a stretch across the axis an oval trunk. Tables and
chairs are boxes. All of it is along the camera's axes with the camera at the origin, so a ray is a direction.

Only additions, multiplications, divisions, square roots and comparisons touch pixels: IEEE 754 rounds each of
them the same way in vector and scalar code, so a picture does not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

ROUND, BOX = 0, 1
_TINY = 1e-12


@dataclass(frozen=True)
class Solids:
    """`P` solids at `T` times, float32.

    `linear (T, P, 9)`: row-major map from camera axes to the solid's own space. In that space a round solid
    is the hull of spheres with centre `start (T, P, 3)` and radius `radius (T, P)`, and with centre
    `start + along` and radius `radius + taper`; a box is the cube [-1, 1]^3 round `start`. `kind (P,)` is
    `ROUND` or `BOX`; `paint (P,)` indexes the shader's materials. `bounds (T, P, 4)` are left, top, right,
    bottom in the plane at depth 1; `spine (T, P, 6)` the projected ends x0, y0, radius0, x1, y1, radius1 in
    the same plane; `depth (T, P, 2)` nearest and farthest depth; `finest (P,)` the largest stretch.
    """

    linear: Tensor
    start: Tensor
    along: Tensor
    radius: Tensor
    taper: Tensor
    kind: Tensor
    paint: Tensor
    bounds: Tensor
    spine: Tensor
    depth: Tensor
    finest: Tensor

    def table(self, focal: float) -> Tensor:
        """What an intersection reads, `(18, T * P)`, solid by solid: map, start, along, radius, taper, and how
        far below zero q may be for a ray that still touches the square of its pixel (`focal` in pixels)."""
        pixel = self.depth[..., 1].clamp_min(NEAR) / focal * self.finest
        largest = torch.maximum(self.radius, self.radius + self.taper)
        touch = largest * pixel + 0.25 * pixel * pixel
        columns = (*(x.flatten(0, 1).T for x in (self.linear, self.start, self.along)),)
        return torch.cat((*columns, *(x.flatten()[None] for x in (self.radius, self.taper, touch))))


class Assembly:
    """Collects solids given along the camera's axes, then packs them. All arguments broadcast over `frames`."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self._ends: list[tuple[np.ndarray, np.ndarray]] = []
        self._axes: list[np.ndarray] = []
        self._semi: list[np.ndarray] = []
        self._radii: list[tuple[np.ndarray, np.ndarray]] = []
        self._kind: list[int] = []
        self._paint: list[int] = []

    def cone(self, a: np.ndarray, b: np.ndarray, r0: float, r1: float, paint: int) -> None:
        """Hull of a sphere of radius `r0` at `a (T, 3)` and one of radius `r1` at `b`, metres."""
        self.oval(a, b, np.eye(3), (1.0, 1.0, 1.0), r0, r1, paint)

    def oval(
        self,
        a: np.ndarray,
        b: np.ndarray,
        axes: np.ndarray,
        semi: np.ndarray | tuple[float, float, float],
        r0: float,
        r1: float,
        paint: int,
    ) -> None:
        """Hull of two ellipsoids with semi-axes `r0 * semi` at `a` and `r1 * semi` at `b`, along the columns of
        `axes (T, 3, 3)`."""
        self._add(a, b, axes, np.asarray(semi, float), r0, r1, ROUND, paint)

    def ellipsoid(
        self, centre: np.ndarray, axes: np.ndarray, semi: np.ndarray | tuple[float, float, float], paint: int
    ) -> None:
        """Ellipsoid with semi-axes `semi (3,)` or `(T, 3)` along the columns of `axes`."""
        self._add(centre, centre, axes, np.asarray(semi, float), 1.0, 1.0, ROUND, paint)

    def box(self, centre: np.ndarray, axes: np.ndarray, half: tuple[float, float, float], paint: int) -> None:
        """Box with half sizes `half` along the columns of `axes`."""
        self._add(centre, centre, axes, np.asarray(half, float), 1.0, 1.0, BOX, paint)

    def _add(
        self,
        a: np.ndarray,
        b: np.ndarray,
        axes: np.ndarray,
        semi: np.ndarray,
        r0: float,
        r1: float,
        kind: int,
        paint: int,
    ) -> None:
        t = self.frames
        self._ends.append((np.broadcast_to(a, (t, 3)), np.broadcast_to(b, (t, 3))))
        self._axes.append(np.broadcast_to(axes, (t, 3, 3)))
        self._semi.append(np.broadcast_to(semi, (t, 3)))
        self._radii.append((np.full(t, r0), np.full(t, r1)))
        self._kind.append(kind)
        self._paint.append(paint)

    def pack(self, device: str | torch.device = "cpu") -> Solids:
        """All solids as tensors; swallowed spheres (a cone whose one end holds the other) become one sphere."""
        a = np.stack([e[0] for e in self._ends], axis=1)
        b = np.stack([e[1] for e in self._ends], axis=1)
        axes = np.stack(self._axes, axis=1)
        semi = np.stack(self._semi, axis=1)
        r0 = np.stack([r[0] for r in self._radii], axis=1)
        r1 = np.stack([r[1] for r in self._radii], axis=1)
        kind = np.array(self._kind)
        linear = np.swapaxes(axes, -1, -2) / semi[..., None]  # (T, P, 3, 3): rows are axes over semi-axes
        start = (linear * a[..., None, :]).sum(-1)
        along = (linear * (b - a)[..., None, :]).sum(-1)
        swallowed = np.linalg.norm(along, axis=-1) <= 1.001 * np.abs(r1 - r0)
        bigger = swallowed & (r1 > r0)
        start = np.where(bigger[..., None], start + along, start)
        a, b = np.where(bigger[..., None], b, a), np.where((swallowed & ~bigger)[..., None], a, b)
        along = np.where(swallowed[..., None], 0.0, along)
        r0 = np.where(bigger, r1, r0)
        r1 = np.where(swallowed, r0, r1)
        spread = np.where(kind == BOX, 3.0, 1.0)  # a box lies in the ellipsoid sqrt(3) times its size
        cover = np.einsum("tpik,tpk,tpjk->tpij", axes, semi**2, axes) * spread[:, None, None]
        low0, high0, near0, far0 = _outline(a, r0, cover)
        low1, high1, near1, far1 = _outline(b, r1, cover)
        bounds = np.concatenate((np.minimum(low0, low1), np.maximum(high0, high1)), axis=-1)
        spine = np.concatenate(
            (
                0.5 * (low0 + high0),
                0.5 * (high0 - low0).max(-1, keepdims=True),
                0.5 * (low1 + high1),
                0.5 * (high1 - low1).max(-1, keepdims=True),
            ),
            axis=-1,
        )
        depth = np.stack((np.minimum(near0, near1), np.maximum(far0, far1)), axis=-1)

        def tensor(x: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(x, np.float32)).to(device)

        return Solids(
            linear=tensor(linear.reshape(*linear.shape[:2], 9)),
            start=tensor(start),
            along=tensor(along),
            radius=tensor(r0),
            taper=tensor(r1 - r0),
            kind=torch.tensor(kind, device=device),
            paint=torch.tensor(self._paint, device=device),
            bounds=tensor(bounds),
            spine=tensor(spine),
            depth=tensor(depth),
            finest=tensor((1.0 / semi.min(axis=-1)).max(axis=0)),
        )


NEAR = 0.05
"""Nothing nearer than this to the camera is drawn, metres."""


def _outline(
    centre: np.ndarray, radius: np.ndarray, cover: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Exact screen box (in the plane at depth 1) and depth range of ellipsoids `{c + x: x' S^-1 x <= r^2}`.

    A plane x - u z = 0 touches the ellipsoid when (c_x - u c_z)^2 = r^2 (S_xx - 2 u S_xz + u^2 S_zz), a
    quadratic in u. What reaches the camera's plane covers the whole screen; what lies behind it, nothing.
    """
    s = cover * (radius**2)[..., None, None]
    reach = np.sqrt(s[..., 2, 2])
    near, far = centre[..., 2] - reach, centre[..., 2] + reach
    qa = centre[..., 2] ** 2 - s[..., 2, 2]
    crossing = (near < NEAR) & (far > NEAR)
    safe = np.where(near < NEAR, 1.0, qa)
    low, high = [], []
    for axis in (0, 1):
        half_b = centre[..., axis] * centre[..., 2] - s[..., axis, 2]
        qc = centre[..., axis] ** 2 - s[..., axis, axis]
        root = np.sqrt(np.maximum(half_b**2 - safe * qc, 0.0))
        low.append(np.where(crossing, -1e6, np.where(far <= NEAR, 1e6, (half_b - root) / safe)))
        high.append(np.where(crossing, 1e6, np.where(far <= NEAR, -1e6, (half_b + root) / safe)))
    return np.stack(low, -1), np.stack(high, -1), near, far


def stretch_rays(linear: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Rays (x, y, 1) in a solid's own space: unit direction and the length that was divided out.

    `linear` has its 9 entries on the first axis; everything else broadcasts.
    """
    d = [(linear[3 * k] * x).add_(linear[3 * k + 1] * y).add_(linear[3 * k + 2]) for k in range(3)]
    length = (d[0] * d[0]).add_(d[1] * d[1]).add_(d[2] * d[2]).sqrt_()
    for part in d:
        part.div_(length)
    return d[0], d[1], d[2], length


def along_cone(
    ray: tuple[Tensor, Tensor, Tensor], start: Tensor, along: Tensor, radius: Tensor, taper: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Where a unit ray from the origin first meets a round cone.

    The cone is the union of spheres with centre `start + s along` and radius `radius + s taper`, s in [0, 1].
    With m(s) the centre's distance along the ray, a sphere is met at m - sqrt(q), q(s) = A s^2 + B s + C; the
    first meeting over all s solves 2 A s + B = m' sqrt((B^2 - 4 A C) / k), k = |along|^2 - taper^2, and is
    clamped to the ends. Returns s, m(s) and q(s); the ray misses where q < 0.
    """
    ma = (ray[0] * start[0]).add_(ray[1] * start[1]).add_(ray[2] * start[2])
    mu = (ray[0] * along[0]).add_(ray[1] * along[1]).add_(ray[2] * along[2])
    k = (along[0] * along[0] + along[1] * along[1] + along[2] * along[2] - taper * taper).clamp_min(_TINY)
    # the start's offset from the ray, formed before squaring: thin solids far away keep their precision
    px, py, pz = (start[axis] - ma * ray[axis] for axis in range(3))
    a = (mu * mu).sub_(k)
    half_b = (px * along[0]).add_(py * along[1]).add_(pz * along[2]).sub_(radius * taper).neg_()
    c = px.mul_(px).add_(py.mul_(py)).add_(pz.mul_(pz)).sub_(radius * radius).neg_()
    quarter = (half_b * half_b).sub_(a * c)
    safe = torch.where(a.abs() < _TINY, -_TINY, a)
    s = quarter.clamp_min(0.0).div_(k).sqrt_().mul_(mu).sub_(half_b).div_(safe)
    # seen nearly end on: the nearer end hides the rest unless the cone widens away from the eye
    end_on = (a > 0) & ((mu * taper <= 0) | (quarter < 0))
    s = torch.where(end_on, (mu < 0).to(s.dtype), s).clamp_(0.0, 1.0)
    q = a.mul_(s).add_(half_b.mul_(2.0)).mul_(s).add_(c)
    return s, mu.mul_(s).add_(ma), q


def rounded_normal(
    at: tuple[Tensor, ...],
    normal: Tensor,
    ellipsoids: Sequence[tuple[Sequence[float | Tensor], Sequence[float | Tensor]]],
    own: float,
) -> tuple[Tensor, Tensor]:
    """Normals `(3, n)` without the creases where ellipsoids meet, and how far inside each point lies.

    `at` are three coordinates `(n,)` and `ellipsoids` pairs of centre and semi-axes (numbers, or one for each
    point). A point's normal is the mean of the ellipsoids' gradients there, those it is nearest to counting
    most. What stands out from all of them (the second result, scaled distance, above 1) keeps up to the share
    `own` of `normal`.
    """
    fields = []
    for centre, semi in ellipsoids:
        scaled = [(at[k] - centre[k]) / semi[k] for k in range(3)]
        size = torch.sqrt(scaled[0] * scaled[0] + scaled[1] * scaled[1] + scaled[2] * scaled[2]).clamp_min(1e-6)
        fields.append((size, [scaled[k] / (semi[k] * size) for k in range(3)]))
    nearest = fields[0][0]
    for size, _ in fields[1:]:
        nearest = torch.minimum(nearest, size)
    total = torch.zeros_like(normal)
    for size, slope in fields:
        weight = (1.0 - (size - nearest) * 5.0).clamp_min(0.0)
        length = torch.sqrt(slope[0] * slope[0] + slope[1] * slope[1] + slope[2] * slope[2]).clamp_min(1e-6)
        weight = weight * weight / length
        for k in range(3):
            total[k] += weight * slope[k]
    total = _unit(total)
    keep = ((nearest - 1.02) * 12.0).clamp(0.0, own)
    return _unit(total + keep * (normal - total)), nearest


def _unit(v: Tensor) -> Tensor:
    return v / torch.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).clamp_min(1e-6)


def across_box(ray: tuple[Tensor, Tensor, Tensor], start: Tensor) -> tuple[Tensor, Tensor]:
    """Distances at which a unit ray from the origin enters and leaves the cube [-1, 1]^3 round `start`."""
    enter = torch.full_like(ray[0], -torch.inf)
    leave = torch.full_like(ray[0], torch.inf)
    for axis in range(3):
        step = torch.where(ray[axis].abs() < 1e-9, 1e-9, ray[axis])
        one, two = (start[axis] - 1.0) / step, (start[axis] + 1.0) / step
        enter = torch.maximum(enter, torch.minimum(one, two))
        leave = torch.minimum(leave, torch.maximum(one, two))
    return enter, leave
