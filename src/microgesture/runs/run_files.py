"""What stands in a run folder beside its weights: configuration, labels, preprocessing, model card."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import microgesture
from microgesture.files.atomic import write_json
from microgesture.recognition import Objective, describe
from microgesture.runs.configuration import Recipe
from microgesture.runs.run import CONFIG, LABELS
from microgesture.skeletons.layout_files import described
from microgesture.video.transforms import KINETICS_MEAN, KINETICS_STD


def write_configuration(folder: Path, recipe: Recipe, objective: Objective, values: Mapping[str, Any]) -> None:
    """Write config.json, labels.json (where the objective knows classes) and preprocessor.json.

    `values` are what else config.json holds: `finished`, `temperature`, `best`, `precision`, `dimensions` (of
    skeletons), `numbering` (of a PYSKL pickle's classes).
    """
    write_json(
        folder / CONFIG,
        {
            "recipe": recipe.to_dict(),
            "model": describe(objective),
            "knows_classes": objective.labelled,
            **values,
            "versions": {
                "microgesture": microgesture.__version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )
    if objective.labelled:
        write_json(folder / LABELS, objective.vocabulary.to_json())
    if objective.modality == "skeleton":
        layout = getattr(objective.encoder, "layout", None)
        data = recipe.data
        seen = {"layout": described(layout) if layout is not None else "", "frames": data.frames, "stream": data.stream}
        seen |= {"sampling": data.sampling, "normalise": data.normalise, "values": "x, y, score in 2D; x, y, z in 3D"}
        write_json(folder / "preprocessor.json", seen)
        return
    keys = ("frames", "size", "fit", "crop")
    scale = f"0 to {getattr(objective.encoder, 'pixel_scale', 1.0):g}, then normalised"
    pixels = {"scale": scale, "mean": KINETICS_MEAN, "deviation": KINETICS_STD}
    write_json(folder / "preprocessor.json", {**{k: getattr(recipe.data, k) for k in keys}, **pixels})
