"""The second text tower of the timed objective: its losses, what of it a run keeps, and who reads which text."""

import json

import pytest
import torch
from test_timed_visual_text import FIRST, SECOND, batch
from tiny_models import LetterEncoder, TinyEncoder

from microgesture.encoders import create_encoder, create_text_encoder, sentences
from microgesture.errors import MissingExtra, RecipeError
from microgesture.recognition import create_objective, describe, restore
from microgesture.runs.run import WEIGHTS
from microgesture.training.assembly import start_from
from microgesture.training.checkpoint import write_weights
from microgesture.vocabulary import Vocabulary
from sentence_folders import write_sentence_encoder

OWN = ("a hand in the air", "Touching jaw", "moving the legs")


@pytest.fixture(autouse=True)
def nothing_is_open():
    sentences._language_model.cache_clear()


@pytest.fixture
def folder(tmp_path):
    return write_sentence_encoder(tmp_path / "sentences")


def make(tmp_path, folder, **options):
    files = []
    for name, lines in (("first", FIRST), ("second", SECOND)):
        files.append(str(tmp_path / f"{name}.txt"))
        (tmp_path / f"{name}.txt").write_text("\n".join(lines))
    torch.manual_seed(0)
    options = {"vocabularies": files, "width": 8, "dropout": 0.0, "sentences": str(folder) if folder else ""} | options
    return create_objective(
        "visual-text-timed", TinyEncoder(), LetterEncoder(), Vocabulary.load(files[0]), **options
    ).eval()


def test_each_loss_is_the_mean_of_the_towers(tmp_path, folder):
    both = make(tmp_path, folder)
    found = both(batch())
    words, of_sentences = make(tmp_path, ""), make(tmp_path, folder)
    words.load_state_dict(both.state_dict(), strict=False)
    of_sentences.embed_texts = of_sentences.embed_sentences
    of_sentences.load_state_dict(both.state_dict())
    for name, value in found.items():
        one, other = words(batch())[name].item(), of_sentences(batch())[name].item()
        assert one != pytest.approx(other, rel=1e-3)
        assert value.item() == pytest.approx((one + other) / 2, rel=1e-5)


def test_the_towers_read_the_same_texts_in_training(tmp_path, folder):
    objective = make(tmp_path, folder).train()
    shown: dict[str, list] = {"words": [], "sentences": []}
    objective.text_encoder.register_forward_hook(lambda _m, args, _o: shown["words"].append(args[0]))
    objective.sentences.register_forward_hook(lambda _m, args, _o: shown["sentences"].append(args[0]))
    for seed in range(5):
        torch.manual_seed(seed)
        objective(batch())
    assert shown["words"] == shown["sentences"]
    assert any("a hand at the chin" in texts for texts in shown["words"])


def test_only_the_projection_of_the_sentences_learns(tmp_path, folder):
    objective, without = make(tmp_path, folder), make(tmp_path, "")
    new = {name: p.numel() for name, p in objective.named_parameters() if name not in dict(without.named_parameters())}
    assert {name.split(".")[0] for name in new} == {"sentence_projection"}
    assert sum(t.numel() for name, t in objective.state_dict().items() if name.startswith("sentences.")) < 32 * 20
    losses = objective(batch())
    (losses["clip_loss"] + losses["token_loss"]).backward()
    assert [n for n, p in objective.named_parameters() if p.grad is None or not p.grad.abs().any()] == []
    heads = {id(p) for p in objective.parameter_groups()["heads"]}
    assert all(id(p) in heads for p in objective.sentence_projection.parameters())


def test_without_sentences_nothing_changed(tmp_path):
    objective = make(tmp_path, "")
    assert "sentences" not in " ".join(objective.state_dict())
    assert objective.saved_options() == dict(objective.options)
    assert objective.with_vocabulary(Vocabulary.from_texts(OWN)).read_as_sentences() == (False,) * 3
    with pytest.raises(RecipeError, match="without a sentence encoder"):
        objective.embed_sentences(["x"])


def test_who_reads_what(tmp_path, folder):
    other = make(tmp_path, folder).with_vocabulary(Vocabulary.from_texts(OWN))
    assert other.read_as_sentences() == (True, False, True)
    assert other.sentence_problem() == ""
    with torch.no_grad():
        text = other.text_embed()
        assert torch.allclose(text[[0, 2]], other.embed_sentences([OWN[0], OWN[2]]), atol=1e-6)
        assert torch.allclose(text[[1]], other.embed_texts([OWN[1]]), atol=1e-6)
        described = other.with_vocabulary(Vocabulary.from_texts(["an arm : folding an arm", "Moving legs"]))
        assert torch.allclose(described.text_embed()[0], other.embed_sentences(["an arm folding an arm"])[0], atol=1e-6)
        assert described.scores(batch()["clip"]).shape == (5, 2)
        assert described.both_scores(batch()["clip"])[1].shape == (5, 4, 2)


def run(folder, tmp_path):
    """A description and weights of an objective with real encoders, as a run holds them."""
    torch.manual_seed(0)
    encoder = create_encoder("skeleton_graph", width=8, channels=[8])
    objective = create_objective(
        "visual-text-timed",
        encoder,
        create_text_encoder("gesture-words"),
        Vocabulary.load("smg"),
        width=8,
        vocabularies=["smg"],
        sentences=str(folder),
    ).eval()
    return objective, json.loads(json.dumps(describe(objective)))


def test_a_run_opens_and_reads_its_own_labels_without_the_encoder(tmp_path, folder):
    objective, description = run(folder, tmp_path)
    folder.rename(folder.with_name("gone"))
    sentences._language_model.cache_clear()
    again = restore(description).eval()
    again.load_state_dict(objective.state_dict())
    clip = objective.encoder.example_input(2)
    labels = Vocabulary.load("smg")
    with torch.no_grad():
        assert torch.equal(again.scores(clip), objective.scores(clip))
        texts = [*labels.names, *(c.description for c in labels)]
        assert torch.equal(again.embed_sentences(texts), objective.embed_sentences(texts))
    assert json.loads(json.dumps(describe(again))) == description


def test_without_the_encoder_words_are_read_and_it_is_said(tmp_path, folder):
    objective, description = run(folder, tmp_path)
    own = Vocabulary.from_texts(["tugging the sleeve", "touching the nose"])
    unknown = Vocabulary.from_texts(["flumming the zork", "touching the nose"])
    with torch.no_grad():
        by_sentence = objective.with_vocabulary(own).text_embed()
    assert objective.with_vocabulary(unknown).read_as_sentences() == (True, True)
    folder.rename(folder.with_name("gone"))
    sentences._language_model.cache_clear()
    again = restore(description).eval()
    again.load_state_dict(objective.state_dict())
    other = again.with_vocabulary(own)
    assert other.read_as_sentences() == (False, False)
    assert str(folder) in other.sentence_problem()
    with torch.no_grad():
        assert torch.equal(other.text_embed(), objective.embed_texts(own.names))
        assert not torch.allclose(other.text_embed(), by_sentence, atol=1e-2)
    with pytest.raises(RecipeError, match=r"flumming, zork.*whole sentences.*folder is gone") as caught:
        again.with_vocabulary(unknown)
    assert "\n" not in str(caught.value)


def test_a_text_of_ones_own_belongs_where_the_nearest_label_of_its_tower_does(tmp_path, folder):
    regions = {"Touching jaw": "head-hand", "Moving legs": "lower limb", "Folding arms": "body-hand"}
    classes = [{"id": k, "name": name, "body_region": region} for k, (name, region) in enumerate(regions.items())]
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"name": "own", "classes": classes}))
    objective = make(tmp_path, folder, vocabularies=[str(file)])
    own = ["Moving Leg s", "FOLDING arms.", "Touching jaw"]  # to the sentence encoder a label but for a dot
    other = objective.with_vocabulary(Vocabulary.from_texts(own))
    assert other.read_as_sentences() == (True, True, False)
    with torch.no_grad():
        close = other.embed_sentences(own[:2]) @ other.embed_sentences(list(regions)).T
        lengths = other.embed_sentences(list(regions)).norm(dim=-1)
    expected = [list(regions.values())[k] for k in (close / lengths).argmax(-1).tolist()]
    assert expected[1] == "body-hand"
    objective.text_projection.fc.weight.data.zero_()  # the other tower is not asked
    objective.text_projection.projection.weight.data.zero_()
    assert other.regions()[:2] == expected


def test_another_run_s_sentences_are_not_taken_for_these(tmp_path, folder):
    objective = make(tmp_path, folder)
    write_weights(tmp_path / WEIGHTS, objective.state_dict(), {"format": "pt"})
    (tmp_path / "other").mkdir()
    (tmp_path / "other.txt").write_text("Folding arms : x\nMoving legs\nTouching jaw : y")
    other = make(tmp_path, folder, vocabularies=[str(tmp_path / "other.txt"), str(tmp_path / "second.txt")])
    before = other.sentences.vectors.clone()
    assert before.shape == objective.sentences.vectors.shape
    start_from(other, tmp_path)
    assert torch.equal(other.sentences.vectors, before)
    assert torch.equal(other.sentence_projection.fc.weight, objective.sentence_projection.fc.weight)


def test_a_missing_extra_stops_training_with_the_line_that_cures_it(tmp_path, monkeypatch):
    def missing(_name, _network):
        raise MissingExtra("text encoder", "sentences")

    monkeypatch.setattr(sentences, "open_pretrained", missing)
    with pytest.raises(MissingExtra, match="pip install"):
        make(tmp_path, "sentence-transformers/all-MiniLM-L6-v2")
