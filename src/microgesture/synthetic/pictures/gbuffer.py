"""What a shader needs to know of each visible point: where it is, which way it faces, how much of the pixel it
covers. Only the nearest surface is worked out, and the next one behind it where the nearest has an edge."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from microgesture.synthetic.pictures.primitives import BOX, Solids, across_box, along_cone, stretch_rays
from microgesture.synthetic.pictures.raster import MISS, STEPS, TILE, Hits, View


@dataclass(frozen=True)
class Surfaces:
    """`N` visible points, front ones first, then those behind their edges.

    `pixel (N,)` linear number in the padded picture `(T, rows, columns)`; `frame`, `number (N,)` of the
    solid; `ray (2, N)` the point of the plane at depth 1; `depth (N,)` metres; `normal (3, N)` towards the
    camera's side, camera axes; `along (N,)` place between the ends of a cone, in [0, 1]; `coverage (N,)` of
    the pixel, in [0, 1]. `front` is how many are in front; `behind (N - front,)` gives, for each of the
    others, the front point that it lies behind.
    """

    pixel: Tensor
    frame: Tensor
    number: Tensor
    ray: Tensor
    depth: Tensor
    normal: Tensor
    along: Tensor
    coverage: Tensor
    front: int
    behind: Tensor

    @property
    def points(self) -> Tensor:
        """Positions along the camera's axes, `(3, N)` metres."""
        return torch.stack((self.ray[0] * self.depth, self.ray[1] * self.depth, self.depth))


def surfaces(solids: Solids, view: View, hits: Hits) -> Surfaces:
    """Work out the visible points of `hits`."""
    table = solids.table(view.focal)
    is_box = solids.kind == BOX
    keys = hits.keys.flatten(1)
    cell = (keys[0] != MISS).nonzero().flatten()
    frame = hits.frame.expand(TILE * TILE, -1).flatten().index_select(0, cell)
    ray = hits.ray.flatten(1).index_select(1, cell)
    pixel = hits.pixel.flatten().index_select(0, cell)
    key, next_key, third = keys.index_select(1, cell)
    pixel_width = 1.0 / view.focal
    front = _reconstruct(table, is_box, key, frame, ray, pixel_width)
    # a rim that was let in for its pixel's sake but covers none of it gives way to the next surface
    empty = ((front[3] <= 0.0) & (next_key != MISS)).nonzero().flatten()
    key[empty], next_key[empty], third[empty] = next_key[empty], third[empty], MISS
    instead = _reconstruct(table, is_box, key[empty], frame[empty], ray[:, empty], pixel_width)
    for whole, part in zip(front, instead, strict=True):
        whole[..., empty] = part
    cover = torch.minimum(front[3], _seams(solids, view, key, next_key, front[0]))
    behind = ((cover < 1.0) & (next_key != MISS)).nonzero().flatten()
    second, third = next_key.index_select(0, behind), third.index_select(0, behind)
    back_frame, back_ray = frame.index_select(0, behind), ray.index_select(1, behind)
    back = _reconstruct(table, is_box, second, back_frame, back_ray, pixel_width)
    back_cover = torch.where(
        (third != MISS) & (back[3] > 0.0), torch.ones_like(back[3]), back[3]
    )  # whatever is third is close by
    return Surfaces(
        pixel=torch.cat((pixel, pixel.index_select(0, behind))),
        frame=torch.cat((frame, back_frame)),
        number=torch.cat((key, second)).bitwise_and(255).long(),
        ray=torch.cat((ray, back_ray), dim=1),
        depth=torch.cat((front[0], back[0])),
        normal=torch.cat((front[1], back[1]), dim=1),
        along=torch.cat((front[2], back[2])),
        coverage=torch.cat((cover, back_cover)),
        front=len(pixel),
        behind=behind,
    )


def _seams(solids: Solids, view: View, key: Tensor, next_key: Tensor, depth: Tensor) -> Tensor:
    """Share of a pixel that its nearest surface takes where it cuts through one of another material: half
    where they meet, all of it once they are half a pixel apart."""
    step = (view.far - view.near) / STEPS
    gap = (next_key.bitwise_right_shift(8) - key.bitwise_right_shift(8)).to(depth.dtype) * step
    share = (0.5 + gap * view.focal / depth).clamp(0.0, 1.0)
    paint = solids.paint
    other = next_key.bitwise_and(255).clamp_max(len(paint) - 1)
    same = paint.index_select(0, key.bitwise_and(255)) == paint.index_select(0, other)
    return torch.where(same | (next_key == MISS), torch.ones_like(share), share)


def _reconstruct(
    table: Tensor, is_box: Tensor, key: Tensor, frame: Tensor, ray: Tensor, pixel: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Depth, unit normal, place along the cone and coverage of the surfaces that `key` names."""
    number = key.bitwise_and(255).long()
    rows = table.index_select(1, frame * len(is_box) + number)
    linear, start, along = rows[:9], rows[9:12], rows[12:15]
    dx, dy, dz, length = stretch_rays(linear, ray[0], ray[1])
    s, m, q = along_cone((dx, dy, dz), start, along, rows[15], rows[16])
    radius = rows[15] + s * rows[16]
    reach = m - torch.sqrt(q.clamp_min(0.0))
    # the normal in the solid's own space, from the touched sphere's centre; past the rim, from the ray
    nx = reach * dx - (start[0] + s * along[0])
    ny = reach * dy - (start[1] + s * along[1])
    nz = reach * dz - (start[2] + s * along[2])
    chosen = is_box.index_select(0, number).nonzero().flatten()
    if len(chosen):
        inner = (dx[chosen], dy[chosen], dz[chosen])
        enter, leave = across_box(inner, start[:, chosen])
        reach[chosen] = enter
        local = torch.stack([enter * inner[k] - start[k, chosen] for k in range(3)])
        face = (local.abs() >= local.abs().amax(dim=0) - 1e-6).to(local.dtype) * local
        nx[chosen], ny[chosen], nz[chosen] = face[0], face[1], face[2]
    # back through the stretch: gradients map with the transpose
    wx = linear[0] * nx + linear[3] * ny + linear[6] * nz
    wy = linear[1] * nx + linear[4] * ny + linear[7] * nz
    wz = linear[2] * nx + linear[5] * ny + linear[8] * nz
    steep = torch.sqrt(wx * wx + wy * wy + wz * wz).clamp_min(1e-12)
    normal = torch.stack((wx / steep, wy / steep, wz / steep))
    depth = reach / length
    steep = steep / torch.sqrt(nx * nx + ny * ny + nz * nz).clamp_min(1e-12)  # own units a metre, across the rim
    own_pixel = depth * pixel * steep
    beside = torch.sqrt((radius * radius - q).clamp_min(0.0))
    coverage = torch.minimum((radius - beside) / own_pixel + 0.5, 2.0 * radius / own_pixel)
    if len(chosen):
        coverage[chosen] = 0.5 * (leave - enter) / (length[chosen] * depth[chosen] * pixel)
    return depth, normal, s, coverage.clamp(0.0, 1.0)


def dense_depth(points: Surfaces, view: View, frames: int, empty: float) -> Tensor:
    """Depth of the front points as pictures `(T, rows, columns)` of the padded size; `empty` elsewhere."""
    across, down = view.tiles
    picture = torch.full((frames * down * TILE * across * TILE,), empty, device=points.depth.device)
    depth, cover = points.depth[: points.front], points.coverage[: points.front]
    picture[points.pixel[: points.front]] = torch.where(cover > 0.0, depth, empty)
    return picture.view(frames, down * TILE, across * TILE)
