"""Predicted timelines for emotion models, each from a recogniser that never saw the person: out-of-fold chaining.

An emotion model that learns from a recogniser's predictions on its own training people learns from labels that are too
good, and is then shown worse ones. So the subjects are dealt out to folds; for each fold the recipe is trained without
its subjects, neither to fit weights nor to choose the epoch or the temperature, and predicts their clips.

    OUT/timelines.csv                    timeline,video,subject,split,fold,features
    OUT/timelines/<video>.json           the predicted gestures
    OUT/timelines/<video>.features.npy   (events, D): what the recogniser saw of each, in the order of the events
    OUT/folds/<k>/manifest.csv, runs/    the data of a fold, and its run
    OUT/chain.json                       what was chained, and who is in which fold
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from microgesture import __version__, formats
from microgesture.datasets.clip_videos import ClipVideo, drawn, subject_folds, videos_of
from microgesture.datasets.manifest import ClipRow, Manifest, write_manifest
from microgesture.datasets.media_lengths import media_lengths
from microgesture.datasets.split_names import TEST, VALIDATION
from microgesture.errors import DataError, RecipeError, UserError
from microgesture.evaluation.run import open_data, scored_split
from microgesture.files.atomic import check_folder, replacing, write_json, write_text
from microgesture.files.claim import claim_folder
from microgesture.files.plain_json import parse_json
from microgesture.files.text_tables import printable
from microgesture.recognition import objective_class
from microgesture.recognition.self_supervised import knows_no_classes
from microgesture.runs.configuration import load_recipe, recipe_from_run
from microgesture.runs.data import open_manifest
from microgesture.runs.recipe_files import read_recipe, run_name
from microgesture.runs.run import WEIGHTS, built_in_weights, load_run
from microgesture.tables import Table
from microgesture.timeline import UNTIMED, Alternative, GestureEvent, Media, Timeline
from microgesture.training.prerequisites import train_into
from microgesture.vocabulary import NO_GESTURE, Vocabulary

log = logging.getLogger(__name__)

COLUMNS = ("timeline", "video", "subject", "split", "fold", "features")
ALTERNATIVES = 5
VALIDATION_SHARE = 0.15
"""Of the clips that a fold's recogniser may see, the share that chooses its epoch and temperature: whole subjects."""
_CLIP = "clip_of_chain"
"""Column of the folds' manifests: a clip's number in the whole data set."""


@dataclass(frozen=True)
class _Data:
    """Everything that is chained: the clips, each with a subject, their videos, and the subjects of each fold."""

    rows: tuple[ClipRow, ...]
    vocabulary: Vocabulary
    videos: tuple[ClipVideo, ...]
    folds: tuple[tuple[str, ...], ...]
    place: Path


def chain(
    recipe: str,
    out: str | Path,
    flags: Sequence[str] = (),
    folds: int = 5,
    seed: int = 0,
    show: bool = True,
    device: str = "auto",
) -> Path:
    """Train `recipe` once a fold and write a predicted timeline of every video; returns `OUT/timelines.csv`.

    All labelled clips of the recipe's data take part, whatever their split: each subject is held out once, and the
    split column only repeats what the data say. Clips predicted as "No gesture" are left out. Where the clips of a
    video have no times, events follow each other in intervals of one second and the timeline's
    `provenance["untimed"]` is true. `seed` deals out the subjects; `flags` are laid over the recipe. Finished folds
    are not trained again, interrupted ones go on; the same arguments give the same files.

    Raises `RecipeError` for a recipe that cannot be chained, `DataError` for fewer subjects than folds or when a
    recogniser has seen a subject it should predict, `UserError` when `out` holds something else, `Interrupted` when
    a training was stopped and has saved itself.
    """
    out = Path(out)
    if read_recipe(recipe).get("kind") == "emotion":
        raise RecipeError(f"{recipe}: is an emotion recipe: what is chained is the recipe of a recogniser")
    if not objective_class(load_recipe(recipe, flags).objective.name).labelled:
        raise RecipeError(knows_no_classes(f"a recogniser of recipe '{recipe}'"))
    data = _read(recipe, flags, folds, seed)
    check_folder(out)
    _claim(out, recipe, data, seed)
    training_seed = load_recipe(recipe, flags).training.seed
    table: dict[int, dict[str, str]] = {}
    for fold in range(folds):
        folder = out / "folds" / str(fold)
        own = _write_fold(folder, data, fold, seed)
        run = train_into(recipe, folder, training_seed, [*flags, *own], show)
        held_out = [row for row in data.rows if row.subject in data.folds[fold]]
        check_unseen(run, held_out, (folder / "manifest.csv", data.place))
        table |= _predicted(run, recipe, out, data, fold, device)
    rows = [table[number] for number in sorted(table)]
    return write_text(out / "timelines.csv", Table.of(COLUMNS, rows).csv())


def check_unseen(run: Path, clips: Sequence[ClipRow], places: Sequence[Path] = ()) -> None:
    """Raise `DataError` unless a run, and whatever it started from, was trained and validated without the people of
    these clips.

    Names are compared where the run's data are one of the `places`, files everywhere: subject 7 of another data set is
    somebody else. The built-in weights, and other runs on synthetic people, have seen none of them.
    """
    if run.resolve() == built_in_weights().resolve():
        return
    recipe = recipe_from_run(run)
    try:
        data = open_manifest(recipe)
    except UserError as error:
        raise DataError(f"whom '{run}' was trained on cannot be checked: {error}") from error
    if isinstance(data, Manifest):
        seen = [row for row in data.rows if row.split.lower() in ("train", *VALIDATION)]
        same = Path(recipe.data.manifest or recipe.data.root).resolve() in [place.resolve() for place in places]
        people = {row.subject for row in seen} if same else set()
        files = {_absolute(row) for row in seen}
        for row in clips:
            if row.subject in people or _absolute(row) in files:
                raise DataError(f"'{run}' has seen subject '{row.subject}' ({row.media.name}), whom it is to predict")
    if recipe.start:
        check_unseen(Path(recipe.start), clips, places)


def _read(recipe: str, flags: Sequence[str], folds: int, seed: int) -> _Data:
    """The recipe's data as a whole. Clips without a subject count for a person of their video's name."""
    loaded = load_recipe(recipe, flags)
    loaded.data.background, loaded.data.test_subjects = 0.0, []
    manifest = open_manifest(loaded)
    if not isinstance(manifest, Manifest):
        raise RecipeError(f"{recipe}: learns from skeleton banks, which hold no videos to predict")
    rows = [replace(row, subject=row.subject.strip()) for row in manifest.rows]
    videos = videos_of(rows)
    lacking = [video for video in videos if not all(rows[i].subject for i in video.clips)]
    if lacking:
        log.warning("%s: no subject is named in %d videos: each stands for a person", manifest.path, len(lacking))
    for video in lacking:
        for i in video.clips:
            rows[i] = replace(rows[i], subject=rows[i].subject or video.name)
    dealt = subject_folds(rows, videos, folds, seed)
    place = Path(loaded.data.manifest or loaded.data.root)
    return _Data(tuple(rows), manifest.vocabulary, tuple(videos), tuple(map(tuple, dealt)), place)


def _claim(out: Path, recipe: str, data: _Data, seed: int) -> None:
    """Make the folder ours, or see that it is."""
    clips = [[_absolute(r), r.start, r.end, r.label, r.person, r.subject] for r in data.rows]
    digest = hashlib.sha256(json.dumps(clips).encode("utf-8", "surrogateescape")).hexdigest()
    mine = {"folds": len(data.folds), "seed": seed, "recipe": run_name(recipe), "clips": digest}
    claim_folder(out / "chain.json", mine, "chain", {"version": __version__, "subjects": list(data.folds)})


def _write_fold(folder: Path, data: _Data, fold: int, seed: int) -> list[str]:
    """Write the manifest of a fold; the flags that make a recipe read it."""
    held_out = set(data.folds[fold])
    part = dict.fromkeys(held_out, "test") | dict.fromkeys(_validation(data, fold, seed), "val")
    rows = [
        replace(row, split=part.get(row.subject, "train"), extra={**row.extra, _CLIP: str(number)})
        for number, row in enumerate(data.rows)
    ]
    write_json(folder / "vocabulary.json", data.vocabulary.to_json())
    write_manifest(folder / "manifest.csv", rows)
    empty = [f"--data.{key}=" for key in ("root", "source", "protocol", "vocabulary")]
    named = json.dumps(sorted(held_out), ensure_ascii=False)
    return [f"--data.manifest={folder / 'manifest.csv'}", *empty, f"--data.test_subjects={named}"]


def _validation(data: _Data, fold: int, seed: int) -> list[str]:
    """The subjects that choose a fold's epoch and temperature. Whoever is in a video with others is trained on."""
    groups = {frozenset(data.rows[i].subject for i in video.clips) for video in data.videos}
    alone = {name for name in {row.subject for row in data.rows} if not any(name in g and len(g) > 1 for g in groups)}
    rest = Counter(row.subject for row in data.rows if row.subject not in data.folds[fold])
    order = sorted(set(rest) & alone, key=lambda name: drawn(name, seed + 1))
    chosen: list[str] = []
    for name in order[: len(rest) - 1]:
        if sum(rest[other] for other in chosen) < VALIDATION_SHARE * rest.total():
            chosen.append(name)
    if not chosen:
        log.warning("fold %d: nobody is left to validate on: its confidences are not calibrated", fold)
    return chosen


def _predicted(run: Path, recipe: str, out: Path, data: _Data, fold: int, device: str) -> dict[int, dict[str, str]]:
    """Rows of the table of a fold's videos by the videos' numbers; predicted now unless that was done."""
    note = out / "folds" / str(fold) / "predicted.json"
    trained = (run / WEIGHTS).stat().st_mtime_ns
    try:
        found = parse_json(note.read_text("utf-8"))
        rows = {int(number): row for number, row in found["videos"].items()}
        if found["trained"] == trained and all((out / r["timeline"]).is_file() for r in rows.values()):
            return rows
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    opened = load_run(run, device)
    manifest = open_data(opened, (TEST,))
    dataset, predictions = scored_split(opened, manifest, TEST, features=True)
    probabilities = predictions.probabilities(opened.temperature)
    scored = {
        int(row.extra[_CLIP]): (p, feature)
        for row, p, feature in zip(dataset.rows, probabilities, predictions.features, strict=True)
    }
    origin = {
        "tool": "microgesture emotion chain",
        "version": __version__,
        "recipe": recipe,
        "run": run.relative_to(out).as_posix(),
        "fold": fold,
        "out_of_fold": True,
        "temperature": opened.temperature,
    }
    rows = {}
    for number, video in enumerate(data.videos):
        clips = [data.rows[i] for i in video.clips]
        if clips[0].subject not in data.folds[fold] or not any(i in scored for i in video.clips):
            continue
        place = out / "timelines" / video.name
        timeline, features = _timeline(video, data, opened.vocabulary, scored, origin, opened.title)
        _write(timeline, features, place)
        rows[number] = {
            "timeline": f"timelines/{video.name}.json",
            "video": video.name,
            "subject": " + ".join(sorted({row.subject for row in clips})),
            "split": clips[0].split if len({row.split for row in clips}) == 1 else "",
            "fold": str(fold),
            "features": f"timelines/{video.name}.features.npy",
        }
    shutil.rmtree(out / "folds" / str(fold) / "cache", ignore_errors=True)  # decoded clips: as large as the videos
    write_json(note, {"trained": trained, "videos": rows})
    return rows


def _timeline(
    video: ClipVideo,
    data: _Data,
    vocabulary: Vocabulary,
    scored: Mapping[int, tuple[np.ndarray, np.ndarray]],
    origin: Mapping[str, Any],
    annotator: str,
) -> tuple[Timeline, np.ndarray]:
    """The predicted gestures of a video, and their features `(events, D)`."""
    found: list[tuple[GestureEvent, np.ndarray]] = []
    for i in video.clips:
        if i not in scored:
            continue
        p, feature = scored[i]
        order = np.argsort(-p, kind="stable")
        best = vocabulary[int(order[0])]
        if best.name == NO_GESTURE:
            continue
        row = data.rows[i]
        start, end = (row.start, row.end) if video.timed else (float(len(found)), len(found) + 1.0)
        assert start is not None
        assert end is not None
        confidence = min(float(p[order[0]]), 1.0)
        others = tuple(Alternative(vocabulary[int(k)].name, float(p[k])) for k in order[1 : 1 + ALTERNATIVES])
        event = GestureEvent(
            start, end, best.name, best.id, confidence, best.body_region, row.person, others, annotator
        )
        found.append((event, feature))
    found.sort(key=lambda pair: (pair[0].start, pair[0].end, pair[0].person, pair[0].label))  # as a Timeline sorts
    width = len(next(iter(scored.values()))[1])
    features = np.stack([feature for _, feature in found]) if found else np.zeros((0, width))
    provenance = {**origin, UNTIMED: not video.timed}
    events = tuple(event for event, _ in found)
    made = Timeline(events, _media(video, data), vocabulary.name, vocabulary.names, provenance=provenance)
    return made, features.astype(np.float32)


def _media(video: ClipVideo, data: _Data) -> Media:
    """The film of a video; without one, a name alone."""
    row = data.rows[video.clips[0]]
    if not video.timed or "video_start" in row.extra:
        return Media(video.name)
    if row.video is None:
        return Media(printable(row.media.name))
    return Media(printable(row.video.name), media_lengths([row.video])[row.video].duration or None)


def _write(timeline: Timeline, features: np.ndarray, place: Path) -> None:
    with replacing(place.with_name(f"{place.name}.features.npy")) as temporary, temporary.open("wb") as file:
        np.save(file, features, allow_pickle=False)
    formats.write(timeline, place.with_name(f"{place.name}.json"))


def _absolute(row: ClipRow) -> str:
    return str(row.media.absolute().resolve())
