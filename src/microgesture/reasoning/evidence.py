"""What a reply may rest on: numbered events E1, E2, ... and utterances U1, U2, ..., without anybody's identity.

Event En is the event n - 1 of the timeline, whatever is left out. Left out are: what the condition leaves out, what
reads like an instruction to a program (shown as withheld, and listed), and what is too much (`Limits`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from microgesture.errors import DataError
from microgesture.formats.text_forms import one_line
from microgesture.reasoning.identity import Names, names_of
from microgesture.reasoning.scenario import Scenario
from microgesture.reasoning.screening import reads_like_instruction
from microgesture.reasoning.transcript import Utterance
from microgesture.settings import check_settings, within
from microgesture.timeline import UNTIMED, EmotionReading, Timeline
from microgesture.vocabulary import BODY_REGIONS, Vocabulary, vocabularies

UNSURE = 0.5
"""Below this confidence an event is marked as unsure, as in the report."""
CLOSE = 0.5
"""An alternative is close when it has at least this share of the event's own confidence."""
_LONGEST_LABEL = 120
_LONGEST_TEXT = 5000


@dataclass(frozen=True)
class Limits:
    """The most that is put into one prompt; the rest is left out and said to be."""

    events: int = within(200, 1)
    utterances: int = within(200, 1)
    characters: int = within(600, 1)
    """Of one utterance."""

    def __post_init__(self) -> None:
        check_settings(self, "limits of the prompt: ", DataError)


@dataclass(frozen=True)
class Conditions:
    """Which evidence is shown."""

    gestures: bool = True
    transcript: bool = False

    def __post_init__(self) -> None:
        if not (self.gestures or self.transcript):
            raise DataError("without gestures and without a transcript there is nothing to read: give a transcript")

    def __str__(self) -> str:
        return " and ".join(["gestures"] * self.gestures + ["transcript"] * self.transcript)


@dataclass(frozen=True)
class ShownEvent:
    """An event as it is shown. `index` is its place in the timeline; times are seconds, None when untimed."""

    id: str
    index: int
    start: float | None
    end: float | None
    person: str
    label: str
    confidence: float
    close: tuple[str, ...]
    region: str

    @property
    def unsure(self) -> bool:
        return self.confidence < UNSURE


@dataclass(frozen=True)
class ShownUtterance:
    """An utterance as it is shown: the speaker's number, the text without names."""

    id: str
    start: float | None
    end: float | None
    speaker: str
    text: str


@dataclass(frozen=True)
class Withheld:
    """What was kept out of the prompt because it reads like an instruction: its id, why, and its text."""

    id: str
    reason: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """All that a reply may cite. `labels` are the gestures that the vocabulary knows, `left_out` says in plain words
    what was too much. `reading` is the timeline's own emotion reading, for the template; no model is shown it."""

    conditions: Conditions
    events: tuple[ShownEvent, ...]
    utterances: tuple[ShownUtterance, ...]
    withheld: tuple[Withheld, ...]
    left_out: tuple[str, ...]
    timed: bool
    labels: tuple[str, ...]
    all_events: int
    all_utterances: int
    same_person: dict[str, str] = field(default_factory=dict)
    reading: EmotionReading | None = None

    def event(self, id: str) -> ShownEvent | None:
        """The shown event of this id."""
        return next((e for e in self.events if e.id == id), None)

    def utterance(self, id: str) -> ShownUtterance | None:
        """The shown utterance of this id."""
        return next((u for u in self.utterances if u.id == id), None)


def gather(
    timeline: Timeline,
    scenario: Scenario,
    transcript: Sequence[Utterance] = (),
    conditions: Conditions | None = None,
    limits: Limits | None = None,
) -> Evidence:
    """Number, screen and thin what a timeline and a transcript hold. Deterministic.

    A timeline whose provenance says "untimed" has only an order: no time is shown. Raises `DataError` when the
    conditions ask for a transcript that is not there.
    """
    conditions = conditions or Conditions(True, bool(transcript))
    limits = limits or Limits()
    if conditions.transcript and not transcript:
        raise DataError("the condition with a transcript needs one: --transcript FILE")
    timed = not timeline.provenance.get(UNTIMED)
    spoken = tuple(transcript) if conditions.transcript else ()
    names = names_of([e.person for e in timeline], [u.speaker for u in spoken])
    answers = [name for answer, aliases in scenario.answers.items() for name in (answer, *aliases)]
    safe = _Screen(names, answers)
    events = _events(timeline, names, safe, timed) if conditions.gestures else []
    utterances = _utterances(spoken, names, safe, timed, limits.characters)
    kept, lines = _thinned(events, utterances, limits)
    return Evidence(
        conditions,
        tuple(e for e in events if e.id in kept),
        tuple(u for u in utterances if u.id in kept),
        tuple(safe.withheld),
        tuple(lines),
        timed,
        vocabulary_of(timeline),
        len(timeline) if conditions.gestures else 0,
        len(spoken),
        names.same if conditions.gestures else {},
        timeline.emotion if conditions.gestures else None,
    )


def vocabulary_of(timeline: Timeline) -> tuple[str, ...]:
    """Every gesture that a text could mean: the timeline's own classes, labels and alternatives, and those of the
    built-in vocabularies."""
    own = [*timeline.labels, *(e.label for e in timeline), *(a.label for e in timeline for a in e.alternatives)]
    return tuple(dict.fromkeys([*own, *_built_in_labels()]))


@lru_cache
def _built_in_labels() -> tuple[str, ...]:
    return tuple(c.name for name in vocabularies() for c in Vocabulary.load(name))


@dataclass
class _Screen:
    """Hides names, and withholds texts that read like instructions."""

    names: Names
    answers: list[str]
    withheld: list[Withheld] = field(default_factory=list)

    def text(self, id: str, text: str) -> str | None:
        """The text to show, None when it is withheld and now listed."""
        text = text[:_LONGEST_TEXT]  # far more than is ever shown
        reason = reads_like_instruction(text, self.answers)
        if reason:
            self.withheld.append(Withheld(id, reason, text))
            return None
        return _visible(self.names.hidden(text))

    def label(self, id: str, label: str, what: str) -> str | None:
        if len(label) > _LONGEST_LABEL:
            self.withheld.append(Withheld(id, f"{what} is too long for the name of a gesture", label))
            return None
        reason = reads_like_instruction(label, self.answers)
        if reason or not _visible(label):
            self.withheld.append(Withheld(id, f"{what}: {reason or 'an empty text'}", label))
            return None
        return _visible(self.names.hidden(label))


def _events(timeline: Timeline, names: Names, safe: _Screen, timed: bool) -> list[ShownEvent]:
    shown = []
    for person in timeline.persons:
        if reason := reads_like_instruction(person[:_LONGEST_TEXT], safe.answers):
            safe.withheld.append(Withheld(names.persons[person], f"the name of a person: {reason}", person))
    for index, event in enumerate(timeline):
        id = f"E{index + 1}"
        label = safe.label(id, event.label, "its label")
        if label is None:
            continue
        near = (a.label for a in event.alternatives if a.confidence >= CLOSE * event.confidence)
        close = (safe.label(id, other, "an alternative") for other in near)
        shown.append(
            ShownEvent(
                id,
                index,
                event.start if timed else None,
                event.end if timed else None,
                names.persons[event.person],
                label,
                event.confidence,
                tuple(c for c in close if c is not None),
                event.body_region if event.body_region in BODY_REGIONS else "",
            )
        )
    return shown


def _utterances(
    spoken: Sequence[Utterance], names: Names, safe: _Screen, timed: bool, characters: int
) -> list[ShownUtterance]:
    shown = []
    for number, utterance in enumerate(spoken, 1):
        id = f"U{number}"
        speaker = names.speakers.get(utterance.speaker, "")
        if speaker and (reason := reads_like_instruction(utterance.speaker[:_LONGEST_TEXT], safe.answers)):
            safe.withheld.append(Withheld(speaker, f"the name of a speaker: {reason}", utterance.speaker))
        text = safe.text(id, utterance.text)
        if text is None:
            continue
        if len(text) > characters:
            text = text[:characters].rsplit(" ", 1)[0] + " [cut]"
        start, end = (utterance.start, utterance.end) if timed else (None, None)
        shown.append(ShownUtterance(id, start, end, speaker, text))
    return shown


def _thinned(
    events: Sequence[ShownEvent], utterances: Sequence[ShownUtterance], limits: Limits
) -> tuple[set[str], list[str]]:
    """Ids to show, and what is said of the rest."""
    lines = []
    kept = {e.id for e in events} | {u.id for u in utterances}
    if len(events) > limits.events:
        chosen = _events_to_keep(events, limits.events)
        kept -= {e.id for e in events} - chosen
        lines.append(
            f"{limits.events} of {len(events)} events are shown: of every gesture the surest one, then the surest"
        )
    if len(utterances) > limits.utterances:
        step = len(utterances) / limits.utterances
        chosen = {utterances[math.floor(i * step)].id for i in range(limits.utterances)}
        kept -= {u.id for u in utterances} - chosen
        lines.append(f"{limits.utterances} of {len(utterances)} utterances are shown, spread evenly")
    if cut := sum(u.text.endswith("[cut]") for u in utterances if u.id in kept):
        lines.append(f"{cut} utterances are cut after {limits.characters} characters")
    return kept, lines


def _events_to_keep(events: Sequence[ShownEvent], most: int) -> set[str]:
    surest = sorted(events, key=lambda e: (-e.confidence, e.index))
    by_label: dict[str, ShownEvent] = {}
    for event in surest:
        by_label.setdefault(event.label, event)
    order: list[ShownEvent] = list(by_label.values())
    seen = {e.id for e in order}
    order += [e for e in surest if e.id not in seen]
    return {e.id for e in order[:most]}


_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]")


def _visible(text: str) -> str:
    """One line of printable text, nothing invisible in it."""
    return "".join(c for c in one_line(_INVISIBLE.sub("", text)) if c.isprintable())
