"""Frames as published systems choose them, the view of P&C, and data sets without labels."""

import numpy as np
import pytest

from microgesture.datasets.frame_choice import chosen_frames, padded_frames
from microgesture.datasets.manifest import ClipRow, read_manifest
from microgesture.datasets.skeletons import UNLABELLED, SkeletonDataset
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.skeletons.view_alignment import align_view, first_view
from microgesture.vocabulary import Vocabulary
from moving_joints import moving_track

VOCABULARY = Vocabulary.from_texts(["up", "wave"])


def test_frames_of_the_published_systems():
    assert chosen_frames(120, 50, "strided").tolist() == list(range(0, 100, 2))
    assert chosen_frames(99, 50, "strided").tolist() == list(range(50))
    assert chosen_frames(3, 5, "strided").tolist() == [0, 1, 2]
    assert chosen_frames(7, 5, "last").tolist() == [2, 3, 4, 5, 6]
    assert chosen_frames(3, 5, "last").tolist() == [0, 1, 2]
    assert chosen_frames(3, 8, "last-repeated").tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert chosen_frames(9, 4, "last-repeated").tolist() == [5, 6, 7, 8]
    with pytest.raises(RecipeError, match="'uniform' chooses no frames"):
        chosen_frames(3, 5, "uniform")


def test_padding_is_zero_in_points_and_scores():
    points, scores = np.ones((2, 3, 4, 2)), np.ones((2, 3, 4))
    p, s = padded_frames(points, scores, 5, "strided")
    assert p.shape == (2, 5, 4, 2)
    assert s.shape == (2, 5, 4)
    assert p[:, :3].all()
    assert s[:, :3].all()
    assert not p[:, 3:].any()
    assert not s[:, 3:].any()


@pytest.fixture
def rows(tmp_path):
    found = []
    for i, frames in enumerate((40, 10)):
        moving_track(i, 1, i, frames=frames).save(tmp_path / f"{i}.npz")
        found.append(ClipRow(None, ("up", "wave")[i], skeleton=tmp_path / f"{i}.npz", subject="S1"))
    return found


def test_a_data_set_keeps_its_frames(rows):
    data = SkeletonDataset(rows, VOCABULARY, frames=20, sampling="strided", channels=3)
    whole = SkeletonDataset(rows, VOCABULARY, frames=40, sampling="strided", channels=3)
    assert (data[0]["clip"] == whole[0]["clip"][:, ::2]).all()
    short = data[1]["clip"]
    assert short.shape == (1, 20, 17, 3)
    assert (short[0, :10] == whole[1]["clip"][0, :10]).all()
    assert not short[0, 10:].any()
    repeated = SkeletonDataset(rows, VOCABULARY, frames=20, sampling="last-repeated", channels=3)[1]["clip"]
    assert (repeated[0, 10:] == repeated[0, :10]).all()
    with pytest.raises(UserError, match="cannot be made"):
        SkeletonDataset(rows, VOCABULARY, sampling="random")


def test_a_data_set_without_labels_shows_none(rows):
    unknown = [ClipRow(None, "", skeleton=row.skeleton, subject="S1") for row in rows]
    for given in (rows, unknown):
        data = SkeletonDataset(given, VOCABULARY, frames=8, labelled=False)
        assert [data[i]["label"] for i in range(2)] == [UNLABELLED] * 2
        assert data.labels == (UNLABELLED, UNLABELLED)
    with pytest.raises(DataError, match="label '' is not in vocabulary"):
        SkeletonDataset(unknown, VOCABULARY)


def test_a_clip_without_a_label_may_be_flipped(rows):
    from microgesture.datasets.augmentation import Augmentation

    plan = Augmentation.from_config({"flip": {"probability": 1.0}})
    plain = SkeletonDataset(rows, VOCABULARY, frames=8, training=True, labelled=False)
    flipped = SkeletonDataset(rows, VOCABULARY, frames=8, training=True, labelled=False, augment=plan)
    assert flipped[0]["label"] == UNLABELLED
    assert not np.allclose(flipped[0]["clip"], plain[0]["clip"])


def test_empty_labels_of_a_table(tmp_path):
    moving_track(0, 1, 0).save(tmp_path / "a.npz")
    table = tmp_path / "manifest.csv"
    table.write_text("skeleton,label,subject,split\na.npz,,s1,train\na.npz,up,s2,test\n")
    with pytest.raises(DataError, match="row 2: empty label"):
        read_manifest(table)
    found = read_manifest(table, labelled=False)
    assert [row.label for row in found] == ["", "up"]
    assert found.vocabulary.names == ("up",)
    with pytest.raises(DataError, match="label 'up' is not in vocabulary"):
        read_manifest(table, Vocabulary.from_texts(["wave"]), labelled=False)


def random_rotation(rng):
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else q[:, [1, 0, 2]]


def test_the_view_of_points_in_space_does_not_feel_the_camera():
    rng = np.random.default_rng(0)
    layout = LAYOUTS["ntu-rgb+d"]
    points = rng.normal(0, 1, (1, 6, 25, 3))
    seen = points @ random_rotation(rng).T + rng.normal(0, 3, 3)
    ours, theirs = align_view(points, layout), align_view(seen, layout)
    assert np.allclose(ours, theirs, atol=1e-9)
    assert ours.min() == pytest.approx(-1)
    assert ours.max() == pytest.approx(1)
    assert np.allclose(ours.reshape(-1, 3).min(0), -1)
    assert np.allclose(ours.reshape(-1, 3).max(0), 1)


def test_the_view_is_that_of_the_paper():
    rng = np.random.default_rng(1)
    root, spine, left, right = rng.normal(size=(4, 3))
    v1 = (spine - root) / np.linalg.norm(spine - root)
    u = left - right
    v2 = u - (v1 @ u) * v1
    v2 /= np.linalg.norm(v2)
    v3 = np.cross(v2, v1)
    expected = np.stack([v2, v3, v1], 1)
    assert np.allclose(first_view(root, spine, left, right), expected)
    x = rng.normal(size=3)
    assert np.allclose(np.linalg.inv(expected) @ x, x @ first_view(root, spine, left, right))
    with pytest.raises(DataError, match="coincide"):
        first_view(root, root, left, right)


def test_points_in_a_picture_are_put_in_range_alone():
    points = np.random.default_rng(0).normal(0, 1, (2, 6, 17, 2))
    points[1] = np.nan  # a person who is never seen
    found = align_view(points, LAYOUTS["coco-17"])
    low, high = points[0].reshape(-1, 2).min(0), points[0].reshape(-1, 2).max(0)
    assert np.allclose(found[0], 2 * (points[0] - low) / (high - low) - 1)
    assert np.isnan(found[1]).all()
    with pytest.raises(DataError, match="layout 'openpose-18' shows no spine and hips"):
        align_view(np.full((1, 2, 18, 3), np.nan), LAYOUTS["openpose-18"])
