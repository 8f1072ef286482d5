"""The command line of studies: `microgesture study augmentation`."""

from __future__ import annotations

import argparse

from microgesture.commands.arguments import say, takes_flags


def study_arguments(parser: argparse.ArgumentParser) -> None:
    """What the verb takes beside the flags of the recipe."""
    parser.add_argument("what", choices=("augmentation",), help="what is studied")
    data = "a manifest, a PYSKL pickle, a data set's folder, or a .yaml with its `data:`"
    parser.add_argument("--on", required=True, metavar="DATA", help=f"clips of micro-gestures: {data}")
    parser.add_argument(
        "--actions", metavar="DATA", help="clips of ordinary actions, to see what helps where: the same"
    )
    parser.add_argument("-o", "--out", required=True, help="folder for runs, table and figure")
    parser.add_argument("--recipe", default="skeleton/stgcn", help="what is trained; default skeleton/stgcn")
    parser.add_argument("--pieces", nargs="+", default=[], help="pieces of augmentation; default: all that fit")
    parser.add_argument("--together", type=int, default=3, metavar="N", help="so many of the best are tried at once")
    parser.add_argument("--seeds", type=int, default=3, help="runs a row; with one seed nothing is called better")


@takes_flags("microgesture.runs.configuration:Recipe")
def study(args: argparse.Namespace) -> int:
    """Train a recipe with each piece of augmentation alone and the best together; one table, one figure."""
    from microgesture.evaluation.augmentation_study import study_augmentation, study_set, to_markdown
    from microgesture.training.stopping import Interrupted

    sets = [study_set("gestures", args.on)] + ([study_set("actions", args.actions)] if args.actions else [])
    options = (args.seeds, args.pieces, args.together, args.flags)
    try:
        result = study_augmentation(args.recipe, sets, args.out, *options)
    except Interrupted:
        say("stopped and saved; the same command goes on")
        return 130
    print(to_markdown(result))
    print(f"table and figure: {args.out}")
    return 0
