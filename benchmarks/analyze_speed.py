"""How much faster than the video plays `analyze` runs, by stage: seconds of video per second of wall time.

    python benchmarks/analyze_speed.py VIDEO [--seconds 60] [--height 720]

The video is scaled to the height and repeated until it is long enough, as 25 frames per second. Needs the extra `pose`.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from microgesture import load
from microgesture.analysis.result_files import write_analysis
from microgesture.pose.estimator import create_estimator
from microgesture.pose.extraction import extract
from microgesture.video import VideoReader, VideoWriter


def stretched(source: Path, out: Path, seconds: float, height: int) -> None:
    with VideoReader(source) as reader:
        width = round(reader.size[0] * height / reader.size[1] / 2) * 2
        times = np.arange(0, reader.duration, 1 / 25)
        frames = [np.asarray(Image.fromarray(f).resize((width, height))) for f in reader.frames_at(times)]
    with VideoWriter(out, 25, (width, height), preset="ultrafast") as writer:
        for i in range(int(seconds * 25)):
            step = i % (2 * len(frames))  # forwards and backwards, so that nothing jumps
            writer.write(frames[step if step < len(frames) else 2 * len(frames) - 1 - step])


def timed(job: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    result = job()
    return time.perf_counter() - started, result


def decode(video: Path) -> int:
    with VideoReader(video) as reader:
        return sum(len(times) for times, _ in reader.stream(fps=12.5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--height", type=int, default=720)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder, "video.mp4")
        stretched(args.video, video, args.seconds, args.height)
        analyzer = load()
        with create_estimator() as estimator:
            extract(video, estimator, 1.0)  # models are loaded
        rows = [("decode alone", timed(lambda: decode(video))[0])]
        seconds, watched = timed(lambda: analyzer.watch(video))
        rows.append(("decode and pose, overlapping", seconds))
        seconds, timeline = timed(lambda: analyzer.read(watched))
        rows.append(("recognise and spot", seconds))
        out = Path(folder, "out")
        rows.append(("write the files", timed(lambda: write_analysis(timeline, out, video, track=watched.tracks))[0]))
        rows.append(("everything", sum(s for _, s in rows[1:])))
    for name, seconds in rows:
        print(f"{name:30s} {args.seconds / seconds:7.1f} x real time ({seconds:.1f} s)")


if __name__ == "__main__":
    main()
