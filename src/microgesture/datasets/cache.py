"""Decoded clips in one file, so that training reads memory instead of decoding video.

`<fingerprint>.npy` is an ordinary uint8 array (N, F, S, S, 3): F frames per clip, each scaled to fit into S x S
and stored in the upper left corner; `<fingerprint>.sizes.npy` holds the (height, width) that is used. The
fingerprint covers the settings and the source files' path, size and date, so a changed video or setting makes
a new cache. Building goes on where it was interrupted and is done by one process at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from rich.console import Console
from rich.progress import track

from microgesture.errors import UserError
from microgesture.skeletons.track import BROKEN_ARCHIVE

try:
    import fcntl
except ImportError:  # not on Windows: there, let only one process build
    fcntl = None  # type: ignore[assignment]

VERSION = 1
"""Raised when the content of a cache changes for the same settings."""


class ClipCache:
    """The clips of one data set, read by number. Made by `open_cache`; can be sent to loader processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sizes = np.load(_sizes_path(path))
        self._frames: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, number: int) -> np.ndarray:
        """All stored frames of a clip, uint8 `(F, h, w, 3)`; a view of the file."""
        if self._frames is None:
            self._frames = np.load(self.path, mmap_mode="r")
        height, width = self._sizes[number]
        return self._frames[number, :, :height, :width]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_frames": None}  # a memory map would be copied whole


def fingerprint(description: Any) -> str:
    """A short name for plain JSON values."""
    text = json.dumps([VERSION, description], sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def open_cache(
    folder: Path, name: str, count: int, shape: tuple[int, int], make: Callable[[int], np.ndarray]
) -> ClipCache:
    """The cache `name` in `folder`, built first if need be.

    `shape` is (F, S); `make(i)` gives clip i as uint8 `(F, h, w, 3)` with h, w <= S and is called from several
    threads. Raises `UserError` when the disk is too small or refuses, and whatever `make` raises.
    """
    path = folder / f"{name}.npy"
    if _is_whole(path, count, shape):
        return ClipCache(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _only_one(folder / f"{name}.lock"):
            if not _is_whole(path, count, shape):
                path.unlink(missing_ok=True)
                _build(path, count, shape, make)
    except OSError as error:
        raise UserError(f"{path}: the clip cache cannot be written ({error.strerror or error})") from error
    return ClipCache(path)


def _is_whole(path: Path, count: int, shape: tuple[int, int]) -> bool:
    """Whether a cache is there and undamaged in its shape; another is made anew."""
    frames, side = shape
    try:
        stored, sizes = np.load(path, mmap_mode="r"), np.load(_sizes_path(path))
    except BROKEN_ARCHIVE:
        return False
    return stored.shape == (count, frames, side, side, 3) and sizes.shape == (count, 2)


def _build(path: Path, count: int, shape: tuple[int, int], make: Callable[[int], np.ndarray]) -> None:
    frames, side = shape
    full = (count, frames, side, side, 3)
    part, sizes_part = path.with_suffix(".part"), path.with_suffix(".sizes.part")
    done = _progress_so_far(part, sizes_part, count)
    needed, free = int(np.prod(full)), shutil.disk_usage(path.parent).free
    if not len(done) and needed > free:
        raise UserError(f"{path.parent}: the clip cache needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free")
    sizes = done if len(done) else np.zeros((count, 2), dtype=np.int32)
    with part.open("r+b" if len(done) else "w+b") as data, sizes_part.open("r+b" if len(done) else "w+b") as marks:
        header = {"descr": "|u1", "fortran_order": False, "shape": full}
        np.lib.format.write_array_header_1_0(data, header)
        offset = data.tell()
        data.truncate(offset + needed)
        marks.write(sizes.tobytes())
        _fill(data, marks, offset, full, sizes, make)
        for file in (data, marks):
            file.flush()
            os.fsync(file.fileno())
    np.save(_sizes_path(path), sizes)
    os.replace(part, path)
    sizes_part.unlink()


def _fill(
    data: BinaryIO,
    marks: BinaryIO,
    offset: int,
    full: tuple[int, ...],
    sizes: np.ndarray,
    make: Callable[[int], np.ndarray],
) -> None:
    """Make and store every clip that has no size yet; a clip's size is marked after its frames."""
    _, frames, side = full[:3]
    clip_bytes = frames * side * side * 3
    writing = threading.Lock()

    def store(number: int) -> None:
        clip = make(number)
        height, width = clip.shape[1:3]
        canvas = np.zeros(full[1:], dtype=np.uint8)
        canvas[:, :height, :width] = clip
        with writing:
            data.seek(offset + number * clip_bytes)
            data.write(canvas.tobytes())
            data.flush()
            sizes[number] = height, width
            marks.seek(number * sizes.itemsize * 2)
            marks.write(sizes[number].tobytes())
            marks.flush()

    missing = [int(number) for number in np.flatnonzero(sizes[:, 0] == 0)]
    console = Console(stderr=True)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = pool.map(store, missing)
        for _ in track(jobs, "Decoding clips", len(missing), console=console, disable=not console.is_terminal):
            pass


def _progress_so_far(part: Path, sizes_part: Path, count: int) -> np.ndarray:
    """Sizes of the clips that an interrupted build stored, `(count, 2)`; empty when there is nothing to keep."""
    if part.is_file() and sizes_part.is_file() and sizes_part.stat().st_size == count * 8:
        return np.frombuffer(sizes_part.read_bytes(), dtype=np.int32).reshape(count, 2).copy()
    return np.zeros((0, 2), dtype=np.int32)


def _sizes_path(path: Path) -> Path:
    return path.with_suffix(".sizes.npy")


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Wait until no other process is inside; the system lets go of the lock when a process dies."""
    with lock.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
