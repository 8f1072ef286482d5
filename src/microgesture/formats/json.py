"""The canonical JSON of a timeline; `timeline.schema.json` beside this file is its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from microgesture.errors import DataError
from microgesture.files.plain_json import parse_json
from microgesture.formats.registry import register_format
from microgesture.formats.schema import problems, timeline_schema
from microgesture.timeline import Alternative, Driver, EmotionReading, GestureEvent, Media, Timeline

SCHEMA = "microgesture/timeline-1"
"""Name and version of the form; readers refuse another major form."""


def dumps(timeline: Timeline) -> str:
    """The file's text; numbers are written in full, so that reading gives the same timeline."""
    media = timeline.media
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "media": {
            "file": media.file,
            "duration": media.duration,
            "fps": media.fps,
            "size": None if media.size is None else list(media.size),
            "sha256": media.sha256,
        },
        "vocabulary": {"name": timeline.vocabulary, "labels": list(timeline.labels)},
        "events": [_event(e) for e in timeline],
        "provenance": dict(timeline.provenance),
    }
    if timeline.emotion is not None:
        values["emotion"] = _emotion(timeline.emotion)
    try:
        return json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise DataError(f"the timeline holds a value that JSON cannot ({error})") from error


def loads(text: str, source: str = "timeline") -> Timeline:
    """A timeline from a file's text, checked against the schema. Raises `DataError` naming `source` and what
    does not fit, for an event with its number."""
    try:
        data = parse_json(text)
    except ValueError as error:
        raise DataError(f"{source}: not JSON ({error})") from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise DataError(f"{source}: not a timeline: its 'schema' is not '{SCHEMA}'")
    if (problem := next(problems(data, timeline_schema()), None)) is not None:
        raise DataError(f"{source}: not a whole timeline: {problem}")
    media, vocabulary = data["media"], data["vocabulary"]
    size = media["size"]
    return Timeline(
        tuple(_read_event(e, i, source) for i, e in enumerate(data["events"])),
        Media(
            media["file"],
            media["duration"],
            media["fps"],
            None if size is None else (int(size[0]), int(size[1])),
            media["sha256"],
        ),
        vocabulary["name"],
        tuple(vocabulary["labels"]),
        _read_emotion(data["emotion"]) if "emotion" in data else None,
        data["provenance"],
    )


def _event(event: GestureEvent) -> dict[str, Any]:
    return {
        "start": event.start,
        "end": event.end,
        "label": event.label,
        "label_id": event.label_id,
        "confidence": event.confidence,
        "body_region": event.body_region,
        "person": event.person,
        "alternatives": [{"label": a.label, "confidence": a.confidence} for a in event.alternatives],
        "annotator": event.annotator,
        **({} if event.count is None else {"count": event.count}),
    }


def _read_event(values: Mapping[str, Any], index: int, source: str) -> GestureEvent:
    try:
        alternatives = tuple(Alternative(a["label"], a["confidence"]) for a in values.get("alternatives", ()))
        return GestureEvent(**{**values, "alternatives": alternatives})
    except DataError as error:
        raise DataError(f"{source}: event {index}: {error}") from error


def _emotion(reading: EmotionReading) -> dict[str, Any]:
    return {
        "label": reading.label,
        "probabilities": dict(reading.probabilities),
        "interval": None if reading.interval is None else list(reading.interval),
        "drivers": [_driver(d) for d in reading.drivers],
        "model": reading.model,
        "caution": reading.caution,
    }


def _driver(driver: Driver) -> dict[str, Any]:
    values: dict[str, Any] = {"event": driver.event, "label": driver.label, "effect": driver.effect}
    return values if driver.attention is None else {**values, "attention": driver.attention}


def _read_emotion(values: Mapping[str, Any]) -> EmotionReading:
    interval = values["interval"]
    return EmotionReading(
        values["label"],
        values["probabilities"],
        None if interval is None else (interval[0], interval[1]),
        tuple(Driver(d["event"], d["label"], d["effect"], d.get("attention")) for d in values["drivers"]),
        values["model"],
        values["caution"],
    )


register_format(".json", dumps=dumps, loads=loads)
