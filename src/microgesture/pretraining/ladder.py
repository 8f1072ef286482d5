"""A ladder that shows where accuracy is lost: the same people seen ever less well.

Each rung adds one thing that stands between a movement and its name. What the lowest rung misses is a fault of the
motion, the label or the learning, and never of a pose estimator; what a rung loses against the one before is lost to
what it adds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from microgesture.pretraining.built_in import score_clips
from microgesture.runs.run import Run
from microgesture.synthetic.worlds.skeleton_bank import SkeletonBank
from microgesture.tables import Table
from microgesture.vocabulary import Vocabulary

RUNGS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "true joints, all in the picture": ("test.npz", {"noise": None, "everything": True}),
    "true joints, framed": ("test.npz", {"noise": None}),
    "modelled errors, framed": ("test.npz", {}),
    "poses from rendered video": ("estimated-test.npz", {}),
}
"""Each rung's bank and how its windows are seen (options of `SkeletonWindows`), best seen first."""

NOT_IN_A_SKELETON: Mapping[str, Mapping[str, str]] = {
    "imigue": {
        "Touching hat": "no point of a skeleton is a hat: a touch of the head",
        "Pressing lips": "lips move by millimetres, less than their points tremble",
        "Bulging face, deep breath": "cheeks have no points; a deep breath is a small shrug",
        "Buckle button, pulling shirt collar, adjusting tie": "clothes have no points: a touch of neck or chest",
        "Playing or manipulating objects": "what a hand holds has no points",
    },
    "smg": {
        "Pulling shirt collar": "clothes have no points: a touch of the neck",
        "Playing with jewelry, and manipulating other objects": "what a hand holds has no points",
    },
    "ma52": {
        "playing objects": "what a hand holds has no points",
        "pushing glasses": "glasses have no points: a touch of the nose or the temple",
    },
}
"""Classes that a skeleton cannot tell from others, with the reason; the ladder counts them apart."""

ALL = "all"
"""Row of all regions together."""


def ladder(
    run: Run, banks: Path, vocabularies: Sequence[str], clips: int = 3000
) -> dict[str, dict[str, dict[str, Any]]]:
    """Top-1 by rung, vocabulary and body region, over `clips` windows each of the test people in the folder `banks`.

    Of each region: `top1`, `clips` and `told`, the top-1 over the classes that a skeleton can tell (None without).
    Rungs whose bank is not there are left out.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for rung, (name, view) in RUNGS.items():
        if not (banks / name).exists():
            continue
        bank = SkeletonBank.load(banks / name)
        for vocabulary in vocabularies:
            words = Vocabulary.load(vocabulary)
            scored = score_clips(run, bank, vocabulary, clips, **view)
            right = scored.logits.argmax(1) == scored.labels
            names = [words[k].name for k in scored.labels]
            regions = [words[k].body_region for k in scored.labels]
            rows = found.setdefault(rung, {}).setdefault(vocabulary, {})
            for region in (ALL, *sorted(set(regions))):
                of = [k for k, r in enumerate(regions) if region in (ALL, r)]
                told = [k for k in of if names[k] not in NOT_IN_A_SKELETON[vocabulary]]
                rows[region] = {
                    "top1": float(right[of].mean()),
                    "clips": len(of),
                    "told": float(right[told].mean()) if told else None,
                }
    return found


def ladder_rows(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[str]:
    """Markdown: a table a vocabulary, a row per rung, a column a region; top-1 in per cent, over the classes that a
    skeleton can tell in brackets where it differs."""
    lines: list[str] = []
    for vocabulary in dict.fromkeys(v for rung in found.values() for v in rung):
        regions = list(dict.fromkeys(r for rung in found.values() for r in rung.get(vocabulary, {})))
        rows = [[rung, *(_cell(at.get(vocabulary, {}).get(r)) for r in regions)] for rung, at in found.items()]
        lines += [*Table((vocabulary, *regions), rows).markdown(), ""]
    return lines


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    whole = f"{100 * row['top1']:.0f}"
    told = "" if row["told"] is None else f"{100 * row['told']:.0f}"
    return whole if told in ("", whole) else f"{whole} ({told})"
