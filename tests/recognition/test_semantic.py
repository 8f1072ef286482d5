"""Class weights and the semantic label loss, each against its equation in float64; word vectors of a file."""

import math

import numpy as np
import pytest
import torch
from tiny_models import LABELS, LetterEncoder, TinyEncoder, batch, vocabulary
from torch.nn import functional as F

from microgesture.errors import DataError, RecipeError
from microgesture.recognition import create_objective, describe, restore
from microgesture.recognition.class_balance import class_weights
from microgesture.recognition.semantic import semantic_loss
from microgesture.recognition.supervised import cross_entropy
from microgesture.recognition.word_vectors import label_vectors, words_of

COUNTS = (40, 10, 5, 0, 1)
CLIPS = [k for k, count in enumerate(COUNTS) for _ in range(count)]


@pytest.mark.parametrize(
    ("balance", "raw"),
    [
        ("none", lambda n: 1.0),
        ("inverse", lambda n: 1 / n),
        ("root", lambda n: 1 / math.sqrt(n)),
        ("effective", lambda n: (1 - 0.9) / (1 - 0.9**n)),
    ],
)
def test_class_weights_are_the_formula(balance, raw):
    weights = class_weights(CLIPS, 5, balance, 0.9)
    values = [raw(n) if n else 0.0 for n in COUNTS]
    mean = sum(n * value for n, value in zip(COUNTS, values, strict=True)) / len(CLIPS)
    np.testing.assert_allclose(weights.numpy(), [value / mean for value in values], rtol=1e-12)
    assert weights[CLIPS].mean().item() == pytest.approx(1.0)


def test_inverse_weights_are_those_of_scikit_learn():
    from sklearn.utils.class_weight import compute_class_weight

    known = [0, 1, 2, 4]
    expected = compute_class_weight("balanced", classes=np.array(known), y=np.array(CLIPS))
    np.testing.assert_allclose(class_weights(CLIPS, 5, "inverse")[known], expected)


def test_weighted_cross_entropy_is_the_formula():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    labels, weight = torch.tensor([0, 1, 2, 3, 1, 1]), torch.tensor([0.5, 1.0, 2.0, 4.0], dtype=torch.float64)
    target = torch.rand(6, 4, generator=generator, dtype=torch.float64)
    target /= target.sum(1, keepdim=True)

    def formula(wanted):
        total = 0.0
        for i in range(6):
            norm = math.log(sum(math.exp(value) for value in logits[i].tolist()))
            for k in range(4):
                total -= weight[k].item() * wanted[i, k].item() * (logits[i, k].item() - norm)
        return total / 6

    hard = cross_entropy(logits, labels, None, weight)["classification_loss"].item()
    assert hard == pytest.approx(formula(F.one_hot(labels, 4).double()), rel=1e-12)
    soft = cross_entropy(logits, labels, target, weight)["classification_loss"].item()
    assert soft == pytest.approx(formula(target), rel=1e-12)


@pytest.mark.parametrize("name", ["supervised", "supervised-semantic"])
def test_rare_classes_count_more(name):
    objective = create_objective(name, TinyEncoder(), LetterEncoder(), vocabulary(), balance="inverse").double()
    given = batch(8)
    plain = objective(given)["classification_loss"]
    objective.learns_from([0] * 90 + [1] * 5 + [2] * 3 + [3] * 2)
    weighted = objective(given)["classification_loss"]
    logits = objective.scores(given["clip"])
    weights = class_weights([0] * 90 + [1] * 5 + [2] * 3 + [3] * 2, 4, "inverse")
    losses = F.cross_entropy(logits, given["label"], reduction="none")
    assert weighted.item() == pytest.approx((weights[given["label"]] * losses).mean().item())
    assert plain.item() != pytest.approx(weighted.item())
    assert "class_weight" not in objective.state_dict()  # old runs open, and new ones need it no more


@pytest.mark.parametrize(
    ("options", "message"),
    [({"balance": "log"}, "balance is one of none, inverse, root, effective, got 'log'"), ({"beta": 1.0}, "lies in")],
)
def test_balances_that_are_none(options, message):
    with pytest.raises(RecipeError, match=message):
        create_objective("supervised", TinyEncoder(), None, vocabulary(), **options)


def test_semantic_loss_is_the_formula():
    generator = torch.Generator().manual_seed(0)
    seen, meant = (torch.randn(5, 7, generator=generator, dtype=torch.float64) for _ in range(2))
    total = sum((seen[i, d].item() - meant[i, d].item()) ** 2 for i in range(5) for d in range(7))
    assert semantic_loss(seen, meant).item() == pytest.approx(total / 35, rel=1e-12)


def test_the_objective_adds_both_losses():
    torch.manual_seed(0)
    texts = LetterEncoder()
    objective = create_objective("supervised-semantic", TinyEncoder(), texts, vocabulary(), weight=3.0).double()
    given = batch(6)
    found = objective(given)
    with torch.no_grad():
        meant = texts(LABELS).double()
        e = objective.projection(objective.embed(given["clip"]))
    assert torch.allclose(objective.meaning, meant, atol=1e-7)
    expected = 3.0 * ((e - meant[given["label"]]) ** 2).mean()
    assert found["semantic_loss"].item() == pytest.approx(expected.item(), rel=1e-6)
    assert found["classification_loss"].item() == pytest.approx(
        F.cross_entropy(objective.scores(given["clip"]), given["label"]).item()
    )
    assert [p for group in objective.parameter_groups().values() for p in group if p is texts.linear.weight] == []


def test_the_projection_sees_the_feature_before_dropout():
    objective = create_objective("supervised-semantic", TinyEncoder(), LetterEncoder(), vocabulary(), dropout=0.9)
    objective = objective.double().train()
    given = batch(6)
    losses = [objective(given) for _ in range(2)]
    assert losses[0]["semantic_loss"].item() == losses[1]["semantic_loss"].item()
    assert losses[0]["classification_loss"].item() != losses[1]["classification_loss"].item()


def test_mixed_clips_are_pulled_to_the_mean_of_their_labels():
    objective = create_objective("supervised-semantic", TinyEncoder(), LetterEncoder(), vocabulary()).double()
    given = batch(6)
    one_hot = F.one_hot(given["label"], 4).float()
    hard = objective(given)["semantic_loss"].item()
    assert objective({**given, "target": one_hot})["semantic_loss"].item() == pytest.approx(hard)
    e, even = objective.projection(objective.embed(given["clip"])), torch.full_like(one_hot, 0.25)
    expected = 20.0 * ((e - objective.meaning.mean(0)) ** 2).mean().item()
    assert objective({**given, "target": even})["semantic_loss"].item() == pytest.approx(expected)


@pytest.fixture
def glove(tmp_path):
    lines = ["touching 1 0 2", "jaw 3 4 0", "neck 0 0 1", "folding 5 5 5", "arms -1 0 0", "moving 1 1 1", "legs 2 2 2"]
    path = tmp_path / "vectors.txt"
    path.write_text("\n".join(["the 9 9 9", *lines, "jaw 7 7 7"]) + "\n")
    return path


def test_word_vectors_of_a_file(glove):
    vectors = label_vectors(glove, LABELS)
    np.testing.assert_allclose(vectors, [[2, 2, 1], [0.5, 0, 1.5], [2, 2.5, 2.5], [1.5, 1.5, 1.5]])
    assert words_of("Touching the jaw/chin (left)") == ["touching", "the", "jaw", "chin", "left"]
    glove.write_text("8 3\n" + glove.read_text())  # word2vec's header
    np.testing.assert_allclose(label_vectors(glove, LABELS), vectors)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("touching 1 2\njaw 1\n", "line 2 has 1 numbers, expected 2"),
        ("touching 1 2\njaw 1 x\n", "line 2 is not a word and its numbers"),
        ("touching 1 2\njaw 1 nan\n", "line 2 has 2 numbers, expected 2 that are finite"),
        ("touching 1 2\n", "no vector for jaw$"),
        (None, "cannot be read"),
    ],
)
def test_files_of_vectors_that_cannot_be_used(tmp_path, text, message):
    path = tmp_path / "vectors.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        label_vectors(path, ["touching jaw"])


def test_labels_without_words(glove):
    with pytest.raises(DataError, match="label '---' has no word"):
        label_vectors(glove, ["touching jaw", "---"])


def test_a_run_needs_no_vectors_later(glove):
    from microgesture.encoders.registry import _ENCODERS

    with _ENCODERS.replaced("tiny", TinyEncoder):
        encoder = TinyEncoder()
        encoder.name = "tiny"
        made = create_objective("supervised-semantic", encoder, None, vocabulary(), vectors=str(glove))
        glove.unlink()
        again = restore(describe(made))
        again.load_state_dict(made.state_dict())
    given = {key: value.float() if value.is_floating_point() else value for key, value in batch(5).items()}
    assert again.saved_options() == {"size": 3}
    assert torch.equal(again(given)["semantic_loss"], made(given)["semantic_loss"])


def test_without_texts_and_vectors_there_is_no_meaning():
    with pytest.raises(RecipeError, match="needs a text encoder"):
        create_objective("supervised-semantic", TinyEncoder(), None, vocabulary())
