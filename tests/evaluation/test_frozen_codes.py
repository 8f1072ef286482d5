"""Measures of frozen codes: each by its definition on small numbers, and people in their intervals."""

import logging

import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.evaluation.frozen_codes import Codes, class_similarities, linear_probe, measure_codes


def codes(count, seed, classes=6, spread=0.6, people=4) -> Codes:
    """Clouds around one point a class, whose lengths vary; people named by the seed."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    centres = np.random.default_rng(99).normal(0, 1, (classes, 8))
    vectors = (centres[labels] + rng.normal(0, spread, (count, 8))) * rng.uniform(0.5, 2, (count, 1))
    return Codes(vectors, labels, [f"{seed}-{i * people // count}" for i in range(count)])


def test_nearest_neighbour_is_by_cosine():
    train = Codes(np.array([[10.0, 0.0], [0.0, 0.1], [0.1, 0.1]]), np.array([0, 1, 3]), ["a", "b", "c"])
    asked = np.array([[0.02, 0.001], [0.0, 5.0], [7.0, 8.0]])
    found = class_similarities(train, asked, 5)
    assert found.argmax(1).tolist() == [0, 1, 3]  # by Euclid the first would be class 3
    assert found[1, 1] == pytest.approx(1.0)
    assert found[0, 3] == pytest.approx((0.02 + 0.001) / np.hypot(0.02, 0.001) / np.sqrt(2))
    assert (found[:, [2, 4]] == -2).all()  # classes without a training clip


def test_measures_are_those_of_their_definitions():
    train, test = codes(60, 0), codes(48, 1)
    found = measure_codes(train, test, 6).measures
    unit = [c.vectors / np.linalg.norm(c.vectors, axis=1, keepdims=True) for c in (train, test)]
    nearest = train.labels[(unit[1] @ unit[0].T).argmax(1)]
    assert found["1-NN"].metrics.top1 == pytest.approx((nearest == test.labels).mean())
    assert (found["1-NN"].answers == nearest).all()
    apart = ((test.vectors[:, None] - train.vectors[None]) ** 2).sum(-1)
    order = train.labels[apart.argsort(1)]
    five = []
    for k in range(1, 6):
        counts = np.array([np.bincount(row[:k], minlength=6) for row in order])
        five.append(counts.argmax(1))
    assert found["k-NN, union"].metrics.top1 == pytest.approx((five[0] == test.labels).mean())
    union = np.any([answer == test.labels for answer in five], 0)
    assert found["k-NN, union"].metrics.top5 == pytest.approx(union.mean())
    low, high = found["k-NN, union"].metrics.intervals["top5"]
    assert low <= union.mean() <= high
    assert low < high


def test_forests_are_the_authors_own():
    from sklearn.ensemble import RandomForestClassifier

    train, test = codes(60, 0), codes(48, 1)
    found = measure_codes(train, test, 6).measures["random forest, union"]
    alone = RandomForestClassifier(random_state=1, n_estimators=100).fit(train.vectors, train.labels)
    assert (found.answers == alone.predict(test.vectors)).all()
    hits = [
        RandomForestClassifier(random_state=i, n_estimators=50).fit(train.vectors, train.labels).predict(test.vectors)
        == test.labels
        for i in range(5)
    ]
    assert found.metrics.top5 == pytest.approx(np.any(hits, 0).mean())
    assert found.metrics.top5 < measure_codes(train, test, 6).measures["linear probe"].metrics.top5


def test_the_probe_ranks_and_knows_no_class_that_it_never_saw():
    train, test = codes(60, 0), codes(48, 1)
    found = linear_probe(train, test.vectors, 8)
    assert found.shape == (48, 8)
    assert np.allclose(found.sum(1), 1)
    assert (found[:, 6:] == 0).all()
    ranks = (-found).argsort(1)[:, :5]
    metrics = measure_codes(train, test, 8).measures["linear probe"].metrics
    assert metrics.top5 == pytest.approx(np.mean([label in row for label, row in zip(test.labels, ranks, strict=True)]))
    assert metrics.top1 > 0.5


def test_codes_that_say_nothing_are_at_chance():
    rng = np.random.default_rng(0)
    train, test = (Codes(rng.normal(0, 1, (300, 8)), np.arange(300) % 6, [str(s)] * 300) for s in (0, 1))
    for name, measure in measure_codes(train, test, 6).measures.items():
        assert measure.metrics.top1 < 0.3, name
    assert measure_codes(train, test, 6).measures["1-NN"].metrics.intervals["top1"] is None  # one person


def test_measures_are_deterministic():
    first, again = (measure_codes(codes(60, 0), codes(48, 1), 6) for _ in range(2))
    assert {k: m.metrics for k, m in first.measures.items()} == {k: m.metrics for k, m in again.measures.items()}
    assert (first.probabilities == again.probabilities).all()


def test_people_in_both_splits_are_told(caplog):
    with caplog.at_level(logging.WARNING):
        measure_codes(codes(60, 0), codes(48, 1), 6)
        assert not caplog.records
        measure_codes(codes(60, 0), codes(48, 0), 6)
    assert "4 people are in both splits, first '0-0'" in caplog.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vectors": np.full((60, 8), np.nan)}, "training codes are not all finite numbers"),
        ({"labels": np.arange(59)}, "do not fit 59 labels"),
        ({"labels": np.zeros(60, int)}, "show a single class"),
        ({"vectors": np.zeros((60, 3))}, "training codes are 3 wide, test codes 8"),
    ],
)
def test_what_cannot_be_measured_is_refused(change, words):
    whole = codes(60, 0)
    train = Codes(**{"vectors": whole.vectors, "labels": whole.labels, "subjects": whole.subjects, **change})
    with pytest.raises(DataError, match=words):
        measure_codes(train, codes(48, 1), 6)
