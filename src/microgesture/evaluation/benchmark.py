"""From recipes to one table: train what is missing, evaluate every run, write the table and its figures.

A row is a recipe, trained once a seed; a failed run leaves its row empty and does not stop the others.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from microgesture.errors import RecipeError, UserError
from microgesture.evaluation.run import Evaluation, evaluate_run
from microgesture.evaluation.summary import rows_of, write_summary
from microgesture.files.atomic import check_folder
from microgesture.files.data_sets import RECIPE, data_sets
from microgesture.runs.recipe_files import matching, recipe_name, rows, run_name
from microgesture.training.prerequisites import (
    Places,
    is_emotion,
    reason,
    recogniser_recipe,
    run_folder,
    train_one,
)
from microgesture.training.stopping import Interrupted


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
    first = {name: recogniser_recipe(name, flags).training.seed for name in names}
    check_folder(out)
    failed: dict[str, str] = {}
    found: list[Evaluation] = []
    for number in range(seeds):
        for name in names:
            seed = first[name] + number
            try:
                run = train_one(name, Places(out, seed), flags, show, failed)
                found.append(evaluate_run(run, out=run / "evaluation"))
            except (Interrupted, KeyboardInterrupt):
                raise
            except Exception as error:
                failed[str(run_folder(out, name, seed))] = reason(error)
                print(f"{name} seed {seed} failed: {reason(error)}", file=sys.stderr)
                if not isinstance(error, UserError):  # a fault of the program or of the user's own encoder
                    traceback.print_exc()
    result = BenchmarkResult(rows_of(found), failed)
    if result.evaluations:
        write_summary(result.evaluations, out)
    return result


def expand(patterns: Sequence[str], on: str = "") -> list[str]:
    """Full names of recipes for names, files and patterns, each once; `on` a data set, the rows of that.

    Patterns skip recipes that do not train a recogniser, and those named `pretraining`, which others start from.
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


def _is_row(name: str) -> bool:
    return not is_emotion(name) and run_name(name).split("/")[-1] != "pretraining"
