"""The timeline drawing: for each person one lane a body region, an SVG bar an event, a scale above.

Positions are percentages of the width, so that the drawing fits any screen and the script can zoom by writing
new percentages; without the script it is a still picture with titles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from microgesture.report.markup import UNSURE, clock, esc, percent, region_class, region_title
from microgesture.timeline import GestureEvent, Timeline
from microgesture.vocabulary import BODY_REGIONS

_ROW = 20  # pixels a bar and its gap
_BAR = 16


def extent(timeline: Timeline) -> float:
    """Seconds that the drawing spans: the media, or more where events reach beyond it."""
    return max(timeline.duration, max((e.end for e in timeline), default=0.0)) or 1.0


def lanes_html(timeline: Timeline) -> str:
    """Scale and lanes of all persons, hatched where a person is not in view; a sentence when nothing was found."""
    away = unseen(timeline)
    if not len(timeline) and not any(away.values()):
        return '<p class="empty">No gesture was found in this video.</p>'
    span = extent(timeline)
    parts = [_HATCH if any(away.values()) else "", _scale(span)]
    persons = list(dict.fromkeys([*timeline.persons, *away]))
    for person in persons:
        if len(persons) > 1:
            parts.append(f'<h3 class="person">{esc(person)}</h3>')
        own = [(i, e) for i, e in enumerate(timeline) if e.person == person]
        gaps = "".join(_gap(start, end, span) for start, end in away.get(person, ()))
        regions = sorted({e.body_region for _, e in own}, key=_region_order)
        lanes = [_lane(region, [(i, e) for i, e in own if e.body_region == region], span, gaps) for region in regions]
        parts += lanes or [_empty_lane(gaps)]
    return "\n".join(parts)


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


_HATCH = (
    '<svg class="defs" width="0" height="0" aria-hidden="true"><defs><pattern id="hatch" width="6" height="6" '
    'patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="2" height="6"/></pattern></defs></svg>'
)


def _gap(start: float, end: float, span: float) -> str:
    end = min(end, span)
    name = f"person not in view, {clock(start)} to {clock(end)}"
    return (
        f'<rect class="unseen" data-start="{start:.3f}" data-end="{end:.3f}" x="{100 * start / span:.4f}%" y="0" '
        f'width="{100 * max(end - start, 0) / span:.4f}%" height="100%" role="img" aria-label="{name}">'
        f"<title>{name}</title></rect>"
    )


def _empty_lane(gaps: str) -> str:
    return f'<div class="lane r7"><b>No gesture</b><svg class="track" height="{_ROW}">{gaps}</svg></div>'


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


def _scale(span: float) -> str:
    step = tick_step(span)
    decimals = 1 if step < 1 else 0
    ticks = [k * step for k in range(int(span / step) + 1)]
    if len(ticks) > 1 and span - ticks[-1] < 0.04 * span and ticks[-1] < span:
        ticks.pop()  # its text would run over the edge
    marks = "".join(f'<span style="left:{100 * t / span:.3f}%">{clock(t, decimals)}</span>' for t in ticks)
    return f'<div class="lane scale" aria-hidden="true"><b></b><div class="track">{marks}</div></div>'


def _lane(region: str, events: list[tuple[int, GestureEvent]], span: float, gaps: str) -> str:
    rows = stacked(events)
    height = _ROW * (max(row for row, _, _ in rows) + 1)
    bars = "".join(_bar(row, index, event, span) for row, index, event in rows)
    title = esc(region_title(region))
    return (
        f'<div class="lane {region_class(region)}"><b>{title}</b>'
        f'<svg class="track" height="{height}" role="group" aria-label="{title}">{gaps}{bars}</svg></div>'
    )


def _bar(row: int, index: int, event: GestureEvent, span: float) -> str:
    text = f"{event.label}, {clock(event.start)} to {clock(event.end)}, confidence "
    name = esc(text) + percent(event.confidence)
    css = "bar unsure" if event.confidence < UNSURE else "bar"
    return (
        f'<rect class="{css}" data-e="{index}" x="{100 * event.start / span:.4f}%" y="{row * _ROW + 2}" '
        f'width="{100 * event.duration / span:.4f}%" height="{_BAR}" rx="3" '
        f'fill-opacity="{0.2 + 0.8 * event.confidence:.2f}" role="button" aria-label="{name}">'
        f"<title>{name}</title></rect>"
    )


def _region_order(region: str) -> tuple[int, str]:
    order = ("head", "head-hand", "upper limb", "body", "body-hand", "leg-hand", "lower limb")
    assert set(order) == set(BODY_REGIONS)
    return (order.index(region), "") if region in order else (len(order), region)
