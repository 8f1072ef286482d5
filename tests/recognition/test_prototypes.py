"""Prototypes against their equations, class by class in float64; two steps by hand."""

import math

import pytest
import torch
from tiny_models import TinyEncoder, batch, vocabulary

from microgesture.errors import RecipeError
from microgesture.recognition import create_objective
from microgesture.recognition.prototypes import prototype_loss

K, D = 3, 4
LABELS = [0, 0, 1, 1, 2, 0]
CALLED = [0, 1, 1, 0, 0, 0]  # class 2 is never hit, nor wrongly called; class 1 is both


@pytest.fixture
def given():
    generator = torch.Generator().manual_seed(0)
    f, prototypes = (torch.randn(n, D, generator=generator, dtype=torch.float64) for n in (6, K))
    logits = torch.rand(6, K, generator=generator, dtype=torch.float64)
    for i, k in enumerate(CALLED):
        logits[i, k] += 2.0
    return f, logits, torch.tensor(LABELS), prototypes


def cosine(a, b):
    norm = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(x * x for x in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / norm if norm else 0.0


def mean(rows):
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]


def formula(f, logits, prototypes):
    """The loss and the prototypes, with lists and loops."""
    f, logits, old = f.tolist(), logits.tolist(), prototypes.tolist()
    clips = list(zip(LABELS, CALLED, f, strict=True))
    hits = [[row for y, p, row in clips if y == p == k] for k in range(K)]
    missed = [[row for y, p, row in clips if y == k != p] for k in range(K)]
    wrong = [[row for y, p, row in clips if p == k != y] for k in range(K)]
    new = [
        [0.9 * x + 0.1 * m for x, m in zip(old[k], mean(hits[k]), strict=True)] if hits[k] else old[k] for k in range(K)
    ]
    total = 0.0
    for y, row, scores in zip(LABELS, f, logits, strict=True):
        a = 0.125 * (1 - math.exp(scores[y]) / sum(map(math.exp, scores)))
        for groups, sign in ((missed, 1), (wrong, -1)):
            values = [cosine(new[k], row) for k in range(K)]
            if groups[y]:
                values[y] += (sign * cosine(mean(groups[y]), row) - 1) * a
            values = [value / 0.125 for value in values]
            total += math.log(sum(map(math.exp, values))) - values[y]
    return total / len(f), new


def test_the_loss_and_the_prototypes_are_the_formula(given):
    f, logits, labels, prototypes = given
    loss, moved = prototype_loss(f, logits, labels, prototypes)
    expected, new = formula(f, logits, prototypes)
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    assert torch.allclose(moved, torch.tensor(new, dtype=torch.float64), atol=1e-14)
    assert torch.equal(moved[2], prototypes[2])


def test_two_steps_move_the_prototypes_and_evaluation_does_not():
    torch.manual_seed(0)
    objective = create_objective("supervised-prototypes", TinyEncoder(), None, vocabulary(), size=5).double().train()
    before = objective.prototypes.clone()
    for seed in (0, 1):
        part = batch(8, seed)
        with torch.no_grad():
            seen = objective.embed(part["clip"])
            f, called = objective.projection(seen), objective.head(seen).argmax(1)
            for k in range(4):
                hit = (part["label"] == k) & (called == k)
                if hit.any():
                    before[k] = 0.9 * before[k] + 0.1 * f[hit].mean(0)
        objective(part)
    assert torch.allclose(objective.prototypes, before, atol=1e-12)
    objective.eval()(batch(8, 2))
    assert torch.allclose(objective.prototypes, before, atol=1e-12)


def test_cosines_are_added_when_tested():
    torch.manual_seed(0)
    options = {"size": 5, "at_test": 3.0}
    objective = create_objective("supervised-prototypes", TinyEncoder(), None, vocabulary(), **options).double().eval()
    clip = batch(4)["clip"]
    seen = objective.embed(clip)
    cosines = torch.cosine_similarity(objective.projection(seen)[:, None], objective.prototypes[None], dim=2)
    assert torch.allclose(objective.scores(clip), objective.head(seen) + 3.0 * cosines)
    assert not objective.soft_targets
    with pytest.raises(RecipeError, match="size 1 or more"):
        create_objective("supervised-prototypes", TinyEncoder(), None, vocabulary(), size=0)
