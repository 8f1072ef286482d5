"""The auto-encoder that Predict & Cluster trains afterwards: codes of a frozen encoder, made narrower.

Su, Liu, Shlizerman, CVPR 2020, section 3.3. A recipe of this objective starts from a run of `predict-and-cluster`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.alignment import full_precision
from microgesture.recognition.registry import register_objective
from microgesture.recognition.self_supervised import SelfSupervisedObjective
from microgesture.vocabulary import Vocabulary


@register_objective("code-autoencoder")
class CodeAutoEncoder(SelfSupervisedObjective):
    """h to h through layers of 1024, 512, `middle`, 512, 1024 units, tanh after each but the last; mean squared error.

    The encoder is frozen. A clip's code is the middle, after its tanh: 256 wide in the paper's TensorFlow code, 125 in
    the PyTorch one. `widths` are those before the middle. Raises `RecipeError` for a width below 1.
    """

    authors_measure = "1-NN"

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        middle: int = 256,
        widths: Sequence[int] = (1024, 512),
    ) -> None:
        super().__init__(encoder)
        sizes = [encoder.width, *widths, middle]
        if min(sizes) < 1:
            raise RecipeError(f"the layers of an auto-encoder are 1 wide or more, not {[*widths, middle]}")
        encoder.requires_grad_(False)
        self.narrow = nn.Sequential(*_layers(sizes), nn.Tanh())
        self.widen = nn.Sequential(*_layers(sizes[::-1]))

    def train(self, mode: bool = True) -> CodeAutoEncoder:
        """The encoder stays in eval mode: it is not trained."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`reconstruction_loss` of a batch with `clip`; no label is read."""
        code = self._code(batch["clip"])
        made = full_precision(self.widen(self.narrow(code)))
        return {"reconstruction_loss": F.mse_loss(made, full_precision(code))}

    def embed(self, clip: Tensor) -> Tensor:
        """The middle of the auto-encoder, (B, middle), in (-1, 1)."""
        return self.narrow(self._code(clip))

    def from_reference(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Weights of the authors' `autoencoder` (`encoder.0` ... `decoder.4`) beside those that the encoder has."""
        ours = {"encoder.": "narrow.", "decoder.": "widen."}
        renamed = {ours[key[:8]] + key[8:]: value for key, value in state.items() if key[:8] in ours}
        return {f"encoder.{key}": value for key, value in self.encoder.state_dict().items()} | renamed

    @torch.no_grad()
    def _code(self, clip: Tensor) -> Tensor:
        return self.encoder.pool(self.encoder(clip))


def _layers(sizes: Sequence[int]) -> list[nn.Module]:
    """Linear layers between these sizes, with tanh between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.Tanh()]
    return layers[:-1]
