"""The whole job, small enough for two cores and ten minutes.

A synthetic world is rendered; the rows of the letter's ablation table are trained on it and tested on other
bodies, other cameras and another way of moving; an emotion model learns from gesture texts; an interview that
nothing was trained on becomes a timeline and a report. Nothing is precomputed; a second call goes on where
the first one stopped.
"""

from __future__ import annotations

from pathlib import Path

DEMO_CLASSES = (
    "Touching jaw",
    "Touching or scratching neck",
    "Touching or scratching forehead",
    "Touching ears",
    "Folding arms",
    "Rubbing or holding hands",
    "Crossing fingers",
    "Scratching or touching arms",
    "Shaking shoulders",
    "Illustrative hand gestures",
)
"""Ten of iMiGUE's classes, confusable ones among them; "No gesture" is the eleventh."""

ROWS = ("demo/baseline", "demo/visual_text", "demo/handcrafted", "demo/adaptive", "demo/finetune")


def demo(out: Path, seed: int = 7) -> Path:
    """Run the demo into `out` and return the report's path; prints what it does as it does it."""
    from microgesture.analysis_files import write_analysis
    from microgesture.analyzer import load
    from microgesture.benchmark import benchmark
    from microgesture.emotion import EmotionModel
    from microgesture.emotion.recipe import train_emotion_recipe
    from microgesture.evaluation.summary import print_table
    from microgesture.synthetic.world import WorldConfig, synthesize
    from microgesture.training.progress import track

    world = out / "world"
    with _part("1  a world of people that do not exist"), track("rendering") as progress:
        config = WorldConfig(**WORLD, classes=";".join(DEMO_CLASSES), seed=seed)
        synthesize(world, config, progress=progress)
    with _part("2  stages 1 and 2: learn gestures from clips and their label texts"):
        result = benchmark(ROWS, out, flags=["--data.manifest", str(world / "manifest.csv")])
        print_table(result.evaluations)
    with _part("3  stage 3: learn emotion from gesture texts"):
        run = out / "runs/demo/finetune/seed0"
        flags = ["--timelines", str(world / "timelines.csv"), "--recogniser", str(run)]
        train_emotion_recipe("demo/emotion", flags, out / "runs/demo/emotion")
    with _part("4  an interview that nothing was trained on"), track("analyzing") as progress:
        video = unseen_interview(world)
        emotion = EmotionModel.load(out / "runs/demo/emotion")
        timeline = load(run).analyze(video, emotion=emotion, progress=progress)
        report = write_analysis(timeline, out / "interview", video, thumbnails=True)
        _compare_with_truth(world, video, timeline)
    print(f"\nTable and figures: {out}/table.md, confusion.png, embedding.png\nOpen the report: {report}")
    return report
