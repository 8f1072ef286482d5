"""Who is filmed, where and how, in each split of a synthetic world: the ranges as data, and draws from them.

The splits differ as real recordings do. Validation is the training domain with other people. The test domain
has other people too, of a wider range of build, and besides shifted cameras, other backgrounds and colours,
livelier people, and ways to rest that training never shows (`TEST_ONLY`).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from microgesture.synthetic.people.body import sample_body
from microgesture.synthetic.people.performance import Body
from microgesture.synthetic.people.rest import REST_POSES, rest_names
from microgesture.synthetic.people.schedule import CROSSED_LEGS, Setting, Style
from microgesture.synthetic.pictures.appearance import AppearanceRanges, Looks, sample_appearance
from microgesture.synthetic.pictures.camera import CameraRanges

SPLITS = ("train", "val", "test")
"""Splits of a world, in the order of their seed streams."""

HAT_SHARE = 0.3
"""Share of clips with a hat: high, because gestures at the hat need one and must not be told by it."""

OVER_TABLE = (6.0, 12.0)
"""With a table, lower and upper elevation of a camera are at least these, degrees: hands on it stay in sight."""

TEST_ONLY = ("armrests_hanging", "belly", "pocket_lap", "table_forward", "front_side", "cup_side")
"""Rest poses that occur in the test domain alone."""


@dataclass(frozen=True)
class StyleRanges:
    """What a person's `Style` is drawn from, uniformly."""

    speed: tuple[float, float] = (0.8, 1.2)
    amplitude: tuple[float, float] = (0.8, 1.2)
    right_handed: tuple[float, float] = (0.3, 0.9)
    fidget: tuple[float, float] = (0.4, 1.6)
    speaking: tuple[float, float] = (0.05, 0.75)
    sway: tuple[float, float] = (0.4, 1.7)
    glance: tuple[float, float] = (0.4, 1.6)


@dataclass(frozen=True)
class Domain:
    """One split's ranges. `seated`, `table` and `crossed` (legs, of the seated) are probabilities; `rests` the rest
    poses that occur, each as often as its weight says; `body` overrides ranges of `sample_body`.

    "clasped" is no rest pose here: resting with folded hands is a gesture of every vocabulary.
    """

    appearance: AppearanceRanges
    camera: CameraRanges
    style: StyleRanges = StyleRanges()
    seated: float = 0.7
    table: float = 0.35
    crossed: float = 0.3
    rests: tuple[str, ...] = tuple(name for name in REST_POSES if name != "clasped")
    body: dict[str, tuple[float, float]] = field(default_factory=dict)

    def camera_for(self, setting: Setting) -> CameraRanges:
        """The cameras of a setting: over a table one films from above its top and not its legs."""
        if not setting.table:
            return self.camera
        low, high = (max(angle, least) for angle, least in zip(self.camera.elevation, OVER_TABLE, strict=True))
        close = tuple(f for f in self.camera.framings if f in ("bust", "waist"))
        return replace(self.camera, elevation=(low, high), framings=close or ("waist",))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, for `world.json`."""
        return asdict(self)


_TRAIN = Domain(
    appearance=replace(AppearanceRanges.for_split("train"), hat=HAT_SHARE),
    camera=CameraRanges(
        azimuth=(-60.0, 40.0),
        elevation=(-12.0, 15.0),
        distance=(1.5, 3.6),
        framings=("bust", "bust", "waist", "waist", "waist", "knees"),
    ),
    style=StyleRanges(speed=(0.75, 1.2), amplitude=(0.75, 1.25)),
    rests=tuple(name for name in REST_POSES if name not in ("clasped", *TEST_ONLY)),
)

DOMAINS: dict[str, Domain] = {
    "train": _TRAIN,
    "val": _TRAIN,
    "test": Domain(
        appearance=replace(AppearanceRanges.for_split("test"), hat=HAT_SHARE),
        camera=CameraRanges(
            azimuth=(-40.0, 60.0),
            elevation=(-2.0, 25.0),
            distance=(2.2, 4.8),
            framings=("bust", "waist", "waist", "knees"),
        ),
        style=StyleRanges(
            speed=(0.9, 1.4),
            amplitude=(0.65, 1.1),
            fidget=(0.6, 1.9),
            speaking=(0.1, 0.85),
            sway=(0.6, 2.0),
            glance=(0.6, 1.9),
        ),
        crossed=0.4,
        body={
            "stature": (1.48, 1.98),
            "build": (0.84, 1.30),
            "arm_scale": (0.95, 1.06),
            "leg_scale": (0.95, 1.06),
            "shoulder_scale": (0.90, 1.12),
            "hip_scale": (0.90, 1.12),
            "head_scale": (0.93, 1.07),
            "neck_scale": (0.82, 1.18),
        },
    ),
}
"""Training, validation (the training domain, other people) and test (other people, places and cameras)."""


@dataclass(frozen=True)
class Subject:
    """One synthetic person: body, looks and way of moving stay the same in all their clips."""

    name: str
    body: Body
    looks: Looks
    style: Style


def draw_subject(rng: np.random.Generator, domain: Domain, name: str) -> Subject:
    """Draw a person of a domain."""
    ranges = domain.style
    style = Style(
        speed=float(rng.uniform(*ranges.speed)),
        amplitude=float(rng.uniform(*ranges.amplitude)),
        right_handed=float(rng.uniform(*ranges.right_handed)),
        fidget=float(rng.uniform(*ranges.fidget)),
        speaking=float(rng.uniform(*ranges.speaking)),
        sway=float(rng.uniform(*ranges.sway)),
        glance=float(rng.uniform(*ranges.glance)),
    )
    body = sample_body(rng, **domain.body)
    return Subject(name, body, sample_appearance(rng, domain.appearance).looks, style)


def draw_setting(
    rng: np.random.Generator, domain: Domain, seated: bool | None = None, table: bool | None = None
) -> Setting:
    """Draw where a person is; `seated` and `table` fix what a motion demands."""
    sits, behind, choice, crossed = rng.random() < domain.seated, rng.random() < domain.table, *rng.random(2)
    sits = bool(sits if seated is None else seated)
    behind = bool(behind if table is None else table)
    possible = [rest for rest in domain.rests if rest in rest_names(sits, behind)] or list(rest_names(sits, behind))
    weights = np.cumsum([max(REST_POSES[rest].weight, 1e-3) for rest in possible])
    rest = possible[int(np.searchsorted(weights, choice * weights[-1], side="right"))]
    others = [name for name in possible if name != rest]
    also = rng.permutation(len(others))[: int(rng.integers(5))]
    legs = ""
    if sits and crossed < domain.crossed:
        legs = CROSSED_LEGS[int(crossed / domain.crossed * len(CROSSED_LEGS))]
    return Setting(sits, behind, rest, tuple(others[i] for i in also), legs)
