"""What a pose estimator makes of a body that it sees: a noise model, measured on MediaPipe.

`benchmarks/estimator_noise.py` measures the estimator on rendered people whose joints are known, measures this model
in the same way and prints both. Lengths are in shoulder widths, across the line of sight. Errors have three parts:
what the estimator calls a joint (`estimator_definitions`), an error that wanders (of a whole cluster of joints, and of
each joint by itself), and failures: hands not found or found on the other hand, and hidden points that the estimator
guesses nevertheless.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from microgesture.skeletons.layouts import GESTURE_62
from microgesture.synthetic.estimator.definitions import redefine
from microgesture.synthetic.estimator.smoothing import smooth

_NAMES = GESTURE_62.joints
_FINGER_NAMES = ("thumb", "index", "middle", "ring", "pinky")
_SIDES = ("left", "right")

HIDDEN = 0.5
"""Score that `disturb` is given for a point that a table or the edge of the picture hides: it may be guessed."""


def _indices(*ends: str) -> np.ndarray:
    return np.array([i for i, name in enumerate(_NAMES) if any(end in name for end in ends)])


FINGERS = {side: np.array([i for i in _indices(*_FINGER_NAMES) if _NAMES[i].startswith(side)]) for side in _SIDES}
"""Indices of the finger joints of each hand in "gesture-62"."""
MARKS = _indices("forehead", "chin", "upper_lip", "lower_lip", "brow", "cheek")
"""Points that only a face mesh gives."""
HEAD = _indices("nose", "eye", "ear", "mouth")
LEGS = _indices("hip", "knee", "ankle", "heel", "toe")
FEET = _indices("heel", "toe")
TIPS = np.array([_NAMES.index(f"{s}_{f}_tip") for s in _SIDES for f in _FINGER_NAMES])
ELBOWS = _indices("elbow")
WRISTS = _indices("wrist")
SHOULDERS = _indices("shoulder")
HIPS = _indices("hip")
KNEES = _indices("knee")
ANKLES = _indices("ankle")
NOSE = _NAMES.index("nose")
NECK = _NAMES.index("neck")
COARSE = {
    side: np.array([_NAMES.index(f"{side}_{j}") for j in ("index_knuckle", "pinky_knuckle", "thumb_mid")])
    for side in _SIDES
}
"""The points of a hand that the body model gives when the hand itself is not found."""
BODY = np.concatenate([HEAD, SHOULDERS, ELBOWS, LEGS])
"""The points of the body model that a tracker may smooth."""

CLUSTERS: dict[str, tuple[np.ndarray, ...]] = {
    "head": (HEAD,),
    "marks": (MARKS,),
    "shoulders": (SHOULDERS,),
    "hips": (HIPS,),
    "elbows": tuple(ELBOWS[k : k + 1] for k in range(2)),
    "hands": tuple(np.concatenate([WRISTS[k : k + 1], FINGERS[side]]) for k, side in enumerate(_SIDES)),
    "legs": tuple(np.setdiff1d([i for i in LEGS if _NAMES[i].startswith(side)], HIPS) for side in _SIDES),
}
"""Joints that err together. The neck is no estimate of its own: it is the middle of the shoulders."""


_GUESSED = {"head": HEAD, "shoulders": SHOULDERS, "elbows": ELBOWS, "wrists": WRISTS, "hips": HIPS, "knees": KNEES}
_GUESSED |= {
    "fingers": np.concatenate(list(FINGERS.values())),
    "feet": np.setdiff1d(LEGS, np.concatenate([HIPS, KNEES])),
}

_TOP_SPEED = 6.0
"""Errors do not grow beyond this speed, shoulder widths per second."""
LONG = 400
"""Frames from which on errors over time are made without eigenvalues, whose time grows with the cube of the length."""


@dataclass(frozen=True)
class Wobble:
    """Standard deviations, per axis, of an error that stays through a window (`bias`), of one that changes over about
    `memory_s` seconds (`drift`, and `moving` times the root of the window's mean speed) and of one from frame to frame
    (`jitter`, and `by_speed` times the speed)."""

    bias: float
    drift: float = 0.0
    moving: float = 0.0
    jitter: float = 0.0
    by_speed: float = 0.0
    memory_s: float = 0.5


@dataclass(frozen=True)
class ClusterNoise:
    """Errors of the `whole` cluster and of `each` of its joints besides; `spread` is the standard deviation of the
    logarithm of a window's own factor on both."""

    whole: Wobble
    each: Wobble
    spread: float


@dataclass(frozen=True)
class EstimatorNoise:
    """`clusters` are the errors of `CLUSTERS`.

    A hand is not found with probability Φ(`lost` + `lost_by_hidden` × hidden share of the hand, as
    `occlusion.hidden_hands` gives it); Φ's argument wanders over `lost_memory_s` seconds, and the share `lost_kept` of
    its variance belongs to the window. `hidden` is mean and standard deviation of that share where it is not known.
    While a hand is lost, the body model gives its wrist and three of its knuckles for a share `coarse` of the time,
    with `coarse_error` on them. When both are found, the more hidden one is in truth the other one again with
    probability `doubled`, falling to 37 % of it for hands `doubled_reach` apart. `faces` is the share of time in which
    the points of the face mesh are found. `guessed` gives, for points that a table or the edge of the picture hides,
    the share that is guessed, and the error of these. The points of the body are smoothed over time
    (`estimator_smoothing`) in the share `smoothed` of the windows, with a region of `region` shoulder widths and
    frames `interval_s` seconds apart, as the filter believes.
    """

    clusters: dict[str, ClusterNoise]
    lost: float
    lost_by_hidden: float
    lost_memory_s: float
    lost_kept: float
    hidden: tuple[float, float]
    coarse: float
    coarse_error: float
    doubled: float
    doubled_reach: float
    faces: float
    guessed: dict[str, tuple[float, float]]
    smoothed: float
    region: tuple[float, float]
    interval_s: tuple[float, float]


MEDIAPIPE = EstimatorNoise(
    clusters={
        "head": ClusterNoise(
            Wobble(0.015, 0.006, 0.022, 0.006, 0.004, 0.5), Wobble(0.019, 0.009, 0.012, 0.003, 0.003, 0.65), 0.35
        ),
        "marks": ClusterNoise(
            Wobble(0.006, 0.003, 0.003, 0.001, 0.003, 0.5), Wobble(0.010, 0.003, 0.006, 0.002, 0.003, 0.5), 0.40
        ),
        "shoulders": ClusterNoise(
            Wobble(0.012, 0.006, 0.018, 0.006, 0.0, 0.5), Wobble(0.034, 0.014, 0.030, 0.005, 0.008, 0.75), 0.40
        ),
        "hips": ClusterNoise(
            Wobble(0.065, 0.020, 0.014, 0.006, 0.005, 0.6), Wobble(0.022, 0.013, 0.016, 0.002, 0.005, 0.7), 0.35
        ),
        "elbows": ClusterNoise(Wobble(0.052, 0.018, 0.038, 0.008, 0.008, 0.5), Wobble(0.0), 0.50),
        "hands": ClusterNoise(
            Wobble(0.018, 0.005, 0.015, 0.003, 0.001, 0.8), Wobble(0.020, 0.012, 0.013, 0.008, 0.005, 0.8), 0.50
        ),
        "legs": ClusterNoise(
            Wobble(0.036, 0.018, 0.036, 0.006, 0.006, 0.5), Wobble(0.045, 0.020, 0.020, 0.006, 0.009, 0.6), 0.70
        ),
    },
    lost=-1.6,
    lost_by_hidden=2.7,
    lost_memory_s=0.2,
    lost_kept=0.72,
    hidden=(0.41, 0.3),
    coarse=0.9,
    coarse_error=0.07,
    doubled=0.4,
    doubled_reach=0.28,
    faces=0.9,
    guessed={
        "head": (1.0, 0.06),
        "shoulders": (1.0, 0.1),
        "elbows": (0.6, 0.16),
        "wrists": (0.1, 0.35),
        "fingers": (0.03, 0.3),
        "hips": (0.5, 0.10),
        "knees": (0.25, 0.30),
        "feet": (0.18, 0.32),
    },
    smoothed=0.3,
    region=(3.5, 6.0),
    interval_s=(1 / 30, 2 / 30),
)
"""MediaPipe 0.10.21, holistic graph that follows one person at 12.5 Hz without smoothing, pictures of 384 lines.

Measured on 40 rendered people (5,000 frames); bias and hands after 140 more who were tracked with smoothing, which
leaves both as they are. A hand of which nothing is hidden is found in 86 % of the frames, one of which three quarters
are hidden in 11 %. When both hands touch, one is now and then found twice. On 20 real clips hands are found in 73 % of
the frames, and losses last 0.15 s. Three windows in ten are smoothed, as recordings by other tools often are."""


def disturb(
    points: np.ndarray,
    scores: np.ndarray,
    rate: float,
    rng: np.random.Generator,
    noise: EstimatorNoise = MEDIAPIPE,
    hidden: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Points (B, T, 62, 2) in shoulder widths and scores (B, T, 62) as an estimator would give them, at `rate` Hz.

    `scores` are 1 for points in the picture, `HIDDEN` for points that a table or the edge of the picture hides (which
    may be guessed) and 0 for points that nobody could guess or that the layout does not have; those that come back
    are 0 or 1. `hidden (B, T, 2)` is the share of each hand's points that something hides; drawn when not given.
    """
    points, scores = np.asarray(points, np.float32), np.asarray(scores, np.float32)
    speed = np.minimum(_speed(points, rate), _TOP_SPEED)
    out = redefine(points) + _wander(speed, rate, rng, noise)
    _smooth(out, rng, noise)
    known, errors = _guess(scores, rng, noise)
    out += errors
    if hidden is None:
        hidden = np.clip(rng.normal(*noise.hidden, (len(points), 1, 2)), 0.0, 1.0)
    out, known = _lose_hands(out, known, np.broadcast_to(hidden, (*points.shape[:2], 2)), rate, rng, noise)
    _double_hands(out, known, points, hidden, rate, rng, noise)
    faces = _unit(rng, (len(points), points.shape[1], 1), rate, noise.lost_memory_s, 0.5)
    known[:, :, MARKS] *= ndtr(faces) < noise.faces
    out[:, :, NECK] = out[:, :, SHOULDERS].mean(2)
    known[:, :, NECK] *= known[:, :, SHOULDERS].min(-1)
    return out, known


def _speed(points: np.ndarray, rate: float) -> np.ndarray:
    """(B, T, V) shoulder widths per second."""
    step = np.diff(points, axis=1, prepend=points[:, :1])
    return np.sqrt(step[..., 0] ** 2 + step[..., 1] ** 2) * np.float32(rate)


def _smooth(points: np.ndarray, rng: np.random.Generator, noise: EstimatorNoise) -> None:
    """The body points of some windows as an estimator gives them that smooths; in place."""
    chosen = np.flatnonzero(rng.random(len(points)) < noise.smoothed)
    region, interval = rng.uniform(*noise.region, len(points)), rng.uniform(*noise.interval_s, len(points))
    if len(chosen):
        at = np.ix_(chosen, np.arange(points.shape[1]), BODY)
        points[at] = smooth(points[at], region[chosen], interval[chosen])


def memory(apart_s: np.ndarray, memory_s: float) -> np.ndarray:
    """Correlation of a drift with itself `apart_s` seconds later: Matérn's of order 3/2, as errors are smooth."""
    x = np.sqrt(3.0) * apart_s / memory_s
    return (1.0 + x) * np.exp(-x)


@lru_cache(maxsize=64)
def _factor(steps: int, rate: float, constant: float, memory_s: float) -> np.ndarray:
    """(T, r): makes r independent normal numbers an error over time of variance 1, of which the share `constant`
    stays and the rest changes over `memory_s` seconds. Smooth errors need few numbers: the largest eigenvalues of
    their covariance that hold 99.5 % of it."""
    apart = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps))) / rate
    values, parts = np.linalg.eigh(constant + (1.0 - constant) * memory(apart, memory_s))
    values, parts = values[::-1], parts[:, ::-1]
    count = int(np.searchsorted(np.cumsum(values), 0.995 * steps)) + 1
    factor = parts[:, :count] * np.sqrt(values[:count])
    return (factor / np.linalg.norm(factor, axis=1, keepdims=True)).astype(np.float32)


def _unit(
    rng: np.random.Generator, shape: tuple[int, int, int], rate: float, memory_s: float, kept: float
) -> np.ndarray:
    """Normal numbers (B, T, n) of variance 1, of which the share `kept` belongs to the window and the rest changes
    over `memory_s` seconds."""
    if shape[1] > LONG:
        return _long_unit(rng, shape, rate, memory_s, kept)
    factor = _factor(shape[1], rate, kept, memory_s)
    return factor @ rng.standard_normal((shape[0], factor.shape[1], shape[2]), dtype=np.float32)


def _long_unit(
    rng: np.random.Generator, shape: tuple[int, int, int], rate: float, memory_s: float, kept: float
) -> np.ndarray:
    """The same for long tracks, where eigenvalues would take minutes: noise shaped on a circle of twice the length
    (circulant embedding, Dietrich and Newsam 1997)."""
    batch, steps, count = shape
    around = np.arange(2 * steps)
    power = np.fft.rfft(memory(np.minimum(around, 2 * steps - around) / rate, memory_s)).real.clip(0.0)
    white = np.fft.rfft(rng.standard_normal((batch, 2 * steps, count), dtype=np.float32), axis=1)
    drift = np.fft.irfft(white * np.sqrt(power)[:, None], 2 * steps, axis=1)[:, :steps]
    constant = rng.standard_normal((batch, 1, count), dtype=np.float32)
    return (np.sqrt(kept) * constant + np.sqrt(1.0 - kept) * drift).astype(np.float32)


def _wander(speed: np.ndarray, rate: float, rng: np.random.Generator, noise: EstimatorNoise) -> np.ndarray:
    """Errors (B, T, 62, 2) of joints that are seen."""
    batch, steps, joints = speed.shape
    out = np.zeros((batch, steps, joints, 2), np.float32)
    for name, clusters in CLUSTERS.items():
        sizes = noise.clusters[name]
        factor = np.exp(sizes.spread * rng.standard_normal((batch, len(clusters)), dtype=np.float32) - sizes.spread**2)
        for k, members in enumerate(clusters):
            error = _errors(sizes.whole, speed[:, :, members].mean(2, keepdims=True), rate, rng)
            if len(members) > 1:
                error = error + _errors(sizes.each, speed[:, :, members], rate, rng)
            out[:, :, members] = error * factor[:, k, None, None, None]
    return out


def _errors(size: Wobble, speed: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """Errors (B, T, n, 2) of points that move with `speed (B, T, n)`."""
    batch, steps, count = speed.shape
    out = _unit(rng, (batch, steps, 2 * count), rate, size.memory_s, 0.0).reshape(batch, steps, count, 2)
    out *= (size.drift + size.moving * np.sqrt(speed.mean(1)))[:, None, :, None]
    out += np.float32(size.bias) * rng.standard_normal((batch, 1, count, 2), dtype=np.float32)
    if size.jitter > 0 or size.by_speed > 0:
        fast = (np.float32(size.jitter) + np.float32(size.by_speed) * speed)[..., None]
        out += fast * rng.standard_normal(out.shape, dtype=np.float32)
    return out


def _guess(scores: np.ndarray, rng: np.random.Generator, noise: EstimatorNoise) -> tuple[np.ndarray, np.ndarray]:
    """Scores 0 or 1 (B, T, 62), and the errors (B, T, 62, 2) of the points that are guessed."""
    share, size = np.zeros(scores.shape[-1], np.float32), np.zeros(scores.shape[-1], np.float32)
    draw = np.ones((len(scores), scores.shape[-1]), np.float32)
    for name, (chance, error) in noise.guessed.items():
        share[_GUESSED[name]], size[_GUESSED[name]] = chance, error
        draw[:, _GUESSED[name]] = rng.random((len(scores), 1), dtype=np.float32)
    chosen = (draw < share)[:, None]
    hides = (scores > 0) & (scores < 1)
    errors = rng.standard_normal((len(scores), 1, scores.shape[-1], 2), dtype=np.float32) * size[:, None]
    known = np.where(hides, chosen, scores >= 1).astype(np.float32)
    return known, errors * hides[..., None]


def _lose_hands(
    points: np.ndarray,
    scores: np.ndarray,
    hidden: np.ndarray,
    rate: float,
    rng: np.random.Generator,
    noise: EstimatorNoise,
) -> tuple[np.ndarray, np.ndarray]:
    """Fingers of hands that are not found become unknown, but for the points that the body model has, too."""
    shape = (len(points), points.shape[1], 2)
    lost = _unit(rng, shape, rate, noise.lost_memory_s, noise.lost_kept) < (noise.lost + noise.lost_by_hidden * hidden)
    coarse = ndtr(_unit(rng, shape, rate, noise.lost_memory_s, 0.5)) < noise.coarse
    error = noise.coarse_error * _unit(rng, (shape[0], shape[1], 16), rate, 0.5, 0.6).reshape(*shape, 4, 2)
    for hand, side in enumerate(_SIDES):
        gone, body = lost[:, :, hand], np.concatenate([WRISTS[hand : hand + 1], COARSE[side]])
        fine = np.setdiff1d(FINGERS[side], COARSE[side])
        scores[:, :, fine] *= ~gone[..., None]
        scores[:, :, body] *= (~gone | coarse[:, :, hand])[..., None]
        points[:, :, body] += error[:, :, hand] * gone[..., None, None]
    return points, scores


def _double_hands(
    points: np.ndarray,
    scores: np.ndarray,
    true: np.ndarray,
    hidden: np.ndarray,
    rate: float,
    rng: np.random.Generator,
    noise: EstimatorNoise,
) -> None:
    """The more hidden one of two hands that touch is taken for the other one now and then; in place."""
    hands = CLUSTERS["hands"]
    apart = np.linalg.norm(true[:, :, hands[0]].mean(2) - true[:, :, hands[1]].mean(2), axis=-1)
    wave = _unit(rng, (len(points), points.shape[1], 1), rate, noise.lost_memory_s, 0.3)[..., 0]
    both = scores[:, :, hands[0]].all(-1) & scores[:, :, hands[1]].all(-1)
    wrong = both & (ndtr(wave) < noise.doubled * np.exp(-((apart / noise.doubled_reach) ** 2)))
    level = hidden.mean(1)
    first = level[:, 0] > level[:, 1]
    for own, other, chosen in ((hands[0], hands[1], first), (hands[1], hands[0], ~first)):
        b, t = np.nonzero(wrong & chosen[:, None])
        points[b[:, None], t[:, None], own] = points[b[:, None], t[:, None], other]
