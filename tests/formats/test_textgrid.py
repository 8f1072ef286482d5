from itertools import pairwise

import pytest
from random_timelines import random_timeline

from microgesture import DataError, GestureEvent, Media, Timeline, formats
from microgesture.formats import textgrid

ONE = Timeline((GestureEvent(0.5, 1.25, 'Say "a"', None, 0.8),), Media(duration=2.0))
SHORT = '''File type = "ooTextFile short"
"TextGrid"

0
2.5
<exists>
2
"IntervalTier"
"Mary ""M"""
0
2.5
3
0
1
""
1
1.75
"nod ! no comment"
1.75
2.5
""
"TextTier"
"bell"
0
2.5
1
1.5
"ding"
'''


def facts(timeline):
    return [(round(e.start, 3), round(e.end, 3), e.label, e.person, e.confidence) for e in timeline]


def test_the_long_form_tiles_the_duration(tmp_path):
    text = formats.write(ONE, tmp_path / "t.TextGrid").read_text("utf-8")
    assert text.startswith(
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 2\n'
        "tiers? <exists>\nsize = 2\nitem []:\n"
        '    item [1]:\n        class = "IntervalTier"\n        name = "MG@P1"\n        xmin = 0\n        xmax = 2\n'
        "        intervals: size = 3\n        intervals [1]:\n            xmin = 0\n            xmax = 0.5\n"
        '            text = ""\n        intervals [2]:\n            xmin = 0.5\n            xmax = 1.25\n'
        '            text = "Say ""a"""\n        intervals [3]:\n            xmin = 1.25\n            xmax = 2\n'
        '            text = ""\n'
    )


@pytest.mark.parametrize("seed", range(25))
def test_any_timeline_tiles_and_comes_back(tmp_path, seed):
    timeline = random_timeline(seed, clean=True)
    path = formats.write(timeline, tmp_path / "t.textgrid")
    duration, tiers = textgrid.GridReader(path.read_text("utf-8"), "t").grid()
    assert duration >= 20
    for intervals in tiers.values():
        assert intervals[0].start == 0
        assert intervals[-1].end == duration
        assert all(a.end == b.start for a, b in pairwise(intervals))
        assert all(i.start < i.end for i in intervals)
    ms = [(round(e.start * 1000), max(round(e.end * 1000), round(e.start * 1000) + 1), e) for e in timeline]
    wanted = sorted((a / 1000, b / 1000, e.label, e.person, e.confidence) for a, b, e in ms)
    assert sorted(facts(formats.read(path))) == wanted
    assert formats.read(path).duration == duration


def test_no_events_are_one_empty_tier(tmp_path):
    path = formats.write(Timeline(), tmp_path / "t.TextGrid")
    assert 'name = "MG@P1"' in path.read_text()
    assert len(formats.read(path)) == 0
    assert formats.read(formats.write(Timeline(media=Media(duration=3.5)), path)).duration == 3.5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_the_short_form_in_every_encoding(tmp_path, encoding):
    (path := tmp_path / "m.TextGrid").write_bytes(SHORT.replace("nod", "nöd").encode(encoding))
    read = formats.read(path)
    assert read.duration == 2.5
    assert [(e.start, e.end, e.label, e.annotator) for e in read] == [
        (1.0, 1.75, "nöd ! no comment", 'Mary "M"'),
        (1.5, 1.501, "ding", "bell"),
    ]


def test_comments_and_windows_line_ends(tmp_path):
    text = SHORT.replace("<exists>", "<exists> ! there are 7 tiers").replace("\n", "\r\n")
    (path := tmp_path / "m.TextGrid").write_bytes(text.encode())
    assert len(formats.read(path)) == 2


def test_a_grid_of_points_alone(tmp_path):
    text = SHORT[: SHORT.index('"IntervalTier"')].replace("\n2\n", "\n1\n")
    (path := tmp_path / "m.TextGrid").write_text(text + '"TextTier"\n"MG@Ann"\n0\n2.5\n2\n0.4\n"nod"\n2.5\n"jaw"\n')
    assert [(e.start, e.end, e.label, e.person) for e in formats.read(path)] == [
        (0.4, 0.401, "nod", "Ann"),
        (2.5, 2.501, "jaw", "Ann"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file ends where a TextGrid should stand"),
        ("ooBinaryFile", "ends where a TextGrid"),
        ('File type = "ooTextFile"\nObject class = "Sound"', "line 2: not a TextGrid"),
        (SHORT[: SHORT.index("1.75\n2.5")], "the file ends where"),
        (SHORT.replace("\n1\n1.75", '\n"x"\n1.75'), "line 16: a time should stand here, not 'x'"),
        (SHORT.replace("\n3\n0\n", "\n2.5\n0\n"), "line 12: size should be a whole number"),
        (SHORT.replace('"TextTier"', '"Tier"'), "unknown class of tier 'Tier'"),
        (SHORT.replace("1\n1.75\n", "1.75\n1\n"), "line 18: .*must end after it starts"),
    ],
)
def test_a_bad_file_is_one_line_with_its_name(tmp_path, text, said):
    (path := tmp_path / "m.TextGrid").write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        formats.read(path)
    assert "m.TextGrid" in str(caught.value)
    assert "\n" not in str(caught.value)
