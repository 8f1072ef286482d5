"""Proportions and shape of synthetic adults: bone lengths, thicknesses, and the solids that make the surface.

Segment lengths follow Drillis and Contini (1966), given as fractions of stature; breadths and depths are
round adult averages. The solids of `solids` are the one truth about the surface of head and trunk: fingers
touch it, and a renderer that draws it shows fingers that touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microgesture.errors import DataError
from microgesture.synthetic.people.performance import Body

RANGES: dict[str, tuple[float, float]] = {
    "stature": (1.54, 1.92),
    "build": (0.88, 1.22),
    "arm_scale": (0.97, 1.03),
    "leg_scale": (0.97, 1.03),
    "shoulder_scale": (0.93, 1.08),
    "hip_scale": (0.93, 1.08),
    "head_scale": (0.96, 1.05),
    "neck_scale": (0.88, 1.12),
}
"""What `sample_body` draws, each uniformly; stature in metres, the others multipliers."""

_LENGTHS = {
    "upper_arm": 0.172,
    "forearm": 0.150,
    "hand": 0.105,
    "thigh": 0.245,
    "shin": 0.246,
    "foot": 0.152,
    "ankle_height": 0.039,
    "trunk": 0.292,
    "neck": 0.052,
    "shoulder_width": 0.214,
    "hip_width": 0.104,
    "head_height": 0.131,
    "head_width": 0.089,
    "head_depth": 0.112,
}
_RADII = {
    "upper_arm": 0.0260,
    "forearm": 0.0225,
    "wrist": 0.0155,
    "thigh": 0.0450,
    "shin": 0.0290,
    "ankle": 0.0215,
    "foot": 0.0220,
    "chest_width": 0.0900,
    "chest_depth": 0.0640,
    "waist_width": 0.0800,
    "waist_depth": 0.0590,
    "pelvis_width": 0.0950,
    "pelvis_depth": 0.0660,
    "shoulder": 0.0330,
    "neck": 0.0320,
    "palm": 0.0080,
    "finger": 0.0045,
}


def sample_body(rng: np.random.Generator, **ranges: tuple[float, float]) -> Body:
    """Draw one adult. `ranges` overrides entries of `RANGES`, e.g. `stature=(1.7, 1.7)`.

    `lengths`, metres, joint to joint: `stature`; `upper_arm` shoulder-elbow; `forearm` elbow-wrist; `hand`
    wrist to the tip of the middle finger; `thigh` hip-knee; `shin` knee-ankle; `foot` heel to toe;
    `ankle_height` ankle above the sole; `trunk` pelvis to base of the neck (`pelvis_spine + spine_chest +
    chest_neck`); `neck` base of the neck to the base of the skull; `skull_base` from there up to the head's
    centre; `shoulder_width` between the shoulder joints; `hip_width` between the hip joints; `head_height`
    chin to top; `head_width`; `head_depth` forehead to back of the head.

    `radii`, metres, half thicknesses: `upper_arm`, `forearm` (below the elbow), `wrist`, `thigh` (middle),
    `shin` (calf), `ankle`, `foot`, `shoulder` (deltoid), `neck`, `palm` (half the palm's thickness),
    `finger`; half breadths and half depths of the trunk: `chest_width`, `chest_depth`, `waist_width`,
    `waist_depth`, `pelvis_width`, `pelvis_depth`.

    Raises `DataError` for an unknown range or one whose lower end is above its upper end.
    """
    drawn = {}
    for key in ranges:
        if key not in RANGES:
            raise DataError(f"sample_body: unknown range '{key}', known are {', '.join(RANGES)}")
    for key, default in RANGES.items():
        low, high = ranges.get(key, default)
        if not 0 < low <= high:
            raise DataError(f"sample_body: range {key}=({low}, {high}) is empty or not positive")
        drawn[key] = float(rng.uniform(low, high))
    stature, build = drawn["stature"], drawn["build"]
    lengths = {key: value * stature for key, value in _LENGTHS.items()}
    for key in ("upper_arm", "forearm", "hand"):
        lengths[key] *= drawn["arm_scale"]
    for key in ("thigh", "shin"):
        lengths[key] *= drawn["leg_scale"]
    lengths["shoulder_width"] *= drawn["shoulder_scale"]
    lengths["hip_width"] *= drawn["hip_scale"]
    lengths["neck"] *= drawn["neck_scale"]
    for key in ("head_height", "head_width", "head_depth"):
        # heads vary much less than statures do
        lengths[key] *= drawn["head_scale"] * (1.0 + 0.5 * (1.73 / stature - 1.0))
    lengths["stature"] = stature
    lengths["skull_base"] = 0.42 * lengths["head_height"]
    lengths["pelvis_spine"] = 0.40 * lengths["trunk"]
    lengths["spine_chest"] = 0.30 * lengths["trunk"]
    lengths["chest_neck"] = 0.30 * lengths["trunk"]
    radii = {key: value * stature * build for key, value in _RADII.items()}
    for key in ("wrist", "palm", "finger", "ankle", "foot", "neck", "shoulder"):
        radii[key] /= np.sqrt(build)  # bony parts grow less with weight
    radii["chest_width"] *= np.sqrt(drawn["shoulder_scale"] / build)
    radii["pelvis_width"] *= np.sqrt(drawn["hip_scale"] / build)
    # the arm hangs beside the chest, not in it
    radii["chest_width"] = min(radii["chest_width"], 0.5 * lengths["shoulder_width"] - 0.012)
    return Body({k: float(v) for k, v in lengths.items()}, {k: float(v) for k, v in radii.items()})


@dataclass(frozen=True)
class Ellipsoid:
    """One solid of the surface: `centre (3,)` from joint `anchor` and `semi_axes (3,)`, both metres and along
    the axes of `frame` ("head": `Performance.head_rotation`, "chest": `Performance.chest_rotation`,
    "pelvis": the pelvis, turned by half of what the chest is)."""

    name: str
    anchor: str
    frame: str
    centre: tuple[float, float, float]
    semi_axes: tuple[float, float, float]


def solids(body: Body) -> tuple[Ellipsoid, ...]:
    """Head and trunk as ellipsoids: cranium, jaw, chest, waist, pelvis. The neck is a capsule of radius
    `radii["neck"]` from joint "neck" to the base of the skull; limbs are capsules along their bones."""
    size, r = body.lengths, body.radii
    height, width, depth = size["head_height"], size["head_width"], size["head_depth"]
    trunk = size["trunk"]
    return (
        Ellipsoid(
            "cranium", "head", "head", (0.0, 0.12 * height, -0.02 * depth), (width / 2, 0.38 * height, depth / 2)
        ),
        Ellipsoid(
            "jaw", "head", "head", (0.0, -0.20 * height, 0.10 * depth), (0.40 * width, 0.30 * height, 0.38 * depth)
        ),
        Ellipsoid("chest", "chest", "chest", (0.0, 0.0, 0.0), (r["chest_width"], 0.38 * trunk, r["chest_depth"])),
        Ellipsoid("waist", "spine", "chest", (0.0, 0.0, 0.0), (r["waist_width"], 0.36 * trunk, r["waist_depth"])),
        Ellipsoid("pelvis", "pelvis", "pelvis", (0.0, 0.02, 0.0), (r["pelvis_width"], 0.25 * trunk, r["pelvis_depth"])),
    )


def head_points(body: Body) -> dict[str, np.ndarray]:
    """Points of face and skull from the head's centre, along the head's axes, face at rest: name -> (3,)."""
    h, w, d = body.lengths["head_height"], body.lengths["head_width"], body.lengths["head_depth"]
    points = {
        "head_top": (0.0, 0.50 * h, -0.02 * d),
        "head_back": (0.0, 0.12 * h, -0.52 * d),
        "forehead": (0.0, 0.26 * h, 0.445 * d),
        "nose": (0.0, -0.10 * h, 0.585 * d),
        "upper_lip": (0.0, -0.235 * h, 0.485 * d),
        "lower_lip": (0.0, -0.285 * h, 0.475 * d),
        "chin": (0.0, -0.44 * h, 0.33 * d),
    }
    for side, sign in (("left", 1.0), ("right", -1.0)):
        points[f"{side}_eye"] = (sign * 0.205 * w, 0.06 * h, 0.44 * d)
        points[f"{side}_brow"] = (sign * 0.215 * w, 0.135 * h, 0.445 * d)
        points[f"{side}_ear"] = (sign * 0.505 * w, 0.00 * h, -0.04 * d)
        points[f"{side}_cheek"] = (sign * 0.33 * w, -0.11 * h, 0.34 * d)
        points[f"{side}_mouth"] = (sign * 0.155 * w, -0.26 * h, 0.445 * d)
    return {name: np.array(value) for name, value in points.items()}
