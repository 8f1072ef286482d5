"""Training step and inference of the visual-text objective against the plain way, measured side by side in one run.

The plain way: default memory layout, fp32, every label of the batch encoded anew. Ours: channels-last, bf16 where the
processor has it, distinct labels encoded once.

    python benchmarks/training_step.py --encoder r2plus1d_18 --frames 8 --size 56
"""

import argparse
import statistics
import time

import torch

from microgesture import Vocabulary
from microgesture.encoders import create_encoder, create_text_encoder
from microgesture.libraries.cpu_bfloat16 import avoid_wrong_kernel
from microgesture.recognition import Objective, create_objective
from microgesture.runs.devices import autocast, clip_input, resolve_precision, to_channels_last


def build(args: argparse.Namespace, ours: bool) -> Objective:
    torch.manual_seed(0)
    vocabulary = Vocabulary.load("imigue")
    text = create_text_encoder("label-words", vocabulary.names)
    encoder = create_encoder(args.encoder)
    objective = create_objective("visual-text", encoder, text, vocabulary, prompting="pooled", distinct=ours)
    if ours:
        to_channels_last(objective)
        avoid_wrong_kernel(objective)
    return objective


def step(objective: Objective, clip: torch.Tensor, label: torch.Tensor, ours: bool) -> float:
    began = time.perf_counter()
    batch = {"clip": clip_input(clip, "cpu") if ours else clip, "label": label}
    with autocast(resolve_precision("auto", "cpu") if ours else "no", "cpu"):
        losses = objective(batch)
    losses["alignment_loss"].backward()
    objective.zero_grad()
    return time.perf_counter() - began


@torch.inference_mode()
def score(objective: Objective, clip: torch.Tensor, label: torch.Tensor, ours: bool) -> float:
    began = time.perf_counter()
    with autocast(resolve_precision("auto", "cpu") if ours else "no", "cpu"):
        objective.scores(clip_input(clip, "cpu") if ours else clip)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="r2plus1d_18")
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--size", type=int, default=56)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=4)
    args = parser.parse_args()
    plain, ours = build(args, False), build(args, True)
    clip = torch.randn(args.batch, 3, args.frames, args.size, args.size)
    label = torch.randint(0, 32, (args.batch,))
    for name, measure in (("training step", step), ("inference", score)):
        for objective in (plain, ours):
            objective.train(name == "training step")
            measure(objective, clip, label, objective is ours)  # warm-up
        pairs = [(measure(plain, clip, label, False), measure(ours, clip, label, True)) for _ in range(args.rounds)]
        ratio = statistics.median(a / b for a, b in pairs)
        per_clip = [1000 * statistics.median(t) / args.batch for t in zip(*pairs, strict=True)]
        print(f"{name}: plain {per_clip[0]:.1f} ms a clip, ours {per_clip[1]:.1f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
