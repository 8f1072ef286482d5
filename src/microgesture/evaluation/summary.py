"""Many evaluations on one test set: the table, confusion matrices side by side, visual and text spaces."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from microgesture.corpora.published import published_row
from microgesture.errors import DataError
from microgesture.evaluation.figures import confusion_figure, embedding_figure
from microgesture.evaluation.metrics import majority_metrics
from microgesture.evaluation.run import Evaluation
from microgesture.evaluation.tables import (
    ABLATION_ROWS,
    AblationRow,
    ablation_rows,
    caption,
    to_csv,
    to_markdown,
    to_rich,
)
from microgesture.files.atomic import write_text
from microgesture.runs.recipe_difference import first_difference


def rows_of(evaluations: Sequence[Evaluation]) -> dict[str, list[Evaluation]]:
    """Evaluations by row: runs of one recipe that differ in their seed are one row, under the recipe's title.

    Two recipes of one title are two rows, told apart by their folders.
    """
    groups: dict[str, list[list[Evaluation]]] = {}
    for evaluation in evaluations:
        rows = groups.setdefault(evaluation.title, [])
        for row in rows:
            if not first_difference(row[0].recipe, evaluation.recipe, seeds=False):
                row.append(evaluation)
                break
        else:
            rows.append([evaluation])
    return {
        title if len(rows) == 1 else f"{title} ({row[0].folder})": row for title, rows in groups.items() for row in rows
    }


def comparable(evaluations: Mapping[str, Sequence[Evaluation]]) -> tuple[dict[str, list[Evaluation]], list[str]]:
    """The evaluations on one test set, that of most runs, and a remark on each that was left out: it was tested on
    other clips, or leaves some of them out as it cannot read them."""
    tests = Counter(_test_set(run) for runs in evaluations.values() for run in runs)
    common = max(tests, key=lambda test: tests[test])  # the first of those that are as frequent
    kept: dict[str, list[Evaluation]] = {}
    remarks = []
    for title, runs in evaluations.items():
        for run in runs:
            if _test_set(run) == common:
                kept.setdefault(title, []).append(run)
                continue
            what = "other clips" if run.names == common[0] else "other classes"
            remarks.append(
                f"Left out: {_name(title)} ({run.folder}), tested on {what}: {run.metrics.clips} of split "
                f"'{run.split}', the others on {len(common[2])}."
            )
    return kept, remarks


def _test_set(run: Evaluation) -> tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...]]:
    return run.names, run.subjects, tuple(run.labels.tolist())


def table_rows(evaluations: Mapping[str, Sequence[Evaluation]]) -> list[AblationRow]:
    """Rows of the table, the majority line first; several seeds of a row are averaged.

    Raises `DataError` when the runs were tested on different clips: `comparable` leaves the odd ones out.
    """
    if remarks := comparable(evaluations)[1]:
        raise DataError(f"tested on different clips, no common table. {remarks[0]}")
    first = next(iter(evaluations.values()))[0]
    majority = majority_metrics(first.train_labels, first.labels, len(first.names), first.subjects)
    rows = ablation_rows({"majority": majority, **{k: [e.metrics for e in v] for k, v in evaluations.items()}})
    of_name = {_name(key): runs[0] for key, runs in evaluations.items()}
    return [with_context(row, of_name.get(row.name, replace(first, recipe={}, cost=None, chosen=""))) for row in rows]


def with_context(row: AblationRow, run: Evaluation) -> AblationRow:
    """A row with the clips that it was measured on, what its network costs and the published numbers that its recipe
    names."""
    printed = published_row(str(run.recipe.get("published") or ""))
    published = printed if printed is not None else row.published
    return replace(row, cost=run.cost, published=published, split=run.split, chosen=run.chosen)


def print_table(evaluations: Mapping[str, Sequence[Evaluation]]) -> None:
    """The table on the terminal; what it leaves out on stderr."""
    kept, remarks = comparable(evaluations)
    rows = table_rows(kept)
    console = Console(width=None if Console().is_terminal else 150)
    console.print(to_rich(rows))
    console.print(caption(rows), style="dim", highlight=False)
    for remark in remarks:
        print(remark, file=sys.stderr)


def write_summary(evaluations: Mapping[str, Sequence[Evaluation]], out: Path) -> None:
    """Write `table.md`, `table.csv`, `confusion.png` and `embedding.png` into `out`; of runs on several test sets those
    on the one that most have (`comparable`)."""
    evaluations, remarks = comparable(evaluations)
    rows = table_rows(evaluations)
    write_text(out / "table.md", to_markdown(rows, remarks))
    write_text(out / "table.csv", to_csv(rows))
    ordered = sorted(evaluations, key=lambda k: list(ABLATION_ROWS).index(k) if k in ABLATION_ROWS else 99)
    names = next(iter(evaluations.values()))[0].names
    matrices = {_name(k): np.sum([e.confusion for e in evaluations[k]], axis=0) for k in ordered}
    confusion_figure(matrices, names, out / "confusion.png")
    spaces = {_name(k): (evaluations[k][0].clips, evaluations[k][0].texts) for k in ordered}
    embedding_figure(spaces, evaluations[ordered[0]][0].labels, names, out / "embedding.png")


def _name(key: str) -> str:
    return ABLATION_ROWS.get(key, key)
