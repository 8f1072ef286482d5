"""What opening the built-in weights costs beside importing torch: processes of their own, side by side in one run.

python benchmarks/opening.py --rounds 7
"""

import argparse
import statistics
import subprocess
import sys
import time

PLAIN = "import torch"
OURS = "import microgesture; microgesture.load()"


def seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    seconds(OURS)  # files in the cache
    pairs = [(seconds(PLAIN), seconds(OURS)) for _ in range(args.rounds)]
    ratios = sorted(ours / plain for plain, ours in pairs)
    plain, ours = (statistics.median(each) for each in zip(*pairs, strict=True))
    print(f"import torch {plain:.2f} s, import and load {ours:.2f} s, {ours - plain:.2f} s more")
    print(f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
