"""Augmentation of clips and skeletons in training: small pieces, each off unless a recipe names it.

`Augmentation.from_config({"flip": {}, "rotate": {"degrees": 10}})` makes a plan of them; every piece also works alone.
All that is random comes from the generator that is passed in, so equal generators give equal results. NumPy only, but
for `mixup` and where pictures are resampled, which use torch and load it when they are first used.
"""

from __future__ import annotations

from microgesture.datasets.augmentation.flipping import Flip, mirrored_labels
from microgesture.datasets.augmentation.frames import FrameMask
from microgesture.datasets.augmentation.linear import Rotate, Scale, Shear, Viewpoint
from microgesture.datasets.augmentation.mixing import Mixup
from microgesture.datasets.augmentation.piece import (
    Piece,
    RgbPiece,
    SkeletonPiece,
    SkeletonSample,
    TemporalPiece,
    register_piece,
)
from microgesture.datasets.augmentation.plan import Augmentation, pieces
from microgesture.datasets.augmentation.rgb import Colour, ResizedCrop
from microgesture.datasets.augmentation.skeleton import (
    CoordinateShift,
    Framing,
    JointJitter,
    JointMask,
    PartMask,
)
from microgesture.datasets.augmentation.temporal import Hold, Repeat, Reverse, Speed, TemporalCrop, TemporalJitter

__all__ = [
    "Augmentation",
    "Colour",
    "CoordinateShift",
    "Flip",
    "FrameMask",
    "Framing",
    "Hold",
    "JointJitter",
    "JointMask",
    "Mixup",
    "PartMask",
    "Piece",
    "Repeat",
    "ResizedCrop",
    "Reverse",
    "RgbPiece",
    "Rotate",
    "Scale",
    "Shear",
    "SkeletonPiece",
    "SkeletonSample",
    "Speed",
    "TemporalCrop",
    "TemporalJitter",
    "TemporalPiece",
    "Viewpoint",
    "mirrored_labels",
    "pieces",
    "register_piece",
]
