"""Motions of hands at the trunk, at the other arm, behind the back, and arm postures."""

from __future__ import annotations

from dataclasses import replace

from microgesture.synthetic.gesture import POSTURE, Draw, Drive, Gesture, Reach, Stroke, motion, plus
from microgesture.synthetic.surface import Site


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


@motion("scratch_back", "hands", imigue="Scratching back")
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


@motion("fold_arms", "hands", POSTURE, imigue="Folding arms", smg="Folding arms")
def fold_arms(d: Draw) -> Gesture:
    """Forearms crossed before the chest: one hand on the other upper arm, the other tucked in."""
    up, out = d.u(-0.05, 0.03), d.u(-0.015, 0.015)
    front = Reach(
        Site("space", (-0.075 + out, -0.05 + up, 0.195)), "wrist", d.pick(("cup", "relaxed", "grip")),
        (-0.85, 0.30, -0.45), (-0.4, 0.1, -0.9), contact=False, via=(0.05, -0.02, 0.16),
    )  # fmt: skip
    back = Reach(
        Site("space", (-0.055 + out, -0.08 + up, 0.145)), "wrist", d.pick(("flat", "loose_fist", "cup")),
        (-0.93, 0.15, -0.35), (-0.2, -0.2, -0.95), contact=False, via=(0.05, -0.02, 0.09),
    )  # fmt: skip
    lean = Drive("trunk", (0,), d.u(-0.10, 0.04))
    return d.gesture(
        {d.side: front, 1 - d.side: back}, lean, Drive("girdle", (0, 1), 0.12), Drive("girdle", (1, 1), 0.12), way=1.2
    )


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
    if d.setting.rest != "sides" and d.chance(0.7):
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


@motion("touch_arm", "hands", imigue="Scratching or touching arms")
def touch_arm(d: Draw) -> Gesture:
    """The other arm is touched, rubbed, scratched or held, from wrist to shoulder."""
    limb, along = d.pick((("other_forearm", d.u(0.05, 0.85)), ("other_upper_arm", d.u(0.2, 0.9))))
    out = (-0.5, 0.2, 0.85) if limb == "other_upper_arm" else (-0.1, 0.9, 0.45)
    part, shape = d.pick(
        (("fingers", "cup"), ("tips", "claw"), ("tips", "relaxed"), ("fingers", "grip"), ("index", "point"))
    )
    palm = (0.1, -0.3, -0.95) if limb == "other_upper_arm" else (0.0, -0.9, -0.35)
    reach = d.touch(Reach(Site(limb, out, along=along), part, shape, (-0.9, 0.05, 0.1), palm), 1.6)
    return d.gesture({d.side: reach} | _offered(d), Drive("head", (0,), d.u(-0.02, 0.15)))


@motion("akimbo", "hands", POSTURE, imigue="Arms akimbo", smg="Arms akimbo")
def akimbo(d: Draw) -> Gesture:
    """Hands on the hips, elbows out; one hand or both."""
    shape = d.pick(("laid", "flat"))
    site = Site("pelvis", (1.0, d.u(0.17, 0.27), d.u(-0.05, 0.35)))
    fingers = (-0.35, -0.45, 0.75) if d.chance(0.7) else (-0.25, -0.55, -0.55)
    palm = (-0.85, -0.45, 0.0)
    reach = Reach(site, "palm", shape, d.near(fingers), d.near(palm), elbow=0.35, via=(0.14, 0.03, 0.0))
    sides = (0, 1) if d.chance(0.75) else (d.side,)
    return d.gesture(dict.fromkeys(sides, reach), Drive("trunk", (0,), d.u(-0.06, 0.03)))


@motion("scratch_body", "hands", smg="Scratching some part of body")
def scratch_body(d: Draw) -> Gesture:
    """A scratch that has no class of its own: thigh, hip, ribs, belly, chest, shoulder, arm, back."""
    kind = d.rng.random()
    if kind < 0.15:
        return touch_arm(d)
    if kind < 0.30:
        return scratch_back(d)
    part, shape = d.pick((("tips", "claw"), ("tips", "relaxed"), ("two_tips", "two_fingers"), ("index", "point")))
    if kind < 0.50:
        seated = d.setting.seated
        at = (
            Site("own_thigh", (0.1, 1.0, 0.1), along=d.u(0.3, 0.75))
            if seated
            else Site("own_thigh", (0.7, 0.0, 0.7), along=d.u(0.1, 0.25))
        )
        reach = Reach(at, part, shape, (-0.35, -0.7, 0.6), (-0.2, -0.8, -0.5) if seated else (-0.8, 0.0, -0.6))
    elif kind < 0.75:
        at = d.spot(_chest(0.8, -0.25, 0.6), _chest(0.5, 0.0), _chest(-0.3, -0.35), _chest(-0.5, 0.1))
        reach = Reach(at, part, shape, (-0.8, 0.1, -0.5), (-0.35, 0.0, -0.9))
    else:
        at = Site("other_upper_arm", (0.0, 1.0, 0.3), along=d.u(0.0, 0.25))
        reach = Reach(at, part, shape, (-0.8, 0.3, -0.45), (-0.1, -0.7, -0.7), elbow=0.3)
    return d.gesture({d.side: _shifted(d, reach)}, Drive("head", (0,), d.u(0.0, 0.15)))
