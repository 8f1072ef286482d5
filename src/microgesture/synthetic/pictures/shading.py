"""Light and surface colour of the visible points: one key light, light from sky and floor, shade between body
parts, skin, hair and cloth.

Light is linear until `Shader.shade` returns; the picture's transfer curve is a square root, close to sRGB and
exactly rounded everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from microgesture.synthetic.people.body import solids
from microgesture.synthetic.people.performance import Body
from microgesture.synthetic.pictures.appearance import Appearance, Clothes
from microgesture.synthetic.pictures.face_paint import FacePaint, face_track
from microgesture.synthetic.pictures.figure import (
    HAIR,
    HAND,
    HEAD,
    LEG,
    NECK,
    SKIN,
    SLEEVE,
    TRUNK,
    Material,
    Pose,
    upper_chest,
)
from microgesture.synthetic.pictures.gbuffer import Surfaces
from microgesture.synthetic.pictures.primitives import rounded_normal


@dataclass(frozen=True)
class Frames:
    """Axes that surface patterns stick to, for a chunk: rotations `(9, T)` row-major with the local axes as
    rows, origins `(3, T)`, of head and chest, the face's `track (K, T)`, and the
    height of the `belt (T,)` along the chest's axes from joint "chest", metres."""

    head: Tensor
    head_origin: Tensor
    chest: Tensor
    chest_origin: Tensor
    track: Tensor
    belt: Tensor

    @classmethod
    def of(cls, pose: Pose, body: Body, device: torch.device | str) -> Frames:
        """The frames of a pose, on `device`."""

        def tensor(x: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(x.T, np.float32)).to(device)

        return cls(
            head=tensor(np.swapaxes(pose.head, -1, -2).reshape(-1, 9)),
            head_origin=tensor(pose.point("head")),
            chest=tensor(np.swapaxes(pose.chest, -1, -2).reshape(-1, 9)),
            chest_origin=tensor(pose.point("chest")),
            track=tensor(face_track(pose, body.lengths["head_height"])),
            belt=tensor(0.06 + np.einsum("tj,tj->t", pose.chest[:, :, 1], pose.point("pelvis") - pose.point("chest"))),
        )


class Shader:
    """Colours visible points of one clip. `world (3, 3)` has the world's axes as columns in camera axes."""

    def __init__(
        self,
        body: Body,
        appearance: Appearance,
        materials: list[Material],
        world: np.ndarray,
        pixel: float,
        device: torch.device | str,
    ) -> None:
        self.body, self.appearance, self.pixel = body, appearance, pixel
        self.face = FacePaint(body, appearance.looks, device)
        self.height = body.lengths["head_height"]
        waist = (0.0, -body.lengths["spine_chest"], 0.0)
        self.trunk_solids = [
            (waist if s.name == "waist" else s.centre, s.semi_axes) for s in solids(body) if s.frame == "chest"
        ] + [upper_chest(body)]
        colours = np.array([[c * c for c in m.colour] for m in materials], np.float32)
        self.colour = torch.from_numpy(np.ascontiguousarray(colours.T)).to(device)
        self.gloss = torch.tensor([m.gloss for m in materials], dtype=torch.float32, device=device)
        self.coat = torch.tensor([m.coat for m in materials], device=device)
        light = appearance.light
        towards = world @ (np.asarray(light.direction, float) / np.linalg.norm(light.direction))
        halfway = towards + np.array([0.0, 0.0, -1.0])
        self.towards = [float(v) for v in towards]
        self.halfway = [float(v) for v in halfway / max(1e-6, float(np.linalg.norm(halfway)))]
        self.up = [float(v) for v in world[:, 1]]
        warm = 0.12 * light.warmth
        self.key = [light.key * (1.0 + warm), light.key, light.key * (1.0 - warm)]
        self.ambient = [light.ambient * (1.0 + 0.4 * warm), light.ambient, light.ambient * (1.0 - 0.4 * warm)]

    def shade(self, points: Surfaces, paint: Tensor, frames: Frames, shade: Tensor) -> Tensor:
        """Display colours `(3, N)`, 0 to 1 and beyond. `paint (P,)` maps solids to materials; `shade (N,)` is
        the light that other body parts leave, in [0, 1]."""
        material = paint[points.number]
        coat = self.coat[material]
        colour = self.colour.index_select(1, material)
        gloss = self.gloss[material]
        normal = points.normal.clone()
        where = points.points
        foot = points.depth * self.pixel
        occlusion = shade.clone()
        flesh = ((coat == SKIN) | (coat == HEAD) | (coat == NECK) | (coat == HAND)).to(foot.dtype)
        self._paint_head(coat, colour, gloss, normal, where, foot, points.frame, frames, occlusion)
        self._paint_trunk(coat, colour, normal, where, foot, points.frame, frames, occlusion)
        self._paint_limbs(coat, colour, points.along, occlusion)
        return self._light(colour, gloss, normal, flesh, occlusion)

    def _light(self, colour: Tensor, gloss: Tensor, n: Tensor, flesh: Tensor, occlusion: Tensor) -> Tensor:
        """Wrapped Lambert key light, hemisphere light, darker towards the rim, and a small highlight."""
        wrap = 0.15 + 0.20 * flesh
        lambert = n[0] * self.towards[0] + n[1] * self.towards[1] + n[2] * self.towards[2]
        key = ((lambert + wrap) / (1.0 + wrap)).clamp_min(0.0) * (0.35 + 0.65 * occlusion)
        sky = 0.72 + 0.28 * (n[0] * self.up[0] + n[1] * self.up[1] + n[2] * self.up[2])
        facing = (-n[2]).clamp(0.0, 1.0)
        ambient = sky * occlusion * (0.62 + 0.38 * facing)
        shine = (n[0] * self.halfway[0] + n[1] * self.halfway[1] + n[2] * self.halfway[2]).clamp_min(0.0)
        shine = shine * shine
        shine = shine * shine
        shine = shine * shine
        shine = gloss * shine * shine * occlusion
        out = torch.empty_like(colour)
        for k in range(3):
            # light wanders in skin: its shaded side keeps more red
            soft = key + (0.10 * (1.0 - key).clamp_min(0.0) * flesh * occlusion if k == 0 else 0.0)
            out[k] = colour[k] * (self.key[k] * soft + self.ambient[k] * ambient) + self.key[k] * shine
        sensor = self.appearance.sensor
        shown = torch.sqrt((out * sensor.exposure).clamp_min(0.0))
        return 0.5 + (shown - 0.5) * sensor.contrast

    def _paint_head(
        self,
        coat: Tensor,
        colour: Tensor,
        gloss: Tensor,
        normal: Tensor,
        where: Tensor,
        foot: Tensor,
        frame: Tensor,
        frames: Frames,
        occlusion: Tensor,
    ) -> None:
        face = (coat == HEAD).nonzero().flatten()
        if len(face):
            turn = frames.head.index_select(1, frame[face])
            at = _into(turn, where[:, face] - frames.head_origin.index_select(1, frame[face])) / self.height
            track = frames.track.index_select(1, frame[face])
            inner = self.face.smooth_normal(at, _into(turn, normal[:, face]), track)
            normal[:, face] = _out_of(turn, inner)
            colour[:, face], gloss[face] = self.face.paint(at, track, foot[face] / self.height)
            # the underside of the jaw lies in its own shade
            occlusion[face] = occlusion[face] * (1.0 - 0.35 * (-inner[1] - 0.35).clamp(0.0, 0.5) * 2.0)
        hair = (coat == HAIR).nonzero().flatten()
        if len(hair):
            turn = frames.head.index_select(1, frame[hair])
            at = _into(turn, where[:, hair] - frames.head_origin.index_select(1, frame[hair])) / self.height
            strand = _wave(at[0] * 9.0 + at[1] * 2.0 + at[2] * 3.0) + 0.6 * _wave(at[0] * 23.0 - at[2] * 17.0 + at[1])
            fine = (0.04 * self.height / foot[hair]).clamp(0.0, 1.0)  # too far away to see strands
            colour[:, hair] *= 1.0 + 0.30 * fine * (strand - 0.8)

    def _paint_trunk(
        self,
        coat: Tensor,
        colour: Tensor,
        normal: Tensor,
        where: Tensor,
        foot: Tensor,
        frame: Tensor,
        frames: Frames,
        occlusion: Tensor,
    ) -> None:
        trunk = (coat == TRUNK).nonzero().flatten()
        if not len(trunk):
            return
        turn = frames.chest.index_select(1, frame[trunk])
        at = _into(turn, where[:, trunk] - frames.chest_origin.index_select(1, frame[trunk]))
        below = self.body.lengths["chest_neck"] - at[1]  # metres under the base of the neck
        round_, _ = rounded_normal((at[0], at[1], at[2]), _into(turn, normal[:, trunk]), self.trunk_solids, 0.85)
        normal[:, trunk] = _out_of(turn, round_)
        painted = colour[:, trunk]
        clothes = self.appearance.clothes
        _dress(painted, at, below, foot[trunk], clothes, self.face.skin)
        under = frames.belt.index_select(0, frame[trunk]) - at[1]
        legs = torch.tensor([c * c for c in clothes.lower], device=colour.device)[:, None]
        painted += _edge(under, foot[trunk]) * (legs - painted)
        if clothes.tucked:
            painted *= 1.0 - 0.6 * _edge(0.018 - (under - 0.018).abs(), foot[trunk])
        colour[:, trunk] = painted
        folds = _wave(at[0] * 7.0 + at[1] * 3.1) * _wave(at[1] * 5.3 - at[0] * 2.2 + 0.3) - 0.45
        low = (below * 2.5).clamp(0.0, 1.0)  # cloth creases at the waist, not over the chest
        occlusion[trunk] = occlusion[trunk] * (1.0 + 0.16 * low * folds)

    def _paint_limbs(self, coat: Tensor, colour: Tensor, along: Tensor, occlusion: Tensor) -> None:
        clothes = self.appearance.clothes
        sleeve = (coat == SLEEVE).to(along.dtype)
        folds = _wave(along * 2.3 + 0.2) * _wave(along * 5.1 + 0.6) - 0.5
        occlusion *= 1.0 + 0.10 * (sleeve + (coat == LEG).to(along.dtype)) * folds
        under_jaw = (coat == NECK).to(along.dtype)
        occlusion *= 1.0 - 0.45 * under_jaw * along
        hand = (coat == HAND).to(along.dtype)
        tip = (along - 0.7).clamp_min(0.0) * hand
        colour[1:] *= 1.0 - 0.25 * tip
        if clothes.pattern == "hoops":
            upper = torch.tensor([c * c for c in clothes.accent], device=colour.device)[:, None]
            band = ((_wave(along * 4.0) - 0.5) * 6.0 + 0.5).clamp(0.0, 1.0) * sleeve
            colour += band * (upper - colour)


def _dress(colour: Tensor, at: Tensor, below: Tensor, foot: Tensor, clothes: Clothes, skin: Tensor) -> None:
    """Pattern, neckline, lapels, tie and buttons of a top; `at (3, n)` along the chest's axes, metres."""

    def light(c: tuple[float, float, float]) -> Tensor:
        return torch.tensor([v * v for v in c], dtype=colour.dtype, device=colour.device)[:, None]

    def blend(other: Tensor, share: Tensor) -> None:
        colour.add_(share * (other - colour))

    x, front = at[0].abs(), _edge(at[2] - 0.01, foot)
    accent = light(clothes.accent)
    if clothes.pattern in ("stripes", "check"):
        blend(accent, (((_wave(at[0] / 0.05) - 0.62) * 0.04 / foot) + 0.5).clamp(0.0, 1.0) * 0.85)
    if clothes.pattern in ("hoops", "check"):
        blend(accent, (((_wave(at[1] / 0.07) - 0.55) * 0.05 / foot) + 0.5).clamp(0.0, 1.0) * 0.85)
    if clothes.top == "tee":
        round_neck = 1.0 - (x / 0.088) ** 2 - ((below - 0.0) / 0.062) ** 2
        blend(0.8 * colour, _edge((round_neck + 0.32) * 0.04, foot) * front)
        blend(skin, _edge(round_neck * 0.04, foot) * front)
        return
    if clothes.top == "turtleneck":
        return
    if clothes.top == "jacket":
        opening = 0.115 - 0.33 * below.clamp_min(0.0)
        lapel = _edge(opening + 0.055 * (1.0 - 2.4 * below).clamp(0.0, 1.0) - x, foot) * front
        blend(0.72 * colour, _edge(0.006 - (opening + 0.05 - x).abs(), foot) * lapel)
        blend(light(clothes.inner), _edge(opening - x, foot) * front)
        blend(0.45 * colour, _edge(0.005 - (opening - x).abs(), foot) * front * (below < 0.40))
        blend(0.6 * colour, _edge(0.004 - (at[0] - 0.012).abs(), foot) * front * (below > 0.34))
    else:
        blend(0.75 * colour, _edge(0.003 - (x - 0.018).abs(), foot) * front)
        button = 0.006 - torch.sqrt(x * x + ((below / 0.085 - torch.floor(below / 0.085)) * 0.085 - 0.04) ** 2)
        blend(0.4 * colour, _edge(button, foot) * front)
    if clothes.tie is not None:
        half = 0.017 + 0.055 * below.clamp(0.0, 0.4)
        length = 0.37 if clothes.top == "shirt" else 0.6
        tie = _edge(half - x, foot) * front * (below < length)
        blend(light(clothes.tie) * (0.75 + 0.25 * _edge(below - 0.035, foot)), tie)
    else:
        blend(skin, _edge(0.052 - 0.55 * below.clamp_min(-0.05) - x, foot) * front)


def _into(turn: Tensor, v: Tensor) -> Tensor:
    """Turn vectors `(3, n)` into local axes; `turn (9, n)` has the local axes as rows."""
    return torch.stack([turn[3 * k] * v[0] + turn[3 * k + 1] * v[1] + turn[3 * k + 2] * v[2] for k in range(3)])


def _out_of(turn: Tensor, v: Tensor) -> Tensor:
    """Inverse of `_into`."""
    return torch.stack([turn[k] * v[0] + turn[k + 3] * v[1] + turn[k + 6] * v[2] for k in range(3)])


def _wave(x: Tensor) -> Tensor:
    """A smooth wave of period 1 between 0 and 1, made of parabolas (a sine is not rounded alike everywhere)."""
    part = x - torch.floor(x)
    hump = part * (1.0 - part) * 4.0
    return hump * hump * (3.0 - 2.0 * hump)


def _edge(inside: Tensor, foot: Tensor) -> Tensor:
    return (inside / foot + 0.5).clamp(0.0, 1.0)


def contact_shade(depth: Tensor, empty: float, reach: float = 0.045) -> Tensor:
    """Light left at every pixel of `depth (T, H, W)`, in [0, 1]: darker just behind something nearer.

    The depth is compared with its mean over a window about a head wide (unsharp masking of the depth buffer,
    Luft et al., 2006): a hand on a face or folded arms darken what they touch.
    """
    rows, columns = depth.shape[1:]
    shrink = max(2, round(max(rows, columns) / 96))
    known = torch.where(depth >= empty, torch.full_like(depth, empty), depth)[:, None]
    pad = (0, -columns % shrink, 0, -rows % shrink)
    small = F.avg_pool2d(F.pad(known, pad, mode="replicate"), shrink)
    width = 3
    mean = F.avg_pool2d(small, (1, width), 1, (0, width // 2), count_include_pad=False)
    mean = F.avg_pool2d(mean, (width, 1), 1, (width // 2, 0), count_include_pad=False)
    wide = F.interpolate(mean, scale_factor=shrink, mode="bilinear")[:, 0, :rows, :columns]
    behind = ((depth - wide - 0.008) / reach).clamp(0.0, 1.6)
    return 1.0 - 0.36 * behind
