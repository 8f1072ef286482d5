"""Objectives that contrast clips without labels, in the training loop: they learn, go on exactly, and start others."""

import pytest
import torch
from safetensors.torch import load_file

from microgesture.encoders import create_encoder
from microgesture.recognition import create_objective
from microgesture.recognition.cdclr import CdCLRObjective
from microgesture.recognition.dual_stream import DualStreamObjective
from microgesture.runs.configuration import load_recipe
from microgesture.runs.run import load_run
from microgesture.training.loop import train
from moving_joints import write_pickle
from moving_vocabulary import VOCABULARY

SMALL = {
    "self-supervised/cdclr": ("{hidden: 6, layers: 2}", CdCLRObjective),
    "self-supervised/dual_stream": ("{hidden: 6, graph: shiftgcn}", DualStreamObjective),
    "self-supervised/dual_stream_half": ("{hidden: 6, graph: shiftgcn, fusion: half}", DualStreamObjective),
}


@pytest.fixture(scope="module")
def pickle(tmp_path_factory):
    return write_pickle(tmp_path_factory.mktemp("clips") / "clips.pkl", subjects=3, clips=6)


def recipe(name, pickle, *flags):
    options, _ = SMALL[name]
    own = ["--encoder.options", options, "--objective.options", "{queue: 16, width: 8, size: 12, least: 4}"]
    own += ["--data.frames", "16", "--optimiser.batch", "5", "--optimiser.epochs", "3", *flags]
    return load_recipe(name, ["--data.manifest", str(pickle), *own])


@pytest.mark.parametrize("name", SMALL)
def test_a_run_that_stopped_goes_on_as_if_it_had_not(name, pickle, tmp_path, monkeypatch):
    flags = ["--training.checkpoint_steps", "1"]
    whole = train(recipe(name, pickle, *flags), tmp_path / "whole", show=False)
    _, kind = SMALL[name]
    kept, calls = kind.forward, []

    def stop(self, batch):
        calls.append(0)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return kept(self, batch)

    monkeypatch.setattr(kind, "forward", stop)
    with pytest.raises(KeyboardInterrupt):
        train(recipe(name, pickle, *flags), tmp_path / "stopped", show=False)
    monkeypatch.undo()
    stopped = train(recipe(name, pickle, *flags), tmp_path / "stopped", resume=True, show=False)
    one, two = (load_file(run / "model.safetensors") for run in (whole, stopped))
    assert one.keys() == two.keys()
    assert any("queue" in key and key.endswith("memory") for key in one)
    assert any(key.endswith("pointer") for key in one)
    assert [key for key in one if not torch.equal(one[key], two[key])] == []
    opened = load_run(whole).objective
    assert opened.embed(opened.encoder.example_input(2)).shape == (2, opened.encoder.width)
    assert opened.encoder.dimensions == 2  # as the data are


def test_a_recogniser_starts_from_it(pickle, tmp_path):
    name = "self-supervised/cdclr"
    start = train(recipe(name, pickle), tmp_path / "start", show=False)
    flags = ["--start", str(start), "--objective.name", "supervised", "--objective.options", "{}"]
    flags += ["--optimiser.epochs", "1", "--optimiser.lr_encoder", "0"]
    run = train(recipe(name, pickle, *flags), tmp_path / "run", show=False)
    one, two = (load_file(each / "model.safetensors") for each in (start, run))
    assert all(torch.equal(value, one[key]) for key, value in two.items() if key.startswith("encoder."))
    assert load_run(run).objective.scores(torch.zeros(1, 1, 16, 17, 3)).shape == (1, 4)


def growing(rows: int, seed: int) -> torch.Tensor:
    """Points that swing wider and wider, each clip and joint in its own phase."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.linspace(0, 1, 32)[None, :, None, None]
    speed = torch.tensor([2.0, 5.0, 9.0])[torch.randint(0, 3, (rows,), generator=generator)]
    phase = 6.28 * torch.rand(rows, 1, 17, 2, generator=generator)
    size = 0.5 + 0.5 * torch.rand(rows, 1, 17, 2, generator=generator)
    wave = size * (0.3 + time) * torch.sin(6.28 * speed[:, None, None, None] * time + phase)
    return torch.cat([wave, torch.ones(rows, 32, 17, 1)], -1)[:, None]


def test_cdclr_learns_which_clip_is_the_same_and_which_comes_first():
    torch.manual_seed(0)
    encoder = create_encoder("cdclr-gru", hidden=24)
    options = {"queue": 256, "width": 32, "size": 24, "momentum": 0.95, "scale": [0.3, 1.0]}
    learner = create_objective("cdclr", encoder, None, VOCABULARY, **options)
    fresh, clips = growing(400, 1), growing(256, 0)

    @torch.no_grad()
    def measure():
        torch.manual_seed(99)
        kept = {key: value.clone() for key, value in learner.state_dict().items()}
        found = learner({"clip": fresh})
        learner.load_state_dict(kept)
        return found

    before = measure()
    optimizer = torch.optim.AdamW([p for p in learner.parameters() if p.requires_grad], lr=3e-3)
    for step in range(300):
        torch.manual_seed(step)
        losses = learner({"clip": clips[torch.randperm(256)[:32]]})
        optimizer.zero_grad()
        sum(v for name, v in losses.items() if name.endswith("_loss")).backward()
        optimizer.step()
    after = measure()
    assert 0.4 < before["order_accuracy"] < 0.6
    assert after["order_accuracy"] > 0.65
    assert after["intra_loss"] < 0.8 * before["intra_loss"]
