"""Put new elements into the text of an ELAN document and leave every other character of it as it is.

The document is not written anew: comments, line ends, unknown elements and the order of attributes are the
owner's, and stay.
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from xml.etree.ElementTree import Element, ParseError, fromstring, indent, tostring
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from microgesture.errors import DataError
from microgesture.formats.eaf_pieces import Pieces

ORDER = (
    "LICENSE",
    "HEADER",
    "TIME_ORDER",
    "TIER",
    "LINGUISTIC_TYPE",
    "LOCALE",
    "LANGUAGE",
    "CONSTRAINT",
    "CONTROLLED_VOCABULARY",
    "LEXICON_REF",
    "REF_LINK_SET",
    "EXTERNAL_REF",
)
"""Children of the root, in the order of the schema."""

_START_TAG = re.compile(rb"""<[^\s/>]+(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The text of a file and how it was written: its byte order mark and its encoding."""

    text: str
    mark: bytes
    encoding: str

    def encode(self, text: str) -> bytes:
        """Another text in the same encoding; XML character references where the encoding lacks a character."""
        return self.mark + text.encode(self.encoding, "xmlcharrefreplace")


def decode(data: bytes, source: str) -> Encoded:
    """The text of an XML file by its byte order mark or declaration. Raises `DataError` naming `source`."""
    mark, encoding = next(((m, e) for m, e in _MARKS if data.startswith(m)), (b"", "utf-8"))
    if not mark and (declared := _DECLARED.match(data[:200])):
        encoding = declared[1].decode("ascii")
    try:
        return Encoded(data[len(mark) :].decode(encoding), mark, encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError(f"{source}: cannot be read as {encoding} ({error})") from error


def parse(text: str, source: str) -> Element:
    """The root of an ELAN document. Raises `DataError` naming `source`, and the line where it is not XML."""
    try:
        root = fromstring(text)
    except ParseError as error:
        raise DataError(f"{source}: line {error.position[0]}: not XML ({error})") from error
    except ValueError as error:
        raise DataError(f"{source}: not XML ({error})") from error
    if root.tag != "ANNOTATION_DOCUMENT":
        raise DataError(f"{source}: not an ELAN file: its root is <{root.tag}>, not <ANNOTATION_DOCUMENT>")
    for needed in ("HEADER", "TIME_ORDER"):
        if root.find(needed) is None:
            raise DataError(f"{source}: not a whole ELAN file: no {needed}")
    return root


@dataclass
class _Place:
    """Where an element stands in the UTF-8 text: its start tag, its end tag (none: both are one) and its end."""

    tag: str
    attributes: dict[str, str]
    start: int
    inside: int
    close: int | None = None
    end: int = 0
    children: list[_Place] = field(default_factory=list)


def splice(text: str, new: Pieces, pinned: frozenset[str] = frozenset()) -> str:
    """The document's text with the new elements in the places of the schema.

    Time slots are put in by time, save beside slots without a time whose ids are in `pinned`: those get theirs
    from their neighbours in the list, so that a slot between them would move what a human has placed. (ELAN
    itself gives every annotation of a tier without a parent its times.)
    """
    data = text.encode("utf-8")
    root = _places(data)
    newline = "\r\n" if "\r\n" in text else "\n"
    edits: list[tuple[int, int, str]] = []
    sections = {child.tag: child for child in root.children if child.tag in ("HEADER", "TIME_ORDER")}
    edits += _property_edits(sections["HEADER"], new.properties)
    edits += _slot_edits(sections["TIME_ORDER"], new.slots, pinned)
    at: dict[int, list[str]] = {}
    for tag in ORDER:
        for element in new.elements.get(tag, ()):
            before = [c.end for c in root.children if c.tag in ORDER and ORDER.index(c.tag) <= ORDER.index(tag)]
            at.setdefault(before[-1], []).append(_serialised(element))
    edits += [(place, place, "".join(parts)) for place, parts in at.items()]
    edits.sort(key=lambda edit: edit[0])
    pieces, done = [], 0
    for start, end, words in edits:
        pieces += [data[done:start], words.replace("\n", newline).encode("utf-8")]
        done = end
    return b"".join([*pieces, data[done:]]).decode("utf-8")


def _places(data: bytes) -> _Place:
    """The root with its children and their children."""
    parser = expat.ParserCreate("utf-8")
    open_places: list[_Place] = []
    depth = 0
    roots: list[_Place] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > 3:
            return
        begin = parser.CurrentByteIndex
        match = _START_TAG.match(data, begin)
        place = _Place(tag, attributes, begin, match.end() if match else begin)
        (open_places[-1].children if open_places else roots).append(place)
        open_places.append(place)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        if depth >= 3:
            return
        place = open_places.pop()
        place.end = place.inside
        if data[place.inside - 2 : place.inside] != b"/>":
            place.close = parser.CurrentByteIndex
            place.end = data.index(b">", place.close) + 1

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(data, True)
    return roots[0]


def _property_edits(header: _Place, properties: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    there = {p.attributes.get("NAME"): p for p in header.children if p.tag == "PROPERTY"}
    added = []
    for name, value in properties.items():
        words = f"<PROPERTY NAME={quoteattr(name)}>{_escaped(value)}</PROPERTY>"
        if name in there:
            yield there[name].start, there[name].end, words
        else:
            added.append(f"\n        {words}")
    last = [c.end for c in header.children]
    yield from _inside(header, last[-1] if last else header.inside, "".join(added), not last)


def _slot_edits(order: _Place, slots: list[tuple[int, str]], pinned: frozenset[str]) -> Iterator[tuple[int, int, str]]:
    there = [p for p in order.children if p.tag == "TIME_SLOT"]
    latest, reached = [], 0  # the latest time up to each slot
    for place in there:
        reached = max(reached, int(place.attributes.get("TIME_VALUE", reached)))
        latest.append(reached)
    loose = _loose(there, pinned)
    at: dict[int, list[str]] = {}
    for value, identity in sorted(slots, key=lambda slot: slot[0]):
        gap = bisect_right(latest, value)
        while gap > 0 and (loose[gap - 1] or (gap < len(there) and loose[gap])):
            gap -= 1
        at.setdefault(gap, []).append(f'\n        <TIME_SLOT TIME_SLOT_ID="{identity}" TIME_VALUE="{value}"/>')
    for gap, words in at.items():
        yield from _inside(order, there[gap - 1].end if gap else order.inside, "".join(words), not there)


def _loose(slots: list[_Place], pinned: frozenset[str]) -> list[bool]:
    """Of each slot whether it is in a run of slots without times, one of which is pinned."""
    loose: list[bool] = []
    for timeless, run in groupby(slots, lambda slot: "TIME_VALUE" not in slot.attributes):
        names = [slot.attributes.get("TIME_SLOT_ID") for slot in run]
        loose += [timeless and not pinned.isdisjoint(names)] * len(names)
    return loose


def _inside(place: _Place, position: int, words: str, alone: bool) -> Iterator[tuple[int, int, str]]:
    """An edit that puts words inside an element, which is opened where its start tag closes it."""
    if not words:
        return
    if place.close is None:
        yield place.inside - 2, place.inside, f">{words}\n    </{place.tag}>"
    else:
        yield position, position, words + ("\n    " if alone and position == place.close else "")


def _serialised(element: Element) -> str:
    indent(element, "    ", 1)
    return "\n    " + tostring(element, "unicode").rstrip()


def _escaped(value: str) -> str:
    return escape(value, {"\r": "&#13;"})
