"""Self-supervised recipes by the command line: trained without labels, measured by codes, and no classes known."""

import csv
import json
import shutil

import numpy as np
import pytest

import microgesture
from microgesture.commands.main import main
from microgesture.errors import RecipeError
from microgesture.runs.configuration import load_recipe
from microgesture.runs.recipe_files import recipe_names
from microgesture.runs.run import load_run
from microgesture.skeletons.pyskl import write_pyskl
from microgesture.skeletons.track import SkeletonTrack
from moving_joints import moving_track, write_pickle

SMALL = ["--data.frames", "20", "--optimiser.batch", "16", "--optimiser.epochs", "5"]
PC = [
    "--encoder.options",
    "{hidden: 24, layers: 1}",
    "--optimiser.lr_encoder",
    "0.005",
    "--optimiser.lr_heads",
    "0.005",
]
ADAM = ["--optimiser.name", "adamw", "--optimiser.lr_encoder", "0.003", "--optimiser.lr_heads", "0.003"]
MEASURES = ("1-NN", "linear probe", "k-NN, union", "random forest, union")


def train(name, data, out, *flags, steps=100):
    where = ["--data.manifest", str(data), "-o", str(out)]
    return main(["train", f"self-supervised/{name}", *where, *SMALL, "--optimiser.least_steps", str(steps), *flags])


def losses(out):
    with (out / "log.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def metrics(out):
    return json.loads((out / "evaluation/metrics.json").read_text())


@pytest.fixture(scope="module")
def pickle(tmp_path_factory):
    return write_pickle(tmp_path_factory.mktemp("skeletons") / "clips.pkl", subjects=9, clips=8)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A table whose training rows have no labels, and the same with all of them."""
    folder = tmp_path_factory.mktemp("table")
    for name in ("unlabelled", "labelled"):
        rows = ["skeleton,label,subject,split"]
        for subject in range(6):
            for label in range(4):
                file = f"{subject}-{label}.npz"
                moving_track(label, subject + 1, label, frames=18 + 3 * label).save(folder / file)
                split = "train" if subject < 4 else "test"
                text = "" if name == "unlabelled" and split == "train" else f"gesture {label}"
                rows.append(f"{file},{text},s{subject},{split}")
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """Trained on clips without labels."""
    out = tmp_path_factory.mktemp("runs") / "pc"
    assert train("pc", table / "unlabelled.csv", out, *PC) == 0
    return out


def test_the_loss_falls_without_labels(run):
    found = losses(run)
    assert found[-1] < 0.5 * found[0]
    config = json.loads((run / "config.json").read_text())
    assert config["knows_classes"] is False
    assert not (run / "labels.json").exists()
    assert "It names no gesture" in (run / "README.md").read_text()
    assert load_run(run).objective.encoder.options["dimensions"] == 2
    seen = json.loads((run / "preprocessor.json").read_text())
    assert (seen["sampling"], seen["normalise"], seen["frames"]) == ("strided", "view", 20)


def test_codes_are_measured_by_labels_of_another_table(run, table, capsys):
    assert main(["evaluate", str(run)]) == 2
    assert "row 2: has no label: training needed none, but codes are measured" in capsys.readouterr().err
    assert main(["evaluate", str(run), "--manifest", str(table / "labelled.csv")]) == 0
    found = metrics(run)
    assert tuple(found["codes"]) == MEASURES
    assert found["metrics"] == found["codes"]["linear probe"]
    assert found["metrics"]["subjects"] == 2
    shown = (run / "evaluation/table.md").read_text()
    assert all(f"P&C, fixed weights: {name}" in shown for name in MEASURES)


def test_a_run_that_knows_no_classes_names_nothing(run, table, tmp_path, capsys):
    moving_track(0, 1, 0).save(tmp_path / "clip.npz")
    for verb in (["recognize"], ["analyze", "-o", str(tmp_path / "out")]):
        assert main([verb[0], str(tmp_path / "clip.npz"), "--model", str(run), *verb[1:]]) == 2
        line = capsys.readouterr().err
        assert "learnt without labels and knows no classes, so it names no gesture" in line
        assert len(line.splitlines()) == 1
    with pytest.raises(RecipeError, match="learnt without labels"):
        microgesture.load(run)
    other = shutil.copytree(run, tmp_path / "other")
    both = ["fuse", str(run), str(other), "-o", str(tmp_path / "f"), "--manifest", str(table / "labelled.csv")]
    assert main([*both, "--weights", "0.5", "0.5"]) == 2
    assert "learnt without labels" in capsys.readouterr().err
    data = ["--data", str(table / "labelled.csv"), "-o", str(tmp_path / "x.zip")]
    chain = ["emotion", "chain", "pc", "--data.manifest", str(table / "labelled.csv"), "-o", str(tmp_path / "chain")]
    for command in (["submit", str(run), "--challenge", "miga2025", *data], chain):
        assert main(command) == 2
        assert "learnt without labels and knows no classes" in capsys.readouterr().err
    assert not (tmp_path / "chain").exists()  # it is refused before anything is trained


def test_a_table_without_training_clips_measures_nothing(run, table, tmp_path, capsys):
    rows = (table / "labelled.csv").read_text().splitlines()
    alone = table / "alone.csv"
    alone.write_text("\n".join([rows[0], *(row for row in rows[1:] if row.endswith("test"))]) + "\n")
    assert main(["evaluate", str(run), "--manifest", str(alone), "-o", str(tmp_path / "out")]) == 2
    assert "no row has split 'train', whose labels the measures of codes learn from" in capsys.readouterr().err


def test_a_recogniser_starts_from_it(run, table, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("extends: skeleton/stgcn\ndata: {sampling: strided, normalise: view}\nencoder: {name: pc}\n")
    flags = ["--data.manifest", str(table / "labelled.csv"), "--start", str(run), "--optimiser.least_steps", "0"]
    where = ["-o", str(tmp_path / "run"), *SMALL, "--optimiser.lr_encoder", "0"]
    assert main(["train", str(recipe), *flags, *where]) == 0
    tuned, first = load_run(tmp_path / "run"), load_run(run)
    assert tuned.objective.labelled
    weights = first.objective.encoder.state_dict()
    assert all(value.equal(weights[key]) for key, value in tuned.objective.encoder.state_dict().items())
    assert microgesture.load(tmp_path / "run").recognize(table / "0-0.npz").label.startswith("gesture")


def test_the_auto_encoder_stands_on_its_codes(run, table, tmp_path):
    out = tmp_path / "aec"
    small = ["--objective.options", "{middle: 6, widths: [16]}", "--start", str(run), *PC]
    assert train("pc_autoencoder", table / "labelled.csv", out, *small) == 0
    found = losses(out)
    assert found[-1] < found[0]
    again, before = load_run(out).objective, load_run(run).objective
    assert all(value.equal(before.encoder.state_dict()[key]) for key, value in again.encoder.state_dict().items())
    assert main(["evaluate", str(out)]) == 0
    assert again.embed(again.encoder.example_input(2)).shape == (2, 6)


@pytest.mark.parametrize(
    ("name", "flags", "share"),
    [
        ("pc", PC, 0.5),
        ("pc_fixed_states", PC, 0.9),
        ("u_s_vae", [*PC, "--objective.options", "{latent: 8, hidden: 24}"], 0.9),
        ("mstcn_vae", [*ADAM, "--data.normalise", "body"], 0.96),  # its BatchNorm makes noise as large as movement
    ],
)
def test_every_system_learns_and_beats_chance(name, flags, share, pickle, tmp_path):
    out = tmp_path / name
    assert train(name, pickle, out, *flags) == 0
    found = losses(out)
    assert found[-1] < share * found[0]
    assert main(["evaluate", str(out)]) == 0
    nearest = metrics(out)["codes"]["1-NN"]
    assert nearest["top1"] > nearest["best_constant"] == 0.25
    assert nearest["intervals"]["top1"][0] > 0.25


def test_the_supervised_vae_is_a_recogniser(pickle, tmp_path):
    out = tmp_path / "s-vae"
    assert train("s_vae", pickle, out, *PC, "--objective.options", "{latent: 8, hidden: 24}", steps=50) == 0
    assert main(["evaluate", str(out)]) == 0
    assert "codes" not in metrics(out)
    moving_track(0, 1, 0).save(tmp_path / "clip.npz")
    assert microgesture.load(out).recognize(tmp_path / "clip.npz").label


def test_a_benchmark_has_a_row_for_every_measure(pickle, tmp_path):
    flags = ["--data.manifest", str(pickle), *SMALL, *PC, "--optimiser.least_steps", "0"]
    flags += ["--published", "imigue_recognition/P&C"]
    assert main(["benchmark", "self-supervised/pc", "--seeds", "2", "-o", str(tmp_path / "t"), *flags]) == 0
    shown = (tmp_path / "t/table.md").read_text().splitlines()
    rows = {line.split("|")[1].strip(): line for line in shown if line.startswith("| P&C")}
    assert list(rows) == [f"P&C, fixed weights: {name}" for name in MEASURES]
    assert [name for name, line in rows.items() if "31.67" in line] == ["P&C, fixed weights: 1-NN"]
    assert any("Mean of 2 seeds" in line for line in shown)
    assert any("no ranked list" in line for line in shown)


def test_balanced_batches_need_labels(pickle, tmp_path, capsys):
    assert train("pc", pickle, tmp_path / "run", *PC, "--data.balanced", "true") == 2
    assert "data.balanced needs labels, and objective 'predict-and-cluster' learns without" in capsys.readouterr().err


def test_recipes_name_no_data_set_and_say_what_is_reconstructed():
    names = [name for name in recipe_names() if name.startswith("self-supervised/")]
    assert len(names) >= 7
    for name in names:
        recipe = load_recipe(name)
        data = recipe.data
        assert [data.manifest, data.root, data.source, data.vocabulary, recipe.published] == [""] * 5
        reconstructed = recipe.objective.name in ("u-s-vae", "s-vae", "dual-stream")
        assert reconstructed == ("reconstruction" in recipe.title)


def test_points_in_space_are_turned_and_read_whole(tmp_path, capsys):
    rng = np.random.default_rng(0)
    tracks = []
    for i in range(12):
        points = rng.normal(0, 0.3, (1, 25, 3)) + rng.normal(0, 0.05, (15 + i, 25, 3)) + np.array([0, 0, 2.5])
        tracks.append(SkeletonTrack(np.arange(15 + i) / 30, points, np.ones((15 + i, 25)), "kinect-25", (1920, 1080)))
    names = [f"S001C001P00{i // 2 + 1}R001A00{i % 2 + 1}" for i in range(12)]
    write_pyskl(tracks, [i % 2 for i in range(12)], tmp_path / "3d.pkl", names, {"train": names[:8], "val": names[8:]})
    assert train("pc", tmp_path / "3d.pkl", tmp_path / "run", *PC, steps=0) == 0
    encoder = load_run(tmp_path / "run").objective.encoder
    assert (encoder.options["dimensions"], encoder.size) == (3, 75)
    assert main(["evaluate", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    assert train("mstcn_vae_angles", tmp_path / "3d.pkl", tmp_path / "angles", steps=0) == 2
    assert "points in a picture, and these are in space (3D)" in capsys.readouterr().err
