"""Predictions for a challenge's test clips, in the file that its server takes.

| name | data | file |
|---|---|---|
| miga2023, miga2024 | iMiGUE, SMG | zip of `Submission.csv`: `<clip id>,<class>` without a header |
| miga2025, miga2026 | iMiGUE, SMG | zip of `prediction.csv` with header `Id,Target` |
| ma52 | MA-52 | zip of `prediction.csv`: `vid,action_pred_1..5,body_pred_1..5` |

Classes are numbered from 0 in the vocabulary's order (iMiGUE: 0..30 and 31 for illustrative), as the pickles that
participants exchange do; `numbers="file"` writes those of the label files (1..31 and 99).
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from microgesture.atomic import replacing
from microgesture.datasets.manifest import ClipRow, Manifest
from microgesture.datasets.sources import read_source
from microgesture.errors import DataError, RecipeError
from microgesture.evaluation.fusion import FILE, mix
from microgesture.evaluation.run import scored_split
from microgesture.training.assembly import Run, load_run
from microgesture.vocabulary import BODY_REGIONS, Vocabulary

CHALLENGES = {
    **dict.fromkeys(("miga2023", "miga2024"), "Submission.csv"),
    **dict.fromkeys(("miga2025", "miga2026", "ma52"), "prediction.csv"),
}
TOP = 5


def submit(
    run: str | Path,
    challenge: str,
    out: str | Path,
    data: str | None = None,
    split: str = "",
    numbers: Literal["index", "file"] = "index",
) -> int:
    """Predict the unlabelled test clips with a run, or with the runs of a fusion folder, and write the zip `out`.

    `data` is the data set's folder, the run's own unless given; `split` names a split to predict in place of the
    unlabelled clips. Returns the number of clips. Raises `RecipeError` for an unknown challenge, `DataError` when there
    is nothing to predict, or a clip has no id or cannot be read: the server wants every one.
    """
    if challenge not in CHALLENGES:
        raise RecipeError(f"no challenge '{challenge}': known are {', '.join(CHALLENGES)}")
    runs, weights = _members(Path(run))
    opened = [load_run(folder) for folder in runs]
    vocabulary = opened[0].vocabulary
    rows = rows_to_predict(opened[0], data, split)
    scores = []
    for each in opened:
        placed = tuple(replace(row, label=vocabulary.names[0], split="test") for row in rows)
        manifest = Manifest(Path(data or each.recipe.data.root or each.recipe.data.manifest), placed, vocabulary)
        each.recipe.data.on_problem = "refuse"
        each.recipe.data.cache = False
        scores.append(scored_split(each, manifest, "test")[1].probabilities(each.temperature))
    ids = [clip_id(row) for row in rows]
    twice = next((name for name in ids if ids.count(name) > 1), None) if len(set(ids)) < len(ids) else None
    if twice:
        raise DataError(f"two test clips have the id '{twice}'")
    text = table(challenge, ids, mix(scores, weights), vocabulary, numbers)
    with replacing(Path(out)) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(CHALLENGES[challenge], text)
    return len(ids)


def rows_to_predict(run: Run, data: str | None, split: str) -> tuple[ClipRow, ...]:
    """The clips to predict: the data set's unlabelled ones, or those of a split."""
    settings = run.recipe.data
    root = data or settings.root or settings.manifest
    if not root:
        raise RecipeError(f"'{run.folder}' names no data to predict: give --data FOLDER")
    beside = Path(root) / "unlabelled.csv" if Path(root).is_dir() else Path(root).with_name("unlabelled.csv")
    if beside.is_file() and not split:
        from microgesture.datasets.manifest import read_unlabelled

        return read_unlabelled(beside)
    source = "" if (Path(root) / "manifest.csv").is_file() or Path(root).is_file() else settings.source
    reading = read_source(root, source, settings.protocol, run.vocabulary)
    rows = tuple(row for row in reading.rows if row.split == split) if split else reading.unlabelled
    if not rows:
        what = f"no clip of split '{split}'" if split else "no test clip without a label"
        raise DataError(f"{root}: {what}; --split test predicts the labelled test clips")
    return rows


def clip_id(row: ClipRow) -> str:
    """A clip's id in its data set's own terms: the column `id`, else the file's name."""
    return row.extra.get("id") or row.media.stem


def table(
    challenge: str,
    ids: Sequence[str],
    probabilities: np.ndarray,
    vocabulary: Vocabulary,
    numbers: Literal["index", "file"] = "index",
) -> str:
    """The CSV of a challenge from probabilities `(N, K)`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    if challenge == "ma52":
        ranks = [f"{kind}_pred_{i}" for kind in ("action", "body") for i in range(1, TOP + 1)]
        writer.writerow(["vid", *ranks])
        regions = np.array([BODY_REGIONS.index(c.body_region) for c in vocabulary])
        bodies = np.stack([probabilities[:, regions == r].sum(1) for r in range(len(BODY_REGIONS))], 1)
        for name, p, body in zip(ids, probabilities, bodies, strict=True):
            file = name if Path(name).suffix else f"{name}.mp4"
            writer.writerow([file, *np.argsort(-p, kind="stable")[:TOP], *np.argsort(-body, kind="stable")[:TOP]])
        return stream.getvalue()
    if CHALLENGES[challenge] == "prediction.csv":
        writer.writerow(["Id", "Target"])
    for name, k in zip(ids, probabilities.argmax(1).tolist(), strict=True):
        number = vocabulary[k].file_id if numbers == "file" else k
        if number is None:
            raise RecipeError(f"class '{vocabulary[k].name}' has no number in label files")
        writer.writerow([name, number])
    return stream.getvalue()


def _members(folder: Path) -> tuple[list[Path], list[float]]:
    """The runs and weights of a fusion folder; a run alone has weight 1."""
    if not (folder / FILE).is_file():
        return [folder], [1.0]
    described = json.loads((folder / FILE).read_text("utf-8"))["runs"]
    return [Path(d["run"]) for d in described], [float(d["weight"]) for d in described]
