"""What a person does while doing nothing: seat or stance, resting hands, breath, sway, glances, blinks, speech.

Everything here runs beneath every gesture. Noise is a sum of a few slow sines with drawn phases, so that it is
smooth, has no beginning, and costs the same at any frame rate.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from microgesture.errors import DataError
from microgesture.synthetic.gesture import Reach, minimum_jerk, plus
from microgesture.synthetic.kinematics import SIGNS, Rig
from microgesture.synthetic.performance import FACE, Body
from microgesture.synthetic.schedule import Setting, Style
from microgesture.synthetic.surface import Site, Table

_DOWN = (0.0, -1.0, 0.0)  # the palm faces down: the hand lies upon something

REST_POSES: dict[str, tuple[Reach, ...]] = {
    "lap": (
        Reach(Site("own_thigh", (-0.45, 1.0, 0.0), along=0.50), "palm", "cup", (-0.55, -0.05, 0.8), (0.1, -1.0, 0.0)),
        Reach(Site("own_thigh", (-0.6, 0.8, 0.0), along=0.42), "heel", "relaxed", (-0.7, 0.0, 0.6), (-0.3, -0.9, 0.0)),
    ),
    "thighs": (
        Reach(Site("own_thigh", (0.0, 1.0, 0.0), along=0.68), "palm", "cup", (-0.2, -0.15, 1.0), _DOWN),
        Reach(
            Site("own_thigh", (0.15, 1.0, 0.0), along=0.58), "heel", "loose_fist", (-0.25, 0.0, 1.0), (-0.5, -0.8, 0.0)
        ),
    ),
    "table": (
        Reach(Site("table", (0.15, 0.0, 0.11)), "palm", "flat", (-0.6, 0.0, 0.8), _DOWN),
        Reach(Site("table", (0.17, 0.0, 0.09)), "wrist", "relaxed", (-0.65, 0.05, 0.75), (-0.75, -0.55, -0.2)),
        Reach(Site("table", (0.16, 0.0, 0.10)), "wrist", "loose_fist", (-0.5, 0.05, 0.85), (-0.8, -0.5, 0.0)),
    ),
    "armrests": (
        Reach(Site("near_pelvis", (0.275, 0.20, 0.24)), "palm", "cup", (-0.1, -0.15, 1.0), _DOWN),
        Reach(Site("near_pelvis", (0.280, 0.20, 0.22)), "wrist", "relaxed", (-0.15, -0.25, 1.0), (-0.4, -0.9, 0.0)),
    ),
    "sides": (
        Reach(Site("near_pelvis", (0.255, -0.045, 0.02)), "wrist", "relaxed", (0.0, -1.0, 0.12), (-1.0, 0.0, -0.25)),
    ),
    "clasped": (),  # depends on the setting: see `_clasped`
}
"""Resting reaches by name, one drawn per hand; both hands have the same ways to rest."""


def rest_names(seated: bool, table: bool) -> tuple[str, ...]:
    """Names of the rest poses that make sense in a setting."""
    names = ["clasped"]
    if seated:
        names += ["lap", "thighs", "armrests"]
    else:
        names += ["sides"]
    if table:
        names += ["table"]
    return tuple(names)


def check_setting(setting: Setting) -> None:
    """Raise `DataError` when the rest pose is unknown or impossible in the setting."""
    possible = rest_names(setting.seated, setting.table)
    if setting.rest not in possible:
        posture = "seated" if setting.seated else "standing"
        where = "with" if setting.table else "without"
        raise DataError(f"rest pose '{setting.rest}' is not possible {posture} {where} a table: {', '.join(possible)}")


def place_table(body: Body, setting: Setting, rng: np.random.Generator) -> Table | None:
    """Table top for the setting: desk height for the seated, lectern height for the standing."""
    scale = body.lengths["stature"] / 1.73
    height = pelvis_height(body, setting.seated) + scale * (
        rng.uniform(0.22, 0.27) if setting.seated else rng.uniform(0.10, 0.20)
    )
    edge = scale * rng.uniform(0.20, 0.27) + 0.3 * (body.radii["waist_depth"] - 0.10)
    return Table(float(height), float(edge)) if setting.table else None


def pelvis_height(body: Body, seated: bool) -> float:
    """Height of joint "pelvis" above the floor, metres."""
    size = body.lengths
    if seated:
        return size["shin"] + size["ankle_height"] - 0.005
    return 0.996 * (size["thigh"] + size["shin"]) + size["ankle_height"]


def base_rig(body: Body, setting: Setting, steps: int, rng: np.random.Generator) -> Rig:
    """The person at rest in the setting, without movement: a stance or a seat of their own."""
    size = body.lengths
    pelvis = np.tile([0.0, pelvis_height(body, setting.seated), 0.0], (steps, 1))
    ankle, foot, knee = np.zeros((steps, 2, 3)), np.zeros((steps, 2, 2)), np.zeros((steps, 2, 3))
    for i, sign in enumerate(SIGNS):
        if setting.seated:
            apart, ahead = size["hip_width"] / 2 + rng.uniform(0.01, 0.09), size["thigh"] + rng.uniform(-0.10, 0.04)
            knee[:, i] = (sign * rng.uniform(0.02, 0.18), 0.6, 1.0)
        else:
            apart, ahead = size["hip_width"] / 2 + rng.uniform(-0.02, 0.06), rng.uniform(-0.05, 0.03)
            knee[:, i] = (sign * 0.15, 0.0, 1.0)
        ankle[:, i] = (sign * apart, size["ankle_height"], ahead)
        foot[:, i] = (0.0, rng.uniform(0.05, 0.35))
    lean = rng.uniform(-0.04, 0.10) if setting.seated else rng.uniform(-0.03, 0.05)
    if setting.rest == "table":
        lean += rng.uniform(0.06, 0.18)
    slouch = np.array([lean, rng.uniform(-0.08, 0.08), rng.uniform(-0.03, 0.03)])
    gaze = np.array([-0.8 * lean + rng.uniform(-0.06, 0.08), rng.uniform(-0.2, 0.2), rng.uniform(-0.06, 0.06)])
    face = np.tile([1.0, 0.0, 0.0, 0.0, 0.0], (steps, 1))
    girdle = np.zeros((steps, 2, 2)) + np.array([rng.uniform(-0.04, 0.06), rng.uniform(0.0, 0.12)])
    return Rig(
        pelvis=pelvis,
        pelvis_turn=np.tile([0.0, rng.uniform(-0.12, 0.12), 0.0], (steps, 1)),
        trunk=np.tile(slouch, (steps, 1)),
        girdle=girdle,
        head=np.tile(gaze, (steps, 1)),
        neck_shift=np.zeros((steps, 3)),
        ankle=ankle,
        foot=foot,
        knee=knee,
        face=face,
    )


def rest_reaches(setting: Setting, rng: np.random.Generator) -> tuple[Reach, Reach]:
    """How the left and the right hand rest, each in its own way and a little off its place."""
    if setting.rest == "clasped":
        options = _clasped(setting, rng)
    else:
        poses = REST_POSES[setting.rest]
        options = (poses[rng.integers(len(poses))], poses[rng.integers(len(poses))])
    left, right = (_jitter(reach, rng, setting.rest != "clasped") for reach in options)
    return left, right


def _clasped(setting: Setting, rng: np.random.Generator) -> tuple[Reach, Reach]:
    """One hand lies loosely in the other: on the table, in the lap, or before the belly."""
    if setting.table and rng.random() < 0.6:
        site = Site("above_table", (rng.uniform(-0.05, 0.05), 0.025, rng.uniform(0.06, 0.14)))
        under, over, turned = (0.0, 0.0, 0.0), (0.035, 0.0, 0.03), (-0.45, -0.6, -0.6)
    else:
        low = (0.16, 0.20) if setting.seated else (0.02, 0.08)
        site = Site("near_pelvis", (0.0, rng.uniform(*low), rng.uniform(0.19, 0.22)))
        under, over, turned = (-0.005, 0.0, -0.012), (0.01, 0.0, 0.028), (-0.1, -0.45, -0.9)
    mirrored = replace(site, at=(-site.at[0], site.at[1], site.at[2]))
    reaches = [
        Reach(site, "palm", "relaxed", (-0.95, 0.0, 0.35), turned, offset=under, contact=False),
        Reach(mirrored, "palm", "cup", (-0.90, -0.1, 0.40), turned, offset=over, contact=False),
    ]
    if rng.random() < 0.5:
        return reaches[0], reaches[1]
    swapped = (replace(reaches[1], site=site), replace(reaches[0], site=mirrored))
    return swapped


def _jitter(reach: Reach, rng: np.random.Generator, spread: bool) -> Reach:
    first, second = rng.uniform(-0.03, 0.03, 2) if spread else (0.0, 0.0)
    x, y, z = np.array(reach.fingers) + rng.normal(size=3) * 0.06
    return replace(reach, offset=plus(reach.offset, (first, second, 0.0)), fingers=(float(x), float(y), float(z)))


def noise(times: np.ndarray, rng: np.random.Generator, low: float, high: float, count: int = 4) -> np.ndarray:
    """Smooth noise of about unit size, `(T,)`, from sines between `low` and `high` Hz, slower ones larger."""
    frequency = np.exp(rng.uniform(np.log(low), np.log(high), count))
    weight = frequency**-0.5
    waves = np.sin(2 * np.pi * (frequency * times[:, None] + rng.random(count)))
    return waves @ (weight / np.sqrt((weight**2).sum() / 2))


def shifts(times: np.ndarray, rng: np.random.Generator, every: float, size: float) -> np.ndarray:
    """Posture shifts: a track `(T, 3)` that rests, then moves to another place about `every` seconds."""
    track = np.tile(rng.normal(size=3) * size * 0.5, (len(times), 1))
    at, end = float(rng.exponential(every)), (times[-1] if len(times) else 0.0)
    while at < end:
        step = rng.normal(size=3) * size
        track += minimum_jerk((times - at) / rng.uniform(0.5, 1.1))[:, None] * np.clip(step, -2 * size, 2 * size)
        track *= 1.0 - 0.5 * minimum_jerk((times - at) / 1.1)[:, None]
        at += 1.2 + float(rng.exponential(every))
    return track


def bouts(times: np.ndarray, rng: np.random.Generator, share: float) -> np.ndarray:
    """Speaking or silent, `(T,)` in [0, 1]: phrases of one to five seconds that fill `share` of the time."""
    track = np.zeros(len(times))
    if share <= 0 or not len(times):
        return track
    share = min(share, 1.0)
    at, end = float(times[0]) - rng.uniform(0.0, 4.0), float(times[-1])
    speaking = rng.random() < share
    while at < end:
        length = rng.uniform(1.0, 5.0)
        if not speaking:
            length *= (1.0 - share) / share
        if speaking:
            track += minimum_jerk((times - at) / 0.2) * minimum_jerk((at + length - times) / 0.2)
        at += max(length, 0.05)
        speaking = not speaking
    return np.clip(track, 0.0, 1.0)


def add_idle(rig: Rig, times: np.ndarray, style: Style, rng: np.random.Generator) -> None:
    """Breath, sway, glances, blinks and speech, in place."""
    size = style.fidget
    breath = np.sin(2 * np.pi * (times / rng.uniform(3.0, 5.0) + rng.random()))
    rig.girdle[:, :, 0] += (0.014 * size * (1.0 + breath))[:, None]
    rig.trunk[:, 0] -= 0.006 * size * breath
    for track, amount, low, high in (
        (rig.pelvis_turn, (0.004, 0.010, 0.004), 0.03, 0.25),
        (rig.trunk, (0.012, 0.014, 0.008), 0.04, 0.35),
        (rig.head, (0.030, 0.060, 0.022), 0.06, 0.70),
    ):
        for axis in range(3):
            track[:, axis] += amount[axis] * size * noise(times, rng, low, high)
    rig.pelvis[:, 0] += 0.004 * size * noise(times, rng, 0.05, 0.3)
    glance = shifts(times, rng, 5.0, 0.10 * size)
    rig.head += glance * np.array([0.4, 1.0, 0.15])

    speech = bouts(times, rng, style.speaking)
    beat = noise(times, rng, 0.6, 1.9)
    rig.head[:, 0] += speech * (0.035 * beat + 0.018 * noise(times, rng, 1.5, 3.0))
    rig.head[:, 1] += speech * 0.03 * noise(times, rng, 0.3, 1.2)
    rig.trunk[:, 0] += speech * 0.008 * beat
    syllables = 0.5 + 0.5 * noise(times, rng, 2.2, 5.5, 5) * 0.9
    face = {name: i for i, name in enumerate(FACE)}
    rig.face[:, face["mouth_open"]] += speech * np.clip(syllables, 0.0, 1.2) * 0.45
    rig.face[:, face["brows_raised"]] += np.clip(0.25 * speech * noise(times, rng, 0.2, 0.9), 0.0, 1.0)
    at = float(times[0] if len(times) else 0.0) + float(rng.exponential(2.0))
    while len(times) and at < times[-1]:
        rig.face[:, face["eyes_open"]] -= np.exp(-(((times - at) / 0.07) ** 2))
        at += 0.4 + float(rng.exponential(3.2))
