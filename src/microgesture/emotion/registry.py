"""The models by name: adding one is one file that ends in a decorator.

A sequence model is trained by gradient descent; a class with a function `fit` is a yardstick that fits itself.
Both map a `SequenceBatch` to logits, so that everything behind them (calibration, uncertainty, what drove an answer,
saving) is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from microgesture.emotion.configuration import EmotionConfig
from microgesture.errors import RecipeError
from microgesture.registry import Registry


@dataclass(frozen=True)
class SequenceBatch:
    """Events of B videos in order, padded to N: `ids` (B, N) long (0 is padding) or `values` (B, N, D) float,
    the other one None; `padding` (B, N) bool, True where there is no event. `details` (B, N, 5): duration and gap in
    seconds, earlier events of the same label, events at the same time, confidence. `seconds` (B,): length of the
    videos, 0 where events have no times. `first` (B, N) bool: the first token of its event."""

    padding: torch.Tensor
    details: torch.Tensor
    seconds: torch.Tensor
    first: torch.Tensor
    ids: torch.Tensor | None = None
    values: torch.Tensor | None = None

    def rows(self, index: torch.Tensor) -> SequenceBatch:
        """Some of the videos, by index (b,) long."""
        return SequenceBatch(
            self.padding[index],
            self.details[index],
            self.seconds[index],
            self.first[index],
            None if self.ids is None else self.ids[index],
            None if self.values is None else self.values[index],
        )

    def without(self, dropped: torch.Tensor) -> SequenceBatch:
        """The batch with some events left out, (B, N) bool by event (0 is the first); the others move up."""
        event = (self.first.cumsum(dim=1) - 1).clamp(min=0)
        gone = self.padding | dropped.gather(1, event)
        order = torch.argsort(gone.to(torch.int8), dim=1, stable=True)[:, : max(int((~gone).sum(dim=1).max()), 0)]

        def moved(cells: torch.Tensor) -> torch.Tensor:
            index = order if cells.ndim == 2 else order[..., None].expand(-1, -1, cells.shape[2])
            return cells.gather(1, index)

        padding = gone.gather(1, order)
        return SequenceBatch(
            padding,
            moved(self.details) * ~padding[..., None],
            self.seconds,
            moved(self.first) & ~padding,
            None if self.ids is None else moved(self.ids) * ~padding,
            None if self.values is None else moved(self.values) * ~padding[..., None],
        )


@dataclass(frozen=True)
class InputSpec:
    """What a model is fed: number of token ids (0 for vectors) and width of the vectors (0 for ids); the columns of
    `SequenceBatch.details` that it may look at; whether it is told how long the video is and how many events it has;
    whether the events have times; whether vectors of events are averaged (representations) or summed (probabilities)
    where a video is one vector."""

    ids: int = 0
    width: int = 0
    details: tuple[int, ...] = ()
    exposure: bool = False
    timed: bool = True
    averaged: bool = False


ModelFactory = Callable[[EmotionConfig, InputSpec], nn.Module]
MODELS: Registry[ModelFactory] = Registry("emotion model", "microgesture.emotion")
register = MODELS.register
"""Class decorator. The class takes `(config, spec)`; its forward takes a `SequenceBatch` to logits (B, C)."""

AUTO = "auto"
PARTS = ("transformer", "logistic", "forest")
"""What `auto` weighs against each other."""
SIMPLEST = "logistic"
"""What answers alone unless the others are better by more than chance."""


def build(name: str, config: EmotionConfig, spec: InputSpec) -> nn.Module:
    """A fresh model. Raises `RecipeError` for a name that nobody registered."""
    return MODELS.find(name)(config, spec)


def check_name(name: str) -> None:
    """Raises `RecipeError` for a name that nobody registered."""
    if name != AUTO and name not in MODELS.names() and ":" not in name:
        known = ", ".join([AUTO, *MODELS.names()])
        raise RecipeError(f"no emotion model '{name}': known are {known}, or give your own as file.py:Name")


def fits_itself(name: str) -> bool:
    """Whether this is a yardstick."""
    return hasattr(MODELS.find(name), "fit")


class EventEmbedding(nn.Module):
    """Events to vectors (B, N, C): a table for ids (the paper's embedding layer), a linear map for vectors; what else
    is told of an event is added, through a linear map that starts at nothing."""

    def __init__(self, width: int, spec: InputSpec) -> None:
        super().__init__()
        self.spec = spec
        self.embed: nn.Module
        if spec.ids:
            self.embed = nn.Embedding(spec.ids, width, padding_idx=0)
        else:
            self.embed = nn.Sequential(nn.LayerNorm(spec.width), nn.Linear(spec.width, width))
        self.details = _from_nothing(len(spec.details), width) if spec.details else None
        self.exposure = _from_nothing(2, width) if spec.exposure else None

    def forward(self, batch: SequenceBatch) -> torch.Tensor:
        events = self.embed(batch.ids if batch.ids is not None else batch.values)
        if self.details is not None:
            events = events + self.details(torch.log1p(batch.details[..., list(self.spec.details)].clamp(min=0)))
        return events

    def whole(self, batch: SequenceBatch) -> torch.Tensor | None:
        """What is told of each whole video, (B, C): its length and its number of events; None when nothing is."""
        if self.exposure is None:
            return None
        count = (batch.first & ~batch.padding).sum(dim=1)
        return self.exposure(torch.stack([torch.log1p(batch.seconds / 60.0), torch.log1p(count.float() / 10)], dim=1))


def _from_nothing(inputs: int, width: int) -> nn.Linear:
    linear = nn.Linear(inputs, width)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear
