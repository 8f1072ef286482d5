"""Out-of-fold chaining, with a recogniser that knows by heart everybody it was trained on and nobody else."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from microgesture import formats
from microgesture.commands.main import main
from microgesture.datasets.manifest import ClipRow
from microgesture.emotion.out_of_fold import chain, check_unseen
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.runs.configuration import make_recipe
from microgesture.runs.data import open_manifest
from microgesture.runs.prediction import predict
from microgesture.runs.run import load_run
from microgesture.skeletons.track import SkeletonTrack
from microgesture.training import prerequisites
from microgesture.training.loop import train
from microgesture.training.stopping import Interrupted

LABELS = ("Nobody I know", "Folding arms", "Touching jaw", "No gesture")
SUBJECTS = tuple(f"P{n:02d}" for n in range(1, 8))
RECOGNISER = '''
import torch
from torch import nn
from microgesture.encoders import Encoder
from microgesture.recognition import Objective


class Place(Encoder):
    """One token (B, 1, 2): where the person stands, of whom that is characteristic."""

    modality = "skeleton"
    width = 2

    def __init__(self) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(1))

    def forward(self, clip):
        return clip[..., :2].mean((1, 2, 3)).unsqueeze(1) + 0 * self.nothing


class Memory(Objective):
    """Remembers who does what; class `stranger` for those it does not remember."""

    def __init__(self, encoder, text_encoder, vocabulary, *, stranger=None) -> None:
        super().__init__(encoder, None, vocabulary)
        self.stranger = vocabulary.index("Nobody I know") if stranger is None else stranger
        self.register_buffer("places", torch.full((200, 2), -1.0))
        self.register_buffer("labels", torch.zeros(200))
        self.register_buffer("count", torch.zeros(1))

    def forward(self, batch):
        for place, label in zip(self.embed(batch["clip"]).detach(), batch["label"]):
            n = int(self.count)
            self.places[n], self.labels[n] = place, label
            self.count += 1
        return {"memory_loss": self.encoder.nothing.sum()}

    def scores(self, clip):
        out = torch.zeros(len(clip), len(self.vocabulary))
        for row, place in zip(out, self.embed(clip)):
            near = (self.places - place).norm(dim=1)
            known = near.min() < 1.0
            row[int(self.labels[near.argmin()]) if known else self.stranger] = 5.0
        return out
'''


def label_of(subject: str) -> str:
    return LABELS[1 + int(subject[1:]) % 2]


def make_films(folder: Path, timed: bool = True) -> Path:
    """Each subject stands in two films of three gestures, at a place of their own; `timed` off: one file per clip."""
    lines = ["skeleton,start,end,label,person,subject,split"]
    for number, subject in enumerate(SUBJECTS, 1):
        for film in "ab":
            points = np.tile(np.linspace(0, 5, 17)[:, None] + [100 * number, 50 * number], (75, 1, 1))
            track = SkeletonTrack(np.arange(75) / 25, points, np.ones((75, 17)), "coco-17", (1280, 720))
            split = "test" if number > 5 else "train"
            for i, start in enumerate((2.0, 0.2, 1.0)):
                name = f"{subject}{film}.npz" if timed else f"{subject}{film}_{2 - i}.npz"
                span = f"{start},{start + 0.8}" if timed else ","
                lines.append(f"{name},{span},{label_of(subject)},P1,{subject},{split}")
                (track if timed else track.between(0.0, 0.8)).save(folder / name)
    words = {"id": 0, "name": "", "description": "", "body_region": "", "file_id": None, "micro_gesture": True}
    classes = [{**words, "id": i, "name": name} for i, name in enumerate(LABELS)]
    (folder / "vocabulary.json").write_text(json.dumps({"name": "four", "classes": classes}))
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_recipe(folder: Path, name: str, data: Path, **changes) -> str:
    (folder / "own.py").write_text(RECOGNISER)
    values = {
        "title": "memory",
        "data": {"manifest": str(data / "manifest.csv"), "frames": 4, "normalise": "none"},
        "encoder": {"name": f"{folder}/own.py:Place"},
        "objective": {"name": f"{folder}/own.py:Memory"},
        "optimiser": {"epochs": 1, "batch": 6, "schedule": "constant"},
        "training": {"precision": "no"},
        **changes,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(values))
    return str(folder / f"{name}.yaml")


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Path:
    return make_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def recipe(films) -> str:
    return write_recipe(films, "memory", films)


@pytest.fixture(scope="module")
def chained(recipe, tmp_path_factory) -> Path:
    return chain(recipe, tmp_path_factory.mktemp("chain") / "out", folds=3, show=False, device="cpu").parent


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "timelines.csv").open() as file:
        return list(csv.DictReader(file))


def contents(out: Path) -> dict[str, bytes]:
    files = [*out.glob("timelines/*"), out / "timelines.csv", *out.glob("folds/*/manifest.csv")]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(files)}


def test_nobody_is_predicted_by_a_recogniser_that_knows_them(chained):
    rows = rows_of(chained)
    assert [row["video"] for row in rows] == [f"{subject}{film}" for subject in SUBJECTS for film in "ab"]
    assert {row["fold"] for row in rows} == {"0", "1", "2"}
    for row in rows:
        timeline = formats.read(chained / row["timeline"])
        assert [event.label for event in timeline] == ["Nobody I know"] * 3
        assert timeline.provenance["out_of_fold"] is True
        assert timeline.provenance["untimed"] is False
        run = load_run(chained / timeline.provenance["run"])
        split_of = {clip.subject: clip.split for clip in open_manifest(run.recipe)}
        assert split_of[row["subject"]] == "test"
        assert set(split_of.values()) == {"train", "val", "test"}
        people = {subject for subject, split in split_of.items() if split == "test"}
        assert people == {other["subject"] for other in rows if other["fold"] == row["fold"]}


def test_what_a_run_was_trained_on_it_does_know(chained):
    """The control: the same recogniser names everybody it was trained on, and nobody it was validated on."""
    from microgesture.runs.data import make_dataset

    run = load_run(next(chained.glob("folds/0/runs/*/seed0")))
    data = open_manifest(run.recipe)
    for split, known in (("train", True), ("val", False)):
        found = predict(run.objective, make_dataset(run.recipe, data, split, encoder=run.objective.encoder))
        assert ((found.scores.argmax(1) == found.labels) == known).all()


def test_events_have_the_clips_times_and_features_the_events_order(chained, films):
    for row in rows_of(chained):
        timeline = formats.read(chained / row["timeline"])
        assert [(e.start, e.end) for e in timeline] == [(0.2, 1.0), (1.0, 1.8), (2.0, 2.8)]
        assert row["split"] == ("test" if int(row["subject"][1:]) > 5 else "train")
        first = timeline[0]
        assert (first.label_id, first.person, first.annotator) == (0, "P1", "memory")
        assert len(first.alternatives) == 3
        assert first.confidence + sum(a.confidence for a in first.alternatives) == pytest.approx(1.0)
        features = np.load(chained / row["features"])
        number = int(row["subject"][1:])
        np.testing.assert_allclose(features, np.tile([100 * number + 2.5, 50 * number + 2.5], (3, 1)), atol=0.1)
    assert formats.read(chained / "timelines/P01a.json").labels == LABELS


def test_confidences_are_those_of_the_runs_temperature(chained):
    timeline = formats.read(chained / "timelines/P01a.json")
    run = load_run(chained / timeline.provenance["run"])
    weights = np.exp(np.array([5.0, 0, 0, 0]) / run.temperature)
    assert run.temperature > 5  # everybody it was validated on was a stranger, and it was sure
    assert timeline[0].confidence == pytest.approx(weights[0] / weights.sum(), rel=1e-5)


def test_nothing_is_trained_or_predicted_twice(chained, recipe, monkeypatch):
    stamps = {path: path.stat().st_mtime_ns for path in chained.glob("folds/*/runs/*/*/model.safetensors")}
    assert len(stamps) == 3
    before = contents(chained)
    monkeypatch.setattr("microgesture.emotion.out_of_fold.scored_split", None)  # would be called
    chain(recipe, chained, folds=3, show=False, device="cpu")
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert contents(chained) == before


def test_a_stopped_chain_goes_on_and_the_same_call_gives_the_same_files(chained, recipe, tmp_path, monkeypatch):
    trained: list[Path] = []

    def stopped(recipe, folder, resume, show):
        if len(trained) == 1:
            raise Interrupted("stopped in epoch 1")
        trained.append(folder)
        return train(recipe, folder, resume=resume, show=show)

    monkeypatch.setattr(prerequisites, "train", stopped)
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        chain(recipe, out, folds=3, show=False, device="cpu")
    assert not (out / "timelines.csv").exists()
    made = {path: path.stat().st_mtime_ns for path in (out / "timelines").iterdir()}
    assert made
    monkeypatch.setattr(prerequisites, "train", train)
    chain(recipe, out, folds=3, show=False, device="cpu")
    assert {path: path.stat().st_mtime_ns for path in made} == made
    before, again = contents(chained), contents(out)
    assert before.keys() == again.keys()
    written = [name for name in before if name.startswith("timelines")]  # the manifests name the clips from elsewhere
    assert len(written) == 2 * 14 + 1
    assert [before[name] for name in written] == [again[name] for name in written]


def test_another_chain_and_other_settings_are_refused(chained, recipe, films, tmp_path):
    for changes, said in (({"folds": 2}, "folds 3, now 2"), ({"folds": 3, "seed": 1}, "seed 0, now 1")):
        with pytest.raises(UserError, match=f"holds another chain \\({said}"):
            chain(recipe, chained, show=False, **changes)
    with pytest.raises(RecipeError, match=r"`optimiser\.epochs` differs"):
        chain(recipe, chained, ["--optimiser.epochs", "2"], folds=3, show=False)
    with pytest.raises(UserError, match="is not empty and holds no chain"):
        chain(recipe, films, show=False)
    with pytest.raises(DataError, match="7 subjects cannot be dealt out to 8 folds"):
        chain(recipe, tmp_path / "many", folds=8, show=False)


def test_what_a_recipe_starts_from_is_trained_in_each_fold(films, tmp_path):
    write_recipe(films, "first", films)
    second = write_recipe(films, "second", films, start=str(films / "first.yaml"))
    out = chain(second, tmp_path / "out", folds=2, show=False, device="cpu").parent
    for fold in (0, 1):
        config = json.loads((out / f"folds/{fold}/runs/second/seed0/config.json").read_text())
        assert Path(config["recipe"]["start"]) == out / f"folds/{fold}/runs/first/seed0"
    for row in rows_of(out):
        assert {event.label for event in formats.read(out / row["timeline"])} == {"Nobody I know"}


def test_a_start_that_has_seen_them_is_refused(recipe, films, tmp_path):
    values = yaml.safe_load(Path(recipe).read_text())
    seen = train(make_recipe(values), tmp_path / "seen", show=False)
    with pytest.raises(DataError, match=r"'.*seen' has seen subject 'P0"):
        chain(recipe, tmp_path / "out", ["--start", str(seen)], folds=2, show=False, device="cpu")
    stranger = ClipRow(None, LABELS[0], subject="P01", skeleton=tmp_path / "elsewhere.npz")
    check_unseen(seen, [stranger])  # P01 of other data is somebody else
    with pytest.raises(DataError, match="has seen subject 'P01'"):
        check_unseen(seen, [stranger], [films / "manifest.csv"])
    (tmp_path / "gone.csv").write_text("skeleton,label\n")
    config = json.loads((seen / "config.json").read_text())
    config["recipe"]["data"]["manifest"] = str(tmp_path / "gone.csv")
    (seen / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="cannot be checked"):
        check_unseen(seen, [stranger])


def test_clips_without_times_keep_their_order(tmp_path):
    (tmp_path / "clips").mkdir()
    recipe = write_recipe(tmp_path, "memory", make_films(tmp_path / "clips", timed=False))
    out = chain(recipe, tmp_path / "out", folds=2, show=False, device="cpu").parent
    rows = rows_of(out)
    assert [row["video"] for row in rows] == [f"{subject}{film}" for subject in SUBJECTS for film in "ab"]
    for row in rows:
        timeline = formats.read(out / row["timeline"])
        assert timeline.provenance["untimed"] is True
        assert [(event.start, event.end) for event in timeline] == [(0, 1), (1, 2), (2, 3)]


def test_nothing_is_no_event(recipe, tmp_path):
    out = chain(
        recipe, tmp_path / "out", ["--objective.options", "{stranger: 3}"], folds=2, show=False, device="cpu"
    ).parent
    for row in rows_of(out):
        assert len(formats.read(out / row["timeline"])) == 0
        assert np.load(out / row["features"]).shape == (0, 2)


def test_the_verb(recipe, tmp_path, capsys, monkeypatch):
    argv = ["emotion", "chain", recipe, "-o", str(tmp_path / "out"), "--folds", "2", "--optimiser.batch", "3"]
    assert main(argv) == 0
    assert f"{tmp_path / 'out' / 'timelines.csv'}: predicted timelines" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "out")) == 2 * len(SUBJECTS)
    assert main([*argv, "--data.nothing", "1"]) == 2
    assert "data.nothing" in capsys.readouterr().err
    assert main(["emotion", "chain", "demo/emotion", *argv[3:]]) == 2
    assert "is an emotion recipe" in capsys.readouterr().err

    def stopped(*_args, **_kwargs):
        raise Interrupted("stopped in epoch 1")

    monkeypatch.setattr("microgesture.emotion.out_of_fold.train_into", stopped)
    assert main([*argv[:4], str(tmp_path / "new"), *argv[5:]]) == 130
    assert "the same command resumes" in capsys.readouterr().err
