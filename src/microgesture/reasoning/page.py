"""The panel of an explanation, and how it gets into a page: every claim is a line with links to its events.

A page has a pair of HTML comments between which the panel stands; nothing else of a page can hold such a comment,
as all text in it is escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from microgesture.errors import DataError
from microgesture.report.html import is_report
from microgesture.report.markup import UNSURE, clock, esc, percent
from microgesture.timeline import Timeline

if TYPE_CHECKING:
    from microgesture.reasoning.record import Claim, Explanation

BEGIN, END = "<!-- explanation -->", "<!-- /explanation -->"
_EMOTION = "<!-- emotion -->", "<!-- /emotion -->"
_FOLDED = 12
"""A claim with more events than this shows the others when asked."""
_SIDES = {"for": "speaks for it", "against": "speaks against it", "neither": "speaks for neither side"}
_ROW = re.compile(r'<tr id="e(\d+)" data-start="(\d+\.\d+)"')


def with_explanation(page: str, panel: str, emotion: str = "") -> str:
    """The page with this panel in place of the one it had, and with another panel of emotion where one is given.
    Raises `DataError` when the page has no place for an explanation."""
    page = _between(page, *_EMOTION, emotion) or page if emotion else page
    placed = _between(page, BEGIN, END, panel)
    if placed:
        return placed
    before, tag, after = page.rpartition("</main>")  # a page that was written before there were explanations
    if not tag:
        raise DataError("the report has no place for an explanation: write it anew")
    return f"{before}{BEGIN}{panel}{END}\n{tag}{after}"


def _between(page: str, begin: str, end: str, text: str) -> str:
    """The page with this text between two comments, "" when it has them not."""
    first, last = page.find(begin), page.find(end)
    return f"{page[: first + len(begin)]}{text}{page[last:]}" if 0 <= first < last else ""


def shows_events(page: str, timeline: Timeline) -> bool:
    """Whether a page is a report of this timeline's events: as many, beginning at the same times."""
    rows = [(int(index), float(start)) for index, start in _ROW.findall(page)]
    if not is_report(page) or len(rows) != len(timeline):
        return False
    return all(
        i == index and abs(start - e.start) < 0.002
        for i, ((index, start), e) in enumerate(zip(rows, timeline, strict=True))
    )


def explanation_html(explanation: Explanation, timeline: Timeline) -> str:
    """The panel. Of an explanation that failed it shows that it failed and why, and nothing that it said."""
    title = "Explanation by a language model" if explanation.language_model else "Explanation, without a language model"
    body = _accepted(explanation, timeline) if explanation.accepted else _failed(explanation)
    cautions = "".join(f"<li>{esc(caution)}</li>" for caution in explanation.cautions)
    return (
        f'\n<section class="panel explanation" aria-labelledby="h-explanation">\n<h2 id="h-explanation">{title}</h2>\n'
        f'<p class="question">{esc(explanation.question)}</p>\n{body}\n'
        f'<ul class="caution cautions">{cautions}</ul>\n{_withheld(explanation)}{_origin(explanation)}</section>\n'
    )


def _accepted(explanation: Explanation, timeline: Timeline) -> str:
    likely = ""
    if explanation.answer in (None, "undecided"):
        likely = "<small>the evidence does not carry an answer</small>"
    elif explanation.probability is not None:
        whose = "the model’s own estimate" if explanation.language_model else "the gesture model’s estimate"
        likely = f"<small>{percent(explanation.probability)} by {whose}</small>"
    claims = "\n".join(_claim(claim, explanation, timeline) for claim in explanation.reasons)
    listed = f'<ol class="claims">{claims}</ol>' if claims else '<p class="empty">Nothing was claimed.</p>'
    opinion = (
        "The events of each claim were checked to be there and to be what it says they are. What a claim makes of "
        "them is the model’s opinion; look at the events yourself."
        if explanation.language_model
        else "Each claim names the events that it counts."
    )
    notes = "".join(f'<p class="note">{esc(note)}</p>' for note in explanation.notes)
    return f'<p class="answer">{esc(explanation.answer)} {likely}</p>{notes}{listed}<p class="note">{opinion}</p>'


def _failed(explanation: Explanation) -> str:
    problems = "".join(f"<li>{esc(problem)}</li>" for problem in explanation.problems)
    again = "It was sent back once with what was wrong. " if len(explanation.attempts) > 1 else ""
    return (
        f'<p class="answer">No explanation</p><p>No reply passed the check, so nothing of it is shown here. '
        f"{again}What was wrong:</p><ul class=problems>{problems}</ul>"
    )


def _claim(claim: Claim, explanation: Explanation, timeline: Timeline) -> str:
    links = [_event_link(index, explanation.timed, timeline) for index in claim.event_indices]
    shown, rest = links[:_FOLDED], links[_FOLDED:]
    more = f"<details><summary>{len(rest)} more</summary>{' '.join(rest)}</details>" if rest else ""
    said = {u.id: u for u in explanation.cited}
    quotes = "".join(
        f"<blockquote><b>{esc(id)}</b> {esc(said[id].speaker)}"
        f"{f' <small>{clock(said[id].start or 0.0)}</small>' if said[id].start is not None else ''} "
        f"{esc(said[id].text)}</blockquote>"
        for id in claim.utterances
        if id in said
    )
    side = claim.direction if claim.direction in _SIDES else "neither"
    tag = f'<span class="side">{_SIDES[side]}</span>' if explanation.answer != "undecided" or side != "neither" else ""
    return (
        f'<li class="{side}"><p>{esc(claim.claim)} {tag}</p><p class="cites">{" ".join(shown)}{more}</p>{quotes}</li>'
    )


def _event_link(index: int, timed: bool, timeline: Timeline) -> str:
    event = timeline[index]
    when = f" <small>{clock(event.start)}</small>" if timed else ""
    unsure = " unsure" if event.confidence < UNSURE else ""
    about = f"{event.label}, unsure" if unsure else event.label
    return f'<a class="cite{unsure}" href="#e{index}" title="{esc(about)}">E{index + 1}{when}</a>'


def _withheld(explanation: Explanation) -> str:
    if not explanation.withheld:
        return ""
    items = "".join(f"<li><b>{esc(w.id)}</b> {esc(w.reason)}: <q>{esc(w.text)}</q></li>" for w in explanation.withheld)
    n = len(explanation.withheld)
    return (
        f'<details class="withheld"><summary>{n} text{"s" * (n != 1)} withheld from the prompt: '
        f"read like instructions to a program</summary><ul>{items}</ul></details>\n"
    )


def _origin(explanation: Explanation) -> str:
    where = f" at {explanation.base_url}" if explanation.base_url else ""
    facts = [
        f"Scenario: {explanation.scenario_title} ({explanation.scenario}).",
        f"Asked: {explanation.backend}, {explanation.model}{where}."
        if explanation.language_model
        else "Asked: template.",
        f"Shown: {explanation.conditions}; {_count(explanation.events_shown, 'event')}, "
        f"{_count(explanation.utterances_shown, 'utterance')}.",
        *(f"{line}." for line in explanation.left_out),
        f"Made {explanation.created[:16].replace('T', ' ')} UTC; everything is in explanation.json.",
    ]
    return f'<p class="note">{esc(" ".join(facts))}</p>\n'


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
