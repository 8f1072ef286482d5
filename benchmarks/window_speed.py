"""Windows of skeletons a second: made, described (features), and learnt by the built-in recogniser, in one run.

Learning should never wait for windows: what is made beside it by one more process must be more than what is learnt.

    python benchmarks/window_speed.py --width 192 --layers 4 --batch 64
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from microgesture.encoders.gesture_words import GestureWords
from microgesture.encoders.skeleton_transformer import SkeletonTransformer
from microgesture.recognition import create_objective
from microgesture.runs.configuration import OptimiserConfig
from microgesture.runs.devices import autocast, resolve_precision
from microgesture.synthetic.worlds.skeleton_bank import LIBRARY, make_bank
from microgesture.synthetic.worlds.skeleton_windows import SkeletonWindows
from microgesture.training.optimisers import make_optimizer
from microgesture.vocabulary import Vocabulary


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    windows = SkeletonWindows(make_bank(40, 5), 100_000)
    encoder = SkeletonTransformer(args.width, args.layers, features="movement")
    words = Vocabulary.load("imigue")
    objective = create_objective("visual-text-timed", encoder, GestureWords(), words, motions=len(LIBRARY))
    optimiser = make_optimizer(objective, OptimiserConfig("muon", lr_encoder=1e-3, lr_text=1e-3))
    batch = windows.__getitems__(range(args.batch))

    def learn() -> None:
        with autocast(resolve_precision("auto", "cpu"), "cpu"):
            losses = objective(batch)
        optimiser.zero_grad()
        sum(value for name, value in losses.items() if name.endswith("_loss")).backward()
        optimiser.step()

    acts = {
        "made": lambda: windows.__getitems__(range(args.batch)),
        "described": lambda: encoder.features(batch["clip"][:, 0]),
        "learnt": learn,
    }
    for act in acts.values():
        act()
    rounds = [{name: seconds(act) for name, act in acts.items()} for _ in range(args.rounds)]
    rates = {name: args.batch / statistics.median(r[name] for r in rounds) for name in acts}
    for name, rate in rates.items():
        ratio = statistics.median(r["learnt"] / r[name] for r in rounds)
        print(f"{name}: {rate:.0f} windows per second, {ratio:.2f} times as many as are learnt")


if __name__ == "__main__":
    main()
