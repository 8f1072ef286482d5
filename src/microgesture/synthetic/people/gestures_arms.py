"""Motions of hands at the trunk, at the other arm, behind the back, and arm postures."""

from __future__ import annotations

from dataclasses import replace

from microgesture.synthetic.people.gesture import POSTURE, Draw, Drive, Gesture, Reach, Stroke, motion, plus
from microgesture.synthetic.people.surface import Site


def _chest(x: float, y: float, z: float = 1.0) -> Site:
    return Site("chest", (x, y, z))


def _shifted(d: Draw, reach: Reach, spread: float = 0.015) -> Reach:
    return d.touch(replace(reach, offset=plus(reach.offset, d.around(spread))))


@motion(
    "touch_notch",
    "hands",
    imigue="Touching or covering suprasternal notch",
    smg="Touching or covering suprasternal notch",
)
def touch_notch(d: Draw) -> Gesture:
    """Fingertips in the hollow between the collar bones, or the hand laid over it."""
    at = d.spot(_chest(0.0, 0.285), _chest(0.10, 0.27), _chest(-0.10, 0.27))
    if d.chance(0.4):
        reach = Reach(at, "fingers", d.pick(("flat", "cup")), (-0.85, 0.5, -0.1), (-0.1, 0.05, -1.0))
    else:
        part, shape = d.pick((("tips", "relaxed"), ("index", "point"), ("two_tips", "two_fingers"), ("pinch", "pinch")))
        reach = Reach(at, part, shape, (-0.65, 0.62, -0.42), (-0.3, 0.1, -0.95))
    return d.gesture({d.side: _shifted(d, reach, 0.008)}, *d.incline(d.side))


@motion("adjust_collar", "hands", imigue="Buckle button, pulling shirt collar, adjusting tie")
def adjust_collar(d: Draw) -> Gesture:
    """Collar pulled, tie straightened, or button done up."""
    kind = d.rng.random()
    if kind < 0.4:
        return _collar(d)
    if kind < 0.7:  # tie: the knot is shifted, or the tie drawn down
        at = d.spot(_chest(0.0, 0.24), _chest(0.0, 0.20), _chest(0.03, 0.22))
        reach = Reach(at, "pinch", d.pick(("pinch", "precision")), (-0.65, 0.55, -0.5), (-0.3, 0.0, -0.95))
        drift = (-d.size(0.02, 0.09), 0.0, 0.0) if d.chance(0.5) else (0.0, 0.0, 0.0)
        reaches = {d.side: replace(_shifted(d, reach, 0.006), drift=drift)}
        if d.chance(0.5):
            reaches[1 - d.side] = _shifted(d, replace(reach, offset=(-0.05, 0.015, 0.0)), 0.006)
        return d.gesture(reaches, *d.incline(d.side))
    at = d.spot(_chest(0.0, 0.22), _chest(0.0, -0.12))  # a button of shirt or jacket
    reach = Reach(at, "pinch", "precision", (-0.75, 0.30, -0.55), (-0.3, -0.1, -0.95))
    first = _shifted(d, replace(reach, offset=(0.0, 0.012, 0.0)), 0.004)
    second = _shifted(d, replace(reach, offset=(0.0, 0.018, 0.0)), 0.004)
    look = Drive("head", (0,), d.u(0.0, 0.25))
    return d.gesture({d.side: first, 1 - d.side: second}, look)


@motion("pull_collar", "hands", smg="Pulling shirt collar")
def pull_collar(d: Draw) -> Gesture:
    """A finger or two in the collar draw it off the neck."""
    return _collar(d)


def _collar(d: Draw) -> Gesture:
    at = d.spot(_chest(0.12, 0.285), _chest(0.30, 0.30, 0.8), _chest(0.20, 0.29, 0.9))
    part, shape = d.pick((("pinch", "pinch"), ("pinch", "precision"), ("index", "hook")))
    reach = _shifted(d, Reach(at, part, shape, (-0.50, 0.42, -0.72), (-0.35, 0.1, -0.9), elbow=0.25), 0.006)
    pull = Stroke((0.0, d.size(0.0, 0.012), d.size(0.008, 0.022)), d.u(1.2, 3.0) * d.style.speed, d.pick((1, 2, 3, 4)))
    if d.chance(0.7):
        reach = replace(reach, stroke=pull, offset=(reach.offset[0], reach.offset[1], 0.012))
    return d.gesture({d.side: reach}, *d.incline(d.side))


@motion(
    "scratch_back",
    "hands",
    imigue="Scratching back",
    smg="Scratching some part of body",
    ma52="scratching or touching back",
)
def scratch_back(d: Draw) -> Gesture:
    """The small of the back from the side, or the shoulder blade over the shoulder."""
    part, shape = d.pick((("tips", "claw"), ("tips", "relaxed"), ("two_tips", "two_fingers")))
    if d.chance(0.6):
        at = d.spot(
            Site("pelvis", (0.75, 0.28, -0.75)), Site("pelvis", (0.35, 0.35, -0.95)), Site("pelvis", (0.5, 0.20, -0.9))
        )
        reach = Reach(at, part, shape, (-0.42, -0.18, -0.42), (-0.58, 0.0, 0.5), elbow=0.1, behind=True, around=True)
    else:
        at = d.spot(_chest(-0.85, 0.26, -0.7), _chest(-0.75, 0.28, -0.8), _chest(-0.95, 0.27, -0.4))
        over = (0.0, 0.06, 0.14)
        reach = Reach(at, part, "hook", (-0.3, 0.0, -0.95), (0.0, -1.0, 0.1), elbow=0.45, via=over, around=True)
    bend = (Drive("trunk", (0,), d.u(0.0, 0.12)), Drive("trunk", (1,), d.u(-0.12, 0.12)))
    return d.gesture({d.side: _shifted(d, reach)}, *bend, way=1.35)


@motion("fold_arms", "hands", POSTURE, imigue="Folding arms", smg="Folding arms", ma52="crossing arms")
def fold_arms(d: Draw) -> Gesture:
    """Forearms crossed before the chest or low at the belly: one hand on the other upper arm and the other tucked in,
    or both on the upper arms; or crossed upon the table."""
    kind = d.rng.random()
    if d.setting.table and kind < 0.35:
        reaches = _folded_on_table(d)
    elif kind < 0.75:
        reaches = _tucked(d)
    else:
        reaches = _hugged(d)
    lean = Drive("trunk", (0,), d.u(-0.10, 0.04) + (0.10 if reaches[0].site.frame == "above_table" else 0.0))
    shoulders = [Drive("girdle", (side, 1), d.u(0.05, 0.20)) for side in (0, 1)]
    return d.gesture(reaches, lean, *shoulders, Drive("girdle", (d.side, 0), d.u(-0.02, 0.06)), way=1.2)


def _tucked(d: Draw) -> dict[int, Reach]:
    up, out = d.u(-0.02 if d.setting.table else -0.10, 0.03), d.u(-0.02, 0.015)
    front = Reach(
        Site("space", (-0.075 + out, -0.05 + up, 0.195)), "wrist", d.pick(("cup", "relaxed", "grip", "flat")),
        d.near((-0.85, 0.30, -0.45)), (-0.4, 0.1, -0.9), contact=False, via=(0.05, -0.02, 0.16),
    )  # fmt: skip
    back = Reach(
        Site("space", (-0.055 + out, -0.08 + up, 0.145)), "wrist", d.pick(("flat", "loose_fist", "cup")),
        d.near((-0.93, 0.15, -0.35)), (-0.2, -0.2, -0.95), contact=False, via=(0.05, -0.02, 0.09),
    )  # fmt: skip
    return {d.side: front, 1 - d.side: back}


def _hugged(d: Draw) -> dict[int, Reach]:
    """Both hands on the upper arms or elbows of the other side."""
    up, out = d.u(-0.02 if d.setting.table else -0.14, 0.02), d.u(-0.11, -0.07)
    reaches = {}
    for side, z, y in ((d.side, 0.215, 0.0), (1 - d.side, 0.165, d.u(-0.05, 0.0))):
        fingers = d.near((-0.75, d.u(0.2, 0.6), -0.4))
        site = Site("space", (out, -0.05 + up + y, z))
        palm, via = (-0.35, 0.0, -0.95), (0.05, -0.02, 0.7 * z)
        reaches[side] = Reach(site, "wrist", d.pick(("cup", "grip", "laid")), fingers, palm, contact=False, via=via)
    return reaches


def _folded_on_table(d: Draw) -> dict[int, Reach]:
    """Forearms crossed upon the table, each hand at the other elbow, one over the other or behind it."""
    reaches = {}
    x, z = d.u(0.06, 0.12), d.u(0.05, 0.10)
    over = d.pick(((0.0, 0.055), (0.045, 0.015)))
    for side, (rise, ahead) in ((d.side, over), (1 - d.side, (0.0, 0.0))):
        site = Site("above_table", (-x, 0.035 + rise, z + ahead))
        fingers = d.near((-0.97, 0.0, d.u(-0.2, 0.15)), 6)
        shape = d.pick(("laid", "relaxed", "cup", "loose_fist"))
        reaches[side] = Reach(site, "wrist", shape, fingers, (-0.1, -0.97, -0.15), contact=False)
    return reaches


@motion("dust_clothes", "hands", imigue="Dusting off clothes")
def dust_clothes(d: Draw) -> Gesture:
    """Flat fingers brush sleeve, chest, belly or thigh."""
    place = d.pick(("chest", "sleeve", "sleeve", "thigh"))
    if place == "thigh" and d.setting.seated and d.setting.table:
        place = "chest"  # the table hides the thighs
    if place == "chest":
        at = d.spot(_chest(-0.5, 0.15), _chest(0.2, 0.10), _chest(-0.1, -0.20), _chest(-0.5, -0.05))
        reach = Reach(at, "fingers", "flat", (-0.85, 0.25, -0.35), (-0.1, 0.0, -1.0))
    elif place == "sleeve":
        limb = d.pick(("other_upper_arm", "other_forearm"))
        out = (-0.45, 0.2, 0.85) if limb == "other_upper_arm" else (-0.1, 0.9, 0.45)
        reach = Reach(Site(limb, out, along=d.u(0.3, 0.75)), "fingers", "flat", (-0.9, 0.0, 0.1), (-0.2, -0.4, -0.9))
    else:
        at = Site("own_thigh", (0.0, 1.0, 0.15), along=d.u(0.35, 0.7))
        if not d.setting.seated:
            at = Site("own_thigh", (0.35, 0.0, 1.0), along=d.u(0.22, 0.32))
        reach = Reach(at, "fingers", "flat", (-0.3, -0.6, 0.6), (-0.1, -0.9, -0.5))
    size, cycles = d.size(0.025, 0.055), float(d.rng.integers(1, 7))
    stroke = Stroke((size, d.u(-0.02, 0.02), 0.0), d.u(1.2, 3.2) * d.style.speed, cycles, lift=d.u(0.01, 0.03))
    look = Drive("head", (0,), d.u(0.0, 0.3))
    reaches = {d.side: replace(reach, stroke=stroke)}
    if place == "sleeve":
        reaches |= _offered(d)
    return d.gesture(reaches, look, Drive("trunk", (0,), d.u(0.0, 0.08)))


def _offered(d: Draw) -> dict[int, Reach]:
    """The other arm comes forward to be touched; at times it stays where it is, unless it hangs."""
    if d.setting.seated and d.chance(0.7):
        return {}
    site = Site("space", (d.u(0.08, 0.18), d.u(-0.28, -0.18), d.u(0.18, 0.27)))
    return {1 - d.side: Reach(site, "wrist", "relaxed", (-0.75, -0.2, 0.6), (-0.5, -0.7, -0.4), contact=False)}


@motion("arms_behind", "hands", POSTURE, imigue="Putting arms behind body", smg="Folding arms behind body")
def arms_behind(d: Draw) -> Gesture:
    """Both hands meet behind the body: low and clasped, or with folded forearms."""
    open_chest = (Drive("girdle", (0, 1), -0.12), Drive("girdle", (1, 1), -0.12))
    if d.chance(0.6):
        y = d.u(0.03, 0.12)
        above, below = (y + 0.015, -0.185), (y - 0.015, -0.215)
        x, fingers, palm = 0.05, (-0.75, -0.65, 0.0), (0.05, 0.1, -1.0)
    else:
        y = d.u(0.13, 0.19)
        above, below = (y + 0.02, -0.165), (y - 0.02, -0.205)
        x, fingers, palm = -0.05, (-1.0, 0.05, 0.1), (0.0, 0.1, -1.0)
    reaches = {}
    for side, (up, behind) in ((d.side, below), (1 - d.side, above)):
        site = Site("near_pelvis", (x, up, behind))
        shape = d.pick(("relaxed", "cup", "grip"))
        reaches[side] = Reach(site, "wrist", shape, fingers, palm, contact=False, behind=True)
    return d.gesture(reaches, *open_chest, Drive("trunk", (0,), d.u(-0.06, 0.02)), way=1.4)


@motion("hold_back_arms", "hands", POSTURE, imigue="Hold back arms")
def hold_back_arms(d: Draw) -> Gesture:
    """One hand goes behind the back and takes the other arm, which hangs."""
    site = Site("near_pelvis", (d.u(0.20, 0.24), d.u(0.0, 0.06), d.u(-0.12, -0.05)))
    held = Reach(site, "wrist", "relaxed", (-0.1, -1.0, 0.05), (-1.0, 0.0, -0.1), contact=False, via=(0.12, 0.0, -0.02))
    at = Site("other_forearm", (0.25, 0.0, -1.0), along=d.u(0.0, 0.55))
    grasp = Reach(at, "fingers", "grip", (-0.95, 0.1, 0.1), (-0.1, 0.1, 1.0), behind=True)
    return d.gesture(
        {d.side: grasp, 1 - d.side: held},
        Drive("girdle", (d.side, 1), -0.15),
        Drive("trunk", (1,), d.u(-0.06, 0.06)),
        way=1.5,
    )


@motion("hold_arm", "hands", POSTURE, smg="Holding arms")
def hold_arm(d: Draw) -> Gesture:
    """One hand holds the other arm across the front: forearm, elbow or upper arm."""
    limb, along = d.pick((("other_forearm", d.u(0.05, 0.6)), ("other_upper_arm", d.u(0.45, 0.9))))
    out = (-0.2, 0.1, 1.0) if limb == "other_upper_arm" else (0.0, 0.6, 0.9)
    grasp = Reach(Site(limb, out, along=along), "fingers", "grip", (-0.95, 0.1, 0.25), (0.0, -0.3, -0.95))
    reaches = {d.side: replace(grasp, fingers=d.near(grasp.fingers), palm=d.near(grasp.palm))}
    if d.chance(0.5):
        site = Site("space", (d.u(0.10, 0.16), d.u(-0.30, -0.22), d.u(0.16, 0.24)))
        reaches[1 - d.side] = Reach(site, "wrist", "relaxed", (-0.75, -0.35, 0.5), (-0.5, -0.6, -0.5), contact=False)
    return d.gesture(reaches, Drive("trunk", (0,), d.u(-0.03, 0.05)))


@motion("touch_arm", "hands", imigue="Scratching or touching arms", ma52="scratching arms")
def touch_arm(d: Draw) -> Gesture:
    """The other arm is touched, rubbed, scratched or held, from wrist to shoulder."""
    reach = d.touch(_on_other_arm(d), 1.6)
    return d.gesture({d.side: reach} | _offered(d), Drive("head", (0,), d.u(-0.02, 0.15)))


@motion(
    "scratch_arm",
    "hands",
    imigue="Scratching or touching arms",
    smg="Scratching some part of body",
    ma52="scratching arms",
)
def scratch_arm(d: Draw) -> Gesture:
    """The other arm is scratched or rubbed, from wrist to shoulder; long strokes at times."""
    reach = d.scratch(_on_other_arm(d), d.pick((1.0, 1.0, 3.0)))
    return d.gesture({d.side: reach} | _offered(d), Drive("head", (0,), d.u(-0.02, 0.20)))


def _on_other_arm(d: Draw) -> Reach:
    limb, along = d.pick((("other_forearm", d.u(0.05, 0.85)), ("other_upper_arm", d.u(0.2, 0.9))))
    out = (-0.5, 0.2, 0.85) if limb == "other_upper_arm" else (-0.1, 0.9, 0.45)
    part, shape = d.pick(
        (("fingers", "cup"), ("tips", "claw"), ("tips", "relaxed"), ("fingers", "grip"), ("index", "point"))
    )
    palm = (0.1, -0.3, -0.95) if limb == "other_upper_arm" else (0.0, -0.9, -0.35)
    return Reach(Site(limb, out, along=along), part, shape, (-0.9, 0.05, 0.1), palm)


@motion("akimbo", "hands", POSTURE, imigue="Arms akimbo", smg="Arms akimbo", ma52="arms akimbo")
def akimbo(d: Draw) -> Gesture:
    """Hands on the hips, elbows out; one hand or both; flat or as fists."""
    shape = d.pick(("laid", "flat", "laid", "loose_fist"))
    site = Site("pelvis", (1.0, d.u(0.17, 0.27), d.u(-0.05, 0.35)))
    fingers = (-0.35, -0.45, 0.75) if d.chance(0.7) else (-0.25, -0.55, -0.55)
    palm = (-0.85, -0.45, 0.0)
    reach = Reach(site, "palm", shape, d.near(fingers), d.near(palm), elbow=0.35, via=(0.14, 0.03, 0.0))
    sides = (0, 1) if d.chance(0.75) else (d.side,)
    return d.gesture(dict.fromkeys(sides, reach), Drive("trunk", (0,), d.u(-0.06, 0.03)))


_SCRATCHING = (("tips", "claw"), ("tips", "relaxed"), ("two_tips", "two_fingers"), ("index", "point"))


@motion("scratch_trunk", "hands", smg="Scratching some part of body")
def scratch_trunk(d: Draw) -> Gesture:
    """Ribs, belly or hip are scratched."""
    at = d.spot(_chest(0.8, -0.25, 0.6), _chest(0.5, 0.0), _chest(-0.3, -0.35), _chest(0.6, -0.4, 0.8))
    reach = d.scratch(Reach(at, *d.pick(_SCRATCHING), (-0.8, 0.1, -0.5), (-0.35, 0.0, -0.9)))
    return d.gesture({d.side: _at(reach, d)}, Drive("head", (0,), d.u(0.0, 0.2)))


def _at(reach: Reach, d: Draw, spread: float = 0.015) -> Reach:
    return replace(reach, offset=plus(reach.offset, d.around(spread)))


@motion("touch_chest", "hands", ma52="scratching or touching chest")
def touch_chest(d: Draw) -> Gesture:
    """Breast or breastbone: laid on, stroked, rubbed or scratched, with the flat hand or the fingertips."""
    at = d.spot(_chest(-0.55, 0.12), _chest(0.55, 0.10), _chest(0.0, -0.05), _chest(0.0, 0.20), _chest(-0.3, 0.0))
    if d.chance(0.4):
        shape = d.pick(("flat", "laid", "cup"))
        reach = Reach(at, d.pick(("fingers", "palm")), shape, (-0.88, d.u(0.1, 0.5), -0.1), (-0.1, 0.0, -1.0))
    else:
        part, shape = d.pick((*_SCRATCHING, ("pinch", "pinch"), ("knuckles", "loose_fist")))
        reach = Reach(at, part, shape, (-0.72, 0.40, -0.5), (-0.35, 0.05, -0.9))
    reach = d.touch(reach, 1.6)
    return d.gesture({d.side: _at(reach, d)}, *d.incline(d.side, 0.7))


@motion("touch_shoulder", "hands", ma52="scratching or touching shoulder")
def touch_shoulder(d: Draw) -> Gesture:
    """The other shoulder from across the chest, or the hand's own, the elbow raised before the body."""
    part, shape = d.pick((*_SCRATCHING, ("fingers", "cup"), ("fingers", "grip"), ("fingers", "laid")))
    kind = d.rng.random()
    if kind < 0.55:
        at = Site("other_upper_arm", (d.u(-0.3, 0.2), 0.9, d.u(0.2, 0.7)), along=d.u(0.0, 0.22))
        reach = Reach(at, part, shape, (-0.85, 0.3, -0.3), (-0.1, -0.6, -0.75), elbow=0.3)
    elif kind < 0.75:  # between shoulder and neck on the other side
        at = d.spot(_chest(-0.85, 0.32, 0.35), _chest(-0.65, 0.33, 0.2), _chest(-0.95, 0.30, 0.1))
        over = (0.0, 0.05, 0.12)
        reach = Reach(at, part, shape, (-0.6, 0.35, -0.7), (0.0, -0.8, -0.6), elbow=0.35, via=over)
    else:
        part, shape = d.pick((("tips", "hook"), ("tips", "claw"), ("two_tips", "hook"), ("tips", "relaxed")))
        at = d.spot(_chest(0.85, 0.32, 0.30), _chest(0.70, 0.33, 0.15), _chest(0.95, 0.30, 0.35))
        lift = d.u(0.2, 0.6)
        reach = Reach(at, part, shape, (0.05, 0.35, -0.9), (-0.1, -0.85, -0.5), elbow=lift, via=(0.1, 0.03, 0.1))
    reach = _at(d.touch(reach, 1.4), d)
    turn = 1.0 if d.side == 0 else -1.0
    look = Drive("head", (1,), -turn * d.u(-0.15, 0.3) * (1.0 if kind < 0.75 else -1.0))
    return d.gesture({d.side: reach}, look, Drive("head", (2,), d.u(-0.12, 0.12)), way=1.1)
