"""What could be guessed without seeing a movement: a check of the training windows, not of a network.

A classifier is given how windows are seen (which points, for how much of the time, how long the window is, how large
and where the person is, whether they sit, whether at a table) and asked which part of the body the window was cut for.
What it knows more than the most frequent answer is a shortcut that a network would take.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from microgesture.skeletons.layouts import GESTURE_62
from microgesture.statistics import balanced_accuracy
from microgesture.synthetic.people.motion import MOTIONS
from microgesture.synthetic.people.schedule import GROUPS
from microgesture.synthetic.worlds.skeleton_bank import SkeletonBank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows

_SHOULDERS = [GESTURE_62.index("left_shoulder"), GESTURE_62.index("right_shoulder")]
_NECK = GESTURE_62.index("neck")
BATCH = 256


@dataclass(frozen=True)
class BlindAudit:
    """Shares of windows of people that the classifier never saw: named right by it, and by the most frequent answer.
    `balanced` is the mean over the parts of the body of a classifier for which all count alike, `even` what it reaches
    by chance."""

    blind: float
    majority: float
    balanced: float
    even: float
    windows: int

    @property
    def leak(self) -> float:
        """How much more is named right than by the most frequent answer."""
        return self.blind - self.majority


def blind_audit(bank: SkeletonBank, windows: int = 8000, seed: int = 0, **view: object) -> BlindAudit:
    """Audit `windows` trimmed windows of a bank: a forest learns from one half of the people, the other half tests it.
    `view` are further options of `SkeletonWindows`."""
    data = SkeletonWindows(bank, windows, ("imigue",), "train", seed, trimmed=1.0, **view)  # type: ignore[arg-type]
    rows, regions, people = [], [], []
    for first in range(0, windows, BATCH):
        batch = data.__getitems__(range(first, min(first + BATCH, windows)))
        who = batch["performance"].numpy()
        rows.append(circumstances(batch["clip"][:, 0].numpy(), bank, who))
        regions.append([GROUPS.index(MOTIONS[bank.motions[m]].group) for m in batch["main"].tolist()])
        people.append(who)
    x, y, who = np.concatenate(rows), np.concatenate(regions), np.concatenate(people)
    learns = who % 2 == 0
    tested, most = ~learns, np.bincount(y[learns]).argmax()
    right = []
    for weight in (None, "balanced_subsample"):
        forest = RandomForestClassifier(100, min_samples_leaf=8, class_weight=weight, random_state=seed)
        right.append(forest.fit(x[learns], y[learns]).predict(x[tested]) == y[tested])
    return BlindAudit(
        float(right[0].mean()),
        float((y[tested] == most).mean()),
        balanced_accuracy(right[1].astype(float), y[tested]),
        1.0 / len(np.unique(y[tested])),
        int(tested.sum()),
    )


def circumstances(clips: np.ndarray, bank: SkeletonBank, performance: np.ndarray) -> np.ndarray:
    """(B, 68) of clips (B, T, 62, 3): the share of time each point is seen, the frames with anybody, the neck's place,
    the width of the shoulders, seat and table."""
    known = clips[..., 2] > 0
    length = known.any(-1).sum(1)
    there = np.maximum(known.sum(1), 1)
    place = clips[..., :2].sum(1) / there[..., None]
    width = np.abs(place[:, _SHOULDERS[0]] - place[:, _SHOULDERS[1]])
    seat = np.column_stack([bank.seated[performance], np.isfinite(bank.table[performance])])
    return np.column_stack([known.sum(1) / np.maximum(length, 1)[:, None], length, place[:, _NECK], width, seat])
