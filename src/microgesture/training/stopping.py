"""How a training is stopped so that it can go on: Ctrl-C and termination wait for the end of a step."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


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
