"""What the emotion models learn, on timelines whose best possible accuracy is known."""

from __future__ import annotations

import numpy as np
import planted_timelines as planted
import pytest
import torch

from microgesture.emotion.configuration import EmotionConfig, released
from microgesture.emotion.evaluation import evaluate_emotion
from microgesture.emotion.training import calibrate, told_apart, train_emotion
from microgesture.errors import DataError, RecipeError
from microgesture.statistics import subject_interval
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.vocabulary import GestureClass, Vocabulary

VOCABULARY = Vocabulary("ten", tuple(GestureClass(i, f"gesture {i}") for i in range(10)))
QUICK = EmotionConfig(model="transformer", members=2, epochs=3, width=16, layers=1, resamples=10)


@pytest.fixture(scope="module")
def world():
    expected = planted.rates(VOCABULARY, 0.3, events=25)
    train = planted.sample(VOCABULARY, expected, 240, seed=1)
    test = planted.sample(VOCABULARY, expected, 400, seed=2)
    return train, test


@pytest.fixture(scope="module")
def fitted(world):
    timelines, outcomes, _ = world[0]
    return train_emotion(
        timelines, outcomes, EmotionConfig(model="transformer", members=2, epochs=8, layers=1), VOCABULARY
    )


def test_the_transformer_comes_near_the_best_possible_accuracy(world, fitted):
    timelines, outcomes, ratios = world[1]
    scores = evaluate_emotion(fitted, timelines, outcomes)
    best = planted.best_accuracy(outcomes, ratios)
    assert best > 0.75
    assert scores.accuracy > best - 0.04
    low, high = scores.figures["accuracy"].interval
    assert low < scores.accuracy < high
    assert abs(scores.figures["balanced_accuracy"].value - scores.accuracy) < 0.03
    assert scores.learnt
    assert fitted.summary.learnt
    best_loss = np.logaddexp(0, -np.where(np.array(outcomes) == "positive", ratios, -ratios)).mean()
    assert scores.figures["log_loss"].value < best_loss + 0.06


def test_nothing_is_learnt_from_shuffled_outcomes(world):
    timelines, outcomes, _ = world[0]
    shuffled = [str(o) for o in np.random.default_rng(3).permutation(outcomes)]
    model = train_emotion(
        timelines[:200], shuffled[:200], EmotionConfig(model="transformer", members=2, epochs=8, layers=1), VOCABULARY
    )
    assert not model.summary.learnt
    scores = evaluate_emotion(model, timelines[200:], shuffled[200:], readings=False)
    assert scores.figures["balanced_accuracy"].interval[0] < 0.5 < scores.figures["balanced_accuracy"].interval[1]
    assert not scores.learnt
    assert scores.verdict.startswith("Nothing was learnt")
    for timeline in timelines[:5]:
        reading = model.read(timeline)
        assert reading.label == "undecided"
        assert reading.interval[0] <= 0.5 <= reading.interval[1]
        assert "chance" in reading.caution


def test_the_same_seed_gives_the_same_model_and_another_seed_another(world):
    timelines, outcomes, _ = world[0]

    def probabilities(seed):
        config = EmotionConfig(model="transformer", members=2, epochs=2, width=16, layers=1, seed=seed)
        return train_emotion(timelines[:60], outcomes[:60], config, VOCABULARY).probabilities(timelines[60:80])

    torch.manual_seed(1)
    first = probabilities(4)
    torch.manual_seed(2)
    np.testing.assert_array_equal(first, probabilities(4))
    assert np.abs(first - probabilities(5)).max() > 1e-4


def test_training_leaves_the_callers_random_state_alone(world):
    timelines, outcomes, _ = world[0]
    torch.manual_seed(9)
    before = torch.get_rng_state()
    train_emotion(timelines[:40], outcomes[:40], QUICK, VOCABULARY)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "lstm"},
        {"model": "lstm", "layers": 2, "input": "probability"},
        {"input": "probability"},
        {"input": "features"},
        {"tokens": "word"},
        {"prior": "training"},
        {"width": 32, "heads": 8, "layers": 3},
    ],
    ids=str,
)
def test_every_model_and_input_trains_and_reads(world, changes):
    timelines, outcomes, _ = world[0]
    timelines, outcomes = timelines[:60], outcomes[:60]
    config = EmotionConfig(**{**QUICK.to_json(), **changes})
    features = None
    if config.input == "features":
        features = [np.eye(12, dtype=np.float32)[[e.label_id for e in t]].reshape(-1, 12) for t in timelines]
    model = train_emotion(timelines, outcomes, config, VOCABULARY, features=features)
    probabilities = model.probabilities(timelines, features)
    assert probabilities.shape == (60, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    reading = model.read(timelines[0], features[0] if features else None)
    assert len(reading.drivers) == len(timelines[0])


def test_learning_through_a_confusion_matrix_helps_on_confused_texts(world):
    """The recogniser always says gesture 0 for 1, 2 for 3 and so on, and the outcome turns the pairs round."""
    rng = np.random.default_rng(0)
    expected = np.full((2, 10), 1.0)
    expected[0, [1, 3]], expected[1, [1, 3]] = 6.0, 1.0  # positive: 1 and 3 are many
    expected[0, [0, 2]], expected[1, [0, 2]] = 1.0, 6.0
    expected[0, 4], expected[1, 4] = 5.0, 2.0
    confusion = np.eye(10)
    confusion[[1, 3]] = confusion[[0, 2]]
    train = planted.sample(VOCABULARY, expected, 120, seed=1)
    test = planted.sample(VOCABULARY, expected, 300, seed=2)
    heard = {1: 0, 3: 2}
    predicted = [
        t.with_events(
            GestureEvent(e.start, e.end, f"gesture {heard.get(e.label_id, e.label_id)}", None, e.confidence) for e in t
        )
        for t in test[0]
    ]
    config = EmotionConfig(model="transformer", members=2, epochs=6, layers=1, lr=4e-3)
    naive = train_emotion(train[0], train[1], config, VOCABULARY)
    robust = train_emotion(train[0], train[1], config, VOCABULARY, confusion=confusion * rng.integers(1, 9))
    naive_scores = evaluate_emotion(naive, predicted, test[1])
    robust_scores = evaluate_emotion(robust, predicted, test[1])
    assert naive_scores.accuracy < 0.65
    assert robust_scores.accuracy > naive_scores.accuracy + 0.1


def test_no_subject_is_on_both_sides(world):
    """Outcome is the subject's, and each subject has a gesture of its own: only leakage could tell it."""
    rng = np.random.default_rng(0)
    vocabulary = Vocabulary("many", tuple(GestureClass(i, f"gesture {i}") for i in range(20)))
    timelines, outcomes, subjects = [], [], []
    for subject in range(20):
        outcome = planted.CLASSES[subject % 2]
        for _ in range(4):
            times = np.sort(rng.uniform(0, 60, 8))
            label = f"gesture {subject}"
            timelines.append(Timeline(tuple(GestureEvent(t, t + 1, label) for t in times), Media(duration=62)))
            outcomes.append(outcome)
            subjects.append(f"S{subject}")
    config = EmotionConfig(model="transformer", members=4, epochs=12, layers=1, width=16, lr=5e-3)
    grouped = train_emotion(timelines, outcomes, config, vocabulary, subjects)
    leaking = train_emotion(timelines, outcomes, config, vocabulary)
    assert grouped.summary.grouped_by == "subject"
    assert grouped.summary.subjects == 20
    assert not grouped.summary.learnt
    assert leaking.summary.accuracy > grouped.summary.accuracy + 0.2


def test_wrong_inputs_are_one_line_errors(world):
    timelines, outcomes, _ = world[0]
    named = EmotionConfig(classes=planted.CLASSES)
    with pytest.raises(DataError, match="equally many"):
        train_emotion(timelines[:5], outcomes[:4], QUICK, VOCABULARY)
    with pytest.raises(DataError, match="'win' of timeline 0"):
        train_emotion(timelines[:4], ["win"] * 4, named, VOCABULARY)
    with pytest.raises(DataError, match="'negative' occurs 0"):
        train_emotion(timelines[:4], ["positive"] * 4, named, VOCABULARY)
    with pytest.raises(DataError, match="all timelines have outcome 'win'"):
        train_emotion(timelines[:4], ["win"] * 4, QUICK, VOCABULARY)
    with pytest.raises(DataError, match=r"\(10, 10\)"):
        train_emotion(timelines[:40], outcomes[:40], QUICK, VOCABULARY, confusion=np.eye(9))
    with pytest.raises(DataError, match="no timeline has an event"):
        train_emotion([Timeline()] * 4, ["positive", "negative"] * 2, QUICK)
    with pytest.raises(DataError, match="features"):
        train_emotion(timelines[:40], outcomes[:40], EmotionConfig(input="features"), VOCABULARY)
    with pytest.raises(RecipeError, match="known are auto, forest, logistic, lstm, majority, transformer"):
        train_emotion(timelines[:40], outcomes[:40], EmotionConfig(model="oracle"), VOCABULARY)
    with pytest.raises(RecipeError, match=r"emotion\.width"):
        EmotionConfig(width=30)


def test_few_subjects_and_own_class_names_still_train(world):
    timelines, outcomes, _ = world[0]
    names = ["win" if o == "positive" else "lose" for o in outcomes[:30]]
    config = EmotionConfig(**{**QUICK.to_json(), "classes": ("win", "lose"), "members": 5})
    whose = ["only win" if o == "win" else "only lose" for o in names]
    for subjects in (whose, ["A"] * 30, ["A"] * 15 + ["B"] * 15):
        model = train_emotion(timelines[:30], names, config, subjects=subjects)
        assert set(model.read(timelines[0]).probabilities) == {"win", "lose"}
    assert len(model.parts[0].members) == 2


def test_calibration_finds_the_temperature_of_overconfident_logits():
    rng = np.random.default_rng(0)
    ratio = rng.normal(0, 2, 4000)
    y = (rng.random(4000) > 1 / (1 + np.exp(-ratio))).astype(int)
    logits = 3.0 * np.stack([ratio / 2, -ratio / 2], axis=1)
    assert calibrate(logits, y, np.ones(2)) == pytest.approx(3.0, rel=0.1)
    assert told_apart(logits, y, np.ones(2), np.arange(4000))
    assert not told_apart(logits[::-1], y, np.ones(2), np.arange(4000))


def test_intervals_widen_when_videos_share_their_subject():
    rng = np.random.default_rng(0)
    correct = np.repeat(rng.random(25) < 0.6, 8).astype(float)
    alone = subject_interval(correct, np.arange(200))
    shared = subject_interval(correct, np.repeat(np.arange(25), 8))
    assert shared[1] - shared[0] > 2 * (alone[1] - alone[0])


def test_the_released_size_is_the_letters():
    config = released()
    assert (config.layers, config.heads, config.width) == (3, 8, 128)
