"""Predicted timelines of many synthetic interviews, through the whole chain but for the pixels.

    python benchmarks/predicted_interviews.py OUT --train 400 --test 400

Every interview of a world (`microgesture synthesize`, of a seed of its own) is acted, looked at by a camera of its
split's domain, given the modelled errors of the pose estimator, and read by the built-in recogniser (or `--model RUN`),
which has seen none of it. Nothing is rendered, which is what makes 800 interviews possible; `rendered_interviews.py`
does the same with pictures for a few.

    OUT/world.json, vocabulary.json, timelines/*.json     as `microgesture synthesize` writes them
    OUT/truth.csv        timeline,subject,split,outcome,duration: the true timelines
    OUT/predicted.csv    the same interviews with the timelines that were found
    OUT/predicted/*.json, *.features.npy   and what the recogniser saw of each event, (events, D)

What is done already is not done again. Prints the event F1 at a temporal IoU of 0.3 over all interviews of each split.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import multiprocessing
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from microgesture import formats, load
from microgesture.analysis.analyzer import Analyzer
from microgesture.analysis.watching import Watched
from microgesture.files.atomic import replacing, write_text
from microgesture.spotting import Matching, match_events, pool
from microgesture.synthetic.worlds.plan import Item, Plan, WorldConfig
from microgesture.synthetic.worlds.staging import stage
from microgesture.synthetic.worlds.world import synthesize
from microgesture.timeline import Media

RATE = 12.5
"""Poses a second: what the built-in recogniser was trained on."""
IOU = 0.3
LOOK_EVERY = 5
"""Frames that share one look for what is hidden (0.4 s; the recogniser's own training looked every 0.64 s)."""


def world_of(train: int, test: int, subjects: int, seed: int) -> WorldConfig:
    """A world of timelines alone, the whole vocabulary, without a validation split."""
    total = train + test
    return WorldConfig(
        clips=0,
        interviews=0,
        timelines=total,
        seed=seed,
        fps=RATE,
        subjects=subjects,
        shares=(train / total, 0.0, test / total),
        poses="estimated",
    )


def predict(plan: Plan, analyzer: Analyzer, item: Item, out: Path) -> None:
    """Act one interview, read it, and write what was found."""
    c = plan.config
    script, _ = plan.interview(item)
    size = plan.size(item)
    staged = stage(script, item.split, c.seed, item.index, item.kind, size, c.fps, c.poses, LOOK_EVERY)
    media = Media(item.name, script.duration, c.fps, staged.track.image_size)
    watched = Watched((staged.track,), media, "modelled estimator")
    found = analyzer.read(watched)
    with replacing(features_of(out)) as temporary, temporary.open("wb") as file:
        np.save(file, analyzer.event_features(watched, found))
    formats.write(replace(found, provenance={**found.provenance, "world_seed": c.seed}), out)


def features_of(timeline: Path) -> Path:
    """The file of the events' visual representations beside a predicted timeline."""
    return timeline.with_suffix(".features.npy")


def is_done(item: Item, out: Path) -> bool:
    timeline = out / "predicted" / f"{item.name}.json"
    return timeline.is_file() and features_of(timeline).is_file()


_worker: tuple[Plan, Analyzer, Path] | None = None  # set once per worker process


def start_worker(config: WorldConfig, model: str | None, out: Path) -> None:
    global _worker
    torch.set_num_threads(1)
    analyzer = load(model, "cpu")
    if (analyzer.modality, analyzer.run.spec.resolution) != ("skeleton", "moment"):
        raise SystemExit(f"{model}: reads no single moments of a skeleton")
    _worker = (Plan(config), analyzer, out)


def work(item: Item) -> None:
    assert _worker is not None
    plan, analyzer, out = _worker
    predict(plan, analyzer, item, out / "predicted" / f"{item.name}.json")


def predict_all(config: WorldConfig, model: str | None, out: Path, workers: int) -> tuple[int, float]:
    """Predict what is missing, with a line of progress now and then; how many those were, and the seconds spent."""
    waiting = [item for item in Plan(config).items() if not is_done(item, out)]
    (out / "predicted").mkdir(exist_ok=True)
    started = said = time.monotonic()
    if waiting:
        with multiprocessing.get_context("spawn").Pool(workers, start_worker, (config, model, out)) as workshop:
            for done, _ in enumerate(workshop.imap_unordered(work, waiting), start=1):
                now = time.monotonic()
                if now - said > 20 or done == len(waiting):
                    left = (now - started) / done * (len(waiting) - done)
                    print(f"{done} of {len(waiting)} interviews, {left / 60:.1f} min to go", flush=True)
                    said = now
    return len(waiting), time.monotonic() - started


def write_tables(out: Path) -> list[dict[str, str]]:
    """`truth.csv`, `predicted.csv`; returns the rows of the former."""
    with (out / "timelines.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for name in ("truth", "predicted"):
        text = io.StringIO()
        found = name == "predicted"
        header = [*rows[0], "features"] if found else list(rows[0])
        writer = csv.DictWriter(text, header, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            place = f"{'predicted' if found else 'timelines'}/{Path(row['timeline']).name}"
            extra = {"features": features_of(Path(place)).as_posix()} if found else {}
            writer.writerow({**row, "timeline": place, **extra})
        write_text(out / f"{name}.csv", text.getvalue())
    return rows


def compare(out: Path, rows: list[dict[str, str]]) -> dict[str, Matching]:
    """Found against true events, over all interviews of each split."""
    matchings: dict[str, list[Matching]] = {}
    for row in rows:
        truth = formats.read(out / row["timeline"])
        found = formats.read(out / "predicted" / Path(row["timeline"]).name)
        matchings.setdefault(row["split"], []).append(match_events(found.events, truth.events, iou=IOU))
    return {split: pool(each) for split, each in matchings.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--train", type=int, default=400)
    parser.add_argument("--test", type=int, default=400)
    parser.add_argument("--subjects", type=int, default=200, help="people, both splits together")
    parser.add_argument("--seed", type=int, default=95_001, help="no training may have used it")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", help="run folder; default: the built-in weights")
    args = parser.parse_args()
    config = world_of(args.train, args.test, args.subjects, args.seed)
    synthesize(args.out, config)
    made, seconds = predict_all(config, args.model, args.out, args.workers)
    rows = write_tables(args.out)
    for split, total in compare(args.out, rows).items():
        chosen = [row for row in rows if row["split"] == split]
        minutes = sum(float(row["duration"]) for row in chosen) / 60
        people = len(np.unique([row["subject"] for row in chosen]))
        figures = {"f1": total.f1, "precision": total.precision, "recall": total.recall}
        counts = {"truth": total.truth, "predicted": total.predicted}
        said = {"interviews": len(chosen), "subjects": people, "minutes": round(minutes, 1), **counts}
        print(split, json.dumps({**said, **{k: round(v, 3) for k, v in figures.items()}}))
    best = json.loads((args.out / "world.json").read_text("utf-8"))["bayes_accuracy"]
    print("best reachable accuracy from true timelines", best["value"], "+-", best["standard_error"])
    if made:
        print(f"{made} interviews in {seconds:.0f} s with {args.workers} processes: {seconds / made:.2f} s each")


if __name__ == "__main__":
    main()
