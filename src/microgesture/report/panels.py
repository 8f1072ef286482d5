"""The panels of the report: events, rates, emotion, provenance; each a function from a timeline to HTML text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from microgesture.report.lanes import unseen
from microgesture.report.markup import UNSURE, clock, esc, meter, percent, region_class, region_title
from microgesture.timeline import EmotionReading, GestureEvent, Timeline
from microgesture.vocabulary import Vocabulary, vocabularies

_DRIVERS = 8


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


def summary_html(timeline: Timeline) -> str:
    """One sentence: how many gestures, how often, which most."""
    n = len(timeline)
    if not n:
        return "No gesture was found in this video."
    counts: dict[str, int] = {}
    for event in timeline:
        counts[event.label] = counts.get(event.label, 0) + 1
    most = sorted(counts, key=lambda label: (-counts[label], label))[:3]
    names = ", ".join(f"<strong>{esc(label)}</strong> ({counts[label]})" for label in most)
    per_minute = f", {60 * n / timeline.duration:.1f} a minute" if timeline.duration > 0 else ""
    return f"{n} gesture{'s' if n > 1 else ''}{per_minute}. Most often: {names}."


def cautions_html(timeline: Timeline) -> str:
    """In plain words what the timeline itself says against it: nobody in view, unsure readings, untaught names."""
    lines = []
    for person, stretches in unseen(timeline).items():
        away = sum(end - start for start, end in stretches)
        if not away:
            continue
        who = esc(person) if len(timeline.persons) > 1 else "the person"
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
            f"The gestures of the vocabulary {esc(timeline.vocabulary)} were given as words only; the model never "
            "learnt from examples of them (zero-shot). Expect more mistakes than with a built-in vocabulary."
        )
    items = "".join(f"<li>{line}</li>" for line in lines)
    return f'<ul class="caution cautions">{items}</ul>' if lines else ""


HIDDEN = 0.5
"""A part of the body that is seen for a smaller share of the video is spoken of."""


def hidden_parts(timeline: Timeline) -> list[str]:
    """A sentence for each person and each part of the body that could hardly be seen, from `provenance["visible"]`
    (share of the video by person and part)."""
    lines = []
    for person, shares in (timeline.provenance.get("visible") or {}).items():
        who = f"{esc(person)}'s" if len(timeline.persons) > 1 else "The person's"
        lines += [
            f"{who} {part} could be seen for {percent(shares[part])} of the video. That no gesture of the {part} is "
            "listed for the rest means that it could not be seen, not that nothing happened."
            for part in ("hands", "legs", "face")
            if shares.get(part, 1.0) < HIDDEN
        ]
    return lines


def events_html(timeline: Timeline, texts: Mapping[str, str], images: Sequence[str]) -> str:
    """The list of events; `images` are HTML of a picture or a drawing, one an event, "" for none."""
    if not len(timeline):
        return '<p class="empty">None.</p>'
    with_images, with_person = any(images), len(timeline.persons) > 1
    title = "Posture" if any(image.startswith("<svg") for image in images) else "Picture"
    picture = f"<th scope=col>{title}</th>" if with_images else ""
    rows = "\n".join(
        _row(i, event, texts.get(event.label, ""), images[i] if with_images else None, with_person)
        for i, event in enumerate(timeline)
    )
    return (
        '<table class="events"><caption class="sr">Every gesture in order of time</caption><thead><tr>'
        f"{picture}<th scope=col>Time</th><th scope=col>Gesture</th><th scope=col>Confidence</th>"
        f"<th scope=col>Could also be</th></tr></thead><tbody>\n{rows}\n</tbody></table>"
    )


def _row(index: int, event: GestureEvent, text: str, image: str | None, with_person: bool) -> str:
    picture = ""
    if image is not None:
        picture = f'<td class="picture">{image}</td>'
    others = "".join(f"<li>{esc(a.label)} <span>{percent(a.confidence)}</span></li>" for a in event.alternatives)
    who = f'<span class="chip">{esc(event.person)}</span>' if with_person else ""
    where = f'<span class="chip {region_class(event.body_region)}">{esc(region_title(event.body_region))}</span>'
    unsure = '<span class="chip unsure">unsure</span>' if event.confidence < UNSURE else ""
    about = f"<p>{esc(text)}</p>" if text else ""
    times = f" ×{event.count}" if event.count and event.count > 1 else ""
    alternatives = f'<ul class="others" aria-label="Could also be">{others}</ul>' if others else ""
    return (
        f'<tr id="e{index}" data-start="{event.start:.3f}" data-end="{event.end:.3f}" '
        f'data-confidence="{event.confidence:.4f}">{picture}'
        f'<td class="time"><button type="button" class="seek">{clock(event.start)}</button>'
        f"<small>{event.duration:.1f} s</small></td>"
        f'<td class="what"><strong class="label">{esc(event.label)}</strong>{times}{about}'
        f"<div>{where}{who}{unsure}</div></td>"
        f'<td class="confidence">{meter(event.confidence, region_class(event.body_region))} '
        f"<span>{percent(event.confidence)}</span></td>"
        f'<td class="also">{alternatives}</td></tr>'
    )


def rates_html(timeline: Timeline) -> str:
    """Count, rate a minute and time spent, by person and label, most frequent first."""
    if not len(timeline):
        return '<p class="empty">Nothing to count.</p>'
    groups: dict[tuple[str, str], list[GestureEvent]] = {}
    for event in timeline:
        groups.setdefault((event.person, event.label), []).append(event)
    minutes = timeline.duration / 60.0
    most = max(len(g) for g in groups.values())
    rows = []
    for person in timeline.persons:
        if len(timeline.persons) > 1:
            rows.append(f'<tr class="person"><th colspan="4" scope="rowgroup">{esc(person)}</th></tr>')
        own = sorted((k for k in groups if k[0] == person), key=lambda k: (-len(groups[k]), k[1]))
        for key in own:
            events = groups[key]
            rate = f"{len(events) / minutes:.2f}" if minutes > 0 else "-"
            bar = meter(len(events) / most, region_class(events[0].body_region))
            rows.append(
                f'<tr><th scope="row">{esc(key[1])}{bar}</th><td>{len(events)}</td><td>{rate}</td>'
                f"<td>{sum(e.duration for e in events):.1f} s</td></tr>"
            )
    return (
        '<table class="rates"><thead><tr><th scope=col>Gesture</th><th scope=col>Count</th>'
        f"<th scope=col>Per minute</th><th scope=col>Time</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def emotion_html(timeline: Timeline) -> str:
    """The reading with its uncertainty and what drove it; a sentence when there is none."""
    reading = timeline.emotion
    if reading is None:
        return '<p class="empty">No reading of emotion was asked for.</p>'
    leading = _leading(reading)
    answer = "Undecided" if reading.label == "undecided" else esc(reading.label)
    even = 1.0 / max(1, len(reading.probabilities))
    bars = "".join(
        _probability(name, p, reading.interval if name == leading else None, even)
        for name, p in reading.probabilities.items()
    )
    interval = ""
    if reading.interval is not None and leading:
        low, high = reading.interval
        interval = f"{esc(leading)}: {percent(low)} to {percent(high)} is the range of uncertainty; "
    caution = f'<p class="caution">{esc(reading.caution)}</p>' if reading.caution else ""
    model = f'<p class="note">Read by {esc(reading.model)}.</p>' if reading.model else ""
    return (
        f'<p class="answer">{answer}</p><div class="probabilities">{bars}</div>'
        f'<p class="note">{interval}the dotted line is even odds.</p>{caution}'
        f"{_drivers(timeline, reading, leading)}{model}"
    )


def _leading(reading: EmotionReading) -> str:
    if reading.label in reading.probabilities:
        return reading.label
    return max(reading.probabilities, key=lambda name: reading.probabilities[name], default="")


def _probability(name: str, p: float, interval: tuple[float, float] | None, even: float) -> str:
    whisker = ""
    if interval is not None:
        low, high = (100 * min(1.0, max(0.0, x)) for x in interval)
        whisker = f'<u style="left:{low:.1f}%;width:{max(0.0, high - low):.1f}%"></u>'
    fill = 100 * min(1.0, max(0.0, p))
    return (
        f'<div class="probability"><span>{esc(name)}</span><span class="bar" aria-hidden="true">'
        f'<i style="width:{fill:.1f}%"></i>{whisker}<s style="left:{100 * even:.1f}%"></s></span>'
        f"<span>{percent(p)}</span></div>"
    )


def _drivers(timeline: Timeline, reading: EmotionReading, leading: str) -> str:
    drivers = [d for d in reading.drivers if 0 <= d.event < len(timeline)][:_DRIVERS]
    if not drivers:
        return ""
    largest = max(abs(d.effect) for d in drivers) or 1.0
    rows = []
    for driver in drivers:
        event = timeline[driver.event]
        side = "for" if driver.effect >= 0 else "against"
        looked = "" if driver.attention is None else f" · {percent(driver.attention)} attention"
        width = 50 * abs(driver.effect) / largest
        rows.append(
            f'<li class="{side}"><a href="#e{driver.event}">{esc(event.label)} '
            f"<small>{clock(event.start)}{looked}</small></a>"
            f'<span class="effect" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>'
            f'<span class="sr">speaks {side} {esc(leading)}</span><span>{driver.effect:+.2f}</span></li>'
        )
    rest = " All others moved it less." if len(reading.drivers) > len(drivers) else ""
    if any(d.attention is not None for d in drivers):
        rest += " Attention is where the Transformer looked, whichever way it spoke."
    return (
        f"<h3>What moved it</h3><p class=note>Log-odds of <em>{esc(leading)}</em> with an event less those without it: "
        f'to the right it spoke for it, to the left against it.{rest}</p><ol class="drivers">{"".join(rows)}</ol>'
    )


def provenance_html(timeline: Timeline) -> str:
    """Where the numbers come from, every entry of `Timeline.provenance`, nested ones folded."""
    media = timeline.media
    size = f"{media.size[0]} x {media.size[1]}" if media.size else ""
    entries: list[tuple[str, Any]] = [
        ("file", media.file),
        ("sha256", media.sha256),
        ("picture size", size),
        ("frames a second", f"{media.fps:g}" if media.fps else ""),
        ("vocabulary", timeline.vocabulary),
        *timeline.provenance.items(),
    ]
    items = "".join(f"<dt>{esc(key)}</dt><dd>{_value(value)}</dd>" for key, value in entries if value not in (None, ""))
    return f'<dl class="provenance">{items}</dl>'


def _value(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple):
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        return f"<details><summary>show</summary><pre>{esc(text)}</pre></details>"
    return esc(value)
