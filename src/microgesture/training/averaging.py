"""A moving average of the weights: what a run at a high learning rate keeps is then as good as one that cooled down."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.optim.swa_utils import AveragedModel

from microgesture.recognition import Objective


class MovingAverage(AveragedModel):
    """Exponential moving average of an objective's weights: decay `decay`, less in the first steps, so that the random
    weights of the beginning are soon forgotten. Buffers are those of the last step."""

    def __init__(self, objective: Objective, decay: float) -> None:
        def average(kept: Sequence[torch.Tensor], new: Sequence[torch.Tensor], steps: torch.Tensor | int) -> None:
            torch._foreach_lerp_(list(kept), list(new), 1.0 - min(decay, (1.0 + float(steps)) / (10.0 + float(steps))))

        super().__init__(objective, multi_avg_fn=average)

    def as_is(self, objective: Objective) -> Objective:
        """The averaged objective, with the buffers of `objective`."""
        for kept, new in zip(self.module.buffers(), objective.buffers(), strict=True):
            kept.copy_(new)
        assert isinstance(self.module, Objective)
        return self.module
