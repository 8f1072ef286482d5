"""The verbs `emotion train`, `evaluate`, `compare`, `chain`. Nothing heavy at import."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from microgesture.commands.arguments import ON, Verbs, arg, batch, found, recipe_given, verb
from microgesture.commands.testing import OUT
from microgesture.commands.training import RECIPE, RESUMES, stoppable
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
    "targets": ("CSV", "a second table, with target and subject of each video"),
    "separator": ("TEXT", "between several gestures in one cell"),
    "gestures": ("COLUMNS", "one row per video: the columns that count gestures, separated by commas"),
    "fps": ("N", "start and end are frames, per second"),
    "vocabulary": ("NAME", "imigue, smg, ma52 or a file: what labels that are numbers mean"),
}
"""Together with `COLUMNS`, the fields of `emotion.event_tables.TableColumns`."""
_SHORT = {
    **{name: f"columns.{name}" for name in (*COLUMNS, *_TABLE)},
    "model": "reader.model",
    "input": "reader.input",
    "protocol": "protocol.name",
    "folds": "protocol.folds",
    "repeats": "protocol.repeats",
    "seed": "protocol.seed",
}


_COLUMNS_HELP = "columns of the table, by name or number, where they have no usual name"
COLUMN_ARGUMENTS = tuple(
    arg(f"--{name}", metavar=metavar, help=text, group=_COLUMNS_HELP)
    for name, (metavar, text) in {**{name: ("COLUMN", text) for name, text in COLUMNS.items()}, **_TABLE}.items()
)


def columns_of(args: Namespace) -> TableColumns:
    """What `COLUMN_ARGUMENTS` were given. Raises `RecipeError` for a rate that is no number."""
    from microgesture.emotion.event_tables import TableColumns

    given = {name: value for name in (*COLUMNS, *_TABLE) if (value := getattr(args, name)) is not None}
    try:
        return TableColumns(**{**given, "fps": float(given.get("fps", 0.0))})
    except ValueError:
        raise RecipeError(f"--fps '{given['fps']}' is not a number") from None


@verb(
    "train a model on timelines with outcomes, and test it on people held out",
    arg("timelines", help="CSV of timelines or of events, folder of timelines, folder of a data set"),
    arg("-o", "--out", help="run folder; default runs/emotion/<model>-<input>"),
    arg("--recipe", default="", help="a recipe of kind emotion to start from (labels, letter/emotion)"),
    ON,
    *COLUMN_ARGUMENTS,
    arg("--input", help="text, probability or features"),
    arg("--model", help="auto, transformer, lstm, logistic, forest or majority; default auto"),
    arg("--protocol", help="split, folds, imigue, miga or smg; default: the table's split, else folds"),
    arg("--folds", help="number of folds; default 5"),
    arg("--repeats", help="how often, with other folds and seeds; default 5"),
    arg("--seed", help="seed of folds and models"),
    configuration="microgesture.emotion.recipes:EmotionRecipe",
)
def train(args: Namespace) -> int:
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


@verb(
    "figures of runs, with intervals by subject and a test against chance",
    arg("run", nargs="+", help="run folders of `emotion train`"),
    OUT,
)
def evaluate(args: Namespace) -> int:
    """Figures of runs, each alone."""
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


@verb(
    "runs in one table, every pair with a paired test",
    arg("run", nargs="+", help="two run folders or more, tested on the same videos"),
    arg("-o", "--out", help="folder for table and calibration"),
)
def compare(args: Namespace) -> int:
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


@verb(
    "predict each video by a recogniser that never saw its person",
    arg("recipe", help="a recogniser's method or recipe (`microgesture recipes`), or a .yaml file"),
    ON,
    arg("-o", "--out", required=True, help="folder for timelines, features and the runs of the folds"),
    arg("--folds", type=int, default=5, help="every subject is held out in one of them"),
    arg("--seed", type=int, default=0, help="seed of the assignment of subjects to folds"),
    configuration=RECIPE,
)
def chain(args: Namespace) -> int:
    """Predict every video of the recipe's data by a recogniser that never saw its people."""
    from microgesture.runs.configuration import load_recipe
    from microgesture.runs.recipe_files import read_recipe

    args.recipe = recipe_given(args)
    if read_recipe(args.recipe).get("kind") != "emotion":
        load_recipe(args.recipe, args.flags)  # errors in it are reported before torch is imported
    from microgesture.emotion.out_of_fold import chain as run

    table = stoppable(lambda: run(args.recipe, args.out, args.flags, args.folds, args.seed), RESUMES)
    if table is None:
        return 130
    print(f"{table}: predicted timelines, each by a recogniser that never saw the person")
    return 0


EMOTION = Verbs(
    "train, test and compare models that read emotion from timelines",
    {"train": train, "evaluate": evaluate, "compare": compare, "chain": chain},
)
