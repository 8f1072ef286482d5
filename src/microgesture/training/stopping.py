"""How a training stops: asked to (Ctrl-C and termination wait for the end of a step, and it can go on), or because its
validation says that more brings nothing."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

TAIL = 3
"""Validations over which the rate falls to zero once it is known that more training brings nothing."""
_LEAST_GAIN = 0.01
"""A loss is lower when it is so much lower, as a share and in nats: the last thousandths of a small set never end."""


@dataclass
class Patience:
    """When the training of a small set ends: after `most` validations (0: never so) without a higher accuracy or a
    lower loss, the rate falls straight to zero over `TAIL` further ones. Without a validation split the training loss
    decides.

    `begins` is the step at which the rate begins to fall and `ends` the one at which it is zero, 0 until that is known.
    """

    most: int
    accuracy: float = -1.0
    loss: float = math.inf
    waited: int = 0
    begins: int = 0
    ends: int = 0

    def see(self, row: Mapping[str, float], step: int, steps: int) -> bool:
        """Take note of a validation after `step` steps, `steps` of which lie between two of them; whether it is the one
        that ends the training."""
        accuracy, loss = row.get("val_top1", -1.0), row.get("val_loss", row.get("loss", math.inf))
        better = accuracy > self.accuracy or loss < self.loss - _LEAST_GAIN * max(self.loss, 1.0)
        if better or self.loss == math.inf:
            self.accuracy, self.loss, self.waited = max(accuracy, self.accuracy), min(loss, self.loss), 0
            return False
        self.waited += 1
        if not self.most or self.ends or self.waited < self.most:
            return False
        self.begins, self.ends = step, step + TAIL * steps
        return True

    def scale(self, step: int) -> float:
        """What the rate of a step is multiplied by: 1 until it falls."""
        return min(max((self.ends - step) / (self.ends - self.begins), 0.0), 1.0) if self.ends else 1.0

    def state(self) -> dict[str, Any]:
        """All of it as plain values, for a checkpoint: `Patience(**state)`."""
        return asdict(self)


class Interrupted(Exception):
    """Training was asked to stop and has saved a checkpoint; `--resume` goes on from it."""


@contextmanager
def stop_signal() -> Iterator[dict[str, bool]]:
    """`{"now": bool}`, which Ctrl-C and termination set; a second Ctrl-C is at once."""
    stop = {"now": False}

    def ask(number: int, frame: object) -> None:
        if stop["now"] and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop["now"] = True

    try:
        old = {s: signal.signal(s, ask) for s in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: signals stay with their owner
        old = {}
    try:
        yield stop
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
