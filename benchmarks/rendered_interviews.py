"""Event F1 of the built-in weights through the whole chain: rendered interviews, pose estimation, spotting.

    python benchmarks/rendered_interviews.py OUT --interviews 6 --seconds 60

Synthesizes a world whose seed no training used, filmed from the test domain's cameras at 25 fps, analyzes its
interviews with the built-in weights (or `--model RUN`), prints F1 at temporal IoU 0.3 against the truth beside the
F1 from the true joints and how far starts and ends of the hits are off, and draws the timeline of the first over its
truth. Needs the extra `pose`.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from microgesture import formats, load
from microgesture.evaluation.figures import save_figure
from microgesture.libraries.matplotlib_loader import Figure
from microgesture.spotting import match_events, pool
from microgesture.spotting.matching import boundary_errors
from microgesture.synthetic.worlds.plan import WorldConfig
from microgesture.synthetic.worlds.world import synthesize
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--interviews", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--seed", type=int, default=90_001)
    parser.add_argument("--model")
    parser.add_argument("--figure", type=Path)
    args = parser.parse_args()
    world = WorldConfig(
        clips=0,
        interviews=args.interviews,
        timelines=0,
        seed=args.seed,
        interview_size=args.size,
        fps=25.0,
        subjects=max(args.interviews, 3),
        shares=(0.0, 0.0, 1.0),
        interview_seconds=(args.seconds, args.seconds),
        workers=2,
    )
    synthesize(args.out / "world", world)
    analyzer = load(args.model)
    matchings, from_joints, off = [], [], []
    for video in sorted((args.out / "world" / "interviews").glob("*.mp4")):
        truth = formats.read(video.with_suffix(".json"))
        found = analyzer.analyze(video)
        formats.write(found, args.out / f"{video.stem}.json")
        matchings.append(match_events(found.events, truth.events, iou=0.3))
        off += boundary_errors(found.events, truth.events, matchings[-1])
        skeleton = args.out / "world" / "skeletons" / "interviews" / f"{video.stem}.npz"
        from_joints.append(match_events(analyzer.analyze(skeleton).events, truth.events, iou=0.3))
        print(video.stem, f"F1 {matchings[-1].f1:.2f}, from true joints {from_joints[-1].f1:.2f}", flush=True)
        if len(matchings) == 1 and args.figure:
            hits = [i for i, _ in matchings[0].matches]
            timeline_figure(truth.events, found.events, hits, truth.duration, args.figure)
    for name, each in (("video", matchings), ("true joints", from_joints)):
        total = pool(each)
        row = {"f1": total.f1, "precision": total.precision, "recall": total.recall, "truth": total.truth}
        print(name, json.dumps({k: round(v, 3) for k, v in row.items()}))
    if off:
        start, end = np.median(np.abs(off), axis=0)
        print(f"starts of hits are off by {start:.2f} s, ends by {end:.2f} s (medians)")


if __name__ == "__main__":
    main()
