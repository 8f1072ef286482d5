"""From recipes to one table: train what is missing, evaluate every run, write the table and its figures.

A row is a recipe, trained once a seed. Runs stand in `OUT/runs/<recipe>/seed<k>`; a finished run is not
trained again, an interrupted one goes on, a failed one leaves its row empty and does not stop the others.
"""

from __future__ import annotations

import fnmatch
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from microgesture.analysis_files import check_folder
from microgesture.errors import RecipeError, UserError
from microgesture.evaluation.run import Evaluation, evaluate_run
from microgesture.evaluation.summary import different_part, rows_of, write_summary
from microgesture.training.assembly import CONFIG, WEIGHTS
from microgesture.training.configuration import Recipe, load_recipe, read_recipe, recipe_from_run, recipe_names
from microgesture.training.loop import Interrupted, train


@dataclass
class BenchmarkResult:
    """Evaluations by row title, seed by seed; `failed` maps a run folder to the reason."""

    evaluations: dict[str, list[Evaluation]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def benchmark(
    recipes: Sequence[str], out: str | Path, seeds: int = 1, flags: Sequence[str] = (), show: bool = True
) -> BenchmarkResult:
    """Train and evaluate `recipes` (names, files or patterns such as `demo/*`) with `seeds` seeds each.

    The seeds count from the recipe's own `training.seed`. `flags` are laid over every recipe
    (`--data.manifest world/manifest.csv`). Writes `table.md`, `table.csv`, `confusion.png` and `embedding.png`
    into `out`. Whatever a run raises is its row's failure; only a stop by the user (`Interrupted`) ends all.

    Raises `RecipeError` when a pattern matches nothing, a recipe cannot be read or trains no recogniser, and
    `UserError` when `out` cannot be written.
    """
    out = Path(out)
    names = expand(recipes)
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
                run = train_one(name, out, seed, flags, show, failed)
                found.append(evaluate_run(run, out=run / "evaluation"))
            except (Interrupted, KeyboardInterrupt):
                raise
            except Exception as error:
                reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
                failed[str(run_folder(out, name, seed))] = reason
                print(f"{name} seed {seed} failed: {reason}", file=sys.stderr)
                if not isinstance(error, UserError):  # a fault of the program or of the user's own encoder
                    traceback.print_exc()
    result = BenchmarkResult(rows_of(found), failed)
    if result.evaluations:
        write_summary(result.evaluations, out)
    return result


def expand(patterns: Sequence[str]) -> list[str]:
    """Recipe names for names, files and patterns, each once; a pattern leaves out recipes of other kinds."""
    found: list[str] = []
    for pattern in patterns:
        matches = [pattern]
        if any(c in pattern for c in "*?["):
            matches = [m for m in fnmatch.filter(recipe_names(), pattern) if not _is_emotion(m)]
        if not matches:
            raise RecipeError(f"no recipe matches '{pattern}'; there are: {', '.join(recipe_names())}")
        found += [m for m in matches if m not in found]
    return found


def run_folder(out: Path, name: str, seed: int) -> Path:
    """Where the run of a recipe and seed stands: under the recipe's name, or its stem for a file."""
    return out / "runs" / run_name(name) / f"seed{seed}"


def run_name(name: str) -> str:
    """The recipe's name, for a file its stem."""
    return Path(name).stem if Path(name).suffix in (".yaml", ".yml") else name


def train_one(
    name: str, out: Path, seed: int, flags: Sequence[str], show: bool, failed: Mapping[str, str] | None = None
) -> Path:
    """Train one recipe with one seed, and before it the recipe that it starts from; return the run folder.

    Raises `RecipeError` when the folder holds a run of another recipe, `UserError` when the run to start from
    is among the `failed` ones.
    """
    recipe = _recogniser_recipe(name, flags)
    recipe.training.seed = seed
    if recipe.start and not Path(recipe.start).is_dir():
        before = str(run_folder(out, recipe.start, seed))
        if failed and before in failed:
            raise UserError(f"starts from '{before}', which failed")
        recipe = replace(recipe, start=str(train_one(recipe.start, out, seed, flags, show)))
    folder = run_folder(out, name, seed)
    begun = (folder / CONFIG).exists()
    if begun and (part := different_part(recipe_from_run(folder).to_dict(), recipe.to_dict())):
        raise RecipeError(f"'{folder}' holds a run whose `{part}` differs: choose another folder, or remove it")
    return train(recipe, folder, resume=begun, show=show)


def with_start(recipe: Recipe, runs: Path) -> Recipe:
    """The recipe with `start` as a run folder, where it names a recipe: the run of that name in `runs`.

    Raises `RecipeError` saying what to train first when there is none.
    """
    if not recipe.start or Path(recipe.start).is_dir():
        return recipe
    folder = runs / run_name(recipe.start)
    if not (folder / WEIGHTS).is_file():
        raise RecipeError(f"'{recipe.title}' starts from a run of {recipe.start}: train that first, or give --start RUN")
    return replace(recipe, start=str(folder))


def _recogniser_recipe(name: str, flags: Sequence[str]) -> Recipe:
    if _is_emotion(name):
        raise RecipeError(f"{name}: an emotion recipe is no row of this table: microgesture train {name}")
    return load_recipe(name, flags)


def _is_emotion(name: str) -> bool:
    return read_recipe(name).get("kind") == "emotion"
