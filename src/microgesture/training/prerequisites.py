"""Recipes that start from others: what a recipe starts from is trained first, once.

Runs stand in `OUT/runs/<recipe>/seed<k>`; a finished run is not trained again, an interrupted one goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microgesture.errors import RecipeError, UserError
from microgesture.runs.configuration import Recipe, load_recipe, recipe_from_run
from microgesture.runs.recipe_difference import first_difference
from microgesture.runs.recipe_files import read_recipe, recipe_name, run_name
from microgesture.runs.run import CONFIG, built_in_weights
from microgesture.training.loop import train
from microgesture.training.stopping import Interrupted

BUILT_IN = "built-in/skeleton"
"""The recipe of the weights that come with the package."""


def run_folder(out: Path, name: str, seed: int) -> Path:
    """Where the run of a recipe and seed stands: under the recipe's name, or its stem for a file."""
    return out / "runs" / run_name(name) / f"seed{seed}"


def train_recipe(name: str, out: Path, flags: Sequence[str] = (), resume: bool = False, show: bool = True) -> Path:
    """Train a recipe into the run folder `out`, and before it the recipes that it starts from.

    Those stand in `runs/<recipe>`; finished ones are used as they are. Raises what `train` raises, and
    `RecipeError` when a run to start from was trained by another recipe, data set or seed.
    """
    name = recipe_name(name)
    recipe = recogniser_recipe(name, flags)
    if resume or not (out / CONFIG).exists():  # else `train` says at once what is wrong
        places = Places(None, recipe.training.seed)
        recipe.start = _trained_start(recipe, places, flags, show, {}, (name,))
    return train(recipe, out, resume=resume, show=show)


def train_into(name: str, out: Path, seed: int, flags: Sequence[str] = (), show: bool = True) -> Path:
    """Train a recipe, and before it the recipes that it starts from, with one seed into `OUT/runs`; returns its run.

    Finished runs are used as they are, interrupted ones go on. Raises what `train` raises, and `RecipeError` when a
    place holds a run of another recipe.
    """
    return train_one(recipe_name(name), Places(out, seed), flags, show, {})


@dataclass(frozen=True)
class Places:
    """Where the runs of a benchmark (or, without `out`, of single trainings) with one seed stand."""

    out: Path | None
    seed: int

    def folder(self, name: str) -> Path:
        """Of a recipe's run."""
        return Path("runs") / run_name(name) if self.out is None else run_folder(self.out, name, self.seed)


def train_one(
    name: str,
    places: Places,
    flags: Sequence[str],
    show: bool,
    failed: dict[str, str],
    before: tuple[str, ...] = (),
) -> Path:
    """Train one recipe with one seed into its place, and first the recipe that it starts from.

    Returns the run folder, at once when the run is finished. `before` are the recipes that wait for this one;
    `failed` collects the runs that others start from and that failed. Raises `RecipeError` when the place holds a
    run of another recipe, `UserError` when the run to start from is among the `failed` ones.
    """
    recipe = recogniser_recipe(name, flags)
    recipe.training.seed = places.seed
    recipe.start = _trained_start(recipe, places, flags, show, failed, (*before, name))
    folder = places.folder(name)
    begun = (folder / CONFIG).exists()
    if begun and (key := first_difference(recipe_from_run(folder).to_dict(), recipe.to_dict())):
        raise RecipeError(f"'{folder}' holds a run whose `{key}` differs: choose another folder, or remove it")
    return train(recipe, folder, resume=begun, show=show)


def _trained_start(
    recipe: Recipe,
    places: Places,
    flags: Sequence[str],
    show: bool,
    failed: dict[str, str],
    waiting: tuple[str, ...],
) -> str:
    """The run folder that a recipe starts from, trained if need be; empty when it starts from none."""
    if not recipe.start or Path(recipe.start).is_dir():
        return recipe.start
    if recipe.start == BUILT_IN:  # trained already: its run is in the package
        return str(built_in_weights())
    try:
        recipe.start = recipe_name(recipe.start)
    except RecipeError:
        raise RecipeError(f"start: '{recipe.start}' is neither a run folder nor a recipe") from None
    if recipe.start in waiting:
        raise RecipeError(f"the recipes {' and '.join(waiting)} start from each other")
    folder = str(places.folder(recipe.start))
    if folder in failed:
        raise UserError(f"starts from '{folder}', which failed")
    try:
        return str(train_one(recipe.start, places, _for_others(flags), show, failed, waiting))
    except Interrupted:
        raise
    except Exception as error:
        failed[folder] = reason(error)
        raise


def _for_others(flags: Sequence[str]) -> list[str]:
    """The flags without those that only the recipe they were given for can mean: `--start` and `--title`."""
    kept: list[str] = []
    skip = False
    for flag in flags:
        if flag.startswith("--"):
            skip = flag.split("=")[0] in ("--start", "--title")
        if not skip:
            kept.append(flag)
    return kept


def reason(error: Exception) -> str:
    """Why a run failed, in one line."""
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def recogniser_recipe(name: str, flags: Sequence[str]) -> Recipe:
    """The recipe with the flags laid over it; of another encoder, it is titled as that. Raises `RecipeError` for an
    emotion recipe."""
    if is_emotion(name):
        raise RecipeError(f"{name}: an emotion recipe is no row of this table: microgesture train {name}")
    recipe, unchanged = load_recipe(name, flags), load_recipe(name)
    if recipe.encoder.name != unchanged.encoder.name:  # not the network that the recipe's title names
        given = {flag.split("=")[0] for flag in flags}
        if recipe.title == unchanged.title and "--title" not in given:
            recipe.title = recipe.encoder.name.rsplit(":", 1)[-1]
        if recipe.published == unchanged.published and "--published" not in given:
            recipe.published = ""
    return recipe


def is_emotion(name: str) -> bool:
    """Whether a recipe trains an emotion model in place of a recogniser."""
    return read_recipe(name).get("kind") == "emotion"
