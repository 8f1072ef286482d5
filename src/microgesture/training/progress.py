"""What a person sees while training runs: a bar with time left on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class TrainingProgress:
    """Context manager; `step` after each step, `epoch` after each epoch. Silent on all but the main process."""

    def __init__(self, title: str, total_steps: int, done: int = 0, show: bool = True) -> None:
        self.title = title
        self.total = total_steps
        self.done = done
        self.first = done
        self.show = show
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

    def epoch(self, number: int, epochs: int, values: Mapping[str, float]) -> None:
        """One epoch is done: print its figures and the time left."""
        if not self.show:
            return
        shown = "  ".join(f"{k} {values[k]:.3f}" for k in ("loss", "val_loss", "val_top1") if k in values)
        steps = max(self.done - self.first, 1)
        left = (time.monotonic() - self.started) / steps * (self.total - self.done)
        line = f"{self.title}  epoch {number}/{epochs}  {shown}  left {left / 60:.1f} min"
        self.console.print(line, highlight=False, soft_wrap=True)


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
