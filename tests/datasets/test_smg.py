"""SMG as its owners and MiGA hand it out, and everything that can be wrong in it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from smg_trees import (
    FPS,
    FRAMES,
    kinect_rows,
    labels_of,
    small_video,
    write_rows,
    write_sample,
    write_smg,
    write_smg_miga,
)

from microgesture.corpora.published import published
from microgesture.corpora.smg import read, recognises
from microgesture.corpora.source import detect, read_source
from microgesture.errors import DataError


@pytest.fixture(scope="session")
def public(tmp_path_factory) -> Path:
    return write_smg(tmp_path_factory.mktemp("smg"))


@pytest.fixture
def tree(public, tmp_path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(public, tmp_path / "SMG"))


def only(reading, error=True):
    """The single problem of a reading."""
    found = [problem for problem in reading.problems if problem.error is error]
    assert len(found) == 1, reading.problems
    return found[0]


def test_the_public_layout(public):
    assert detect(public) == "smg"
    reading = read_source(public)
    assert not reading.problems
    assert len(reading.vocabulary) == 17
    assert {(row.subject, row.split) for row in reading.rows} == {
        ("1", "train"),
        ("2", "train"),
        ("3", "train"),
        ("36", "test"),
        ("37", "test"),
    }
    row = reading.rows[1]
    label, first, last = labels_of(1)[1]
    assert row.label == reading.vocabulary[label - 1].name
    assert (row.start, row.end) == (pytest.approx(first / FPS), pytest.approx((last + 1) / FPS))
    assert row.video == public / "Sample0001" / "Sample0001_color.mp4"
    assert row.skeleton == public / "Sample0001" / "Sample0001_skeleton.csv"
    assert (row.extra["id"], row.row) == ("Sample0001_1", 2)
    assert any("count from 0" in fact for fact in reading.facts)
    assert any("mean-class" in fact for fact in reading.facts)


def test_the_miga_layout_and_its_protocol(tmp_path):
    root = write_smg_miga(tmp_path, rgb=True, test=(36,))
    reading = read(root)
    assert not reading.problems
    assert {(row.subject, row.split) for row in reading.rows} == {
        *((str(n), "train") for n in (1, 2, 3)),
        *((str(n), "test") for n in (31, 32)),
    }
    assert reading.rows[0].video == root / "SMG_RGB_Phase1" / "smg_rgb_train" / "Sample0001" / "Sample0001_color.mp4"
    assert [(row.label, row.split, row.start, row.extra["id"]) for row in reading.unlabelled] == [
        ("", "test", None, "Sample0036")
    ]
    assert {row.split for row in read(root, "classification").rows} == {"train"}


def test_miga_validates_on_31_to_35_where_others_can_be_the_test_set(public):
    for sample in (31, 36):
        assert {row.split for row in read(public, "miga").rows if row.subject == str(sample)} <= {"val", "test"}
    splits = {row.subject: row.split for row in read(public, "miga").rows}
    assert splits == {"1": "train", "2": "train", "3": "train", "36": "test", "37": "test"}


def test_with_all_labels_there_miga_has_three_parts(tmp_path):
    for sample in (1, 31, 36):
        write_sample(tmp_path, sample)
    assert {row.subject: row.split for row in read(tmp_path, "miga").rows} == {"1": "train", "31": "val", "36": "test"}
    assert {row.subject: row.split for row in read(tmp_path).rows} == {"1": "train", "31": "train", "36": "test"}


def test_an_unknown_protocol(public):
    with pytest.raises(DataError, match="no protocol 'official' of SMG: known are classification, miga"):
        read(public, "official")


def test_the_published_counts_are_compared_where_all_subjects_are_there(tmp_path):
    groups = published("smg")["clips_per_class"]
    counts = list(groups["36_40"])
    counts[8] -= 1
    labels = [(c + 1, 0, 9) for c, count in enumerate(counts) for _ in range(count)]
    for sample in range(36, 41):
        part = [(c, 2 * i, 2 * i + 9) for i, (c, *_) in enumerate(labels[sample - 36 :: 5])]
        frames = 2 * len(part) + 20
        write_rows(tmp_path / f"Sample{sample:04d}" / f"Sample{sample:04d}_finelabels.csv", part)
        rows = np.ones((frames, 275))
        write_rows(tmp_path / f"Sample{sample:04d}" / f"Sample{sample:04d}_skeleton.csv", rows.tolist())
    facts = read(tmp_path).facts
    total = sum(groups["36_40"])
    assert any(f"subjects 36 to 40, clips: found {total - 1}, published {total} (they differ)" in f for f in facts)
    assert any("Arms akimbo 242 (243)" in fact for fact in facts)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("18,10,20", "label number 18"),
        ("0,10,20", "label number 0"),
        ("99,10,20", "label number 99"),
        (f"3,10,{FRAMES + 1}", f"frame {FRAMES + 1} is past the end: {FRAMES} frames"),
        ("3,900,999", "frame 999 is past the end"),
        ("3,20,10", "frames 20 to 10 are no interval"),
        ("3,-2,10", "frames -2 to 10 are no interval"),
        ("3,10", "2 columns, expected label,start,end"),
        ("three,10,20", "'three' is not a whole number"),
        ("3,10,nan", "'nan' is not a whole number"),
    ],
)
def test_a_wrong_label_is_named_and_the_others_stay(line, what, tree):
    path = tree / "Sample0002" / "Sample0002_finelabels.csv"
    path.write_text(path.read_text() + line + "\n")
    problem = only(read(tree))
    assert (problem.file, problem.row) == (path, 5)
    assert what in problem.what
    assert len(read(tree).rows) == 20


def test_the_last_frame_may_be_counted_from_one(tree):
    path = tree / "Sample0002" / "Sample0002_finelabels.csv"
    write_rows(path, [(3, 100, FRAMES)])
    reading = read(tree)
    assert not reading.problems
    (row,) = (row for row in reading.rows if row.subject == "2")
    assert row.end == pytest.approx(FRAMES / FPS)


def test_a_header_spaces_and_whole_floats_are_read(tree):
    path = tree / "Sample0002" / "Sample0002_finelabels.csv"
    path.write_text("label,start,end\n 3.0, 10, 20 \r\n\n5;30;40\n")
    reading = read(tree)
    assert not reading.problems
    assert [row.row for row in reading.rows if row.subject == "2"] == [2, 4]


def test_the_same_label_twice_is_read_once(tree):
    path = tree / "Sample0002" / "Sample0002_finelabels.csv"
    write_rows(path, [(3, 10, 20), (5, 10, 20), (3, 10, 20)])
    reading = read(tree)
    assert only(reading, error=False).row == 3
    assert sum(row.subject == "2" for row in reading.rows) == 2  # two gestures at once are two clips


def test_an_empty_label_file(tree):
    path = tree / "Sample0001" / "Sample0001_finelabels.csv"
    path.write_text("\n")
    reading = read(tree)
    assert str(only(reading)) == f"{path}: empty: no labels in it"
    assert all(row.subject != "1" for row in reading.rows)


@pytest.mark.parametrize("kind", ["finelabels.csv", "skeleton.csv", "color.mp4"])
def test_a_file_that_the_other_samples_have_is_missed(kind, tree):
    (tree / "Sample0001" / f"Sample0001_{kind}").unlink()
    reading = read(tree)
    problem = only(reading)
    assert problem.file == tree / "Sample0001"
    assert f"no Sample0001_{kind}" in problem.what
    assert all(row.subject != "1" for row in reading.rows)


def test_an_empty_folder_and_a_stranger(tree):
    (tree / "Sample0009").mkdir()
    write_sample(tree, 41, rgb=tree)
    said = [str(problem) for problem in read(tree).errors]
    assert f"{tree / 'Sample0009'}: no file of SMG in it" in said
    assert any("Sample0041 is no subject of protocol" in line for line in said)


def test_test_subjects_may_be_without_labels_others_not(tree):
    (tree / "Sample0036" / "Sample0036_finelabels.csv").unlink()
    reading = read(tree)
    assert not reading.problems
    assert [row.extra["id"] for row in reading.unlabelled] == ["Sample0036"]


def test_a_half_copied_video(tree):
    video = tree / "Sample0003" / "Sample0003_color.mp4"
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    reading = read(tree)
    assert only(reading).file == video
    assert all(row.subject != "3" for row in reading.rows)


def test_clips_past_the_end_of_a_short_video(tree):
    video = small_video(tree / "Sample0003" / "Sample0003_color.mp4", FRAMES // 2)
    reading = read(tree)
    path = tree / "Sample0003" / "Sample0003_finelabels.csv"
    late = [i for i, (_, _, last) in enumerate(labels_of(3), start=1) if last >= FRAMES // 2]
    assert [(problem.file, problem.row) for problem in reading.errors] == [(path, row) for row in late]
    assert "past the video's end (2.00 s)" in reading.errors[0].what
    assert sum(row.video == video for row in reading.rows) == 4 - len(late)


def skeleton_of(tree: Path, sample: int, rows: np.ndarray) -> Path:
    return write_rows(tree / f"Sample{sample:04d}" / f"Sample{sample:04d}_skeleton.csv", rows.tolist())


def test_numbers_that_are_none_in_a_skeleton_are_a_warning(tree):
    rows = kinect_rows(1, labels_of(1))
    rows[6:9, 100:120] = np.nan
    path = skeleton_of(tree, 1, rows)
    reading = read(tree)
    problem = only(reading, error=False)
    assert (problem.file, problem.row) == (path, 7)
    assert "in 3 rows" in problem.what
    assert len(reading.rows) == 20


def test_nobody_in_a_clip(tree):
    rows = kinect_rows(2, labels_of(2))
    _, first, last = labels_of(2)[2]
    rows[first : last + 1] = 0
    skeleton_of(tree, 2, rows)
    reading = read(tree)
    problem = only(reading)
    assert (problem.file, problem.row) == (tree / "Sample0002" / "Sample0002_finelabels.csv", 3)
    assert f"nobody is seen in the skeleton from frame {first} to {last}" in problem.what
    assert len(reading.rows) == 19


def test_nobody_in_a_whole_skeleton(tree):
    path = skeleton_of(tree, 2, np.zeros((FRAMES, 275)))
    assert str(only(read(tree))) == f"{path}: no person in any frame"


def test_a_row_of_another_width(tree):
    path = tree / "Sample0001" / "Sample0001_skeleton.csv"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:40], lines[40][: len(lines[40]) // 2]]))
    problem = only(read(tree))
    assert (problem.file, problem.row) == (path, 41)


def test_lengths_that_disagree(tree):
    path = skeleton_of(tree, 1, kinect_rows(1, labels_of(1))[:-5])
    problem = only(read(tree), error=False)
    assert problem.file == path.with_name("Sample0001_data.csv")
    assert "says 112 frames, the skeleton has 107" in problem.what


def test_frames_a_second_are_those_of_the_data_file_else_of_the_video_else_28(tmp_path):
    for sample in (1, 2, 3, 36):
        write_sample(tmp_path, sample, rgb=tmp_path if sample == 3 else None)
    for sample in (2, 3, 36):
        (tmp_path / f"Sample{sample:04d}" / f"Sample{sample:04d}_data.csv").unlink()
    write_rows(tmp_path / "Sample0001" / "Sample0001_data.csv", [(FRAMES, 14, 4500)])
    shutil.move(tmp_path / "Sample0003", tmp_path / "with_video" / "Sample0003")
    small_video(tmp_path / "with_video" / "Sample0003" / "Sample0003_color.mp4", fps=20)
    rates = {row.subject: labels_of(int(row.subject))[0][1] / row.start for row in read(tmp_path).rows[::4]}
    assert rates == pytest.approx({"1": 14, "2": 28, "3": 20, "36": 28})


def test_a_broken_data_file(tree):
    path = write_rows(tree / "Sample0001" / "Sample0001_data.csv", [(FRAMES, 0, 4500)])
    problem = only(read(tree))
    assert problem.file == path
    assert "0 a second" in problem.what


def test_a_video_of_another_rate_is_a_warning(tree):
    video = small_video(tree / "Sample0001" / "Sample0001_color.mp4", FRAMES, 25)
    problem = only(read(tree), error=False)
    assert problem.file == video
    assert "25 frames per second, _data.csv says 28" in problem.what


def test_two_folders_claim_a_sample(tree):
    shutil.copytree(tree / "Sample0001", tree / "again" / "Sample0001")
    assert not read(tree).errors  # a copy
    write_rows(tree / "again" / "Sample0001" / "Sample0001_finelabels.csv", [(3, 0, 5)])
    reading = read(tree)
    problem = only(reading)
    assert problem.file.name == "Sample0001_finelabels.csv"
    assert "claims Sample0001, as" in problem.what
    assert all(row.subject != "1" for row in reading.rows)


def test_other_folders_are_not_smg(tmp_path):
    (tmp_path / "training_clips").mkdir()
    (tmp_path / "training_clips" / "Sample0001_10_20.mp4").write_bytes(b"")
    assert not recognises(tmp_path)
    assert not recognises(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no such file or folder"):
        read_source(tmp_path / "nowhere", "smg")
    assert read(tmp_path).errors
