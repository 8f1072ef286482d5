"""Proportions and surface of synthetic bodies."""

import numpy as np
import pytest

from microgesture.errors import DataError
from microgesture.synthetic.people.body import RANGES, head_points, sample_body, solids

BODIES = [sample_body(np.random.default_rng(seed)) for seed in range(20)]


def test_same_seed_same_body_and_other_seed_other_body():
    assert sample_body(np.random.default_rng(3)) == BODIES[3]
    assert BODIES[3] != BODIES[4]


def test_ranges_are_respected():
    body = sample_body(np.random.default_rng(0), stature=(1.80, 1.80), build=(1.0, 1.0))
    assert body.lengths["stature"] == pytest.approx(1.80)
    statures = [b.lengths["stature"] for b in BODIES]
    assert min(statures) >= RANGES["stature"][0]
    assert max(statures) <= RANGES["stature"][1]
    assert max(statures) - min(statures) > 0.15


@pytest.mark.parametrize("ranges", [{"height": (1.0, 2.0)}, {"stature": (1.9, 1.7)}, {"build": (0.0, 1.0)}])
def test_wrong_ranges_are_user_errors(ranges):
    with pytest.raises(DataError, match="sample_body"):
        sample_body(np.random.default_rng(0), **ranges)


@pytest.mark.parametrize("body", BODIES[:8])
def test_proportions_are_those_of_adults(body):
    size, r = body.lengths, body.radii
    assert size["pelvis_spine"] + size["spine_chest"] + size["chest_neck"] == pytest.approx(size["trunk"])
    standing = size["thigh"] + size["shin"] + size["ankle_height"] + size["trunk"] + size["neck"]
    standing += size["skull_base"] + 0.5 * size["head_height"]
    assert standing == pytest.approx(size["stature"], rel=0.06)
    assert 6.5 < size["stature"] / size["head_height"] < 8.5
    assert r["chest_width"] < size["shoulder_width"] / 2
    assert r["wrist"] < r["forearm"] < r["upper_arm"] < r["thigh"]


@pytest.mark.parametrize("body", BODIES[:8])
def test_face_points_lie_on_the_head(body):
    shapes = [s for s in solids(body) if s.frame == "head"]
    for name, point in head_points(body).items():
        if name == "nose":
            continue  # it stands out
        values = [np.linalg.norm((point - np.array(s.centre)) / np.array(s.semi_axes)) for s in shapes]
        assert 0.97 < min(values) < 1.16, name


def test_left_and_right_are_mirrored():
    points = head_points(BODIES[0])
    for name in points:
        if name.startswith("left_"):
            mirrored = points[name.replace("left_", "right_")] * np.array([-1.0, 1.0, 1.0])
            np.testing.assert_allclose(points[name], mirrored)
