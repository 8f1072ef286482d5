"""The published splits and counts of iMiGUE, SMG and MA-52: `protocols.json` beside this file.

Subjects and videos are numbers as in the data sets' own files; `clips_per_class` is in order of class id. Sources:
iMiGUE's supplementary material and the MiGA start kit, the public repositories of SMG and Micro-Action.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from microgesture.vocabulary import Vocabulary


@cache
def published(data_set: str) -> dict[str, Any]:
    """What is published of "imigue", "smg" or "ma52"; not to be changed by the caller."""
    text = (resources.files("microgesture.corpora") / data_set / "protocols.json").read_text("utf-8")
    return json.loads(text)


def compared(what: str, found: int, expected: int) -> str:
    """A line for a person: how many were found, and how many are published."""
    return f"{what}: found {found:,}, published {expected:,}" + ("" if found == expected else " (they differ)")


def compared_classes(what: str, found: Sequence[int], expected: Sequence[int], vocabulary: Vocabulary) -> str:
    """A line that names the classes, in order of id, whose number of clips is not the published one."""
    differing = [i for i in range(len(expected)) if found[i] != expected[i]]
    if not differing:
        return f"{what}, clips of each class: as published"
    listed = ", ".join(f"{vocabulary[i].name} {found[i]:,} ({expected[i]:,})" for i in differing[:5])
    more = f" and {len(differing) - 5} more" if len(differing) > 5 else ""
    return f"{what}, clips of each class: found (published) {listed}{more} differ"
