"""All three stages trained from nothing, small enough for two cores and ten minutes: `microgesture demo --training`.

A synthetic world is rendered; the rows of the paper's ablation table are trained on it and tested on other
bodies, other cameras and another way of moving; an emotion model learns from gesture texts; an interview that
nothing was trained on becomes a timeline and a report. A second call resumes where the first one stopped.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from microgesture.errors import UserError
from microgesture.timeline import Timeline

if TYPE_CHECKING:
    from microgesture.synthetic.worlds.plan import WorldConfig

CLASSES = (
    "Touching jaw",
    "Touching or scratching neck",
    "Covering face",
    "Folding arms",
    "Rubbing or holding hands",
    "Scratching or touching arms",
    "Shaking shoulders",
    "Illustrative hand gestures",
)
"""Eight of iMiGUE's classes, confusable ones among them (jaw and neck, three things that hands and arms do
together); "No gesture" is the ninth."""

ROWS = ("demo/baseline", "demo/visual_text", "demo/handcrafted", "demo/adaptive", "demo/finetune")

CLIPS, INTERVIEWS, TIMELINES, SUBJECTS = 1300, 3, 400, 120
"""Sizes of the world: training clips are three quarters of all clips."""


def demo_training(out: Path, seed: int = 7) -> Path:
    """Run the demo into `out` and return the report's path; prints what it does as it does it.

    Raises `UserError` when a row of the table could not be trained or `out` holds something else.
    """
    from microgesture.analysis.analyzer import load
    from microgesture.analysis.result_files import write_analysis
    from microgesture.emotion.model import EmotionModel
    from microgesture.progress import track

    began = time.monotonic()
    console = Console(highlight=False)
    world, emotion = out / "world", out / "runs/demo/emotion"
    with part(console, "1  a world of people that do not exist"):
        _make_world(world, seed)
    with part(console, "2  stages 1 and 2: gestures from clips and their label texts"):
        run = _learn_gestures(world, out)
    with part(console, "3  stage 3: emotion from gesture texts"):
        learn_emotion(["--timelines", str(world / "timelines.csv"), "--recogniser", str(run)], emotion)
    with part(console, "4  an interview that nothing was trained on"):
        video, truth, outcome = unseen_interview(world)
        with track(f"analyzing {video.name}") as progress:
            timeline = load(run).analyze(video, emotion=EmotionModel.load(emotion), progress=progress)
        report = write_analysis(timeline, out / "interview", video, thumbnails="original")
        compare(timeline, truth, outcome)
    console.print(f"\nDone in {(time.monotonic() - began) / 60:.1f} minutes.")
    console.print(f"Table and figures: {out}/table.md, {out}/confusion.png, {out}/embedding.png", soft_wrap=True)
    console.print(f"Open the report:   {report}", soft_wrap=True)
    return report


def unseen_interview(world: Path) -> tuple[Path, Path, str]:
    """Video, true timeline and outcome of the first filmed interview of the test split."""
    with (world / "interviews.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["split"] == "test":
                return world / row["video"], world / row["timeline"], row["outcome"]
    raise UserError(f"{world}: holds no test interview")


def _make_world(world: Path, seed: int) -> None:
    from microgesture.synthetic.worlds.plan import WorldConfig

    config = WorldConfig(
        clips=CLIPS,
        interviews=INTERVIEWS,
        timelines=TIMELINES,
        subjects=SUBJECTS,
        shares=(0.76, 0.08, 0.16),
        classes=";".join(CLASSES),
        interview_seconds=(50.0, 70.0),
        size=80,
        interview_size=240,  # a person looks at these
        fps=10.0,
        seed=seed,
        workers=2,
    )
    make_world(world, config)


def _learn_gestures(world: Path, out: Path) -> Path:
    from microgesture.evaluation.benchmark import benchmark
    from microgesture.evaluation.summary import print_table
    from microgesture.training.prerequisites import run_folder

    result = benchmark(ROWS, out, flags=["--data.manifest", str(world / "manifest.csv")])
    if result.failed:
        raise UserError(next(iter(result.failed.values())))
    print_table(result.evaluations)
    return run_folder(out, ROWS[-1], 0)


def make_world(world: Path, config: WorldConfig) -> None:
    """Synthesize a world, with its progress."""
    from microgesture.progress import track
    from microgesture.synthetic.worlds.world import synthesize

    with track("rendering") as progress:
        synthesize(world, config, progress=progress)


def learn_emotion(flags: Sequence[str], out: Path) -> None:
    """Train the recipe `demo/emotion` with these flags over it, unless that was done."""
    from microgesture.commands.emotion import train_and_print
    from microgesture.emotion.recipes import load_emotion_recipe

    if (out / "evaluation.json").exists():
        print(f"{out} is trained already")
        return
    train_and_print(load_emotion_recipe("demo/emotion", flags), out)


def compare(timeline: Timeline, truth_file: Path, outcome: str) -> None:
    """Print how a timeline and its reading agree with the truth."""
    from microgesture import formats
    from microgesture.spotting import match_events

    truth = formats.read(truth_file)
    found = match_events(timeline.events, truth.events)
    print(
        f"{len(timeline)} gestures found, {len(truth)} true ones, {found.hits} matched at temporal IoU 0.3 "
        f"(F1 {found.f1:.2f})"
    )
    reading = timeline.emotion
    if reading is not None:
        leading = max(reading.probabilities, key=lambda k: reading.probabilities[k])
        share = reading.probabilities[leading]
        print(f"emotion: {reading.label} ({leading} {share:.2f}); true outcome of the interview: {outcome}")


@contextmanager
def part(console: Console, title: str) -> Iterator[None]:
    """A titled part of the output, with the seconds that it took."""
    console.rule(f"[bold]{title}", align="left")
    began = time.monotonic()
    yield
    console.print(f"({time.monotonic() - began:.0f} s)", style="dim")
