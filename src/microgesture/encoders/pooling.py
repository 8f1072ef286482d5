"""How the features of a text's tokens become one vector: as the model's own folder says.

Folders of sentence encoders (the sentence-transformers layout) list what stands on the language model in
`modules.json`: a pooling, whose mode its own `config.json` tells, and at times a normalisation. A model without that
file is read by its first token.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from microgesture.errors import RecipeError

MODULES = "modules.json"
FIRST = "cls"
_FLAGS = {
    "pooling_mode_cls_token": FIRST,
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Modes as older folders spell them, a flag each; newer ones have one key `pooling_mode`."""
_KNOWN = (FIRST, "max", "mean", "mean_sqrt_len_tokens")

FindFile = Callable[[str], Path | None]
"""From a file's place in a model's folder to a file that can be read; None where the model has none."""


@dataclass(frozen=True)
class Pooling:
    """`mode` "cls" (the first token), "mean", "max" or "mean_sqrt_len_tokens" over the tokens that are no padding;
    `normalise`: to length 1."""

    mode: str = FIRST
    normalise: bool = False

    def __call__(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Tokens (n, L, C) and where there is one (n, L) to vectors (n, C)."""
        there = mask[..., None].to(hidden.dtype)
        if self.mode == FIRST:
            pooled = hidden[:, 0]
        elif self.mode == "max":
            pooled = hidden.masked_fill(there == 0, -1e9).amax(1)
        else:
            count = there.sum(1).clamp_min(1.0)
            pooled = (hidden * there).sum(1) / (count if self.mode == "mean" else count.sqrt())
        return F.normalize(pooled, dim=-1) if self.normalise else pooled


FIRST_TOKEN = Pooling()
"""Of models that are no sentence encoders."""


def read_pooling(find: FindFile, name: str) -> Pooling:
    """The pooling of a model whose files `find` gives; by the first token where it has no `modules.json`.

    Raises `RecipeError` naming the model `name` when its modules are not known here: read otherwise than they were
    trained, its vectors would mean nothing.
    """
    path = find(MODULES)
    if path is None:
        return FIRST_TOKEN
    listed = _json(path, name)
    try:
        kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in listed]
        folders = [str(module["path"]) for module in listed]
    except (TypeError, KeyError) as error:
        raise RecipeError(f"text encoder '{name}': {path} is no list of modules ({error!r})") from error
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise RecipeError(
            f"text encoder '{name}': its modules are {', '.join(kinds)}; only a Transformer with Pooling and Normalize "
            "can be read"
        )
    if folders[0]:
        raise RecipeError(f"text encoder '{name}': its language model is in {folders[0]}: give that folder's parent's")
    settings = find(f"{folders[1]}/config.json")
    if settings is None:
        raise RecipeError(
            f"text encoder '{name}': {folders[1]}/config.json is missing, which says how tokens are pooled"
        )
    return Pooling(_mode(_json(settings, name), name), len(kinds) == 3)


def _mode(settings: Mapping[str, Any], name: str) -> str:
    found = settings.get("pooling_mode") or [mode for flag, mode in _FLAGS.items() if settings.get(flag)] or "mean"
    modes = [found] if isinstance(found, str) else list(found)
    if len(modes) != 1 or modes[0] not in _KNOWN:
        said, known = ", ".join(map(str, modes)), ", ".join(_KNOWN)
        raise RecipeError(f"text encoder '{name}': tokens are pooled by {said}; known is one of {known}")
    return modes[0]


def _json(path: Path, name: str) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"text encoder '{name}': {path} cannot be read ({error})") from error
