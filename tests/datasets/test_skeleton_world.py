"""The training loop on a folder of skeleton banks."""

import json

import numpy as np
import pytest
import torch

from microgesture.analysis.analyzer import load
from microgesture.datasets.windows import SkeletonWorld
from microgesture.errors import DataError
from microgesture.runs.configuration import load_recipe
from microgesture.synthetic.worlds.skeleton_bank import make_bank
from microgesture.training.loop import train
from microgesture.vocabulary import Vocabulary

SMALL = ["--encoder.options", '{"width": 32, "layers": 1}', "--optimiser.epochs", "1", "--optimiser.batch", "16"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("banks")
    make_bank(3, 1).save(folder / "train.npz")
    make_bank(3, 2, "val").save(folder / "val.npz")
    index = {
        "vocabularies": ["imigue", "smg", "ma52"],
        "banks": {"train": {"train.npz": 0.75, "val.npz": 0.25}, "val": {"val.npz": 1.0}},
        "windows": {"train": 48, "val": 32},
    }
    (folder / "skeletons.json").write_text(json.dumps(index))
    return folder / "skeletons.json"


def test_banks_share_each_batch(world):
    data = SkeletonWorld(world).dataset("train", 48, 0, training=True)
    batch = data.__getitems__(range(16))
    assert batch["clip"].shape == (16, 1, 48, 62, 3)
    assert batch["share"].shape == (16, 33 + 18 + 53)


def test_nothing_can_be_told_of_labels_that_are_held_out(world):
    index = json.loads(world.read_text()) | {"untold": ["FOLDING arms", "crossing arms"]}
    (world.parent / "held_out.json").write_text(json.dumps(index))
    plain = SkeletonWorld(world).dataset("train", 48, 0, training=True).__getitems__(range(16))
    held = SkeletonWorld(world.parent / "held_out.json").dataset("train", 48, 0, training=True).__getitems__(range(16))
    names = [name for v in SkeletonWorld(world).vocabularies for name in Vocabulary.load(v).with_background().names]
    untold = [k for k, name in enumerate(names) if name in ("Folding arms", "crossing arms")]
    others = np.setdiff1d(np.arange(len(names)), untold)
    assert len(untold) == 3
    assert plain["tell"][:, untold].any()
    assert plain["tell_tokens"][..., untold].any()
    assert not held["tell"][:, untold].any()
    assert not held["tell_tokens"][..., untold].any()
    for key in ("tell", "tell_tokens"):
        assert torch.equal(held[key][..., others], plain[key][..., others])
    assert torch.equal(held["clip"], plain["clip"])


def test_a_held_out_label_that_is_none_is_an_error(world):
    (world.parent / "wrong.json").write_text(json.dumps(json.loads(world.read_text()) | {"untold": ["Flumming"]}))
    with pytest.raises(DataError, match="'flumming' is in none of the vocabularies imigue, smg, ma52"):
        SkeletonWorld(world.parent / "wrong.json").dataset("train", 48, 0, training=True)


def test_validation_windows_are_the_same_at_every_call_and_have_labels(world):
    data = SkeletonWorld(world).dataset("val", 48, 0, training=False)
    first, again = data.__getitems__(range(8)), data.__getitems__(range(8))
    assert torch.equal(first["clip"], again["clip"])
    assert torch.equal(first["label"], again["label"])
    assert int(first["label"].max()) < 32


def test_an_index_that_is_none_is_an_error(tmp_path):
    (tmp_path / "skeletons.json").write_text("{}")
    with pytest.raises(DataError, match=r"skeletons\.json"):
        SkeletonWorld(tmp_path / "skeletons.json")


def test_a_run_trains_on_it_resumes_to_the_same_weights_and_reads_a_track(world, tmp_path):
    recipe = load_recipe("built-in/skeleton", ["--data.manifest", str(world), *SMALL])
    run = train(recipe, tmp_path / "run", show=False)
    again = train(recipe, tmp_path / "again", show=False)
    ours, theirs = (load(folder, "cpu").run.objective.state_dict() for folder in (run, again))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    analyzer = load(run, "cpu")
    track = SkeletonWorld(world).dataset("val", 48, 0, False).parts[0].film(0)
    track.save(tmp_path / "track.npz")
    event = analyzer.recognize(tmp_path / "track.npz", top=5)
    assert event.label in analyzer.vocabulary.names
    assert len(event.alternatives) == 4
    scores = analyzer.scan(track)
    assert scores.probabilities.shape == (len(scores.times), len(analyzer.vocabulary))
    assert np.isfinite(scores.probabilities).all()
