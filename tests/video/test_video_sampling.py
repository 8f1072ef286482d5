import numpy as np
import pytest

from microgesture.errors import UserError
from microgesture.video import sample_times


def test_test_time_takes_the_centres_of_equal_segments():
    np.testing.assert_allclose(sample_times(2.0, 6.0, 4), [2.5, 3.5, 4.5, 5.5])
    np.testing.assert_array_equal(sample_times(1.0, 1.0, 3), [1.0, 1.0, 1.0])


def test_training_draws_one_time_inside_each_segment():
    edges = np.linspace(1.0, 3.0, 9)
    seen = np.array([sample_times(1.0, 3.0, 8, np.random.default_rng(seed)) for seed in range(200)])
    assert (seen >= edges[:-1]).all()
    assert (seen < edges[1:]).all()
    np.testing.assert_allclose(seen.mean(0), (edges[:-1] + edges[1:]) / 2, atol=0.02)
    np.testing.assert_allclose(seen.std(0), 0.25 / np.sqrt(12), atol=0.01)
    np.testing.assert_array_equal(seen[7], sample_times(1.0, 3.0, 8, np.random.default_rng(7)))


def test_impossible_requests_are_refused():
    for call in (
        lambda: sample_times(0, 1, 0),
        lambda: sample_times(1, 0, 4),
    ):
        with pytest.raises(UserError):
            call()
