"""The MiGA challenges on iMiGUE and SMG.

| name | file |
|---|---|
| miga2023, miga2024 | zip of `Submission.csv`: `<clip id>,<class>` without a header |
| miga2025, miga2026 | zip of `prediction.csv` with header `Id,Target` |

Classes are numbered from 0 in the vocabulary's order (iMiGUE: 0..30 and 31 for illustrative), as the pickles that
participants exchange do; `numbers="file"` writes those of the label files (1..31 and 99).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

import numpy as np

from microgesture.corpora.challenge import CHALLENGES, Challenge, Numbers
from microgesture.errors import RecipeError
from microgesture.vocabulary import Vocabulary

Table = Callable[[Sequence[str], np.ndarray, Vocabulary, Numbers], str]


def with_header(*header: str) -> Table:
    """A writer of `<clip id>,<class>` lines under this header. Raises `RecipeError` for a class without a number."""

    def table(ids: Sequence[str], probabilities: np.ndarray, vocabulary: Vocabulary, numbers: Numbers) -> str:
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        if header:
            writer.writerow(header)
        for name, k in zip(ids, probabilities.argmax(1).tolist(), strict=True):
            number = vocabulary[k].file_id if numbers == "file" else k
            if number is None:
                raise RecipeError(f"class '{vocabulary[k].name}' has no number in label files")
            writer.writerow([name, number])
        return stream.getvalue()

    return table


for _year in (2023, 2024):
    CHALLENGES.add(f"miga{_year}", Challenge("Submission.csv", with_header(), ("imigue", "smg")))
for _year in (2025, 2026):
    CHALLENGES.add(f"miga{_year}", Challenge("prediction.csv", with_header("Id", "Target"), ("imigue", "smg")))
