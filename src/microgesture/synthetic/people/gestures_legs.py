"""Motions of legs and feet: shaking, spreading, crossing, stretching, drawing back, rising on the toes.

Lengths are metres of a person of 1.73 m. Most are those of a person on a chair; standing people do what is left:
shift their weight, set a foot ahead or behind, bend a knee.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microgesture.synthetic.people.gesture import POSTURE, Draw, Drive, Gesture, motion

_SIGN = (1.0, -1.0)  # outwards along x


def _legs(d: Draw, both: float = 0.5) -> tuple[int, ...]:
    return (0, 1) if d.chance(both) else (d.side,)


def _stand_on_toes(d: Draw, leg: int, angle: float, delay: float = 0.0) -> list[Drive]:
    """The heel goes up until the sole is at `angle` radians to the floor; the toes stay where they are."""
    toe, sole = 0.70 * d.body.lengths["foot"], 0.8 * d.body.lengths["ankle_height"]
    up = d.body.lengths["ankle_height"] + toe * np.sin(angle) - sole * (1.0 - np.cos(angle))
    ahead = sole * np.sin(angle) + toe * (1.0 - np.cos(angle))
    return [
        Drive("foot", (leg, 0), -angle, delay=delay, to=True),
        Drive("ankle", (leg, 1), float(up), delay=delay, to=True),
        Drive("ankle", (leg, 2), float(ahead), delay=delay),
    ]


def _bounce_heel(d: Draw, leg: int, angle: float, frequency: float, cycles: float, phase: float) -> list[Drive]:
    """The heel goes up and down by `angle` radians (small) about as much, the toes stay."""
    toe, sole = 0.70 * d.body.lengths["foot"], 0.8 * d.body.lengths["ankle_height"]
    sizes = (("foot", 0, -angle), ("ankle", 1, toe * angle), ("ankle", 2, sole * angle))
    return [Drive(name, (leg, axis), size, frequency, cycles, 1.0, phase) for name, axis, size in sizes]


def _balance(d: Draw) -> list[Drive]:
    """Standing, the hips go over the leg that stays."""
    if d.setting.seated:
        return []
    return [
        Drive("pelvis", (0,), d.size(0.01, 0.05) * (1.0 if d.side else -1.0)),
        Drive("pelvis", (1,), -d.u(0, 0.012)),
    ]


@motion("move_legs", "legs", POSTURE, smg="Moving legs")
def move_legs(d: Draw) -> Gesture:
    """A leg or both go elsewhere and back, once or to and fro; standing, the weight shifts, a foot steps."""
    slow = d.u(0.3, 1.0) * d.style.speed if d.chance(0.45) else 0.0
    cycles = float(d.rng.integers(1, 7))
    moves: list[Drive] = []
    for leg in _legs(d, 0.35):
        sign = _SIGN[leg]
        phase = d.u(0.0, 6.28) if slow else 0.0
        for axis, size in ((0, sign * d.size(-0.06, 0.16)), (2, d.size(-0.16, 0.14))):
            moves.append(Drive("ankle", (leg, axis), size, slow, cycles, phase=phase))
        moves.append(Drive("ankle", (leg, 1), d.size(0.005, 0.04), 2 * slow, cycles, offset=1.0))
        moves.append(Drive("knee", (leg, 0), sign * d.u(-0.15, 0.45)))
        moves.append(Drive("foot", (leg, 1), d.u(-0.25, 0.25)))
    if not d.setting.seated:
        moves += [Drive("pelvis", (0,), d.size(0.01, 0.06) * (1.0 if d.side else -1.0))]
        moves += [Drive("pelvis", (1,), -d.u(0.0, 0.015)), Drive("trunk", (2,), d.u(-0.05, 0.05))]
    return d.gesture({}, *moves)


@motion("shake_legs", "legs", POSTURE, smg="Moving legs", ma52="shaking legs")
def shake_legs(d: Draw) -> Gesture:
    """A knee that bounces on the ball of the foot, knees that swing in and out, a foot that taps or dangles."""
    frequency, cycles = d.u(1.0, 4.8) * d.style.speed, float(d.rng.integers(3, 24))
    quick = min(1.0, 3.0 / frequency)
    kind = d.rng.random()
    moves: list[Drive] = []
    together = d.u(0.0, 6.28)
    for leg in _legs(d, 0.35):
        phase = together if d.chance(0.5) else d.u(0.0, 6.28)
        if kind < 0.5:
            moves += _bounce_heel(d, leg, d.size(0.07, 0.20) * quick, frequency, cycles, phase)
        elif kind < 0.65:
            moves.append(Drive("foot", (leg, 0), d.size(0.10, 0.22) * quick, frequency, cycles, 1.0, phase))
        elif kind < 0.85 or not d.setting.seated:
            size = d.size(0.10, 0.30) * quick
            moves.append(Drive("knee", (leg, 0), _SIGN[leg] * size, frequency, cycles, d.u(0.0, 1.0), together))
            moves.append(Drive("foot", (leg, 1), 0.3 * size, frequency, cycles, 0.0, together))
        else:  # the lower leg swings from the knee, the foot off the floor
            size = d.size(0.03, 0.08) * quick
            moves.append(Drive("ankle", (leg, 1), d.u(0.03, 0.07)))
            moves.append(Drive("ankle", (leg, 2), size, min(frequency, 2.5), cycles, d.u(-0.5, 0.5), phase))
    return d.gesture({}, *moves, *_balance(d))


@motion("curl_legs", "legs", POSTURE, smg="Moving legs", ma52="curling legs")
def curl_legs(d: Draw) -> Gesture:
    """Lower legs folded in beneath the seat, on the toes, crossed or hooked apart, or a foot pulled up."""
    scale = d.body.lengths["stature"] / 1.73
    moves: list[Drive] = []
    legs = _legs(d, 0.7)
    apart = d.pick((-0.10, 0.0, 0.0, 0.06))  # crossed, side by side, hooked around the legs of the chair
    for leg in legs:
        if not d.setting.seated:  # one heel goes up behind
            lift = d.u(0.15, 0.38) * scale
            moves = [Drive("ankle", (d.side, 1), lift), Drive("ankle", (d.side, 2), -d.u(0.7, 1.1) * lift)]
            return d.gesture({}, *moves, Drive("foot", (d.side, 0), -2.0 * lift), *_balance(d))
        back = d.u(0.22, 0.38) * scale
        moves.append(Drive("ankle", (leg, 2), d.body.lengths["thigh"] - back, to=True))
        moves.append(Drive("ankle", (leg, 0), _SIGN[leg] * apart * scale))
        moves += _stand_on_toes(d, leg, d.u(0.35, 0.75))
        if d.chance(0.2):
            moves.append(Drive("ankle", (leg, 1), d.u(0.03, 0.15) * scale))
    return d.gesture({}, *moves, Drive("trunk", (0,), d.u(-0.03, 0.08)))


def _knees(d: Draw, size: float, feet: float, delay: float = 0.0) -> list[Drive]:
    """Knees `size` apart (as a slope of the thighs) and feet `feet` metres, each side a little different."""
    moves = []
    for leg in (0, 1):
        more = d.u(0.75, 1.25)
        moves.append(Drive("knee", (leg, 0), _SIGN[leg] * more * size, delay=delay))
        moves.append(Drive("ankle", (leg, 0), _SIGN[leg] * more * feet, delay=delay))
        moves.append(Drive("foot", (leg, 1), 0.25 * size, delay=delay))
    return moves


@motion("spread_legs", "legs", POSTURE, smg="Moving legs", ma52="spread legs")
def spread_legs(d: Draw) -> Gesture:
    """The knees go apart, with the feet or over feet that stay; standing, the feet are set apart."""
    scale = d.body.lengths["stature"] / 1.73
    if not d.setting.seated:
        moves = _knees(d, d.u(0.0, 0.15), d.u(0.07, 0.18) * scale)
        return d.gesture({}, *moves, Drive("pelvis", (1,), -d.u(0.01, 0.03)))
    feet = d.pick((d.u(0.0, 0.04), d.u(0.05, 0.16))) * scale
    size = d.u(0.30, 0.70)
    moves = _knees(d, size, feet)
    if d.setting.legs == "apart":  # closed first
        when = d.u(0.30, 0.45)
        closed = [Drive("knee", (leg, 0), _SIGN[leg] * d.u(0.0, 0.15), to=True) for leg in (0, 1)]
        closed += [Drive("ankle", (leg, 0), _SIGN[leg] * 0.09 * scale, to=True) for leg in (0, 1)]
        moves = closed + [replace(m, delay=when) for m in moves]
    elif d.chance(0.2):  # one leg only
        moves = [m for m in moves if m.index[0] == d.side]
    elif d.chance(0.2):  # opened and closed again and again
        frequency, cycles = d.rhythm(0.4, 1.2, 5)
        moves = [Drive(m.channel, m.index, 0.5 * m.size, frequency, cycles, offset=1.0, phase=-1.57) for m in moves]
    return d.gesture({}, *moves, Drive("trunk", (0,), d.u(-0.08, 0.06)))


@motion("close_legs", "legs", POSTURE, smg="Moving legs", ma52="closing legs")
def close_legs(d: Draw) -> Gesture:
    """The knees go together, from where they are or after they had been apart; the feet follow or stay."""
    scale = d.body.lengths["stature"] / 1.73
    moves: list[Drive] = []
    when = 0.0
    if d.chance(0.5) or d.setting.legs == "together":
        open_, feet = (d.u(0.25, 0.6), d.u(0.0, 0.08)) if d.setting.seated else (d.u(0.0, 0.1), d.u(0.04, 0.10))
        moves, when = _knees(d, open_, feet * scale), d.u(0.30, 0.45)
    feet = d.u(0.030, 0.055) * scale
    for leg in (0, 1):
        moves.append(Drive("knee", (leg, 0), _SIGN[leg] * d.u(-0.06, 0.03), delay=when, to=True))
        moves.append(Drive("ankle", (leg, 0), _SIGN[leg] * feet, delay=when, to=True))
        moves.append(Drive("foot", (leg, 1), d.u(0.0, 0.15), delay=when, to=True))
    return d.gesture({}, *moves, Drive("trunk", (0,), d.u(-0.05, 0.04)))


def _to(channel: str, leg: int, values: Sequence[float], first: int = 0) -> list[Drive]:
    """The leg's channel is held at these values, from index `first` on."""
    return [Drive(channel, (leg, first + i), value, to=True) for i, value in enumerate(values)]


def ankle_on_knee(d: Draw, leg: int) -> list[Drive]:
    """The ankle of `leg` lies on the other knee, its own knee out to the side."""
    size, inward = d.body.lengths, -_SIGN[leg]
    top = size["shin"] + size["ankle_height"] + 1.1 * d.body.radii["thigh"] + d.u(0.0, 0.03)
    moves = _to("ankle", leg, (inward * d.u(0.08, 0.14), top, size["thigh"] * d.u(0.80, 0.92)))
    moves += _to("knee", leg, (_SIGN[leg], 0.35, 0.25)) + _to("foot", leg, (0.1, -d.u(0.6, 1.0)))
    return moves + _to("knee", 1 - leg, (inward * d.u(0.05, 0.3),))


def _knee_on_knee(d: Draw, leg: int) -> list[Drive]:
    size, inward = d.body.lengths, -_SIGN[leg]
    height = size["ankle_height"] + 0.42 * size["shin"] + d.u(-0.03, 0.05)
    moves = _to("ankle", leg, (inward * d.u(0.08, 0.16), height, size["thigh"] + d.u(-0.03, 0.08)))
    moves += _to("knee", leg, (inward * d.u(0.2, 0.4), 1.1, 1.0)) + _to("foot", leg, (-d.u(0.1, 0.5),))
    moves += _to("ankle", 1 - leg, (inward * (size["hip_width"] / 2 + d.u(-0.02, 0.03)),))
    moves += _to("knee", 1 - leg, (inward * d.u(0.0, 0.08),))
    if d.chance(0.35):
        frequency, cycles = d.rhythm(0.8, 2.4, 9)
        moves.append(Drive("ankle", (leg, 2), d.size(0.01, 0.04), frequency, cycles))
        moves.append(Drive("foot", (leg, 0), d.size(0.0, 0.2), frequency, cycles))
    return moves


def _ankles_crossed(d: Draw, leg: int) -> list[Drive]:
    size, inward = d.body.lengths, -_SIGN[leg]
    z = size["thigh"] + d.u(-0.15, 0.20) if d.setting.seated else 0.0
    ahead = d.u(0.08, 0.12) * (1.0 if d.setting.seated else d.pick((1.0, -1.0)))
    up = size["ankle_height"]
    moves = _to("ankle", leg, (inward * d.u(0.05, 0.10), up + d.u(0.0, 0.02), z + ahead))
    moves += _to("foot", leg, (-d.u(0.0, 0.4), d.u(0.0, 0.4)))
    if d.setting.seated:
        moves += _to("ankle", 1 - leg, (inward * d.u(-0.04, 0.02), up, z)) + _to("foot", 1 - leg, (0.0,))
        moves += [m for i in (0, 1) for m in _to("knee", i, (_SIGN[i] * d.u(0.05, 0.5),))]
    else:
        moves += _to("ankle", 1 - leg, (inward * d.u(-0.02, 0.02),)) + _to("knee", leg, (inward * 0.1,))
    return moves


@motion("cross_legs", "legs", POSTURE, smg="Crossing legs", ma52="crossing legs")
def cross_legs(d: Draw) -> Gesture:
    """One leg over the other: thigh on thigh, ankle on knee, or at the ankles when seated, before or behind the other
    when standing; the free foot may swing."""
    inward = -_SIGN[d.side]
    ways = (_knee_on_knee, _knee_on_knee, ankle_on_knee, _ankles_crossed, _ankles_crossed)
    moves = (d.pick(ways) if d.setting.seated else _ankles_crossed)(d, d.side)
    sway = (Drive("pelvis", (0,), -inward * d.u(0.0, 0.02)), Drive("trunk", (2,), inward * d.u(-0.05, 0.05)))
    return d.gesture({}, *moves, *sway)


@motion("stretch_feet", "legs", POSTURE, smg="Moving legs", ma52="stretching feet")
def stretch_feet(d: Draw) -> Gesture:
    """Feet slide forwards as the knees straighten, on the heels or flat; one, both, or one after the other."""
    scale = d.body.lengths["stature"] / 1.73
    moves: list[Drive] = []
    legs = _legs(d, 0.55)
    reach = d.u(0.20, 0.33) * scale + d.body.lengths["thigh"] if d.setting.seated else d.u(0.14, 0.28) * scale
    crossed = len(legs) == 2 and d.chance(0.15)
    back = d.u(0.12, 0.25) * scale if d.setting.legs == "forward" else 0.0
    for place, leg in enumerate(legs):
        delay = d.u(0.1, 0.3) if place and d.chance(0.3) else 0.0
        if back:
            moves.append(Drive("ankle", (leg, 2), -back))
            delay = d.u(0.3, 0.45)
        moves.append(Drive("ankle", (leg, 2), reach + d.u(-0.03, 0.03), delay=delay, to=True))
        moves.append(Drive("ankle", (leg, 1), d.body.lengths["ankle_height"], delay=delay, to=True))
        moves.append(Drive("foot", (leg, 0), d.pick((d.u(0.0, 0.1), d.u(0.15, 0.55))), delay=delay, to=True))
        moves.append(Drive("ankle", (leg, 0), _SIGN[leg] * (d.u(-0.02, 0.06) - 0.14 * crossed) * scale))
        if d.setting.seated and d.chance(0.15):  # the leg leaves the floor
            moves.append(Drive("ankle", (leg, 1), d.u(0.05, 0.30) * scale, delay=delay))
    lean = Drive("trunk", (0,), -d.u(0.0, 0.12) if d.setting.seated else d.u(-0.03, 0.03))
    slide = [Drive("pelvis", (2,), d.u(0.0, 0.04))] if d.setting.seated else _balance(d)
    return d.gesture({}, *moves, lean, *slide)


@motion("retract_feet", "legs", POSTURE, smg="Moving legs", ma52="retracting feet")
def retract_feet(d: Draw) -> Gesture:
    """Feet drawn back over the floor, from where they are or after they had been stretched out; flat, or on the toes
    at the end."""
    size = d.body.lengths
    scale = size["stature"] / 1.73
    moves: list[Drive] = []
    out = d.u(0.12, 0.28) * scale * (1.0 if d.setting.seated else 0.5)
    when = d.u(0.28, 0.42) if d.chance(0.5) or d.setting.legs == "under" else 0.0
    back = size["thigh"] - d.u(0.16, 0.26) * scale if d.setting.seated else -d.u(0.10, 0.22) * scale
    on_toes = d.chance(0.4)
    for leg in _legs(d, 0.6):
        if when:
            moves.append(Drive("ankle", (leg, 2), out + (size["thigh"] if d.setting.seated else 0.0), to=True))
            moves.append(Drive("foot", (leg, 0), 0.25, to=True))
        moves.append(Drive("ankle", (leg, 2), back + d.u(-0.02, 0.02), delay=when, to=True))
        if on_toes:
            moves += _stand_on_toes(d, leg, d.u(0.1, 0.35), when)
        else:
            moves.append(Drive("foot", (leg, 0), 0.0, delay=when, to=True))
            moves.append(Drive("ankle", (leg, 1), size["ankle_height"], delay=when, to=True))
        moves.append(Drive("ankle", (leg, 0), _SIGN[leg] * d.u(-0.03, 0.03) * scale))
    return d.gesture({}, *moves, Drive("trunk", (0,), d.u(-0.03, 0.06)), *_balance(d))


@motion("tiptoe", "legs", POSTURE, smg="Moving legs", ma52="tiptoe")
def tiptoe(d: Draw) -> Gesture:
    """Heels up, toes on the floor: held or up and down slowly; standing, the whole body rises."""
    standing = not d.setting.seated
    legs = _legs(d, 0.85 if standing else 0.6)
    angle = d.u(0.24, 0.62)
    frequency, cycles = d.rhythm(0.5, 1.4, 5) if d.chance(0.25) else (0.0, 1.0)
    rise = 0.70 * d.body.lengths["foot"] * float(np.sin(angle))
    moves: list[Drive] = []
    for leg in legs:
        if frequency:
            moves += _bounce_heel(d, leg, 0.6 * angle, frequency, cycles, -1.57)
        else:
            moves += _stand_on_toes(d, leg, angle)
    if standing and len(legs) == 2:
        size, offset = (0.6 * rise, 1.0) if frequency else (rise, 0.0)
        moves.append(Drive("pelvis", (1,), size, frequency, cycles, offset, -1.57))
        moves.append(Drive("pelvis", (2,), 0.3 * size, frequency, cycles, offset, -1.57))
    elif standing:
        moves += _balance(d)
    return d.gesture({}, *moves)
