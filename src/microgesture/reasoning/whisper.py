"""Transcripts as Whisper and programs around it write them: JSON (segments with or without speakers) and TSV."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from microgesture.errors import DataError
from microgesture.files.plain_json import parse_json


@dataclass(frozen=True, slots=True)
class Segment:
    """Words from `start` to `end` seconds; `speaker` is "" where the file does not say."""

    start: float
    end: float
    text: str
    speaker: str = ""


def json_segments(text: str, source: str) -> Iterator[Segment]:
    """Segments of `whisper` and WhisperX (`segments`), of whisper.cpp (`transcription`) and of transformers (`chunks`).
    Raises `DataError` naming `source` and the segment."""
    try:
        held = parse_json(text)
    except ValueError as error:
        raise DataError(f"{source}: not JSON ({error})") from None
    known = ("segments", "transcription", "chunks")
    rows = next((held[key] for key in known if key in held), None) if isinstance(held, dict) else held
    if not isinstance(rows, list):
        raise DataError(f"{source}: not a transcript: it has no segments")
    for number, row in enumerate(rows, start=1):
        where = f"{source}: segment {number}"
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise DataError(f"{where}: has no text")
        start, end = _times(row)
        yield _segment(start, start if end is None else end, row["text"], str(row.get("speaker") or ""), where)


def tsv_segments(text: str, source: str) -> Iterator[Segment]:
    """Lines of start, end and text with tabs between, which nothing quotes; whole numbers are milliseconds. Raises
    `DataError` naming `source` and the line."""
    lines = [line.split("\t", 2) for line in text.splitlines()]
    if not lines or [cell.strip().lower() for cell in lines[0]] != ["start", "end", "text"]:
        raise DataError(f"{source}: line 1: not a transcript: its header is not start, end, text with tabs between")
    whole = all("." not in cell for cells in lines[1:] for cell in cells[:2])
    for number, cells in enumerate(lines[1:], start=2):
        if not "".join(cells).strip():
            continue
        where = f"{source}: line {number}"
        if len(cells) < 3:
            raise DataError(f"{where}: is not start, end and text")
        try:
            start, end = (float(cell) / (1000 if whole else 1) for cell in cells[:2])
        except ValueError:
            raise DataError(f"{where}: '{cells[0][:20]}' to '{cells[1][:20]}' are no times") from None
        yield _segment(start, end, cells[2], "", where)


def _times(row: Mapping[str, Any]) -> tuple[Any, Any]:
    """Seconds, in the three ways in which they are written."""
    match row:
        case {"offsets": {"from": int(start), "to": int(end)}}:
            return start / 1000, end / 1000
        case {"timestamp": [start, end]}:
            return start, end
    return row.get("start"), row.get("end")


def _segment(start: Any, end: Any, text: str, speaker: str, where: str) -> Segment:
    if not all(isinstance(t, (int, float)) and math.isfinite(t) for t in (start, end)) or not 0 <= start <= end:
        raise DataError(f"{where}: from {start} to {end} is no stretch of time")
    return Segment(float(start), max(float(end), start + 0.001), text, speaker)
