"""Files that are either whole or not there: written under another name, renamed when complete."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from microgesture.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well and is removed otherwise.

    Makes the folder. A system error (a full disk, no permission) becomes a `UserError` of one line.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        settle(temporary)
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def settle(*paths: Path) -> None:
    """Wait until files are on the disk, so that a name given to them after this never stands for half of one, not
    even after a power cut."""
    for path in paths:
        with path.open("r+b") as file:
            os.fsync(file.fileno())


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text with its line ends as they are. Raises `UserError` when the disk refuses."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8", newline="")
    return path


def write_json(path: Path, values: Mapping[str, Any]) -> Path:
    """Write indented JSON. Raises `UserError` when the disk refuses."""
    return write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")


def check_folder(out: Path) -> None:
    """See before the long work, and without making anything, that the folder `out` can be written or made.

    Raises `UserError` when it cannot.
    """
    there = out
    while not os.path.lexists(there) and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise UserError(f"{out}: cannot be made ({there} is not a folder)")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"{out}: cannot be written (no permission in {there})")
