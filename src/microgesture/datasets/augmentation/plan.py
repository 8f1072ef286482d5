"""`Augmentation`: the pieces that a recipe names, in a fixed order, and what data sets ask of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from microgesture.datasets.augmentation.flipping import Flip, mirrored_labels
from microgesture.datasets.augmentation.linear import Scale
from microgesture.datasets.augmentation.mixing import BatchPiece
from microgesture.datasets.augmentation.piece import (
    AUGMENTATIONS,
    Piece,
    RgbPiece,
    SkeletonPiece,
    SkeletonSample,
    TemporalPiece,
)
from microgesture.datasets.augmentation.rgb import ResizedCrop
from microgesture.errors import RecipeError
from microgesture.skeletons.skeleton import Layout
from microgesture.vocabulary import Vocabulary


def pieces() -> dict[str, type[Piece]]:
    """Every piece by its name in a recipe, in the order in which a plan applies them (`Piece.order`)."""
    return dict(sorted(AUGMENTATIONS.members().items(), key=lambda item: item[1].order))


@dataclass(frozen=True)
class Augmentation:
    """A plan: pieces in the order of `pieces()`. Without pieces it changes nothing.

    Pieces of probability 0 are left out.
    """

    pieces: tuple[Piece, ...] = ()

    @classmethod
    def from_config(cls, config: Mapping[str, Any], source: str = "data.augment") -> Augmentation:
        """A plan from names and their parameters: `{"flip": {}, "rotate": {"degrees": 10}}`.

        The order of the keys does not matter. Raises `RecipeError` in one line for an unknown piece or parameter,
        naming the known ones, and for a value that cannot be.
        """
        if not isinstance(config, Mapping):
            raise RecipeError(f"{source}: is a mapping of pieces to their parameters, not {config!r}")
        known_pieces = pieces()
        for name, parameters in config.items():
            if name not in known_pieces:
                raise RecipeError(f"{source}: no piece '{name}', known are {', '.join(known_pieces)}")
            if not isinstance(parameters, Mapping | None):
                raise RecipeError(f"{source}.{name}: is a mapping of parameters (or {{}}), not {parameters!r}")
        made = []
        for name, kind in known_pieces.items():
            if name in config:
                parameters, known = config[name] or {}, [field.name for field in fields(kind)]
                for key in parameters:
                    if key not in known:
                        raise RecipeError(f"{source}.{name}: no parameter '{key}', known are {', '.join(known)}")
                made.append(kind(**parameters))
        return cls(tuple(piece for piece in made if piece.probability > 0))

    @property
    def temporal(self) -> tuple[TemporalPiece, ...]:
        """The pieces that change moments."""
        return tuple(piece for piece in self.pieces if isinstance(piece, TemporalPiece))

    @property
    def rgb(self) -> tuple[RgbPiece | Flip, ...]:
        """The pieces that change frames."""
        return tuple(piece for piece in self.pieces if isinstance(piece, (RgbPiece, Flip)))

    @property
    def skeleton(self) -> tuple[SkeletonPiece | Flip, ...]:
        """The pieces that change skeletons."""
        return tuple(piece for piece in self.pieces if isinstance(piece, (SkeletonPiece, Flip)))

    @property
    def batch(self) -> tuple[BatchPiece, ...]:
        """The pieces that change batches."""
        return tuple(piece for piece in self.pieces if isinstance(piece, BatchPiece))

    @property
    def flip(self) -> Flip | None:
        """The flip, if it is on."""
        return next((piece for piece in self.pieces if isinstance(piece, Flip)), None)

    def check(self, modality: Literal["rgb", "skeleton"]) -> None:
        """Raises `RecipeError` when a piece cannot act on clips of this modality."""
        fitting = (*self.temporal, *(self.rgb if modality == "rgb" else self.skeleton), *self.batch)
        for piece in self.pieces:
            if piece not in fitting:
                other = "skeletons" if modality == "rgb" else "video frames"
                clips = "video frames" if modality == "rgb" else "skeletons"
                raise RecipeError(f"augmentation '{piece.name}' is for {other}, the clips are {clips}")

    def check_objective(self, name: str, soft_targets: bool) -> None:
        """Raises `RecipeError` when a piece mixes labels and the named objective learns from one label a clip."""
        if self.batch and not soft_targets:
            piece = self.batch[0].name
            raise RecipeError(f"augmentation '{piece}' mixes labels, objective '{name}' needs one label a clip")

    @property
    def cut_away(self) -> float:
        """The largest share of a side of the picture that may be cut away, the rest being magnified; in [0, 1)."""
        shares = [0.0]
        for piece in self.pieces:
            if isinstance(piece, ResizedCrop):
                shares.append(1.0 - piece.scale[0] ** 0.5)
            elif isinstance(piece, Scale):
                shares.append(1.0 - 1.0 / (1.0 + piece.amount))
        return max(shares)

    def flipped_labels(self, vocabulary: Vocabulary) -> np.ndarray:
        """For every class the id of its mirror image, int64 `(K,)`; -1 for those that may not be flipped."""
        return mirrored_labels(vocabulary)

    def temporal_moments(self, moments: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Moments `(T,)` in [0, 1) of a clip to those that are sampled instead, in any order."""
        for piece in self.temporal:
            moments = piece.moments(moments, rng)
        return moments

    def rgb_frames(self, frames: np.ndarray, rng: np.random.Generator, may_flip: bool) -> tuple[np.ndarray, bool]:
        """Frames uint8 `(T, H, W, 3)`, changed, and whether they were flipped (the label then is the mirrored one).

        `may_flip` is False for a class that has no mirror image; the other draws do not depend on it.
        """
        flipped = False
        for piece in self.rgb:
            if isinstance(piece, Flip):
                flipped = piece.happens(rng) and may_flip
                frames = piece.frames(frames) if flipped else frames
            else:
                frames = piece.frames(frames, rng)
        return frames, flipped

    def skeleton_points(
        self, points: np.ndarray, scores: np.ndarray, layout: Layout, rng: np.random.Generator, may_flip: bool
    ) -> tuple[np.ndarray, np.ndarray, bool]:
        """Points `(M, T, V, D)` and scores `(M, T, V)` of a `SkeletonSample`, changed, and whether they were flipped;
        `may_flip` as for `rgb_frames`."""
        sample, flipped = SkeletonSample(points, scores, layout), False
        for piece in self.skeleton:
            if isinstance(piece, Flip):
                flipped = piece.happens(rng) and may_flip
                sample = piece.skeleton(sample) if flipped else sample
            else:
                sample = piece.skeleton(sample, rng)
        return sample.points, sample.scores, flipped
