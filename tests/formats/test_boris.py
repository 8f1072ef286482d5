import pytest
from random_timelines import random_timeline

from microgesture import DataError, GestureEvent, Media, Timeline, formats

HEADER = "Observation id,Subject,Behavior,Behavior type,Start (s),Stop (s),Duration (s)\n"


def test_the_columns_of_boris(tmp_path):
    one = Timeline((GestureEvent(0.5, 1.75, "Touching jaw, left"),), Media("a.mp4"))
    path = formats.write(one, tmp_path / "t.boris.csv")
    assert path.read_text() == HEADER + 'a.mp4,P1,"Touching jaw, left",STATE,0.500,1.750,1.250\n'
    assert formats.read(path) == one


@pytest.mark.parametrize("seed", range(5))
def test_any_timeline_comes_back(tmp_path, seed):
    timeline = random_timeline(seed)
    back = formats.read(formats.write(timeline, tmp_path / "t.boris.csv"))
    assert sorted((round(e.start, 3), e.label, e.person) for e in back) == sorted(
        (round(e.start, 3), e.label, e.person) for e in timeline
    )


def test_points_and_more_columns(tmp_path):
    (path := tmp_path / "t.boris.csv").write_text(
        "Observation id,Total length,Subject,Behavior,Start (s),Stop (s)\no,9,,Nod,1.5,1.5\n"
    )
    assert formats.read(path)[0] == GestureEvent(1.5, 1.501, "Nod")


EXPORTED = (
    "Observation id,Media duration (s),Subject,Behavior,Behavior type,Start (s),Stop (s),Duration (s),Media file name\n"
    "obs1,120.0,Ann,Touching jaw,STATE,3.2,4.1,0.900,int.mp4\n"
    "obs1,120.0,Ann,Blink,POINT,6.0,6.0,NA,int.mp4\n"
    "obs1,120.0,Ann,Nod,POINT,7.0,NA,NA,int.mp4\n"
    "obs1,120.0,No focal subject,Folding arms,STATE,8.0,9.5,1.500,int.mp4\n"
)


@pytest.mark.parametrize("name", ["agg.csv", "agg.TSV", "agg.txt", "t.boris.csv"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_an_export_is_known_by_its_header_whatever_its_name(tmp_path, name, separator):
    text = EXPORTED.replace(",", separator)
    (tmp_path / name).write_text(text.replace(".", ",").replace("int,mp4", "int.mp4") if separator == ";" else text)
    timeline = formats.read(tmp_path / name)
    assert timeline.media == Media("int.mp4", 120.0)
    assert [(e.start, e.end, e.label, e.person) for e in timeline] == [
        (3.2, 4.1, "Touching jaw", "Ann"),
        (6.0, 6.001, "Blink", "Ann"),
        (7.0, 7.001, "Nod", "Ann"),
        (8.0, 9.5, "Folding arms", "P1"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n", r"line 1: the header lacks Behavior, Start \(s\), Stop \(s\)"),
        (HEADER + "o,P1,x,STATE,1,,\n", r"line 2: Stop \(s\) '' is not a number"),
        (HEADER + "o,P1,x,STATE,2,1,\n", "line 2: .*must end after it starts"),
        (HEADER + "o,P1,,STATE,1,2,\n", "line 2: no behavior"),
        (HEADER + "o,P1,x,STATE,1,2,1\np,P1,x,STATE,1,2,1\n", "holds 2 observations"),
    ],
)
def test_a_bad_file_is_one_line_with_its_name(tmp_path, text, said):
    (path := tmp_path / "t.boris.csv").write_text(text)
    with pytest.raises(DataError, match=rf"t\.boris\.csv: {said}"):
        formats.read(path)


def test_names_that_are_no_utf8_and_capitals_in_extensions(tmp_path):
    odd = Timeline((GestureEvent(0, 1, "a\udcff"),), Media("b\udcff.mp4"))
    for extension in ("JSON", "csv", "boris.csv", "EAF", "vtt", "SRT", "TEXTGRID"):
        assert len(formats.read(formats.write(odd, tmp_path / f"t.{extension}"))) == 1


def test_the_media_of_older_versions_and_the_export_that_is_not_aggregated(tmp_path):
    (path := tmp_path / "old.csv").write_text(
        "Observation id,Media file,Subject,Behavior,Behavior type,Start (s),Stop (s)\n"
        "o1,int.mp4,Ann,Jaw,STATE,3.0,4.0\no1,int.mp4,Ann,Blink,POINT,6.0,NA\n"
    )
    assert formats.read(path).media.file == "int.mp4"
    (path := tmp_path / "tab.tsv").write_text(
        "Observation id\tSubject\tBehavior\tBehavior type\tTime\no1\tAnn\tJaw\tSTART\t1\no1\tAnn\tJaw\tSTOP\t2\n"
    )
    with pytest.raises(DataError, match=r"tab\.tsv: BORIS's tabular events, .*: export 'aggregated events'"):
        formats.read(path)
