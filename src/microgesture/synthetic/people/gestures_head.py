"""Motions of a hand at the head, the face and the neck.

Touches share one habit (`Draw.touch`): how long, how often and how fast a hand moves says nothing about what it
touches. What differs between jaw, cheek, neck and notch is the place, and the hand that fits the place.
"""

from __future__ import annotations

from dataclasses import replace

from microgesture.synthetic.people.gesture import Draw, Drive, Gesture, Reach, Stroke, face, motion, plus
from microgesture.synthetic.people.surface import Site

# Directions along the head's axes, x to the acting hand's own side.
_UP_IN = (-0.50, 0.78, -0.38)
_TO_FACE = (-0.45, 0.0, -0.90)


def _head(x: float, y: float, z: float, landmark: str = "") -> Site:
    return Site("head", (x, y, z), landmark)


def _touch(d: Draw, reach: Reach, *drives: Drive) -> Gesture:
    placed = d.touch(replace(reach, offset=plus(reach.offset, d.around())))
    return d.gesture({d.side: placed}, *d.incline(d.side), *drives)


def _tips(d: Draw) -> tuple[str, str]:
    """A part of the hand that touches and a shape that fits it."""
    return d.pick((("tips", "relaxed"), ("tips", "claw"), ("index", "point"), ("two_tips", "two_fingers")))


@motion("touch_hat", "hands", imigue="Touching hat")
def touch_hat(d: Draw) -> Gesture:
    """Thumb and finger take the brim, and set or shift the hat."""
    at = d.spot(_head(0.15, 0.66, 1.0), _head(0.85, 0.66, 0.55), _head(0.4, 0.66, 0.9))
    part, shape = d.pick((("pinch", "precision"), ("pinch", "pinch"), ("tips", "relaxed")))
    reach = Reach(at, part, shape, (-0.55, 0.80, -0.15), (-0.35, -0.25, -0.9), offset=(0.0, 0.0, 0.014), elbow=0.25)
    return _touch(d, reach)


@motion("touch_head", "hands", imigue="Touching or scratching head")
def touch_head(d: Draw) -> Gesture:
    """Fingertips on the crown or the side of the head."""
    part, shape = d.pick((("tips", "relaxed"), ("tips", "claw"), ("index", "point"), ("fingers", "cup")))
    at = d.spot(_head(0.40, 0.95, 0.15), _head(0.70, 0.75, -0.25), _head(0.85, 0.55, 0.05), _head(0.25, 0.95, -0.3))
    return _touch(d, Reach(at, part, shape, (-0.65, 0.55, -0.5), (-0.6, -0.7, 0.0), elbow=0.45, via=(0.08, 0.02, 0.08)))


@motion(
    "touch_hindhead",
    "hands",
    imigue="Touching or scratching head",
    ma52="scratching or touching hindbrain",
)
def touch_hindhead(d: Draw) -> Gesture:
    """The hand goes behind the head, fingertips or palm on the back of the skull, the elbow out."""
    part, shape = d.pick((("tips", "relaxed"), ("tips", "claw"), ("two_tips", "hook"), ("fingers", "cup")))
    at = d.spot(_head(0.55, 0.15, -0.85), _head(0.35, 0.45, -0.85), _head(0.75, 0.35, -0.6), _head(0.40, -0.10, -0.9))
    elbow = d.u(0.40, 0.75)
    reach = Reach(at, part, shape, (-0.7, 0.45, -0.55), (-0.5, 0.0, 0.7), elbow=elbow, via=(0.10, 0.02, 0.06))
    return _touch(d, reach, Drive("girdle", (d.side, 0), d.u(0.0, 0.15)))


@motion(
    "touch_forehead",
    "hands",
    imigue="Touching or scratching forehead",
    smg="Rubbing eyes and forehead",
    ma52="scratching or touching forehead",
)
def touch_forehead(d: Draw) -> Gesture:
    """Fingertips, or the flat of the fingers, on the forehead."""
    at = d.spot(_head(-0.30, 0.55, 0.9), _head(0.50, 0.50, 0.8), _head(0.10, 0.40, 1.0), _head(0.15, 0.66, 0.85))
    if d.chance(0.25):
        return _touch(d, Reach(at, "fingers", "flat", (-0.92, 0.3, -0.1), (-0.15, -0.1, -1.0), elbow=0.35))
    part, shape = _tips(d)
    fingers = d.pick(((-0.85, 0.25, -0.40), (-0.70, 0.55, -0.40)))
    return _touch(d, Reach(at, part, shape, fingers, (-0.35, -0.15, -0.9), elbow=0.3))


@motion("cover_face", "hands", imigue="Covering face", ma52="covering face")
def cover_face(d: Draw) -> Gesture:
    """One hand or both lie over the face."""
    y = d.u(0.0, 0.30)
    bow = (d.u(0.0, 0.30), d.u(-0.1, 0.1))
    if d.chance(0.55):
        at, off = _head(0.33, y, 0.95), (0.0, 0.0, 0.006)
        fingers, palm = d.near((-0.25, 0.95, -0.15), 8), d.near((-0.15, 0.05, -1.0), 8)
        reaches = {side: Reach(at, "fingers", "flat", fingers, palm, offset=off, elbow=0.1) for side in (0, 1)}
        reaches = {0: d.touch(reaches[0], 0.6), 1: d.touch(reaches[1], 0.6)}
    else:
        at = _head(d.u(-0.05, 0.15), y, 1.0)
        fingers = d.near((-0.55, 0.82, -0.1), 10)
        reach = Reach(at, "fingers", "flat", fingers, (-0.1, 0.05, -1.0), offset=(0.0, 0.0, 0.015), elbow=0.2)
        reaches = {d.side: d.touch(reach, 0.6)}
    incline = d.incline(d.side)
    return d.gesture(reaches, *incline, *_bow(*bow), face("eyes_open", -1.0 if d.chance(0.6) else 0.0))


def _bow(pitch: float, roll: float) -> tuple[Drive, ...]:
    return (Drive("head", (0,), pitch), Drive("head", (2,), roll))


@motion("rub_eyes", "hands", imigue="Rubbing eyes", smg="Rubbing eyes and forehead", ma52="rubbing eyes")
def rub_eyes(d: Draw) -> Gesture:
    """Fingertips or knuckles on one eye, on both, or thumb and finger at the bridge of the nose."""
    part, shape = d.pick(
        (("index", "point"), ("two_tips", "two_fingers"), ("tips", "relaxed"), ("knuckles", "loose_fist"))
    )
    fingers, palm = (
        ((-0.4, 0.85, -0.3), (-0.4, -0.1, -0.9)) if part != "knuckles" else ((-0.4, 0.85, 0.15), (-0.6, 0.0, -0.8))
    )
    closed = face("eyes_open", -d.u(0.7, 1.0))
    kind = d.rng.random()
    if kind < 0.25:
        reach = Reach(_head(0.0, 0.10, 1.0), "pinch", "precision", (-0.5, 0.75, -0.45), (-0.3, 0.0, -0.95))
        return d.gesture({d.side: d.touch(reach, 0.6)}, *d.incline(d.side), closed)
    eye = _head(0.0, 0.0, 0.0, "own_eye")
    reach = Reach(eye, part, shape, fingers, palm, offset=d.around(0.006), elbow=0.1)
    if kind < 0.5:
        both = d.touch(reach, 0.6)
        return d.gesture({0: both, 1: both}, *d.incline(d.side, 0.6), closed)
    return d.gesture({d.side: d.touch(reach, 0.6)}, *d.incline(d.side), closed)


_FACIAL = "Touching or scratching facial parts"
_FACIAL_SMG = "Scratching or touching facial parts other than eyes"


@motion("touch_cheek", "hands", imigue=_FACIAL, smg=_FACIAL_SMG, ma52="scratching or touching face")
def touch_cheek(d: Draw) -> Gesture:
    """A cheek is touched, stroked or scratched, or rests on fingers or a loose fist; now and then both cheeks."""
    at = d.spot(_head(0.62, -0.05, 0.75), _head(0.72, -0.35, 0.6), _head(0.45, -0.25, 0.85))
    part, shape = d.pick((_tips(d), _tips(d), ("fingers", "cup"), ("knuckles", "loose_fist")))
    fingers, palm = (-0.25, 0.85, -0.45), (-0.85, 0.0, -0.5)
    if part == "knuckles":
        fingers, palm = (-0.4, 0.8, -0.35), (-0.6, 0.2, -0.75)
    if d.chance(0.08):
        both = d.touch(Reach(at, "fingers", "cup", fingers, palm), 0.6)
        return d.gesture({0: both, 1: both}, *d.incline(d.side, 0.6))
    return _touch(d, Reach(at, part, shape, fingers, palm))


@motion("touch_temple", "hands", imigue=_FACIAL, smg=_FACIAL_SMG)
def touch_temple(d: Draw) -> Gesture:
    """Fingertips at the temple or the edge of the brow, from below or with the elbow raised."""
    at = d.spot(_head(0.88, 0.22, 0.5), _head(0.80, 0.10, 0.65), _head(0.92, 0.02, 0.40))
    part, shape = _tips(d)
    fingers = d.pick(((-0.25, 0.85, -0.45), (-0.55, 0.55, -0.6)))
    return _touch(d, Reach(at, part, shape, fingers, (-0.85, 0.0, -0.5), elbow=d.u(0.0, 0.35)))


@motion("touch_nose", "hands", imigue=_FACIAL, smg=_FACIAL_SMG, ma52="touching nose")
def touch_nose(d: Draw) -> Gesture:
    """The nose or the skin under it: a fingertip, thumb and finger, the back of a finger wiped across."""
    at = d.spot(_head(0.22, -0.20, 1.0), _head(0.0, -0.10, 1.0), _head(0.05, -0.32, 1.0))
    kind = d.rng.random()
    if kind < 0.40:
        part, shape = d.pick((("pinch", "pinch"), ("pinch", "precision"), ("thumb", "thumb_aside")))
        palm = (-0.1, -0.75, -0.6) if part == "thumb" else _TO_FACE
        return _touch(d, Reach(at, part, shape, (-0.9, 0.3, 0.1) if part == "thumb" else _UP_IN, palm))
    if kind < 0.60:  # wiped with a bent finger or the side of the hand
        reach = Reach(at, "knuckles", "loose_fist", (-0.6, 0.75, 0.1), (-0.45, 0.1, -0.85), elbow=d.u(0.0, 0.3))
        return _touch(d, reach)
    part, shape = _tips(d)
    return _touch(d, Reach(at, part, shape, _UP_IN, _TO_FACE))


@motion("touch_mouth", "hands", imigue=_FACIAL, smg=_FACIAL_SMG)
def touch_mouth(d: Draw) -> Gesture:
    """Fingertips on the lips or their corner, the moustache stroked, the mouth wiped."""
    at = d.spot(_head(0.10, -0.46, 1.0), _head(0.30, -0.48, 0.95), _head(-0.05, -0.62, 0.95))
    part, shape = _tips(d)
    if d.chance(0.4):
        part, shape = d.pick((("pinch", "pinch"), ("pinch", "precision"), ("knuckles", "loose_fist")))
    fingers, palm = ((-0.5, 0.85, 0.1), (-0.5, 0.1, -0.85)) if part == "knuckles" else (_UP_IN, _TO_FACE)
    reach = Reach(at, part, shape, fingers, palm)
    if d.chance(0.3):  # wiped from one corner to the other
        reach = replace(d.touch(reach), drift=(0.0, d.pick((-1.0, 1.0)) * d.size(0.02, 0.045), 0.0))
        return d.gesture({d.side: reach}, *d.incline(d.side))
    return _touch(d, reach)


@motion(
    "cover_mouth",
    "hands",
    imigue="Covering face",
    smg=_FACIAL_SMG,
    ma52="covering mouth",
)
def cover_mouth(d: Draw) -> Gesture:
    """Fingers, palm or a fist before the mouth, as in thought, in a cough or a yawn; at times with both hands."""
    at = _head(d.u(0.0, 0.20), d.u(-0.58, -0.40), 1.0)
    kind = d.rng.random()
    off = (0.0, 0.0, d.u(0.0, 0.015))
    if kind < 0.55:  # the fingers lie across the lips
        reach = Reach(at, "fingers", d.pick(("flat", "cup", "laid")), (-0.85, 0.45, -0.1), (-0.15, 0.1, -1.0), off)
    elif kind < 0.75:  # the hand upright over mouth and nose tip
        reach = Reach(at, "fingers", d.pick(("flat", "laid")), (-0.45, 0.85, -0.1), (-0.1, 0.1, -1.0), off)
    else:  # a loose fist, thumb side to the lips
        reach = Reach(at, "knuckles", "loose_fist", (-0.65, 0.7, 0.05), (-0.45, -0.05, -0.9), off)
    reach = d.touch(replace(reach, elbow=d.u(0.0, 0.3)), 0.5)
    if kind < 0.12:
        reach = replace(reach, site=_head(0.15, -0.45, 0.98), fingers=d.near((-0.5, 0.85, -0.1), 6))
        return d.gesture({0: reach, 1: reach}, *d.incline(d.side, 0.5))
    cough = (Drive("head", (0,), d.u(0.05, 0.25)),) if d.chance(0.3) else ()
    return d.gesture({d.side: reach}, *d.incline(d.side), *cough)


@motion("push_glasses", "hands", ma52="pushing glasses")
def push_glasses(d: Draw) -> Gesture:
    """A finger at the bridge of the nose, or thumb and finger at a rim, push the glasses up; eyes stay open."""
    kind = d.rng.random()
    up = (d.size(0.004, 0.016), 0.0, 0.0)
    if kind < 0.45:
        part, shape = d.pick(
            (("index", "point"), ("middle", "open"), ("two_tips", "two_fingers"), ("index", "relaxed"))
        )
        reach = Reach(_head(d.u(-0.05, 0.12), d.u(0.02, 0.14), 1.0), part, shape, _UP_IN, _TO_FACE)
    elif kind < 0.85:
        at = d.spot(_head(0.62, 0.0, 0.80), _head(0.75, 0.10, 0.65), _head(0.50, -0.08, 0.90))
        part, shape = d.pick((("pinch", "pinch"), ("pinch", "precision"), ("index", "point")))
        reach = Reach(at, part, shape, (-0.40, 0.60, -0.7), (-0.65, 0.1, -0.75))
    else:
        at = _head(0.85, 0.08, 0.50)
        reach = Reach(at, "pinch", "precision", (-0.35, 0.5, -0.8), (-0.8, 0.1, -0.6))
    reach = replace(reach, offset=plus(d.around(0.006), (-0.5 * up[0], 0.0, 0.006)), elbow=d.u(0.0, 0.25))
    reach = replace(reach, drift=up, fingers=d.near(reach.fingers), palm=d.near(reach.palm))
    if d.chance(0.3):
        reach = replace(reach, drift=(0.0, 0.0, 0.0), stroke=Stroke(up, *d.rhythm(1.0, 2.6, 3)))
    nose = Drive("head", (0,), d.u(-0.12, 0.12))
    sides = (0, 1) if kind >= 0.92 else (d.side,)
    return d.gesture(dict.fromkeys(sides, reach), nose, Drive("head", (1,), d.u(-0.1, 0.1)))


@motion(
    "touch_ear",
    "hands",
    imigue="Touching ears",
    smg=_FACIAL_SMG,
    ma52="touching ears",
)
def touch_ear(d: Draw) -> Gesture:
    """The ear is touched, rubbed or its lobe taken between thumb and finger."""
    part, shape = d.pick((("pinch", "pinch"), ("pinch", "precision"), ("index", "point"), ("tips", "relaxed")))
    reach = Reach(_head(0.0, 0.0, 0.0, "own_ear"), part, shape, (-0.40, 0.25, -0.85), (-0.90, 0.0, 0.35), elbow=0.2)
    reach = d.touch(replace(reach, offset=(d.u(-0.022, 0.015), d.u(-0.008, 0.008), 0.0)), 0.6)
    return d.gesture({d.side: reach}, *d.incline(d.side))


@motion("bite_nails", "hands", imigue="Biting nails")
def bite_nails(d: Draw) -> Gesture:
    """A fingertip or the thumb's at the teeth, the other fingers bent; the lips work on it."""
    part, shape = d.pick((("index", "claw"), ("middle", "claw"), ("thumb", "thumb_aside"), ("index", "loose_fist")))
    fingers, palm = ((-0.6, 0.72, -0.3), (-0.3, 0.35, -0.9))
    if part == "thumb":
        fingers, palm = (-0.9, 0.3, 0.1), (-0.1, -0.75, -0.6)
    at = _head(0.0, 0.0, 0.0, "lower_lip")
    reach = d.touch(Reach(at, part, shape, fingers, palm, offset=(0.004, d.u(-0.012, 0.012), 0.0)), 0.25)
    chew = face("mouth_open", d.u(0.12, 0.28), frequency=d.u(1.0, 2.8), offset=1.2)
    return d.gesture({d.side: reach}, *d.incline(d.side), chew)


_JAW = (_head(0.05, -0.92, 0.55), _head(0.35, -0.86, 0.50), _head(0.68, -0.72, 0.30), _head(0.45, -0.72, 0.62))


@motion(
    "touch_jaw",
    "hands",
    imigue="Touching jaw",
    smg=_FACIAL_SMG,
    ma52="scratching or touching face",
)
def touch_jaw(d: Draw) -> Gesture:
    """Chin or jaw line: fingertips, chin between thumb and finger, resting on bent fingers, fist or palm."""
    kind = d.rng.random()
    if kind < 0.28:
        at = d.spot(_head(-0.10, -0.85, 0.70), _head(0.15, -0.80, 0.70), _head(0.05, -0.95, 0.5))
        part, shape = d.pick((("pinch", "pinch"), ("pinch", "precision")))
        return _touch(d, Reach(at, part, shape, (-0.6, 0.65, -0.45), (-0.35, 0.35, -0.85)))
    if kind < 0.45:
        at = d.spot(*_JAW[:2])
        return _touch(d, Reach(at, "knuckles", "loose_fist", (-0.35, 0.65, -0.55), (-0.5, 0.25, -0.8)))
    if kind < 0.62:  # the chin rests in the hand, fingers along the cheek
        at = d.spot(_head(0.45, -0.72, 0.60), _head(0.25, -0.80, 0.62))
        reach = Reach(at, "fingers", d.pick(("flat", "laid", "laid")), (-0.35, 0.9, -0.25), (-0.7, 0.25, -0.65))
        return _touch(d, reach, Drive("trunk", (0,), d.u(0.0, 0.15)))
    part, shape = _tips(d)
    return _touch(d, Reach(d.spot(*_JAW), part, shape, (-0.45, 0.75, -0.45), (-0.6, 0.2, -0.75)))


@motion(
    "touch_neck",
    "hands",
    imigue="Touching or scratching neck",
    smg="Touching or scratching neck",
    ma52="scratching or touching neck",
)
def touch_neck(d: Draw) -> Gesture:
    """Throat, side or nape."""
    kind = d.rng.random()
    back = Drive("girdle", (d.side, 1), -d.u(0.10, 0.22))
    if kind < 0.35:
        at = d.spot(Site("neck", (0.40, 0.5, -0.9)), Site("neck", (0.7, 0.55, -0.75)))
        part, shape = d.pick((("two_tips", "hook"), ("tips", "hook"), ("tips", "claw")))
        reach = Reach(
            at, part, shape, (-0.65, -0.20, -0.42), (-0.58, -0.2, 0.28), elbow=0.75, via=(0.16, 0.05, 0.06), around=True
        )
        return _touch(d, reach, back)
    part, shape = _tips(d)
    if kind < 0.65:  # the side, from above with the elbow up, or from below
        at = d.spot(Site("neck", (1.0, 0.60, 0.25)), Site("neck", (0.7, 0.75, 0.6)), Site("neck", (0.9, 0.50, 0.5)))
        down = ((-0.20, -0.42, -0.77), (-0.62, 0.20, -0.17), 1.0)
        fingers, palm, elbow = down if d.chance(0.4) else ((-0.08, 0.65, -0.52), (-0.26, -0.08, -0.63), 0.05)
        return _touch(d, Reach(at, part, shape, fingers, palm, elbow=elbow, around=True), back)
    if kind < 0.75:  # across the throat, on the other side
        at = d.spot(Site("neck", (-1.0, 0.45, 0.2)), Site("neck", (-0.8, 0.6, 0.6)))
        return _touch(d, Reach(at, "tips", "laid", (-0.8, 0.4, -0.4), (0.1, 0.0, -1.0), around=True))
    at = d.spot(Site("neck", (0.4, 0.40, 0.9)), Site("neck", (-0.2, 0.50, 1.0)), Site("neck", (0.5, 0.65, 0.8)))
    return _touch(d, Reach(at, part, shape, (-0.5, 0.55, -0.65), (-0.4, 0.1, -0.9)), back)


@motion(
    "adjust_hair",
    "hands",
    imigue="Playing or adjusting hair",
    smg="Playing or adjusting hair",
    ma52="playing or tidying hair",
)
def adjust_hair(d: Draw) -> Gesture:
    """Fringe swept aside, hair combed back or tucked behind the ear, a strand twirled."""
    kind = d.rng.random()
    part, shape = d.pick((("tips", "relaxed"), ("tips", "claw"), ("two_tips", "two_fingers"), ("fingers", "cup")))
    if kind < 0.30:
        at = d.spot(_head(0.1, 0.80, 0.65), _head(0.5, 0.72, 0.60))
        reach = Reach(at, part, shape, (-0.6, 0.7, -0.4), (-0.35, -0.45, -0.75), elbow=0.35)
        reach = replace(d.touch(reach), drift=(d.size(0.01, 0.04), d.size(0.02, 0.06), 0.0))
    elif kind < 0.55:
        at = d.spot(_head(0.35, 0.90, 0.45), _head(0.65, 0.75, 0.35))
        reach = Reach(at, part, shape, (-0.5, 0.6, -0.6), (-0.5, -0.75, -0.1), elbow=0.45, via=(0.08, 0.02, 0.08))
        reach = replace(d.touch(reach), drift=(d.size(0.05, 0.10), d.u(-0.01, 0.02), 0.0))
        reach = replace(reach, site=replace(at, up=(0.1, -0.1, -1.0)))
    elif kind < 0.75:
        at = replace(d.spot(_head(0.95, 0.35, 0.35), _head(0.95, 0.20, 0.25)), up=(0.0, -0.25, -1.0))
        reach = Reach(
            at, *d.pick((("index", "point"), ("two_tips", "two_fingers"))), (-0.4, 0.4, -0.8), (-0.95, 0.0, 0.1)
        )
        reach = replace(d.touch(reach), drift=(d.size(0.04, 0.07), 0.0, 0.0))
    else:
        at = d.spot(_head(0.92, -0.10, -0.35), _head(0.90, 0.35, -0.2), _head(0.75, -0.30, -0.3))
        reach = Reach(at, "pinch", d.pick(("pinch", "precision")), (-0.35, 0.45, -0.8), (-0.9, 0.0, 0.0))
        reach = replace(d.touch(reach), offset=(d.u(-0.02, 0.02), d.u(-0.01, 0.01), 0.014))
    return d.gesture({d.side: reach}, *d.incline(d.side))
