"""The timed visual-text objective: its losses against a NumPy transcription, masks, scores, vocabularies."""

import json

import numpy as np
import pytest
import torch
from tiny_models import LetterEncoder, TinyEncoder

from microgesture.errors import RecipeError
from microgesture.recognition import create_objective
from microgesture.vocabulary import Vocabulary

FIRST = ("Touching jaw : a hand at the chin", "Folding arms : both arms are folded", "Moving legs")
SECOND = ("Rubbing eyes", "Shrugging : the shoulders go up")
SIZES = (4, 3)  # with "No gesture"
TOKENS = 4


@pytest.fixture
def objective(tmp_path):
    files = []
    for name, lines in (("first", FIRST), ("second", SECOND)):
        files.append(tmp_path / f"{name}.txt")
        files[-1].write_text("\n".join(lines))
    torch.manual_seed(0)
    made = create_objective(
        "visual-text-timed",
        TinyEncoder(),
        LetterEncoder(),
        Vocabulary.load(files[0]),
        vocabularies=[str(file) for file in files],
        width=8,
    )
    return made.eval()


def batch(rows: int = 5, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    classes = sum(SIZES)
    share = torch.rand(rows, classes, generator=generator) * (torch.rand(rows, classes, generator=generator) > 0.4)
    share[:, -1] = share[:, SIZES[0] - 1] = 0.3  # no row is empty
    share[:, 1] = 0.0  # a class that no clip shows
    tell = torch.rand(rows, classes, generator=generator) > 0.25
    tell[:, [SIZES[0] - 1, -1]] = True
    tell[3, : SIZES[0]] = False  # nothing that the first vocabulary could name
    tell_tokens = torch.rand(rows, TOKENS, classes, generator=generator) > 0.3
    return {
        "clip": torch.randn(rows, 3, 2, 4, 4, generator=generator),
        "share": share,
        "active": torch.rand(rows, TOKENS, classes, generator=generator),
        "tell": tell,
        "tell_tokens": tell_tokens,
    }


def cosines(a: torch.Tensor, b: torch.Tensor) -> np.ndarray:
    x, y = (z.detach().double().numpy() for z in (a, b))
    x, y = (z / np.linalg.norm(z, axis=-1, keepdims=True) for z in (x, y))
    return x @ y.T


def mean_kl(logits: np.ndarray, share: np.ndarray, tell: np.ndarray) -> float:
    """Mean over the rows with a share of Σ p (log p - log q) over the columns that can be told: p the shares divided by
    their sum, q the softmax of the logits, both over these columns."""
    values = []
    for x, p, told in zip(logits, share, tell, strict=True):
        x, p = x[told], p[told]
        if p.sum() == 0:
            continue
        p = p / p.sum()
        q = np.exp(x - x.max())
        q /= q.sum()
        values.append(sum(p[k] * np.log(p[k] / q[k]) for k in range(len(p)) if p[k] > 0))
    return float(np.mean(values))


def mean_entropy(logits: np.ndarray, active: np.ndarray, tell: np.ndarray) -> float:
    """Mean over the tokens of which anything can be told of the sum over what can be; without "No gesture"."""
    p = 1 / (1 + np.exp(-logits[..., :-1]))
    y, told = active[..., :-1], tell[..., :-1]
    each = -(y * np.log(p) + (1 - y) * np.log(1 - p)) * told
    return float(each.sum() / told.any(-1).sum())


def test_losses_are_the_formulas(objective):
    data = batch()
    tokens = objective.encoder(data["clip"])
    text = objective.embed_texts([name for v in objective.trained for name in v.names])
    logits = cosines(objective.image_projection(tokens.mean(1)), text) / 0.05
    moments = 12.0 * cosines(objective.token_projection(tokens).flatten(0, 1), text) - 7.0
    moments = moments.reshape(5, TOKENS, -1)
    share, active = data["share"].double().numpy(), data["active"].double().numpy()
    tell, tell_tokens = data["tell"].numpy(), data["tell_tokens"].numpy()
    visual, token = [], []
    for columns in (slice(0, 4), slice(4, 7)):
        visual.append(mean_kl(logits[:, columns], share[:, columns], tell[:, columns]))
        token.append(mean_entropy(moments[..., columns], active[..., columns], tell_tokens[..., columns]))
    of_text = mean_kl(logits.T, share.T, tell.T)
    losses = objective(data)
    assert losses["visual_kl"].item() == pytest.approx(np.mean(visual), rel=1e-4)
    assert losses["text_kl"].item() == pytest.approx(of_text, rel=1e-4)
    assert losses["clip_loss"].item() == pytest.approx(0.5 * (np.mean(visual) + of_text), rel=1e-4)
    assert losses["token_loss"].item() == pytest.approx(np.mean(token), rel=1e-4)
    assert not losses["visual_kl"].requires_grad
    objective.token_weight = 0.25
    assert objective(data)["token_loss"].item() == pytest.approx(0.25 * np.mean(token), rel=1e-4)


def test_what_cannot_be_told_teaches_nothing(objective):
    data, other = batch(), batch()
    other["share"][~data["tell"]] = 5.0
    other["active"][~data["tell_tokens"]] = 0.5
    assert not torch.equal(other["active"], data["active"])
    ours, theirs = objective(data), objective(other)
    for name in ("visual_kl", "text_kl", "token_loss"):
        assert theirs[name].item() == ours[name].item()
    other["tell"][3, :4] = True
    assert objective(other)["visual_kl"].item() != pytest.approx(ours["visual_kl"].item(), rel=1e-3)


def test_nothing_known_is_no_loss_and_no_nan(objective):
    data = batch()
    data["share"].zero_()
    data["tell"].zero_()
    data["tell_tokens"].zero_()
    losses = objective(data)
    assert all(value.item() == 0 for value in losses.values())
    (losses["clip_loss"] + losses["token_loss"]).backward()
    assert all(torch.isfinite(p.grad).all() for p in objective.parameters() if p.grad is not None)


def test_a_text_of_ones_own_belongs_where_its_nearest_label_does(tmp_path):
    regions = {"Touching jaw": "head-hand", "Moving legs": "lower limb"}
    classes = [{"id": k, "name": name, "body_region": regions[name]} for k, name in enumerate(regions)]
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"name": "own", "classes": classes}))
    words = Vocabulary.load(file)
    objective = create_objective("visual-text-timed", TinyEncoder(), LetterEncoder(), words, vocabularies=[str(file)])
    other = objective.eval().with_vocabulary(Vocabulary.from_texts(["Touching jaw", "moving legs."]))
    assert other.regions() == ["head-hand", "lower limb"]


def test_every_parameter_takes_part(objective):
    losses = objective(batch())
    (losses["clip_loss"] + losses["token_loss"]).backward()
    idle = [n for n, p in objective.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert idle == []
    groups = objective.parameter_groups()
    assert sum(len(group) for group in groups.values()) == len(list(objective.parameters()))
    assert any(p is objective.token_scale for p in groups["heads"])


def test_descriptions_are_shown_in_training_only(objective):
    vocabulary = objective.trained[0]

    def texts() -> set[str]:
        return {objective._training_text(vocabulary, 0) for _ in range(60)}

    torch.manual_seed(0)
    assert texts() == {"Touching jaw"}
    objective.train()
    assert texts() == {"Touching jaw", "a hand at the chin"}
    assert {objective._training_text(vocabulary, 2) for _ in range(60)} == {"Moving legs"}


def test_both_scores_are_scores_and_token_scores(objective):
    clip = batch()["clip"]
    with torch.no_grad():
        scores, token_scores = objective.both_scores(clip)
        assert torch.equal(scores, objective.scores(clip))
        assert torch.equal(token_scores, objective.token_scores(clip))
        assert scores.shape == (5, 3)
        assert token_scores.shape == (5, TOKENS, 3)
        assert scores.abs().max() <= 1 / objective.temperature + 1e-4
        assert objective.embed(clip).shape == (5, 8)
        assert objective.text_embed().shape == (3, 8)


def test_with_vocabulary_shares_the_weights(objective):
    clip = batch()["clip"]
    own = Vocabulary.from_texts(["Scratching head", "Moving legs"])
    other = objective.with_vocabulary(own)
    with torch.no_grad():
        before = objective.scores(clip)
        assert other.scores(clip).shape == (5, 2)
        assert torch.allclose(other.scores(clip)[:, 1], before[:, 2], atol=1e-5)
        assert torch.allclose(other.token_scores(clip)[..., 1], objective.token_scores(clip)[..., 2], atol=1e-5)
        fresh = other.scores(clip)
        objective.image_projection.fc.weight.mul_(-2.0)
        assert not torch.allclose(other.scores(clip), fresh)
    assert objective.vocabulary.names == ("Touching jaw", "Folding arms", "Moving legs")
    assert other.vocabulary is own


def test_zero_shot_is_what_training_never_named(objective):
    assert not objective.with_vocabulary(Vocabulary.from_texts(["touching JAW", "Shrugging", "No gesture"])).zero_shot(
        objective.vocabulary
    )
    assert objective.with_vocabulary(Vocabulary.from_texts(["Touching jaw", "Tugging the sleeve"])).zero_shot(
        objective.vocabulary
    )


def test_the_built_in_vocabularies_are_the_default():
    made = create_objective(
        "visual-text-timed", TinyEncoder(), LetterEncoder(), Vocabulary.load("imigue").with_background()
    )
    assert [len(v) for v in made.trained] == [33, 18, 53]
    assert not any(
        made.with_vocabulary(Vocabulary.load(name)).zero_shot(made.vocabulary) for name in ("imigue", "smg", "ma52")
    )


def test_texts_are_needed():
    with pytest.raises(RecipeError, match="needs a text encoder"):
        create_objective("visual-text-timed", TinyEncoder(), None, Vocabulary.load("smg"))
