"""Which sentence stands for a class: its name, its name with its description, or a handcrafted prompt around it."""

from __future__ import annotations

from typing import Literal

from microgesture.vocabulary import Vocabulary

Texts = Literal["names", "descriptions"]

TEMPLATES = ("a photo of {label}", "a video of {label}", "an action of {label}")
"""The paper's handcrafted prompts."""


def label_texts(vocabulary: Vocabulary, texts: Texts = "names") -> tuple[str, ...]:
    """One text a class, in id order: the name, or "name: description" where the class has a description."""
    if texts == "names":
        return vocabulary.names
    return tuple(f"{c.name}: {c.description}" if c.description else c.name for c in vocabulary)


def handcrafted_prompts(label: str) -> tuple[str, ...]:
    """The label text in each of the paper's templates."""
    return tuple(template.format(label=label) for template in TEMPLATES)
