"""What the splits of a table of clips are called."""

from __future__ import annotations

from collections.abc import Sized
from typing import Protocol

TRAIN = "train"
TEST = "test"
VALIDATION = ("val", "validation", "validate")
"""Names of the split on which a training chooses its epoch."""


class HasSplits(Protocol):
    """A `Manifest`, or what has its face."""

    def split(self, name: str) -> Sized:
        """What one split holds; empty when there is none."""
        ...


def validation_split(data: HasSplits) -> str:
    """The name that the validation split has in these data; empty when they have none."""
    return next((name for name in VALIDATION if len(data.split(name))), "")
