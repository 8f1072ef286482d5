"""The text encoder: label texts to first-token features, through a Hugging Face model.

`create_text_encoder` takes a hub name ("distilbert-base-uncased", the letter's), a local folder, or
"label-words" (`label_words.py`). A checkpoint holds everything that builds the encoder again without network:
`TextEncoder.state_for_checkpoint()` is plain JSON with the model's configuration and the whole tokenizer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from microgesture.encoders import label_words
from microgesture.errors import RecipeError
from microgesture.torchvision_loader import load_torchvision

T = TypeVar("T")

LABEL_WORDS = "label-words"
GESTURE_WORDS = "gesture-words"
MAX_TOKENS = 200
"""Longer texts are cut (the released configuration's `max_length`), or where the model's positions end."""


class TextEncoder(nn.Module):
    """Texts to features of the first token, (n, C).

    `model` is a Hugging Face encoder, `tokenizer` its fast tokenizer, None when it is not at hand (an imported
    checkpoint holds no tokenizer): then everything works except encoding texts. `width` is C.
    """

    def __init__(self, model: nn.Module, tokenizer: Tokenizer | None, name: str, pad_id: int = 0) -> None:
        super().__init__()
        self.name = name
        self.pad_id = pad_id
        if getattr(model, "pooler", None) is not None:
            model.register_module("pooler", None)  # only the first token is used; parameters without gradient upset DDP
        self.model = model
        self.width = int(model.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.tokenizer = tokenizer
        if tokenizer is not None:
            positions = getattr(model.config, "max_position_embeddings", None)
            longest = min(MAX_TOKENS, int(positions)) if isinstance(positions, int) else MAX_TOKENS
            tokenizer.enable_truncation(longest)
            tokenizer.enable_padding(pad_id=pad_id)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """First-token features (n, C) of n texts. Raises `RecipeError` when there is no tokenizer."""
        if self.tokenizer is None:
            raise RecipeError(
                f"text encoder '{self.name}' has no tokenizer: give the local folder of its model as the text encoder"
            )
        encodings = self.tokenizer.encode_batch(list(texts))
        device = next(self.model.parameters()).device
        ids = torch.tensor([e.ids for e in encodings], device=device)
        mask = torch.tensor([e.attention_mask for e in encodings], device=device)
        return self.model(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]

    def state_for_checkpoint(self) -> dict[str, Any]:
        """Plain JSON values from which `from_checkpoint` builds the same encoder; the weights are apart."""
        return {
            "name": self.name,
            "pad_id": self.pad_id,
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
            return cls(model, tokenizer, str(state["name"]), int(state["pad_id"]))
        except RecipeError:
            raise
        except Exception as error:  # tokenizers raises bare Exception
            raise RecipeError(f"the text encoder of the checkpoint cannot be built ({_line(error)})") from error


def create_text_encoder(name: str, label_texts: Iterable[str] = (), **options: Any) -> TextEncoder:
    """Build a text encoder: a hub name, a local folder, "label-words" over `label_texts`, or "gesture-words".

    `label_texts` are all texts that training will show (names, and descriptions where they are used); only
    "label-words" reads them. `options` come from a recipe; none is known. Raises `RecipeError` when one is given,
    or when the model is neither local nor to be downloaded.
    """
    if options:
        raise RecipeError(f"text encoder '{name}' has no option '{next(iter(options))}': it takes none")
    if name == GESTURE_WORDS:
        from microgesture.encoders.gesture_words import GestureWords  # which is a TextEncoder

        return GestureWords()
    if name == LABEL_WORDS:
        tokenizer = label_words.build_tokenizer(label_texts)
        return TextEncoder(label_words.build_model(tokenizer), tokenizer, name)
    return _pretrained(name)


def load_tokenizer(name: str) -> tuple[Tokenizer, int]:
    """The tokenizer of a hub name or a local folder, which need hold nothing else, and its padding id.

    Raises `RecipeError` when there is none.
    """
    return _found(name, _load_tokenizer)


def _pretrained(name: str) -> TextEncoder:
    return _found(name, _load)


def _found(name: str, load: Callable[[str, str, bool], T]) -> T:
    """What `load(source, name, local)` finds on the hub or in a local folder. The hub's cache is asked first, then the
    network: one short request decides whether there is one, since the library itself retries for half a minute."""
    load_torchvision()  # transformers imports torchvision
    folder = Path(name).expanduser()
    if folder.is_dir():
        return load(str(folder), name, True)
    try:
        return load(name, name, True)
    except RecipeError:
        pass  # not in the cache
    import huggingface_hub

    try:
        huggingface_hub.HfApi().model_info(name, timeout=10)
    except Exception as error:  # no network, offline mode, no such model, not a valid name
        raise RecipeError(
            f"text encoder '{name}' cannot be downloaded ({_line(error)}): "
            f"give a local folder of the model, or '{LABEL_WORDS}'"
        ) from error
    return load(name, name, False)


def _load(source: str, name: str, local: bool) -> TextEncoder:
    """Model and tokenizer of a folder or hub name, in float32."""
    from transformers import AutoModel

    tokenizer, pad_id = _load_tokenizer(source, name, local)
    try:
        model = AutoModel.from_pretrained(source, local_files_only=local, dtype=torch.float32)
    except Exception as error:  # the library raises many kinds
        raise RecipeError(f"text encoder '{name}' cannot be loaded ({_line(error)})") from error
    return TextEncoder(model, tokenizer, name, pad_id)


def _load_tokenizer(source: str, name: str, local: bool) -> tuple[Tokenizer, int]:
    try:
        backend, pad_id = _read_tokenizer(source, local)
    except Exception as error:  # the library raises many kinds
        raise RecipeError(f"the tokenizer of text encoder '{name}' cannot be loaded ({_line(error)})") from error
    if backend is None or pad_id is None:
        raise RecipeError(f"text encoder '{name}' has no fast tokenizer with a padding token")
    return backend, int(pad_id)


def _read_tokenizer(source: str, local: bool) -> tuple[Tokenizer | None, int | None]:
    """As the model's files describe it; alone, by its own file, or DistilBERT's by its list of words."""
    from transformers import AutoTokenizer, DistilBertTokenizerFast

    files = {path.name for path in Path(source).iterdir()} if Path(source).is_dir() else {"config.json"}
    described = files & {"config.json", "tokenizer_config.json"}
    if "tokenizer.json" in files and not described:
        alone = Tokenizer.from_file(str(Path(source, "tokenizer.json")))
        return alone, alone.token_to_id("[PAD]")
    kind = DistilBertTokenizerFast if "vocab.txt" in files and not described else AutoTokenizer
    found = kind.from_pretrained(source, local_files_only=local)
    return getattr(found, "backend_tokenizer", None), found.pad_token_id


def _line(error: BaseException) -> str:
    """First line of an error's message."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
