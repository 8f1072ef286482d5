"""Aggregated events as BORIS exports them (.boris.csv): one row a state event.

Source of the columns: the user guide of BORIS (Friard and Gamba 2016, doi:10.1111/2041-210X.12584).
"""

from __future__ import annotations

import csv
import io

from microgesture.errors import DataError
from microgesture.formats.spans import spans
from microgesture.formats.text_forms import one_line
from microgesture.timeline import GestureEvent, Media, Timeline

COLUMNS = (
    "Observation id",
    "Subject",
    "Behavior",
    "Behavior type",
    "Start (s)",
    "Stop (s)",
    "Duration (s)",
)


def dumps(timeline: Timeline) -> str:
    """The file's text: times with three decimals, the media file as the observation."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for s in spans(timeline.events):
        times = [f"{ms / 1000:.3f}" for ms in (s.start, s.end, s.end - s.start)]
        writer.writerow([timeline.media.file, s.event.person, s.event.label, "STATE", *times])
    return stream.getvalue()


def loads(text: str, source: str = "timeline") -> Timeline:
    """The events of one observation; a point event lasts a millisecond. Columns beyond ours are passed over.

    Raises `DataError` naming `source` and the line.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    events, observations = [], set()
    try:
        lacking = [c for c in COLUMNS[2:6] if c != "Behavior type" and c not in (reader.fieldnames or ())]
        if lacking:
            raise DataError(f"{source}: line 1: the header lacks {', '.join(lacking)}")
        for row in reader:
            where = f"{source}: line {reader.line_num}"
            observations.add(row.get("Observation id") or "")
            events.append(_event(row, where))
    except csv.Error as error:
        raise DataError(f"{source}: not CSV ({error})") from error
    if len(observations) > 1:
        raise DataError(f"{source}: holds {len(observations)} observations; export them one by one")
    return Timeline(tuple(events), Media(observations.pop() if observations else ""))


def _event(row: dict[str, str | None], where: str) -> GestureEvent:
    def number(column: str) -> float:
        try:
            return float(row.get(column) or "")
        except ValueError:
            raise DataError(f"{where}: {column} '{one_line(row.get(column) or '')}' is not a number") from None

    start, stop = number("Start (s)"), number("Stop (s)")
    point = stop == start
    label, person = row.get("Behavior") or "", row.get("Subject") or "P1"
    if not label:
        raise DataError(f"{where}: no behavior")
    try:
        return GestureEvent(start, start + 0.001 if point else stop, label, person=person)
    except DataError as error:
        raise DataError(f"{where}: {one_line(str(error))}") from None
