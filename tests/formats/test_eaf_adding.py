import re
from xml.etree import ElementTree

import pytest
from eaf_rules import check_document
from human_eaf import HUMAN, OLD
from random_timelines import random_timeline

from microgesture import DataError, GestureEvent, Media, Timeline, formats
from microgesture.formats.eaf import add_to_eaf, read_eaf

OURS = Timeline(
    (GestureEvent(0.25, 0.9, "Touching jaw", 0, 0.5, "head-hand"), GestureEvent(3, 5.5, "Ärmel zupfen €", None, 0.25)),
    Media("/x/my talk.mp4", 60.0),
    "own",
    ("Touching jaw",),
)


@pytest.fixture
def human(tmp_path):
    path = tmp_path / "zoe.eaf"
    path.write_text(HUMAN, "utf-8", newline="")
    return path


def is_kept(original, text):
    """Whether the characters of the original stand in the text, in pieces but all and in order."""
    at = 0
    for line in original.splitlines():
        for part in re.split("(?=<!)", line):  # a line of theirs may be parted where an element ends
            if (at := text.find(part, at)) < 0:
                return False
            at += len(part)
    return True


def test_the_humans_file_is_kept_and_ours_stands_beside(human):
    out = add_to_eaf(OURS, human, "microgesture")
    assert out == human.with_name("zoe-microgesture.eaf")
    assert human.read_text("utf-8") == HUMAN
    text = out.read_bytes().decode("utf-8")
    expected = HUMAN.replace('"lastUsedAnnotationId">40<', '"lastUsedAnnotationId">44<')
    assert is_kept(expected, text)
    root = check_document(out)
    assert [e.label for e in read_eaf(out)] == [e.label for e in OURS]
    new = [t for t in root.iter("TIER") if t.get("ANNOTATOR") == "microgesture"]
    assert {t.get("TIER_ID") for t in new} >= {"MG@P1-microgesture", "MG-confidence@P1-microgesture"}  # one was taken
    assert len([*root.iter("TIER")]) == len(new) + 5


def test_what_the_human_wrote_reads_as_before(human):
    out = add_to_eaf(OURS, human, "microgesture")
    for tier in ("Speech > Ann", "Words", "Parts", "Nods"):
        assert read_eaf(out, [tier]).events == read_eaf(human, [tier]).events
    before, after = ElementTree.parse(human).getroot(), ElementTree.parse(out).getroot()
    theirs = {ElementTree.tostring(e).strip() for e in before if e.tag not in ("HEADER", "TIME_ORDER")}
    assert theirs <= {ElementTree.tostring(e).strip() for e in after}
    slots = [(s.get("TIME_SLOT_ID"), s.get("TIME_VALUE")) for s in before.iter("TIME_SLOT")]
    merged = [(s.get("TIME_SLOT_ID"), s.get("TIME_VALUE")) for s in after.iter("TIME_SLOT")]
    assert [s for s in merged if s in slots] == slots


@pytest.mark.parametrize("seed", range(12))
def test_any_timeline_fits_beside_a_humans(human, seed):
    timeline = random_timeline(seed)
    out = add_to_eaf(timeline, human, 'a <b> & "c"')
    check_document(out)
    back = read_eaf(out)
    assert sorted((round(e.start, 3), e.label) for e in back) == sorted((round(e.start, 3), e.label) for e in timeline)
    assert {e.annotator for e in back} <= {'a <b> & "c"'}
    for tier in ("Speech > Ann", "Words", "Parts", "Nods"):
        assert read_eaf(out, [tier]).events == read_eaf(human, [tier]).events


def test_it_can_be_done_again(human, tmp_path):
    once = add_to_eaf(OURS, human, "m", tmp_path / "once.eaf")
    twice = add_to_eaf(OURS, once, "m", tmp_path / "twice.eaf")
    check_document(twice)
    assert [e.annotator for e in read_eaf(twice)] == ["m", "m-2", "m", "m-2"]
    ids = re.findall(r'ANNOTATION_ID="(\w+)"', twice.read_text("utf-8"))
    assert len(ids) == len(set(ids))
    assert add_to_eaf(OURS, human, "m", once) == once  # nobody has changed it


def test_never_over_a_humans_file(human, tmp_path):
    with pytest.raises(DataError, match="the human's own file"):
        add_to_eaf(OURS, human, "m", human)
    other = tmp_path / "other.eaf"
    other.write_text(HUMAN, "utf-8")
    with pytest.raises(DataError, match=r"other\.eaf: was changed by a human, or is not ours"):
        add_to_eaf(OURS, human, "m", other)
    (tmp_path / "link.eaf").symlink_to(human)
    with pytest.raises(DataError, match="the human's own file"):
        add_to_eaf(OURS, human, "m", tmp_path / "link.eaf")
    with pytest.raises(DataError, match="annotator"):
        add_to_eaf(OURS, human, " ")
    with pytest.raises(DataError, match="no such file"):
        add_to_eaf(OURS, tmp_path / "none.eaf", "m")
    assert human.read_text("utf-8") == HUMAN


def test_an_old_file_keeps_its_version_and_encoding(tmp_path):
    (path := tmp_path / "alt.eaf").write_bytes(OLD.replace("\n", "\r\n").encode("latin-1"))
    out = add_to_eaf(OURS, path, "m")
    raw = out.read_bytes().decode("latin-1")
    assert 'FORMAT="2.7"' in raw
    assert "\n" not in raw.replace("\r\n", "")
    assert "CV_ENTRY_ML" not in raw
    assert "CVE_REF" not in raw
    assert "LANGUAGE LANG_ID" not in raw
    root = ElementTree.fromstring(out.read_bytes())
    texts = {e.text for v in root.iter("CONTROLLED_VOCABULARY") for e in v.iter("CV_ENTRY")}
    assert texts == {"Kopfschütteln", "Touching jaw", "Ärmel zupfen €", "accept", "reject", "unsure"}
    assert [e.label for e in read_eaf(out)] == ["Touching jaw", "Ärmel zupfen €"]
    assert read_eaf(out, ["Gesten"]).events == read_eaf(path).events
    assert root.find("HEADER/PROPERTY[@NAME='lastUsedAnnotationId']").text == "5"


def test_the_origin_of_the_media_is_taken_off(human, tmp_path):
    moved = HUMAN.replace('MIME_TYPE="video/mp4"', 'MIME_TYPE="video/mp4" TIME_ORIGIN="500"')
    human.write_text(moved, "utf-8", newline="")
    out = add_to_eaf(OURS, human, "m")
    values = [s.get("TIME_VALUE") for s in check_document(out).iter("TIME_SLOT")]
    assert {"0", "400", "2500", "5000"} <= set(values)
    assert [(e.start, e.end) for e in read_eaf(out)] == [(0.5, 0.9), (3.0, 5.5)]


def test_slots_whose_time_hangs_on_their_neighbours_keep_it(tmp_path):
    text = HUMAN.replace('"ts5" TIME_VALUE="1000"', '"ts5"').replace('"ts7" TIME_VALUE="3250"', '"ts7"')
    (path := tmp_path / "z.eaf").write_text(text, "utf-8")
    out = add_to_eaf(Timeline((GestureEvent(0.3, 0.7, "a"), GestureEvent(2.7, 3, "b"))), path, "m")
    for tier in ("Speech > Ann", "Nods", "Words"):
        assert read_eaf(out, [tier]).events == read_eaf(path, [tier]).events


def test_a_file_timed_in_frames_is_not_mixed(human):
    human.write_text(HUMAN.replace('"milliseconds"', '"PAL-frames"'), "utf-8")
    with pytest.raises(DataError, match="timed in PAL-frames"):
        add_to_eaf(OURS, human, "m")


@pytest.mark.filterwarnings("ignore")
def test_pympi_opens_the_whole(human):
    elan = pytest.importorskip("pympi.Elan")
    seen = elan.Eaf(str(add_to_eaf(OURS, human, "m")))
    assert seen.get_annotation_data_for_tier("MG@P1-m") == [(250, 900, "Touching jaw"), (3000, 5500, "Ärmel zupfen €")]
    assert len(seen.get_annotation_data_for_tier("Words")) == 3


def test_formats_know_what_they_can_read(tmp_path):
    with pytest.raises(DataError, match=r"known are \.boris\.csv, \.csv, \.eaf, \.json, \.srt, \.TextGrid, \.vtt"):
        formats.write(OURS, tmp_path / "t.docx")
