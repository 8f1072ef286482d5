import json
import logging

import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.skeletons import LAYOUTS, SkeletonTrack
from microgesture.skeletons.openpose import read_openpose, write_openpose


def body(x: float = 300, y: float = 200, height: float = 400, score: float = 0.8) -> list[float]:
    rng = np.random.default_rng(1)
    points = rng.random((25, 2)) * (height / 2, height) + (x, y)
    return np.concatenate([points, np.full((25, 1), score)], axis=1).ravel().tolist()


def write_frame(folder, number: int, people, name: str = "clip_{:012d}_keypoints.json", **more) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name.format(number)).write_text(json.dumps({"version": 1.3, "people": people, **more}))


def person(values, **parts):
    return {"pose_keypoints_2d": values, **parts}


def track_of(layout: str, frames: int = 5) -> SkeletonTrack:
    rng = np.random.default_rng(2)
    count = len(LAYOUTS[layout])
    scores = rng.uniform(0, 1, (frames, count)) * (rng.random((frames, count)) > 0.2)
    points = rng.uniform(10, 700, (frames, count, 2))
    return SkeletonTrack(np.arange(frames) / 29.97 + 0.011, points, scores, layout, (1280, 720), "P1")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_written_gives_the_recogniser_the_same_points(tmp_path, layout):
    track = track_of(layout)
    track.scores[3] = 0  # the person is not seen
    (back,) = read_openpose(write_openpose(track, tmp_path / "out"))
    a, b = track.to_layout("gesture-62"), back.to_layout("gesture-62")
    np.testing.assert_array_equal(a.scores, b.scores)
    np.testing.assert_array_equal(a.points[a.scores > 0], b.points[a.scores > 0])
    np.testing.assert_array_equal(a.times, b.times)
    assert back.image_size == (1280, 720)
    assert (back.scores[3] == 0).all()


def test_the_files_are_those_of_openpose(tmp_path):
    write_openpose(track_of("mediapipe-holistic", 2), tmp_path, name="talk")
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"talk_{i:012d}_keypoints.json" for i in range(2)]
    (one,) = json.loads((tmp_path / "talk_000000000001_keypoints.json").read_text())["people"]
    sizes = {key: len(values) for key, values in one.items()}
    assert sizes["pose_keypoints_2d"] == 75
    assert sizes["face_keypoints_2d"] == 210
    assert sizes["hand_left_keypoints_2d"] == sizes["hand_right_keypoints_2d"] == 63


def test_parts_stand_where_they_belong(tmp_path):
    rng = np.random.default_rng(0)
    parts = {
        "face_keypoints_2d": rng.uniform(2, 500, (70, 3)),
        "hand_left_keypoints_2d": rng.uniform(2, 500, (21, 3)),
        "hand_right_keypoints_2d": rng.uniform(2, 500, (21, 3)),
    }
    for values in parts.values():
        values[:, 2] /= 500
    write_frame(tmp_path, 0, [person(body(), **{k: v.ravel().tolist() for k, v in parts.items()})])
    write_frame(tmp_path, 1, [person(body())])
    (track,) = read_openpose(tmp_path)
    assert track.layout == "openpose-137"
    for joint, key, index in (
        ("chin", "face_keypoints_2d", 8),
        ("left_mouth", "face_keypoints_2d", 54),
        ("left_index_tip", "hand_left_keypoints_2d", 8),
        ("right_thumb_tip", "hand_right_keypoints_2d", 4),
    ):
        np.testing.assert_allclose(track.points[0, track.skeleton.index(joint)], parts[key][index, :2], rtol=1e-6)
    assert (track.scores[1, 25:] == 0).all()
    assert (track.scores[1, :25] > 0).all()


def test_order_times_and_gaps_follow_the_numbers(tmp_path):
    for number, x in ((10, 30), (2, 20), (9, 29), (100, 40)):
        write_frame(tmp_path, number, [person(body(x))], name="v1_{}_keypoints.json")
    (track,) = read_openpose(tmp_path)
    np.testing.assert_allclose(track.times, np.array([2, 9, 10, 100]) / 25)
    assert (np.diff(track.points[:, 0, 0]) > 0).all()
    np.testing.assert_allclose(read_openpose(tmp_path, fps=10)[0].times, [0.2, 0.9, 1, 10])
    assert track.layout == "body-25"
    low, high = track.points.max((0, 1)), track.image_size
    assert all(a < b <= a + 2 for a, b in zip(low, high, strict=True))


def test_people_are_followed_and_the_largest_comes_first(tmp_path):
    for t in range(20):
        small = person(body(900 - 8 * t, 300, 150))
        large = person(body(200 + 4 * t, 100, 500))
        people = [small, large] if t % 2 else [large, small]
        if t in (5, 6):
            people = [small]
        if t == 12:
            people = []
        write_frame(tmp_path, t, people)
    first, second = read_openpose(tmp_path)
    assert (first.person, second.person) == ("P1", "P2")
    assert [t for t in range(20) if not first.scores[t].any()] == [5, 6, 12]
    assert [t for t in range(20) if not second.scores[t].any()] == [12]
    seen = first.scores.any(1)
    np.testing.assert_allclose(np.diff(first.points[seen, 0, 0]), 4 * np.diff(np.arange(20)[seen]), atol=1e-3)
    np.testing.assert_allclose(first.times, second.times)


def test_nobody_is_a_track_without_scores(tmp_path, caplog):
    for t in range(3):
        write_frame(tmp_path, t, [])
    with caplog.at_level(logging.WARNING):
        (track,) = read_openpose(tmp_path)
    assert len(track) == 3
    assert (track.scores == 0).all()
    assert "no person in any frame" in caplog.text


def test_the_older_body_model_goes_by_name(tmp_path):
    values = np.array(body()).reshape(25, 3)[:18]
    write_frame(tmp_path, 0, [person(values.ravel().tolist())])
    (track,) = read_openpose(tmp_path)
    for joint, index in (("right_wrist", 4), ("left_hip", 11), ("left_ear", 17)):
        np.testing.assert_allclose(track.points[0, track.skeleton.index(joint)], values[index, :2], rtol=1e-6)
    np.testing.assert_allclose(track.points[0, 8], values[[8, 11], :2].mean(0), rtol=1e-5)
    assert (track.scores[0, 19:] == 0).all()


@pytest.mark.parametrize("centred", [False, True])
def test_normalised_points_need_the_size(tmp_path, centred):
    values = np.array(body()).reshape(25, 3)
    unit = values[:, :2] / (1000, 800)
    values[:, :2] = unit * 2 - 1 if centred else unit
    write_frame(tmp_path, 0, [person(values.ravel().tolist())])
    with pytest.raises(DataError, match="normalised"):
        read_openpose(tmp_path)
    (track,) = read_openpose(tmp_path, image_size=(1000, 800))
    np.testing.assert_allclose(track.points[0], unit * (1000, 800), rtol=1e-4)


def test_values_that_are_not_finite_are_unknown(tmp_path):
    values = body()
    values[0], values[4] = float("nan"), float("inf")
    write_frame(tmp_path, 0, [person(values)])
    (track,) = read_openpose(tmp_path)
    assert track.scores[0, :3].tolist() == [0, 0, np.float32(0.8)]
    assert np.isfinite(track.points).all()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"people": [{"pose_keypoints_2d": [1, 2', "not JSON, or cut off"),
        ("", "not JSON, or cut off"),
        ("[1, 2]", "no list 'people'"),
        ('{"frames": []}', "no list 'people'"),
        ('{"people": [3]}', "no list 'people'"),
        ('{"people": [{"pose_keypoints_2d": [1, 2]}]}', "has 2 numbers, not a multiple of 3"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, "x"]}]}', "not a list of numbers"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, null]}]}', "not a list of numbers"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 1' + "0" * 400 + "]}]}", "too large"),
        ('{"people": [{"pose_keypoints_2d": [' + ",".join("0" * 45) + "]}]}", "15 body points, only BODY_25"),
        ('{"people": [{"face_keypoints_2d": [1, 2, 3]}]}', "face_keypoints_2d has 3 numbers, expected 210"),
    ],
)
def test_broken_files_are_one_line_with_the_file(tmp_path, text, what):
    write_frame(tmp_path, 0, [])
    (tmp_path / "clip_000000000001_keypoints.json").write_text(text)
    with pytest.raises(DataError, match=what) as caught:
        read_openpose(tmp_path)
    assert "clip_000000000001_keypoints.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_folders_that_are_none(tmp_path):
    with pytest.raises(DataError, match="no OpenPose JSON files"):
        read_openpose(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        read_openpose(tmp_path / "none")
    write_frame(tmp_path / "names", 0, [], name="meta.json")
    with pytest.raises(DataError, match="no frame number"):
        read_openpose(tmp_path / "names")
    write_frame(tmp_path / "two", 7, [], name="a_{}_keypoints.json")
    write_frame(tmp_path / "two", 7, [], name="b_{}_keypoints.json")
    with pytest.raises(DataError, match="frame 7 twice"):
        read_openpose(tmp_path / "two")


def test_what_cannot_be_written_is_refused(tmp_path):
    track = track_of("coco-17")
    deep = SkeletonTrack(track.times, np.zeros((5, 17, 3)), track.scores, "coco-17", (10, 10))
    for wrong in ([], deep, track.between(90, 91)):
        with pytest.raises(DataError, match="2D tracks"):
            write_openpose(wrong, tmp_path / "out")
    with pytest.raises(DataError, match="same times"):
        write_openpose([track, track.between(0, 0.1)], tmp_path / "out")
    write_openpose(track, tmp_path / "out")
    with pytest.raises(DataError, match="JSON files already"):
        write_openpose(track, tmp_path / "out")
