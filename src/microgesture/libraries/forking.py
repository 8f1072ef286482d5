"""Models that were opened before a fork stay usable after it."""

from __future__ import annotations

import os
from functools import cache

import torch


@cache
def keep_usable_after_fork() -> None:
    """In every process that is forked from here on, torch works on one thread.

    A fork copies torch's pool of threads without its threads, and the first larger operation would wait for them for
    ever (`multiprocessing` forks on Linux before Python 3.14, joblib and web servers too).
    """
    if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
        os.register_at_fork(after_in_child=_one_thread)


def _one_thread() -> None:
    torch.set_num_threads(1)
