import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from microgesture.datasets import make_loader
from microgesture.encoders.registry import encoder_class
from microgesture.errors import RecipeError, UserError
from microgesture.runs import own_weights
from microgesture.runs.configuration import DataConfig, Recipe, make_recipe
from microgesture.runs.data import make_dataset, open_manifest
from microgesture.runs.model_card import model_card
from microgesture.runs.prediction import fit_temperature, predict
from microgesture.runs.recipe_difference import first_difference
from microgesture.runs.recipe_files import read_recipe, recipe_names
from microgesture.runs.run import load_run
from microgesture.training import checkpoint
from microgesture.training.loop import cosine, make_optimizer, refuse_pictures, train


def recipe(clips: Path, **training) -> Recipe:
    return make_recipe(
        {
            "title": "tiny",
            "data": {"manifest": str(clips / "manifest.csv"), "frames": 6, "size": 32, "flip": False},
            "encoder": {"name": f"{clips}/tiny.py:Tiny", "options": {"dropout": 0.3}},
            "text": {"name": "label-words"},
            "objective": {"name": "visual-text", "options": {"prompting": "pooled"}},
            "optimiser": {"lr_encoder": 0.01, "lr_text": 1e-3, "batch": 7, "epochs": 3},
            "training": {"precision": "no", **training},
        }
    )


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def finished(clips, tmp_path_factory) -> Path:
    return train(recipe(clips, keep="last"), tmp_path_factory.mktemp("runs") / "run", show=False)


def test_a_run_folder_holds_all_that_recognition_needs(finished, clips):
    for name in ("config.json", "labels.json", "preprocessor.json", "model.safetensors", "log.csv", "README.md"):
        assert (finished / name).is_file(), name
    config = json.loads((finished / "config.json").read_text())
    assert config["finished"]
    assert config["recipe"]["training"]["seed"] == 0
    assert config["versions"]["torch"]
    run = load_run(finished)
    assert run.vocabulary.names == ("down", "left", "right", "up")
    found = predict(run.objective, make_dataset(run.recipe, open_manifest(run.recipe), "test"), batch=5)
    assert found.scores.shape == (12, 4)
    assert len((finished / "log.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize("objective", ["supervised", "visual-text"])
def test_the_loss_falls_and_the_task_is_learnt(clips, tmp_path, objective):
    own = recipe(clips)
    own.encoder.name, own.encoder.options = "r2plus1d_small", {"channels": [8, 8, 16, 16]}
    own.objective.name, own.objective.options = objective, {}
    own.text.name = "none" if objective == "supervised" else "label-words"
    own.optimiser.epochs, own.optimiser.lr_encoder, own.optimiser.schedule = 14, 3e-3, "constant"
    run = load_run(train(own, tmp_path / "run", show=False))
    rows = (tmp_path / "run/log.csv").read_text().splitlines()
    column = rows[0].split(",").index("loss")
    assert float(rows[-1].split(",")[column]) < 0.6 * float(rows[1].split(",")[column])
    found = predict(run.objective, make_dataset(run.recipe, open_manifest(run.recipe), "train"))
    assert (found.scores.argmax(1) == found.labels).mean() > 0.7


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(finished, clips, tmp_path):
    again = train(recipe(clips, keep="last"), tmp_path / "again", show=False)
    other = train(recipe(clips, keep="last", seed=1), tmp_path / "other", show=False)
    assert same(weights(finished), weights(again))
    assert not same(weights(finished), weights(other))


SCRIPT = """
import sys, yaml
from pathlib import Path
from microgesture.runs.configuration import make_recipe
from microgesture.training.loop import train
from microgesture.training.stopping import Interrupted
recipe = make_recipe(yaml.safe_load(Path(sys.argv[1]).read_text()))
try:
    train(recipe, sys.argv[2], resume="resume" in sys.argv, show=False)
except Interrupted as stop:
    print(stop, file=sys.stderr)
    sys.exit(130)
"""


def start(own: Recipe, folder: Path, *words: str, slow: bool = False) -> subprocess.Popen:
    import yaml

    file = folder.parent / "recipe.yaml"
    file.write_text(yaml.safe_dump(own.to_dict()))
    script = SCRIPT
    if slow:  # time for the test to strike in the middle of an epoch
        script = script.replace(
            "recipe = make_recipe",
            "import time\nfrom microgesture.training import loop\nstep = loop._Loop._one_step\n"
            "stepped = Path(sys.argv[2] + '.step').touch\n"
            "loop._Loop._one_step = lambda self, batch: (stepped(), time.sleep(0.3), step(self, batch))[2]\n"
            "recipe = make_recipe",
        )
    command = [sys.executable, "-c", script, str(file), str(folder), *words]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}  # as in this process: sums in another order end otherwise
    return subprocess.Popen(command, stderr=subprocess.PIPE, env=one_thread, start_new_session=True)


def wait_for_checkpoint(run: Path, step: int, process: subprocess.Popen) -> None:
    for _ in range(600):
        there = [int(path.name.split("_")[1]) for path in run.glob("checkpoints/step_*")]
        if max(there, default=0) >= step and len(there) <= checkpoint.KEPT:  # the oldest is gone
            return
        assert process.poll() is None, process.stderr.read().decode()
        time.sleep(0.1)
    raise AssertionError("no checkpoint appeared")


def test_killed_in_the_middle_of_an_epoch_resume_gives_the_same_weights(finished, clips, tmp_path):
    own = recipe(clips, keep="last", checkpoint_steps=1)
    process = start(own, tmp_path / "run", slow=True)
    wait_for_checkpoint(tmp_path / "run", 6, process)  # four steps per epoch: the second epoch is under way
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not json.loads((tmp_path / "run/config.json").read_text())["finished"]
    train(recipe(clips, keep="last"), tmp_path / "run", resume=True, show=False)
    assert same(weights(finished), weights(tmp_path / "run"))


def test_ctrl_c_saves_and_exits_130(finished, clips, tmp_path):
    process = start(recipe(clips, keep="last", checkpoint_steps=1), tmp_path / "run", slow=True)
    wait_for_checkpoint(tmp_path / "run", 1, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert "--resume" in process.stderr.read().decode()
    train(recipe(clips, keep="last"), tmp_path / "run", resume=True, show=False)
    assert same(weights(finished), weights(tmp_path / "run"))


def members(group: int) -> int:
    """How many processes of a group there are."""
    states = (path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat"))
    return sum(int(fields[2]) == group and fields[0] != "Z" for fields in states)


def test_a_signal_to_all_processes_of_a_training_saves_and_ends_them(finished, clips, tmp_path):
    """As `timeout` and batch systems send it: to the workers that read clips, too."""
    own = recipe(clips, keep="last", checkpoint_minutes=999)
    own.data.workers = 1
    process = start(own, tmp_path / "run", slow=True)
    began = time.monotonic()
    while not (tmp_path / "run.step").exists():
        assert process.poll() is None
        assert time.monotonic() < began + 120
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGTERM)
    said = process.communicate(timeout=60)[1].decode()
    assert (process.returncode, "--resume" in said) == (130, True), said
    assert len(list((tmp_path / "run" / "checkpoints").glob("step_*"))) == 1
    assert members(process.pid) == 0
    train(recipe(clips, keep="last"), tmp_path / "run", resume=True, show=False)
    assert same(weights(finished), weights(tmp_path / "run"))


def test_a_folder_with_a_run_is_not_overwritten(finished, clips):
    with pytest.raises(RecipeError, match="--resume"):
        train(recipe(clips), finished, show=False)
    own = recipe(clips, keep="last")
    own.data.manifest, own.title = os.path.relpath(own.data.manifest), "another name"
    assert train(own, finished, resume=True, show=False) == finished


def test_a_finished_run_of_another_recipe_is_not_taken_for_this_one(finished, clips):
    own = recipe(clips, keep="last")
    own.optimiser.epochs = 5
    with pytest.raises(RecipeError, match=r"holds a finished run whose `optimiser\.epochs` differs"):
        train(own, finished, resume=True, show=False)


@pytest.mark.parametrize(("key", "value"), [("flip", True), ("crop", "person"), ("random_crop", 0.1)])
def test_what_changes_pictures_is_refused_for_skeletons(key, value, tmp_path):
    own = make_recipe({"data": {"manifest": "none.csv", key: value}, "encoder": {"name": "stgcn"}})
    with pytest.raises(RecipeError, match=rf"data\.{key} changes pictures, and the encoder reads skeletons: data\."):
        train(own, tmp_path / "run", show=False)


def test_no_recipe_of_the_package_shows_pictures_settings_to_skeletons():
    seen = 0
    for values in map(read_recipe, recipe_names()):
        if "encoder" in values and encoder_class(values["encoder"]["name"]).modality == "skeleton":
            refuse_pictures(DataConfig(**values.get("data", {})))
            seen += 1
    assert seen > 10


def test_the_model_card_names_the_data_by_folder_too(clips):
    own = recipe(clips)
    own.data.manifest, own.data.root = "", str(clips)
    card = model_card(own, open_manifest(own), 0.5)
    assert f"on `{clips}` (" in card
    assert " val" in card


def test_what_makes_two_recipes_different(clips, monkeypatch):
    own = recipe(clips).to_dict()
    data, optimiser, training = own["data"], own["optimiser"], own["training"]
    for same in (
        {"title": "x", "published": "y"},
        {"data": {**data, "workers": 3, "cache": False, "manifest": os.path.relpath(data["manifest"])}},
        {"training": {**training, "tensorboard": True, "checkpoint_steps": 9}},
    ):
        assert first_difference(own, {**own, **same}) == ""
    assert first_difference(own, {**own, "data": {**data, "size": 64}}) == "data.size"
    assert first_difference(own, {**own, "data": {**data, "augment": {"flip": {}}}}) == "data.augment.flip"
    assert first_difference(own, {**own, "optimiser": {**optimiser, "epochs": 9}}) == "optimiser.epochs"
    other = {**own, "training": {**training, "seed": 9}, "start": "runs/seed9"}
    own["start"] = "runs/seed0"
    assert first_difference(own, other) == "training.seed"
    assert first_difference(own, other, seeds=False) == ""
    assert first_difference(own, {**own, "start": "elsewhere"}, seeds=False) == "start"


def test_mixed_batches_depend_on_the_seed_the_epoch_and_the_batch_alone(clips):
    own = recipe(clips)
    own.data.augment = {"mixup": {"alpha": 1.0}}
    own.data.cache = False
    data = make_dataset(own, open_manifest(own), "train", training=True)

    def batches(epoch, start=0, workers=0, seed=0):
        return list(make_loader(data, 7, True, seed, epoch, workers, start_batch=start))

    first = batches(2)
    for batch in first:
        assert batch["target"].shape == (len(batch["clip"]), 4)
        assert torch.allclose(batch["target"].sum(1), torch.ones(len(batch["clip"])))
        assert torch.equal(batch["target"].argmax(1), batch["label"])
    assert any(((b["target"] > 0) & (b["target"] < 1)).any() for b in first)
    for again in (batches(2, start=1), batches(2, start=1, workers=1)):
        for a, b in zip(first[1:], again, strict=True):
            assert all(torch.equal(a[key], b[key]) for key in ("clip", "target", "index"))
    assert not torch.equal(first[0]["target"], batches(3)[0]["target"])
    plain = make_dataset(own, open_manifest(own), "train")
    assert "target" not in next(iter(make_loader(plain, 7, False)))


def test_a_run_with_mixup_goes_on_as_if_it_had_not_stopped(clips, tmp_path):
    def mixed(**training):
        own = recipe(clips, keep="last", **training)
        own.text.name, own.objective.name, own.objective.options = "none", "supervised", {}
        own.data.augment = {"mixup": {"alpha": 1.0}}
        return own

    whole = weights(train(mixed(), tmp_path / "whole", show=False))
    process = start(mixed(checkpoint_steps=1), tmp_path / "run", slow=True)
    wait_for_checkpoint(tmp_path / "run", 6, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    train(mixed(), tmp_path / "run", resume=True, show=False)
    assert same(whole, weights(tmp_path / "run"))


def test_resume_with_another_recipe_is_refused(clips, tmp_path):
    own = recipe(clips, checkpoint_steps=1)
    process = start(own, tmp_path / "run", slow=True)
    wait_for_checkpoint(tmp_path / "run", 1, process)
    process.kill()
    process.wait()
    own.optimiser.lr_encoder = 0.5
    with pytest.raises(RecipeError, match=r"optimiser.*differs"):
        train(own, tmp_path / "run", resume=True, show=False)


@pytest.fixture(scope="module")
def stopped(clips, tmp_path_factory) -> Path:
    """A run that was killed in its second epoch, with two checkpoints."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    process = start(recipe(clips, keep="last", checkpoint_steps=1), folder, slow=True)
    wait_for_checkpoint(folder, 6, process)
    process.kill()
    process.wait()
    return folder


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.bin", "random_states_0.pkl", "trainer.json"])
def test_a_damaged_checkpoint_is_said_and_the_one_before_it_goes_on(stopped, tmp_path, caplog, damage, name):
    shutil.copytree(stopped / "checkpoints", tmp_path / "checkpoints")
    older, newest = sorted((tmp_path / "checkpoints").glob("step_*"))
    damage(newest / name)
    if damage is flip and name == "trainer.json":
        (newest / name).write_text("[]")
    path, state = checkpoint.newest_checkpoint(tmp_path / "checkpoints")
    assert (path, state["step"]) == (older, int(older.name.split("_")[1]))
    assert f"{newest}: the checkpoint is damaged ({name}" in caplog.text
    assert "going on from" in caplog.text
    (older / name).unlink()
    with pytest.raises(RecipeError, match=r"the checkpoint is damaged .* remove it to begin anew"):
        checkpoint.newest_checkpoint(tmp_path / "checkpoints")


def test_a_run_whose_newest_checkpoint_is_cut_short_ends_with_the_same_weights(finished, stopped, clips, tmp_path):
    shutil.copytree(stopped, tmp_path / "run")
    cut(max((tmp_path / "run" / "checkpoints").glob("step_*")) / "model.safetensors")
    train(recipe(clips, keep="last"), tmp_path / "run", resume=True, show=False)
    whole = weights(train(recipe(clips, keep="last"), tmp_path / "whole", show=False))
    assert same(whole, weights(tmp_path / "run"))


def test_a_checkpoint_whose_length_nobody_noted_is_damaged_or_of_another_recipe(stopped, clips, tmp_path):
    """As older versions wrote them."""
    shutil.copytree(stopped, tmp_path / "run")
    for folder in (tmp_path / "run" / "checkpoints").glob("step_*"):
        state = json.loads((folder / checkpoint.STATE).read_text())
        del state[checkpoint.FILES]
        (folder / checkpoint.STATE).write_text(json.dumps(state))
        cut(folder / "model.safetensors")
    with pytest.raises(RecipeError, match=r"step_\d+_\d+: damaged, or of a recipe that does not fit"):
        train(recipe(clips, keep="last", checkpoint_steps=1), tmp_path / "run", resume=True, show=False)


def test_a_log_that_is_none_is_begun_anew(tmp_path):
    (tmp_path / "log.csv").write_bytes(b"epoch,loss\n1,2\nx,y\n\xff\n")
    checkpoint.append_log(tmp_path / "log.csv", {"loss": 1.0}, 2)
    assert (tmp_path / "log.csv").read_text() == "epoch,loss\n1,2\n2,1\n"


def test_a_start_that_does_not_fit_names_the_folder(finished, clips, tmp_path):
    own = recipe(clips)
    own.encoder.name, own.encoder.options, own.start = "r2plus1d_small", {}, str(finished)
    with pytest.raises(RecipeError, match=f"does not fit the checkpoint '{finished}'"):
        train(own, tmp_path / "run", show=False)


def test_stage_two_starts_from_stage_one_and_leaves_it_alone(finished, clips, tmp_path):
    own = recipe(clips)
    own.text.name, own.objective.name, own.objective.options, own.start = "none", "classifier", {}, str(finished)
    before, after = weights(finished), weights(train(own, tmp_path / "run", show=False))
    assert torch.equal(before["encoder.convolution.weight"], after["encoder.convolution.weight"])
    assert torch.equal(before["image_projection.projection.weight"], after["image_projection.projection.weight"])


def test_missing_data_and_weights_are_said(clips, tmp_path):
    with pytest.raises(RecipeError, match="names no data"):
        train(make_recipe({}), tmp_path / "run", show=False)
    with pytest.raises(RecipeError, match="is not a run folder"):
        load_run(tmp_path)


def test_a_full_disk_is_one_line_and_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    checkpoint.write_weights(path, {"a": torch.ones(2)}, {})

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(own_weights, "save_file", full)
    with pytest.raises(UserError, match="No space left on device"):
        checkpoint.write_weights(path, {"a": torch.zeros(2)}, {})
    assert torch.equal(load_file(path)["a"], torch.ones(2))
    assert os.listdir(tmp_path) == ["model.safetensors"]


def test_learning_rates_belong_to_their_parts(clips):
    from microgesture.training.assembly import build_objective

    own = recipe(clips)
    groups = make_optimizer(build_objective(own, open_manifest(own).vocabulary), own.optimiser).param_groups
    assert sorted(g["lr"] for g in groups) == [1e-3, 1e-3, 0.01]


def test_cosine_rises_then_falls_to_zero():
    values = [cosine(step, 100, 0.1) for step in range(100)]
    assert values[0] == pytest.approx(0.1)
    assert max(values) == values[9] == 1.0
    assert values[-1] < 0.01
    assert all(a >= b for a, b in pairwise(values[9:]))


def test_temperature_undoes_overconfidence():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4000, 5, generator=generator, dtype=torch.float64)
    labels = torch.distributions.Categorical(logits=logits).sample()
    assert fit_temperature((3 * logits).numpy(), labels.numpy()) == pytest.approx(3.0, rel=0.15)
