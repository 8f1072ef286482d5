"""Who is trained on and who is tested: published splits, a table's own, or repeated subject-disjoint folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from microgesture.corpora.emotion_split import EMOTION_SPLITS
from microgesture.datasets.split_names import VALIDATION
from microgesture.emotion.labelled import LabelledTimelines
from microgesture.errors import DataError, RecipeError
from microgesture.settings import check_settings, within

OWN = {
    "split": "the table's own column: train and val against test",
    "folds": "repeated folds, no person on both sides",
}
"""Protocols of any data; published ones are `corpora.emotion_split`."""


@dataclass(frozen=True)
class ProtocolConfig:
    """Who is trained on and who is tested. Raises `RecipeError` on values that cannot work."""

    name: str = ""
    """split, folds, or a published one (imigue, miga, smg); empty: the table's split where it has one, else folds."""
    folds: int = within(5, 2)
    """Parts of the repeated folds; fewer where there are not so many people."""
    repeats: int = within(5, 1)
    """Times that everything is done: each with folds of its own and a seed of its own."""
    seed: int = within(0, 0)

    def __post_init__(self) -> None:
        check_settings(self, "protocol.")
        if self.name and self.name not in (*OWN, *EMOTION_SPLITS.names()):
            known = OWN | {name: split.what for name, split in EMOTION_SPLITS.members().items()}
            listed = "; ".join(f"{name} ({what})" for name, what in known.items())
            raise RecipeError(f"protocol '{self.name}' is unknown; known are {listed}")


@dataclass(frozen=True)
class Trial:
    """One training and its test: indices of videos, and the seed of the model."""

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray
    seed: int


@dataclass(frozen=True)
class Plan:
    """The trials of a protocol, by its name, with remarks for a person. `fixed`: all repeats share one split."""

    name: str
    trials: tuple[Trial, ...]
    remarks: tuple[str, ...]
    fixed: bool


def plan(data: LabelledTimelines, config: ProtocolConfig) -> Plan:
    """The trials of a protocol on these videos. Raises `DataError` when the videos do not allow it."""
    name = config.name or ("split" if "test" in data.splits and "train" in data.splits else "folds")
    if name == "folds":
        return _folds(data, config)
    train, test, remarks = _split(data, name)
    if not len(train) or not len(test):
        raise DataError(
            f"{data.source}: protocol '{name}' leaves {len(train)} videos to train on and {len(test)} to test"
        )
    remarks += _warnings(data, train, test)
    trials = tuple(Trial(repeat, 0, train, test, config.seed + repeat) for repeat in range(config.repeats))
    return Plan(name, trials, tuple(remarks), True)


def _split(data: LabelledTimelines, name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    if name != "split":
        train, test, remarks = EMOTION_SPLITS.find(name).split(data.names, data.subjects, data.splits)
        return train, test, [*remarks]
    splits = np.array([split.lower() for split in data.splits])
    return np.flatnonzero(np.isin(splits, ("train", *VALIDATION))), np.flatnonzero(splits == "test"), []


def _warnings(data: LabelledTimelines, train: np.ndarray, test: np.ndarray) -> list[str]:
    subjects = np.array(data.subjects)
    both = sorted(set(subjects[train]) & set(subjects[test]))
    if not both:
        return []
    videos = int(np.isin(subjects[test], both).sum())
    return [
        f"{len(both)} people are on both sides of this split, in {videos} of {len(test)} test videos: what is measured "
        "is not how well strangers are read (--protocol folds holds whole people out)"
    ]


def _folds(data: LabelledTimelines, config: ProtocolConfig) -> Plan:
    outcomes, y = np.unique(np.array(data.outcomes), return_inverse=True)
    groups = np.unique(np.array(data.subjects), return_inverse=True)[1]
    people = [len(np.unique(groups[y == c])) for c in range(len(outcomes))]
    if min(people) < 2:
        rare = outcomes[int(np.argmin(people))]
        raise DataError(
            f"{data.source}: only one person has outcome '{rare}': nobody is left to learn it from when that person "
            "is held out"
        )
    folds = min(config.folds, *people)
    remarks = [f"{folds} folds, as no more people share an outcome"] if folds < config.folds else []
    trials = []
    for repeat in range(config.repeats):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=config.seed + repeat)
        for fold, (train, test) in enumerate(splitter.split(np.zeros(len(y)), y, groups)):
            if not len(test):
                continue
            counts = np.bincount(y[train], minlength=len(outcomes))
            if counts.min() < 2:
                raise DataError(
                    f"{data.source}: {folds} folds leave {counts.min()} videos of '{outcomes[counts.argmin()]}' to "
                    "learn from: too few videos, or fewer --folds"
                )
            trials.append(Trial(repeat, fold, train, test, config.seed + repeat))
    return Plan("folds", tuple(trials), tuple(remarks), False)
