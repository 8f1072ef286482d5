"""Pieces that change which moments of a clip are seen: jitter, crop, speed, repetition, reversal, holding.

Each is a map of the clip's time axis, [0, 1) to [0, 1). In a plan the first piece acts on the moments first, so the
clip itself goes through them from the last to the first: it is cropped, played faster or slower, repeated in part,
reversed, and then sampled at jittered moments. `Hold` comes last: it acts on the frames as they are shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from microgesture.datasets.augmentation.piece import TemporalPiece, draw, register_piece, within


@register_piece
@dataclass(frozen=True, kw_only=True)
class TemporalJitter(TemporalPiece):
    """Every moment moves by up to `amount` of the mean distance of two moments, either way; their order stays."""

    name = "temporal_jitter"
    order = 0
    amount: float = within(0.5, 0.0, 10.0)

    def warped(self, moments: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        moved = np.sort(moments + rng.uniform(-self.amount, self.amount, len(moments)) / max(len(moments), 1))
        out = np.empty_like(moved)
        out[np.argsort(moments, kind="stable")] = moved
        return out


@register_piece
@dataclass(frozen=True, kw_only=True)
class Reverse(TemporalPiece):
    """The clip plays backwards; the label stays, which is wrong for a class that has a direction ("stretching arms",
    "retracting arms")."""

    name = "reverse"
    order = 1
    probability: float = within(0.5, 0.0, 1.0)

    def warped(self, moments: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return 1.0 - moments


@register_piece
@dataclass(frozen=True, kw_only=True)
class Repeat(TemporalPiece):
    """A part of the clip happens again, as micro-gestures do: `share` of the clip's length, up to `times` times.

    The longer clip is then seen in as many frames as before. With `bounce` every second showing runs backwards, and
    their number is odd, so that the motion has no jumps; without, it jumps back to the start of the part.
    """

    name = "repeat"
    order = 2
    share: tuple[float, float] = within((0.2, 0.5), 0.01, 1.0)
    times: int = within(3, 2, 20)
    bounce: bool = True
    probability: float = within(0.5, 0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.bounce and self.times < 3:
            raise self.error("times must be at least 3 with bounce: forth, back and forth again")

    def warped(self, moments: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        length = draw(self.share, rng)
        start = draw((0.0, 1.0 - length), rng)
        if self.bounce:
            times = 2 * int(rng.integers(1, (self.times - 1) // 2 + 1)) + 1
        else:
            times = int(rng.integers(2, self.times + 1))
        return repeated(moments, start, length, times, self.bounce)


def repeated(moments: np.ndarray, start: float, length: float, times: int, bounce: bool) -> np.ndarray:
    """Moments `(T,)` of a clip in which the part [start, start + length) is shown `times` times in a row.

    The clip is then 1 + (times - 1) length long; `moments` are shares of that, the result is where they lie in the
    clip as it was.
    """
    longer = moments * (1.0 + (times - 1) * length)
    showing, inside = np.divmod(longer - start, length)
    if bounce:
        inside = np.where(showing % 2 == 1, length - inside, inside)
    after = longer - (times - 1) * length
    return np.where(longer < start, longer, np.where(longer < start + times * length, start + inside, after))


@register_piece
@dataclass(frozen=True, kw_only=True)
class Speed(TemporalPiece):
    """The clip plays up to `factor` times faster or slower (uniform in the logarithm).

    Slower: a part of the clip, at a random place, fills all frames. Faster: the clip fills a part of the frames, at a
    random place, and stands still before and after, for nothing is known of what lies outside it.
    """

    name = "speed"
    order = 3
    factor: float = within(1.5, 1.0, 10.0)

    def warped(self, moments: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        speed = math.exp(draw((-math.log(self.factor), math.log(self.factor)), rng))
        return moments * speed + draw((min(0.0, 1.0 - speed), max(0.0, 1.0 - speed)), rng)


@register_piece
@dataclass(frozen=True, kw_only=True)
class TemporalCrop(TemporalPiece):
    """Crop and resize in time: a random part of the clip, at least `least` of its length, is seen in all frames."""

    name = "temporal_crop"
    order = 4
    least: float = within(0.7, 0.01, 1.0)

    def warped(self, moments: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        length = draw((self.least, 1.0), rng)
        return draw((0.0, 1.0 - length), rng) + moments * length


@register_piece
@dataclass(frozen=True, kw_only=True)
class Hold(TemporalPiece):
    """Fewer different frames: each is held for 2 to `most` of them, x_t ← x_(s ⌊t/s⌋) ("posterize time" in Gao et al.,
    arXiv 2405.13206, whose strength is not public)."""

    name = "hold"
    order = 5
    most: int = within(4, 2, 100)
    probability: float = within(0.5, 0.0, 1.0)

    def warped(self, moments: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        step = int(rng.integers(2, self.most + 1))
        return moments[np.arange(len(moments)) // step * step]
