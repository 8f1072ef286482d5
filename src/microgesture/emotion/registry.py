"""The sequence models by name: adding one is one file that ends in a decorator."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from microgesture.emotion.configuration import EmotionConfig
from microgesture.errors import RecipeError


@dataclass(frozen=True)
class SequenceBatch:
    """Events of B videos in order, padded to N: `ids` (B, N) long (0 is padding) or `values` (B, N, D) float,
    the other one None; `padding` (B, N) bool, True where there is no event."""

    padding: torch.Tensor
    ids: torch.Tensor | None = None
    values: torch.Tensor | None = None


@dataclass(frozen=True)
class InputSpec:
    """What a model is fed: number of token ids (0 for vectors) and width of the vectors (0 for ids)."""

    ids: int = 0
    width: int = 0


ModelFactory = Callable[[EmotionConfig, InputSpec], nn.Module]
_MODELS: dict[str, ModelFactory] = {}
_BUILT_IN = ("transformer", "lstm")


def register(name: str) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Class decorator. The class takes `(config, spec)`; its forward takes a `SequenceBatch` to logits (B, C)."""

    def add(cls: type[nn.Module]) -> type[nn.Module]:
        _MODELS[name] = cls
        return cls

    return add


def build(config: EmotionConfig, spec: InputSpec) -> nn.Module:
    """A fresh model. Raises `RecipeError` for a name that nobody registered."""
    for name in _BUILT_IN:
        importlib.import_module(f"microgesture.emotion.{name}")
    if config.model not in _MODELS:
        raise RecipeError(f"emotion.model '{config.model}' is unknown; known are {', '.join(sorted(_MODELS))}")
    return _MODELS[config.model](config, spec)


class EventEmbedding(nn.Module):
    """Events to vectors (B, N, C): a table for ids (the letter's embedding layer), a linear map for vectors."""

    def __init__(self, width: int, spec: InputSpec) -> None:
        super().__init__()
        self.embed: nn.Module
        if spec.ids:
            self.embed = nn.Embedding(spec.ids, width, padding_idx=0)
        else:
            self.embed = nn.Sequential(nn.LayerNorm(spec.width), nn.Linear(spec.width, width))

    def forward(self, batch: SequenceBatch) -> torch.Tensor:
        return self.embed(batch.ids if batch.ids is not None else batch.values)
