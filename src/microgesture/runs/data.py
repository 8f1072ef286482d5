"""From a recipe to its data: the clips of a split, as the recipe's encoder reads them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from microgesture.corpora.opening import open_data
from microgesture.datasets import ClipDataset, Manifest
from microgesture.datasets.augmentation import Augmentation
from microgesture.datasets.background import add_background
from microgesture.datasets.manifest import BANKS, ClipRow
from microgesture.datasets.paired import PairedDataset
from microgesture.datasets.skeletons import SkeletonDataset
from microgesture.datasets.windows import SkeletonWorld, WindowDataset
from microgesture.encoders import Encoder
from microgesture.encoders.registry import encoder_class, encoder_parameters
from microgesture.errors import DataError, RecipeError
from microgesture.recognition import objective_class
from microgesture.runs.configuration import Recipe
from microgesture.skeletons.layout_files import as_layout
from microgesture.skeletons.skeleton import Layout
from microgesture.vocabulary import Vocabulary


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
    if Path(path).name == BANKS:
        return SkeletonWorld(path)
    if vocabulary is None and data.vocabulary:
        vocabulary = Vocabulary.load(data.vocabulary)
    skip = data.on_problem == "skip"
    space = _space(recipe)
    held_out, layout = data.held_out, layout_of_points(recipe)
    labelled = objective_class(recipe.objective.name).labelled
    place = (path, data.source, data.protocol)
    found = open_data(*place, vocabulary, held_out, skip, 0, space, numbering, layout, labelled)
    return add_background(found, data.background) if data.background else found


def layout_of_points(recipe: Recipe) -> Layout | None:
    """The layout of skeletons that do not say what their points are; None leaves it to the files."""
    return as_layout(recipe.data.layout) if recipe.data.layout else None


def _space(recipe: Recipe) -> str:
    """The space that a run needs its Kinect skeletons in; "" when it reads none."""
    modality = encoder_class(recipe.encoder.name).modality
    if modality == "skeleton":
        return recipe.data.space
    return "pixels" if recipe.data.crop == "person" or modality != "rgb" else ""


AnyDataset = ClipDataset | WindowDataset | SkeletonDataset | PairedDataset


def make_dataset(
    recipe: Recipe,
    manifest: Manifest | SkeletonWorld,
    split: str,
    training: bool = False,
    encoder: Encoder | None = None,
    dimensions: int | None = None,
    labelled: bool = False,
) -> AnyDataset:
    """The clips of one split, as the `encoder` reads them; without one, as the recipe's encoder would, and what the
    recipe leaves open of a skeleton (layout, persons, channels) is taken from the clips; `dimensions` are those that
    skeletons must have. Where the objective learns without labels skeletons have none unless `labelled` asks for them.
    Raises `DataError` when the split is empty."""
    if isinstance(manifest, SkeletonWorld):
        return manifest.dataset(split, recipe.data.frames, recipe.training.seed if training else 0, training)
    rows = manifest.split(split)
    if not rows:
        raise DataError(f"{manifest.path}: no row has split '{split}'")
    data = recipe.data
    modality = encoder.modality if encoder is not None else encoder_class(recipe.encoder.name).modality
    if modality == "skeleton":
        if data.stream != "joint" and encoder_class(recipe.encoder.name).places_only:
            raise RecipeError(f"encoder '{recipe.encoder.name}' draws places: set data.stream joint, not {data.stream}")
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
            sampling=data.sampling,
            labelled=labelled or objective_class(recipe.objective.name).labelled,
            **shape,
        )
    cache = manifest.path.parent / "cache" if data.cache and os.access(manifest.path.parent, os.W_OK) else None
    if modality == "rgb+skeleton":
        return _paired(recipe, manifest, rows, training, encoder, cache)
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
        cache=cache,
    )


def _paired(
    recipe: Recipe,
    manifest: Manifest,
    rows: Sequence[ClipRow],
    training: bool,
    encoder: Encoder | None,
    cache: Path | None,
) -> PairedDataset:
    """Videos and skeletons together. Raises `RecipeError` for settings that would change one of the two alone."""
    data = recipe.data
    alone = {"augment": data.augment, "stream": data.stream != "joint", "space": data.space != "pixels"}
    for key, used in alone.items():
        if used:
            raise RecipeError(
                f"data.{key} would change pictures or skeletons alone, and '{recipe.encoder.name}' sees both"
            )
    if (data.crop, data.fit) != ("person", "stretch"):
        what = f"'{recipe.encoder.name}' is shown the square around the person, stretched where the picture ends"
        raise RecipeError(f"{what}: set data.crop person and data.fit stretch")
    shape = {key: value for key, value in skeleton_shape(recipe, encoder).items() if key in ("layout", "persons")}
    return PairedDataset(
        rows,
        manifest.vocabulary,
        frames=data.frames,
        size=data.size,
        training=training,
        seed=recipe.training.seed,
        flip=data.flip and training,
        random_crop=data.random_crop if training else 0.0,
        cache=cache,
        skip=data.on_problem == "skip",
        points=layout_of_points(recipe),
        **shape,
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
    if fixed is None and "persons" not in encoder_parameters(recipe.encoder.name):
        given["persons"] = getattr(kind, "persons", 1)
    return given if fixed is None else {"layout": fixed, "persons": 1} | given
