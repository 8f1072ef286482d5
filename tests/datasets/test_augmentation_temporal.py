import numpy as np
import pytest

from microgesture.datasets.augmentation import Hold, Repeat, Reverse, Speed, TemporalCrop, TemporalJitter
from microgesture.datasets.augmentation.temporal import repeated
from microgesture.errors import RecipeError

CENTRES = (np.arange(16) + 0.5) / 16
PIECES = [
    TemporalJitter(),
    Reverse(probability=1.0),
    Repeat(probability=1.0),
    Speed(factor=3.0),
    TemporalCrop(least=0.2),
    Hold(probability=1.0),
]


class Fixed:
    """A generator that draws what it is told: shares of the way from the low to the high bound."""

    def __init__(self, *shares):
        self.shares = list(shares)

    def random(self):
        return 0.0

    def uniform(self, low, high):
        return low + self.shares.pop(0) * (high - low)


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
def test_moments_stay_in_the_clip_and_depend_on_the_generator_alone(piece):
    for seed in range(50):
        moments = np.sort(np.random.default_rng(1000 + seed).random(16))
        before = moments.copy()
        one, two = (piece.moments(moments, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(one, two)
        assert np.array_equal(moments, before)
        assert one.shape == (16,)
        assert one.min() >= 0
        assert one.max() < 1
        assert not np.array_equal(one, moments)


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)
def test_with_probability_0_nothing_changes(piece):
    never = type(piece)(probability=0.0)
    assert np.array_equal(never.moments(CENTRES, np.random.default_rng(0)), CENTRES)


def test_jitter_moves_by_at_most_its_amount_and_keeps_the_order():
    rng = np.random.default_rng(0)
    for amount in (0.3, 4.0):
        moved = TemporalJitter(amount=amount).moments(CENTRES, rng)
        assert (np.diff(moved) >= 0).all()
        assert 0 < np.abs(moved - CENTRES).max() <= (amount + 1e-9) / 16
    backwards = TemporalJitter(amount=4.0).moments(CENTRES[::-1], rng)
    assert (np.diff(backwards) <= 0).all()
    assert len(TemporalJitter().moments(np.zeros(0), rng)) == 0


def test_reversal_is_the_mirror_of_time():
    assert np.allclose(Reverse(probability=1.0).moments(CENTRES, np.random.default_rng(0)), CENTRES[::-1])
    assert Reverse(probability=1.0).moments(np.zeros(1), np.random.default_rng(0))[0] < 1


def test_a_part_repeated_by_hand():
    # [0.2, 0.6) three times: the clip is 1.8 long and has breaks at 0.6, 1.0 and 1.4 of that
    moments = np.array([0.1, 0.3, 0.55, 0.7, 0.95, 1.1, 1.3, 1.5, 1.7]) / 1.8
    jumping = [0.1, 0.3, 0.55, 0.3, 0.55, 0.3, 0.5, 0.7, 0.9]
    bouncing = [0.1, 0.3, 0.55, 0.5, 0.25, 0.3, 0.5, 0.7, 0.9]
    assert np.allclose(repeated(moments, 0.2, 0.4, 3, bounce=False), jumping)
    assert np.allclose(repeated(moments, 0.2, 0.4, 3, bounce=True), bouncing)


def test_bouncing_repetition_has_no_jumps_and_shows_the_part_thrice():
    dense = np.arange(4000) / 4000
    for seed in range(30):
        piece = Repeat(share=(0.3, 0.4), times=7, probability=1.0)
        seen = piece.moments(dense, np.random.default_rng(seed))
        assert np.abs(np.diff(seen)).max() < 0.002
        turns = np.count_nonzero(np.diff(np.sign(np.diff(seen))))
        assert turns in (2, 4, 6)
    jumps = Repeat(bounce=False, times=2, probability=1.0).moments(dense, np.random.default_rng(0))
    assert np.count_nonzero(np.diff(jumps) < 0) == 1


def test_slow_motion_shows_a_part_and_fast_motion_stands_still_at_the_ends():
    slow = Speed(factor=2.0).moments(CENTRES, Fixed(0.0, 0.5))  # half the speed, the middle half
    assert np.allclose(slow, 0.25 + CENTRES / 2)
    fast = Speed(factor=2.0).moments(CENTRES, Fixed(1.0, 0.5))
    assert np.allclose(fast[4:12], CENTRES[4:12] * 2 - 0.5)
    assert (fast[:4] == 0).all()
    assert np.allclose(fast[12:], 1)


def test_crop_in_time_is_a_straight_line_of_the_length_drawn():
    cropped = TemporalCrop(least=0.5).moments(CENTRES, Fixed(0.0, 1.0))
    assert np.allclose(cropped, 0.5 + CENTRES / 2)
    lengths = [np.ptp(TemporalCrop(least=0.5).moments(CENTRES, np.random.default_rng(s))) * 16 / 15 for s in range(300)]
    assert 0.5 <= min(lengths) < 0.52
    assert 0.98 < max(lengths) <= 1


def test_frames_are_held_as_posterized_time_has_it():
    steps = set()
    for seed in range(60):
        held = Hold(most=5, probability=1.0).moments(CENTRES, np.random.default_rng(seed))
        step = int(np.argmax(held != held[0]))
        assert [held[t] for t in range(16)] == [CENTRES[step * (t // step)] for t in range(16)]
        steps.add(step)
    assert steps == {2, 3, 4, 5}
    assert len(Hold(probability=1.0).moments(np.zeros(0), np.random.default_rng(0))) == 0


def test_a_whole_clip_is_repeated():
    tiled = Repeat(share=(1.0, 1.0), times=2, bounce=False, probability=1.0)
    assert np.allclose(tiled.moments(CENTRES, np.random.default_rng(0)), (2 * CENTRES) % 1)


def test_impossible_parameters_are_refused():
    with pytest.raises(RecipeError, match=r"'repeat': share must be an ascending range within .*, got \[0.5, 0.2"):
        Repeat(share=(0.5, 0.2))
    with pytest.raises(RecipeError, match="at least 3 with bounce"):
        Repeat(times=2)
    with pytest.raises(RecipeError, match=r"'speed': factor must be between 1 and 10, got 0.5"):
        Speed(factor=0.5)
    with pytest.raises(RecipeError, match=r"probability must be between 0 and 1, got 2"):
        Reverse(probability=2)
