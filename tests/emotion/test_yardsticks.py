"""Logistic regression, forest and majority: against scikit-learn, and through a file."""

from __future__ import annotations

import numpy as np
import planted_timelines as planted
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.evaluation import evaluate_emotion
from microgesture.emotion.forest import Forest
from microgesture.emotion.model import EmotionModel
from microgesture.emotion.sequence import SequenceEncoder, event_details
from microgesture.emotion.training import train_emotion, weigh
from microgesture.emotion.yardsticks import Pooled
from microgesture.errors import DataError, RecipeError
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.vocabulary import GestureClass, Vocabulary

VOCABULARY = Vocabulary("six", tuple(GestureClass(i, f"gesture {i}") for i in range(6)))
TINY = {"members": 2, "epochs": 2, "width": 16, "layers": 1, "heads": 2, "resamples": 5}


@pytest.fixture(scope="module")
def world():
    expected = planted.rates(VOCABULARY, 0.4, events=15)
    return planted.sample(VOCABULARY, expected, 120, seed=1), planted.sample(VOCABULARY, expected, 300, seed=2)


def encoded(timelines, **changes):
    config = EmotionConfig(classes=planted.CLASSES, **changes)
    encoder = SequenceEncoder.fit(timelines, config, VOCABULARY)
    return encoder, encoder.collate([encoder.encode(t).sequence() for t in timelines])


def test_a_video_is_counts_seconds_length_and_number(world):
    timelines = world[0][0][:3]
    encoder, batch = encoded(timelines)
    rows = Pooled(encoder.spec)(batch)
    for row, timeline in zip(rows, timelines, strict=True):
        seen = [int(term.split()[-1]) for term in encoder.terms]
        counts = [sum(e.label_id == k for e in timeline) for k in seen]
        seconds = [sum(e.duration for e in timeline if e.label_id == k) for k in seen]
        expected = torch.tensor([*counts, *seconds, timeline.duration / 60, len(timeline)])
        torch.testing.assert_close(row, expected, rtol=1e-4, atol=1e-4)
    words = encoded(timelines, tokens="word")
    assert Pooled(words[0].spec)(words[1])[0, -1] == len(timelines[0])  # events, not words


def test_details_of_events():
    events = (GestureEvent(1, 3, "a"), GestureEvent(2, 4, "b", confidence=0.4), GestureEvent(6, 7, "a"))
    timeline = Timeline((*events, GestureEvent(6.5, 8, "a", person="P2")), Media(duration=10.0))
    found = event_details(timeline, range(4))
    np.testing.assert_allclose(found[:, 0], [2, 2, 1, 1.5])
    np.testing.assert_allclose(found[:, 1], [1, 0, 2, 6.5])
    np.testing.assert_allclose(found[:, 2], [0, 0, 1, 0])
    np.testing.assert_allclose(found[:, 3], [1, 1, 0, 0])
    np.testing.assert_allclose(found[:, 4], [1, 0.4, 1, 1])
    assert not event_details(timeline, range(4), timed=False)[:, [0, 1, 3]].any()


def test_the_forest_is_scikit_learns(world):
    timelines, outcomes, _ = world[0]
    encoder, batch = encoded(timelines)
    y = np.array([planted.CLASSES.index(o) for o in outcomes])
    mine = Forest(encoder.config, encoder.spec).fit(batch, y, np.arange(len(y)), 3)
    theirs = RandomForestClassifier(100, min_samples_leaf=3, class_weight="balanced", random_state=3)
    rows = Pooled(encoder.spec)(batch).numpy()
    expected = theirs.fit(rows, y).predict_proba(rows)
    found = (mine(batch).exp().double().numpy() - 0.02) / 0.96
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_logistic_regression_comes_near_the_best_that_can_be_reached(world):
    (timelines, outcomes, _), (others, truth, ratios) = world
    model = train_emotion(timelines, outcomes, EmotionConfig(model="logistic"), VOCABULARY)
    scores = evaluate_emotion(model, others, truth)
    assert scores.accuracy > planted.best_accuracy(truth, ratios) - 0.05
    assert scores.learnt


def test_majority_says_the_commonest_outcome_and_is_never_sure(world):
    timelines, outcomes, _ = world[0]
    wins = [i for i, o in enumerate(outcomes) if o == "positive"][:20]
    rows = [i for i, o in enumerate(outcomes) if o == "negative"] + wins
    model = train_emotion([timelines[i] for i in rows], [outcomes[i] for i in rows], EmotionConfig(model="majority"))
    assert set(model.probabilities(world[1][0]).argmax(axis=1)) == {1}
    assert not model.summary.learnt
    assert model.read(timelines[0]).label == "undecided"


@pytest.mark.parametrize("name", ["auto", "logistic", "forest", "majority", "lstm"])
@pytest.mark.parametrize("kind", ["text", "probability", "features"])
def test_every_model_survives_its_file(world, name, kind, tmp_path):
    timelines, outcomes = world[0][0][:40], world[0][1][:40]
    features = None
    if kind == "features":
        features = [np.eye(6, dtype=np.float32)[[e.label_id for e in t]].reshape(-1, 6) for t in timelines]
    model = train_emotion(
        timelines, outcomes, EmotionConfig(model=name, input=kind, **TINY), VOCABULARY, None, features
    )
    model.save(tmp_path)
    again = EmotionModel.load(tmp_path)
    np.testing.assert_array_equal(model.probabilities(timelines, features), again.probabilities(timelines, features))
    reading = again.read(timelines[0], features[0] if features else None)
    assert len(reading.drivers) == len(timelines[0])
    assert again.answers(timelines[:1], features[:1] if features else None) == [reading.label]
    attends = name == "auto" and model.parts[0].scale > 0
    assert (reading.drivers[0].attention is not None) == attends


def test_models_are_weighed_by_how_well_they_judge():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    sides = np.array([1.0, -1.0])
    good = (np.where(y == 0, 1.0, -1.0) + rng.normal(0, 1, 400))[:, None] * sides
    noise = rng.normal(0, 1, 400)[:, None] * sides
    scales, learnt = weigh(np.stack([good, noise]), y, np.ones(2), np.arange(400))
    assert learnt
    assert scales[0] > 0.5
    assert scales[1] < 0.2 * scales[0]
    scales, learnt = weigh(np.stack([noise, noise[::-1]]), y, np.ones(2), np.arange(400))
    assert not learnt
    assert scales.sum() < 0.02


def test_a_model_that_reads_times_refuses_events_without(world):
    timelines, outcomes, _ = world[0]
    model = train_emotion(timelines[:40], outcomes[:40], EmotionConfig(model="logistic"), VOCABULARY)
    untimed = Timeline(timelines[0].events, provenance={"untimed": True})
    with pytest.raises(DataError, match="the events of this timeline have none"):
        model.read(untimed)
    without = [Timeline(t.events, t.media, provenance={"untimed": True}) for t in timelines[:40]]
    other = train_emotion(without, outcomes[:40], EmotionConfig(model="logistic"), VOCABULARY)
    assert not other.summary.timed
    assert other.read(untimed).probabilities == other.read(timelines[0]).probabilities


def test_word_pieces_are_those_of_the_tokenizer(tmp_path):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "touch", "##ing", "jaw", "neck", "rub"]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces))
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    vocabulary = Vocabulary.from_texts(["Touching jaw", "Rubbing neck"])
    config = EmotionConfig(tokens="piece", tokenizer=str(tmp_path), classes=("a", "b"))
    timelines = [Timeline((GestureEvent(0, 1, "touching jaw"), GestureEvent(2, 3, "Rubbing neck")))]
    encoder = SequenceEncoder.fit(timelines, config, vocabulary)
    assert encoder.pieces["touching jaw"] == ("touch", "##ing", "jaw")
    assert [len(item.content) for item in encoder.encode(timelines[0]).items] == [
        3,
        len(encoder.pieces["rubbing neck"]),
    ]
    with pytest.raises(RecipeError, match=r"emotion\.tokenizer .* cannot be opened"):
        SequenceEncoder.fit(timelines, EmotionConfig(tokens="piece", tokenizer=str(tmp_path / "no")), vocabulary)
