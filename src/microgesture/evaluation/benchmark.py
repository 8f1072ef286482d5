"""From recipes to one table: train what is missing, evaluate every run, write the table and its figures.

A row is a recipe, trained once a seed. Runs stand in `OUT/runs/<recipe>/seed<k>`; a finished run is not
trained again, an interrupted one goes on, a failed one leaves its row empty and does not stop the others.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from microgesture.analysis.result_files import check_folder
from microgesture.errors import RecipeError, UserError
from microgesture.evaluation.run import Evaluation, evaluate_run
from microgesture.evaluation.summary import rows_of, write_summary
from microgesture.files.data_sets import RECIPE, data_sets
from microgesture.runs.assembly import CONFIG
from microgesture.runs.configuration import Recipe, load_recipe, recipe_from_run
from microgesture.runs.recipe_difference import first_difference
from microgesture.runs.recipe_files import matching, read_recipe, recipe_name, rows, run_name
from microgesture.training.loop import train
from microgesture.training.stopping import Interrupted

BUILT_IN = "built-in/skeleton"
"""The recipe of the weights that come with the package."""


@dataclass
class BenchmarkResult:
    """Evaluations by row title, seed by seed; `failed` maps a run folder to the reason."""

    evaluations: dict[str, list[Evaluation]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def benchmark(
    recipes: Sequence[str],
    out: str | Path,
    seeds: int = 1,
    flags: Sequence[str] = (),
    show: bool = True,
    on: str = "",
) -> BenchmarkResult:
    """Train and evaluate `recipes` (names, files or patterns such as `demo/*`) with `seeds` seeds each, `on` a data set
    if it is named.

    The seeds count from the recipe's own `training.seed`. `flags` are laid over every recipe
    (`--data.manifest world/manifest.csv`). Writes `table.md`, `table.csv`, `confusion.png` and `embedding.png`
    into `out`. Whatever a run raises is its row's failure; only a stop by the user (`Interrupted`) ends all.

    Raises `RecipeError` when a pattern matches nothing, a recipe cannot be read or trains no recogniser, and
    `UserError` when `out` cannot be written.
    """
    out = Path(out)
    names = expand(recipes, on)
    if seeds < 1:
        raise RecipeError(f"a benchmark needs 1 seed or more, got {seeds}")
    first = {name: _recogniser_recipe(name, flags).training.seed for name in names}
    check_folder(out)
    failed: dict[str, str] = {}
    found: list[Evaluation] = []
    for number in range(seeds):
        for name in names:
            seed = first[name] + number
            try:
                run = train_one(name, _Places(out, seed), flags, show, failed)
                found.append(evaluate_run(run, out=run / "evaluation"))
            except (Interrupted, KeyboardInterrupt):
                raise
            except Exception as error:
                failed[str(run_folder(out, name, seed))] = _reason(error)
                print(f"{name} seed {seed} failed: {_reason(error)}", file=sys.stderr)
                if not isinstance(error, UserError):  # a fault of the program or of the user's own encoder
                    traceback.print_exc()
    result = BenchmarkResult(rows_of(found), failed)
    if result.evaluations:
        write_summary(result.evaluations, out)
    return result


def expand(patterns: Sequence[str], on: str = "") -> list[str]:
    """Full names of recipes for names, files and patterns, each once; `on` a data set, the rows of that.

    A pattern leaves out what is no row of a table of recognisers: emotion recipes, and those named `pretraining`,
    which others start from.
    """
    found: list[str] = []
    for pattern in patterns:
        if any(c in pattern for c in "*?["):
            matches = [m for m in matching(pattern, on) if _is_row(m)]
        else:
            matches = [recipe_name(pattern, on)]
        if not matches:
            known = [f"{on}/{method}" for method in rows(on)] if on else [f"{name}/*" for name in data_sets(RECIPE)]
            raise RecipeError(f"no recipe matches '{pattern}'; there are: {', '.join(known)} (microgesture recipes)")
        found += [m for m in matches if m not in found]
    return found


def run_folder(out: Path, name: str, seed: int) -> Path:
    """Where the run of a recipe and seed stands: under the recipe's name, or its stem for a file."""
    return out / "runs" / run_name(name) / f"seed{seed}"


def train_recipe(name: str, out: Path, flags: Sequence[str] = (), resume: bool = False, show: bool = True) -> Path:
    """Train a recipe into the run folder `out`, and before it the recipes that it starts from.

    Those stand in `runs/<recipe>`; finished ones are used as they are. Raises what `train` raises, and
    `RecipeError` when a run to start from was trained by another recipe, data set or seed.
    """
    name = recipe_name(name)
    recipe = _recogniser_recipe(name, flags)
    if resume or not (out / CONFIG).exists():  # else `train` says at once what is wrong
        places = _Places(None, recipe.training.seed)
        recipe.start = _trained_start(recipe, places, flags, show, {}, (name,))
    return train(recipe, out, resume=resume, show=show)


def train_into(name: str, out: Path, seed: int, flags: Sequence[str] = (), show: bool = True) -> Path:
    """Train a recipe, and before it the recipes that it starts from, with one seed into `OUT/runs`; returns its run.

    Finished runs are used as they are, interrupted ones go on. Raises what `train` raises, and `RecipeError` when a
    place holds a run of another recipe.
    """
    return train_one(recipe_name(name), _Places(out, seed), flags, show, {})


@dataclass(frozen=True)
class _Places:
    """Where the runs of a benchmark (or, without `out`, of single trainings) with one seed stand."""

    out: Path | None
    seed: int

    def folder(self, name: str) -> Path:
        return Path("runs") / run_name(name) if self.out is None else run_folder(self.out, name, self.seed)


def train_one(
    name: str,
    places: _Places,
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
    recipe = _recogniser_recipe(name, flags)
    recipe.training.seed = places.seed
    recipe.start = _trained_start(recipe, places, flags, show, failed, (*before, name))
    folder = places.folder(name)
    begun = (folder / CONFIG).exists()
    if begun and (key := first_difference(recipe_from_run(folder).to_dict(), recipe.to_dict())):
        raise RecipeError(f"'{folder}' holds a run whose `{key}` differs: choose another folder, or remove it")
    return train(recipe, folder, resume=begun, show=show)


def _trained_start(
    recipe: Recipe,
    places: _Places,
    flags: Sequence[str],
    show: bool,
    failed: dict[str, str],
    waiting: tuple[str, ...],
) -> str:
    """The run folder that a recipe starts from, trained if need be; empty when it starts from none."""
    if not recipe.start or Path(recipe.start).is_dir():
        return recipe.start
    if recipe.start == BUILT_IN:  # trained already: its run is in the package
        from microgesture.analysis.analyzer import built_in_weights

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
        failed[folder] = _reason(error)
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


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"


def _recogniser_recipe(name: str, flags: Sequence[str]) -> Recipe:
    if _is_emotion(name):
        raise RecipeError(f"{name}: an emotion recipe is no row of this table: microgesture train {name}")
    recipe, unchanged = load_recipe(name, flags), load_recipe(name)
    if recipe.encoder.name != unchanged.encoder.name:  # not the network that the recipe's title names
        given = {flag.split("=")[0] for flag in flags}
        if recipe.title == unchanged.title and "--title" not in given:
            recipe.title = recipe.encoder.name.rsplit(":", 1)[-1]
        if recipe.published == unchanged.published and "--published" not in given:
            recipe.published = ""
    return recipe


def _is_row(name: str) -> bool:
    return not _is_emotion(name) and run_name(name).split("/")[-1] != "pretraining"


def _is_emotion(name: str) -> bool:
    return read_recipe(name).get("kind") == "emotion"
