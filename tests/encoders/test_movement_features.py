"""Features in which small movements stand out: what they may not depend on, and what they must show."""

import numpy as np
import pytest
import torch

from microgesture.encoders.movement_features import LARGEST, MovementFeatures, Standardised
from microgesture.encoders.skeleton_transformer import SkeletonTransformer
from microgesture.skeletons.layouts import GESTURE_62

FRAMES = 24


def index(joint: str) -> int:
    return GESTURE_62.index(joint)


def body(seed: int = 0) -> torch.Tensor:
    """(1, T, 62, 3): a still body whose points tremble by a hundredth of the shoulders' width of 100; all known."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(1, 1, 62, 2, generator=generator) * 80 + 300
    fixed = {"neck": (300, 200), "nose": (300, 135), "left_shoulder": (350, 200), "right_shoulder": (250, 200)}
    fixed |= {"left_ear": (320, 135), "right_ear": (280, 135), "left_eye": (308, 130), "right_eye": (292, 130)}
    for joint, place in fixed.items():
        points[:, :, index(joint)] = torch.tensor(place, dtype=torch.float32)
    points = points + torch.randn(1, FRAMES, 62, 2, generator=generator)
    points[:, :, index("neck")] = points[:, :, [index("left_shoulder"), index("right_shoulder")]].mean(2)
    return torch.cat([points, torch.ones(1, FRAMES, 62, 1)], -1)


def test_shapes():
    features = MovementFeatures().eval()
    found, seen = features(body())
    assert found.shape == (1, FRAMES, features.width)
    assert seen.shape == (1, FRAMES)
    assert seen.all()
    assert list(features.parameters()) == []


@pytest.mark.parametrize(("scale", "shift"), [(2.0, (0.0, 0.0)), (0.3, (500.0, -70.0))])
def test_size_and_place_of_the_picture_do_not_matter(scale, shift):
    features, clip = MovementFeatures().eval(), body()
    clip[:, 2:4, index("left_wrist"), 2] = 0.0
    other = clip.clone()
    other[..., :2] = clip[..., :2] * scale + torch.tensor(shift)
    assert torch.allclose(features(clip)[0], features(other)[0], atol=5e-3)


def test_unknown_points_are_zero_wherever_they_are_said_to_be():
    features, clip = MovementFeatures().eval(), body()
    clip[..., index("left_knee"), 2] = 0.0
    other = clip.clone()
    other[..., index("left_knee"), :2] = 1e4
    assert torch.equal(features(clip)[0], features(other)[0])
    assert torch.isfinite(features(torch.zeros_like(clip))[0]).all()
    assert not features(torch.zeros_like(clip))[1].any()


def test_many_clips_at_once_are_as_one_by_one():
    features = MovementFeatures().eval()
    clips = torch.cat([body(seed) for seed in range(11)])
    together = features(clips)[0]
    assert torch.allclose(together, torch.cat([features(clip[None])[0] for clip in clips]), atol=1e-5)


def test_a_small_head_shake_stands_out_more_than_it_does_among_places():
    """0.14 shoulder widths over a tremble of 0.01, while the hands rest: what the features of places hardly show."""
    still, shaking = body(3), body(3)
    head = [index(j) for j in ("nose", "left_eye", "right_eye", "forehead", "chin", "upper_lip", "lower_lip")]
    swing = 14.0 * torch.sin(2 * np.pi * 1.5 * torch.arange(FRAMES) / 12.5)
    shaking[:, :, head, 0] += swing[None, :, None]
    features = MovementFeatures().train()
    features(torch.cat([body(seed) for seed in range(8)]))
    features.eval()
    apart = (features(shaking)[0] - features(still)[0]).abs()
    assert (apart.amax((0, 1)) > 3.0).sum() > 40


def test_standardised_features_have_the_statistics_of_the_first_clips_and_keep_them():
    layer = Standardised(3)
    rows = torch.randn(400, 5, 3) * torch.tensor([0.1, 1.0, 50.0]) + torch.tensor([4.0, 0.0, -9.0])
    rows[:, 0] = 0.0  # unknown
    out = layer.train()(rows)
    assert (out[:, 0] == 0).all()
    assert torch.allclose(out[:, 1:].flatten(0, 1).mean(0), torch.zeros(3), atol=0.05)
    assert torch.allclose(out[:, 1:].flatten(0, 1).std(0), torch.ones(3), atol=0.05)
    assert float(out.abs().max()) <= LARGEST
    mean = layer.mean.clone()
    layer.eval()(rows + 100.0)
    assert torch.equal(layer.mean, mean)
    layer.seen.fill_(layer.clips)
    layer.train()(rows + 100.0)
    assert torch.equal(layer.mean, mean), "they are learnt once"
    again = Standardised(3)
    again.load_state_dict(layer.state_dict())
    assert torch.equal(again.mean, mean)


def test_the_transformer_takes_them():
    encoder = SkeletonTransformer(width=32, layers=1, features="movement")
    tokens = encoder(body()[:, None])
    assert tokens.shape == (1, FRAMES // 2, 32)
    assert torch.isfinite(tokens).all()
