"""The command line: verbs, each a thin call of one public function.

Nothing heavy is imported until a verb runs. Exit codes: 0 done; 1 some files of a batch failed, the others
are done; 2 the input cannot be used (one line says what and where); 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from microgesture import __version__
from microgesture.errors import RecipeError, UserError

if TYPE_CHECKING:
    from microgesture.analyzer import Analyzer
    from microgesture.evaluation.run import Evaluation
    from microgesture.timeline import GestureEvent

Verb = tuple[str, Callable[[argparse.ArgumentParser], None], Callable[[argparse.Namespace], int]]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    argv = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in argv
    try:
        return _run([a for a in argv if a != "--debug"])
    except UserError as error:
        return _fail(error, debug)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        return _fail(error, debug)


def _fail(error: Exception, debug: bool) -> int:
    if debug:
        raise error
    print(f"microgesture: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def _run(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="microgesture",
        description="Find micro-gestures in video, name them with time and confidence, and read emotion from them.",
        epilog="`microgesture VERB --help` explains a verb. --debug shows the traceback of an error.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"microgesture {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, (text, _, _) in VERBS.items():
        verbs.add_parser(name, help=text, add_help=False)
    if not argv or argv[0] not in VERBS:
        parser.parse_args(argv)
        return 2
    text, arguments, run = VERBS[argv[0]]
    own = argparse.ArgumentParser(prog=f"microgesture {argv[0]}", description=text, allow_abbrev=False)
    arguments(own)
    config = getattr(run, "configuration", None)
    if config is None:
        return run(own.parse_args(argv[1:]))
    if {"-h", "--help"} & set(argv):
        own.print_help()
        print(_configuration_help(config))
        return 0
    mine, flags = _split_flags(own, argv[1:])
    args = own.parse_args(mine)
    args.flags = flags
    return run(args)


def _takes_flags(configuration: str) -> Callable:
    """Flags that the verb itself does not know belong to its configuration dataclass, `module:Class`."""

    def mark(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
        run.configuration = configuration  # type: ignore[attr-defined]
        return run

    return mark


def _split_flags(parser: argparse.ArgumentParser, argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Arguments of the verb, and `--key value` pairs of its configuration, wherever they stand."""
    known = parser._option_string_actions
    mine: list[str] = []
    flags: list[str] = []
    position = 0
    while position < len(argv):
        word = argv[position]
        position += 1
        if not word.startswith("--") or word.split("=")[0] in known or word == "--":
            mine.append(word)
            continue
        flags.append(word)
        if "=" not in word and position < len(argv) and not argv[position].startswith("--"):
            flags.append(argv[position])
            position += 1
    return mine, flags


def _configuration_help(configuration: str) -> str:
    from importlib import import_module

    from microgesture.training.configuration import configuration_help

    module, _, name = configuration.partition(":")
    return configuration_help(getattr(import_module(module), name))


# --- synthesize ---------------------------------------------------------------------------------------


def _synthesize_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", help="folder for the synthetic world")


@_takes_flags("microgesture.synthetic.plan:WorldConfig")
def _synthesize(args: argparse.Namespace) -> int:
    from microgesture.synthetic.plan import WorldConfig
    from microgesture.synthetic.world import synthesize
    from microgesture.training.configuration import dataclass_from_flags
    from microgesture.training.progress import track

    config = dataclass_from_flags(WorldConfig, args.flags, "microgesture synthesize OUT")
    with track(f"synthesizing {args.out}") as progress:
        synthesize(Path(args.out), config, progress=progress)
    written = [name for name in ("manifest.csv", "interviews.csv", "timelines.csv") if (Path(args.out) / name).exists()]
    print(f"{args.out}: {', '.join(written)} and world.json are written")
    return 0


# --- recipes, train, evaluate, benchmark --------------------------------------------------------------


def _recipes_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a recipe to print whole; without: list all")
    parser.add_argument("-o", "--out", help="copy the recipe to this file, to change it")


def _recipes(args: argparse.Namespace) -> int:
    import yaml

    from microgesture.training.configuration import load_recipe, read_recipe, recipe_names, write_own_recipe

    if args.name is None:
        for name in recipe_names():
            print(f"{name:28s} {read_recipe(name).get('title', '')}")
        return 0
    if args.out:
        write_own_recipe(args.name, Path(args.out))
        print(f"{args.out} is yours to change: microgesture train {args.out}")
    else:
        print(yaml.safe_dump(load_recipe(args.name).to_dict(), sort_keys=False, allow_unicode=True), end="")
    return 0


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="a recipe's name (`microgesture recipes`) or a .yaml file")
    parser.add_argument("-o", "--out", help="run folder; default runs/<recipe>")
    parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint")


@_takes_flags("microgesture.training.configuration:Recipe")
def _train(args: argparse.Namespace) -> int:
    from microgesture.training.configuration import read_recipe

    out = Path(args.out or f"runs/{Path(args.recipe).with_suffix('').as_posix().strip('/')}")
    if read_recipe(args.recipe).get("kind") == "emotion":
        return _train_emotion(args, out)
    from microgesture.training.configuration import load_recipe
    from microgesture.training.loop import Interrupted, train

    recipe = load_recipe(args.recipe, args.flags)
    try:
        run = train(recipe, out, resume=args.resume)
    except Interrupted as stop:
        print(f"microgesture: {stop}", file=sys.stderr)
        return 130
    print(f"{run}: trained; microgesture evaluate {run}")
    return 0


def _train_emotion(args: argparse.Namespace, out: Path) -> int:
    from microgesture.training.emotion import best_reachable, load_emotion_recipe, print_scores, train_emotion_recipe

    recipe = load_emotion_recipe(args.recipe, args.flags)
    print_scores(train_emotion_recipe(recipe, out), best_reachable(recipe.timelines))
    print(f"{out}: trained; microgesture analyze VIDEO --model RUN --emotion {out} -o OUT")
    return 0


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="+", help="run folders; several give one table")
    parser.add_argument("-o", "--out", help="folder for table and figures; default RUN/evaluation")
    parser.add_argument("--manifest", help="test on this manifest instead of the run's own")
    parser.add_argument("--split", default="test", help="split to test on")


def _evaluate(args: argparse.Namespace) -> int:
    from microgesture.evaluation.run import evaluate_run
    from microgesture.evaluation.summary import print_table, write_summary

    evaluations: dict[str, list[Evaluation]] = {}
    for run in args.run:
        out = (
            Path(args.out) / Path(run).name if args.out and len(args.run) > 1 else Path(args.out or f"{run}/evaluation")
        )
        found = evaluate_run(Path(run), out=out, manifest=args.manifest, split=args.split)
        evaluations.setdefault(found.title, []).append(found)
    print_table(evaluations)
    if len(args.run) > 1:
        write_summary(evaluations, Path(args.out or "evaluation"))
    return 0


def _benchmark_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipes", nargs="+", help="recipe names or patterns: 'demo/*'")
    parser.add_argument("-o", "--out", required=True, help="folder for runs, table and figures")
    parser.add_argument("--seeds", type=int, default=1, help="runs a row, with seeds 0, 1, ...")


@_takes_flags("microgesture.training.configuration:Recipe")
def _benchmark(args: argparse.Namespace) -> int:
    from microgesture.benchmark import benchmark
    from microgesture.evaluation.summary import print_table

    result = benchmark(args.recipes, args.out, args.seeds, args.flags)
    if result.evaluations:
        print_table(result.evaluations)
        print(f"table and figures: {args.out}")
    for folder, reason in result.failed.items():
        print(f"microgesture: {folder}: {reason}", file=sys.stderr)
    return 0 if not result.failed else (1 if result.evaluations else 2)


# --- recognize, analyze --------------------------------------------------------------------------------


def _model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, metavar="RUN", help="folder of a trained run")
    parser.add_argument("--vocabulary", help="imigue, smg, ma52 or a text file: other label texts (zero-shot)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")


def _open_model(args: argparse.Namespace) -> Analyzer:
    from microgesture.analyzer import load
    from microgesture.vocabulary import Vocabulary

    analyzer = load(args.model, args.device)
    return analyzer.with_vocabulary(Vocabulary.load(args.vocabulary)) if args.vocabulary else analyzer


def _recognize_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("clip", nargs="+", help="trimmed clips")
    _model_arguments(parser)
    parser.add_argument("--top", type=int, default=5, help="how many readings a clip")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")


def _recognize(args: argparse.Namespace) -> int:
    if args.top < 1:
        raise RecipeError("--top must be 1 or more")
    analyzer = _open_model(args)
    found: list[dict[str, object]] = []

    def one(clip: str) -> None:
        event = analyzer.recognize(clip, top=args.top)
        if args.format == "json":
            found.append({"file": clip, "duration": event.duration, "readings": _readings(event)})
        else:
            print(f"{clip}  ({event.duration:.2f} s)")
            for reading in _readings(event):
                print(f"  {reading['confidence']:.3f}  {reading['label']}")

    code = _batch(args.clip, one)
    if args.format == "json":
        print(json.dumps(found, indent=2, ensure_ascii=False))
    return code


def _readings(event: GestureEvent) -> list[dict[str, object]]:
    first = [(event.label, event.confidence)]
    return [
        {"label": label, "confidence": round(confidence, 4)}
        for label, confidence in first + [(a.label, a.confidence) for a in event.alternatives]
    ]


def _analyze_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", nargs="+", help="untrimmed videos")
    parser.add_argument("-o", "--out", required=True, help="folder; several videos get a folder each inside it")
    _model_arguments(parser)
    parser.add_argument("--emotion", metavar="RUN", help="folder of a trained emotion model")
    parser.add_argument("--thumbnails", choices=("original", "none"), default="none", help="pictures in the report")


@_takes_flags("microgesture.spotting:SpottingConfig")
def _analyze(args: argparse.Namespace) -> int:
    from microgesture.analysis_files import write_analysis
    from microgesture.emotion.model import EmotionModel
    from microgesture.spotting import SpottingConfig
    from microgesture.training.configuration import dataclass_from_flags
    from microgesture.training.progress import track

    spotting = dataclass_from_flags(SpottingConfig, args.flags, "microgesture analyze VIDEO")
    analyzer = _open_model(args)
    emotion = EmotionModel.load(args.emotion) if args.emotion else None

    def one(video: str) -> None:
        out = Path(args.out) if len(args.video) == 1 else Path(args.out) / Path(video).stem
        with track(f"analyzing {video}") as progress:
            timeline = analyzer.analyze(video, spotting, emotion, progress)
        report = write_analysis(timeline, out, video, thumbnails=args.thumbnails == "original")
        print(f"{video}: {len(timeline)} gestures; open {report}")

    return _batch(args.video, one)


def _batch(files: Sequence[str], one: Callable[[str], None]) -> int:
    """Do each file; a broken one is said at the end. 0: all done; 1: some failed; 2: all failed."""
    failed: list[str] = []
    for file in files:
        try:
            one(file)
        except UserError as error:
            failed.append(str(error))
    for line in failed:
        print(f"microgesture: {line}", file=sys.stderr)
    if failed and len(files) > 1:
        print(f"microgesture: {len(failed)} of {len(files)} files failed", file=sys.stderr)
    return 0 if not failed else (2 if len(failed) == len(files) else 1)


# --- import-checkpoint, demo --------------------------------------------------------------------------


def _import_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", help="the authors' .pth: a whole visual-text model, or a classifier head")
    parser.add_argument("-o", "--out", required=True, help="run folder to write")
    parser.add_argument("--vocabulary", default="smg", help="classes in the checkpoint's order: smg, imigue, file")
    parser.add_argument("--head", metavar="FILE", help="with a model: the authors' head for it")
    parser.add_argument("--start", metavar="RUN", help="with a head alone: the run whose encoder it stands on")
    parser.add_argument("--text-encoder", metavar="FOLDER", help="folder or hub name with DistilBERT's tokenizer")
    parser.add_argument("--released-pixels", action="store_true", help="feed pixels of 0..255 as the released code did")


def _import_checkpoint(args: argparse.Namespace) -> int:
    from microgesture.training.imports import import_run

    options = (args.vocabulary, args.head, args.start, args.text_encoder, args.released_pixels)
    print(import_run(args.checkpoint, Path(args.out), *options))
    return 0


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--out", default="demo-output", help="folder for everything the demo makes")
    parser.add_argument("--seed", type=int, default=7, help="another seed, another world")


def _demo(args: argparse.Namespace) -> int:
    from microgesture.demo import demo

    demo(Path(args.out), args.seed)
    return 0


VERBS: dict[str, Verb] = {
    "analyze": ("an untrimmed video: timeline.json, timeline.csv, report.html", _analyze_arguments, _analyze),
    "recognize": ("name the gesture of trimmed clips", _recognize_arguments, _recognize),
    "train": ("train a recipe", _train_arguments, _train),
    "evaluate": ("test runs: accuracies with intervals, confusion matrices", _evaluate_arguments, _evaluate),
    "benchmark": ("train and test many recipes: one table", _benchmark_arguments, _benchmark),
    "recipes": ("list, print or copy the recipes of the package", _recipes_arguments, _recipes),
    "synthesize": ("make a world of people that do not exist", _synthesize_arguments, _synthesize),
    "import-checkpoint": ("turn the authors' weight files into a run", _import_arguments, _import_checkpoint),
    "demo": ("the whole job, small: world, training, table, report", _demo_arguments, _demo),
}
