"""Hidden shares of hands: what is before a hand hides it, what is behind or beside it does not."""

import numpy as np
import pytest
import torch

from microgesture.pretraining.estimated_bank import film
from microgesture.skeletons.layouts import GESTURE_62
from microgesture.synthetic.estimator.noise import CLUSTERS
from microgesture.synthetic.estimator.occlusion import hidden_hands
from microgesture.synthetic.people.motion import MOTIONS
from microgesture.synthetic.pictures.renderer import visibility
from microgesture.synthetic.worlds.skeleton_bank import JOINTS_62, act

LEFT, RIGHT = CLUSTERS["hands"]


@pytest.fixture(scope="module")
def seen() -> np.ndarray:
    """(1, 4, 62, 3): one seen from in front by a camera at the chest's height, 2.5 m away; both hands stretched out."""
    joints = act(3, "train", 1, ("nod",), (1.0, 1.0)).performance.joints[3, JOINTS_62]
    middle = joints[[GESTURE_62.index(f"{s}_shoulder") for s in ("left", "right")]].mean(0)
    along = (joints - middle) * [1.0, -1.0, -1.0] + [0.0, 0.3, 2.5]
    for side, hand, x in (("left", LEFT, 0.7), ("right", RIGHT, -0.7)):
        along[hand] += [x, 0.4, 2.3] - along[hand].mean(0)
        along[GESTURE_62.index(f"{side}_elbow")] = [0.6 * x, 0.5, 2.6]
    return np.tile(along, (1, 4, 1, 1)).astype(np.float32)


def test_a_hand_behind_the_trunk_is_hidden_and_before_it_is_not(seen: np.ndarray) -> None:
    free = hidden_hands(seen)
    assert free.shape == (1, 4, 2)
    trunk = seen[0, 0, [GESTURE_62.index(f"left_{j}") for j in ("shoulder", "hip")]].mean(0)
    for depth, share in ((0.35, 1.0), (-0.5, free[0, 0, 0])):
        moved = seen.copy()
        moved[:, :, LEFT] += trunk - seen[0, 0, LEFT].mean(0) + [0.0, 0.0, depth]
        hidden = hidden_hands(moved)
        assert hidden[0, 0, 0] == pytest.approx(share, abs=0.15)
        assert hidden[0, 0, 1] == pytest.approx(free[0, 0, 1])


def test_frames_between_are_on_straight_lines(seen: np.ndarray) -> None:
    behind = seen.copy()
    behind[:, :, LEFT] += seen[0, 0, GESTURE_62.index("left_hip")] - seen[0, 0, LEFT].mean(0) + [0.0, -0.2, 0.4]
    mixed = np.concatenate([seen[:, :1].repeat(8, 1), behind[:, :1].repeat(1, 1)], 1)
    shares = hidden_hands(mixed, every=8)[0, :, 0]
    np.testing.assert_allclose(shares, np.linspace(shares[0], shares[-1], 9), atol=1e-6)
    assert shares[-1] > shares[0] + 0.5
    assert (hidden_hands(mixed, every=1)[0, :8, 0] == shares[0]).all()


def test_one_frame(seen: np.ndarray) -> None:
    np.testing.assert_allclose(hidden_hands(seen[:, :1]), hidden_hands(seen)[:, :1])


def test_mirrored_people_hide_the_other_hand(seen: np.ndarray) -> None:
    across = seen.copy()
    across[:, :, LEFT] += seen[:, :, RIGHT].mean(2, keepdims=True) - seen[:, :, LEFT].mean(2, keepdims=True)
    across[:, :, LEFT, 2] += 0.08
    mirrored = across[:, :, GESTURE_62.flip_permutation] * np.array([-1, 1, 1], np.float32)
    np.testing.assert_allclose(hidden_hands(mirrored), hidden_hands(across)[..., ::-1], atol=1e-6)
    assert hidden_hands(across)[0, 0, 0] > hidden_hands(seen)[0, 0, 0] + 0.2


def test_shares_agree_with_what_the_renderer_shows() -> None:
    torch.set_num_threads(1)
    guessed, true = [], []
    for index in range(6):
        acted = act(12, "test", index, tuple(MOTIONS), (2.0, 2.0))
        if acted.performance.table is not None:  # no joint tells where a table is
            continue
        filmed = film(acted, "test", 96)
        shown_at = visibility(acted.performance, filmed.camera, filmed.appearance)[:, JOINTS_62]
        camera = filmed.camera.to_camera(acted.performance.joints[:, JOINTS_62])[None]
        pixels, _ = filmed.camera.project(acted.performance.joints[:, JOINTS_62])
        for k, hand in enumerate((LEFT, RIGHT)):
            here = ((pixels[:, hand] > 0) & (pixels[:, hand] < filmed.camera.size)).all((1, 2))
            guessed.append(hidden_hands(camera, 1)[0, here, k])
            true.append(1.0 - shown_at[here][:, hand].mean(1))
    ours, shown = np.concatenate(guessed), np.concatenate(true)
    assert len(shown) > 100
    assert np.corrcoef(ours, shown)[0, 1] > 0.5
    assert abs(ours.mean() - shown.mean()) < 0.2
