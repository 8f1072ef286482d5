"""Share of a training step spent waiting for clips: from the clip cache and from the decoder, side by side in one run.

microgesture synthesize world --clips 200 --interviews 0 --timelines 0
python benchmarks/loader_wait.py world/manifest.csv --recipe synthetic/baseline
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from microgesture.datasets import make_loader
from microgesture.datasets.clips import ClipDataset
from microgesture.libraries.cpu_bfloat16 import avoid_wrong_kernel
from microgesture.recognition import Objective
from microgesture.runs.configuration import Recipe, load_recipe
from microgesture.runs.data import open_manifest
from microgesture.runs.devices import autocast, clip_input, resolve_precision, to_channels_last
from microgesture.training.assembly import build_objective
from microgesture.training.loop import make_optimizer


def one_step(objective: Objective, optimizer: torch.optim.Optimizer, batches: Iterator) -> tuple[float, float]:
    """Seconds waited for the batch, and seconds of the whole step."""
    began = time.perf_counter()
    batch = next(batches)
    waited = time.perf_counter() - began
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batch = {**{k: v.to(device) for k, v in batch.items()}, "clip": clip_input(batch, device)}
    with autocast(resolve_precision("auto", device), device):
        losses = objective(batch)
    sum(v for k, v in losses.items() if k.endswith("_loss")).backward()  # type: ignore[union-attr]
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if device == "cuda":
        torch.cuda.synchronize()
    return waited, time.perf_counter() - began


def loader(recipe: Recipe, data, cache: Path | None, epoch: int) -> Iterator:
    options = recipe.data
    clips = ClipDataset(
        data.split("train"),
        data.vocabulary,
        options.frames,
        options.size,
        options.fit,
        training=True,
        flip=options.flip,
        random_crop=options.random_crop,
        cache=cache,
    )
    return iter(make_loader(clips, recipe.optimiser.batch, shuffle=True, epoch=epoch, workers=options.workers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifest")
    parser.add_argument("--recipe", default="synthetic/baseline")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--steps", type=int, default=6)
    args = parser.parse_args()
    recipe = load_recipe(args.recipe, ["--data.manifest", args.manifest])
    recipe.data = replace(recipe.data, workers=args.workers)
    data = open_manifest(recipe)
    objective = build_objective(recipe, data.vocabulary)
    to_channels_last(objective)
    avoid_wrong_kernel(objective)
    objective.train().to("cuda" if torch.cuda.is_available() else "cpu")
    optimizer = make_optimizer(objective, recipe.optimiser)
    with tempfile.TemporaryDirectory() as folder:
        cached, decoded = loader(recipe, data, Path(folder), 0), loader(recipe, data, None, 0)
        for batches in (cached, decoded):
            one_step(objective, optimizer, batches)  # warm-up
        pairs = [(one_step(objective, optimizer, cached), one_step(objective, optimizer, decoded))
                 for _ in range(args.steps)]  # fmt: skip
    for name, steps in (("clip cache", [a for a, _ in pairs]), ("decoder", [b for _, b in pairs])):
        share = statistics.median(waited / whole for waited, whole in steps)
        seconds = statistics.median(whole for _, whole in steps)
        print(f"{name}: {100 * share:.1f} % of a step of {seconds:.2f} s is waiting for clips")
    print(f"step with the decoder / step with the cache: {statistics.median(b[1] / a[1] for a, b in pairs):.2f}")


if __name__ == "__main__":
    main()
