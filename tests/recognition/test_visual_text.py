"""The visual-text objective: distinct labels, zero-shot texts, handcrafted prompts, parameter groups, learning."""

import pytest
import torch
from tiny_models import LABELS, LetterEncoder, TinyEncoder, batch, visual_text, vocabulary

from microgesture.errors import RecipeError
from microgesture.recognition import create_objective, label_texts
from microgesture.recognition.texts import TEMPLATES
from microgesture.vocabulary import Vocabulary

PROMPTINGS = ("none", "handcrafted", "pooled", "tokens")


def gradients(objective, data):
    objective.zero_grad()
    losses = objective(data)
    losses["alignment_loss"].backward()
    return losses["alignment_loss"].item(), {n: p.grad.clone() for n, p in objective.named_parameters()}


@pytest.mark.parametrize("prompting", PROMPTINGS)
def test_distinct_labels_give_the_same_loss_and_gradient(prompting):
    data = batch(9)
    once, all_of_them = visual_text(prompting=prompting), visual_text(prompting=prompting, distinct=False)
    all_of_them.load_state_dict(once.state_dict())
    loss, gradient = gradients(once, data)
    other_loss, other_gradient = gradients(all_of_them, data)
    assert loss == pytest.approx(other_loss, abs=1e-12)
    for name, value in gradient.items():
        assert torch.allclose(value, other_gradient[name], rtol=0, atol=1e-11), name
    assert once.text_encoder.seen < all_of_them.text_encoder.seen


def test_each_distinct_label_is_encoded_once():
    objective = visual_text()
    objective({**batch(6), "label": torch.tensor([2, 0, 2, 2, 0, 2])})
    assert objective.text_encoder.seen == 2


@pytest.mark.parametrize("prompting", PROMPTINGS)
@pytest.mark.parametrize("conditioning", ["pair", "clip"])
def test_every_parameter_takes_part(prompting, conditioning):
    objective = visual_text(prompting=prompting, conditioning=conditioning)
    _, gradient = gradients(objective, batch(6))
    idle = {n for n, g in gradient.items() if not g.abs().any()}
    # one key: the softmax is 1 whatever query and key are
    ask = {f"prompt_generator.{n}" for n in ("query.weight", "key.weight", "query_norm.weight", "query_norm.bias")}
    assert idle == (ask if prompting == "pooled" else set())


def test_pair_compares_with_the_text_of_the_pairs_own_clip_and_clip_with_its_own():
    data = batch(5)
    pair, clip = visual_text(prompting="tokens"), visual_text(prompting="tokens", conditioning="clip")
    assert pair(data)["alignment_loss"].item() != pytest.approx(clip(data)["alignment_loss"].item(), abs=1e-6)
    torch.nn.init.zeros_(pair.prompt_generator.scale)
    torch.nn.init.zeros_(clip.prompt_generator.scale)  # without prompts there is no difference
    assert pair(data)["alignment_loss"].item() == pytest.approx(clip(data)["alignment_loss"].item(), abs=1e-12)


@pytest.mark.parametrize("prompting", PROMPTINGS)
def test_scores_are_those_of_each_clip_alone(prompting):
    objective = visual_text(prompting=prompting).eval()
    clip = batch(5)["clip"]
    with torch.no_grad():
        together = objective.scores(clip)
        assert together.shape == (5, len(LABELS))
        assert torch.allclose(together, torch.cat([objective.scores(one) for one in clip.split(1)]), atol=1e-10)
        assert objective.embed(clip).shape == (5, 16)
        assert objective.text_embed().shape == (4, 16)
    assert together.abs().max() <= 1 / objective.temperature + 1e-9  # cosine over τ


@pytest.mark.parametrize("prompting", PROMPTINGS)
def test_label_texts_never_trained_on(prompting):
    objective = visual_text(prompting=prompting).eval()
    clip = batch(3)["clip"]
    other = objective.with_vocabulary(Vocabulary.from_texts(["Scratching head", LABELS[2], LABELS[0]]))
    with torch.no_grad():
        known, fresh = objective.scores(clip), other.scores(clip)
        assert fresh.shape == (3, 3)
        assert torch.allclose(fresh[:, 1:], known[:, [2, 0]], atol=1e-10)
        assert torch.equal(objective.scores(clip), known)  # the first keeps its own classes
        objective.image_projection.fc.weight.mul_(-2.0)
        assert not torch.allclose(other.scores(clip), fresh)  # the weights are shared
    assert objective.vocabulary.names == LABELS


def test_class_texts_are_encoded_once_until_a_weight_changes():
    objective = visual_text(prompting="none").eval()
    clip = batch(2)["clip"]
    with torch.no_grad():
        first = objective.scores(clip)
        assert torch.equal(objective.scores(clip), first)
        assert objective.text_encoder.seen == 4
        objective.text_encoder.linear.weight.add_(0.5)
        assert not torch.allclose(objective.scores(clip), first)
        objective.load_state_dict(visual_text(1, prompting="none").state_dict())
        assert torch.allclose(objective.scores(clip), visual_text(1, prompting="none").eval().scores(clip))
    assert objective.text_encoder.seen == 12
    with torch.inference_mode():
        assert objective.scores(clip).shape == (2, 4)


def test_handcrafted_is_the_mean_over_the_letters_templates():
    objective = visual_text(prompting="handcrafted").eval()
    plain = objective.text_projection(objective.text_encoder([t.format(label=LABELS[1]) for t in TEMPLATES]))
    assert torch.allclose(objective.text_embed()[1], plain.mean(dim=0), atol=1e-12)
    assert TEMPLATES == ("a photo of {label}", "a video of {label}", "an action of {label}")


def test_descriptions():
    texts = label_texts(vocabulary(), "descriptions")
    assert texts[0] == "Touching jaw: the person is touching jaw"
    assert label_texts(Vocabulary.from_texts(["No words"]), "descriptions") == ("No words",)
    named, described = visual_text(prompting="none"), visual_text(prompting="none", texts="descriptions")
    assert not torch.allclose(named.text_embed(), described.text_embed())


def test_parameter_groups_hold_each_parameter_once():
    objective = visual_text(prompting="tokens")
    groups = objective.parameter_groups()
    assert set(groups) == {"encoder", "text", "heads"}
    ids = [id(p) for group in groups.values() for p in group]
    assert len(ids) == len(set(ids)) == len(list(objective.parameters()))
    assert {id(p) for p in objective.text_encoder.parameters()} == {id(p) for p in groups["text"]}
    objective.text_encoder.requires_grad_(False)
    assert objective.parameter_groups()["text"] == []


@pytest.mark.parametrize("prompting", PROMPTINGS)
@pytest.mark.parametrize("conditioning", ["pair", "clip"])
def test_it_learns(prompting, conditioning):
    objective = visual_text(prompting=prompting, conditioning=conditioning)
    generator = torch.Generator().manual_seed(5)
    prototypes = torch.randn(len(LABELS), *batch(1)["clip"].shape[1:], generator=generator, dtype=torch.float64)
    optimizer = torch.optim.AdamW(objective.parameters(), lr=1e-2)

    def clips(labels):
        return prototypes[labels] + 0.3 * torch.randn(len(labels), *prototypes.shape[1:], generator=generator).double()

    for _ in range(60):
        labels = torch.randint(0, len(LABELS), (16,), generator=generator)
        optimizer.zero_grad()
        objective({"clip": clips(labels), "label": labels})["alignment_loss"].backward()
        optimizer.step()
    labels = torch.arange(4).repeat(10)
    with torch.no_grad():
        right = (objective.eval().scores(clips(labels)).argmax(dim=1) == labels).double().mean().item()
    assert right > 0.9


@pytest.mark.parametrize("option", ["prompting", "conditioning", "similarity", "target", "texts"])
def test_unknown_choices(option):
    with pytest.raises(RecipeError, match=f"{option} is one of .*, got 'nonsense'"):
        visual_text(**{option: "nonsense"})


def test_unusable_options():
    with pytest.raises(RecipeError, match="temperature must be positive"):
        visual_text(temperature=0.0)
    with pytest.raises(RecipeError, match="needs a text encoder"):
        create_objective("visual-text", TinyEncoder(), None, vocabulary())
    with pytest.raises(RecipeError, match="no option 'tau': known are prompting, conditioning"):
        create_objective("visual-text", TinyEncoder(), LetterEncoder(), vocabulary(), tau=1)
