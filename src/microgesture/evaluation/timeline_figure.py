"""What was found drawn over what is true, one row a label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from microgesture.evaluation.figures import save_figure
from microgesture.libraries.matplotlib_loader import Figure
from microgesture.timeline import GestureEvent

_TRUE, _FOUND, _WRONG = "#9aa7b5", "#1f77b4", "#d95f02"


def timeline_figure(
    truth: Sequence[GestureEvent], found: Sequence[GestureEvent], hits: Sequence[int], duration: float, path: Path
) -> Path:
    """Truth as grey bars above, found events below, blue where one of `hits` (indices of `found`), orange elsewhere."""
    labels = sorted({e.label for e in truth} | {e.label for e in found}, reverse=True)
    rows = {label: i for i, label in enumerate(labels)}
    figure = Figure(figsize=(11, 0.9 + 0.34 * max(len(labels), 1)), layout="constrained")
    axes = figure.subplots()
    right = set(hits)
    groups = (
        ("true", _TRUE, list(truth), 0.04),
        ("found, right", _FOUND, [e for i, e in enumerate(found) if i in right], -0.36),
        ("found, wrong", _WRONG, [e for i, e in enumerate(found) if i not in right], -0.36),
    )
    for name, colour, events, below in groups:
        bars = [(e.start, e.end - e.start, rows[e.label]) for e in events]
        axes.barh(
            [row + below + 0.16 for *_, row in bars],
            [length for _, length, _ in bars],
            left=[start for start, *_ in bars],
            height=0.32,
            color=colour,
            label=name,
        )
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlim(0, duration)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_xlabel("seconds")
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper right", ncols=3, frameon=False)
    return save_figure(figure, path)
