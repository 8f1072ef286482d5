"""What was said: utterances with times and speakers, from SubRip, WebVTT or Praat files, and from Whisper's.

The lines are speech, never gestures. SubRip and WebVTT lines may begin with a speaker (`Anna: Well, ...`,
`[SPEAKER_00]: Well, ...`, or a WebVTT voice tag); the interval tiers of a TextGrid are speakers. Captions that roll
(each line is shown again above the next one, as video platforms write them) say every line once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from microgesture.errors import DataError
from microgesture.files.text_tables import composed, text_of
from microgesture.formats.cues import ARROW, Cue, parse_cues
from microgesture.formats.srt import clean_line as clean_subrip
from microgesture.formats.textgrid import GridReader
from microgesture.formats.webvtt import clean_line as clean_webvtt
from microgesture.formats.webvtt import without_blocks
from microgesture.reasoning.whisper import json_segments, tsv_segments

SUFFIXES = (".srt", ".vtt", ".textgrid")
WHISPER = (".json", ".tsv")
_SPEAKER = re.compile(
    r"\s*(?:-\s*|>>\s*)?(?:\[(?P<bracketed>[^][:]{1,40})\]\s*:|(?P<numbered>\[SPEAKER_\d+\])"
    r"|(?P<speaker>[^\W\d_][\w.'’\- ]{0,39}?)\s*:)\s+(?P<text>\S.*)",
    re.DOTALL,
)
_WORD_BY_WORD = re.compile(r"<(?:\d+:)?\d\d:\d\d[.,]\d+>|<u>[^<\n]+</u>")
"""A word's time, or the word that is spoken now."""
_FLASH = 50
"""Milliseconds: a cue as short as this shows nothing new, it moves lines up."""
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
    if suffix not in (*SUFFIXES, *WHISPER):
        raise DataError(
            f"{path}: unknown format of a transcript; known are .srt, .vtt, .TextGrid and Whisper's .json and .tsv"
        )
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    kept = [u for u in _utterances(text_of(data, str(path)), str(path), suffix) if u.text]
    if not kept:
        raise DataError(f"{path}: nothing is said in it")
    return tuple(sorted(kept, key=lambda u: (u.start, u.end)))


def find_transcript(folder: Path, stem: str) -> Path:
    """The transcript in a folder that has this stem. Whisper's own formats count where there is no other, as it writes
    all of them beside each other. Raises `DataError` when there is none, or more than one."""
    if not folder.is_dir():
        raise DataError(f"{folder}: not a folder")
    named = [f for f in sorted(folder.iterdir()) if composed(f.stem) == composed(stem)]
    fitting = [f for f in named if f.suffix.lower() in SUFFIXES] or [f for f in named if f.suffix.lower() in WHISPER]
    if len(fitting) != 1:
        how = "no transcript" if not fitting else "more than one transcript"
        raise DataError(
            f"{folder}: {how} of '{stem}' ({', '.join(f'{stem}{s}' for s in ('.srt', '.vtt', '.TextGrid'))})"
        )
    return fitting[0]


def _utterances(text: str, source: str, suffix: str) -> Iterator[Utterance]:
    if suffix == ".textgrid":
        return _textgrid(text, source)
    if suffix in WHISPER:
        read = json_segments if suffix == ".json" else tsv_segments
        return (Utterance(s.start, s.end, *_whose(s.speaker, s.text)) for s in read(text, source))
    if suffix == ".vtt":
        if not re.match(r"WEBVTT(?:[ \t\r\n]|$)", text):
            raise DataError(f"{source}: line 1: not WebVTT: it does not begin with WEBVTT")
        cues = list(parse_cues(without_blocks(text), source, clean_webvtt, named=True))
    else:
        if text.strip() and ARROW not in text:
            raise DataError(f"{source}: line 1: not SubRip: there is no timing ({ARROW})")
        cues = list(parse_cues(text, source, clean_subrip))
    return _said(_unrolled(cues) if _rolls(text, cues) else cues)


def _rolls(text: str, cues: Sequence[Cue]) -> bool:
    """Whether lines are shown again and again: word by word, or in cues that flash by and say what was just said."""
    if 2 * len(_WORD_BY_WORD.findall(text)) >= max(len(cues), 1):
        return True
    brief = ((a, b) for a, b in pairwise(cues) if b.lines and b.end - b.start <= _FLASH)
    return any(b.lines == a.lines[-len(b.lines) :] for a, b in brief)


def _unrolled(cues: Iterable[Cue]) -> list[Cue]:
    """The cues without the lines that were on screen until they began; what is shown again whole lasts so long."""
    kept: list[Cue] = []
    shown: tuple[str, ...] = ()
    until = 0
    for cue in sorted(cues, key=lambda c: (c.start, c.end)):
        lines, joins = cue.lines, cue.start <= until + _FLASH
        if joins:
            again = next((n for n in range(min(len(shown), len(lines)), 0, -1) if shown[-n:] == lines[:n]), 0)
            lines = lines[again:]
        if lines or not kept:
            kept.append(Cue(cue.start, cue.end, lines))
        elif joins and cue.lines and cue.end - cue.start > _FLASH:
            kept[-1] = Cue(kept[-1].start, cue.end, kept[-1].lines)
        shown, until = (cue.lines or shown), cue.end
    return kept


def _said(cues: Iterable[Cue]) -> Iterator[Utterance]:
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


def _whose(speaker: str, text: str) -> tuple[str, str]:
    """The speaker as told, else as the text begins with one, and the text on one line."""
    said, rest = ("", text) if speaker else _split(text.strip())
    return speaker or said, " ".join(rest.split())


def _split(line: str) -> tuple[str, str]:
    """The speaker that a line begins with, "" for none, and the rest."""
    match = _SPEAKER.fullmatch(line)
    speaker = match and (match["bracketed"] or (match["numbered"] or "").strip("[]") or match["speaker"]).strip()
    if not match or not speaker or len(speaker.split()) > _MOST_WORDS:
        return "", line
    return speaker, match["text"]


def _textgrid(text: str, source: str) -> Iterator[Utterance]:
    """Intervals alone: points mark moments, and are not spoken."""
    for tier, intervals in GridReader(text, source).grid()[1].items():
        for interval in intervals:
            if interval.end > interval.start:
                yield Utterance(interval.start, interval.end, tier.strip(), " ".join(interval.text.split()))
