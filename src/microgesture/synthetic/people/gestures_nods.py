"""Motions of the head by itself: bowing, tilting, turning, nodding, shaking; and what is too small to be one.

What is called a nod or a turn here is clearly larger than what heads do all the time (`rest.add_idle`).
"""

from __future__ import annotations

from microgesture.synthetic.people.gesture import Draw, Drive, Gesture, motion
from microgesture.synthetic.people.gestures_speech import speech

_PITCH, _YAW, _ROLL = (0,), (1,), (2,)


def _also(d: Draw, *axes: tuple[int, ...], size: float = 0.07) -> tuple[Drive, ...]:
    """Small turns about the other axes: no head moves about one axis alone."""
    return tuple(Drive("head", axis, d.u(-size, size)) for axis in axes)


@motion("head_up", "head", imigue="Head up", ma52="head up")
def head_up(d: Draw) -> Gesture:
    """Chin lifted, face to the ceiling: a glance upwards, a toss of the head, or the head laid back."""
    turn = (Drive("head", _YAW, d.u(-0.25, 0.25)), Drive("head", _ROLL, d.u(-0.08, 0.08)))
    trunk = Drive("trunk", _PITCH, d.u(-0.10, 0.01))
    return d.gesture({}, Drive("head", _PITCH, -d.u(0.24, 0.62)), trunk, *turn)


@motion("bow_head", "head", ma52="bowing head")
def bow_head(d: Draw) -> Gesture:
    """The chin goes down to the chest, and stays there for a while; the upper back may round with it."""
    bow = Drive("head", _PITCH, d.u(0.30, 0.75))
    return d.gesture({}, bow, Drive("trunk", _PITCH, d.u(-0.02, 0.14)), *_also(d, _YAW, size=0.2), *_also(d, _ROLL))


@motion("tilt_head", "head", ma52="tilting head")
def tilt_head(d: Draw) -> Gesture:
    """One ear goes towards its shoulder, once and held, or to one side after the other."""
    size = d.u(0.17, 0.42) * d.pick((-1.0, 1.0))
    if d.chance(0.2):
        frequency, cycles = d.rhythm(0.35, 0.9, 4)
        tilt = Drive("head", _ROLL, 0.8 * size, frequency, cycles)
    else:
        tilt = Drive("head", _ROLL, size)
    lean = Drive("trunk", _ROLL, d.u(-0.05, 0.15) * size)
    return d.gesture({}, tilt, lean, *_also(d, _PITCH, _YAW, size=0.12))


@motion("turn_head", "head", ma52="turning head")
def turn_head(d: Draw) -> Gesture:
    """The face turns to one side and back, or to one side and then to the other; the shoulders may follow."""
    size = d.u(0.38, 0.95) * d.pick((-1.0, 1.0))
    follow = Drive("trunk", _YAW, d.u(-0.02, 0.15) * size)
    if d.chance(0.25):
        turns = (
            Drive("head", _YAW, size),
            Drive("head", _YAW, -size * d.u(1.2, 1.9), delay=d.u(0.3, 0.5)),
        )
        return d.gesture({}, *turns, *_also(d, _PITCH, _ROLL))
    return d.gesture({}, Drive("head", _YAW, size), follow, Drive("head", _PITCH, d.u(-0.12, 0.20)), *_also(d, _ROLL))


def _brisk(size: float, frequency: float, usual: float = 1.6) -> float:
    """Quick movements are smaller."""
    return size * min(1.0, usual / frequency)


@motion("nod", "head", ma52="nodding")
def nod(d: Draw) -> Gesture:
    """The head dips and comes up again, once or several times, deep and slow or brisk and small."""
    frequency, cycles = d.rhythm(0.8, 3.0, 7)
    size = max(_brisk(d.size(0.12, 0.28), frequency), 0.08)
    dip = Drive("head", _PITCH, size, frequency, cycles, offset=d.u(0.1, 0.9), phase=d.u(-1.57, 0.6))
    with_it = Drive("trunk", _PITCH, d.u(-0.05, 0.18) * size, frequency, cycles)
    return d.gesture({}, dip, with_it, *_also(d, _YAW, size=0.15), *_also(d, _ROLL))


@motion("shake_head", "head", ma52="shaking head")
def shake_head(d: Draw) -> Gesture:
    """The face turns from side to side several times."""
    frequency = d.u(0.8, 2.8) * d.style.speed
    cycles = float(d.rng.integers(2, 8))
    size = max(_brisk(d.size(0.16, 0.42), frequency), 0.11)
    phase = d.pick((0.0, 3.14159))
    swing = Drive("head", _YAW, size, frequency, cycles, phase=phase)
    sway = Drive("head", _ROLL, d.u(-0.25, 0.25) * size, frequency, cycles, phase=phase)
    return d.gesture({}, swing, sway, *_also(d, _PITCH, _YAW, size=0.12))


@motion("gaze_about", "head", (0.8, 6.0), imigue="No gesture", smg="No gesture")
def gaze_about(d: Draw) -> Gesture:
    """What iMiGUE and SMG have no class for: to look elsewhere, nod, shake, bow or tilt the head."""
    return d.pick((turn_head, turn_head, nod, nod, shake_head, bow_head, tilt_head))(d)


@motion("nothing", "head", (0.8, 6.0), imigue="No gesture", smg="No gesture", ma52="No gesture")
def nothing(d: Draw) -> Gesture:
    """What is not a gesture: to idle, glance aside, hint at a nod, speak, change the seat a little."""
    kind = d.pick(("idle", "look", "nod", "shake", "speak", "speak", "settle"))
    if kind == "look":
        moves = (Drive("head", _YAW, d.u(-0.20, 0.20)), Drive("head", _PITCH, d.u(-0.08, 0.12)))
        return d.gesture({}, *moves, Drive("trunk", _YAW, d.u(-0.05, 0.05)))
    if kind in ("nod", "shake"):
        axis, size = (_PITCH, d.u(0.02, 0.06)) if kind == "nod" else (_YAW, d.u(0.03, 0.08))
        frequency, cycles = d.rhythm(0.8, 2.2, 6)
        return d.gesture({}, Drive("head", axis, size, frequency, cycles, offset=0.5 if kind == "nod" else 0.0))
    if kind == "speak":
        return d.gesture({}, *speech(d))
    if kind == "settle":
        return d.gesture(
            {},
            *_also(d, _PITCH, _YAW, _ROLL, size=0.12),
            *(Drive("trunk", (axis,), d.size(-0.04, 0.04)) for axis in range(3)),
        )
    return d.gesture({})
