"""Motions of mouth, shoulders and trunk, without hands."""

from __future__ import annotations

from microgesture.synthetic.people.gesture import POSTURE, Draw, Drive, Gesture, face, motion

_SHOULDERS = ((0, 0), (1, 0))
_PITCH, _YAW, _ROLL = (0,), (1,), (2,)


@motion("press_lips", "face", imigue="Pressing lips")
def press_lips(d: Draw) -> Gesture:
    """Lips pressed together, once and held, or again and again."""
    size = d.u(0.75, 1.0)
    if d.chance(0.25):
        return d.gesture({}, face("lips_pressed", size / 2, frequency=d.u(0.5, 1.4), offset=1.0))
    return d.gesture({}, face("lips_pressed", size), *_small_head(d))


def _small_head(d: Draw, size: float = 0.06) -> tuple[Drive, ...]:
    return tuple(Drive("head", (axis,), d.u(-size, size)) for axis in range(3))


@motion("puff_cheeks", "face", imigue="Bulging face, deep breath")
def puff_cheeks(d: Draw) -> Gesture:
    """Cheeks full of air, or a deep breath with which chest and shoulders rise and sink, or both; then blown out."""
    kind = d.rng.random()
    moves: list[Drive] = []
    if kind < 0.75:
        moves.append(face("cheeks_puffed", d.u(0.55, 1.0), delay=d.u(0.0, 0.3)))
    deep = d.size(0.08, 0.20) if kind > 0.5 else d.size(0.02, 0.08)
    moves += [Drive("girdle", index, deep) for index in _SHOULDERS]
    moves += [Drive("girdle", (side, 1), -0.4 * deep) for side in (0, 1)]
    moves += [Drive("trunk", _PITCH, -0.6 * deep), Drive("neck_shift", (1,), 0.04 * deep)]
    if kind > 0.5 and d.chance(0.6):  # breathed out through open lips, the head sinking
        moves.append(face("mouth_open", d.u(0.15, 0.4), delay=d.u(0.4, 0.6)))
        moves.append(Drive("head", _PITCH, d.u(0.0, 0.15), delay=0.5))
    if d.chance(0.3):
        moves.append(face("eyes_open", -d.u(0.4, 1.0)))
    return d.gesture({}, *moves, *_small_head(d))


@motion("turtle_neck", "head", imigue="Turtle neck", smg="Turtling neck and shoulder")
def turtle_neck(d: Draw) -> Gesture:
    """The head sinks between shoulders that rise."""
    rise = d.u(0.24, 0.44)
    sink = d.u(0.22, 0.42) * d.body.lengths["neck"]
    shoulders = [Drive("girdle", index, rise) for index in _SHOULDERS]
    forward = [Drive("girdle", (side, 1), d.u(0.0, 0.15)) for side in (0, 1)]
    neck = (Drive("neck_shift", (1,), -sink), Drive("neck_shift", (2,), d.u(0.0, 0.03)))
    tilt = (Drive("head", _PITCH, d.u(-0.18, 0.12)), Drive("trunk", _PITCH, d.u(0.0, 0.08)))
    return d.gesture({}, *shoulders, *forward, *neck, *tilt)


@motion("shrug", "trunk", imigue="Shaking shoulders", ma52="shrugging")
def shrug(d: Draw) -> Gesture:
    """Shoulders drawn up and dropped, once, held, or a few times; mostly both, the head sinking or tilting."""
    size = d.size(0.16, 0.34)
    indices = _SHOULDERS if d.chance(0.8) else (_SHOULDERS[d.side],)
    if d.chance(0.6):
        delay = d.u(0.0, 0.3)
        moves = [Drive("girdle", index, size * d.u(0.85, 1.1), delay=delay) for index in indices]
        if d.chance(0.6):  # dropped before the rest of the body is back
            moves += [Drive("girdle", index, -size, delay=d.u(0.45, 0.65)) for index in indices]
    else:
        frequency, cycles = d.rhythm(0.7, 2.2, 4)
        moves = [Drive("girdle", i, 0.55 * size, frequency, cycles, offset=0.7, phase=-1.57) for i in indices]
    moves.append(Drive("head", _ROLL, d.u(-0.18, 0.18)))
    moves.append(Drive("neck_shift", (1,), -d.u(0.0, 0.12) * d.body.lengths["neck"]))
    return d.gesture({}, *moves, Drive("head", _PITCH, d.u(-0.12, 0.10)))


@motion("shake_shoulders", "trunk", imigue="Shaking shoulders")
def shake_shoulders(d: Draw) -> Gesture:
    """Shoulders shaken: up and down together or in turn, to and fro, or rolled."""
    frequency, cycles = d.u(0.9, 2.6) * d.style.speed, float(d.rng.integers(1, 6))
    kind = d.rng.random()
    if kind < 0.35:
        size = d.size(0.10, 0.19)
        indices = _SHOULDERS if d.chance(0.6) else (_SHOULDERS[d.side],)
        moves = [Drive("girdle", index, size, frequency, cycles, offset=0.6, phase=-1.57) for index in indices]
    elif kind < 0.65:
        size = d.size(0.10, 0.20)
        moves = [
            Drive("girdle", (side, 0), size, frequency, cycles, offset=0.3, phase=3.14159 * side) for side in (0, 1)
        ]
        moves.append(Drive("trunk", _ROLL, 0.25 * size, frequency, cycles))
    elif kind < 0.85:
        size = d.size(0.12, 0.24)
        moves = [Drive("girdle", (side, 1), size, frequency, cycles, phase=3.14159 * side) for side in (0, 1)]
        moves += [Drive("girdle", (side, 0), 0.5 * size, frequency, cycles, phase=1.57) for side in (0, 1)]
        moves.append(Drive("trunk", _YAW, 0.3 * size, frequency, cycles))
    else:  # rolled backwards or forwards, one or both
        size, way = d.size(0.12, 0.22), d.pick((1.57, -1.57))
        sides = (0, 1) if d.chance(0.7) else (d.side,)
        moves = [Drive("girdle", (side, 0), size, 0.7 * frequency, cycles, offset=0.4) for side in sides]
        moves += [Drive("girdle", (side, 1), size, 0.7 * frequency, cycles, phase=way) for side in sides]
    return d.gesture({}, *moves, *_small_head(d))


@motion("move_torso", "trunk", POSTURE, imigue="Moving torso")
def move_torso(d: Draw) -> Gesture:
    """The trunk leans, sways or turns, once or to and fro."""
    axis = d.pick((0, 1, 2))
    size = d.size(0.10, 0.28) * d.pick((-1.0, 1.0))
    if axis == 0:
        size = abs(size) if d.chance(0.6) else -0.6 * abs(size)
    moves = []
    if d.chance(0.65):
        moves.append(Drive("trunk", (axis,), size))
    else:
        cycles = float(d.rng.integers(1, 6))
        moves.append(Drive("trunk", (axis,), 0.7 * size, d.u(0.25, 0.9) * d.style.speed, cycles, phase=d.u(0.0, 0.5)))
    if d.chance(0.5):  # standing, the weight goes over; seated, the seat slides or tips
        reach = 0.05 if not d.setting.seated else 0.025
        moves.append(Drive("pelvis", (0,), d.size(-reach, reach)))
        moves.append(Drive("pelvis_turn", (axis,), 0.3 * size))
    other = d.pick((0, 1, 2))
    moves.append(Drive("trunk", (other,), d.size(-0.05, 0.05)))
    moves.append(Drive("head", (axis,), -d.u(0.2, 0.8) * size))
    return d.gesture({}, *moves)


@motion("shake_body", "trunk", POSTURE, imigue="Moving torso", ma52="shaking body")
def shake_body(d: Draw) -> Gesture:
    """The trunk rocks or sways again and again: forwards and back, sideways, or twisting on the seat."""
    axis = d.pick((0, 2, 2, 1))
    frequency, cycles = d.u(0.70, 2.2) * d.style.speed, float(d.rng.integers(2, 10))
    size = max(d.size(0.08, 0.18) * min(1.0, 1.0 / frequency), 0.06)
    phase = d.pick((0.0, 3.14159))
    moves = [Drive("trunk", (axis,), size, frequency, cycles, phase=phase)]
    moves.append(Drive("pelvis_turn", (axis,), d.u(0.0, 0.35) * size, frequency, cycles, phase=phase))
    moves.append(Drive("head", (axis,), -d.u(0.0, 0.9) * size, frequency, cycles, phase=phase))
    slide, along = ((2,), -1.0) if axis == 0 else ((0,), 1.0)
    moves.append(Drive("pelvis", slide, along * d.u(0.0, 0.08) * size, frequency, cycles, phase=phase))
    if d.chance(0.4):
        other = d.pick((0, 1, 2))
        moves.append(Drive("trunk", (other,), d.u(0.1, 0.5) * size, frequency, cycles, phase=d.u(0.0, 6.28)))
    return d.gesture({}, *moves, Drive("trunk", _PITCH, d.u(-0.03, 0.10)))


@motion("turn_around", "trunk", POSTURE, imigue="Moving torso", ma52="turning around")
def turn_around(d: Draw) -> Gesture:
    """Shoulders and chest twist to one side, the head with them or ahead of them, the hips as far as they can."""
    way = d.pick((-1.0, 1.0))
    size = d.u(0.30, 0.80) * way
    moves = [Drive("trunk", _YAW, size), Drive("head", _YAW, d.u(-0.1, 0.7) * way)]
    hips = d.u(0.05, 0.30) * way
    moves.append(Drive("pelvis_turn", _YAW, hips))
    if d.chance(0.4):  # the chair swivels, or small steps: the feet come along
        ahead = d.body.lengths["thigh"] if d.setting.seated else 0.0
        hips_half = d.body.lengths["hip_width"] / 2
        moves.append(Drive("pelvis_turn", _YAW, hips))
        for leg, sign in ((0, 1.0), (1, -1.0)):
            moves.append(Drive("ankle", (leg, 0), 2.0 * hips * ahead))
            moves.append(Drive("ankle", (leg, 2), -sign * 2.0 * hips * hips_half))
            moves.append(Drive("knee", (leg, 0), 2.0 * hips))
            moves.append(Drive("foot", (leg, 1), sign * 2.0 * hips))
    lean = (Drive("trunk", _PITCH, d.u(-0.06, 0.12)), Drive("trunk", _ROLL, -d.u(0.0, 0.15) * way))
    reach = Drive("girdle", (0 if way > 0 else 1, 1), -d.u(0.0, 0.15))
    return d.gesture({}, *moves, *lean, reach, way=1.2)


@motion("sit_straight", "trunk", POSTURE, seated_only=True, imigue="Sitting straightly", ma52="sitting straightly")
def sit_straight(d: Draw) -> Gesture:
    """From a slouch the back straightens: the trunk upright, the shoulders back, the head over them."""
    stretch = d.u(0.10, 0.26)
    shoulders = [Drive("girdle", (side, 1), -d.u(0.08, 0.20)) for side in (0, 1)]
    lift = (Drive("neck_shift", (1,), d.u(0.004, 0.012)), Drive("pelvis", (2,), -d.u(0.0, 0.05)))
    moves = [Drive("trunk", _PITCH, -stretch), Drive("pelvis_turn", _PITCH, 0.25 * stretch)]
    if d.chance(0.35):  # first forward and up from the seat, then back into it
        lean, when = d.u(0.10, 0.30), d.u(0.30, 0.45)
        moves += [Drive("trunk", _PITCH, lean), Drive("trunk", _PITCH, -lean, delay=when)]
        moves += [Drive("pelvis", (1,), 0.08 * lean), Drive("pelvis", (1,), -0.08 * lean, delay=when)]
    return d.gesture({}, *moves, Drive("head", _PITCH, 0.6 * stretch), *shoulders, *lift)


@motion("rise_up", "trunk", POSTURE, seated_only=True, ma52="rising up")
def rise_up(d: Draw) -> Gesture:
    """The hips leave the seat: a little, to move the chair or the clothes, half way, or to full height; the trunk
    leans forwards first, the feet go back under the body."""
    size = d.body.lengths
    share = d.pick((d.u(0.12, 0.35), d.u(0.35, 0.7), d.u(0.7, 1.0)))
    height = share * 0.93 * size["thigh"]
    back = d.u(0.06, 0.16) * min(1.0, 2.0 * share)
    ahead = min(share * 1.1, 1.0) * (0.92 * size["thigh"] - back)
    lean = d.u(0.25, 0.60)
    straight = d.u(0.55, 1.0) * share * lean
    when = d.u(0.25, 0.40)
    moves = [Drive("pelvis", (1,), height, delay=0.05), Drive("pelvis", (2,), ahead, delay=0.04)]
    moves += [Drive("trunk", _PITCH, lean), Drive("trunk", _PITCH, -straight, delay=when)]
    moves += [Drive("head", _PITCH, -0.5 * lean), Drive("head", _PITCH, 0.5 * straight, delay=when)]
    for leg in (0, 1):
        moves.append(Drive("ankle", (leg, 2), size["thigh"] - back, to=True))
        moves.append(Drive("ankle", (leg, 1), size["ankle_height"], to=True))
        moves.append(Drive("foot", (leg, 0), 0.0, to=True))
        moves.append(Drive("knee", (leg, 1), -0.5 * share))
    return d.gesture({}, *moves, Drive("trunk", _YAW, d.u(-0.12, 0.12)), way=1.3)
