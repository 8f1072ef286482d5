"""The supervised baseline and stage 2: what is frozen stays frozen, the released head is the released head."""

import numpy as np
import pytest
import torch
from test_equations import layer_norm, linear, numbers, random, randomised
from tiny_models import LABELS, NormedEncoder, TinyEncoder, batch, visual_text, vocabulary
from torch.nn import functional as F

from microgesture.errors import RecipeError
from microgesture.recognition import create_objective
from microgesture.recognition.classifier import ClassifierObjective, ReleasedHead
from microgesture.vocabulary import Vocabulary


@pytest.fixture(params=["released", "mlp"])
def classifier(request):
    aligned = visual_text(encoder=NormedEncoder, dropout=0.1)
    return ClassifierObjective.from_aligned(aligned, head=request.param).double()


def test_released_head():
    head = randomised(ReleasedHead(10, 4))
    x, p = random(5, 10), numbers(head)
    y = linear(x.numpy(), p, "projection")
    gelu = F.gelu(torch.from_numpy(y)).numpy()
    expected = linear(layer_norm(linear(gelu, p, "fc") + y, p, "layer_norm"), p, "fc")
    assert np.allclose(head(x).detach().numpy(), expected, rtol=0, atol=1e-9)
    assert {k.partition(".")[0] for k in head.state_dict()} == {"projection", "fc", "layer_norm"}


def test_only_the_head_learns(classifier):
    classifier.train()
    before = {k: v.clone() for k, v in classifier.state_dict().items()}
    optimizer = torch.optim.SGD([p for g in classifier.parameter_groups().values() for p in g], lr=0.1)
    classifier(batch(8))["classification_loss"].backward()
    frozen = (*classifier.encoder.parameters(), *classifier.image_projection.parameters())
    assert all(p.grad is None and not p.requires_grad for p in frozen)
    assert all(p.grad is not None for p in classifier.head.parameters())
    optimizer.step()
    moved = {k.partition(".")[0] for k, v in classifier.state_dict().items() if not torch.equal(v, before[k])}
    assert moved == {"head"}  # BatchNorm's statistics too
    groups = classifier.parameter_groups()
    assert groups["encoder"] == groups["text"] == []


def test_frozen_parts_stay_in_eval_mode(classifier):
    classifier.train()
    assert classifier.head.training
    assert not classifier.encoder.training
    assert not classifier.encoder.batch_norm.training
    assert not classifier.image_projection.dropout.training
    clip = batch(4)["clip"]
    assert torch.equal(classifier.embed(clip), classifier.embed(clip))
    assert not classifier.embed(clip).requires_grad


def test_embeddings_are_stage_ones(classifier):
    aligned = visual_text(encoder=NormedEncoder, dropout=0.1).eval()
    clip = batch(4)["clip"]
    assert torch.allclose(classifier.embed(clip), aligned.embed(clip))
    assert aligned.image_projection.fc.weight.requires_grad  # stage 1 itself is left as it was


def test_computed_embeddings_stand_for_clips(classifier):
    classifier.eval()
    data = batch(6)
    other = {"embedding": classifier.embed(data["clip"]), "label": data["label"]}
    assert classifier(data)["classification_loss"].item() == classifier(other)["classification_loss"].item()


def test_load_aligned():
    aligned = visual_text(3)
    objective = create_objective("classifier", TinyEncoder(), None, vocabulary(), width=16).double().eval()
    head = objective.head.fc.weight.clone()
    objective.load_aligned(aligned.state_dict())
    clip = batch(3)["clip"]
    assert torch.allclose(objective.embed(clip), aligned.eval().embed(clip))
    assert torch.equal(objective.head.fc.weight, head)
    with pytest.raises(
        RecipeError, match=r"does not fit the classifier: image_projection.* is \(16, 6\), not \(8, 6\)"
    ):
        create_objective("classifier", TinyEncoder(), None, vocabulary(), width=8).load_aligned(aligned.state_dict())
    with pytest.raises(RecipeError, match=r"encoder\.linear\.weight is missing"):
        objective.load_aligned({})


def test_unknown_head():
    with pytest.raises(RecipeError, match="head is one of released, mlp, got 'svm'"):
        create_objective("classifier", TinyEncoder(), None, vocabulary(), head="svm")


def test_supervised_baseline():
    objective = create_objective("supervised", TinyEncoder(), None, vocabulary()).double()
    data = batch(7)
    losses = objective(data)
    logits = objective.scores(data["clip"])
    assert logits.shape == (7, len(LABELS))
    assert torch.allclose(losses["classification_loss"], F.cross_entropy(logits, data["label"]))
    assert losses["accuracy"].item() == pytest.approx((logits.argmax(1) == data["label"]).double().mean().item())
    losses["classification_loss"].backward()
    assert all(p.grad is not None for p in objective.parameters())
    assert objective.embed(data["clip"]).shape == (7, 6)
    assert objective.text_embed() is None
    assert objective.modality == "rgb"
    assert len(objective.parameter_groups()["heads"]) == 2


@pytest.mark.parametrize("name", ["supervised", "classifier"])
def test_one_output_a_class_cannot_score_other_texts(name):
    objective = create_objective(name, TinyEncoder(), None, vocabulary())
    assert objective.with_vocabulary(vocabulary()) is objective
    with pytest.raises(RecipeError, match=f"'{name}' knows only the 4 classes of 'own'"):
        objective.with_vocabulary(Vocabulary.from_texts(["Scratching head"]))
