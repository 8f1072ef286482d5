"""MA-GCN as reconstructed: magnification, graph convolution and attention are their equations."""

import torch

from microgesture.encoders import create_encoder
from microgesture.encoders.joint_graphs import spatial_partitions
from microgesture.encoders.magcn import (
    FIRST_MAGNIFICATION,
    AdaptiveGraphConvolution,
    GeometricMagnification,
    JointFrameAttention,
)
from microgesture.skeletons.layouts import LAYOUTS


def test_magnification_stretches_a_joints_way_about_its_mean_place():
    magnify = GeometricMagnification(joints=2, channels=2)
    with torch.no_grad():
        magnify.raw[1] = torch.tensor(3.0).expm1().log()  # softplus of it is 3
    way = torch.tensor([[0.0, 5.0], [1.0, 5.0], [2.0, 8.0]])
    clip = torch.stack([way, way], dim=1)[None, None]  # (1, 1, 3, 2, 2)
    out = magnify(clip)[0, 0]
    assert torch.allclose(out[:, 0], torch.tensor([[-1.0, 4.0], [1.0, 4.0], [3.0, 10.0]]))
    assert torch.allclose(out[:, 1], torch.tensor([[-3.0, 2.0], [1.0, 2.0], [5.0, 14.0]]), atol=1e-5)


def test_magnification_starts_at_its_value_and_never_shrinks_a_movement():
    magnify = GeometricMagnification(5, 3)
    assert torch.allclose(magnify.magnification, torch.full((5, 3), FIRST_MAGNIFICATION))
    with torch.no_grad():
        magnify.raw.fill_(-50)
    assert (magnify.magnification >= 1).all()


def test_magnification_keeps_the_pose_and_what_stands_still():
    magnify = GeometricMagnification(17, 3)
    pose = torch.randn(2, 1, 1, 17, 3)
    assert torch.allclose(magnify(pose.expand(2, 1, 16, 17, 3)), pose.expand(2, 1, 16, 17, 3), atol=1e-6)
    clip = torch.randn(2, 1, 16, 17, 3)
    assert torch.allclose(magnify(clip).mean(2), clip.mean(2), atol=1e-6)


def test_the_network_sees_magnified_skeletons():
    encoder = create_encoder("magcn", first_width=8).eval()
    clip = torch.randn(2, 1, 16, 17, 3)
    mean = clip.mean(2, keepdim=True)
    with torch.no_grad():
        tokens = encoder(clip)
        encoder.magnify = torch.nn.Identity()
        assert torch.allclose(tokens, encoder(mean + FIRST_MAGNIFICATION * (clip - mean)), atol=1e-5)
        assert not torch.allclose(tokens, encoder(clip), atol=1e-3)


def test_graph_convolution_is_its_sum_over_partitions():
    torch.manual_seed(0)
    partitions = spatial_partitions(LAYOUTS["coco-17"])
    convolution = AdaptiveGraphConvolution(3, 4, partitions)
    with torch.no_grad():
        convolution.learnt.normal_()
    x = torch.randn(2, 3, 5, 17)
    weight = convolution.mix.weight.view(4, 3, 3)  # (C', K, C)
    expected = torch.zeros(2, 4, 5, 17)
    for k in range(3):
        graph = partitions[k] + convolution.learnt[k]
        for joint in range(17):
            taken = (x * graph[joint]).sum(-1)  # (N, C, T)
            expected[..., joint] += torch.einsum("oc,nct->not", weight[:, k], taken)
    assert torch.allclose(convolution(x), expected, atol=1e-4)


def test_graph_convolution_starts_on_the_bones_alone():
    convolution = AdaptiveGraphConvolution(1, 1, spatial_partitions(LAYOUTS["coco-17"]))
    x = torch.zeros(1, 1, 1, 17)
    x[..., 0] = 1
    with torch.no_grad():
        reached = convolution(x)[0, 0, 0].nonzero().flatten().tolist()
    neighbours = {int(j) for edge in LAYOUTS["coco-17"].edges.tolist() if 0 in edge for j in edge}
    assert set(reached) == neighbours | {0}


def test_attention_is_its_equation():
    torch.manual_seed(0)
    attention = JointFrameAttention(6, 5)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.normal_()
    x = torch.randn(2, 6, 12, 5)
    joints = torch.sigmoid((x.mean(2) * attention.joint_weight[:, None]).sum(1) + attention.joint_bias)  # (N, V)
    y = x * (1 + joints)[:, None, None, :]
    weight, frames = attention.frames.weight[0], y.mean(3)  # (C, 9), (N, C, T)
    padded = torch.cat([torch.zeros(2, 6, 4), frames, torch.zeros(2, 6, 4)], 2)
    scores = torch.stack([(padded[:, :, t : t + 9] * weight).sum((1, 2)) for t in range(12)], 1)
    expected = y * (1 + torch.sigmoid(scores + attention.frames.bias))[:, None, :, None]
    assert torch.allclose(attention(x), expected, atol=1e-4)


def test_attention_starts_neutral():
    x = torch.randn(2, 6, 12, 5)
    assert torch.allclose(JointFrameAttention(6, 5)(x), 2.25 * x)


def test_attention_raises_the_joint_and_the_frame_that_it_favours():
    attention = JointFrameAttention(6, 5)
    with torch.no_grad():
        attention.joint_bias[3] = 20
    out = attention(torch.ones(1, 6, 12, 5))
    assert torch.allclose(out[..., 3], torch.tensor(3.0))
    assert torch.allclose(out[..., :3], torch.tensor(2.25))
