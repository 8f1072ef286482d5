"""A text encoder that knows the words of gestures and needs no download: label texts as bags of concepts.

Ours, in place of a language model in the weights that ship with the package (DistilBERT alone is 13 times their
size). `gesture_words.json` says which words mean the same (chin and jaw, tug and pull); a text is the set of the
concepts that it names, each a learnt vector. So a text that was never trained on is understood as far as its words
are: "tugging the sleeve" is a pull at an arm. Order and grammar are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import torch
from torch import Tensor, nn

from microgesture.encoders.text import GESTURE_WORDS, TextEncoder
from microgesture.errors import RecipeError

_ENDINGS = ("ing", "ies", "es", "ed", "s", "e", "ly")
_WORD = re.compile(r"[a-z]+")


def stems(word: str) -> tuple[str, ...]:
    """Forms of a word without its ending, the word itself first: "rubbing" gives rubbing, rubb, rub, rubbe."""
    forms = [word]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            stem = word[: -len(ending)]
            forms += [stem, stem + "e", stem + "y" if ending == "ies" else stem]
            if len(stem) > 2 and stem[-1] == stem[-2]:
                forms.append(stem[:-1])
    return tuple(dict.fromkeys(forms))


@cache
def lexicon() -> tuple[tuple[str, ...], dict[str, int]]:
    """Concepts in order, and which word belongs to which."""
    text = (resources.files("microgesture") / "encoders" / "gesture_words.json").read_text("utf-8")
    concepts: dict[str, list[str]] = json.loads(text)["concepts"]
    words: dict[str, int] = {}
    for number, members in enumerate(concepts.values()):
        for word in members:
            words.setdefault(word, number)
    return tuple(concepts), words


def concepts_of(text: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Concepts that a text names, in order and each once, and the words that are not known."""
    _, words = lexicon()
    found, unknown = [], []
    for word in _WORD.findall(text.lower()):
        number = next((words[form] for form in stems(word) if form in words), None)
        if number is not None:
            found.append(number)
        elif word not in _EMPTY:
            unknown.append(word)
    return tuple(dict.fromkeys(found)), tuple(unknown)


def remarks_on(texts: Sequence[tuple[str, str]]) -> list[str]:
    """What is not understood of texts, each with the name that it is known by, in plain sentences."""
    said: list[str] = []
    sets: dict[frozenset[int], list[str]] = {}
    for text, name in texts:
        concepts, unknown = concepts_of(text)
        if unknown:
            said.append(f"'{name}': not understood: {', '.join(unknown)}")
        sets.setdefault(frozenset(concepts), []).append(name)
    same = [names for names in sets.values() if len(names) > 1]
    return said + [
        f"the words known of {' and '.join(map(repr, names))} are the same: told apart by chance" for names in same
    ]


_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a an and as at by for from her his if in into is it its of off on one or out over so some than that the their "
        "them they this to under until using with without both each while towards toward near itself themselves again "
        "same once several times quickly lightly repeatedly nearly slightly person someone s be are more part parts "
        "putting put gesture gestures",
    )
)
"""Words that say nothing of a gesture and are not reported as unknown."""


class GestureWords(TextEncoder):
    """Texts to features (n, `width`): the mean and the maximum of the vectors of a text's concepts, mixed.

    Raises `RecipeError` for a text of which not one word is known. Same interface as `TextEncoder`.
    """

    def __init__(self, width: int = 192, seed: int = 0) -> None:
        nn.Module.__init__(self)  # no language model and no tokenizer stand behind it
        self.name, self.tokenizer, self.width = GESTURE_WORDS, None, width
        concepts, _ = lexicon()
        generator = torch.Generator().manual_seed(seed)
        self.vectors = nn.Parameter(torch.randn(len(concepts), width, generator=generator) * 0.5)
        self.mix = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Features (n, width) of n texts."""
        weights = torch.zeros(len(texts), len(self.vectors), device=self.vectors.device)
        for row, text in enumerate(texts):
            found, unknown = concepts_of(text)
            if not found:
                raise RecipeError(
                    f"'{text}': none of its words is known to these weights ({', '.join(unknown) or 'no words'}): "
                    "describe the movement and the part of the body in plain English"
                )
            weights[row, list(found)] = 1.0
        mean = weights @ self.vectors / weights.sum(1, keepdim=True).sqrt()
        hidden = torch.where(weights[:, :, None] > 0, self.vectors[None], torch.full((), -1e4, device=weights.device))
        return self.mix(torch.cat([mean, hidden.amax(1)], -1))

    def state_for_checkpoint(self) -> dict[str, Any]:
        """Plain JSON values from which `from_checkpoint` builds the same encoder; the weights are apart.

        The concepts go with it, since a later version of the package may know more."""
        return {"name": self.name, "width": self.width, "concepts": list(lexicon()[0])}

    @classmethod
    def from_checkpoint(cls, state: Mapping[str, Any]) -> GestureWords:
        """Inverse of `state_for_checkpoint`, with random weights. Raises `RecipeError` when the package's concepts
        are no longer those of the weights."""
        if list(lexicon()[0]) != list(state["concepts"]):
            raise RecipeError("the weights were trained with other gesture words than this version of the package has")
        return cls(int(state["width"]))
