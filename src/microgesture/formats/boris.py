"""Aggregated events as BORIS exports them: one row a state event. Written as .boris.csv, read under any table's name.

Source of the columns: the user guide of BORIS (Friard and Gamba 2016, doi:10.1111/2041-210X.12584).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from microgesture.errors import DataError
from microgesture.files.text_tables import named_rows, number_of
from microgesture.formats.registry import register_format
from microgesture.formats.spans import MOMENT, spans
from microgesture.formats.text_forms import one_line
from microgesture.tables import Table
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
NOBODY = "No focal subject"
"""What BORIS writes where nobody was named."""
_NEEDED = ("Behavior", "Start (s)", "Stop (s)")


def dumps(timeline: Timeline) -> str:
    """The file's text: times with three decimals, the media file as the observation."""
    rows = []
    for s in spans(timeline.events):
        times = [f"{ms / 1000:.3f}" for ms in (s.start, s.end, s.end - s.start)]
        rows.append([timeline.media.file, s.event.person, s.event.label, "STATE", *times])
    return Table(COLUMNS, rows).csv()


def loads(text: str, source: str = "timeline") -> Timeline:
    """The events of one observation; a point event lasts a millisecond. Columns beyond ours are passed over.

    The media is what BORIS names as the media file, else the observation. Raises `DataError` naming `source` and the
    line.
    """
    return events_of(*named_rows(text, source), source)


def is_aggregated(header: Sequence[str]) -> bool:
    """Whether a table's header is that of BORIS's aggregated events."""
    return all(column in header for column in _NEEDED)


def is_tabular(header: Sequence[str]) -> bool:
    """Whether a table's header is that of BORIS's other export, which has a row where an event begins and one where it
    ends."""
    return {"Behavior", "Time"} <= set(header)


def events_of(header: Sequence[str], rows: Sequence[tuple[int, Mapping[str, str]]], source: str) -> Timeline:
    """`loads` of a table that was read."""
    if lacking := [column for column in _NEEDED if column not in header]:
        raise DataError(f"{source}: line 1: the header lacks {', '.join(lacking)}")
    events = tuple(_event(row, f"{source}: line {line}") for line, row in rows)
    observations = {row.get("Observation id", "") for _, row in rows}
    if len(observations) > 1:
        raise DataError(f"{source}: holds {len(observations)} observations; export them one by one")
    media = {row.get("Media file name") or row.get("Media file", "") for _, row in rows} - {""}
    named = media if len(media) == 1 else observations
    lengths = {row.get("Media duration (s)", "") for _, row in rows}
    return Timeline(events, Media(named.pop() if named else "", _length(lengths, events)))


def _length(cells: set[str], events: Sequence[GestureEvent]) -> float | None:
    """The length of the media in seconds where the table says one that holds all events."""
    try:
        (length,) = (number_of(cell) for cell in cells)
    except ValueError:
        return None
    return length if length >= max((event.end for event in events), default=0.0) else None


def _event(row: Mapping[str, str], where: str) -> GestureEvent:
    def number(column: str) -> float:
        try:
            return number_of(row[column])
        except ValueError:
            raise DataError(f"{where}: {column} '{one_line(row[column])}' is not a number") from None

    start = number("Start (s)")
    alone = row.get("Behavior type", "").upper() == "POINT" and row["Stop (s)"] in ("", "NA")
    stop = start if alone else number("Stop (s)")
    label, person = row["Behavior"], row.get("Subject", "")
    if not label:
        raise DataError(f"{where}: no behavior")
    try:
        return GestureEvent(
            start, start + MOMENT if stop == start else stop, label, person="P1" if person in ("", NOBODY) else person
        )
    except DataError as error:
        raise DataError(f"{where}: {one_line(str(error))}") from None


register_format(".boris.csv", dumps=dumps, loads=loads, with_analysis=False)
