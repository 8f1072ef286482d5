import re
import time
from itertools import pairwise

import pytest
from random_timelines import LABELS, random_timeline

from microgesture import DataError, GestureEvent, Timeline, formats

TWO = Timeline(
    (
        GestureEvent(1.0, 4.0, "Folding arms", 1, 0.834, person="P1"),
        GestureEvent(2.5, 3.0, "Shaking leg", 2, 0.5, person="P2"),
    )
)


def facts(timeline):
    return [(round(e.start, 3), round(e.end, 3), e.label, e.person, e.confidence) for e in timeline]


def times(text):
    found = re.findall(r"(\d+):(\d\d):(\d\d)[.,](\d{3}) --> (\d+):(\d\d):(\d\d)[.,](\d{3})", text)
    return [
        tuple(sum(int(v) * k for v, k in zip(p, (3600000, 60000, 1000, 1), strict=True)) for p in (t[:4], t[4:]))
        for t in found
    ]


def test_what_is_on_screen_at_once_is_one_cue(tmp_path):
    assert formats.write(TWO, tmp_path / "t.vtt").read_text("utf-8") == (
        "WEBVTT\n\n"
        "00:00:01.000 --> 00:00:02.500\nP1: Folding arms (0.83)\n\n"
        "00:00:02.500 --> 00:00:03.000\nP1: Folding arms (0.83)\nP2: Shaking leg (0.50)\n\n"
        "00:00:03.000 --> 00:00:04.000\nP1: Folding arms (0.83)\n"
    )
    assert formats.write(TWO, tmp_path / "t.srt").read_text("utf-8") == (
        "1\n00:00:01,000 --> 00:00:02,500\nP1: Folding arms (0.83)\n\n"
        "2\n00:00:02,500 --> 00:00:03,000\nP1: Folding arms (0.83)\nP2: Shaking leg (0.50)\n\n"
        "3\n00:00:03,000 --> 00:00:04,000\nP1: Folding arms (0.83)\n"
    )


@pytest.mark.parametrize("extension", ["vtt", "srt"])
def test_the_same_events_come_back(tmp_path, extension):
    back = formats.read(formats.write(TWO, tmp_path / f"t.{extension}"))
    assert facts(back) == [(1.0, 4.0, "Folding arms", "P1", 0.83), (2.5, 3.0, "Shaking leg", "P2", 0.5)]
    touching = Timeline(
        (GestureEvent(0, 1, "a"), GestureEvent(1, 2, "a"), GestureEvent(2, 3, "b"), GestureEvent(2, 3, "a"))
    )
    assert facts(formats.read(formats.write(touching, tmp_path / f"u.{extension}"))) == facts(touching)


@pytest.mark.parametrize("extension", ["vtt", "srt"])
@pytest.mark.parametrize("seed", range(25))
def test_cues_never_overlap_and_any_timeline_comes_back(tmp_path, extension, seed):
    timeline = random_timeline(seed, clean=True)
    path = formats.write(timeline, tmp_path / f"t.{extension}")
    text = path.read_text("utf-8")
    shown = times(text)
    assert all(start < end for start, end in shown)
    assert all(a[1] <= b[0] for a, b in pairwise(shown))
    assert text.count("-->") == len(shown)
    wanted = [
        (round(e.start * 1000), max(round(e.end * 1000), round(e.start * 1000) + 1), e.label, e.person)
        for e in timeline
    ]
    back = [(round(e.start * 1000), round(e.end * 1000), e.label, e.person) for e in formats.read(path)]
    assert sorted(back) == sorted(wanted)


@pytest.mark.parametrize("extension", ["vtt", "srt"])
def test_no_text_is_taken_for_markup(tmp_path, extension):
    awkward = [*LABELS, "-->", "--->x", "&lt;b&gt;", "WEBVTT", "NOTE x", "1", "two\n\nlines", "(0.5)", "a: b (c)"]
    timeline = Timeline(tuple(GestureEvent(i, i + 0.5, label, None, 0.25) for i, label in enumerate(awkward)))
    path = formats.write(timeline, tmp_path / f"t.{extension}")
    text = path.read_text("utf-8")
    assert text.count("-->") == len(awkward)
    assert "<b>" not in text
    assert [e.label for e in formats.read(path)] == [" ".join(label.split()) for label in awkward]


def test_more_than_99_hours(tmp_path):
    late = Timeline((GestureEvent(360_000.5, 360_001.0, "a"),))
    path = formats.write(late, tmp_path / "t.vtt")
    assert "100:00:00.500 --> 100:00:01.000" in path.read_text()
    assert facts(formats.read(path)) == facts(late)


def test_no_events(tmp_path):
    assert formats.write(Timeline(), tmp_path / "t.vtt").read_text() == "WEBVTT\n"
    assert formats.read(tmp_path / "t.vtt") == formats.read(formats.write(Timeline(), tmp_path / "t.srt")) == Timeline()


def test_subtitles_of_other_tools(tmp_path):
    (path := tmp_path / "a.vtt").write_text(
        "\ufeffWEBVTT - talk\r\nKind: captions\r\n\r\nNOTE\r\n00:00.000 --> 00:09.000 no cue\r\n\r\n"
        "STYLE\r\n::cue {}\r\n\r\n"
        "intro\r\n00:01.000 --> 00:02.000 line:0 align:start\r\n<v.loud Ann>Nod &amp; <i>smile</i>\r\n\r\n"
        "01:00:03.000\t-->\t01:00:04.250\r\n- Wave\r\n",
        "utf-8",
        newline="",
    )
    assert facts(formats.read(path)) == [(1.0, 2.0, "Nod & smile", "Ann", 1.0), (3603.0, 3604.25, "- Wave", "P1", 1.0)]
    (path := tmp_path / "a.srt").write_bytes("1\n00:00:01,5 --> 0:00:02.000\n<i>Nod</i>\n\n\n2\n".encode("utf-16"))
    assert facts(formats.read(path)) == [(1.5, 2.0, "Nod", "P1", 1.0)]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.vtt", "hello", "line 1: not WebVTT"),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> soon\nx\n", "line 3: 'soon' is not a time"),
        ("a.vtt", "WEBVTT\n\n00:03.000 --> 00:01.000\nx\n", "line 3: ends before it starts"),
        ("a.srt", "hello\n", "line 1: not SubRip"),
        ("a.srt", "1\n--> 00:00:01,000\nx\n", "line 2: '' is not a time"),
    ],
)
def test_a_bad_file_is_one_line_with_its_name(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        formats.read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text(tmp_path):
    (tmp_path / "a.srt").write_bytes(b"1\n\0\xff\x80")
    with pytest.raises(DataError, match=r"a\.srt: not a text file"):
        formats.read(tmp_path / "a.srt")


def test_blank_lines_arrows_and_numbers_within_a_text(tmp_path):
    (path := tmp_path / "a.srt").write_text(
        "1\n00:00:01 --> 00:00:02,25\nNod\n\n \nat once --> again\n\n2\n00:00:03,000 --> 00:00:04,000\nHow many?\n5\n\n"
        "00:00:05,000 --> 00:00:06,000\nNo number above\n\n7\n"
    )
    assert facts(formats.read(path)) == [
        (1.0, 2.25, "Nod", "P1", 1.0),
        (1.0, 2.25, "at once --> again", "P1", 1.0),
        (3.0, 4.0, "5", "P1", 1.0),
        (3.0, 4.0, "How many?", "P1", 1.0),
        (5.0, 6.0, "No number above", "P1", 1.0),
    ]
    path.write_text("1\n00:00:01,000 --> 00:00:02,000\nNod\n\n2\nsoon --> later\nWave\n")
    with pytest.raises(DataError, match=r"a\.srt: line 6: 'soon' is not a time"):
        formats.read(path)


@pytest.mark.parametrize(("suffix", "mark"), [(".vtt", "<"), (".vtt", "<!--"), (".srt", "<b "), (".srt", "{\\")])
def test_many_beginnings_of_tags_are_read_in_no_time(tmp_path, suffix, mark):
    path, cue = tmp_path / f"a{suffix}", "1\n00:00:00{0}000 --> 00:00:01{0}000\nx"
    text = "WEBVTT\n\n" + cue.format(".") if suffix == ".vtt" else cue.format(",")
    path.write_text(text + mark * 200_000)
    began = time.monotonic()
    assert len(formats.read(path)) == 1
    assert time.monotonic() - began < 10
