"""Recipes of `kind: emotion`: stage 3, an emotion model from timelines whose outcomes are known, and how well it reads
people that it has not seen.

A run follows a protocol (`emotion.protocols`): for each trial a model is trained and predicts the videos that were held
out; the predictions stand in `predictions.csv`, which is written after every trial, so that a stopped call goes on.
The model that the run folder holds is that of the first trial where the protocol has one split, else one trained on
all videos. With a recogniser, the labels of true timelines are passed through its confusion, measured on its own
validation clips, so that the model learns from texts with recognition errors.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.datasets.split_names import VALIDATION
from microgesture.emotion.configuration import EmotionConfig
from microgesture.emotion.evaluation import classes_of
from microgesture.emotion.event_tables import TableColumns
from microgesture.emotion.labelled import LabelledTimelines, best_reachable, read_labelled
from microgesture.emotion.model import EmotionModel
from microgesture.emotion.protocols import Plan, ProtocolConfig, Trial, plan
from microgesture.emotion.scores import EmotionScores, read_predictions, read_rows, score, write_rows
from microgesture.emotion.training import train_emotion
from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.run import open_data
from microgesture.files.atomic import write_json, write_text
from microgesture.files.claim import check_claim
from microgesture.files.plain_json import parse_json
from microgesture.runs.configuration import dataclass_from_mapping
from microgesture.runs.data import make_dataset
from microgesture.runs.prediction import predict
from microgesture.runs.recipe_files import read_recipe
from microgesture.runs.run import LABELS, Run, load_run
from microgesture.statistics import confusion_matrix
from microgesture.timeline import Timeline
from microgesture.vocabulary import Vocabulary

EVALUATION = "evaluation.json"
TRUE, RECOGNISED = "true texts", "recognised texts"
PREDICTIONS = {TRUE: "predictions.csv", RECOGNISED: "predictions-recognised.csv"}
"""Tables of predictions in a run folder: of the timelines as they are, and as the recogniser would have named them."""

_STARTED = "started.json"


@dataclass
class EmotionRecipe:
    """One row of the emotion table."""

    title: str = ""
    """Name of the row in tables; empty: model and input."""
    kind: str = "emotion"
    """Tells this recipe from one that trains a recogniser."""
    timelines: str = ""
    """CSV of timelines or of events, folder of timelines, or folder of a data set."""
    recogniser: str = ""
    """Run folder: learn from texts with the errors of this recogniser; empty: from the labels as they are."""
    columns: TableColumns = field(default_factory=TableColumns)
    """Which columns say what."""
    protocol: ProtocolConfig = field(default_factory=ProtocolConfig)
    """Who is trained on and who is tested."""
    reader: EmotionConfig = field(default_factory=EmotionConfig)
    """The model and its training."""

    @property
    def name(self) -> str:
        """The title, or what is trained."""
        return self.title or f"{self.reader.model}, {self.reader.input}"


def load_emotion_recipe(name: str, flags: Sequence[str] = ()) -> EmotionRecipe:
    """Read an emotion recipe (empty: the defaults) and lay the flags over it. Raises `RecipeError` in one line."""
    recipe = dataclass_from_mapping(EmotionRecipe, read_recipe(name) if name else {}, flags, name or "emotion train")
    if not recipe.timelines:
        raise RecipeError(f"{name}: names no data: give --timelines path/to/timelines.csv")
    return recipe


def train_emotion_recipe(
    recipe: EmotionRecipe, out: Path, progress: Callable[[int, int], None] | None = None
) -> dict[str, EmotionScores]:
    """Train into the folder `out` and return scores on videos that were held out: of "true texts", and with a
    recogniser of "recognised texts", whose labels went through its confusion on test clips.

    `evaluation.json` is written last; a folder in which the same recipe was stopped goes on. Raises `RecipeError` when
    `out` already holds a run, `UserError` when another recipe was begun there, `DataError` when the data do not fit.
    """
    if (out / EVALUATION).exists() or (out / LABELS).exists():
        raise RecipeError(f"'{out}' already holds a run: choose another folder")
    data = read_labelled(recipe.timelines, recipe.columns)
    protocol = plan(data, recipe.protocol)
    features = data.read_features() if recipe.reader.input == "features" else None
    _claim(recipe, data, out)
    work = _Work(recipe, data, features, protocol, _Confusions(recipe.recogniser))
    rows = {
        name: _done(out / file, work.classes) for name, file in PREDICTIONS.items() if name == TRUE or recipe.recogniser
    }
    total = len(protocol.trials) + (not protocol.fixed)
    model = None
    for number, trial in enumerate(protocol.trials):
        first = number == 0 and protocol.fixed and not (out / "config.json").is_file()
        if progress:
            progress(number, total)
        if not first and all(_holds(of, trial) for of in rows.values()):
            continue
        model = work.train(trial.train, trial.seed)
        for name in rows:
            rows[name] = [r for r in rows[name] if not _is_of(r, trial)] + work.predict(model, trial, name)
            write_text(out / PREDICTIONS[name], write_rows(rows[name], work.classes))
        if first:
            model.save(out)
    if not protocol.fixed:
        model = work.train(np.arange(len(data)), recipe.protocol.seed)
        model.save(out)
    if progress:
        progress(total, total)
    scores = {name: score(read_predictions(out / PREDICTIONS[name])) for name in rows}
    _write_evaluation(recipe, data, protocol, scores, out)
    (out / _STARTED).unlink(missing_ok=True)
    return scores


@dataclass(frozen=True)
class _Work:
    """What every trial needs."""

    recipe: EmotionRecipe
    data: LabelledTimelines
    features: list[np.ndarray] | None
    protocol: Plan
    confusions: _Confusions

    @property
    def classes(self) -> tuple[str, ...]:
        return self.recipe.reader.classes or classes_of(self.data.outcomes)

    def train(self, rows: np.ndarray, seed: int) -> EmotionModel:
        config = replace(self.recipe.reader, classes=self.classes, seed=self.recipe.reader.seed + seed)
        chosen = self.data.rows(rows)
        features = None if self.features is None else [self.features[i] for i in rows]
        return train_emotion(
            chosen.timelines,
            chosen.outcomes,
            config,
            self.confusions.vocabulary,
            chosen.subjects,
            features,
            self.confusions.of(VALIDATION),
        )

    def predict(self, model: EmotionModel, trial: Trial, name: str) -> list[list[str]]:
        """Rows of the table of predictions for the held-out videos."""
        chosen = self.data.rows(trial.test)
        timelines = chosen.timelines
        confusion = self.confusions.of(("test",)) if name == RECOGNISED else None
        if confusion is not None and self.confusions.vocabulary is not None:
            timelines = through_recogniser(timelines, confusion, self.confusions.vocabulary, model.config.seed)
        features = None if self.features is None else [self.features[i] for i in trial.test]
        probabilities = model.probabilities(timelines, features)
        decided = [""] * len(timelines)
        if trial.repeat == 0:
            decided = ["yes" if answer in self.classes else "no" for answer in model.answers(timelines, features)]
        commonest = self.classes[model.summary.commonest]
        return [
            [video, subject, outcome, str(trial.repeat), str(trial.fold), commonest, said, *(f"{x:.6g}" for x in p)]
            for video, subject, outcome, said, p in zip(
                chosen.names, chosen.subjects, chosen.outcomes, decided, probabilities, strict=True
            )
        ]


class _Confusions:
    """The confusion of a recogniser on the clips of a split, measured once."""

    def __init__(self, recogniser: str) -> None:
        self.run = load_run(recogniser) if recogniser else None
        if self.run is not None:
            self.run.check_names_gestures()
        self.known: dict[tuple[str, ...], np.ndarray] = {}

    @property
    def vocabulary(self) -> Vocabulary | None:
        return self.run.vocabulary if self.run else None

    def of(self, splits: Sequence[str]) -> np.ndarray | None:
        if self.run is None:
            return None
        if tuple(splits) not in self.known:
            self.known[tuple(splits)] = clip_confusion(self.run, splits)
        return self.known[tuple(splits)]


def _claim(recipe: EmotionRecipe, data: LabelledTimelines, out: Path) -> None:
    """Mark the folder as this recipe's on these data, or see that it is. Where nothing was predicted yet there is
    nothing to lose."""
    read = repr((data.names, data.timelines, data.outcomes, data.subjects, data.splits)).encode()
    mine = {**json.loads(json.dumps(_plain(recipe))), "data": hashlib.sha256(read).hexdigest()}
    note = out / _STARTED
    if note.exists() and any((out / file).exists() for file in PREDICTIONS.values()):
        check_claim(note, mine, "training")
    else:
        write_json(note, mine)


def _done(path: Path, classes: Sequence[str]) -> list[list[str]]:
    """Predictions of trials that a stopped call had finished."""
    if not path.exists():
        return []
    found, rows = read_rows(path)
    return rows if found == tuple(classes) else []


def _is_of(row: Sequence[str], trial: Trial) -> bool:
    return row[3] == str(trial.repeat) and row[4] == str(trial.fold)


def _holds(rows: Sequence[Sequence[str]], trial: Trial) -> bool:
    return sum(_is_of(row, trial) for row in rows) == len(trial.test)


def _write_evaluation(
    recipe: EmotionRecipe, data: LabelledTimelines, protocol: Plan, scores: Mapping[str, EmotionScores], out: Path
) -> None:
    train = protocol.trials[0].train if protocol.fixed else np.arange(len(data))
    write_json(
        out / EVALUATION,
        {
            "recipe": _plain(recipe),
            "protocol": protocol.name,
            "remarks": [*data.remarks, *protocol.remarks],
            "best_reachable": best_reachable(recipe.timelines),
            "trained_on": {
                "videos": [data.names[i] for i in train],
                "subjects": sorted({data.subjects[i] for i in train}),
            },
            **{name: {**asdict(found), "accuracy": found.accuracy} for name, found in scores.items()},
        },
    )


def clip_confusion(run: Run, splits: Sequence[str]) -> np.ndarray:
    """Counts `(K, K)` of the recogniser on the clips of the first of these splits that its manifest has, rows
    true, with one clip a class added on the diagonal so that a class without clips is taken as recognised.

    Raises `DataError` when the manifest cannot be read or has none of the splits.
    """
    manifest = open_data(run, splits)
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


def _plain(recipe: EmotionRecipe) -> dict[str, Any]:
    values = {f.name: getattr(recipe, f.name) for f in fields(recipe)}
    parts = {"columns": asdict(recipe.columns), "protocol": asdict(recipe.protocol), "reader": recipe.reader.to_json()}
    return {**values, **parts}


def read_evaluation(out: Path) -> dict[str, Any]:
    """What a finished run says of itself. Raises `DataError` for a folder that holds none."""
    try:
        values = parse_json((out / EVALUATION).read_text("utf-8"))
        if values["recipe"]["kind"] == "emotion" and "protocol" in values:
            return values
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise DataError(f"{out}: not the folder of a finished emotion run ({EVALUATION})")
