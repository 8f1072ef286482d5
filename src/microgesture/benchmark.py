"""From recipes to one table: train what is missing, evaluate every run, write the table and its figures.

A row is a recipe, trained once a seed. Runs stand in `OUT/runs/<recipe>/seed<k>`; a finished run is not
trained again, an interrupted one goes on, a failed one leaves its row empty and does not stop the others.
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from microgesture.errors import RecipeError, UserError
from microgesture.evaluation.run import Evaluation, evaluate_run
from microgesture.evaluation.summary import write_summary
from microgesture.training.configuration import load_recipe, recipe_names
from microgesture.training.loop import train


@dataclass
class BenchmarkResult:
    """Evaluations by row title, seed by seed; `failed` maps a run folder to the reason."""

    evaluations: dict[str, list[Evaluation]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def benchmark(
    recipes: Sequence[str], out: str | Path, seeds: int = 1, flags: Sequence[str] = (), show: bool = True
) -> BenchmarkResult:
    """Train and evaluate `recipes` (names, files or patterns such as `demo/*`) with `seeds` seeds each.

    `flags` are laid over every recipe (`--data.manifest world/manifest.csv`). Writes `table.md`, `table.csv`,
    `confusion.png` and `embedding.png` into `out`. Raises `RecipeError` when a pattern matches nothing.
    """
    out = Path(out)
    names = expand(recipes)
    result = BenchmarkResult()
    for seed in range(seeds):
        for name in names:
            folder = run_folder(out, name, seed)
            try:
                run = train_one(name, out, seed, flags, show)
                evaluation = evaluate_run(run, out=run / "evaluation")
                result.evaluations.setdefault(evaluation.title, []).append(evaluation)
            except UserError as error:
                result.failed[str(folder)] = str(error)
                print(f"{name} seed {seed} failed: {error}", file=sys.stderr)
    if result.evaluations:
        write_summary(result.evaluations, out)
    return result


def expand(patterns: Sequence[str]) -> list[str]:
    """Recipe names for names, files and patterns, each once, in the order of the tables."""
    found: list[str] = []
    for pattern in patterns:
        matches = fnmatch.filter(recipe_names(), pattern) if any(c in pattern for c in "*?[") else [pattern]
        if not matches:
            raise RecipeError(f"no recipe matches '{pattern}'; there are: {', '.join(recipe_names())}")
        found += [m for m in matches if m not in found]
    return found


def run_folder(out: Path, name: str, seed: int) -> Path:
    """Where the run of a recipe and seed stands."""
    return out / "runs" / name.removesuffix(".yaml").strip("/") / f"seed{seed}"


def train_one(name: str, out: Path, seed: int, flags: Sequence[str], show: bool) -> Path:
    """Train one recipe with one seed, and before it the recipe that it starts from."""
    recipe = load_recipe(name, flags)
    recipe.training.seed = seed
    if recipe.start and not Path(recipe.start).is_dir():
        recipe = replace(recipe, start=str(train_one(recipe.start, out, seed, flags, show)))
    folder = run_folder(out, name, seed)
    return train(recipe, folder, resume=(folder / "config.json").exists(), show=show)
