import pytest
import torch
from torch import nn

from microgesture.encoders import create_encoder
from microgesture.libraries.cpu_bfloat16 import avoid_wrong_kernel


def gradients(module: nn.Module, clip: torch.Tensor, bf16: bool) -> dict[str, torch.Tensor]:
    module.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        y = module(clip)
    y.float().square().mean().backward()
    return {k: p.grad.clone() for k, p in module.named_parameters()}


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_weight_gradients_in_bf16_are_those_of_fp32(length):
    torch.manual_seed(length)
    layer = nn.Conv3d(48, 48, (3, 1, 1), padding=(1, 0, 0), bias=False)
    avoid_wrong_kernel(layer)
    for _ in range(4):  # the fault comes and goes with what is left in memory
        clip = torch.randn(8, 48, length, 4, 4)
        want, got = (gradients(layer, clip, bf16)["weight"] for bf16 in (False, True))
        assert torch.isfinite(got).all()
        assert (got - want).norm() < 0.02 * want.norm()


def test_the_network_keeps_finite_gradients_at_the_length_that_was_wrong():
    torch.manual_seed(0)
    encoder = create_encoder("r2plus1d_small", channels=[8, 16, 32, 64])
    avoid_wrong_kernel(encoder)
    for _ in range(3):
        found = gradients(encoder, torch.randn(4, 3, 12, 32, 32), True)
        assert all(torch.isfinite(g).all() for g in found.values())
