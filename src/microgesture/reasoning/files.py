"""The files of an explanation: `explanation.json`, and its panel in the `report.html` beside it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from microgesture.errors import DataError
from microgesture.files.atomic import write_text
from microgesture.reasoning.page import explanation_html, shows_events, with_explanation
from microgesture.reasoning.record import Explanation, write_record
from microgesture.report import write_report
from microgesture.report.panels import emotion_html
from microgesture.timeline import Timeline

RECORD, REPORT = "explanation.json", "report.html"


def write_explanation(explanation: Explanation, timeline: Timeline, folder: Path, source: Path) -> Path:
    """Write the record into `folder` and put the explanation into the report there; returns the report's path.

    A report that is there keeps everything else, drawings included; where there is none, one is made, with the video
    that lies beside the timeline's file `source`, if it does. Raises `DataError` when the report there is not one of
    this timeline, `UserError` when the disk refuses.
    """
    report = folder / REPORT
    page = checked_report(report, timeline)
    panel = explanation_html(explanation, timeline)
    write_record(explanation, folder / RECORD)
    if page is not None:
        emotion = emotion_html(timeline) if timeline.emotion is not None else ""
        return write_text(report, with_explanation(page, panel, emotion))
    return write_report(timeline, report, video=_video(timeline, source), explanation=panel)


def checked_report(report: Path, timeline: Timeline) -> str | None:
    """The text of the report that is there, None where there is none. Raises `DataError` when it cannot take an
    explanation of this timeline."""
    if not report.exists():
        return None
    try:
        page = report.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{report}: cannot be read ({error})") from error
    if not shows_events(page, timeline):
        raise DataError(f"{report}: is not a report of these events; choose another folder with -o")
    return page


def file_sha256(path: Path) -> str:
    """Hash of a file's bytes. Raises `DataError` when it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def _video(timeline: Timeline, source: Path) -> Path | None:
    if not timeline.media.file:
        return None
    video = source.parent / timeline.media.file
    return video if video.is_file() else None
