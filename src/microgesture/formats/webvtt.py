"""WebVTT subtitles (.vtt): `P1: Touching jaw (0.83)`, one line for each event on screen.

Source: WebVTT: The Web Video Text Tracks Format, W3C Candidate Recommendation, 2019.
"""

from __future__ import annotations

import html
import re

from microgesture.errors import DataError
from microgesture.formats.cues import ARROW, cues, events, parse_cues, timestamp
from microgesture.formats.registry import register_format
from microgesture.timeline import Timeline

_BLOCK = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")
_VOICE = re.compile(r"^\s*<v(?:\.[^\s>]*)?\s+([^>]+)>")
_TAG = re.compile(r"<[^<>]*>")  # many "<" without an end are looked at once each


def dumps(timeline: Timeline) -> str:
    """The file's text. `&`, `<` and `>` are escaped, so that no text is taken for a tag or a timing."""
    blocks = ["WEBVTT\n"]
    for cue in cues(timeline):
        shown = "\n".join(html.escape(line, quote=False) for line in cue.lines)
        blocks.append(f"{timestamp(cue.start, '.')} {ARROW} {timestamp(cue.end, '.')}\n{shown}\n")
    return "\n".join(blocks)


def loads(text: str, source: str = "timeline") -> Timeline:
    """Events from a file's text: person, label and confidence of each line, joined where cues touch.

    A line without a person is of P1 (or of its voice tag's name), one without a confidence has 1. Raises
    `DataError` naming `source`, and the line where a timing is wrong.
    """
    if not re.match(r"WEBVTT(?:[ \t\r\n]|$)", text):
        raise DataError(f"{source}: line 1: not WebVTT: it does not begin with WEBVTT")
    return Timeline(tuple(events(parse_cues(without_blocks(text), source, clean_line, named=True))))


def without_blocks(text: str) -> str:
    """A file's text with notes, styles and regions as blank lines."""
    kept, inside, blank = [], False, True
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        inside = bool(line) and (inside or (blank and _BLOCK.match(line) is not None))
        blank = not line
        kept.append("" if inside else line)
    return "\n".join(kept)


def clean_line(line: str) -> str:
    """A line of a cue without tags, its voice as "name: ", its entities as characters."""
    return html.unescape(_TAG.sub("", _VOICE.sub(r"\1: ", line)))


register_format(".vtt", dumps=dumps, loads=loads)
