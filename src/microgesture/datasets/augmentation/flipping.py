"""Mirroring left and right: pictures, skeletons, and the classes whose names say a side."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from microgesture.datasets.augmentation.piece import Piece, SkeletonSample, register_piece, within
from microgesture.vocabulary import Vocabulary

NEVER = -1
"""In the place of a class id: clips of this class are not mirrored."""

_SIDE = re.compile(
    r"(?<![A-Za-z])(?:left|right|LEFT|RIGHT)(?=(?:wards?|most|handed)?(?![a-z]))"
    r"|(?:Left|Right)(?=(?:wards?|most|handed)?(?![a-z]))"
)
"""A side as a word of its own, also in `left_hand`, `leftHand`, `Left-handed`, `leftwards`; not in `bright`."""
_BOTH = re.compile(r"\b(left|right)(\s*(?:and|or|and/or|/|&|,|-)\s*)(?!\1)(left|right)\b", re.IGNORECASE)
"""Both sides alike: "left and right" is its own mirror image."""


@register_piece
@dataclass(frozen=True, kw_only=True)
class Flip(Piece):
    """Left and right are mirrored: the pixels, or x and the joints that swap; and the label where it says a side.

    The body faces the camera either way, so a mirrored left hand is a right hand: "touching left ear" becomes
    "touching right ear" (`mirrored_labels`). Classes that name a side without a partner are never flipped.
    """

    name = "flip"
    order = 10
    probability: float = within(0.5, 0.0, 1.0)

    def frames(self, frames: np.ndarray) -> np.ndarray:
        """Frames `(T, H, W, 3)` with their columns in reverse; a view."""
        return frames[:, :, ::-1]

    def skeleton(self, sample: SkeletonSample) -> SkeletonSample:
        """x changes its sign, and left joints take the place of right ones (`Layout.flip_permutation`)."""
        permutation = sample.layout.flip_permutation
        points = sample.points[:, :, permutation]
        points[..., 0] *= -1
        return replace(sample, points=points, scores=sample.scores[:, :, permutation])


def mirrored_labels(vocabulary: Vocabulary) -> np.ndarray:
    """For every class the id of its mirror image, int64 `(K,)`.

    A class whose name says no side is its own mirror image; one that does belongs to the class of the same name with
    left and right exchanged, and is `NEVER` mirrored where the vocabulary has none.
    """
    ids = np.arange(len(vocabulary), dtype=np.int64)
    for i, name in enumerate(vocabulary.names):
        swapped = _SIDE.sub(_other_side, _BOTH.sub("", name))
        if swapped == _BOTH.sub("", name):
            continue
        swapped = _SIDE.sub(_other_side, name)
        ids[i] = vocabulary.index(swapped) if swapped in vocabulary else NEVER
    return ids


def _other_side(found: re.Match[str]) -> str:
    sides = {"left": "right", "right": "left"}
    word = found.group()
    other = sides[word.lower()]
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other
