"""The baseline of the letter's Table I: the same encoder, cross-entropy, no text."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.text import TextEncoder
from microgesture.recognition.alignment import full_precision
from microgesture.recognition.gather import gather_with_gradient
from microgesture.recognition.objective import Objective
from microgesture.recognition.registry import register_objective
from microgesture.vocabulary import Vocabulary


def cross_entropy(logits: Tensor, labels: Tensor, target: Tensor | None = None) -> dict[str, Tensor]:
    """`classification_loss` and `accuracy` of logits (B, K) and class ids (B,), over the clips of all processes.

    With `target` (B, K), a distribution over the classes for every clip (mixup), the loss is the cross-entropy with
    it; the accuracy is always that of the class ids.
    """
    logits = gather_with_gradient(full_precision(logits))
    labels = gather_with_gradient(labels.long())
    accuracy = (logits.detach().argmax(dim=1) == labels).float().mean()
    wanted = labels if target is None else gather_with_gradient(target.to(logits.dtype))
    return {"classification_loss": F.cross_entropy(logits, wanted), "accuracy": accuracy}


@register_objective("supervised")
class SupervisedObjective(Objective):
    """Encoder, mean over the tokens, dropout, one linear layer (as R(2+1)D itself classifies), cross-entropy."""

    soft_targets = True

    def __init__(
        self, encoder: Encoder, text_encoder: TextEncoder | None, vocabulary: Vocabulary, *, dropout: float = 0.0
    ) -> None:
        super().__init__(encoder, None, vocabulary)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.width, len(vocabulary))

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`classification_loss` of a batch with `clip` and `label`, and `target` (B, K) where clips are mixed;
        `accuracy` for the log."""
        return cross_entropy(self.scores(batch["clip"]), batch["label"], batch.get("target"))

    def scores(self, clip: Tensor) -> Tensor:
        """Logits (B, K)."""
        return full_precision(self.head(self.dropout(self.embed(clip))))
