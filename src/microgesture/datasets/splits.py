"""Test sets for data that come without one: whole subjects are held out, never single clips of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from microgesture.datasets.manifest import ClipRow
from microgesture.errors import DataError

TEST_SHARE, VAL_SHARE = 0.2, 0.1


def hold_out_named(rows: Sequence[ClipRow], subjects: Sequence[str]) -> list[ClipRow]:
    """The rows with split "test" for the named subjects and "train" for the others; a "val" that is there stays.

    Subjects are names, numbers or ranges of numbers ("36-40" is 36, 37, ... 40; leading zeros and letters in front of
    the number do not matter). Raises `DataError` for a subject that has no clip, or when none is left for training.
    """
    known = {row.subject for row in rows if row.subject}
    chosen: set[str] = set()
    for text in subjects:
        found = {s for s in known if _names(text, s)}
        if not found:
            listed = ", ".join(sorted(known)[:12]) or "none: the rows name no subject"
            raise DataError(f"no clip of subject '{text}'; there are {listed}")
        chosen |= found
    if chosen == known:
        raise DataError("all subjects are held out for testing: none is left to train on")
    return [
        replace(
            row, split="test" if row.subject in chosen else "train" if row.split == "test" else row.split or "train"
        )
        for row in rows
    ]


def hold_out(rows: Sequence[ClipRow], seed: int = 0) -> list[ClipRow]:
    """The rows with about 20 % of the clips for testing and 10 % for validation, whole subjects each.

    Rows without a subject are grouped by their video. Groups go, in an order drawn from `seed`, to where clips are
    lacking most. Raises `DataError` when there are fewer than 3 groups.
    """
    groups: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row.subject or row.media.as_posix(), []).append(i)
    if len(groups) < 3:
        raise DataError(f"{len(groups)} subjects are too few to hold some out: give the column 'split'")
    lacking = {"test": TEST_SHARE * len(rows), "val": VAL_SHARE * len(rows)}
    lacking["train"] = len(rows) - sum(lacking.values())
    order = np.random.default_rng(seed).permutation(sorted(groups))
    split = [""] * len(rows)
    for number, name in enumerate(order.tolist()):
        part = ("test", "val", "train")[number] if number < 3 else max(lacking, key=lambda p: lacking[p])
        lacking[part] -= len(groups[name])
        for i in groups[name]:
            split[i] = part
    return [replace(row, split=part) for row, part in zip(rows, split, strict=True)]


def _names(text: str, subject: str) -> bool:
    """Whether a subject is the one, or among those, that the text names."""
    if text == subject:
        return True
    number = re.fullmatch(r"[^\d]*0*(\d+)", subject)
    wanted = re.fullmatch(r"[^\d]*0*(\d+)(?:\s*-\s*[^\d]*0*(\d+))?", text.strip())
    if not number or not wanted:
        return False
    low, high = int(wanted[1]), int(wanted[2] or wanted[1])
    return low <= int(number[1]) <= high
