"""What objectives that learn without labels share: they know no classes, and give codes in place of scores."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.sequence_encoder import SequenceEncoder
from microgesture.errors import RecipeError
from microgesture.recognition.objective import Objective
from microgesture.vocabulary import GestureClass, Vocabulary

NO_CLASSES = Vocabulary("no classes", (GestureClass(0, "none"),))
"""What stands for the vocabulary of an objective that has none."""


class SelfSupervisedObjective(Objective):
    """An objective whose `forward` reads no label. Its codes are `embed(clip)`, (B, D); `authors_measure` names the
    measure of `evaluation.frozen_codes` by which its authors published it."""

    labelled = False
    authors_measure: str = ""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder, None, NO_CLASSES)

    def scores(self, clip: Tensor) -> Tensor:
        """Raises `RecipeError`: there are no classes to score."""
        raise RecipeError(knows_no_classes(f"objective '{self.name or type(self).__name__}'"))


def knows_no_classes(what: str) -> str:
    """Why something that learnt without labels cannot name a gesture, and what can be done with it."""
    return (
        f"{what} learnt without labels and knows no classes, so it names no gesture: `microgesture evaluate` measures "
        "its codes, and a recogniser with the same encoder can start from it (--start)"
    )


def sequence_encoder(encoder: Encoder, objective: str) -> SequenceEncoder:
    """The encoder, known to read skeletons as sequences. Raises `RecipeError` when it does not."""
    if not isinstance(encoder, SequenceEncoder):
        name = encoder.name or type(encoder).__name__
        raise RecipeError(
            f"objective '{objective}' decodes skeleton sequences: encoder '{name}' gives none (pc, bilstm)"
        )
    return encoder


def one_of(option: str, value: str, known: Sequence[str]) -> str:
    """The value of an option. Raises `RecipeError` naming the known ones when it is none of them."""
    if value not in known:
        raise RecipeError(f"{option} is {' or '.join(known)}, not '{value}'")
    return value


def over_real_frames(values: Tensor, lengths: Tensor) -> Tensor:
    """The mean of values (B, T) over the real frames of each clip, of `lengths` (B,); (B,)."""
    real = torch.arange(values.shape[1], device=values.device) < lengths[:, None]
    return (values * real).sum(1) / lengths.clamp_min(1)
