import pytest
import torch
from tiny_models import LABELS, TinyEncoder, batch, visual_text, vocabulary
from torch.nn import functional as F

from microgesture.recognition import create_objective
from microgesture.recognition.supervised import cross_entropy


def test_soft_targets_are_the_mean_of_the_losses_of_their_labels():
    logits = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    first, second = torch.tensor([0, 1, 2, 3, 0]), torch.tensor([3, 3, 2, 1, 1])
    target = 0.7 * F.one_hot(first, 4).double() + 0.3 * F.one_hot(second, 4).double()
    found = cross_entropy(logits, first, target)
    expected = 0.7 * F.cross_entropy(logits, first) + 0.3 * F.cross_entropy(logits, second)
    assert torch.allclose(found["classification_loss"], expected)
    assert found["accuracy"] == (logits.argmax(1) == first).float().mean()


@pytest.mark.parametrize("name", ["supervised", "classifier"])
def test_objectives_with_cross_entropy_learn_from_targets(name):
    objective = create_objective(name, TinyEncoder(), None, vocabulary(), dropout=0.0).double()
    given = batch(6)
    hard = objective(given)["classification_loss"]
    one_hot = F.one_hot(given["label"], len(LABELS)).float()
    assert torch.allclose(objective({**given, "target": one_hot})["classification_loss"], hard)
    even = torch.full_like(one_hot, 1 / len(LABELS))
    assert not torch.allclose(objective({**given, "target": even})["classification_loss"], hard)
    assert objective.soft_targets


def test_an_objective_with_one_label_a_clip_says_so():
    assert not visual_text().soft_targets
