import numpy as np
import pytest
from coloured_people import GREEN, RED, pose_in

from microgesture.pose.detections import Collector, Detections
from microgesture.pose.tracking import overlaps, people
from microgesture.skeletons.gaps import fill_gaps

STEP = 0.1


def found(frames, cut_at=(), change=0.0) -> Detections:
    """Detections from lists of (box, colour) for each frame."""
    collector, shot = Collector(17), 0
    for k, bodies in enumerate(frames):
        shot += k in cut_at
        poses = [pose_in(box) for box, _ in bodies]
        collector.add(k * STEP, shot, change, poses, [np.array(colour, np.float32) for _, colour in bodies])
    return collector.take()


def frames_of(found: Detections, rows: np.ndarray) -> list[int]:
    return found.frames[rows].tolist()


def left(x: float) -> tuple:
    return ((x, 20, x + 40, 140), RED)


def test_two_people_keep_apart_whatever_the_order_of_the_poses():
    rng = np.random.default_rng(0)
    frames = []
    for k in range(40):
        bodies = [((20 + k, 10, 80 + k, 190), RED), ((200 - k, 40, 240 - k, 160), GREEN)]
        frames.append([bodies[i] for i in rng.permutation(2)])
    data = found(frames)
    one, two = people(data, STEP)
    assert frames_of(data, one) == frames_of(data, two) == list(range(40))
    assert (data.colours[one] == RED).all()  # the larger comes first
    assert (data.colours[two] == GREEN).all()


def test_a_missed_second_does_not_end_a_person_and_moments_are_nobody():
    frames = [[left(50 + k)] if not 10 <= k < 18 else [] for k in range(40)]
    for k in (3, 4, 25):
        frames[k] = [*frames[k], ((300, 20, 340, 140), GREEN)]
    data = found(frames)
    (only,) = people(data, STEP)
    assert frames_of(data, only) == [*range(10), *range(18, 40)]


def test_rare_sightings_in_one_place_are_nobody():
    data = found([[left(50)] if k % 6 == 0 else [] for k in range(120)])
    assert people(data, STEP) == []


def test_whoever_comes_back_in_the_same_clothes_is_the_same_person():
    frames = [[left(20)]] * 15 + [[]] * 30 + [[left(150)]] * 15 + [[]] * 30 + [[((20, 20, 60, 140), GREEN)]] * 20
    data = found(frames)
    first, second = people(data, STEP)
    assert frames_of(data, first) == [*range(15), *range(45, 60)]
    assert frames_of(data, second) == list(range(90, 110))


def test_over_a_cut_the_same_person_is_in_the_same_place():
    shots = [left(20), ((200, 20, 240, 140), RED), left(25), ((25, 20, 65, 140), GREEN)]
    data = found([[shots[k // 15]] for k in range(60)], cut_at=(15, 30, 45))
    found_people = [frames_of(data, rows) for rows in people(data, STEP)]
    assert sorted(found_people) == [[*range(15), *range(30, 45)], [*range(15, 30)], [*range(45, 60)]]


def test_other_clothes_from_one_frame_to_the_next_are_somebody_else_when_the_picture_jumps():
    frames = [[left(50)]] * 20 + [[((52, 20, 92, 140), GREEN)]] * 20
    assert len(people(found(frames, change=5.0), STEP)) == 2
    assert len(people(found(frames, change=0.5), STEP)) == 1  # light or an arm


def test_nobody_is_nobody():
    assert people(found([[]] * 10), STEP) == []
    assert people(found([]), STEP) == []


def test_a_clip_of_three_frames_can_hold_a_person():
    assert len(people(found([[left(50)]] * 3), 0.2)) == 1


def test_overlap_of_boxes():
    boxes = np.array([(0.0, 0, 10, 10), (5, 0, 15, 10), (20, 20, 30, 30)])
    assert overlaps(boxes[:1], boxes)[0] == pytest.approx([1, 1 / 3, 0])


def test_parts_join_to_the_whole(tmp_path):
    whole = found([[left(k)] * (k % 3) for k in range(10)])
    cut = int(np.searchsorted(whole.frames, 6))
    parts = [
        Detections(
            *(getattr(whole, name)[a:b] for name in ("times", "shots", "changes")),
            whole.frames[c:d] - a,
            *(getattr(whole, name)[c:d] for name in ("points", "scores", "colours")),
        )
        for a, b, c, d in ((0, 6, 0, cut), (6, 10, cut, len(whole.frames)))
    ]
    parts[0].save(tmp_path / "part.npz", {"more": np.arange(3)})
    loaded = Detections.load(tmp_path / "part.npz")
    assert loaded is not None
    assert loaded[1]["more"].tolist() == [0, 1, 2]
    joined = Detections.join([loaded[0], parts[1]])
    for name in ("times", "shots", "changes", "frames", "points", "scores", "colours"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    (tmp_path / "part.npz").write_bytes(b"PK")
    assert Detections.load(tmp_path / "part.npz") is None
    assert Detections.load(tmp_path / "none.npz") is None


def gappy() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    times = np.arange(12) * 0.1
    points = np.stack([times * 100, times * 0], axis=-1)[:, None].repeat(2, 1)
    scores = np.full((12, 2), 0.8)
    scores[3:6], points[3:6] = 0, 0  # 0.4 s between what was seen
    scores[8:10, 1] = 0
    return times, points, scores


def test_short_gaps_are_straight_lines_with_half_the_score():
    times, points, scores = gappy()
    filled, marks, frames = fill_gaps(times, points, scores, np.zeros(12), 0.5)
    np.testing.assert_allclose(filled[:, :, 0], np.arange(12)[:, None] * 10.0 * np.ones(2))
    assert frames.tolist() == [3 <= k < 6 for k in range(12)]
    assert marks[4].tolist() == [0.4, 0.4]
    assert marks[8].tolist() == [0.8, 0.4]
    assert (scores[3:6] == 0).all()  # the input stays


def test_long_gaps_cuts_and_ends_stay_empty():
    times, points, scores = gappy()
    _, marks, frames = fill_gaps(times, points, scores, np.zeros(12), 0.3)
    assert not frames.any()
    assert (marks[3:6] == 0).all()
    assert (marks[8:10, 1] == 0.4).all()
    _, marks, frames = fill_gaps(times, points, scores, np.arange(12) >= 4, 0.5)
    assert not frames.any()
    scores[:3] = 0
    _, marks, frames = fill_gaps(times, points, scores, np.zeros(12), 5.0)
    assert not frames.any()
    assert (marks[:6] == 0).all()
