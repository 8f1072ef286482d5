"""Tables of events as people hand them out."""

from __future__ import annotations

import pytest

from microgesture.emotion.event_tables import TableColumns, read_events, read_table, split_labels
from microgesture.emotion.labelled import read_labelled
from microgesture.errors import DataError


def events(path, **columns):
    named = TableColumns(**columns)
    return read_events(read_table(path, named), named)


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def labels(timeline):
    return [event.label for event in timeline]


def test_a_row_an_event_with_times_and_usual_names(tmp_path):
    text = "Video ID,Participant,Behaviour,Onset,Offset,Win_or_Lose\nb,2,neck,3.5,4,lose\na,1,jaw,0:01.5,0:02,win\n"
    found = events(write(tmp_path / "t.csv", text + "b,2,jaw,1,2,lose\n"))
    assert list(found.timelines) == ["b", "a"]
    assert labels(found.timelines["b"]) == ["jaw", "neck"]  # by time
    assert (found.timelines["a"][0].start, found.timelines["a"][0].end) == (1.5, 2.0)
    assert found.facts["target"] == {"b": "lose", "a": "win"}
    assert found.facts["subject"] == {"b": "2", "a": "1"}
    assert not found.timelines["a"].provenance.get("untimed")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_any_delimiter_and_encoding(tmp_path, delimiter, encoding):
    rows = [["video", "gesture", "outcome"], ["é1", "Stirn berühren", "ja"], ["é2", "Hände reiben", "nein"]]
    path = write(tmp_path / "t.csv", "\n".join(delimiter.join(row) for row in rows), encoding)
    found = read_labelled(path)
    assert found.names == ["é1", "é2"]
    assert labels(found.timelines[1]) == ["Hände reiben"]
    assert found.outcomes == ["ja", "nein"]


def test_order_without_times(tmp_path):
    text = "clip,code,step,mood\nv1,b,2,x\nv1,a,10,x\nv1,c,1,x\nv2,a,1,y\n"
    found = events(write(tmp_path / "t.csv", text), order="step", target="mood", video="clip")
    assert labels(found.timelines["v1"]) == ["c", "b", "a"]
    assert found.timelines["v1"].provenance["untimed"] is True
    assert any("no times" in remark for remark in found.remarks)


def test_a_column_a_gesture(tmp_path):
    text = "id,speaker,Smile,Frown,Nod,class\nt1.mp4,s1,1,0,2,lie\nt2.mp4,s2,0,,0,truth\n"
    found = events(write(tmp_path / "t.csv", text))
    assert labels(found.timelines["t1.mp4"]) == ["Smile", "Nod", "Nod"]
    assert labels(found.timelines["t2.mp4"]) == []
    assert "3 columns are taken as counts of gestures: Smile, Frown, Nod" in found.remarks[0]
    chosen = events(tmp_path / "t.csv", gestures="Smile, Frown")
    assert labels(chosen.timelines["t1.mp4"]) == ["Smile"]
    with pytest.raises(DataError, match=r"row 2: class 'lie' is not a number"):
        events(tmp_path / "t.csv", gestures="Smile,class")


def test_a_running_number_is_no_gesture(tmp_path):
    rows = "".join(f"v{i},{i},{i % 2},{i % 3},{'ab'[i % 2]}\n" for i in range(12))
    found = events(write(tmp_path / "t.csv", "video,nr,Smile,Nod,outcome\n" + rows))
    assert set(labels(found.timelines["v5"])) == {"Smile", "Nod"}


@pytest.mark.parametrize(
    ("cell", "separator", "expected"),
    [
        ("jaw; neck ;jaw", "", ["jaw", "neck", "jaw"]),
        ("['jaw', \"neck\"]", "", ["jaw", "neck"]),
        ("[jaw, neck]", "", ["jaw", "neck"]),
        ("jaw -> neck", "", ["jaw", "neck"]),
        ("Bulging face, deep breath", "", ["Bulging face, deep breath"]),
        ("jaw, neck", ",", ["jaw", "neck"]),
        ("", "", []),
    ],
)
def test_several_gestures_in_a_cell(cell, separator, expected):
    assert split_labels(cell, separator) == expected


def test_columns_by_number_numbers_by_vocabulary_and_frames(tmp_path):
    path = write(tmp_path / "t.csv", "0001,7,99,0,25,win\n0002,8,11,50,75,lose\n")
    columns = {"video": "0", "subject": "1", "label": "2", "start": "3", "end": "4", "target": "5"}
    found = events(path, **columns, fps=25.0, vocabulary="imigue")
    assert labels(found.timelines["0001"]) == ["Illustrative hand gestures"]
    assert labels(found.timelines["0002"]) == ["Touching jaw"]
    assert (found.timelines["0002"][0].start, found.timelines["0002"][0].end) == (2.0, 3.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("video,label,start,end,outcome\na,jaw,2,1,x\n", r"row 2: the event ends before it starts"),
        ("video,label,start,end,outcome\na,jaw,two,3,x\n", r"row 2: start 'two' is not a number"),
        ("video,label,outcome\na,jaw,x\n,jaw,x\n", r"row 3: no video"),
        ("video,label,outcome\na,jaw,x\na,jaw,y\n", r"row 3: video 'a' has two values of outcome: 'x' and 'y'"),
        ("video,label,outcome\na,jaw,x,7\n", r"row 2: 4 cells where the table has 3 columns"),
        ("video,thing,outcome\na,jaw,x\n", r"which column names the gestures\?"),
        ("label,outcome\njaw,x\n", r"which column names the video\?"),
        ("video,label,confidence,start,end,outcome\na,jaw,7,0,1,x\n", r"confidence 7 is not between 0 and 1"),
        ("video,label,outcome\n", "no rows below the header"),
        ("a\0b", "not a CSV table"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(tmp_path, text, said):
    with pytest.raises(DataError, match=said) as caught:
        events(write(tmp_path / "t.csv", text))
    assert "t.csv" in str(caught.value)


def test_a_column_that_is_not_there_lists_those_that_are(tmp_path):
    path = write(tmp_path / "t.csv", "video,label,outcome\na,jaw,x\n")
    with pytest.raises(DataError, match=r"no column 'who' for subject: there are video, label, outcome"):
        events(path, subject="who")


def test_without_a_video_column_people_are_the_videos(tmp_path):
    path = write(tmp_path / "t.csv", "subject,gesture,state\ns1,a,calm\ns1,b,tense\ns2,a,calm\ns1,c,calm\n")
    found = events(path)
    assert {name: labels(t) for name, t in found.timelines.items()} == {
        "s1 calm": ["a", "c"],
        "s1 tense": ["b"],
        "s2 calm": ["a"],
    }
    assert "no column names the video" in found.remarks[0]


def test_targets_in_a_table_of_their_own(tmp_path):
    table = write(tmp_path / "events.csv", "video,gesture\n0001.mp4,a\n0002,b\n0003,a\n0009,a\n")
    text = "video_id,subject,result\n1,s1,win\n2,s2,lose\n3,s1,win\n77,s3,win\n"
    targets = write(tmp_path / "targets.csv", text)
    found = read_labelled(table, TableColumns(targets=str(targets), target="result"))
    assert found.names == ["0001.mp4", "0002", "0003"]
    assert (found.outcomes, found.subjects) == (["win", "lose", "win"], ["s1", "s2", "s1"])
    said = " / ".join(found.remarks)
    assert "1 video (0009) not in targets.csv: left out" in said
    assert "1 videos of targets.csv have no timeline" in said
    write(tmp_path / "other.csv", "video_id,result\nx,win\n")
    with pytest.raises(DataError, match=r"names none of the videos; it has 'x', the timelines '0001.mp4'"):
        read_labelled(table, TableColumns(targets=str(tmp_path / "other.csv"), target="result"))


def test_one_outcome_or_far_too_many_is_no_question(tmp_path):
    path = write(tmp_path / "t.csv", "video,label,outcome\na,jaw,x\nb,jaw,x\n")
    with pytest.raises(DataError, match="all videos have the outcome 'x'"):
        read_labelled(path)
    rows = "".join(f"v{i},jaw,{i / 7}\n" for i in range(30))
    with pytest.raises(DataError, match="30 different outcomes"):
        read_labelled(write(path, "video,label,outcome\n" + rows))
