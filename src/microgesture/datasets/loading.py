"""Batches in an order that is a function of (seed, epoch) alone, so that a run can stop and go on anywhere."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from microgesture.datasets.augmentation.mixing import BatchPiece
from microgesture.datasets.clips import ClipDataset, collate
from microgesture.datasets.paired import PairedDataset
from microgesture.datasets.skeletons import SkeletonDataset
from microgesture.datasets.windows import WindowDataset, whole
from microgesture.errors import UserError

_STOPS = (signal.SIGINT, signal.SIGTERM)


class _Loader(DataLoader):
    """A loader whose workers leave the signals that stop a training to the process that they work for: a terminal, a
    batch system and `timeout` send them to all, and without its workers that one could not end its step and save."""

    def __iter__(self) -> Any:
        with _held_signals():
            return super().__iter__()


@contextmanager
def _held_signals() -> Iterator[None]:
    """Signals wait: what is started meanwhile is born deaf to them, before it can say so itself."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_signals_to_the_parent(_worker: int) -> None:
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)


def make_loader(
    dataset: ClipDataset | WindowDataset | SkeletonDataset | PairedDataset,
    batch: int,
    shuffle: bool,
    seed: int = 0,
    epoch: int = 0,
    workers: int = 0,
    drop_last: bool = False,
    balanced: bool = False,
    start_batch: int = 0,
    shard: tuple[int, int] = (0, 1),
) -> DataLoader:
    """Batches `{"clip" (B, 3, T, H, W), "label" (B,), "index" (B,)}` of one epoch; with `target` (B, K) where the data
    set's augmentation mixes clips, which depends on nothing but the seed, the epoch and the batch.

    Sets the data set's epoch. `start_batch` leaves out the batches before it, for a run that goes on in the
    middle of an epoch: the others are the same. `balanced` shows every class equally often. Neither the
    number of workers nor the global random state changes a batch, and reading leaves that state alone.
    `shard` (rank, processes) gives one process its part of every batch, as equal as can be; a last batch with
    fewer clips than processes is then left out by all of them, so that all take equally many steps.
    Raises `UserError` when an evaluation would drop its last batch, or a batch is too small for the processes.
    """
    if drop_last and not dataset.training:
        raise UserError("an evaluation must not drop its last batch")
    dataset.set_epoch(epoch)
    order = epoch_order(dataset.labels, shuffle, seed, epoch, balanced)
    rank, processes = shard
    together: Callable[[Any], Any] = whole if isinstance(dataset, WindowDataset) else collate
    if not isinstance(dataset, WindowDataset) and dataset.augment is not None and dataset.augment.batch:
        classes, key = len(dataset.vocabulary), (seed, epoch, rank)
        together = partial(collate_mixed, pieces=dataset.augment.batch, classes=classes, key=key)
    if batch < processes:
        raise UserError(f"a batch of {batch} clips cannot be shared by {processes} processes")
    batches = [order[i : i + batch] for i in range(start_batch * batch, len(order), batch)]
    batches = [b for b in batches if len(b) >= (batch if drop_last else processes)]
    return _Loader(
        dataset,
        batch_sampler=[np.array_split(b, processes)[rank].tolist() for b in batches],
        num_workers=workers,
        collate_fn=together,
        worker_init_fn=_leave_signals_to_the_parent if workers else None,
        generator=torch.Generator().manual_seed(seed),  # else every epoch draws from the global one
    )


def collate_mixed(
    items: Sequence[dict[str, Any]], pieces: Sequence[BatchPiece], classes: int, key: tuple[int, ...]
) -> dict[str, torch.Tensor]:
    """Items to a batch that `pieces` have mixed; what they draw depends on `key` and on which clips the batch holds."""
    batch = collate(items)
    draws = np.random.default_rng((*key, *batch["index"].tolist()))
    for piece in pieces:
        batch = piece.mix(batch, draws, classes)
    return batch


def epoch_order(labels: Sequence[int], shuffle: bool, seed: int, epoch: int, balanced: bool = False) -> list[int]:
    """Indices of one epoch, as many as there are labels.

    Balanced: classes take turns in a new random order each round, and each goes through its own clips in
    random order, again from the start when they run out.
    """
    count = len(labels)
    generator = np.random.default_rng((seed, epoch))
    if not balanced:
        return generator.permutation(count).tolist() if shuffle else list(range(count))
    of_class = [np.flatnonzero(np.asarray(labels) == label) for label in np.unique(labels)]
    order: list[int] = []
    decks: list[list[int]] = [[] for _ in of_class]
    while len(order) < count:
        for turn in generator.permutation(len(of_class)).tolist():
            if not decks[turn]:
                decks[turn] = generator.permutation(of_class[turn]).tolist()
            order.append(decks[turn].pop())
    return order[:count]
