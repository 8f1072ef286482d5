"""Predict & Cluster: a skeleton sequence is decoded from its code by a decoder that is kept weak.

Su, Liu, Shlizerman, "PREDICT & CLUSTER: Unsupervised Skeleton Based Action Recognition", CVPR 2020. Nothing of it on
iMiGUE is public but two numbers; which variant they are of, and how a top-5 comes out of one neighbour, is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.sequence_encoder import start_matrices
from microgesture.encoders.text import TextEncoder
from microgesture.recognition.alignment import full_precision
from microgesture.recognition.registry import register_objective
from microgesture.recognition.self_supervised import (
    SelfSupervisedObjective,
    one_of,
    over_real_frames,
    sequence_encoder,
)
from microgesture.vocabulary import Vocabulary

FIRST_RESIDUAL = 0.04
"""W and b of the residual of fixed states start uniform between minus and plus this."""


class Decoder(nn.Module):
    """One GRU that is as wide as the code, and a linear layer to the D coordinates of a frame."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(size, width, batch_first=True)
        self.out = nn.Linear(width, size)
        start_matrices(self)

    def fixed_weights(self, code: Tensor, frames: int) -> Tensor:
        """Frames (B, `frames`, D) from the code (B, width) alone: the input is 0 at every step."""
        nothing = code.new_zeros(len(code), frames, self.out.out_features)
        return self.out(self.gru(nothing, code[None])[0])

    def fixed_states(self, code: Tensor, first: Tensor, frames: int) -> Tensor:
        """The `frames` frames (B, `frames`, D) after the `first` (B, D): each is the one before and a residual, made
        by one step of the GRU from the code."""
        _, held_weight, _, held_bias = self.gru.all_weights[0]
        held = F.linear(code, held_weight, held_bias)
        made = [first]
        for _ in range(frames):
            made.append(made[-1] + self.out(self._step(made[-1], held, code)))
        return torch.stack(made, 1)[:, 1:]

    def _step(self, frame: Tensor, held: Tensor, state: Tensor) -> Tensor:
        """One step of the GRU; `held` is what the `state` adds to its gates, which is the same at every step."""
        weight, _, bias, _ = self.gru.all_weights[0]
        given = F.linear(frame, weight, bias)
        reset, update, new = given.chunk(3, -1)
        held_reset, held_update, held_new = held.chunk(3, -1)
        z = torch.sigmoid(update + held_update)
        n = torch.tanh(new + torch.sigmoid(reset + held_reset) * held_new)
        return (1 - z) * n + z * state


@register_objective("predict-and-cluster")
class PredictAndCluster(SelfSupervisedObjective):
    """Decode a sequence from its code: L = mean over clips of Σ_t m_t Σ_d |x̂_td - x_td| / Σ_t m_t.

    `decoder` "fixed-weights" decodes x_1..x_T from zeros; its GRU is random and stays so, and its linear layer learns
    (whether the paper freezes that too is not said: `frozen` "all"). "fixed-states" decodes x_2..x_T, each from its own
    output before, with the state set back to the code at every step.

    Options with which the released code is met; the defaults are what the paper means:
    `frozen` "variant" (the GRU with fixed weights, nothing with fixed states), "nothing" (both releases: the freezing
    there has no effect) or "all"; `padding` "masked" (m_t is 1 on real frames) or "released" (PyTorch: padding counts,
    and only the division is by the true length); `target` of fixed states "next" or "released" (PyTorch: output t,
    which is frame t and a residual, is compared with frame t). How the encoder reads is an option of `pc` itself.

    Raises `RecipeError` for another value or encoder.
    """

    authors_measure = "1-NN"

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        decoder: Literal["fixed-weights", "fixed-states"] = "fixed-weights",
        frozen: Literal["variant", "nothing", "all"] = "variant",
        padding: Literal["masked", "released"] = "masked",
        target: Literal["next", "released"] = "next",
    ) -> None:
        super().__init__(encoder)
        self.fixed_states = one_of("decoder", decoder, ("fixed-weights", "fixed-states")) == "fixed-states"
        self.padding = one_of("padding", padding, ("masked", "released"))
        self.target = one_of("target", target, ("next", "released"))
        self.decoder = Decoder(sequence_encoder(encoder, "predict-and-cluster").size, encoder.width)
        if self.fixed_states:
            for parameter in self.decoder.out.parameters():
                nn.init.uniform_(parameter, -FIRST_RESIDUAL, FIRST_RESIDUAL)
        one_of("frozen", frozen, ("variant", "nothing", "all"))
        if frozen == "all":
            self.decoder.requires_grad_(False)
        elif frozen == "variant" and not self.fixed_states:
            self.decoder.gru.requires_grad_(False)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`prediction_loss` of a batch with `clip`; no label is read."""
        frames, lengths = sequence_encoder(self.encoder, self.name).sequences(batch["clip"])
        frames = frames[:, : int(lengths.max())]
        made, wanted, lengths = self.prediction(self.embed(batch["clip"]), frames, lengths)
        apart = (full_precision(made) - wanted).abs().sum(2)
        each = over_real_frames(apart, lengths) if self.padding == "masked" else apart.sum(1) / lengths.clamp_min(1)
        return {"prediction_loss": each.mean()}

    def prediction(self, code: Tensor, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is decoded from codes (B, 2H), the frames that it is compared with, both (B, T', D), and how many of
        them are real (B,)."""
        if not self.fixed_states:
            return self.decoder.fixed_weights(code, frames.shape[1]), frames, lengths
        if self.target == "released":
            return self.decoder.fixed_states(code, frames[:, 0], frames.shape[1]), frames, lengths
        return self.decoder.fixed_states(code, frames[:, 0], frames.shape[1] - 1), frames[:, 1:], lengths - 1

    def from_reference(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of the authors' `seq2seq`, encoder and decoder, as this objective's own: the names are the same."""
        return dict(state)
