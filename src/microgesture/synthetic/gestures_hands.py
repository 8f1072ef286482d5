"""Motions of the hands with each other, with objects, and in the air while speaking."""

from __future__ import annotations

from dataclasses import replace

from microgesture.synthetic.gesture import POSTURE, Draw, Drive, Gesture, Reach, Stroke, Vector, face, motion
from microgesture.synthetic.surface import Site


def _meeting_place(d: Draw, high: bool = False, height: float = 0.045) -> Site:
    """Where two hands meet: `height` above the table, above the lap, before the belly, or before the chest."""
    x = d.u(-0.05, 0.05)
    if high and d.chance(0.6):
        return Site("space", (x, d.u(-0.05, 0.12), d.u(0.22, 0.30)))
    if d.setting.table:
        return Site("above_table", (x, height, d.u(0.06, 0.14)))
    low, top = (-0.24, -0.10) if d.setting.seated else (-0.36, -0.12)
    return Site("space", (x, d.u(low, top), d.u(0.20, 0.28)))


def _meet(
    d: Draw,
    site: Site,
    part: str,
    shape: str,
    fingers: Vector,
    palm: Vector,
    apart: tuple[Vector, Vector],
    strokes: tuple[Stroke | None, Stroke | None] = (None, None),
) -> dict[int, Reach]:
    """Both hands at one place; `apart` are metres (to own side, up, forward) of the leading and other hand."""
    reaches = {}
    for side, shift, stroke in ((d.side, apart[0], strokes[0]), (1 - d.side, apart[1], strokes[1])):
        x, y, z = site.at
        own = Site(site.frame, (x if side == d.side else -x, y, z))
        offset = (shift[1], shift[0], shift[2])
        reaches[side] = Reach(own, part, shape, fingers, palm, offset=offset, stroke=stroke, contact=False)
    return reaches


def _both(d: Draw, scale: float) -> tuple[Stroke | None, Stroke | None]:
    """The repetition that all hand-in-hand motions share: none, or both hands against each other."""
    frequency = d.u(0.8, 3.2) * d.style.speed
    cycles = float(d.rng.integers(2, 9)) if d.chance(0.6) else float("inf")
    size = (d.size(0.0, 0.012) * scale, 0.0, d.size(0.004, 0.022) * scale)
    first = Stroke(size, frequency, cycles)
    return first, replace(first, phase=3.14159)


@motion("rub_hands", "hands", POSTURE, imigue="Rubbing or holding hands")
def rub_hands(d: Draw) -> Gesture:
    """Palms rubbed, one hand stroking the other, or one hand held in the other."""
    return _rub(d)


def _rub(d: Draw) -> Gesture:
    site = _meeting_place(d)
    thick = 1.15 * d.body.radii["palm"]
    kind = d.rng.random()
    if kind < 0.40:  # palm on palm
        fingers, palm = d.near((-0.25, 0.35, 0.9), 10), (-1.0, 0.0, -0.1)
        apart = ((thick, 0.0, 0.0), (thick, 0.0, 0.0))
        reaches = _meet(d, site, "palm", "flat", fingers, palm, apart, _both(d, 1.3))
    else:  # one hand over the back of the other, still or stroking
        fingers, palm = d.near((-0.85, 0.15, 0.45), 8), d.near((-0.25, -0.6, -0.7), 8)
        apart = ((-0.01, 0.6 * thick + 0.012, 0.9 * thick + 0.012), (0.0, -0.6 * thick, -0.9 * thick))
        strokes = _both(d, 1.0) if kind < 0.75 else (None, None)
        reaches = _meet(d, site, "palm", "cup", fingers, palm, apart, (strokes[0], None))
        under = reaches[1 - d.side]
        reaches[1 - d.side] = replace(under, shape=d.pick(("loose_fist", "relaxed", "flat")))
        reaches[d.side] = replace(reaches[d.side], shape=d.pick(("cup", "grip")))
    return d.gesture(reaches, *_attend(d))


def _attend(d: Draw) -> tuple[Drive, ...]:
    """Now and then the eyes go to the hands."""
    if d.chance(0.5):
        return ()
    return (Drive("head", (0,), d.u(-0.03, 0.20)), Drive("trunk", (0,), d.u(-0.02, 0.06)))


@motion("cross_fingers", "hands", POSTURE, imigue="Crossing fingers")
def cross_fingers(d: Draw) -> Gesture:
    """Fingers interlaced, still or with a play of the fingers."""
    return _interlace(d)


def _interlace(d: Draw) -> Gesture:
    site = _meeting_place(d, high=d.chance(0.3))
    half = 0.5 * 0.09 * d.body.lengths["hand"] / 2
    fingers, palm = d.near((-0.62, d.u(0.0, 0.35), 0.75), 6), d.near((-0.78, -0.1, -0.55), 6)
    apart = ((0.004, half, 0.0), (0.004, -half, 0.0))
    play = None
    if d.chance(0.5):
        play = Stroke((0.0, 0.0, 0.0), d.u(0.8, 3.2) * d.style.speed, float(d.rng.integers(1, 9)), curl=d.u(0.08, 0.25))
    reaches = _meet(d, site, "fingers", "interlaced", fingers, palm, apart, (play, play))
    return d.gesture(reaches, *_attend(d))


@motion("rub_hands_or_cross_fingers", "hands", POSTURE, smg="Rubbing hands and crossing finger")
def rub_hands_or_cross_fingers(d: Draw) -> Gesture:
    """SMG's class for both."""
    return _rub(d) if d.chance(0.6) else _interlace(d)


@motion("steeple", "hands", POSTURE, imigue="Minaret gesture")
def steeple(d: Draw) -> Gesture:
    """Fingertips of both hands against each other, palms apart: a steeple, upright or tipped forwards."""
    rise = d.u(0.35, 0.95)
    site = _meeting_place(d, high=True, height=0.045 + 0.10 * rise)
    fingers = d.near((-0.50, rise, 0.75 - 0.5 * rise), 6)
    palm = d.near((-0.85, -0.25, -0.35), 6)
    gap = d.body.radii["finger"]
    apart = ((gap, 0.0, 0.0), (gap, 0.0, 0.0))
    tap = None
    if d.chance(0.4):
        cycles = float(d.rng.integers(1, 9))
        tap = Stroke((0.0, d.size(0.002, 0.012), 0.0), d.u(0.8, 3.2) * d.style.speed, cycles, curl=d.u(0.0, 0.15))
    return d.gesture(_meet(d, site, "tips", "steeple", fingers, palm, apart, (tap, tap)), *_attend(d))


@motion(
    "play_object",
    "hands",
    POSTURE,
    imigue="Playing or manipulating objects",
    smg="Playing with jewelry, and manipulating other objects",
)
def play_object(d: Draw) -> Gesture:
    """A pen turned in the fingers, a ring twisted on its finger, a bottle on the table turned to and fro."""
    prop, side = d.prop or (d.pick(("pen", "ring", "bottle") if d.setting.table else ("pen", "ring")), d.side)
    frequency, cycles = d.u(0.8, 3.2) * d.style.speed, float(d.rng.integers(2, 12))
    if prop == "bottle":
        reaches = _turn_bottle(d, side, frequency, cycles)
    elif prop == "ring":
        reaches = _twist_ring(d, side, frequency, cycles)
    else:
        reaches = _turn_pen(d, side, frequency, cycles)
    return replace(d.gesture(reaches, *_attend(d)), prop=prop, prop_side=side)


BOTTLE_AT = (0.15, 0.0, 0.12)
"""Where a bottle stands on the table, before the side of the hand that plays with it."""

BOTTLE_RADIUS = 0.030
BOTTLE_CENTRE = 0.08  # above the table, metres


def _turn_bottle(d: Draw, side: int, frequency: float, cycles: float) -> dict[int, Reach]:
    site = Site("above_table", (BOTTLE_AT[0], d.u(0.06, 0.10), BOTTLE_AT[2]))
    turn = Stroke((d.size(0.0, 0.01), d.size(0.003, 0.010), d.size(0.004, 0.012)), frequency, cycles)
    hold = Reach(site, "palm", "grip", (-0.65, 0.2, 0.75), (-0.95, 0.0, 0.1), stroke=turn, contact=False)
    reaches = {side: replace(hold, offset=(0.0, BOTTLE_RADIUS + 0.012, -0.015))}
    if d.chance(0.3):
        mirrored = replace(site, at=(-BOTTLE_AT[0], d.u(0.06, 0.12), BOTTLE_AT[2]))
        other = replace(hold, site=mirrored, offset=(0.0, BOTTLE_RADIUS + 0.012, -0.015), stroke=None)
        reaches[1 - side] = other
    return reaches


def _twist_ring(d: Draw, side: int, frequency: float, cycles: float) -> dict[int, Reach]:
    """The hand of `side` wears the ring; the other turns it between thumb and finger."""
    site = _meeting_place(d, height=0.05)
    fingers, palm = d.near((-0.85, 0.0, 0.5), 8), d.near((-0.2, -0.6, -0.75), 8)
    worn = Reach(site, "ring_mid", "relaxed", fingers, palm, contact=False)
    twist = Stroke((d.size(0.002, 0.008), 0.0, d.size(0.002, 0.008)), frequency, cycles, curl=d.u(0.05, 0.25))
    at = replace(site, at=(-site.at[0], site.at[1], site.at[2]))
    turner = Reach(
        at, "pinch", "precision", d.near((-0.75, -0.35, 0.55), 8), (-0.35, -0.8, -0.45), stroke=twist, contact=False
    )
    return {side: worn, 1 - side: replace(turner, offset=(0.012, 0.0, 0.0))}


def _turn_pen(d: Draw, side: int, frequency: float, cycles: float) -> dict[int, Reach]:
    twirl = Stroke((d.size(0.0, 0.02), d.size(0.0, 0.02), d.size(0.0, 0.01)), frequency, cycles, curl=d.u(0.1, 0.35))
    site = _meeting_place(d, height=0.06)
    pinch = Reach(site, "pinch", "precision", (-0.6, 0.15, 0.8), (-0.75, -0.35, -0.5), stroke=twirl, contact=False)
    if d.chance(0.5):  # both hands: one holds, the other turns the far end
        apart = d.u(0.015, 0.05)
        mirrored = replace(site, at=(-site.at[0], site.at[1], site.at[2]))
        first = replace(pinch, offset=(0.0, apart, 0.0), fingers=d.near(pinch.fingers))
        second = replace(pinch, site=mirrored, offset=(0.0, apart, 0.0), fingers=d.near(pinch.fingers))
        return {side: first, 1 - side: replace(second, stroke=replace(twirl, phase=d.u(0.0, 6.28)))}
    return {side: replace(pinch, offset=(0.0, d.u(0.02, 0.14), 0.0), fingers=d.near(pinch.fingers))}


_PALMS: tuple[Vector, ...] = (
    (-0.3, 0.9, -0.2),
    (-0.95, 0.1, 0.1),
    (-0.2, -0.95, 0.1),
    (-0.3, 0.1, 0.9),
    (-0.5, 0.5, -0.6),
)
_SPEECH_SHAPES = ("open", "flat", "relaxed", "cup", "point", "precision", "loose_fist", "claw", "pinch")


@motion(
    "illustrate",
    "hands",
    (0.8, 6.0),
    imigue="Illustrative hand gestures",
    smg="Illustrative hand gestures",
)
def illustrate(d: Draw) -> Gesture:
    """Hands that go with speech: beats, sweeps, rolls, shapes held up, with one hand or both."""
    kind = d.pick(("beat", "beat", "sweep", "roll", "hold"))
    frequency = d.u(0.7, 2.4) * d.style.speed
    cycles = float(d.rng.integers(1, 7)) if d.chance(0.6) else float("inf")
    size = d.size(0.02, 0.07)
    shape, palm = d.pick(_SPEECH_SHAPES), d.near(d.pick(_PALMS), 15)
    at = (d.u(0.06, 0.26), d.u(-0.26, 0.06), d.u(0.24, 0.40))
    if d.setting.table:
        at = (at[0], max(at[1], -0.16), at[2])
    fingers = d.near((-0.35, d.u(-0.1, 0.7), 0.85), 15)
    reach = Reach(Site("space", at), "palm", shape, fingers, palm, contact=False, elbow=d.u(0.0, 0.3))
    if kind == "beat":
        reach = replace(reach, stroke=Stroke((size, d.u(-0.4, 0.4) * size, d.u(0.0, 0.5) * size), frequency, cycles))
    elif kind == "roll":
        reach = replace(reach, stroke=Stroke((0.0, 0.3 * size, size), frequency, cycles, lift=size, curl=0.2))
    elif kind == "sweep":
        reach = replace(reach, drift=(d.size(-0.08, 0.10), d.size(-0.06, 0.16), d.size(-0.06, 0.08)))
    reaches = {d.side: reach}
    if d.chance(0.5):
        reaches[1 - d.side] = reach if d.chance(0.7) else replace(reach, shape=d.pick(_SPEECH_SHAPES), stroke=None)
    return d.gesture(reaches, *speech(d))


def speech(d: Draw) -> tuple[Drive, ...]:
    """Lips that speak and a head that goes with it, for the time of the gesture."""
    return (
        face("mouth_open", d.u(0.12, 0.30), frequency=d.u(2.6, 4.8), offset=0.9),
        face("mouth_open", d.u(0.05, 0.15), frequency=d.u(1.0, 2.2), phase=d.u(0.0, 6.28)),
        Drive("head", (0,), d.size(0.01, 0.05), frequency=d.u(0.7, 2.2), phase=d.u(0.0, 6.28)),
        Drive("head", (1,), d.size(0.0, 0.10), frequency=d.u(0.2, 0.7), phase=d.u(0.0, 6.28)),
    )
