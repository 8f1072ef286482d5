"""Motions of the hands with each other and with objects."""

from __future__ import annotations

from dataclasses import replace

from microgesture.synthetic.people.gesture import POSTURE, Draw, Drive, Gesture, Reach, Stroke, Vector, motion
from microgesture.synthetic.people.surface import Site


def meeting_place(d: Draw, high: bool = False, height: float = 0.045) -> Site:
    """Where two hands meet: `height` above the table, in the lap, before the belly; `high`: before chest or chin."""
    x = d.u(-0.06, 0.06)
    if high and d.chance(0.6):
        return Site("space", (x, d.u(-0.08, 0.18), d.u(0.20, 0.30)))
    if d.setting.table and d.chance(0.85):
        return Site("above_table", (x, height, d.u(0.05, 0.16)))
    if d.setting.seated and d.chance(0.5):
        return Site("near_pelvis", (x, d.u(0.17, 0.24), d.u(0.17, 0.26)))
    low, top = (-0.24, -0.08) if d.setting.seated else (-0.38, -0.10)
    return Site("space", (x, d.u(low, top), d.u(0.20, 0.28)))


def _meet(
    d: Draw,
    site: Site,
    part: str,
    shape: str,
    fingers: Vector,
    palm: Vector,
    apart: tuple[Vector, Vector],
    strokes: tuple[Stroke | None, Stroke | None] = (None, None),
) -> dict[int, Reach]:
    """Both hands at one place; `apart` are metres (to own side, up, forward) of the leading and other hand."""
    reaches = {}
    for side, shift, stroke in ((d.side, apart[0], strokes[0]), (1 - d.side, apart[1], strokes[1])):
        x, y, z = site.at
        own = Site(site.frame, (x if side == d.side else -x, y, z))
        offset = (shift[1], shift[0], shift[2])
        reaches[side] = Reach(own, part, shape, fingers, palm, offset=offset, stroke=stroke, contact=False)
    return reaches


def _both(d: Draw, scale: float) -> tuple[Stroke | None, Stroke | None]:
    """The repetition that all hand-in-hand motions share: none, or both hands against each other."""
    frequency = d.u(0.8, 3.2) * d.style.speed
    cycles = float(d.rng.integers(2, 9)) if d.chance(0.6) else float("inf")
    size = (d.size(0.0, 0.012) * scale, 0.0, d.size(0.004, 0.022) * scale)
    first = Stroke(size, frequency, cycles)
    return first, replace(first, phase=3.14159)


_HELD, _HELD_SMG = "Rubbing or holding hands", "Rubbing hands and crossing finger"


@motion("rub_hands", "hands", POSTURE, imigue=_HELD, smg=_HELD_SMG, ma52="rubbing hands")
def rub_hands(d: Draw) -> Gesture:
    """Palms rubbed, hands wrung, or one hand stroking the back of the other."""
    site = meeting_place(d)
    strokes = _both(d, d.pick((1.0, 1.5, 2.2)))
    kind = d.rng.random()
    if kind < 0.45:
        reaches = _palm_on_palm(d, site, strokes)
    elif kind < 0.75:
        reaches = _one_over_other(d, site, (strokes[0], None))
    else:  # wrung: both move, bent around each other
        reaches = _one_over_other(d, site, strokes)
        turn = {side: replace(r, stroke=_curled(r.stroke, d.u(0.1, 0.35))) for side, r in reaches.items()}
        reaches = turn
    return d.gesture(reaches, *attend(d))


def _curled(stroke: Stroke | None, curl: float) -> Stroke | None:
    return None if stroke is None else replace(stroke, curl=curl)


def _palm_on_palm(d: Draw, site: Site, strokes: tuple[Stroke | None, Stroke | None]) -> dict[int, Reach]:
    thick = 1.15 * d.body.radii["palm"]
    fingers, palm = d.near((-0.25, d.u(0.1, 0.9), d.u(0.4, 0.9)), 10), (-1.0, 0.0, -0.1)
    apart = ((thick, 0.0, 0.0), (thick, 0.0, 0.0))
    return _meet(d, site, "palm", d.pick(("flat", "laid")), fingers, palm, apart, strokes)


def _one_over_other(d: Draw, site: Site, strokes: tuple[Stroke | None, Stroke | None]) -> dict[int, Reach]:
    """One hand over the back of the other, or around its fist."""
    thick = 1.15 * d.body.radii["palm"]
    fingers, palm = d.near((-0.85, 0.15, 0.45), 8), d.near((-0.25, -0.6, -0.7), 8)
    apart = ((-0.01, 0.6 * thick + 0.012, 0.9 * thick + 0.012), (0.0, -0.6 * thick, -0.9 * thick))
    reaches = _meet(d, site, "palm", "cup", fingers, palm, apart, strokes)
    under = reaches[1 - d.side]
    reaches[1 - d.side] = replace(under, shape=d.pick(("loose_fist", "relaxed", "flat", "fist")))
    reaches[d.side] = replace(reaches[d.side], shape=d.pick(("cup", "grip", "laid")))
    return reaches


@motion("hold_hands", "hands", POSTURE, imigue=_HELD, smg=_HELD_SMG, ma52="putting hands together")
def hold_hands(d: Draw) -> Gesture:
    """One hand held in the other, a fist in a palm, palm on palm, or a wrist held; still."""
    site = meeting_place(d, high=d.chance(0.2))
    kind = d.rng.random()
    if kind < 0.30:
        reaches = _palm_on_palm(d, site, (None, None))
    elif kind < 0.80:
        reaches = _one_over_other(d, site, (None, None))
    else:  # the wrist of one in the hand of the other
        reaches = _one_over_other(d, site, (None, None))
        x, y, z = reaches[1 - d.side].offset
        reaches[1 - d.side] = replace(reaches[1 - d.side], part="wrist", offset=(x, y + 0.02, z), shape="relaxed")
        reaches[d.side] = replace(reaches[d.side], shape="grip")
    if d.chance(0.25):  # settles into another place
        slide = (d.u(-0.02, 0.03), 0.0, d.u(-0.03, 0.03))
        reaches = {side: replace(r, drift=slide) for side, r in reaches.items()}
    return d.gesture(reaches, *attend(d))


def attend(d: Draw) -> tuple[Drive, ...]:
    """Now and then the eyes go to the hands."""
    if d.chance(0.5):
        return ()
    return (Drive("head", (0,), d.u(-0.03, 0.20)), Drive("trunk", (0,), d.u(-0.02, 0.06)))


@motion(
    "cross_fingers",
    "hands",
    POSTURE,
    imigue="Crossing fingers",
    smg="Rubbing hands and crossing finger",
    ma52="putting hands together",
)
def cross_fingers(d: Draw) -> Gesture:
    """Fingers interlaced on the table, in the lap, before chest or chin; still or with a play of the fingers."""
    site = meeting_place(d, high=d.chance(0.35))
    half = 0.5 * 0.09 * d.body.lengths["hand"] / 2
    fingers, palm = d.near((-0.62, d.u(0.0, 0.55), 0.75), 6), d.near((-0.78, -0.1, -0.55), 6)
    apart = ((0.004, half, 0.0), (0.004, -half, 0.0))
    play = None
    if d.chance(0.5):
        play = Stroke((0.0, 0.0, 0.0), *d.rhythm(), curl=d.u(0.08, 0.25))
    reaches = _meet(d, site, "fingers", "interlaced", fingers, palm, apart, (play, play))
    return d.gesture(reaches, *attend(d))


@motion("steeple", "hands", POSTURE, imigue="Minaret gesture")
def steeple(d: Draw) -> Gesture:
    """Fingertips of both hands against each other, palms apart: a steeple, upright or tipped forwards, over the
    table or before chest or chin; tapping at times."""
    rise = d.u(0.10, 0.98)
    site = meeting_place(d, high=True, height=0.045 + 0.10 * rise)
    fingers = d.near((-0.50, rise, 0.75 - 0.5 * rise), 6)
    palm = d.near((-0.85, -0.25, -0.35), 6)
    gap = d.body.radii["finger"]
    apart = ((gap, 0.0, 0.0), (gap, 0.0, 0.0))
    tap = None
    if d.chance(0.4):
        cycles = float(d.rng.integers(1, 9))
        tap = Stroke((0.0, d.size(0.002, 0.012), 0.0), d.u(0.8, 3.2) * d.style.speed, cycles, curl=d.u(0.0, 0.15))
    return d.gesture(_meet(d, site, "tips", "steeple", fingers, palm, apart, (tap, tap)), *attend(d))


@motion(
    "play_object",
    "hands",
    POSTURE,
    imigue="Playing or manipulating objects",
    smg="Playing with jewelry, and manipulating other objects",
    ma52="playing objects",
)
def play_object(d: Draw) -> Gesture:
    """A pen turned in the fingers, a ring twisted on its finger, a bottle on the table turned to and fro."""
    prop, side = d.prop or (d.pick(("pen", "ring", "bottle") if d.setting.table else ("pen", "ring")), d.side)
    frequency, cycles = d.u(0.8, 3.2) * d.style.speed, float(d.rng.integers(2, 12))
    if prop == "bottle":
        reaches = _turn_bottle(d, side, frequency, cycles)
    elif prop == "ring":
        reaches = _twist_ring(d, side, frequency, cycles)
    else:
        reaches = _turn_pen(d, side, frequency, cycles)
    return replace(d.gesture(reaches, *attend(d)), prop=prop, prop_side=side)


BOTTLE_AT = (0.15, 0.0, 0.12)
"""Where a bottle stands on the table, before the side of the hand that plays with it."""

BOTTLE_RADIUS = 0.030
BOTTLE_CENTRE = 0.08  # above the table, metres


def _turn_bottle(d: Draw, side: int, frequency: float, cycles: float) -> dict[int, Reach]:
    site = Site("above_table", (BOTTLE_AT[0], d.u(0.06, 0.10), BOTTLE_AT[2]))
    turn = Stroke((d.size(0.0, 0.01), d.size(0.003, 0.010), d.size(0.004, 0.012)), frequency, cycles)
    hold = Reach(site, "palm", "grip", (-0.65, 0.2, 0.75), (-0.95, 0.0, 0.1), stroke=turn, contact=False)
    reaches = {side: replace(hold, offset=(0.0, BOTTLE_RADIUS + 0.012, -0.015))}
    if d.chance(0.3):
        mirrored = replace(site, at=(-BOTTLE_AT[0], d.u(0.06, 0.12), BOTTLE_AT[2]))
        other = replace(hold, site=mirrored, offset=(0.0, BOTTLE_RADIUS + 0.012, -0.015), stroke=None)
        reaches[1 - side] = other
    return reaches


def _twist_ring(d: Draw, side: int, frequency: float, cycles: float) -> dict[int, Reach]:
    """The hand of `side` wears the ring; the other turns it between thumb and finger."""
    site = meeting_place(d, height=0.05)
    fingers, palm = d.near((-0.85, 0.0, 0.5), 8), d.near((-0.2, -0.6, -0.75), 8)
    worn = Reach(site, "ring_mid", "relaxed", fingers, palm, contact=False)
    twist = Stroke((d.size(0.002, 0.008), 0.0, d.size(0.002, 0.008)), frequency, cycles, curl=d.u(0.05, 0.25))
    at = replace(site, at=(-site.at[0], site.at[1], site.at[2]))
    turner = Reach(
        at, "pinch", "precision", d.near((-0.75, -0.35, 0.55), 8), (-0.35, -0.8, -0.45), stroke=twist, contact=False
    )
    return {side: worn, 1 - side: replace(turner, offset=(0.012, 0.0, 0.0))}


def _turn_pen(d: Draw, side: int, frequency: float, cycles: float) -> dict[int, Reach]:
    twirl = Stroke((d.size(0.0, 0.02), d.size(0.0, 0.02), d.size(0.0, 0.01)), frequency, cycles, curl=d.u(0.1, 0.35))
    site = meeting_place(d, height=0.06)
    pinch = Reach(site, "pinch", "precision", (-0.6, 0.15, 0.8), (-0.75, -0.35, -0.5), stroke=twirl, contact=False)
    if d.chance(0.5):  # both hands: one holds, the other turns the far end
        apart = d.u(0.015, 0.05)
        mirrored = replace(site, at=(-site.at[0], site.at[1], site.at[2]))
        first = replace(pinch, offset=(0.0, apart, 0.0), fingers=d.near(pinch.fingers))
        second = replace(pinch, site=mirrored, offset=(0.0, apart, 0.0), fingers=d.near(pinch.fingers))
        return {side: first, 1 - side: replace(second, stroke=replace(twirl, phase=d.u(0.0, 6.28)))}
    return {side: replace(pinch, offset=(0.0, d.u(0.02, 0.14), 0.0), fingers=d.near(pinch.fingers))}


@motion(
    "play_jewelry",
    "hands",
    POSTURE,
    imigue="Playing or manipulating objects",
    smg="Playing with jewelry, and manipulating other objects",
    ma52="playing objects",
)
def play_jewelry(d: Draw) -> Gesture:
    """A watch or bracelet turned on the other wrist, a cuff tugged, a pendant drawn along its chain."""
    frequency, cycles = d.rhythm(0.8, 3.2, 12)
    if d.chance(0.3):
        at = d.spot(Site("chest", (0.0, 0.24, 1.0)), Site("chest", (0.0, 0.10, 1.0)), Site("chest", (0.12, 0.22, 1.0)))
        slide = Stroke((d.size(0.0, 0.015), d.size(0.005, 0.03), 0.0), frequency, cycles, curl=d.u(0.0, 0.2))
        reach = Reach(at, "pinch", d.pick(("pinch", "precision")), (-0.65, 0.5, -0.5), (-0.3, 0.0, -0.95), stroke=slide)
        return d.gesture({d.side: replace(reach, offset=(0.0, 0.0, d.u(0.0, 0.03)))}, *attend(d))
    twist = Stroke((d.size(0.0, 0.012), d.size(0.004, 0.014), 0.0), frequency, cycles, curl=d.u(0.05, 0.25))
    at = Site("other_forearm", (d.u(-0.4, 0.3), 0.9, 0.45), along=d.u(0.88, 1.0))
    part, shape = d.pick((("pinch", "precision"), ("pinch", "pinch"), ("fingers", "grip")))
    reach = Reach(at, part, shape, d.near((-0.85, 0.0, 0.35)), d.near((0.0, -0.9, -0.35)), stroke=twist)
    reaches = {d.side: reach}
    if not d.setting.seated or d.chance(0.7):
        place = meeting_place(d, height=0.04)
        place = replace(place, at=(-place.at[0], place.at[1], place.at[2]))
        worn = Reach(place, "wrist", d.pick(("relaxed", "loose_fist", "flat")), (-0.85, 0.0, 0.5), (-0.4, -0.85, -0.2))
        reaches[1 - d.side] = replace(worn, contact=False, offset=(0.0, 0.06, 0.0), fingers=d.near(worn.fingers))
    return d.gesture(reaches, *attend(d))
