"""Many evaluations on one test set: the table, confusion matrices side by side, visual and text spaces."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from microgesture.atomic import write_text
from microgesture.errors import DataError
from microgesture.evaluation.figures import confusion_figure, embedding_figure
from microgesture.evaluation.metrics import majority_metrics
from microgesture.evaluation.run import Evaluation
from microgesture.evaluation.tables import (
    ABLATION_ROWS,
    AblationRow,
    ablation_rows,
    caption,
    published_row,
    to_csv,
    to_markdown,
    to_rich,
)


def rows_of(evaluations: Sequence[Evaluation]) -> dict[str, list[Evaluation]]:
    """Evaluations by row: runs of one recipe that differ in their seed are one row, under the recipe's title.

    Two recipes of one title are two rows, told apart by their folders.
    """
    groups: dict[str, list[list[Evaluation]]] = {}
    for evaluation in evaluations:
        rows = groups.setdefault(evaluation.title, [])
        for row in rows:
            if different_part(row[0].recipe, evaluation.recipe, seeds=False) is None:
                row.append(evaluation)
                break
        else:
            rows.append([evaluation])
    return {
        title if len(rows) == 1 else f"{title} ({row[0].folder})": row for title, rows in groups.items() for row in rows
    }


def different_part(a: Mapping[str, Any], b: Mapping[str, Any], seeds: bool = True) -> str | None:
    """The first key in which two recipes (`Recipe.to_dict`) train something else, None when they are the same.

    What does not change the result is not looked at. `seeds` False takes runs of different seeds for the same,
    those included that start from a run of their own seed.
    """
    for key in a:
        x, y = _what_matters(key, a[key], seeds), _what_matters(key, b[key], seeds)
        if x != y:
            return key
    return None


def _what_matters(key: str, value: Any, seeds: bool) -> Any:
    if key in ("title", "published"):
        return None
    if key == "start":
        folder = str(Path(value).resolve()) if value else ""
        return folder if seeds else re.sub(r"seed\d+$", "seed", folder)
    if key == "data":
        manifest = str(Path(value["manifest"]).resolve())
        return {k: v for k, v in value.items() if k not in ("workers", "cache")} | {"manifest": manifest}
    if key == "training":
        return {k: value[k] for k in ("precision", "keep", *(["seed"] if seeds else []))}
    return value


def table_rows(evaluations: Mapping[str, Sequence[Evaluation]]) -> list[AblationRow]:
    """Rows of the table, the majority line first; several seeds of a row are averaged.

    Raises `DataError` when the runs were tested on different clips.
    """
    first = next(iter(evaluations.values()))[0]
    for runs in evaluations.values():
        for run in runs:
            if run.names != first.names or run.subjects != first.subjects or list(run.labels) != list(first.labels):
                raise DataError(f"'{run.folder}' and '{first.folder}' were tested on different clips: no common table")
    majority = majority_metrics(first.train_labels, first.labels, len(first.names), first.subjects)
    rows = ablation_rows({"majority": majority, **{k: [e.metrics for e in v] for k, v in evaluations.items()}})
    of_name = {_name(key): runs[0] for key, runs in evaluations.items()}
    return [with_context(row, of_name[row.name]) if row.name in of_name else row for row in rows]


def with_context(row: AblationRow, run: Evaluation) -> AblationRow:
    """A row with what its network costs and the published numbers that its recipe names."""
    printed = published_row(str(run.recipe.get("published") or ""))
    return replace(row, cost=run.cost, published=printed if printed is not None else row.published)


def print_table(evaluations: Mapping[str, Sequence[Evaluation]]) -> None:
    """The table on the terminal."""
    rows = table_rows(evaluations)
    console = Console(width=None if Console().is_terminal else 150)
    console.print(to_rich(rows))
    console.print(caption(rows), style="dim", highlight=False)


def write_summary(evaluations: Mapping[str, Sequence[Evaluation]], out: Path) -> None:
    """Write `table.md`, `table.csv`, `confusion.png` and `embedding.png` into `out`."""
    rows = table_rows(evaluations)
    write_text(out / "table.md", to_markdown(rows))
    write_text(out / "table.csv", to_csv(rows))
    ordered = sorted(evaluations, key=lambda k: list(ABLATION_ROWS).index(k) if k in ABLATION_ROWS else 99)
    names = next(iter(evaluations.values()))[0].names
    matrices = {_name(k): np.sum([e.confusion for e in evaluations[k]], axis=0) for k in ordered}
    confusion_figure(matrices, names, out / "confusion.png")
    spaces = {_name(k): (evaluations[k][0].clips, evaluations[k][0].texts) for k in ordered}
    embedding_figure(spaces, evaluations[ordered[0]][0].labels, names, out / "embedding.png")


def _name(key: str) -> str:
    return ABLATION_ROWS.get(key, key)
