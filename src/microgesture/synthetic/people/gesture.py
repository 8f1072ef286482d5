"""The words that motions are written in: reaches, strokes, drives; and the draw that varies each occurrence.

A motion is a function `Draw -> Gesture`. A `Gesture` says which hand goes where on the body with which shape
(`Reach`), how it moves there (`Stroke`), and what trunk, head, shoulders, legs and face do (`Drive`). It says
nothing about bodies, joints or frames of video: `motion.perform` turns it into movement. All timing, side,
repetition and size come from the shared draws of `Draw`, so that no class has a tempo or a side of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np

from microgesture.synthetic.people.performance import FACE, Body
from microgesture.synthetic.people.schedule import GROUPS, MotionSpec, Setting, Style
from microgesture.synthetic.people.surface import Site

T = TypeVar("T")
Vector = tuple[float, float, float]


def plus(a: Vector, b: Vector) -> Vector:
    """Sum of two vectors."""
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def minimum_jerk(x: np.ndarray) -> np.ndarray:
    """Flash and Hogan (1985): 10 x^3 - 15 x^4 + 6 x^5 on [0, 1], constant outside."""
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (10.0 + x * (6.0 * x - 15.0))


@dataclass(frozen=True)
class Stroke:
    """Repeated movement during the hold: `size` metres along (up, across, off) the site, `frequency` Hz.

    `cycles` strokes make a bout, after which the hand pauses (inf: no pause until release). `lift` metres is how far
    the hand leaves the surface on the way back; `curl` radians how much the fingers bend with it. `phase` radians.
    """

    size: Vector = (0.0, 0.0, 0.0)
    frequency: float = 2.0
    cycles: float = np.inf
    lift: float = 0.0
    curl: float = 0.0
    phase: float = 0.0


@dataclass(frozen=True)
class Reach:
    """One hand goes to a site.

    `part` of the hand (see `hands.contact_point`) touches the site; `fingers` and `palm` are the directions in
    which fingers point and the palm faces, along the axes of the chest (or head, for sites on the head), x > 0
    to the hand's own side. `offset` metres moves the place along (up, across, off) the site; `drift` is
    added to it gradually during the hold. `via` metres bends the way there (out, up, forward). `elbow` raises
    the elbow sideways, 0 hanging to 1 level. `contact` says that the part lies on the surface in the hold;
    a hand that hooks `around` what it touches is turned as written, not by the surface. The way to a place
    `behind` the body leads past the hip of the hand's own side.
    """

    site: Site
    part: str
    shape: str
    fingers: Vector
    palm: Vector
    offset: Vector = (0.0, 0.0, 0.0)
    drift: Vector = (0.0, 0.0, 0.0)
    stroke: Stroke | None = None
    via: Vector = (0.03, 0.0, 0.06)
    elbow: float = 0.0
    contact: bool = True
    around: bool = False
    behind: bool = False


@dataclass(frozen=True)
class Drive:
    """One channel of `kinematics.Rig` moves by `size` and comes back: `channel`, `index` into it after time.

    With `frequency` 0 it is held from attack to release; otherwise it swings around `size * offset` with that
    frequency (Hz), in bouts of `cycles` with pauses between. `delay` starts it later, as a share of the event. With
    `to` it is held at the value `size`, wherever the channel was, instead of being moved by it.
    """

    channel: str
    index: tuple[int, ...]
    size: float
    frequency: float = 0.0
    cycles: float = np.inf
    offset: float = 0.0
    phase: float = 0.0
    delay: float = 0.0
    to: bool = False


@dataclass(frozen=True)
class Gesture:
    """One drawn occurrence: `reaches` by side (0 left, 1 right), `drives`, seconds of `attack` and `release`,
    and the `prop` that the hand of `prop_side` plays with, if any."""

    reaches: dict[int, Reach] = field(default_factory=dict)
    drives: tuple[Drive, ...] = ()
    attack: float = 0.5
    release: float = 0.5
    prop: str | None = None
    prop_side: int = 0


def face(
    channel: str, size: float, frequency: float = 0.0, offset: float = 0.0, phase: float = 0.0, delay: float = 0.0
) -> Drive:
    """Drive of a face channel by name."""
    return Drive("face", (FACE.index(channel),), size, frequency, np.inf, offset, phase, delay)


class Draw:
    """Random choices of one occurrence, from its own seed, and the habits that all motions share.

    `prop` is the object that this person has at hand and the side it is on, once that is known.
    """

    def __init__(
        self, seed: int, body: Body, setting: Setting, style: Style, prop: tuple[str, int] | None = None
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.body, self.setting, self.style, self.prop = body, setting, style, prop
        self.attack, self.release = self.u(0.42, 0.85) / style.speed, self.u(0.42, 0.90) / style.speed
        self.side = 1 if self.rng.random() < style.right_handed else 0

    def u(self, low: float, high: float) -> float:
        """Uniform number."""
        return float(self.rng.uniform(low, high))

    def chance(self, p: float) -> bool:
        """True with probability `p`."""
        return bool(self.rng.random() < p)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def size(self, low: float, high: float) -> float:
        """Uniform number scaled by the person's amplitude."""
        return self.u(low, high) * self.style.amplitude

    def spot(self, *sites: Site) -> Site:
        """A place drawn evenly from the hull of some sites of one frame; one site is that site."""
        if len(sites) == 1:
            return sites[0]
        w = self.rng.dirichlet(np.ones(len(sites)))
        at = np.sum([wi * np.array(s.at) for wi, s in zip(w, sites, strict=True)], axis=0)
        along = float(np.dot(w, [s.along for s in sites]))
        return replace(sites[0], at=(float(at[0]), float(at[1]), float(at[2])), along=along)

    def around(self, spread: float = 0.012) -> Vector:
        """Small displacement along the surface, metres."""
        return (self.u(-spread, spread), self.u(-spread, spread), 0.0)

    def near(self, direction: Vector, degrees: float = 12.0) -> Vector:
        """A direction turned a little at random."""
        v = np.array(direction) / np.linalg.norm(direction)
        v = v + self.rng.normal(size=3) * np.radians(degrees) / np.sqrt(3)
        return (float(v[0]), float(v[1]), float(v[2]))

    def touch(self, reach: Reach, scale: float = 1.0) -> Reach:
        """The habit shared by all touches: lie still, slide slowly, rub, scratch or tap, at any place."""
        kind = self.rng.random()
        reach = replace(reach, fingers=self.near(reach.fingers), palm=self.near(reach.palm))
        size = self.size(0.006, 0.018) * scale
        angle = self.u(0.0, np.pi)
        along = (float(size * np.cos(angle)), float(size * np.sin(angle)), 0.0)
        if kind < 0.30:
            return reach
        if kind < 0.50:
            drift = (along[0] * 1.5, along[1] * 1.5, 0.0)
            return replace(reach, drift=drift)
        cycles = float(self.rng.integers(1, 7)) if self.chance(0.7) else np.inf
        frequency = self.u(1.2, 4.2) * self.style.speed
        if kind < 0.75:
            return replace(reach, stroke=Stroke(along, frequency, cycles))
        if kind < 0.93:
            return replace(reach, stroke=Stroke(along, frequency, cycles, curl=self.u(0.10, 0.30)))
        return replace(reach, stroke=Stroke((0.0, 0.0, 0.0), frequency, cycles, lift=self.size(0.012, 0.03)))

    def rhythm(self, low: float = 0.8, high: float = 3.2, most: int = 9) -> tuple[float, float]:
        """Frequency in Hz and repetitions in a bout of a movement that is repeated; endless at times."""
        cycles = float(self.rng.integers(1, most)) if self.chance(0.7) else np.inf
        return self.u(low, high) * self.style.speed, cycles

    def scratch(self, reach: Reach, scale: float = 1.0) -> Reach:
        """Scratching or rubbing at a place: short strokes along any direction of the skin, the fingers bending."""
        size, angle = self.size(0.006, 0.018) * scale, self.u(0.0, np.pi)
        along = (float(size * np.cos(angle)), float(size * np.sin(angle)), 0.0)
        stroke = Stroke(along, *self.rhythm(1.2, 4.2, 7), curl=self.u(0.0, 0.30))
        return replace(reach, stroke=stroke, fingers=self.near(reach.fingers), palm=self.near(reach.palm))

    def incline(self, side: int, share: float = 1.0) -> tuple[Drive, ...]:
        """The head comes to meet the hand, more or less, or not at all."""
        if self.chance(0.25):
            return ()
        towards = 1.0 if side == 1 else -1.0
        return (
            Drive("head", (0,), self.u(-0.04, 0.26) * share),
            Drive("head", (1,), self.u(-0.18, 0.18) * share),
            Drive("head", (2,), towards * self.u(-0.04, 0.20) * share),
            Drive("trunk", (0,), self.u(-0.01, 0.08) * share),
        )

    def gesture(self, reaches: dict[int, Reach], *drives: Drive, way: float = 1.0) -> Gesture:
        """The occurrence, with the drawn attack and release, times `way` where the hands have a long way."""
        return Gesture(reaches, tuple(drives), self.attack * way, self.release * way)


Motion = Callable[[Draw], Gesture]

MOTIONS: dict[str, MotionSpec] = {}
"""Every motion of the library by key; filled by the modules `gestures_*`, complete in `synthetic.people.motion`."""

DRAWN: dict[str, Motion] = {}
"""The function that draws an occurrence of each motion."""

BRIEF = (1.0, 4.5)
"""Seconds that touches and small movements take, whatever they touch."""

POSTURE = (1.5, 8.0)
"""Seconds that postures of arms, legs and trunk are kept."""


def motion(
    key: str,
    group: str,
    duration: tuple[float, float] = BRIEF,
    *,
    seated_only: bool = False,
    standing_only: bool = False,
    **labels: str,
) -> Callable[[Motion], Motion]:
    """Enter a function into the library: `labels` are `vocabulary="class name"`."""
    if group not in GROUPS or key in MOTIONS:
        raise ValueError(f"motion '{key}': unknown group '{group}' or key taken")

    def enter(function: Motion) -> Motion:
        MOTIONS[key] = MotionSpec(key, group, duration, dict(labels), seated_only, standing_only)
        DRAWN[key] = function
        return function

    return enter
