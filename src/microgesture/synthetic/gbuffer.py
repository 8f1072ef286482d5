"""What a shader needs to know of each visible point: where it is, which way it faces, how much of the pixel it
covers. Only the nearest surface is worked out, and the next one behind it where the nearest has an edge."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from microgesture.synthetic.primitives import BOX, Solids, across_box, along_cone, stretch_rays
from microgesture.synthetic.raster import MISS, TILE, Hits, View


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
    across, down = view.tiles
    table = torch.cat(
        (
            solids.linear.flatten(0, 1),
            solids.start.flatten(0, 1),
            solids.along.flatten(0, 1),
            solids.radius.flatten()[:, None],
            solids.taper.flatten()[:, None],
        ),
        dim=1,
    )
    is_box = solids.kind == BOX
    cell, place = (hits.keys[0] != MISS).nonzero(as_tuple=True)
    row = torch.div(cell, TILE, rounding_mode="floor")
    x = hits.left[place] + (cell - row * TILE)
    y = hits.top[place] + row
    frame = hits.frame[place]
    ray = torch.stack(
        ((x + 0.5 - view.centre[frame, 0]) / view.focal, (y + 0.5 - view.centre[frame, 1]) / view.focal)
    )
    pixel = (frame * (down * TILE) + y) * (across * TILE) + x
    key = hits.keys[0, cell, place]
    front = _reconstruct(table, is_box, key, frame, ray, 1.0 / view.focal)
    behind = (front[-1] < 1.0).nonzero().flatten()
    second = hits.keys[1, cell[behind], place[behind]]
    third = hits.keys[2, cell[behind], place[behind]]
    there = (second != MISS).nonzero().flatten()
    behind, second, third = behind[there], second[there], third[there]
    back = _reconstruct(table, is_box, second, frame[behind], ray[:, behind], 1.0 / view.focal)
    coverage = torch.where(third != MISS, torch.ones_like(back[-1]), back[-1])  # whatever is third is close by
    return Surfaces(
        pixel=torch.cat((pixel, pixel[behind])),
        frame=torch.cat((frame, frame[behind])),
        number=torch.cat((key, second)).bitwise_and(255).long(),
        ray=torch.cat((ray, ray[:, behind]), dim=1),
        depth=torch.cat((front[0], back[0])),
        normal=torch.cat((front[1], back[1]), dim=1),
        along=torch.cat((front[2], back[2])),
        coverage=torch.cat((front[3], coverage)),
        front=len(pixel),
        behind=behind,
    )


def _reconstruct(
    table: Tensor, is_box: Tensor, key: Tensor, frame: Tensor, ray: Tensor, pixel: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Depth, unit normal, place along the cone and coverage of the surfaces that `key` names."""
    number = key.bitwise_and(255).long()
    rows = table.index_select(0, frame * len(is_box) + number).T.contiguous()
    linear, start, along = rows[:9], rows[9:12], rows[12:15]
    dx, dy, dz, length = stretch_rays(linear, ray[0], ray[1])
    s, m, q = along_cone((dx, dy, dz), start, along, rows[15], rows[16])
    radius = rows[15] + s * rows[16]
    reach = m - torch.sqrt(q.clamp_min(0.0))
    # the normal in the solid's own space, from the touched sphere's centre; past the rim, from the ray
    nx = reach * dx - (start[0] + s * along[0])
    ny = reach * dy - (start[1] + s * along[1])
    nz = reach * dz - (start[2] + s * along[2])
    chosen = is_box[number].nonzero().flatten()
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
    picture[points.pixel[: points.front]] = points.depth[: points.front]
    return picture.view(frames, down * TILE, across * TILE)
