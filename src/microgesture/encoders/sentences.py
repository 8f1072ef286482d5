"""A frozen sentence encoder whose weights are not the run's: the run keeps the vectors of the texts it learnt from.

A language model that understands texts of one's own is larger than everything else together. So a run holds the vectors
of the texts that its training saw, which is all that its own vocabularies need; the model itself is opened only when
another text is to be read, from a local folder, the package of the extra `sentences` or the hub's cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.pretrained import open_pretrained
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError, UserError

SAME = 0.999
"""Least cosine of a kept vector, which may be in half precision, with that of the same model."""


class FrozenSentences(nn.Module):
    """Texts to vectors (n, `width`) that no training changes.

    `name` is that of `open_pretrained`, `texts` are those whose vectors are kept: a buffer, named after them, so that
    the vectors of other texts never fit. `reading` makes one with its vectors; `from_checkpoint` one that waits for
    the state dictionary.
    """

    def __init__(self, name: str, texts: Iterable[str], width: int) -> None:
        super().__init__()
        self.name, self.texts, self.width = name, tuple(dict.fromkeys(texts)), width
        self._rows = {text: row for row, text in enumerate(self.texts)}
        self._key = "of_" + hashlib.sha256(json.dumps([name, self.texts]).encode()).hexdigest()[:8]
        self.register_buffer(self._key, torch.zeros(len(self.texts), width))
        self._read: dict[str, Tensor] = {}

    @classmethod
    def reading(cls, name: str, texts: Iterable[str]) -> FrozenSentences:
        """Open the model (it may be downloaded) and read the texts. Raises as `open_pretrained` does."""
        model = _language_model(name, True)
        made = cls(name, texts, model.width)
        made.vectors.copy_(_encode(model, made.texts))
        return made

    @property
    def vectors(self) -> Tensor:
        """(len(texts), width) of the texts that are kept."""
        return getattr(self, self._key)

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Vectors (n, width), on the device of those that are kept. Raises `RecipeError` when a text is not kept and
        the model is not at hand."""
        new = [text for text in dict.fromkeys(texts) if text not in self._rows and text not in self._read]
        if new:
            if self.problem:
                raise RecipeError(f"'{new[0]}' cannot be read: {self.problem}")
            self._read.update(zip(new, _encode(_language_model(self.name, False), new), strict=True))
        kept = self.vectors
        if not any(text in self._read for text in texts):
            return kept[[self._rows[text] for text in texts]]
        return torch.stack([kept[self._rows[t]] if t in self._rows else self._read[t].to(kept) for t in texts])

    def can_read(self, text: str) -> bool:
        """Whether the vector of a text is kept, or the model is at hand."""
        return text in self._rows or text in self._read or not self.problem

    @cached_property
    def problem(self) -> str:
        """Why the model cannot be opened on this machine, in one line; empty when it can. Nothing is downloaded."""
        try:
            model = _language_model(self.name, False)
        except UserError as error:
            return str(error)
        if self.texts:
            again = _encode(model, self.texts[:1]).to(self.vectors)
            if again.shape[1] != self.width or F.cosine_similarity(again, self.vectors[:1]).item() < SAME:
                return f"text encoder '{self.name}' is not the one that these weights were trained with"
        return ""

    def state_for_checkpoint(self) -> dict[str, Any]:
        """Plain JSON values from which `from_checkpoint` builds the same; the vectors are apart."""
        return {"name": self.name, "width": self.width, "texts": list(self.texts)}

    @classmethod
    def from_checkpoint(cls, state: Mapping[str, Any]) -> FrozenSentences:
        """Inverse of `state_for_checkpoint`, without the vectors: load the state dictionary next."""
        try:
            return cls(str(state["name"]), state["texts"], int(state["width"]))
        except (KeyError, TypeError, ValueError) as error:
            raise RecipeError(f"the sentence encoder of the checkpoint cannot be built ({error!r})") from error


@lru_cache(maxsize=2)
def _language_model(name: str, network: bool) -> TextEncoder:
    return open_pretrained(name, network).eval()


def _encode(model: TextEncoder, texts: Sequence[str]) -> Tensor:
    """(n, width), one text at a time: what stands beside a text does not touch its vector, not even by rounding."""
    with torch.inference_mode(False), torch.no_grad():
        return torch.cat([model([text]) for text in texts]) if texts else torch.zeros(0, model.width)
