"""Predictions for a challenge's test clips, in the file that its server takes (`corpora.challenge`)."""

from __future__ import annotations

import logging
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from microgesture.corpora.challenge import CHALLENGES, Numbers
from microgesture.corpora.opening import locate, read_mark
from microgesture.corpora.source import read_source
from microgesture.datasets.manifest import ClipRow, Manifest, Problem, read_unlabelled
from microgesture.datasets.split_names import TEST
from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.fusion import FILE, clip_key, mix
from microgesture.evaluation.run import open_data, other_table, scored_split
from microgesture.files.atomic import replacing
from microgesture.files.plain_json import parse_json
from microgesture.runs.data import layout_of_points
from microgesture.runs.run import Run, load_run
from microgesture.vocabulary import Vocabulary

log = logging.getLogger(__name__)


Broken = Literal["refuse", "skip"]
_LEARNT = re.compile(r"(?<![a-z])(train|training|val|valid|validate|validation)(?![a-z])")
_TESTED = re.compile(r"(?<![a-z])(test|testing)(?![a-z])")


def submit(
    run: str | Path,
    challenge: str,
    out: str | Path,
    data: str | None = None,
    split: str = "",
    numbers: Numbers = "index",
    on_problem: Broken = "refuse",
) -> int:
    """Predict the unlabelled test clips with a run, or with the runs of a fusion folder, and write the zip `out`.

    `data` is the data set's folder, the run's own unless given; `split` names a split to predict in place of the
    unlabelled clips, its rows as `evaluate` takes them. Returns the number of clips. Raises `RecipeError` for an
    unknown challenge or one of other classes; `DataError` when there is nothing to predict, a clip cannot be used (the
    server wants every one; `on_problem` "skip" leaves it out all the same), or two have one id.
    """
    server = CHALLENGES.find(challenge)
    runs, weights = _members(Path(run))
    opened = [load_run(folder) for folder in runs]
    for each in opened:
        each.check_names_gestures()
    vocabulary = opened[0].vocabulary
    check_classes(challenge, vocabulary, run)
    own = [each.recipe.data.root or each.recipe.data.manifest for each in opened]
    rows = rows_to_predict(opened[0], data, split, on_problem)
    found: list[dict[tuple, np.ndarray]] = []
    for each, place in zip(opened, own, strict=True):
        placed = tuple(replace(row, label=vocabulary.names[0], split=TEST) for row in rows)
        each = each.with_data(on_problem=on_problem, cache=False)
        dataset, scores = scored_split(each, Manifest(Path(data or place), placed, vocabulary), TEST)
        probabilities = scores.probabilities(each.temperature)
        found.append({clip_key(row): p for row, p in zip(dataset.rows, probabilities, strict=True)})
    rows = tuple(row for row in rows if all(clip_key(row) in scored for scored in found))
    if not rows:
        raise DataError(f"{data or own[0]}: no clip that the run can read")
    ids = [clip_id(row) for row in rows]
    twice = next((name for name in ids if ids.count(name) > 1), None) if len(set(ids)) < len(ids) else None
    if twice:
        raise DataError(f"two test clips have the id '{twice}'")
    mixed = mix([np.stack([scored[clip_key(row)] for row in rows]) for scored in found], weights)
    text = server.table(ids, mixed, vocabulary, numbers)
    with replacing(Path(out)) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(server.file, text)
    return len(ids)


def check_classes(challenge: str, vocabulary: Vocabulary, run: str | Path = "the run") -> None:
    """Raises `RecipeError` when a challenge's file cannot be written of these classes; where it can, but the server
    knows others, that is logged."""
    rule = CHALLENGES.find(challenge)
    if any(vocabulary.names == Vocabulary.load(name).names for name in rule.vocabularies):
        return
    what = f"'{run}' knows {len(vocabulary)} classes ({vocabulary.names[0]}, ...) that are not those of challenge "
    what += f"{challenge} ({' or '.join(rule.vocabularies)})"
    if rule.strict:
        raise RecipeError(f"{what}: train with --data.vocabulary {rule.vocabularies[0]}")
    log.warning("%s: their own numbers are written", what)


def rows_to_predict(run: Run, data: str | None, split: str, on_problem: Broken = "refuse") -> tuple[ClipRow, ...]:
    """The clips to predict: the data set's unlabelled ones, or those of a split.

    Raises `DataError` when there are none, or, unless `on_problem` is "skip", when some of them cannot be used.
    """
    settings = run.recipe.data
    root = data or settings.root or settings.manifest
    if not root:
        raise RecipeError(f"'{run.folder}' names no data to predict: give --data FOLDER")
    place, layout = locate(root, "" if data else settings.source)
    if layout == "manifest":
        _refuse(_lost_in_preparing(place.parent), on_problem)
    if split:
        run = run.with_data(on_problem=on_problem, **(other_table(data) if data else {}))
        found = open_data(run, (split,), all_test=bool(data))
        if rows := found.split(split):
            return rows
        there = ", ".join(f"'{name}'" for name in found.splits)
        raise DataError(f"{root}: no clip of split '{split}' (there are {there})")
    beside = place / "unlabelled.csv" if place.is_dir() else place.with_name("unlabelled.csv")
    if layout == "manifest" or beside.is_file():
        rows = read_unlabelled(beside) if beside.is_file() else ()
    else:
        numbering = run.config.get("numbering", "")
        reading = read_source(
            place, layout, "" if data else settings.protocol, run.vocabulary, numbering, layout_of_points(run.recipe)
        )
        _refuse([problem for problem in reading.errors if not _is_learnt(problem, place)], on_problem)
        rows = reading.unlabelled
    if not rows:
        raise DataError(f"{root}: no test clip without a label; --split test predicts the labelled test clips")
    return rows


def _refuse(errors: Sequence[Problem], on_problem: Broken) -> None:
    for problem in errors if on_problem == "skip" else ():
        log.warning("left out: %s", problem)
    if errors and on_problem == "refuse":
        more = f" (and {len(errors) - 1} more errors)" if len(errors) > 1 else ""
        raise DataError(f"{errors[0]}{more}; the server wants every clip, --data.on_problem skip leaves such ones out")


def _is_learnt(problem: Problem, root: Path) -> bool:
    """Whether a problem lies in the files of training or validation, by their names below the data set's folder."""
    inside = problem.file.relative_to(root) if problem.file.is_relative_to(root) else Path(problem.file.name)
    name = inside.as_posix().lower()
    return bool(_LEARNT.search(name)) and not _TESTED.search(name)


def _lost_in_preparing(folder: Path) -> list[Problem]:
    """The errors for which `microgesture data prepare` left out clips that are to be predicted."""
    mark = read_mark(folder)
    root = Path(str(mark.get("root", "")))
    lost = [Problem(Path(e["file"]), int(e["row"]), e["what"]) for e in mark.get("errors", ())]
    return [problem for problem in lost if not _is_learnt(problem, root)]


def clip_id(row: ClipRow) -> str:
    """A clip's id in its data set's own terms: the column `id`, else the file's name."""
    return row.extra.get("id") or row.media.stem


def _members(folder: Path) -> tuple[list[Path], list[float]]:
    """The runs and weights of a fusion folder; a run alone has weight 1."""
    if not (folder / FILE).is_file():
        return [folder], [1.0]
    try:
        described = parse_json((folder / FILE).read_text("utf-8"))["runs"]
        return [Path(d["run"]) for d in described], [float(d["weight"]) for d in described]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / FILE}: cannot be read as a fusion of runs ({error})") from error
