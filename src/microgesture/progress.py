"""What a person sees while training runs: a bar with time left on a terminal, one line per epoch elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

TIMED = 4
"""Steps whose time tells that of the rest; the first is left out, as it prepares things."""


class TrainingProgress:
    """Context manager; `step` after each step, `epoch` after each epoch. Silent on all but the main process.

    After a few steps it says what the rest will take: `beside` is what validation takes, as a share of the steps' time,
    and `may_stop` that they may be fewer.
    """

    def __init__(
        self,
        title: str,
        total_steps: int,
        done: int = 0,
        show: bool = True,
        beside: float = 0.0,
        may_stop: bool = False,
    ) -> None:
        self.title = title
        self.total = total_steps
        self.done = done
        self.first = done
        self.show = show
        self.beside, self.may_stop = beside, may_stop
        self.warm = 0.0
        self.console = Console(file=sys.stderr)
        self.started = time.monotonic()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[loss]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not (show and self.console.is_terminal),
            transient=True,
        )

    def __enter__(self) -> TrainingProgress:
        self.bar.start()
        self.task = self.bar.add_task(self.title, total=self.total, completed=self.done, loss="")
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def step(self, loss: float) -> None:
        """One optimiser step is done."""
        self.done += 1
        self.bar.update(self.task, completed=self.done, loss=f"loss {loss:.3f}")

        if self.done - self.first == 1:
            self.warm = time.monotonic()
        elif self.done - self.first == TIMED + 1:
            self._say_time((time.monotonic() - self.warm) / TIMED)

    def say(self, text: str) -> None:
        """A line of its own."""
        if self.show:
            self.console.print(f"{self.title}  {text}", highlight=False, soft_wrap=True)

    def _say_time(self, seconds: float) -> None:
        """How long all the rest takes, at so many seconds a step."""
        left = seconds * (self.total - self.done) * (1 + self.beside)
        self.say(f"{seconds:.2g} s a step: {'at most' if self.may_stop else 'about'} {_duration(left)} for the rest")

    def end_at(self, total: int) -> None:
        """Training ends sooner, after so many steps in all."""
        self.total = total
        self.bar.update(self.task, total=total)

    def epoch(self, number: int, epochs: int, values: Mapping[str, float]) -> None:
        """One epoch is done: print its figures and the time left."""
        if not self.show:
            return
        shown = "  ".join(f"{k} {values[k]:.3f}" for k in ("loss", "val_loss", "val_top1") if k in values)
        steps = max(self.done - self.first, 1)
        left = (time.monotonic() - self.started) / steps * (self.total - self.done)
        self.say(f"epoch {number}/{epochs}  {shown}  left {left / 60:.1f} min")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@contextmanager
def track(title: str) -> Iterator[Callable[[float, float], None]]:
    """Progress of a job that calls `progress(done, total)`: a bar on a terminal, a line now and then elsewhere."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield _lines(title, console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TextColumn("left"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(title: str, console: Console) -> Callable[[float, float], None]:
    said = time.monotonic()

    def progress(done: float, total: float) -> None:
        nonlocal said
        if time.monotonic() - said > 15 and total > 0:
            said = time.monotonic()
            console.print(f"{title}  {100 * done / total:.0f} %", highlight=False)

    return progress
