"""The gesture-words text encoder: synonyms, endings, unknown words, the label texts of the three vocabularies."""

import json

import pytest
import torch

from microgesture.encoders import create_encoder, create_text_encoder
from microgesture.encoders.gesture_words import GestureWords, concepts_of, lexicon, stems
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition import create_objective, describe, restore
from microgesture.vocabulary import Vocabulary, vocabularies

ENCODER = GestureWords(width=24)


def names(text: str) -> list[str]:
    return [lexicon()[0][number] for number in concepts_of(text)[0]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tug sleeve", "pull arm"),
        ("tugging the sleeve", "pulling her arms"),
        ("Touching jaw", "touches the chin"),
        ("adjusting glasses", "fix spectacles"),
        ("rubbing eyes", "eye rub"),
        ("biting nails", "he chews a fingernail"),
    ],
)
def test_words_that_mean_the_same_give_the_same_vector(one, other):
    assert set(concepts_of(one)[0]) == set(concepts_of(other)[0])
    features = ENCODER([one, other])
    assert torch.allclose(features[0], features[1], atol=1e-6)


@pytest.mark.parametrize(("one", "other"), [("touch nose", "touch ear"), ("rub hands", "hold hands"), ("leg", "knee")])
def test_other_words_give_another(one, other):
    features = ENCODER([one, other])
    assert not torch.allclose(features[0], features[1], atol=1e-3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rubbing", ["rub"]),
        ("touches", ["touch"]),
        ("tidies, moved; CROSSED", ["adjust", "move", "cross"]),
        ("pulling sleeves and sleeves", ["pull", "arm"]),
        ("the and of", []),
    ],
)
def test_endings_and_empty_words(text, expected):
    assert names(text) == expected
    assert concepts_of(text)[1] == ()


def test_stems_begin_with_the_word_itself():
    assert stems("rubbing")[0] == "rubbing"
    assert "rub" in stems("rubbing")
    assert "tidy" in stems("tidies")
    assert stems("is") == ("is",)


def test_every_text_is_encoded_for_itself():
    texts = ["Touching jaw", "Folding arms", "tug at an ear"]
    together = ENCODER(texts)
    assert together.shape == (3, 24)
    assert torch.allclose(together, torch.cat([ENCODER([text]) for text in texts]), atol=1e-6)
    assert torch.isfinite(together).all()


def test_a_text_of_unknown_words_is_refused_by_name():
    with pytest.raises(RecipeError, match=r"'flumming the zork'.*\(flumming, zork\)") as caught:
        ENCODER(["Touching jaw", "flumming the zork"])
    assert "\n" not in str(caught.value)
    with pytest.raises(RecipeError, match=r"'12 / 34'.*no words"):
        ENCODER(["12 / 34"])


def test_unknown_words_beside_known_ones_are_told():
    found, unknown = concepts_of("zorking the jaw")
    assert len(found) == 1
    assert unknown == ("zorking",)
    assert ENCODER(["zorking the jaw"]).shape == (1, 24)


def test_a_word_belongs_to_one_concept():
    concepts, words = lexicon()
    assert len(set(concepts)) == len(concepts)
    assert set(words.values()) == set(range(len(concepts)))
    assert all(word == word.lower() and word.isalpha() for word in words)


@pytest.mark.parametrize("vocabulary", vocabularies())
def test_label_names_are_understood_whole_and_told_apart(vocabulary):
    seen: dict[frozenset[int], str] = {}
    for gesture in Vocabulary.load(vocabulary).with_background():
        found, unknown = concepts_of(gesture.name)
        assert found, gesture.name
        assert unknown == (), gesture.name
        assert frozenset(found) not in seen, (gesture.name, seen.get(frozenset(found)))
        seen[frozenset(found)] = gesture.name


def test_checkpoint_state():
    state = json.loads(json.dumps(ENCODER.state_for_checkpoint()))
    other = TextEncoder.from_checkpoint(state)
    assert isinstance(other, GestureWords)
    other.load_state_dict(ENCODER.state_dict())
    assert torch.equal(other(["Touching jaw"]), ENCODER(["Touching jaw"]))
    state["concepts"] = state["concepts"][:-1]
    with pytest.raises(RecipeError, match="other gesture words"):
        TextEncoder.from_checkpoint(state)


def test_an_objective_with_gesture_words_is_restored():
    torch.manual_seed(0)
    encoder = create_encoder("skeleton_graph", width=8, channels=[8])
    own = Vocabulary.from_texts(["tugging the sleeve", "adjusting glasses"])
    options = {"width": 8, "vocabularies": ["smg"]}
    objective = create_objective(
        "visual-text-timed", encoder, create_text_encoder("gesture-words"), own, **options
    ).eval()
    other = restore(json.loads(json.dumps(describe(objective)))).eval()
    other.load_state_dict(objective.state_dict())
    clip = encoder.example_input(2)
    with torch.no_grad():
        assert torch.equal(other.scores(clip), objective.scores(clip))
    assert other.vocabulary == own
    assert other.options == options


def test_seed_and_gradient():
    first, again, other = (GestureWords(8, seed).vectors for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    encoder = GestureWords(8)
    encoder(Vocabulary.load("imigue").names).square().sum().backward()
    assert all(p.grad.abs().any() for p in encoder.parameters())
    named = {number for gesture in Vocabulary.load("imigue") for number in concepts_of(gesture.name)[0]}
    assert set(encoder.vectors.grad.abs().sum(1).nonzero()[:, 0].tolist()) == named
