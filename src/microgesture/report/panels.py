"""What the panels of the report say: events, rates, emotion, cautions, provenance; their form is in the templates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from microgesture.report.lanes import unseen
from microgesture.report.markup import UNSURE, fill, percent
from microgesture.timeline import EmotionReading, GestureEvent, Timeline
from microgesture.vocabulary import Vocabulary, vocabularies

if TYPE_CHECKING:
    from markupsafe import Markup

_DRIVERS = 8
HIDDEN = 0.5
"""A part of the body that is seen for a smaller share of the video is spoken of."""


def descriptions(timeline: Timeline, vocabulary: Vocabulary | None) -> dict[str, str]:
    """What each gesture looks like, by label: from `vocabulary`, else from the built-in one of the timeline's
    name, else from any built-in one that has the label."""
    if vocabulary is None and timeline.vocabulary in vocabularies():
        vocabulary = Vocabulary.load(timeline.vocabulary)
    sources = [vocabulary] if vocabulary else []
    sources += [Vocabulary.load(name) for name in vocabularies()]
    found: dict[str, str] = {}
    for label in {e.label for e in timeline}:
        texts = (v[v.index(label)].description for v in sources if label in v)
        found[label] = next((text for text in texts if text), "")
    return found


def most_frequent(timeline: Timeline) -> list[tuple[str, int]]:
    """The three labels with most events, and how many they have."""
    counts = Counter(event.label for event in timeline)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]


def cautions(timeline: Timeline) -> list[str]:
    """In plain words what the timeline itself says against it: nobody in view, unsure readings, untaught names."""
    lines = []
    for person, stretches in unseen(timeline).items():
        away = sum(end - start for start, end in stretches)
        if not away:
            continue
        who = person if len(timeline.persons) > 1 else "the person"
        share = f" ({percent(min(away / timeline.duration, 1.0))} of the video)" if timeline.duration > 0 else ""
        lines.append(
            f"For {away:.1f} seconds{share} {who} is not in view. Those stretches are hatched in the timeline: no "
            "gesture there means that nobody could be watched, not that nothing happened."
        )
    lines += hidden_parts(timeline)
    unsure = sum(e.confidence < UNSURE for e in timeline)
    if unsure:
        lines.append(
            f"{unsure} of {len(timeline)} gestures {'has' if unsure == 1 else 'have'} a confidence below "
            f"{percent(UNSURE)}: guesses, drawn with a dashed outline and marked unsure. Another reading is as likely."
        )
    if timeline.provenance.get("zero_shot"):
        lines.append(
            f"The gestures of the vocabulary {timeline.vocabulary} were given as words only; the model never "
            "learnt from examples of them (zero-shot). Expect more mistakes than with a built-in vocabulary."
        )
    return lines


def hidden_parts(timeline: Timeline) -> list[str]:
    """A sentence for each person and each part of the body that could hardly be seen, from `provenance["visible"]`
    (share of the video by person and part)."""
    lines = []
    for person, shares in (timeline.provenance.get("visible") or {}).items():
        who = f"{person}'s" if len(timeline.persons) > 1 else "The person's"
        lines += [
            f"{who} {part} could be seen for {percent(shares[part])} of the video. That no gesture of the {part} is "
            "listed for the rest means that it could not be seen, not that nothing happened."
            for part in ("hands", "legs", "face")
            if shares.get(part, 1.0) < HIDDEN
        ]
    return lines


def rates_html(timeline: Timeline) -> Markup:
    """Count, rate per minute and time spent, by person and label, most frequent first."""
    groups: dict[str, dict[str, list[GestureEvent]]] = {person: {} for person in timeline.persons}
    for event in timeline:
        groups[event.person].setdefault(event.label, []).append(event)
    people = {
        person: dict(sorted(own.items(), key=lambda item: (-len(item[1]), item[0]))) for person, own in groups.items()
    }
    most = max((len(events) for own in people.values() for events in own.values()), default=1)
    return fill("report/rates.html", timeline=timeline, people=people, most=most)


def emotion_html(timeline: Timeline) -> Markup:
    """The reading with its uncertainty and what drove it; a sentence when there is none."""
    reading = timeline.emotion
    drivers = [d for d in reading.drivers if 0 <= d.event < len(timeline)][:_DRIVERS] if reading else []
    return fill(
        "report/emotion.html",
        timeline=timeline,
        reading=reading,
        leading=_leading(reading) if reading else "",
        drivers=drivers,
        largest=max((abs(d.effect) for d in drivers), default=0.0) or 1.0,
    )


def _leading(reading: EmotionReading) -> str:
    if reading.label in reading.probabilities:
        return reading.label
    return max(reading.probabilities, key=lambda name: reading.probabilities[name], default="")


def provenance(timeline: Timeline) -> list[tuple[str, Any, bool]]:
    """Where the numbers come from: (name, value, whether it is nested) of every entry of `Timeline.provenance`."""
    media = timeline.media
    entries = {
        "file": media.file,
        "sha256": media.sha256,
        "picture size": f"{media.size[0]} x {media.size[1]}" if media.size else "",
        "frames per second": f"{media.fps:g}" if media.fps else "",
        "vocabulary": timeline.vocabulary,
    }
    listed = [*entries.items(), *timeline.provenance.items()]
    return [(key, *_value(value)) for key, value in listed if value not in (None, "")]


def _value(value: Any) -> tuple[Any, bool]:
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, indent=2, ensure_ascii=False, default=str), True
    return value, False
