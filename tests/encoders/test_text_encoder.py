"""Text encoders: label words offline, local folders, checkpoints, and clear errors without network."""

import json

import pytest
import torch

from microgesture.encoders import TextEncoder, create_text_encoder
from microgesture.encoders.label_words import build_tokenizer
from microgesture.errors import RecipeError

NAMES = ("Touching jaw", "Touching neck", "Folding arms", "Moving legs", "Café & naïve gestures")


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return create_text_encoder("label-words", NAMES).eval()


def test_first_token_features(encoder):
    features = encoder(NAMES)
    assert features.shape == (5, encoder.width)
    alike = torch.nn.functional.cosine_similarity(features[0], features[1:], dim=1)
    assert alike.max() < 0.99  # label texts are told apart before any training


def test_padding_does_not_change_a_text(encoder):
    alone = encoder(["Folding arms"])
    beside = encoder(["Folding arms", "a much longer text that needs many more pieces than two"])
    assert torch.allclose(alone[0], beside[0], atol=1e-5)


def test_words_are_whole_and_unseen_words_are_spelt():
    tokenizer = build_tokenizer(NAMES)
    assert " ".join(tokenizer.encode("a photo of Touching JAW").tokens) == "[CLS] a photo of touching jaw [SEP]"
    spelt = tokenizer.encode("Zigzag-42!").tokens
    assert "[UNK]" not in spelt
    assert len(spelt) == len("zigzag-42!") + 2


def test_long_text_is_cut(encoder):
    assert encoder(["word " * 1000]).shape == (1, encoder.width)


def test_deterministic_whatever_was_drawn_before(encoder):
    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    other = create_text_encoder("label-words", NAMES).eval()
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(other(NAMES), encoder(NAMES))


def test_gradient_reaches_every_parameter_but_unseen_pieces(encoder):
    encoder.zero_grad()
    (encoder(NAMES) * torch.randn(5, encoder.width, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert [n for n, p in encoder.named_parameters() if p.grad is None] == []


def test_checkpoint_round_trip_needs_no_network(encoder):
    state = json.loads(json.dumps(encoder.state_for_checkpoint()))
    other = TextEncoder.from_checkpoint(state).eval()
    other.load_state_dict(encoder.state_dict())
    texts = (*NAMES, "never seen before")
    assert torch.equal(other(texts), encoder(texts))
    assert other.name == "label-words"


def test_broken_checkpoint():
    with pytest.raises(RecipeError, match="text encoder of the checkpoint"):
        TextEncoder.from_checkpoint({"name": "x", "pad_id": 0, "model": {"model_type": "nonsense"}, "tokenizer": None})


def test_local_folder(encoder, tmp_path):
    from transformers import PreTrainedTokenizerFast

    encoder.model.save_pretrained(tmp_path)
    PreTrainedTokenizerFast(
        tokenizer_object=encoder.tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(tmp_path)
    local = create_text_encoder(str(tmp_path)).eval()
    assert torch.allclose(local(NAMES), encoder(NAMES), atol=1e-6)


def test_bert_loses_its_unused_pooler(tmp_path):
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokenizer = build_tokenizer(NAMES)
    BertModel(
        BertConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
        )
    ).save_pretrained(tmp_path)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(tmp_path)
    encoder = create_text_encoder(str(tmp_path))
    assert encoder(NAMES).shape == (5, 32)
    assert not any("pooler" in name for name, _ in encoder.named_parameters())


def test_no_network_is_one_line(monkeypatch):
    import huggingface_hub

    def no_network(*_args, **_kwargs):
        raise ConnectionError("Name or service not known\nmore")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", no_network)
    with pytest.raises(RecipeError, match="local folder of the model, or 'label-words'") as caught:
        create_text_encoder("somebody/no-such-model-here")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_model(tmp_path):
    with pytest.raises(RecipeError, match="cannot be loaded"):
        create_text_encoder(str(tmp_path))


def test_without_tokenizer(encoder):
    mute = TextEncoder(encoder.model, None, "imported")
    with pytest.raises(RecipeError, match="'imported' has no tokenizer"):
        mute(["x"])


def test_unknown_option():
    with pytest.raises(RecipeError, match="'label-words' has no option 'width'"):
        create_text_encoder("label-words", NAMES, width=3)
