"""Reading weights from a file that a stranger may have written: tensors only, never code."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from microgesture.errors import RecipeError

_WRAPPERS = ("state_dict", "model_state_dict", "model")


def read_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Named tensors of a `.safetensors` file or a torch file (`.pth`, `.pt`, read with `weights_only`).

    A dictionary inside `state_dict`, `model_state_dict` or `model` is unwrapped, and a `module.` in front of
    every key (left by data-parallel training) is taken off. Raises `RecipeError` when the file is missing,
    unreadable, holds code, or is not a state dictionary.
    """
    path = Path(path)
    if not path.is_file():
        raise RecipeError(f"no weights file {path}")
    try:
        if path.suffix == ".safetensors":
            content: object = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RecipeError(f"{path}: not loaded, it holds more than tensors (weights_only) or is broken") from error
    except Exception as error:  # a broken file can raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RecipeError(f"{path}: cannot be read as weights ({reason})") from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise RecipeError(f"{path}: is not a dictionary of named tensors")
    strangers = [str(key) for key, value in content.items() if not isinstance(value, Tensor)]
    if strangers:
        raise RecipeError(f"{path}: is not a dictionary of named tensors ({', '.join(strangers[:5])})")
    state = {str(key): value for key, value in content.items()}
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): value for key, value in state.items()}
    return state
