"""The verbs that make runs: train, benchmark, recipes, import-checkpoint. Nothing heavy at import."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from microgesture.commands.arguments import LAYOUT, ON, arg, recipe_given, say, verb

T = TypeVar("T")
RECIPE = "microgesture.runs.configuration:Recipe"
RESUMES = "stopped and saved; the same command resumes"


def stoppable(job: Callable[[], T], advice: str = "") -> T | None:
    """The job's result; None when the user stopped a training of it, which has saved itself. Says how to resume."""
    from microgesture.training.stopping import Interrupted

    try:
        return job()
    except Interrupted as stop:
        say(advice or stop)
        return None


@verb(
    "train a recipe",
    arg("recipe", help="a method or another recipe (`microgesture recipes`), or a .yaml file"),
    ON,
    arg("-o", "--out", help="run folder; default runs/<recipe>, runs/<data set>/<method>"),
    arg("--resume", action="store_true", help="resume from the newest checkpoint"),
    LAYOUT,
    configuration=RECIPE,
)
def train(args: Namespace) -> int:
    """Train a recipe into a run folder. Every key of the recipe is a flag."""
    from microgesture.runs.configuration import load_recipe
    from microgesture.runs.recipe_files import read_recipe, run_name

    args.recipe = recipe_given(args)
    if read_recipe(args.recipe).get("kind") == "emotion":
        return _train_emotion(args)
    args.flags += ["--data.layout", args.layout] if args.layout else []
    load_recipe(args.recipe, args.flags)  # errors in it are reported before torch is imported
    from microgesture.training.prerequisites import train_recipe

    out = Path(args.out or Path("runs", run_name(args.recipe)))
    run = stoppable(lambda: train_recipe(args.recipe, out, args.flags, args.resume))
    if run is None:
        return 130
    print(f"{run}: trained; microgesture evaluate {run}")
    return 0


def _train_emotion(args: Namespace) -> int:
    from microgesture.commands.emotion import train_and_print
    from microgesture.emotion.recipes import load_emotion_recipe
    from microgesture.runs.recipe_files import run_name

    out = Path(args.out or Path("runs", run_name(args.recipe)))
    return train_and_print(load_emotion_recipe(args.recipe, args.flags), out)


@verb(
    "train and test many recipes: one table",
    arg("recipes", nargs="+", help="methods, other recipes or patterns: 'imigue/*', or '*' --on imigue"),
    ON,
    arg("-o", "--out", required=True, help="folder for runs, table and figures"),
    arg("--seeds", type=int, default=1, help="runs per row, with seeds 0, 1, ..."),
    configuration=RECIPE,
)
def benchmark(args: Namespace) -> int:
    """Train and test many recipes into one table with figures. The same command resumes after a stop."""
    from microgesture.evaluation.benchmark import benchmark as run
    from microgesture.evaluation.summary import print_table

    result = stoppable(lambda: run(args.recipes, args.out, args.seeds, args.flags, on=args.on), RESUMES)
    if result is None:
        return 130
    if result.evaluations:
        print_table(result.evaluations)
        print(f"table and figures: {args.out}")
    if result.failed:
        runs = len(result.failed) + sum(len(row) for row in result.evaluations.values())
        say(f"{len(result.failed)} of {runs} runs failed")
    return 0 if not result.failed else (1 if result.evaluations else 2)


@verb(
    "turn the authors' weight files into a run",
    arg("checkpoint", help="the authors' .pth: a whole visual-text model, or a classifier head"),
    arg("-o", "--out", required=True, help="run folder to write"),
    arg("--vocabulary", default="smg", help="classes in the checkpoint's order: smg, imigue or a file"),
    arg("--head", metavar="FILE", help="with a model: the authors' head for it"),
    arg("--start", metavar="RUN", help="with a head alone: the run whose encoder it was trained on"),
    arg("--text-encoder", metavar="FOLDER", help="folder or hub name with DistilBERT's tokenizer"),
)
def import_checkpoint(args: Namespace) -> int:
    """Turn the authors' weight files into a run folder that every verb opens."""
    from microgesture.runs.imports import import_run

    options = (args.vocabulary, args.head, args.start, args.text_encoder)
    print(import_run(args.checkpoint, Path(args.out), *options))
    return 0
