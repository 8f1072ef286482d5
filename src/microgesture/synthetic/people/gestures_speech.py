"""Motions of the hands in the air: what goes with speech, waving, pointing at oneself, arms stretched and drawn in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microgesture.synthetic.people.gesture import Draw, Drive, Gesture, Reach, Stroke, Vector, face, motion, plus
from microgesture.synthetic.people.surface import Site

_PALMS: tuple[Vector, ...] = (
    (-0.3, 0.9, -0.2),
    (-0.95, 0.1, 0.1),
    (-0.2, -0.95, 0.1),
    (-0.3, 0.1, 0.9),
    (-0.5, 0.5, -0.6),
)
_SHAPES = ("open", "flat", "relaxed", "cup", "point", "precision", "loose_fist", "claw", "pinch")
_SPOKEN_WITH = "Illustrative hand gestures"
_SPOKEN = (0.8, 6.0)


def _before(d: Draw, top: float = 0.08) -> Vector:
    """A free place before the trunk, at the height of belly to chest, now and then of the face; above a table."""
    high = top if d.chance(0.85) else top + 0.14
    x, y, z = d.u(0.04, 0.30), d.u(-0.28, high), d.u(0.22, 0.42)
    return (x, max(y, -0.16) if d.setting.table else y, z if y < 0.08 else max(z, 0.28))


def _beaten(d: Draw, reach: Reach) -> Reach:
    """Beats: up and down, a little across or forwards."""
    size = d.size(0.015, 0.075)
    across, ahead = d.u(-0.4, 0.4) * size, d.u(0.0, 0.5) * size
    return replace(reach, stroke=Stroke((size, across, ahead), *d.rhythm(0.7, 2.6, 8)))


def _other_hand(d: Draw, reach: Reach) -> dict[int, Reach]:
    """One hand alone, both alike, in turn, or the other held still or in another shape."""
    reaches, kind = {d.side: reach}, d.rng.random()
    if kind < 0.45:
        return reaches
    other = reach
    if kind > 0.75:
        other = replace(reach, shape=d.pick(_SHAPES), stroke=None)
    elif kind > 0.65 and reach.stroke is not None:
        other = replace(reach, stroke=replace(reach.stroke, phase=3.14159))
    reaches[1 - d.side] = other
    return reaches


@motion("illustrate", "hands", _SPOKEN, imigue=_SPOKEN_WITH, smg=_SPOKEN_WITH, ma52="illustrative gestures")
def illustrate(d: Draw) -> Gesture:
    """Hands that go with speech: beats, sweeps, rolls, hands held up, with one hand or both."""
    kind = d.pick(("beat", "beat", "sweep", "roll", "hold"))
    shape, palm = d.pick(_SHAPES), d.near(d.pick(_PALMS), 15)
    fingers = d.near((-0.35, d.u(-0.1, 0.7), 0.85), 15)
    reach = Reach(Site("space", _before(d)), "palm", shape, fingers, palm, contact=False, elbow=d.u(0.0, 0.3))
    if kind == "beat":
        reach = _beaten(d, reach)
    elif kind == "roll":
        size, (frequency, cycles) = d.size(0.02, 0.07), d.rhythm(0.7, 2.4, 7)
        reach = replace(reach, stroke=Stroke((0.0, 0.3 * size, size), frequency, cycles, lift=size, curl=0.2))
    elif kind == "sweep":
        reach = replace(reach, drift=(d.size(-0.08, 0.10), d.size(-0.06, 0.16), d.size(-0.06, 0.08)))
    return d.gesture(_other_hand(d, reach), *speech(d))


@motion("depict", "hands", _SPOKEN, imigue=_SPOKEN_WITH, smg=_SPOKEN_WITH, ma52="illustrative gestures")
def depict(d: Draw) -> Gesture:
    """Both hands draw what is spoken of: a size between the palms, a ball, a path, this against that."""
    kind = d.pick(("between", "ball", "path", "apart", "near_face"))
    shape = d.pick(("open", "flat", "cup", "relaxed", "claw"))
    x, y, z = _before(d, 0.10)
    fingers, palm = (-0.25, d.u(0.0, 0.6), 0.9), (-0.95, 0.1, 0.05)
    if kind == "ball":
        shape, palm = "cup", (-0.8, d.pick((-0.5, 0.5)), 0.1)
    if kind == "near_face":  # beside cheek or temple, without a touch
        x, y, z = d.u(0.12, 0.22), d.u(0.10, 0.28), d.u(0.18, 0.28)
        fingers, palm = (-0.2, 0.9, 0.1), (-0.8, 0.0, d.u(-0.5, 0.5))
    reach = Reach(Site("space", (x, y, z)), "palm", shape, d.near(fingers), d.near(palm), contact=False)
    reach = replace(reach, elbow=d.u(0.0, 0.35))
    if kind == "apart":
        reach = replace(reach, drift=(0.0, d.size(-0.08, 0.12), 0.0))
    elif kind == "path" or d.chance(0.3):
        reach = replace(reach, drift=(d.size(-0.10, 0.12), d.size(-0.10, 0.16), d.size(-0.08, 0.10)))
    else:
        reach = _beaten(d, reach)
    if kind in ("path", "near_face") and d.chance(0.6):
        return d.gesture({d.side: reach}, *speech(d))
    second = replace(reach, fingers=d.near(reach.fingers), palm=d.near(reach.palm))
    shift = (d.u(-0.08, 0.08), 0.0, d.u(-0.06, 0.06)) if kind == "between" else (0.0, 0.0, 0.0)
    return d.gesture({d.side: reach, 1 - d.side: replace(second, offset=shift)}, *speech(d))


@motion("point_out", "hands", _SPOKEN, imigue=_SPOKEN_WITH, smg=_SPOKEN_WITH, ma52="illustrative gestures")
def point_out(d: Draw) -> Gesture:
    """A finger points ahead, aside or up, thumb and finger hold a point, or fingers are counted off."""
    kind = d.pick(("ahead", "aside", "up", "precision", "count"))
    x, y, z = _before(d, 0.12)
    shape, fingers, palm = "point", (-0.1, 0.2, 1.0), d.pick(((-0.3, -0.9, 0.1), (-0.95, 0.0, 0.1)))
    if kind == "aside":
        x, fingers = d.u(0.20, 0.40), (d.pick((-0.8, 0.9)), 0.2, 0.5)
    elif kind == "up":
        y, fingers, palm = d.u(-0.05, 0.20), (-0.1, 0.98, 0.15), (-0.4, 0.0, 0.9)
    elif kind == "precision":
        shape, fingers = d.pick(("precision", "pinch")), (-0.3, 0.6, 0.7)
    elif kind == "count":
        shape, fingers, palm = d.pick(("point", "two_fingers", "open")), (-0.3, 0.85, 0.4), d.pick(_PALMS)
    reach = Reach(Site("space", (x, y, z)), "palm", shape, d.near(fingers), d.near(palm), contact=False)
    reach = _beaten(d, replace(reach, elbow=d.u(0.0, 0.3)))
    if d.chance(0.25):
        reach = replace(reach, stroke=None)
    return d.gesture({d.side: reach}, *speech(d), Drive("trunk", (0,), d.u(-0.02, 0.08)))


@motion("spread_hands", "hands", (0.8, 4.5), imigue=_SPOKEN_WITH, smg=_SPOKEN_WITH, ma52="spreading hands")
def spread_hands(d: Draw) -> Gesture:
    """Both hands go apart with open palms turned up or outwards: a small turning out of the palms over table or lap,
    or arms flung wide; shoulders and head may join in."""
    wide = d.u(0.0, 1.0)
    x = 0.21 + 0.25 * wide
    y = d.u(-0.24, -0.04) + 0.10 * wide
    y = max(y, -0.16) if d.setting.table else y
    site = Site("space", (x, y, d.u(0.20, 0.34) - 0.06 * wide))
    palm = d.near(d.pick(((-0.15, 0.92, 0.3), (-0.15, 0.92, 0.3), (-0.2, 0.4, 0.9), (-0.5, 0.8, 0.2))), 10)
    fingers = d.near((0.15 + 0.6 * wide, d.u(0.0, 0.4), 0.85), 10)
    shape = d.pick(("open", "flat", "open", "relaxed"))
    reach = Reach(site, "palm", shape, fingers, palm, contact=False, elbow=d.u(0.0, 0.2), via=(-0.08, 0.05, 0.1))
    reach = replace(reach, drift=(0.0, d.size(0.0, 0.08), 0.0))
    if d.chance(0.3):
        size = d.size(0.01, 0.04)
        reach = replace(reach, stroke=Stroke((size, 0.5 * size, 0.0), *d.rhythm(0.7, 2.0, 5)))
    moves: list[Drive] = [Drive("head", (2,), d.u(-0.15, 0.15))]
    if d.chance(0.4):
        moves += [Drive("girdle", (side, 0), d.size(0.05, 0.22)) for side in (0, 1)]
    if d.chance(0.6):
        moves += speech(d)
    return d.gesture({0: reach, 1: reach}, *moves)


@motion("wave", "hands", (0.8, 4.0), imigue=_SPOKEN_WITH, smg=_SPOKEN_WITH, ma52="waving")
def wave(d: Draw) -> Gesture:
    """An open hand swings from side to side: raised beside shoulder or head to greet, low before the chest to refuse;
    or only the fingers wave."""
    shape = d.pick(("open", "flat", "open", "relaxed"))
    frequency, cycles = d.u(1.0, 3.2) * d.style.speed, float(d.rng.integers(2, 9))
    kind = d.rng.random()
    size = max(d.size(0.035, 0.12) * min(1.0, 1.6 / frequency), 0.025)
    if kind < 0.55:
        at = (d.u(0.18, 0.36), d.u(0.05, 0.32), d.u(0.16, 0.32))
        fingers, palm = (d.u(-0.2, 0.3), 0.95, 0.15), (-0.2, 0.0, 0.95)
    else:  # refused: before the chest, palm ahead or down
        at = (d.u(0.05, 0.24), d.u(-0.16, 0.06), d.u(0.28, 0.40))
        fingers, palm = d.pick((((-0.4, 0.8, 0.3), (-0.1, 0.2, 0.95)), ((-0.4, 0.1, 0.9), (-0.2, -0.9, 0.3))))
    stroke = Stroke((d.u(-0.15, 0.15) * size, size, 0.0), frequency, cycles)
    if kind > 0.90:
        stroke = Stroke(frequency=frequency, cycles=cycles, curl=d.u(0.3, 0.6))
    part = d.pick(("tips", "palm"))
    reach = Reach(Site("space", at), part, shape, d.near(fingers), d.near(palm), stroke=stroke, contact=False)
    reaches = {d.side: replace(reach, elbow=d.u(0.0, 0.35))}
    if 0.55 < kind < 0.70:
        reaches[1 - d.side] = reaches[d.side]
    return d.gesture(reaches, *(speech(d) if d.chance(0.4) else ()), Drive("head", (2,), d.u(-0.1, 0.1)))


@motion("point_oneself", "hands", (0.8, 3.5), ma52="pointing oneself")
def point_oneself(d: Draw) -> Gesture:
    """A finger or the thumb points at the own chest, near it or on it; or the fingertips of a flat hand."""
    at = d.spot(*(Site("chest", (x, y, 1.0)) for x, y in ((0.1, 0.16), (-0.35, 0.12), (-0.1, -0.08), (0.15, 0.02))))
    kind = d.rng.random()
    off = d.u(0.0, 0.07) if d.chance(0.6) else 0.0
    if kind < 0.55:
        reach = Reach(at, "index", "point", (-0.70, 0.10, -0.70), (-0.55, -0.3, -0.75))
    elif kind < 0.70:
        reach = Reach(at, "thumb", "thumb_aside", (-0.9, 0.15, 0.3), (-0.25, -0.3, -0.9))
    else:
        shape = d.pick(("flat", "relaxed", "cup", "laid"))
        reach = Reach(at, d.pick(("tips", "fingers")), shape, (-0.85, 0.2, -0.45), (-0.2, 0.1, -0.95))
    offset = plus(d.around(0.015), (0.0, 0.0, off))
    reach = replace(reach, offset=offset, fingers=d.near(reach.fingers, 10), palm=d.near(reach.palm, 10))
    if d.chance(0.5):
        tap = Stroke((0.0, 0.0, 0.0), *d.rhythm(1.0, 3.0, 5), lift=d.size(0.012, 0.04))
        reach = replace(reach, stroke=tap)
    reaches = {d.side: reach}
    if d.chance(0.12):
        reaches[1 - d.side] = reach
    return d.gesture(reaches, *(speech(d) if d.chance(0.6) else ()), Drive("head", (0,), d.u(-0.06, 0.12)))


_STRETCHES: tuple[tuple[Vector, Vector, Vector], ...] = (
    ((-0.10, -0.08, 1.0), (0.0, 0.1, 1.0), (-0.2, -0.95, 0.0)),  # ahead
    ((-0.05, -0.62, 0.78), (0.0, -0.4, 0.9), (-0.3, -0.9, -0.3)),  # ahead and down, over the knees
    ((0.95, 0.0, 0.30), (1.0, 0.1, 0.2), (0.0, -0.6, 0.7)),  # to the side
    ((0.0, 0.98, 0.05), (0.0, 1.0, 0.0), (-0.3, 0.0, 0.9)),  # overhead
    ((0.65, 0.75, 0.0), (0.6, 0.8, 0.0), (0.0, 0.0, 1.0)),  # up and out, as in yawning
    ((0.50, -0.80, -0.30), (0.4, -0.9, -0.2), (-0.8, 0.0, -0.5)),  # down, away from the body, a little back
)
"""Directions from the shoulder, of the fingers and of the palm."""


@motion("stretch_arms", "hands", (1.0, 5.0), ma52="stretching arms")
def stretch_arms(d: Draw) -> Gesture:
    """One arm or both go out until the elbows are nearly straight: ahead, aside, overhead, down; fists or open."""
    options = _STRETCHES[:5] if d.setting.seated else _STRETCHES
    if d.setting.table:
        options = (_STRETCHES[0], *_STRETCHES[2:5])
    direction, fingers, palm = d.pick(options)
    up = direction[1] > 0.3
    at = _arm_out(d, d.near(direction, 10), d.u(0.95, 1.03))
    if d.setting.table and not up:
        at = (at[0], max(at[1], -0.02), at[2])
    shape = d.pick(("relaxed", "flat", "open", "fist", "loose_fist"))
    reach = Reach(Site("space", at), "wrist", shape, d.near(fingers), d.near(palm), contact=False, elbow=d.u(0.0, 0.3))
    reach = replace(reach, via=(0.08, 0.02, 0.12))
    if d.chance(0.35):  # reaches further, or turns a little while it is out
        reach = replace(reach, drift=(d.u(-0.03, 0.05), d.u(-0.03, 0.05), d.u(0.0, 0.05)))
    sides = (0, 1) if d.chance(0.6) else (d.side,)
    moves = [Drive("girdle", (side, 0), d.u(0.15, 0.35) if up else d.u(0.0, 0.08)) for side in sides]
    moves += [Drive("girdle", (side, 1), d.u(-0.15, 0.0) if up else d.u(0.0, 0.2)) for side in sides]
    moves += [Drive("trunk", (0,), d.u(-0.18, 0.0) if up else d.u(-0.06, 0.12)), Drive("head", (0,), d.u(-0.2, 0.12))]
    return d.gesture(dict.fromkeys(sides, reach), *moves, way=1.25)


def _arm_out(d: Draw, direction: Vector, share: float) -> Vector:
    """Place of a wrist at `share` of the arm's length from its shoulder, in the coordinates of frame "space"."""
    size = d.body.lengths
    scale = size["stature"] / 1.73
    arm = share * (size["upper_arm"] + size["forearm"]) / float(np.linalg.norm(direction))
    x, y, z = (arm * v for v in direction)
    return ((0.5 * size["shoulder_width"] + x) / scale, (size["chest_neck"] + y) / scale, z / scale)


@motion("retract_arms", "hands", (1.0, 4.5), ma52="retracting arms")
def retract_arms(d: Draw) -> Gesture:
    """Arms that are out, or lie ahead, bend and are pulled back to the body: hands to belly, ribs or lap, the
    elbows behind the trunk."""
    sides = (0, 1) if d.chance(0.6) else (d.side,)
    palm, fingers = d.near((-0.85, -0.3, -0.2)), d.near((-0.35, d.u(-0.1, 0.5), 0.85))
    x, y, z = d.u(0.12, 0.22), d.u(-0.22, 0.0), d.u(0.10, 0.18)
    y = max(y, -0.14) if d.setting.table else y
    shape = d.pick(("relaxed", "loose_fist", "cup", "flat"))
    reach = Reach(Site("space", (x, y, z)), "wrist", shape, fingers, palm, contact=False)
    out = 0.0
    if d.chance(0.6):  # first out, then in
        out = d.u(0.18, 0.34)
        rise = d.u(-0.04, 0.10)
        reach = replace(reach, offset=(rise, d.u(-0.04, 0.10), out), drift=(-rise, 0.0, -out))
    back = [Drive("girdle", (side, 1), -d.u(0.0, 0.15)) for side in sides]
    lean = (Drive("trunk", (0,), -d.u(0.0, 0.12)), Drive("head", (0,), d.u(-0.08, 0.10)))
    gesture = d.gesture(dict.fromkeys(sides, reach), *back, *lean)
    return replace(gesture, attack=0.8 * gesture.attack) if out else gesture


def speech(d: Draw) -> tuple[Drive, ...]:
    """Lips that speak and a head that goes with it, for the time of the gesture."""
    return (
        face("mouth_open", d.u(0.12, 0.30), frequency=d.u(2.6, 4.8), offset=0.9),
        face("mouth_open", d.u(0.05, 0.15), frequency=d.u(1.0, 2.2), phase=d.u(0.0, 6.28)),
        Drive("head", (0,), d.size(0.01, 0.05), frequency=d.u(0.7, 2.2), phase=d.u(0.0, 6.28)),
        Drive("head", (1,), d.size(0.0, 0.10), frequency=d.u(0.2, 0.7), phase=d.u(0.0, 6.28)),
    )
