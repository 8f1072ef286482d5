"""Figures of predictions, their intervals, and tests whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, log_loss, roc_auc_score

from microgesture.emotion.scores import (
    FIGURES,
    Predictions,
    figures_of,
    permutation_test,
    read_predictions,
    score,
    write_rows,
)
from microgesture.emotion.tables import EmotionRow, compare, to_markdown
from microgesture.errors import DataError


def predictions(strength, n=200, per_subject=4, repeats=3, classes=2, seed=0, within=False, truth_seed=0):
    """Predictions of a reader that sees the outcome through noise; `strength` 0 sees nothing."""
    rng = np.random.default_rng(truth_seed)
    subjects = np.arange(n) // per_subject
    of_subject = rng.permutation(np.arange(n // per_subject) % classes)
    y = of_subject[subjects]
    if within:  # every person has each outcome equally often
        y = rng.permuted(np.arange(n).reshape(-1, per_subject) % classes, axis=1).ravel()
    noise = np.random.default_rng(seed)
    p = np.zeros((repeats, n, classes))
    habit = noise.normal(0, 0.5, (n // per_subject, classes))
    for r in range(repeats):
        logits = strength * np.eye(classes)[y] + noise.normal(0, 1, (n, classes)) + habit[subjects]
        p[r] = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = tuple("abc"[:classes])
    majority = np.zeros((repeats, n), dtype=int)
    return Predictions(tuple(f"v{i}" for i in range(n)), tuple(f"s{s}" for s in subjects), y, names, p, majority)


def test_figures_are_those_of_scikit_learn():
    found = predictions(1.0)
    once = figures_of(found, 1, np.ones((1, 200)))
    p, y = found.probabilities[1], found.y
    expected = {
        "accuracy": (p.argmax(1) == y).mean(),
        "balanced_accuracy": balanced_accuracy_score(y, p.argmax(1)),
        "auc": roc_auc_score(y, p[:, 1]),
        "log_loss": log_loss(y, p),
        "brier": 2 * brier_score_loss(y, p[:, 1]),
    }
    assert {name: once[name][0] for name in FIGURES} == pytest.approx(expected)
    weights = np.random.default_rng(0).integers(0, 3, (1, 200)).astype(float)
    repeated = np.repeat(np.arange(200), weights[0].astype(int))
    weighted = figures_of(found, 1, weights)
    assert weighted["auc"][0] == pytest.approx(roc_auc_score(y[repeated], p[repeated, 1]))
    assert weighted["balanced_accuracy"][0] == pytest.approx(
        balanced_accuracy_score(y[repeated], p[repeated].argmax(1))
    )


def test_three_outcomes_have_the_mean_area_of_each_against_the_others():
    found = predictions(1.0, n=180, classes=3)
    area = figures_of(found, 0, np.ones((1, 180)))["auc"][0]
    expected = roc_auc_score(found.y, found.probabilities[0], multi_class="ovr")
    assert area == pytest.approx(expected)


def test_what_sees_the_outcome_is_better_than_chance_and_says_so():
    found = score(predictions(1.5), 500, 500)
    assert found.learnt
    assert found.verdict.startswith("Better than chance")
    assert found.p_value == pytest.approx(1 / 501)
    low, high = found.figures["accuracy"].interval
    assert 0.5 < low < found.accuracy < high
    assert found.chance == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("within", [False, True])
def test_what_sees_nothing_is_called_nothing_about_as_often_as_it_should(within):
    """Of 60 readers that see nothing, about 1 in 20 has p < 0.05, and the intervals hold chance."""
    small, outside, learnt = 0, 0, 0
    for seed in range(60):
        found = score(predictions(0.0, n=120, seed=seed, within=within, truth_seed=seed), 300, 199)
        low, high = found.figures["balanced_accuracy"].interval
        small += found.p_value < 0.05
        outside += not low <= 0.5 <= high
        learnt += found.learnt
    assert small <= 8
    assert outside <= 8
    assert learnt <= 4


def test_outcomes_that_are_the_same_for_a_person_are_moved_together():
    """Predictions that know the person and nothing else: 40 videos of 4 people look like much evidence, and are not."""
    y = np.repeat([0, 1, 0, 1], 10)
    p = np.where(np.repeat([0, 1, 0, 1], 10)[:, None] == np.arange(2), 0.9, 0.1)[None]
    few = Predictions(
        tuple(map(str, range(40))), tuple("abcd"[i // 10] for i in range(40)), y, ("x", "y"), p, p[..., 0] * 0
    )
    assert permutation_test(few, 999, np.random.default_rng(0))[1] > 0.1
    many = Predictions(few.videos, few.videos, y, ("x", "y"), p, few.majority)
    assert permutation_test(many, 999, np.random.default_rng(0))[1] < 0.01


def test_predictions_survive_their_file(tmp_path):
    found = predictions(1.0, n=20, repeats=2)
    rows = [
        [
            v,
            s,
            found.classes[y],
            r,
            0,
            "a",
            "yes" if r == 0 and i % 2 else "no" if r == 0 else "",
            *found.probabilities[r, i],
        ]
        for r in range(2)
        for i, (v, s, y) in enumerate(zip(found.videos, found.subjects, found.y, strict=True))
    ]
    path = tmp_path / "predictions.csv"
    path.write_text(write_rows(rows, found.classes))
    again = read_predictions(path)
    np.testing.assert_allclose(again.probabilities, found.probabilities)
    assert (again.videos, again.subjects, again.classes) == (found.videos, found.subjects, found.classes)
    assert again.decided.sum() == 10
    assert score(again, 50, 50).undecided == 0.5
    path.write_text(write_rows(rows[:-1], found.classes))
    with pytest.raises(DataError, match="predictions of some videos are missing"):
        read_predictions(path)
    path.write_text("a,b\n")
    with pytest.raises(DataError, match="not a table of predictions"):
        read_predictions(path)
    path.write_text("video,subject,outcome,repeat,fold,majority,decided,p(a),p(b)\nv,s,a,0,0\n")
    with pytest.raises(DataError, match="row 2: 5 cells where the table has 9 columns"):
        read_predictions(path)
    path.write_text("video,subject,outcome,repeat,fold,majority,decided,p(a),p(b)\nv,s,a,one,0,a,,1,0\n")
    with pytest.raises(DataError, match="not a table of predictions"):
        read_predictions(path)
    path.write_text("video,subject,outcome,repeat,fold,majority,decided,p(a),p(b)\nv,s,a,0,0,a,,0.3,0.705\n")
    with pytest.raises(DataError, match=f"{path}: probabilities of a row are below 0, or their sum is not 1"):
        read_predictions(path)


def row(name, found):
    return EmotionRow(name, found, score(found, 200, 100), 0.9, "folds", ())


def test_runs_that_differ_are_told_apart_and_those_that_do_not_are_not():
    good, twin, poor = predictions(2.0, seed=1), predictions(2.0, seed=2), predictions(0.2, seed=3)
    rows = [row("good", good), row("twin", twin), row("poor", poor)]
    found = {(c.first, c.second): c for c in compare(rows, 300, 2000)}
    assert not found["good", "twin"].told_apart
    assert found["good", "twin"].interval[0] < 0 < found["good", "twin"].interval[1]
    assert found["good", "poor"].told_apart
    assert found["good", "poor"].difference > 0.1
    assert all(c.corrected >= c.p_value for c in found.values())
    text = to_markdown(rows, list(found.values()))
    assert "cannot be told apart" in text
    assert "| Best reachable | 90.0 |" in text
    same = compare([row("a", good), row("b", good)])
    assert (same[0].p_value, same[0].difference) == (1.0, 0.0)


def test_runs_on_other_videos_are_not_compared():
    first, other = predictions(1.0, n=20), predictions(1.0, n=20)
    other = Predictions(
        tuple(f"x{v}" for v in other.videos),
        other.subjects,
        other.y,
        other.classes,
        other.probabilities,
        other.majority,
    )
    with pytest.raises(DataError, match="tested on different videos"):
        compare([row("a", first), row("b", other)])
