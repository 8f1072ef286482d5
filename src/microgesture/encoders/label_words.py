"""A text encoder that needs no download: a tiny DistilBERT whose word pieces are the words of the label texts.

Our choice, for machines without network and for tests; nothing in the paper. It knows no language: two label
texts are alike to it as far as they share words, so zero-shot recognition by it reaches only as far as that.
"""

from __future__ import annotations

import string
from collections.abc import Iterable

import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece
from torch import nn

from microgesture.libraries.torchvision_loader import load_torchvision

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
FRAME_WORDS = ("a", "an", "and", "of", "or", "the", "photo", "video", "action")
"""Words of the handcrafted prompts, which stand around every label text."""

MAX_TOKENS = 128
WIDTH, LAYERS, HEADS, FEED_FORWARD = 128, 2, 4, 256
INITIALIZER_RANGE = 0.12
"""Standard deviation of the first weights. DistilBERT's 0.02 belongs to width 768 and long
pre-training; at this width it leaves the first tokens of all label texts practically the same vector."""


def build_tokenizer(label_texts: Iterable[str]) -> Tokenizer:
    """Lower-case WordPiece tokenizer over the words of the texts, with single characters as further pieces, so
    that a text with unseen words is spelt out rather than unknown. Same texts, same vocabulary."""
    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    words = dict.fromkeys(FRAME_WORDS)
    for text in label_texts:
        words.update((word, None) for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    letters = sorted({*string.ascii_lowercase, *string.digits, *string.punctuation, *"".join(words)})
    pieces = dict.fromkeys((*SPECIAL_TOKENS, *letters, *(f"##{letter}" for letter in letters), *words))
    tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.WordPiece()
    cls, sep = pieces_of(tokenizer, "[CLS]", "[SEP]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", cls), ("[SEP]", sep)]
    )
    return tokenizer


def pieces_of(tokenizer: Tokenizer, *pieces: str) -> tuple[int, ...]:
    """Ids of word pieces that the tokenizer is known to have."""
    return tuple(tokenizer.get_vocab()[piece] for piece in pieces)


def build_model(tokenizer: Tokenizer, seed: int = 0) -> nn.Module:
    """The tiny DistilBERT for a tokenizer; its weights depend on `seed` alone, whatever was drawn before.

    No dropout: there are as many inputs as classes, and what the text side must do is tell them apart.
    """
    load_torchvision()  # transformers imports torchvision
    from transformers import DistilBertConfig, DistilBertModel

    config = DistilBertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=MAX_TOKENS,
        dim=WIDTH,
        n_layers=LAYERS,
        n_heads=HEADS,
        hidden_dim=FEED_FORWARD,
        dropout=0.0,
        attention_dropout=0.0,
        initializer_range=INITIALIZER_RANGE,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return DistilBertModel(config)
