"""Layouts of one's own: what a good file gives, what a bad one says, and the orders of depth cameras."""

import logging
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from microgesture.errors import DataError
from microgesture.skeletons.bone_fit import best_fit
from microgesture.skeletons.layout_files import as_layout, described, layout_beside, read_layout, write_layout
from microgesture.skeletons.layouts import COCO_17, KINECT_20, LAYOUTS, NITE_15, OPENNI_15, Layout, convert
from microgesture.skeletons.pyskl import annotation_tracks, read_pyskl, write_pyskl
from microgesture.skeletons.sources import read_tracks
from microgesture.skeletons.track import SkeletonTrack
from moving_joints import PLACES

GOOD = {
    "name": "hand-5",
    "joints": ["root", "thumb", "index", "LIndex", "RIndex"],
    "bones": [["root", "thumb"], ["root", "index"], ["index", "LIndex"], ["index", "RIndex"]],
    "centre": "root",
    "pairs": [["LIndex", "RIndex"]],
}
BODY = PLACES | {
    "head": (0, -0.65), "spine_shoulder": (0, 0), "spine_mid": (0, 0.8), "spine_base": (0, 1.5),
    "left_hand": (0.5, 1.6), "right_hand": (-0.5, 1.6), "left_foot": (0.45, 3.5), "right_foot": (-0.45, 3.5),
}  # fmt: skip


def write(path: Path, **changes) -> Path:
    values = {key: value for key, value in (GOOD | changes).items() if value is not None}
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def pose(names, frames: int = 6, seed: int = 0) -> np.ndarray:
    points = np.array([BODY[name] for name in names])[None].repeat(frames, 0)
    return points * 200 + 640 + np.random.default_rng(seed).normal(0, 3, points.shape)


def annotation(points: np.ndarray, **more) -> dict:
    scores = np.ones((1, *points.shape[:2]))
    return {"frame_dir": "a", "label": 0, "img_shape": (2000, 2000), "keypoint": points[None],
            "keypoint_score": scores, **more}  # fmt: skip


def dump(path: Path, annotations: list) -> Path:
    path.write_bytes(pickle.dumps(annotations))
    return path


def test_a_file_is_a_layout_and_comes_back(tmp_path):
    layout = read_layout(write(tmp_path / "hand.yaml"))
    assert layout == Layout(
        "hand-5",
        ("root", "thumb", "index", "LIndex", "RIndex"),
        (("root", "thumb"), ("root", "index"), ("index", "LIndex"), ("index", "RIndex")),
        "root",
        (("LIndex", "RIndex"),),
    )
    write_layout(tmp_path / "again.yaml", layout)
    assert read_layout(tmp_path / "again.yaml") == as_layout(described(layout)) == layout
    assert described(KINECT_20) == "kinect-20"
    assert as_layout("kinect-20") is KINECT_20
    assert layout_beside(tmp_path) is None
    write(tmp_path / "layout.yaml")
    assert layout_beside(tmp_path) == layout_beside(tmp_path / "clips.pkl::a") == layout


def test_without_pairs_the_names_tell_left_and_right(tmp_path):
    joints = ["neck", "left_hand", "right_hand"]
    bones = [["neck", "left_hand"], ["neck", "right_hand"]]
    changes = {"joints": joints, "bones": bones, "centre": None, "center": "neck", "pairs": None}
    layout = read_layout(write(tmp_path / "a.yaml", **changes))
    assert layout.flip == (("left_hand", "right_hand"),)
    assert layout.center == "neck"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"bones": [["root", "thump"], *GOOD["bones"][1:]]}, "bones, entry 1: no joint 'thump', there is 'thumb'"),
        ({"bones": [*GOOD["bones"][:3], ["index", "index"]]}, "bones, entry 4: 'index' is joined to itself"),
        ({"bones": [*GOOD["bones"], ["thumb", "index"]]}, "bones, entry 5: thumb and index are joined already"),
        ({"bones": GOOD["bones"][:3]}, "bones: nothing joins 'RIndex' to 'root'"),
        ({"bones": [["root"], *GOOD["bones"][1:]]}, "bones, entry 1: expected two joints, as in [root, thumb]"),
        ({"bones": [[0, 1], *GOOD["bones"][1:]]}, "bones, entry 1: '0' is no name"),
        ({"bones": "root"}, "bones: expected a list"),
        ({"bones": None}, "no 'bones': a layout has the keys name, joints"),
        ({"joints": [*GOOD["joints"], "thumb"]}, "joints, entry 6: 'thumb' stands in entry 2 already"),
        ({"joints": [*GOOD["joints"][:4], True]}, "joints, entry 5: 'True' is no name"),
        ({"joints": ["root"]}, "joints: a skeleton has two joints or more"),
        ({"centre": "middle"}, "centre: no joint 'middle'"),
        ({"pairs": [["LIndex", "RIndex"], ["RIndex", "thumb"]]}, "pairs, entry 2: 'RIndex' stands in entry 1 already"),
        ({"pairs": [["LIndex", "LIndex"]]}, "pairs, entry 1: 'LIndex' is joined to itself"),
        ({"pairs": [["LIndex"]]}, "pairs, entry 1: expected two joints"),
        ({"name": "coco-17"}, "name: 'coco-17' is a layout of the package"),
        ({"name": 5}, "name: '5' is no name"),
        ({"bonse": []}, "no key 'bonse' in a layout: known are name, joints"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_line_with_file_and_entry(changes, what, tmp_path):
    path = write(tmp_path / "bad.yaml", **changes)
    with pytest.raises(DataError) as caught:
        read_layout(path)
    assert str(caught.value).startswith(f"{path}: {what}")
    assert "\n" not in str(caught.value)


def test_pairs_against_the_names_are_refused(tmp_path):
    changes = {
        "joints": ["neck", "left_hand", "right_hand", "left_foot", "right_foot"],
        "bones": [["neck", joint] for joint in ("left_hand", "right_hand", "left_foot", "right_foot")],
        "centre": "neck",
    }
    crossed = [["left_hand", "right_foot"], ["left_foot", "right_hand"]]
    with pytest.raises(DataError, match="pairs, entry 1: 'left_hand' belongs to 'right_hand', by their names"):
        read_layout(write(tmp_path / "a.yaml", **changes, pairs=crossed))
    with pytest.raises(DataError, match="pairs: 'left_foot' belongs to 'right_foot'"):
        read_layout(write(tmp_path / "a.yaml", **changes, pairs=[["left_hand", "right_hand"]]))


def test_bones_that_do_not_mirror_are_said(tmp_path, caplog):
    read_layout(write(tmp_path / "a.yaml", pairs=[["thumb", "index"]]))
    assert "a.yaml: bone index - LIndex: mirrored it is thumb - LIndex, which is no bone" in caplog.text


@pytest.mark.parametrize("text", ["- a\n", "{a: [", "a: &x [*x]\n", "\x00\x01", "[" * 5000, "", "name: x\n" * 200_000])
def test_no_layout_at_all_is_one_line(text, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_layout(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    for name, what in (("nowhere.yaml", "cannot be read"), ("kinect-21", "no keypoint layout 'kinect-21'")):
        with pytest.raises(DataError, match=what):
            as_layout(name)


def test_a_track_holds_its_layout(tmp_path):
    layout = as_layout(GOOD)
    rng = np.random.default_rng(0)
    track = SkeletonTrack(np.arange(4) / 25, rng.normal(size=(4, 5, 2)), np.ones((4, 5)), "hand-5", (9, 9), own=layout)
    track.save(tmp_path / "a.npz")
    found = SkeletonTrack.load(tmp_path / "a.npz")
    assert found.skeleton == found.own == layout
    assert found.between(0, 0.05).skeleton == layout
    np.testing.assert_array_equal(found.points, track.points)
    write_pyskl([track, track], [0, 1], tmp_path / "a.pkl", ["x", "y"])
    assert read_tracks(f"{tmp_path / 'a.pkl'}::y")[0].skeleton == layout
    false = replace(layout, name="coco-17")
    with pytest.raises(DataError, match="layout 'coco-17' is not the package's"):
        SkeletonTrack(np.zeros(1), np.zeros((1, 5, 2)), np.zeros((1, 5)), "coco-17", (9, 9), own=false)


def test_a_track_without_bones_needs_a_layout_file(tmp_path):
    arrays = {
        "times": np.arange(3) / 25, "points": np.zeros((3, 5, 2)), "scores": np.ones((3, 5)), "layout": "hand-5",
        "joints": GOOD["joints"], "image_size": [9, 9], "person": "P1",
    }  # fmt: skip
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=r"a\.npz: no keypoint layout 'hand-5' is known, and no layout file"):
        read_tracks(tmp_path / "a.npz")
    assert read_tracks(tmp_path / "a.npz", layout=GOOD)[0].layout == "hand-5"
    write(tmp_path / "layout.yaml")
    assert read_tracks(tmp_path / "a.npz")[0].skeleton == as_layout(GOOD)
    write(tmp_path / "layout.yaml", joints=["thumb", "root", *GOOD["joints"][2:]])
    with pytest.raises(DataError, match="its joints are not those of layout 'hand-5'"):
        read_tracks(tmp_path / "a.npz")


def test_what_points_are_is_said_by_the_user_else_by_the_file(tmp_path):
    path = dump(tmp_path / "a.pkl", [annotation(np.random.default_rng(0).normal(500, 50, (4, 5, 2)))])
    with pytest.raises(DataError, match=r"a\.pkl::a: 5 points are of no known layout: give a layout file"):
        read_tracks(path)
    assert read_tracks(path, layout=GOOD)[0].layout == "hand-5"
    with pytest.raises(DataError, match="5 points do not fit layout 'coco-17' of 17 joints"):
        read_tracks(path, layout="coco-17")
    write(tmp_path / "layout.yaml", name="beside")
    assert read_tracks(path)[0].layout == "beside"
    assert read_tracks(path, layout=GOOD)[0].layout == "hand-5"
    told = dump(tmp_path / "b.pkl", [annotation(pose(COCO_17.joints), layout="coco-17")])
    assert read_tracks(told)[0].layout == "coco-17"
    silent = dump(tmp_path / "b.pkl", [annotation(pose(COCO_17.joints))])
    with pytest.raises(DataError, match="17 points do not fit layout 'beside' of 5 joints"):
        read_tracks(silent)
    own = annotation_tracks(annotation(np.ones((4, 5, 2)), layout=GOOD))[0]
    assert own.skeleton == as_layout(GOOD)
    with pytest.raises(DataError, match="a: layout: bones, entry 1: no joint 'b'"):
        annotation_tracks(annotation(np.ones((4, 5, 2)), layout=GOOD | {"bones": [["root", "b"]]}))


@pytest.mark.parametrize("layout", [KINECT_20, OPENNI_15, NITE_15], ids=lambda layout: layout.name)
@pytest.mark.parametrize("depth", [False, True])
def test_depth_cameras_are_told_by_their_bones(layout, depth, tmp_path, caplog):
    points = pose(layout.joints)
    if depth:
        points = np.concatenate([points / 400 * [1, -1], np.full((*points.shape[:2], 1), 2.5)], -1)
    more = {"keypoint_score": None} if depth else {}
    path = dump(tmp_path / "a.pkl", [annotation(points, frame_dir=str(i), **more) for i in range(3)])
    file = read_pyskl(path)
    tracks = [annotation_tracks(a, conventions=file.conventions)[0] for a in file.annotations]
    assert {track.layout for track in tracks} == {layout.name}
    assert not caplog.text


@pytest.mark.parametrize(("count", "taken"), [(15, "openni-15"), (17, "coco-17"), (20, "kinect-20")])
def test_another_makers_order_is_doubted(count, taken, tmp_path, caplog):
    names = LAYOUTS[taken].joints
    shuffled = [names[i] for i in np.random.default_rng(1).permutation(count)]
    path = dump(tmp_path / "a.pkl", [annotation(pose(shuffled))])
    with caplog.at_level(logging.WARNING):
        file = read_pyskl(path)
        assert any(f"fit the {count} points badly: name their layout" in fact for fact in file.conventions.facts)
    assert f"{path}: the bones of" in caplog.text
    own = Layout("mine", tuple(shuffled), LAYOUTS[taken].bones, LAYOUTS[taken].center, LAYOUTS[taken].flip)
    assert not read_pyskl(path, own).conventions.doubts


def test_the_order_with_the_shortest_bones_wins():
    nite = pose(NITE_15.joints)
    layout, fit = best_fit(nite, [OPENNI_15, NITE_15])
    assert layout is NITE_15
    assert 1 <= fit < 1.45
    assert best_fit(nite[:0], [OPENNI_15, NITE_15]) == (OPENNI_15, np.inf)
    line = np.arange(3.0)[None, :, None] * [1.0, 0.0]
    chain = Layout("chain", ("a", "b", "c"), (("a", "b"), ("b", "c")), "a", ())
    star = Layout("star", ("a", "b", "c"), (("a", "b"), ("a", "c")), "a", ())
    assert best_fit(line, [star, chain]) == (chain, 1.0)
    assert best_fit(line, [star]) == (star, 1.5)


def test_hands_and_feet_of_depth_cameras_stand_in_for_wrists_and_ankles():
    points = pose(OPENNI_15.joints)
    body = convert(points, OPENNI_15, COCO_17)
    np.testing.assert_array_equal(body[:, COCO_17.index("left_wrist")], points[:, OPENNI_15.index("left_hand")])
    np.testing.assert_array_equal(body[:, COCO_17.index("right_ankle")], points[:, OPENNI_15.index("right_foot")])
