"""The verbs that test runs: evaluate, fuse, submit. Nothing heavy at import."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from microgesture.commands.arguments import arg, batch, found, say, verb

if TYPE_CHECKING:
    from microgesture.evaluation.run import Evaluation

OUT = arg("-o", "--out", help="folder; every run gets a folder of its name inside it; default RUN/evaluation")
MANIFEST = arg("--manifest", help="test on this manifest instead of the run's own")


@verb(
    "test runs: accuracies with intervals, confusion matrices",
    arg("run", nargs="+", help="run folders; several give one table"),
    OUT,
    MANIFEST,
    arg("--split", default="", help="split to test on; default: test, or val (which chose the epoch) without a test"),
)
def evaluate(args: Namespace) -> int:
    """Test runs: accuracies with intervals by subject, calibration, confusion matrices."""
    from microgesture.commands.result_places import check_results, note_sources, result_folders
    from microgesture.evaluation.run import evaluate_run
    from microgesture.evaluation.summary import print_table, rows_of, write_summary

    runs, together = found(args.run), Path(args.out or "evaluation")
    outs = result_folders(together, runs) if args.out else {run: Path(run, "evaluation") for run in runs}
    if len(runs) > 1:
        check_results(together, runs, "table.md")
    evaluations: list[Evaluation] = []

    def one(run: str) -> None:
        evaluations.append(evaluate_run(Path(run), out=outs[run], manifest=args.manifest, split=args.split))
        if args.out:
            note_sources(outs[run], [run])

    code = batch(runs, one, args.debug, "runs")
    if evaluations:
        rows = rows_of(evaluations)
        print_table(rows)
        if len(runs) > 1:
            note_sources(together, runs)
        write_summary(rows, together if len(runs) > 1 else outs[runs[0]])
    return code


@verb(
    "fuse the scores of several runs, weights from the validation split",
    arg("run", nargs="+", help="two run folders or more: RGB, skeleton streams, texts"),
    arg("-o", "--out", required=True, help="folder for weights, table and confusion matrix"),
    MANIFEST,
    arg("--split", default="test", help="split to test on; without a test set: val"),
    arg("--weights", nargs="+", type=float, help="one per run; default: searched on the validation split"),
)
def fuse(args: Namespace) -> int:
    """Fuse the scores of several runs that were tested on the same clips."""
    from microgesture.commands.result_places import check_results, note_sources
    from microgesture.evaluation.fusion import FILE
    from microgesture.evaluation.fusion import fuse as run

    check_results(Path(args.out), args.run, FILE)
    fused = run(args.run, args.out, args.manifest, args.split, args.weights)
    note_sources(Path(args.out), args.run)
    print(fused.table)
    if fused.left_out:
        say(f"{fused.left_out} clips cannot be read by all runs and were left out")
    return 0


@verb(
    "predict a challenge's test clips into the zip that its server takes",
    arg("run", help="a run folder, or the folder that `fuse` wrote"),
    arg("--challenge", required=True, help="miga2023, miga2024, miga2025, miga2026 or ma52"),
    arg("-o", "--out", help="the zip to write; default RUN/prediction.zip"),
    arg("--data", help="the data set's folder; default: that of the run"),
    arg("--split", default="", help="predict this split instead of the clips without labels"),
    arg(
        "--data.on_problem",
        dest="on_problem",
        default="refuse",
        choices=("refuse", "skip"),
        help="clips that cannot be used: refuse, as the server wants every one, or skip them",
    ),
    arg("--numbers", default="index", choices=("index", "file"), help="classes from 0, or as in the files"),
)
def submit(args: Namespace) -> int:
    """Predict a challenge's test clips into the zip that its server takes."""
    from microgesture.evaluation.submission import submit as run

    out = args.out or Path(args.run, "prediction.zip")
    count = run(args.run, args.challenge, out, args.data, args.split, args.numbers, args.on_problem)
    print(f"{out}: {count} clips")
    return 0
