"""Which augmentation suits which movements: one recipe, trained with each piece alone and with the best together.

The question is that of Gao et al. (arXiv 2405.13206), who ask it of micro-gestures, small, brief and repeated, beside
ordinary actions; their results are not public. Runs stand in `OUT/SET/PIECE/seed<k>`: a finished one is not trained
again, an interrupted one goes on.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.datasets import Manifest
from microgesture.datasets.augmentation import Augmentation, pieces
from microgesture.datasets.split_names import TEST, validation_split
from microgesture.encoders.registry import encoder_class
from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.gains import Gain, gain_figure, gain_of
from microgesture.evaluation.run import evaluate_run
from microgesture.files.atomic import check_folder, write_text
from microgesture.files.data_sets import RECIPE, data_sets
from microgesture.files.plain_json import parse_json
from microgesture.recognition import objective_class
from microgesture.runs.configuration import Recipe, load_recipe
from microgesture.runs.data import open_manifest
from microgesture.runs.recipe_files import recipe_name
from microgesture.runs.run import CONFIG
from microgesture.tables import Table
from microgesture.training.loop import train

NONE, TOGETHER = "none", "together"
PREDICTIONS = "predictions.csv"
Augment = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class StudySet:
    """One data set of a study: `name` ("gestures"), `flags` that name its data in a recipe, and the known data set that
    the recipe is trained `on` ("": none)."""

    name: str
    flags: tuple[str, ...]
    on: str = ""


@dataclass
class StudyResult:
    """Rows of each set by its name, with what is to be said below the table."""

    rows: dict[str, list[Gain]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def study_set(name: str, on: str) -> StudySet:
    """The set of a manifest, a PYSKL pickle, a folder, or a `.yaml` that is laid over the recipe (`data:` with a
    protocol or held-out subjects); or a known data set by name ("imigue"), whose folder the flags name (`--data.root`).
    Raises `DataError` when there is nothing."""
    path = Path(on)
    if not path.exists() and on in data_sets(RECIPE):
        return StudySet(name, (), on)
    if not path.exists():
        kinds = "a known data set's name (and --data.root), a manifest, a PYSKL pickle, a folder or a .yaml"
        raise DataError(f"'{on}' is no data: give {kinds}")
    key = "--config" if path.suffix in (".yaml", ".yml") else "--data.manifest"
    return StudySet(name, (key, str(path)))


def known_pieces(recipe: Recipe) -> dict[str, Augment]:
    """Every piece that can act on the recipe's clips one by one, with its own defaults, by name."""
    modality = encoder_class(recipe.encoder.name).modality
    if modality == "rgb+skeleton":
        raise RecipeError(f"'{recipe.encoder.name}' reads clips of two kinds, whose augmentation is not studied here")
    found: dict[str, Augment] = {}
    for name in pieces():
        plan = Augmentation.from_config({name: {}})
        try:
            plan.check(modality)
        except RecipeError:
            continue
        if not plan.batch:
            found[name] = {name: {}}
    return found


def study_augmentation(
    recipe: str,
    sets: Sequence[StudySet],
    out: str | Path,
    seeds: int = 3,
    chosen: Sequence[str] = (),
    most: int = 3,
    flags: Sequence[str] = (),
    show: bool = True,
) -> StudyResult:
    """Train `recipe` on every set without augmentation, with each piece alone and with the best together; test all.

    `chosen` pieces (all that fit unless named) act with their defaults; the recipe's own augmentation is left out of
    every row. The best together are up to `most` pieces whose mean accuracy on the validation split is above that of
    none; in data without one they are chosen on the test clips, and the result says so. Writes `table.md`, `table.csv`
    and `gains.png` into `out`.

    Raises `RecipeError` for fewer than one seed or an unknown piece, `DataError` for data without a test split, and
    what training raises; `Interrupted` when the user stops it.
    """
    out = Path(out)
    if seeds < 1 or most < 2:
        raise RecipeError(f"a study needs 1 seed or more and 2 pieces or more together, got {seeds} and {most}")
    check_folder(out)
    result = StudyResult()
    for each in sets:
        one = _Study(recipe, each, out, seeds, tuple(flags), show)
        result.rows[each.name] = one.run(chosen, most)
        result.remarks += one.remarks
    write_text(out / "table.md", to_markdown(result))
    write_text(out / "table.csv", to_csv(result))
    gain_figure(result.rows, out / "gains.png")
    return result


class _Study:
    """One set of a study."""

    def __init__(self, recipe: str, data: StudySet, out: Path, seeds: int, flags: tuple[str, ...], show: bool) -> None:
        self.name, self.data, self.seeds, self.flags, self.show = recipe, data, seeds, flags, show
        self.folder = out / data.name
        self.remarks: list[str] = []
        if not objective_class(self.recipe(NONE, {}, 0).objective.name).labelled:
            raise RecipeError(f"'{recipe}' learns without labels: a study compares accuracies, give a labelled recipe")
        manifest = open_manifest(self.recipe(NONE, {}, 0))
        if not isinstance(manifest, Manifest):
            raise DataError(f"{manifest.path}: a study needs clips with a test split, not skeleton banks")
        self.validated = bool(validation_split(manifest))
        if not manifest.split(TEST):
            raise DataError(f"{manifest.path}: no row has split 'test': hold people out with --data.test_subjects")
        self.synthetic = (manifest.path.parent / "world.json").is_file()

    def recipe(self, title: str, augment: Augment, seed: int) -> Recipe:
        recipe = load_recipe(recipe_name(self.name, self.data.on), [*self.data.flags, *self.flags])
        recipe.title, recipe.published = title, ""
        recipe.data.augment = {name: dict(options) for name, options in augment.items()}
        recipe.training.seed += seed
        return recipe

    def run(self, chosen: Sequence[str], most: int) -> list[Gain]:
        known = known_pieces(self.recipe(NONE, {}, 0))
        for piece in chosen:
            if piece not in known:
                raise RecipeError(f"no piece '{piece}' for these clips: known are {', '.join(known)}")
        rows: dict[str, Augment] = {NONE: {}} | {piece: known[piece] for piece in (chosen or known)}
        found = self.measure(rows)
        if together := self.best(found, most):
            title = f"{TOGETHER}: {', '.join(together)}"
            found |= self.measure({title: {name: {} for name in together}}, folder=TOGETHER)
        hits = {title: row.hits for title, row in found.items()}
        subjects = found[NONE].subjects
        for title, row in found.items():
            if row.clips != found[NONE].clips:
                raise DataError(f"{self.folder}: '{title}' was tested on other clips than '{NONE}'")
        self.remark(len(subjects), len(set(subjects)), len(rows) - 1)
        return [gain_of(t, hits[t], None if t == NONE else hits[NONE], subjects) for t in found]

    def measure(self, rows: Mapping[str, Augment], folder: str = "") -> dict[str, _Tested]:
        """Train and test every row with every seed, seed by seed, so that a study cut short has whole tables."""
        parts: dict[str, list[_Tested]] = {title: [] for title in rows}
        for seed in range(self.seeds):
            for title, augment in rows.items():
                recipe = self.recipe(title, augment, seed)
                run = self.folder / (folder or title) / f"seed{recipe.training.seed}"
                train(recipe, run, resume=(run / CONFIG).exists(), show=self.show)
                parts[title].append(_tested(run))
        return {title: _joined(runs) for title, runs in parts.items()}

    def best(self, found: Mapping[str, _Tested], most: int) -> list[str]:
        """Up to `most` pieces that were above none, in the order in which they act; none when fewer than two were."""
        scores = {title: row.validation if self.validated else float(row.hits.mean()) for title, row in found.items()}
        above = sorted((t for t in scores if t != NONE and scores[t] > scores[NONE]), key=lambda t: -scores[t])[:most]
        if len(above) < 2:
            self.remarks.append(f"{self.data.name}: fewer than two pieces were above none, so none stand together.")
            return []
        if not self.validated:
            self.remarks.append(
                f"{self.data.name}: there is no validation split, so the pieces that stand together were chosen on the "
                "test clips: the gain of that row is flattered."
            )
        return [title for title in found if title in above]

    def remark(self, clips: int, people: int, rows: int) -> None:
        recipe = self.recipe(NONE, {}, 0)
        kind = " that do not exist" if self.synthetic else ""
        place = recipe.data.manifest or recipe.data.root
        self.remarks.append(
            f"{self.data.name}: {Path(place).name}, {clips} test clips of {people} people{kind}; recipe {self.name}, "
            f"encoder {recipe.encoder.name}, {recipe.optimiser.epochs} epochs, {self.seeds} "
            f"seed{'s' * (self.seeds > 1)}. Of {rows} pieces about {0.05 * rows:.1f} would be called better or worse "
            "by chance alone."
        )


@dataclass(frozen=True)
class _Tested:
    """A row: which `clips` it got right, `hits` bool (seeds, clips), whose they are, and its mean validation top-1."""

    clips: tuple[tuple[str, ...], ...]
    hits: np.ndarray
    subjects: tuple[str, ...]
    validation: float


def _tested(run: Path) -> _Tested:
    """The predictions of a finished run on its test split, made once."""
    file = run / "evaluation" / PREDICTIONS
    if not file.is_file():
        evaluate_run(run, run / "evaluation", split=TEST)
    with file.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    clips = tuple((row["video"], row["start"], row["end"], row["label"]) for row in rows)
    hits = np.array([[row["label"] == row["predicted"] for row in rows]])
    validation = float(parse_json((run / CONFIG).read_text("utf-8"))["best"]["val_top1"])
    return _Tested(clips, hits, tuple(row["subject"] for row in rows), validation)


def _joined(runs: Sequence[_Tested]) -> _Tested:
    first = runs[0]
    return _Tested(
        first.clips,
        np.concatenate([run.hits for run in runs]),
        first.subjects,
        float(np.mean([run.validation for run in runs])),
    )


def table(result: StudyResult) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the table, per cent: a row a piece, four columns a set."""
    sets = list(result.rows)
    header = ["augmentation", *(f"{name}: {c}" for name in sets for c in ("top-1", "gain", "95 % interval", "verdict"))]
    titles = list(dict.fromkeys(row.title for rows in result.rows.values() for row in rows))
    body = []
    for title in titles:
        cells = [title]
        for rows in result.rows.values():
            row = next((row for row in rows if row.title == title), None)
            cells += ["", "", "", ""] if row is None else _cells(row)
        body.append(cells)
    return header, body


def _cells(row: Gain) -> list[str]:
    top1 = f"{100 * row.top1.value:.1f} ({100 * row.top1.low:.1f} to {100 * row.top1.high:.1f})"
    if not np.isfinite(row.top1.low):
        top1 = f"{100 * row.top1.value:.1f} (one person)"
    if row.gain is None:
        return [top1, "", "", ""]
    interval = "" if not np.isfinite(row.gain.low) else f"{100 * row.gain.low:+.1f} to {100 * row.gain.high:+.1f}"
    return [top1, f"{100 * row.gain.value:+.1f}", interval, row.verdict]


def to_markdown(result: StudyResult) -> str:
    """The table as Markdown, with what was measured on what below it."""
    header, body = table(result)
    lines = Table(header, body).markdown()
    about = (
        "Gains in points of top-1 against the same recipe without augmentation, on the same test clips; intervals "
        "resample people and add the spread over seeds. A piece is called better, or worse, only where the whole "
        "interval says so."
    )
    return "\n".join(lines) + "\n\n" + "\n\n".join([about, *result.remarks]) + "\n"


def to_csv(result: StudyResult) -> str:
    """Every row of every set: shares in [0, 1] with four decimals."""
    ends = ("top1", "top1_low", "top1_high", "gain", "gain_low", "gain_high")
    table = []
    for name, rows in result.rows.items():
        for row in rows:
            gain = ("", "", "") if row.gain is None else (row.gain.value, row.gain.low, row.gain.high)
            numbers = [v if v == "" else f"{v:.4f}" for v in (row.top1.value, row.top1.low, row.top1.high, *gain)]
            table.append([name, row.title, *numbers, row.seeds, row.verdict])
    return Table(["set", "augmentation", *ends, "seeds", "verdict"], table).csv()
