"""Tables with a row per video and a column a gesture: nothing may cost accuracy against the plain regression."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from microgesture.emotion import yardsticks
from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.sequence import SequenceEncoder
from microgesture.emotion.training import told_apart, train_emotion, weigh, weighed_parts
from microgesture.timeline import UNTIMED, GestureEvent, Media, Timeline
from microgesture.vocabulary import Vocabulary

OUTCOMES = ("lie", "truth")
COLUMNS = 39


def drawn(seed, rows, signal=0.7, style=0.5):
    """0/1 columns (n, 39), outcomes (n,), whose videos (n,): two of each person, who has a style."""
    world = np.random.default_rng(seed // 2)
    base, lean = world.normal(-0.7, 1.0, COLUMNS), world.normal(0.0, signal, COLUMNS)
    rng = np.random.default_rng(seed)
    people = np.arange(rows) // 2
    y = rng.integers(0, 2, rows)
    odds = base + style * rng.normal(size=(rows, COLUMNS))[people] + np.where(y, 0.5, -0.5)[:, None] * lean
    return (rng.random(odds.shape) < 1 / (1 + np.exp(-odds))).astype(float), y, people


def read(seen):
    """As a table without times is read."""
    made = []
    for row in seen:
        labels = [f"gesture {k:02d}" for k in np.flatnonzero(row)]
        events = tuple(GestureEvent(i, i + 1.0, label) for i, label in enumerate(labels))
        made.append(Timeline(events, Media(duration=float(len(labels))), provenance={UNTIMED: True}))
    return made


@pytest.fixture(scope="module")
def worlds():
    """Of five worlds: auto, scikit-learn's regression, and 800 rows of people that neither has seen."""
    found = []
    for seed in range(0, 10, 2):
        (seen, y, people), (others, truth, _) = drawn(seed, 96), drawn(seed + 1, 800)
        model = train_emotion(read(seen), [OUTCOMES[k] for k in y], subjects=[str(p) for p in people])
        found.append((model, LogisticRegression().fit(seen, y), others, truth))
    return found


def test_auto_costs_nothing_against_scikit_learns_default(worlds):
    mine, theirs = [], []
    for model, plain, others, truth in worlds:
        mine.append((model.probabilities(read(others)).argmax(axis=1) == truth).mean())
        theirs.append((plain.predict(others) == truth).mean())
    assert 0.68 < np.mean(theirs) < 0.82
    assert np.mean(mine) > np.mean(theirs)


def test_probabilities_are_honest_and_decide_who_is_undecided(worlds):
    sure, right, answered = [], [], []
    for model, _, others, truth in worlds:
        p = model.probabilities(read(others))
        assert model.summary.learnt
        sure.append(p.max(axis=1).mean())
        right.append((p.argmax(axis=1) == truth).mean())
        enough = (others.sum(axis=1) >= model.config.min_events)[:40]
        decided = np.array(model.answers(read(others[:40]))) != "undecided"
        np.testing.assert_array_equal(decided, (p.max(axis=1)[:40] >= 2 / 3) & enough)
        answered.append(decided.mean())
    assert np.mean(sure) == pytest.approx(np.mean(right), abs=0.05)
    assert np.mean(answered) > 0.5


def test_columns_enter_as_scikit_learn_takes_them(monkeypatch):
    monkeypatch.setattr(yardsticks, "_PLAIN_STRENGTHS", (1.0,))
    seen, y, people = drawn(3, 96)
    timelines = read(seen)
    encoder = SequenceEncoder.fit(timelines, EmotionConfig(classes=OUTCOMES), _vocabulary())
    batch = encoder.collate([encoder.encode(t).sequence() for t in timelines])
    logits = yardsticks.Logistic(encoder.config, encoder.spec).fit(batch, y, people, 0)(batch).numpy()
    expected = LogisticRegression(class_weight="balanced", max_iter=2000).fit(seen, y).decision_function(seen)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected, atol=1e-3)


def test_a_column_seen_twice_is_not_taken_for_seen_or_not():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    seen = rng.poisson(np.where(y, 3.0, 1.0)[:, None], (80, 4))
    timelines = [_repeated(row) for row in seen]
    model = train_emotion(timelines, [OUTCOMES[k] for k in y], EmotionConfig(model="logistic"))
    assert (model.probabilities(timelines).argmax(axis=1) == y).mean() > 0.85


def test_only_many_videos_or_times_bring_the_transformer():
    assert weighed_parts(False, 121) == ("logistic", "forest")
    assert "transformer" in weighed_parts(False, 400)
    assert "transformer" in weighed_parts(True, 40)


def test_the_simplest_answers_alone_unless_the_others_are_better_by_more_than_chance():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 120)
    sides = np.where(y == 0, 1.0, -1.0)[:, None] * np.array([0.5, -0.5])

    def judged(strength):
        return sides * strength + rng.normal(0, 1, 120)[:, None] * np.array([0.5, -0.5])

    good, as_good, better = judged(1.0), judged(0.2), 3 * judged(2.5)
    groups = np.arange(120) // 2
    scales, learnt = weigh(np.stack([as_good, good]), y, np.ones(2), groups, simplest=1)
    assert learnt
    assert scales[0] == 0
    scales, _ = weigh(np.stack([better, good]), y, np.ones(2), groups, simplest=1)
    assert scales[0] > 0


def test_a_signal_in_a_hundred_videos_is_told_from_none():
    rng = np.random.default_rng(0)
    groups, sides = np.arange(100) // 2, np.array([-0.5, 0.5])
    told = {0.0: 0, 1.2: 0}
    for _ in range(100):
        y = rng.integers(0, 2, 100)
        for strength in told:
            ratio = strength * (y - 0.5) + rng.normal(0, 1, 100)  # 1.2: right in 73 of 100
            told[strength] += told_apart(ratio[:, None] * sides, y, np.ones(2), groups)
    assert told[0.0] <= 4
    assert told[1.2] >= 98


def _vocabulary():
    return Vocabulary.from_texts([f"gesture {k:02d}" for k in range(COLUMNS)])


def _repeated(row):
    labels = [f"gesture {k}" for k, count in enumerate(row) for _ in range(count)]
    events = tuple(GestureEvent(i, i + 1.0, label) for i, label in enumerate(labels))
    return Timeline(events, Media(duration=len(labels)), provenance={UNTIMED: True})
