"""Motions of hands at thighs, knees, shins and feet."""

from __future__ import annotations

from dataclasses import replace

from microgesture.synthetic.people.gesture import Draw, Drive, Gesture, Reach, Stroke, Vector, motion, plus
from microgesture.synthetic.people.gestures_legs import ankle_on_knee
from microgesture.synthetic.people.rest_poses import REST_POSES
from microgesture.synthetic.people.surface import Site

_PARTS = (("tips", "claw"), ("tips", "relaxed"), ("two_tips", "two_fingers"), ("index", "point"))


def _place(d: Draw, low: float = 0.3) -> tuple[Site, Vector, Vector, float]:
    """A place on the own leg (rarely the other), the hand's fingers and palm there, and how far the trunk bends."""
    if not d.setting.seated:  # the upper thigh; further down only with a bent back
        along = d.pick((d.u(0.10, 0.30), d.u(0.10, 0.30), d.u(0.3, 0.9)))
        bend = max(along - 0.25, 0.0) * 1.2
        at = d.pick(((0.35, 0.0, 1.0), (0.9, 0.0, 0.4)))
        return Site("own_thigh", at, along=along), (-0.1, -0.95, 0.25), (-0.75, -0.1, -0.6), bend
    kind = d.rng.random()
    if kind < 0.60:
        at = (d.u(-0.4, 0.6), 1.0, 0.1)
        along = d.u(low, 0.85)
        return Site("own_thigh", at, along=along), (-0.3, -0.25, 0.9), (-0.15, -0.9, -0.2), max(along - 0.6, 0.0) * 0.6
    if kind < 0.80:  # the knee
        at = (d.u(-0.3, 0.4), 1.0, d.u(0.0, 0.8))
        return Site("own_thigh", at, along=d.u(0.88, 1.0)), (-0.1, -0.5, 0.85), (-0.1, -0.85, -0.5), d.u(0.15, 0.35)
    if kind < 0.90 and not d.setting.table:  # the shin, far down
        along = d.u(0.05, 0.5)
        return Site("own_shin", (0.3, 0.0, 1.0), along=along), (-0.2, -0.7, 0.7), (-0.2, -0.4, -0.9), 0.45 + 0.5 * along
    at = (d.u(0.0, 0.7), 1.0, 0.1)
    return Site("other_thigh", at, along=d.u(low, 0.75)), (-0.75, -0.2, 0.6), (-0.1, -0.95, -0.1), d.u(0.0, 0.15)


def _bent(d: Draw, bend: float) -> tuple[Drive, ...]:
    """The trunk bends from the hips, the eyes go to the place now and then."""
    hips, back = 0.35 * bend, 0.65 * bend
    look = Drive("head", (0,), d.u(0.0, 0.35) if d.chance(0.5) else -0.4 * bend)
    return (Drive("pelvis_turn", (0,), hips), Drive("trunk", (0,), back), Drive("trunk", (1,), d.u(-0.06, 0.06)), look)


def _hands(d: Draw, reach: Reach, both: float) -> dict[int, Reach]:
    if reach.site.frame.startswith("own_") and d.chance(both):
        return {0: reach, 1: replace(reach, site=replace(reach.site, along=reach.site.along + d.u(-0.05, 0.05)))}
    return {d.side: reach}


@motion("pat_legs", "hands", ma52="patting legs")
def pat_legs(d: Draw) -> Gesture:
    """An open hand strikes thigh or knee lightly, once or several times; one hand, both together or in turn."""
    site, fingers, palm, bend = _place(d)
    part = d.pick(("palm", "fingers", "palm"))
    frequency = d.u(1.2, 3.6) * d.style.speed
    cycles = float(d.rng.integers(1, 8))
    strike = Stroke((0.0, 0.0, 0.0), frequency, cycles, lift=max(d.size(0.03, 0.09) * min(1.0, 2.2 / frequency), 0.025))
    shape = d.pick(("flat", "laid", "open", "cup"))
    reach = Reach(site, part, shape, d.near(fingers), d.near(palm), stroke=strike, offset=d.around(0.02))
    reaches = _hands(d, reach, 0.35)
    if len(reaches) == 2 and d.chance(0.3):
        reaches[1] = replace(reaches[1], stroke=replace(strike, phase=3.14159))
    return d.gesture(reaches, *_bent(d, bend))


@motion("touch_legs", "hands", ma52="touching legs")
def touch_legs(d: Draw) -> Gesture:
    """One hand or both laid on thigh, knee or shin, or stroking along it, to the knee and back or only there."""
    site, fingers, palm, bend = _place(d)
    part, shape = d.pick((("palm", "flat"), ("palm", "cup"), ("palm", "laid"), ("fingers", "flat"), ("fingers", "cup")))
    if d.chance(0.15):
        part, shape = d.pick(_PARTS)
    reach = Reach(site, part, shape, d.near(fingers), d.near(palm), offset=d.around(0.02))
    long = d.size(0.03, 0.09)
    resting_there = any("thigh" in w.site.frame for ways in REST_POSES[d.setting.rest].ways for w in ways)
    kind = d.rng.random() if not resting_there else d.u(0.35, 1.0)
    if kind >= 0.7:
        reach = replace(reach, stroke=Stroke((long, 0.0, 0.0), *d.rhythm(0.4, 1.6, 6)))
    elif kind >= 0.35:
        reach = replace(reach, drift=(d.pick((-1.5, 1.5, 2.0)) * long, d.u(-0.02, 0.02), 0.0))
    return d.gesture(_hands(d, reach, 0.35), *_bent(d, bend))


@motion("scratch_legs", "hands", smg="Scratching some part of body", ma52="scratching legs")
def scratch_legs(d: Draw) -> Gesture:
    """Bent fingers scratch thigh, knee or shin with short strokes."""
    site, fingers, palm, bend = _place(d)
    reach = Reach(site, *d.pick((*_PARTS, ("tips", "claw"))), fingers, palm, offset=d.around(0.02))
    return d.gesture({d.side: d.scratch(reach, 1.3)}, *_bent(d, bend))


@motion("scratch_feet", "hands", ma52="scratching feet")
def scratch_feet(d: Draw) -> Gesture:
    """The hand goes down to foot or ankle, over a bent back, or to a foot that is laid on the other knee."""
    part, shape = d.pick((*_PARTS[:3], ("fingers", "cup"), ("fingers", "grip")))
    seated = d.setting.seated
    if seated and (d.setting.table or d.chance(0.45)):
        return _on_the_knee(d, part, shape)
    if not seated and (d.setting.table or d.chance(0.35)):
        return _drawn_up(d, part, shape)
    leg = d.side
    size = d.body.lengths
    lift = d.u(0.0, 0.12) if seated else d.u(0.10, 0.22)
    place = [d.u(-0.20, -0.05) + size["thigh"] if seated else d.u(0.05, 0.15), size["ankle_height"] + lift]
    foot = [Drive("ankle", (leg, axis), value, to=True) for axis, value in zip((2, 1), place, strict=True)]
    foot += [Drive("foot", (leg, 0), -0.8 * lift, to=True)]
    low, high = REST_POSES[d.setting.rest].lean(seated)
    bend = d.u(1.20, 1.45) - 0.5 * (low + high)
    hips = 0.5 if seated else 0.65
    if not seated:  # the knees give, the hips go back
        drop = d.u(0.18, 0.30)
        foot += [Drive("pelvis", (1,), -drop), Drive("pelvis", (2,), -0.8 * drop)]
    aside = (1.0 if leg == 1 else -1.0) * d.u(0.0, 0.12)
    site = d.pick(
        (Site("own_shin", (0.8, 0.3, 0.6), along=d.u(0.92, 0.98)), Site("own_foot", (0.5, 1.0, 0.0), along=0.25))
    )
    reach = Reach(site, part, shape, (-0.05, -0.45, 0.9), (-0.5, -0.6, -0.6), elbow=0.1)
    trunk = (
        Drive("pelvis_turn", (0,), hips * bend),
        Drive("trunk", (0,), (1.0 - hips) * bend),
        Drive("trunk", (2,), aside),
        Drive("head", (0,), -d.u(0.1, 0.5)),
        Drive("girdle", (d.side, 1), d.u(0.2, 0.35)),
    )
    reach = d.scratch(replace(reach, offset=plus(reach.offset, d.around(0.015))))
    reaches = {d.side: reach}
    if not seated or d.chance(0.4):  # the other hand leans on its knee
        knee = Site("own_thigh", (0.0, 1.0, 0.5), along=d.u(0.75, 0.95))
        reaches[1 - d.side] = Reach(knee, "palm", "cup", (-0.2, -0.4, 0.9), (-0.1, -0.8, -0.5))
    return d.gesture(reaches, *foot, *trunk, way=1.6)


def _on_the_knee(d: Draw, part: str, shape: str) -> Gesture:
    """The ankle lies on the other knee, the hand of either side goes to it."""
    leg = d.pick((d.side, 1 - d.side))
    moves = ankle_on_knee(d, leg)
    owner = "own" if leg == d.side else "other"
    site = d.pick(
        (
            Site(f"{owner}_shin", (0.0, 1.0, 0.3), along=d.u(0.82, 0.97)),
            Site(f"{owner}_foot", (0.0, 1.0, 0.0), along=0.3),
        )
    )
    fingers = (-0.7, -0.35, 0.6) if owner == "own" else (-0.1, -0.5, 0.85)
    reach = d.scratch(Reach(site, part, shape, fingers, (-0.2, -0.85, -0.4), offset=d.around(0.015)))
    lean = (Drive("trunk", (0,), d.u(0.10, 0.30)), Drive("head", (0,), d.u(0.0, 0.35)))
    return d.gesture({d.side: reach}, *moves, *lean, way=1.4)


def _drawn_up(d: Draw, part: str, shape: str) -> Gesture:
    """Standing on one leg, the other foot goes up behind, to the hand that reaches down beside the hip."""
    leg, size = d.side, d.body.lengths
    outwards = 1.0 if leg == 0 else -1.0
    high = size["ankle_height"] + size["shin"] * d.u(1.34, 1.46)
    place = (outwards * (0.5 * size["hip_width"] + d.u(0.0, 0.04)), high, -size["shin"] * d.u(0.38, 0.50))
    moves = [Drive("ankle", (leg, axis), value, to=True) for axis, value in enumerate(place)]
    moves += [Drive("foot", (leg, 0), -d.u(1.1, 1.5), to=True), Drive("pelvis", (0,), -outwards * d.u(0.02, 0.06))]
    site = Site("own_shin", (1.0, 0.1, 0.0), along=d.u(0.88, 0.98))
    reach = Reach(
        site, part, shape, (-0.05, -0.85, -0.5), (-0.9, 0.0, 0.1), offset=d.around(0.015), via=(0.1, 0.0, 0.0)
    )
    lean = (
        Drive("trunk", (2,), -outwards * d.u(0.28, 0.42)),
        Drive("trunk", (0,), d.u(0.0, 0.20)),
        Drive("trunk", (1,), outwards * d.u(0.10, 0.30)),
        Drive("head", (1,), outwards * d.u(0.0, 0.5)),
        Drive("head", (0,), d.u(0.0, 0.4)),
    )
    return d.gesture({d.side: d.scratch(reach)}, *moves, *lean, way=1.5)
