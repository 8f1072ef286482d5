import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.pose import LAYOUTS, Layout, convert, convert_scores
from microgesture.pose.layouts import FALLBACKS


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_is_sound(layout):
    count = len(layout)
    assert len(set(layout.joints)) == count
    assert len(layout.bones) == count - 1
    reached = {layout.center}
    for _ in range(count):
        reached |= {b for a, b in layout.bones if a in reached} | {a for a, b in layout.bones if b in reached}
    assert reached == set(layout.joints)
    permutation = layout.flip_permutation
    np.testing.assert_array_equal(permutation[permutation], np.arange(count))
    for joint, mirrored in zip(layout.joints, permutation, strict=True):
        other = layout.joints[mirrored]
        swapped = joint.replace("left_", "_").replace("right_", "left_").replace("_" + joint[5:], "right_" + joint[5:])
        assert other == (swapped if joint.startswith(("left_", "right_")) else joint)
    edges = {frozenset(edge) for edge in layout.edges.tolist()}
    mirrored_edges = {frozenset(permutation[list(edge)].tolist()) for edge in edges}
    assert edges == mirrored_edges


def test_sizes_and_published_positions():
    assert {name: len(layout) for name, layout in LAYOUTS.items()} == {
        "synthetic": 68,
        "coco-17": 17,
        "body-25": 25,
        "mediapipe-33": 33,
        "kinect-25": 25,
        "imigue-22": 22,
    }
    expected = {
        "coco-17": {0: "nose", 1: "left_eye", 4: "right_ear", 5: "left_shoulder", 10: "right_wrist", 16: "right_ankle"},
        "body-25": {1: "neck", 2: "right_shoulder", 7: "left_wrist", 8: "pelvis", 11: "right_ankle", 16: "left_eye",
                    19: "left_toe", 21: "left_heel", 24: "right_heel"},
        "mediapipe-33": {2: "left_eye", 8: "right_ear", 11: "left_shoulder", 16: "right_wrist",
                         17: "left_pinky_knuckle", 22: "right_thumb_mid", 29: "left_heel", 32: "right_toe"},
        "kinect-25": {0: "spine_base", 2: "neck", 4: "left_shoulder", 11: "right_hand", 12: "left_hip",
                      19: "right_foot", 20: "spine_shoulder", 21: "left_hand_tip", 24: "right_thumb_tip"},
    }  # fmt: skip
    for name, joints in expected.items():
        for position, joint in joints.items():
            assert LAYOUTS[name].joints[position] == joint


def test_imigue_bones_and_flips_are_the_right_ones():
    layout = LAYOUTS["imigue-22"]
    bones = {(0, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (0, 8), (8, 10), (0, 9), (9, 11)}
    tips = {(4, i) for i in range(12, 17)} | {(7, i) for i in range(17, 22)}
    assert {tuple(edge) for edge in layout.edges.tolist()} == bones | tips
    pairs = {2: 5, 3: 6, 4: 7, 8: 9, 10: 11, **{i: i + 5 for i in range(12, 17)}}
    for a, b in pairs.items():
        assert layout.flip_permutation[a] == b


def test_conversion_goes_by_name_and_states_what_is_missing():
    body, coco = LAYOUTS["body-25"], LAYOUTS["coco-17"]
    points = np.random.default_rng(0).random((4, 17, 2)).astype(np.float32)
    found = convert(points, "coco-17", "body-25")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, body.index("left_knee")], points[:, coco.index("left_knee")])
    shoulders = points[:, [coco.index("left_shoulder"), coco.index("right_shoulder")]]
    np.testing.assert_allclose(found[:, body.index("neck")], shoulders.mean(1), rtol=1e-6)
    assert np.isnan(found[:, body.index("left_heel")]).all()
    scores = np.linspace(0.1, 0.9, 17)
    kept = convert_scores(scores, coco, body)
    assert kept[body.index("neck")] == scores[coco.index("left_shoulder")]
    assert kept[body.index("left_heel")] == 0
    np.testing.assert_array_equal(convert(points, "coco-17", "coco-17"), points)


def test_converting_and_mirroring_commute():
    rng = np.random.default_rng(0)
    for source in LAYOUTS.values():
        points = rng.random((len(source), 2))
        for target in LAYOUTS.values():
            one = convert(points[source.flip_permutation], source, target)
            two = convert(points, source, target)[target.flip_permutation]
            np.testing.assert_allclose(one, two)


def test_fallbacks_name_joints_that_exist():
    joints = {joint for layout in LAYOUTS.values() for joint in layout.joints}
    assert set(FALLBACKS) <= joints
    assert {name for groups in FALLBACKS.values() for group in groups for name in group} <= joints


@pytest.mark.parametrize(
    ("joints", "bones", "flip", "what"),
    [
        (("a", "a"), (("a", "a"),), (), "stands twice"),
        (("a", "b", "c"), (("a", "b"),), (), "not a tree"),
        (("a", "b", "c"), (("a", "b"), ("b", "a")), (), "not a tree"),
        (("a", "b"), (("a", "z"),), (), "unknown joints z"),
        (("a", "b"), (("a", "b"),), (("a", "b"), ("b", "a")), "two flip pairs"),
    ],
)
def test_unsound_layouts_are_refused(joints, bones, flip, what):
    with pytest.raises(DataError, match=what):
        Layout("bad", joints, bones, "a", flip)


def test_points_of_another_layout_are_refused():
    with pytest.raises(DataError, match="do not fit layout 'coco-17'"):
        convert(np.zeros((3, 25, 2)), "coco-17", "body-25")
    with pytest.raises(DataError, match="no keypoint layout 'coco'"):
        convert(np.zeros((17, 2)), "coco", "body-25")
