"""Published weight files in our networks: official key names in, the same function out.

Every encoder that has an official implementation says how that one's state dictionary becomes its own
(`Encoder.from_reference`). All official heads are linear in the pooled features, so the rest is one `nn.Linear`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn

from microgesture.encoders.encoder import Encoder
from microgesture.errors import RecipeError


class ReferenceWeights(NamedTuple):
    """An official state dictionary in our terms: the encoder's own `state`, and the head's `weight (K, C)` and
    `bias (K,)`, None where the file has no head; `headless` where the official network has none either."""

    state: dict[str, Tensor]
    weight: Tensor | None
    bias: Tensor | None
    headless: bool = False


class ReferenceClassifier(nn.Module):
    """An encoder and its linear head: the whole published network. `forward(clip)` gives logits (B, K).

    Clips are as everywhere in this package: (B, 3, T, H, W) for RGB, (B, M, T, V, C) for skeletons. Official skeleton
    networks take (B, C, T, V, M): theirs is ours under `permute(0, 4, 2, 3, 1)`.
    """

    def __init__(self, encoder: Encoder, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.width, classes)

    def forward(self, clip: Tensor) -> Tensor:
        """Logits (B, K)."""
        return self.head(self.encoder.pool(self.encoder(clip)))

    scores = forward


def load_reference(model: nn.Module, state_dict: Mapping[str, Any]) -> nn.Module:
    """Load the state dictionary of an official implementation, head included, and return the network with its head.

    `model` is an encoder (`create_encoder("stgcn", ...)`: it gets the weights, and a `ReferenceClassifier` around it
    is returned, whose head has the file's classes), a `ReferenceClassifier`, or an objective with an `encoder` and a
    linear `head` ("supervised": `model.scores(clip)` then are the official logits). A network that learns without
    labels has no head: an encoder then comes back as it is, and an objective that has the network's other part (its
    decoder) gets both. In eval mode the returned network
    computes what the official one computes from the same input. Prefixes of data-parallel training (`module.`) and
    wrappers (`state_dict`, `model`) are taken off; `num_batches_tracked` may be missing.

    Raises `RecipeError` when the encoder has no official implementation, or a weight is missing, unknown or of another
    shape: each message names the first one.
    """
    encoder = model if isinstance(model, Encoder) else getattr(model, "encoder", None)
    if not isinstance(encoder, Encoder):
        raise RecipeError(f"{type(model).__name__} has no encoder that reference weights could go to")
    whole = None if isinstance(model, Encoder) else getattr(model, "from_reference", None)
    if whole is not None:
        _load(model, whole(_plain(state_dict)), getattr(model, "name", "") or type(model).__name__)
        return model
    found = encoder.from_reference(_plain(state_dict))
    if found.headless and isinstance(model, Encoder):
        _load(encoder, found.state)
        return encoder
    weight, bias = _head_of(found, encoder)
    _load(encoder, found.state)
    if isinstance(model, Encoder):
        model = ReferenceClassifier(encoder, len(weight)).train(encoder.training)
    head = getattr(model, "head", None)
    if not isinstance(head, nn.Linear):
        raise RecipeError(f"{type(model).__name__} has no linear head: reference weights bring one")
    if head.weight.shape != weight.shape:
        theirs, ours = len(weight), len(head.weight)
        raise RecipeError(f"the head of the reference weights has {theirs} classes, this one {ours}")
    head.load_state_dict({"weight": weight, "bias": bias})
    return model


def _head_of(found: ReferenceWeights, encoder: Encoder) -> tuple[Tensor, Tensor]:
    """Weight (K, C) and bias (K,) of the head; every official head has both."""
    name = encoder.name or type(encoder).__name__
    if found.weight is None and found.bias is None:
        raise RecipeError(f"the weights for '{name}' hold no head")
    if found.weight is None or found.bias is None:
        lacking = "weight" if found.weight is None else "bias"
        raise RecipeError(f"the weights for '{name}' hold a head without its {lacking}")
    weight, bias = found.weight, found.bias
    if weight.shape != (len(bias), encoder.width) or bias.dim() != 1:
        shapes = f"weight {tuple(weight.shape)} and bias {tuple(bias.shape)}"
        raise RecipeError(f"the head of the weights for '{name}' is {shapes}, not (K, {encoder.width}) and (K,)")
    return weight, bias


def load_reference_encoder(encoder: Encoder, state_dict: Mapping[str, Any]) -> None:
    """The encoder's part of an official state dictionary; the head, if any, is left out. Errors as `load_reference`."""
    _load(encoder, encoder.from_reference(_plain(state_dict)).state)


def _plain(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a state dictionary without its wrappers and its `module.` prefix."""
    for wrapper in ("state_dict", "model_state_dict", "model"):
        if isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    tensors = {str(key): value for key, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise RecipeError("the reference weights are not a dictionary of named tensors")
    if all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    return tensors


def _load(network: nn.Module, state: Mapping[str, Tensor], name: str = "") -> None:
    name = name or str(getattr(network, "name", "")) or type(network).__name__
    own = network.state_dict()
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    if missing:
        raise RecipeError(f"the weights do not fit '{name}': {len(missing)} are missing, first {missing[0]}")
    unknown = [key for key in state if key not in own]
    if unknown:
        raise RecipeError(f"the weights do not fit '{name}': {len(unknown)} are unknown, first {unknown[0]}")
    for key, value in state.items():
        if value.shape != own[key].shape:
            shapes = f"{tuple(value.shape)}, not {tuple(own[key].shape)}"
            raise RecipeError(f"the weights do not fit '{name}': {key} is {shapes}")
    network.load_state_dict({**own, **state})
