"""`Objective`: the one interface between what is learnt and the loop that trains, evaluates or analyses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from microgesture.encoders.encoder import Encoder, Modality
from microgesture.encoders.text import TextEncoder
from microgesture.errors import RecipeError
from microgesture.vocabulary import Vocabulary


class Objective(nn.Module):
    """An encoder, what stands on it, and the loss.

    A subclass takes `(encoder, text_encoder, vocabulary, *, options...)`; one without texts leaves
    `text_encoder` alone. `name` and `options` are filled in by `create_objective`. Under several processes
    `forward` takes part in collective operations: every process calls it equally often.
    """

    name: str = ""
    options: Mapping[str, Any] = {}
    soft_targets: bool = False
    """Whether `forward` uses `target` (B, K) of a batch, the distribution over the classes that mixup makes."""
    labelled: bool = True
    """Whether it learns from labels and scores classes; one that does not is measured by its codes (`embed`)."""
    moments: bool = False
    """Whether `both_scores` also tells what goes on at each token of a clip, each class for itself."""
    encoder: Encoder
    text_encoder: TextEncoder | None

    def __init__(self, encoder: Encoder, text_encoder: TextEncoder | None, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.encoder = encoder
        self.text_encoder = text_encoder
        self.vocabulary = vocabulary

    @property
    def modality(self) -> Modality:
        """What `clip` is: "rgb" (B, 3, T, H, W), "skeleton" (B, M, T, V, C) or "rgb+skeleton", a `PairedClip`."""
        return self.encoder.modality

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Named scalars for a batch with `clip` and `label` (B,) of class ids.

        The sum of those whose name ends in `_loss` is minimised; the others are only logged.
        """
        raise TypeError(f"{type(self).__name__} has no loss: define forward()")

    def learns_from(self, labels: Sequence[int]) -> None:
        """Told once, before training, of the class ids of the training clips; of use to losses that weigh classes."""

    def scores(self, clip: Tensor) -> Tensor:
        """Logits (B, K) in the order of the vocabulary."""
        raise TypeError(f"{type(self).__name__} does not score clips: define scores()")

    def both_scores(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        """`scores` and, of an objective with `moments`, logits (B, N, K) of each class at each token, whose sigmoid is
        its probability."""
        raise TypeError(f"{type(self).__name__} does not score moments: define both_scores()")

    def embed(self, clip: Tensor) -> Tensor:
        """One visual vector per clip, (B, D): the mean of the encoder's tokens unless a subclass projects it."""
        return self.encoder.pool(self.encoder(clip))

    def text_embed(self) -> Tensor | None:
        """One text vector per class, (K, D), in the space of `embed`; None when the objective has no texts."""
        return None

    def zero_shot(self, trained: Vocabulary) -> bool:
        """Whether `vocabulary` reaches beyond the labels of training, which were those of `trained`."""
        return self.vocabulary.names != trained.names

    def text_remarks(self) -> list[str]:
        """What is not understood of the label texts, in plain sentences."""
        return []

    def regions(self) -> list[str]:
        """The body region of each class, "" where it is not known."""
        return [gesture.body_region for gesture in self.vocabulary]

    def saved_options(self) -> dict[str, Any]:
        """The options with which a run builds the objective again, as plain JSON values."""
        return dict(self.options)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Trainable parameters by role, for their learning rates: `encoder`, `text`, `heads` (all others)."""
        encoder = [p for p in self.encoder.parameters() if p.requires_grad]
        text = [] if self.text_encoder is None else [p for p in self.text_encoder.parameters() if p.requires_grad]
        taken = {id(p) for p in (*encoder, *text)}
        heads = [p for p in self.parameters() if p.requires_grad and id(p) not in taken]
        return {"encoder": encoder, "text": text, "heads": heads}

    def with_vocabulary(self, vocabulary: Vocabulary) -> Objective:
        """The same weights, scoring other classes. Raises `RecipeError` when the objective has one output for
        each class that it was trained on, and the classes differ."""
        if vocabulary.names != self.vocabulary.names:
            raise RecipeError(
                f"objective '{self.name or type(self).__name__}' knows only the {len(self.vocabulary)} classes of "
                f"'{self.vocabulary.name}': other label texts need a visual-text model"
            )
        return self
