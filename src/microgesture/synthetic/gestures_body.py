"""Motions without hands: lips and cheeks, head and shoulders, trunk, legs; and doing nothing in particular."""

from __future__ import annotations

from microgesture.synthetic.gesture import POSTURE, Draw, Drive, Gesture, face, motion
from microgesture.synthetic.gestures_hands import speech

_SHOULDERS = ((0, 0), (1, 0))


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
    """Cheeks full of air and a deep breath: the chest rises and sinks."""
    cheeks = face("cheeks_puffed", d.u(0.65, 1.0), delay=d.u(0.0, 0.3))
    rise = [Drive("girdle", index, d.size(0.04, 0.12)) for index in _SHOULDERS]
    return d.gesture({}, cheeks, *rise, Drive("trunk", (0,), -d.size(0.02, 0.07)), *_small_head(d))


@motion("turtle_neck", "head", imigue="Turtle neck", smg="Turtling neck and shoulder")
def turtle_neck(d: Draw) -> Gesture:
    """The head sinks between shoulders that rise."""
    rise = d.u(0.26, 0.42)
    sink = d.u(0.22, 0.40) * d.body.lengths["neck"]
    shoulders = [Drive("girdle", index, rise) for index in _SHOULDERS]
    forward = [Drive("girdle", (side, 1), d.u(0.0, 0.12)) for side in (0, 1)]
    neck = (Drive("neck_shift", (1,), -sink), Drive("neck_shift", (2,), d.u(0.0, 0.025)))
    tilt = (Drive("head", (0,), d.u(-0.15, 0.10)), Drive("trunk", (0,), d.u(0.0, 0.06)))
    return d.gesture({}, *shoulders, *forward, *neck, *tilt)


@motion("head_up", "head", imigue="Head up")
def head_up(d: Draw) -> Gesture:
    """Chin lifted, face to the ceiling."""
    turn = (Drive("head", (1,), d.u(-0.2, 0.2)), Drive("head", (2,), d.u(-0.06, 0.06)))
    return d.gesture({}, Drive("head", (0,), -d.u(0.28, 0.55)), Drive("trunk", (0,), d.u(-0.05, 0.01)), *turn)


@motion("shake_shoulders", "trunk", imigue="Shaking shoulders")
def shake_shoulders(d: Draw) -> Gesture:
    """A shrug or a few, of one shoulder or both, or shoulders shaken to and fro."""
    frequency, cycles = d.u(0.9, 2.6) * d.style.speed, float(d.rng.integers(1, 6))
    kind = d.rng.random()
    if kind < 0.45:
        size = d.size(0.10, 0.19)
        indices = _SHOULDERS if d.chance(0.7) else (_SHOULDERS[d.side],)
        moves = [Drive("girdle", index, size, frequency, cycles, offset=0.6, phase=-1.57) for index in indices]
    elif kind < 0.75:
        size = d.size(0.10, 0.20)
        moves = [
            Drive("girdle", (side, 0), size, frequency, cycles, offset=0.3, phase=3.14159 * side) for side in (0, 1)
        ]
        moves.append(Drive("trunk", (2,), 0.25 * size, frequency, cycles))
    else:
        size = d.size(0.12, 0.24)
        moves = [Drive("girdle", (side, 1), size, frequency, cycles, phase=3.14159 * side) for side in (0, 1)]
        moves += [Drive("girdle", (side, 0), 0.5 * size, frequency, cycles, phase=1.57) for side in (0, 1)]
        moves.append(Drive("trunk", (1,), 0.3 * size, frequency, cycles))
    return d.gesture({}, *moves, *_small_head(d))


@motion("move_torso", "trunk", POSTURE, imigue="Moving torso")
def move_torso(d: Draw) -> Gesture:
    """The trunk leans, sways or turns, once or to and fro."""
    axis = d.pick((0, 1, 2))
    size = d.size(0.10, 0.26) * d.pick((-1.0, 1.0))
    if axis == 0:
        size = abs(size) if d.chance(0.6) else -0.6 * abs(size)
    moves = []
    if d.chance(0.5):
        moves.append(Drive("trunk", (axis,), size))
    else:
        cycles = float(d.rng.integers(1, 6))
        moves.append(Drive("trunk", (axis,), 0.7 * size, d.u(0.25, 0.9) * d.style.speed, cycles, phase=d.u(0.0, 0.5)))
    if not d.setting.seated and d.chance(0.5):
        moves.append(Drive("pelvis", (0,), d.size(-0.05, 0.05)))
    other = d.pick((0, 1, 2))
    moves.append(Drive("trunk", (other,), d.size(-0.05, 0.05)))
    moves.append(Drive("head", (axis,), -d.u(0.2, 0.8) * size))
    return d.gesture({}, *moves)


@motion("sit_straight", "trunk", POSTURE, seated_only=True, imigue="Sitting straightly")
def sit_straight(d: Draw) -> Gesture:
    """From a slouch the back straightens: the trunk upright, the shoulders back, the head over them."""
    stretch = d.u(0.12, 0.24)
    shoulders = [Drive("girdle", (side, 1), -d.u(0.08, 0.20)) for side in (0, 1)]
    lift = (Drive("neck_shift", (1,), d.u(0.004, 0.012)), Drive("pelvis", (2,), -d.u(0.0, 0.03)))
    level = Drive("head", (0,), 0.6 * stretch)
    return d.gesture(
        {}, Drive("trunk", (0,), -stretch), Drive("pelvis_turn", (0,), 0.25 * stretch), level, *shoulders, *lift
    )


@motion("move_legs", "legs", POSTURE, smg="Moving legs")
def move_legs(d: Draw) -> Gesture:
    """Bouncing knees, tapping or sliding feet, knees apart; standing: weight shifted, a step, a tap, a bent knee."""
    legs = (0, 1) if d.chance(0.35) else (d.side,)
    frequency, cycles = d.u(0.8, 4.5) * d.style.speed, float(d.rng.integers(2, 16))
    kind = d.rng.random()
    moves: list[Drive] = []
    if kind < 0.45:  # heel up and down, the ball of the foot stays
        size = d.size(0.012, 0.035)
        for leg in legs:
            phase = d.u(0.0, 6.28)
            moves.append(Drive("ankle", (leg, 1), size, frequency, cycles, offset=1.0, phase=phase))
            moves.append(Drive("foot", (leg, 0), -size / 0.16, frequency, cycles, offset=1.0, phase=phase))
    elif kind < 0.65:  # toes tap
        for leg in legs:
            moves.append(
                Drive("foot", (leg, 0), d.size(0.10, 0.22), frequency, cycles, offset=1.0, phase=d.u(0.0, 6.28))
            )
    else:  # the leg goes elsewhere and back, once or to and fro
        slow = d.u(0.3, 1.0) * d.style.speed if d.chance(0.5) else 0.0
        for leg in legs:
            sign = 1.0 if leg == 0 else -1.0
            for axis, size in ((0, sign * d.size(-0.05, 0.14)), (2, d.size(-0.12, 0.10))):
                moves.append(Drive("ankle", (leg, axis), size, slow, cycles))
            moves.append(Drive("ankle", (leg, 1), d.size(0.005, 0.03), 2 * slow, cycles, offset=1.0))
            moves.append(Drive("knee", (leg, 0), sign * d.u(-0.1, 0.4)))
    if not d.setting.seated:
        moves.append(Drive("pelvis", (0,), d.size(0.01, 0.05) * (1.0 if d.side else -1.0), offset=0.0))
        moves.append(Drive("pelvis", (1,), -d.u(0.0, 0.015)))
    return d.gesture({}, *moves)


@motion("cross_legs", "legs", POSTURE, smg="Crossing legs")
def cross_legs(d: Draw) -> Gesture:
    """One leg over the other: at the knee or at the ankles when seated, before or behind the other when standing."""
    leg = d.side
    inward = -1.0 if leg == 0 else 1.0
    hips = d.body.lengths["hip_width"]
    if d.setting.seated and d.chance(0.65):
        shin = d.body.lengths["shin"]
        ankle = (inward * (hips / 2 + d.u(0.14, 0.20)), 0.42 * shin + d.u(-0.03, 0.05), d.u(0.02, 0.08))
        knee = (inward * d.u(0.3, 0.5), 0.5, 0.0)
        pitch = -d.u(0.1, 0.5)
    else:
        forward = d.pick((1.0, -1.0)) if not d.setting.seated else 1.0
        ankle = (inward * (hips / 2 + d.u(0.10, 0.16)), d.u(0.0, 0.02), forward * d.u(0.09, 0.13))
        knee = (inward * 0.1, 0.0, 0.0)
        pitch = -d.u(0.0, 0.4)
    moves = [Drive("ankle", (leg, axis), ankle[axis]) for axis in range(3)]
    moves += [Drive("knee", (leg, axis), knee[axis]) for axis in range(3)]
    moves.append(Drive("foot", (leg, 0), pitch))
    if d.setting.seated and d.chance(0.3):
        moves.append(Drive("ankle", (leg, 2), d.size(0.01, 0.04), d.u(0.8, 2.0), float(d.rng.integers(1, 8))))
    sway = (Drive("pelvis", (0,), -inward * d.u(0.0, 0.02)), Drive("trunk", (2,), inward * d.u(-0.05, 0.05)))
    return d.gesture({}, *moves, *sway)


@motion("nothing", "head", (0.8, 6.0), imigue="No gesture", smg="No gesture")
def nothing(d: Draw) -> Gesture:
    """What is not a gesture: to idle, look elsewhere, nod, shake the head a little, speak, change the seat a little."""
    kind = d.pick(("idle", "look", "nod", "shake", "speak", "speak", "settle"))
    if kind == "look":
        moves = (Drive("head", (1,), d.size(-0.45, 0.45)), Drive("head", (0,), d.size(-0.10, 0.22)))
        return d.gesture({}, *moves, Drive("trunk", (1,), d.size(-0.05, 0.05)))
    if kind in ("nod", "shake"):
        axis, size = (0, d.size(0.04, 0.14)) if kind == "nod" else (1, d.size(0.06, 0.20))
        cycles = float(d.rng.integers(1, 6))
        swing = Drive("head", (axis,), size, d.u(0.8, 2.2) * d.style.speed, cycles, offset=0.5 if axis == 0 else 0.0)
        return d.gesture({}, swing)
    if kind == "speak":
        return d.gesture({}, *speech(d))
    if kind == "settle":
        return d.gesture(
            {}, *_small_head(d, 0.12), *(Drive("trunk", (axis,), d.size(-0.04, 0.04)) for axis in range(3))
        )
    return d.gesture({})
