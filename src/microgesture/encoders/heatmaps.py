"""Skeletons as pictures: a Gaussian spot for every joint, or a ridge along every limb, one channel each.

Duan et al., "Revisiting Skeleton-based Action Recognition" (PoseC3D), CVPR 2022 (arXiv 2104.13586), section 3.2; the
numbers that the paper leaves open are those of the released PYSKL: σ 0.6 pixels, a window of 3σ whose bounds are
truncated to whole pixels, the tight square around all that is seen in a clip, a quarter larger. Points are in pixels,
the pixel in column x lies at x. Nothing here has a gradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from microgesture.errors import RecipeError
from microgesture.skeletons.skeleton import Layout

FAINTEST = 1e-3
"""Joints of less confidence, and limbs whose weaker end has less, are not drawn."""
REACH = 3.0
"""Half the window of a spot, in σ."""
PADDING = 0.25
"""How much larger than tight the box of a clip is."""
ASPECTS = (3 / 4, 4 / 3)
"""Width over height of a random crop."""
TRIES = 10
"""Crops that are drawn before the whole box is taken."""

_COCO_LIMBS = (
    *(("nose", "left_shoulder"), ("nose", "right_shoulder"), ("left_shoulder", "left_elbow")),
    *(("left_elbow", "left_wrist"), ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist")),
    *(("left_shoulder", "left_hip"), ("left_hip", "left_knee"), ("left_knee", "left_ankle")),
    *(("right_shoulder", "right_hip"), ("right_hip", "right_knee"), ("right_knee", "right_ankle")),
    *(("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear")),
    ("left_hip", "right_hip"),
)
_SIDES_OF_36 = (
    *(("nose_bridge_0", "{}_brow"), ("{}_brow", "{}_jaw_2"), ("{}_jaw_2", "{}_jaw_4"), ("{}_jaw_4", "chin")),
    *(("{}_mouth", "upper_lip"), ("{}_mouth", "lower_lip"), ("nose", "{}_eye"), ("{}_eye", "{}_ear")),
    *(("neck", "{}_shoulder"), ("{}_shoulder", "{}_elbow"), ("{}_elbow", "{}_wrist"), ("{}_wrist", "{}_hand_root")),
    *(("{}_hand_root", f"{{}}_{finger}_tip") for finger in ("thumb", "index", "middle", "ring", "pinky")),
)
LIMBS: dict[str, tuple[tuple[str, str], ...]] = {
    "coco-17": _COCO_LIMBS,
    "openpose-36": (
        *(("nose", "neck"), ("nose", "nose_bridge_0")),
        *((a.format(side), b.format(side)) for side in ("right", "left") for a, b in _SIDES_OF_36),
    ),
}
"""Limbs by layout where a publication draws others than the bones: PYSKL's, in the order of its weights; and those of
MM-Gesture (arXiv 2507.08344), which close the rings of face and mouth. Other layouts are drawn by their bones."""


def limb_pairs(layout: Layout, limbs: Sequence[Sequence[str]] | None = None) -> Tensor:
    """The ends of each limb as indices of joints (L, 2): `limbs` by name, `LIMBS`, or the bones of the layout.

    Raises `RecipeError` for a limb that is not two joints of the layout.
    """
    pairs = LIMBS.get(layout.name, layout.bones) if limbs is None else limbs
    for pair in pairs:
        if isinstance(pair, str) or len(pair) != 2 or not set(pair) <= set(layout.joints):
            raise RecipeError(f"limb {pair!r} is not two joints of layout '{layout.name}'"[:200])
    return torch.tensor([[layout.index(a), layout.index(b)] for a, b in pairs], dtype=torch.int64)


def mirrored_limbs(pairs: Tensor, layout: Layout) -> Tensor:
    """For each limb of (L, 2) the one in its place in a mirror, (L,). Raises `RecipeError` when one has none."""
    mirror = layout.flip_permutation
    ends = [frozenset(pair) for pair in pairs.tolist()]
    place = {limb: i for i, limb in reversed(list(enumerate(ends)))}
    swapped = [frozenset(int(mirror[joint]) for joint in limb) for limb in ends]
    alone = next((tuple(limb) for limb, other in zip(ends, swapped, strict=True) if other not in place), None)
    if alone is not None:
        names = " - ".join(layout.joints[joint] for joint in alone)
        raise RecipeError(f"limb {names} has no mirror image among the limbs of layout '{layout.name}'")
    return torch.tensor([place[limb] for limb in swapped], dtype=torch.int64)


def clip_boxes(points: Tensor, known: Tensor, padding: float = PADDING) -> Tensor:
    """The square around all that is known in each clip: left, top, width and height (B, 4).

    Points (B, M, T, V, 2), known (B, M, T, V). Tight about all persons and frames, `padding` larger, the shorter side
    made as long as the longer (PYSKL's `PoseCompact`, without its rounding to pixels of the video). A clip in which
    nothing is known, or all of it is in one place, gets a square of 1.
    """
    points, known = points.flatten(1, 3), known.flatten(1)[..., None]
    low = points.masked_fill(~known, math.inf).amin(1)
    high = points.masked_fill(~known, -math.inf).amax(1)
    low, high = (torch.where(known.any(1), end, torch.zeros_like(end)) for end in (low, high))
    side = (high - low).amax(1, keepdim=True) * (1 + padding)
    side = torch.where(side > 0, side, torch.ones_like(side)).expand(-1, 2)
    return torch.cat([(low + high - side) / 2, side], 1)


def cropped(boxes: Tensor, least: float) -> Tensor:
    """A random part of each box (B, 4), of `least` of its area or more: training's crop, stretched to a square again.

    Area uniform, aspect log-uniform in `ASPECTS`, place uniform; the first of ten draws that fits (the usual
    `RandomResizedCrop`). Draws come from torch's generator.
    """
    count, device = len(boxes), boxes.device
    area = torch.empty(count, TRIES, device=device).uniform_(least, 1.0)
    aspect = torch.empty(count, TRIES, device=device).uniform_(*(math.log(a) for a in ASPECTS)).exp()
    share = torch.stack([(area * aspect).sqrt(), (area / aspect).sqrt()], -1)
    fits = (share <= 1).all(-1)
    first = share[torch.arange(count, device=device), fits.int().argmax(1)]
    share = torch.where(fits.any(1, keepdim=True), first, torch.ones_like(first)).to(boxes.dtype)
    corner = boxes[:, :2] + torch.rand(count, 2, device=device) * (1 - share) * boxes[:, 2:]
    return torch.cat([corner, share * boxes[:, 2:]], 1)


def in_pixels(points: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Points (B, M, T, V, 2) as pixels of a map of `size` that shows `boxes` (B, 4)."""
    boxes = boxes[:, None, None, None]
    return (points - boxes[..., :2]) / boxes[..., 2:] * size


def joint_maps(points: Tensor, heights: Tensor, size: int, sigma: float) -> Tensor:
    """Maps (B, V, T, `size`, `size`) of joints at pixels (B, M, T, V, 2): s · exp(-d²/2σ²) within the window of each,
    s its height (B, M, T, V); of several persons the highest."""
    heights = _drawn(heights)[..., None]
    x, y = (_spot(points[..., axis], size, sigma) for axis in (0, 1))
    persons = zip(*_each(heights, x, y), strict=True)
    return _highest([torch.einsum("btvh,btvw->bvthw", height * row, column) for height, column, row in persons])


def limb_maps(points: Tensor, heights: Tensor, pairs: Tensor, size: int, sigma: float) -> Tensor:
    """Maps (B, L, T, `size`, `size`) of limbs (L, 2): the same with the distance to the segment between two joints, s
    the lower height of the two. A limb shorter than a pixel is the spot of its first joint."""
    a, b = points[..., pairs[:, 0], :], points[..., pairs[:, 1], :]
    first, second = heights[..., pairs[:, 0]], heights[..., pairs[:, 1]]
    lower = _drawn(torch.minimum(first, second))
    along = b - a
    squared = along.square().sum(-1)
    short = squared < 1
    height = torch.where(short & (lower > 0), first, lower)
    along, squared = torch.where(short[..., None], torch.zeros_like(along), along), squared.masked_fill(short, 1.0)
    b = a + along
    inside = [_window(a[..., i], b[..., i], size, sigma) for i in (0, 1)]
    parts = _each(a, along, squared, inside[0], inside[1] * height[..., None])
    persons = zip(*parts, strict=True)
    return _highest([_ridge(size, sigma, *tensors) for tensors in persons])


def _ridge(
    size: int, sigma: float, start: Tensor, along: Tensor, squared: Tensor, columns: Tensor, rows: Tensor
) -> Tensor:
    """One person's limbs: starts and vectors (B, T, L, 2), their squared lengths, and how high a column and a row may
    be (B, T, L, size), to (B, L, T, size, size)."""
    grid = torch.arange(size, device=start.device, dtype=start.dtype)
    x = (grid - start[..., 0, None])[..., None, :]
    y = (grid - start[..., 1, None])[..., None]
    dx, dy = along[..., 0, None, None], along[..., 1, None, None]
    t = ((x * dx + y * dy) / squared[..., None, None]).clamp(0, 1)
    ridge = torch.exp(((x - t * dx).square() + (y - t * dy).square()) / (-2 * sigma**2))
    return (ridge * rows[..., None] * columns[..., None, :]).transpose(1, 2)


def _drawn(heights: Tensor) -> Tensor:
    return torch.where(heights >= FAINTEST, heights, torch.zeros_like(heights))


def _window(low: Tensor, high: Tensor, size: int, sigma: float) -> Tensor:
    """Which pixels (..., size) of a row lie in the window around places from one to the other (...), as 0 and 1."""
    grid = torch.arange(size, device=low.device, dtype=low.dtype)
    begins = (torch.minimum(low, high) - REACH * sigma).trunc()[..., None]
    ends = (torch.maximum(low, high) + REACH * sigma).trunc()[..., None]
    return ((grid >= begins) & (grid <= ends)).to(low.dtype)


def _spot(places: Tensor, size: int, sigma: float) -> Tensor:
    """The Gaussian along one axis, (..., size), of places (...)."""
    grid = torch.arange(size, device=places.device, dtype=places.dtype)
    return torch.exp((grid - places[..., None]).square() / (-2 * sigma**2)) * _window(places, places, size, sigma)


def _each(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Tensors (B, M, ...) person by person: one at a time, as the maps are the largest thing in the memory."""
    return [tensor.unbind(1) for tensor in tensors]


def _highest(maps: list[Tensor]) -> Tensor:
    highest = maps[0]
    for other in maps[1:]:
        highest = torch.maximum(highest, other)
    return highest.contiguous()
