"""The panel of an explanation, and how it gets into a page: every claim is a line with links to its events.

A page has a pair of HTML comments between which the panel stands; nothing else of a page can hold such a comment,
as all text in it is escaped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from microgesture.errors import DataError
from microgesture.report.html import is_report
from microgesture.report.markup import fill
from microgesture.timeline import Timeline

if TYPE_CHECKING:
    from markupsafe import Markup

    from microgesture.reasoning.record import Explanation

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


def explanation_html(explanation: Explanation, timeline: Timeline) -> Markup:
    """The panel. Of an explanation that failed it shows that it failed and why, and nothing that it said."""
    return fill(
        "reasoning/explanation.html",
        explanation=explanation,
        timeline=timeline,
        said={utterance.id: utterance for utterance in explanation.cited},
        sides=_SIDES,
        folded=_FOLDED,
        facts=_origin(explanation),
    )


def _origin(explanation: Explanation) -> list[str]:
    where = f" at {explanation.base_url}" if explanation.base_url else ""
    return [
        f"Scenario: {explanation.scenario_title} ({explanation.scenario}).",
        f"Asked: {explanation.backend}, {explanation.model}{where}."
        if explanation.language_model
        else "Asked: template.",
        f"Shown: {explanation.conditions}; {_count(explanation.events_shown, 'event')}, "
        f"{_count(explanation.utterances_shown, 'utterance')}.",
        *(f"{line}." for line in explanation.left_out),
        f"Made {explanation.created[:16].replace('T', ' ')} UTC; everything is in explanation.json.",
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
