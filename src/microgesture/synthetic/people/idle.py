"""What a body does while its owner does nothing: breath, sway, glances, nods, blinks, speech, posture shifts, steps.

Everything here runs beneath every gesture. Noise is a sum of a few slow sines with drawn phases, so that it is
smooth, has no beginning, and costs the same at any frame rate.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from microgesture.synthetic.people.gesture import minimum_jerk
from microgesture.synthetic.people.kinematics import SIGNS
from microgesture.synthetic.people.performance import FACE
from microgesture.synthetic.people.posture import Stance
from microgesture.synthetic.people.schedule import Style

_FACE = {name: i for i, name in enumerate(FACE)}


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


def moments(times: np.ndarray, rng: np.random.Generator, every: float, apart: float) -> Iterator[float]:
    """Times within the clip, seconds, at least `apart` and on average `apart + every` from one to the next."""
    if len(times):
        at = float(times[0]) + float(rng.uniform(0.0, 1.0)) * (apart + every)
        while at < times[-1]:
            yield at
            at += apart + float(rng.exponential(every))


def held(times: np.ndarray, start: float, rise: float, hold: float, fall: float) -> np.ndarray:
    """One visit elsewhere, `(T,)`: 0, up within `rise` seconds from `start`, 1 for `hold` seconds, down in `fall`."""
    return minimum_jerk((times - start) / rise) * minimum_jerk((start + rise + hold + fall - times) / fall)


def add_idle(rig: Stance, times: np.ndarray, style: Style, rng: np.random.Generator) -> None:
    """Breath, sway, posture shifts, glances, nods, blinks and speech, in place."""
    _breathe(rig, times, style, rng)
    _sway(rig, times, style, rng)
    _look(rig, times, style, rng)
    _speak(rig, times, bouts(times, rng, style.speaking), style, rng)
    for at in moments(times, rng, 3.2, 0.4):
        rig.face[:, _FACE["eyes_open"]] -= np.exp(-(((times - at) / 0.07) ** 2))


def _breathe(rig: Stance, times: np.ndarray, style: Style, rng: np.random.Generator) -> None:
    """Shoulders and chest rise and sink, some breaths deeper than others."""
    wander = 0.12 * noise(times, rng, 0.02, 0.08)
    breath = np.sin(2 * np.pi * (times / rng.uniform(2.8, 5.5) + rng.random() + wander))
    depth = style.fidget * rng.uniform(0.7, 1.5) * (1.0 + 0.3 * noise(times, rng, 0.03, 0.12))
    rig.girdle[:, :, 0] += (0.013 * depth * (1.0 + breath))[:, None]
    rig.trunk[:, 0] -= 0.006 * depth * breath


def _sway(rig: Stance, times: np.ndarray, style: Style, rng: np.random.Generator) -> None:
    """Noise in trunk and head, posture shifts every five to twenty seconds, and for the standing weight and steps."""
    size = style.fidget
    for track, amount, low, high in (
        (rig.pelvis_turn, (0.004, 0.010, 0.004), 0.03, 0.25),
        (rig.trunk, (0.012, 0.014, 0.008), 0.04, 0.35),
        (rig.head, (0.030, 0.060, 0.022), 0.06, 0.70),
    ):
        for axis in range(3):
            track[:, axis] += amount[axis] * size * noise(times, rng, low, high)
    rig.pelvis[:, 0] += 0.004 * size * noise(times, rng, 0.05, 0.3)
    every = rng.uniform(5.0, 20.0)
    shift = shifts(times, rng, every, 0.045 * style.sway)
    rig.trunk += shift * np.array([1.0, 1.0, 0.6])
    rig.head -= shift * np.array([0.7, 0.8, 0.3])  # the gaze stays where it was
    rig.pelvis_turn += shifts(times, rng, 2.0 * every, 0.02 * style.sway)
    for side in (0, 1):
        rig.girdle[:, side] += shifts(times, rng, every, 0.025 * style.sway)[:, :2]
    if rig.seated:
        rig.knee[..., 0] += np.stack([shifts(times, rng, 2.0 * every, 0.04 * style.sway)[:, 0] for _ in (0, 1)], 1)
    else:
        _stand(rig, times, style, rng)


def _stand(rig: Stance, times: np.ndarray, style: Style, rng: np.random.Generator) -> None:
    """Weight goes from leg to leg; now and then a foot is set down elsewhere and later comes back."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    weight = np.full(len(times), side * rng.uniform(0.0, 1.0))
    for at in moments(times, rng, 8.0 / style.sway, 2.0):
        goal = float(np.clip(rng.normal(scale=0.7), -1.0, 1.0))
        weight += (goal - weight) * minimum_jerk((times - at) / rng.uniform(0.7, 1.6))
    reach = 0.028 * min(style.sway, 1.2)
    rig.pelvis[:, 0] += reach * weight
    rig.pelvis_turn[:, 2] -= 0.045 * weight
    rig.trunk[:, 2] += 0.05 * weight
    for at in moments(times, rng, 14.0 / style.sway, 6.0):
        leg, hold = int(rng.integers(2)), rng.uniform(0.3, 9.0)
        there = held(times, at, rng.uniform(0.45, 0.8), hold, rng.uniform(0.45, 0.8))
        rig.ankle[:, leg, 0] += SIGNS[leg] * rng.uniform(-0.02, 0.08) * there
        rig.ankle[:, leg, 2] += rng.uniform(-0.08, 0.10) * there
        rig.ankle[:, leg, 1] += rng.uniform(0.015, 0.04) * 4.0 * there * (1.0 - there)


def _look(rig: Stance, times: np.ndarray, style: Style, rng: np.random.Generator) -> None:
    """Attention that dwells and moves on, and short glances aside: quick turns of the head with holds between."""
    rig.head += shifts(times, rng, 5.0, 0.08 * style.fidget) * np.array([0.4, 1.0, 0.15])
    for at in moments(times, rng, rng.uniform(4.0, 14.0), 1.5):
        turn = rng.normal(size=3) * np.array([0.07, 0.18, 0.03]) * style.glance
        turn = np.clip(turn, -0.35, 0.35)
        visit = held(times, at, rng.uniform(0.25, 0.45), float(rng.exponential(0.9)), rng.uniform(0.3, 0.6))
        rig.head += visit[:, None] * turn
        rig.trunk[:, 1] += 0.12 * turn[1] * visit
    for at in moments(times, rng, 25.0, 8.0):  # somebody else, or the notes
        down = rng.random() < 0.4
        turn = np.array([rng.uniform(0.12, 0.35) if down else 0.0, rng.uniform(-0.35, 0.35), 0.0])
        turn[1] *= 0.3 if down else 1.0
        turn[1] -= 0.5 * rig.head[0, 1]  # rather back to the middle than further away
        visit = held(times, at, rng.uniform(0.35, 0.7), rng.uniform(2.0, 12.0), rng.uniform(0.4, 0.8))
        rig.head += visit[:, None] * turn


def _speak(rig: Stance, times: np.ndarray, speech: np.ndarray, style: Style, rng: np.random.Generator) -> None:
    """Head beats, lips and brows that go with `speech (T,)`; between phrases the listener nods."""
    lively = style.glance
    beat = noise(times, rng, 0.6, 1.9)
    rig.head[:, 0] += lively * speech * (0.035 * beat + 0.018 * noise(times, rng, 1.5, 3.0))
    rig.head[:, 1] += lively * speech * 0.03 * noise(times, rng, 0.3, 1.2)
    rig.head[:, 2] += lively * speech * 0.025 * noise(times, rng, 0.3, 1.0)
    rig.trunk[:, 0] += speech * 0.008 * beat
    rig.girdle[:, :, 0] += (lively * speech * 0.012 * np.abs(noise(times, rng, 0.4, 1.5)))[:, None]
    syllables = 0.5 + 0.5 * noise(times, rng, 2.2, 5.5, 5) * 0.9
    rig.face[:, _FACE["mouth_open"]] += speech * np.clip(syllables, 0.0, 1.2) * 0.45
    rig.face[:, _FACE["brows_raised"]] += np.clip(0.25 * speech * noise(times, rng, 0.2, 0.9), 0.0, 1.0)
    for at in moments(times, rng, 9.0, 2.0):
        rate, count = rng.uniform(1.0, 2.2), int(rng.integers(1, 5))
        inside = held(times, at, 0.25, max(count / rate - 0.5, 0.0), 0.25)
        nod = 0.5 - 0.5 * np.cos(2 * np.pi * rate * (times - at))
        rig.head[:, 0] += (1.0 - speech) * inside * nod * rng.uniform(0.03, 0.09) * lively
