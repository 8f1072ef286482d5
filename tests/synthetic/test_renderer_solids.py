"""Intersection and rasterising against brute force and closed forms."""

import math

import numpy as np
import pytest
import torch

from microgesture.synthetic.pictures.gbuffer import dense_depth, surfaces
from microgesture.synthetic.pictures.primitives import Assembly, across_box, along_cone
from microgesture.synthetic.pictures.raster import MISS, View, rasterise

CENTRE = np.array([0.0, 0.0, 2.0])


def look(assembly: Assembly, size: tuple[int, int] = (64, 64), focal: float = 80.0) -> tuple:
    solids = assembly.pack()
    centre = torch.tensor([[0.5 * size[0], 0.5 * size[1]]]).expand(assembly.frames, 2)
    view = View(focal, centre, size, 0.3, 6.0)
    return solids, view, rasterise(solids, view)


def covered(assembly: Assembly, size: tuple[int, int] = (64, 64), focal: float = 80.0) -> float:
    solids, view, hits = look(assembly, size, focal)
    points = surfaces(solids, view, hits)
    return float(points.coverage[: points.front].sum())


@pytest.mark.parametrize(("radius", "error"), [(0.5, 0.01), (0.1, 0.02), (0.02, 0.25)])
def test_sphere_covers_its_analytic_area(radius: float, error: float) -> None:
    out = Assembly(1)
    out.ellipsoid(CENTRE, np.eye(3), (radius,) * 3, 0)
    area = math.pi * (80.0 * radius) ** 2 / (4.0 - radius**2)
    assert covered(out) == pytest.approx(area, rel=error)


def test_ellipsoid_off_axis_covers_its_analytic_area() -> None:
    rng = np.random.default_rng(0)
    axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    semi = np.array([0.3, 0.12, 0.2])
    centre = np.array([0.2, -0.1, 2.0])
    out = Assembly(1)
    out.ellipsoid(centre, axes, semi, 0)
    inverse = axes @ np.diag(semi**-2) @ axes.T  # the rays that touch satisfy d' C d = 0
    b = inverse @ centre
    cone = np.outer(b, b) - (centre @ b - 1.0) * inverse
    across = (np.arange(1280) + 0.5) / 20 / 80 - 0.4
    x, y = np.meshgrid(across, across)
    form = (
        cone[0, 0] * x**2 + cone[1, 1] * y**2 + cone[2, 2] + 2 * (cone[0, 1] * x * y + cone[0, 2] * x + cone[1, 2] * y)
    )
    assert covered(out) == pytest.approx((form > 0).mean() * 64 * 64, rel=0.02)


def test_box_covers_its_face() -> None:
    out = Assembly(1)
    out.box(np.array([0.0, 0.0, 2.2]), np.eye(3), (0.3, 0.2, 0.2), 0)
    assert covered(out) == pytest.approx((2 * 0.3 * 40) * (2 * 0.2 * 40), rel=0.05)


def test_depth_of_a_sphere() -> None:
    out = Assembly(1)
    out.ellipsoid(CENTRE, np.eye(3), (0.4, 0.4, 0.4), 0)
    solids, view, hits = look(out, (65, 65))
    depth = dense_depth(surfaces(solids, view, hits), view, 1, float("inf"))
    assert float(depth[0, 32, 32]) == pytest.approx(1.6, abs=1e-4)
    assert math.isinf(float(depth[0, 0, 0]))


def test_round_cone_meets_rays_where_its_spheres_do() -> None:
    rng = np.random.default_rng(1)
    n, share = 1500, torch.linspace(0, 1, 1501, dtype=torch.float64)
    start = torch.from_numpy(rng.normal(size=(3, n)) * 0.5 + [[0], [0], [3]])
    along = torch.from_numpy(rng.normal(size=(3, n)) * rng.uniform(0.05, 0.8, n))
    ray = torch.from_numpy(rng.normal(size=(3, n)) * 0.12 + [[0], [0], [1]])
    ray = ray / ray.norm(dim=0)
    radius = torch.from_numpy(rng.uniform(0.05, 0.4, n))
    taper = torch.from_numpy(rng.uniform(-0.9, 0.9, n)) * along.norm(dim=0).minimum(radius)
    s, m, q = along_cone((ray[0], ray[1], ray[2]), start, along, radius, taper)
    centre = start[:, :, None] + along[:, :, None] * share
    reach = (centre * ray[:, :, None]).sum(0)
    room = (radius[:, None] + taper[:, None] * share) ** 2 - (centre**2).sum(0) + reach**2
    every = torch.where(room >= 0, reach - room.clamp_min(0).sqrt(), torch.inf)
    best = every.min(dim=1).values
    clear = room.max(dim=1).values.abs() > 1e-4  # leave out rays that graze
    hit = q >= 0
    assert 200 < int(hit.sum()) < n - 200
    assert torch.equal(hit[clear], torch.isfinite(best)[clear])
    both = hit & clear
    assert float((m - q.clamp_min(0).sqrt() - best)[both].abs().max()) < 1e-3
    assert bool(((s >= 0) & (s <= 1)).all())


def test_cone_seen_along_its_axis() -> None:
    zero = torch.zeros(2, dtype=torch.float64)
    ray = (zero, zero, zero + 1.0)
    start = torch.tensor([[0.0, 0.1], [0.0, 0.0], [2.0, 2.0]], dtype=torch.float64)
    along = torch.tensor([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    _, m, q = along_cone(ray, start, along, torch.tensor([0.05, 0.05]), torch.tensor([0.15, 0.15]))
    assert float(m[0] - q[0].sqrt()) == pytest.approx(1.95)  # the thin near end
    far = float(m[1] - q[1].sqrt())  # past it, on the widening side
    assert 2.05 < far < 2.9


def test_swallowed_sphere_is_one_sphere() -> None:
    small_inside = Assembly(1)
    small_inside.cone(CENTRE, CENTRE + np.array([0.05, 0.0, 0.0]), 0.3, 0.1, 0)
    alone = Assembly(1)
    alone.cone(CENTRE, CENTRE, 0.3, 0.3, 0)
    assert covered(small_inside) == pytest.approx(covered(alone), rel=1e-5)


def test_box_distances() -> None:
    one = torch.ones(1)
    enter, leave = across_box((0 * one, 0 * one, one), torch.tensor([[0.2], [0.3], [5.0]]))
    assert (float(enter), float(leave)) == pytest.approx((4.0, 6.0))
    enter, leave = across_box((0 * one, 0 * one, one), torch.tensor([[1.2], [0.3], [5.0]]))
    assert float(enter) > float(leave)


def test_bounds_hold_the_surface_tightly() -> None:
    rng = np.random.default_rng(2)
    directions = rng.normal(size=(20000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for _ in range(10):
        axes, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        semi, centre = rng.uniform(0.05, 0.5, 3), rng.normal(size=3) * 0.4 + [0, 0, 2.5]
        out = Assembly(1)
        out.ellipsoid(centre, axes, semi, 0)
        surface = centre + (directions * semi) @ axes.T
        plane = surface[:, :2] / surface[:, 2:]
        seen = np.concatenate((plane.min(axis=0), plane.max(axis=0)))
        bounds = out.pack().bounds[0, 0].numpy()
        assert bounds == pytest.approx(seen, abs=4e-3)


def test_solids_behind_the_camera_are_not_drawn_and_crossing_ones_are() -> None:
    behind = Assembly(1)
    behind.cone(-CENTRE, -CENTRE + [0, 0.2, 0], 0.3, 0.3, 0)
    assert covered(behind) == 0.0
    wall = Assembly(1)
    wall.box(np.array([0.0, 0.5, 1.0]), np.eye(3), (3.0, 0.2, 2.0), 0)
    solids, view, hits = look(wall)
    rows = surfaces(solids, view, hits).pixel // 64
    assert int(rows.max()) == 63
    assert int(rows.min()) > 32


def test_nearest_three_in_order_and_tiles_lose_nothing() -> None:
    """Every pixel's list against testing all solids there, for a heap of random cones."""
    rng = np.random.default_rng(3)
    out = Assembly(2)
    for k in range(40):
        a = rng.normal(size=(2, 3)) * [0.5, 0.5, 0.4] + [0, 0, 2.5]
        out.cone(a, a + rng.normal(size=3) * 0.2, float(rng.uniform(0.01, 0.15)), float(rng.uniform(0.01, 0.15)), k)
    solids, view, hits = look(out, (50, 38))
    x, y = hits.ray.flatten(1)
    frame = hits.frame.expand(16, -1).flatten()
    table = solids.table(view.focal).view(18, 2, 40)[:, frame]
    scale = torch.sqrt(x * x + y * y + 1.0)
    ray = tuple((v / scale)[:, None] for v in (x, y, torch.ones_like(x)))
    _, m, q = along_cone(ray, table[9:12], table[12:15], table[15], table[16])  # type: ignore[arg-type]
    depth = torch.where(q > 0, (m - q.clamp_min(0).sqrt()) / scale[:, None], torch.inf)
    first, number = depth.min(dim=1)
    keys = hits.keys[0].flatten()
    solid_hit = torch.isfinite(first)
    found = view.near + (keys >> 8).float() * (view.far - view.near) / 8_388_000
    assert bool((keys[solid_hit] != MISS).all())
    own = depth.gather(1, (keys & 255).clamp_max(39).long()[:, None])[:, 0]
    sure = solid_hit & torch.isfinite(own)  # not a rim that only touches the pixel
    assert float(sure.float().mean()) > 0.2
    assert float((found - first)[sure].abs().max()) < 1e-5
    assert float(((keys & 255) == number)[sure].float().mean()) > 0.999
    assert bool((hits.keys[0] <= hits.keys[1]).all())
    assert bool((hits.keys[1] <= hits.keys[2]).all())
    empty = torch.ones(2 * view.tiles[0] * view.tiles[1] * 16, dtype=torch.bool)
    empty[hits.pixel.flatten()] = False
    assert bool(empty.any())


def test_too_many_solids() -> None:
    out = Assembly(1)
    for _ in range(257):
        out.cone(CENTRE, CENTRE, 0.1, 0.1, 0)
    with pytest.raises(ValueError, match="257"):
        look(out)
