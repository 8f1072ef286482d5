"""The shared statistics give the figures that each table's own code gave before they were joined in one module."""

import ast
from pathlib import Path

import numpy as np
import pytest

import microgesture
from microgesture.emotion.scores import Predictions, score
from microgesture.emotion.tables import EmotionRow, compare
from microgesture.evaluation.metrics import evaluate, mean_over_seeds
from microgesture.pretraining.built_in import fit_tokens
from microgesture.statistics import (
    balanced_accuracy,
    calibration,
    paired_sign_test,
    reliability,
    softmax,
    subject_interval,
)


def _recogniser(seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(700) % 6
    return rng.normal(size=(700, 6)) + 1.5 * np.eye(6)[labels], labels, [f"s{i % 9}" for i in range(700)]


def _reader(seed, subjects, skill):
    rng = np.random.default_rng(seed)
    n = 3 * subjects
    y = np.random.default_rng(99).integers(2, size=n)
    p = 1 / (1 + np.exp(-(rng.normal(size=(3, n)) + skill * (2 * y - 1))))
    videos, people = tuple(f"v{i}" for i in range(n)), tuple(f"s{i // 3}" for i in range(n))
    return Predictions(videos, people, y, ("a", "b"), np.stack([1 - p, p], axis=-1), np.zeros((3, n), int))


def test_a_seed_gives_the_recogniser_the_intervals_that_it_had():
    runs = [evaluate(*_recogniser(seed), resamples=1200) for seed in (1, 2, 3)]
    assert runs[0].intervals["top1"] == pytest.approx((0.5143256242325009, 0.6139957264957263), abs=1e-12)
    assert runs[0].intervals["macro_f1"] == pytest.approx((0.39777943712282754, 0.5922518330464849), abs=1e-12)
    mean = mean_over_seeds(runs).intervals
    assert mean["top1"] == pytest.approx((0.4854991227928789, 0.7500817712707522), abs=1e-12)
    assert mean["macro_f1"] == pytest.approx((0.39241570491088734, 0.7489144394937296), abs=1e-12)


@pytest.mark.parametrize(
    ("subjects", "accuracy", "log_loss", "ece", "between", "p_value"),
    [
        (
            8,
            (0.639814380516221, 0.9336722943389468),
            (0.3208250166017335, 0.5976734329934192),
            0.1133727690336905,
            (0.041666666666666664, 0.20833333333333334),
            0.0625,
        ),
        (
            30,
            (0.6274395832145454, 1.0),
            (0.3040675978775522, 0.5490181321541774),
            0.09852698454766187,
            (0.0925925925925926, 0.23703703703703707),
            0.00029997000299970003,
        ),
    ],
)
def test_a_seed_gives_an_emotion_table_the_figures_that_it_had(subjects, accuracy, log_loss, ece, between, p_value):
    """Eight people: every assignment of signs is counted; thirty: they are drawn."""
    first, second = _reader(5, subjects, 0.9), _reader(6, subjects, 0.3)
    scores = score(first, resamples=500, permutations=300)
    assert scores.figures["accuracy"].interval == pytest.approx(accuracy, abs=1e-12)
    assert scores.figures["log_loss"].interval == pytest.approx(log_loss, abs=1e-12)
    assert scores.ece == pytest.approx(ece, abs=1e-12)
    assert scores.p_value == pytest.approx(0.0033222591362126247, abs=1e-12)
    rows = [EmotionRow(name, p, scores, None, "folds", ()) for name, p in (("x", first), ("y", second))]
    found = compare(rows)[0]
    assert found.interval == pytest.approx(between, abs=1e-12)
    assert found.p_value == pytest.approx(p_value, abs=1e-12)


def test_a_seed_gives_timelines_the_interval_and_calibration_error_that_they_had():
    rng = np.random.default_rng(7)
    credit, groups = (rng.random(60) < 0.6).astype(float), rng.integers(10, size=60)
    assert subject_interval(credit, groups) == pytest.approx((0.53125, 0.75), abs=1e-12)
    assert reliability(rng.uniform(0.3, 1, size=60), credit).ece == pytest.approx(0.13820609440104437, abs=1e-12)


def test_calibration_error_of_a_recogniser_is_what_it_was():
    scores, labels, _ = _recogniser(3)
    assert calibration(softmax(scores), labels).ece == pytest.approx(0.1611755978643924, abs=1e-12)


def test_platt_scaling_is_what_it_was():
    """Shares of a token's time as well as yes and no; the figures are those of the LBFGS before."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 40)) * 2
    share = np.clip(1 / (1 + np.exp(-0.5 * x - 0.3)) + rng.normal(size=x.shape) * 0.2, 0, 1)
    share[rng.random(x.shape) < 0.7] = 0
    found = fit_tokens(x.astype(np.float32), share.astype(np.float32))
    assert found == pytest.approx((0.20669922899053308, -1.648518650371173), abs=1e-4)


def test_one_subject_that_differs_tells_nothing_apart():
    rng = np.random.default_rng(0)
    assert paired_sign_test(np.array([1.0, 0.0, 0.0]), np.arange(3), 100, rng) == 1.0
    assert paired_sign_test(np.zeros(4), np.arange(4), 100, rng) == 1.0
    assert paired_sign_test(np.ones(6), np.arange(6), 100, rng) == 2 / 64


def test_balanced_accuracy_counts_the_classes_that_occur_alike():
    assert balanced_accuracy(np.array([1.0, 1.0, 0.0, 0.5]), np.array([0, 0, 2, 2])) == (1.0 + 0.25) / 2


def test_statistics_stand_below_every_room_that_asks_for_them():
    """Statistics import nothing of the package but its errors; emotion and reasoning ask no metrics of recognisers."""
    root = Path(microgesture.__file__).parent

    def asked(path):
        nodes = ast.walk(ast.parse(path.read_text("utf-8")))
        return {n.module for n in nodes if isinstance(n, ast.ImportFrom) and str(n.module).startswith("microgesture")}

    assert asked(root / "statistics.py") == {"microgesture.errors"}
    above = [path for room in ("emotion", "reasoning") for path in (root / room).rglob("*.py")]
    assert len(above) > 30
    assert not [path for path in above if "microgesture.evaluation.metrics" in asked(path)]
