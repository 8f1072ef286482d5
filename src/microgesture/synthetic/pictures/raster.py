"""From solids to the nearest surfaces at every pixel, testing each solid only where it can be seen.

The picture is cut into tiles of `TILE` x `TILE` pixels. A list of (tile, solid) pairs holds those whose
outlines meet; rays of a tile are tested against its own solids only, all frames at once. Depth and the
solid's number are packed in one integer, so keeping the nearest is one `minimum`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from microgesture.synthetic.pictures.primitives import BOX, NEAR, Solids, across_box, along_cone, stretch_rays

TILE = 4
"""Side of a tile in pixels."""

MISS = torch.iinfo(torch.int32).max
STEPS = 8_388_000  # depth steps between the nearest and the farthest solid: below 2^23
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
    where there is none), whose low 8 bits are the solid's number; `frame (U,)`; `ray (2, TILE^2, U)` the
    rays' points in the plane at depth 1; `pixel (TILE^2, U)` their numbers in the picture padded to whole
    tiles, `(T, rows, columns)`."""

    keys: Tensor
    frame: Tensor
    ray: Tensor
    pixel: Tensor


def rasterise(solids: Solids, view: View) -> Hits:
    """Nearest surfaces of `solids` seen in `view`. Raises `ValueError` for more than 256 solids."""
    frames, count = solids.radius.shape
    if count > _SOLIDS:
        raise ValueError(f"{count} solids do not fit in {_SOLIDS}")
    tile, solid = _pairs(solids, view)
    across, down = view.tiles
    order, slot, starts, active = _rounds(tile, frames * across * down)
    solid = solid.index_select(0, order)
    frame, ray, pixel = tile_rays(active, view)
    keys = torch.empty((TILE * TILE, len(solid)), dtype=torch.int32, device=solid.device)
    table = solids.table(view.focal)
    number = solid % count
    is_box = (solids.kind == BOX).index_select(0, number)
    number = number.to(torch.int32)
    for begin in range(0, len(solid), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        x, y = ray.index_select(2, slot[part])
        rows = table.index_select(1, solid[part])
        keys[:, part] = intersect(rows, is_box[part], number[part], x, y, view)
    return Hits(_nearest(keys, starts, len(active)), frame, ray, pixel)


def tile_rays(active: Tensor, view: View) -> tuple[Tensor, Tensor, Tensor]:
    """Frame `(U,)`, rays `(2, TILE^2, U)` and pixel numbers `(TILE^2, U)` of the tiles numbered `active`."""
    across, down = view.tiles
    frame = torch.div(active, across * down, rounding_mode="floor")
    inside = active - frame * (across * down)
    row = torch.div(inside, across, rounding_mode="floor")
    left, top = (inside - row * across) * TILE, row * TILE
    steps = torch.arange(TILE, device=active.device)
    x = left + steps.repeat(TILE)[:, None]
    y = top + steps.repeat_interleave(TILE)[:, None]
    centre = view.centre.index_select(0, frame)
    ray = torch.stack(((x + 0.5 - centre[:, 0]) / view.focal, (y + 0.5 - centre[:, 1]) / view.focal))
    return frame, ray, (frame * (down * TILE) + y) * (across * TILE) + x


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
    facts = torch.stack((begin, extent[:, 0], *first.flatten(0, 1).T)).index_select(1, solid)
    inside = torch.arange(len(solid), device=device) - facts[0]
    row = torch.div(inside, facts[1], rounding_mode="floor")
    x = facts[2] + inside - row * facts[1]
    y = facts[3] + row
    frame = torch.div(solid, count, rounding_mode="floor")
    spine = solids.spine.flatten(0, 1).T.contiguous().index_select(1, solid)
    keep = _meets(spine, x, y, view.centre.T.contiguous().index_select(1, frame), view.focal)
    keep |= (solids.kind == BOX).index_select(0, solid - frame * count)
    kept = keep.nonzero().flatten()
    tile = frame * (across * down) + y * across + x
    return tile.index_select(0, kept), solid.index_select(0, kept)


def _meets(spine: Tensor, x: Tensor, y: Tensor, centre: Tensor, focal: float) -> Tensor:
    """Whether tile (x, y) comes near the projected cone: a test of circles swept along a line."""
    px = ((x + 0.5) * TILE - centre[0]) / focal - spine[0]
    py = ((y + 0.5) * TILE - centre[1]) / focal - spine[1]
    ux, uy = spine[3] - spine[0], spine[4] - spine[1]
    s = ((px * ux + py * uy) / (ux * ux + uy * uy).clamp_min(1e-12)).clamp(0.0, 1.0)
    reach = torch.maximum(spine[2], spine[5]) + (0.7072 * TILE + 1.0) / focal
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
    ordered = tile.index_select(0, by_tile)
    first = torch.cumsum(count, 0) - count
    rank = torch.arange(len(tile), device=tile.device) - first.index_select(0, ordered)
    depth = int(count.max()) if len(active) else 0
    sizes = torch.bincount(rank, minlength=depth)
    starts = torch.cumsum(sizes, 0) - sizes
    spot = place.index_select(0, ordered)
    slot = starts.index_select(0, rank) + spot
    order = torch.empty_like(by_tile)
    order[slot] = by_tile
    where = torch.empty_like(spot)
    where[slot] = spot
    return order, where, [*starts.tolist(), len(tile)], active


def intersect(table: Tensor, is_box: Tensor, number: Tensor, x: Tensor, y: Tensor, view: View) -> Tensor:
    """Keys `(TILE^2, n)` of the solids in `table (18, n)`, numbered `number (n,)`, at rays `x`, `y (TILE^2, n)`."""
    dx, dy, dz, length = stretch_rays(table[:9], x, y)
    _, m, q = along_cone((dx, dy, dz), table[9:12], table[12:15], table[15], table[16])
    depth = (m - torch.sqrt(q.clamp_min(0.0))) / length
    hit = (q > -table[17]) & (depth > NEAR)
    boxes = is_box.nonzero().flatten()
    if len(boxes):
        enter, leave = across_box((dx[:, boxes], dy[:, boxes], dz[:, boxes]), table[9:12, boxes])
        depth[:, boxes] = enter / length[:, boxes]
        hit[:, boxes] = (leave > enter) & (depth[:, boxes] > NEAR)
    steps = ((depth - view.near) / ((view.far - view.near) / STEPS)).clamp(0.0, float(STEPS)).to(torch.int32)
    return torch.where(hit, steps * _SOLIDS + number, MISS)


def _nearest(keys: Tensor, starts: list[int], tiles: int) -> Tensor:
    """The three smallest keys of every pixel, `(3, TILE^2, tiles)`."""
    best = torch.full((3, keys.shape[0], tiles), MISS, dtype=torch.int32, device=keys.device)
    for begin, end in pairwise(starts):
        new = keys[:, begin:end]
        one, two, three = (best[layer, :, : end - begin] for layer in range(3))
        second = torch.maximum(one, new)
        torch.minimum(one, new, out=one)
        third = torch.maximum(two, second)
        torch.minimum(two, second, out=two)
        torch.minimum(three, third, out=three)
    return best
