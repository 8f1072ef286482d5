import os

import numpy as np
import pytest

from microgesture.errors import DataError, UserError
from microgesture.skeletons import LAYOUTS, SkeletonTrack


def make(frames: int = 10, size: int = 2) -> SkeletonTrack:
    rng = np.random.default_rng(0)
    points = rng.uniform(10, 90, (frames, 17, size))
    return SkeletonTrack(np.arange(frames) / 10, points, rng.uniform(0.5, 1, (frames, 17)), "coco-17", (120, 100), "P2")


def test_a_track_comes_back_and_has_the_same_bytes(tmp_path):
    track = make()
    track.save(tmp_path / "a.npz")
    os.utime(tmp_path / "a.npz", (1, 1))
    back = SkeletonTrack.load(tmp_path / "a.npz")
    for key in ("times", "points", "scores"):
        np.testing.assert_array_equal(getattr(back, key), getattr(track, key))
    assert (back.layout, back.image_size, back.person) == ("coco-17", (120, 100), "P2")
    back.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        assert archive["joints"].tolist() == list(LAYOUTS["coco-17"].joints)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_the_box_is_tight_around_confident_points():
    points = np.full((4, 17, 2), 50.0)
    points[1, 3], points[2, 4], points[3, 5] = (20, 40), (90, 70), (1, 1)
    scores = np.ones((4, 17))
    scores[2, 4] = 0.2
    scores[:, 16] = 0
    points[:, 16] = np.nan
    track = SkeletonTrack([0.0, 1.0, 2.0, 3.0], points, scores, "coco-17", (100, 100))
    assert track.box(0.5, 2.5) == (20, 40, 50, 50)
    assert track.box(0.5, 2.5, min_score=0.1) == (20, 40, 90, 70)
    assert track.box() == (1, 1, 50, 50)
    assert track.box(1.1, 1.2) == (20, 40, 50, 50)  # no pose inside: the nearest one
    nobody = SkeletonTrack([0.0], points[:1], np.zeros((1, 17)), "coco-17", (100, 100))
    assert nobody.box() is None
    with pytest.raises(DataError, match="3D"):
        make(size=3).box()


def test_a_part_and_another_layout():
    track = make()
    assert track.between(0.2, 0.5).times.tolist() == [0.2, 0.3, 0.4]
    other = track.to_layout("body-25")
    assert other.points.shape == (10, 25, 2)
    heel = other.skeleton.index("left_heel")
    assert (other.scores[:, heel] == 0).all()
    assert np.isfinite(other.points).all()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"times": np.zeros(3)}, "do not fit"),
        ({"scores": np.zeros((10, 16))}, "do not fit"),
        ({"points": np.zeros((10, 17, 4))}, "do not fit"),
        ({"layout": "coco"}, "no keypoint layout"),
        ({"times": np.arange(10)[::-1]}, "may not decrease"),
        ({"times": np.full(10, np.nan)}, "finite"),
    ],
)
def test_tracks_that_do_not_fit_are_refused(change, what):
    track = make()
    values = {k: getattr(track, k) for k in ("times", "points", "scores", "layout", "image_size")}
    with pytest.raises(DataError, match=what):
        SkeletonTrack(**{**values, **change})


def test_bad_files_are_one_line(tmp_path):
    (tmp_path / "text.npz").write_text("text")
    np.savez(tmp_path / "other.npz", a=1)
    np.savez(tmp_path / "program.npz", **{k: np.array([object()]) for k in ("times",)})
    np.save(tmp_path / "plain.npy", np.zeros(3))
    (tmp_path / "plain.npy").rename(tmp_path / "plain.npz")
    for name in ("text.npz", "other.npz", "program.npz", "plain.npz", "none.npz"):
        with pytest.raises(DataError, match=name) as caught:
            SkeletonTrack.load(tmp_path / name)
        assert "\n" not in str(caught.value)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        make().save(tmp_path / "file" / "a.npz")


def test_interpolated_frames_are_marked_and_old_files_still_load(tmp_path):
    track = make()
    assert track.interpolated is None
    marks = np.arange(10) % 4 == 0
    marked = SkeletonTrack(track.times, track.points, track.scores, "coco-17", (120, 100), "P1", marks)
    marked.save(tmp_path / "a.npz")
    back = SkeletonTrack.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(back.interpolated, marks)
    assert back.between(0.2, 0.5).interpolated.tolist() == [False, False, True]
    assert back.to_layout("body-25").interpolated.tolist() == marks.tolist()
    track.save(tmp_path / "old.npz")
    assert SkeletonTrack.load(tmp_path / "old.npz").interpolated is None
    with pytest.raises(DataError, match="interpolated"):
        SkeletonTrack(track.times, track.points, track.scores, "coco-17", (120, 100), "P1", marks[:3])


def test_stretches_without_the_person():
    track = make()
    assert track.absent() == []
    track.scores[:2] = 0
    track.scores[5] = 0
    track.scores[6, 1:] = 0
    track.scores[8:] = 0
    assert track.absent() == [(0.0, 0.2), (0.5, 0.6), (0.8, pytest.approx(1.0))]
    assert SkeletonTrack([], np.zeros((0, 17, 2)), np.zeros((0, 17)), "coco-17", (120, 100)).absent() == []
