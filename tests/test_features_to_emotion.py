"""From a recogniser to an emotion model that reads its features, and back to a video: for every kind of run."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from microgesture import formats
from microgesture.commands.main import main
from microgesture.skeletons.track import SkeletonTrack
from microgesture.synthetic.worlds.skeleton_bank import make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.video import write_video
from microgesture.vocabulary import Vocabulary
from moving_joints import moving_track
from moving_squares import ENCODER, LABELS, moving_square

SUBJECTS = 6
HEADER = "start,end,label,person,subject,split"


def written(folder: Path, rows: list[str], values: dict) -> str:
    """The name of the recipe of these `values`, beside a manifest of these rows."""
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values))
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return "recipe.yaml"


def squares(folder: Path) -> tuple[str, list[str]]:
    """Films in which a square moves three times; who won moves it left."""
    (folder / "tiny.py").write_text(ENCODER)
    rows = [f"video,{HEADER}"]
    for number in range(SUBJECTS):
        rng = np.random.default_rng(number)
        labels = [LABELS[2 * (number % 2) + int(rng.integers(2))] for _ in range(3)]
        write_video(folder / f"film{number}.mp4", np.concatenate([moving_square(x, rng) for x in labels]), fps=12)
        rows += [f"film{number}.mp4,{k},{k + 1},{label},P1,S{number},train" for k, label in enumerate(labels)]
    values = {
        "data": {"manifest": "manifest.csv", "frames": 6, "size": 32, "flip": False},
        "encoder": {"name": f"{folder}/tiny.py:Mover"},
        "objective": {"name": "supervised"},
        "optimiser": {"batch": 10, "epochs": 2},
        "training": {"precision": "no"},
    }
    return written(folder, rows, values), ["film0.mp4", "--gesture_threshold", "0.1", "--window_s", "1"]


def joints(folder: Path) -> tuple[str, list[str]]:
    """Skeletons that raise a hand or wave it, for a graph network."""
    rows = [f"skeleton,{HEADER}"]
    for number in range(SUBJECTS):
        parts = [moving_track(2 * (number % 2) + k % 2, number, k) for k in range(3)]
        points = np.concatenate([part.points for part in parts])
        scores = np.concatenate([part.scores for part in parts])
        SkeletonTrack(np.arange(len(points)) / 25, points, scores, "coco-17", (1280, 720)).save(
            folder / f"film{number}.npz"
        )
        rows += [f"film{number}.npz,{1.6 * k},{1.6 * k + 1.6},class {k % 2},P1,S{number},train" for k in range(3)]
    values = {
        "extends": "skeleton/stgcn",
        "data": {"manifest": "manifest.csv", "frames": 16},
        "optimiser": {"epochs": 1, "least_steps": 0},
        "training": {"precision": "no"},
    }
    return written(folder, rows, values), ["film0.npz", "--gesture_threshold", "0.1", "--window_s", "1.6"]


def bodies(folder: Path) -> tuple[str, list[str]]:
    """Whole bodies, for the built-in weights."""
    windows = SkeletonWindows(make_bank(SUBJECTS, seed=9), 1, ("imigue",), "train", 3)
    rows = [f"skeleton,{HEADER}"]
    for number in range(SUBJECTS):
        windows.film(number).save(folder / f"film{number}.npz")
        for event in windows.truth(number, Vocabulary.load("imigue"), "imigue")[:2]:
            rows.append(f'film{number}.npz,{event.start},{event.end},"{event.label}",P1,S{number},train')
    values = {"extends": "own/finetune", "data": {"manifest": "manifest.csv"}}
    values["optimiser"] = {"epochs": 1, "least_steps": 0}
    return written(folder, rows, values), ["film0.npz", "--gesture_threshold", "0.1"]


@pytest.mark.parametrize("make", [squares, joints, bodies])
def test_a_run_of_any_kind_feeds_an_emotion_model_that_reads_features(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    recipe, video = make(tmp_path)
    assert main(["emotion", "chain", recipe, "-o", "chain", "--folds", "2"]) == 0
    outcomes = [f"film{number},{'won' if number % 2 else 'lost'}" for number in range(SUBJECTS)]
    Path("outcomes.csv").write_text("\n".join(["video,outcome", *outcomes]) + "\n")
    learn = ["emotion", "train", "chain/timelines.csv", "--targets", "outcomes.csv", "--input", "features"]
    assert main([*learn, "--model", "logistic", "-o", "emotion"]) == 0
    (run,) = [path.parent for path in Path("chain/folds/0/runs").rglob("config.json")]
    assert main(["analyze", *video, "-o", "out", "--model", str(run), "--emotion", "emotion"]) == 0
    timeline = formats.read("out/film0/timeline.json")
    assert timeline.emotion is not None
    assert set(timeline.emotion.probabilities) == {"won", "lost"}
    if len(timeline):
        assert len(timeline.emotion.drivers) > 0


def test_features_are_those_of_the_clips(tmp_path, monkeypatch):
    """What `emotion chain` writes of a clip is what `analyze` computes of an event with its times."""
    import microgesture

    monkeypatch.chdir(tmp_path)
    recipe, _ = squares(tmp_path)
    assert main(["emotion", "chain", recipe, "-o", "chain", "--folds", "2"]) == 0
    for fold in (0, 1):
        (run,) = [path.parent for path in Path(f"chain/folds/{fold}/runs").rglob("config.json")]
        note = json.loads(Path(f"chain/folds/{fold}/predicted.json").read_text())
        for row in note["videos"].values():
            timeline = formats.read(f"chain/{row['timeline']}")
            found = microgesture.load(run, "cpu").features(f"{row['video']}.mp4", timeline)
            np.testing.assert_allclose(found, np.load(f"chain/{row['features']}"), atol=0.05)
