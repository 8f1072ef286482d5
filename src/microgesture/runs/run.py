"""`Run`: a trained model, opened and calibrated. Training writes the folder; whatever uses a model opens it here.

    run = load_run("runs/finetune")
    run.spec                       # what it reads, and what it tells
    run.score(clips).clips         # (B, K) logits

A run folder holds `config.json` (recipe, a whole description of the model, temperature), `labels.json`,
`preprocessor.json`, `model.safetensors`, `log.csv` and `README.md`. The recipe is not parsed to open one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from microgesture.datasets.manifest import BANKS
from microgesture.encoders.encoder import Modality
from microgesture.errors import RecipeError, UserError
from microgesture.files.plain_json import parse_json
from microgesture.libraries.forking import keep_usable_after_fork
from microgesture.recognition import Objective, restore
from microgesture.recognition.self_supervised import knows_no_classes
from microgesture.runs.configuration import DataConfig, Recipe, make_recipe
from microgesture.runs.devices import autocast, clip_input, pick_device, resolve_precision, to_channels_last
from microgesture.runs.own_weights import read_weights
from microgesture.skeletons.layout_files import as_layout
from microgesture.skeletons.layouts import GESTURE_62, Layout
from microgesture.skeletons.parts import NEEDED, PARTS
from microgesture.spotting.configuration import SpottingConfig
from microgesture.statistics import softmax
from microgesture.vocabulary import Vocabulary

if TYPE_CHECKING:
    from microgesture.datasets.frame_choice import Sampling
    from microgesture.datasets.skeletons import Stream
    from microgesture.video.transforms import Fit

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
LABELS = "labels.json"

WINDOW_RATE = 12.5
"""Poses a second of the windows that are cut from skeleton banks."""
RATE = 25.0
"""Poses a second that are estimated of a video for all other runs: that of iMiGUE's own skeletons."""


@dataclass(frozen=True)
class Spec:
    """What a run reads, and what it tells.

    `modality` "rgb" or "skeleton"; `frames` of a clip. A "clip" `resolution` gives one answer a clip, "moment" one for
    each of its tokens, too. `size`, `fit` and `crop` are of pictures; of skeletons the `layout`, `channels` and
    `persons` of a clip, whose points have 2 or 3 `dimensions`, the `stream`, how its frames are chosen (`sampling`) and
    it is `normalised`, and the `rate`
    of poses per second that are estimated of a video. `points` is the layout of files that do not say theirs. With
    `windows` the run learnt from windows of `frames` poses at `rate`, as they are, in place of clips that are stretched
    to so many frames; it is then shown each clip and its mirror image.
    """

    modality: Modality
    resolution: Literal["clip", "moment"]
    frames: int
    size: int
    fit: Fit
    crop: str
    layout: Layout | None
    points: Layout | None
    channels: int
    persons: int
    dimensions: int
    stream: Stream
    sampling: Sampling
    normalised: str
    rate: float
    windows: bool


@dataclass(frozen=True)
class Scores:
    """Logits of clips `(B, K)` and, of a run that tells moments, of each class at each token `(B, N, K)`, whose sigmoid
    is its probability."""

    clips: np.ndarray
    moments: np.ndarray | None = None


@dataclass(frozen=True)
class Run:
    """A trained run: its objective (in eval mode, on `device`) and everything config.json holds."""

    folder: Path
    objective: Objective
    config: dict[str, Any]
    spec: Spec
    device: str = "cpu"

    @property
    def vocabulary(self) -> Vocabulary:
        """The gestures that the run names."""
        return self.objective.vocabulary

    @cached_property
    def trained_vocabulary(self) -> Vocabulary:
        """The vocabulary that the run was trained on."""
        return Vocabulary.from_json(self.config["model"]["vocabulary"], str(self.folder))

    @cached_property
    def recipe(self) -> Recipe:
        """How it was trained. Raises `RecipeError` when this version does not understand it."""
        return make_recipe(self.config["recipe"], (), str(self.folder / CONFIG))

    @property
    def title(self) -> str:
        """Name of the run in tables."""
        return str(self.config["recipe"].get("title") or self.folder.name)

    @property
    def temperature(self) -> float:
        """Clip scores are divided by this before the softmax; fitted on the validation split."""
        return float(self.config.get("temperature", 1.0))

    @property
    def spotting(self) -> SpottingConfig:
        """The settings of spotting that belong to the run."""
        return SpottingConfig(**self.config.get("spotting", {}))

    @property
    def precision(self) -> str:
        """Of the arithmetic in `score`: that of training for pictures, full for skeletons, which are small."""
        if self.spec.modality == "skeleton":
            return "no"
        return self.test_precision

    @property
    def test_precision(self) -> str:
        """The precision of training, as far as the device has it."""
        trained = self.config["recipe"].get("training", {}).get("precision", "auto")
        return resolve_precision("auto" if trained == "fp16" and self.device == "cpu" else trained, self.device)

    @cached_property
    def needs(self) -> np.ndarray:
        """(K,) the part of the body, as an index of `PARTS`, that each class is told by; `len(PARTS)`: none. A text of
        one's own needs what the label nearest to it in the objective's space does."""
        parts = [PARTS.index(NEEDED[region]) if region else len(PARTS) for region in self.objective.regions()]
        background = self.vocabulary.background_id
        return np.array([len(PARTS) if k == background else part for k, part in enumerate(parts)])

    @property
    def zero_shot(self) -> bool:
        """Whether the vocabulary reaches beyond the labels that the run was trained on."""
        return self.objective.zero_shot(self.trained_vocabulary)

    def check_names_gestures(self) -> None:
        """Raises `RecipeError` for a run that learnt without labels."""
        if not self.objective.labelled:
            raise RecipeError(knows_no_classes(f"'{self.folder}'"))

    def with_vocabulary(self, vocabulary: Vocabulary) -> Run:
        """The same weights reading other label texts (zero-shot).

        Only visual-text runs can: a classifier's outputs are fixed, which raises `RecipeError`.
        """
        return replace(self, objective=self.objective.with_vocabulary(vocabulary))

    def with_data(self, **settings: Any) -> Run:
        """The same run whose recipe names other data (fields of `DataConfig`)."""
        recipe = self.config["recipe"]
        config = self.config | {"recipe": recipe | {"data": recipe.get("data", {}) | settings}}
        return replace(self, config=config)

    @torch.inference_mode()
    def score(self, clips: torch.Tensor) -> Scores:
        """Scores of clips: RGB (B, 3, T, H, W), skeletons (B, M, T, V, C)."""
        if self.spec.resolution == "clip":
            return Scores(self._seen(clips, self.objective.scores))
        found = self._seen(clips, self.objective.both_scores)
        return Scores(*found)

    @torch.inference_mode()
    def embed(self, clips: torch.Tensor) -> np.ndarray:
        """The visual representation v̄ of each clip, (B, D)."""
        return self._seen(clips, self.objective.embed)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities of clip logits (..., K)."""
        return softmax(logits / self.temperature)

    def _seen(self, clips: torch.Tensor, of: Any) -> Any:
        batch = clip_input(clips, self.device)
        if self.spec.windows:
            batch = torch.cat([batch, self._mirrored(batch)])
        with autocast(self.precision, self.device):
            found = of(batch)
        both = [x.float() for x in (found if isinstance(found, tuple) else (found,))]
        if self.spec.windows:
            both = [x.unflatten(0, (2, len(clips))).mean(0) for x in both]
        arrays = tuple(x.cpu().numpy() for x in both)
        return arrays if isinstance(found, tuple) else arrays[0]

    def _mirrored(self, clips: torch.Tensor) -> torch.Tensor:
        layout = self.spec.layout
        assert layout is not None
        other = clips[:, :, :, torch.from_numpy(layout.flip_permutation)]
        return torch.cat([-other[..., :1], other[..., 1:]], -1)


def load_run(folder: str | Path, device: str = "cpu") -> Run:
    """Open a run folder. Raises `RecipeError` when it is none, is unfinished, damaged, or does not fit its weights."""
    keep_usable_after_fork()
    folder, device = Path(folder), pick_device(device)
    try:
        config = parse_json((folder / CONFIG).read_text("utf-8"))
        description, data = config["model"], _data(config)
    except FileNotFoundError as error:
        raise RecipeError(f"'{folder}' is not a run folder: {Path(error.filename).name} is missing") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecipeError(f"'{folder}' is not a run folder: {CONFIG}: {error}") from error
    objective = _restore(description, folder / CONFIG)
    _check_temperature(config, folder / CONFIG)
    try:
        spec = _spec(objective, config, data)
    except (UserError, TypeError, ValueError, AttributeError) as error:
        raise RecipeError(f"{folder / CONFIG}: {error}") from error
    load_weights(objective, folder)
    objective.eval().to(device)
    to_channels_last(objective)
    return Run(folder, objective, config, spec, device)


def built_in_weights() -> Path:
    """The run folder inside the package."""
    return Path(str(resources.files("microgesture") / "weights"))


def load_weights(objective: Objective, folder: Path) -> None:
    """All weights of a run into an objective of the same recipe; `RecipeError` when they do not fit."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise RecipeError(f"'{folder}' holds no weights yet: training has not finished an epoch")
    weights = read_weights(path)
    try:
        objective.load_state_dict(weights)
    except RuntimeError as error:
        raise RecipeError(f"{path}: the recipe does not fit the checkpoint ({first_lines(error)})") from error


def first_lines(error: Exception) -> str:
    """What an error says, in one line that is not too long."""
    text = " ".join(str(error).split())
    return text if len(text) < 240 else text[:240] + " ..."


def spec_of(objective: Objective, data: DataConfig, config: Mapping[str, Any]) -> Spec:
    """What an objective reads and tells that was trained on such data; `config` has what its folder says beside:
    `rate` (of windows) and `dimensions`."""
    encoder = objective.encoder
    layout = getattr(encoder, "layout", None)
    clips = bool(data.root) or (bool(data.manifest) and Path(data.manifest).name != BANKS)
    windows = objective.moments and layout == GESTURE_62 and ("rate" in config or not clips)
    dimensions = int(config.get("dimensions", 2))
    return Spec(
        modality=objective.modality,
        resolution="moment" if objective.moments else "clip",
        frames=_positive(data.frames, "frames"),
        size=_positive(data.size, "size"),
        fit=data.fit,
        crop=data.crop,
        layout=layout if isinstance(layout, Layout) else None,
        points=as_layout(data.layout) if data.layout else None,
        channels=int(getattr(encoder, "channels", 3)),
        persons=int(getattr(encoder, "persons", 1)),
        dimensions=dimensions,
        stream=data.stream,
        sampling=data.sampling,
        normalised=data.normalise,
        rate=float(config.get("rate", WINDOW_RATE if windows else RATE)),
        windows=windows,
    )


def _spec(objective: Objective, config: Mapping[str, Any], data: Mapping[str, Any]) -> Spec:
    known = {key: value for key, value in data.items() if key in DataConfig.__dataclass_fields__}
    return spec_of(objective, replace(DataConfig(), **known), config)


def _data(config: Mapping[str, Any]) -> dict[str, Any]:
    return dict(config["recipe"].get("data", {}))


def _positive(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1_000_000:
        raise RecipeError(f"data.{name} is {str(value)[:40]}, not a whole number above 0")
    return value


def _restore(description: Any, source: Path) -> Objective:
    try:
        return restore(description)
    except (UserError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise RecipeError(f"{source}: describes a model that cannot be built ({first_lines(error)})") from error


def _check_temperature(config: Mapping[str, Any], source: Path) -> None:
    value = config.get("temperature", 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise RecipeError(f"{source}: the temperature is {str(value)[:40]}, not a number above 0")
