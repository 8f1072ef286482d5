"""The painted face: eyes, brows, lips, nostrils, beard and glasses, drawn on the head's own coordinates.

Coordinates are along the head's axes from its centre, in head heights: x to the person's left, y up, z out of
the face. Both halves are painted as one, |x|. Edges are as soft as the pixel is wide.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from microgesture.synthetic.people.body import head_points, solids
from microgesture.synthetic.people.performance import FACE, Body
from microgesture.synthetic.pictures.appearance import Looks
from microgesture.synthetic.pictures.figure import Pose, cheek_solid
from microgesture.synthetic.pictures.primitives import rounded_normal

_TRACKS = ("eye", "brow", "mouth", "cheek")  # paired: x and y
_SINGLE = ("upper_lip", "lower_lip", "nose", "chin", "forehead")  # y only
COLUMNS = (*(f"{n}_{axis}" for n in _TRACKS for axis in "xy"), *_SINGLE, *FACE)
"""What `face_track` measures of each frame."""


def face_track(pose: Pose, height: float) -> np.ndarray:
    """Where the painted features are, `(T, len(COLUMNS))` in head heights."""

    def local(name: str) -> np.ndarray:
        return np.einsum("tji,tj->ti", pose.head, pose.point(name) - pose.point("head")) / height

    columns = []
    for name in _TRACKS:
        left, right = local(f"left_{name}"), local(f"right_{name}")
        columns += [0.5 * (left[:, 0] - right[:, 0]), 0.5 * (left[:, 1] + right[:, 1])]
    columns += [local(name)[:, 1] for name in _SINGLE]
    return np.column_stack([*columns, pose.face])


class FacePaint:
    """Paints one person's head. Colours are linear light."""

    def __init__(self, body: Body, looks: Looks, device: torch.device | str) -> None:
        self.height = body.lengths["head_height"]
        self.width = body.lengths["head_width"] / self.height
        self.depth = body.lengths["head_depth"] / self.height
        self.looks = looks
        self.device = device
        self.ellipsoids = [
            ([c / self.height for c in s.centre], [a / self.height for a in s.semi_axes])
            for s in solids(body)
            if s.frame == "head"
        ]
        self.cheek_z = float(head_points(body)["left_cheek"][2]) / self.height
        self.skin = self._linear(looks.skin)
        self.hair = self._linear(looks.hair)
        self.lips = self._linear(looks.lips)

    def _linear(self, colour: tuple[float, float, float]) -> Tensor:
        return torch.tensor([c * c for c in colour], dtype=torch.float32, device=self.device)[:, None]

    def smooth_normal(self, at: Tensor, normal: Tensor, track: Tensor) -> Tensor:
        """Normals `(3, n)` of skull, jaw and cheeks as one surface, along the head's axes; the nose keeps its own.

        `at (3, n)` in head heights; `track` as for `paint`.
        """
        side = torch.where(at[0] < 0, -1.0, 1.0)  # one cheek serves for both
        mirrored = torch.stack((normal[0] * side, normal[1], normal[2]))
        puff = track[COLUMNS.index("cheeks_puffed")]
        cheek_x, cheek_y = track[COLUMNS.index("cheek_x")], track[COLUMNS.index("cheek_y")]
        centre, semi = cheek_solid(cheek_x, cheek_y, self.cheek_z, puff, self.width, self.depth)
        smooth, _ = rounded_normal((at[0] * side, at[1], at[2]), mirrored, [*self.ellipsoids, (centre, semi)], 0.8)
        return torch.stack((smooth[0] * side, smooth[1], smooth[2]))

    def paint(self, at: Tensor, track: Tensor, foot: Tensor) -> tuple[Tensor, Tensor]:
        """Colour `(3, n)` and gloss `(n,)` at points `at (3, n)`; `track (len(COLUMNS), n)` is `face_track` of
        each point's frame and `foot (n,)` the width of its pixel in head heights."""
        f = dict(zip(COLUMNS, track, strict=True))
        x, y, z = at[0].abs(), at[1], at[2]
        front = _edge(z - 0.05, foot)
        foot = foot.clamp_min(0.004)
        colour = self.skin.expand(3, len(x)).clone()
        self._flesh(colour, x, y, z, f)
        if self.looks.beard > 0:
            self._beard(colour, x, y, z, f, foot)
        lit = torch.full_like(x, 0.12)
        self._lips(colour, x, y, f, foot, front)
        self._nostrils(colour, x, y, z, f, foot)
        self._eyes(colour, at[0], x, y, f, foot, front, lit)
        self._brows(colour, x, y, f, foot, front)
        if self.looks.hair_style != "bald":
            line = 0.335 - 0.55 * x * x - 0.25 * (0.30 - z).clamp_min(0.0)
            _mix(colour, self.hair, _edge(y - line, foot.clamp_min(0.03)))
        if self.looks.glasses is not None:
            self._glasses(colour, x, y, z, f, foot, lit)
        return colour, lit

    def _flesh(self, colour: Tensor, x: Tensor, y: Tensor, z: Tensor, f: dict[str, Tensor]) -> None:
        """Redness of cheeks and nose, sunken eye sockets, shade under brow, nose, lip and beside the mouth."""
        rosy = _blob(x - f["cheek_x"], y - f["cheek_y"], 0.13, 0.12) + _blob(x, y - f["nose"], 0.07, 0.06)
        colour[1:] *= 1.0 - 0.16 * rosy
        socket = _blob(x - f["eye_x"] + 0.01, y - f["eye_y"] - 0.012, 0.125, 0.065)
        inner = _blob(x - 0.062, y - f["eye_y"] - 0.005, 0.045, 0.06)
        under = _blob(x, y - f["nose"] + 0.05, 0.085, 0.03)
        below = _blob(x, y - f["lower_lip"] + 0.048, 0.07, 0.022)
        fold_x = x - 0.085 - 0.35 * (f["nose"] - 0.01 - y)
        fold = (1.0 - (fold_x * 55.0).abs()).clamp_min(0.0) * _blob(x - 0.11, y - f["nose"] + 0.06, 0.08, 0.1)
        side = _blob(x - 0.055, y - f["nose"] - 0.07, 0.022, 0.1)
        shade = 0.30 * socket + 0.22 * inner + 0.34 * under + 0.20 * below + 0.16 * fold + 0.12 * side
        colour *= (1.0 - shade.clamp(0.0, 0.7)) * (0.97 + 0.03 * _blob(x, y - f["forehead"], 0.3, 0.2))

    def _beard(self, colour: Tensor, x: Tensor, y: Tensor, z: Tensor, f: dict[str, Tensor], foot: Tensor) -> None:
        cheek_line = f["nose"] - 0.06 + 0.55 * (x - 0.12).clamp_min(0.0)
        jaw = _edge(cheek_line - y, foot.clamp_min(0.05)) * _edge(z + 0.02, foot.clamp_min(0.06))
        bare_lip = _edge(0.075 - x, foot.clamp_min(0.03)) * _edge(y - f["lower_lip"] + 0.07, foot.clamp_min(0.02))
        moustache = _blob(x, y - f["upper_lip"] - 0.025, 0.15, 0.028)
        cover = (jaw * (1.0 - 0.75 * bare_lip)).maximum(1.3 * moustache).clamp(0.0, 1.0)
        _mix(colour, 0.85 * self.hair, 0.92 * self.looks.beard * cover)

    def _lips(self, colour: Tensor, x: Tensor, y: Tensor, f: dict[str, Tensor], foot: Tensor, front: Tensor) -> None:
        pressed, puffed = f["lips_pressed"], f["cheeks_puffed"]
        v = x / f["mouth_x"]
        bow = (1.0 - v * v).clamp_min(0.0) * (1.0 - 0.10 * pressed)
        inner_top, inner_low = f["upper_lip"] - 0.024, f["lower_lip"] + 0.026
        seam = 0.5 * (inner_top + inner_low)
        gap = (0.5 * (inner_top - inner_low)).clamp_min(0.0)
        middle = f["mouth_y"] + (seam - f["mouth_y"]) * bow
        thin = 1.0 - 0.9 * pressed - 0.35 * puffed
        cupid = 0.006 * (1.0 - (x * 40.0)).clamp_min(0.0)
        top = middle + (gap + 0.034 * thin + 0.004) * bow - cupid * thin
        low = middle - (gap + 0.042 * thin + 0.004) * bow
        inside = _edge(torch.minimum(top - y, y - low), foot) * front * _edge(1.02 - v, foot * 8.0)
        tint = self.lips + (self.skin * 0.8 - self.lips) * (0.75 * pressed)
        light = 1.0 - 0.22 * _edge(y - middle, foot)  # the upper lip looks down
        colour.copy_(colour + inside * (tint * light - colour))
        line = _edge(0.0055 + 0.003 * pressed - (y - middle).abs(), foot) * _edge(1.0 - v, foot * 8.0) * front
        _mix(colour, 0.22 * self.lips, 0.85 * line)
        hole = _edge(gap * bow - (y - middle).abs(), foot) * _edge(gap * bow - 0.003, foot) * front
        _mix(colour, torch.full_like(self.skin, 0.012), hole)
        teeth = hole * _edge(y - (middle + gap * bow - 0.022), foot) * _edge(0.75 - v, foot * 8.0)
        _mix(colour, torch.full_like(self.skin, 0.62), 0.85 * teeth)
        # pressed lips bulge the skin above and below, and dimple the corners
        crease = _blob(x, y - middle - 0.036, 0.12, 0.016) + _blob(x, y - middle + 0.04, 0.11, 0.018)
        corner = _blob(x - f["mouth_x"] - 0.012, y - f["mouth_y"], 0.022, 0.04)
        colour *= 1.0 - pressed * front * (0.28 * crease + 0.35 * corner).clamp(0.0, 0.6)

    def _nostrils(self, colour: Tensor, x: Tensor, y: Tensor, z: Tensor, f: dict[str, Tensor], foot: Tensor) -> None:
        hole = 1.0 - ((x - 0.030) / 0.017) ** 2 - ((y - f["nose"] + 0.047) / 0.011) ** 2
        _mix(colour, 0.10 * self.skin, 0.8 * _edge(hole * 0.012, foot) * _edge(z - 0.38 * self.depth, foot))
        wing = 1.0 - (((x - 0.062) / 0.010) ** 2 + ((y - f["nose"] + 0.02) / 0.03) ** 2)
        colour *= 1.0 - 0.25 * wing.clamp(0.0, 1.0)

    def _eyes(
        self,
        colour: Tensor,
        signed_x: Tensor,
        x: Tensor,
        y: Tensor,
        f: dict[str, Tensor],
        foot: Tensor,
        front: Tensor,
        lit: Tensor,
    ) -> None:
        half, tall = 0.070, 0.029
        across = (x - f["eye_x"]) / half
        arch = (1.0 - across * across).clamp_min(0.0)
        tilt = 0.006 * across
        top = f["eye_y"] + tilt + (1.75 * f["eyes_open"] - 0.75) * tall * arch
        low = f["eye_y"] + tilt - 0.75 * tall * arch
        open_ = _edge(torch.minimum(top - y, y - low), foot) * _edge((1.0 - across.abs()) * half, foot) * front
        white = torch.tensor([0.74, 0.70, 0.67], device=colour.device)[:, None]
        _mix(colour, white, open_)
        dx, dy = x - f["eye_x"], y - f["eye_y"] - 0.003
        away = torch.sqrt(dx * dx + dy * dy)
        iris = torch.tensor([0.07, 0.045, 0.03], device=colour.device)[:, None]
        _mix(colour, iris, open_ * _edge(0.0275 - away, foot))
        _mix(colour, torch.zeros_like(iris), open_ * _edge(0.012 - away, foot))
        gx, gy = signed_x - torch.sign(signed_x) * f["eye_x"] - 0.009, dy - 0.010
        glint = open_ * _edge(0.0065 - torch.sqrt(gx * gx + gy * gy), foot)
        _mix(colour, torch.ones_like(iris), 0.9 * glint)
        lit += 0.35 * open_
        near = _edge((1.06 - across.abs()) * half, foot) * front
        lash = _edge(0.0062 - (y - top - 0.003).abs(), foot) * near
        _mix(colour, 0.12 * self.skin, 0.9 * lash)
        _mix(colour, 0.4 * self.skin, 0.5 * _edge(0.004 - (y - low).abs(), foot) * near)
        fold = f["eye_y"] + tilt + 1.75 * tall * arch
        _mix(colour, 0.5 * self.skin, 0.45 * _edge(0.004 - (y - fold).abs(), foot) * near * f["eyes_open"])

    def _brows(self, colour: Tensor, x: Tensor, y: Tensor, f: dict[str, Tensor], foot: Tensor, front: Tensor) -> None:
        u = (x - f["brow_x"]) / 0.098
        curve = f["brow_y"] + 0.010 * (1.0 - u * u) - 0.006 * u
        thick = 0.0155 * (1.0 - 0.45 * (u + 0.3).clamp_min(0.0)).clamp_min(0.2)
        cover = _edge(thick - (y - curve).abs(), foot.clamp_min(0.012)) * _edge((1.0 - u.abs()) * 0.098, foot)
        _mix(colour, 0.55 * self.hair + 0.06 * self.skin, 0.85 * cover * front)

    def _glasses(
        self, colour: Tensor, x: Tensor, y: Tensor, z: Tensor, f: dict[str, Tensor], foot: Tensor, lit: Tensor
    ) -> None:
        assert self.looks.glasses is not None
        frame = self._linear(self.looks.glasses)
        dx, dy = (x - f["eye_x"]) / 0.118, (y - f["eye_y"] + 0.008) / 0.082
        around = torch.sqrt(torch.sqrt(dx * dx * dx * dx + dy * dy * dy * dy).clamp_min(1e-9))
        front = _edge(z - 0.15, foot)
        ring = _edge(0.010 - ((around - 1.0) * 0.1).abs(), foot) * front
        bridge = _edge(0.008 - (y - f["eye_y"] - 0.02).abs(), foot) * _edge(f["eye_x"] - 0.11 - x, foot) * front
        arm = _edge(0.009 - (y - f["eye_y"] - 0.015).abs(), foot) * _edge(x - f["eye_x"] - 0.11, foot)
        glass = _edge((1.0 - around) * 0.1, foot) * front
        colour += 0.05 * glass * (0.75 - colour)
        lit += 0.25 * glass
        _mix(colour, frame, ring.maximum(bridge).maximum(arm * _edge(z + 0.12, foot)))


def _edge(inside: Tensor, foot: Tensor) -> Tensor:
    """1 where `inside` is positive, 0 where negative, a ramp one pixel wide between."""
    return (inside / foot + 0.5).clamp(0.0, 1.0)


def _blob(dx: Tensor, dy: Tensor, wide: float, tall: float) -> Tensor:
    """A soft spot: 1 in the middle, 0 outside the ellipse."""
    rest = (1.0 - (dx / wide) ** 2 - (dy / tall) ** 2).clamp_min(0.0)
    return rest * rest


def _mix(colour: Tensor, other: Tensor, share: Tensor) -> None:
    """Blend `other` into `colour` in place."""
    colour += share * (other - colour)
