"""Peak memory of `analyze` on a long video against a short one, each in a process of its own.

    python benchmarks/analyze_memory.py RUN --minutes 60

Writes a video of noise-free moving bars of that length (seconds to make, as its frames repeat), analyses it and one
of a tenth of the length, and prints both peaks and their ratio.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from microgesture.video import VideoWriter

CHILD = """
import resource, sys, microgesture
timeline = microgesture.load(sys.argv[1]).analyze(sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(timeline))
"""


def write(path: Path, minutes: float, fps: float = 25.0) -> None:
    rows, columns = np.mgrid[0:360, 0:640]
    frames = [
        np.repeat((128 + 100 * np.sin((columns + 8 * k) / 30 + rows / 50))[..., None], 3, 2).astype(np.uint8)
        for k in range(50)
    ]
    with VideoWriter(path, fps, (640, 360), preset="ultrafast") as writer:
        for i in range(int(minutes * 60 * fps)):
            writer.write(frames[i % len(frames)])


def peak(run: str, video: Path) -> float:
    done = subprocess.run([sys.executable, "-c", CHILD, run, str(video)], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of a trained run")
    parser.add_argument("--minutes", type=float, default=60)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peaks = []
        for name, minutes in (("short", args.minutes / 10), ("long", args.minutes)):
            video = Path(folder) / f"{name}.mp4"
            write(video, minutes)
            peaks.append(peak(args.run, video))
            print(f"{minutes:g} minutes: peak {peaks[-1]:.0f} MiB", flush=True)
    print(f"ratio long / short: {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
