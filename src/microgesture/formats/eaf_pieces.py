"""From a timeline to the elements of an ELAN document: time slots, tiers, linguistic types, vocabularies.

A person has `MG@P1` (controlled vocabulary) with the children `MG-confidence@P1`, `MG-alternatives@P1` and
`Review@P1`, and `Emotion@P1`. Gestures that overlap others of the person are on tiers of their body region,
`MG-head-hand@P1`, with children of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from xml.etree.ElementTree import Element, SubElement

from microgesture.errors import DataError
from microgesture.files.plain_json import parse_json
from microgesture.formats.spans import MAIN, Span, lanes, milliseconds, spans
from microgesture.formats.text_forms import alternatives_text, printable
from microgesture.timeline import Timeline

VERDICTS = ("accept", "reject", "unsure")
"""Entries of the vocabulary of the Review tiers."""
LANGUAGE = "und"
CLASS_ENTRY = "cveid_mg"
"""Id of a vocabulary entry, before the class id; entries of free labels are `FREE_ENTRY` and a number."""
FREE_ENTRY = "cveid_free"
PROPERTY = "microgesture"
"""Names of our header properties begin with this and a full stop."""

_LATEST = 2**32 - 1
_ASSOCIATION = "Symbolic_Association"
_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, "
    "no time gaps allowed within this interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. "
    "Annotations refering to the same parent are ordered",
    _ASSOCIATION: "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps are allowed",
}


@dataclass
class Taken:
    """What a document holds already, so that nothing of ours bears the same name.

    `ids` are all XML ids, `last_annotation` is the highest number of an annotation id. In documents before
    version 2.8 (`monolingual`) vocabularies have one language and annotations do not refer to their entries.
    """

    ids: set[str] = field(default_factory=set)
    languages: set[str] = field(default_factory=set)
    tiers: set[str] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    vocabularies: set[str] = field(default_factory=set)
    properties: set[str] = field(default_factory=set)
    last_annotation: int = 0
    monolingual: bool = False


@dataclass
class Pieces:
    """New elements of a document by tag, in the order in which they are to stand; `slots` are (ms, id)."""

    slots: list[tuple[int, str]] = field(default_factory=list)
    elements: dict[str, list[Element]] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)

    def add(self, element: Element) -> Element:
        """Keep an element and return it."""
        self.elements.setdefault(element.tag, []).append(element)
        return element


def pieces(timeline: Timeline, taken: Taken, annotator: str | None = None, offset_ms: int = 0) -> Pieces:
    """The elements of a timeline beside what is `taken`.

    `annotator` stands on every tier in place of the events' own. `offset_ms` is taken off every time: the
    origin of the media in the document; what lies before it is cut.
    """
    return _Maker(timeline, taken, annotator, offset_ms).make()


class _Maker:
    """Builds the elements; `pieces` is the way in."""

    def __init__(self, timeline: Timeline, taken: Taken, annotator: str | None, offset_ms: int) -> None:
        self.timeline, self.taken, self.annotator, self.offset = timeline, taken, annotator, offset_ms
        self.made = Pieces()
        self._slot_numbers = count(1)
        self._annotation_numbers = count(taken.last_annotation + 1)
        self.last_annotation = taken.last_annotation
        self.entries = _entries(timeline)
        self.types: dict[str, str] = {}

    def make(self) -> Pieces:
        """Types and vocabularies, then each person's tiers, then the properties."""
        self._types()
        groups: dict[tuple[str, str], list[Span]] = {}
        for person in self.timeline.persons or ("P1",):
            groups[person, self.annotator or _first_annotator(self.timeline, person)] = []
        for span in spans(self.timeline.events):
            if (cut := self._cut(span)) is not None:
                who = self.annotator or span.event.annotator
                groups.setdefault((span.event.person, who), []).append(cut)
        seen: set[str] = set()
        for (person, annotator), found in groups.items():
            self._person(printable(person), printable(annotator), found, person not in seen)
            seen.add(person)
        if self.timeline.emotion is not None and len(self.timeline.persons) > 1:
            self._emotion("Emotion", {})
        self._properties()
        return self.made

    def _types(self) -> None:
        vocabulary = printable(self.timeline.vocabulary)
        gestures = _free(f"MG-{vocabulary}" if vocabulary else "MG", self.taken.vocabularies)
        verdicts = _free("Review", self.taken.vocabularies)
        regions = {printable(e.label): printable(e.body_region) for e in reversed(self.timeline.events)}
        entries = [(identity, label, regions.get(label, "")) for label, identity in self.entries.items()]
        language = self._language()
        self._vocabulary(gestures, entries, language)
        self._vocabulary(verdicts, [(f"cveid_{v}", v, "") for v in VERDICTS], language)
        for name, aligned, held in (
            ("MG", True, gestures),
            ("MG-note", False, None),
            ("Emotion", True, None),
            ("Review", False, verdicts),
        ):
            self.types[name] = _free(name, self.taken.types)
            kind = self.made.add(Element("LINGUISTIC_TYPE", LINGUISTIC_TYPE_ID=self.types[name]))
            kind.set("TIME_ALIGNABLE", str(aligned).lower())
            kind.set("GRAPHIC_REFERENCES", "false")
            if not aligned:
                kind.set("CONSTRAINTS", _ASSOCIATION)
            if held is not None:
                kind.set("CONTROLLED_VOCABULARY_REF", held)
        fresh = not self.taken.ids
        for name, words in _CONSTRAINTS.items():
            if name not in self.taken.ids and (fresh or name == _ASSOCIATION):
                self.made.add(Element("CONSTRAINT", STEREOTYPE=name, DESCRIPTION=words))

    def _language(self) -> str:
        """Id of the language of our vocabularies: undetermined, for labels can be in any."""
        if self.taken.monolingual or LANGUAGE in self.taken.languages:
            return LANGUAGE
        language = LANGUAGE if LANGUAGE not in self.taken.ids else f"{LANGUAGE}-{PROPERTY}"
        if language not in self.taken.languages:
            definition = {"LANG_DEF": "http://cdb.iso.org/lg/CDB-00130975-001", "LANG_LABEL": "undetermined (und)"}
            self.made.add(Element("LANGUAGE", {"LANG_ID": language, **definition}))
        return language

    def _vocabulary(self, name: str, entries: Iterable[tuple[str, str, str]], language: str) -> None:
        vocabulary = self.made.add(Element("CONTROLLED_VOCABULARY", CV_ID=name))
        for identity, label, description in entries:
            said = {"DESCRIPTION": description} if description else {}
            if self.taken.monolingual:
                SubElement(vocabulary, "CV_ENTRY", {"DESCRIPTION": description}).text = label
            else:
                entry = SubElement(vocabulary, "CV_ENTRY_ML", CVE_ID=identity)
                SubElement(entry, "CVE_VALUE", {"LANG_REF": language, **said}).text = label

    def _person(self, person: str, annotator: str, found: list[Span], emotion: bool) -> None:
        laid = lanes(found)
        names = self._names(person, annotator, laid)
        who = {"PARTICIPANT": person, **({"ANNOTATOR": annotator} if annotator else {})}
        for lane, placed in laid.items():
            own, confidence, alternatives, review = names[lane]
            parents = self._gestures(own, who, placed)
            notes = [(i, f"{s.event.confidence:.3f}") for i, s in zip(parents, placed, strict=True)]
            self._notes(confidence, own, "MG-note", who, notes)
            others = [(i, alternatives_text(s.event.alternatives)) for i, s in zip(parents, placed, strict=True)]
            self._notes(alternatives, own, "MG-note", who, others)
            self._notes(review, own, "Review", who, [])
        if emotion:
            self._emotion(names["Emotion"][0], who)

    def _names(self, person: str, annotator: str, laid: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Tier names of each lane; with the annotator appended to all where one of them is taken."""
        for suffix in _suffixes(annotator):
            held: set[str] = set()

            def own(name: str, suffix: str = suffix, held: set[str] = held) -> str:
                return _free(f"{name}@{person}{suffix}", held)

            names: dict[str, tuple[str, ...]] = {}
            for lane in laid:
                part = f"-{printable(lane)}" if lane != MAIN else ""
                ends = (f"MG{part}", f"MG{part}-confidence", f"MG{part}-alternatives", f"Review{part}")
                names[lane] = tuple(own(end) for end in ends)
            names["Emotion"] = (own("Emotion"),)
            if not held & self.taken.tiers:
                self.taken.tiers |= held
                return names
        raise AssertionError("suffixes do not end")

    def _gestures(self, name: str, who: dict[str, str], placed: list[Span]) -> list[str]:
        tier = self._tier(name, "MG", who)
        identities = []
        for span in placed:
            label = printable(span.event.label)
            annotation = self._aligned(tier, span.start, span.end, label)
            if label in self.entries and not self.taken.monolingual:
                annotation.set("CVE_REF", self.entries[label])
            identities.append(annotation.attrib["ANNOTATION_ID"])
        return identities

    def _notes(self, name: str, parent: str, kind: str, who: dict[str, str], notes: Iterable[tuple[str, str]]) -> None:
        tier = self._tier(name, kind, who)
        tier.set("PARENT_REF", parent)
        for identity, text in notes:
            if text:
                attributes = {"ANNOTATION_ID": self._annotation_id(), "ANNOTATION_REF": identity}
                annotation = SubElement(SubElement(tier, "ANNOTATION"), "REF_ANNOTATION", attributes)
                SubElement(annotation, "ANNOTATION_VALUE").text = printable(text)

    def _emotion(self, name: str, who: dict[str, str]) -> None:
        tier = self._tier(name if who else _free(name, self.taken.tiers), "Emotion", who)
        if self.annotator and not who:
            tier.set("ANNOTATOR", printable(self.annotator))
        reading = self.timeline.emotion
        if reading is None or (who and len(self.timeline.persons) > 1):
            return  # the reading is of the whole timeline, of no one person
        start, end = max(0, -self.offset), milliseconds(self.timeline.duration) - self.offset
        self._aligned(tier, start, max(end, start + 1), printable(reading.label))

    def _tier(self, name: str, kind: str, who: dict[str, str]) -> Element:
        return self.made.add(Element("TIER", {"TIER_ID": name, "LINGUISTIC_TYPE_REF": self.types[kind], **who}))

    def _aligned(self, tier: Element, start: int, end: int, value: str) -> Element:
        if end > _LATEST:
            raise DataError(f"an event at {end / 1000:.0f} s is later than ELAN can hold")
        slots = [_free_id("ts", self._slot_numbers, self.taken.ids) for _ in range(2)]
        self.made.slots += [(start, slots[0]), (end, slots[1])]
        attributes = {"ANNOTATION_ID": self._annotation_id()}
        attributes |= {"TIME_SLOT_REF1": slots[0], "TIME_SLOT_REF2": slots[1]}
        annotation = SubElement(SubElement(tier, "ANNOTATION"), "ALIGNABLE_ANNOTATION", attributes)
        SubElement(annotation, "ANNOTATION_VALUE").text = value
        return annotation

    def _annotation_id(self) -> str:
        identity = _free_id("a", self._annotation_numbers, self.taken.ids)
        self.last_annotation = int(identity[1:])
        return identity

    def _cut(self, span: Span) -> Span | None:
        start, end = max(span.start - self.offset, 0), span.end - self.offset
        return Span(start, end, span.event) if end > start else None

    def _properties(self) -> None:
        timeline, media = self.timeline, self.timeline.media
        held: dict[str, Any] = {
            "media": {
                "file": printable(media.file),
                "duration": media.duration,
                "fps": media.fps,
                "size": media.size,
                "sha256": media.sha256,
            },
            "vocabulary": timeline.vocabulary,
            **{f"provenance.{key}": value for key, value in timeline.provenance.items()},
        }
        if (reading := timeline.emotion) is not None:
            held["emotion"] = {
                "label": reading.label,
                "probabilities": dict(reading.probabilities),
                "interval": reading.interval,
                "model": reading.model,
                "caution": reading.caution,
            }
        prefix = PROPERTY
        for number in count(2):
            if not any(name.startswith(f"{prefix}.") for name in self.taken.properties):
                break
            prefix = f"{PROPERTY}-{number}"
        self.made.properties = {f"{prefix}.{printable(key)}": _as_text(key, value) for key, value in held.items()}
        self.made.properties["lastUsedAnnotationId"] = str(self.last_annotation)


def _entries(timeline: Timeline) -> dict[str, str]:
    """From a label to the id of its vocabulary entry: the vocabulary in order, then what else the events say."""
    entries: dict[str, str] = {}
    for number, label in enumerate(timeline.labels):
        if printable(label):
            entries.setdefault(printable(label), f"{CLASS_ENTRY}{number}")
    numbers = count()
    for event in timeline:
        label = printable(event.label)
        if not label or label in entries:
            continue
        identity = f"{CLASS_ENTRY}{event.label_id}"
        if event.label_id is None or timeline.labels or identity in entries.values():
            identity = f"{FREE_ENTRY}{next(numbers)}"
        entries[label] = identity
    return entries


def _first_annotator(timeline: Timeline, person: str) -> str:
    return next((e.annotator for e in timeline if e.person == person), "")


def _suffixes(annotator: str) -> Iterator[str]:
    yield ""
    if annotator:
        yield f"-{annotator}"
    yield from (f"-{annotator}-{n}" if annotator else f"-{n}" for n in count(2))


def _free(name: str, held: set[str]) -> str:
    """The name, with a number where it is taken; taken from now on."""
    chosen = next(n for n in (name, *(f"{name}-{i}" for i in range(2, len(held) + 3))) if n not in held)
    held.add(chosen)
    return chosen


def _free_id(letters: str, numbers: Iterator[int], held: set[str]) -> str:
    return next(i for i in (f"{letters}{n}" for n in numbers) if i not in held)


def _as_text(key: str, value: Any) -> str:
    """A text as it is, unless it would read as JSON; anything else as JSON."""
    if isinstance(value, str) and not _is_json(value):
        return printable(value)
    try:
        return printable(json.dumps(value, ensure_ascii=False, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise DataError(f"the timeline's {key} is a value that EAF cannot hold ({error})") from error


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except ValueError:
        return False
    return True
