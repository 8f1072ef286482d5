"""Skeletons that no known layout has, by the command line: checked, prepared, learnt, tested, fused, watched, drawn."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from microgesture.commands.main import main
from microgesture.datasets.augmentation.flipping import Flip
from microgesture.datasets.augmentation.piece import SkeletonSample
from microgesture.encoders import create_encoder
from microgesture.encoders.joint_graphs import hop_distances, spatial_partitions
from microgesture.errors import RecipeError
from microgesture.report.skeletons import event_drawing
from microgesture.runs.configuration import load_recipe, recipe_from_run
from microgesture.runs.run import load_run
from microgesture.skeletons.layout_files import as_layout, described
from microgesture.skeletons.layouts import KINECT_20, NITE_15, OPENNI_15
from microgesture.skeletons.track import SkeletonTrack
from microgesture.timeline import GestureEvent
from moving_joints import write_pickle

FAST = ["--data.frames", "16", "--optimiser.epochs", "1", "--optimiser.batch", "8", "--training.precision", "no"]
FAST += ["--optimiser.least_steps", "0"]
SMALL = ["skeleton/edgcn", "--encoder.options", "{first_width: 8}"]
SYSTEMS = ("stgcn", "msg3d", "shiftgcn", "magcn", "cecn", "edgcn")

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
HAND = {
    "name": "hand-21",
    "joints": ["wrist", *(f"{finger} {i}" for finger in FINGERS for i in range(4))],
    "bones": [
        *(["wrist", f"{finger} 0"] for finger in FINGERS),
        *([f"{finger} {i}", f"{finger} {i + 1}"] for finger in FINGERS for i in range(3)),
    ],
    "centre": "wrist",
}
ARMS = ["neck", *(f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "elbow", "wrist"))]
BONES = [["neck", "left_shoulder"], ["left_shoulder", "left_elbow"], ["left_elbow", "left_wrist"],
         ["neck", "right_shoulder"], ["right_shoulder", "right_elbow"], ["right_elbow", "right_wrist"]]  # fmt: skip
UPPER = {
    "name": "upper-7",
    "joints": ["neck", "LShoulder", "LElbow", "LHand", "RShoulder", "RElbow", "RHand"],
    "bones": [["neck", "LShoulder"], ["LShoulder", "LElbow"], ["LElbow", "LHand"],
              ["neck", "RShoulder"], ["RShoulder", "RElbow"], ["RElbow", "RHand"]],
    "centre": "neck",
    "pairs": [["LShoulder", "RShoulder"], ["LElbow", "RElbow"], ["LHand", "RHand"]],
}  # fmt: skip


def places(joints: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (joints, 2))


def write_clips(path: Path, base: np.ndarray, moving: int, depth: bool = False, split: bool = True) -> Path:
    """24 clips of 6 people in which one joint goes up (class 0) or to and fro (1), without a word on the layout."""
    rng = np.random.default_rng(0)
    annotations = []
    parts: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    t = np.linspace(0, 1, 20)
    for i in range(24):
        person, label = i // 4 + 1, i % 2
        points = base[None] + rng.normal(0, 0.01, (20, *base.shape))
        points[:, moving, 1 - label] -= np.sin(np.pi * t) if label == 0 else 0.5 * np.sin(20 * t)
        name = f"S001C001P{person:03d}R001A{label + 1:03d}_{i}"
        if depth:
            points = np.concatenate([points * [0.4, -0.4], np.full((20, len(base), 1), 2.5)], -1)
        else:
            points = points * 100 + 500
        clip = {"frame_dir": name, "label": label, "total_frames": 20, "img_shape": (1000, 1000)}
        annotations.append(clip | {"keypoint": points[None].astype(np.float32)})
        parts["train" if person < 5 else "val" if person == 5 else "test"].append(name)
    path.write_bytes(pickle.dumps({"split": parts if split else {}, "annotations": annotations}))
    return path


def body(layout) -> np.ndarray:
    x = {"left": 0.4, "right": -0.4}
    y = {"head": -0.6, "neck": 0, "spine_shoulder": 0, "shoulder": 0, "spine_mid": 0.8, "spine_base": 1.5, "hip": 1.5,
         "elbow": 0.7, "wrist": 1.4, "hand": 1.5, "knee": 2.4, "ankle": 3.3, "foot": 3.4}  # fmt: skip
    parts = [(name, *name.partition("_")[::2]) for name in layout.joints]
    return np.array([(x[side], y[part]) if side in x else (0.0, y[name]) for name, side, part in parts])


@pytest.mark.parametrize("layout", [KINECT_20, OPENNI_15, NITE_15], ids=lambda layout: layout.name)
def test_depth_cameras_train_evaluate_and_fuse_by_one_command_each(layout, tmp_path):
    recipe = ["skeleton/stgcn"] if layout is KINECT_20 else SMALL
    clips = write_clips(tmp_path / "clips.pkl", body(layout), layout.index("right_hand"), depth=True)
    runs = []
    for stream in ("joint", "bone"):
        runs.append(str(tmp_path / stream))
        flags = ["--data.manifest", str(clips), "--data.stream", stream, *FAST]
        assert main(["train", *recipe, *flags, "-o", runs[-1]]) == 0
        assert main(["evaluate", runs[-1]]) == 0
    assert main(["fuse", *runs, "-o", str(tmp_path / "fused")]) == 0
    assert json.loads((tmp_path / "joint/evaluation/metrics.json").read_text())["metrics"]["clips"] == 4
    assert load_run(runs[0]).objective.encoder.options["layout"] == layout.name


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_is_built_on_the_layout(system):
    encoder = create_encoder(system, layout=HAND)
    layout = as_layout(HAND)
    assert encoder.layout == layout
    assert encoder(encoder.example_input(2)).shape[0] == 2
    with pytest.raises(RecipeError, match="layout 'hand-21': centre: no joint 'palm'"):
        create_encoder(system, layout=HAND | {"centre": "palm"})
    if system == "stgcn":
        assert encoder.A[0].diagonal().min() > 0
        assert int((encoder.A.sum(0) > 0).sum()) == 21 + 2 * 20
    if system == "edgcn":
        assert hop_distances(layout)[layout.index("thumb 3"), layout.index("pinky 3")] == 8
    if system in ("magcn", "cecn"):
        assert spatial_partitions(layout)[1][layout.index("ring 2"), layout.index("ring 1")] == 1


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_layout_file_trains_every_system(system, tmp_path):
    clips = write_clips(tmp_path / "clips.pkl", places(7), 6)
    (tmp_path / "upper.yaml").write_text(yaml.safe_dump(UPPER))
    flags = ["--data.manifest", str(clips), *FAST, "--data.augment", "{flip: {}}"]
    assert main(["train", f"skeleton/{system}", *flags, "-o", str(tmp_path / "no")]) == 2
    named = ["--layout", str(tmp_path / "upper.yaml")]
    assert main(["train", f"skeleton/{system}", *flags, *named, "-o", str(tmp_path / "run")]) == 0
    assert load_run(tmp_path / "run").objective.encoder.layout == as_layout(UPPER)


def test_a_mirror_exchanges_the_pairs():
    layout = as_layout(UPPER)
    points = np.arange(14.0).reshape(1, 1, 7, 2)
    flipped = Flip().skeleton(SkeletonSample(points, np.ones((1, 1, 7)), layout))
    np.testing.assert_array_equal(flipped.points[0, 0, 3], points[0, 0, 6] * [-1, 1])
    np.testing.assert_array_equal(flipped.points[0, 0, 0], points[0, 0, 0] * [-1, 1])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on hands, whose layout lay beside the data and is there no more."""
    folder = tmp_path_factory.mktemp("hands")
    clips = write_clips(folder / "clips.pkl", places(21), 8)
    (folder / "layout.yaml").write_text(yaml.safe_dump(HAND))
    assert main(["train", *SMALL, "--data.manifest", str(clips), *FAST, "-o", str(folder / "run")]) == 0
    (folder / "layout.yaml").unlink()
    return folder / "run"


def test_the_layout_travels_with_the_run(run, tmp_path, capsys):
    values = json.loads((run / "config.json").read_text())
    assert values["recipe"]["data"]["layout"] == values["model"]["encoder_options"]["layout"]
    assert json.loads((run / "preprocessor.json").read_text())["layout"] == described(as_layout(HAND))
    moved = shutil.copytree(run, tmp_path / "moved")
    other = write_clips(tmp_path / "others.pkl", places(21), 8)
    assert main(["evaluate", str(moved)]) == 0
    assert main(["evaluate", str(moved), "--manifest", str(other), "--split", "test"]) == 0
    clip = f"{other}::S001C001P001R001A001_0"
    assert main(["recognize", clip, "--model", str(moved), "--format", "json"]) == 0
    assert main(["analyze", clip, "--model", str(moved), "-o", str(tmp_path / "out"),
                 "--window_s", "0.5", "--gesture_threshold", "0.01"]) == 0  # fmt: skip
    out = capsys.readouterr().out
    assert "can be seen for" not in out
    report = next((tmp_path / "out").rglob("report.html")).read_text()
    assert "could be seen for" not in report
    assert '<svg class="drawing"' in report


def test_points_that_are_others_are_refused_by_the_run(run, tmp_path, capsys):
    other = write_clips(tmp_path / "others.pkl", places(7), 6)
    clip = f"{other}::S001C001P001R001A001_0"
    assert main(["recognize", clip, "--model", str(run)]) == 2
    assert "7 points do not fit layout 'hand-21' of 21 joints" in capsys.readouterr().err
    (tmp_path / "upper.yaml").write_text(yaml.safe_dump(UPPER))
    assert main(["recognize", clip, "--model", str(run), "--layout", str(tmp_path / "upper.yaml")]) == 2
    wrong = "21 of 21 joints of 'hand-21' cannot be made from those of 'upper-7', the first is wrist"
    assert wrong in capsys.readouterr().err


def test_an_edited_layout_is_another_recipe(run, tmp_path, capsys):
    clips, out = run.parent / "clips.pkl", str(run)
    (tmp_path / "hand.yaml").write_text(yaml.safe_dump(HAND))
    resume = ["train", *SMALL, "--data.manifest", str(clips), *FAST, "-o", out, "--resume"]
    assert main([*resume, "--data.layout", str(tmp_path / "hand.yaml")]) == 0
    (tmp_path / "hand.yaml").write_text(yaml.safe_dump(HAND | {"centre": "index 0"}))
    assert main([*resume, "--data.layout", str(tmp_path / "hand.yaml")]) == 2
    assert "`data.layout.centre` differs" in capsys.readouterr().err
    assert recipe_from_run(run).data.layout == described(as_layout(HAND))


def test_check_and_prepare_take_the_file_or_find_it(tmp_path, capsys):
    data = tmp_path / "data"
    data.mkdir()
    clips = write_clips(data / "clips.pkl", places(7), 6, split=False)
    (tmp_path / "upper.yaml").write_text(yaml.safe_dump(UPPER))
    assert main(["data", "check", str(clips)]) == 1
    assert "7 points are of no known layout: give a layout file" in capsys.readouterr().out
    assert main(["data", "check", str(clips), "--layout", str(tmp_path / "upper.yaml")]) == 0
    assert "points of upper-7" in capsys.readouterr().out
    flags = ["--layout", str(tmp_path / "upper.yaml"), "-o", str(tmp_path / "ready")]
    assert main(["data", "prepare", str(clips), *flags]) == 0
    assert (
        main(["train", "skeleton/edgcn", "--data.root", str(tmp_path / "ready"), *FAST, "-o", str(tmp_path / "run")])
        == 0
    )
    assert load_run(tmp_path / "run").objective.encoder.layout == as_layout(UPPER)
    (data / "layout.yaml").write_text(yaml.safe_dump(UPPER | {"centre": "spine"}))
    assert main(["data", "check", str(data)]) == 2
    assert f"{data / 'layout.yaml'}: centre: no joint 'spine'" in capsys.readouterr().err
    (data / "layout.yaml").write_text(yaml.safe_dump(UPPER))
    assert main(["data", "check", str(data)]) == 0
    assert main(["data", "prepare", str(clips), "--layout", "kinect-20", "-o", str(tmp_path / "ready")]) == 2
    assert "7 points do not fit layout 'kinect-20' of 20 joints" in capsys.readouterr().err


def test_pose_writes_tracks_in_the_layout(tmp_path, capsys):
    clips = write_clips(tmp_path / "clips.pkl", body(KINECT_20), 11)
    clip = f"{clips}::S001C001P001R001A001_0"
    arms = {"name": "arms", "joints": ["neck", "left_shoulder", "left_hand", "right_shoulder", "right_hand"],
            "bones": [["neck", "left_shoulder"], ["left_shoulder", "left_hand"], ["neck", "right_shoulder"],
                      ["right_shoulder", "right_hand"]], "centre": "neck"}  # fmt: skip
    (tmp_path / "arms.yaml").write_text(yaml.safe_dump(arms))
    assert main(["pose", clip, "-o", str(tmp_path / "whole.npz")]) == 0
    flags = ["--layout", str(tmp_path / "arms.yaml"), "-o", str(tmp_path / "arms.npz")]
    assert main(["pose", str(tmp_path / "whole.npz"), *flags]) == 0
    whole, part = (SkeletonTrack.load(tmp_path / f"{name}.npz") for name in ("whole", "arms"))
    assert part.own == as_layout(arms)
    np.testing.assert_array_equal(part.points[:, 4], whole.points[:, KINECT_20.index("right_hand")])
    np.testing.assert_array_equal(part.points[:, 0], whole.points[:, KINECT_20.index("spine_shoulder")])
    (tmp_path / "upper.yaml").write_text(yaml.safe_dump(UPPER))
    flags = ["--layout", str(tmp_path / "upper.yaml"), "-o", str(tmp_path / "no.npz")]
    assert main(["pose", str(tmp_path / "whole.npz"), *flags]) == 2
    assert "6 of 7 joints of 'upper-7' cannot be made from those of 'kinect-20'" in capsys.readouterr().err


def test_tracks_of_ones_own_layout_are_learnt_and_others_are_read_in_it(tmp_path):
    lines = ["skeleton,label,subject,split"]
    for i in range(12):
        points = places(7)[None] * 100 + np.random.default_rng(i).normal(500, 9, (20, 7, 2))
        track = SkeletonTrack(np.arange(20) / 25, points, np.ones((20, 7)), "upper-7", (900, 900), own=as_layout(UPPER))
        track.save(tmp_path / f"{i}.npz")
        lines.append(f"{i}.npz,{'nod' if i % 2 else 'wave'},s{i // 2},{'train' if i < 8 else 'test'}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    run = str(tmp_path / "tracks")
    assert main(["train", *SMALL, "--data.manifest", str(tmp_path / "manifest.csv"), *FAST, "-o", run]) == 0
    assert load_run(run).objective.encoder.layout == as_layout(UPPER)
    assert main(["evaluate", run]) == 0
    arms = {"name": "arms", "joints": ARMS, "bones": BONES, "centre": "neck"}
    (tmp_path / "arms.yaml").write_text(yaml.safe_dump(arms))
    people = write_pickle(tmp_path / "people.pkl", subjects=3, clips=4)  # its clips say that they are coco-17
    run = str(tmp_path / "arms")
    flags = ["--data.manifest", str(people), *FAST, "--layout", str(tmp_path / "arms.yaml")]
    assert main(["train", *SMALL, *flags, "-o", run]) == 0
    assert load_run(run).objective.encoder.layout == as_layout(arms)
    assert main(["evaluate", run]) == 0


def test_a_layout_in_a_recipe_is_checked_at_once(tmp_path):
    recipe = {"extends": "skeleton/stgcn", "data": {"layout": HAND}}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe))
    assert load_recipe(str(tmp_path / "mine.yaml")).data.layout == described(as_layout(HAND))
    assert load_recipe("skeleton/stgcn", ["--data.layout", "kinect-20"]).data.layout == "kinect-20"
    with pytest.raises(Exception, match="no keypoint layout 'kinect-21': known are"):
        load_recipe("skeleton/stgcn", ["--data.layout", "kinect-21"])


def test_bones_of_ones_own_are_drawn_but_no_face():
    layout = as_layout(UPPER | {"joints": [*UPPER["joints"], "LEye", "nose"],
                                "bones": [*UPPER["bones"], ["neck", "nose"], ["nose", "LEye"]]})  # fmt: skip
    points = np.random.default_rng(0).uniform(0, 100, (30, 9, 2))
    track = SkeletonTrack(np.arange(30) / 25, points, np.ones((30, 9)), "upper-7", (100, 100), own=layout)
    drawing = event_drawing(GestureEvent(0.1, 1.0, "wave", 0.9), track)
    assert drawing.count("<g ") == 3
    assert drawing.count("M") == 3 * 6
    assert drawing.count("<ellipse") == 3  # the plain oval of every head


def test_scores_of_a_run_are_the_same_after_a_journey(run, tmp_path):
    one, two = load_run(run), load_run(shutil.copytree(run, tmp_path / "copy"))
    clip = one.objective.encoder.example_input(2)
    assert torch.equal(one.objective.scores(clip), two.objective.scores(clip))
