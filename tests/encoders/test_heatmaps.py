"""Heat maps against the formula written out in float64, pixel by pixel; boxes, crops and mirrored limbs by hand."""

import math

import numpy as np
import pytest
import torch

from microgesture.encoders.heatmaps import (
    LIMBS,
    clip_boxes,
    cropped,
    in_pixels,
    joint_maps,
    limb_maps,
    limb_pairs,
    mirrored_limbs,
)
from microgesture.errors import RecipeError
from microgesture.skeletons.layouts import LAYOUTS

SIZE, SIGMA = 20, 0.6


def spot(x, y, mu, s, sigma):
    """The value of one joint at one pixel, 0 outside its window."""
    columns = range(max(int(mu[0] - 3 * sigma), 0), min(int(mu[0] + 3 * sigma) + 1, SIZE))
    rows = range(max(int(mu[1] - 3 * sigma), 0), min(int(mu[1] + 3 * sigma) + 1, SIZE))
    if s < 1e-3 or x not in columns or y not in rows:
        return 0.0
    return s * math.exp(-((x - mu[0]) ** 2 + (y - mu[1]) ** 2) / (2 * sigma**2))


def ridge(x, y, a, b, s_a, s_b, sigma):
    """The value of one limb at one pixel."""
    s = min(s_a, s_b)
    if s < 1e-3:
        return 0.0
    length = math.dist(a, b) ** 2
    if length < 1:
        return spot(x, y, a, s_a, sigma)
    low, high = np.minimum(a, b), np.maximum(a, b)
    columns = range(max(int(low[0] - 3 * sigma), 0), min(int(high[0] + 3 * sigma) + 1, SIZE))
    rows = range(max(int(low[1] - 3 * sigma), 0), min(int(high[1] + 3 * sigma) + 1, SIZE))
    if x not in columns or y not in rows:
        return 0.0
    t = ((x - a[0]) * (b[0] - a[0]) + (y - a[1]) * (b[1] - a[1])) / length
    nearest = a if t <= 0 else b if t >= 1 else [a[i] + t * (b[i] - a[i]) for i in (0, 1)]
    return s * math.exp(-(math.dist((x, y), nearest) ** 2) / (2 * sigma**2))


@pytest.fixture
def people():
    """Two persons, three frames, five joints, some outside the picture, some unknown, two closer than a pixel."""
    rng = np.random.default_rng(5)
    points = rng.uniform(-4, SIZE + 4, (1, 2, 3, 5, 2))
    points[:, :, :, 1] = points[:, :, :, 0] + rng.uniform(-0.5, 0.5, points[:, :, :, 0].shape)
    heights = rng.uniform(0.1, 1, points.shape[:-1])
    heights[0, 0, 0, 2], heights[0, 1, 1, 3], heights[0, 1, 2] = 0.0, 5e-4, 0.0
    return points, heights


@pytest.mark.parametrize("sigma", [0.6, 1.3])
def test_joint_maps_are_the_formula(people, sigma):
    points, heights = people
    maps = joint_maps(torch.tensor(points), torch.tensor(heights), SIZE, sigma)
    expected = np.zeros((5, 3, SIZE, SIZE))
    for v, t, y, x in np.ndindex(*expected.shape):
        expected[v, t, y, x] = max(spot(x, y, points[0, m, t, v], heights[0, m, t, v], sigma) for m in (0, 1))
    assert expected.max() > 0.5
    np.testing.assert_allclose(maps[0].numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.6, 1.3])
def test_limb_maps_are_the_formula(people, sigma):
    points, heights = people
    pairs = [(0, 1), (1, 2), (3, 2), (4, 0)]
    maps = limb_maps(torch.tensor(points), torch.tensor(heights), torch.tensor(pairs), SIZE, sigma)
    expected = np.zeros((4, 3, SIZE, SIZE))
    for i, t, y, x in np.ndindex(*expected.shape):
        a, b = pairs[i]
        expected[i, t, y, x] = max(
            ridge(x, y, points[0, m, t, a], points[0, m, t, b], heights[0, m, t, a], heights[0, m, t, b], sigma)
            for m in (0, 1)
        )
    assert (expected > 0.1).sum() > 100
    np.testing.assert_allclose(maps[0].numpy(), expected, atol=1e-12)


def test_single_precision_is_enough(people):
    points, heights = (torch.tensor(array) for array in people)
    pairs = torch.tensor([(0, 1), (1, 2), (3, 4)])
    for whole, half in (
        (joint_maps(points, heights, SIZE, SIGMA), joint_maps(points.float(), heights.float(), SIZE, SIGMA)),
        (
            limb_maps(points, heights, pairs, SIZE, SIGMA),
            limb_maps(points.float(), heights.float(), pairs, SIZE, SIGMA),
        ),
    ):
        assert torch.allclose(whole.float(), half, atol=1e-5)


def test_the_box_is_square_tight_and_a_quarter_larger():
    points = torch.tensor([[1.0, 2.0], [5.0, 4.0], [100.0, 100.0], [3.0, 3.0]]).view(1, 2, 1, 2, 2)
    known = torch.tensor([True, True, False, True]).view(1, 2, 1, 2)
    assert clip_boxes(points, known).tolist() == [[0.5, 0.5, 5.0, 5.0]]
    assert clip_boxes(points, torch.zeros_like(known)).tolist() == [[-0.5, -0.5, 1.0, 1.0]]
    inside = in_pixels(points, clip_boxes(points, known), 20)
    assert inside[0, 0, 0].tolist() == [[2.0, 6.0], [18.0, 14.0]]


def test_crops_lie_in_their_boxes_and_have_the_area():
    torch.manual_seed(0)
    boxes = torch.tensor([[2.0, -3.0, 4.0, 4.0]]).expand(5000, 4)
    parts = cropped(boxes, 0.56)
    low, high = parts[:, :2], parts[:, :2] + parts[:, 2:]
    assert (low >= torch.tensor([2.0, -3.0]) - 1e-5).all()
    assert (high <= torch.tensor([6.0, 1.0]) + 1e-5).all()
    area, aspect = parts[:, 2] * parts[:, 3] / 16, parts[:, 2] / parts[:, 3]
    assert 0.56 - 1e-4 <= area.min() < 0.58
    assert 0.95 < area.max() <= 1 + 1e-5
    assert 0.75 - 1e-4 <= aspect.min() < 0.8
    assert 1.25 < aspect.max() <= 4 / 3 + 1e-4


def test_limbs_of_a_layout():
    coco = LAYOUTS["coco-17"]
    official = [
        [0, 5],
        [0, 6],
        [5, 7],
        [7, 9],
        [6, 8],
        [8, 10],
        [5, 11],
        [11, 13],
        [13, 15],
        [6, 12],
        [12, 14],
        [14, 16],
    ]
    pairs = limb_pairs(coco)
    assert pairs.tolist() == [*official, [0, 1], [0, 2], [1, 3], [2, 4], [11, 12]]
    left, right = [0, 2, 3, 6, 7, 8, 12, 14], [1, 4, 5, 9, 10, 11, 13, 15]
    swap = mirrored_limbs(pairs, coco)
    assert swap[left].tolist() == right
    assert swap[right].tolist() == left
    assert swap[16] == 16
    assert limb_pairs(LAYOUTS["imigue-22"]).tolist() == LAYOUTS["imigue-22"].edges.tolist()
    assert limb_pairs(coco, [["nose", "left_hip"]]).tolist() == [[0, 11]]


def test_limbs_of_the_36_points_are_the_published():
    layout = LAYOUTS["openpose-36"]
    face = "19-17 19-18 17-12 12-13 13-14 18-16 16-15 15-14 20-21 21-22 22-23 23-20 0-1 0-8 8-10 0-9 9-11 0-19"
    arms = "1-2 2-3 3-4 1-5 5-6 6-7 4-30 7-24"
    fingers = [{30, i} for i in range(31, 36)] + [{24, i} for i in range(25, 30)]
    published = [set(map(int, limb.split("-"))) for limb in f"{face} {arms}".split()] + fingers
    ours = [set(pair) for pair in limb_pairs(layout).tolist()]
    assert len(LIMBS["openpose-36"]) == 36
    assert sorted(map(sorted, ours)) == sorted(map(sorted, published))
    left, right = [17, 8, 10, 12, 13, 20, 2, 3, 4, *range(30, 36)], [18, 9, 11, 16, 15, 22, 5, 6, 7, *range(24, 30)]
    assert layout.flip_permutation[left].tolist() == right


@pytest.mark.parametrize(
    ("limbs", "message"),
    [([["nose", "tail"]], "is not two joints of layout 'coco-17'"), (["nose"], "'nose' is not two joints")],
)
def test_limbs_that_are_none(limbs, message):
    with pytest.raises(RecipeError, match=message):
        limb_pairs(LAYOUTS["coco-17"], limbs)


def test_a_limb_without_a_mirror_image():
    coco = LAYOUTS["coco-17"]
    with pytest.raises(RecipeError, match=r"limb .*left_wrist.* has no mirror image"):
        mirrored_limbs(limb_pairs(coco, [["nose", "left_wrist"]]), coco)
