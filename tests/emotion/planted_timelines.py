"""Timelines by a marked Poisson process whose rates depend on the outcome, so that the best accuracy is known."""

from __future__ import annotations

import numpy as np

from microgesture.timeline import Alternative, GestureEvent, Media, Timeline
from microgesture.vocabulary import Vocabulary

CLASSES = ("positive", "negative")


def rates(vocabulary: Vocabulary, shift: float, seed: int = 0, events: float = 40.0) -> np.ndarray:
    """Expected events (2, K) of each class in a video, by outcome; `shift` is the spread of log-rates."""
    rng = np.random.default_rng(seed)
    base = rng.dirichlet(np.ones(len(vocabulary))) * events
    change = rng.standard_normal(len(vocabulary)) * shift
    both = np.stack([base * np.exp(change), base * np.exp(-change)])
    return both * events / both.sum(axis=1, keepdims=True)


def sample(
    vocabulary: Vocabulary, expected: np.ndarray, n: int, seed: int, seconds: float = 120.0
) -> tuple[list[Timeline], list[str], np.ndarray]:
    """`n` timelines, their outcomes, and the exact log-likelihood ratios for the first outcome (n,)."""
    rng = np.random.default_rng(seed)
    timelines, outcomes, ratios = [], [], []
    for _ in range(n):
        outcome = int(rng.integers(2))
        counts = rng.poisson(expected[outcome])
        events = []
        for k in np.repeat(np.arange(len(vocabulary)), counts):
            start = rng.uniform(0, seconds - 2)
            confidence = rng.uniform(0.5, 0.9)
            other = vocabulary[int(rng.integers(len(vocabulary)))].name
            events.append(
                GestureEvent(
                    start,
                    start + rng.uniform(0.3, 2.0),
                    vocabulary[int(k)].name,
                    int(k),
                    confidence,
                    alternatives=(Alternative(other, (1 - confidence) / 2),),
                )
            )
        timelines.append(Timeline(tuple(events), Media(duration=seconds), vocabulary.name, vocabulary.names))
        outcomes.append(CLASSES[outcome])
        ratio = counts @ np.log(expected[0] / expected[1]) - (expected[0] - expected[1]).sum()
        ratios.append(float(ratio))
    return timelines, outcomes, np.array(ratios)


def best_accuracy(outcomes: list[str], ratios: np.ndarray) -> float:
    """Accuracy of deciding by the exact likelihood ratio."""
    return float(np.mean((ratios > 0) == (np.array(outcomes) == CLASSES[0])))
