"""Stage 2: a small classifier on the frozen, aligned video encoder and its projection."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.alignment import full_precision
from microgesture.recognition.objective import Objective
from microgesture.recognition.projection import ProjectionHead
from microgesture.recognition.registry import register_objective
from microgesture.recognition.supervised import cross_entropy
from microgesture.recognition.visual_text import VisualTextObjective
from microgesture.vocabulary import Vocabulary


class ReleasedHead(nn.Module):
    """Linear(D, K), GELU, Linear(K, K), Dropout, plus the first Linear's output, LayerNorm, and the same
    Linear(K, K) again: the head of the released code, with its parameter names `projection, fc, layer_norm`."""

    def __init__(self, inputs: int, classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.projection = nn.Linear(inputs, classes)
        self.fc = nn.Linear(classes, classes)
        self.dropout = nn.Dropout(dropout)
        self.layer_norm = nn.LayerNorm(classes)

    def forward(self, embedding: Tensor) -> Tensor:
        """Logits (B, K) of embeddings (B, D)."""
        projected = self.projection(embedding)
        return self.fc(self.layer_norm(projected + self.dropout(self.fc(F.gelu(projected)))))


class MLPHead(nn.Sequential):
    """The two-layer MLP of the paper's text: Linear(D, D), GELU, Dropout, Linear(D, K)."""

    def __init__(self, inputs: int, classes: int, dropout: float = 0.1) -> None:
        super().__init__(nn.Linear(inputs, inputs), nn.GELU(), nn.Dropout(dropout), nn.Linear(inputs, classes))


HEADS: dict[str, type[ReleasedHead] | type[MLPHead]] = {"released": ReleasedHead, "mlp": MLPHead}


@register_objective("classifier")
class ClassifierObjective(Objective):
    """Cross-entropy of a head ("released" or "mlp") on v̄ (B, D); only the head learns.

    The encoder and `image_projection` stay in eval mode (no dropout, BatchNorm keeps its statistics) and get no
    gradient. They come from a trained stage 1: build with `from_aligned`, or call `load_aligned` with the state
    dictionary of a `VisualTextObjective`. `width` is the D of that stage. Raises `RecipeError` for an unknown head.
    """

    soft_targets = True

    def __init__(
        self,
        encoder: Encoder,
        text_encoder: TextEncoder | None,
        vocabulary: Vocabulary,
        *,
        head: Literal["released", "mlp"] = "released",
        width: int = 256,
        dropout: float = 0.1,
    ) -> None:
        if head not in HEADS:
            raise RecipeError(f"objective 'classifier': head is one of {', '.join(HEADS)}, got '{head}'")
        super().__init__(encoder, None, vocabulary)
        self.image_projection = ProjectionHead(encoder.width, width)
        self.head = HEADS[head](width, len(vocabulary), dropout)
        self.encoder.requires_grad_(False)
        self.image_projection.requires_grad_(False)
        self.train(self.training)

    @classmethod
    def from_aligned(
        cls,
        aligned: VisualTextObjective,
        vocabulary: Vocabulary | None = None,
        *,
        head: Literal["released", "mlp"] = "released",
        dropout: float = 0.1,
    ) -> ClassifierObjective:
        """A classifier on copies of a trained stage 1's encoder and projection; its classes unless told."""
        width = aligned.image_projection.width
        objective = cls(
            copy.deepcopy(aligned.encoder),
            None,
            vocabulary or aligned.vocabulary,
            head=head,
            width=width,
            dropout=dropout,
        )
        objective.image_projection.load_state_dict(aligned.image_projection.state_dict())
        objective.name = "classifier"
        objective.options = {"head": head, "width": width, "dropout": dropout}
        return objective

    def load_aligned(self, state: Mapping[str, Tensor]) -> None:
        """Take the encoder and the projection out of the state dictionary of a trained `VisualTextObjective`.

        Raises `RecipeError` when a tensor is missing or of another shape (another encoder, another `width`).
        """
        own = self.state_dict()
        wanted = [key for key in own if key.startswith(("encoder.", "image_projection."))]
        for key in wanted:
            if key not in state:
                raise RecipeError(f"stage 1 does not fit the classifier: {key} is missing")
            if state[key].shape != own[key].shape:
                shapes = f"{tuple(state[key].shape)}, not {tuple(own[key].shape)}"
                raise RecipeError(f"stage 1 does not fit the classifier: {key} is {shapes}")
        self.load_state_dict({**own, **{key: state[key] for key in wanted}})

    def train(self, mode: bool = True) -> ClassifierObjective:
        """Training mode for the head only."""
        super().train(mode)
        self.encoder.eval()
        self.image_projection.eval()
        return self

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`classification_loss` of a batch with `label` and `clip`, or `embedding` (B, D) as `embed` gave it: the
        frozen part need not be computed again when the clips are not augmented. `accuracy` for the log."""
        embedding = batch["embedding"] if "embedding" in batch else self.embed(batch["clip"])
        return cross_entropy(self.head(embedding), batch["label"], batch.get("target"))

    def scores(self, clip: Tensor) -> Tensor:
        """Logits (B, K)."""
        return full_precision(self.head(self.embed(clip)))

    @torch.no_grad()
    def embed(self, clip: Tensor) -> Tensor:
        """v̄ (B, D), without gradient."""
        return self.image_projection(self.encoder.pool(self.encoder(clip)))
