"""A folder for every class."""

import shutil

import numpy as np
import pytest
from smg_trees import small_track, small_video, write_class_folders, write_elan_folder

from microgesture.corpora.class_folders import read, recognises
from microgesture.corpora.source import detect, read_source
from microgesture.errors import DataError
from microgesture.skeletons.track import SkeletonTrack
from microgesture.vocabulary import Vocabulary


@pytest.mark.parametrize("media", ["video", "skeleton", "both"])
def test_folders_are_labels_as_they_stand(media, tmp_path):
    root = write_class_folders(tmp_path / "mine", media=media)
    assert detect(root) == "class_folders"
    reading = read_source(root)
    assert not reading.problems
    assert reading.vocabulary.names == ("1_Turtle neck", "Folding arms")
    assert [(row.label, row.split, row.extra["id"]) for row in reading.rows[:2]] == [
        ("1_Turtle neck", "", "1_Turtle neck/0"),
        ("1_Turtle neck", "", "1_Turtle neck/1"),
    ]
    assert all((row.video is not None) == (media != "skeleton") for row in reading.rows)
    assert all((row.skeleton is not None) == (media != "video") for row in reading.rows)


def test_names_of_built_in_gestures_bring_their_description(tmp_path):
    reading = read(write_class_folders(tmp_path))
    folding = reading.vocabulary[reading.vocabulary.index("folding arms")]
    assert folding.description
    assert folding.body_region == "body-hand"
    assert not reading.vocabulary[0].description


def test_folders_of_splits(tmp_path):
    root = write_class_folders(tmp_path, splits=True)
    (root / "test").rename(root / "Validation")
    reading = read_source(root)
    assert {row.split for row in reading.rows} == {"train", "val"}
    assert len(reading.rows) == 12
    assert reading.rows[0].extra["id"] == "Validation/1_Turtle neck/0"


@pytest.mark.parametrize("suffix", [".avi", ".mov", ".mkv", ".webm", ".MP4"])
def test_other_containers(suffix, tmp_path):
    root = write_class_folders(tmp_path)
    (root / "Folding arms" / "0.mp4").rename(root / "Folding arms" / f"0{suffix}")
    assert len(read(root).rows) == 6


def test_a_given_vocabulary_must_know_every_folder(tmp_path):
    root = write_class_folders(tmp_path)
    reading = read(root, vocabulary=Vocabulary.load("smg"))
    assert [str(p) for p in reading.errors] == [
        f"{root / '1_Turtle neck'}: label '1_Turtle neck' is not in vocabulary 'smg'"
    ]
    assert {row.label for row in reading.rows} == {"Folding arms"}


def test_broken_clips_are_left_out_and_named(tmp_path):
    root = write_class_folders(tmp_path, media="both")
    folder = root / "Folding arms"
    (folder / "0.mp4").write_bytes((folder / "0.mp4").read_bytes()[:500])
    (folder / "1.npz").write_bytes(b"PK no archive")
    small_video(folder / "2.avi.mp4", 6).rename(folder / "2.avi")
    track = small_track()
    nobody = SkeletonTrack(track.times, track.points, 0 * track.scores, track.layout, track.image_size)
    nobody.save(folder / "3.npz")
    points = track.points.copy()
    points[4, 2] = np.nan
    SkeletonTrack(track.times, points, track.scores, track.layout, track.image_size).save(folder / "4.npz")
    reading = read(root)
    said = {p.file.name: p.what for p in reading.errors}
    assert set(said) == {"0.mp4", "1.npz", "2.mp4", "3.npz"}
    assert said["2.mp4"] == "claims to be clip '2', as 2.avi does"
    assert said["3.npz"] == "no person in any frame"
    (warning,) = (p for p in reading.problems if not p.error)
    assert (warning.file.name, warning.row) == ("4.npz", 5)
    assert [row.extra["id"] for row in reading.rows if row.label == "Folding arms"] == ["Folding arms/4"]


def test_what_lies_in_no_folder_of_a_class_is_said(tmp_path):
    root = write_class_folders(tmp_path, splits=True)
    small_video(root / "loose.mp4", 6)
    small_video(root / "train" / "Folding arms" / "deeper" / "a.mp4", 6)
    (root / "train" / "Empty").mkdir()
    (root / "notes").mkdir()
    (root / "train" / ".hidden").mkdir()
    reading = read(root)
    assert not reading.errors
    assert {p.file.name for p in reading.problems} == {root.name, "deeper", "Empty", "notes"}
    assert len(reading.rows) == 12


def test_nothing_in_it_is_an_error(tmp_path):
    (tmp_path / "a").mkdir()
    assert str(read(tmp_path).errors[0]) == f"{tmp_path}: no clips in it"
    with pytest.raises(DataError, match="is not a folder"):
        read_source(write_class_folders(tmp_path) / "Folding arms" / "0.mp4", "class_folders")


def test_other_data_are_not_taken_for_classes(tmp_path):
    assert not recognises(write_elan_folder(tmp_path / "elan", 2, media="media"))
    root = write_class_folders(tmp_path / "clips")
    shutil.rmtree(root / "Folding arms")
    assert not recognises(root)
    root = write_class_folders(tmp_path / "table")
    (root / "manifest.csv").write_text("video,label\n")
    assert detect(root) == "manifest"
    assert not recognises(tmp_path / "nowhere")
