"""The timeline drawing: for each person one lane per body region, one bar per event, a scale above (`lanes.html`).

Positions are percentages of the width, so that the drawing fits any screen and the script can zoom by writing
new percentages; without the script it is a still picture with titles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from microgesture.report.markup import fill
from microgesture.timeline import GestureEvent, Timeline
from microgesture.vocabulary import BODY_REGIONS

if TYPE_CHECKING:
    from markupsafe import Markup


@dataclass(frozen=True)
class Lane:
    """The events of one region of a person's body as (row, index in the timeline, event)."""

    region: str
    bars: list[tuple[int, int, GestureEvent]]

    @property
    def rows(self) -> int:
        return 1 + max(row for row, _, _ in self.bars)


def extent(timeline: Timeline) -> float:
    """Seconds that the drawing spans: the media, or more where events reach beyond it."""
    return max(timeline.duration, max((e.end for e in timeline), default=0.0)) or 1.0


def lanes_html(timeline: Timeline) -> Markup:
    """Scale and lanes of all persons, hatched where a person is not in view; a sentence when nothing was found."""
    span, away = extent(timeline), unseen(timeline)
    step = tick_step(span)
    return fill(
        "report/lanes.html",
        timeline=timeline,
        span=span,
        away=away,
        hatched=any(away.values()),
        ticks=_ticks(span, step),
        decimals=1 if step < 1 else 0,
        people={person: _lanes(timeline, person) for person in (*timeline.persons, *away)},
    )


def unseen(timeline: Timeline) -> dict[str, list[tuple[float, float]]]:
    """Stretches in seconds without the person, by person, from `provenance["unseen"]`.

    That is a list of [start, end] for everybody, or such lists by person; what does not fit is left out.
    """
    given = timeline.provenance.get("unseen") or ()
    by_person = given if isinstance(given, Mapping) else dict.fromkeys(timeline.persons or ("P1",), given)
    found = {}
    for person, stretches in by_person.items():
        if not isinstance(stretches, Sequence):
            continue
        pairs = [s for s in stretches if isinstance(s, Sequence) and len(s) == 2 and not isinstance(s, str)]
        numbers = [(a, b) for a, b in pairs if isinstance(a, int | float) and isinstance(b, int | float)]
        found[str(person)] = [(float(a), float(b)) for a, b in numbers if 0 <= a < b < math.inf]
    return found


def tick_step(span: float, most: int = 8) -> float:
    """The smallest round step in seconds that gives at most `most` ticks over `span` seconds."""
    steps = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    return next((s for s in steps if span / s <= most), 3600.0 * max(1, round(span / 3600 / most)))


def stacked(events: list[tuple[int, GestureEvent]]) -> list[tuple[int, int, GestureEvent]]:
    """(row, index, event): rows so that events of one row do not overlap."""
    ends: list[float] = []
    rows = []
    for index, event in events:
        row = next((k for k, end in enumerate(ends) if end <= event.start + 1e-9), len(ends))
        if row == len(ends):
            ends.append(event.end)
        ends[row] = event.end
        rows.append((row, index, event))
    return rows


def _ticks(span: float, step: float) -> list[float]:
    ticks = [k * step for k in range(int(span / step) + 1)]
    if len(ticks) > 1 and span - ticks[-1] < 0.04 * span and ticks[-1] < span:
        ticks.pop()  # its text would run over the edge
    return ticks


def _lanes(timeline: Timeline, person: str) -> list[Lane]:
    """From head to feet."""
    regions: dict[str, list[tuple[int, GestureEvent]]] = {}
    for index, event in enumerate(timeline):
        if event.person == person:
            regions.setdefault(event.body_region, []).append((index, event))
    return [Lane(region, stacked(regions[region])) for region in sorted(regions, key=_order)]


def _order(region: str) -> tuple[int, str]:
    order = ("head", "head-hand", "upper limb", "body", "body-hand", "leg-hand", "lower limb")
    assert set(order) == set(BODY_REGIONS)
    return (order.index(region), "") if region in order else (len(order), region)
