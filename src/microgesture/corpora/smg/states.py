"""SMG's emotional states: the stretches of a film for which one is annotated, with the gestures inside them.

`Sample0001_tflabels_new.csv` has no header; its rows are `state,first frame,last frame,code`. The code's units digit is
1 or 2 for the state, its tens digit says whether it is hidden, as the public data generator of its authors decodes it
(`label % 10 - 1` for the state, `label // 10` for hiding). The files do not say which state is which. Here 1 is
"relaxed" and 2 "stressed", which is the order in which the authors name them and not documented: a result that depends
on the sign must be checked against the authors' own figures, one that only asks for the difference need not be.
Frames count as those of the fine labels do (`smg.py`): from 0, the last one included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from microgesture.datasets.folder_files import folders_under, number_lines, whole_number
from microgesture.errors import DataError
from microgesture.skeletons.kinect import FPS
from microgesture.skeletons.number_rows import read_number_rows
from microgesture.timeline import GestureEvent, Media, Timeline
from microgesture.vocabulary import Vocabulary

OUTCOMES = {1: "relaxed", 2: "stressed"}
"""The states by the units digit of their code."""
_FILE = re.compile(r"Sample(\d{1,4})_(tflabels_new|finelabels|data)\.csv", re.IGNORECASE)


def smg_states(root: str | Path) -> list[tuple[str, Timeline, str, str]]:
    """The states of all samples below `root` that have such a file: name, gestures, outcome and subject of each.

    The name is `Sample0001-1`: the sample, and the state's place among its states in order of time. The timeline holds
    the fine labels that lie in the state's interval, cut to it, with times from its start; `provenance` says the
    interval in the film (seconds), the code and its tens digit as `hidden`. `published("smg")` holds the published
    numbers of states. Raises `DataError` naming file and row: for a row that has not four whole numbers, an interval
    that ends before it starts, a code that names no state; and for a missing file of fine labels.
    """
    samples: dict[int, dict[str, Path]] = {}
    for folder, _, names in folders_under(Path(root)):
        for name in names:
            if match := _FILE.fullmatch(name):
                samples.setdefault(int(match[1]), {}).setdefault(match[2].lower(), folder / name)
    found: list[tuple[str, Timeline, str, str]] = []
    vocabulary = Vocabulary.load("smg")
    for number, files in sorted(samples.items()):
        if "tflabels_new" in files:
            found += _states(number, files, vocabulary)
    if not found:
        raise DataError(f"{root}: no states of SMG in it (Sample0001_tflabels_new.csv)")
    return found


def _states(number: int, files: dict[str, Path], vocabulary: Vocabulary) -> list[tuple[str, Timeline, str, str]]:
    path, sample = files["tflabels_new"], f"Sample{number:04d}"
    if "finelabels" not in files:
        raise DataError(f"{path}: no {sample}_finelabels.csv says which gestures there are")
    fps = _rate(files.get("data"))
    gestures = _gestures(files["finelabels"], fps, vocabulary)
    intervals: list[tuple[int, int, int]] = []
    for line, (_, first, last, code) in _whole_rows(path, 4):
        if code % 10 not in OUTCOMES or not 0 < code < 100:
            raise DataError(f"{path}: row {line}: code {code} is no state: its last digit is 1 or 2")
        intervals.append((first, last, code))
    found = []
    for place, (first, last, code) in enumerate(sorted(intervals), start=1):
        begin, end = first / fps, (last + 1) / fps
        provenance = {
            "tool": "SMG",
            "sample": sample,
            "interval": [round(begin, 3), round(end, 3)],
            "code": code,
            "hidden": code // 10,
        }
        media = Media(f"{sample}_color.mp4", end - begin, fps)
        events = _within(gestures, begin, end)
        timeline = Timeline(events, media, vocabulary.name, vocabulary.names, provenance=provenance)
        found.append((f"{sample}-{place}", timeline, OUTCOMES[code % 10], str(number)))
    return found


def _within(gestures: Sequence[GestureEvent], begin: float, end: float) -> tuple[GestureEvent, ...]:
    """What of the gestures lies in [begin, end), cut to it, with times from `begin`."""
    cut = [(max(g.start, begin) - begin, min(g.end, end) - begin, g) for g in gestures]
    return tuple(replace(g, start=start, end=stop) for start, stop, g in cut if stop - start > 1e-9)


def _gestures(path: Path, fps: float, vocabulary: Vocabulary) -> list[GestureEvent]:
    found = []
    for line, (label, first, last) in _whole_rows(path, 3):
        try:
            gesture = vocabulary[vocabulary.from_file_id(label)]
        except DataError as error:
            raise DataError(f"{path}: row {line}: {error}") from error
        times = first / fps, (last + 1) / fps
        found.append(GestureEvent(*times, gesture.name, gesture.id, 1.0, gesture.body_region, annotator="SMG"))
    return found


def _whole_rows(path: Path, width: int) -> list[tuple[int, list[int]]]:
    """(row, numbers) of a table of whole numbers, the first and last frame in columns 2 and 3; without its header."""
    found = []
    lines = number_lines(path)
    if lines and not any(c.isdigit() for text in lines[0][1] for c in text):
        lines = lines[1:]
    for line, fields in lines:
        if len(fields) != width:
            raise DataError(f"{path}: row {line}: {len(fields)} columns, expected {width}")
        try:
            values = [whole_number(text) for text in fields]
        except DataError as error:
            raise DataError(f"{path}: row {line}: {error}") from error
        if values[1] < 0 or values[2] < values[1]:
            raise DataError(f"{path}: row {line}: frames {values[1]} to {values[2]} are no interval")
        found.append((line, values))
    return found


def _rate(data: Path | None) -> float:
    """Frames a second of a sample; the Kinect's where no file says it."""
    if data is None:
        return FPS
    rate = float(read_number_rows(data, (2, 3))[0, 1])
    if not (np.isfinite(rate) and rate > 0):
        raise DataError(f"{data}: row 1: {rate:g} frames per second make no sense")
    return rate
