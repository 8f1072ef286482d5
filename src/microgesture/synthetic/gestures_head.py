"""Motions of a hand at the head, the face and the neck.

Touches share one habit (`Draw.touch`): how long, how often and how fast a hand moves says nothing about what it
touches. What differs between jaw, cheek, neck and notch is the place, and the hand that fits the place.
"""

from __future__ import annotations

from dataclasses import replace

from microgesture.synthetic.gesture import Draw, Drive, Gesture, Reach, face, motion, plus
from microgesture.synthetic.surface import Site

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
    """Fingertips on the crown, the side or the back of the head."""
    part, shape = d.pick((("tips", "relaxed"), ("tips", "claw"), ("index", "point"), ("fingers", "cup")))
    if d.chance(0.4):
        at = d.spot(_head(0.55, 0.15, -0.85), _head(0.35, 0.45, -0.85), _head(0.75, 0.35, -0.6))
        return _touch(
            d, Reach(at, part, shape, (-0.7, 0.45, -0.55), (-0.5, 0.0, 0.7), elbow=0.55, via=(0.10, 0.02, 0.06))
        )
    at = d.spot(_head(0.40, 0.95, 0.15), _head(0.70, 0.75, -0.25), _head(0.85, 0.55, 0.05), _head(0.25, 0.95, -0.3))
    return _touch(d, Reach(at, part, shape, (-0.65, 0.55, -0.5), (-0.6, -0.7, 0.0), elbow=0.45, via=(0.08, 0.02, 0.08)))


@motion("touch_forehead", "hands", imigue="Touching or scratching forehead")
def touch_forehead(d: Draw) -> Gesture:
    """Fingertips, or the flat of the fingers, on the forehead."""
    return _forehead(d)


def _forehead(d: Draw) -> Gesture:
    at = d.spot(_head(-0.30, 0.55, 0.9), _head(0.50, 0.50, 0.8), _head(0.10, 0.40, 1.0), _head(0.15, 0.66, 0.85))
    if d.chance(0.25):
        return _touch(d, Reach(at, "fingers", "flat", (-0.92, 0.3, -0.1), (-0.15, -0.1, -1.0), elbow=0.35))
    part, shape = _tips(d)
    fingers = d.pick(((-0.85, 0.25, -0.40), (-0.70, 0.55, -0.40)))
    return _touch(d, Reach(at, part, shape, fingers, (-0.35, -0.15, -0.9), elbow=0.3))


@motion("cover_face", "hands", imigue="Covering face")
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


@motion("rub_eyes", "hands", imigue="Rubbing eyes")
def rub_eyes(d: Draw) -> Gesture:
    """Fingertips or knuckles on one eye, on both, or thumb and finger at the bridge of the nose."""
    return _eyes(d)


def _eyes(d: Draw) -> Gesture:
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


_NOSE, _LIPS = _head(0.22, -0.20, 1.0), _head(0.10, -0.46, 1.0)
_CHEEKS = (_head(0.62, -0.05, 0.75), _head(0.72, -0.35, 0.6), _head(0.45, -0.25, 0.85))
_TEMPLE = _head(0.88, 0.22, 0.5)


@motion("touch_face", "hands", imigue="Touching or scratching facial parts")
def touch_face(d: Draw) -> Gesture:
    """Nose, lips, cheek or temple: what of the face is not forehead, eyes, ears or jaw."""
    return _facial_parts(d)


def _facial_parts(d: Draw) -> Gesture:
    place = d.pick(("nose", "lips", "cheek", "cheek", "temple"))
    at = {"nose": _NOSE, "lips": _LIPS, "cheek": d.spot(*_CHEEKS), "temple": _TEMPLE}[place]
    part, shape = _tips(d)
    if place in ("nose", "lips") and d.chance(0.35):
        part, shape = d.pick((("pinch", "pinch"), ("pinch", "precision"), ("knuckles", "loose_fist")))
    if place == "cheek" and d.chance(0.25):
        part, shape = "fingers", "cup"
    fingers = (-0.25, 0.85, -0.45) if place in ("cheek", "temple") else _UP_IN
    palm = (-0.85, 0.0, -0.5) if place in ("cheek", "temple") else _TO_FACE
    if part == "knuckles":
        fingers, palm = (-0.5, 0.85, 0.1), (-0.5, 0.1, -0.85)
    return _touch(d, Reach(at, part, shape, fingers, palm))


@motion("touch_ear", "hands", imigue="Touching ears")
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


@motion("touch_jaw", "hands", imigue="Touching jaw")
def touch_jaw(d: Draw) -> Gesture:
    """Chin or jaw line: fingertips, chin between thumb and finger, or resting on the bent fingers."""
    return _jaw(d)


def _jaw(d: Draw) -> Gesture:
    kind = d.rng.random()
    if kind < 0.30:
        at = d.spot(_head(-0.10, -0.85, 0.70), _head(0.15, -0.80, 0.70), _head(0.05, -0.95, 0.5))
        part, shape = d.pick((("pinch", "pinch"), ("pinch", "precision"), ("pinch", "cup")))
        return _touch(d, Reach(at, part, shape, (-0.6, 0.65, -0.45), (-0.35, 0.35, -0.85)))
    if kind < 0.50:
        at = d.spot(*_JAW[:2])
        return _touch(d, Reach(at, "knuckles", "loose_fist", (-0.35, 0.65, -0.55), (-0.5, 0.25, -0.8)))
    part, shape = _tips(d)
    return _touch(d, Reach(d.spot(*_JAW), part, shape, (-0.45, 0.75, -0.45), (-0.6, 0.2, -0.75)))


@motion("touch_neck", "hands", imigue="Touching or scratching neck", smg="Touching or scratching neck")
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


@motion("adjust_hair", "hands", imigue="Playing or adjusting hair", smg="Playing or adjusting hair")
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


@motion("rub_eyes_forehead", "hands", smg="Rubbing eyes and forehead")
def rub_eyes_forehead(d: Draw) -> Gesture:
    """SMG's class for both places."""
    return _eyes(d) if d.chance(0.55) else _forehead(d)


@motion("touch_face_not_eyes", "hands", smg="Scratching or touching facial parts other than eyes")
def touch_face_not_eyes(d: Draw) -> Gesture:
    """SMG's class for the face without the eyes: facial parts, jaw, ears."""
    kind = d.rng.random()
    return _facial_parts(d) if kind < 0.6 else _jaw(d) if kind < 0.88 else touch_ear(d)
