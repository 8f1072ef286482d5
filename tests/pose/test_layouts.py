import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.skeletons import LAYOUTS, Layout, convert, convert_scores
from microgesture.skeletons.layouts import EXTRAPOLATED, FALLBACKS


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
        "mediapipe-holistic": 75,
        "gesture-62": 62,
        "openpose-18": 18,
        "openpose-137": 137,
        "openpose-140": 140,
        "coco-wholebody-133": 133,
        "imigue-35": 35,
        "ntu-25": 25,
        "mediapipe-75": 75,
        "ntu-rgb+d": 25,
        "openpose-kinetics": 18,
        "kinect-20": 20,
        "openni-15": 15,
        "nite-15": 15,
        "openpose-36": 36,
    }
    expected = {
        "coco-17": {0: "nose", 1: "left_eye", 4: "right_ear", 5: "left_shoulder", 10: "right_wrist", 16: "right_ankle"},
        "body-25": {1: "neck", 2: "right_shoulder", 7: "left_wrist", 8: "pelvis", 11: "right_ankle", 16: "left_eye",
                    19: "left_toe", 21: "left_heel", 24: "right_heel"},
        "mediapipe-33": {2: "left_eye", 8: "right_ear", 11: "left_shoulder", 16: "right_wrist",
                         17: "left_pinky_knuckle", 22: "right_thumb_mid", 29: "left_heel", 32: "right_toe"},
        "kinect-25": {0: "spine_base", 2: "neck", 4: "left_shoulder", 11: "right_hand", 12: "left_hip",
                      19: "right_foot", 20: "spine_shoulder", 21: "left_hand_tip", 24: "right_thumb_tip"},
        "openpose-18": {1: "neck", 2: "right_shoulder", 7: "left_wrist", 8: "right_hip", 10: "right_ankle",
                        11: "left_hip", 14: "right_eye", 17: "left_ear"},
        "openpose-137": {0: "nose", 24: "right_heel", 25: "right_jaw_0", 33: "chin", 41: "left_jaw_0",
                         44: "right_brow", 49: "left_brow", 55: "nose_tip", 61: "right_eye_outer", 73: "right_mouth",
                         76: "upper_lip", 79: "left_mouth", 82: "lower_lip", 87: "upper_lip_inner",
                         91: "lower_lip_inner", 93: "right_pupil", 94: "left_pupil", 95: "left_hand_root",
                         99: "left_thumb_tip", 115: "left_pinky_tip", 116: "right_hand_root", 124: "right_index_tip"},
        "coco-wholebody-133": {16: "right_ankle", 17: "left_toe", 19: "left_heel", 20: "right_toe", 23: "right_jaw_0",
                               31: "chin", 71: "right_mouth", 77: "left_mouth", 91: "left_hand_root",
                               95: "left_thumb_tip", 96: "left_index_knuckle", 99: "left_index_tip",
                               111: "left_pinky_tip", 112: "right_hand_root", 132: "right_pinky_tip"},
        "imigue-35": {4: "right_wrist", 24: "right_heel", 25: "right_thumb_tip", 29: "right_pinky_tip",
                      30: "left_thumb_tip", 34: "left_pinky_tip"},
        "kinect-20": {0: "spine_base", 1: "spine_mid", 2: "spine_shoulder", 3: "head", 4: "left_shoulder",
                      7: "left_hand", 8: "right_shoulder", 11: "right_hand", 12: "left_hip", 15: "left_foot",
                      16: "right_hip", 19: "right_foot"},
        "openni-15": {0: "head", 1: "neck", 2: "spine_mid", 3: "left_shoulder", 5: "left_hand", 6: "right_shoulder",
                      8: "right_hand", 9: "left_hip", 11: "left_foot", 12: "right_hip", 14: "right_foot"},
        "nite-15": {0: "head", 1: "neck", 2: "left_shoulder", 3: "right_shoulder", 6: "left_hand", 7: "right_hand",
                    8: "spine_mid", 9: "left_hip", 12: "right_knee", 14: "right_foot"},
        "mediapipe-75": {15: "left_wrist", 33: "left_hand_root", 41: "left_index_tip", 54: "right_hand_root"},
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


def test_the_face_mirrors_as_in_ibug_300w():
    pairs = {
        **{i: 16 - i for i in range(8)},
        **{i: 43 - i for i in range(17, 22)},
        **{31: 35, 32: 34, 36: 45, 37: 44, 38: 43, 39: 42, 40: 47, 41: 46},
        **{48: 54, 49: 53, 50: 52, 55: 59, 56: 58, 60: 64, 61: 63, 65: 67},
    }
    middle = (8, 27, 28, 29, 30, 33, 51, 57, 62, 66)
    for name, first in (("coco-wholebody-133", 23), ("openpose-137", 25)):
        permutation = LAYOUTS[name].flip_permutation[first : first + 68] - first
        assert all(permutation[a] == b and permutation[b] == a for a, b in pairs.items())
        assert all(permutation[i] == i for i in middle)
    assert len(pairs) * 2 + len(middle) == 68


def test_hands_have_the_same_points_everywhere():
    names = [LAYOUTS["openpose-137"].joints[95:], LAYOUTS["coco-wholebody-133"].joints[91:]]
    assert names[0] == names[1] == LAYOUTS["mediapipe-75"].joints[33:]
    fingers = {j for j in names[0] if not j.endswith("hand_root")}
    assert fingers < set(LAYOUTS["mediapipe-holistic"].joints)


def test_whole_body_layouts_give_the_points_of_the_recogniser():
    target = LAYOUTS["gesture-62"]
    for name in ("openpose-140", "openpose-137", "coco-wholebody-133", "mediapipe-holistic", "synthetic"):
        found = convert(np.ones((len(LAYOUTS[name]), 2)), name, target)
        assert [joint for joint, point in zip(target.joints, found, strict=True) if np.isnan(point).any()] == []


def test_forehead_and_cheeks_of_a_face_of_68_points_are_where_they_belong():
    layout = LAYOUTS["openpose-137"]
    points = np.full((len(layout), 2), np.nan)
    for joint, place in {"left_brow": (60, 30), "right_brow": (40, 30), "nose": (50, 50), "left_eye": (60, 36),
                         "left_jaw_3": (70, 60)}.items():  # fmt: skip
        points[layout.index(joint)] = place
    found = convert(points, layout, "gesture-62")
    np.testing.assert_allclose(found[LAYOUTS["gesture-62"].index("forehead")], (50, 22))
    np.testing.assert_allclose(found[LAYOUTS["gesture-62"].index("left_cheek")], (65, 48))
    scores = np.ones(len(layout))
    scores[layout.index("nose")] = 0.25
    assert convert_scores(scores, layout, "gesture-62")[LAYOUTS["gesture-62"].index("forehead")] == 0.25


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
    assert set(FALLBACKS) | set(EXTRAPOLATED) <= joints
    assert all(set(weights) <= joints and abs(sum(weights.values()) - 1) < 1e-9 for weights in EXTRAPOLATED.values())
    assert {name for groups in FALLBACKS.values() for group in groups for name in group} <= joints


@pytest.mark.parametrize(
    ("joints", "bones", "flip", "what"),
    [
        (("a", "a"), (("a", "a"),), (), "appears twice"),
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
