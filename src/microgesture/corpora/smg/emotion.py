"""SMG's outcomes (intervals of an emotional state) and its split for emotion models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microgesture.corpora.emotion_split import EMOTION_SPLITS, EmotionSplit, Parts, numbered
from microgesture.corpora.published import compared, published
from microgesture.corpora.smg.states import smg_states
from microgesture.corpora.source import LabelledTimeline


def outcomes(root: Path) -> tuple[list[LabelledTimeline], list[str]]:
    """The states of all samples as timelines with their outcomes, and their numbers beside the published ones."""
    states = smg_states(root)
    expected = published("smg")["videos"]["emotion_instances"]
    counts = [compared(f"{name} intervals", sum(s[2] == name for s in states), n) for name, n in expected.items()]
    return states, counts


def by_subject(names: Sequence[str], subjects: Sequence[str], splits: Sequence[str]) -> Parts:
    """Subjects 1 to 35 against 36 to 40."""
    lists = published("smg")["classification"]
    return numbered(subjects, set(lists["train"])), numbered(subjects, set(lists["test"])), []


EMOTION_SPLITS.add("smg", EmotionSplit("SMG: subjects 1 to 35 / 36 to 40", by_subject))
