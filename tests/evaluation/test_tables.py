"""The ablation table: order of the paper, published numbers beside, and text that other programs read."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from microgesture.corpora.published import published_results
from microgesture.errors import DataError
from microgesture.evaluation.metrics import Metrics, evaluate, majority_metrics
from microgesture.evaluation.tables import (
    ABLATION_ROWS,
    ablation_rows,
    ablation_table,
    caption,
    to_csv,
    to_markdown,
)

LABELS = np.arange(200) % 8
SUBJECTS = np.arange(200) // 20


def _run(right: float, seed: int = 0) -> Metrics:
    rng = np.random.default_rng(seed)
    hit = rng.random(200) < right
    return evaluate(np.eye(8)[np.where(hit, LABELS, (LABELS + 1) % 8)], LABELS, SUBJECTS)


def test_rows_come_in_the_letters_order_and_own_rows_last() -> None:
    rows = ablation_rows({"own idea": _run(0.6), "finetune": _run(0.9), "majority": _run(0.1)})
    assert [r.name for r in rows] == ["Majority class", "+ finetune", "own idea"]
    assert all(r.published is None for r in rows)


def test_published_numbers_stand_beside() -> None:
    rows = ablation_rows({key: _run(0.5) for key in ABLATION_ROWS}, "imigue_ablation")
    assert [r.published for r in rows] == [
        None,
        (38.17, 72.99),
        (64.6, 85.26),
        (65.01, 85.31),
        (66.06, 85.61),
        (66.12, 87.27),
    ]
    with pytest.raises(DataError, match="imigue_ablation"):
        ablation_rows({"majority": _run(0.5)}, "table 7")
    assert published_results()["smg_recognition"][-1][0] == "Visual-text (the paper)"


def test_markdown() -> None:
    majority = majority_metrics(LABELS, LABELS, 8, SUBJECTS)
    rows = ablation_rows({"majority": majority, "finetune": [_run(0.9, 0), _run(0.9, 1), _run(0.9, 2)]})
    text = to_markdown(rows)
    lines = text.splitlines()
    assert lines[0].startswith("|  | top-1 | 95 % interval | top-5 | mean-class")
    assert lines[2].startswith("| Majority class | 12.5 | ")
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert lines[-1] == caption(rows)
    assert "200 test clips of 10 subjects, 8 classes" in lines[-1]
    assert "Mean of 3 seeds" in lines[-1]
    few = evaluate(np.eye(3)[[0, 1, 2]], np.array([0, 1, 2]), ["a"] * 3)
    text = to_markdown(ablation_rows({"a|b": few}))
    assert "top-3" in text
    assert "one subject" in text
    assert r"a\|b" in text


def test_csv_reads_back() -> None:
    run = _run(0.8)
    rows = list(csv.DictReader(io.StringIO(to_csv(ablation_rows({"baseline": run}, "imigue_ablation")))))
    assert rows[0]["row"] == "Baseline R(2+1)D"
    assert float(rows[0]["top1"]) == pytest.approx(run.top1, abs=1e-4)
    assert float(rows[0]["top1_low"]) == pytest.approx((run.intervals["top1"] or (0, 0))[0], abs=1e-4)
    assert rows[0]["published_top1"] == "0.3817"
    assert rows[0]["clips"] == "200"
    assert rows[0]["split"] == "test"


def test_what_is_no_test_set_is_said() -> None:
    row = ablation_rows({"baseline": _run(0.8)})[0]
    assert "200 validation clips of 10 subjects, which chose the epoch, 8" in caption(
        [replace(row, split="val", chosen="the epoch")]
    )
    assert "200 clips of split 'exam' of 10 subjects, 8" in caption([replace(row, split="exam")])
    assert to_markdown([row], ["One was left out."]).splitlines()[-1] == "One was left out."


def test_rich_table_prints_every_cell() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(ablation_table(ablation_rows({"baseline": _run(0.8)}, "imigue_ablation")).rich())
    printed = console.export_text()
    assert "Baseline R(2+1)D" in printed
    assert "38.17" in printed
