"""Where a model computes, and how precisely."""

from __future__ import annotations

import torch

from microgesture.errors import RecipeError


def pick_device(device: str) -> str:
    """ "auto" is the first accelerator, else the processor. Raises `RecipeError` for a device that is not here."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or not (number or "0").isdigit():
        raise RecipeError(f"there is no device '{device}': give auto, cpu, cuda, cuda:1 or mps")
    here = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[kind]
    if int(number or 0) >= here:
        raise RecipeError(f"device '{device}' was asked for, but this machine has none")
    return device


def resolve_precision(precision: str, device: torch.device | str) -> str:
    """ "auto" becomes "bf16" where the processor or accelerator multiplies in it, else "no"."""
    if precision != "auto":
        return precision
    if torch.device(device).type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "no"
    if torch.device(device).type == "cpu":
        return "bf16" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else "no"
    return "no"


def autocast(precision: str, device: torch.device | str) -> torch.autocast:
    """Mixed precision for "bf16" and "fp16"; nothing for "no"."""
    kind = torch.device(device).type
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    return torch.autocast(kind, dtype=dtype, enabled=precision != "no")


def clip_input(clip: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """Clips of a batch on the device, RGB ones in channels-last layout."""
    clip = clip.to(device)
    if not isinstance(clip, torch.Tensor):  # pictures and skeletons together
        return clip
    return clip.contiguous(memory_format=torch.channels_last_3d) if clip.dim() == 5 and clip.shape[1] == 3 else clip


def to_channels_last(module: torch.nn.Module) -> None:
    """Put the weights of 3-D convolutions in channels-last layout, those of 2-D ones likewise."""
    for parameter in module.parameters():
        if parameter.dim() == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
        elif parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
