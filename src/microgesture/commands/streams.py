"""Standard streams that are closed, or whose reader has left."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


def open_streams() -> None:
    """Give a closed standard stream (of a daemon) a place to go, so that no file of ours gets its number: what a
    library writes to number 2 would go into that file."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: SIM115


class _Unheeded:
    """A stream that swallows what nobody reads any more (`| head`, a terminal that is closed)."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _or_nowhere(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with _or_nowhere(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _or_nowhere(stream: Any) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.EBADF, errno.EIO):  # a full disk is no reader who left
            raise
        forget_reader(stream)


def forget_reader(stream: Any) -> None:
    """Send what is still in a stream's buffer, and all that follows, nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


@contextmanager
def going_on_unheard() -> Iterator[None]:
    """Around work whose result is files: it is done even if nobody can see any more what it prints."""
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Unheeded(kept[0]), _Unheeded(kept[1])  # type: ignore[assignment]
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout, sys.stderr = kept
