"""MA-52's challenge: a zip of `prediction.csv` with the header `vid,action_pred_1..5,body_pred_1..5`.

A body group's probability is the sum of its classes' (ours; the file asks for ranks alone).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgesture.corpora.challenge import CHALLENGES, Challenge, Numbers
from microgesture.vocabulary import BODY_REGIONS, Vocabulary

TOP = 5


def table(ids: Sequence[str], probabilities: np.ndarray, vocabulary: Vocabulary, numbers: Numbers = "index") -> str:
    """The CSV from probabilities `(N, 52)`; classes are numbered from 0 in its label files too."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["vid", *(f"{kind}_pred_{i}" for kind in ("action", "body") for i in range(1, TOP + 1))])
    regions = np.array([BODY_REGIONS.index(c.body_region) for c in vocabulary])
    bodies = np.stack([probabilities[:, regions == r].sum(1) for r in range(len(BODY_REGIONS))], 1)
    for name, p, body in zip(ids, probabilities, bodies, strict=True):
        file = name if Path(name).suffix else f"{name}.mp4"
        writer.writerow([file, *np.argsort(-p, kind="stable")[:TOP], *np.argsort(-body, kind="stable")[:TOP]])
    return stream.getvalue()


CHALLENGES.add("ma52", Challenge("prediction.csv", table, ("ma52",), strict=True))
