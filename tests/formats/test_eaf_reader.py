import pytest
from human_eaf import HUMAN, OLD

from microgesture import DataError, GestureEvent, Media, Timeline, formats
from microgesture.formats.eaf import read_eaf
from microgesture.formats.eaf_reader import Document


@pytest.fixture
def human(tmp_path):
    path = tmp_path / "zoe.eaf"
    path.write_text(HUMAN, "utf-8", newline="")
    return path


def facts(timeline):
    return [(round(e.start * 1000), round(e.end * 1000), e.label) for e in timeline]


def document(path, slots, tiers, header="<HEADER/>"):
    path.write_text(
        f'<ANNOTATION_DOCUMENT FORMAT="2.8">{header}<TIME_ORDER>{slots}</TIME_ORDER>{tiers}</ANNOTATION_DOCUMENT>'
    )
    return path


def slots(*times):
    def one(i, t):
        value = "" if t is None else f' TIME_VALUE="{t}"'
        return f'<TIME_SLOT TIME_SLOT_ID="s{i}"{value}/>'

    return "".join(one(i, t) for i, t in enumerate(times))


def tier(name, *annotations, more=""):
    inside = "".join(
        f'<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}{a}" TIME_SLOT_REF1="s{a}" TIME_SLOT_REF2="s{b}">'
        f"<ANNOTATION_VALUE>{name}{a}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for a, b in annotations
    )
    return f'<TIER TIER_ID="{name}" LINGUISTIC_TYPE_REF="t" {more}>{inside}</TIER>'


def test_a_humans_file_without_our_tiers_gives_all_tiers_with_times(tmp_path, human):
    human.write_text(HUMAN.replace("MG-confidence@P1", "Other"), "utf-8")
    read = formats.read(human)
    assert facts(read) == [(0, 100, "Nods"), (100, 1000, "so & then\r\n he   left"), (2500, 3250, "<uh>")]
    assert [(e.person, e.annotator) for e in read] == [("P1", "Nods"), ("Ann", "Zoë"), ("Ann", "Zoë")]
    assert read.media.file == "C:/V/my talk.mp4"


def test_chosen_tiers_with_slots_that_have_no_time(human):
    assert facts(read_eaf(human, ["Words"])) == [(100, 400, "so"), (400, 700, "then"), (700, 1000, "left")]
    assert facts(read_eaf(human, ["Parts"])) == [(400, 550, "first"), (550, 700, "second")]
    assert len(read_eaf(human, ["Words", "Nods"])) == 4
    with pytest.raises(DataError, match=r"zoe\.eaf: no tier 'Hands'; there are 'Speech > Ann'"):
        read_eaf(human, ["Hands"])


def test_slots_on_a_tier_without_a_parent_share_the_list(tmp_path):
    path = document(tmp_path / "a.eaf", slots(0, None, None, 1000), tier("A", (0, 1), (2, 3)))
    assert facts(formats.read(path)) == [(0, 333, "A0"), (666, 1000, "A2")]


def test_slots_on_a_child_tier_share_the_parents_time_whatever_else_is_in_the_list(tmp_path):
    child = tier("B", (0, 1), (1, 3), more='PARENT_REF="A"')
    grandchild = tier("C", (0, 4), (4, 1), more='PARENT_REF="B"')
    path = document(tmp_path / "a.eaf", slots(0, None, 100, 1000, None), tier("A", (0, 3)) + child + grandchild)
    assert facts(read_eaf(path, ["B"])) == [(0, 500, "B0"), (500, 1000, "B1")]
    assert facts(read_eaf(path, ["C"])) == [(0, 250, "C0"), (250, 500, "C4")]


def test_version_2_7_in_another_encoding(tmp_path):
    (path := tmp_path / "alt.eaf").write_bytes(OLD.encode("latin-1"))
    assert facts(formats.read(path)) == [(10, 20, "Kopfschütteln")]
    path.write_bytes(OLD.replace("ISO-8859-1", "UTF-16").encode("utf-16"))
    assert facts(formats.read(path)) == [(10, 20, "Kopfschütteln")]


def test_the_medias_origin_and_the_units_count(tmp_path):
    header = '<HEADER><MEDIA_DESCRIPTOR MEDIA_URL="file:///a.mp4" MIME_TYPE="x" TIME_ORIGIN="5000"/></HEADER>'
    path = document(tmp_path / "a.eaf", slots(0, 1000), tier("A", (0, 1)), header)
    assert facts(formats.read(path)) == [(5000, 6000, "A0")]
    path = document(tmp_path / "b.eaf", slots(0, 25), tier("A", (0, 1)), '<HEADER TIME_UNITS="PAL-frames"/>')
    assert facts(formats.read(path)) == [(0, 1000, "A0")]


def test_an_annotation_of_no_length_keeps_a_millisecond(tmp_path):
    assert facts(formats.read(document(tmp_path / "a.eaf", slots(5, 5), tier("A", (0, 1))))) == [(5, 6, "A0")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: not XML"),
        ("<ANNOTATION_DOCUMENT>\n<HEADER>\n</WRONG>", "line 3: not XML"),
        ("<html/>", "not an ELAN file: its root is <html>"),
        ("<ANNOTATION_DOCUMENT><HEADER/></ANNOTATION_DOCUMENT>", "no TIME_ORDER"),
        (HUMAN.replace('REF2="ts5"', 'REF2="ts99"'), "annotation a1: no time slot 'ts99'"),
        (HUMAN.replace('TIME_VALUE="1000"', 'TIME_VALUE="1.5"'), "time slot ts5 is '1.5', not a whole number"),
        (HUMAN.replace('TIME_VALUE="1000"', 'TIME_VALUE="50"'), "annotation a1: ends at 50 ms, before its start 100"),
        ('<?xml version="1.0" encoding="latin-77"?><a/>', "cannot be read as latin-77"),
    ],
)
def test_a_broken_file_is_one_line_with_its_name(tmp_path, text, said):
    (path := tmp_path / "broken.eaf").write_text(text.replace("MG-confidence@P1", "Other"), "utf-8")
    with pytest.raises(DataError, match=said) as caught:
        formats.read(path)
    assert "broken.eaf" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_confidence_in_a_reviewed_file_is_named(tmp_path):
    from microgesture import GestureEvent, Timeline

    path = formats.write(Timeline((GestureEvent(0, 1, "a", None, 0.5),)), tmp_path / "t.eaf")
    text = path.read_text("utf-8")
    path.write_text(text.replace(">0.500<", ">0,25<"))
    assert formats.read(path)[0].confidence == 0.25
    for wrong in ("high", "1.5"):
        path.write_text(text.replace(">0.500<", f">{wrong}<"))
        with pytest.raises(DataError, match=rf"t\.eaf: tier 'MG@P1', annotation a1: .*{wrong}"):
            formats.read(path)


@pytest.mark.parametrize("name", ["my talk #3.mp4", "50%25 off.mp4", "50%25.mp4", "Zoë's.mp4", "plain.mp4"])
@pytest.mark.parametrize("form", ["as it is", "as a URL"])
def test_names_are_those_of_the_files(tmp_path, name, form):
    """ELAN writes names as they are; a URL of another program's is known when it names a file, or cannot be a name."""
    (tmp_path / name).touch()
    url = (tmp_path / name).as_uri() if form == "as a URL" else f"file://{tmp_path / name}"
    header = f'<HEADER><MEDIA_DESCRIPTOR MEDIA_URL="{url}" MIME_TYPE="video/mp4"/></HEADER>'
    (path := tmp_path / "a.eaf").write_text(f"<ANNOTATION_DOCUMENT>{header}<TIME_ORDER/></ANNOTATION_DOCUMENT>")
    assert formats.read(path).media.file == str(tmp_path / name)


def test_every_medium_has_its_own_origin(tmp_path):
    media = (
        '<MEDIA_DESCRIPTOR MEDIA_URL="file:///v/a.wav" MIME_TYPE="audio/x-wav"/>'
        '<MEDIA_DESCRIPTOR MEDIA_URL="file:///v/a.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="500"/>'
        '<MEDIA_DESCRIPTOR MEDIA_URL="file:///v/b.mp4" MIME_TYPE="video/mp4" TIME_ORIGIN="2000"/>'
    )
    slots = '<TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="1500"/>'
    (path := tmp_path / "a.eaf").write_text(
        f"<ANNOTATION_DOCUMENT><HEADER>{media}</HEADER><TIME_ORDER>{slots}</TIME_ORDER>"
        '<TIER TIER_ID="Gestures"><ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" '
        'TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>Nod</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION></TIER>'
        "</ANNOTATION_DOCUMENT>"
    )
    read = formats.read(path)
    assert (read.media.file, read[0].start, read[0].end) == ("/v/a.mp4", 1.5, 2.0)
    added = formats.eaf.add_to_eaf(Timeline((GestureEvent(3.0, 4.0, "jaw"),), Media("b.mp4")), path, "x")
    assert 'TIME_VALUE="1000"/>' in added.read_text()
    document = Document(added.read_text(), "added")
    (tier,) = document.gesture_tiers
    assert [(a.start, a.end) for a in document.annotations(tier)] == [(1000, 2000)]
