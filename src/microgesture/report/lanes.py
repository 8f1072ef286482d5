"""The timeline drawing: for each person one lane a body region, an SVG bar an event, a scale above.

Positions are percentages of the width, so that the drawing fits any screen and the script can zoom by writing
new percentages; without the script it is a still picture with titles.
"""

from __future__ import annotations

from microgesture.report.markup import clock, esc, percent, region_class, region_title
from microgesture.timeline import GestureEvent, Timeline
from microgesture.vocabulary import BODY_REGIONS

_ROW = 20  # pixels a bar and its gap
_BAR = 16


def extent(timeline: Timeline) -> float:
    """Seconds that the drawing spans: the media, or more where events reach beyond it."""
    return max(timeline.duration, max((e.end for e in timeline), default=0.0)) or 1.0


def lanes_html(timeline: Timeline) -> str:
    """Scale and lanes of all persons; a sentence when there are no events."""
    if not len(timeline):
        return '<p class="empty">No gesture was found in this video.</p>'
    span = extent(timeline)
    parts = [_scale(span)]
    for person in timeline.persons:
        if len(timeline.persons) > 1:
            parts.append(f'<h3 class="person">{esc(person)}</h3>')
        own = [(i, e) for i, e in enumerate(timeline) if e.person == person]
        regions = sorted({e.body_region for _, e in own}, key=_region_order)
        parts += [_lane(region, [(i, e) for i, e in own if e.body_region == region], span) for region in regions]
    return "\n".join(parts)


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


def _lane(region: str, events: list[tuple[int, GestureEvent]], span: float) -> str:
    rows = stacked(events)
    height = _ROW * (max(row for row, _, _ in rows) + 1)
    bars = "".join(_bar(row, index, event, span) for row, index, event in rows)
    title = esc(region_title(region))
    return (
        f'<div class="lane {region_class(region)}"><b>{title}</b>'
        f'<svg class="track" height="{height}" role="group" aria-label="{title}">{bars}</svg></div>'
    )


def _bar(row: int, index: int, event: GestureEvent, span: float) -> str:
    text = f"{event.label}, {clock(event.start)} to {clock(event.end)}, confidence "
    name = esc(text) + percent(event.confidence)
    return (
        f'<rect class="bar" data-e="{index}" x="{100 * event.start / span:.4f}%" y="{row * _ROW + 2}" '
        f'width="{100 * event.duration / span:.4f}%" height="{_BAR}" rx="3" '
        f'fill-opacity="{0.2 + 0.8 * event.confidence:.2f}" role="button" aria-label="{name}">'
        f"<title>{name}</title></rect>"
    )


def _region_order(region: str) -> tuple[int, str]:
    order = ("head", "head-hand", "upper limb", "body", "body-hand", "leg-hand", "lower limb")
    assert set(order) == set(BODY_REGIONS)
    return (order.index(region), "") if region in order else (len(order), region)
