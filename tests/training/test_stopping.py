"""Small sets end when their validation says so, say what they take, and go on exactly after a stop."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from microgesture import progress as shown
from microgesture.progress import TrainingProgress
from microgesture.runs.configuration import make_recipe
from microgesture.training import loop
from microgesture.training.loop import train
from microgesture.training.stopping import TAIL, Interrupted, Patience
from moving_joints import write_pickle


def look(patience: Patience, rows: list[tuple[float, float]]) -> list[bool]:
    """Validations (top-1, loss) after 10, 20, ... steps."""
    return [patience.see({"val_top1": a, "val_loss": b}, 10 * i, 10) for i, (a, b) in enumerate(rows, 1)]


def test_it_waits_for_so_many_validations_then_lets_the_rate_fall():
    patience = Patience(3)
    assert look(patience, [(0.5, 1.0), (0.5, 0.9), (0.5, 0.895), (0.4, 2.0)]) == [False] * 4
    assert patience.see({"val_top1": 0.5, "val_loss": 0.95}, 50, 10)
    assert (patience.begins, patience.ends) == (50, 50 + 10 * TAIL)
    assert [patience.scale(step) for step in (0, 50, 65, 80, 90)] == [1.0, 1.0, 0.5, 0.0, 0.0]
    assert not patience.see({"val_top1": 0.1, "val_loss": 9.0}, 60, 10)
    assert Patience(**json.loads(json.dumps(patience.state()))) == patience


@pytest.mark.parametrize("better", [(0.6, 3.0), (0.4, 0.9)])
def test_a_higher_accuracy_or_a_lower_loss_starts_the_wait_anew(better):
    patience = Patience(2)
    assert look(patience, [(0.5, 1.0), (0.5, 1.0), better, (0.5, 1.0), (0.5, 1.0)]) == [False] * 4 + [True]


def test_the_last_thousandths_of_a_loss_are_nothing_better():
    assert look(Patience(4), [(1.0, 0.01 - i / 1000) for i in range(5)])[-1]


def test_never_with_0_and_by_the_training_loss_where_there_is_no_validation():
    assert not any(look(Patience(0), [(0.5, 1.0)] * 50))
    patience = Patience(2)
    assert [patience.see({"loss": loss}, 1, 1) for loss in (2.0, 1.0, 1.0, 0.999)] == [False, False, False, True]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return write_pickle(tmp_path_factory.mktemp("clips") / "clips.pkl", subjects=6, clips=4, split=False)


def recipe(clips: Path, rate: float = 0.0, **optimiser):
    """A set so small that it is passed more often. At a rate of 0 nothing is learnt."""
    values = {"name": "sgd", "lr_encoder": rate, "lr_heads": rate, "weight_decay": 0.0, "batch": 4, "epochs": 20}
    values |= {"least_steps": 160, "schedule": "cosine", "stop_after": 3}
    return make_recipe(
        {
            "title": "tiny",
            "data": {"manifest": str(clips), "frames": 8},
            "encoder": {"name": "edgcn", "options": {"first_width": 4}},
            "optimiser": values | optimiser,
            "training": {"precision": "no", "keep": "last"},
        }
    )


def log_of(run: Path) -> list[int]:
    return [int(line.split(",")[0]) for line in (run / "log.csv").read_text().splitlines()[1:]]


def test_a_small_set_ends_sooner_and_says_so(clips, tmp_path, capsys):
    run = train(recipe(clips), tmp_path / "run")
    said = capsys.readouterr().err
    epochs = log_of(run)
    assert "fewer when 3 validations in a row bring nothing better" in said
    assert "a step: at most " in said
    assert f"3 validations brought nothing better: the rate falls to zero until epoch {epochs[-1]}, the last" in said
    assert said.index("clips to learn from") < said.index("a step: at most") < said.index("epoch ")
    assert epochs[-1] < 40
    assert json.loads((run / "config.json").read_text())["finished"]
    rates = [float(line.split(",")[-1]) for line in (run / "log.csv").read_text().splitlines()[1:]]
    assert rates[-1] == 0.0


@pytest.mark.parametrize("change", [{"stop_after": 0}, {"least_steps": 0}])
def test_others_are_trained_to_the_end(change, clips, tmp_path, capsys):
    run = train(recipe(clips, **change, epochs=6), tmp_path / "run")
    assert len(log_of(run)) == 6
    said = capsys.readouterr().err
    assert "a step: about " in said
    assert "nothing better" not in said


@pytest.mark.parametrize("when", [10, 33, 45])
def test_stopped_before_or_while_the_rate_falls_it_ends_alike(when, clips, tmp_path, monkeypatch):
    straight = train(recipe(clips, 1e-6), tmp_path / "straight", show=False)
    assert 12 <= log_of(straight)[-1] < 40
    original, steps = loop._Loop._one_step, []

    def interrupted(self, batch):
        steps.append(self.step)
        if len(steps) == when:
            self._save()
            raise Interrupted("stopped")
        return original(self, batch)

    monkeypatch.setattr(loop._Loop, "_one_step", interrupted)
    with pytest.raises(Interrupted):
        train(recipe(clips, 1e-6), tmp_path / "resumed", show=False)
    resumed = train(recipe(clips, 1e-6), tmp_path / "resumed", resume=True, show=False)
    assert log_of(resumed) == log_of(straight)
    one, two = (load_file(run / "model.safetensors") for run in (straight, resumed))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_the_time_of_the_rest_is_said_once_after_a_few_steps(capsys, monkeypatch):
    clock = iter([0.0, 7.0, 11.0])  # the start; after the first step, which prepares things; after four more
    monkeypatch.setattr(shown, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    progress = TrainingProgress("tiny", 605, may_stop=True, beside=0.1)
    progress.task = progress.bar.add_task("tiny", total=605)
    monkeypatch.setattr(progress.bar, "update", lambda *args, **values: None)
    for _ in range(5):
        progress.step(1.0)
    said = capsys.readouterr().err
    assert said.count("a step") == 1
    assert "at most 11 min for the rest" in said
