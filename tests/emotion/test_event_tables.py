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


def test_boris_export_of_aggregated_events(tmp_path):
    header = "Observation id,Media duration (s),FPS,Subject,Behavior,Behavior type,Start (s),Stop (s),Duration (s)\n"
    rows = "o1,60.5,25,No focal subject,jaw,STATE,1,2,1\no1,60.5,25,No focal subject,neck,POINT,4,NA,NA\n"
    path = write(tmp_path / "t.csv", header + rows)
    found = events(path)
    timeline = found.timelines["o1"]
    assert [(e.label, e.start) for e in timeline] == [("jaw", 1.0), ("neck", 4.0)]
    assert timeline.duration == 60.5
    assert found.facts["subject"] == {}
    text = "Observation id,Time,Behavior,Behavior type\no1,1,jaw,START\no1,2,jaw,STOP\n"
    with pytest.raises(DataError, match="says START and STOP in rows of their own"):
        events(write(path, text))


@pytest.mark.parametrize(
    ("start", "end", "cells"),
    [
        ("Onset [s]", "Offset [s]", "1,5;2,5"),
        ("Onset (ms)", "Offset (ms)", "1500;2500"),
        ("start_ms", "end_ms", "1500;2500"),
        ("Begin Time - msec", "End Time - msec", "1500;2500"),
        ("Begin Time - hh:mm:ss.ms", "End Time - hh:mm:ss.ms", "00:00:01.500;00:00:02.500"),
        ("Begin Time - ss.msec", "End Time - ss.msec", "1.5;2.5"),
    ],
)
def test_units_in_the_header(tmp_path, start, end, cells):
    path = write(tmp_path / "t.csv", f"File Name;Participant;{start};{end};Annotation\na.eaf;P1;{cells};jaw\n")
    (event,) = events(path).timelines["a.eaf"]
    assert (event.start, event.end) == (1.5, 2.5)


def test_frames_need_their_rate(tmp_path):
    path = write(tmp_path / "t.csv", "video,label,start_frame,end_frame\na,jaw,25,50\n")
    with pytest.raises(DataError, match="row 2: start_frame counts frames: give --fps"):
        events(path)
    assert events(path, fps=25.0).timelines["a"].duration == 2.0


def test_lists_in_the_cells_are_no_delimiters(tmp_path):
    path = write(tmp_path / "t.csv", "v1,jaw; neck; jaw; arm,win\nv2,jaw; neck,lose\n")
    found = events(path, video="0", label="1", target="2")
    assert labels(found.timelines["v1"]) == ["jaw", "neck", "jaw", "arm"]
    said = events(write(path, 'video,gestures\nv1,"jaw, neck"\nv2,"neck, jaw"\nv3,"jaw, neck, jaw"\n')).remarks
    assert "'jaw, neck' is taken as one gesture: --separator , makes several of it" in said


def test_trials_are_counted_from_one_for_each_person(tmp_path):
    rows = "".join(f"S{s},{t},jaw,{'xy'[(s + t) % 2]}\n" for s in range(3) for t in (1, 2))
    path = write(tmp_path / "t.csv", "subject,trial,gesture,outcome\n" + rows)
    found = read_labelled(path)
    assert found.names == ["S0 1", "S0 2", "S1 1", "S1 2", "S2 1", "S2 2"]
    assert found.subjects == ["S0", "S0", "S1", "S1", "S2", "S2"]
    assert "one trial is of several people" in found.remarks[0]
    write(tmp_path / "events.csv", "subject,trial,gesture\n" + rows.replace(",x", "").replace(",y", ""))
    apart = read_labelled(tmp_path / "events.csv", TableColumns(targets=str(path)))
    assert (apart.names, apart.outcomes) == (found.names, found.outcomes)
    misspelt = "video,subject,gesture\na,S1,jaw\na,S11,jaw\nb,S2,jaw\n"
    with pytest.raises(DataError, match="video 'a' has two values of subject: 'S1' and 'S11'"):
        events(write(path, misspelt))


def test_the_outcome_is_no_gesture(tmp_path):
    rows = "".join(f"v{i},{i % 3 % 2},{i % 4},{i % 30 + 18},{'ab'[i % 2]},{i % 2},{i % 2}\n" for i in range(40))
    path = write(tmp_path / "t.csv", "id,Smile,Nod,age,class,deceptive,label\n" + rows)
    for target in ("", "label", "deceptive"):
        found = events(path, target=target)
        assert {label for t in found.timelines.values() for label in labels(t)} == {"Smile", "Nod"}
    assert "column deceptive is not taken as a gesture: says the same as class" in events(path).remarks
    with pytest.raises(DataError, match="column 'label' cannot be both gesture and outcome"):
        events(path, target="label", label="label")
    both = write(tmp_path / "both.csv", "video,class\na,jaw\na,neck\nb,jaw\n")
    targets = write(tmp_path / "targets.csv", "video,class\na,lie\nb,truth\n")
    found = read_labelled(both, TableColumns(label="class", targets=str(targets)))
    assert (labels(found.timelines[0]), found.outcomes) == (["jaw", "neck"], ["lie", "truth"])


def test_what_r_writes_for_nothing_and_rows_that_stand_twice(tmp_path):
    text = "id,Smile,Nod,class\na,1,NA,lie\nb,0,1,truth\nb,0,1,truth\nc,1,1,NA\nd,0,0,NA\n"
    found = read_labelled(write(tmp_path / "t.csv", text))
    assert (found.names, found.outcomes) == (["a", "b"], ["lie", "truth"])
    assert [labels(t) for t in found.timelines] == [["Smile"], ["Nod"]]
    assert "1 rows stand in the table twice: each is counted once" in found.remarks
    untimed = "video,label,outcome\na,jaw,x\na,jaw,x\n"  # a gesture may be seen twice
    assert labels(events(write(tmp_path / "t.csv", untimed)).timelines["a"]) == ["jaw", "jaw"]


def test_names_written_otherwise_meet_unless_they_would_be_confused(tmp_path):
    table = write(tmp_path / "events.csv", "video,gesture\nInterview 01.MP4,a\nInterview 02.MP4,b\n")
    targets = write(tmp_path / "targets.csv", "video,outcome\ninterview_1,x\ninterview_2,y\n")
    assert read_labelled(table, TableColumns(targets=str(targets))).outcomes == ["x", "y"]
    write(table, "video,gesture\nv1,a\nv01,b\nv2,a\n")
    write(targets, "video,outcome\nv1,x\nv01,y\n")
    assert read_labelled(table, TableColumns(targets=str(targets))).outcomes == ["x", "y"]


def test_columns_that_only_the_table_of_targets_has(tmp_path):
    table = write(tmp_path / "events.csv", "video,gesture\na,jaw\nb,neck\nc,jaw\n")
    targets = write(tmp_path / "targets.csv", "clipname,who,mood\na,s1,x\nb,s2,y\nc,s1,x\n")
    named = TableColumns(targets=str(targets), video="clipname", subject="who", target="mood")
    found = read_labelled(table, named)
    assert (found.subjects, found.outcomes) == (["s1", "s2", "s1"], ["x", "y", "x"])
    with pytest.raises(DataError, match="no column 'whom' for subject"):
        read_labelled(table, TableColumns(targets=str(targets), subject="whom", target="mood", video="clipname"))


def test_outcomes_and_people_that_differ_in_capitals_are_one(tmp_path):
    ways = ["won", "Won", "WON ", "won", "lost", "Lost", "LOST", "lost"]
    rows = "".join(f"v{i},jaw,{'sS'[i % 2]}{i // 2},{way}\n" for i, way in enumerate(ways))
    table = write(tmp_path / "t.csv", "video,gesture,subject,outcome\n" + rows)
    found = read_labelled(table)
    assert found.outcomes == ["won"] * 4 + ["lost"] * 4
    assert found.subjects == ["s0", "s0", "s1", "s1", "s2", "s2", "s3", "s3"]
    assert any(
        "outcomes that differ in capitals or blanks are one: 'Won' as 'won', 'WON' as 'won'" in r for r in found.remarks
    )
    events_alone = write(
        tmp_path / "events.csv", "".join(f"{','.join(r.split(',')[:2])}\n" for r in table.read_text().splitlines())
    )
    assert read_labelled(events_alone, TableColumns(targets=str(table))).outcomes == found.outcomes
    twice = write(tmp_path / "t.csv", "video,gesture,outcome\na,jaw,won\na,neck,Won\nb,jaw,lost\n")
    assert read_labelled(twice).outcomes == ["won", "lost"]
    rows = "".join(
        f"v{i},{i % 3 % 2},{i % 4},{i % 2},{['won', 'Won', 'lost', 'LOST'][i % 2 * 2 + i // 2 % 2]}\n"
        for i in range(24)
    )
    said = events(write(tmp_path / "t.csv", "video,Smile,Nod,code,outcome\n" + rows)).remarks
    assert "column code is not taken as a gesture: says the same as outcome" in said


HEADLESS = "Gestures\t\t0:01.0\t1.0\t0:02.0\t2.0\tjaw\ta.eaf\nGestures\t\t0:03.0\t3.0\t0:04.5\t4.5\tneck\tb.eaf\n"
BY_POSITION = {"video": "7", "label": "6", "start": "3", "end": "5"}


@pytest.mark.parametrize(
    ("targets", "columns"),
    [
        ("video,subject,outcome\na.eaf,s1,x\nb.eaf,s2,y\n", {}),
        ("clip;who;mood\na.mp4;s1;x\nb.mp4;s2;y\n", {"subject": "who", "target": "mood"}),
        ("s1,a,x\ns2,b,y\n", {"subject": "0", "target": "2"}),
    ],
)
def test_one_table_by_position_the_other_by_name(tmp_path, targets, columns):
    path = write(tmp_path / "events.txt", HEADLESS)
    beside = write(tmp_path / "targets.csv", targets.replace("clip", "video"))
    found = read_labelled(path, TableColumns(targets=str(beside), **BY_POSITION, **columns))
    assert (found.names, found.outcomes, found.subjects) == (["a.eaf", "b.eaf"], ["x", "y"], ["s1", "s2"])
    assert [(e.label, e.start, e.end) for t in found.timelines for e in t] == [("jaw", 1.0, 2.0), ("neck", 3.0, 4.5)]


def test_events_by_name_and_outcomes_by_position(tmp_path):
    path = write(tmp_path / "events.csv", "video,label\na,jaw\nb,neck\n")
    beside = write(tmp_path / "targets.csv", "x,1,a.mp4\ny,2,b.mp4\n")
    found = read_labelled(path, TableColumns(targets=str(beside), target="0"))
    assert (found.names, found.outcomes) == (["a", "b"], ["x", "y"])


def test_accents_composed_in_one_table_and_not_in_the_other(tmp_path):
    path = write(tmp_path / "events.csv", "video,label\nMu\u0308ller 1,Be\u0301at\nZoe,jaw\n")
    beside = write(tmp_path / "targets.csv", "video,outcome,subject\nM\u00fcller 1.mp4,x,M\u00fcller\nZoe,y,Zoe\n")
    found = read_labelled(path, TableColumns(targets=str(beside)))
    assert found.outcomes == ["x", "y"]
    assert not any("left out" in remark for remark in found.remarks)
    assert labels(found.timelines[0]) == ["B\u00e9at"]
