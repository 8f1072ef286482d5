import numpy as np
import pytest

from microgesture.datasets.augmentation import Flip, SkeletonSample, mirrored_labels
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.vocabulary import Vocabulary


def mirrored(*names: str) -> list[int]:
    return mirrored_labels(Vocabulary.from_texts(names)).tolist()


@pytest.mark.parametrize("name", ["imigue", "smg", "ma52"])
def test_the_built_in_vocabularies_know_no_sides(name):
    vocabulary = Vocabulary.load(name)
    assert mirrored_labels(vocabulary).tolist() == list(range(len(vocabulary)))
    assert mirrored_labels(vocabulary.with_background()).dtype == np.int64


def test_sides_swap_with_their_partner():
    assert mirrored("Touching left ear", "nodding", "touching  RIGHT ear", "upright") == [2, 1, 0, 3]
    assert mirrored("right_hand_wave", "left_hand_wave", "leftHand", "rightHand") == [1, 0, 3, 2]
    assert mirrored("looking leftwards", "looking rightwards") == [1, 0]
    assert mirrored("left-handed", "Right-handed") == [1, 0]
    assert mirrored("left leg over right", "right leg over left") == [1, 0]


def test_a_side_without_a_partner_is_never_flipped():
    assert mirrored("touching left ear", "touching right knee", "nod") == [-1, -1, 2]
    assert mirrored("left leg over right leg", "nod") == [-1, 1]


def test_words_that_only_look_like_sides_and_both_sides_at_once_are_their_own_mirror():
    names = ("brightening", "sitting upright", "cleft chin", "copyright", "turning left and right", "sway left/right")
    assert mirrored(*names) == list(range(6))
    assert mirrored("look left or right, then touch left ear", "nod") == [-1, 1]


def test_two_flips_are_none_and_labels_come_back():
    ids = mirrored_labels(Vocabulary.from_texts(["a left", "b", "a right", "left c"]))
    assert [ids[i] for i in ids if i >= 0] == [0, 1, 2]
    frames = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)
    assert np.array_equal(Flip().frames(frames)[:, :, 0], frames[:, :, 4])
    assert np.array_equal(Flip().frames(Flip().frames(frames)), frames)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
@pytest.mark.parametrize("dimensions", [2, 3])
def test_skeletons_mirror_x_and_swap_joints(layout, dimensions):
    rng = np.random.default_rng(0)
    points = rng.standard_normal((2, 3, len(layout), dimensions)).astype(np.float32)
    scores = rng.random((2, 3, len(layout))).astype(np.float32)
    flipped = Flip().skeleton(SkeletonSample(points, scores, layout))
    for joint in layout.joints:
        side, _, rest = joint.partition("_")
        other = {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, joint)
        a, b = layout.index(joint), layout.index(other)
        assert np.array_equal(flipped.points[:, :, a, 0], -points[:, :, b, 0])
        assert np.array_equal(flipped.points[:, :, a, 1:], points[:, :, b, 1:])
        assert np.array_equal(flipped.scores[:, :, a], scores[:, :, b])
    back = Flip().skeleton(flipped)
    assert np.array_equal(back.points, points)
    assert np.array_equal(back.scores, scores)
