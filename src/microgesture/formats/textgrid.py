"""Praat TextGrids: interval tiers that tile the whole duration.

A person has the tiers `MG@P1` and `MG-confidence@P1`; gestures that overlap others are on tiers of their body
region, as in ELAN documents. Written in the long text form, read in the long and the short one, in UTF-8,
UTF-16 or Windows-1252; points of other people's grids are events of a moment.

Source: the page "TextGrid file formats" of the Praat manual (Boersma and Weenink).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from microgesture.errors import DataError
from microgesture.files.text_tables import text_of
from microgesture.formats.registry import register_format
from microgesture.formats.spans import MAIN, MOMENT, Span, lanes, milliseconds, spans
from microgesture.formats.text_forms import one_line, printable
from microgesture.timeline import GestureEvent, Media, Timeline

_TOKEN = re.compile(r'"(?P<text>(?:[^"]|"")*)"|(?P<flag><[^>\n]*>)|(?P<comment>![^\n]*)|(?P<word>[^\s"]+)')
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_GESTURE_TIER = re.compile(r"MG(-[^@]*)?@")
_CONFIDENCE = "-confidence"

Interval = tuple[int, int, str]
"""Start and end in milliseconds, and text."""


def dumps(timeline: Timeline) -> str:
    """The file's text, in the long form. A timeline without events has one empty tier."""
    placed = spans(timeline.events)
    end = max([milliseconds(timeline.duration), *(span.end for span in placed), 1])
    tiers: dict[str, list[Interval]] = {}
    for person in timeline.persons or ("P1",):
        own = [span for span in placed if span.event.person == person]
        for lane, held in lanes(own).items():
            name = f"MG{'-' if lane != MAIN else ''}{lane}"
            _put(tiers, f"{name}@{person}", [(s.start, s.end, s.event.label) for s in held])
            _put(tiers, f"{name}{_CONFIDENCE}@{person}", _confidences(held))
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {_seconds(end)}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), 1):
        tiled = list(_tiled(intervals, end))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {_seconds(end)}", f"        intervals: size = {len(tiled)}"]
        for i, (start, stop, text) in enumerate(tiled, 1):
            lines += [f"        intervals [{i}]:", f"            xmin = {_seconds(start)}"]
            lines += [f"            xmax = {_seconds(stop)}", f"            text = {_quoted(text)}"]
    return "\n".join(lines) + "\n"


def loads(data: bytes, source: str = "timeline") -> Timeline:
    """Events from a file's bytes: the intervals and points with a text, of the tiers `MG…@person` where there are any,
    else of every tier (its name is then the annotator). A point lasts a millisecond.

    Raises `DataError` naming `source` and the line.
    """
    reader = GridReader(text_of(data, source), source)
    duration, tiers = reader.grid()
    gestures = [n for n in tiers if _GESTURE_TIER.match(n) and not n.partition("@")[0].endswith(_CONFIDENCE)]
    events = []
    for name in gestures or tiers:
        head, _, person = name.partition("@")
        confidences = {(i.start, i.end): i.text for i in tiers.get(f"{head}{_CONFIDENCE}@{person}", ())}
        for interval in tiers[name]:
            if not interval.text.strip():
                continue
            confidence = confidences.get((interval.start, interval.end), "") if gestures else ""
            try:
                events.append(
                    GestureEvent(
                        interval.start,
                        interval.start + MOMENT if interval.point else interval.end,
                        interval.text,
                        confidence=float(confidence or 1.0),
                        person=person if gestures else "P1",
                        annotator="" if gestures else name,
                    )
                )
            except (DataError, ValueError) as error:
                raise DataError(f"{source}: line {interval.line}: {one_line(str(error))}") from None
    return Timeline(tuple(events), Media(duration=duration))


def _confidences(held: list[Span]) -> list[Interval]:
    return [(s.start, s.end, f"{s.event.confidence:.3f}") for s in held]


def _put(tiers: dict[str, list[Interval]], name: str, intervals: list[Interval]) -> None:
    while name in tiers:
        name += "'"
    tiers[name] = intervals


def _tiled(intervals: list[Interval], end: int) -> Iterator[Interval]:
    at = 0
    for start, stop, text in intervals:
        if start > at:
            yield at, start, ""
        yield start, stop, text
        at = stop
    if at < end:
        yield at, end, ""


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    doubled = printable(text).replace('"', '""')
    return f'"{doubled}"'


@dataclass(frozen=True, slots=True)
class _Interval:
    start: float
    end: float
    text: str
    line: int
    point: bool = False
    """Of a point tier: `end` is `start`."""


class GridReader:
    """Reads the free-standing numbers, texts and flags of a Praat text file one after another.

    In either form only these count; all other words (`xmin =`, `intervals [3]:`) are for human eyes.
    """

    def __init__(self, text: str, source: str) -> None:
        self.source = source
        self.line = 1
        self._tokens = self._read(text)

    def grid(self) -> tuple[float, dict[str, list[_Interval]]]:
        """The end of the grid in seconds and its tiers."""
        if not self._text("a TextGrid").startswith("ooTextFile") or self._text("a TextGrid") != "TextGrid":
            raise DataError(f"{self.source}: line {self.line}: not a TextGrid in text form")
        self._number("xmin")
        duration = self._number("xmax")
        tiers: dict[str, list[_Interval]] = {}
        if self._token("<exists> or <absent>") != ("flag", "<exists>"):
            return duration, tiers
        for _ in range(self._count("size")):
            kind, name = self._text("a class of tier"), self._text("a name")
            if kind not in ("IntervalTier", "TextTier"):
                raise DataError(f"{self.source}: line {self.line}: unknown class of tier '{one_line(kind)[:40]}'")
            self._number("xmin")
            self._number("xmax")
            found = []
            for _ in range(self._count("size")):
                start = self._number("a time")
                end = self._number("xmax") if kind == "IntervalTier" else start
                found.append(_Interval(start, end, self._text("a text"), self.line, kind == "TextTier"))
            while name in tiers:
                name += "'"
            tiers[name] = found
        return duration, tiers

    def _read(self, text: str) -> Iterator[tuple[str, str]]:
        at, line = 0, 1
        for match in _TOKEN.finditer(text):
            line, at = line + text.count("\n", at, match.start()), match.start()
            self.line = line
            kind, value = str(match.lastgroup), match[match.lastgroup or 0]
            if kind in ("text", "flag"):
                yield kind, value.replace('""', '"')
            elif kind == "word" and _NUMBER.fullmatch(value):
                yield "number", value

    def _token(self, wanted: str) -> tuple[str, str]:
        found = next(self._tokens, None)
        if found is None:
            raise DataError(f"{self.source}: line {self.line}: the file ends where {wanted} should stand")
        return found

    def _text(self, wanted: str) -> str:
        kind, value = self._token(wanted)
        if kind != "text":
            raise DataError(f"{self.source}: line {self.line}: {wanted} should stand here, not {value[:40]}")
        return value

    def _number(self, wanted: str) -> float:
        kind, value = self._token(wanted)
        if kind != "number" or not math.isfinite(float(value)):
            raise DataError(
                f"{self.source}: line {self.line}: {wanted} should stand here, not '{one_line(value)[:40]}'"
            )
        return float(value)

    def _count(self, wanted: str) -> int:
        value = self._number(wanted)
        if value < 0 or not value.is_integer():
            raise DataError(f"{self.source}: line {self.line}: {wanted} should be a whole number, not {value}")
        return int(value)


register_format(".TextGrid", dumps=dumps, read=loads, with_analysis=False)
