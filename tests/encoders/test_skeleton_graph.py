"""The graph network: its graph, its features, its convolution against the formula, its options."""

import numpy as np
import pytest
import torch

from microgesture.encoders import create_encoder
from microgesture.encoders.skeleton_graph import (
    CPU_CLIPS,
    GraphConvolution,
    JointFeatures,
    partitioned_adjacency,
)
from microgesture.errors import RecipeError
from microgesture.skeletons.layouts import GESTURE_62

SMALL = {"width": 16, "channels": (8, 12)}


def skeleton(batch: int = 2, frames: int = 12, seed: int = 0) -> torch.Tensor:
    """(B, T, 62, 3): a body 200 pixels wide that moves, all points known."""
    generator = torch.Generator().manual_seed(seed)
    rest = torch.randn(batch, 1, 62, 2, generator=generator) * 200 + 600
    moving = torch.randn(batch, frames, 62, 2, generator=generator).cumsum(1) * 5
    return torch.cat([rest + moving, torch.ones(batch, frames, 62, 1)], -1)


def test_bones_lead_to_the_neck():
    parent = GESTURE_62.parents.tolist()
    neck = GESTURE_62.index("neck")
    assert parent[neck] == neck
    for child, expected in (("left_elbow", "left_shoulder"), ("right_index_tip", "right_index_mid"), ("nose", "neck")):
        assert GESTURE_62.joints[parent[GESTURE_62.index(child)]] == expected
    for start in range(len(GESTURE_62)):
        joint, steps = start, 0
        while joint != neck:
            joint, steps = parent[joint], steps + 1
            assert steps < 10


def test_partitions_are_self_inwards_outwards_and_all():
    own, inwards, outwards, whole = partitioned_adjacency(GESTURE_62)
    neck, wrist = GESTURE_62.index("neck"), GESTURE_62.index("left_wrist")
    elbow = GESTURE_62.index("left_elbow")
    assert torch.equal(own, torch.eye(62))
    assert inwards[wrist].nonzero().tolist() == [[elbow]]
    assert inwards[neck].sum() == 0
    children = {GESTURE_62.joints[i] for i in outwards[wrist].nonzero()[:, 0]}
    assert children == {f"left_{j}" for j in ("thumb_base", *(f"{f}_knuckle" for f in ("index", "middle")))} | {
        "left_ring_knuckle",
        "left_pinky_knuckle",
    }
    assert outwards[wrist].sum() == pytest.approx(1)
    assert outwards[GESTURE_62.index("left_index_tip")].sum() == 0
    assert torch.allclose(whole.sum(1), torch.ones(62))
    # every bone once in each direction
    assert torch.equal(inwards.T > 0, outwards > 0)
    assert (inwards > 0).sum() == 61


def test_graph_convolution_is_the_formula():
    torch.manual_seed(0)
    layer = GraphConvolution(6, 8).double()
    torch.nn.init.normal_(layer.learnt, std=0.1)
    x = torch.randn(62, 3, 2, 6, dtype=torch.float64)
    W, b = layer.linear.weight.detach().numpy(), layer.linear.bias.detach().numpy()
    A = (layer.adjacency + layer.learnt).detach().numpy()
    expected = [
        np.einsum("uv,vnbc->unbc", A[k], x.numpy() @ W[2 * k : 2 * k + 2].T + b[2 * k : 2 * k + 2]) for k in range(4)
    ]
    assert np.allclose(layer(x).detach().numpy(), np.concatenate(expected, -1), atol=1e-12)


def test_joint_features():
    features, seen = JointFeatures()(skeleton())
    assert features.shape == (2, 12, 62, 7)
    assert seen.all()
    place, change, known, bone = features.split((2, 2, 1, 2), -1)
    assert torch.allclose(change[:, 1:] / 5, place[:, 1:] - place[:, :-1], atol=1e-5)
    assert not change[:, 0].any()
    assert known.all()
    elbow, shoulder = GESTURE_62.index("left_elbow"), GESTURE_62.index("left_shoulder")
    tip, wrist = GESTURE_62.index("right_index_tip"), GESTURE_62.index("right_wrist")
    assert torch.allclose(bone[:, :, elbow], (place[:, :, elbow] - place[:, :, shoulder]).clamp(-3, 3), atol=1e-5)
    assert torch.allclose(bone[:, :, tip], (4 * (place[:, :, tip] - place[:, :, wrist])).clamp(-3, 3), atol=1e-5)


def test_joint_features_do_not_depend_on_size_and_place_of_the_picture():
    clip = skeleton()
    larger = clip.clone()
    larger[..., :2] = clip[..., :2] * 2 + torch.tensor([70.0, -900.0])
    assert torch.allclose(JointFeatures()(clip)[0], JointFeatures()(larger)[0], atol=1e-4)


def test_unknown_points_are_zero_and_take_their_bones_along():
    clip = skeleton()
    wrist, tip = GESTURE_62.index("left_wrist"), GESTURE_62.index("left_index_tip")
    clip[:, 4:, wrist, 2] = 0.0
    clip[:, 4:, wrist, :2] = 1e6
    features, _ = JointFeatures()(clip)
    assert not features[:, 4:, wrist].any()
    assert not features[:, 4:, tip, 5:].any()
    assert features[:, :4, tip, 5:].any()
    assert features[:, 4:, tip, :2].any()


def test_a_large_batch_is_encoded_like_its_clips_alone():
    torch.manual_seed(0)
    encoder = create_encoder("skeleton_graph", **SMALL).eval()
    clip = skeleton(CPU_CLIPS + 3, 6)[:, None]
    with torch.no_grad():
        together = encoder(clip)
        alone = torch.cat([encoder(one) for one in clip.split(1)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_joint_that_stands_elsewhere_in_the_body_gives_other_tokens():
    torch.manual_seed(0)
    encoder = create_encoder("skeleton_graph", **SMALL).eval()
    clip = skeleton()[:, None]
    mirrored = clip[:, :, :, torch.from_numpy(GESTURE_62.flip_permutation)]
    with torch.no_grad():
        assert not torch.allclose(encoder(clip), encoder(mirrored), atol=1e-2)


def test_dropout_is_the_same_for_all_joints_and_off_in_eval():
    torch.manual_seed(0)
    encoder = create_encoder("skeleton_graph", **SMALL, dropout=0.5)
    clip = skeleton()[:, None]
    with torch.no_grad():
        assert not torch.equal(encoder(clip), encoder(clip))
        encoder.eval()
        assert torch.equal(encoder(clip), encoder(clip))


@pytest.mark.parametrize(
    ("options", "message"),
    [({"kernel": 4}, "kernel 4 is even"), ({"channels": (64, 30)}, "channels 30 cannot be divided among the 4")],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(RecipeError, match=f"skeleton_graph.*{message}"):
        create_encoder("skeleton_graph", **options)
