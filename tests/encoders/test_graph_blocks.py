"""The parts that the reconstructed graph networks share, and what all three must do: any skeleton, and learn."""

import math
from collections.abc import Iterable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from microgesture.encoders import ReferenceClassifier, create_encoder
from microgesture.encoders.graph_blocks import (
    GraphBlock,
    TemporalConvolution,
    stack_blocks,
)
from microgesture.encoders.joint_graphs import hop_distances, spatial_partitions
from microgesture.errors import RecipeError
from microgesture.skeletons.layouts import LAYOUTS
from microgesture.skeletons.skeleton import make_layout

CHAIN = make_layout("chain", ("a", "b", "c", "d"), (("a", "b"), ("b", "c"), ("b", "d")), "a")
RECONSTRUCTED = ("magcn", "cecn", "edgcn")


def test_partitions_of_a_small_tree():
    itself, towards, away = spatial_partitions(CHAIN)
    assert torch.equal(itself, torch.eye(4))
    assert towards.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0]]
    assert away.tolist() == [[0, 1, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.name)
def test_partitions_of_every_layout_hold_its_bones_once(layout):
    _, towards, away = spatial_partitions(layout)
    assert int((towards > 0).sum()) == int((away > 0).sum()) == len(layout.bones)
    assert torch.equal(towards > 0, (away > 0).T)
    assert set(towards.sum(1).tolist()) == {0.0, 1.0}
    assert torch.allclose(away.sum(1)[away.any(1)], torch.ones(()))


def test_bone_distances_of_a_small_tree():
    assert hop_distances(CHAIN).tolist() == [[0, 1, 2, 2], [1, 0, 1, 1], [2, 1, 0, 2], [2, 1, 2, 0]]


def test_bone_distances_reach_everywhere_over_the_bones():
    layout = LAYOUTS["kinect-25"]
    distances = hop_distances(layout)
    assert torch.equal(distances, distances.T)
    assert all(distances[a, b] == 1 for a, b in layout.edges.tolist())
    assert distances.max() < len(layout)


def test_block_is_its_equation():
    torch.manual_seed(0)
    block = GraphBlock(nn.Conv2d(4, 8, 1), TemporalConvolution(8, 8, stride=2), 4, 8, stride=2).eval()
    x = torch.randn(2, 4, 9, 5)
    middle = F.relu(block.norm(block.spatial(x)) + block.inner(x))
    expected = F.relu(block.temporal(middle) + block.outer(x))
    assert expected.shape == (2, 8, 5, 5)
    assert torch.equal(block(x), expected)


def test_ten_blocks_of_the_published_widths_and_strides():
    made: list[tuple[int, int]] = []
    strides: list[int] = []

    def spatial(width_in: int, width_out: int) -> nn.Module:
        made.append((width_in, width_out))
        return nn.Conv2d(width_in, width_out, 1)

    def temporal(width: int, stride: int) -> nn.Module:
        strides.append(stride)
        return TemporalConvolution(width, width, stride=stride)

    blocks = stack_blocks(spatial, temporal, 3, 64)
    assert len(blocks) == 10
    assert [width for _, width in made] == [64] * 4 + [128] * 3 + [256] * 3
    assert [width for width, _ in made] == [3] + [64] * 4 + [128] * 3 + [256] * 2
    assert [position for position, stride in enumerate(strides, 1) if stride == 2] == [5, 8]
    assert blocks[0].outer is None
    assert all(block.outer is not None for block in blocks[1:])


@pytest.mark.parametrize("name", RECONSTRUCTED)
@pytest.mark.parametrize(
    ("layout", "channels", "persons", "frames"),
    [("imigue-22", 3, 1, 17), ("kinect-25", 3, 2, 16), ("mediapipe-75", 2, 1, 5)],
)
def test_any_skeleton(name, layout, channels, persons, frames):
    encoder = create_encoder(name, layout=layout, channels=channels, persons=persons, first_width=8).eval()
    clip = torch.randn(2, persons, frames, len(LAYOUTS[layout]), channels)
    with torch.no_grad():
        tokens = encoder(clip)
    assert tokens.shape == (2, math.ceil(math.ceil(frames / 2) / 2), 32)
    assert encoder.width == 32
    assert torch.isfinite(tokens).all()


@pytest.mark.parametrize("name", RECONSTRUCTED)
def test_tokens_are_means_over_joints_and_persons(name):
    torch.manual_seed(0)
    encoder = create_encoder(name, persons=2, first_width=8).eval()
    with torch.no_grad():
        clip = torch.randn(1, 2, 16, 17, 3)
        tokens = encoder(clip)
        assert torch.allclose(encoder(clip.flip(1)), tokens, atol=1e-5)  # the input norm is still the identity
        features = []
        encoder.blocks.register_forward_hook(lambda _module, _inputs, out: features.append(out))
        encoder(clip)
    assert torch.allclose(tokens[0], features[0].mean((0, 3)).T, atol=1e-5)


@pytest.mark.parametrize("name", RECONSTRUCTED)
def test_an_empty_skeleton_gives_finite_tokens(name):
    encoder = create_encoder(name, first_width=8)
    tokens = encoder.train()(torch.zeros(2, 1, 16, 17, 3))
    tokens.sum().backward()
    assert torch.isfinite(tokens).all()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters())


@pytest.mark.parametrize("name", RECONSTRUCTED)
def test_wrong_options_and_wrong_skeletons_are_named(name):
    with pytest.raises(RecipeError, match="multiple of 4, got 6"):
        create_encoder(name, first_width=6)
    with pytest.raises(RecipeError, match="no keypoint layout 'hand'"):
        create_encoder(name, layout="hand")
    encoder = create_encoder(name, first_width=8)
    with pytest.raises(RecipeError, match=rf"'{name}' was built for 1 persons, 17 joints and 3 channels"):
        encoder(torch.zeros(1, 1, 16, 25, 3))
    with pytest.raises(RecipeError, match="no official implementation"):
        encoder.from_reference({})


def moving_joints(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Skeletons (B, 1, 16, 17, 3) in which the nose, a wrist or an ankle swings, and which of the four, (B,)."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(0, 4, (count,), generator=generator)
    skeleton = 0.1 * torch.randn(count, 1, 1, 17, 3, generator=generator)
    skeleton = skeleton + 0.02 * torch.randn(count, 1, 16, 17, 3, generator=generator)
    phase = 2 * math.pi * torch.rand(count, 1, generator=generator)
    joint = torch.tensor([0, 9, 10, 15])[label]
    skeleton[torch.arange(count), 0, :, joint, 0] += torch.sin(math.pi / 4 * torch.arange(16) + phase)
    return skeleton, label


def train(
    name: str, batches: Iterable[tuple[torch.Tensor, torch.Tensor]], steps: int, first_width: int
) -> tuple[nn.Module, float]:
    """An encoder with its head after one cycle of AdamW over the batches, and the last loss."""
    torch.manual_seed(0)
    encoder = create_encoder(name, first_width=first_width)
    model = ReferenceClassifier(encoder, 4)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    loss = torch.tensor(math.nan)
    for clip, label in batches:
        loss = F.cross_entropy(model(clip), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model, loss.item()


@pytest.mark.parametrize("name", RECONSTRUCTED)
def test_fits_a_few_clips(name):
    _, loss = train(name, [moving_joints(8, 0)] * 15, 15, first_width=8)
    assert loss < 0.25  # chance: 1.39


@pytest.mark.slow
@pytest.mark.parametrize("name", RECONSTRUCTED)
def test_learns_which_joint_moves(name):
    model, _ = train(name, (moving_joints(24, seed) for seed in range(1, 61)), 60, first_width=16)
    clip, label = moving_joints(128, 0)
    with torch.no_grad():
        accuracy = (model.eval()(clip).argmax(1) == label).float().mean()
    assert accuracy > 0.9
