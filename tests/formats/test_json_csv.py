import csv
import io
import json
import re
from dataclasses import replace
from importlib import resources

import pytest

from microgesture import Alternative, DataError, EmotionReading, GestureEvent, Media, Timeline, formats
from microgesture.errors import UserError
from microgesture.timeline import Driver

EVENTS = (
    GestureEvent(
        0.5, 1.25, "Touching jaw", 10, 0.8123456, "head-hand", "P1", (Alternative("Touching ears", 0.1),), "m"
    ),
    GestureEvent(1.0, 3.0, 'Buckle "button", pulling; collar', None, 0.5, "", "P2", (), "Zoë"),
)
WHOLE = Timeline(
    (replace(EVENTS[0], count=3), *EVENTS[1:]),
    Media("interview ü.mp4", 12.5, 25.0, (1280, 720), "0" * 64),
    "imigue",
    ("Touching jaw", "Touching ears"),
    EmotionReading(
        "negative", {"positive": 0.2, "negative": 0.8}, (0.6, 0.9), (Driver(0, "Touching jaw", 0.4),), "t", "c"
    ),
    {"tool": "microgesture", "model": "m", "config": {"a": [1, None]}},
)


def test_json_gives_the_same_timeline_back(tmp_path):
    path = formats.write(WHOLE, tmp_path / "deep" / "timeline.json")
    assert formats.read(path) == WHOLE
    bare = Timeline()
    assert formats.read(formats.write(bare, tmp_path / "bare.json")) == bare


def test_json_keeps_to_the_published_schema(tmp_path):
    schema = json.loads((resources.files("microgesture.formats") / "timeline.schema.json").read_text())
    written = json.loads(formats.json.dumps(WHOLE))
    assert set(schema["required"]) <= set(written) <= set(schema["properties"])
    for name, value in (("media", written["media"]), ("emotion", written["emotion"])):
        assert set(value) == set(schema["properties"][name]["properties"])
    assert set(written["events"][0]) == set(schema["properties"]["events"]["items"]["properties"])
    assert written["schema"] == schema["properties"]["schema"]["const"]


def test_csv_has_the_columns_of_the_field_and_three_decimals(tmp_path):
    lines = formats.write(WHOLE, tmp_path / "t.csv").read_text("utf-8").splitlines()
    assert lines[0] == ("media,person,start_s,end_s,label_id,label,body_region,confidence,alternatives,model,annotator")
    assert lines[1] == "interview ü.mp4,P1,0.500,1.250,10,Touching jaw,head-hand,0.812,Touching ears (0.100),m,m"


def test_csv_gives_the_events_back(tmp_path):
    back = formats.read(formats.write(WHOLE, tmp_path / "t.csv"))
    assert [(e.start, e.end, e.label, e.person, e.annotator) for e in back] == [
        (e.start, e.end, e.label, e.person, e.annotator) for e in WHOLE
    ]
    assert back[0].alternatives == EVENTS[0].alternatives
    assert back[1].label_id is None
    assert back.media.file == WHOLE.media.file


def test_a_very_short_event_survives_three_decimals(tmp_path):
    short = Timeline((GestureEvent(1.0, 1.0001, "a"),))
    assert formats.read(formats.write(short, tmp_path / "t.csv"))[0].end == 1.001


def test_csv_of_a_spreadsheet_with_mark_and_few_columns(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("﻿label,start_s,end_s\r\nA,0,1\r\n", "utf-8", newline="")
    assert formats.read(path)[0] == GestureEvent(0, 1, "A")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", "[]", "not a timeline"),
        ("a.json", '{"schema": "microgesture/timeline-1"}', "not a whole timeline"),
        ("a.csv", "", "header lacks start_s"),
        ("a.csv", "start_s,end_s,label\n1,x,A\n", "row 2: end_s 'x' is not a number"),
        ("a.csv", "start_s,end_s,label\n1,2,A\n2,1,A\n", "row 3.*end after it starts"),
        ("a.csv", "media,start_s,end_s,label\na,1,2,A\nb,1,2,A\n", "2 media files"),
        ("a.csv", "start_s,end_s,label\n1,2,\n", "row 2: no label"),
        ("a.csv", 'start_s,end_s,label\n1,2,"' + "x" * 200_000 + '"\n', "not CSV"),
        ("a.json", "[" * 100_000, "not JSON"),
        ("a.xyz", "", "unknown format '.xyz'"),
    ],
)
def test_a_bad_file_is_one_line_with_its_name(tmp_path, name, text, said):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        formats.read(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_event_that_ends_before_it_starts_is_named(tmp_path):
    text = formats.json.dumps(WHOLE).replace('"end": 3.0', '"end": 0.5')
    with pytest.raises(DataError, match="event 1"):
        formats.json.loads(text)


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        formats.write(WHOLE, tmp_path / "file" / "t.json")
    with pytest.raises(DataError, match="no such file"):
        formats.read(tmp_path / "none.json")


def as_a_spreadsheet_saves_it(text: str, form: str) -> bytes:
    """Our CSV after a European spreadsheet: semicolons, decimal commas, Windows line ends; or as Unicode text."""
    rows = list(csv.reader(io.StringIO(text)))
    mark = "\t" if form == "unicode text" else ";"
    stream = io.StringIO()
    cells = [[re.sub(r"^(\d+)\.(\d+)$", r"\1,\2", cell) for cell in row] for row in rows]
    csv.writer(stream, delimiter=mark).writerows(cells)
    lead = "sep=;\r\n" if form == "sep" else ""
    return (lead + stream.getvalue()).encode(
        "utf-16" if form == "unicode text" else "utf-8-sig" if form == "bom" else "cp1252"
    )


@pytest.mark.parametrize("form", ["european", "bom", "sep", "unicode text"])
@pytest.mark.parametrize("name", ["timeline.csv", "timeline.txt"])
def test_what_a_spreadsheet_saved(tmp_path, form, name):
    events = (
        GestureEvent(
            0.728, 1.759, "Bulging face, deep breath", 5, 0.467, "head-hand", "Zo\u00eb", (Alternative("Nod", 0.25),)
        ),
        GestureEvent(2.0, 1234.5, "Ber\u00fchren; \u201ereiben\u201c"),
    )
    text = formats.csv.dumps(Timeline(events, Media("help.mkv")))
    (tmp_path / name).write_bytes(as_a_spreadsheet_saves_it(text, form))
    read = formats.read(tmp_path / name)
    assert (read.events, read.media.file) == (events, "help.mkv")
