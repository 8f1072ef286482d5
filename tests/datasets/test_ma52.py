"""MA-52: lists and clips, the test list that keeps its labels to itself, and what can be wrong."""

import shutil
from pathlib import Path

import pytest
from smg_trees import MA52_LISTS, small_track, small_video, write_ma52

from microgesture.corpora.ma52 import read
from microgesture.corpora.source import detect, read_source
from microgesture.errors import DataError


@pytest.fixture(scope="session")
def official(tmp_path_factory) -> Path:
    return write_ma52(tmp_path_factory.mktemp("ma52"))


@pytest.fixture
def tree(official, tmp_path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(official, tmp_path / "MA-52"))


@pytest.mark.parametrize(("folders", "lists"), [("split", ""), ("double", ""), ("one", "annotations")])
def test_every_place_of_lists_and_clips(folders, lists, tmp_path):
    root = write_ma52(tmp_path, folders, lists)
    assert detect(root) == "ma52"
    reading = read_source(root)
    assert not reading.problems
    expected = [(name, split) for split in ("train", "val") for name, _ in MA52_LISTS[split]]
    assert [(row.extra["id"], row.split) for row in reading.rows] == expected
    assert all((row.start, row.end) == (None, None) for row in reading.rows)
    assert all(row.video.is_file() for row in reading.rows)
    assert [row.subject for row in reading.rows[::4]] == ["0003", "0004", "0005", "0004", "0006"]


def test_class_numbers_and_body_groups(official):
    reading = read(official)
    first = reading.rows[0]
    assert (first.label, first.row) == ("nodding", 1)
    region = reading.vocabulary[reading.vocabulary.index(first.label)].body_region
    assert region == "head"
    assert any("head 10" in fact for fact in reading.facts)


def test_a_test_list_of_zeros_has_no_labels(official):
    reading = read(official)
    first = reading.unlabelled[0]
    assert (first.extra["id"], first.label, first.subject, first.split) == ("test0000", "", "", "test")
    assert len(reading.unlabelled) == 4
    assert any("class 0 everywhere" in fact for fact in reading.facts)
    assert any("1 subjects are in training and in validation" in fact for fact in reading.facts)


def test_a_test_list_with_labels_is_a_test_set(tree):
    (tree / "test_list_videos.txt").write_text("test0000.mp4 0\ntest0001.mp4 7\n")
    reading = read(tree)
    assert [(row.label, row.split) for row in reading.rows[-2:]] == [("shaking body", "test"), ("tilting head", "test")]
    assert not reading.unlabelled


def test_a_list_of_zeros_to_train_on_has_labels(tree):
    (tree / "val_list_videos.txt").write_text("0004_02_0004.mp4 0\n")
    assert [row.label for row in read(tree).rows if row.split == "val"] == ["shaking body"]


def test_the_validation_clips_can_be_the_test_set(official):
    reading = read(official, "validation")
    assert {row.split for row in reading.rows} == {"train", "test"}
    with pytest.raises(DataError, match="no protocol 'miga' of MA-52: known are official, validation"):
        read(official, "miga")


def test_published_counts_stand_beside(official):
    assert "train list, clips: found 12, published 11,250 (they differ)" in read(official).facts


def test_tracks_of_the_clips_are_found(tree):
    small_track().save(tree / "skeletons" / "0003_01_0001.npz")
    assert read(tree).rows[0].skeleton == tree / "skeletons" / "0003_01_0001.npz"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("0003_01_0009.mp4 9", "no video file 0003_01_0009.mp4"),
        ("0004_02_0001.mp4 52", "label number 52 is not in vocabulary"),
        ("0004_02_0001.mp4 -1", "label number -1"),
        ("0004_02_0001.mp4 nine", "'nine' is not a whole number"),
        ("0004_02_0001.mp4", "no class for"),
        ("0004_02_0001.mp4 9 9", "3 columns"),
        ("0003_01_0001.mp4 9", "stands in row 1 of train_list_videos.txt already"),
        ("0004_02_0002.mp4 9", "stands in row 1 of val_list_videos.txt already"),
    ],
)
def test_a_wrong_line_is_named_and_the_others_stay(line, what, tree):
    path = tree / "val_list_videos.txt"
    path.write_text(f"0004_02_0002.mp4 10\n{line}\n0006_02_0001.mp4 9\n")
    reading = read(tree)
    assert [(problem.file, problem.row) for problem in reading.problems] == [(path, 2)]
    assert what in reading.problems[0].what
    assert [row.row for row in reading.rows if row.split == "val"] == [1, 3]


def test_a_half_copied_video(tree):
    video = tree / "val" / "0006_02_0002.mp4"
    video.write_bytes(video.read_bytes()[:700])
    reading = read(tree)
    assert [(p.file, p.row) for p in reading.errors] == [(tree / "val_list_videos.txt", 6)]
    assert str(video) in reading.errors[0].what
    assert len(reading.rows) == 19


def test_an_empty_list_and_a_missing_one(tree):
    (tree / "val_list_videos.txt").write_text("\n")
    assert [str(p) for p in read(tree).errors] == [f"{tree / 'val_list_videos.txt'}: empty: no clips in it"]
    (tree / "val_list_videos.txt").unlink()
    assert [str(p) for p in read(tree).problems] == [f"{tree}: no val_list_videos.txt"]


def test_a_missing_folder_is_one_line(tree):
    shutil.rmtree(tree / "train")
    reading = read(tree)
    assert [p.what for p in reading.errors] == ["none of its 12 clips is there"]
    shutil.rmtree(tree / "test")
    assert [(p.error, p.what) for p in read(tree).problems][-1] == (False, "none of its 4 clips is there")


def test_two_files_claim_a_clip(tree):
    small_video(tree / "val" / "0003_01_0001.mp4", 8)
    assert not read(tree).errors  # the one in train is meant
    small_video(tree / "more" / "0003_01_0002.mp4", 8)
    assert not read(tree).errors
    small_video(tree / "more" / "train" / "0003_01_0002.mp4", 8)
    (problem,) = read(tree).errors
    assert (problem.file, problem.row) == (tree / "train_list_videos.txt", 2)
    assert "two files claim 0003_01_0002.mp4" in problem.what
