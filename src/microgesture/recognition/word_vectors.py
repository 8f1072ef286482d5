"""Word vectors as GloVe, word2vec and fastText write them, and what a label text means by them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgesture.errors import DataError

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def words_of(text: str) -> list[str]:
    """The words of a text in lower case."""
    return _WORD.findall(text.lower())


def label_vectors(path: str | Path, texts: Sequence[str]) -> np.ndarray:
    """For each text the mean of the vectors of its words, (K, D) float32.

    The file has a line for each word, the word and D numbers; a first line with two numbers alone is a header. Lines of
    other words are passed over. Raises `DataError` when the file cannot be read, a vector is broken, or a word or all
    words of a text are lacking, naming them.
    """
    wanted = {word for text in texts for word in words_of(text)}
    silent = next((text for text in texts if not words_of(text)), None)
    if silent is not None:
        raise DataError(f"{path}: label '{silent}' has no word that could have a vector")
    found = _read(Path(path), wanted)
    if lacking := sorted(wanted - set(found)):
        more = ", ..." if len(lacking) > 5 else ""
        raise DataError(f"{path}: no vector for {', '.join(lacking[:5])}{more}")
    return np.stack([np.mean([found[word] for word in words_of(text)], axis=0) for text in texts])


def _read(path: Path, wanted: set[str]) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                word, _, numbers = line.rstrip().partition(" ")
                if word in wanted and word not in found and not (number == 1 and " " not in numbers):
                    found[word] = _vector(path, number, numbers, found)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    return found


def _vector(path: Path, number: int, numbers: str, found: dict[str, np.ndarray]) -> np.ndarray:
    try:
        vector = np.array(numbers.split(), dtype=np.float32)
    except ValueError:
        raise DataError(f"{path}: line {number} is not a word and its numbers") from None
    size = len(next(iter(found.values()), vector))
    if not len(vector) or len(vector) != size or not np.isfinite(vector).all():
        raise DataError(f"{path}: line {number} has {len(vector)} numbers, expected {size} that are finite")
    return vector
