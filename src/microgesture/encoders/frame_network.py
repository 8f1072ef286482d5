"""What TSM and TRN share: a network of single images over the frames of a clip, its pixels and its first weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from microgesture.encoders.encoder import Encoder
from microgesture.encoders.reference import load_reference_encoder
from microgesture.encoders.weights import read_state_dict
from microgesture.errors import RecipeError
from microgesture.libraries.torchvision_loader import load_torchvision

if TYPE_CHECKING:
    from torchvision.models import ResNet

RESNET_DEPTHS = (18, 34, 50, 101, 152)
_CLASSIFIERS = ("fc.", "last_linear.", "classifier.")


def evenly_spaced(frames: int, segments: int) -> list[int]:
    """The frame in the middle of each of `segments` equal parts of `frames`; frames repeat when there are fewer."""
    return [((2 * i + 1) * frames) // (2 * segments) for i in range(segments)]


def take_segments(clip: Tensor, segments: int) -> Tensor:
    """(B, 3, T, H, W) to (B, 3, `segments`, H, W): `evenly_spaced` frames, all of them when T is `segments`."""
    frames = clip.shape[2]
    return clip if frames == segments else clip[:, :, evenly_spaced(frames, segments)]


def as_images(clip: Tensor) -> Tensor:
    """A clip (B, 3, T, H, W) as images (B T, 3, H, W), clip after clip, each in order of time."""
    return clip.transpose(1, 2).flatten(0, 1)


def resnet(depth: int) -> tuple[ResNet, int]:
    """torchvision's ResNet without its classifier, random, and its width C: images (N, 3, H, W) to (N, C).

    Raises `RecipeError` for a depth that is not in `RESNET_DEPTHS`.
    """
    if depth not in RESNET_DEPTHS:
        raise RecipeError(f"no ResNet with {depth} layers: known are {', '.join(map(str, RESNET_DEPTHS))}")
    load_torchvision()
    from torchvision.models import get_model_builder

    network = get_model_builder(f"resnet{depth}")(weights=None)
    width = network.fc.in_features
    network.fc = nn.Identity()
    return network, width


def start_from(weights: str, encoder: Encoder, backbone: nn.Module, architecture: str) -> None:
    """Load the first weights of `encoder`, whose images go through its `backbone`.

    `weights` is a local file (.pth, .pt, .tar or .safetensors) with the keys of the encoder's official implementation,
    whose head is left out, or with those of the backbone alone (ImageNet); for a ResNet also the name of torchvision's
    weights ("IMAGENET1K_V1"). `architecture` is torchvision's name of the backbone. Raises `RecipeError` when they
    cannot be had or do not fit.
    """
    path = Path(weights).expanduser()
    if not path.is_file():
        _fit(backbone, _from_torchvision(weights, architecture), weights)
        return
    state = read_state_dict(path)
    if not any(key.startswith("base_model.") for key in state):
        _fit(backbone, state, weights)
        return
    try:
        load_reference_encoder(encoder, state)
    except RecipeError as error:
        raise RecipeError(f"{weights}: {error}") from error


def _from_torchvision(weights: str, architecture: str) -> Mapping[str, Tensor]:
    """The state dictionary that torchvision calls `weights`; there is none for BN-Inception."""
    known: Mapping[str, Any] = {}
    if architecture.startswith("resnet"):
        from torchvision.models import get_model_weights

        known = get_model_weights(architecture).__members__
    if weights not in known:
        names = f"known are {', '.join(known)}, or " if known else "give "
        raise RecipeError(f"no weights '{weights}' for {architecture}: {names}a local file")
    try:
        return known[weights].get_state_dict(progress=False, check_hash=True)
    except Exception as error:  # no network, no disk, a broken download: all are the user's to mend
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RecipeError(
            f"weights '{weights}' of {architecture} cannot be downloaded ({reason}): give a local file"
        ) from error


def _fit(backbone: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Load image weights; their classifier is left out, and statistics (1, C) of files before torch 0.4 become (C,)."""
    own = backbone.state_dict()
    given = {key: value for key, value in state.items() if not key.startswith(_CLASSIFIERS)}
    for key, value in given.items():
        if key in own and own[key].dim() == 1 and value.shape == (1, *own[key].shape):
            given[key] = value[0]
    counters = {key: value for key, value in own.items() if key.endswith("num_batches_tracked")}
    given = {**counters, **given}
    faults = [f"{key} is missing" for key in own if key not in given]
    faults += [f"{key} is unknown" for key in given if key not in own]
    faults += [
        f"{key} is {tuple(given[key].shape)}, not {tuple(own[key].shape)}"
        for key in own
        if key in given and given[key].shape != own[key].shape
    ]
    if faults:
        more = f" and {len(faults) - 4} more" if len(faults) > 4 else ""
        raise RecipeError(f"{source}: does not fit {type(backbone).__name__}: {'; '.join(faults[:4])}{more}")
    backbone.load_state_dict(given)
