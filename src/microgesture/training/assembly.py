"""From a recipe to what is trained: encoders and objective, with fresh weights or those of another run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from microgesture.datasets.paired import PairedDataset
from microgesture.datasets.skeletons import SkeletonDataset
from microgesture.encoders import create_encoder, create_text_encoder
from microgesture.encoders.registry import encoder_parameters
from microgesture.errors import RecipeError
from microgesture.files.plain_json import parse_json
from microgesture.recognition import Objective, create_objective
from microgesture.runs.configuration import Recipe
from microgesture.runs.data import AnyDataset
from microgesture.runs.own_weights import read_weights
from microgesture.runs.run import CONFIG, WEIGHTS
from microgesture.skeletons.layout_files import described
from microgesture.vocabulary import Vocabulary


def open_options(recipe: Recipe, dataset: AnyDataset) -> dict[str, Any]:
    """Encoder options that the recipe leaves open: those of the run that it starts from, where that has the same
    encoder, and what the skeletons decide (`layout`, `channels`, `persons`, `dimensions`, `frames`)."""
    known = _options_of_start(recipe)
    if isinstance(dataset, SkeletonDataset | PairedDataset):
        known |= {"layout": described(dataset.layout), "channels": dataset.channels, "persons": dataset.persons}
    if isinstance(dataset, SkeletonDataset):
        known |= {"dimensions": dataset.dimensions, "frames": dataset.frames}
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
