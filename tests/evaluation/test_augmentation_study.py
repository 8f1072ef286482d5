"""The augmentation study: what a gain's interval is, what is called better, what is trained, resumed and written."""

import csv
import json
import math

import numpy as np
import pytest

from microgesture.commands.main import main
from microgesture.errors import RecipeError
from microgesture.evaluation.augmentation_study import StudySet, known_pieces, study_augmentation
from microgesture.evaluation.gains import BETTER, NOT_SHOWN, UNSEEN, WORSE, Estimate, Gain, estimate, gain_of
from microgesture.runs.configuration import load_recipe
from microgesture.runs.run import load_run
from moving_joints import write_pickle

OWN_ENCODER = '''
import torch
from torch import nn
from microgesture.encoders.graph_encoder import GraphEncoder


class Speed(GraphEncoder):
    """How fast every joint moves, through one linear layer."""

    width = 8

    def __init__(self, layout: str = "coco-17", channels: int = 3, persons: int = 1) -> None:
        super().__init__(layout, channels, persons)
        self.linear = nn.Linear(len(self.layout) * channels, 8)

    def forward(self, clip):
        return torch.relu(self.linear(clip.diff(dim=2).abs().mean(1).flatten(2)))
'''
PEOPLE = [f"p{i}" for i in range(8) for _ in range(5)]


def hits(share: float, seeds: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((seeds, len(PEOPLE))) < share


def test_people_and_seeds_make_the_interval():
    flat = estimate(np.ones((3, 40)) * 0.25, PEOPLE)
    assert (flat.value, flat.low, flat.high) == (0.25, 0.25, 0.25)
    by_seed = np.repeat([[0.1], [0.2], [0.3]], 40, 1)  # people alike: what is left is Student's t of three seeds
    found = estimate(by_seed, PEOPLE)
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-5)
    by_person = np.repeat(np.arange(8) % 2, 5)[None].astype(float)
    found = estimate(by_person, PEOPLE)
    assert found.value == 0.5
    assert found.high - found.low > 0.5  # 40 clips are 8 people
    alone = estimate(by_person, [""] * 40)
    assert alone.high - alone.low < 0.4  # clips of nobody known count one by one
    assert math.isnan(estimate(by_person, ["one"] * 40).low)


def test_better_only_where_the_interval_says_so():
    worst, best = np.zeros((3, 40), bool), np.ones((3, 40), bool)
    assert gain_of("x", best, worst, PEOPLE).verdict == BETTER
    assert gain_of("x", worst, best, PEOPLE).verdict == WORSE
    assert gain_of("x", best[:1], worst[:1], PEOPLE).verdict == UNSEEN
    assert gain_of("x", best, worst, ["one"] * 40).verdict == UNSEEN
    assert gain_of("none", best, None, PEOPLE).verdict == ""
    assert gain_of("x", hits(0.5, 3), hits(0.45, 3, 1), PEOPLE).verdict == NOT_SHOWN
    assert Gain("x", Estimate(0.5, 0.4, 0.6), Estimate(0.1, -0.01, 0.2), 3).verdict == NOT_SHOWN


def test_changes_without_effect_are_rarely_called_better_or_worse():
    """200 studies of two equal recipes: an interval of 95 % leaves zero out in about one of twenty."""
    called = 0
    for number in range(200):
        rng = np.random.default_rng(number)
        person = np.repeat(rng.uniform(0.2, 0.8, 8), 5)
        one, two = (rng.random((3, 40)) < person for _ in range(2))
        called += gain_of("x", one, two, PEOPLE).verdict in (BETTER, WORSE)
    assert called <= 20


def test_all_pieces_that_fit_are_studied():
    skeletons = known_pieces(load_recipe("skeleton/stgcn"))
    asked = {"coordinate_shift", "viewpoint", "rotate", "shear", "flip", "framing", "joint_mask", "part_mask"}
    asked |= {"repeat", "hold", "speed", "temporal_crop", "reverse", "temporal_jitter"}
    assert asked <= set(skeletons)
    assert not {"colour", "resized_crop", "mixup"} & set(skeletons)
    assert "colour" in known_pieces(load_recipe("rgb/tsm"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "speed.py").write_text(OWN_ENCODER)
    (folder / "mine.yaml").write_text(
        f"extends: skeleton/stgcn\ndata: {{augment: {{scale: {{}}}}}}\nencoder: {{name: '{folder}/speed.py:Speed'}}\n"
    )
    return str(folder / "mine.yaml")


FLAGS = ["--data.frames", "12", "--optimiser.least_steps", "0", "--optimiser.epochs", "2", "--optimiser.batch", "8"]
FLAGS += ["--training.precision", "no", "--optimiser.lr_encoder", "0.05", "--optimiser.lr_heads", "0.05"]


def test_one_command_makes_table_and_figure_and_goes_on(recipe, tmp_path, monkeypatch, capsys):
    data = write_pickle(tmp_path / "clips.pkl", subjects=6, clips=8)
    (tmp_path / "others.yaml").write_text(f"data: {{manifest: '{data}', test_subjects: '1-2'}}\n")
    out = tmp_path / "study"
    command = ["study", "augmentation", "--on", str(data), "--actions", str(tmp_path / "others.yaml"), "-o", str(out)]
    command += ["--recipe", recipe, "--pieces", "flip", "hold", "--seeds", "2", *FLAGS]
    import microgesture.evaluation.augmentation_study as study

    kept, calls = study.train, []

    def stops(recipe, run, **options):
        calls.append((recipe.title, recipe.training.seed))
        if len(calls) == 5:
            raise KeyboardInterrupt
        return kept(recipe, run, **options)

    monkeypatch.setattr(study, "train", stops)
    assert main(command) == 130
    before = (out / "gestures/flip/seed0/model.safetensors").stat().st_mtime_ns
    assert calls == [("none", 0), ("flip", 0), ("hold", 0), ("none", 1), ("flip", 1)]
    monkeypatch.undo()
    assert main(command) == 0
    assert (out / "gestures/flip/seed0/model.safetensors").stat().st_mtime_ns == before
    shown = capsys.readouterr().out
    assert "table and figure" in shown
    assert (out / "table.md").read_text().strip() in shown
    assert (out / "gains.png").read_bytes()[:4] == b"\x89PNG"
    rows = list(csv.DictReader((out / "table.csv").open()))
    for name in ("gestures", "actions"):
        titles = [row["augmentation"] for row in rows if row["set"] == name]
        assert titles[:3] == ["none", "flip", "hold"]
    none, flip = rows[:2]
    places = [
        out / f"gestures/{piece}/seed{seed}/evaluation/metrics.json" for piece in ("none", "flip") for seed in (0, 1)
    ]
    tops = [json.loads(place.read_text())["metrics"]["top1"] for place in places]
    assert float(none["top1"]) == pytest.approx(np.mean(tops[:2]), abs=1e-4)
    assert float(flip["gain"]) == pytest.approx(np.mean(tops[2:]) - np.mean(tops[:2]), abs=1e-4)
    assert load_run(out / "gestures/none/seed0").recipe.data.augment == {}  # the recipe's own is left out
    assert load_run(out / "gestures/flip/seed1").recipe.data.augment == {"flip": {}}
    subjects = {
        row["subject"] for row in csv.DictReader((out / "actions/none/seed0/evaluation/predictions.csv").open())
    }
    assert subjects == {"P001", "P002"}


def test_the_best_stand_together_and_it_is_said_how_they_were_chosen(recipe, tmp_path, monkeypatch):
    data = write_pickle(tmp_path / "clips.pkl", subjects=4, clips=4)
    import microgesture.evaluation.augmentation_study as study

    kept = study._tested
    better = {"flip": 4, "hold": 3, "speed": 2, "reverse": 1}

    def made_up(run):
        """As if pieces had got so many clips right."""
        found = kept(run)
        right = better.get(run.parent.name, 0)
        wrong = np.arange(found.hits.shape[1])[None] < right
        return study._Tested(found.clips, wrong, found.subjects, found.validation)

    monkeypatch.setattr(study, "_tested", made_up)
    sets = [StudySet("gestures", ("--data.manifest", str(data)))]
    chosen = ["reverse", "speed", "hold", "flip"]
    result = study_augmentation(recipe, sets, tmp_path / "out", 1, chosen, 3, FLAGS, show=False)
    assert result.rows["gestures"][-1].title == "together: speed, hold, flip"
    assert load_run(tmp_path / "out/gestures/together/seed0").recipe.data.augment == {
        "flip": {},
        "hold": {},
        "speed": {},
    }
    assert any("chosen on the test clips" in remark for remark in result.remarks)
    assert any("1 seed" in remark for remark in result.remarks)


def test_what_cannot_be_studied_is_said(recipe, tmp_path, capsys):
    data = write_pickle(tmp_path / "clips.pkl", subjects=3, clips=4)
    base = ["study", "augmentation", "-o", str(tmp_path / "out"), "--recipe", recipe, *FLAGS]
    for flags, message in (
        (["--on", "imigue"], "--data.root with the folder of a data set"),
        (["--on", str(tmp_path / "gone.pkl")], "gone.pkl' is no data: give a known data set's name"),
        (["--on", str(data), "--pieces", "colour"], "no piece 'colour' for these clips: known are temporal_jitter"),
        (["--on", str(data), "--recipe", "self-supervised/cdclr"], "learns without labels: a study compares"),
        (["--on", str(data), "--seeds", "0"], "a study needs 1 seed or more"),
    ):
        assert main([*base, *flags]) == 2
        assert message in capsys.readouterr().err
    with pytest.raises(RecipeError, match="2 pieces or more together"):
        study_augmentation(recipe, [StudySet("x", ("--data.manifest", str(data)))], tmp_path / "o", most=1)
