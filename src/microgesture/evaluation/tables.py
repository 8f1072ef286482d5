"""The paper's ablation table (Table I) as Markdown, CSV and a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from microgesture.corpora.published import published_results
from microgesture.datasets.split_names import TEST, VALIDATION
from microgesture.errors import DataError
from microgesture.evaluation.metrics import Metrics, mean_over_seeds
from microgesture.tables import Table, percent, percent_interval

if TYPE_CHECKING:
    from microgesture.evaluation.cost import Cost

ABLATION_ROWS = {
    "majority": "Majority class",
    "baseline": "Baseline R(2+1)D",
    "visual-text": "+ visual-text contrastive",
    "handcrafted": "+ handcrafted prompting",
    "adaptive": "+ adaptive prompting",
    "finetune": "+ finetune",
}
"""Rows of Table I in the paper's order, key to name; the majority line is ours."""


@dataclass(frozen=True)
class AblationRow:
    """One row: its name, the metrics (of one run, or the mean of several seeds), the published top-1 and top-5 in per
    cent, where there are any, what the network costs, the split that was measured on, and what was `chosen` on the very
    same clips ("the epoch"; empty for a test set)."""

    name: str
    metrics: Metrics
    published: tuple[float, float | None] | None = None
    cost: Cost | None = None
    split: str = TEST
    chosen: str = ""


def ablation_rows(
    results: Mapping[str, Metrics | Sequence[Metrics]], published: str | None = None
) -> list[AblationRow]:
    """Rows of the table in the paper's order.

    `results` maps keys of `ABLATION_ROWS` (or any other name, which comes last under that name) to the metrics
    of one run or of several seeds. `published` names the printed table to stand beside ("imigue_ablation").
    Raises `DataError` when there is no such table.
    """
    printed: dict[str, tuple[float, float | None]] = {}
    if published is not None:
        tables = published_results()
        if published not in tables:
            raise DataError(f"no published table '{published}': give one of {', '.join(tables)}")
        printed = {row[0]: (row[-2], row[-1]) for row in tables[published] if len(row) >= 3}
    rows = []
    for key in [*(k for k in ABLATION_ROWS if k in results), *(k for k in results if k not in ABLATION_ROWS)]:
        name, found = ABLATION_ROWS.get(key, key), results[key]
        metrics = found if isinstance(found, Metrics) else mean_over_seeds(found)
        rows.append(AblationRow(name, metrics, printed.get(name)))
    return rows


def to_markdown(rows: Sequence[AblationRow], remarks: Sequence[str] = ()) -> str:
    """The table as GitHub Markdown, per cent, with a line that says what the interval is, and the remarks below it."""
    return "\n".join([*ablation_table(rows).markdown(), "", "\n\n".join([caption(rows), *remarks]), ""])


def to_csv(rows: Sequence[AblationRow]) -> str:
    """The table as CSV: shares in [0, 1] with four decimals, bounds in columns of their own."""
    names = ("top1", "top5", "mean_class", "macro_f1")
    bounds = [f"{name}_{end}" for name in names for end in ("low", "high")]
    columns = ["row", *names, *bounds, "clips", "subjects", "seeds", "published_top1", "published_top5"]
    lines: list[list[object]] = []
    for row in rows:
        m, cost = row.metrics, row.cost
        ends = [m.intervals.get(name) or (None, None) for name in names]
        values = [*(getattr(m, name) for name in names), *(end for pair in ends for end in pair)]
        printed = [None if p is None else p / 100 for p in (row.published or (None, None))]
        context = ["", "", ""] if cost is None else [cost.modality, cost.parameters, f"{cost.gflops:.4f}"]
        counts = [m.clips, m.subjects, m.seeds]
        lines.append([row.name, *map(_share, values), *counts, *map(_share, printed), *context, row.split])
    return Table([*columns, "modality", "parameters", "gflops", "split"], lines).csv()


def caption(rows: Sequence[AblationRow]) -> str:
    """What was measured on what, in one line."""
    if not rows:
        return "No rows."
    m = rows[0].metrics
    seeds = sorted({r.metrics.seeds for r in rows if r.name != ABLATION_ROWS["majority"]})
    said = ""
    if seeds:
        many = str(seeds[-1]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        said = " One seed." if seeds == [1] else f" Mean of {many} seeds."
    absent = m.classes - m.classes_present
    split = rows[0].split
    kind = "test " if split == TEST else "validation " if split in VALIDATION else ""
    clips = f"{m.clips} {kind}clips" + ("" if kind else f" of split '{split}'")
    chosen = next((f" which chose {row.chosen}," for row in rows if row.chosen), "")
    classes = f"{m.classes} classes" + (f" ({absent} without {kind}clips)" if absent else "")
    interval = "95 % intervals resample subjects" + (
        "" if max(seeds, default=1) == 1 else " and add the spread over seeds"
    )
    counted = " GFLOPs are 10^9 multiply-adds a clip." if any(r.cost for r in rows) else ""
    return f"Per cent; {clips} of {m.subjects} subjects,{chosen} {classes}; {interval}.{said}{counted}"


def ablation_table(rows: Sequence[AblationRow]) -> Table:
    """The table in per cent; costs and published numbers have columns where a row has them."""
    top = min((r.metrics.classes for r in rows), default=5)
    header = ["", "top-1", "95 % interval", f"top-{min(5, top)}", "mean-class", "95 % interval"]
    costs = any(r.cost for r in rows)
    if costs:
        header[1:1] = ["modality", "parameters", "GFLOPs"]
    letter = any(r.published for r in rows)
    if letter:
        header += ["published top-1", "published top-5"]
    body = []
    for row in rows:
        m = row.metrics
        first, mean = (percent_interval(m.intervals.get(name), "one subject") for name in ("top1", "mean_class"))
        cells = [row.name, percent(m.top1), first, percent(m.top5), percent(m.mean_class), mean]
        if costs:
            cells[1:1] = _cost_cells(row.cost)
        if letter:
            cells += ["" if p is None else f"{p:.2f}" for p in (row.published or (None, None))]
        body.append(cells)
    return Table(header, body)


def _cost_cells(cost: Cost | None) -> list[str]:
    if cost is None:
        return ["", "", ""]
    return [cost.modality, f"{cost.parameters / 1e6:.2f} M", f"{cost.gflops:.2f}"]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
