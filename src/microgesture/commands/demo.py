"""The main job in a minute or two: a synthetic interview is filmed, watched, and read with the built-in weights.

Nothing is trained but a small emotion model. The person does not exist, so what was found can be compared with what
was done. A second call reuses what the first one made.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from microgesture.commands.demo_training import compare, learn_emotion, make_world, part, unseen_interview
from microgesture.errors import MissingExtra
from microgesture.timeline import Timeline

if TYPE_CHECKING:
    from microgesture.emotion.model import EmotionModel
    from microgesture.skeletons.track import SkeletonTrack

SECONDS = 45.0
"""Length of the interview."""
TIMELINES = 300
SIZE = 384
"""Width and height of its picture, pixels."""


def demo(out: Path, seed: int = 7) -> Path:
    """Run the demo into `out` and return the report's path; prints what it does as it does it.

    Without the extra `pose` the skeleton is read in place of the video, and a line says so. Raises `UserError` when
    `out` holds something else.
    """
    from microgesture.analysis.result_files import write_analysis
    from microgesture.emotion.model import EmotionModel

    began = time.monotonic()
    console = Console(highlight=False)
    world, emotion = out / "world", out / "emotion"
    with part(console, "1  an interview with a person who does not exist is rendered"):
        _make_world(world, seed, interviews=1)
    video, truth, outcome = unseen_interview(world)
    with part(console, f"2  a small emotion model learns from {TIMELINES} timelines of other people"):
        _make_world(out / "timelines", seed, timelines=TIMELINES)
        table = out / "timelines" / "timelines.csv"
        title = ["--title", "Logistic regression on gestures"]
        learn_emotion(["--timelines", str(table), "--reader.model", "logistic", *title], emotion)
    with part(console, "3  the built-in weights watch the interview"):
        timeline, tracks = _watch(video, world, EmotionModel.load(emotion), console)
    report = write_analysis(timeline, out / "interview", video, track=tracks)
    for event in timeline:
        console.print(f"{event.start:6.1f} to {event.end:4.1f} s  {event.label} ({event.confidence:.2f})")
    compare(timeline, truth, outcome)
    console.print(f"\nDone in {time.monotonic() - began:.0f} s. Open the report: {report}", soft_wrap=True)
    console.print("Your own video: [bold]microgesture analyze interview.mp4 -o out/[/]  (in .venv/bin)", soft_wrap=True)
    return report


def _make_world(world: Path, seed: int, interviews: int = 0, timelines: int = 0) -> None:
    """Interviews are all of test people."""
    from microgesture.synthetic.worlds.plan import WorldConfig

    config = WorldConfig(
        clips=0,
        interviews=interviews,
        timelines=timelines,
        subjects=40,
        shares=(0.0, 0.0, 1.0) if interviews else (0.7, 0.1, 0.2),
        interview_seconds=(SECONDS, SECONDS),
        interview_size=SIZE,
        fps=12.5,
        seed=seed,
    )
    make_world(world, config)


def _watch(
    video: Path, world: Path, emotion: EmotionModel, console: Console
) -> tuple[Timeline, tuple[SkeletonTrack, ...]]:
    from microgesture.analysis.analyzer import load
    from microgesture.progress import track

    analyzer = load()
    try:
        with track(f"watching {video.name}") as progress:
            return analyzer.analyze_with_tracks(video, emotion=emotion, progress=progress)
    except MissingExtra as missing:
        console.print(f"{missing}; until then the skeleton of the person is read in place of the video", soft_wrap=True)
        return analyzer.analyze_with_tracks(world / "skeletons" / "interviews" / f"{video.stem}.npz", emotion=emotion)
