"""Two streams that learn from each other (a reconstruction): losses, keys, queues, the balance."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from microgesture.encoders import create_encoder
from microgesture.errors import RecipeError
from microgesture.recognition import create_objective, describe, restore
from moving_vocabulary import VOCABULARY

V = 17
GRAPH = {"graph": "shiftgcn", "hidden": 6}


def objective(fusion="balanced", queue=16, **options):
    torch.manual_seed(5)
    encoder = create_encoder("dual-stream", fusion=fusion, **GRAPH)
    return create_objective("dual-stream", encoder, None, VOCABULARY, queue=queue, width=8, size=16, **options)


def clips(rows=4, frames=24, seed=0):
    return torch.randn(rows, 1, frames, V, 3, generator=torch.Generator().manual_seed(seed))


def units(rows, seed):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(rows, 8, generator=generator, dtype=torch.float64), dim=1)


def test_the_losses_are_their_equations():
    learner = objective(fused=0.5, temperature=0.1).double()
    queries, keys = ({n: units(3, s + i) for i, n in enumerate(("space", "time", "fused"))} for s in (1, 11))
    found = learner.losses(queries, keys)

    def against(query, key):
        q, k, queue = queries[query].numpy(), keys[key].numpy(), learner.queues[key].memory.numpy()
        above = [math.exp(q[b] @ k[b] / 0.1) for b in range(3)]
        below = [above[b] + sum(math.exp(q[b] @ n / 0.1) for n in queue) for b in range(3)]
        return np.mean([-math.log(a / b) for a, b in zip(above, below, strict=True)])

    assert found["time_loss"].item() == pytest.approx(against("time", "space"), abs=1e-12)
    assert found["space_loss"].item() == pytest.approx(against("space", "time"), abs=1e-12)
    assert found["fused_loss"].item() == pytest.approx(0.5 * against("fused", "fused"), abs=1e-12)


def test_queues_and_keys_after_two_steps_by_hand():
    """The key encoder follows before the keys are made; each queue holds the keys of its own stream."""
    learner = objective(queue=6, momentum=0.8)
    optimizer = torch.optim.SGD(learner.parameters(), lr=0.1)
    memories = {name: queue.memory.clone() for name, queue in learner.queues.items()}
    assert all(torch.allclose(m.norm(dim=1), torch.ones(6)) for m in memories.values())
    weights = {n: p.clone() for n, p in learner.key_encoder.named_parameters() if p.is_floating_point()}
    for step in range(2):
        ours = dict(learner.encoder.named_parameters())
        weights = {n: 0.8 * key + 0.2 * ours[n] for n, key in weights.items()}
        kept = {}

        def watch(module, _, out, kept=kept):
            kept[module] = F.normalize(out, dim=1)

        hooks = [head.register_forward_hook(watch) for head in learner.key_heads.values()]
        torch.manual_seed(step)
        losses = learner({"clip": clips(4, seed=step)})
        for hook in hooks:
            hook.remove()
        optimizer.zero_grad()
        sum(v for name, v in losses.items() if name.endswith("_loss")).backward()
        now = dict(learner.key_encoder.named_parameters())
        assert all(torch.allclose(now[n], key, atol=1e-6) for n, key in weights.items())
        optimizer.step()
        for name, head in learner.key_heads.items():
            for row, key in enumerate(kept[head]):
                memories[name][(4 * step + row) % 6] = key
            assert torch.allclose(learner.queues[name].memory, memories[name], atol=1e-6)
            assert int(learner.queues[name].pointer) == 4 * (step + 1) % 6


def test_the_gate_learns_from_the_fused_term_alone():
    for fused, learns in ((1.0, True), (0.0, False)):
        learner = objective(fused=fused)
        losses = learner({"clip": clips()})
        assert losses["alpha"].item() == 0.5
        sum(v for name, v in losses.items() if name.endswith("_loss")).backward()
        gate = learner.encoder.fusion.gate.weight.grad
        assert (gate is not None and bool(gate.abs().any())) == learns
        assert not any(p.requires_grad for p in learner.key_encoder.parameters())
        streams = (*learner.encoder.graph.parameters(), *learner.encoder.recurrent.parameters())
        assert all(p.grad is not None for p in streams if p.requires_grad)


def test_the_code_is_the_balance_of_both_streams():
    encoder = objective().encoder.eval()
    torch.nn.init.normal_(encoder.fusion.gate.weight)
    clip = clips(3, 22)
    with torch.no_grad():
        space = encoder.graph.pool(encoder.graph(clip))
        time = encoder.recurrent.pool(encoder.recurrent(clip))
        tokens = encoder(clip)
        alpha = torch.sigmoid(torch.cat([space, time], 1) @ encoder.fusion.gate.weight[0] + encoder.fusion.gate.bias)
        wanted = torch.cat([alpha[:, None] * space, (1 - alpha[:, None]) * time], 1)
        assert torch.allclose(encoder.pool(tokens), wanted, atol=1e-6)
    assert tokens.shape == (3, encoder.graph(clip).shape[1], encoder.width)


def test_it_travels_with_a_run():
    learner = objective("half").eval()
    again = restore(describe(learner)).eval()
    again.load_state_dict(learner.state_dict())
    assert torch.equal(again.embed(clips()), learner.embed(clips()))
    assert torch.equal(again.queues["space"].memory, learner.queues["space"].memory)


def test_what_cannot_be_is_said():
    with pytest.raises(RecipeError, match="trains encoder 'dual-stream', not 'stgcn'"):
        create_objective("dual-stream", create_encoder("stgcn"), None, VOCABULARY)
    with pytest.raises(RecipeError, match=r"graph 'r2plus1d_small'|'r2plus1d_small' has no option 'layout'"):
        create_encoder("dual-stream", graph="r2plus1d_small")
    with pytest.raises(RecipeError, match="temperatures above 0"):
        objective(temperature=0.0)
