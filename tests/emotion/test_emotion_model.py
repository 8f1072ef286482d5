"""Reading a timeline, and saving and loading the model that does."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.model import EmotionModel
from microgesture.emotion.registry import SequenceBatch, build
from microgesture.emotion.sequence import EventSequence, SequenceEncoder, vocabulary_of
from microgesture.emotion.training import train_emotion
from microgesture.emotion.transformer import positional_encoding
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.timeline import Alternative, GestureEvent, Media, Timeline
from microgesture.vocabulary import Vocabulary

VOCABULARY = Vocabulary.from_texts(["smile", "frown", "wave"], "three")


def timeline(labels, person="P1"):
    events = tuple(GestureEvent(i, i + 0.5, label, person=person) for i, label in enumerate(labels))
    return Timeline(events, Media(duration=len(labels) + 1.0))


@pytest.fixture(scope="module")
def model():
    rng = np.random.default_rng(0)
    timelines, outcomes = [], []
    for i in range(80):
        chances = (0.6, 0.1, 0.3) if i % 2 else (0.1, 0.6, 0.3)
        timelines.append(timeline([VOCABULARY[int(k)].name for k in rng.choice(3, 12, p=chances)]))
        outcomes.append("positive" if i % 2 else "negative")
    return train_emotion(
        timelines, outcomes, EmotionConfig(model="transformer", members=2, epochs=12, layers=1), VOCABULARY
    )


def test_a_clear_timeline_is_read_with_its_drivers(model):
    clear = timeline(["smile"] * 10 + ["wave"] * 3 + ["frown"] * 2)
    reading = model.read(clear)
    assert reading.label == "positive"
    assert reading.interval[0] > 0.5
    assert reading.interval[0] <= reading.probabilities["positive"] <= reading.interval[1]
    assert sum(reading.probabilities.values()) == pytest.approx(1.0)
    assert sorted(d.event for d in reading.drivers) == list(range(15))
    sizes = [abs(d.effect) for d in reading.drivers]
    assert sizes == sorted(sizes, reverse=True)
    effects = {d.event: d.effect for d in reading.drivers}
    assert max(effects[13], effects[14]) < 0 < min(effects[i] for i in range(10))
    assert "lie detector" in reading.caution
    assert model.read(clear) == reading


def test_drivers_are_the_change_of_log_odds(model):
    whole = timeline(["smile", "frown", "smile", "wave", "frown"])
    reading = model.read(whole)
    full = model.probabilities([whole])[0]
    without = model.probabilities([whole.with_events(whole.events[:4])])[0]  # the last: nothing else changes its gap
    leading = int(np.argmax(full))
    expected = np.log(full[leading] / full[1 - leading]) - np.log(without[leading] / without[1 - leading])
    assert next(d for d in reading.drivers if d.event == 4).effect == pytest.approx(expected, abs=1e-4)


def test_attention_says_where_the_transformer_looked(model):
    reading = model.read(timeline(["smile", "frown", "smile", "wave", "smile"]))
    assert sum(d.attention for d in reading.drivers) == pytest.approx(1.0)
    assert all(d.attention > 0 for d in reading.drivers)


def test_a_balanced_timeline_is_undecided(model):
    reading = model.read(timeline(["smile", "frown"] * 6))
    assert reading.label == "undecided"
    assert reading.interval[0] <= 0.5 <= reading.interval[1]


@pytest.mark.parametrize("labels", [[], ["smile"], ["no such label"] * 5, ["", "???", "smile"]])
def test_too_little_evidence_is_undecided(model, labels):
    reading = model.read(timeline(labels))
    assert reading.label == "undecided"
    assert sum(reading.probabilities.values()) == pytest.approx(1.0)
    known = [i for i, label in enumerate(labels) if label == "smile"]
    assert sorted(d.event for d in reading.drivers) == known
    if not known:
        assert reading.interval == (0.0, 1.0)
        assert set(reading.probabilities.values()) == {0.5}


def test_unknown_labels_are_left_out_and_counted(model):
    plain = model.read(timeline(["smile"] * 6))
    mixed = model.read(timeline(["smile", "mystery", *["smile"] * 5, "SMILE ", "mystery"][:7]))
    assert mixed.probabilities == pytest.approx(plain.probabilities, abs=1e-3)  # they only make a gap shorter
    assert "1 gestures were left out" in mixed.caution
    assert [d.event for d in mixed.drivers if d.event == 1] == []


def test_one_person_of_several_is_read_alone(model):
    both = Timeline(timeline(["smile"] * 6).events + timeline(["frown"] * 6, "P2").events, Media(duration=10.0))
    first, second = model.read(both, person="P1"), model.read(both, person="P2")
    assert (first.label, second.label) == ("positive", "negative")
    assert all(both[d.event].person == "P2" for d in second.drivers)


def test_very_long_timelines_are_thinned(model):
    long = timeline(["smile"] * 700)
    config = EmotionConfig(max_events=64)
    encoder = SequenceEncoder(config, VOCABULARY, model.encoder.terms)
    encoded = encoder.encode(long)
    assert len(encoded) == 64
    assert (encoded.index[0], encoded.index[-1]) == (0, 699)


def test_save_and_load_give_the_same_reading(model, tmp_path):
    model.save(tmp_path / "emotion")
    again = EmotionModel.load(tmp_path / "emotion")
    sample = timeline(["smile", "wave", "wave", "smile"])
    assert again.read(sample) == model.read(sample)
    assert again.summary == model.summary
    assert again.config == model.config
    assert sorted(p.name for p in (tmp_path / "emotion").iterdir()) == ["config.json", "model.safetensors"]


def test_a_folder_that_cannot_be_written_is_one_line(model, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        model.save(tmp_path / "file" / "emotion")


def test_folders_that_hold_no_model_are_one_line_errors(model, tmp_path):
    with pytest.raises(DataError, match="no emotion model here"):
        EmotionModel.load(tmp_path)
    model.save(tmp_path)
    head = json.loads((tmp_path / "config.json").read_text())

    def rewritten(**changes):
        (tmp_path / "config.json").write_text(json.dumps({**head, **changes}))
        return tmp_path

    with pytest.raises(RecipeError, match="unknown key 'depth'"):
        EmotionModel.load(rewritten(config={**head["config"], "depth": 3}))
    with pytest.raises(RecipeError, match="do not fit"):
        EmotionModel.load(rewritten(config={**head["config"], "width": 64}))
    with pytest.raises(DataError, match="format 7"):
        EmotionModel.load(rewritten(format=7))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(DataError, match="not an emotion model"):
        EmotionModel.load(tmp_path)
    rewritten()
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="not an emotion model"):
        EmotionModel.load(tmp_path)


@pytest.mark.parametrize("name", ["transformer", "lstm"])
def test_padding_changes_nothing_and_gradients_reach_every_parameter(name):
    config = EmotionConfig(model=name, width=16, heads=2, classes=("yes", "no"))
    encoder = SequenceEncoder(config, VOCABULARY, ("smile", "frown", "wave"))
    network = build(name, config, encoder.spec).eval()
    short, long = encoder.encode(timeline(["smile", "wave"])), encoder.encode(timeline(["frown", "smile"] * 5))
    together = network(encoder.collate([short.sequence(), long.sequence(), EventSequence(())]))
    alone = network(encoder.collate([short.sequence()]))
    torch.testing.assert_close(together[:1], alone)
    assert torch.isfinite(together).all()
    network.train()
    network(encoder.collate([short.sequence(), long.sequence()])).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("name", ["transformer", "lstm"])
def test_order_matters(name):
    torch.manual_seed(0)
    config = EmotionConfig(model=name, width=16, heads=2, classes=("yes", "no"))
    encoder = SequenceEncoder(config, VOCABULARY, ("smile", "frown", "wave"))
    network = build(name, config, encoder.spec).eval()
    forward = network(encoder.collate([encoder.encode(timeline(["smile", "frown", "wave"])).sequence()]))
    backward = network(encoder.collate([encoder.encode(timeline(["wave", "frown", "smile"])).sequence()]))
    assert (forward - backward).abs().max() > 1e-5


def test_probability_vectors_hold_label_alternatives_and_rest():
    encoder = SequenceEncoder(EmotionConfig(input="probability"), VOCABULARY)
    event = GestureEvent(0, 1, "wave", None, 0.6, alternatives=(Alternative("smile", 0.3), Alternative("?", 0.05)))
    (item,) = encoder.encode(Timeline((event,))).items
    np.testing.assert_allclose(item.content, [[0.3, 0.0, 0.6, 0.1]], atol=1e-6)


def test_word_tokens_share_words_between_labels():
    vocabulary = Vocabulary.from_texts(["Touching jaw", "Touching ears"])
    timelines = [timeline(["Touching jaw"]), timeline(["Touching ears"])]
    encoder = SequenceEncoder.fit(timelines, EmotionConfig(tokens="word"), vocabulary)
    jaw, ears, neck = (encoder.encode(timeline([x])) for x in ("Touching jaw", "Touching ears", "Touching neck"))
    assert jaw.items[0].content[0] == ears.items[0].content[0] == neck.items[0].content[0]
    assert [len(x.items[0].content) for x in (jaw, ears, neck)] == [2, 2, 1]


def test_a_confused_background_is_a_missed_event():
    vocabulary = VOCABULARY.with_background()
    encoder = SequenceEncoder(EmotionConfig(), vocabulary, ("smile", "frown", "wave"))
    confusion = np.eye(4)
    confusion[0] = [0, 0, 0, 1]
    confusion[1] = [0, 0, 1, 0]
    rng = np.random.default_rng(0)
    confused = encoder.confused(encoder.encode(timeline(["smile", "frown", "wave"])), confusion, rng)
    assert [int(item.content[0]) for item in confused.items] == [3, 3]


def test_found_vocabularies_are_sorted_and_ignore_case():
    found = vocabulary_of([timeline(["b : x", "A"]), timeline(["a"])])
    assert [n.lower() for n in found.names] == ["a", "b : x"]


def test_features_must_fit_the_timeline():
    encoder = SequenceEncoder(EmotionConfig(input="features"), VOCABULARY, (), 5)
    with pytest.raises(DataError, match=r"\(2, 5\), got an array of shape \(1, 5\)"):
        encoder.encode(timeline(["smile", "wave"]), np.zeros((1, 5)))
    with pytest.raises(DataError, match="finite"):
        encoder.encode(timeline(["smile"]), np.full((1, 5), np.nan))


def test_positions_are_the_sines_and_cosines_of_the_paper():
    table = positional_encoding(7, 6).numpy()
    for position in range(7):
        for i in range(3):
            angle = position / 10000 ** (2 * i / 6)
            np.testing.assert_allclose(table[position, 2 * i : 2 * i + 2], [np.sin(angle), np.cos(angle)], atol=1e-6)


def test_a_batch_of_empty_timelines_is_allowed():
    batch = SequenceEncoder(EmotionConfig(), VOCABULARY).collate([EventSequence(()), EventSequence(())])
    assert isinstance(batch, SequenceBatch)
    assert batch.padding.shape == (2, 0)
