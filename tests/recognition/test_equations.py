"""Projection, prompting, similarity and loss against a float64 NumPy transcription of the paper."""

import math

import numpy as np
import pytest
import torch
from tiny_models import batch, visual_text

from microgesture.errors import RecipeError
from microgesture.recognition.alignment import alignment_loss, similarity, target_rows
from microgesture.recognition.projection import ProjectionHead
from microgesture.recognition.prompting import AdaptivePrompting

erf = np.vectorize(math.erf)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer_norm(x, p, name):
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def linear(x, p, name):
    return x @ p[f"{name}.weight"].T + p.get(f"{name}.bias", 0.0)


def projection_head(x, p):
    y = linear(x, p, "projection")
    gelu = y * 0.5 * (1 + erf(y / math.sqrt(2)))
    return layer_norm(linear(gelu, p, "fc") + y, p, "layer_norm")


def prompt(t, v, p, heads):
    """One text t (D,), visual vectors v (N, D): equations 1 and 2, head by head."""
    D = t.shape[0]
    d_k = D // heads
    Q = linear(layer_norm(t, p, "query_norm"), p, "query")
    seen = layer_norm(v, p, "visual_norm")
    K, V = linear(seen, p, "key"), linear(seen, p, "value")
    parts = []
    for h in range(heads):
        s = slice(h * d_k, (h + 1) * d_k)
        parts.append(softmax(Q[s] @ K[:, s].T / math.sqrt(d_k)) @ V[:, s])
    att = t + linear(np.concatenate(parts), p, "output")
    hidden = linear(layer_norm(att, p, "ffn_norm"), p, "ffn.0")
    ffn = linear(hidden / (1 + np.exp(-1.702 * hidden)), p, "ffn.2")
    return t + p["scale"] * (att + ffn)


def letter_loss(S, labels, target="normalised"):
    """Eq. 4 with loops: both directions, rows as distributions, batchmean."""
    n = len(labels)
    GT = np.array([[1.0 if a == b else 0.0 for b in labels] for a in labels])
    GT = softmax(10 * GT) if target == "released" else GT / GT.sum(axis=1, keepdims=True)
    total = 0.0
    for logits in (S, S.T):
        P = softmax(logits)
        total += 0.5 * sum(
            GT[i, j] * (math.log(GT[i, j]) - math.log(P[i, j])) for i in range(n) for j in range(n) if GT[i, j] > 0
        )
    return total / n


def numbers(module):
    return {k: v.detach().double().numpy() for k, v in module.state_dict().items()}


def randomised(module, seed=0):
    """Random values everywhere, also where the first value is 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return module.double().eval()


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_projection_head():
    head = randomised(ProjectionHead(12, 8))
    x = random(5, 3, 12)
    assert np.allclose(head(x).detach().numpy(), projection_head(x.numpy(), numbers(head)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("keys", [1, 7])
def test_adaptive_prompting(keys):
    module = randomised(AdaptivePrompting(256))
    t, v = random(3, 2, 256), random(3, keys, 256, seed=1)
    ours = module(t, v).detach().numpy()
    p = numbers(module)
    for b in range(3):
        for q in range(2):
            assert np.allclose(ours[b, q], prompt(t[b, q].numpy(), v[b].numpy(), p, 4), rtol=0, atol=1e-9)
    shared = module(t[0], v)
    assert np.allclose(shared.detach().numpy()[2], module(t[:1], v[2:]).detach().numpy()[0], rtol=0, atol=1e-9)


def test_prompting_begins_as_the_letter_says():
    module = AdaptivePrompting()
    assert module.scale.shape == (256,)
    assert torch.equal(module.scale, torch.full((256,), 0.1))
    assert module.query.bias is None
    assert module.key.bias is None
    assert module.value.bias is None
    assert module.output.bias is not None
    assert module.ffn[0].out_features == 1024
    with pytest.raises(RecipeError, match="cannot be divided into 3 heads"):
        AdaptivePrompting(256, heads=3)


def test_one_pooled_key_has_attention_weight_one():
    module = randomised(AdaptivePrompting(64))
    t, v = random(3, 5, 64), random(3, 1, 64, seed=1)
    assert torch.equal(module.attention(t, v), torch.ones(3, 4, 5, 1, dtype=torch.float64))
    seen = module.value(module.visual_norm(v))
    att = t + module.output(seen)  # so attention is a linear map of the clip, whatever the text asks
    expected = t + module.scale * (att + module.ffn(module.ffn_norm(att)))
    assert torch.allclose(module(t, v), expected, rtol=0, atol=1e-12)


def test_attention_over_tokens_depends_on_the_text():
    module = randomised(AdaptivePrompting(64))
    weights = module.attention(random(1, 2, 64), random(1, 6, 64, seed=1))
    assert torch.allclose(weights.sum(dim=-1), torch.ones(1, 4, 2, dtype=torch.float64))
    assert not torch.allclose(weights[:, :, 0], weights[:, :, 1])


@pytest.mark.parametrize("kind", ["cosine", "released"])
def test_similarity(kind):
    v, t, own = random(4, 8), random(3, 8, seed=1), random(4, 3, 8, seed=2)
    unit = (lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)) if kind == "cosine" else (lambda x: x)
    V, T, Own = unit(v.numpy()), unit(t.numpy()), unit(own.numpy())
    assert np.allclose(similarity(v, t, 0.05, kind).numpy(), V @ T.T / 0.05, rtol=0, atol=1e-9)
    expected = np.array([[V[i] @ Own[i, j] / 0.05 for j in range(3)] for i in range(4)])
    assert np.allclose(similarity(v, own, 0.05, kind).numpy(), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("target", ["normalised", "released"])
def test_loss(target):
    S = 5 * random(6, 6)
    labels = [0, 1, 0, 2, 1, 0]
    ours = alignment_loss(S, torch.tensor(labels), target)["alignment_loss"].item()
    assert ours == pytest.approx(letter_loss(S.numpy(), labels, target), abs=1e-9)


def test_loss_is_zero_at_the_target_and_not_negative():
    labels = torch.tensor([0, 1, 0, 1])
    GT = target_rows(labels)
    assert alignment_loss(torch.log(GT + 1e-30), labels)["alignment_loss"].item() == pytest.approx(0, abs=1e-6)
    assert alignment_loss(random(4, 4), labels)["alignment_loss"].item() > 0


def test_released_target_leaves_the_published_mass_on_the_positive():
    rows = target_rows(torch.arange(32), "released")
    assert rows[0, 0].item() == pytest.approx(0.9986, abs=5e-5)


@pytest.mark.parametrize("prompting", ["none", "pooled", "tokens"])
@pytest.mark.parametrize("kind", ["cosine", "released"])
def test_whole_objective(prompting, kind):
    objective = randomised(visual_text(prompting=prompting, similarity=kind))
    data = batch(6)
    tokens = objective.encoder(data["clip"]).detach().numpy()
    features = objective.text_encoder(list(objective.vocabulary.names)).detach().numpy()
    image, text = numbers(objective.image_projection), numbers(objective.text_projection)
    v = projection_head(tokens.mean(axis=1), image)
    t = projection_head(features, text)[data["label"].numpy()]
    if prompting != "none":
        context = projection_head(tokens, image) if prompting == "tokens" else v[:, None]
        p = numbers(objective.prompt_generator)
        t = np.stack([prompt(t[j], context[j], p, 4) for j in range(6)])
    if kind == "cosine":
        v, t = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (v, t))
    expected = letter_loss(v @ t.T / 0.05, data["label"].tolist())
    assert objective(data)["alignment_loss"].item() == pytest.approx(expected, abs=1e-9)


def test_bf16_features_are_compared_in_float32():
    v, t = random(4, 8), random(4, 8, seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        S = similarity(v.bfloat16(), t.bfloat16())
        loss = alignment_loss(S, torch.arange(4))["alignment_loss"]
    assert S.dtype == loss.dtype == torch.float32
    assert torch.allclose(S, similarity(v.bfloat16().float(), t.bfloat16().float()))
