import json
import pickle

import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.skeletons import SkeletonTrack
from microgesture.skeletons.openpose import write_openpose
from microgesture.skeletons.pyskl import write_pyskl
from microgesture.skeletons.sources import is_skeleton, read_tracks


def track(person: str = "P1", size: float = 400) -> SkeletonTrack:
    rng = np.random.default_rng(0)
    points = rng.uniform(0, size, (8, 75, 2))
    return SkeletonTrack(
        np.arange(8) / 24 + 0.5, points, rng.uniform(0.1, 1, (8, 75)), "mediapipe-holistic", (640, 480), person
    )


@pytest.fixture
def files(tmp_path):
    one = track()
    one.save(tmp_path / "track.npz")
    write_openpose(one, tmp_path / "folder")
    write_pyskl([one], [0], tmp_path / "clip.pkl")
    (tmp_path / "0001_light_hand.csv").write_text(",".join(["0", *("7" * 105)]))
    (tmp_path / "plain.csv").write_text(",".join("7" * 275) + "\n")
    return tmp_path


def test_every_file_is_known_and_read(files):
    layouts = {
        "track.npz": "mediapipe-holistic",
        "folder": "openpose-140",
        "clip.pkl": "mediapipe-holistic",
        "0001_light_hand.csv": "imigue-35",
        "plain.csv": "kinect-25",
    }
    for name, layout in layouts.items():
        assert is_skeleton(files / name)
        (found,) = read_tracks(str(files / name))
        assert found.layout == layout
        assert read_tracks(files / name, fps=10)[0].times[0] == 0
        if len(found) > 1:
            assert read_tracks(files / name, fps=10)[0].times[1] == 0.1


def test_track_folder_and_pickle_of_the_same_frames_are_the_same_to_the_recogniser(files):
    first, *others = (
        read_tracks(files / name)[0].to_layout("gesture-62") for name in ("track.npz", "folder", "clip.pkl")
    )
    assert len(others) == 2
    for other in others:
        for key in ("times", "points", "scores"):
            np.testing.assert_array_equal(getattr(first, key), getattr(other, key))
        assert other.image_size == first.image_size


def test_a_clip_of_many_is_named_and_its_largest_person_comes_first(tmp_path):
    small, large = track("P1", 100), track("P2", 400)
    write_pyskl([small, [small, large]], [0, 1], tmp_path / "a.pkl", ["one", "two"])
    assert [t.person for t in read_tracks(tmp_path / "a.pkl", name="two")] == ["P2", "P1"]
    assert len(read_tracks(f"{tmp_path / 'a.pkl'}::one")) == 1
    assert is_skeleton(f"{tmp_path / 'a.pkl'}::one")
    with pytest.raises(DataError, match="holds 2 clips"):
        read_tracks(tmp_path / "a.pkl")
    with pytest.raises(DataError, match="no clip named 'three'"):
        read_tracks(tmp_path / "a.pkl", name="three")
    small.save(tmp_path / "a.npz")
    with pytest.raises(DataError, match="only a PYSKL file"):
        read_tracks(tmp_path / "a.npz", name="one")


def test_other_files_are_not_skeletons(tmp_path):
    (tmp_path / "video.mp4").write_bytes(b"\x00" * 100)
    (tmp_path / "timeline.csv").write_text("media,person,start_s\na,P1,0\n")
    (tmp_path / "empty.csv").touch()
    np.savez(tmp_path / "other.npz", a=1)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "notes.json").write_text(json.dumps({"a": 1}))
    (tmp_path / "nothing").mkdir()
    for name in ("video.mp4", "timeline.csv", "empty.csv", "other.npz", "photos", "nothing", "missing.npz"):
        assert not is_skeleton(tmp_path / name), name
        with pytest.raises(DataError, match=name) as caught:
            read_tracks(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"accepted are a track \(.npz\), a folder of OpenPose JSON"):
        read_tracks(tmp_path / "video.mp4")


def test_broken_skeleton_files_are_theirs_to_refuse(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 cut")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1, 2, 3])[:-3])
    (tmp_path / "S_skeleton.csv").write_text("1,2,3\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "000_keypoints.json").write_text('{"people": [')
    for name in ("a.npz", "a.pkl", "S_skeleton.csv", "folder"):
        assert is_skeleton(tmp_path / name)
        with pytest.raises(DataError, match=name):
            read_tracks(tmp_path / name)
