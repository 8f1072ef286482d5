"""`write_report`: fills the page template; the files beside this one are its style and its script.

The page is one file: style, script and pictures are inside it, its content-security policy forbids every
connection, and the video is referenced where it lies. All text of the timeline is escaped; the script reads
events from attributes and never builds markup from text.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from urllib.parse import quote

from microgesture.errors import DataError
from microgesture.files.atomic import write_text
from microgesture.report.lanes import extent, lanes_html, unseen
from microgesture.report.markup import UNSURE, clock, esc
from microgesture.report.panels import (
    cautions_html,
    descriptions,
    emotion_html,
    events_html,
    provenance_html,
    rates_html,
    summary_html,
)
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
    page. `thumbnails` are small pictures, one an event of `timeline.events` (None: no picture), or a function
    of the event. `vocabulary` gives the descriptions of gestures; without it those of the built-in
    vocabularies are used. From `tracks`, one a person, events without a thumbnail get a drawing of the skeleton.
    Of `Timeline.provenance` the page reads, if they are there, "trained_on" (what the model learnt from), "unseen"
    (stretches [start, end] in seconds without a person, one list or one by person), "visible" (share of the video in
    which each part of the body could be seen, by person) and "zero_shot" (true when the
    model never learnt the vocabulary). `explanation` is the panel that `report.explanation.explanation_html` makes.

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
    images = _pictures(timeline, thumbnails, tracks)
    script, style = _asset("report.js"), _asset("report.css")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    name = Path(video).name if video is not None else Path(timeline.media.file).name
    trained_on = timeline.provenance.get("trained_on")
    return Template(_asset("template.html")).substitute(
        script_hash=digest,
        style=style,
        script=script,
        title=esc(title or name or "Micro-gesture report"),
        facts=_facts(timeline, name if title else ""),
        summary=summary_html(timeline),
        cautions=cautions_html(timeline),
        legend=_legend(timeline, images),
        video=_video(video, folder),
        identity=_identity(images),
        lanes=lanes_html(timeline),
        extent=f"{extent(timeline):.3f}",
        some="" if len(timeline) else "hidden",
        count=len(timeline),
        events=events_html(timeline, descriptions(timeline, vocabulary), images),
        rates=rates_html(timeline),
        emotion=emotion_html(timeline),
        explanation=explanation,
        provenance=provenance_html(timeline),
        trained_on=esc(trained_on) if trained_on else "This timeline does not say what its model was trained on.",
    )


def _asset(name: str) -> str:
    return (resources.files("microgesture.report") / name).read_text("utf-8")


def _facts(timeline: Timeline, name: str) -> str:
    """The header's list: file, length, persons, model, date."""
    provenance = timeline.provenance
    persons = timeline.persons
    entries = (
        ("File", name),
        ("Length", clock(timeline.duration) if timeline.duration > 0 else ""),
        ("Persons" if len(persons) > 1 else "Person", ", ".join(persons)),
        ("Model", provenance.get("model", "")),
        ("Vocabulary", timeline.vocabulary),
        ("Made", str(provenance.get("created", ""))[:16].replace("T", " ")),
    )
    return "".join(f"<div><dt>{key}</dt><dd>{esc(value)}</dd></div>" for key, value in entries if value)


def _video(video: str | Path | None, folder: Path) -> str:
    """The player, hidden until a file is chosen when no video is known."""
    if video is None:
        return '<video id="video" controls preload="metadata" hidden></video>'
    relative = str(video)
    try:
        relative = os.path.relpath(os.path.abspath(video), os.path.abspath(folder)).replace(os.sep, "/")
        source = quote(os.fsencode(relative), safe="/")
    except ValueError:  # another drive
        source = Path(video).absolute().as_uri()
    return f'<video id="video" controls preload="metadata" src="{esc(source)}" data-path="{esc(relative)}"></video>'


def _identity(images: Sequence[str]) -> str:
    """What passing this page on gives away."""
    if any(image.startswith("<img") for image in images):
        return "This page holds pictures from the video; the video itself stays in its own file."
    return "This page holds no picture of anybody; the player shows the video from its own file."


def _legend(timeline: Timeline, images: Sequence[str]) -> str:
    """What the marks of the timeline and of the drawings mean, as far as they are used."""
    lines = ["Stronger colour: higher confidence."] if len(timeline) else []
    if any(event.confidence < UNSURE for event in timeline):
        lines.append('<span class="key dashed"></span> Dashed: unsure.')
    if any(unseen(timeline).values()):
        lines.append('<span class="key hatched"></span> Hatched: the person is not in view.')
    if any(image.startswith("<svg") for image in images):
        lines.append("Stick figures below: from the faint start of a gesture to its strong end.")
    return " ".join(lines)


def _pictures(
    timeline: Timeline,
    thumbnails: Sequence[Thumbnail] | Callable[[GestureEvent], Thumbnail] | None,
    tracks: Sequence[SkeletonTrack],
) -> list[str]:
    """HTML of one picture or drawing an event, "" where there is neither."""
    images = _images(timeline, thumbnails)
    drawings = event_drawings(timeline, {track.person: track for track in tracks})
    return [
        f'<img src="{esc(image)}" alt="Picture at {clock(event.start)}" loading="lazy">' if image else drawing
        for event, image, drawing in zip(timeline, images, drawings, strict=True)
    ]


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
