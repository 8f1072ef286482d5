"""Who is filmed, where and how, in each split of a synthetic world: the ranges as data, and draws from them.

The splits differ as real recordings do. Validation is the training domain with other people. The test domain
has other people too, and besides shifted cameras, other backgrounds and colours, and livelier people.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from microgesture.synthetic.appearance import AppearanceRanges, Looks, sample_appearance
from microgesture.synthetic.body import sample_body
from microgesture.synthetic.camera import CameraRanges
from microgesture.synthetic.performance import Body
from microgesture.synthetic.rest import rest_names
from microgesture.synthetic.schedule import Setting, Style

SPLITS = ("train", "val", "test")
"""Splits of a world, in the order of their seed streams."""

HAT_SHARE = 0.3
"""Share of clips with a hat: high, because gestures at the hat need one and must not be told by it."""

OVER_TABLE = (6.0, 12.0)
"""With a table, lower and upper elevation of a camera are at least these, degrees: hands on it stay in sight."""


@dataclass(frozen=True)
class StyleRanges:
    """What a person's `Style` is drawn from, uniformly."""

    speed: tuple[float, float] = (0.8, 1.2)
    amplitude: tuple[float, float] = (0.8, 1.2)
    right_handed: tuple[float, float] = (0.3, 0.9)
    fidget: tuple[float, float] = (0.5, 1.4)
    speaking: tuple[float, float] = (0.1, 0.7)


@dataclass(frozen=True)
class Domain:
    """One split's ranges. `seated` and `table` are probabilities; `rests` the rest poses that occur.

    "clasped" is no rest pose here: resting with folded hands is a gesture of every vocabulary.
    """

    appearance: AppearanceRanges
    camera: CameraRanges
    style: StyleRanges = StyleRanges()
    seated: float = 0.7
    table: float = 0.35
    rests: tuple[str, ...] = ("lap", "thighs", "armrests", "sides", "table")

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
        azimuth=(-45.0, 30.0),
        elevation=(-6.0, 12.0),
        distance=(1.7, 3.4),
        framings=("bust", "waist", "waist", "knees"),
    ),
    style=StyleRanges(speed=(0.75, 1.15), amplitude=(0.85, 1.2)),
)

DOMAINS: dict[str, Domain] = {
    "train": _TRAIN,
    "val": _TRAIN,
    "test": Domain(
        appearance=replace(AppearanceRanges.for_split("test"), hat=HAT_SHARE),
        camera=CameraRanges(
            azimuth=(-25.0, 50.0),
            elevation=(2.0, 20.0),
            distance=(2.4, 4.6),
            framings=("bust", "waist", "waist", "knees"),
        ),
        style=StyleRanges(speed=(0.9, 1.35), amplitude=(0.75, 1.1)),
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
    )
    return Subject(name, sample_body(rng), sample_appearance(rng, domain.appearance).looks, style)


def draw_setting(
    rng: np.random.Generator, domain: Domain, seated: bool | None = None, table: bool | None = None
) -> Setting:
    """Draw where a person is; `seated` and `table` fix what a motion demands."""
    sits, behind, choice = rng.random() < domain.seated, rng.random() < domain.table, rng.random()
    sits = bool(sits if seated is None else seated)
    behind = bool(behind if table is None else table)
    possible = [rest for rest in domain.rests if rest in rest_names(sits, behind)]
    if not possible:
        possible = list(rest_names(sits, behind))
    return Setting(sits, behind, possible[int(choice * len(possible))])
