"""Files of a run, written so that a power cut leaves either the old one or the new one, never half of one.

RUN/config.json           recipe, versions, seed, vocabulary name, best epoch, temperature
RUN/labels.json           the vocabulary
RUN/preprocessor.json     frames, size, fit, mean and deviation
RUN/model.safetensors     weights that recognition uses
RUN/log.csv               one row an epoch
RUN/checkpoints/step_N/   everything that --resume needs; only the newest is kept
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors import SafetensorError
from safetensors.torch import save_file

from microgesture.atomic import replacing, write_text
from microgesture.errors import RecipeError, UserError

STATE = "trainer.json"


def write_weights(path: Path, state: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Safetensors, atomically. Raises `UserError` when the disk refuses."""
    tensors = {k: v.detach().to("cpu").contiguous().clone() for k, v in state.items()}
    with replacing(path) as temporary:
        temporary.touch()
        readable = temporary.stat().st_mode
        try:
            save_file(tensors, temporary, metadata=dict(metadata))
            temporary.chmod(readable)  # the library leaves a file that only its owner may read
        except SafetensorError as error:  # wraps the system's error
            raise OSError(str(error)) from error


def append_log(path: Path, row: Mapping[str, float], epoch: int) -> None:
    """Add an epoch's row to log.csv; rows of this and later epochs, left by a killed run, are replaced."""
    rows: list[dict[str, Any]] = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            rows = [r for r in csv.DictReader(file) if int(r["epoch"]) < epoch]
    rows.append({"epoch": epoch, **{k: f"{v:.6g}" for k, v in row.items()}})
    columns = list(dict.fromkeys(key for r in rows for key in r))
    lines = [",".join(columns)] + [",".join(str(r.get(c, "")) for c in columns) for r in rows]
    write_text(path, "\n".join(lines) + "\n")


def save_state(accelerator: Accelerator, folder: Path, state: Mapping[str, Any]) -> None:
    """Model, optimiser and `state` of the loop into `folder/step_N`, then drop older ones.

    Written under another name and renamed when complete, so that a kill at any moment leaves a whole one.
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
        if accelerator.is_main_process:
            (temporary / STATE).write_text(json.dumps(dict(state)), "utf-8")
            shutil.rmtree(target, ignore_errors=True)
            os.replace(temporary, target)
            for older in _checkpoints(folder)[:-1]:
                shutil.rmtree(older, ignore_errors=True)
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise UserError(f"{target}: checkpoint cannot be written ({' '.join(str(error).split())})") from error
    accelerator.wait_for_everyone()


def load_state(accelerator: Accelerator, folder: Path) -> dict[str, Any] | None:
    """The newest complete checkpoint into the accelerator's model and optimiser; None when there is none."""
    found = _checkpoints(folder)
    if not found:
        return None
    try:
        state = json.loads((found[-1] / STATE).read_text("utf-8"))
        accelerator.load_state(str(found[-1]))
    except (RuntimeError, ValueError, KeyError, OSError, SafetensorError) as error:
        raise RecipeError(
            f"{found[-1]}: the recipe does not fit the checkpoint ({' '.join(str(error).split())[:240]})"
        ) from error
    return state


def _checkpoints(folder: Path) -> Sequence[Path]:
    return sorted(p for p in folder.glob("step_*") if (p / STATE).is_file())
