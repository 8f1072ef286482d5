"""Many evaluations on one test set: the table, confusion matrices side by side, visual and text spaces."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from microgesture.corpora.published import published_row
from microgesture.errors import DataError
from microgesture.evaluation.figures import confusion_figure, embedding_figure
from microgesture.evaluation.frozen_codes import UNION
from microgesture.evaluation.metrics import majority_metrics
from microgesture.evaluation.run import Evaluation
from microgesture.evaluation.tables import (
    ABLATION_ROWS,
    AblationRow,
    ablation_rows,
    ablation_table,
    caption,
    to_csv,
    to_markdown,
)
from microgesture.files.atomic import write_text
from microgesture.recognition import Objective, objective_class
from microgesture.runs.recipe_difference import first_difference
from microgesture.statistics import confusion_matrix
from microgesture.tables import console

UNION_REMARK = (
    "Rows named union: their top-5 is a hit of any of five classifiers' answers and no ranked list; published numbers "
    "of MSTCN-VAE are such unions, of forests that learn from labels."
)


def rows_of(evaluations: Sequence[Evaluation]) -> dict[str, list[Evaluation]]:
    """Evaluations by row: runs of one recipe that differ in their seed are one row, under the recipe's title.

    Two recipes of one title are two rows, told apart by their folders.
    """
    groups: dict[str, list[list[Evaluation]]] = {}
    for evaluation in (part for whole in evaluations for part in _by_measure(whole)):
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


def _by_measure(evaluation: Evaluation) -> list[Evaluation]:
    """One evaluation for each measure of codes, under its name; the published numbers stand beside the measure that
    they are of, and the first carries the codes themselves. Any other evaluation is left as it is."""
    parts: list[Evaluation] = []
    own = getattr(_objective_of(evaluation), "authors_measure", "") if evaluation.codes else ""
    for name, measure in evaluation.codes.items():
        published = evaluation.recipe.get("published", "") if name == own else ""
        part = replace(
            evaluation,
            title=f"{evaluation.title}: {name}",
            recipe={**evaluation.recipe, "published": published},
            metrics=measure.metrics,
            confusion=confusion_matrix(evaluation.labels, measure.answers, len(evaluation.names)),
            codes={},
        )
        parts.append(replace(part, clips=np.zeros((0, 0))) if parts else part)
    return parts or [evaluation]


def _objective_of(evaluation: Evaluation) -> type[Objective]:
    return objective_class(evaluation.recipe["objective"]["name"])


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
    terminal = console()
    terminal.print(ablation_table(rows).rich("Results"))
    terminal.print(caption(rows), style="dim", markup=False)
    for remark in remarks + _union_remark(kept):
        print(remark, file=sys.stderr)


def _union_remark(evaluations: Mapping[str, Sequence[Evaluation]]) -> list[str]:
    return [UNION_REMARK] if any(run.title.endswith(UNION) for runs in evaluations.values() for run in runs) else []


def write_summary(evaluations: Mapping[str, Sequence[Evaluation]], out: Path) -> None:
    """Write `table.md`, `table.csv`, `confusion.png` and `embedding.png` into `out`; of runs on several test sets those
    on the one that most have (`comparable`)."""
    evaluations, remarks = comparable(evaluations)
    rows = table_rows(evaluations)
    write_text(out / "table.md", to_markdown(rows, remarks + _union_remark(evaluations)))
    write_text(out / "table.csv", to_csv(rows))
    ordered = sorted(evaluations, key=lambda k: list(ABLATION_ROWS).index(k) if k in ABLATION_ROWS else 99)
    names = next(iter(evaluations.values()))[0].names
    matrices = {_name(k): np.sum([e.confusion for e in evaluations[k]], axis=0) for k in ordered}
    confusion_figure(matrices, names, out / "confusion.png")
    first = ((k, evaluations[k][0]) for k in ordered)
    spaces = {_name(k): (run.clips, run.texts) for k, run in first if run.clips.size}
    embedding_figure(spaces, evaluations[ordered[0]][0].labels, names, out / "embedding.png")


def _name(key: str) -> str:
    return ABLATION_ROWS.get(key, key)
