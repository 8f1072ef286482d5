"""Published splits of videos for emotion models: who is trained on and who is tested. A data set's folder registers
its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from microgesture.registry import Registry

Parts = tuple[np.ndarray, np.ndarray, list[str]]
"""Indices of the videos to train on and to test, and remarks for a person."""


@dataclass(frozen=True)
class EmotionSplit:
    """`what` it is, in a few words; `split(names, subjects, splits)` of the videos, in the same order, gives the parts;
    `results` is the table of results published on it (`corpora.published`), "" where there is none."""

    what: str
    split: Callable[[Sequence[str], Sequence[str], Sequence[str]], Parts]
    results: str = ""


EMOTION_SPLITS: Registry[EmotionSplit] = Registry("emotion protocol", "microgesture.corpora")


def numbered(names: Sequence[str], listed: Collection[int]) -> np.ndarray:
    """Indices of the names whose number is listed: 0007, Sample0007, video 7 and P7 are 7."""
    found = [re.search(r"\d+", name) for name in names]
    return np.array([i for i, match in enumerate(found) if match and int(match[0]) in listed], dtype=int)
