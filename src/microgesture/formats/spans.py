"""Events in whole milliseconds, laid out on lanes in which nothing overlaps (tiers of ELAN and Praat)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from microgesture.timeline import GestureEvent

MAIN = ""
"""Name of the lane of the gestures that no other gesture overlaps."""

MOMENT = 0.001
"""Seconds that an event of a moment lasts: a point of BORIS or Praat."""

NOTES = ("confidence", "alternatives")
"""Ends of the names of tiers that say more of a lane's gestures; no lane's name ends so."""


@dataclass(frozen=True, slots=True)
class Span:
    """An event on [start, end) milliseconds, at least one millisecond long."""

    start: int
    end: int
    event: GestureEvent


def milliseconds(seconds: float) -> int:
    """Seconds rounded to whole milliseconds."""
    return round(seconds * 1000)


def spans(events: Iterable[GestureEvent]) -> list[Span]:
    """The events with each time rounded once, in time order; an event keeps at least a millisecond."""
    made = []
    for event in events:
        start = milliseconds(event.start)
        made.append(Span(start, max(milliseconds(event.end), start + 1), event))
    return sorted(made, key=lambda s: (s.start, s.end))


def lanes(placed: Sequence[Span]) -> dict[str, list[Span]]:
    """From a lane's name to its spans, all of one person, none of which overlap.

    Spans that no other overlaps, or that have no body region, are on the lane `MAIN`, which is always there.
    The others are on the lane of their body region, `head-hand`. Where a lane is taken at the time the span is
    on the first of `head-hand-2`, `head-hand-3` (for `MAIN`: `2`, `3`) that is free.
    """
    found: dict[str, list[Span]] = {MAIN: []}
    for span, alone in zip(placed, _alone(placed), strict=True):
        region = re.sub(r"[\s@]+", "-", span.event.body_region.strip())
        if region.endswith(NOTES):
            region += "-region"
        base = name = MAIN if alone else region
        number = 2
        while found.get(name) and found[name][-1].end > span.start:
            name = f"{base}-{number}" if base else str(number)
            number += 1
        found.setdefault(name, []).append(span)
    return found


def _alone(placed: Sequence[Span]) -> list[bool]:
    alone = [True] * len(placed)
    reaching = -1  # index of the span that reaches furthest so far
    for i, span in enumerate(placed):
        if reaching >= 0 and placed[reaching].end > span.start:
            alone[i] = alone[reaching] = False
        if reaching < 0 or span.end > placed[reaching].end:
            reaching = i
    return alone
