"""The verbs of studies: `microgesture study augmentation`. Nothing heavy at import."""

from __future__ import annotations

from argparse import Namespace

from microgesture.commands.arguments import Verbs, arg, verb
from microgesture.commands.training import RECIPE, RESUMES, stoppable

_DATA = "a data set by name (with --data.root), a manifest, a PYSKL pickle, a folder, or a .yaml with its `data:`"


@verb(
    "which augmentation helps: each piece alone, the best together",
    arg("--on", required=True, metavar="DATA", help=f"clips of micro-gestures: {_DATA}"),
    arg("--actions", metavar="DATA", help="clips of ordinary actions, to see what helps where: the same"),
    arg("-o", "--out", required=True, help="folder for runs, table and figure"),
    arg("--recipe", default="skeleton/stgcn", help="what is trained; default skeleton/stgcn"),
    arg("--pieces", nargs="+", default=[], help="pieces of augmentation; default: all that fit"),
    arg("--together", type=int, default=3, metavar="N", help="so many of the best are tried at once"),
    arg("--seeds", type=int, default=3, help="runs per row; with one seed nothing is called better"),
    configuration=RECIPE,
)
def augmentation(args: Namespace) -> int:
    """Train a recipe with each piece of augmentation alone and the best together; one table, one figure. The same
    command resumes after a stop."""
    from microgesture.evaluation.augmentation_study import study_augmentation, study_set, to_markdown

    sets = [study_set("gestures", args.on)] + ([study_set("actions", args.actions)] if args.actions else [])
    options = (args.seeds, args.pieces, args.together, args.flags)
    result = stoppable(lambda: study_augmentation(args.recipe, sets, args.out, *options), RESUMES)
    if result is None:
        return 130
    print(to_markdown(result))
    print(f"table and figure: {args.out}")
    return 0


STUDY = Verbs(
    "Compare ways of training: what helps, by how much, and how sure that is.", {"augmentation": augmentation}
)
