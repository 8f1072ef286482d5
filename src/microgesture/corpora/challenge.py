"""Challenges: predictions for test clips in the file that a server takes. A data set's folder registers its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from microgesture.registry import Registry
from microgesture.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy as np

Numbers = Literal["index", "file"]
"""Classes from 0 in the vocabulary's order, or the numbers of the data set's label files."""


@dataclass(frozen=True)
class Challenge:
    """`file` is the name in the zip; `table(ids, probabilities (N, K), vocabulary, numbers)` makes its text;
    `vocabularies` are those whose classes the server knows, and `strict` ones the only ones that `table` can write."""

    file: str
    table: Callable[[Sequence[str], np.ndarray, Vocabulary, Numbers], str]
    vocabularies: tuple[str, ...]
    strict: bool = False


CHALLENGES: Registry[Challenge] = Registry("challenge", "microgesture.corpora")
