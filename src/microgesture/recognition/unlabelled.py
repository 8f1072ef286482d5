"""What objectives that contrast clips without labels share: they know no classes, and give codes in place of scores."""

from __future__ import annotations

from torch import Tensor

from microgesture.encoders.encoder import Encoder
from microgesture.errors import RecipeError
from microgesture.recognition.objective import Objective
from microgesture.vocabulary import GestureClass, Vocabulary

NO_CLASSES = Vocabulary("no classes", (GestureClass(0, "none"),))
"""What stands for the vocabulary of an objective that has none."""


class UnlabelledObjective(Objective):
    """An objective whose `forward` reads no label. Its codes are `embed(clip)`, (B, C); a training has nothing to
    validate and keeps its last weights."""

    labelled = False

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(encoder, None, NO_CLASSES)

    def scores(self, clip: Tensor) -> Tensor:
        """Raises `RecipeError`: there are no classes to score."""
        raise RecipeError(
            f"objective '{self.name or type(self).__name__}' learns without labels and scores no classes: measure its "
            "codes, or train a recogniser with the same encoder that starts from it (--start)"
        )
