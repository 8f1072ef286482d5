"""The backend that needs no language model: it puts the timeline's own emotion reading and its drivers into sentences.

Without a reading, or when the reading is undecided, the answer is "undecided" and the sentences only say what was
seen. Its replies go through the same check as those of any model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from microgesture.reasoning.backends import RawReply, Settings, Task, register_backend
from microgesture.reasoning.evidence import Evidence, ShownEvent
from microgesture.reasoning.scenario import UNDECIDED, Scenario
from microgesture.report.markup import REGION_TITLES, clock
from microgesture.timeline import EmotionReading

_MOST = 6
_TIMES = 4


class Template:
    """Composes a reply from the evidence alone; the same evidence gives the same reply."""

    name = "template"
    model = "template (no language model)"
    base_url = ""
    remark = ""
    language_model = False

    def reply(self, task: Task) -> RawReply:
        """A reply in the form that is asked of models."""
        return RawReply(json.dumps(compose_reply(task.scenario, task.evidence), ensure_ascii=False))


@register_backend("template")
def open(settings: Settings) -> Template:
    """The template; it has no settings."""
    return Template()


def compose_reply(scenario: Scenario, evidence: Evidence) -> dict[str, Any]:
    """Answer, probability and reasons as plain values."""
    reading = evidence.reading
    answer = scenario.answer_of(reading.label) if reading is not None else None
    driving = list(_driving(reading, evidence)) if reading is not None and answer not in (None, UNDECIDED) else []
    if reading is None or answer is None or not any(reason["direction"] == "for" for reason in driving):
        likelier = max((reading.probabilities or {}).values(), default=0.0) if reading else 0.0
        probability = min(1.0, max(scenario.chance, likelier))
        return {"answer": UNDECIDED, "probability": probability, "reasons": list(_seen(evidence))}
    probability = min(1.0, reading.probabilities.get(reading.label, scenario.chance))
    return {"answer": answer, "probability": max(scenario.chance, probability), "reasons": driving}


def _driving(reading: EmotionReading, evidence: Evidence) -> Iterator[dict[str, Any]]:
    """One claim for each gesture that moved the reading in one direction: those in favour first, then by strength."""
    groups: dict[tuple[str, bool], list[ShownEvent]] = {}
    effect: dict[tuple[str, bool], float] = {}
    for driver in reading.drivers:
        event = evidence.event(f"E{driver.event + 1}")
        if event is None or driver.effect == 0:
            continue
        key = (event.label, driver.effect > 0)
        groups.setdefault(key, []).append(event)
        effect[key] = effect.get(key, 0.0) + abs(driver.effect)
    ranked = sorted(groups, key=lambda key: (-effect[key], key))
    strongest = ranked[:1]
    for label, favours in sorted(ranked[:_MOST], key=lambda key: (not key[1], -effect[key], key)):
        events = sorted(groups[label, favours], key=lambda e: e.index)
        strength = "spoke most strongly " if [(label, favours)] == strongest else "spoke "
        side = "for" if favours else "against"
        text = f"{label}, {_when(events)}, {strength}{side} this answer in the gesture model's reading."
        yield _reason(text, events, side)


def _seen(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """How often and when each of the commonest gestures was seen, and where most of them were."""
    groups: dict[str, list[ShownEvent]] = {}
    regions: dict[str, list[ShownEvent]] = {}
    for event in evidence.events:
        groups.setdefault(event.label, []).append(event)
        if event.region:
            regions.setdefault(event.region, []).append(event)
    for label in sorted(groups, key=lambda name: (-len(groups[name]), name))[:_MOST]:
        yield _reason(f"{label} was seen {_when(groups[label])}.", groups[label], "neither")
    if len(evidence.events) > 1 and regions:
        region = max(regions, key=lambda name: (len(regions[name]), name))
        place = f"{REGION_TITLES[region][0].lower()}{REGION_TITLES[region][1:]}"
        often = _gestures(len(regions[region]))
        yield _reason(f"The body region with the most gestures is {place}: {often}.", regions[region], "neither")
    if not evidence.events and evidence.utterances:
        ids = [u.id for u in evidence.utterances]
        text = "No gesture was looked at; what was said is not read without a language model."
        yield {"claim": text, "gesture": None, "events": [], "utterances": ids, "direction": "neither"}


def _reason(claim: str, events: Sequence[ShownEvent], direction: str) -> dict[str, Any]:
    labels = {e.label for e in events}
    gesture = next(iter(labels)) if len(labels) == 1 else None
    ids = [e.id for e in events]
    return {"claim": claim, "gesture": gesture, "events": ids, "utterances": [], "direction": direction}


def _when(events: Sequence[ShownEvent]) -> str:
    """ "once, at 0:01.2", "3 times, at 0:01.2, 0:05.0 and 0:09.1", "9 times, from 0:01.2 to 1:20.0"."""
    count = len(events)
    often = "once" if count == 1 else f"{count} times"
    starts = [clock(e.start) for e in events if e.start is not None]
    if not starts:
        return often
    if count > _TIMES:
        return f"{often}, first at {starts[0]} and last at {starts[-1]}"
    listed = starts[0] if count == 1 else f"{', '.join(starts[:-1])} and {starts[-1]}"
    return f"{often}, at {listed}"


def _gestures(count: int) -> str:
    return f"{count} gesture{'s' * (count != 1)}"
