"""An explanation on the terminal, without anything in it that a terminal would obey."""

from __future__ import annotations

from collections.abc import Iterator

from microgesture.reasoning.record import Claim, Explanation
from microgesture.report.markup import clock
from microgesture.timeline import Timeline

_MOST_LINKS = 8


def printed(explanation: Explanation, timeline: Timeline) -> str:
    """The lines of an explanation; of a failed one only that it failed and why."""
    return "\n".join(plain(line) for line in _lines(explanation, timeline))


def plain(text: str) -> str:
    """One line of text; characters that steer a terminal become U+FFFD."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text.replace("\u00a0", " "))


def _lines(explanation: Explanation, timeline: Timeline) -> Iterator[str]:
    where = f" at {explanation.base_url}" if explanation.base_url else ""
    yield f"  {explanation.question}"
    if explanation.accepted:
        yield from _accepted(explanation, timeline)
    else:
        again = ", also when sent back once" if len(explanation.attempts) > 1 else ""
        yield f"  no explanation: no reply passed the check{again}:"
        yield from (f"    - {problem}" for problem in explanation.problems)
    asked = f"{explanation.backend}, {explanation.model}{where}" if explanation.language_model else "template"
    yield f"  asked: {asked}; shown: {explanation.conditions}"
    yield from (f"  note: {line}" for line in (*explanation.notes, *explanation.left_out))
    for held in explanation.withheld:
        yield f"  withheld from the prompt: {held.id} ({held.reason})"
    yield from (f"  beware: {caution}" for caution in explanation.cautions)


def _accepted(explanation: Explanation, timeline: Timeline) -> Iterator[str]:
    answer = explanation.answer or ""
    if answer == "undecided":
        yield "  answer: undecided"
    else:
        whose = "the model's own estimate" if explanation.language_model else "the gesture model's estimate"
        yield f"  answer: {answer} ({100 * (explanation.probability or 0.0):.0f} % by {whose})"
    for claim in explanation.reasons:
        yield f"    {_SIGN.get(claim.direction, ' ')} {claim.claim}  [{_cited(claim, explanation.timed, timeline)}]"


_SIGN = {"for": "+", "against": "-", "neither": "."}


def _cited(claim: Claim, timed: bool, timeline: Timeline) -> str:
    parts = [f"E{i + 1}" + (f" {clock(timeline[i].start)}" if timed else "") for i in claim.event_indices]
    parts += claim.utterances
    more = f", {len(parts) - _MOST_LINKS} more" if len(parts) > _MOST_LINKS else ""
    return ", ".join(parts[:_MOST_LINKS]) + more
