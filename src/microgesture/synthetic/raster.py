"""From solids to the nearest surfaces at every pixel, testing each solid only where it can be seen.

The picture is cut into tiles of `TILE` x `TILE` pixels. A list of (tile, solid) pairs holds those whose
outlines meet; rays of a tile are tested against its own solids only, all frames at once. Depth and the
solid's number are packed in one integer, so keeping the nearest is one `minimum`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from microgesture.synthetic.primitives import BOX, NEAR, Solids, across_box, along_cone, stretch_rays

TILE = 4
"""Side of a tile in pixels."""

MISS = torch.iinfo(torch.int32).max
_STEPS = 8_388_000  # depth steps between the nearest and the farthest solid: below 2^23
_SOLIDS = 256  # numbers that fit beside the depth in 31 bits
_BLOCK = 3072  # tile-solid pairs at once: 16 rays each keep the working set in the cache


@dataclass(frozen=True)
class View:
    """The picture's grid: `focal` in pixels, `centre (T, 2)` pixel of the line of sight, `size` in pixels, and
    the depths `near` and `far` between which surfaces are told apart, metres."""

    focal: float
    centre: Tensor
    size: tuple[int, int]
    near: float
    far: float

    @property
    def tiles(self) -> tuple[int, int]:
        """Tiles across and down."""
        return -(-self.size[0] // TILE), -(-self.size[1] // TILE)


@dataclass(frozen=True)
class Hits:
    """The nearest three surfaces in each of `U` tiles that hold any: `keys (3, TILE^2, U)` int32 (`MISS`
    where there is none), `frame (U,)`, and `left`, `top (U,)` pixel of the tile's corner. The low 8 bits of
    a key are the solid's number."""

    keys: Tensor
    frame: Tensor
    left: Tensor
    top: Tensor


def rasterise(solids: Solids, view: View) -> Hits:
    """Nearest surfaces of `solids` seen in `view`. Raises `ValueError` for more than 256 solids."""
    frames, count = solids.radius.shape
    if count > _SOLIDS:
        raise ValueError(f"{count} solids do not fit in {_SOLIDS}")
    tile, solid = _pairs(solids, view)
    across, down = view.tiles
    order, slot, starts, active = _rounds(tile, frames * across * down)
    tile, solid = tile[order], solid[order]
    near, step = view.near, (view.far - view.near) / _STEPS
    frame = torch.div(active, across * down, rounding_mode="floor")
    inside = active - frame * (across * down)
    row = torch.div(inside, across, rounding_mode="floor")
    left, top = (inside - row * across) * TILE, row * TILE
    keys = torch.empty((TILE * TILE, len(solid)), dtype=torch.int32, device=solid.device)
    table = _table(solids, view)
    is_box = solids.kind == BOX
    corner_x = (left + 0.5 - view.centre[frame, 0]) / view.focal
    corner_y = (top + 0.5 - view.centre[frame, 1]) / view.focal
    for begin in range(0, len(solid), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        which = slot[part]
        keys[:, part] = _keys(
            table[:, solid[part]], is_box[solid[part] % count], solid[part] % count,
            corner_x[which], corner_y[which], 1.0 / view.focal, near, step,
        )  # fmt: skip
    return Hits(_nearest(keys, starts, len(active)), frame, left, top)


def _table(solids: Solids, view: View) -> Tensor:
    """What the intersection reads, `(18, T * P)`: the map, start, along, radius, taper, and how far below zero
    q may be for a ray that still touches the pixel's square."""
    pixel = solids.depth[..., 1].clamp_min(NEAR) / view.focal * solids.finest
    largest = torch.maximum(solids.radius, solids.radius + solids.taper)
    touch = largest * pixel + 0.25 * pixel * pixel
    columns = (
        solids.linear.flatten(0, 1).T,
        solids.start.flatten(0, 1).T,
        solids.along.flatten(0, 1).T,
        torch.stack((solids.radius.flatten(), solids.taper.flatten(), touch.flatten())),
    )
    return torch.cat(columns).contiguous()


def _pairs(solids: Solids, view: View) -> tuple[Tensor, Tensor]:
    """Tiles (frame-major numbers) and solids (frame-major numbers) whose outlines meet, solid by solid."""
    frames, count = solids.radius.shape
    device = solids.radius.device
    across, down = view.tiles
    centre = view.centre[:, None, :]
    low = (solids.bounds[..., :2] * view.focal + centre - 1.0) / TILE
    high = (solids.bounds[..., 2:] * view.focal + centre + 1.0) / TILE
    limit = torch.tensor([across - 1, down - 1], device=device, dtype=low.dtype)
    first = torch.maximum(low.floor(), torch.zeros_like(limit)).minimum(limit + 1).long()
    last = torch.minimum(high.floor(), limit).maximum(torch.full_like(limit, -1.0)).long()
    extent = (last - first + 1).clamp_min(0).flatten(0, 1)
    number = extent[:, 0] * extent[:, 1]
    solid = torch.repeat_interleave(torch.arange(frames * count, device=device), number)
    begin = torch.cumsum(number, 0) - number
    inside = torch.arange(len(solid), device=device) - begin[solid]
    row = torch.div(inside, extent[solid, 0], rounding_mode="floor")
    x = first.flatten(0, 1)[solid, 0] + inside - row * extent[solid, 0]
    y = first.flatten(0, 1)[solid, 1] + row
    frame = torch.div(solid, count, rounding_mode="floor")
    keep = _meets(solids.spine.flatten(0, 1)[solid], x, y, view.centre[frame], view.focal)
    keep |= (solids.kind == BOX)[solid - frame * count]
    keep = keep.nonzero().flatten()
    return (frame * (across * down) + y * across + x)[keep], solid[keep]


def _meets(spine: Tensor, x: Tensor, y: Tensor, centre: Tensor, focal: float) -> Tensor:
    """Whether tile (x, y) comes near the projected cone: a test of circles swept along a line."""
    px = ((x + 0.5) * TILE - centre[:, 0]) / focal - spine[:, 0]
    py = ((y + 0.5) * TILE - centre[:, 1]) / focal - spine[:, 1]
    ux, uy = spine[:, 3] - spine[:, 0], spine[:, 4] - spine[:, 1]
    s = ((px * ux + py * uy) / (ux * ux + uy * uy).clamp_min(1e-12)).clamp(0.0, 1.0)
    reach = torch.maximum(spine[:, 2], spine[:, 5]) + (0.7072 * TILE + 1.0) / focal
    ex, ey = px - s * ux, py - s * uy
    return ex * ex + ey * ey <= reach * reach


def _rounds(tile: Tensor, tiles: int) -> tuple[Tensor, Tensor, list[int], Tensor]:
    """Order the pairs so that the k-th solids of all tiles lie together, fullest tiles first.

    Returns the order of the pairs, the place of each ordered pair's tile in `active`, the beginning of each
    round (and the end of the last), and the tiles that hold anything. Round k fills the first places.
    """
    count = torch.bincount(tile, minlength=tiles)
    active = count.nonzero().flatten()
    fullest = torch.argsort(count[active], descending=True, stable=True)
    active = active[fullest]
    place = torch.zeros(tiles, dtype=torch.long, device=tile.device)
    place[active] = torch.arange(len(active), device=tile.device)
    by_tile = torch.argsort(tile, stable=True)
    first = torch.cumsum(count, 0) - count
    rank = torch.arange(len(tile), device=tile.device) - first[tile[by_tile]]
    depth = int(count.max()) if len(active) else 0
    sizes = torch.bincount(rank, minlength=depth)
    starts = torch.cumsum(sizes, 0) - sizes
    slot = starts[rank] + place[tile[by_tile]]
    order = torch.empty_like(by_tile)
    order[slot] = by_tile
    return order, place[tile[order]], [*starts.tolist(), len(tile)], active


def _keys(
    table: Tensor,
    is_box: Tensor,
    number: Tensor,
    corner_x: Tensor,
    corner_y: Tensor,
    pixel: float,
    near: float,
    step: float,
) -> Tensor:
    """Packed depth and number `(TILE^2, n)` of the solids in `table (18, n)` at the rays of their tiles."""
    grid = torch.arange(TILE, device=table.device, dtype=table.dtype) * pixel
    x = corner_x + grid.repeat(TILE)[:, None]
    y = corner_y + grid.repeat_interleave(TILE)[:, None]
    dx, dy, dz, length = stretch_rays(table[:9], x, y)
    _, m, q = along_cone((dx, dy, dz), table[9:12], table[12:15], table[15], table[16])
    depth = (m - torch.sqrt(q.clamp_min(0.0))) / length
    hit = (q > -table[17]) & (depth > NEAR)
    boxes = is_box.nonzero().flatten()
    if len(boxes):
        enter, leave = across_box((dx[:, boxes], dy[:, boxes], dz[:, boxes]), table[9:12, boxes])
        depth[:, boxes] = enter / length[:, boxes]
        hit[:, boxes] = (leave > enter) & (depth[:, boxes] > NEAR)
    steps = ((depth - near) / step).clamp(0.0, float(_STEPS)).to(torch.int32)
    return torch.where(hit, steps * _SOLIDS + number.to(torch.int32), MISS)


def _nearest(keys: Tensor, starts: list[int], tiles: int) -> Tensor:
    """The three smallest keys of every pixel, `(3, TILE^2, tiles)`."""
    best = torch.full((3, keys.shape[0], tiles), MISS, dtype=torch.int32, device=keys.device)
    for begin, end in zip(starts, starts[1:], strict=False):
        new = keys[:, begin:end]
        one, two, three = (best[layer, :, : end - begin] for layer in range(3))
        second = torch.maximum(one, new)
        torch.minimum(one, new, out=one)
        third = torch.maximum(two, second)
        torch.minimum(two, second, out=two)
        torch.minimum(three, third, out=three)
    return best
