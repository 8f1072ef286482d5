"""A vocabulary from labels that a person wrote: what the built-in ones say of a gesture of that name is kept."""

from __future__ import annotations

from collections.abc import Iterable

from microgesture.files.text_tables import folded
from microgesture.vocabulary import GestureClass, Vocabulary, vocabularies


def vocabulary_of(labels: Iterable[str], name: str) -> Vocabulary:
    """The labels, sorted, each once (case and spacing do not matter), as they are first written.

    Where a built-in vocabulary has a gesture of that name the class has its description and body region. Without
    labels there is one class "none", as a vocabulary cannot be empty.
    """
    found: dict[str, str] = {}
    for label in labels:
        if label.strip():
            found.setdefault(folded(label), " ".join(label.split()))
    built_in = [Vocabulary.load(known) for known in vocabularies()]
    classes = [_class(number, label, built_in) for number, label in enumerate(sorted(found.values()))]
    return Vocabulary(name or "own", tuple(classes) or (GestureClass(0, "none"),))


def _class(number: int, label: str, known: Iterable[Vocabulary]) -> GestureClass:
    for vocabulary in known:
        if label in vocabulary:
            like = vocabulary[vocabulary.index(label)]
            return GestureClass(number, label, like.description, like.body_region, None, like.micro_gesture)
    return GestureClass(number, label)
