"""The verbs that make people who do not exist: synthesize, demo. Nothing heavy at import."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from microgesture.commands.arguments import arg, verb
from microgesture.commands.training import RESUMES, stoppable


@verb(
    "make a world of people that do not exist",
    arg("out", help="folder for the synthetic world"),
    configuration="microgesture.synthetic.worlds.plan:WorldConfig",
)
def synthesize(args: Namespace) -> int:
    """Make a world of people that do not exist, with known truth. The same command resumes after a stop."""
    from microgesture.progress import track
    from microgesture.runs.configuration import dataclass_from_flags
    from microgesture.synthetic.worlds.plan import WorldConfig
    from microgesture.synthetic.worlds.world import synthesize as make

    config = dataclass_from_flags(WorldConfig, args.flags, "microgesture synthesize OUT")
    with track(f"synthesizing {args.out}") as progress:
        make(Path(args.out), config, progress=progress)
    written = [name for name in ("manifest.csv", "interviews.csv", "timelines.csv") if (Path(args.out) / name).exists()]
    print(f"{args.out}: {', '.join(written)} and world.json are written")
    return 0


@verb(
    "the main job on an interview of a synthetic person, in minutes",
    arg("-o", "--out", default="demo-output", help="folder for everything the demo makes"),
    arg("--seed", type=int, default=7, help="another seed, another world"),
    arg("--training", action="store_true", help="train all three stages from nothing: ten minutes"),
)
def demo(args: Namespace) -> int:
    """Render an interview with a person who does not exist, analyse it, and name a report to open."""
    from microgesture.commands.demo import demo as analyse
    from microgesture.commands.demo_training import demo_training

    run = demo_training if args.training else analyse
    return 130 if stoppable(lambda: run(Path(args.out), args.seed), RESUMES) is None else 0
