"""Do the found events agree with the true ones? Hits by label and temporal overlap, precision, recall, F1.

The rule is that of the SMG benchmark (Chen et al., IJCV 2023; MiGA challenge, online recognition): a truth is
hit by a prediction of the same label whose temporal intersection over union exceeds 0.3, in order of the
truth. Their script lets one prediction hit several truths; `match="official"` does the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from microgesture.files.text_tables import folded
from microgesture.timeline import GestureEvent


@dataclass(frozen=True, slots=True)
class Matching:
    """`matches` are (index of the prediction, index of the truth) pairs; the counts are of events."""

    matches: tuple[tuple[int, int], ...]
    hits: int
    predicted: int
    truth: int

    @property
    def precision(self) -> float:
        """Hits per prediction; 0 without predictions unless there was nothing to find (then 1)."""
        return self.hits / self.predicted if self.predicted else float(self.truth == 0)

    @property
    def recall(self) -> float:
        """Hits per true event; 1 when there was nothing to find."""
        return self.hits / self.truth if self.truth else 1.0

    @property
    def f1(self) -> float:
        """2 hits / (predictions + truths); 1 when both are empty."""
        total = self.predicted + self.truth
        return 2.0 * self.hits / total if total else 1.0


def match_events(
    predicted: Sequence[GestureEvent],
    truth: Sequence[GestureEvent],
    iou: float = 0.3,
    match: Literal["one-to-one", "official"] = "one-to-one",
) -> Matching:
    """Match predictions with true events of the same person and label (case and spacing aside).

    Truths are taken in order of time; each takes the free prediction of largest overlap above `iou`. With
    `match="official"` predictions are never used up, so precision can exceed 1.
    """
    order = sorted(range(len(truth)), key=lambda j: (truth[j].start, truth[j].end))
    by_key: dict[tuple[str, str], list[int]] = {}
    for i, event in enumerate(predicted):
        by_key.setdefault(_key(event), []).append(i)
    matches: list[tuple[int, int]] = []
    for j in order:
        candidates = by_key.get(_key(truth[j]), [])
        best = max(candidates, key=lambda i: predicted[i].overlap(truth[j]), default=None)
        if best is None or predicted[best].overlap(truth[j]) <= iou:
            continue
        matches.append((best, j))
        if match == "one-to-one":
            candidates.remove(best)
    return Matching(tuple(matches), len(matches), len(predicted), len(truth))


def boundary_errors(
    predicted: Sequence[GestureEvent], truth: Sequence[GestureEvent], matching: Matching
) -> list[tuple[float, float]]:
    """How much too late (above 0) or too early each matched prediction starts and ends, seconds."""
    return [(predicted[i].start - truth[j].start, predicted[i].end - truth[j].end) for i, j in matching.matches]


def pool(matchings: Iterable[Matching]) -> Matching:
    """Counts of several videos together (F1 "over all test videos"); the pairs are left out."""
    each = tuple(matchings)
    return Matching((), sum(m.hits for m in each), sum(m.predicted for m in each), sum(m.truth for m in each))


def _key(event: GestureEvent) -> tuple[str, str]:
    return event.person, folded(event.label)
