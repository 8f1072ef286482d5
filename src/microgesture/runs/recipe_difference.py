"""Whether two recipes train the same: for a run that goes on, and for runs that are one row of a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

INDIFFERENT = (
    "title",
    "published",
    "data.workers",
    "data.cache",
    "training.checkpoint_minutes",
    "training.checkpoint_steps",
    "training.tensorboard",
)
"""Keys that do not touch the numbers."""
_PLACES = ("start", "data.manifest", "data.root")  # compared as places on the disk, however they are spelled


def first_difference(old: Mapping[str, Any], new: Mapping[str, Any], seeds: bool = True) -> str:
    """Dotted name of the first key in which two recipes (`Recipe.to_dict`) differ so that the numbers would; empty
    when none does.

    `seeds` False takes runs of different seeds for the same, those included that start from a run of their own seed.
    """
    return _first_difference(old, new, seeds, "")


def _first_difference(old: Mapping[str, Any], new: Mapping[str, Any], seeds: bool, prefix: str) -> str:
    for key in {**old, **new}:
        name, a, b = prefix + key, old.get(key), new.get(key)
        if name in INDIFFERENT or (name == "training.seed" and not seeds):
            continue
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            if found := _first_difference(a, b, seeds, name + "."):
                return found
        elif name in _PLACES:
            if _place(a, seeds) != _place(b, seeds):
                return name
        elif a != b:
            return name
    return ""


def _place(value: str | None, seeds: bool) -> str:
    folder = str(Path(value).resolve()) if value else ""
    return folder if seeds else re.sub(r"seed\d+$", "seed", folder)
