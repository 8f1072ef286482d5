"""The solids of one performance: body, hair, clothes, chair, table and prop, along the camera's axes.

Head and trunk are the ellipsoids of `body.solids`, so what the motion library touches is what is drawn; limbs
are tapered cones along the bones, hands have a palm of four bones and five fingers of two parts each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from microgesture.synthetic.people.body import head_points
from microgesture.synthetic.people.body import solids as body_solids
from microgesture.synthetic.people.performance import FACE, JOINT_INDEX, Body, Performance
from microgesture.synthetic.pictures.appearance import Appearance, Colour
from microgesture.synthetic.pictures.camera import Camera
from microgesture.synthetic.pictures.primitives import Assembly

PLAIN, SKIN, HEAD, TRUNK, SLEEVE, LEG, HAIR, NECK, HAND = range(9)
"""How the shader colours a solid: one colour, skin, a face, a trunk with pattern and collar, a sleeve and a
trouser leg with folds, hair, neck, hand."""

_PROP_COLOURS = {"pen": (0.08, 0.12, 0.4), "ring": (0.83, 0.68, 0.3)}
_FINGERS = ("index", "middle", "ring", "pinky")


@dataclass(frozen=True)
class Material:
    """`colour` (sRGB), `gloss` of the highlight and `coat`, one of the constants above."""

    colour: Colour
    gloss: float
    coat: int


@dataclass(frozen=True)
class Pose:
    """A performance along the camera's axes, for some of its frames: joints `(T, J, 3)`, the head's, chest's
    and pelvis's axes `(T, 3, 3)` (columns), the world's axes `world (3, 3)` (columns) and `origin (3,)`, and
    the face channels `(T, 5)`."""

    joints: np.ndarray
    head: np.ndarray
    chest: np.ndarray
    pelvis: np.ndarray
    world: np.ndarray
    origin: np.ndarray
    face: np.ndarray

    def point(self, name: str) -> np.ndarray:
        """Track of one named point, `(T, 3)`."""
        return self.joints[:, JOINT_INDEX[name]]

    def channel(self, name: str) -> np.ndarray:
        """One face channel, `(T,)`."""
        return self.face[:, FACE.index(name)]

    def place(self, anchor: str, axes: np.ndarray, offset: np.ndarray | tuple[float, float, float]) -> np.ndarray:
        """The point `offset` (metres, along `axes`) from joint `anchor`, `(T, 3)`."""
        return self.point(anchor) + (axes @ np.asarray(offset, float)[..., None])[..., 0]


def pose_from(performance: Performance, camera: Camera, frames: slice) -> Pose:
    """The given frames of a performance, seen from the camera."""
    turn = camera.rotation
    chest = np.asarray(performance.chest_rotation[frames], float)
    return Pose(
        joints=camera.to_camera(performance.joints[frames]),
        head=turn @ np.asarray(performance.head_rotation[frames], float),
        chest=turn @ chest,
        pelvis=turn @ _half_turn(chest),
        world=turn,
        origin=camera.to_camera(np.zeros(3)),
        face=np.asarray(performance.face[frames], float),
    )


def _half_turn(rotation: np.ndarray) -> np.ndarray:
    """Half of a rotation `(T, 3, 3)`: the polar factor of its mean with the identity."""
    u, _, v = np.linalg.svd(rotation + np.eye(3))
    return u @ v


def upper_chest(body: Body) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Centre from joint "chest" and semi-axes of breast and shoulder blades, along the chest's axes, metres."""
    size, r = body.lengths, body.radii
    semi = (0.46 * size["shoulder_width"], 0.21 * size["trunk"], 0.95 * r["chest_depth"])
    return (0.0, 0.13 * size["trunk"], 0.0), semi


def cheek_solid(x: Any, y: Any, z: Any, puff: Any, width: float, depth: float) -> tuple[list[Any], list[Any]]:
    """Centre and semi-axes of the left cheek under the skin point (x, y, z), along the head's axes.

    `puff` in [0, 1] fills it with air; arrays and tensors alike, in the unit of the head's `width` and `depth`.
    """
    grow = 1.0 + 0.55 * puff
    centre = [x - (0.075 - 0.035 * puff) * width, y - 0.04 * depth * puff, z - (0.095 - 0.05 * puff) * depth]
    return centre, [0.15 * width * grow, 0.155 * depth * grow, 0.12 * depth * grow]


class Figure:
    """Builds the solids of a clip chunk by chunk; `materials` are the same in every chunk."""

    def __init__(self, performance: Performance, appearance: Appearance) -> None:
        self.performance = performance
        self.appearance = appearance
        self.materials: list[Material] = []
        joints = np.asarray(performance.joints, float)
        self._seat = joints[:, JOINT_INDEX["pelvis"]].mean(axis=0)
        self._rest_chin = head_points(performance.body)["chin"][1]
        looks, clothes, room = appearance.looks, appearance.clothes, appearance.backdrop
        add = self._material
        self.skin = add(looks.skin, 0.10, SKIN)
        self.hand = add(looks.skin, 0.06, HAND)
        self.face = add(looks.skin, 0.12, HEAD)
        self.neck = add(looks.skin, 0.05, NECK)
        self.hair = add(looks.hair, 0.25, HAIR)
        self.hat = add(looks.hat_colour, 0.03, PLAIN)
        self.trunk = add(clothes.upper, 0.02, TRUNK)
        self.sleeve = add(clothes.upper, 0.02, SLEEVE)
        self.leg = add(clothes.lower, 0.02, LEG)
        self.shoe = add(clothes.shoes, 0.25, PLAIN)
        self.collar = add(clothes.inner if clothes.top == "jacket" else clothes.upper, 0.02, PLAIN)
        self.chair = add(room.chair, 0.08, PLAIN)
        self.table = add(room.table, 0.12, PLAIN)
        self.dark = add((0.06, 0.06, 0.07), 0.5, PLAIN)
        self.prop = add(_PROP_COLOURS.get(performance.prop or "", (0.35, 0.6, 0.75)), 0.6, PLAIN)

    def _material(self, colour: Colour, gloss: float, coat: int) -> int:
        self.materials.append(Material(colour, gloss, coat))
        return len(self.materials) - 1

    def assemble(self, pose: Pose, frames: slice) -> Assembly:
        """All solids for the frames of `pose`; `frames` are their places in the performance."""
        out = Assembly(len(pose.joints))
        self._head(out, pose)
        self._hair(out, pose)
        self._hat(out, pose)
        self._trunk(out, pose)
        for side in ("left", "right"):
            self._arm(out, pose, side)
            self._hand(out, pose, side)
            self._leg(out, pose, side)
        if self.performance.seated:
            self._chair(out, pose)
        if self.performance.table is not None:
            self._table(out, pose, self.performance.table)
        if self.performance.prop is not None and self.performance.prop_position is not None:
            self._prop(out, pose, self.performance.prop, np.asarray(self.performance.prop_position[frames], float))
        return out

    def _head(self, out: Assembly, pose: Pose) -> None:
        size, r = self.performance.body.lengths, self.performance.body.radii
        h, w, d = size["head_height"], size["head_width"], size["head_depth"]
        axes = pose.head
        for solid in body_solids(self.performance.body):
            if solid.frame != "head":
                continue
            centre = np.broadcast_to(np.array(solid.centre), (out.frames, 3)).copy()
            if solid.name == "jaw":  # the jaw drops by half of what the chin does
                centre[:, 1] += 0.5 * (self._local(pose, "chin")[:, 1] - self._rest_chin)
            out.ellipsoid(pose.place(solid.anchor, axes, centre), axes, solid.semi_axes, self.face)
        nose = self._local(pose, "nose")
        tip = nose - np.array([0.0, 0.0, 0.06 * d])
        bridge = nose + np.array([0.0, 0.13 * h, -0.165 * d])
        out.cone(pose.place("head", axes, bridge), pose.place("head", axes, tip), 0.032 * h, 0.056 * h, self.face)
        for sign in (1.0, -1.0):
            wing = tip + np.array([sign * 0.075 * w, -0.012 * h, -0.055 * d])
            out.ellipsoid(pose.place("head", axes, wing), axes, (0.062 * w, 0.036 * h, 0.055 * d), self.face)
        puff = pose.channel("cheeks_puffed")
        for side, sign in (("left", 1.0), ("right", -1.0)):
            cheek = self._local(pose, f"{side}_cheek")
            core, radii = cheek_solid(sign * cheek[:, 0], cheek[:, 1], cheek[:, 2], puff, w, d)
            middle = pose.place("head", axes, np.column_stack((sign * core[0], *core[1:])))
            out.ellipsoid(middle, axes, np.column_stack(radii), self.face)
            ear = self._local(pose, f"{side}_ear")
            out.ellipsoid(pose.place("head", axes, ear), axes, (0.045 * w, 0.125 * h, 0.075 * d), self.skin)
        base = pose.place("head", axes, (0.0, -0.16 * h, -0.10 * d))
        out.cone(pose.point("neck"), base, 1.06 * r["neck"], 0.98 * r["neck"], self.neck)

    def _local(self, pose: Pose, name: str) -> np.ndarray:
        """A face point along the head's axes from the head's centre, `(T, 3)` metres."""
        return np.einsum("tji,tj->ti", pose.head, pose.point(name) - pose.point("head"))

    def _hair(self, out: Assembly, pose: Pose) -> None:
        size = self.performance.body.lengths
        h, w, d = size["head_height"], size["head_width"], size["head_depth"]
        style, axes = self.appearance.looks.hair_style, pose.head
        if style == "bald":
            return
        thick = {"short": 1.05, "full": 1.17, "bob": 1.13, "long": 1.11, "bun": 1.05}[style]
        if self.appearance.looks.hat != "none":
            thick = min(thick, 1.05)
        more = thick - 1.0  # volume grows up and back, not over the face
        crown = pose.place("head", axes, (0.0, (0.165 + 0.25 * more) * h, -(0.09 + 0.45 * more) * d))
        out.ellipsoid(crown, axes, (0.5 * w * thick, 0.375 * h * thick, 0.485 * d * thick), self.hair)
        if style == "bun":
            bun = pose.place("head", axes, (0.0, 0.36 * h, -0.50 * d))
            out.ellipsoid(bun, axes, (0.22 * w, 0.15 * h, 0.17 * d), self.hair)
        if style not in ("bob", "long"):
            nape = pose.place("head", axes, (0.0, -0.08 * h, -0.24 * d))
            out.ellipsoid(nape, axes, (0.40 * w, 0.24 * h, 0.27 * d), self.hair)
            return
        back = pose.place("head", axes, (0.0, -0.02 * h, -0.20 * d))
        drop = -0.34 if style == "bob" else -0.62
        for sign in (1.0, -1.0):
            top = pose.place("head", axes, (sign * 0.40 * w, 0.16 * h, -0.10 * d))
            end = pose.place("head", axes, (sign * 0.50 * w, drop * h, -0.14 * d))
            out.oval(top, end, axes, (0.17 * w, 0.17 * w, 0.26 * d), 1.0, 0.8, self.hair)
        nape = pose.place("head", axes, (0.0, (drop + 0.06) * h, -0.33 * d))
        out.oval(back, nape, axes, (0.46 * w, 0.3 * h, 0.3 * d), 1.0, 0.72, self.hair)

    def _hat(self, out: Assembly, pose: Pose) -> None:
        kind, axes = self.appearance.looks.hat, pose.head
        if kind == "none":
            return
        size = self.performance.body.lengths
        h, w, d = size["head_height"], size["head_width"], size["head_depth"]
        tall = 0.27 if kind == "cap" else 0.32
        dome = pose.place("head", axes, (0.0, 0.31 * h, -0.03 * d))
        out.ellipsoid(dome, axes, (0.58 * w, tall * h, 0.575 * d), self.hat)
        if kind == "cap":
            visor = pose.place("head", axes, (0.0, 0.235 * h, 0.60 * d))
            tilt = np.array([[1.0, 0.0, 0.0], [0.0, 0.96, -0.28], [0.0, 0.28, 0.96]]).T
            out.ellipsoid(visor, axes @ tilt, (0.42 * w, 0.022 * h, 0.28 * d), self.hat)
        elif kind == "brim":
            brim = pose.place("head", axes, (0.0, 0.26 * h, -0.02 * d))
            out.ellipsoid(brim, axes, (0.92 * w, 0.03 * h, 0.86 * d), self.hat)
        else:
            low = pose.place("head", axes, (0.0, 0.22 * h, -0.03 * d))
            out.ellipsoid(low, axes, (0.57 * w, 0.1 * h, 0.56 * d), self.hat)

    def _trunk(self, out: Assembly, pose: Pose) -> None:
        size, r = self.performance.body.lengths, self.performance.body.radii
        cloth = 1.03 if self.appearance.clothes.top != "jacket" else 1.06
        frames = {"chest": pose.chest, "pelvis": pose.pelvis}
        for solid in body_solids(self.performance.body):
            if solid.frame in frames:
                paint = self.leg if solid.name == "pelvis" else self.trunk
                semi = np.array(solid.semi_axes) * (cloth if paint == self.trunk else 1.02)
                axes = frames[solid.frame]
                out.ellipsoid(pose.place(solid.anchor, axes, solid.centre), axes, semi, paint)
        hull = np.array([r["chest_width"], 0.12 * size["trunk"], r["chest_depth"]]) * 0.985 * cloth
        low = min(r["waist_width"] / r["chest_width"], r["waist_depth"] / r["chest_depth"])
        chest = pose.place("chest", pose.chest, (0.0, 0.04 * size["trunk"], 0.0))
        out.oval(chest, pose.point("spine"), pose.chest, hull, 1.0, low, self.trunk)
        hem = pose.place("pelvis", pose.pelvis, (0.0, 0.05 * size["trunk"], 0.0))
        wide = np.array([r["waist_width"], 0.1 * size["trunk"], r["waist_depth"]]) * cloth
        grow = min(r["pelvis_width"] / r["waist_width"], r["pelvis_depth"] / r["waist_depth"])
        out.oval(pose.point("spine"), hem, pose.chest, wide, 1.0, 1.02 * grow, self.trunk)
        self._shoulders(out, pose, cloth)

    def _shoulders(self, out: Assembly, pose: Pose, cloth: float) -> None:
        size, r = self.performance.body.lengths, self.performance.body.radii
        shoulder, top = r["shoulder"] * cloth, self.appearance.clothes.top
        centre, semi = upper_chest(self.performance.body)
        out.ellipsoid(pose.place("chest", pose.chest, centre), pose.chest, np.array(semi) * cloth, self.trunk)
        neck = pose.point("neck")
        slope = pose.place("neck", pose.chest, (0.0, 0.05 * size["trunk"], -0.01))
        for side in ("left", "right"):
            joint = pose.point(f"{side}_shoulder")
            root = 0.86 * slope + 0.14 * joint
            out.cone(root, joint, 0.92 * r["neck"], 0.80 * shoulder, self.trunk)
        if top == "turtleneck" or (top != "tee" and self.appearance.clothes.tie is not None):
            high, wide = {"shirt": (0.24, 1.16), "jacket": (0.26, 1.18), "turtleneck": (0.6, 1.1)}[top]
            end = neck + high * (pose.point("head") - neck)
            out.cone(
                pose.place("neck", pose.chest, (0.0, 0.0, -0.004)), end, 1.22 * r["neck"], wide * r["neck"], self.collar
            )

    def _arm(self, out: Assembly, pose: Pose, side: str) -> None:
        r, clothes = self.performance.body.radii, self.appearance.clothes
        shoulder, elbow, wrist = (pose.point(f"{side}_{n}") for n in ("shoulder", "elbow", "wrist"))
        bulge = 0.72 * elbow + 0.28 * wrist
        cover = 2.0 * clothes.sleeve  # 1 is the elbow, 2 the wrist
        loose = 1.10 if clothes.top != "jacket" else 1.2
        bare = ((shoulder, elbow, 1.08 * r["upper_arm"], 0.86 * r["upper_arm"]),) if cover < 1.0 else ()
        for a, b, r0, r1 in bare:
            out.cone(a, b, r0, r1, self.skin)
        end = min(cover, 1.0)
        cuff = r["upper_arm"] * (loose * (1.1 - 0.12 * end) + (0.1 if cover < 1.0 else -0.05))
        out.cone(shoulder, shoulder + end * (elbow - shoulder), 1.08 * loose * r["upper_arm"], cuff, self.sleeve)
        out.cone(shoulder, shoulder + 0.2 * (elbow - shoulder), 0.92 * r["shoulder"], 0.9 * r["shoulder"], self.sleeve)
        if cover > 1.0:
            end_point = elbow + (min(cover, 2.0) - 1.0) * (wrist - elbow)
            out.cone(elbow, bulge, loose * 0.9 * r["upper_arm"], loose * r["forearm"], self.sleeve)
            out.cone(bulge, end_point, loose * r["forearm"], (loose + 0.12) * r["wrist"], self.sleeve)
            out.cone(bulge, wrist, 0.9 * r["forearm"], r["wrist"], self.skin)
        else:
            out.cone(elbow, bulge, 0.86 * r["upper_arm"], 1.05 * r["forearm"], self.skin)
            out.cone(bulge, wrist, 1.05 * r["forearm"], r["wrist"], self.skin)

    def _hand(self, out: Assembly, pose: Pose, side: str) -> None:
        r = self.performance.body.radii
        wrist, paint = pose.point(f"{side}_wrist"), self.hand
        finger, palm = r["finger"], r["palm"]
        for k, name in enumerate(_FINGERS):
            scale = (1.0, 1.04, 0.98, 0.84)[k]
            knuckle, mid, tip = (pose.point(f"{side}_{name}_{n}") for n in ("knuckle", "mid", "tip"))
            out.cone(wrist, knuckle, 0.95 * palm, 0.86 * palm * scale, paint)
            out.cone(knuckle, mid, 1.12 * finger * scale, 1.0 * finger * scale, paint)
            out.cone(mid, tip, 1.0 * finger * scale, 0.8 * finger * scale, paint)
        index, pinky = pose.point(f"{side}_index_knuckle"), pose.point(f"{side}_pinky_knuckle")
        out.cone(0.25 * wrist + 0.75 * index, 0.3 * wrist + 0.7 * pinky, 0.9 * palm, 0.86 * palm, paint)
        base, mid, tip = (pose.point(f"{side}_thumb_{n}") for n in ("base", "mid", "tip"))
        out.cone(0.75 * wrist + 0.25 * base, base, 1.05 * palm, 1.1 * palm, paint)
        out.cone(base, 0.5 * base + 0.5 * index, 0.95 * palm, 0.7 * palm, paint)
        out.cone(base, mid, 1.35 * finger, 1.15 * finger, paint)
        out.cone(mid, tip, 1.15 * finger, 0.88 * finger, paint)

    def _leg(self, out: Assembly, pose: Pose, side: str) -> None:
        r, cover = self.performance.body.radii, 2.0 * self.appearance.clothes.trousers
        hip, knee, ankle = (pose.point(f"{side}_{n}") for n in ("hip", "knee", "ankle"))
        heel, toe = pose.point(f"{side}_heel"), pose.point(f"{side}_toe")
        calf = 0.7 * knee + 0.3 * ankle
        out.cone(hip, knee, 1.15 * r["thigh"], 0.80 * r["thigh"], self.leg)
        shin = self.leg if cover > 1.5 else self.skin
        loose = 1.2 if shin == self.leg else 1.0
        out.cone(knee, calf, 0.74 * r["thigh"], loose * r["shin"], shin)
        out.cone(calf, ankle, loose * r["shin"], (1.35 if shin == self.leg else 1.0) * r["ankle"], shin)
        foot = r["foot"]
        ball = 0.28 * heel + 0.72 * toe
        out.cone(heel, ball, 1.0 * foot, 1.05 * foot, self.shoe)
        out.cone(ball, toe, 1.05 * foot, 0.75 * foot, self.shoe)
        out.cone(ankle, 0.5 * ankle + 0.5 * ball, 1.05 * r["ankle"], 0.9 * foot, self.shoe)

    def _at(self, pose: Pose, x: float, y: float, z: float) -> np.ndarray:
        """A point fixed in the world, along the camera's axes."""
        return pose.origin + pose.world @ np.array([x, y, z])

    def _chair(self, out: Assembly, pose: Pose) -> None:
        x, y, z = self._seat
        top = y - 1.05 * self.performance.body.radii["thigh"]
        out.box(self._at(pose, x, top - 0.03, z + 0.06), pose.world, (0.23, 0.03, 0.23), self.chair)
        for dx in (-0.2, 0.2):
            for dz in (-0.14, 0.26):
                foot = self._at(pose, x + 1.1 * dx, 0.0, z + 1.1 * dz)
                out.cone(self._at(pose, x + dx, top - 0.03, z + dz), foot, 0.018, 0.014, self.chair)
        if self.appearance.backdrop.chair_back:
            lean = self.performance.body.radii["pelvis_depth"] + 0.07
            middle = self._at(pose, x, top + 0.40, z - lean - 0.03)
            out.oval(
                middle, self._at(pose, x, top + 0.14, z - lean), pose.world, (0.23, 0.16, 0.028), 1.0, 1.0, self.chair
            )

    def _table(self, out: Assembly, pose: Pose, table: tuple[float, float]) -> None:
        height, edge = table
        out.box(self._at(pose, 0.0, height - 0.02, edge + 0.32), pose.world, (0.8, 0.02, 0.32), self.table)
        if self.appearance.backdrop.panel:
            half = 0.5 * (height - 0.04)
            out.box(self._at(pose, 0.0, half, edge + 0.58), pose.world, (0.76, half, 0.012), self.table)
        else:
            for x in (-0.74, 0.74):
                for z in (0.05, 0.58):
                    leg = self._at(pose, x, height - 0.03, edge + z)
                    out.cone(leg, self._at(pose, x, 0.0, edge + z), 0.025, 0.02, self.table)
        if self.appearance.backdrop.microphone:
            stand, bend = self._at(pose, 0.16, height, edge + 0.3), self._at(pose, 0.14, height + 0.16, edge + 0.2)
            out.cone(stand, bend, 0.006, 0.006, self.dark)
            out.cone(bend, self._at(pose, 0.13, height + 0.2, edge + 0.16), 0.014, 0.018, self.dark)

    def _prop(self, out: Assembly, pose: Pose, prop: str, position: np.ndarray) -> None:
        centre = pose.origin + position @ pose.world.T
        wrists = np.stack((pose.point("left_wrist"), pose.point("right_wrist")), axis=1)
        nearest = np.linalg.norm(wrists - centre[:, None], axis=-1).sum(axis=0).argmin()
        side = ("left", "right")[int(nearest)]
        across = pose.point(f"{side}_index_knuckle") - pose.point(f"{side}_pinky_knuckle")
        across = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
        if prop == "pen":
            out.cone(centre - 0.065 * across, centre + 0.07 * across, 0.003, 0.0045, self.prop)
        elif prop == "ring":
            out.ellipsoid(centre, np.eye(3), (0.011, 0.011, 0.011), self.prop)
        else:
            up = pose.world @ np.array([0.0, 1.0, 0.0])
            out.cone(centre - 0.08 * up, centre + 0.04 * up, 0.03, 0.03, self.prop)
            out.cone(centre + 0.06 * up, centre + 0.11 * up, 0.024, 0.012, self.prop)
