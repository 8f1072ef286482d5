"""What a mask covers, what it leaves, and where it lies while nothing is detected."""

import numpy as np
import pytest

from microgesture.privacy.masking import TONES, Head, Trail, hand_reaches, paint

HEAD = Head(60, 50, 20, 28)


def noise(seed: int = 0, height: int = 120, width: int = 140) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def flat_hand(x: float, y: float, palm: float = 18.0) -> np.ndarray:
    """A hand (21, 2) with its wrist at (x, y), fingers upward, `palm` pixels from wrist to middle knuckle."""
    points = np.zeros((21, 2))
    points[0] = x, y
    for finger, aside in enumerate((-0.5, -0.3, 0.0, 0.25, 0.5)):
        for joint in range(4):
            points[1 + 4 * finger + joint] = x + aside * palm, y - palm * (1 + 0.25 * joint)
    points[1:5, 1] = y - palm * np.array([0.3, 0.5, 0.7, 0.9])
    return points


def inside(head: Head, shape: tuple[int, ...], scale: float = 1.0) -> np.ndarray:
    ys, xs = np.mgrid[: shape[0], : shape[1]] + 0.5
    return ((xs - head.x) / (scale * head.across)) ** 2 + ((ys - head.y) / (scale * head.along)) ** 2 < 1


def test_nothing_of_what_lay_under_a_solid_mask_is_left():
    a, b = noise(0), noise(0)
    covered = inside(HEAD, a.shape)
    b[covered] = noise(1)[covered]
    before = a.copy()
    paint(a, [HEAD])
    paint(b, [HEAD])
    np.testing.assert_array_equal(a, b)
    assert set(np.unique(a[covered])) == set(TONES)
    np.testing.assert_array_equal(a[~covered], before[~covered])


def test_pixelation_leaves_a_handful_of_colours():
    frame = noise(3)
    paint(frame, [HEAD], style="pixelate")
    assert len(np.unique(frame[inside(HEAD, frame.shape)], axis=0)) <= 24


def test_a_hand_before_the_face_stays_and_the_face_beside_it_does_not():
    frame, hand = noise(4), flat_hand(60, 75)
    before = frame.copy()
    assert hand_reaches(hand, HEAD)
    paint(frame, [HEAD], [hand])
    for x, y in hand.astype(int):
        np.testing.assert_array_equal(frame[y, x], before[y, x])
    kept = (frame == before).all(-1) & inside(HEAD, frame.shape)
    assert 0.1 < kept.sum() / inside(HEAD, frame.shape).sum() < 0.6
    assert set(np.unique(frame[24:34, 55:65])) <= set(TONES)  # forehead, above the fingers


@pytest.mark.parametrize("hand", [flat_hand(60, 75, palm=3), flat_hand(60, 75, palm=60), flat_hand(130, 110)])
def test_what_is_no_hand_at_this_face_uncovers_nothing(hand):
    frame, without = noise(5), noise(5)
    paint(frame, [HEAD], [hand])
    paint(without, [HEAD])
    np.testing.assert_array_equal(frame, without)


@pytest.mark.parametrize(
    "head", [Head(0, 0, 20, 28), Head(139, 60, 20, 28, 0.7), Head(-100, -100, 9, 9), Head(70, 60, 500, 500)]
)
def test_masks_at_and_beyond_the_border(head):
    frame = noise(6)
    before = frame.copy()
    paint(frame, [head])
    changed = (frame != before).any()
    assert changed == (head.x > -50)


def test_a_leaning_head_is_covered_along_its_own_axis():
    head = Head(60, 60, 10, 30, np.pi / 2)
    frame = noise(7)
    paint(frame, [head])
    assert set(np.unique(frame[60, 35:85])) <= set(TONES)
    left, top, right, bottom = head.box()
    assert (right - left, bottom - top) == (pytest.approx(60), pytest.approx(20))


# --- trails ---------------------------------------------------------------------------------------------


def see(trail: Trail, time: float, *places: tuple[float, float], score: float = 0.9) -> None:
    rows = [np.array([x, y, 10.0, 12.0, 0.0]) for x, y in places]
    trail.add(time, rows, [12.0] * len(rows), [score] * len(rows))


def places(trail: Trail, time: float) -> list[tuple[float, float]]:
    return sorted((round(float(row[0]), 3), round(float(row[1]), 3)) for row, _ in trail.at(time))


def test_a_gap_between_sightings_is_filled_and_the_mask_grows_in_it():
    trail = Trail(bridge_s=4, hold_s=1)
    for k in range(4):
        see(trail, 0.1 * k, (100, 50))
    see(trail, 2.3, (120, 50))
    assert places(trail, 1.3) == [(110, 50)]
    factors = [trail.at(t)[0][1] for t in (0.2, 0.5, 1.3, 2.2, 2.3)]
    assert factors[0] == factors[-1] == 1.0
    assert factors[2] > factors[1] > 1.0


def test_a_face_is_held_before_the_first_and_after_the_last_sighting():
    trail = Trail(bridge_s=4, hold_s=1)
    for k in range(4):
        see(trail, 5 + 0.1 * k, (100, 50))
    assert [len(places(trail, t)) for t in (3.9, 4.1, 5.15, 6.2, 6.4)] == [0, 1, 1, 1, 0]


def test_a_gap_too_long_to_bridge_is_held_from_both_ends():
    trail = Trail(bridge_s=2, hold_s=0.5)
    for start in (0.0, 3.0):
        for k in range(4):
            see(trail, start + 0.1 * k, (100, 50))
    assert [len(places(trail, t)) for t in (0.7, 1.5, 2.6)] == [1, 0, 1]


def test_one_weak_sighting_is_not_held():
    trail = Trail(bridge_s=4, hold_s=1)
    see(trail, 1.0, (100, 50), score=0.55)
    assert len(places(trail, 1.0)) == 1
    assert places(trail, 1.5) == []


def test_several_people_and_a_detector_that_jumps():
    trail = Trail(bridge_s=4, hold_s=1)
    for k in range(10):
        see(trail, 0.1 * k, (100, 50), (300, 50))
    see(trail, 1.0, (100, 50), (350, 90))  # the second is, for one moment, somewhere else
    for k in range(11, 15):
        see(trail, 0.1 * k, (100, 50), (300, 50))
    assert (300, 50) in places(trail, 1.0)
    assert (100, 50) in places(trail, 1.0)


def test_memory_is_what_lies_in_the_window():
    trail = Trail(bridge_s=1, hold_s=1)
    for k in range(3000):
        see(trail, 0.04 * k, (100 + k % 7, 50))
        trail.forget(0.04 * k - 1)
    assert len(trail._trails) == 1
    assert len(trail._trails[0].times) < 40
