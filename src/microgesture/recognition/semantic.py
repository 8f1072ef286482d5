"""Cross-entropy, and a pull of what is seen towards what the label says.

Li et al., "Joint Skeletal and Semantic Embedding Loss for Micro-gesture Classification" (MiGA 2023, arXiv 2307.10624).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from microgesture.recognition.texts import Texts, label_texts
from microgesture.recognition.word_vectors import label_vectors
from microgesture.vocabulary import Vocabulary


def semantic_loss(projected: Tensor, meant: Tensor) -> Tensor:
    """mean((e - g)²) over clips and dimensions, of what is seen (B, D) and what its label means (B, D)."""
    return F.mse_loss(gather_with_gradient(full_precision(projected)), gather_with_gradient(full_precision(meant)))


@register_objective("supervised-semantic")
class SemanticObjective(SupervisedObjective):
    """L = CE + `weight` · mean((e - g_y)²), e = Linear(C, D) of the pooled feature before dropout, g_y the vector of
    the label's text.

    g_y is the mean of the word vectors in the file `vectors` (GloVe's format; the paper's are of 300 numbers), or what
    the recipe's text encoder makes of the text: it is not trained, and the run holds its vectors alone.
    `texts` are class "names" or "descriptions". `size` is D and found out: a run writes it down for itself. The loss is
    in the units of the vectors: sentence encoders give vectors of length 1, whose mean square is 1/D, and want a larger
    `weight` than GloVe's. Clips that are mixed are pulled to the mean of their labels' vectors. Other options as
    "supervised". Raises `RecipeError` without a text encoder and without `vectors`; `DataError` for words without one.
    """

    meaning: Tensor

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        weight: float = 20.0,
        vectors: str = "",
        texts: Texts = "names",
        size: int = 0,
        dropout: float = 0.0,
        balance: Balance = "none",
        beta: float = BETA,
    ) -> None:
        if texts not in ("names", "descriptions") or weight < 0:
            raise RecipeError(
                f"texts are names or descriptions and a weight is 0 or more, got '{texts}' and {weight:g}"
            )
        super().__init__(encoder, text_encoder, vocabulary, dropout=dropout, balance=balance, beta=beta)
        self.weight = weight
        meaning = torch.zeros(len(vocabulary), size)
        if not size:
            meaning = _meaning(text_encoder, vectors, label_texts(vocabulary, texts))
        self.register_buffer("meaning", meaning)
        self.projection = nn.Linear(encoder.width, meaning.shape[1])

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`classification_loss`, `semantic_loss` (weighted) and `accuracy` of a batch as for "supervised"."""
        seen = self.embed(batch["clip"])
        found = self.losses(full_precision(self.head(self.dropout(seen))), batch)
        target = batch.get("target")
        meant = self.meaning[batch["label"].long()] if target is None else target.to(self.meaning) @ self.meaning
        return {**found, "semantic_loss": self.weight * semantic_loss(self.projection(seen), meant)}

    def saved_options(self) -> dict[str, Any]:
        """The options, with D in the place of the file of vectors: a run needs no file later."""
        kept = {key: value for key, value in self.options.items() if key != "vectors"}
        return {**kept, "size": self.meaning.shape[1]}


@torch.no_grad()
def _meaning(text_encoder: TextEncoder | None, vectors: str, texts: tuple[str, ...]) -> Tensor:
    if vectors:
        return torch.from_numpy(label_vectors(vectors, texts))
    if text_encoder is None:
        raise RecipeError("objective 'supervised-semantic' needs a text encoder (text.name) or a file of word vectors")
    training = text_encoder.training
    found = text_encoder.eval()(texts).float().clone()
    text_encoder.train(training)
    return found
