"""The balancing fusion on encoders of skeletons and of pictures, at tiny sizes."""

import pytest
import torch
from torch import nn

from microgesture.encoders import create_encoder, load_reference
from microgesture.encoders.fusion import BalancedFusion
from microgesture.errors import RecipeError
from microgesture.evaluation.cost import cost
from microgesture.recognition import create_objective, describe, restore
from moving_vocabulary import VOCABULARY

CLIPS = {
    "stgcn": (1, 16, 17, 3),
    "msg3d": (1, 16, 17, 3),
    "tsm": (3, 8, 64, 64),
    "r2plus1d_small": (3, 16, 32, 32),
    "i3d": (3, 24, 32, 32),
    "skeleton_graph": (1, 16, 62, 3),
}
OPTIONS = {"tsm": {"depth": 18, "dropout": 0.0}}
named = pytest.mark.parametrize("name", CLIPS)


def make(name: str, **fusion: str):
    torch.manual_seed(3)
    return create_encoder(name, **OPTIONS.get(name, {}), **fusion)


def clip_of(name: str, batch: int = 2) -> torch.Tensor:
    clip = torch.randn(batch, *CLIPS[name], generator=torch.Generator().manual_seed(1))
    if name == "skeleton_graph":
        clip[..., 2] = 1.0
    return clip


@named
def test_the_encoder_itself_stays_as_it_was(name):
    plain, fused, clip = make(name).eval(), make(name, fusion="balanced").eval(), clip_of(name)
    ours = plain.state_dict()
    theirs = {k.removeprefix("encoder."): v for k, v in fused.state_dict().items() if k.startswith("encoder.")}
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert set(fused.state_dict()) - {f"encoder.{key}" for key in ours} == {"fusion.gate.weight", "fusion.gate.bias"}
    with torch.no_grad():
        tokens = fused(clip)
        assert torch.equal(tokens[..., : plain.width], plain(clip))
        assert torch.allclose(fused.pool(tokens)[:, : plain.width], 0.5 * plain.pool(plain(clip)), atol=1e-6)


@named
def test_shapes_gradient_and_a_batch_of_one(name):
    fused, clip = make(name, fusion="balanced").train(), clip_of(name)
    tokens = fused(clip)
    code = fused.pool(tokens)
    assert tokens.shape[2] == code.shape[1] == fused.width == 2 * fused.encoder.width
    (code * torch.randn(code.shape)).sum().backward()
    inert = "encoder.weight.bias"  # a softmax over the tokens of a `SkeletonEncoder` does not feel it
    learnt = [(n, p) for n, p in fused.named_parameters() if p.requires_grad and n != inert]
    assert [n for n, p in learnt if p.grad is None or not p.grad.abs().any()] == []
    fused.eval()
    nn.init.normal_(fused.fusion.gate.weight)
    with torch.no_grad():
        together = fused.pool(fused(clip))
        alone = torch.cat([fused.pool(fused(one)) for one in clip.split(1)])
        with torch.autocast("cpu", torch.bfloat16):
            half = fused.pool(fused(clip)).float()
    assert torch.allclose(together, alone, rtol=1e-4, atol=1e-4 * together.abs().max().item())
    assert torch.cosine_similarity(together, half, dim=1).min() > 0.99


@named
def test_it_travels_with_a_run(name):
    fused = make(name, fusion="half")
    objective = create_objective("supervised", fused, None, VOCABULARY)
    again = restore(describe(objective))
    assert not [key for key in fused.state_dict() if key.startswith("fusion")]
    again.load_state_dict(objective.state_dict())
    with torch.no_grad():
        assert torch.equal(again.eval().scores(clip_of(name)), objective.eval().scores(clip_of(name)))


def test_the_gate_is_the_equation():
    torch.manual_seed(0)
    fusion, space, time = BalancedFusion(3, 5), torch.randn(4, 3), torch.randn(4, 5)
    assert torch.equal(fusion.alpha(space, time), torch.full((4, 1), 0.5))
    nn.init.normal_(fusion.gate.weight)
    nn.init.constant_(fusion.gate.bias, 0.3)
    for i in range(4):
        logit = sum(
            w * x for w, x in zip(fusion.gate.weight[0].tolist(), [*space[i].tolist(), *time[i].tolist()], strict=True)
        )
        alpha = 1 / (1 + torch.exp(torch.tensor(-(logit + 0.3))))
        wanted = torch.cat([alpha * space[i], (1 - alpha) * time[i]])
        assert torch.allclose(fusion(space, time)[i], wanted, atol=1e-6)
    assert torch.equal(BalancedFusion(3, 5, "half")(space, time), torch.cat([space / 2, time / 2], 1))


def test_what_changes_is_seen_place_by_place():
    """A movement that comes back to where it was has the mean of one that is still, and is told from it by its change;
    two places that take turns are not one that is still."""
    fused = make("r2plus1d_small", fusion="half").eval()
    tokens = torch.zeros(1, 4, 2, fused.encoder.width)
    tokens[0, :, 0, 0] = torch.tensor([1.0, 3.0, 1.0, 3.0])
    tokens[0, :, 1, 0] = torch.tensor([3.0, 1.0, 3.0, 1.0])
    tokens[..., 1] = 1.0
    fused.encoder.forward = lambda clip: tokens.flatten(1, 2)
    code = fused.pool(fused(torch.zeros(1, 3, 32, 32, 32)))[0]
    assert code[0] == 1.0
    assert code[fused.encoder.width] == 1.0  # half of the change, 2 everywhere
    assert code[fused.encoder.width + 1] == 0.0


def test_nobody_is_no_change():
    fused = make("skeleton_graph", fusion="half").eval()
    clip = clip_of("skeleton_graph", 1)
    clip[:, :, 8:] = 0.0
    with torch.no_grad():
        tokens = fused(clip)
    change = tokens[0, :, fused.encoder.width :]
    assert not change[4:].any()
    assert change[:3].any()


def test_one_moment_cannot_be_balanced():
    with pytest.raises(RecipeError, match="a clip of 8 frames is one moment to encoder 'r2plus1d_small'"):
        make("r2plus1d_small", fusion="balanced")(torch.randn(1, 3, 8, 32, 32))
    with pytest.raises(RecipeError, match="fusion is balanced or half, got 'even'"):
        make("stgcn", fusion="even")
    with pytest.raises(RecipeError, match="with fusion has no official weights"):
        load_reference(make("stgcn", fusion="half"), {"fcn.weight": torch.zeros(2, 256, 1, 1)})


def test_its_cost_is_told():
    def of(**fusion):
        objective = create_objective("supervised", make("stgcn", **fusion), None, VOCABULARY)
        return cost(objective, clip_of("stgcn", 1))

    plain, balanced, half = of(), of(fusion="balanced"), of(fusion="half")
    assert (plain.fusion_parameters, plain.fusion_products) == (0, 0)
    assert (balanced.fusion_parameters, balanced.fusion_products) == (513, 1024)
    assert (half.fusion_parameters, half.fusion_products) == (0, 512)
    wider = 256 * len(VOCABULARY)  # the head reads twice as much
    assert balanced.parameters - plain.parameters == 513 + wider
    assert round(1e9 * (balanced.gflops - plain.gflops)) == 512 + wider
