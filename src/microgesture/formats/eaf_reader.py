"""Events from the text of an ELAN document, of versions 2.7 to 3.0; what it does not know it passes over.

Times that are not in the file are as ELAN shows them: a time slot without a value divides the stretch between
its neighbours into equal parts (on a tier with a parent the neighbours on that tier, else those in the list of
slots); annotations that refer to another share its time equally.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from microgesture.errors import DataError
from microgesture.files.plain_json import parse_json
from microgesture.files.text_tables import composed
from microgesture.formats.eaf_pieces import CLASS_ENTRY, FREE_ENTRY, PROPERTY
from microgesture.formats.eaf_splice import parse
from microgesture.formats.text_forms import one_line, parse_alternatives
from microgesture.timeline import EmotionReading, GestureEvent, Media, Timeline

_GESTURE_TIER = re.compile(r"MG(-[^@]*)?@")
_ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
_URLS = ("RELATIVE_MEDIA_URL", "MEDIA_URL")
_SOUND = (".wav", ".mp3", ".ogg", ".flac", ".m4a", ".aac")
_UNITS = {"milliseconds": 1.0, "PAL-frames": 40.0, "NTSC-frames": 1001 / 30}


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation with its time in milliseconds of the document."""

    identity: str
    start: float
    end: float
    value: str
    parent: str


class Document:
    """A parsed ELAN document. Raises `DataError` naming `source` when it is none."""

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.root = parse(text, source)
        self.tiers = {tier.get("TIER_ID", ""): tier for tier in self.root.iterfind("TIER")}
        self._annotations: dict[str, list[Annotation]] = {}

    @property
    def version(self) -> tuple[int, ...]:
        """Version of the format, (3, 0) when the document does not say."""
        said = self.root.get("FORMAT") or self.root.get("VERSION") or ""
        return tuple(int(n) for n in re.findall(r"\d+", said)[:2]) or (3, 0)

    @cached_property
    def properties(self) -> dict[str, str]:
        """The header's properties, name to text."""
        return {p.get("NAME", ""): p.text or "" for p in self.root.iterfind("HEADER/PROPERTY")}

    @property
    def top_tiers(self) -> list[str]:
        """Names of the tiers that no other tier carries: those with times of their own."""
        return [name for name, tier in self.tiers.items() if not tier.get("PARENT_REF")]

    @property
    def gesture_tiers(self) -> list[str]:
        """Names of the tiers of gestures, as `microgesture` writes them."""
        return [name for name in self.top_tiers if _GESTURE_TIER.match(name)]

    @property
    def media(self) -> list[Element]:
        """The descriptors of the media, in the order of the file."""
        return self.root.findall("HEADER/MEDIA_DESCRIPTOR")

    def medium(self, file: str = "") -> Element | None:
        """The descriptor of the media of that file name, else of the first that is no sound alone, else the first."""
        named = [m for m in self.media if composed(base_name(file)) in map(composed, map(base_name, media_paths(m)))]
        seen = [m for m in self.media if not is_sound(m)]
        return next(iter(named or seen or self.media), None)

    def origin(self, medium: Element | None) -> int:
        """The time in a medium, in its milliseconds, at which the document begins. Each medium has its own."""
        return 0 if medium is None else self._whole(medium.get("TIME_ORIGIN", "0"), "TIME_ORIGIN")

    def annotations(self, name: str) -> list[Annotation]:
        """The annotations of a tier with their times, in the order of the file."""
        if name not in self._annotations:
            tier = self.tiers[name]
            self._annotations[name] = [*self._aligned(tier), *self._referring(tier)]
        return self._annotations[name]

    def entries(self, name: str) -> dict[str, tuple[int | None, str]]:
        """From a label of a gesture tier's vocabulary to its class id and body region."""
        kind = self.tiers[name].get("LINGUISTIC_TYPE_REF")
        held = {
            t.get("CONTROLLED_VOCABULARY_REF")
            for t in self.root.iterfind("LINGUISTIC_TYPE")
            if t.get("LINGUISTIC_TYPE_ID") == kind
        }
        found: dict[str, tuple[int | None, str]] = {}
        for vocabulary in self.root.iterfind("CONTROLLED_VOCABULARY"):
            if vocabulary.get("CV_ID") not in held:
                continue
            for entry in vocabulary.iterfind("CV_ENTRY"):
                found.setdefault(entry.text or "", (None, entry.get("DESCRIPTION", "")))
            for entry in vocabulary.iterfind("CV_ENTRY_ML"):
                identity, value = entry.get("CVE_ID", ""), entry.find("CVE_VALUE")
                if value is not None and identity.startswith((CLASS_ENTRY, FREE_ENTRY)):
                    found.setdefault(value.text or "", (_class_id(identity), value.get("DESCRIPTION", "")))
        return found

    def pinned_slots(self) -> frozenset[str]:
        """Slots without a time on tiers without a parent: their time hangs on the order of the list."""
        found = set()
        for name in self.top_tiers:
            for annotation in self.tiers[name].iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
                found |= {annotation.get("TIME_SLOT_REF1", ""), annotation.get("TIME_SLOT_REF2", "")}
        return frozenset(slot for slot, time in self._slots if time is None and slot in found)

    @cached_property
    def _slots(self) -> list[tuple[str, int | None]]:
        found = []
        for slot in self.root.iterfind("TIME_ORDER/TIME_SLOT"):
            value, identity = slot.get("TIME_VALUE"), slot.get("TIME_SLOT_ID", "")
            found.append((identity, None if value is None else self._whole(value, f"time slot {identity}")))
        return found

    @cached_property
    def _times(self) -> dict[str, float]:
        """The time of every slot, as ELAN shows it."""
        times: dict[str, float] = {slot: time for slot, time in self._slots if time is not None}
        listed = dict(_divided([s for s, _ in self._slots], times))
        for name in sorted(self.tiers, key=self._depth):
            following = dict(_ends(self.tiers[name]))
            if not self.tiers[name].get("PARENT_REF"):
                used = {*following, *following.values()}
                times |= {slot: time for slot, time in listed.items() if slot in used and slot not in times}
                continue
            for chain in _chains(following, times):
                times |= dict(_divided(chain, times))
        return listed | times

    def _depth(self, name: str) -> int:
        depth, parent = 0, self.tiers[name].get("PARENT_REF")
        while parent in self.tiers and depth <= len(self.tiers):
            depth, parent = depth + 1, self.tiers[parent].get("PARENT_REF")
        return depth

    def _aligned(self, tier: Element) -> Iterable[Annotation]:
        unit = _UNITS.get(self.root.find("HEADER").get("TIME_UNITS", "milliseconds"), 1.0)  # type: ignore[union-attr]
        for found in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
            ends = [found.get("TIME_SLOT_REF1", ""), found.get("TIME_SLOT_REF2", "")]
            for slot in ends:
                if slot not in self._times:
                    raise DataError(f"{self._where(tier, found)}: no time slot '{slot}'")
            start, end = (self._times[slot] * unit for slot in ends)
            if end < start:
                raise DataError(f"{self._where(tier, found)}: ends at {end:.0f} ms, before its start {start:.0f}")
            yield _annotation(found, start, end)

    def _referring(self, tier: Element) -> Iterable[Annotation]:
        """Annotations of a symbolic tier: those of one parent share its time in their order."""
        found = tier.findall("ANNOTATION/REF_ANNOTATION")
        if not found:
            return
        parent = tier.get("PARENT_REF", "")
        if parent not in self.tiers or self._depth(parent) > len(self.tiers):
            raise DataError(f"{self.source}: tier '{tier.get('TIER_ID')}': no parent tier '{parent}'")
        held = {a.identity: a for a in self.annotations(parent)}
        sharing: dict[str, list[Element]] = {}
        for annotation in found:
            if (above := annotation.get("ANNOTATION_REF", "")) not in held:
                raise DataError(f"{self._where(tier, annotation)}: no annotation '{above}' on tier '{parent}'")
            sharing.setdefault(above, []).append(annotation)
        for above, those in sharing.items():
            start, step = held[above].start, (held[above].end - held[above].start) / len(those)
            for i, annotation in enumerate(_in_sequence(those)):
                yield _annotation(annotation, start + i * step, start + (i + 1) * step)

    def _where(self, tier: Element, annotation: Element) -> str:
        return f"{self.source}: tier '{tier.get('TIER_ID')}', annotation {annotation.get('ANNOTATION_ID')}"

    def _whole(self, text: str, what: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise DataError(f"{self.source}: {what} is '{text}', not a whole number") from None


def to_timeline(document: Document, tiers: Sequence[str] | None = None) -> Timeline:
    """The events on the gesture tiers, or on the named tiers, or where there are neither on all tiers that have
    times of their own.

    The person is the tier's participant, else what stands after the @ in its name, else P1. On a tier of a
    human's own the annotator is the tier's, else its name, and an annotation without text has the tier's name
    as its label. Raises `DataError` for a tier that is not there.
    """
    names = document.gesture_tiers or document.top_tiers if tiers is None else list(tiers)
    for name in names:
        if name not in document.tiers:
            known = ", ".join(f"'{t}'" for t in document.tiers) or "none"
            raise DataError(f"{document.source}: no tier '{name}'; there are {known}")
    said = {k.removeprefix(f"{PROPERTY}."): _value(v) for k, v in document.properties.items() if _ours(k)}
    provenance = {k.removeprefix("provenance."): v for k, v in said.items() if k.startswith("provenance.")}
    media = _media(document, said.get("media"))
    origin = document.origin(document.medium(media.file))
    events = [event for name in names for event in _events(document, name, origin)]
    return Timeline(
        tuple(events),
        media,
        str(said.get("vocabulary", "")),
        next((labels for name in document.gesture_tiers if (labels := _labels(document.entries(name)))), ()),
        _emotion(said.get("emotion")),
        provenance,
    )


def _events(document: Document, name: str, origin: int) -> Iterable[GestureEvent]:
    tier = document.tiers[name]
    ours = _GESTURE_TIER.match(name) is not None
    notes = {end: _notes(document, name, end) if ours else {} for end in ("confidence", "alternatives")}
    entries = document.entries(name) if ours else {}
    for annotation in document.annotations(name):
        start = (annotation.start + origin) / 1000
        end = max((annotation.end + origin) / 1000, start + 0.001)
        label = (annotation.value if ours else annotation.value.strip()) or name
        label_id, region = entries.get(label, (None, ""))
        try:
            yield GestureEvent(
                start,
                end,
                label,
                label_id,
                _confidence(notes["confidence"].get(annotation.identity, "")),
                region,
                tier.get("PARTICIPANT") or name.partition("@")[2] or "P1",
                parse_alternatives(notes["alternatives"].get(annotation.identity, "")),
                tier.get("ANNOTATOR") or ("" if ours else name),
            )
        except (DataError, ValueError) as error:
            where = f"{document.source}: tier '{name}', annotation {annotation.identity}"
            raise DataError(f"{where}: {one_line(str(error))}") from None


def _notes(document: Document, name: str, end: str) -> dict[str, str]:
    """What a gesture tier's child says, by the id of the gesture's annotation."""
    found: dict[str, str] = {}
    for child, tier in document.tiers.items():
        if tier.get("PARENT_REF") == name and child.partition("@")[0].endswith(f"-{end}"):
            found |= {a.parent: a.value for a in document.annotations(child)}
    return found


def _confidence(text: str) -> float:
    if not text.strip():
        return 1.0
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"confidence '{text}' is not a number") from None


def _annotation(element: Element, start: float, end: float) -> Annotation:
    value = element.findtext("ANNOTATION_VALUE") or ""
    parent = element.get("ANNOTATION_REF", "")
    return Annotation(element.get("ANNOTATION_ID", ""), start, end, value, parent)


def _ends(tier: Element) -> Iterable[tuple[str, str]]:
    for annotation in tier.iterfind("ANNOTATION/ALIGNABLE_ANNOTATION"):
        yield annotation.get("TIME_SLOT_REF1", ""), annotation.get("TIME_SLOT_REF2", "")


def _chains(following: Mapping[str, str], times: Mapping[str, float]) -> Iterable[list[str]]:
    """Runs of slots on a tier from one with a time to the next with a time."""
    for first in following:
        chain = [first]
        while first in times and chain[-1] in following and len(chain) <= len(following):
            chain.append(following[chain[-1]])
            if chain[-1] in times:
                yield chain
                break


def _divided(slots: Sequence[str], times: Mapping[str, float]) -> Iterable[tuple[str, float]]:
    """Times for the slots that have none: equal whole parts between those that have, as ELAN reckons.

    Before the first time is 0; after the last time there is nothing to divide, and its value is repeated.
    """
    known: float = 0
    run: list[str] = []
    for slot in slots:
        if slot not in times:
            run.append(slot)
            continue
        step = max(times[slot] - known, 0) // (len(run) + 1)
        yield from ((s, known + (i + 1) * step) for i, s in enumerate(run))
        known, run = times[slot], []
    yield from ((s, known) for s in run)


def _in_sequence(found: list[Element]) -> list[Element]:
    """Annotations of one parent in the order that their PREVIOUS_ANNOTATION gives, else that of the file."""
    after = {a.get("PREVIOUS_ANNOTATION", ""): a for a in found}
    ordered: list[Element] = []
    at = ""
    while at in after and len(ordered) < len(found):
        ordered.append(after[at])
        at = after[at].get("ANNOTATION_ID", "")
    return ordered if len(ordered) == len(found) else found


def _class_id(identity: str) -> int | None:
    number = identity.removeprefix(CLASS_ENTRY)
    return int(number) if identity.startswith(CLASS_ENTRY) and number.isdecimal() else None


def _labels(entries: Mapping[str, tuple[int | None, str]]) -> tuple[str, ...]:
    """The vocabulary's labels in id order; none when ids are missing."""
    labels = {number: label for label, (number, _) in entries.items() if number is not None}
    return tuple(labels[n] for n in sorted(labels)) if set(labels) == set(range(len(labels))) else ()


def _ours(name: str) -> bool:
    return name.startswith(f"{PROPERTY}.")


def _value(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return text


def _media(document: Document, said: Any) -> Media:
    if isinstance(said, dict):
        size = said.get("size")
        whole = tuple(size) if isinstance(size, list) and len(size) == 2 else None
        return Media(said.get("file", ""), said.get("duration"), said.get("fps"), whole, said.get("sha256"))
    medium = document.medium()
    paths = [] if medium is None else media_paths(medium, "MEDIA_URL") or media_paths(medium)
    return Media(next((path for path in paths if os.path.exists(path)), paths[-1] if paths else ""))


def _emotion(said: Any) -> EmotionReading | None:
    if not isinstance(said, dict):
        return None
    interval = said.get("interval")
    return EmotionReading(
        said.get("label", ""),
        said.get("probabilities", {}),
        None if interval is None else (interval[0], interval[1]),
        (),
        said.get("model", ""),
        said.get("caution", ""),
    )


def media_paths(medium: Element, *keys: str) -> list[str]:
    """The paths that the attributes `keys` of a media descriptor may mean; where no file tells, it is the last.

    ELAN writes the names of files as they are, blanks, umlauts, # and % included; other tools write URLs, in which
    those are percent-encoded.
    """
    raw = [_without_scheme(url) for key in keys or _URLS if (url := medium.get(key, ""))]
    encoded = [text for text in raw if _ENCODED.search(text) and text.isascii() and " " not in text]
    return list(dict.fromkeys([*raw, *map(unquote, encoded)]))


def is_sound(medium: Element) -> bool:
    """Whether a media descriptor names sound without a picture."""
    return any(medium.get(key, "").lower().endswith(_SOUND) for key in _URLS)


def base_name(path: str) -> str:
    """What stands after the last separator of any system."""
    return re.split(r"[\\/]", path)[-1]


def _without_scheme(url: str) -> str:
    """The path of a file URL as it stands (`file:///C:/a b.mp4` is C:/a b.mp4); any other text as it is."""
    if not url.startswith("file:"):
        return url
    path = re.sub(r"^file:(//[^/]*(?=/[^/]))?", "", url)
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path
