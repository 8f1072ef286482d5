"""The command line of out-of-fold chaining: `microgesture emotion chain`."""

from __future__ import annotations

import argparse

from microgesture.commands.arguments import recipe_arguments, recipe_given, say, takes_flags


def chain_arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes beside the flags of the recipe."""
    recipe_arguments(parser, "a recogniser's method or recipe")
    parser.add_argument("-o", "--out", required=True, help="folder for timelines, features and the runs of the folds")
    parser.add_argument("--folds", type=int, default=5, help="every subject is held out in one of them")
    parser.add_argument("--seed", type=int, default=0, help="deals out the subjects")


@takes_flags("microgesture.runs.configuration:Recipe")
def chain_verb(args: argparse.Namespace) -> int:
    """Predict every video of the recipe's data by a recogniser that never saw its people."""
    from microgesture.runs.configuration import load_recipe
    from microgesture.runs.recipe_files import read_recipe
    from microgesture.training.stopping import Interrupted

    args.recipe = recipe_given(args)
    if read_recipe(args.recipe).get("kind") != "emotion":
        load_recipe(args.recipe, args.flags)  # what is wrong with it is said before torch is imported
    from microgesture.emotion.out_of_fold import chain

    try:
        table = chain(args.recipe, args.out, args.flags, args.folds, args.seed)
    except Interrupted:
        say("stopped and saved; the same command goes on")
        return 130
    print(f"{table}: predicted timelines, each by a recogniser that never saw the person")
    return 0
