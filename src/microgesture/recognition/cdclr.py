"""CdCLR: whole sequences and clips of them are told apart, and the order of clips is told, without labels.

Gao, Liu, Yang, Yue, "CdCLR: Clip-Driven Contrastive Learning for Skeleton-Based Action Recognition", VCIP 2022
(doi 10.1109/VCIP56404.2022.10008837), and the authors' code (Erich-G/CdCLR). The settings of their runs on iMiGUE are
not public; what we put in their place is marked [R] (reconstructed).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.sequence_encoder import real_frames, start_matrices
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.momentum import KeyQueue, check_contrast, follow, info_nce, unit
from microgesture.recognition.registry import register_objective
from microgesture.recognition.self_supervised import SelfSupervisedObjective
from microgesture.recognition.views import crop, dimensions_of, distort, draw_crops
from microgesture.vocabulary import Vocabulary

_OFFICIAL = {
    "encoder_q.encoder.": "encoder.",
    "encoder_q.": "heads.",
    "encoder_k.encoder.": "key_encoder.",
    "encoder_k.": "key_heads.",
    "memory": "queue.memory",
}
"""How the keys of the authors' `MemorySeCo` begin, and ours."""


class Heads(nn.Module):
    """From a code h (B, C) to f, g and o, each (B, `width`) of length 1, for the inter, intra and order losses; and a
    classifier of the order of three o. With `mlp` the first head has a hidden layer. Names as the authors'."""

    def __init__(self, inputs: int, width: int, mlp: bool) -> None:
        super().__init__()
        self.fc: nn.Module = nn.Linear(inputs, width)
        self.fc_intra = nn.Linear(inputs, width)
        self.fc_order = nn.Linear(inputs, width)
        self.fc_order_classifier = nn.Linear(3 * width, 2)
        start_matrices(self)
        if mlp:
            self.fc = nn.Sequential(nn.Linear(inputs, inputs), nn.ReLU(), self.fc)

    def forward(self, code: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return unit(self.fc(code)), unit(self.fc_intra(code)), unit(self.fc_order(code))

    def order(self, features: Sequence[Tensor]) -> Tensor:
        """Logits (B, 2): whether the query is the first of its three clips, or the last."""
        return self.fc_order_classifier(torch.cat(list(features), 1))


@register_objective("cdclr")
class CdCLRObjective(SelfSupervisedObjective):
    """Three clips c₁ ≤ c₂ ≤ c₃ of every sequence, sorted by their start; the query is c₁ or c₃, either as likely.

    The query clip is distorted twice (q and sf), the others once (d₁, d₂); keys come from an encoder that follows with
    `momentum`. `inter`, `intra` and `order` weight the losses: f_q with the keys of all three clips against a `queue`
    of older keys; g_q nearer to g_sf than to g_d₁ and g_d₂; and which end of the three the query is. The paper has all
    three; the released training leaves out the third (`order: 0`).

    `scale` is the share of a sequence that a clip has, at least `least` frames and stretched to `size`. The released
    minimum is 64, which makes the three clips of anything shorter identical, and the intra and order losses empty: ours
    is 8 [R], and a batch without a longer sequence is refused. Equal starts are clips of their own; the
    released code keeps them in a table by start, where the last one takes the place of the others (`ties` "released").
    `corrupted` is the share of joints that `distort` breaks (the authors: 10 of 20, 15 of 25); `dimensions` those of
    the points, which `cdclr-gru` knows. `width` is that of the heads, `mlp` gives the first a hidden layer.
    Any encoder of skeletons can be trained; the authors have the three heads on the GRU alone.
    """

    authors_measure = "linear probe"

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        inter: float = 1.0,
        intra: float = 1.0,
        order: float = 1.0,
        temperature: float = 0.07,
        temperature_intra: float = 0.07,
        momentum: float = 0.999,
        queue: int = 16384,
        width: int = 128,
        mlp: bool = False,
        scale: Sequence[float] = (0.1, 1.0),
        least: int = 8,
        size: int = 64,
        corrupted: float = 0.5,
        ties: Literal["apart", "released"] = "apart",
        dimensions: int = 0,
    ) -> None:
        super().__init__(encoder)
        check_contrast("cdclr", queue, momentum, temperature, temperature_intra)
        low, high = check_scale("cdclr", scale)
        if min(inter, intra, order) < 0 or max(inter, intra, order) == 0:
            raise RecipeError("objective 'cdclr': inter, intra and order are weights, none below 0 and not all 0")
        if ties not in ("apart", "released") or least < 1 or size < 2 or not 0 <= corrupted <= 1:
            raise RecipeError(
                "objective 'cdclr': ties is apart or released, least 1 or more, size 2 or more, corrupted from 0 to 1"
            )
        self.weights = {"inter": inter, "intra": intra, "order": order}
        self.temperature, self.temperature_intra, self.momentum = temperature, temperature_intra, momentum
        self.scale, self.least, self.size, self.corrupted, self.ties = (low, high), least, size, corrupted, ties
        self.dimensions = dimensions_of(encoder, "cdclr", dimensions)
        self.heads = Heads(encoder.width, width, mlp)
        self.key_encoder = copy.deepcopy(encoder).requires_grad_(False)
        self.key_heads = copy.deepcopy(self.heads).requires_grad_(False)
        self.queue = KeyQueue(queue, width)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`inter_loss`, `intra_loss` and `order_loss` of a batch with `clip` (B, M, T, V, C), each times its weight;
        `order_accuracy` for the log. Labels are not looked at."""
        (query, *keys), last = self.views(batch["clip"])
        q, order = self._code(query), torch.as_tensor(last).to(query.device)
        with torch.no_grad():
            k = [self.key_heads(self.key_encoder.pool(self.key_encoder(key))) for key in keys]
        losses = self.losses(q, k, order)
        self.queue.put(torch.cat([f for f, _, _ in k]))
        follow(self.key_encoder, self.encoder, self.momentum)
        follow(self.key_heads, self.heads, self.momentum)
        return losses

    def losses(
        self, q: tuple[Tensor, Tensor, Tensor], k: Sequence[tuple[Tensor, Tensor, Tensor]], order: Tensor
    ) -> dict[str, Tensor]:
        """The weighted losses of the query's (f, g, o), each (B, D), the keys' of sf, d₁ and d₂, and `order` (B,), 1
        where the query is the last clip."""
        (f, g, o), (sf, *others) = q, k
        found = {}
        if self.weights["inter"]:
            old = self.queue.products(f)
            found["inter"] = torch.stack([info_nce(f, key[0], old, self.temperature) for key in k]).mean()
        if self.weights["intra"]:
            apart = [(g * key[1].detach()).sum(-1, keepdim=True) for key in others]
            pairs = [info_nce(g, sf[1], products, self.temperature_intra) for products in apart]
            found["intra"] = torch.stack(pairs).mean()
        named = {}
        if self.weights["order"]:
            logits = self.heads.order([o, *(key[2].detach() for key in others)]).float()
            found["order"] = F.cross_entropy(logits, order)
            named["order_accuracy"] = (logits.detach().argmax(1) == order).float().mean()
        return {f"{name}_loss": self.weights[name] * value for name, value in found.items()} | named

    def views(self, clip: Tensor) -> tuple[list[Tensor], Tensor]:
        """The distorted clips q, sf, d₁ and d₂, each (B, M, size, V, C), and `last` (B,) int64, 1 where the query is
        the last of its three clips.

        Raises `RecipeError` when the sequences are so short that all clips of one would be the same.
        """
        frames = real_frames(clip)
        if int(frames.max()) <= self.least:
            raise RecipeError(
                f"objective 'cdclr': clips of {int(frames.max())} frames have no parts of {self.least} that differ: "
                "raise data.frames or lower objective.options.least"
            )
        starts, lengths = draw_crops(frames, 3, self.scale, self.least)
        last = torch.randint(0, 2, (len(clip),))
        places = sorted_by_start(starts, self.ties)
        query = torch.where(last[:, None] == 1, torch.tensor([2, 0, 1]), torch.tensor([0, 1, 2]))
        chosen = places.gather(1, query)
        parts = [
            crop(clip, starts.gather(1, one)[:, 0], lengths.gather(1, one)[:, 0], self.size)
            for one in chosen.split(1, 1)
        ]
        return [distort(part, self.dimensions, self.corrupted) for part in (parts[0], *parts)], last

    def from_reference(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The state dictionary of the authors' `MemorySeCo` under our names; the unused `params` is left out. They do
        not save where in the queue they are, and begin again at its start: so do we."""
        found = {"queue.pointer": torch.zeros((), dtype=torch.long)}
        for key, value in state.items():
            official = next((each for each in _OFFICIAL if key.startswith(each)), "")
            if key != "params":
                found[_OFFICIAL.get(official, "") + key.removeprefix(official)] = value
        return found

    def _code(self, clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.heads(self.encoder.pool(self.encoder(clip)))


def sorted_by_start(starts: Tensor, ties: str = "apart") -> Tensor:
    """Which crop comes first, second and third, (B, 3), of `starts` (B, 3). With ties "released" the last of those
    with equal starts stands for all of them."""
    order = starts.argsort(dim=1, stable=True)
    if ties == "apart":
        return order
    equal = starts.gather(1, order)[:, :, None] == starts[:, None]
    return (equal * torch.arange(starts.shape[1])).amax(2)


def check_scale(objective: str, scale: Sequence[float]) -> tuple[float, float]:
    """The two shares of `scale`. Raises `RecipeError` unless they ascend within (0, 1]."""
    if len(scale) != 2 or not 0 < scale[0] <= scale[1] <= 1:
        raise RecipeError(f"objective '{objective}': scale is two ascending shares in (0, 1], got {list(scale)}")
    return float(scale[0]), float(scale[1])
