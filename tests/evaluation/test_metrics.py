"""Metrics: known answers, scikit-learn as second opinion, and intervals that know about persons."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.metrics import f1_score, recall_score, top_k_accuracy_score

from microgesture.errors import DataError
from microgesture.evaluation.metrics import (
    Metrics,
    evaluate,
    majority_metrics,
    mean_over_seeds,
    true_class_rank,
)
from microgesture.statistics import calibration, confusion_matrix


def _world(n: int = 300, K: int = 9, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.choice(K - 1, n, p=np.arange(K - 1, 0, -1) / (K * (K - 1) / 2))  # class K-1 has no clips
    scores = rng.normal(size=(n, K))
    scores[np.arange(n), labels] += 1.2
    return scores, labels


def test_known_answer() -> None:
    scores = np.array([[3, 2, 1], [3, 2, 1], [1, 3, 2], [3, 1, 2]], float)
    found = evaluate(scores, np.array([0, 1, 1, 2]), ["a", "a", "b", "b"], train_labels=np.array([1, 1, 0]))
    assert found.top1 == 0.5
    assert found.top5 == 1.0
    assert found.mean_class == pytest.approx((1 + 0.5 + 0) / 3)
    assert found.majority == 0.5
    assert found.best_constant == 0.5
    assert (found.clips, found.subjects, found.classes, found.classes_present) == (4, 2, 3, 3)
    assert [(c.clips, c.accuracy) for c in found.per_class] == [(1, 1.0), (2, 0.5), (1, 0.0)]


def test_agrees_with_scikit_learn() -> None:
    scores, labels = _world()
    found = evaluate(scores, labels)
    predicted = scores.argmax(1)
    assert found.top1 == pytest.approx((predicted == labels).mean())
    assert found.top5 == pytest.approx(top_k_accuracy_score(labels, scores, k=5, labels=range(9)))
    recall = recall_score(labels, predicted, average="macro", labels=range(8))
    assert found.mean_class == pytest.approx(recall)
    assert found.macro_f1 == pytest.approx(f1_score(labels, predicted, average="macro"))
    assert found.classes_present == 8
    assert found.per_class[8].accuracy is None


def test_ties_go_to_the_lower_class_and_constant_scores_are_no_oracle() -> None:
    labels = np.array([0, 1, 2, 3, 4, 5, 6, 7])
    found = evaluate(np.zeros((8, 8)), labels)
    assert found.top1 == 1 / 8
    assert found.top5 == 5 / 8
    assert true_class_rank(np.array([[1.0, 1.0, 2.0]]), np.array([1])).tolist() == [2]


def test_top5_of_few_classes_counts_all_of_them() -> None:
    scores, labels = _world(50, K=4)
    assert evaluate(scores, labels).top5 == 1.0


def test_majority_line() -> None:
    labels = np.array([0, 1, 1, 2, 2, 2])
    found = majority_metrics(np.array([1, 1, 1, 0]), labels, 3, subjects=list("aabbcc"))
    assert found.top1 == found.majority == pytest.approx(2 / 6)
    assert found.best_constant == 0.5
    assert found.mean_class == pytest.approx(1 / 3)


def test_interval_by_subject_is_wider_than_by_clip_when_subjects_differ() -> None:
    rng = np.random.default_rng(1)
    subjects = np.repeat(np.arange(12), 40)
    skill = np.where(np.arange(12) % 2 == 0, 0.95, 0.35)[subjects]
    labels = rng.integers(0, 6, len(subjects))
    answered = np.where(rng.random(len(subjects)) < skill, labels, (labels + 1) % 6)
    scores = np.eye(6)[answered]
    by_subject, by_clip = evaluate(scores, labels, subjects), evaluate(scores, labels)
    for name in ("top1", "mean_class", "macro_f1"):
        wide, narrow = by_subject.intervals[name], by_clip.intervals[name]
        assert wide is not None
        assert narrow is not None
        assert wide[1] - wide[0] > 2.5 * (narrow[1] - narrow[0])
        assert wide[0] < getattr(by_subject, name) < wide[1]
    expected = 2 * 1.96 * math.sqrt(by_clip.top1 * (1 - by_clip.top1) / len(labels))
    low, high = by_clip.intervals["top1"] or (0, 0)
    assert high - low == pytest.approx(expected, rel=0.15)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        subjects = np.repeat(np.arange(25), 8)
        skill = rng.beta(6, 4, 25)[subjects]
        scores = np.eye(2)[(rng.random(len(subjects)) < skill).astype(int)]
        low, high = evaluate(scores, np.ones(200, int), subjects, resamples=400).intervals["top1"] or (0, 0)
        covered += low <= 0.6 <= high
    assert 0.85 < covered / 120 < 1.0


def test_clips_without_subject_count_alone() -> None:
    scores, labels = _world(6)
    assert evaluate(scores, labels, ["a", "a", None, "", float("nan"), " a "]).subjects == 4


def test_one_subject_has_no_interval() -> None:
    scores, labels = _world(20)
    found = evaluate(scores, labels, ["only"] * 20)
    assert set(found.intervals.values()) == {None}


def test_same_seed_same_interval_and_json() -> None:
    scores, labels = _world()
    found = evaluate(scores, labels, seed=3)
    assert evaluate(scores, labels, seed=3) == found
    assert Metrics.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "no clips"),
        (np.zeros((2, 3)), np.zeros(3, int), "do not fit 3 labels"),
        (np.zeros(3), np.zeros(3, int), "do not fit"),
        (np.full((2, 3), np.nan), np.zeros(2, int), "clip 0 are not numbers"),
        (np.zeros((2, 3)), np.array([0, 3]), r"must be in 0\.\.2"),
        (np.zeros((2, 3)), np.array([0, -1]), r"must be in 0\.\.2"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), "must be a list of class ids"),
    ],
)
def test_wrong_input_is_named(scores: np.ndarray, labels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate(scores, labels)


def test_mean_over_seeds_is_wider_than_one_seed_that_agrees() -> None:
    rng = np.random.default_rng(0)
    scores, labels = _world(400)
    subjects = np.arange(400) % 20
    runs = [evaluate(scores + rng.normal(0, s, scores.shape), labels, subjects) for s in (0.1, 0.9, 1.8)]
    mean = mean_over_seeds(runs)
    assert mean.seeds == 3
    assert mean.top1 == pytest.approx(np.mean([r.top1 for r in runs]))
    low, high = mean.intervals["top1"] or (0, 0)
    widest = max(b[1] - b[0] for r in runs if (b := r.intervals["top1"]))
    assert high - low > widest
    same = mean_over_seeds([runs[0]] * 3)
    assert same.intervals["top1"] == pytest.approx(runs[0].intervals["top1"])
    assert mean_over_seeds(runs[:1]) is runs[0]


def test_mean_over_different_test_sets_is_refused() -> None:
    runs = [evaluate(*_world(seed=s)) for s in (0, 1)]
    with pytest.raises(DataError, match="one test set"):
        mean_over_seeds(runs)
    with pytest.raises(DataError, match="no runs"):
        mean_over_seeds([])


def test_confusion_rows_are_truth() -> None:
    counts = confusion_matrix(np.array([0, 0, 2]), np.array([1, 1, 2]), 3)
    assert counts.tolist() == [[0, 2, 0], [0, 0, 0], [0, 0, 1]]


def test_calibration_of_an_honest_and_a_boasting_recogniser() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1.0, 20_000)
    labels = (rng.random(20_000) > confidence).astype(int)
    honest = np.stack([confidence, 1 - confidence], axis=1)
    assert calibration(honest, labels).ece < 0.015
    boasting = np.tile([1.0, 0.0], (20_000, 1))
    found = calibration(boasting, labels)
    assert found.ece == pytest.approx(0.25, abs=0.02)
    assert found.clips.tolist() == [20_000]
    with pytest.raises(DataError, match="sum to 1"):
        calibration(honest * 2, labels)
