"""Files of a run, written so that a power cut leaves either the old one or the new one, never half of one.

RUN/config.json           recipe, versions, seed, vocabulary name, best epoch, temperature
RUN/labels.json           the vocabulary
RUN/preprocessor.json     frames, size, fit, mean and deviation
RUN/model.safetensors     weights that recognition uses
RUN/log.csv               one row per epoch
RUN/checkpoints/step_N/   everything that --resume needs; the newest two are kept, in case that one is damaged
"""

from __future__ import annotations

import csv
import json
import logging
import os
import pickle
import shutil
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from safetensors import SafetensorError

from microgesture.errors import RecipeError, UserError
from microgesture.files.atomic import settle, write_text
from microgesture.files.plain_json import parse_json
from microgesture.runs.own_weights import write_weights as write_weights

log = logging.getLogger(__name__)

STATE = "trainer.json"
FILES = "files"
KEPT = 2
"""Checkpoints that stay: a disk that fills or fails may damage the newest."""


def append_log(path: Path, row: Mapping[str, float], epoch: int) -> None:
    """Add an epoch's row to log.csv; rows of this and later epochs, left by a killed run, are replaced, and so are
    rows that are no epoch's."""
    rows: list[dict[str, Any]] = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            before = {str(number) for number in range(epoch)}
            rows = [r for r in csv.DictReader(file) if r.get("epoch") in before]
    rows.append({"epoch": epoch, **{k: f"{v:.6g}" for k, v in row.items()}})
    columns = list(dict.fromkeys(key for r in rows for key in r))
    lines = [",".join(columns)] + [",".join(str(r.get(c, "")) for c in columns) for r in rows]
    write_text(path, "\n".join(lines) + "\n")


def save_state(accelerator: Accelerator, folder: Path, state: Mapping[str, Any]) -> None:
    """Model, optimiser and `state` of the loop into `folder/step_N`, then drop all but the newest `KEPT`.

    Written under another name and renamed when complete, so that a kill at any moment leaves a whole one; lengths and
    checksums of its files stand beside `state`.
    Raises `UserError` when the disk refuses; the older checkpoint then stays.
    """
    target = folder / f"step_{state['step']:08d}_{state['epoch']:05d}"  # in and after an epoch: two names
    temporary = folder / f".writing_{state['step']:08d}"
    accelerator.wait_for_everyone()
    try:
        if accelerator.is_main_process:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(temporary))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            settle(*(p for p in temporary.iterdir() if p.is_file()))
            (temporary / STATE).write_text(json.dumps({**state, FILES: _sums(temporary)}), "utf-8")
            settle(temporary / STATE)
            shutil.rmtree(target, ignore_errors=True)
            os.replace(temporary, target)
            for older in _checkpoints(folder)[:-KEPT]:
                shutil.rmtree(older, ignore_errors=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise UserError(f"{target}: checkpoint cannot be written ({' '.join(str(error).split())})") from error
    accelerator.wait_for_everyone()


def newest_checkpoint(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest whole checkpoint and the `state` of the loop in it; None when there is no checkpoint.

    What is damaged is said, and an older one is taken. Raises `RecipeError` when all are damaged.
    """
    faults: list[str] = []
    for path in reversed(_checkpoints(folder)):
        state, fault = _read_state(path)
        if not fault:
            if faults:
                log.warning("%s; going on from %s", "; ".join(faults), path.name)
            return path, state
        faults.append(f"{path}: the checkpoint is damaged ({fault})")
    if faults:
        raise RecipeError(f"{'; '.join(faults)}; remove it to begin anew")
    return None


def load_state(accelerator: Accelerator, checkpoint: Path) -> None:
    """A whole checkpoint into the accelerator's model and optimiser. Raises `RecipeError` when it does not fit."""
    try:
        accelerator.load_state(str(checkpoint))
    except (RuntimeError, ValueError, KeyError, OSError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:240]
        raise RecipeError(f"{checkpoint}: damaged, or of a recipe that does not fit ({reason})") from error


def _read_state(checkpoint: Path) -> tuple[dict[str, Any], str]:
    """What `save_state` was given, and what is wrong with the checkpoint's files; "" when they are whole."""
    try:
        state = parse_json((checkpoint / STATE).read_text("utf-8"))
        written, found = state.pop(FILES, {}), _sums(checkpoint)  # older versions noted none
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return {}, f"{STATE} cannot be read: {error}"
    for name, sum_ in written.items():
        if name not in found:
            return state, f"{name} is missing"
        if found[name] != sum_:
            return state, f"{name} is not as it was written, {sum_[0]} bytes: it has {found[name][0]}"
    return state, ""


def _sums(checkpoint: Path) -> dict[str, list[int]]:
    """Bytes and CRC-32 of every file but `STATE`, by name."""
    found = {}
    for path in sorted(p for p in checkpoint.iterdir() if p.is_file() and p.name != STATE):
        length = sum_ = 0
        with path.open("rb") as file:
            while block := file.read(1 << 22):
                length, sum_ = length + len(block), zlib.crc32(block, sum_)
        found[path.name] = [length, sum_]
    return found


def _checkpoints(folder: Path) -> Sequence[Path]:
    return sorted(p for p in folder.glob("step_*") if p.is_dir())
