"""Skeleton recipes by the command line: a pickle in, a tested run out; streams fused; tracks named with it."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import microgesture
from microgesture.analysis.analyzer import Analyzer
from microgesture.analysis.views import view_of
from microgesture.analysis.watching import Watched
from microgesture.commands.main import main
from microgesture.datasets.manifest import ClipRow
from microgesture.datasets.skeletons import SkeletonDataset
from microgesture.errors import DataError, RecipeError
from microgesture.runs.configuration import make_recipe
from microgesture.runs.run import Run, Scores, load_run, spec_of
from microgesture.skeletons.pyskl import write_pyskl
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.training.assembly import build_objective
from microgesture.vocabulary import Vocabulary
from moving_joints import moving_track, write_pickle

FAST = ["--data.frames", "16", "--optimiser.epochs", "1", "--optimiser.batch", "8", "--training.precision", "no"]
FAST += ["--optimiser.least_steps", "0"]
LEARN = [
    *FAST,
    "--optimiser.name",
    "adamw",
    "--optimiser.epochs",
    "30",
    "--optimiser.lr_encoder",
    "0.01",
    "--optimiser.lr_heads",
    "0.01",
]

OWN_ENCODER = '''
import torch
from torch import nn
from microgesture.encoders.graph_encoder import GraphEncoder


class Speed(GraphEncoder):
    """How fast every joint moves, through one linear layer."""

    width = 16

    def __init__(self, layout: str = "coco-17", channels: int = 3, persons: int = 1) -> None:
        super().__init__(layout, channels, persons)
        self.linear = nn.Linear(len(self.layout) * channels, 16)

    def forward(self, clip):
        return torch.relu(self.linear(clip.diff(dim=2).abs().mean(1).flatten(2)))
'''


@pytest.fixture(scope="module")
def pickle(tmp_path_factory):
    return write_pickle(tmp_path_factory.mktemp("skeletons") / "clips.pkl", subjects=9, clips=8)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """A recipe for an encoder that learns in seconds."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "speed.py").write_text(OWN_ENCODER)
    (folder / "mine.yaml").write_text(
        f"extends: skeleton/stgcn\ntitle: speed\nencoder: {{name: '{folder}/speed.py:Speed'}}\n"
    )
    return str(folder / "mine.yaml")


@pytest.fixture(scope="module")
def run(pickle, recipe, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "speed"
    assert main(["train", recipe, "--data.manifest", str(pickle), *LEARN, "-o", str(out)]) == 0
    return out


@pytest.mark.slow
def test_st_gcn_learns_with_the_recipes_own_settings(pickle, tmp_path):
    out = tmp_path / "stgcn"
    flags = ["--data.frames", "16", "--optimiser.least_steps", "400", "--optimiser.epochs", "10"]
    assert main(["train", "skeleton/stgcn", "--data.manifest", str(pickle), *flags, "-o", str(out)]) == 0
    assert main(["evaluate", str(out)]) == 0
    assert json.loads((out / "evaluation/metrics.json").read_text())["metrics"]["top1"] > 0.8


def test_one_command_trains_st_gcn(pickle, tmp_path):
    out = tmp_path / "stgcn"
    assert main(["train", "skeleton/stgcn", "--data.manifest", str(pickle), *FAST, "-o", str(out)]) == 0
    assert main(["evaluate", str(out)]) == 0
    assert json.loads((out / "evaluation/metrics.json").read_text())["cost"]["parameters"] > 3_000_000
    assert load_run(out).objective.encoder.options["layout"] == "coco-17"


def test_subjects_are_held_out(run):
    assert main(["evaluate", str(run)]) == 0
    values = json.loads((run / "evaluation/metrics.json").read_text())
    assert values["metrics"]["top1"] > 0.9
    assert values["metrics"]["subjects"] == 3
    assert values["cost"]["modality"] == "skeleton"
    assert load_run(run).objective.encoder.options["layout"] == "coco-17"
    seen = json.loads((run / "preprocessor.json").read_text())
    assert (seen["layout"], seen["frames"], seen["stream"]) == ("coco-17", 16, "joint")


def test_a_pickle_without_a_split_holds_out_named_subjects(tmp_path):
    file = write_pickle(tmp_path / "clips.pkl", subjects=4, clips=4, split=False)
    flags = ["--data.manifest", str(file), "--data.test_subjects", '["3-4"]', *FAST]
    assert main(["train", "skeleton/edgcn", *flags, "--optimiser.epochs", "1", "-o", str(tmp_path / "run")]) == 0
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    rows = (tmp_path / "run/evaluation/predictions.csv").read_text().splitlines()[1:]
    assert len(rows) == 8
    assert all("P003" in row or "P004" in row for row in rows)


def test_streams_are_fused(run, recipe, pickle, tmp_path):
    bones = tmp_path / "bones"
    flags = ["--data.manifest", str(pickle), "--data.stream", "bone", *LEARN]
    assert main(["train", recipe, *flags, "-o", str(bones)]) == 0
    both = ["fuse", str(run), str(bones), "-o", str(tmp_path / "fused")]
    assert main(both) == 2  # a pickle with "train" and "val" has no validation split: val is the test set
    assert main([*both, "--weights", "0.5", "0.5"]) == 0
    assert (tmp_path / "fused/table.md").is_file()
    zipped = tmp_path / "out.zip"
    assert (
        main(["submit", str(tmp_path / "fused"), "--challenge", "miga2025", "--split", "test", "-o", str(zipped)]) == 0
    )
    with zipfile.ZipFile(zipped) as archive:
        assert len(archive.read("prediction.csv").splitlines()) == 25


def test_a_track_is_named_and_spotted(run, tmp_path):
    analyzer = microgesture.load(run)
    right = 0
    for label in range(4):
        file = tmp_path / f"{label}.npz"
        moving_track(label, 77, label).save(file)
        event = analyzer.recognize(file)
        right += event.label == analyzer.vocabulary[label].name
        assert len(event.alternatives) == 3
    assert right >= 3
    still, wave = moving_track(3, 5, 1, frames=50), moving_track(3, 5, 1, frames=50)
    points = np.concatenate([still.points[:1].repeat(50, 0), wave.points])
    whole = type(wave)(np.arange(100) / 25, points, wave.scores[:1].repeat(100, 0), wave.layout, wave.image_size)
    whole.save(tmp_path / "whole.npz")
    timeline = analyzer.analyze(tmp_path / "whole.npz")
    assert timeline.duration == pytest.approx(4.0, abs=0.1)
    assert all(0 <= e.start < e.end <= 4.05 for e in timeline.events)
    scores = analyzer.scan(whole)
    late = scores.probabilities[scores.times > 2.4].mean(0)
    assert analyzer.vocabulary[int(late.argmax())].name == analyzer.vocabulary[3].name
    assert scores.motion[-1] > 3 * scores.motion[0]


def test_three_dimensions_are_learnt_and_no_video_is_read_with_them(tmp_path):
    from microgesture.skeletons.pyskl import write_pyskl
    from microgesture.skeletons.track import SkeletonTrack

    rng = np.random.default_rng(0)
    tracks = []
    for _ in range(8):
        points = rng.normal(0, 0.3, (20, 25, 3)) + np.array([0, 0, 2.5])
        tracks.append(SkeletonTrack(np.arange(20) / 30, points, np.ones((20, 25)), "kinect-25", (1920, 1080)))
    names = [f"S001C001P00{i // 2 + 1}R001A00{i % 2 + 1}" for i in range(8)]
    write_pyskl(tracks, [i % 2 for i in range(8)], tmp_path / "3d.pkl", names, {"train": names[:6], "val": names[6:]})
    flags = ["--data.manifest", str(tmp_path / "3d.pkl"), *FAST, "--optimiser.epochs", "1"]
    assert main(["train", "skeleton/stgcn", *flags, "-o", str(tmp_path / "run")]) == 0
    analyzer = microgesture.load(tmp_path / "run")
    with pytest.raises(RecipeError, match=r"learnt from points in space \(3D\), which a video does not show"):
        analyzer.recognize(tmp_path / "video.mp4")
    tracks[0].save(tmp_path / "deep.npz")
    assert analyzer.recognize(tmp_path / "deep.npz").label in analyzer.vocabulary.names
    out = ["-o", str(tmp_path / "out"), "--window_s", "0.4", "--gesture_threshold", "0.01"]
    assert main(["analyze", str(tmp_path / "deep.npz"), "--model", str(tmp_path / "run"), *out]) == 0
    assert "could be seen for" not in next((tmp_path / "out").rglob("report.html")).read_text()
    moving_track(0, 1, 1).save(tmp_path / "flat.npz")
    with pytest.raises(
        DataError, match=r"flat\.npz: its points are in a picture \(2D\), the run learnt from points in"
    ):
        analyzer.analyze(tmp_path / "flat.npz")


def untrained(folder, persons: int) -> Analyzer:
    recipe = make_recipe({"data": {"frames": 16}, "encoder": {"name": "stgcn"}})
    vocabulary = Vocabulary.from_texts(["up", "wave"])
    config = {"dimensions": 2, "recipe": recipe.to_dict(), "model": {"vocabulary": vocabulary.to_json()}}
    objective = build_objective(recipe, vocabulary, {"layout": "coco-17", "channels": 3, "persons": persons})
    return Analyzer(Run(folder, objective.eval(), config, spec_of(objective, recipe.data, config)))


def test_the_people_beside_are_seen_as_in_training(tmp_path, monkeypatch):
    near, far = moving_track(0, 1, 1), moving_track(1, 1, 1)
    far = replace(far, points=far.points * 0.4, person="P2")
    write_pyskl([[far, near]], [0], tmp_path / "a.pkl", ["x"])
    file = f"{tmp_path / 'a.pkl'}::x"
    analyzer = untrained(tmp_path, persons=2)
    shown = []
    monkeypatch.setattr(Run, "score", lambda _, clips: shown.extend(clips) or Scores(np.zeros((len(clips), 2))))
    analyzer.recognize(file)
    rows = [ClipRow(None, "up", skeleton=Path(file))]
    expected = SkeletonDataset(rows, analyzer.vocabulary, frames=16, persons=2)[0]["clip"]
    assert torch.equal(shown[0], expected)
    assert shown[0][1].any()
    assert [event.person for event in analyzer.analyze(file).events] in ([], ["P1"], ["P2"])
    late = replace(far, times=far.times + 0.01)
    assert torch.equal(view_of(analyzer.run, near, [late]).clip(0.0, 1.6), shown[0])
    absent = replace(far, times=far.times + 100)
    assert not view_of(analyzer.run, near, [absent]).clip(0.0, 1.6)[1].any()
    embedded = []
    monkeypatch.setattr(analyzer.run.objective, "embed", lambda clip: embedded.append(clip[0]) or torch.zeros(1, 4))
    events = Timeline((GestureEvent(0.0, 1.6, "up"),))
    assert analyzer.event_features(Watched((near,), Media("x", 1.6), beside=(far,)), events).shape == (1, 4)
    assert torch.equal(embedded[0], shown[0])  # of the person beside, too, though nothing is told of them


def test_points_in_space_are_not_named_by_a_run_of_pictures(tmp_path):
    analyzer = untrained(tmp_path, persons=1)
    flat = moving_track(0, 1, 1)
    deep = replace(flat, points=np.concatenate([flat.points / 300, np.full((*flat.points.shape[:2], 1), 2.5)], -1))
    deep.save(tmp_path / "deep.npz")
    for call in (analyzer.recognize, analyzer.analyze):
        with pytest.raises(
            DataError, match=r"deep\.npz: its points are in space \(3D\), the run learnt from points in a picture"
        ):
            call(tmp_path / "deep.npz")


def test_an_encoder_of_ones_own_is_one_file_and_one_recipe(pickle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "speed.py").write_text(OWN_ENCODER)
    (tmp_path / "mine.yaml").write_text("extends: skeleton/stgcn\ntitle: speed\nencoder: {name: 'speed.py:Speed'}\n")
    assert main(["benchmark", "mine.yaml", "-o", "table", "--data.manifest", str(pickle), *FAST]) == 0
    table = (tmp_path / "table/table.md").read_text()
    assert "| speed | skeleton |" in table
    assert "Majority class" in table
