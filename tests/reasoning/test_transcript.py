"""Transcripts: utterances with speakers from the three formats; lines are never gestures."""

from __future__ import annotations

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
