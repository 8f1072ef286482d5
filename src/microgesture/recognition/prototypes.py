"""Cross-entropy, and prototypes of the classes that ambiguous clips are drawn to and pushed from.

Zhou et al., "Learning Discriminative Representations for Skeleton Based Action Recognition" (FR-Head, CVPR 2023, arXiv
2303.03729), whose released `RenovateNet` the winner of MiGA 2024 put behind RGBPoseConv3D (arXiv 2408.03097; its exact
variant is not public, so what this makes of it is a reconstruction).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.alignment import full_precision
from microgesture.recognition.class_balance import BETA, Balance
from microgesture.recognition.gather import gather_with_gradient
from microgesture.recognition.registry import register_objective
from microgesture.recognition.supervised import SupervisedObjective
from microgesture.vocabulary import Vocabulary

MOMENTUM = 0.9
"""How much of a prototype a batch leaves as it was."""
SHARPNESS = 0.125
"""α and τ."""


def prototype_loss(f: Tensor, logits: Tensor, labels: Tensor, prototypes: Tensor) -> tuple[Tensor, Tensor]:
    """The loss of features f (B, D) against `prototypes` (K, D), and the prototypes after the batch.

    With T_k, N_k, P_k the clips of class k that logits (B, K) recognise, miss, and wrongly call k: c_k becomes
    0.9 c_k + 0.1 mean f over T_k (where there is one), n_k and p_k are the means of f over N_k and P_k, and with
    a = α (1 - softmax_y) at k = y, else 0,
    L = mean of CE((cos(c_k, f) + (cos(n_k, f) - 1) a) / τ) + CE((cos(c_k, f) + (-cos(p_k, f) - 1) a) / τ),
    the terms of n_k and p_k only where there are such clips. Gradients flow through the means too, as in the release.
    """
    classes = logits.shape[1]
    label, called = F.one_hot(labels, classes).to(f), F.one_hot(logits.argmax(1), classes).to(f)
    hit = label * called
    found = hit.any(0)[:, None]
    c = torch.where(found, MOMENTUM * prototypes + (1 - MOMENTUM) * _means(f, hit), prototypes)
    a = SHARPNESS * (1 - logits.softmax(1)) * label
    near = _cosines(f, c)
    missed, wrong = label - hit, called - hit
    loss = f.new_zeros(())
    for members, sign in ((missed, 1.0), (wrong, -1.0)):
        push = (sign * _cosines(f, _means(f, members)) - 1) * a * members.any(0)
        loss = loss + F.cross_entropy((near + push) / SHARPNESS, labels)
    return loss, c.detach()


def _means(f: Tensor, members: Tensor) -> Tensor:
    """Means of f (B, D) over the clips of each class, `members` (B, K) being 0 or 1: (K, D), 0 where there is none."""
    return members.T @ f / members.sum(0).clamp_min(1)[:, None]


def _cosines(f: Tensor, directions: Tensor) -> Tensor:
    """(B, K) of features (B, D) and directions (K, D)."""
    return F.normalize(f, dim=1) @ F.normalize(directions, dim=1).T


@register_objective("supervised-prototypes")
class PrototypeObjective(SupervisedObjective):
    """L = CE + `weight` · `prototype_loss`, f = Linear(C, `size`) of the pooled feature before dropout.

    `at_test` times the cosine to each prototype is added to the logits outside training (PCAN, of the same team: 5 for
    pictures, 1 for poses). PCAN's loss that keeps prototypes apart and its tree of MA-52's classes are left out. Other
    options as "supervised". Needs one label a clip: no mixup.
    """

    soft_targets = False
    prototypes: Tensor

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        weight: float = 0.2,
        size: int = 256,
        at_test: float = 0.0,
        dropout: float = 0.0,
        balance: Balance = "none",
        beta: float = BETA,
    ) -> None:
        if weight < 0 or at_test < 0 or size < 1:
            raise RecipeError(f"a weight is 0 or more and a size 1 or more, got {weight:g}, {at_test:g} and {size}")
        super().__init__(encoder, text_encoder, vocabulary, dropout=dropout, balance=balance, beta=beta)
        self.weight, self.at_test = weight, at_test
        self.projection = nn.Linear(encoder.width, size)
        self.register_buffer("prototypes", torch.randn(len(vocabulary), size))

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`classification_loss`, `prototype_loss` (weighted) and `accuracy` of a batch; in training it moves the
        prototypes."""
        seen = self.embed(batch["clip"])
        logits = full_precision(self.head(self.dropout(seen)))
        projected = gather_with_gradient(full_precision(self.projection(seen)))
        labels = gather_with_gradient(batch["label"].long())
        loss, moved = prototype_loss(projected, gather_with_gradient(logits), labels, self.prototypes)
        if self.training:
            self.prototypes.copy_(moved)
        return {**self.losses(logits, batch), "prototype_loss": self.weight * loss}

    def scores(self, clip: Tensor) -> Tensor:
        """Logits (B, K)."""
        seen = self.embed(clip)
        logits = full_precision(self.head(self.dropout(seen)))
        if self.training or not self.at_test:
            return logits
        return logits + self.at_test * _cosines(full_precision(self.projection(seen)), self.prototypes)
