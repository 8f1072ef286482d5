"""Weights that this package wrote: tensors in a safetensors file, never code."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from microgesture.errors import RecipeError
from microgesture.files.atomic import replacing

_SUM = "crc32"
LARGEST = 1e15
"""Of a weight or a statistic; one bit that flips in an exponent gives numbers like 1e38."""


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors by name. Raises `RecipeError` naming the file when there is none, when it is cut short, not as it was
    written, or holds numbers that no training gives (not finite, or beyond `LARGEST`): it would give answers that are
    none."""
    try:
        weights = load_file(path)
        with safe_open(path, "pt") as file:
            written = (file.metadata() or {}).get(_SUM)  # other programs, and older versions, write none
    except (OSError, ValueError, MemoryError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:240]
        raise RecipeError(f"{path}: the weights are damaged, or are none ({reason})") from error
    if written not in (None, _sum(weights)):
        raise RecipeError(f"{path}: the weights are damaged: they are not those that were written")
    odd = next((name for name, tensor in weights.items() if not _possible(tensor)), None)
    if odd is not None:
        raise RecipeError(f"{path}: the weights are damaged: {odd} holds numbers that no training gives")
    return weights


def _possible(tensor: torch.Tensor) -> bool:
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    least, most = (float(end) for end in torch.aminmax(tensor))  # NaN where any is
    return least >= -LARGEST and most <= LARGEST


def _sum(tensors: Mapping[str, torch.Tensor]) -> str:
    """CRC-32 of the bytes of all tensors in the order of their names."""
    total = 0
    for name in sorted(tensors):
        if tensors[name].numel():
            total = zlib.crc32(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data, total)
    return f"{total:08x}"


def write_weights(path: Path, state: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Safetensors with a checksum, atomically. Raises `UserError` when the disk refuses."""
    tensors = {k: v.detach().to("cpu").contiguous().clone() for k, v in state.items()}
    with replacing(path) as temporary:
        temporary.touch()
        readable = temporary.stat().st_mode
        try:
            save_file(tensors, temporary, metadata={**metadata, _SUM: _sum(tensors)})
            temporary.chmod(readable)  # the library leaves a file that only its owner may read
        except SafetensorError as error:  # wraps the system's error
            raise OSError(str(error)) from error
