"""What both encoders of skeletons promise: tokens of two frames each, nobody there, several persons, pooling."""

import pytest
import torch

from microgesture.encoders import create_encoder

SMALL = {
    "skeleton_transformer": {"width": 16, "layers": 2, "heads": 2},
    "skeleton_graph": {"width": 16, "channels": (8, 8, 12)},
}


@pytest.fixture(params=sorted(SMALL))
def encoder(request):
    torch.manual_seed(0)
    return create_encoder(request.param, **SMALL[request.param]).eval()


def skeleton(batch: int = 2, persons: int = 1, frames: int = 20, seed: int = 0) -> torch.Tensor:
    """(B, M, T, 62, 3): bodies that move, all points known."""
    generator = torch.Generator().manual_seed(seed)
    rest = torch.randn(batch, persons, 1, 62, 2, generator=generator)
    moving = torch.randn(batch, persons, frames, 62, 2, generator=generator).cumsum(2) * 0.05
    return torch.cat([rest + moving, torch.ones(batch, persons, frames, 62, 1)], -1)


@pytest.mark.parametrize("frames", [2, 3, 7, 8, 31])
@pytest.mark.parametrize("persons", [1, 2])
def test_one_token_for_two_frames(encoder, frames, persons):
    tokens = encoder(skeleton(2, persons, frames))
    assert tokens.shape == (2, (frames + 1) // 2, 16)
    assert (tokens != 0).any(-1).all()
    assert encoder.pool(tokens).shape == (2, 16)


def test_tokens_do_not_depend_on_size_and_place_of_the_picture(encoder):
    clip = skeleton()
    larger = clip.clone()
    larger[..., :2] = clip[..., :2] * 400 + torch.tensor([640.0, 360.0])
    assert torch.allclose(encoder(clip), encoder(larger), atol=1e-3)


def test_tokens_see_the_order_of_time(encoder):
    clip = skeleton()
    assert not torch.allclose(encoder(clip), encoder(clip.flip(2)).flip(1), atol=1e-2)


def test_padding_at_the_end_changes_no_token(encoder):
    clip = skeleton(frames=20)
    padded = torch.cat([clip, torch.zeros(2, 1, 10, 62, 3)], 2)
    tokens, longer = encoder(clip), encoder(padded)
    assert torch.allclose(longer[:, :10], tokens, atol=1e-5)
    assert torch.equal(longer[:, 10:], torch.zeros(2, 5, 16))
    assert torch.allclose(encoder.pool(longer), encoder.pool(tokens), atol=1e-5)


def test_a_gap_is_exactly_zero_whatever_its_coordinates(encoder):
    clip = skeleton(frames=20)
    clip[:, :, 6:12, :, 2] = 0.0
    other = clip.clone()
    other[:, :, 6:12, :, :2] = 1e5
    tokens = encoder(clip)
    assert torch.equal(tokens[:, 3:6], torch.zeros(2, 3, 16))
    assert (tokens != 0).any(-1).sum(1).tolist() == [7, 7]
    assert torch.equal(encoder(other), tokens)


def test_a_token_is_there_when_one_of_its_frames_is(encoder):
    clip = skeleton(frames=8)
    clip[:, :, :3, :, 2] = 0.0
    assert (encoder(clip) != 0).any(-1).tolist() == [[False, True, True, True]] * 2


def test_pool_leaves_out_tokens_that_are_zero(encoder):
    tokens = encoder(skeleton())
    more = torch.cat([torch.zeros(2, 3, 16), tokens, torch.zeros(2, 1, 16)], 1)
    assert torch.allclose(encoder.pool(more), encoder.pool(tokens), atol=1e-6)


def test_nobody_at_all(encoder):
    clip = skeleton()
    clip[0, ..., 2] = 0.0
    clip.requires_grad_()
    tokens = encoder(clip)
    assert not tokens[0].any()
    assert torch.equal(encoder.pool(tokens)[0], torch.zeros(16))
    encoder.pool(tokens).square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.requires_grad)
    with torch.no_grad():
        assert torch.allclose(tokens[1], encoder(clip[1:])[0], atol=1e-5)  # the neighbour in the batch is as ever


def test_persons_are_averaged_where_they_are_seen(encoder):
    clip = skeleton(persons=2)
    clip[:, 1, 10:, :, 2] = 0.0
    first, second = encoder(clip[:, :1]), encoder(clip[:, 1:])
    both = encoder(clip)
    assert torch.allclose(both[:, :5], (first + second)[:, :5] / 2, atol=1e-5)
    assert torch.allclose(both[:, 5:], first[:, 5:], atol=1e-5)
    clip[:, 1, ..., 2] = 0.0
    assert torch.allclose(encoder(clip), first, atol=1e-5)


def test_the_same_seed_gives_the_same_tokens(encoder):
    torch.manual_seed(0)
    again = create_encoder(encoder.name, **encoder.options).eval()
    assert torch.equal(again(skeleton()), encoder(skeleton()))


def test_training_repeats_from_a_seed(encoder):
    gradients = []
    for _ in range(2):
        torch.manual_seed(3)
        encoder.train().zero_grad()
        encoder.pool(encoder(skeleton(3))).square().sum().backward()
        gradients.append([p.grad.clone() for p in encoder.parameters() if p.requires_grad])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_gradient_reaches_every_parameter_with_gaps_and_persons(encoder):
    clip = skeleton(3, 2)
    clip[0, 0, 4:8, :, 2] = 0.0
    clip[1, 1, ..., 2] = 0.0
    torch.manual_seed(1)
    tokens = encoder.train()(clip)
    (encoder.pool(tokens) * torch.randn(3, 16)).sum().backward()
    learnt = [(n, p) for n, p in encoder.named_parameters() if p.requires_grad]
    idle = [n for n, p in learnt if p.grad is None or not p.grad.abs().any()]
    assert idle == []
