"""Texts of one's own, end to end: a run with two text towers trained and asked, with its encoder and without."""

import json

import pytest
import torch
from safetensors.torch import load_file

from microgesture.analysis.analyzer import load
from microgesture.commands.main import main
from microgesture.encoders import sentences
from microgesture.runs.configuration import load_recipe
from microgesture.synthetic.worlds.skeleton_bank import make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.training.loop import train
from microgesture.vocabulary import Vocabulary
from sentence_folders import write_sentence_encoder

OWN = ["a hand goes to the air", "touching the chin"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run, the folder of its sentence encoder and a track."""
    folder = tmp_path_factory.mktemp("own")
    encoder = write_sentence_encoder(folder / "encoder")
    make_bank(3, 1).save(folder / "train.npz")
    index = {"vocabularies": ["imigue", "smg"], "banks": {"train": {"train.npz": 1.0}}, "windows": {"train": 32}}
    (folder / "skeletons.json").write_text(json.dumps(index))
    objective = {"vocabularies": ["imigue", "smg"], "sentences": str(encoder)}
    flags = ["--data.manifest", str(folder / "skeletons.json"), "--objective.options", json.dumps(objective)]
    flags += ["--encoder.options", '{"width": 32, "layers": 1}', "--optimiser.epochs", "2", "--optimiser.batch", "16"]
    run = train(load_recipe("built-in/skeleton", flags), folder / "run", show=False)
    SkeletonWindows(make_bank(1, 9), 1, ("imigue",)).film(0).between(0.0, 6.0).save(folder / "clip.npz")
    return run, encoder, folder / "clip.npz"


@pytest.fixture
def without_encoder(trained):
    _, encoder, _ = trained
    sentences._language_model.cache_clear()
    away = encoder.rename(encoder.with_name("away"))
    yield
    away.rename(encoder)
    sentences._language_model.cache_clear()


def test_the_language_model_is_no_part_of_the_weights(trained):
    run, _, _ = trained
    weights = load_file(run / "model.safetensors")
    (vectors,) = [key for key in weights if key.startswith("sentences.")]
    texts = [
        text
        for v in ("imigue", "smg")
        for c in Vocabulary.load(v).with_background()
        for text in (c.name, c.description)
    ]
    assert weights[vectors].shape == (len(set(texts)), 32)
    assert weights[vectors].norm(dim=-1).numpy() == pytest.approx(1.0, abs=1e-5)
    assert any(key.startswith("sentence_projection.") for key in weights)


def test_air_is_understood_and_nothing_is_refused(trained, capsys, tmp_path):
    run, _, clip = trained
    own = load(run, "cpu").with_vocabulary(Vocabulary.from_texts([*OWN, "flumming the zork"]))
    assert own.run.zero_shot
    assert own.vocabulary_remarks() == []
    (tmp_path / "own.txt").write_text("\n".join(OWN))
    assert main(["recognize", str(clip), "--model", str(run), "--vocabulary", str(tmp_path / "own.txt")]) == 0
    said = capsys.readouterr()
    assert any(text in said.out for text in OWN)
    assert "not understood" not in said.out + said.err


def test_its_own_labels_need_no_encoder(trained, without_encoder):
    run, _, clip = trained
    event = load(run, "cpu").recognize(clip)
    smg = load(run, "cpu").with_vocabulary(Vocabulary.load("smg"))
    assert smg.vocabulary_remarks() == []
    assert smg.recognize(clip).label in Vocabulary.load("smg").names
    assert event.label in Vocabulary.load("imigue").with_background().names


def test_without_the_encoder_words_are_read_and_the_remarks_say_so(trained, without_encoder, capsys, tmp_path):
    run, encoder, clip = trained
    own = load(run, "cpu").with_vocabulary(Vocabulary.from_texts(OWN))
    with_labels = load(run, "cpu").with_vocabulary(Vocabulary.from_texts(["Touching jaw", "Moving legs"]))
    problem = (
        f"texts of your own are read word by word: text encoder '{encoder}' is not on this machine: its folder is gone"
    )
    assert own.vocabulary_remarks() == [problem, f"'{OWN[0]}': not understood: goes, air"]
    assert with_labels.vocabulary_remarks() == []
    (tmp_path / "own.txt").write_text("flumming the zork\ntouching the chin")
    assert main(["recognize", str(clip), "--model", str(run), "--vocabulary", str(tmp_path / "own.txt")]) == 2
    assert "none of its words is known" in capsys.readouterr().err


def test_the_same_texts_give_the_same_answer_alone_and_together(trained):
    run, _, _ = trained
    one = load(run, "cpu").with_vocabulary(Vocabulary.from_texts(OWN))
    more = load(run, "cpu").with_vocabulary(Vocabulary.from_texts([*OWN, "a leg"]))
    with torch.no_grad():
        few, many = one.run.objective.text_embed(), more.run.objective.text_embed()
    assert torch.allclose(few, many[:2], atol=1e-6)
