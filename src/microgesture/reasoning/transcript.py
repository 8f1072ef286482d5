"""What was said: utterances with times and speakers, from SubRip, WebVTT or Praat files.

The lines are speech, never gestures. SubRip and WebVTT lines may begin with a speaker (`Anna: Well, ...`, or a WebVTT
voice tag); the interval tiers of a TextGrid are speakers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from microgesture.errors import DataError
from microgesture.formats.cues import ARROW, Cue, parse_cues
from microgesture.formats.srt import clean_line as clean_subrip
from microgesture.formats.textgrid import GridReader, decoded
from microgesture.formats.webvtt import clean_line as clean_webvtt
from microgesture.formats.webvtt import without_blocks

SUFFIXES = (".srt", ".vtt", ".textgrid")
_SPEAKER = re.compile(r"\s*(?:-\s*|>>\s*)?(?P<speaker>[^\W\d_][\w.'’\- ]{0,39}?)\s*:\s+(?P<text>\S.*)", re.DOTALL)
_MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Utterance:
    """Words of one speaker from `start` to `end` seconds; `speaker` is "" where the file does not say."""

    start: float
    end: float
    speaker: str
    text: str


def read_transcript(path: str | Path) -> tuple[Utterance, ...]:
    """Utterances in order of time. Raises `DataError`: no such file, unknown format, or not of its format."""
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise DataError(f"{path}: unknown format of a transcript; known are .srt, .vtt and .TextGrid")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    found = _textgrid(data, str(path)) if suffix == ".textgrid" else _subtitles(data, str(path), suffix)
    kept = [u for u in found if u.text]
    if not kept:
        raise DataError(f"{path}: nothing is said in it")
    return tuple(sorted(kept, key=lambda u: (u.start, u.end)))


def find_transcript(folder: Path, stem: str) -> Path:
    """The transcript in a folder that has this stem. Raises `DataError` when there is none, or more than one."""
    if not folder.is_dir():
        raise DataError(f"{folder}: not a folder")
    fitting = [f for f in sorted(folder.iterdir()) if f.suffix.lower() in SUFFIXES and f.stem == stem]
    if len(fitting) != 1:
        how = "no transcript" if not fitting else "more than one transcript"
        raise DataError(
            f"{folder}: {how} of '{stem}' ({', '.join(f'{stem}{s}' for s in ('.srt', '.vtt', '.TextGrid'))})"
        )
    return fitting[0]


def _subtitles(data: bytes, source: str, suffix: str) -> Iterator[Utterance]:
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: cannot be read ({error})") from error
    if suffix == ".vtt":
        if not re.match(r"WEBVTT(?:[ \t\r\n]|$)", text):
            raise DataError(f"{source}: line 1: not WebVTT: it does not begin with WEBVTT")
        return _utterances(parse_cues(without_blocks(text), source, clean_webvtt))
    if text.strip() and ARROW not in text:
        raise DataError(f"{source}: line 1: not SubRip: there is no timing ({ARROW})")
    return _utterances(parse_cues(text, source, clean_subrip))


def _utterances(cues: Iterable[Cue]) -> Iterator[Utterance]:
    """One utterance a cue, or one a speaker where the lines of a cue begin with several."""
    for cue in cues:
        parts: list[tuple[str, list[str]]] = []
        for line in cue.lines:
            speaker, text = _split(line)
            if speaker or not parts:
                parts.append((speaker, [text]))
            else:
                parts[-1][1].append(text)
        for speaker, texts in parts:
            yield Utterance(cue.start / 1000, cue.end / 1000, speaker, " ".join(" ".join(texts).split()))


def _split(line: str) -> tuple[str, str]:
    """The speaker that a line begins with, "" for none, and the rest."""
    match = _SPEAKER.fullmatch(line)
    if match is None or len(match["speaker"].split()) > _MOST_WORDS:
        return "", line
    return match["speaker"].strip(), match["text"]


def _textgrid(data: bytes, source: str) -> Iterator[Utterance]:
    for tier, intervals in GridReader(decoded(data), source).grid()[1].items():
        for interval in intervals:
            if interval.end > interval.start:
                yield Utterance(interval.start, interval.end, tier.strip(), " ".join(interval.text.split()))
