"""Clips of "No gesture", cut from what lies between the gestures that somebody marked in a film.

A recogniser that is to find gestures in a whole video must know what none looks like. This holds only where everything
was marked: what a human passed over is taught as nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from microgesture.datasets.manifest import ClipRow, Manifest
from microgesture.errors import DataError, RecipeError
from microgesture.vocabulary import NO_GESTURE

UNSURE = "unsure"
"""Column of a row that holds the stretches of its film in which a human was not sure: "3.2-4.1 9-9.6", seconds."""

Stretch = tuple[float, float]


def add_background(manifest: Manifest, share: float, splits: Sequence[str] = ("train",), seed: int = 0) -> Manifest:
    """The manifest with `share` times as many clips of "No gesture" as it has gestures in each of the `splits`, as far
    as the films have room for them, and that class in the vocabulary. Rows that are there stay as they are.

    Raises `RecipeError` for a negative share, `DataError` when no film has room for one.
    """
    if share < 0:
        raise RecipeError(f"the share of clips without a gesture is 0 or more, not {share:g}")
    found: list[ClipRow] = []
    for split in splits if share else ():
        rows = [row for row in manifest.split(split) if row.label != NO_GESTURE]
        made = between(rows, seed=seed)
        order = np.random.default_rng((seed, len(made))).permutation(len(made))
        found += [made[i] for i in sorted(order[: round(share * len(rows))])]
    if share and not found:
        raise DataError(
            f"{manifest.path}: no room for clips without a gesture: gestures need start, end, and time between them"
        )
    return replace(manifest, rows=(*manifest.rows, *found), vocabulary=manifest.vocabulary.with_background())


def between(rows: Sequence[ClipRow], margin: float = 0.25, shortest: float = 0.8, seed: int = 0) -> list[ClipRow]:
    """Clips of "No gesture" side by side in the gaps between gestures: the same person in the same film and split.

    A gap is what lies between two marked stretches, `margin` seconds away from both; before the first and after the
    last one is none, for nobody knows whether somebody looked there. What a human rejected counts as nothing. The
    lengths are drawn from those of the film's own gestures and are at least `shortest` seconds; the draws depend on
    the film's name and the `seed`.
    """
    films: dict[tuple[Path, str, str, str], list[ClipRow]] = {}
    for row in rows:
        if row.start is not None and row.end is not None:
            films.setdefault((row.media, row.person, row.subject, row.split), []).append(row)
    made: list[ClipRow] = []
    for (media, person, _, _), marked in films.items():
        name = hashlib.sha256(f"{media.name} {person}".encode()).digest()
        draws = np.random.default_rng((seed, int.from_bytes(name[:8], "big")))
        lengths = [max(end - start, shortest) for start, end in map(_span, marked)]
        for number, (start, end) in enumerate(_filled(_gaps(marked, margin), lengths, shortest, draws)):
            extra = {"id": f"{marked[0].extra.get('id', media.stem)}:none{number}"}
            made.append(replace(marked[0], label=NO_GESTURE, start=start, end=end, extra=extra, row=0))
    return made


def _gaps(marked: Sequence[ClipRow], margin: float) -> Iterator[Stretch]:
    """What lies between the gestures of one film and the stretches of which nobody is sure."""
    taken = sorted({*map(_span, marked), *(stretch for row in marked for stretch in unsure_stretches(row))})
    last = taken[0][1]
    for start, end in taken[1:]:
        if start - last > 2 * margin:
            yield last + margin, start - margin
        last = max(last, end)


def _filled(
    gaps: Iterator[Stretch], lengths: Sequence[float], shortest: float, draws: np.random.Generator
) -> Iterator[Stretch]:
    """Stretches of those lengths, one after another through every gap; the last one may be shorter."""
    for start, end in gaps:
        while end - start >= shortest:
            stop = min(start + float(draws.choice(lengths)), end)
            yield round(start, 3), round(stop, 3)
            start = stop


def _span(row: ClipRow) -> Stretch:
    assert row.start is not None
    assert row.end is not None
    return row.start, row.end


def unsure_stretches(row: ClipRow) -> list[Stretch]:
    """What the column `unsure` of a row says, in seconds; raises `DataError` when it cannot be read."""
    found = []
    for text in row.extra.get(UNSURE, "").split():
        start, _, end = text.partition("-")
        try:
            found.append((float(start), float(end)))
        except ValueError:
            raise DataError(f"row {row.row}: column '{UNSURE}' holds '{text}', which is not start-end") from None
    return found
