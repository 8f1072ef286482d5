"""Optimisers and schedules: Muon beside AdamW, the trapezoid, and the moving average of weights."""

import copy

import pytest
import torch
from torch import nn

from microgesture.encoders.gesture_words import GestureWords
from microgesture.encoders.skeleton_transformer import SkeletonTransformer
from microgesture.recognition import create_objective
from microgesture.runs.configuration import OptimiserConfig
from microgesture.training.averaging import MovingAverage
from microgesture.training.optimisers import MuonBesideAdamW, make_optimizer, trapezoid
from microgesture.vocabulary import Vocabulary


@pytest.fixture
def objective():
    torch.manual_seed(0)
    encoder = SkeletonTransformer(width=16, layers=1, heads=2, features="movement")
    return create_objective("visual-text-timed", encoder, GestureWords(8), Vocabulary.load("imigue"), width=16)


def take_steps(objective: nn.Module, optimiser: torch.optim.Optimizer, steps: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for parameter in objective.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        optimiser.step()


def test_every_parameter_belongs_to_one_of_the_two(objective):
    optimiser = make_optimizer(objective, OptimiserConfig("muon"))
    assert isinstance(optimiser, MuonBesideAdamW)
    held = [id(p) for group in optimiser.param_groups for p in group["params"]]
    wanted = [id(p) for p in objective.parameters() if p.requires_grad]
    assert sorted(held) == sorted(wanted)
    assert all(p.ndim == 2 for group in optimiser.parts["muon"].param_groups for p in group["params"])


def test_rates_set_from_outside_reach_both(objective):
    optimiser = make_optimizer(objective, OptimiserConfig("muon"))
    for group in optimiser.param_groups:
        group["lr"] = 0.0
    before = copy.deepcopy(objective.state_dict())
    take_steps(objective, optimiser, 2, 1)
    assert all(torch.equal(before[key], value) for key, value in objective.state_dict().items())


def test_a_state_that_is_saved_goes_on_as_if_nothing_had_been(objective):
    other = copy.deepcopy(objective)
    config = OptimiserConfig("muon", lr_encoder=1e-2)
    ours, theirs = make_optimizer(objective, config), make_optimizer(other, config)
    take_steps(objective, ours, 3, 1)
    take_steps(other, theirs, 3, 1)
    fresh = make_optimizer(other, config)
    fresh.load_state_dict(copy.deepcopy(theirs.state_dict()))
    take_steps(objective, ours, 2, 2)
    take_steps(other, fresh, 2, 2)
    ours_after, theirs_after = objective.state_dict(), other.state_dict()
    assert all(torch.equal(ours_after[key], theirs_after[key]) for key in ours_after)


def test_the_trapezoid_rises_stays_and_falls():
    rates = [trapezoid(step, 100, 0.1, 0.2) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[79] == 1.0
    assert rates[90] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.05)


def test_the_average_is_of_the_weights_and_the_buffers_are_the_last(objective):
    average = MovingAverage(objective, 0.5)
    parameter = next(objective.image_projection.parameters())
    first = parameter.detach().clone()
    average.update_parameters(objective)
    with torch.no_grad():
        parameter.add_(1.0)
    objective.encoder.features.standardised.mean.fill_(7.0)
    average.update_parameters(objective)
    kept = average.as_is(objective)
    of_kept = next(kept.image_projection.parameters())
    # after the first update the decay is min(0.5, 2 / 11)
    assert torch.allclose(of_kept, first + (1.0 - 2.0 / 11.0), atol=1e-5)
    assert float(kept.encoder.features.standardised.mean[0]) == 7.0
