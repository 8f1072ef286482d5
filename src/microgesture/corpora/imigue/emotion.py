"""iMiGUE's splits for emotion: the official 102 / 100 videos, and the MiGA challenge's 245 / 10 / 104."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from microgesture.corpora.emotion_split import EMOTION_SPLITS, EmotionSplit, Parts, numbered
from microgesture.corpora.published import compared, published
from microgesture.datasets.split_names import VALIDATION


def official(names: Sequence[str], subjects: Sequence[str], splits: Sequence[str]) -> Parts:
    """The videos of the official lists, by their numbers."""
    lists = published("imigue")["emotion_videos"]
    train, test = (numbered(names, set(lists[part])) for part in ("train", "test"))
    counts = (("train", train), ("test", test))
    return train, test, [compared(f"{part} videos", len(found), len(lists[part])) for part, found in counts]


def miga(names: Sequence[str], subjects: Sequence[str], splits: Sequence[str]) -> Parts:
    """The challenge's parts, as the table's folders or column say them."""
    lower = np.array([split.lower() for split in splits])
    train = np.flatnonzero(np.isin(lower, ("train", *VALIDATION)))
    test = np.flatnonzero(lower == "test")
    expected = published("imigue")["miga_emotion"]["videos"]
    counts = {"train": int((lower == "train").sum()), "test": len(test)}
    counts["val"] = len(train) - counts["train"]
    remarks = [compared(f"{part} videos", counts[part], expected[part]) for part in ("train", "val", "test")]
    return train, test, [*remarks, "the validation ten are all wins: they are trained on, nothing is chosen by them"]


EMOTION_SPLITS.add("imigue", EmotionSplit("iMiGUE's official 102 / 100 videos, by number", official, "imigue_emotion"))
EMOTION_SPLITS.add(
    "miga", EmotionSplit("the MiGA challenge's 245 / 10 / 104 videos, by the folders or the column that say so", miga)
)
