"""An iterator that works on its own thread, a few items ahead of whoever uses it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_WAIT_S = 0.1  # how soon a full queue notices that nobody wants more
_END = object()


@contextmanager
def read_ahead(items: Iterable[T], depth: int) -> Iterator[Iterator[T]]:
    """The items of `items`, made on another thread that is at most `depth` (and the one in work) ahead.

    What goes wrong there is raised here. Leaving the block stops the thread and waits for it.
    """
    line: queue.Queue[object] = queue.Queue(depth)
    stop = threading.Event()
    error: list[BaseException] = []

    def put(item: object) -> None:
        while not stop.is_set():
            try:
                line.put(item, timeout=_WAIT_S)
                return
            except queue.Full:
                continue

    def work() -> None:
        source = iter(items)
        try:
            while not stop.is_set():
                put(next(source))
        except StopIteration:
            pass
        except BaseException as problem:
            error.append(problem)
        finally:
            if close := getattr(source, "close", None):
                close()
            put(_END)

    def out() -> Iterator[T]:
        while (item := line.get()) is not _END:
            yield item  # type: ignore[misc]
        if error:
            raise error[0]

    thread = threading.Thread(target=work, name="read-ahead", daemon=True)
    thread.start()
    try:
        yield out()
    finally:
        stop.set()
        thread.join()
