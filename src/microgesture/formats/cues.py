"""Subtitle cues: what of a timeline is on screen when, and the events that a file's cues tell of.

A cue shows every event of its stretch on a line of its own, so that cues never overlap: an event that another
one begins or ends in is spread over several cues that touch, and reading joins them again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from microgesture.errors import DataError
from microgesture.formats.spans import Span, spans
from microgesture.formats.text_forms import one_line
from microgesture.timeline import GestureEvent, Timeline

_LINE = re.compile(r"(?:(?P<person>.+?): )?(?P<label>.*?)(?: ?\((?P<confidence>0\.\d+|1\.0+|[01])\))?")
_TIME = re.compile(r"(?:(\d{1,9}):)?([0-5]?\d):([0-5]?\d)(?:[.,](\d{1,9}))?(?![^\s])")
_LIKE_A_TIME = re.compile(r"\s*\d+:\d")
ARROW = "-->"


@dataclass(frozen=True, slots=True)
class Cue:
    """Lines that are on screen on [start, end) milliseconds."""

    start: int
    end: int
    lines: tuple[str, ...]


def cues(timeline: Timeline) -> Iterator[Cue]:
    """Cues of a timeline in order; a line that stays keeps its place above those that come.

    Of those that come, one that reads as a line that just went is last, so that it is not taken for it.
    """
    placed = spans(timeline.events)
    bounds = sorted({t for span in placed for t in (span.start, span.end)})
    coming: dict[int, list[Span]] = {}
    for span in placed:
        coming.setdefault(span.start, []).append(span)
    shown: list[Span] = []
    for start, end in pairwise(bounds):
        gone = {_line(span.event) for span in shown if span.end <= start}
        new = sorted(coming.get(start, ()), key=lambda span: _line(span.event) in gone)
        shown = [*(span for span in shown if span.end > start), *new]
        if shown:
            yield Cue(start, end, tuple(_line(span.event) for span in shown))


def events(found: Iterable[Cue]) -> Iterator[GestureEvent]:
    """The events that cues tell of.

    Where a cue begins as another ends, the lines that stand first in it and stood in the other, in the same
    order, go on; the others are new. (Two cues of the same lines are not one: something ended between them.)
    """
    open_at: dict[int, list[_Open]] = {}
    everything: list[_Open] = []
    for cue in sorted(found, key=lambda c: (c.start, c.end)):
        before = open_at.pop(cue.start, [])
        going = _going_on(before, cue.lines)
        new = [_Open(line, cue.start, cue.end) for line in cue.lines[len(going) :]]
        for event in going:
            event.end = cue.end
        everything += new
        open_at.setdefault(cue.end, []).extend([*going, *new])
    for event in everything:
        yield _event(event.line, event.start / 1000, event.end / 1000)


def timestamp(ms: int, comma: str) -> str:
    """`01:02:03.004`; hours have two digits or as many as they need."""
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{comma}{ms % 1000:03d}"


def parse_cues(text: str, source: str, clean: Callable[[str], str], named: bool = False) -> Iterator[Cue]:
    """The cues of a subtitle file: a timing, and the text up to the next one, cleaned line by line by `clean`.

    Blank lines are part of a text. What stands right above a timing is not: a number, or where cues may be `named` any
    line with a blank one above it. An arrow within a text is text. Raises `DataError` with file and line for a timing
    that is none.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")
    timings: list[tuple[int, int, int]] = []
    for at, line in enumerate(lines):
        if ARROW in line and (not timings or _is_timing(lines, at)):
            timings.append((at, *_parse_timing(line, f"{source}: line {at + 1}")))
    for (at, start, end), (following, _, _) in pairwise([*timings, (len(lines), 0, 0)]):
        last = following - _has_title(lines, following, named)
        shown = [clean(line) for line in lines[at + 1 : last]]
        yield Cue(start, max(end, start + 1), tuple(line for line in shown if line.strip()))


def _is_timing(lines: list[str], at: int) -> bool:
    """Whether a line with an arrow is meant as a timing: by its times, or by the number that stands above it alone."""
    left, _, right = lines[at].partition(ARROW)
    if _LIKE_A_TIME.match(left) or (not left.strip() and _LIKE_A_TIME.match(right)):
        return True
    return lines[at - 1].strip().isdigit() and not lines[at - 2].strip()


def _has_title(lines: list[str], at: int, named: bool) -> bool:
    """Whether the line above a timing, or above the end of the file, is a cue's number or name, and no text."""
    above, alone = lines[at - 1].strip(), not lines[at - 2].strip()
    if at == len(lines):
        return above.isdigit() and alone
    return above.isdigit() or (named and bool(above) and alone)


def _parse_timing(line: str, where: str) -> tuple[int, int]:
    left, _, right = line.partition(ARROW)
    start, end = _parse_time(left, where), _parse_time(right, where)
    if end < start:
        raise DataError(f"{where}: ends before it starts")
    return start, end


@dataclass(slots=True)
class _Open:
    line: str
    start: int
    end: int


def _going_on(before: list[_Open], lines: tuple[str, ...]) -> list[_Open]:
    """Events of the cue before that go on: the longest run of first lines that stood there in that order."""
    going: list[_Open] = []
    rest = iter(before)
    for line in lines:
        stayed = next((event for event in rest if event.line == line), None)
        if stayed is None:
            break
        going.append(stayed)
    if going and len(going) == len(before) == len(lines):
        going.pop()  # else there would have been no need of another cue
    return going


def _line(event: GestureEvent) -> str:
    person = one_line(event.person).replace(": ", ":")
    return f"{person}: {one_line(event.label)} ({event.confidence:.2f})"


def _event(line: str, start: float, end: float) -> GestureEvent:
    match = _LINE.fullmatch(line)
    if match is None:
        return GestureEvent(start, end, line)
    confidence = float(match["confidence"] or 1.0)
    return GestureEvent(start, end, match["label"], confidence=confidence, person=match["person"] or "P1")


def _parse_time(text: str, where: str) -> int:
    """Milliseconds of hh:mm:ss.mmm; hours and what follows the seconds may be left out."""
    match = _TIME.match(text.strip())
    if match is None:
        raise DataError(f"{where}: '{text.strip()[:40]}' is not a time")
    hours, minutes, seconds, part = match.groups()
    return (int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)) * 1000 + round(float(f"0.{part or 0}") * 1000)
