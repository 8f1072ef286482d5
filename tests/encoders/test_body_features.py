"""Body features: what they may not depend on (camera, unknown points) and what they must show (contact)."""

import pytest
import torch

from microgesture.encoders.body_features import _TARGETS, _TIPS, LEAST_SCORE, BodyFeatures
from microgesture.skeletons.layouts import GESTURE_62

FEATURES = BodyFeatures()
SIDES = ("left", "right")
HANDS = [f"{side}_{point}" for side in SIDES for point in ("palm", *_TIPS)]


def index(joint: str) -> int:
    return GESTURE_62.index(joint)


def body(frames: int = 6, seed: int = 0) -> torch.Tensor:
    """(1, T, 62, 3): shoulders 100 pixels apart, nose 65 above the neck, the other points around; all known."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(1, 1, 62, 2, generator=generator) * 80 + 300
    fixed = {"neck": (300, 200), "nose": (300, 135), "left_shoulder": (350, 200), "right_shoulder": (250, 200)}
    for joint, place in fixed.items():
        points[:, :, index(joint)] = torch.tensor(place, dtype=torch.float32)
    points = points + torch.randn(1, frames, 62, 2, generator=generator)
    points[:, :, index("neck")] = points[:, :, [index("left_shoulder"), index("right_shoulder")]].mean(2)
    return torch.cat([points, torch.ones(1, frames, 62, 1)], -1)


def contact(features: torch.Tensor, hand: str, target: str) -> torch.Tensor:
    """The nearness of a point of a hand to a target, (T, 2): at the short and at the long reach."""
    pairs = len(HANDS) * len(_TARGETS) + (len(HANDS) // 2) ** 2
    at = 5 * 62 + HANDS.index(hand) * len(_TARGETS) + _TARGETS.index(target)
    return features[0, :, [at, at + pairs]]


def test_shapes():
    features, seen = FEATURES(body())
    assert features.shape == (1, 6, FEATURES.width)
    assert seen.shape == (1, 6)
    assert seen.dtype == torch.bool
    assert list(FEATURES.parameters()) == []


@pytest.mark.parametrize(("scale", "shift"), [(2.0, (0.0, 0.0)), (0.3, (500.0, -70.0)), (6.0, (-2000.0, 900.0))])
def test_size_and_place_of_the_picture_do_not_matter(scale, shift):
    clip = body()
    clip[:, 2:4, index("left_wrist"), 2] = 0.0
    other = clip.clone()
    other[..., :2] = clip[..., :2] * scale + torch.tensor(shift)
    assert torch.allclose(FEATURES(clip)[0], FEATURES(other)[0], atol=2e-3)


@pytest.mark.parametrize("unknown", [("left_shoulder",), ("neck", "left_shoulder"), ("nose",), SIDES])
def test_nor_when_the_points_that_give_size_and_place_are_unknown(unknown):
    clip = body()
    for joint in GESTURE_62.joints:
        if joint in unknown or any(u in SIDES and joint.startswith(u) for u in unknown):
            clip[..., index(joint), 2] = 0.0
    other = clip.clone()
    other[..., :2] = clip[..., :2] * 3 - 400
    features = FEATURES(clip)[0]
    assert features.any()
    assert torch.allclose(features, FEATURES(other)[0], atol=2e-3)


def test_the_person_s_own_movement_is_kept():
    clip = body()
    moved = clip.clone()
    moved[:, 3:, index("left_wrist"), 0] += 40
    places = slice(2 * index("left_wrist"), 2 * index("left_wrist") + 2)
    difference = FEATURES(moved)[0][0, :, places] - FEATURES(clip)[0][0, :, places]
    assert difference[:3].abs().max() == 0
    assert (difference[3:, 0] > 0.3).all()


@pytest.mark.parametrize(
    "joint", ["neck", "nose", "left_shoulder", "right_index_tip", "left_wrist", "left_pinky_knuckle"]
)
@pytest.mark.parametrize("score", [0.0, LEAST_SCORE - 0.01])
def test_coordinates_of_unknown_points_do_not_matter(joint, score):
    clip = body()
    clip[:, 1:4, index(joint), 2] = score
    clip[:, 1:4, index(joint), :2] = 0.0
    other = clip.clone()
    other[:, 1:4, index(joint), :2] = 1e6
    assert torch.equal(FEATURES(clip)[0], FEATURES(other)[0])


def test_an_unknown_point_is_zero_and_has_no_change():
    clip, tip = body(), index("right_index_tip")
    clip[:, 2, tip, 2] = 0.0
    features = FEATURES(clip)[0][0]
    place, change, known = features[:, 2 * tip : 2 * tip + 2], features[:, 124 + 2 * tip : 126 + 2 * tip], 248 + tip
    assert not place[2].any()
    assert not change[2:4].any()  # neither to it nor from it
    assert change[[1, 4, 5]].any(-1).all()
    assert features[:, known].tolist() == [1, 1, 0, 1, 1, 1]


@pytest.mark.parametrize("points", [0.0, 1e6, 300.0])
def test_nobody_gives_zeros(points):
    features, seen = FEATURES(torch.cat([torch.full((2, 5, 62, 2), points), torch.zeros(2, 5, 62, 1)], -1))
    assert not seen.any()
    assert torch.equal(features, torch.zeros(2, 5, FEATURES.width))


@pytest.mark.parametrize("known", [["nose"], ["left_wrist"], ["left_hip", "right_hip"]])
def test_few_known_points_give_finite_features(known):
    clip = body()
    keep = [index(joint) for joint in known]
    clip[..., [i for i in range(62) if i not in keep], 2] = 0.0
    features, seen = FEATURES(clip)
    assert seen.all()
    assert torch.isfinite(features).all()


def test_all_points_at_one_place_give_finite_features():
    features, _ = FEATURES(torch.ones(1, 4, 62, 3))
    assert torch.isfinite(features).all()


@pytest.mark.parametrize("target", ["nose", "left_ear", "chin", "neck", "right_elbow", "left_knee"])
@pytest.mark.parametrize("tip", ["left_index_tip", "right_thumb_tip"])
def test_contact_is_one_where_the_tip_is_on_the_target(target, tip):
    clip = body(frames=5)
    away = torch.tensor([90.0, 40.0, 0.0, 20.0, 60.0])
    clip[..., :2] = clip[:, :1, :, :2]
    clip[0, :, index(tip), :2] = clip[0, :, index(target), :2] + torch.stack([away, torch.zeros(5)], -1)
    near = contact(FEATURES(clip)[0], tip, target)
    assert torch.allclose(near[2], torch.ones(2), atol=1e-3)
    assert near.argmax(0).tolist() == [2, 2]
    order = near[[2, 3, 1, 4, 0]]  # from near to far
    assert (order[:-1] > order[1:]).all()
    # shoulder widths: 100 pixels, or 1.55 times 65
    assert torch.allclose(near[:, 1], torch.exp(-away / 101 / 0.6), atol=0.03)


def test_contact_of_unknown_points_is_zero():
    clip = body()
    clip[..., index("nose"), 2] = 0.0
    features, _ = FEATURES(clip)
    assert not contact(features, "left_index_tip", "nose").any()
    assert contact(features, "left_index_tip", "chin").all()
    clip[..., index("left_index_tip"), 2] = 0.0
    assert contact(FEATURES(clip)[0], "left_index_tip", "chin").all()  # guessed from wrist and knuckles
    clip[..., index("left_wrist"), 2] = 0.0
    assert not contact(FEATURES(clip)[0], "left_index_tip", "chin").any()
    assert not contact(FEATURES(clip)[0], "left_palm", "chin").any()
