"""SubRip subtitles (.srt): `P1: Touching jaw (0.83)`, one line for each event on screen.

SubRip has no way to escape a character. Where a text would be taken for a timing (`-->`) or for a tag (`<b>`,
`{\\an8}`), an invisible word joiner (U+2060) stands after its first sign; reading takes it out.
"""

from __future__ import annotations

import re

from microgesture.errors import DataError
from microgesture.formats.cues import ARROW, cues, events, parse_cues, timestamp
from microgesture.formats.registry import register_format
from microgesture.timeline import Timeline

_JOINER = "\u2060"
_MISREAD = re.compile(r"-(?=->)|<(?=[A-Za-z/])|\{(?=\\)")
_TAG = re.compile(r"</?(?:b|i|u|s|font)(?:\s[^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)


def dumps(timeline: Timeline) -> str:
    """The file's text; empty for a timeline without events."""
    blocks = []
    for number, cue in enumerate(cues(timeline), 1):
        shown = "\n".join(_MISREAD.sub(lambda m: m[0] + _JOINER, line) for line in cue.lines)
        blocks.append(f"{number}\n{timestamp(cue.start, ',')} {ARROW} {timestamp(cue.end, ',')}\n{shown}\n")
    return "\n".join(blocks)


def loads(text: str, source: str = "timeline") -> Timeline:
    """Events from a file's text, as `microgesture.formats.webvtt.loads` reads them. Raises `DataError` naming
    `source`, and the line where a timing is wrong."""
    if text.strip() and ARROW not in text:
        raise DataError(f"{source}: line 1: not SubRip: there is no timing ({ARROW})")
    return Timeline(tuple(events(parse_cues(text, source, clean_line))))


def clean_line(line: str) -> str:
    """A line of a cue without tags and joiners."""
    return _TAG.sub("", line).replace(_JOINER, "")


register_format(".srt", dumps=dumps, loads=loads, with_analysis=False)
