"""The motion library and the performer: scheduled gestures in, a moving body out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microgesture.errors import DataError
from microgesture.synthetic.people import (
    gestures_arms,
    gestures_body,
    gestures_fingers,
    gestures_hands,
    gestures_head,
    gestures_legs,
    gestures_nods,
    gestures_speech,
    gestures_touched_legs,
)
from microgesture.synthetic.people.acting import Act, drive, hands
from microgesture.synthetic.people.gesture import DRAWN, MOTIONS, Draw
from microgesture.synthetic.people.gestures_hands import BOTTLE_AT, BOTTLE_CENTRE
from microgesture.synthetic.people.kinematics import SIDES, SIGNS, Skeleton, solve_trunk
from microgesture.synthetic.people.performance import FACE, JOINTS, Body, Performance
from microgesture.synthetic.people.rest import add_idle, base_rig, check_setting, place_table, rest_reaches, shifts
from microgesture.synthetic.people.schedule import CROSSED_LEGS, LEGS, MotionSpec, Scheduled, Setting, Style
from microgesture.synthetic.people.surface import Table

__all__ = ["FAMILIES", "MOTIONS", "NEEDS_HAT", "MotionSpec", "perform"]

FAMILIES = (
    gestures_head,
    gestures_nods,
    gestures_arms,
    gestures_hands,
    gestures_fingers,
    gestures_speech,
    gestures_body,
    gestures_legs,
    gestures_touched_legs,
)
"""The modules whose motions make up the library: importing them enters their motions into `MOTIONS`."""

NECK = (0.95, 1.30, 0.60)
SPINE = (1.50, 0.95, 0.50)
"""Radians of pitch, yaw and roll that head against chest and chest against pelvis do not pass."""

NEEDS_HAT = frozenset({"touch_hat"})
"""Motions that make sense only on a person with a hat. Hats must be seen with other motions as well."""


def perform(
    body: Body,
    scheduled: Sequence[Scheduled],
    duration: float,
    fps: float,
    setting: Setting,
    style: Style,
    rng: np.random.Generator,
) -> Performance:
    """Let a person act out a schedule for `duration` seconds at `fps`.

    `rng` draws what the person is like meanwhile (seat, resting hands, sway, speech); each gesture's details come
    from its own seed, so that a gesture is the same whatever else is scheduled. Overlapping gestures of
    different groups add up. Raises `DataError` for an unknown motion, an event that does not end after it
    starts, no frames to make, or a rest pose that the setting does not allow.
    """
    check_setting(setting)
    if not setting.legs:  # motions of the legs need to know
        setting = replace(setting, legs=str(rng.choice([name for name in LEGS if name not in CROSSED_LEGS])))
    for event in scheduled:
        if event.key not in MOTIONS:
            raise DataError(f"no motion '{event.key}' in the library")
        if not event.end > event.start:
            raise DataError(f"motion '{event.key}' at {event.start} s ends at {event.end} s")
    steps = round(duration * fps)
    if steps < 1:
        raise DataError(f"nothing to perform: {duration} s at {fps} frames per second")
    times = np.arange(steps) / fps
    table = place_table(body, setting, rng)
    rig = base_rig(body, setting, steps, rng)
    rest = rest_reaches(setting, rng)
    together = shifts(times, rng, 9.0, 0.012 * style.fidget)
    along = np.array([1.0, 1.0, 0.0])  # hands shift upon what they lie on
    apart = 0.0 if setting.rest == "clasped" else 0.010 * style.fidget
    drift = [(together + shifts(times, rng, 12.0, apart)) * along for _ in SIDES]
    add_idle(rig, times, style, rng)
    idle_prop = _idle_prop(setting, rng)
    acts, prop = _draw_acts(body, scheduled, setting, style)
    for act in acts:
        for move in act.gesture.drives:
            drive(rig, act, times, move)
    _settle_face(rig.face)
    _limit(rig.head, NECK)
    _limit(rig.trunk, SPINE)
    skeleton = solve_trunk(body, rig)
    hands(body, skeleton, rest, (drift[0], drift[1]), acts, times, table)
    prop = prop or idle_prop
    joints = np.stack([skeleton.joints[name] for name in JOINTS], 1)
    return Performance(
        times=times,
        joints=joints,
        head_rotation=np.ascontiguousarray(skeleton.frames["head"][1]),
        chest_rotation=np.ascontiguousarray(skeleton.frames["chest"][1]),
        face=rig.face,
        body=body,
        seated=setting.seated,
        table=(table.height, table.edge) if table is not None else None,
        prop=prop[0] if prop else None,
        prop_position=_prop_track(body, skeleton, *prop, table) if prop else None,
    )


def acting_hands(body: Body, scheduled: Sequence[Scheduled], setting: Setting, style: Style) -> list[int]:
    """Which hands each scheduled gesture takes, in the order given: the sum of 1 (left) and 2 (right), 0 for none."""
    order = sorted(range(len(scheduled)), key=lambda i: (scheduled[i].start, scheduled[i].end, scheduled[i].key))
    acts, _ = _draw_acts(body, scheduled, setting, style)
    found = [0] * len(scheduled)
    for i, act in zip(order, acts, strict=True):
        found[i] = sum(1 << side for side in act.gesture.reaches)
    return found


def _draw_acts(
    body: Body, scheduled: Sequence[Scheduled], setting: Setting, style: Style
) -> tuple[list[Act], tuple[str, int] | None]:
    """The scheduled gestures, drawn, and the object that the first of them to play with one brings along."""
    acts: list[Act] = []
    prop: tuple[str, int] | None = None
    for event in sorted(scheduled, key=lambda e: (e.start, e.end, e.key)):
        gesture = DRAWN[event.key](Draw(event.seed, body, setting, style, prop))
        if prop is None and gesture.prop is not None:
            prop = (gesture.prop, gesture.prop_side)
        acts.append(Act(gesture, event.start, event.end))
    return acts, prop


def _idle_prop(setting: Setting, rng: np.random.Generator) -> tuple[str, int] | None:
    """Objects are there without being played with: a ring on a finger, a pen in the hand, a bottle on the table."""
    share, side = rng.random(), int(rng.integers(2))
    if share < 0.24:
        return "ring" if share < 0.12 else "pen", side
    return ("bottle", side) if share < 0.46 and setting.table else None


def _prop_track(body: Body, skeleton: Skeleton, prop: str, side: int, table: Table | None) -> np.ndarray:
    """Centre of the object, `(T, 3)`: between thumb and finger, on the ring finger, or standing on the table."""
    name, joints = SIDES[side], skeleton.joints
    if prop == "pen":
        return 0.5 * (joints[f"{name}_thumb_tip"] + joints[f"{name}_index_tip"])
    if prop == "ring":
        return 0.5 * (joints[f"{name}_ring_knuckle"] + joints[f"{name}_ring_mid"])
    if table is None:
        raise DataError("a bottle needs a table to stand on")
    scale = body.lengths["stature"] / 1.73
    x, _, z = BOTTLE_AT
    place = (SIGNS[side] * x * scale, table.height + BOTTLE_CENTRE, table.edge + z * scale)
    return np.tile(place, (len(joints["pelvis"]), 1))


def _settle_face(face: np.ndarray) -> None:
    """Lips that are pressed or cheeks that are full do not speak; all channels within [0, 1], in place."""
    index = {name: i for i, name in enumerate(FACE)}
    closed = np.clip(face[:, index["lips_pressed"]] + face[:, index["cheeks_puffed"]], 0.0, 1.0)
    face[:, index["mouth_open"]] *= 1.0 - closed
    np.clip(face, 0.0, 1.0, out=face)


def _limit(angles: np.ndarray, limits: tuple[float, float, float]) -> None:
    """Angles `(T, 3)` within limits, in place: unchanged up to 70 % of them, then ever stiffer, as joints are."""
    most = np.array(limits)
    over = np.maximum(np.abs(angles) - 0.7 * most, 0.0)
    angles[:] = np.sign(angles) * (np.minimum(np.abs(angles), 0.7 * most) + 0.3 * most * np.tanh(over / (0.3 * most)))
