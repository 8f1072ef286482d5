"""The baseline of the paper's Table I: the same encoder, cross-entropy, no text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn, ones
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.text import TextEncoder
from microgesture.recognition.alignment import full_precision
from microgesture.recognition.class_balance import BETA, Balance, check_balance, class_weights
from microgesture.recognition.gather import gather_with_gradient
from microgesture.recognition.objective import Objective
from microgesture.recognition.registry import register_objective
from microgesture.vocabulary import Vocabulary


def cross_entropy(
    logits: Tensor, labels: Tensor, target: Tensor | None = None, weight: Tensor | None = None
) -> dict[str, Tensor]:
    """`classification_loss` and `accuracy` of logits (B, K) and class ids (B,), over the clips of all processes.

    With `target` (B, K), a distribution over the classes for every clip (mixup), the loss is the cross-entropy with
    it; the accuracy is always that of the class ids. With `weight` (K,) the term of each class counts so much, and the
    sum is still divided by the number of clips.
    """
    logits = gather_with_gradient(full_precision(logits))
    labels = gather_with_gradient(labels.long())
    accuracy = (logits.detach().argmax(dim=1) == labels).float().mean()
    wanted = labels if target is None else gather_with_gradient(target.to(logits.dtype))
    weight = None if weight is None else weight.to(logits.dtype)
    loss = F.cross_entropy(logits, wanted, weight, reduction="none").mean()
    return {"classification_loss": loss, "accuracy": accuracy}


@register_objective("supervised")
class SupervisedObjective(Objective):
    """Encoder, mean over the tokens, dropout, one linear layer (as R(2+1)D itself classifies), cross-entropy.

    `balance` lets clips of rare classes count more: "inverse", "root" or "effective" with its `beta` (`class_weights`,
    from the training clips). Leave `data.balanced` off with it: that draws rare classes more often already.
    """

    soft_targets = True
    class_weight: Tensor

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        dropout: float = 0.0,
        balance: Balance = "none",
        beta: float = BETA,
    ) -> None:
        check_balance(balance, beta)
        super().__init__(encoder, None, vocabulary)
        self.balance: Balance = balance
        self.beta = beta
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.width, len(vocabulary))
        self.register_buffer("class_weight", ones(len(vocabulary)), persistent=False)

    def learns_from(self, labels: Sequence[int]) -> None:
        self.class_weight = class_weights(labels, len(self.vocabulary), self.balance, self.beta).to(self.class_weight)

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`classification_loss` of a batch with `clip` and `label`, and `target` (B, K) where clips are mixed;
        `accuracy` for the log."""
        return self.losses(self.scores(batch["clip"]), batch)

    def losses(self, logits: Tensor, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The cross-entropy of logits (B, K) of a batch, weighted as the classes are."""
        weight = None if self.balance == "none" else self.class_weight
        return cross_entropy(logits, batch["label"], batch.get("target"), weight)

    def scores(self, clip: Tensor) -> Tensor:
        """Logits (B, K)."""
        return full_precision(self.head(self.dropout(self.embed(clip))))
