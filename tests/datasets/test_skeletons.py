"""Skeleton clips: time, normalisation, streams, what the data decide, rows that cannot be used."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from microgesture.datasets.manifest import ClipRow
from microgesture.datasets.skeleton_reading import read_rows
from microgesture.datasets.skeletons import SkeletonDataset, to_stream
from microgesture.datasets.splits import hold_out, hold_out_named
from microgesture.errors import DataError, RecipeError
from microgesture.skeletons.layouts import COCO_17, LAYOUTS, check_joints
from microgesture.skeletons.normalisation import body_frame, fill_gaps, normalise
from microgesture.skeletons.pyskl import write_pyskl
from microgesture.skeletons.track import SkeletonTrack
from microgesture.vocabulary import Vocabulary
from moving_joints import moving_track, write_pickle

VOCABULARY = Vocabulary.from_texts(["up", "wave", "left up", "left wave"])
WRIST = COCO_17.index("right_wrist")


def row_of(track: SkeletonTrack, path: Path, label: str = "up", **values) -> ClipRow:
    track.save(path)
    return ClipRow(None, label, skeleton=path, row=2, **values)


def test_a_clip_is_cut_by_time_and_sampled_between_poses(tmp_path):
    track = moving_track(0, 1, 1, frames=100)
    ramp = track.points.copy()
    ramp[:, WRIST, 0] = np.arange(100)  # one pixel a pose, 25 poses per second
    track = replace(track, points=ramp)
    rows = [row_of(track, tmp_path / "a.npz", start=1.0, end=2.0)]
    item = SkeletonDataset(rows, VOCABULARY, frames=10, normalised="none")[0]
    assert item["clip"].shape == (1, 10, 17, 3)
    # centres of ten segments of the second from 1 to 2 s
    expected = 25 * (1 + (np.arange(10) + 0.5) / 10)
    assert np.allclose(item["clip"][0, :, WRIST, 0], np.minimum(expected, 49), atol=1e-3)
    assert 0.8 <= item["clip"][..., 2].min() < item["clip"][..., 2].max() <= 1.0


def test_scores_that_are_all_alike_are_not_shown(tmp_path):
    track = moving_track(0, 1, 1)
    rows = [row_of(replace(track, scores=np.ones_like(track.scores)), tmp_path / "a.npz")]
    data = SkeletonDataset(rows, VOCABULARY, frames=10)
    assert data.channels == 2
    assert data[0]["clip"].shape == (1, 10, 17, 2)
    assert SkeletonDataset(rows, VOCABULARY, frames=10, channels=3)[0]["clip"].shape == (1, 10, 17, 3)


def test_size_and_place_of_a_person_do_not_matter(tmp_path):
    track = moving_track(1, 1, 1)
    other = replace(track, points=track.points * 3 + np.array([50, -20]))
    rows = [row_of(track, tmp_path / "a.npz"), row_of(other, tmp_path / "b.npz")]
    data = SkeletonDataset(rows, VOCABULARY)
    assert torch.allclose(data[0]["clip"], data[1]["clip"], atol=1e-4)
    shoulders = data[0]["clip"][0, 0, [5, 6], 0]
    assert abs(shoulders[0] - shoulders[1]) == pytest.approx(1.0, abs=0.15)


def test_gaps_are_filled_and_unknown_joints_lie_at_the_origin():
    points = np.zeros((5, 2, 2))
    points[:, 0, 0] = [0, 9, 9, 3, 9]
    scores = np.array([[1, 0], [0, 0], [0, 0], [1, 0], [0, 0]], dtype=float)
    filled = fill_gaps(points, scores)
    assert np.allclose(filled[:, 0, 0], [0, 1, 2, 3, 3])
    assert np.isnan(filled[:, 1]).all()
    whole = normalise(np.zeros((1, 4, 17, 2)), np.zeros((1, 4, 17)), COCO_17)
    assert np.isfinite(whole).all()
    assert not whole.any()


@pytest.mark.parametrize("layout", ["coco-17", "kinect-25", "imigue-22", "body-25", "mediapipe-33", "gesture-62"])
def test_every_layout_has_a_body_frame(layout):
    track = moving_track(0, 1, 1).to_layout(layout)
    points = np.where((track.scores > 0)[..., None], track.points, np.nan)
    _, unit = body_frame(points, LAYOUTS[layout])
    expected = body_frame(moving_track(0, 1, 1).points, COCO_17)[1]
    assert unit == pytest.approx(expected, rel=0.25)


def test_streams_by_hand():
    points = np.zeros((1, 2, 3, 2), np.float32)
    points[0, :, :, 0] = [[0, 1, 3], [0, 2, 6]]
    scores = np.array([[[1, 0.5, 1], [1, 0.5, 1]]], np.float32)
    parents = np.array([0, 0, 1])
    assert np.array_equal(to_stream(points, scores, "joint", parents)[..., :2], points)
    bones = to_stream(points, scores, "bone", parents)
    assert bones[0, :, :, 0].tolist() == [[0, 1, 2], [0, 2, 4]]
    assert bones[0, 0, :, 2].tolist() == [1, 0.5, 0.5]
    assert to_stream(points, scores, "joint-motion", parents)[0, :, :, 0].tolist() == [[0, 1, 3], [0, 0, 0]]
    assert to_stream(points, scores, "bone-motion", parents)[0, :, :, 0].tolist() == [[0, 1, 2], [0, 0, 0]]


def test_parents_lead_to_the_centre():
    for layout in LAYOUTS.values():
        parents = layout.parents
        centre = layout.index(layout.center)
        for joint in range(len(layout)):
            for _ in range(len(layout)):
                joint = parents[joint]
            assert joint == centre


def test_training_draws_depend_on_seed_epoch_and_index_alone(tmp_path):
    rows = [row_of(moving_track(i % 4, 1, i), tmp_path / f"{i}.npz") for i in range(3)]
    data = SkeletonDataset(rows, VOCABULARY, training=True, seed=3)
    first = data[1]["clip"]
    data[0], data[2]
    assert torch.equal(data[1]["clip"], first)
    data.set_epoch(1)
    assert not torch.equal(data[1]["clip"], first)


def test_a_pickle_is_opened_once_and_decides_layout_and_persons(tmp_path, monkeypatch):
    import microgesture.datasets.skeleton_reading as reading

    path = write_pickle(tmp_path / "a.pkl", subjects=3)
    opened = []
    original = reading.read_pyskl
    monkeypatch.setattr(reading, "read_pyskl", lambda file, layout: opened.append(file) or original(file, layout))
    names = original(path).names
    rows = [ClipRow(None, "up", skeleton=Path(f"{path}::{name}"), row=i) for i, name in enumerate(names)]
    data = SkeletonDataset(rows, VOCABULARY)
    assert (data.layout.name, data.persons, len(data), opened) == ("coco-17", 1, 24, [path])


def test_rows_without_a_usable_skeleton_are_named_or_left_out(tmp_path):
    good = row_of(moving_track(0, 1, 1), tmp_path / "a.npz")
    nobody = moving_track(0, 1, 1)
    empty = replace(row_of(replace(nobody, scores=nobody.scores * 0), tmp_path / "b.npz"), row=3)
    late = replace(good, start=9.0, end=10.0, row=4)
    missing = replace(good, skeleton=tmp_path / "none.npz", row=5)
    rows = [good, empty, late, missing]
    with pytest.raises(DataError, match=r"b\.npz: row 3: nobody is seen.*and 2 more rows.*on_problem skip"):
        SkeletonDataset(rows, VOCABULARY)
    with pytest.raises(DataError, match=r"row 4: start 9 s is past the end"):
        SkeletonDataset([good, late], VOCABULARY)
    with pytest.raises(DataError, match=r"none\.npz: row 5: no such file"):
        SkeletonDataset([missing], VOCABULARY)
    kept = SkeletonDataset(rows, VOCABULARY, skip=True)
    assert kept.rows == (good,)


def test_the_hint_fits_what_is_wrong(tmp_path):
    missing = ClipRow(None, "up", skeleton=tmp_path / "none.npz", row=5)
    with pytest.raises(DataError, match="no such file; no row is left") as caught:
        SkeletonDataset([missing], VOCABULARY, skip=True)
    assert "on_problem" not in str(caught.value)
    for skip in (True, False):
        with pytest.raises(DataError, match=r"row 2: no row names a skeleton: .*`microgesture pose`"):
            SkeletonDataset([ClipRow(Path("a.mp4"), "up", row=2)], VOCABULARY, skip=skip)


def test_points_in_a_picture_and_in_space_are_not_mixed(tmp_path):
    flat = moving_track(0, 1, 1)
    deep = replace(flat, points=np.concatenate([flat.points / 300, np.full((*flat.points.shape[:2], 1), 2.5)], -1))
    rows = [row_of(track, tmp_path / f"{i}.npz") for i, track in enumerate((flat, deep, flat))]
    with pytest.raises(
        DataError, match=r"1\.npz: row 2: has points in space \(3D\), most rows have points in a picture"
    ):
        SkeletonDataset(rows, VOCABULARY)
    assert (len(SkeletonDataset(rows, VOCABULARY, skip=True)), SkeletonDataset(rows[1:2], VOCABULARY).dimensions) == (
        2,
        3,
    )
    assert SkeletonDataset(rows, VOCABULARY, skip=True, dimensions=3).rows == (rows[1],)
    with pytest.raises(DataError, match=r"the run learnt from points in space \(3D\); --data.on_problem skip"):
        SkeletonDataset(rows[:1], VOCABULARY, dimensions=3)


def test_a_layout_that_does_not_exist_is_one_line(tmp_path):
    rows = [row_of(moving_track(0, 1, 1), tmp_path / "a.npz")]
    with pytest.raises(RecipeError, match="no keypoint layout 'nonsense': known are"):
        SkeletonDataset(rows, VOCABULARY, layout="nonsense")


def test_joints_that_cannot_be_made_are_said_once(tmp_path, caplog):
    check_joints.cache_clear()
    rows = [row_of(moving_track(0, 1, i), tmp_path / f"{i}.npz") for i in range(2)]
    for _ in range(2):
        SkeletonDataset(rows, VOCABULARY, layout="imigue-22")
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1
    assert "10 of 22 joints of imigue-22 cannot be made from coco-17 and are never seen: right_thumb_tip" in said[0]


def test_the_largest_person_of_a_pickle_comes_first(tmp_path):
    near, far = moving_track(0, 1, 1), moving_track(1, 1, 1)
    far = replace(far, points=far.points * 0.4)
    write_pyskl([[far, near]] * 2, [0, 1], tmp_path / "a.pkl", ["x", "y"])
    rows = [ClipRow(None, "up", skeleton=Path(f"{tmp_path / 'a.pkl'}::{name}"), row=1) for name in "xy"]
    for clip in read_rows(rows)[0].values():
        assert np.array_equal(clip.tracks[0].points, near.points)
        assert np.array_equal(clip.tracks[1].points, far.points)


def test_held_out_subjects_are_whole(tmp_path):
    rows = [ClipRow(Path(f"{s}_{i}.mp4"), "up", subject=f"P{s:03d}") for s in range(1, 21) for i in range(s % 4 + 1)]
    found = hold_out(rows, seed=1)
    parts = {part: {r.subject for r in found if r.split == part} for part in ("train", "val", "test")}
    assert not parts["train"] & parts["test"]
    assert not parts["train"] & parts["val"]
    assert 0.1 < sum(r.split == "test" for r in found) / len(found) < 0.3
    assert found == hold_out(rows, seed=1)
    named = hold_out_named(rows, ["18-20", "P001"])
    assert {r.subject for r in named if r.split == "test"} == {"P018", "P019", "P020", "P001"}
    with pytest.raises(DataError, match="no clip of subject '77'"):
        hold_out_named(rows, ["77"])
