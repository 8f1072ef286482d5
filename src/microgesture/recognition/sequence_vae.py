"""U-S-VAE and S-VAE: a variational auto-encoder of skeleton sequences, and its supervised form. **Reconstructions.**

Liu et al., "iMiGUE: An Identity-free Video Dataset for Micro-Gesture Understanding and Emotion Analysis", CVPR 2021.
No code is public. Known from figure and text: a stacked bidirectional LSTM encodes the sequence; z is made of the last
layer at the last step; an LSTM decodes it with z as its input at the first step and zeros afterwards; the loss is a
"re-generation loss" and a KL divergence. Layers, widths, the size of z, the weight of the KL divergence, whether the
re-generation is measured by squares, optimiser and classifier are ours: those of P&C where it has them.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.sequence_encoder import start_matrices
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.alignment import full_precision
from microgesture.recognition.objective import Objective
from microgesture.recognition.registry import register_objective
from microgesture.recognition.self_supervised import SelfSupervisedObjective, over_real_frames, sequence_encoder
from microgesture.recognition.supervised import cross_entropy
from microgesture.vocabulary import Vocabulary


class SequenceVAE(nn.Module):
    """The parts above the encoder: μ and log σ² of z from its state (B, `width`), and the decoder.

    z = μ + σ ε; u_1 = z, u_t = 0 afterwards; x̃_t = W LSTM(u)_t + b.
    """

    def __init__(self, width: int, latent: int, hidden: int, size: int) -> None:
        super().__init__()
        if latent < 1 or hidden < 1:
            raise RecipeError(f"latent and hidden are 1 or more, not {latent} and {hidden}")
        self.mean = nn.Linear(width, latent)
        self.log_variance = nn.Linear(width, latent)
        self.lstm = nn.LSTM(latent, hidden, batch_first=True)
        self.out = nn.Linear(hidden, size)
        start_matrices(self)

    def decode(self, z: Tensor, frames: int) -> Tensor:
        """Frames (B, `frames`, D) from z (B, latent)."""
        given = torch.cat([z[:, None], z.new_zeros(len(z), frames - 1, z.shape[1])], 1)
        return self.out(self.lstm(given)[0])

    def losses(self, state: Tensor, frames: Tensor, lengths: Tensor, beta: float) -> dict[str, Tensor]:
        """`generation_loss`, (1/T) Σ_t ‖x_t - x̃_t‖² over the T real frames, and `kl_loss`,
        β ½ Σ_j (μ_j² + σ_j² - 1 - log σ_j²); means over the clips of state (B, width) and frames (B, T, D)."""
        mean, log_variance = full_precision(self.mean(state)), full_precision(self.log_variance(state))
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        made = full_precision(self.decode(z, frames.shape[1]))
        apart = (made - frames).square().sum(2)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        return {
            "generation_loss": over_real_frames(apart, lengths).mean(),
            "kl_loss": beta * divergence.mean(),
        }


@register_objective("u-s-vae")
class UnsupervisedSequenceVAE(SelfSupervisedObjective):
    """U-S-VAE (reconstruction): the loss of `SequenceVAE`; a clip's code is μ, (B, `latent`).

    `hidden` is the width of the decoder, `beta` the weight β of the KL divergence. Raises `RecipeError` for sizes below
    1, a negative β and an encoder that reads no sequences (`bilstm` is meant).
    """

    authors_measure = "linear probe"

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        latent: int = 256,
        hidden: int = 1024,
        beta: float = 1.0,
    ) -> None:
        super().__init__(encoder)
        self.beta = _weight(beta)
        self.vae = SequenceVAE(encoder.width, latent, hidden, sequence_encoder(encoder, "u-s-vae").size)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`generation_loss` and `kl_loss` of a batch with `clip`; no label is read."""
        return _losses(self, self.vae, batch["clip"], self.beta)[1]

    def embed(self, clip: Tensor) -> Tensor:
        """μ, (B, latent)."""
        return self.vae.mean(super().embed(clip))


@register_objective("s-vae")
class SupervisedSequenceVAE(Objective):
    """S-VAE (reconstruction): the same loss and a linear classifier on μ, L + CE(W μ, y). Options as of `u-s-vae`."""

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        latent: int = 256,
        hidden: int = 1024,
        beta: float = 1.0,
    ) -> None:
        super().__init__(encoder, None, vocabulary)
        self.beta = _weight(beta)
        self.vae = SequenceVAE(encoder.width, latent, hidden, sequence_encoder(encoder, "s-vae").size)
        self.head = nn.Linear(latent, len(vocabulary))

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`generation_loss`, `kl_loss` and `classification_loss` of a batch with `clip` and `label`; `accuracy`."""
        state, losses = _losses(self, self.vae, batch["clip"], self.beta)
        return losses | cross_entropy(self.head(self.vae.mean(state)), batch["label"])

    def embed(self, clip: Tensor) -> Tensor:
        """μ, (B, latent)."""
        return self.vae.mean(super().embed(clip))

    def scores(self, clip: Tensor) -> Tensor:
        """Logits (B, K)."""
        return full_precision(self.head(self.embed(clip)))


def _losses(objective: Objective, vae: SequenceVAE, clip: Tensor, beta: float) -> tuple[Tensor, dict[str, Tensor]]:
    """The encoder's state of each clip, (B, 2H), and the losses."""
    frames, lengths = sequence_encoder(objective.encoder, objective.name).sequences(clip)
    state = Objective.embed(objective, clip)
    return state, vae.losses(state, frames[:, : int(lengths.max())], lengths, beta)


def _weight(beta: float) -> float:
    if not 0 <= beta < float("inf"):
        raise RecipeError(f"beta is 0 or more, not {beta}")
    return beta
