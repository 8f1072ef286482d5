"""Seat or stance: where pelvis, trunk, head, legs and the table are before anything moves.

A posture is drawn for the whole performance: slouched, upright or leaning, turned towards somebody beside the
camera or bent over notes, legs as people put them. `idle` moves it, gestures come on top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from microgesture.errors import DataError
from microgesture.synthetic.people.gesture import minimum_jerk
from microgesture.synthetic.people.kinematics import SIGNS, Rig
from microgesture.synthetic.people.performance import Body
from microgesture.synthetic.people.schedule import CROSSED_LEGS, LEGS, Setting
from microgesture.synthetic.people.surface import Table


@dataclass
class Crossing:
    """What crossing the legs adds to `ankle (2, 3)`, `foot (2, 2)` and `knee (2, 3)`, and the share `(T,)` of it that
    is in the rig at every time."""

    ankle: np.ndarray
    foot: np.ndarray
    knee: np.ndarray
    share: np.ndarray


@dataclass
class Stance(Rig):
    """A rig at rest that knows whether it sits, and with legs crossed or not."""

    seated: bool = True
    crossing: Crossing | None = None

    def uncross(self, start: float, end: float, times: np.ndarray) -> None:
        """Free the legs for a motion from `start` to `end` seconds, in place: they part within the second before it
        and cross again after it. Asking twice changes nothing."""
        if self.crossing is None:
            return
        apart = minimum_jerk((times - start + 1.2) / 1.0) * minimum_jerk((end + 1.2 - times) / 1.0)
        share = np.minimum(self.crossing.share, 1.0 - apart)
        less = share - self.crossing.share
        for name in ("ankle", "foot", "knee"):
            getattr(self, name)[:] += less[:, None, None] * getattr(self.crossing, name)
        self.crossing.share = share


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


def draw_stance(
    body: Body, setting: Setting, steps: int, lean: tuple[float, float], yaw: float, rng: np.random.Generator
) -> Stance:
    """The person in the setting, without movement: `steps` times the same posture.

    `lean` is the range of the trunk's pitch and `yaw` the largest turn of the trunk against the seat, radians;
    the head looks ahead, to somebody at the side (up to 35 degrees from straight ahead), or down.
    """
    pitch, roll = rng.uniform(*lean), float(np.clip(rng.normal(scale=0.05), -0.15, 0.15))
    turned = rng.uniform(-1.0, 1.0) * (yaw if rng.random() < 0.45 else 0.25 * yaw)
    slouch = rng.uniform(0.0, 0.22) if setting.seated and rng.random() < 0.5 else rng.uniform(-0.03, 0.03)
    pelvis_turn = np.array([-slouch, rng.uniform(-0.12, 0.12), 0.0])
    trunk = np.array([pitch + slouch, turned, roll])
    head = _gaze(pitch, turned + pelvis_turn[1], roll, rng)
    girdle = np.array([rng.uniform(-0.05, 0.07), rng.uniform(-0.04, 0.14)])
    girdle = girdle + rng.normal(size=(2, 2)) * 0.02  # one shoulder higher than the other
    height = pelvis_height(body, setting.seated) - (0.0 if setting.seated else rng.uniform(0.0, 0.004))
    ankle, foot, knee, crossing = draw_legs(body, setting, steps, rng)
    poke = np.array([0.0, 0.0, rng.uniform(0.0, 0.03)])

    def still(value: np.ndarray) -> np.ndarray:
        return np.tile(value, (steps, *(1,) * value.ndim))

    return Stance(
        pelvis=still(np.array([0.0, height, 0.0])),
        pelvis_turn=still(pelvis_turn),
        trunk=still(trunk),
        girdle=still(girdle),
        head=still(head),
        neck_shift=still(poke),
        ankle=still(ankle),
        foot=still(foot),
        knee=still(knee),
        face=still(np.array([1.0, 0.0, 0.0, 0.0, 0.0])),
        seated=setting.seated,
        crossing=crossing,
    )


def _gaze(pitch: float, yaw: float, roll: float, rng: np.random.Generator) -> np.ndarray:
    """Angles of the head against a chest with this pitch, yaw and roll."""
    kind = rng.random()
    down, aside = rng.uniform(-0.06, 0.10), rng.normal(scale=0.09)
    if kind > 0.85:  # notes, a screen, the table
        down = rng.uniform(0.22, 0.48)
    elif kind > 0.45:  # the interviewer beside the camera
        aside = rng.uniform(0.15, 0.61) * (1.0 if rng.random() < 0.5 else -1.0)
    turn = float(np.clip(aside - yaw, -0.7, 0.7))
    tilt = float(np.clip(rng.normal(scale=0.05), -0.14, 0.14)) - 0.6 * roll
    return np.array([-0.8 * pitch + down, turn, tilt])


def draw_legs(
    body: Body, setting: Setting, steps: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Crossing | None]:
    """Ankles `(2, 3)` metres, feet `(2, 2)` radians and directions of the knees `(2, 3)`, as in `Rig`, and what of
    them is due to crossed legs."""
    if setting.legs and setting.legs not in LEGS:
        raise DataError(f"legs '{setting.legs}' are unknown, known are {', '.join(LEGS)}")
    free = [name for name in LEGS if name not in CROSSED_LEGS]
    name = setting.legs or free[int(rng.integers(len(free)))]
    ankle, foot, knee = _sit(body, name, rng) if setting.seated else _stand(body, name, rng)
    if not setting.seated or name not in CROSSED_LEGS:
        return ankle, foot, knee, None
    plain = ankle.copy(), foot.copy(), knee.copy()
    _cross(body, name, int(rng.integers(2)), ankle, foot, knee, rng)
    return ankle, foot, knee, Crossing(ankle - plain[0], foot - plain[1], knee - plain[2], np.ones(steps))


def _sit(body: Body, name: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Legs of the seated: shins about upright, before or under the chair, knees together or apart."""
    size, hip = body.lengths, body.lengths["hip_width"] / 2
    ankle, foot, knee = np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((2, 3))
    ahead = size["thigh"] + rng.uniform(-0.10, 0.04)
    wide, open_ = {"together": (0.0, 0.02), "apart": (0.20, 0.95)}.get(name, (0.09, 0.18))
    ahead += {"forward": rng.uniform(0.08, 0.20), "ankles": rng.uniform(-0.15, 0.15)}.get(name, 0.0)
    ahead -= rng.uniform(0.10, 0.22) if name == "under" else 0.0
    for i, sign in enumerate(SIGNS):
        apart = hip + rng.uniform(0.4 * wide, wide) - (0.02 if name == "together" else 0.0)
        knee[i] = (sign * rng.uniform(0.4 * open_, open_), 0.6, 1.0)
        ankle[i] = (sign * apart, size["ankle_height"], ahead + rng.uniform(-0.03, 0.03))
        foot[i] = (0.0, rng.uniform(0.05, 0.35))
    if name == "under":  # on the balls of the feet
        foot[:, 0] = -rng.uniform(0.2, 0.6)
        ankle[:, 1] += 0.12 * np.sin(-foot[:, 0])
    return ankle, foot, knee


def _stand(body: Body, name: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Legs of the standing: feet together, apart, or one ahead."""
    size, hip = body.lengths, body.lengths["hip_width"] / 2
    ankle, foot, knee = np.zeros((2, 3)), np.zeros((2, 2)), np.zeros((2, 3))
    wide = {"together": 0.0, "apart": 0.08}.get(name, 0.04)
    for i, sign in enumerate(SIGNS):
        apart = hip + rng.uniform(-0.02, wide)
        knee[i] = (sign * 0.15, 0.0, 1.0)
        ankle[i] = (sign * apart, size["ankle_height"], rng.uniform(-0.05, 0.05))
        foot[i] = (0.0, rng.uniform(0.05, 0.35))
    if name in ("forward", "under"):
        ankle[int(rng.integers(2)), 2] += rng.uniform(0.05, 0.14)
    return ankle, foot, knee


def _cross(
    body: Body,
    name: str,
    leg: int,
    ankle: np.ndarray,
    foot: np.ndarray,
    knee: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Put one leg of the seated over the other, in place: at the ankles, at the knees, or an ankle upon a knee."""
    size, inward = body.lengths, -SIGNS[leg]
    if name == "ankles":
        ankle[leg, 0] = inward * rng.uniform(0.02, 0.05)
        ankle[1 - leg, 0] = -inward * rng.uniform(0.02, 0.05)
        ankle[leg, 2] = ankle[1 - leg, 2] + rng.uniform(0.08, 0.11)
        foot[leg] = (rng.uniform(-0.3, 0.1), rng.uniform(0.2, 0.5))
    elif name == "knees":
        ankle[1 - leg, 0] *= 0.6
        knee[1 - leg, 0] *= 0.3
        ankle[leg] += (inward * (size["hip_width"] / 2 + rng.uniform(0.14, 0.20)), 0.42 * size["shin"], 0.05)
        knee[leg] += (inward * rng.uniform(0.3, 0.5), 0.5, 0.0)
        foot[leg, 0] = -rng.uniform(0.1, 0.5)
    else:  # ankle upon the other knee
        top = pelvis_height(body, True) + 1.1 * body.radii["thigh"] + rng.uniform(0.0, 0.03)
        ankle[1 - leg, 0] *= 0.8
        knee[1 - leg, 0] *= 0.4
        ankle[leg] = (
            inward * (size["hip_width"] / 2 + rng.uniform(0.03, 0.09)),
            top,
            size["thigh"] * rng.uniform(0.80, 0.92),
        )
        knee[leg] = (SIGNS[leg], 0.35, 0.25)
        foot[leg] = (0.1, -rng.uniform(0.6, 1.0))
