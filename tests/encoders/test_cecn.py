"""CE-CN as reconstructed: embedding, self-attention over a learnt topology and the scales are their equations."""

import torch
from torch.nn import functional as F

from microgesture.encoders import create_encoder
from microgesture.encoders.cecn import JointEmbedding, MultiScaleTemporal, SelfAttentionGraphConvolution
from microgesture.encoders.joint_graphs import spatial_partitions
from microgesture.skeletons.layouts import LAYOUTS


def graph_convolution(width_in: int, width_out: int, joints: int = 5) -> SelfAttentionGraphConvolution:
    torch.manual_seed(0)
    convolution = SelfAttentionGraphConvolution(width_in, width_out, torch.randn(3, joints, joints))
    with torch.no_grad():
        for parameter in (convolution.norm.weight, convolution.norm.bias, convolution.query_key.weight):
            parameter.normal_()
    return convolution


def test_embedding_adds_who_the_joint_is():
    embedding = JointEmbedding(3, 8, 17)
    x = torch.randn(2, 3, 4, 17)
    weight = embedding.coordinates.weight[..., 0, 0]
    expected = torch.einsum("dc,nctv->ndtv", weight, x) + embedding.coordinates.bias[:, None, None]
    assert torch.allclose(embedding(x), expected + embedding.joints, atol=1e-5)
    same = embedding(torch.zeros(1, 3, 1, 17))[0, :, 0].T
    assert torch.cdist(same, same).fill_diagonal_(9).min() > 0.1


def test_attention_is_its_equation():
    convolution = graph_convolution(16, 4)
    x = torch.randn(2, 16, 6, 5)
    mean = F.layer_norm(x.mean(2).transpose(1, 2), (16,), convolution.norm.weight, convolution.norm.bias)
    weight = convolution.query_key.weight.view(2, 3, 8, 16)  # query or key, head, depth, C
    attention = convolution.attention(x)
    for clip in range(2):
        for head in range(3):
            query, key = mean[clip] @ weight[0, head].T, mean[clip] @ weight[1, head].T
            expected = torch.softmax(query @ key.T / 8**0.5, -1)
            assert torch.allclose(attention[clip, head], expected, atol=1e-5)
    assert torch.allclose(attention.sum(-1), torch.ones(2, 3, 5), atol=1e-5)


def test_graph_convolution_takes_by_topology_times_attention():
    convolution = graph_convolution(16, 4)
    x = torch.randn(2, 16, 6, 5)
    weights = convolution.topology * convolution.attention(x)  # (N, heads, V, V)
    mix = convolution.mix.weight.view(4, 3, 16)  # (C', heads, C)
    expected = torch.einsum("ohc,nhvw,nctw->notv", mix, weights, x)
    assert torch.allclose(convolution(x), expected, atol=1e-4)


def test_each_clip_has_its_own_graph_and_every_frame_of_it_the_same():
    convolution = graph_convolution(16, 4)
    one, other = torch.randn(2, 1, 16, 6, 5)
    assert not torch.allclose(convolution.attention(one), convolution.attention(other), atol=1e-3)
    shuffled = one[:, :, torch.tensor([3, 1, 5, 0, 2, 4])]
    assert torch.allclose(convolution.attention(shuffled), convolution.attention(one), atol=1e-5)


def test_topology_starts_as_the_skeleton_and_can_leave_it():
    partitions = spatial_partitions(LAYOUTS["coco-17"])
    convolution = SelfAttentionGraphConvolution(8, 8, partitions)
    assert torch.equal(convolution.topology, partitions)
    convolution(torch.randn(2, 8, 4, 17)).square().sum().backward()
    apart = partitions.sum(0) == 0
    assert (convolution.topology.grad[:, apart] != 0).all()


def test_topologies_of_the_blocks_are_their_own():
    encoder = create_encoder("cecn", first_width=8)
    topologies = [block.spatial.topology for block in list(encoder.blocks)[1:]]
    assert len({topology.data_ptr() for topology in topologies}) == 10


def reach(branch: torch.nn.Module, frames: int = 31) -> list[int]:
    """How far from the frame in the middle, either way, a branch looks: the input frames with a gradient."""
    x = torch.randn(1, 8, frames, 1, requires_grad=True)
    branch.eval()(x)[0, :, frames // 2].sum().backward()
    return [int(t) - frames // 2 for t in x.grad.abs().sum((0, 1, 3)).nonzero().flatten()]


def test_four_scales_over_time():
    torch.manual_seed(0)
    near, far, highest, itself = MultiScaleTemporal(8, 1).branches
    assert set(reach(near)) <= {-2, -1, 0, 1, 2}
    assert len(reach(near)) > 1
    assert set(reach(far)) <= {-4, -2, 0, 2, 4}
    assert len(reach(far)) > 1
    assert set(reach(highest)) <= {-1, 0, 1}
    assert reach(itself) == [0]


def test_scales_stand_side_by_side_and_halve_the_frames_with_stride_2():
    torch.manual_seed(0)
    temporal = MultiScaleTemporal(8, 2).eval()
    x = torch.randn(2, 8, 7, 3)
    out = temporal(x)
    assert out.shape == (2, 8, 4, 3)
    for position, branch in enumerate(temporal.branches):
        assert torch.equal(out[:, 2 * position : 2 * position + 2], branch(x))
