import numpy as np
import pytest

from microgesture.datasets.augmentation import (
    CoordinateShift,
    FrameMask,
    Framing,
    JointJitter,
    JointMask,
    PartMask,
    Rotate,
    Scale,
    Shear,
    SkeletonSample,
    Viewpoint,
)
from microgesture.datasets.augmentation.skeleton import part_of
from microgesture.errors import RecipeError
from microgesture.skeletons.layouts import COCO_17, IMIGUE_22, KINECT_25, LAYOUTS

PIECES = [
    *(Rotate(), Shear(), Scale(), Scale(per_axis=True), JointJitter(), JointJitter(drift=0.1)),
    *(JointMask(probability=1.0), PartMask(probability=1.0), FrameMask(probability=1.0)),
    *(CoordinateShift(), Viewpoint(), Framing(probability=1.0)),
]
by_name = pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.name)


def sample(layout=IMIGUE_22, dimensions=2, people=2, frames=10, seed=0) -> SkeletonSample:
    """A first person with one joint never seen, and a second who is not there."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((people, frames, len(layout), dimensions)).astype(np.float32)
    scores = rng.uniform(0.5, 1.0, points.shape[:-1]).astype(np.float32)
    points[:, :, 3], scores[:, :, 3] = 0, 0
    points[1:], scores[1:] = 0, 0
    return SkeletonSample(points, scores, layout)


@by_name
@pytest.mark.parametrize("dimensions", [2, 3])
def test_form_stays_the_generator_decides_and_nobody_stays_nobody(piece, dimensions):
    given = sample(dimensions=dimensions)
    before = given.points.copy(), given.scores.copy()
    for seed in range(20):
        one, two = (piece.skeleton(given, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(one.points, two.points)
        assert np.array_equal(one.scores, two.scores)
        assert one.points.shape == given.points.shape
        assert one.points.dtype == one.scores.dtype == np.float32
        assert not np.array_equal(one.points, given.points)
        assert not one.points[1:].any()
        assert not one.points[:, :, 3].any()
        assert not one.scores[given.scores == 0].any()
    assert np.array_equal(given.points, before[0])
    assert np.array_equal(given.scores, before[1])


@by_name
def test_with_probability_0_nothing_changes(piece):
    given = sample()
    same = type(piece)(probability=0.0).skeleton(given, np.random.default_rng(0))
    assert np.array_equal(same.points, given.points)
    assert np.array_equal(same.scores, given.scores)


def test_in_the_plane_a_turn_keeps_lengths_and_goes_both_ways():
    point = np.zeros((1, 1, 17, 2), np.float32)
    point[..., 0] = 1.0
    given = SkeletonSample(point, np.ones((1, 1, 17), np.float32), COCO_17)
    turns = [Rotate(degrees=20).skeleton(given, np.random.default_rng(s)).points[0, 0, 0] for s in range(300)]
    angles = np.degrees([np.arctan2(y, x) for x, y in turns])
    assert -20 <= angles.min() < -19
    assert 19 < angles.max() <= 20
    assert np.allclose(np.hypot(*np.transpose(turns)), 1, atol=1e-6)


def test_in_space_a_person_turns_about_the_vertical_and_leans_a_little():
    vertical = [Rotate(degrees=0, turn=40).matrix(3, np.random.default_rng(s)) for s in range(100)]
    assert all(np.allclose(matrix @ (0, 1, 0), (0, 1, 0)) for matrix in vertical)
    turns = np.degrees([np.arccos(matrix[0, 0]) for matrix in vertical])
    assert 38 < turns.max() <= 40
    leaning = [Rotate(degrees=5, turn=40).matrix(3, np.random.default_rng(s)) for s in range(100)]
    assert all(np.allclose(matrix @ matrix.T, np.eye(3)) and np.linalg.det(matrix) > 0.99 for matrix in leaning)
    leans = np.degrees([np.arccos((matrix @ (0, 1, 0))[1]) for matrix in leaning])
    assert 4 < leans.max() <= np.hypot(5, 5)


def test_shear_and_scale_are_the_matrices_they_say():
    shear = Shear(amount=0.3).matrix(3, np.random.default_rng(0))
    assert (np.diag(shear) == 1).all()
    assert 0 < np.abs(shear - np.eye(3)).max() <= 0.3
    even, uneven = (Scale(amount=0.2, per_axis=p).matrix(2, np.random.default_rng(0)) for p in (False, True))
    assert even[0, 0] == even[1, 1]
    assert uneven[0, 0] != uneven[1, 1]
    assert 0.8 <= uneven.diagonal().min() <= uneven.diagonal().max() <= 1.2
    given = sample()
    rng, again = np.random.default_rng(7), np.random.default_rng(7)
    sheared = Shear().skeleton(given, rng).points
    again.random()
    a, b = Shear().matrix(2, again)[[0, 1], [1, 0]]
    x, y = given.points[0, 4, 9]
    assert np.allclose(sheared[0, 4, 9], (x + a * y, b * x + y), atol=1e-6)


def test_jitter_is_new_in_every_frame_and_drift_is_not():
    given = sample(frames=200)
    noise = JointJitter(sigma=0.05).skeleton(given, np.random.default_rng(0)).points[0] - given.points[0]
    assert np.isclose(noise[:, 4:].std(), 0.05, rtol=0.05)
    assert np.isclose(np.abs(np.diff(noise[:, 4:], axis=0)).mean(), 0.05 * 2 / np.sqrt(np.pi), rtol=0.05)
    drift = JointJitter(sigma=0, drift=0.5).skeleton(given, np.random.default_rng(0)).points[0] - given.points[0]
    assert np.allclose(drift, drift[:1], atol=1e-5)
    assert 0.3 < drift[0, 4:].std() < 0.7


def test_a_shift_is_local_small_and_the_same_in_all_frames():
    given, counts = sample(frames=6, people=1), set()
    for seed in range(100):
        moved = (
            CoordinateShift(share=0.2, amount=0.3).skeleton(given, np.random.default_rng(seed)).points - given.points
        )
        assert np.allclose(moved, moved[:, :1], atol=1e-6)
        assert 0 < np.abs(moved).max() <= 0.3 + 1e-6
        counts.add(int(moved[0, 0].any(-1).sum()))
    assert counts == {1, 2, 3, 4}  # of the 21 joints that are known


def test_another_viewpoint_of_points_in_space_keeps_all_distances():
    given = sample(dimensions=3, people=1)
    for seed in range(20):
        seen = Viewpoint(turn=60, tilt=20).skeleton(given, np.random.default_rng(seed)).points
        for a, b in ((5, 9), (0, 12)):
            apart = (np.linalg.norm(p[0, :, a] - p[0, :, b], axis=-1) for p in (given.points, seen))
            assert np.allclose(*apart, atol=1e-5)
    turned = Viewpoint(turn=30, tilt=0).skeleton(given, np.random.default_rng(1)).points
    assert np.allclose(turned[..., 1], given.points[..., 1], atol=1e-6)  # the vertical stays


def test_a_picture_from_another_viewpoint_is_narrower_and_its_nearer_side_larger():
    points = np.zeros((1, 1, 17, 2), np.float32)
    points[0, 0, 5], points[0, 0, 6] = (1, 1), (-1, 1)
    given = SkeletonSample(points, np.ones((1, 1, 17), np.float32), COCO_17)
    for seed in range(20):
        (x, y), (u, v) = Viewpoint(turn=40, tilt=0).skeleton(given, np.random.default_rng(seed)).points[0, 0, 5:7]
        assert x - u < 2
        angle = np.arctan2(v - y, v + y)  # of which side came nearer
        assert (abs(v) > abs(y)) == (abs(u) > abs(x)) == (angle > 0)
        depth = 8 / y - 8  # y is 1 before: 8 / (8 + depth)
        assert np.isclose(x, np.sqrt(1 - depth**2) * y, atol=1e-5)


def test_what_lies_outside_a_picture_is_not_seen():
    given = sample(people=1, frames=4)
    for seed in range(50):
        shown = Framing(least=0.5, probability=1.0).skeleton(given, np.random.default_rng(seed))
        inside, was = shown.scores > 0, given.scores > 0
        assert np.array_equal(shown.points[inside], given.points[inside])
        assert not shown.points[~inside].any()
        box = given.points[inside]
        lost = given.points[was & ~inside]
        assert len(lost) > 0
        outside = (lost < box.min(0)) | (lost > box.max(0))
        assert outside.any(-1).all()  # what is kept is all that lies in one rectangle
        sides = np.ptp(box, axis=0) / np.ptp(given.points[was], axis=0)
        assert sides.max() < 1


def test_joint_mask_hides_some_joints_during_a_run():
    given, counts = sample(frames=20, people=1), set()
    for seed in range(100):
        hidden = JointMask(share=0.2, probability=1.0).skeleton(given, np.random.default_rng(seed))
        gone = (hidden.scores == 0) & (given.scores > 0)
        assert (gone.all(axis=1) == gone.any(axis=1)).all()  # through the whole clip
        assert not hidden.points[hidden.scores == 0].any()
        assert np.array_equal(hidden.points[~gone], given.points[~gone])
        counts.add(int(gone.any(axis=1).sum()))
    assert {1, 2, 3, 4} <= counts <= {0, 1, 2, 3, 4}  # 0.2 of 22; 0: it was the joint that nobody saw
    short = JointMask(share=0.2, duration=(0.25, 0.25), probability=1.0)
    gone = (short.skeleton(given, np.random.default_rng(1)).scores == 0) & (given.scores > 0)
    frames = np.flatnonzero(gone[0].any(axis=1))
    assert len(frames) == 5
    assert np.ptp(frames) == 4


def test_parts_are_found_by_name():
    assert part_of("left_wrist") == ("arm", "left")
    assert part_of("right_index_tip") == part_of("right_hand") == ("hand", "right")
    assert part_of("left_small_toe") == ("leg", "left")
    assert part_of("left_eye_inner") == part_of("head") == part_of("nose") == ("head", "")
    assert part_of("left_hip") == part_of("neck") == ("trunk", "")
    trunk = {joint for layout in LAYOUTS.values() for joint in layout.joints if part_of(joint)[0] == "trunk"}
    spine = {"neck", "chest", "pelvis", "spine", "spine_base", "spine_mid", "spine_shoulder"}
    assert trunk == spine | {f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "shoulder")}


def test_part_mask_hides_one_whole_part():
    given, seen = sample(KINECT_25, dimensions=3, people=1), set()
    full = np.ones_like(given.scores)
    given = SkeletonSample(given.points + 1, full, KINECT_25)
    for seed in range(100):
        hidden = PartMask(probability=1.0).skeleton(given, np.random.default_rng(seed))
        joints = {KINECT_25.joints[v] for v in np.flatnonzero((hidden.scores == 0).all(axis=(0, 1)))}
        assert len({part_of(joint) for joint in joints}) == 1
        assert joints == {joint for joint in KINECT_25.joints if part_of(joint) == part_of(next(iter(joints)))}
        seen.add(part_of(next(iter(joints))))
    assert len(seen) == 7
    groups = PartMask(parts=("hand",)).groups(KINECT_25)
    assert list(groups) == [("hand", "left"), ("hand", "right")]
    assert [KINECT_25.joints[v] for v in groups["hand", "left"]] == ["left_hand", "left_hand_tip", "left_thumb_tip"]


def test_a_part_that_the_layout_lacks_hides_nothing():
    given = sample(COCO_17)
    same = PartMask(parts=("hand",), probability=1.0).skeleton(given, np.random.default_rng(0))
    assert np.array_equal(same.points, given.points)
    with pytest.raises(RecipeError, match="no part 'tail': known are head, arm, hand, leg"):
        PartMask(parts=("arm", "tail"))
    with pytest.raises(RecipeError, match="parts must be a list of names, got 'arm'"):
        PartMask(parts="arm")


def test_frame_mask_hides_everybody():
    given = sample()
    hidden = FrameMask(share=(0.3, 0.3), probability=1.0).skeleton(given, np.random.default_rng(0))
    frames = (hidden.scores == 0).all(axis=(0, 2))
    assert frames.sum() == 3
    assert not hidden.points[:, frames].any()
    assert np.array_equal(hidden.points[:, ~frames], given.points[:, ~frames])


@by_name
def test_an_empty_clip_passes(piece):
    empty = SkeletonSample(np.zeros((1, 0, 17, 2), np.float32), np.zeros((1, 0, 17), np.float32), COCO_17)
    assert piece.skeleton(empty, np.random.default_rng(0)).points.shape == (1, 0, 17, 2)
