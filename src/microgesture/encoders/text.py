"""The text encoder: label texts to features, through a Hugging Face model.

`create_text_encoder` takes a hub name ("distilbert-base-uncased", the paper's, or a sentence encoder:
"sentence-transformers/all-MiniLM-L6-v2"), a local folder, or "label-words" (`label_words.py`). A checkpoint holds
everything that builds the encoder again without network: `TextEncoder.state_for_checkpoint()` is plain JSON with the
model's configuration and the whole tokenizer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from microgesture.encoders.label_words import build_model, build_tokenizer
from microgesture.encoders.pooling import FIRST_TOKEN, Pooling
from microgesture.errors import RecipeError
from microgesture.libraries.torchvision_loader import load_torchvision

LABEL_WORDS = "label-words"
GESTURE_WORDS = "gesture-words"
MAX_TOKENS = 200
"""Longer texts are cut (the released configuration's `max_length`), or where the model's positions end."""


class TextEncoder(nn.Module):
    """Texts to features (n, C): of the first token, or pooled over the tokens as a sentence encoder's folder says.

    `model` is a Hugging Face encoder, `tokenizer` its fast tokenizer, None when it is not at hand (an imported
    checkpoint holds no tokenizer): then everything works except encoding texts. `width` is C.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Tokenizer | None,
        name: str,
        pad_id: int = 0,
        pooling: Pooling = FIRST_TOKEN,
    ) -> None:
        super().__init__()
        self.name = name
        self.pooling = pooling
        self.pad_id = pad_id
        if getattr(model, "pooler", None) is not None:
            model.register_module("pooler", None)  # it is not used; parameters without gradient upset DDP
        self.model = model
        self.width = int(model.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.tokenizer = tokenizer
        if tokenizer is not None:
            positions = getattr(model.config, "max_position_embeddings", None)
            longest = min(MAX_TOKENS, int(positions)) if isinstance(positions, int) else MAX_TOKENS
            tokenizer.enable_truncation(longest)
            tokenizer.enable_padding(pad_id=pad_id)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Features (n, C) of n texts. Raises `RecipeError` when there is no tokenizer."""
        if self.tokenizer is None:
            raise RecipeError(
                f"text encoder '{self.name}' has no tokenizer: give the local folder of its model as the text encoder"
            )
        encodings = self.tokenizer.encode_batch(list(texts))
        device = next(self.model.parameters()).device
        ids = torch.tensor([e.ids for e in encodings], device=device)
        mask = torch.tensor([e.attention_mask for e in encodings], device=device)
        return self.pooling(self.model(input_ids=ids, attention_mask=mask).last_hidden_state, mask)

    def state_for_checkpoint(self) -> dict[str, Any]:
        """Plain JSON values from which `from_checkpoint` builds the same encoder; the weights are apart."""
        return {
            "name": self.name,
            "pad_id": self.pad_id,
            "pooling": asdict(self.pooling),
            "model": json.loads(self.model.config.to_json_string(use_diff=False)),  # type: ignore[union-attr, operator]
            "tokenizer": None if self.tokenizer is None else json.loads(self.tokenizer.to_str()),
        }

    @classmethod
    def from_checkpoint(cls, state: Mapping[str, Any]) -> TextEncoder:
        """Inverse of `state_for_checkpoint`, with random weights: load the state dictionary next.

        Raises `RecipeError` when the state is not one.
        """
        if state["name"] == GESTURE_WORDS:
            from microgesture.encoders.gesture_words import GestureWords

            return GestureWords.from_checkpoint(state)
        load_torchvision()  # transformers imports torchvision
        from transformers import AutoConfig, AutoModel

        try:
            settings = {key: value for key, value in state["model"].items() if key != "model_type"}
            config = AutoConfig.for_model(state["model"]["model_type"], **settings)
            tokenizer = None if state["tokenizer"] is None else Tokenizer.from_str(json.dumps(state["tokenizer"]))
            model = AutoModel.from_config(config).float()
            pooling = Pooling(**state.get("pooling", {}))
            return cls(model, tokenizer, str(state["name"]), int(state["pad_id"]), pooling)
        except RecipeError:
            raise
        except Exception as error:  # tokenizers raises bare Exception
            raise RecipeError(f"the text encoder of the checkpoint cannot be built ({first_line(error)})") from error


def create_text_encoder(name: str, label_texts: Iterable[str] = (), **options: Any) -> TextEncoder:
    """Build a text encoder: a hub name, a local folder, "label-words" over `label_texts`, or "gesture-words".

    `label_texts` are all texts that training will show (names, and descriptions where they are used); only
    "label-words" reads them. `options` come from a recipe; none is known. Raises `RecipeError` when one is given,
    or when the model is neither local nor to be downloaded; `MissingExtra` when an extra would bring it.
    """
    if options:
        raise RecipeError(f"text encoder '{name}' has no option '{next(iter(options))}': it takes none")
    if name == GESTURE_WORDS:
        from microgesture.encoders.gesture_words import GestureWords  # which is a TextEncoder

        return GestureWords()
    if name == LABEL_WORDS:
        tokenizer = build_tokenizer(label_texts)
        return TextEncoder(build_model(tokenizer), tokenizer, name)
    from microgesture.encoders.pretrained import open_pretrained

    return open_pretrained(name)


def first_line(error: BaseException) -> str:
    """First line of an error's message."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
