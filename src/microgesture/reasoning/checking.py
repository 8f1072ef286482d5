"""The check of a reply: does the evidence that it cites bear out what it says? Pure: a reply in, problems out.

What cannot be checked is what a claim makes of its evidence ("which shows relief"); that is the model's opinion and is
shown as such. What can be is: that everything cited is there and was shown, and that gestures, parts of the body,
counts, times and persons named in a claim are those of what it cites.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from microgesture.reasoning import wording
from microgesture.reasoning.evidence import Evidence, ShownEvent, ShownUtterance
from microgesture.reasoning.prompt import SYSTEM
from microgesture.reasoning.reply import Reason, Reply
from microgesture.reasoning.scenario import UNDECIDED, Scenario, fold
from microgesture.reasoning.screening import reads_like_instruction

_ID = re.compile(r"[EU][1-9]\d*")
_ECHO = 8  # so many words in a row that are the system message's


def check(reply: Reply, scenario: Scenario, evidence: Evidence) -> list[str]:
    """What is wrong with a reply, in plain words, reasons numbered from 1; empty when all of it holds.

    The problems never repeat the text of a claim.
    """
    problems = []
    answer = scenario.answer_of(reply.answer)
    if answer is None:
        problems.append(f"the answer is none of {', '.join(scenario.names)}")
    elif answer != UNDECIDED:
        if not any(reason.direction == "for" for reason in reply.reasons):
            problems.append("the answer has no reason in favour: give at least one claim with direction 'for'")
        if reply.probability < scenario.chance - 1e-9:
            problems.append("the probability is that of the answer given; so low, another answer is likelier")
    for number, reason in enumerate(reply.reasons, 1):
        problems += [f"reason {number} {problem}" for problem in _reason(reason, evidence)]
    return list(dict.fromkeys(problems))


def cited_events(reason: Reason, evidence: Evidence) -> list[ShownEvent]:
    """The shown events that a reason cites, each once, in order."""
    found = (evidence.event(id) for id in dict.fromkeys(reason.events))
    return [event for event in found if event is not None]


def _reason(reason: Reason, evidence: Evidence) -> Iterator[str]:
    wrong = [*_ids(reason.events, "E", evidence), *_ids(reason.utterances, "U", evidence)]
    yield from wrong
    if not reason.events and not reason.utterances:
        yield "cites nothing: every claim needs at least one event or utterance"
    events = cited_events(reason, evidence)
    found = (evidence.utterance(id) for id in dict.fromkeys(reason.utterances))
    utterances = [u for u in found if u is not None]
    yield from _gesture(reason, events)
    if not reason.claim.strip():
        yield "claims nothing"
    if not wrong:  # else the words would be blamed for what the ids lack
        yield from _words(reason.claim, set(reason.events) | set(reason.utterances), events, utterances, evidence)
    yield from _foreign(reason.claim)


def _ids(ids: Sequence[str], letter: str, evidence: Evidence) -> Iterator[str]:
    noun = {"E": "event", "U": "utterance"}[letter]
    shown = evidence.conditions.gestures if letter == "E" else evidence.conditions.transcript
    number = evidence.all_events if letter == "E" else evidence.all_utterances
    held_back = {w.id for w in evidence.withheld}
    for id in dict.fromkeys(ids):
        there = evidence.event(id) if letter == "E" else evidence.utterance(id)
        if there is not None:
            continue
        if not _ID.fullmatch(id) or id[0] != letter:
            yield f"cites '{id[:20]}', which is not the id of an {noun} ({letter}1, {letter}2, ...)"
        elif not shown:
            yield f"cites {id[:20]}, but no {noun}s were shown"
        elif len(id) > 9 or int(id[1:]) > number:
            yield f"cites {id[:20]}, which does not exist"
        elif id in held_back:
            yield f"cites {id}, which was withheld"
        else:
            yield f"cites {id}, which was not shown"


def _gesture(reason: Reason, events: Sequence[ShownEvent]) -> Iterator[str]:
    if reason.gesture is None:
        return
    if not reason.events:
        yield "names a gesture but cites no event"
    other = next((e for e in events if _same(e.label) != _same(reason.gesture)), None)
    if other is not None:
        yield f"names a gesture that {other.id} is not: its label is '{other.label}'"


def _words(
    claim: str,
    ids: set[str],
    events: Sequence[ShownEvent],
    utterances: Sequence[ShownUtterance],
    evidence: Evidence,
) -> Iterator[str]:
    """What the sentence itself says, against what is cited."""
    for id in dict.fromkeys(wording.ids_in(claim)):
        if id not in ids:
            yield f"speaks of {id} without citing it"
    people = {e.person for e in events} | {u.speaker for u in utterances}
    people |= {evidence.same_person[p] for p in people if p in evidence.same_person}
    for person in dict.fromkeys(wording.people_in(claim)):
        if person not in people:
            yield f"speaks of {person}, who is in none of what it cites"
    yield from _named_gestures(claim, events, evidence.labels)
    yield from _unsupported_things(claim, events, utterances)
    spoken = " ".join(u.text for u in utterances)
    yield from _times_and_counts(claim, events, utterances, spoken)


def _named_gestures(claim: str, events: Sequence[ShownEvent], labels: Sequence[str]) -> Iterator[str]:
    borne = [set(wording.stems(e.label)) for e in events]
    known = dict.fromkeys([*(e.label for e in events), *labels])
    for label, form in wording.gestures_in(claim, known):
        if not any(set(form) <= words for words in borne):
            yield f"speaks of the gesture '{label}', which none of its events is"


def _unsupported_things(
    claim: str, events: Sequence[ShownEvent], utterances: Sequence[ShownUtterance]
) -> Iterator[str]:
    """Faces and voices, which nothing shown holds, and parts of the body that are not those of the events."""
    borne = {stem for e in events for stem in wording.stems(e.label)}
    said = {stem for u in utterances for stem in wording.stems(u.text)}
    for stem, words in wording.unseen_in(claim):
        if stem not in borne | said:
            yield f"speaks of {words}, which no evidence shows"
    for event in events:
        borne |= wording.parts_of_region(event.region)
    for part in sorted(wording.parts_in(claim) - borne - said):
        yield f"speaks of a part of the body or of clothes ('{part}') that none of its events names"


def _times_and_counts(
    claim: str, events: Sequence[ShownEvent], utterances: Sequence[ShownUtterance], spoken: str
) -> Iterator[str]:
    for label in dict.fromkeys(e.label for e in events):  # "Playing with 2 balls": the label's own numbers
        claim = re.sub(re.escape(label), " ", claim, flags=re.IGNORECASE)
    moments, rest = wording.moments_in(claim)
    for moment in moments:
        if not _borne_moment(moment, events, utterances) and moment.words.casefold() not in spoken.casefold():
            yield f"gives a time or length ('{moment.words}') that what it cites has not"
    shares, rest = wording.percents_in(rest)
    for share in shares:
        if not any(abs(share - e.confidence) < 0.0051 for e in events) and f"{100 * share:g}" not in spoken:
            yield f"gives a share ({share:.0%}) that is not the confidence of an event it cites"
    counts = {len(events), len(utterances), *Counter(e.label for e in events).values()}
    counts |= {*Counter(e.person for e in events).values(), len(events) + len(utterances)}
    counts |= {kinds} if (kinds := len({e.label for e in events})) > 1 else set()
    numbers = {c.value for c in wording.counts_in(spoken)} if spoken else set()
    for count in wording.counts_in(rest):
        share = any(abs(count.value - e.confidence) < 0.0051 for e in events) and not count.value.is_integer()
        moment = wording.Moment(count.value, 0.06, True, count.words)  # "at 12.5"
        borne = share or (not count.value.is_integer() and _borne_moment(moment, events, utterances))
        if not borne and not _borne_count(count, counts) and count.value not in numbers:
            yield f"counts '{count.words}', but cites {_listed(events, utterances)}"
    often = wording.often_in(rest)
    if often and max(len(events), len(utterances)) < 2 and often not in spoken.casefold():
        yield f"says '{often}', but cites {_listed(events, utterances)}"


def _borne_moment(moment: wording.Moment, events: Sequence[ShownEvent], utterances: Sequence[ShownUtterance]) -> bool:
    """Whether a time lies in what is cited, or a length is one of it (each, together, whole, or a gap)."""
    cited: list[ShownEvent | ShownUtterance] = [*events, *utterances]
    spans = sorted((i.start, i.end) for i in cited if i.start is not None and i.end is not None)
    if not spans:
        return False
    near = max(0.5, moment.tolerance)
    if any(start - near <= moment.seconds <= end + near for start, end in spans):
        return True
    if moment.clock:
        return False
    lengths = [end - start for start, end in spans]
    gaps = [later[0] - earlier[1] for earlier, later in pairwise(spans)]
    steps = [later[0] - earlier[0] for earlier, later in pairwise(spans)]
    whole = max(end for _, end in spans) - spans[0][0]
    possible = [*lengths, *gaps, *steps, sum(lengths), sum(lengths) / len(lengths), whole]
    return any(abs(moment.seconds - length) <= moment.tolerance for length in possible)


def _borne_count(count: wording.Count, counts: set[int]) -> bool:
    holds = {
        "=": lambda n: n == count.value,
        ">=": lambda n: n >= count.value,
        ">": lambda n: n > count.value,
        "<=": lambda n: n <= count.value,
        "<": lambda n: n < count.value,
    }[count.bound]
    return any(holds(n) for n in counts if n)


def _foreign(claim: str) -> Iterator[str]:
    """Marks of the prompt, its own sentences, instructions: no claim holds them."""
    if reads_like_instruction(claim):
        yield "is not a claim: it reads like an instruction or like a part of the prompt"
        return
    words = fold(claim).split()
    for at in range(len(words) - _ECHO + 1):
        if f" {' '.join(words[at : at + _ECHO])} " in _SYSTEM_WORDS:
            yield "repeats the instructions instead of claiming something"
            return


_SYSTEM_WORDS = f" {fold(SYSTEM)} "


def _same(label: str) -> str:
    return " ".join(label.casefold().split())


def _listed(events: Sequence[ShownEvent], utterances: Sequence[ShownUtterance]) -> str:
    parts = [f"{len(events)} event{'s' * (len(events) != 1)}"] if events or not utterances else []
    parts += [f"{len(utterances)} utterance{'s' * (len(utterances) != 1)}"] if utterances else []
    return " and ".join(parts)
