"""From a recipe to its parts: vocabulary, data sets, encoders and objective; and a run folder back to them."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from microgesture.datasets import ClipDataset, Manifest
from microgesture.datasets.augmentation import Augmentation
from microgesture.datasets.background import add_background
from microgesture.datasets.opening import open_data
from microgesture.datasets.skeletons import SkeletonDataset
from microgesture.datasets.windows import INDEX, SkeletonWorld, WindowDataset
from microgesture.encoders import Encoder, create_encoder, create_text_encoder
from microgesture.encoders.registry import encoder_class, encoder_parameters
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.libraries.forking import keep_usable_after_fork
from microgesture.runs.own_weights import read_weights
from microgesture.files.plain_json import parse_json
from microgesture.skeletons.layout_files import as_layout, described
from microgesture.skeletons.skeleton import Layout
from microgesture.recognition import Objective, create_objective, restore
from microgesture.runs.configuration import Recipe, make_recipe
from microgesture.vocabulary import Vocabulary

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
LABELS = "labels.json"


@dataclass
class Run:
    """A trained run: its recipe, vocabulary, objective (in eval mode) and everything config.json holds."""

    folder: Path
    recipe: Recipe
    vocabulary: Vocabulary
    objective: Objective
    config: dict[str, Any]

    @property
    def temperature(self) -> float:
        """Scores are divided by this before the softmax; fitted on the validation split."""
        return float(self.config.get("temperature", 1.0))

    @property
    def recipe_vocabulary(self) -> Vocabulary:
        """The vocabulary that the run was trained on."""
        return Vocabulary.from_json(self.config["model"]["vocabulary"], str(self.folder))

    @property
    def title(self) -> str:
        """Name of the run in tables."""
        return self.recipe.title or self.folder.name


def open_manifest(
    recipe: Recipe, vocabulary: Vocabulary | None = None, numbering: str = ""
) -> Manifest | SkeletonWorld:
    """The recipe's manifest with its vocabulary (or the one that is given), or the skeleton banks in its place.

    `numbering` is that of a PYSKL pickle's classes where it is known already. Raises `RecipeError` when the recipe
    names none.
    """
    data = recipe.data
    path = data.manifest or data.root
    if not path:
        raise RecipeError(
            "the recipe names no data: give --data.manifest path/to/manifest.csv (or a PYSKL .pkl), "
            "or --data.root with the folder of a data set"
        )
    if data.manifest and data.root:
        raise RecipeError("the recipe names its data twice: give --data.manifest or --data.root, not both")
    if Path(path).name == INDEX:
        return SkeletonWorld(path)
    if vocabulary is None and data.vocabulary:
        vocabulary = Vocabulary.load(data.vocabulary)
    skip = data.on_problem == "skip"
    space = _space(recipe)
    held_out, layout = data.held_out, layout_of_points(recipe)
    found = open_data(path, data.source, data.protocol, vocabulary, held_out, skip, 0, space, numbering, layout)
    return add_background(found, data.background) if data.background else found


def layout_of_points(recipe: Recipe) -> Layout | None:
    """The layout of skeletons that do not say what their points are; None leaves it to the files."""
    return as_layout(recipe.data.layout) if recipe.data.layout else None


def _space(recipe: Recipe) -> str:
    """The space that a run needs its Kinect skeletons in; "" when it reads none."""
    if encoder_class(recipe.encoder.name).modality == "skeleton":
        return recipe.data.space
    return "pixels" if recipe.data.crop == "person" else ""


AnyDataset = ClipDataset | WindowDataset | SkeletonDataset


def make_dataset(
    recipe: Recipe,
    manifest: Manifest | SkeletonWorld,
    split: str,
    training: bool = False,
    encoder: Encoder | None = None,
    dimensions: int | None = None,
) -> AnyDataset:
    """The clips of one split, as the `encoder` reads them; without one, as the recipe's encoder would, and what the
    recipe leaves open of a skeleton (layout, persons, channels) is taken from the clips; `dimensions` are those that
    skeletons must have. Raises `DataError` when the split is
    empty."""
    if isinstance(manifest, SkeletonWorld):
        return manifest.dataset(split, recipe.data.frames, recipe.training.seed if training else 0, training)
    rows = manifest.split(split)
    if not rows:
        raise DataError(f"{manifest.path}: no row has split '{split}'")
    data = recipe.data
    modality = encoder.modality if encoder is not None else encoder_class(recipe.encoder.name).modality
    if modality == "skeleton":
        shape = skeleton_shape(recipe, encoder)
        return SkeletonDataset(
            rows,
            manifest.vocabulary,
            frames=data.frames,
            stream=data.stream,
            normalised=data.normalise,
            training=training,
            seed=recipe.training.seed,
            augment=Augmentation.from_config(data.augment) if training and data.augment else None,
            skip=data.on_problem == "skip",
            space=data.space,
            dimensions=dimensions,
            points=layout_of_points(recipe),
            **shape,
        )
    if data.on_problem == "skip":
        rows = tuple(row for row in rows if row.video is not None)
    return ClipDataset(
        rows,
        manifest.vocabulary,
        frames=data.frames,
        size=data.size,
        fit=data.fit,
        training=training,
        seed=recipe.training.seed,
        flip=data.flip and training,
        random_crop=data.random_crop if training else 0.0,
        crop=data.crop,
        augment=Augmentation.from_config(data.augment) if training and data.augment else None,
        cache=manifest.path.parent / "cache" if data.cache and os.access(manifest.path.parent, os.W_OK) else None,
    )


def skeleton_shape(recipe: Recipe, encoder: Encoder | None) -> dict[str, Any]:
    """What is known of the skeletons that an encoder, or a recipe's encoder, reads: `layout`, `channels`, `persons`."""
    if encoder is not None:
        layout = getattr(encoder, "layout", None)
        found = {"layout": layout}
        return found | {key: getattr(encoder, key) for key in ("channels", "persons") if hasattr(encoder, key)}
    kind = encoder_class(recipe.encoder.name)
    fixed = getattr(kind, "layout", None)  # an encoder of one layout alone
    given = {key: value for key, value in recipe.encoder.options.items() if key in ("layout", "channels", "persons")}
    if fixed is None and recipe.data.layout:
        given.setdefault("layout", recipe.data.layout)
    if "channels" not in encoder_parameters(recipe.encoder.name):
        given["channels"] = getattr(kind, "channels", 3)
    return given if fixed is None else {"layout": fixed, "persons": 1} | given


def open_options(recipe: Recipe, dataset: AnyDataset) -> dict[str, Any]:
    """Encoder options that the recipe leaves open: those of the run that it starts from, where that has the same
    encoder, and what the skeletons decide (`layout`, `channels`, `persons`)."""
    known = _options_of_start(recipe)
    if isinstance(dataset, SkeletonDataset):
        known |= {"layout": described(dataset.layout), "channels": dataset.channels, "persons": dataset.persons}
        known["dimensions"] = dataset.dimensions
    takes = encoder_parameters(recipe.encoder.name)
    return {key: value for key, value in known.items() if key in takes and key not in recipe.encoder.options}


def _options_of_start(recipe: Recipe) -> dict[str, Any]:
    try:
        model = parse_json((Path(recipe.start) / CONFIG).read_text("utf-8"))["model"] if recipe.start else {}
        return dict(model["encoder_options"]) if model.get("encoder") == recipe.encoder.name else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # `start_from` says what is wrong with it


def build_objective(recipe: Recipe, vocabulary: Vocabulary, encoder_options: dict[str, Any] | None = None) -> Objective:
    """Encoder, text encoder and objective of a recipe with fresh weights (seeded by `training.seed`).

    `encoder_options` are those of `open_options`.
    """
    torch.manual_seed(recipe.training.seed)
    encoder = create_encoder(recipe.encoder.name, **(encoder_options or {}), **recipe.encoder.options)
    text = None
    if recipe.text.name != "none":
        texts = [*vocabulary.names, *(c.description for c in vocabulary if c.description)]
        text = create_text_encoder(recipe.text.name, texts, **recipe.text.options)
    return create_objective(recipe.objective.name, encoder, text, vocabulary, **recipe.objective.options)


def load_run(folder: str | Path, device: str = "cpu") -> Run:
    """Open a run folder. Raises `RecipeError` when it is none, is unfinished, damaged, or does not fit its weights."""
    keep_usable_after_fork()
    folder = Path(folder)
    try:
        config = parse_json((folder / CONFIG).read_text("utf-8"))
        description = config["model"]
        recipe = make_recipe(config["recipe"], (), str(folder / CONFIG))
    except FileNotFoundError as error:
        raise RecipeError(f"'{folder}' is not a run folder: {Path(error.filename).name} is missing") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecipeError(f"'{folder}' is not a run folder: {CONFIG}: {error}") from error
    objective = _restore(description, folder / CONFIG)
    _check_temperature(config, folder / CONFIG)
    load_weights(objective, folder)
    objective.eval().to(device)
    return Run(folder, recipe, objective.vocabulary, objective, config)


def _restore(description: Any, source: Path) -> Objective:
    try:
        return restore(description)
    except (UserError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise RecipeError(f"{source}: describes a model that cannot be built ({_first_lines(error)})") from error


def _check_temperature(config: Mapping[str, Any], source: Path) -> None:
    value = config.get("temperature", 1.0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise RecipeError(f"{source}: the temperature is {str(value)[:40]}, not a number above 0")


def load_weights(objective: Objective, folder: Path) -> None:
    """All weights of a run into an objective of the same recipe; `RecipeError` when they do not fit."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise RecipeError(f"'{folder}' holds no weights yet: training has not finished an epoch")
    weights = read_weights(path)
    try:
        objective.load_state_dict(weights)
    except RuntimeError as error:
        raise RecipeError(f"{path}: the recipe does not fit the checkpoint ({_first_lines(error)})") from error


def start_from(objective: Objective, folder: str | Path) -> None:
    """Take from another run every part that the objective shares with it (same key, same shape).

    The video encoder, and whatever the objective does not train, must fit wholly: a recipe that starts from a
    checkpoint of another architecture is a `RecipeError`.
    """
    path = Path(folder) / WEIGHTS
    if not path.is_file():
        raise RecipeError(f"start: '{folder}' holds no {WEIGHTS}")
    theirs = read_weights(path)
    ours = objective.state_dict()
    fitting = {k: v for k, v in theirs.items() if k in ours and ours[k].shape == v.shape}
    frozen = {name for name, parameter in objective.named_parameters() if not parameter.requires_grad}
    lacking = [k for k in ours if (k.startswith("encoder.") or k in frozen) and k not in fitting]
    if lacking:
        raise RecipeError(
            f"start: the recipe does not fit the checkpoint '{folder}': {len(lacking)} weights differ, "
            f"first {lacking[0]}"
        )
    objective.load_state_dict(fitting, strict=False)


def _first_lines(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) < 240 else text[:240] + " ..."
