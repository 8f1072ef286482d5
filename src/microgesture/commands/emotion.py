"""The verbs `emotion train`, `evaluate`, `compare`. Thin, and nothing heavy at import."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from microgesture.commands.arguments import found, on_argument, recipe_given, takes_flags
from microgesture.errors import RecipeError

if TYPE_CHECKING:
    from microgesture.emotion.event_tables import TableColumns
    from microgesture.emotion.recipes import EmotionRecipe

COLUMNS = {
    "target": "what is to be read; default: outcome, target, ...",
    "video": "the video of an event",
    "subject": "whose video it is: no person is on both sides of a split",
    "split": "train, val or test",
    "label": "the gesture, or several in one cell",
    "order": "what sorts the events of a video",
    "start": "begin of the event",
    "end": "its end",
    "confidence": "of the event",
    "duration": "length of the video, seconds",
}
_TABLE = {
    "targets": ("CSV", "table with target and subject of each video, beside the events"),
    "separator": ("TEXT", "between several gestures in one cell"),
    "gestures": ("COLUMNS", "a row a video: the columns that count gestures, with commas between"),
    "fps": ("N", "start and end are frames, so many a second"),
    "vocabulary": ("NAME", "imigue, smg, ma52 or a file: what labels that are numbers mean"),
}
"""With `COLUMNS`, the fields of `emotion.event_tables.TableColumns`."""
_SHORT = {
    **{name: f"columns.{name}" for name in (*COLUMNS, *_TABLE)},
    "model": "reader.model",
    "input": "reader.input",
    "protocol": "protocol.name",
    "folds": "protocol.folds",
    "repeats": "protocol.repeats",
    "seed": "protocol.seed",
}


def column_arguments(parser: argparse.ArgumentParser) -> None:
    """Which column of a table of events says what."""
    columns = parser.add_argument_group("columns of the table, by name or number, where they have no usual name")
    for name, text in COLUMNS.items():
        columns.add_argument(f"--{name}", metavar="COLUMN", help=text)
    for name, (metavar, text) in _TABLE.items():
        columns.add_argument(f"--{name}", metavar=metavar, help=text)


def columns_of(args: argparse.Namespace) -> TableColumns:
    """What `column_arguments` were given. Raises `RecipeError` for a rate that is no number."""
    from microgesture.emotion.event_tables import TableColumns

    given = {name: value for name in (*COLUMNS, *_TABLE) if (value := getattr(args, name)) is not None}
    try:
        return TableColumns(**{**given, "fps": float(given.get("fps", 0.0))})
    except ValueError:
        raise RecipeError(f"--fps '{given['fps']}' is not a number") from None


def train_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `microgesture emotion train`."""
    parser.add_argument("timelines", help="CSV of timelines or of events, folder of timelines, folder of a data set")
    parser.add_argument("-o", "--out", help="run folder; default runs/emotion/<model>-<input>")
    parser.add_argument("--recipe", default="", help="a recipe of kind emotion to start from (labels, letter/emotion)")
    on_argument(parser)
    column_arguments(parser)
    parser.add_argument("--input", help="text, probability or features")
    parser.add_argument("--model", help="auto, transformer, lstm, logistic, forest or majority; default auto")
    parser.add_argument("--protocol", help="split, folds, imigue, miga or smg; default: the table's split, else folds")
    parser.add_argument("--folds", help="parts of the repeated folds; default 5")
    parser.add_argument("--repeats", help="times with other folds and seeds; default 5")
    parser.add_argument("--seed", help="of folds and models")


@takes_flags("microgesture.emotion.recipes:EmotionRecipe")
def train(args: argparse.Namespace) -> int:
    """Train and test an emotion model under a protocol."""
    from microgesture.emotion.recipes import load_emotion_recipe

    flags = ["--timelines", args.timelines, *args.flags]
    for name, key in _SHORT.items():
        if (value := getattr(args, name)) is not None:
            flags += [f"--{key}", value]
    recipe = load_emotion_recipe(recipe_given(args) if args.recipe or args.on else "", flags)
    out = Path(args.out or Path("runs", "emotion", f"{recipe.reader.model}-{recipe.reader.input}"))
    return train_and_print(recipe, out)


def train_and_print(recipe: EmotionRecipe, out: Path) -> int:
    """Train a recipe and show its table."""
    from microgesture.emotion.recipes import train_emotion_recipe
    from microgesture.emotion.tables import emotion_rows, print_tables
    from microgesture.progress import track

    with track(f"training {out}") as progress:
        train_emotion_recipe(recipe, out, progress)
    print_tables(emotion_rows([out]))
    print(f"{out}: trained; microgesture analyze VIDEO --emotion {out} -o OUT")
    return 0


def evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `microgesture emotion evaluate`."""
    parser.add_argument("run", nargs="+", help="run folders of `emotion train`")
    parser.add_argument(
        "-o", "--out", help="folder; every run gets a folder of its name inside it; default RUN/evaluation"
    )


def evaluate(args: argparse.Namespace) -> int:
    """Figures of runs, each alone."""
    from microgesture.commands.arguments import batch
    from microgesture.commands.result_places import note_sources, result_folders
    from microgesture.emotion.tables import emotion_rows, print_tables, write_tables

    runs = found(args.run)
    outs = result_folders(Path(args.out), runs) if args.out else {run: Path(run, "evaluation") for run in runs}

    def one(run: str) -> None:
        rows = emotion_rows([run])
        print_tables(rows)
        if args.out:
            note_sources(outs[run], [run])
        write_tables(rows, outs[run])
        print(f"table and calibration: {outs[run]}")

    return batch(runs, one, args.debug, "runs")


def compare_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `microgesture emotion compare`."""
    parser.add_argument("run", nargs="+", help="two run folders or more, tested on the same videos")
    parser.add_argument("-o", "--out", help="folder for table and calibration")


def compare(args: argparse.Namespace) -> int:
    """Runs in one table, every pair tested on the videos that both were tested on."""
    from microgesture.commands.result_places import check_results, note_sources
    from microgesture.emotion.tables import compare as paired
    from microgesture.emotion.tables import emotion_rows, print_tables, write_tables
    from microgesture.errors import DataError

    runs = found(args.run)
    if args.out:
        check_results(Path(args.out), runs, "table.md")
    rows = emotion_rows(runs)
    if len(rows) < 2:
        raise DataError("one run alone cannot be compared: give two run folders or more")
    comparisons = paired(rows)
    print_tables(rows, comparisons)
    if args.out:
        note_sources(Path(args.out), runs)
        write_tables(rows, Path(args.out), comparisons)
        print(f"table and calibration: {args.out}")
    return 0
