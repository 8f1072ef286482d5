"""The lists of a PYSKL pickle as protocols: `xsub_train` and `xsub_val` are those of "xsub", `train1`, `test1` of "1".

PYSKL trains on the first and evaluates on the other; a list for validation is therefore the test set where there is no
list for testing beside it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from microgesture.errors import DataError

_KEY = re.compile(r"(?:(.+?)[_\-. ])?(train|training|val|valid|validation|test|testing)[_\-. ]?(\d*)", re.IGNORECASE)
PLAIN = "train"
"""Name of the protocol whose lists are called `train`, `val` and `test` alone."""


@dataclass(frozen=True)
class Lists:
    """The lists of one protocol: `split_of` a clip ("" is in no list), the clips of each list that are `removed` from
    training because they are evaluated too, and `facts` for a person. Without a protocol `name` is ""."""

    name: str
    split_of: Mapping[str, str]
    removed: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


def choose_lists(split: Mapping[str, tuple[str, ...]], wanted: str = "") -> Lists:
    """The lists of a protocol, the first one in the file unless `wanted` names another.

    Raises `DataError`, without the file's name, for a protocol that the file does not have.
    """
    protocols: dict[str, dict[str, str]] = {}
    for key in split:
        match = _KEY.fullmatch(key)
        if match:
            part = {"tr": "train", "va": "val", "te": "test"}[match[2].lower()[:2]]
            protocols.setdefault(match[1] or match[3] or PLAIN, {}).setdefault(part, key)
    if wanted and wanted not in protocols:
        known = f"it has {', '.join(protocols)}" if protocols else "it has no lists for training and testing"
        raise DataError(f"no protocol '{wanted}' in the file: {known}")
    if not protocols:
        strange = f" (its lists are {', '.join(list(split)[:4])})" if split else ""
        return Lists("", {}, facts=(f"no lists for training and testing{strange}: the clips have no split",))
    complete = [name for name, parts in protocols.items() if "train" in parts and len(parts) > 1]
    name = wanted or next(iter(complete or protocols))
    return _lists(name, protocols, split)


def _lists(name: str, protocols: Mapping[str, Mapping[str, str]], split: Mapping[str, tuple[str, ...]]) -> Lists:
    parts = dict(protocols[name])
    others = [other for other in protocols if other != name]
    facts = [f"protocol {name}" + (f"; also in the file: {', '.join(others)}" if others else "")]
    if "test" not in parts and "val" in parts:
        parts["test"] = parts.pop("val")
        facts.append(f"'{parts['test']}' is the test set, as PYSKL evaluates on it: nothing is left to validate on")
    split_of: dict[str, str] = {}
    removed: dict[str, None] = {}
    for part in ("test", "val", "train"):
        for clip in split[parts[part]] if part in parts else ():
            if split_of.setdefault(clip, part) != part:
                removed[clip] = None
    if removed:
        facts.append(f"{len(removed):,} clips are listed for training and evaluation: they are left to the latter")
    return Lists(name, split_of, tuple(removed), tuple(facts))
