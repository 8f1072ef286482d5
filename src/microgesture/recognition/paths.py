"""A classifier for each path of an encoder that has several, as RGBPoseConv3D is trained and tested."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.alignment import full_precision
from microgesture.recognition.class_balance import BETA, Balance
from microgesture.recognition.registry import register_objective
from microgesture.recognition.supervised import SupervisedObjective
from microgesture.vocabulary import Vocabulary


@register_objective("supervised-paths")
class PathsObjective(SupervisedObjective):
    """L = Σ_p CE(Linear_p(f_p)), the pooled feature being the features f_p of the encoder's `paths` one after another.

    Scores are the logarithm of the mean of the paths' probabilities (Duan et al., CVPR 2022, arXiv 2104.13586, section
    3.4, and the released PYSKL). Options as "supervised". Raises `RecipeError` for an encoder without paths.
    """

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        dropout: float = 0.5,
        balance: Balance = "none",
        beta: float = BETA,
    ) -> None:
        paths: Sequence[int] = getattr(encoder, "paths", ())
        if not paths:
            raise RecipeError(f"objective 'supervised-paths' is for encoders with several paths, not '{encoder.name}'")
        super().__init__(encoder, text_encoder, vocabulary, dropout=dropout, balance=balance, beta=beta)
        del self.head
        self.widths = tuple(paths)
        self.heads = nn.ModuleList(nn.Linear(width, len(vocabulary)) for width in self.widths)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`path0_loss`, `path1_loss`, ... of a batch as for "supervised"; `accuracy` of the scores for the log."""
        logits = self._logits(batch["clip"])
        found = {f"path{i}_loss": self.losses(each, batch)["classification_loss"] for i, each in enumerate(logits)}
        return {**found, "accuracy": self.losses(_mean_probability(logits), batch)["accuracy"]}

    def scores(self, clip: Tensor) -> Tensor:
        """Logits (B, K)."""
        return _mean_probability(self._logits(clip))

    def _logits(self, clip: Tensor) -> list[Tensor]:
        features = self.embed(clip).split(self.widths, dim=1)
        pairs = zip(self.heads, features, strict=True)
        return [full_precision(head(self.dropout(feature))) for head, feature in pairs]


def _mean_probability(logits: Sequence[Tensor]) -> Tensor:
    """log of the mean of the softmaxes, (B, K)."""
    return torch.stack([each.log_softmax(1) for each in logits]).logsumexp(0) - math.log(len(logits))
