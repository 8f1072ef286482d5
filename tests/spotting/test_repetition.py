"""Counting strokes within an event."""

import numpy as np
import pytest

from microgesture.spotting.repetition import repetitions

RATE = 12.5


def swinging(cycles: float, frequency: float, size: float, still: int = 10, tremble: float = 0.004) -> np.ndarray:
    """(T, 2, 2): one point swings along a slanted line, with rest before and after; the other one only trembles."""
    rng = np.random.default_rng(3)
    time = np.arange(int(cycles / frequency * RATE) + 1) / RATE
    way = np.concatenate([np.zeros(still), size * 0.5 * (1 - np.cos(2 * np.pi * frequency * time)), np.zeros(still)])
    points = rng.normal(scale=tremble, size=(len(way), 2, 2))
    points[:, 0] += way[:, None] * np.array([0.8, 0.6])
    return points


@pytest.mark.parametrize(("cycles", "frequency", "size"), [(3, 1.5, 0.15), (5, 2.0, 0.1), (2, 0.8, 0.4), (1, 1.0, 0.2)])
def test_swings_are_counted(cycles, frequency, size):
    points = swinging(cycles, frequency, size)
    assert repetitions(points, np.ones(points.shape[:2], bool)) == cycles


def test_what_is_held_or_only_trembles_counts_one():
    rng = np.random.default_rng(5)
    points = rng.normal(scale=0.01, size=(40, 3, 2))
    assert repetitions(points, np.ones((40, 3), bool)) == 1
    points[:, 1, 0] += np.clip((np.arange(40) - 8) / 6, 0, 1) * 0.5  # moves to a place and stays there
    assert repetitions(points, np.ones((40, 3), bool)) == 1


def test_points_that_are_not_seen_do_not_count():
    points = swinging(3, 1.5, 0.15)
    known = np.ones(points.shape[:2], bool)
    known[:, 0] = False
    assert repetitions(points, known) == 1
    known[:, 0] = np.arange(len(points)) % 3 > 0
    points[~known] = 1e3
    assert repetitions(points, known) == 3
    assert repetitions(points[:0], known[:0]) == 1
