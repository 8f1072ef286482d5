"""Objectives by name, and from a plain JSON description back to an objective."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.registry import create_encoder
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.objective import Objective
from microgesture.registry import Registry
from microgesture.vocabulary import Vocabulary

_OBJECTIVES: Registry[type[Objective]] = Registry("objective", "microgesture.recognition", Objective)
register_objective = _OBJECTIVES.register
"""Decorator `@register_objective("name")` for an `Objective` class."""


def create_objective(
    name: str, encoder: Encoder, text_encoder: TextEncoder | None, vocabulary: Vocabulary, **options: Any
) -> Objective:
    """Build an objective by name (`list_objectives()`), `file.py:ClassName` or `package.module:ClassName`.

    Raises `RecipeError` for an unknown name, option or value, naming the known ones.
    """
    objective: Objective = _OBJECTIVES.create(name, encoder, text_encoder, vocabulary, **options)
    objective.name = name
    objective.options = dict(options)
    return objective


def objective_class(name: str) -> type[Objective]:
    """The class of an objective by name, as `create_objective` finds it. Raises `RecipeError` when there is none."""
    return _OBJECTIVES.find(name)


def list_objectives() -> tuple[str, ...]:
    """Names of all objectives of the package, sorted."""
    return _OBJECTIVES.names()


def describe(objective: Objective) -> dict[str, Any]:
    """All that builds the objective again but its weights, as plain JSON values.

    Options that only chose the first weights (`Encoder.starting_options`) are left out; the text encoder is
    described whole, so that `restore` needs no network.
    """
    encoder, text = objective.encoder, objective.text_encoder
    return {
        "objective": objective.name,
        "objective_options": objective.saved_options(),
        "encoder": encoder.name,
        "encoder_options": {k: v for k, v in encoder.options.items() if k not in encoder.starting_options},
        "text_encoder": None if text is None else text.state_for_checkpoint(),
        "vocabulary": objective.vocabulary.to_json(),
    }


def restore(description: Mapping[str, Any]) -> Objective:
    """Inverse of `describe`, with random weights: load the state dictionary next.

    Raises `RecipeError` when the description lacks a part or a part cannot be built.
    """
    try:
        text = description["text_encoder"]
        encoder = create_encoder(description["encoder"], **description["encoder_options"])
        return create_objective(
            description["objective"],
            encoder,
            None if text is None else TextEncoder.from_checkpoint(text),
            Vocabulary.from_json(description["vocabulary"]),
            **description["objective_options"],
        )
    except KeyError as error:
        raise RecipeError(f"the description of the model lacks {error}") from error
