"""The command line: verbs, each a thin call of one public function.

Nothing heavy is imported until a verb runs. Exit codes: 0 done; 1 some files of a batch failed, the others
are done; 2 the input cannot be used (one line says what and where); 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from microgesture import __version__
from microgesture.commands.arguments import (
    Parser,
    batch,
    configuration_text,
    forget_reader,
    found,
    going_on_unheard,
    layout_argument,
    on_argument,
    open_streams,
    recipe_arguments,
    recipe_given,
    say,
    split_flags,
    takes_flags,
)
from microgesture.commands.chain import chain_arguments, chain_verb
from microgesture.commands.data import data, data_arguments
from microgesture.commands.emotion import (
    compare,
    compare_arguments,
    evaluate,
    evaluate_arguments,
    train,
    train_arguments,
)
from microgesture.commands.reasoning import explain, explain_arguments, scenarios, scenarios_arguments
from microgesture.commands.recipes import recipes, recipes_arguments
from microgesture.commands.video import (
    analyze,
    analyze_arguments,
    anonymize,
    anonymize_arguments,
    pose,
    pose_arguments,
    recognize,
    recognize_arguments,
)
from microgesture.errors import UserError

if TYPE_CHECKING:
    from microgesture.evaluation.run import Evaluation

T = TypeVar("T")
_SAVED = "stopped and saved; the same command goes on"
Verb = tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in argv
    open_streams()
    for stream in (sys.stdout, sys.stderr):  # names of files that are no text, consoles that know few letters
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        argv = _load_plugins([a for a in argv if a != "--debug"])
        code = _run(argv, debug)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        goes_on = argv and argv[0] in ("analyze", "pose", "data")
        print("stopped; the same command goes on where it was" if goes_on else "stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head` has read enough; what is left in the buffer has no reader
        forget_reader(sys.stdout)
        return 0
    except (UserError, OSError) as error:
        if debug:
            raise
        say(error)
        return 2


def _load_plugins(argv: list[str]) -> list[str]:
    """The command without its `--plugin FILE` flags, whose files register what they hold."""
    rest, plugins = [], []
    words = iter(argv)
    for word in words:
        if word == "--plugin":
            plugins.append(next(words, ""))
        elif word.startswith("--plugin="):
            plugins.append(word.partition("=")[2])
        else:
            rest.append(word)
    if plugins:
        from microgesture.registry import add_plugin, load_plugins

        for file in plugins:
            add_plugin(file)
        load_plugins()
    return rest


def _run(argv: list[str], debug: bool) -> int:
    parser = Parser(
        prog="microgesture",
        description="Find micro-gestures in video, name them with time and confidence, and read emotion from them.",
        epilog="`microgesture VERB --help` explains a verb. --debug shows the traceback of an error, "
        "--plugin FILE.py adds what the file registers (models, formats, estimators, ...).",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"microgesture {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (text, _, _) in VERBS.items():
        verbs.add_parser(name, help=text, add_help=False)
    verbs.add_parser("emotion", help="train, test and compare models that read emotion from timelines", add_help=False)
    if argv and argv[0] == "emotion":
        return _run_emotion(argv[1:], debug)
    if not argv or argv[0] not in VERBS:
        parser.parse_args(argv or ["--help"])
        return 2
    return _run_verb(argv[0], VERBS[argv[0]], argv, debug)


def _run_emotion(argv: list[str], debug: bool) -> int:
    """Of the verbs that begin with `emotion`, the one that the second word names."""
    text = "Read emotion from timelines of gestures: models, honest tests of them, and what they are compared."
    parser = Parser(prog="microgesture emotion", description=text, allow_abbrev=False)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, (what, _, _) in EMOTION.items():
        actions.add_parser(name, help=what, add_help=False)
    if not argv or argv[0] not in EMOTION:
        parser.parse_args(argv or ["--help"])
        return 2
    return _run_verb(f"emotion {argv[0]}", EMOTION[argv[0]], argv, debug)


def _run_verb(name: str, verb: Verb, argv: list[str], debug: bool) -> int:
    text, arguments, run = verb
    own = Parser(prog=f"microgesture {name}", description=text, allow_abbrev=False)
    arguments(own)
    own.set_defaults(debug=debug)
    config = getattr(run, "configuration", None)
    if config is None:
        return _do(run, own.parse_args(argv[1:]))
    if {"-h", "--help"} & set(argv):
        own.print_help()
        print(configuration_text(config))
        return 0
    mine, flags = split_flags(own, argv[1:])
    args = own.parse_args(mine)
    args.flags = flags
    return _do(run, args)


def _do(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    if not hasattr(args, "out"):
        return run(args)
    with going_on_unheard():
        return run(args)


# --- synthesize ---------------------------------------------------------------------------------------


def _synthesize_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", help="folder for the synthetic world")


@takes_flags("microgesture.synthetic.worlds.plan:WorldConfig")
def _synthesize(args: argparse.Namespace) -> int:
    from microgesture.progress import track
    from microgesture.runs.configuration import dataclass_from_flags
    from microgesture.synthetic.worlds.plan import WorldConfig
    from microgesture.synthetic.worlds.world import synthesize

    config = dataclass_from_flags(WorldConfig, args.flags, "microgesture synthesize OUT")
    with track(f"synthesizing {args.out}") as progress:
        synthesize(Path(args.out), config, progress=progress)
    written = [name for name in ("manifest.csv", "interviews.csv", "timelines.csv") if (Path(args.out) / name).exists()]
    print(f"{args.out}: {', '.join(written)} and world.json are written")
    return 0


# --- recipes, train, evaluate, benchmark --------------------------------------------------------------


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    recipe_arguments(parser)
    parser.add_argument("-o", "--out", help="run folder; default runs/<recipe>, runs/<data set>/<method>")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")
    layout_argument(parser)


@takes_flags("microgesture.runs.configuration:Recipe")
def _train(args: argparse.Namespace) -> int:
    from microgesture.runs.configuration import load_recipe
    from microgesture.runs.recipe_files import read_recipe, run_name

    args.recipe = recipe_given(args)
    if read_recipe(args.recipe).get("kind") == "emotion":
        return _train_emotion(args)
    args.flags += ["--data.layout", args.layout] if args.layout else []
    load_recipe(args.recipe, args.flags)  # what is wrong with it is said before torch is imported
    from microgesture.evaluation.benchmark import train_recipe

    out = Path(args.out or Path("runs", run_name(args.recipe)))
    run = _stoppable(lambda: train_recipe(args.recipe, out, args.flags, args.resume))
    if run is None:
        return 130
    print(f"{run}: trained; microgesture evaluate {run}")
    return 0


def _stoppable(job: Callable[[], T], advice: str = "") -> T | None:
    """The job's result; None when the user stopped a training of it, which has saved itself. Says how to go on."""
    from microgesture.training.stopping import Interrupted

    try:
        return job()
    except Interrupted as stop:
        say(advice or stop)
        return None


def _train_emotion(args: argparse.Namespace) -> int:
    from microgesture.commands.emotion import train_and_print
    from microgesture.emotion.recipes import load_emotion_recipe
    from microgesture.runs.recipe_files import run_name

    out = Path(args.out or Path("runs", run_name(args.recipe)))
    return train_and_print(load_emotion_recipe(args.recipe, args.flags), out)


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="+", help="run folders; several give one table")
    parser.add_argument(
        "-o", "--out", help="folder; every run gets a folder of its name inside it; default RUN/evaluation"
    )
    parser.add_argument("--manifest", help="test on this manifest instead of the run's own")
    parser.add_argument(
        "--split",
        default="",
        help="split to test on; default: test, or val (which chose the epoch) where there is no test",
    )


def _evaluate(args: argparse.Namespace) -> int:
    from microgesture.commands.result_places import check_results, note_sources, result_folders
    from microgesture.evaluation.run import evaluate_run
    from microgesture.evaluation.summary import print_table, rows_of, write_summary

    runs, together = found(args.run), Path(args.out or "evaluation")
    outs = result_folders(together, runs) if args.out else {run: Path(run, "evaluation") for run in runs}
    if len(runs) > 1:
        check_results(together, runs, "table.md")
    evaluations: list[Evaluation] = []

    def one(run: str) -> None:
        evaluations.append(evaluate_run(Path(run), out=outs[run], manifest=args.manifest, split=args.split))
        if args.out:
            note_sources(outs[run], [run])

    code = batch(runs, one, args.debug, "runs")
    if evaluations:
        rows = rows_of(evaluations)
        print_table(rows)
        if len(runs) > 1:
            note_sources(together, runs)
        write_summary(rows, together if len(runs) > 1 else outs[runs[0]])
    return code


def _benchmark_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipes", nargs="+", help="methods, other recipes or patterns: 'imigue/*', or '*' --on imigue")
    on_argument(parser)
    parser.add_argument("-o", "--out", required=True, help="folder for runs, table and figures")
    parser.add_argument("--seeds", type=int, default=1, help="runs a row, with seeds 0, 1, ...")


@takes_flags("microgesture.runs.configuration:Recipe")
def _benchmark(args: argparse.Namespace) -> int:
    from microgesture.evaluation.benchmark import benchmark
    from microgesture.evaluation.summary import print_table

    result = _stoppable(lambda: benchmark(args.recipes, args.out, args.seeds, args.flags, on=args.on), _SAVED)
    if result is None:
        return 130
    if result.evaluations:
        print_table(result.evaluations)
        print(f"table and figures: {args.out}")
    if result.failed:
        runs = len(result.failed) + sum(len(row) for row in result.evaluations.values())
        say(f"{len(result.failed)} of {runs} runs failed")
    return 0 if not result.failed else (1 if result.evaluations else 2)


def _fuse_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="+", help="two run folders or more: RGB, skeleton streams, texts")
    parser.add_argument("-o", "--out", required=True, help="folder for weights, table and confusion matrix")
    parser.add_argument("--manifest", help="test on this manifest instead of the runs' own")
    parser.add_argument("--split", default="test", help="split to test on; without a test set: val")
    parser.add_argument("--weights", nargs="+", type=float, help="one a run; default: searched on the validation split")


def _fuse(args: argparse.Namespace) -> int:
    from microgesture.commands.result_places import check_results, note_sources
    from microgesture.evaluation.fusion import FILE, fuse

    check_results(Path(args.out), args.run, FILE)
    fused = fuse(args.run, args.out, args.manifest, args.split, args.weights)
    note_sources(Path(args.out), args.run)
    print(fused.table)
    if fused.left_out:
        say(f"{fused.left_out} clips cannot be read by all runs and were left out")
    return 0


def _submit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="a run folder, or the folder that `fuse` wrote")
    parser.add_argument("--challenge", required=True, help="miga2023, miga2024, miga2025, miga2026 or ma52")
    parser.add_argument("-o", "--out", help="the zip to write; default RUN/prediction.zip")
    parser.add_argument("--data", help="the data set's folder; default: that of the run")
    parser.add_argument("--split", default="", help="predict this split in place of the clips without labels")
    parser.add_argument(
        "--data.on_problem",
        dest="on_problem",
        default="refuse",
        choices=("refuse", "skip"),
        help="clips that cannot be used: refuse, as the server wants every one, or leave them out",
    )
    parser.add_argument(
        "--numbers", default="index", choices=("index", "file"), help="classes from 0, or as in the files"
    )


def _submit(args: argparse.Namespace) -> int:
    from microgesture.evaluation.submission import submit

    out = args.out or Path(args.run, "prediction.zip")
    count = submit(args.run, args.challenge, out, args.data, args.split, args.numbers, args.on_problem)
    print(f"{out}: {count} clips")
    return 0


# --- import-checkpoint, demo --------------------------------------------------------------------------


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", help="the authors' .pth: a whole visual-text model, or a classifier head")
    parser.add_argument("-o", "--out", required=True, help="run folder to write")
    parser.add_argument("--vocabulary", default="smg", help="classes in the checkpoint's order: smg, imigue, file")
    parser.add_argument("--head", metavar="FILE", help="with a model: the authors' head for it")
    parser.add_argument("--start", metavar="RUN", help="with a head alone: the run whose encoder it stands on")
    parser.add_argument("--text-encoder", metavar="FOLDER", help="folder or hub name with DistilBERT's tokenizer")


def _import_checkpoint(args: argparse.Namespace) -> int:
    from microgesture.runs.imports import import_run

    options = (args.vocabulary, args.head, args.start, args.text_encoder)
    print(import_run(args.checkpoint, Path(args.out), *options))
    return 0


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--out", default="demo-output", help="folder for everything the demo makes")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another world")
    parser.add_argument("--training", action="store_true", help="train all three stages from nothing: ten minutes")


def _demo(args: argparse.Namespace) -> int:
    from microgesture.commands.demo import demo
    from microgesture.commands.demo_training import demo_training

    run = demo_training if args.training else demo
    return 130 if _stoppable(lambda: run(Path(args.out), args.seed), _SAVED) is None else 0


VERBS: dict[str, Verb] = {
    "analyze": ("an untrimmed video: timeline (json, csv, eaf, vtt) and report", analyze_arguments, analyze),
    "recognize": ("name the gesture of trimmed clips", recognize_arguments, recognize),
    "pose": ("keep the skeleton of a video, without its pixels", pose_arguments, pose),
    "anonymize": ("hide the faces of a video, and check that they are hidden", anonymize_arguments, anonymize),
    "data": ("check a data set, and prepare it for training", data_arguments, data),
    "train": ("train a recipe", _train_arguments, _train),
    "evaluate": ("test runs: accuracies with intervals, confusion matrices", _evaluate_arguments, _evaluate),
    "benchmark": ("train and test many recipes: one table", _benchmark_arguments, _benchmark),
    "fuse": ("fuse the scores of several runs, weights from the validation split", _fuse_arguments, _fuse),
    "submit": ("predict a challenge's test clips into the zip that its server takes", _submit_arguments, _submit),
    "explain": ("an emotional state read from a timeline, every claim with its events", explain_arguments, explain),
    "scenarios": ("list, print, copy or test the situations that `explain` knows", scenarios_arguments, scenarios),
    "recipes": ("list, print or copy the recipes of the package", recipes_arguments, recipes),
    "synthesize": ("make a world of people that do not exist", _synthesize_arguments, _synthesize),
    "import-checkpoint": ("turn the authors' weight files into a run", _import_arguments, _import_checkpoint),
    "demo": ("the main job on an interview of a synthetic person, in minutes", _demo_arguments, _demo),
}

EMOTION: dict[str, Verb] = {
    "train": ("train a model on timelines with outcomes, and test it on people held out", train_arguments, train),
    "evaluate": ("figures of runs, with intervals by subject and a test against chance", evaluate_arguments, evaluate),
    "compare": ("runs in one table, every pair with a paired test", compare_arguments, compare),
    "chain": ("predict each video by a recogniser that never saw its person", chain_arguments, chain_verb),
}
