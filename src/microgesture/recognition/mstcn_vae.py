"""MSTCN-VAE: a clip is decoded from its code, frame axis as channels, and compared with its normalised self.

Yuan, He, Dou, MiGA workshop at IJCAI 2023 (CEUR Vol-3522, paper 5). Deterministic: neither μ nor σ. The numbers that
later papers print of it are those of a random forest that was trained with labels on its codes, and their "top-5" is
the union of five forests' single answers (`evaluation.frozen_codes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.mstcn import CODE, DROPOUT, MSTCN, residual_layer, with_own_names
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.alignment import full_precision
from microgesture.recognition.registry import register_objective
from microgesture.recognition.self_supervised import SelfSupervisedObjective
from microgesture.vocabulary import Vocabulary

HIDDEN = (1, 50)
"""Channels at the beginning of each level of the decoder; the last one ends with one per frame."""


class TransposedLevel(nn.Module):
    """Two transposed convolutions with weight norm, kernel 2 and stride 2, padded so that the length L stays; ReLU and
    dropout after each; a residual, ReLU. (N, `inputs`, L) to (N, `outputs`, L)."""

    def __init__(self, inputs: int, outputs: int, dilation: int, length: int) -> None:
        super().__init__()
        extra = (length - 1 + dilation) % 2
        padding = (length - 1 + dilation + extra) // 2

        def layer(given: int, made: int) -> nn.Module:
            return weight_norm(nn.ConvTranspose1d(given, made, 2, 2, padding, extra, dilation=dilation))

        self.conv1, self.conv2 = layer(inputs, inputs), layer(inputs, outputs)
        self.downsample = residual_layer(inputs, outputs)
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        """(N, outputs, L)."""
        y = x
        for layer in (self.conv1, self.conv2):
            y = self.dropout(F.relu(layer(y)))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class TransposedNetwork(nn.Module):
    """Levels of twice the dilation of the one before; (N, 1, L) to (N, `frames`, L)."""

    def __init__(self, frames: int, length: int, hidden: Sequence[int] = HIDDEN) -> None:
        super().__init__()
        sizes = (*hidden, frames)
        levels = (TransposedLevel(sizes[i], sizes[i + 1], 2**i, length) for i in range(len(hidden)))
        self.network = nn.Sequential(*levels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, frames, L)."""
        return self.network(x)


class Decoder(nn.Module):
    """Codes (B, width) to frames (B, T, D), none of them negative: the last thing done is a ReLU."""

    def __init__(self, frames: int, size: int, linear: bool) -> None:
        super().__init__()
        self.fcn1 = nn.Linear(CODE, size * HIDDEN[0]) if linear else None
        self.AntiTCN = TransposedNetwork(frames, size)

    def forward(self, code: Tensor) -> Tensor:
        """(B, T, D)."""
        start = code if self.fcn1 is None else self.fcn1(code)
        return self.AntiTCN(start[:, None])


def reconstruction_losses(values: Tensor, made: Tensor, weight: float) -> dict[str, Tensor]:
    """`square_loss` and `kl_loss` of frames `values` and what is `made` of them, both (N, T, D).

    t = `values` normalised by the batch's own mean and variance of each of the D numbers (a BatchNorm that is fresh at
    each step); L = mean (t - x̂)² + λ (1/N) Σ q (log q - log p), p = softmax t, q = softmax x̂ over D, λ = `weight`.
    """
    target = F.batch_norm(values.transpose(1, 2), None, None, training=True).transpose(1, 2)
    log_p, log_q = target.log_softmax(-1), made.log_softmax(-1)
    divergence = F.kl_div(log_p, log_q, reduction="batchmean", log_target=True)
    return {"square_loss": F.mse_loss(made, target), "kl_loss": weight * divergence}


@register_objective("mstcn-vae")
class MSTCNVAE(SelfSupervisedObjective):
    """`reconstruction_losses` of encoder `mstcn` and the transposed convolutions of its paper.

    `kl_weight` is λ: 0.8 in the authors' code, 8 on their slides. Raises `RecipeError` for another encoder or a
    negative λ.
    """

    authors_measure = "random forest, union"

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        kl_weight: float = 0.8,
    ) -> None:
        super().__init__(encoder)
        if not isinstance(encoder, MSTCN):
            name = encoder.name or type(encoder).__name__
            raise RecipeError(f"objective 'mstcn-vae' decodes the codes of encoder mstcn, not of '{name}'")
        if not 0 <= kl_weight < float("inf"):
            raise RecipeError(f"kl_weight is 0 or more, not {kl_weight}")
        self.kl_weight = kl_weight
        self.decoder = Decoder(encoder.frames, encoder.size, encoder.linear)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`square_loss` and `kl_loss` of a batch with `clip` of two clips or more; no label is read."""
        encoder = self.encoder
        assert isinstance(encoder, MSTCN)
        made = full_precision(self.decoder(self.embed(batch["clip"])))
        return reconstruction_losses(full_precision(encoder.frames_of(batch["clip"])), made, self.kl_weight)

    def from_reference(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of the authors' `MSTCN_VAE`, encoder and decoder, as this objective's own; its outer `data_bn`, which
        that code never uses, is left out."""
        return {
            f"{part}{key}": value
            for part in ("encoder.", "decoder.")
            for key, value in with_own_names(state, part).items()
        }
