"""Motions of the fingers: fists, drumming and wiggling, fingers that touch the other hand's fingers."""

from __future__ import annotations

from dataclasses import replace

from microgesture.synthetic.people.gesture import POSTURE, Draw, Drive, Gesture, Reach, Stroke, Vector, motion, plus
from microgesture.synthetic.people.gestures_hands import attend, meeting_place
from microgesture.synthetic.people.rest_poses import LYING, REST_POSES
from microgesture.synthetic.people.surface import Site


def _where_it_rests(d: Draw) -> Reach:
    """About where this person's hands rest anyway, a little off."""
    ways = [way for part in REST_POSES[d.setting.rest].ways for way in part]
    if not ways:  # clasped: in the lap, at the belly
        y = d.u(0.18, 0.24) if d.setting.seated else d.u(0.05, 0.14)
        site = Site("near_pelvis", (d.u(0.08, 0.16), y, d.u(0.20, 0.28)))
        return Reach(site, "wrist", "relaxed", (-0.5, 0.0, 0.85), (-0.6, -0.7, 0.0), contact=False)
    pose = d.pick(ways)
    return replace(pose, offset=plus(pose.offset, d.around(0.02)), fingers=d.near(pose.fingers))


def _in_the_air(d: Draw) -> Reach:
    """Before the belly or the chest, at times beside the head."""
    site = Site("space", (d.u(0.06, 0.26), d.u(-0.26, 0.10), d.u(0.22, 0.38)))
    if d.setting.table:
        site = Site("above_table", (d.u(0.06, 0.26), d.u(0.06, 0.24), d.u(0.02, 0.18)))
    palm = d.pick(((-0.95, 0.1, 0.1), (-0.3, -0.9, 0.1), (-0.3, 0.9, -0.2), (-0.3, 0.1, -0.9)))
    fingers = d.near((-0.35, d.u(-0.1, 0.8), 0.8), 15)
    return Reach(site, "palm", "relaxed", fingers, d.near(palm, 15), contact=False, elbow=d.u(0.0, 0.3))


_KNUCKLES_DOWN: tuple[Vector, Vector] = ((-0.30, 0.0, 0.95), (-0.95, -0.30, 0.0))  # the little finger's side below


@motion("clench_fist", "hands", ma52="clenching fist")
def clench_fist(d: Draw) -> Gesture:
    """One hand or both close to a fist, where they lie or raised, once or again and again."""
    pump = Stroke(curl=0.45, frequency=d.u(0.6, 2.4) * d.style.speed, cycles=float(d.rng.integers(1, 7)))
    shape, stroke = ("fist", None) if d.chance(0.55) else ("loose_fist", pump)
    if d.chance(0.6):
        rest = _where_it_rests(d)
        lies = rest.site.frame in LYING
        fingers, palm = _KNUCKLES_DOWN if lies else (rest.fingers, rest.palm)
        reach = replace(rest, part="wrist", fingers=d.near(fingers), palm=d.near(palm), contact=False)
        reach = replace(reach, offset=plus(rest.offset, (0.0, 0.0, 0.028) if lies else (0.012, 0.0, 0.0)))
    else:
        reach = _in_the_air(d)
        if stroke is None and d.chance(0.5):  # shaken a little
            stroke = Stroke((d.size(0.01, 0.05), 0.0, d.size(0.0, 0.02)), *d.rhythm(0.8, 2.6, 5))
    reach = replace(reach, shape=shape, stroke=stroke)
    reaches = {0: reach, 1: reach} if d.chance(0.35) else {d.side: reach}
    tense = [Drive("girdle", (side, 0), d.u(0.0, 0.10)) for side in reaches]
    return d.gesture(reaches, *tense, *attend(d))


@motion("move_fingers", "hands", ma52="other finger movements")
def move_fingers(d: Draw) -> Gesture:
    """Fingers drum, bend and stretch, wiggle or spread, where the hand lies or in the air."""
    kind = d.rng.random()
    frequency, cycles = d.rhythm(0.7, 3.6, 12)
    rest = _where_it_rests(d)
    lies = rest.site.frame in LYING
    if kind < 0.40 and lies:  # drumming on what the hand lies on
        part, shape = d.pick((("tips", "relaxed"), ("tips", "claw"), ("index", "relaxed"), ("two_tips", "cup")))
        tap = Stroke(frequency=max(frequency, 1.2), cycles=cycles, lift=d.size(0.006, 0.02), curl=d.u(0.08, 0.25))
        reach = replace(rest, part=part, shape=shape, stroke=tap)
    elif kind < 0.75:  # bending and stretching there
        shape = d.pick(("flat", "relaxed", "open", "cup", "laid"))
        bend = Stroke(frequency=frequency, cycles=cycles, curl=d.u(0.15, 0.45))
        reach = replace(rest, shape=shape, stroke=bend)
        if lies:
            reach = replace(reach, offset=plus(rest.offset, (0.0, 0.0, d.u(0.0, 0.03))))
    else:
        shape = d.pick(("open", "relaxed", "claw", "flat", "cup", "pinch"))
        reach = replace(_in_the_air(d), shape=shape)
        reach = replace(reach, stroke=Stroke(frequency=frequency, cycles=cycles, curl=d.u(0.15, 0.5)))
    reaches = {d.side: reach}
    if d.chance(0.3):
        reaches[1 - d.side] = replace(reach, stroke=reach.stroke and replace(reach.stroke, phase=d.u(0.0, 6.28)))
    return d.gesture(reaches, *attend(d))


@motion(
    "touch_fingers",
    "hands",
    POSTURE,
    imigue="Rubbing or holding hands",
    smg="Rubbing hands and crossing finger",
    ma52="hands touching fingers",
)
def touch_fingers(d: Draw) -> Gesture:
    """Fingers of one hand pinch, stroke, pull or pick fingers of the other, or fingertips tap each other."""
    site = meeting_place(d, height=0.05)
    mirrored = replace(site, at=(-site.at[0], site.at[1], site.at[2]))
    frequency, cycles = d.rhythm(0.8, 3.2, 12)
    if d.chance(0.25):  # fingertips against fingertips, palms down or towards the body
        palm = d.near((-0.5, d.u(-0.7, 0.1), -0.6), 8)
        fingers = d.near((-0.85, d.u(-0.1, 0.4), 0.4), 8)
        tap = Stroke((0.0, d.size(0.003, 0.015), 0.0), frequency, cycles, curl=d.u(0.05, 0.3))
        gap = (0.0, d.body.radii["finger"], 0.0)
        shape = d.pick(("relaxed", "cup", "claw"))
        first = Reach(site, "tips", shape, fingers, palm, gap, stroke=tap, contact=False)
        return d.gesture({d.side: first, 1 - d.side: replace(first, site=mirrored)}, *attend(d))
    part = d.pick(("index", "middle", "ring_mid", "ring", "thumb"))
    fingers, palm = d.near((-0.85, 0.0, 0.5), 8), d.near((-0.2, -0.6, -0.75), 8)
    held = Reach(site, part, d.pick(("relaxed", "flat", "cup", "loose_fist")), fingers, palm, contact=False)
    along = (d.size(0.0, 0.008), d.size(0.002, 0.025), d.size(0.0, 0.012))
    stroke = Stroke(along, frequency, cycles, curl=d.u(0.05, 0.25)) if d.chance(0.85) else None
    touching, shape = d.pick((("pinch", "precision"), ("pinch", "pinch"), ("tips", "grip"), ("index", "relaxed")))
    fingers, palm = d.near((-0.75, -0.30, 0.55), 8), d.near((-0.35, -0.8, -0.45), 8)
    toucher = Reach(mirrored, touching, shape, fingers, palm, (0.010, 0.0, 0.0), stroke=stroke, contact=False)
    return d.gesture({1 - d.side: held, d.side: toucher}, *attend(d))
