"""ELAN files with their media: tiers, reviews, media, subjects, and what can be wrong."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from smg_trees import ELAN_EVENTS, review, small_track, small_video, write_elan_folder

from microgesture.corpora.elan import read
from microgesture.corpora.source import detect, read_source
from microgesture.formats.eaf import add_to_eaf, write
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.video import write_video
from microgesture.vocabulary import Vocabulary


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return write_elan_folder(tmp_path_factory.mktemp("elan"), files=3)


@pytest.fixture
def tree(folder, tmp_path) -> Path:
    """A copy to break; its documents name the originals' folder too."""
    for path in folder.iterdir():
        shutil.copy(path, tmp_path)
    for path in tmp_path.glob("*.eaf"):
        path.write_text(path.read_text().replace(folder.as_posix(), "/not/here"))
    return tmp_path


def replace_in(path: Path, old: str, new: str) -> int:
    """Change a document and return the line of the change."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def eaf(tiers: str, times: str = "", media: str = 'MEDIA_URL="file:///c/x.mp4"') -> str:
    """A document of a human's own making."""
    slots = times or "".join(f'<TIME_SLOT TIME_SLOT_ID="ts{i}" TIME_VALUE="{500 * i}"/>' for i in range(10))
    header = (
        f'<HEADER MEDIA_FILE="" TIME_UNITS="milliseconds"><MEDIA_DESCRIPTOR {media} MIME_TYPE="video/mp4"/></HEADER>'
    )
    return f"<ANNOTATION_DOCUMENT>{header}\n<TIME_ORDER>{slots}</TIME_ORDER>\n{tiers}</ANNOTATION_DOCUMENT>"


def tier(name: str, *labels: str, more: str = "") -> str:
    """A tier whose annotations follow each other from 0 s, half a second each."""
    made = "".join(
        f'\n<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="{name}{i}" TIME_SLOT_REF1="ts{i}" '
        f'TIME_SLOT_REF2="ts{i + 1}">'
        f"<ANNOTATION_VALUE>{label}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>"
        for i, label in enumerate(labels)
    )
    return f'<TIER TIER_ID="{name}" {more}>{made}</TIER>\n'


def own(tmp_path: Path, *tiers: str, name: str = "x") -> Path:
    """A folder with one human's document and its video of four seconds."""
    small_video(tmp_path / "x.mp4", 40, 10)
    (tmp_path / f"{name}.eaf").write_text(eaf("".join(tiers)))
    return tmp_path


def test_reviewed_gestures_are_clips(folder):
    assert detect(folder) == "elan"
    reading = read_source(folder)
    assert not reading.problems
    assert reading.vocabulary.names == ("Folding arms", "Moving legs")
    assert reading.vocabulary[0].body_region == "body-hand"
    assert [(row.label, row.start, row.end, row.subject, row.person, row.split) for row in reading.rows[:2]] == [
        ("Folding arms", 0.2, 0.9, "interview0", "P1", ""),
        ("Moving legs", 2.1, 3.0, "interview0", "P1", ""),
    ]
    assert reading.rows[0].video == folder / "interview0.mp4"
    assert len({row.extra["id"] for row in reading.rows}) == 6
    assert any("3 accept, 3 reject" in fact for fact in reading.facts)


def test_the_document_says_what_is_unsure_or_another_class(tree):
    for number, (verdict, count) in enumerate([("unsure", 0), ("Crossing legs", 1), ("perhaps", 1)]):
        path = tree / f"interview{number}.eaf"
        replace_in(path, ">accept<", f">{verdict}<")
        third = [row for row in read(path).rows if row.start == 2.1]
        assert len(third) == count
        if verdict == "Crossing legs":
            assert third[0].label == verdict
    unsure = read(tree / "interview0.eaf").rows
    assert [row.extra.get("unsure") for row in unsure] == ["2.1-3"]
    assert "none of accept, reject, unsure" in read(tree / "interview2.eaf").problems[0].what


def test_events_that_overlap_lie_on_tiers_with_reviews_of_their_own(tmp_path):
    small_video(tmp_path / "talk.mp4", 40, 10)
    events = (
        GestureEvent(0.5, 1.5, "Folding arms", body_region="body-hand"),
        GestureEvent(1.0, 2.0, "Moving legs", body_region="lower limb"),
        GestureEvent(2.5, 3.0, "Touching jaw", body_region="head-hand"),
    )
    path = write(Timeline(events, Media(str(tmp_path / "talk.mp4"))), tmp_path / "talk.eaf")
    assert len(read(tmp_path).rows) == 3
    text = path.read_text()
    annotation = text[text.index('TIER_ID="MG-lower-limb@P1"') :].split('ANNOTATION_ID="')[1].split('"')[0]
    (old,) = re.findall(r'<TIER\b[^>]*TIER_ID="Review-lower-limb@P1"[^>]*/>', text)
    verdict = (
        f'<ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a99" ANNOTATION_REF="{annotation}">'
        "<ANNOTATION_VALUE>Reject </ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>"
    )
    path.write_text(text.replace(old, f"{old[:-2]}>{verdict}</TIER>"))
    assert {row.label for row in read(tmp_path).rows} == {"Folding arms", "Touching jaw"}


def test_a_review_tier_with_times_of_its_own(tmp_path):
    root = own(tmp_path, tier("MG@P1", "Nodding", "Folding arms"), tier("Review@P1", "", "reject"))
    assert [row.label for row in read(root).rows] == ["Nodding"]


def test_tiers_of_a_humans_own_making(tmp_path):
    speech, gestures = tier("Speech", "hello", "well", "so"), tier("Gestures", "self-touch", "")
    reading = read(own(tmp_path / "named", speech, gestures))
    assert [row.label for row in reading.rows] == ["self-touch"]
    assert "empty label" in reading.errors[0].what
    known = tier("hands", "Folding arms", "touching  JAW", "waving about")
    assert len(read(own(tmp_path / "known", speech, known)).rows) == 3
    assert len(read(own(tmp_path / "only", tier("Zoe", "this", "that"))).rows) == 2
    (problem,) = read(own(tmp_path / "neither", speech, tier("Notes", "x"))).errors
    assert "which tier holds the gestures? There are 'Speech', 'Notes': name it MG@P1" in problem.what
    vocabulary = Vocabulary.from_texts(["x", "y"], "notes")
    assert [row.label for row in read(tmp_path / "neither", vocabulary=vocabulary).rows] == ["x"]


def test_when_ours_are_all_deleted_speech_is_not_taken_for_gestures(tmp_path):
    reading = read(own(tmp_path, tier("MG@P1"), tier("Speech", "hello")))
    assert not reading.rows
    assert "no gestures on tier 'MG@P1'" in reading.problems[0].what


@pytest.mark.parametrize(
    ("tiers", "subjects"),
    [
        ([("MG@P1", ""), ("MG@P2", "")], {"x"}),
        ([("MG@zoe", ""), ("MG@max", "")], {"zoe", "max"}),
        ([("MG@P1", 'PARTICIPANT="s07"')], {"s07"}),
        ([("MG@P1", 'PARTICIPANT="P07"')], {"P07"}),
        ([("Gestures", "")], {"x"}),
    ],
)
def test_subjects(tiers, subjects, tmp_path):
    root = own(tmp_path, *(tier(name, f"label {i}", more=more) for i, (name, more) in enumerate(tiers)))
    assert {row.subject for row in read(root).rows} == subjects


def test_media_elsewhere_below_the_root_and_beside_by_name(tree):
    (tree / "media").mkdir()
    (tree / "interview0.mp4").rename(tree / "media" / "interview0.mp4")
    replace_in(tree / "interview1.eaf", "interview1.mp4", "gone.mp4")
    replace_in(tree / "interview1.eaf", "./interview1.mp4", "C:\\data\\interview1.mp4")
    reading = read(tree)
    assert not reading.problems
    assert {row.video.relative_to(tree).as_posix() for row in reading.rows} == {
        "media/interview0.mp4",
        "interview1.mp4",
        "interview2.mp4",
    }


def test_media_of_a_name_that_two_files_have_is_not_guessed(tree):
    for part in ("a", "b"):
        (tree / part).mkdir()
        shutil.copy(tree / "interview0.mp4", tree / part)
    (tree / "interview0.mp4").unlink()
    assert [p.what for p in read(tree).errors] == ["no media interview0.mp4"]


def test_missing_media_unless_a_track_stands_in(tree):
    (tree / "interview0.mp4").unlink()
    reading = read(tree)
    assert [str(p) for p in reading.errors] == [f"{tree / 'interview0.eaf'}: no media interview0.mp4"]
    assert {row.subject for row in reading.rows} == {"interview1", "interview2"}
    small_track(4.0).save(tree / "interview0.npz")
    reading = read(tree)
    assert not reading.errors
    assert [(row.video, row.skeleton) for row in reading.rows[:1]] == [(None, tree / "interview0.npz")]
    assert reading.rows[0].subject == "interview0"


def test_a_track_beside_the_video_is_its_skeleton(tree):
    small_track(4.0).save(tree / "interview1.npz")
    reading = read(tree)
    assert [row.skeleton is not None for row in reading.rows] == [False, False, True, True, False, False]
    assert "no skeleton for 2 videos: microgesture pose" in reading.facts[-1]
    for number in (0, 2):
        small_track(4.0).save(tree / f"interview{number}.npz")
    assert not any("no skeleton" in fact for fact in read(tree).facts)


def test_one_document_alone(folder):
    assert detect(folder / "interview1.eaf") == "elan"
    assert [row.extra["id"] for row in read_source(folder / "interview1.eaf").rows] == [
        "interview1:a1",
        "interview1:a3",
    ]


def test_a_video_without_its_last_seconds(tree):
    small_video(tree / "interview1.mp4", 25, 10)
    problem, *others = read(tree).problems
    path = tree / "interview1.eaf"
    line = path.read_text()[: path.read_text().index('ANNOTATION_ID="a3"')].count("\n") + 1
    assert (problem.file, problem.row, others) == (path, line, [])
    assert "annotation a3: ends at 3.00 s, past the end of the media (2.50 s)" in problem.what


def test_gestures_before_the_picture_begins(tmp_path):
    own(tmp_path, tier("X", "Jaw", "Arms", "Jaw"))
    write_video(tmp_path / "x.mp4", np.zeros((30, 32, 32, 3), np.uint8), 10, times=[0.6 + i / 10 for i in range(30)])
    reading = read(tmp_path)
    (problem,) = reading.problems
    assert problem.what == "tier 'X', annotation X0: ends at 0.50 s, before the picture begins (0.60 s)"
    assert [(row.label, row.start, row.end) for row in reading.rows] == [("Arms", 0.5, 1.0), ("Jaw", 1.0, 1.5)]


def test_a_half_copied_video(tree):
    video = tree / "interview1.mp4"
    video.write_bytes(video.read_bytes()[:900])
    assert [p.file for p in read(tree).errors] == [video]


def test_labels_outside_a_given_vocabulary(tree):
    line = replace_in(tree / "interview2.eaf", ">Folding arms</ANNOTATION", ">Flying</ANNOTATION") - 1
    reading = read(tree, vocabulary=Vocabulary.load("smg"))
    assert [(p.file, p.row) for p in reading.errors] == [(tree / "interview2.eaf", line)]
    assert "label 'Flying' is not in vocabulary 'smg'" in reading.errors[0].what
    assert len(reading.rows) == 5


def test_two_documents_claim_a_video(tree):
    timeline = Timeline((GestureEvent(0.5, 1.0, "Folding arms"),), Media(str(tree / "interview0.mp4")))
    add_to_eaf(timeline, tree / "interview0.eaf", "second look")
    reading = read(tree)
    (problem,) = reading.errors
    assert "names the media of" in problem.what
    assert "keep one of them" in problem.what
    assert {row.subject for row in reading.rows} == {"interview1", "interview2"}


@pytest.mark.parametrize(("text", "what"), [("", "not XML"), ("<a/>", "not an ELAN file"), ("<a>\n<b>", "not XML")])
def test_a_broken_document_is_named_and_the_others_stay(text, what, tree):
    (tree / "interview1.eaf").write_text(text)
    (problem,) = read(tree).errors
    assert problem.file == tree / "interview1.eaf"
    assert what in problem.what
    assert len(read(tree).rows) == 4


def test_the_origin_of_the_media_counts(tmp_path):
    root = own(tmp_path, tier("MG@P1", "Nodding"))
    replace_in(root / "x.eaf", "<MEDIA_DESCRIPTOR ", '<MEDIA_DESCRIPTOR TIME_ORIGIN="1500" ')
    assert [(row.start, row.end) for row in read(root).rows] == [(1.5, 2.0)]


def test_every_medium_has_its_own_origin(tmp_path):
    root = own(tmp_path, tier("MG@P1", "Nodding"))
    others = '<MEDIA_DESCRIPTOR TIME_ORIGIN="700" MEDIA_URL="file:///c/x.wav" MIME_TYPE="audio/x-wav"/>'
    others += '<MEDIA_DESCRIPTOR TIME_ORIGIN="900" MEDIA_URL="file:///c/lost.mp4" MIME_TYPE="video/mp4"/>'
    replace_in(root / "x.eaf", "<MEDIA_DESCRIPTOR ", others + '<MEDIA_DESCRIPTOR TIME_ORIGIN="1500" ')
    assert [(row.start, row.end) for row in read(root).rows] == [(1.5, 2.0)]
    replace_in(root / "x.eaf", "c/lost.mp4", "c/x.mp4")
    assert [(row.start, row.end) for row in read(root).rows] == [(0.9, 1.4)]


@pytest.mark.parametrize(
    ("named", "there"),
    [
        ("a b #1.mp4", "a b #1.mp4"),
        ("a%20b.mp4", "a b.mp4"),
        ("a%20b.mp4", "a%20b.mp4"),
        ("Mu\u0308ller.mp4", "M\u00fcller.mp4"),
        ("M\u00fcller.mp4", "Mu\u0308ller.mp4"),
    ],
)
def test_media_are_found_however_their_names_are_written(named, there, tmp_path):
    for where in (tmp_path, tmp_path / "deeper"):
        where.mkdir(exist_ok=True)
        media = f'MEDIA_URL="file:///c/{named}" RELATIVE_MEDIA_URL="./{named}"'
        (tmp_path / "talk.eaf").write_text(eaf(tier("MG@P1", "Nodding"), media=media))
        small_video(where / there, 40, 10)
        assert [row.video for row in read(tmp_path).rows] == [where / there]
        (where / there).unlink()


def test_a_person_written_in_two_ways_is_one(tmp_path):
    root = own(tmp_path, tier("MG@P1", "Nodding", more='PARTICIPANT="Zoe\u0308"'))
    small_video(tmp_path / "y.mp4", 40, 10)
    other = tier("MG@P1", "Nodding", more='PARTICIPANT="ZO\u00cb"')
    (root / "y.eaf").write_text(eaf(other, media='MEDIA_URL="file:///c/y.mp4"'))
    assert len({row.subject for row in read_source(root, "elan").rows}) == 1


def test_nothing_to_read(tmp_path):
    (tmp_path / "x.eaf").write_text(eaf(""))
    small_video(tmp_path / "x.mp4", 10, 10)
    reading = read(tmp_path)
    assert [(p.error, p.what) for p in reading.problems] == [
        (False, "no gestures on any tier"),
        (True, "no gestures in its ELAN files"),
    ]


def test_what_our_writer_writes_is_what_is_read(folder):
    """The trees of these tests are documents of the writer, with reviews as ELAN stores them."""
    text = (folder / "interview0.eaf").read_text()
    assert text.count("<REF_ANNOTATION") >= 2
    assert all(label in text for *_, label in ELAN_EVENTS)
    with pytest.raises(AssertionError):
        review(folder / "interview0.eaf", {}, "nobody")
