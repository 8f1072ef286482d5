"""Recipes of `kind: emotion`: stage 3, an emotion model from a table of timelines with outcomes.

The table is a CSV `timeline,subject,split,outcome` (paths relative to it) as `microgesture synthesize` writes
for interviews, filmed or not. With a recogniser, the labels of true timelines are passed through its confusion,
measured on its own validation clips, so that the model learns from texts with recognition errors.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from microgesture import formats
from microgesture.atomic import write_json
from microgesture.datasets.split_names import VALIDATION
from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.evaluation import EmotionScores, evaluate_emotion
from microgesture.emotion.training import train_emotion
from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.metrics import confusion_matrix
from microgesture.evaluation.run import open_data
from microgesture.timeline import Timeline
from microgesture.training.assembly import LABELS, Run, load_run, make_dataset
from microgesture.training.configuration import dataclass_from_mapping, read_recipe
from microgesture.training.prediction import predict
from microgesture.vocabulary import Vocabulary

COLUMNS = ("timeline", "subject", "split", "outcome")
"""Columns of the table of timelines."""

EVALUATION = "evaluation.json"


@dataclass
class EmotionRecipe:
    """One row of the emotion table."""

    title: str = ""
    """Name of the row in tables."""
    kind: str = "emotion"
    """Tells this recipe from one that trains a recogniser."""
    timelines: str = ""
    """CSV with the columns timeline, subject, split, outcome."""
    recogniser: str = ""
    """Run folder: learn from texts with the errors of this recogniser; empty: from the labels as they are."""
    reader: EmotionConfig = field(default_factory=EmotionConfig)
    """The model and its training."""


@dataclass(frozen=True)
class LabelledTimelines:
    """Timelines with the outcome and the subject of each."""

    timelines: list[Timeline]
    outcomes: list[str]
    subjects: list[str]


def load_emotion_recipe(name: str, flags: Sequence[str] = ()) -> EmotionRecipe:
    """Read an emotion recipe and lay the flags over it. Raises `RecipeError` in one line."""
    recipe = dataclass_from_mapping(EmotionRecipe, read_recipe(name), flags, name)
    if not recipe.timelines:
        raise RecipeError(f"{name}: names no data: give --timelines path/to/timelines.csv")
    return recipe


def train_emotion_recipe(recipe: EmotionRecipe, out: Path) -> dict[str, EmotionScores]:
    """Train into the folder `out` and return scores on the test split: from "true texts", and with a
    recogniser from "recognised texts", whose labels went through its confusion on test clips.

    `evaluation.json` is written last: a folder with a model and without it was left by a stopped call and is
    trained anew. Raises `RecipeError` when `out` already holds a run, `DataError` when the table does not fit.
    """
    if (out / EVALUATION).exists() or (out / LABELS).exists():
        raise RecipeError(f"'{out}' already holds a run: choose another folder")
    train = read_timelines(recipe.timelines, ("train", *VALIDATION))
    test = read_timelines(recipe.timelines, ("test",))
    if not train.timelines:
        raise DataError(f"{recipe.timelines}: no row has split 'train'")
    run = load_run(recipe.recogniser) if recipe.recogniser else None
    vocabulary = run.vocabulary if run else None
    confusion = clip_confusion(run, VALIDATION) if run else None
    model = train_emotion(
        train.timelines, train.outcomes, recipe.reader, vocabulary, train.subjects, confusion=confusion
    )
    scores = {}
    if test.timelines:
        scores["true texts"] = evaluate_emotion(model, test.timelines, test.outcomes, test.subjects)
    if test.timelines and run is not None:
        confusion = clip_confusion(run, ("test",))
        seen = through_recogniser(test.timelines, confusion, run.vocabulary, recipe.reader.seed)
        scores["recognised texts"] = evaluate_emotion(model, seen, test.outcomes, test.subjects)
    model.save(out)
    write_json(out / EVALUATION, {"recipe": _plain(recipe), **{k: asdict(v) for k, v in scores.items()}})
    return scores


def read_timelines(table: str | Path, splits: Sequence[str]) -> LabelledTimelines:
    """The timelines of some splits of a table. Raises `DataError` naming the file and the row."""
    table = Path(table)
    found = LabelledTimelines([], [], [])
    for number, row in _rows(table):
        lacking = [c for c in COLUMNS if not row.get(c)]
        if lacking:
            raise DataError(f"{table}: row {number}: {lacking[0]} is missing")
        if row["split"].lower() not in splits:
            continue
        try:
            found.timelines.append(formats.read(table.parent / row["timeline"]))
        except DataError as error:
            raise DataError(f"{table}: row {number}: {error}") from error
        found.outcomes.append(row["outcome"])
        found.subjects.append(row["subject"])
    return found


def _rows(table: Path) -> list[tuple[int, dict[str, str]]]:
    """Line number and cells of each row of a table."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="", restkey="")
            absent = [c for c in COLUMNS if c not in (reader.fieldnames or ())]
            if absent:
                raise DataError(f"{table}: no column '{absent[0]}': the table has {','.join(COLUMNS)}")
            return [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise DataError(f"{table}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: not a CSV table in UTF-8 ({error})") from error


def clip_confusion(run: Run, splits: Sequence[str]) -> np.ndarray:
    """Counts `(K, K)` of the recogniser on the clips of the first of these splits that its manifest has, rows
    true, with one clip a class added on the diagonal so that a class without clips is taken as recognised.

    Raises `DataError` when the manifest cannot be read or has none of the splits.
    """
    manifest = open_data(run, None, splits)
    split = next((s for s in splits if manifest.split(s)), splits[0])
    found = predict(run.objective, make_dataset(run.recipe, manifest, split))
    counts = confusion_matrix(found.labels, found.scores.argmax(1), len(run.vocabulary))
    return counts + np.eye(len(counts), dtype=counts.dtype)


def through_recogniser(
    timelines: Sequence[Timeline], confusion: np.ndarray, vocabulary: Vocabulary, seed: int
) -> list[Timeline]:
    """Timelines as a recogniser with this confusion would have named their events; those that it takes for
    no gesture are missed."""
    rng = np.random.default_rng(seed)
    rates = confusion / confusion.sum(axis=1, keepdims=True)
    seen = []
    for timeline in timelines:
        events = []
        for event in timeline:
            if event.label not in vocabulary:
                continue
            drawn = int(rng.choice(len(rates), p=rates[vocabulary.index(event.label)]))
            if drawn != vocabulary.background_id:
                events.append(replace(event, label=vocabulary[drawn].name, label_id=drawn))
        seen.append(timeline.with_events(events))
    return seen


def best_reachable(table: str | Path) -> float | None:
    """The accuracy that no model can beat in expectation, where world.json beside the table knows it."""
    try:
        known = json.loads((Path(table).parent / "world.json").read_text("utf-8"))
        return float(known["bayes_accuracy"]["value"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _plain(recipe: EmotionRecipe) -> Mapping[str, Any]:
    values = {f.name: getattr(recipe, f.name) for f in fields(recipe)}
    return {**values, "reader": recipe.reader.to_json()}


def print_scores(scores: Mapping[str, EmotionScores], best: float | None) -> None:
    """The scores of `train_emotion_recipe` on the terminal, with the best reachable accuracy where it is known."""
    for name, found in scores.items():
        low, high = found.interval
        print(
            f"{name}: {100 * found.accuracy:.1f} % ({100 * low:.1f} to {100 * high:.1f}), majority "
            f"{100 * found.majority:.1f} %, {found.timelines} timelines of {found.subjects} subjects"
        )
    if best is not None:
        print(f"best reachable in this world: {100 * best:.1f} %")
