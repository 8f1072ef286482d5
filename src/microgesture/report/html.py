"""`write_report`: fills `page.html`; the files beside this one are its parts, its style and its script.

The page is one file: style, script and pictures are inside it, its content-security policy forbids every
connection, and the video is referenced where it lies. The templates escape all text of the timeline; the script
reads events from attributes and never builds markup from text.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from microgesture.errors import DataError
from microgesture.files.atomic import write_text
from microgesture.report.lanes import extent, lanes_html, unseen
from microgesture.report.markup import UNSURE, asset, clock, fill
from microgesture.report.panels import cautions, descriptions, emotion_html, most_frequent, provenance, rates_html
from microgesture.report.skeletons import event_drawings
from microgesture.skeletons.track import SkeletonTrack
from microgesture.timeline import GestureEvent, Timeline
from microgesture.vocabulary import Vocabulary

Thumbnail = str | bytes | None
"""A picture of an event: JPEG or PNG bytes, or a base64 data URI of an image."""

_DATA_URI = re.compile(r"data:image/(jpeg|png|webp|gif);base64,[A-Za-z0-9+/]+=*")
_MAGIC = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}


def write_report(
    timeline: Timeline,
    path: str | Path,
    video: str | Path | None = None,
    thumbnails: Sequence[Thumbnail] | Callable[[GestureEvent], Thumbnail] | None = None,
    title: str | None = None,
    vocabulary: Vocabulary | None = None,
    tracks: Sequence[SkeletonTrack] = (),
    explanation: str = "",
) -> Path:
    """Write the report of one timeline to `path`, one HTML file; returns the path.

    `video` is referenced relative to the report and need not exist: a reader can then choose the file in the
    page. `thumbnails` are small pictures, one per event of `timeline.events` (None: no picture), or a function
    of the event. `vocabulary` gives the descriptions of gestures; without it those of the built-in
    vocabularies are used. From `tracks`, one per person, events without a thumbnail get a drawing of the skeleton.
    Of `Timeline.provenance` the page reads, if they are there, "trained_on" (what the model learnt from), "unseen"
    (stretches [start, end] in seconds without a person, one list or one by person), "visible" (share of the video in
    which each part of the body could be seen, by person) and "zero_shot" (true when the
    model never learnt the vocabulary). `explanation` is the panel that `reasoning.page.explanation_html` makes.

    Raises `DataError` when thumbnails do not fit, `UserError` when the file cannot be written.
    """
    path = Path(path)
    return write_text(path, render(timeline, path.parent, video, thumbnails, title, vocabulary, tracks, explanation))


def render(
    timeline: Timeline,
    folder: Path,
    video: str | Path | None = None,
    thumbnails: Sequence[Thumbnail] | Callable[[GestureEvent], Thumbnail] | None = None,
    title: str | None = None,
    vocabulary: Vocabulary | None = None,
    tracks: Sequence[SkeletonTrack] = (),
    explanation: str = "",
) -> str:
    """The text of the page that will lie in `folder`; arguments as in `write_report`."""
    script, style = Markup(asset("report/report.js")), Markup(asset("report/report.css"))
    images = _images(timeline, thumbnails)
    drawings = event_drawings(timeline, {track.person: track for track in tracks})
    name = Path(video).name if video is not None else Path(timeline.media.file).name
    trained_on = timeline.provenance.get("trained_on")
    return fill(
        "report/page.html",
        script_hash=base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii"),
        style=style,
        script=script,
        title=title or name or "Micro-gesture report",
        timeline=timeline,
        facts=_facts(timeline, name if title else ""),
        most_frequent=most_frequent(timeline),
        cautions=cautions(timeline),
        video=_video(video, folder),
        photographed=any(images),
        unsure=any(event.confidence < UNSURE for event in timeline),
        hatched=any(unseen(timeline).values()),
        drawn=any(drawing and not image for image, drawing in zip(images, drawings, strict=True)),
        pictured=any(images) or any(drawings),
        lanes=lanes_html(timeline),
        extent=extent(timeline),
        pictures=list(zip(timeline, images, drawings, strict=True)),
        descriptions=descriptions(timeline, vocabulary),
        rates=rates_html(timeline),
        emotion=emotion_html(timeline),
        explanation=Markup(explanation),
        provenance=provenance(timeline),
        trained_on=trained_on or "This timeline does not say what its model was trained on.",
    )


def _facts(timeline: Timeline, name: str) -> dict[str, str]:
    """The header's list: file, length, persons, model, date; what is empty is not shown."""
    persons = timeline.persons
    return {
        "File": name,
        "Length": clock(timeline.duration) if timeline.duration > 0 else "",
        "Persons" if len(persons) > 1 else "Person": ", ".join(persons),
        "Model": timeline.provenance.get("model", ""),
        "Vocabulary": timeline.vocabulary,
        "Made": str(timeline.provenance.get("created", ""))[:16].replace("T", " "),
    }


def _video(video: str | Path | None, folder: Path) -> tuple[str, str] | None:
    """Path of the video from the report's folder, and the same as an address; None when no video is known."""
    if video is None:
        return None
    try:
        relative = os.path.relpath(os.path.abspath(video), os.path.abspath(folder)).replace(os.sep, "/")
    except ValueError:  # another drive
        return str(video), Path(video).absolute().as_uri()
    return relative, quote(os.fsencode(relative), safe="/")


def _images(
    timeline: Timeline, thumbnails: Sequence[Thumbnail] | Callable[[GestureEvent], Thumbnail] | None
) -> list[str]:
    """One data URI an event, "" where there is no picture."""
    if thumbnails is None:
        return [""] * len(timeline)
    given = [thumbnails(e) for e in timeline] if callable(thumbnails) else list(thumbnails)
    if len(given) != len(timeline):
        raise DataError(f"report: {len(given)} thumbnails for {len(timeline)} events")
    return [_data_uri(picture, i) for i, picture in enumerate(given)]


def _data_uri(picture: Thumbnail, index: int) -> str:
    if picture is None or picture in ("", b""):
        return ""
    if isinstance(picture, bytes):
        for magic, kind in _MAGIC.items():
            if picture.startswith(magic):
                return f"data:image/{kind};base64,{base64.b64encode(picture).decode('ascii')}"
    elif isinstance(picture, str) and _DATA_URI.fullmatch(picture):
        return picture
    raise DataError(f"report: thumbnail {index} is neither JPEG or PNG bytes nor a base64 data URI of an image")


def is_report(page: str) -> bool:
    """Whether a page is a report of ours."""
    return "Micro-gesture report" in page
