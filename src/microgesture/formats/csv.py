"""One row per event: media, person, start_s, end_s, label_id, label, body_region, confidence, alternatives,
model, annotator. Three decimals, UTF-8, with a header.

Read as spreadsheets save it too: other separators, decimal commas, UTF-16 and Windows-1252. A table of BORIS is known
by its header, whatever its name.
"""

from __future__ import annotations

from collections.abc import Mapping

from microgesture.errors import DataError
from microgesture.files.text_tables import named_rows, number_of, table_rows
from microgesture.formats.boris import events_of, is_aggregated, is_tabular
from microgesture.formats.registry import register_format
from microgesture.formats.text_forms import alternatives_text, parse_alternatives
from microgesture.tables import Table
from microgesture.timeline import DATAFRAME_COLUMNS, GestureEvent, Media, Timeline

_NEEDED = ("start_s", "end_s", "label")


def dumps(timeline: Timeline) -> str:
    """The file's text. An event shorter than a millisecond keeps a millisecond."""
    rows: list[dict[str, object]] = []
    for e in timeline:
        start = f"{e.start:.3f}"
        rows.append(
            {
                "media": timeline.media.file,
                "person": e.person,
                "start_s": start,
                "end_s": f"{max(e.end, float(start) + 0.001):.3f}",
                "label_id": "" if e.label_id is None else e.label_id,
                "label": e.label,
                "body_region": e.body_region,
                "confidence": f"{e.confidence:.3f}",
                "alternatives": alternatives_text(e.alternatives),
                "model": timeline.provenance.get("model", ""),
                "annotator": e.annotator,
            }
        )
    return Table.of(DATAFRAME_COLUMNS, rows).csv()


def is_timeline(text: str) -> bool:
    """Whether a text begins with the header of a table that `loads` reads."""
    try:
        rows = table_rows("".join(text.splitlines(keepends=True)[:2]), "")
    except DataError:
        return False
    return any(set(_NEEDED) <= set(cells) or is_aggregated(cells) for _, cells in rows[:1])


def loads(text: str, source: str = "timeline") -> Timeline:
    """The events of a file's text, of one media file. Only start_s, end_s and label must be there, or the columns of
    BORIS's aggregated events.

    Raises `DataError` naming `source` and the row.
    """
    header, rows = named_rows(text, source)
    if is_aggregated(header):
        return events_of(header, rows, source)
    if is_tabular(header):
        raise DataError(f"{source}: BORIS's tabular events, whose begins and ends are rows: export 'aggregated events'")
    if lacking := [column for column in _NEEDED if column not in header]:
        raise DataError(f"{source}: the header lacks {', '.join(lacking)}")
    media = {row.get("media", "") for _, row in rows}
    if len(media) > 1:
        raise DataError(f"{source}: holds events of {len(media)} media files; read them one by one")
    events = tuple(_event(row, f"{source}: row {line}") for line, row in rows)
    models = {row.get("model", "") for _, row in rows} - {""}
    provenance = {"model": models.pop()} if len(models) == 1 else {}
    return Timeline(events, Media(media.pop() if media else ""), provenance=provenance)


def _event(row: Mapping[str, str], where: str) -> GestureEvent:
    def text(column: str) -> str:
        return row.get(column, "")

    def number(column: str, default: float) -> float:
        try:
            return number_of(text(column)) if text(column) else default
        except ValueError:
            raise DataError(f"{where}: {column} '{text(column)}' is not a number") from None

    if not text("label"):
        raise DataError(f"{where}: no label")
    identity = text("label_id")
    if identity and not identity.isdigit():
        raise DataError(f"{where}: label_id '{identity}' is not a whole number")
    try:
        return GestureEvent(
            number("start_s", float("nan")),
            number("end_s", float("nan")),
            text("label"),
            int(identity) if identity else None,
            number("confidence", 1.0),
            text("body_region"),
            text("person") or "P1",
            parse_alternatives(text("alternatives")),
            text("annotator"),
        )
    except DataError as error:
        message = str(error)
        raise DataError(message if message.startswith(where) else f"{where}: {message}") from None


register_format(".csv", dumps=dumps, loads=loads)
register_format(".tsv", ".txt", loads=loads, with_analysis=False)
