"""What a piece of augmentation is: parameters that are checked, a probability, and what it changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np

from microgesture.errors import RecipeError
from microgesture.registry import Registry
from microgesture.settings import check_settings, within
from microgesture.skeletons.skeleton import Layout

P = TypeVar("P", bound="Piece")
AUGMENTATIONS: Registry[type[Piece]] = Registry("augmentation", "microgesture.datasets.augmentation")


@dataclass(frozen=True)
class SkeletonSample:
    """One clip of skeletons: `points (M, T, V, D)` float32, D = 2 or 3, and `scores (M, T, V)` float32.

    Points are normalised (`skeletons.normalisation.normalise`): the body's centre is the origin, the unit is a shoulder
    width, x points to the right of the picture and y down. Joints that are never known lie at the origin with score 0.
    """

    points: np.ndarray
    scores: np.ndarray
    layout: Layout

    @property
    def known(self) -> np.ndarray:
        """Which joints are known at some time, bool `(M, V)`. The others, and people who are not there, stay as
        they are."""
        return np.any(self.scores > 0, axis=1)


def register_piece(piece: type[P]) -> type[P]:
    """Class decorator: recipes know the piece by its `name`."""
    AUGMENTATIONS.add(piece.name, piece)
    return piece


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One augmentation. It happens to a clip with `probability`, independently of the others.

    `name` is the key in a recipe; of two pieces the one of lower `order` acts first: moments below 10, geometry from
    10, colour and noise from 20, what is hidden from 30 (nothing moves or colours it afterwards), batches from 90.
    Raises `RecipeError` for a parameter of another type, or outside its range (`within`).
    """

    name: ClassVar[str] = ""
    order: ClassVar[int] = 20
    probability: float = within(1.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        check_settings(self, f"augmentation '{self.name}': ")

    def error(self, message: str) -> RecipeError:
        """A `RecipeError` that names this piece."""
        return RecipeError(f"augmentation '{self.name}': {message}")

    def happens(self, rng: np.random.Generator) -> bool:
        """Draw whether the piece acts on the clip at hand; always takes one number from the generator."""
        return bool(rng.random() < self.probability)


class TemporalPiece(Piece):
    """Changes which moments of a clip are seen; the same for RGB and skeletons."""

    def moments(self, moments: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Moments `(T,)` in [0, 1) of the clip, as they would be sampled, to those that are sampled instead."""
        if not self.happens(rng):
            return moments
        return np.clip(self.warped(np.asarray(moments, dtype=np.float64), rng), 0.0, LAST_MOMENT)

    def warped(self, moments: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The new moments `(T,)`, held at the ends of the clip by the caller."""
        raise TypeError(f"{type(self).__name__} does not change moments: define warped()")


class RgbPiece(Piece):
    """Changes uint8 frames `(T, H, W, 3)`; the result has the same shape. The same change for all frames of a clip."""

    def frames(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The frames, changed with the piece's probability; what is passed in stays as it is."""
        return self.changed_frames(frames, rng) if self.happens(rng) and frames.size else frames

    def changed_frames(self, frames: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """New frames."""
        raise TypeError(f"{type(self).__name__} does not change frames: define changed_frames()")


class SkeletonPiece(Piece):
    """Changes a `SkeletonSample`; the same change for all people of a clip."""

    def skeleton(self, sample: SkeletonSample, rng: np.random.Generator) -> SkeletonSample:
        """The sample, changed with the piece's probability; what is passed in stays as it is."""
        return self.changed_skeleton(sample, rng) if self.happens(rng) and sample.points.size else sample

    def changed_skeleton(self, sample: SkeletonSample, rng: np.random.Generator) -> SkeletonSample:
        """A new sample."""
        raise TypeError(f"{type(self).__name__} does not change skeletons: define changed_skeleton()")


LAST_MOMENT = float(np.nextafter(1.0, 0.0))
"""The end of a clip, as a moment in [0, 1)."""


def draw(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    """A number uniformly between two bounds."""
    return float(rng.uniform(*bounds))


def stretch(length: int, share: tuple[float, float], rng: np.random.Generator) -> slice:
    """A run of frames at a random place: a random `share` of `length`, at least one frame."""
    count = min(max(1, round(draw(share, rng) * length)), length)
    first = int(rng.integers(0, length - count + 1))
    return slice(first, first + count)
