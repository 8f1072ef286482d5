"""Folders of small language models with random weights, laid out as sentence encoders are handed out."""

import json
from pathlib import Path

import torch

from microgesture.encoders.label_words import build_tokenizer
from microgesture.libraries.torchvision_loader import load_torchvision

WORDS = (
    "a an the hand hands head air chin jaw leg legs arm arms fold folding touch touching raising moving in into at of"
)
FLAGS = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens", "mean_sqrt_len_tokens": "mean_sqrt_len_tokens"}


def write_model(folder: Path, seed: int = 0, width: int = 32) -> Path:
    """A BERT of one layer with its tokenizer: no `modules.json`, so no sentence encoder yet."""
    load_torchvision()  # transformers imports torchvision
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    tokenizer = build_tokenizer([WORDS])
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.5,
    )
    BertModel(config).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return folder


def add_modules(folder: Path, mode: str = "mean", normalise: bool = True, spelling: str = "flags") -> Path:
    """Say in `modules.json` and the pooling's own file how the tokens of the model are pooled; `spelling` "flags" as
    older folders do, "key" as newer ones."""
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalise else [])]
    places = ["", "1_Pooling", "2_Normalize"]
    modules = [
        {"idx": k, "name": str(k), "path": places[k], "type": f"sentence_transformers.models.{kind}"}
        for k, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    flags = {f"pooling_mode_{name}": known == mode for known, name in FLAGS.items()}
    settings = flags if spelling == "flags" else {"pooling_mode": mode}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 32, **settings}))
    return folder


def write_sentence_encoder(folder: Path, seed: int = 0, width: int = 32) -> Path:
    """A sentence encoder: mean over the tokens, length 1."""
    return add_modules(write_model(folder, seed, width))
