"""Transcripts: utterances with speakers from the three formats; lines are never gestures."""

from __future__ import annotations

import re

import pytest

from microgesture.errors import DataError
from microgesture.reasoning.transcript import Utterance, find_transcript, read_transcript

SRT = """1
00:00:01,000 --> 00:00:02,500
Anna Smith: Well (0.83), <i>we</i> lost.
It was hard.

2
00:00:03,000 --> 00:00:04,000
- Reporter: Why?
- Anna Smith: At 10:30 I was tired.
"""
VTT = """WEBVTT

NOTE not said

00:01.000 --> 00:02.500
<v Anna Smith>Well, we &amp; they lost.
"""
GRID = '''File type = "ooTextFile"
Object class = "TextGrid"
0
5
<exists>
2
"IntervalTier" "Anna" 0 5 2
0 2 "Well ""then"""
2 5 ""
"IntervalTier" "Bob" 0 5 1
1 3 "Why?"
'''


def test_subrip(tmp_path):
    (tmp_path / "a.srt").write_text(SRT)
    assert read_transcript(tmp_path / "a.srt") == (
        Utterance(1.0, 2.5, "Anna Smith", "Well (0.83), we lost. It was hard."),
        Utterance(3.0, 4.0, "Reporter", "Why?"),
        Utterance(3.0, 4.0, "Anna Smith", "At 10:30 I was tired."),
    )


def test_webvtt(tmp_path):
    (tmp_path / "a.vtt").write_text(VTT)
    assert read_transcript(tmp_path / "a.vtt") == (Utterance(1.0, 2.5, "Anna Smith", "Well, we & they lost."),)


def test_textgrid_tiers_are_speakers(tmp_path):
    (tmp_path / "a.TextGrid").write_text(GRID)
    assert read_transcript(tmp_path / "a.TextGrid") == (
        Utterance(0.0, 2.0, "Anna", 'Well "then"'),
        Utterance(1.0, 3.0, "Bob", "Why?"),
    )


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.srt", "hello", "not SubRip"),
        ("a.vtt", "hello", "not WebVTT"),
        ("a.TextGrid", "hello", "line 1"),
        ("a.srt", "1\nnow --> then\nhello\n", "is not a time"),
        ("a.srt", "", "nothing is said"),
        ("a.docx", "", "unknown format"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said):
        read_transcript(tmp_path / name)


def test_finding_one_in_a_folder(tmp_path):
    with pytest.raises(DataError, match="no transcript of 'v1'"):
        find_transcript(tmp_path, "v1")
    (tmp_path / "v1.srt").write_text(SRT)
    assert find_transcript(tmp_path, "v1").name == "v1.srt"
    (tmp_path / "v1.vtt").write_text(VTT)
    with pytest.raises(DataError, match="more than one"):
        find_transcript(tmp_path, "v1")
    with pytest.raises(DataError, match="no such file"):
        read_transcript(tmp_path / "nix.srt")


ROLLING = """WEBVTT
Kind: captions

00:00:00.160 --> 00:00:02.149 align:start position:0%
@
hello<00:00:00.400><c> and</c><00:00:00.640><c> welcome</c>

00:00:02.149 --> 00:00:02.159 align:start position:0%
hello and welcome
@

00:00:02.159 --> 00:00:04.870 align:start position:0%
hello and welcome
to<00:00:02.399><c> the show</c>

00:00:04.870 --> 00:00:04.880 align:start position:0%
to the show
@

00:00:06.000 --> 00:00:07.000 align:start position:0%
@
to<00:00:06.399><c> the show</c>
""".replace("@", " ")  # a line of one blank


def test_captions_that_roll_say_every_line_once_at_its_time(tmp_path):
    said = (
        Utterance(0.16, 2.149, "", "hello and welcome"),
        Utterance(2.159, 4.87, "", "to the show"),
        Utterance(6.0, 7.0, "", "to the show"),
    )
    (tmp_path / "a.vtt").write_text(ROLLING)
    assert read_transcript(tmp_path / "a.vtt") == said
    without_tags = re.sub(r"<[^>]*>| align.*", "", ROLLING.partition("captions\n\n")[2]).replace(".", ",")
    (tmp_path / "a.srt").write_text(without_tags)
    assert read_transcript(tmp_path / "a.srt") == said


def test_a_line_whose_words_light_up_is_one(tmp_path):
    lines = ["<u>I</u> was there", "I <u>was</u> there", "I was <u>there</u>"]
    cues = [f"00:0{n}.000 --> 00:0{n + 1}.000\n{line}\n\n" for n, line in enumerate([*lines, "<u>Yes</u>"], 1)]
    (tmp_path / "a.vtt").write_text("WEBVTT\n\n" + "".join(cues))
    assert read_transcript(tmp_path / "a.vtt") == (
        Utterance(1.0, 4.0, "", "I was there"),
        Utterance(4.0, 5.0, "", "Yes"),
    )


def test_what_is_said_twice_is_kept_twice(tmp_path):
    cues = [(1, 2, "No."), (2, 3, "No."), (3, 4, "No.\nI said no.")]
    (tmp_path / "a.srt").write_text(
        "".join(f"{i}\n00:00:0{a} --> 00:00:0{b}\n{text}\n\n" for i, (a, b, text) in enumerate(cues))
    )
    assert [u.text for u in read_transcript(tmp_path / "a.srt")] == ["No.", "No.", "No. I said no."]


@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
def test_no_word_is_lost(tmp_path, name):
    cues = (
        "00:00:01.000 --> 00:00:03.000\nI was not in the room,\n\nI only came --> later.\n\n"
        "{2}00:00:04 --> 00:00:06\n\nNobody told me anything.\n\n{3}00:00:07.5 --> 00:00:08.000\n[SPEAKER_01]: Fine.\n"
    )
    head = "WEBVTT\n\nfirst\n" if name == "a.vtt" else "1\n"
    (tmp_path / name).write_text(head + cues.replace("{2}", "2\n").replace("{3}", "3\n"))
    assert read_transcript(tmp_path / name) == (
        Utterance(1.0, 3.0, "", "I was not in the room, I only came --> later."),
        Utterance(4.0, 6.0, "", "Nobody told me anything."),
        Utterance(7.5, 8.0, "SPEAKER_01", "Fine."),
    )


@pytest.mark.parametrize(
    "line", ["[SPEAKER_00]: Hm.", "{\\an8}<i>[SPEAKER_00]</i>: Hm.", "SPEAKER_00: Hm.", "[SPEAKER_00] Hm."]
)
def test_speakers_of_a_diarisation(tmp_path, line):
    (tmp_path / "a.srt").write_text(f"1\n00:00:01,000 --> 00:00:01,000\n{line}\n")
    assert read_transcript(tmp_path / "a.srt") == (Utterance(1.0, 1.001, "SPEAKER_00", "Hm."),)
    (tmp_path / "a.srt").write_text("1\n00:00:01,000 --> 00:00:02,000\n[laughs] Hm.\n")
    assert read_transcript(tmp_path / "a.srt")[0].text == "[laughs] Hm."


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_letters_of_any_usual_encoding(tmp_path, encoding):
    text = "Je n\u2019\u00e9tais pas l\u00e0 \u2013 \u00ab vraiment \u00bb."
    (tmp_path / "a.srt").write_bytes(f"1\r\n00:00:01,000 --> 00:00:03,000\r\n{text}\r\n".encode(encoding))
    assert read_transcript(tmp_path / "a.srt")[0].text == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "a.json",
            '{"text": "x", "segments": [{"start": 0.5, "end": 2.0, "text": " I was.", "speaker": "SPEAKER_00"}]}',
        ),
        ("a.json", '{"segments": [{"start": 0.5, "end": 2, "text": " [SPEAKER_00]: I was."}]}'),
        ("a.json", '[{"start": 0.5, "end": 2, "text": "SPEAKER_00: I was."}]'),
        ("a.json", '{"chunks": [{"timestamp": [0.5, 2.0], "text": " SPEAKER_00: I was."}]}'),
        ("a.json", '{"transcription": [{"offsets": {"from": 500, "to": 2000}, "text": " [SPEAKER_00]: I was."}]}'),
        ("a.tsv", "start\tend\ttext\n500\t2000\tSPEAKER_00: I was.\n"),
        ("a.tsv", "start\tend\ttext\r\n0.5\t2.0\tSPEAKER_00: I was.\r\n"),
    ],
)
def test_what_whisper_writes(tmp_path, name, text):
    (tmp_path / name).write_text(text, newline="")
    assert read_transcript(tmp_path / name) == (Utterance(0.5, 2.0, "SPEAKER_00", "I was."),)
    assert find_transcript(tmp_path, "a").name == name
    (tmp_path / "a.srt").write_text(SRT)
    assert find_transcript(tmp_path, "a").name == "a.srt"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{", "not JSON"),
        ("a.json", '{"schema": "microgesture/timeline-1", "events": []}', "not a transcript: it has no segments"),
        ("a.json", '{"segments": [{"start": 2, "end": 1, "text": "x"}]}', "segment 1: from 2 to 1 is no stretch"),
        ("a.json", '{"segments": [{"start": NaN, "end": 1, "text": "x"}]}', "segment 1: from nan"),
        ("a.json", '{"segments": [{"start": 1, "end": 2}]}', "segment 1: has no text"),
        ("a.json", '{"segments": ["x"]}', "segment 1: has no text"),
        ("a.json", "[]", "nothing is said"),
        ("a.json", "5", "it has no segments"),
        ("a.json", '{"segments": null}', "it has no segments"),
        ("a.json", '{"segments": [{"text": "x"}]}', "segment 1: from None to None"),
        ("a.tsv", "video\tlabel\n", "line 1: not a transcript"),
        ("a.tsv", "start\tend\ttext\n1\t2\n", "line 2: is not start, end and text"),
        ("a.tsv", "start\tend\ttext\none\t2\tx\n", "line 2: 'one' to '2' are no times"),
        ("a.srt", "1\n00:00:01 --> 00:00:02\nx\n\n00:00:03 --> soon\ny\n", "line 5: 'soon' is not a time"),
    ],
)
def test_a_bad_transcript_is_one_line_with_its_name(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read_transcript(tmp_path / name)
    assert name in str(caught.value)
