"""Reader against decode-everything: 32 frames of a clip inside a longer video, and all clips of that video.

Writes a video (default 40 s of 1280x720 at 25 frames per second, a keyframe every 48 frames), then
reads the same clips twice in one run: with `VideoReader.frames_at`, and by decoding the whole file to RGB and
picking frames. Prints both times and their ratio, and checks that the frames are equal.

    python benchmarks/reader_speed.py [--seconds 40] [--clips 6]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import av
import numpy as np

from microgesture.video import VideoReader, VideoWriter, sample_times


def write_scene(path: Path, seconds: int, fps: int = 25, size: tuple[int, int] = (1280, 720)) -> None:
    """A coloured texture that drifts, with noise so that the decoder has work to do."""
    rng = np.random.default_rng(0)
    width, height = size
    texture = np.kron(
        rng.integers(0, 200, (height // 20, width // 20, 3), dtype=np.uint8), np.ones((20, 20, 1), np.uint8)
    )
    grain = rng.integers(0, 12, (height, width, 3), dtype=np.uint8)
    with VideoWriter(path, fps, size) as writer:
        for i in range(seconds * fps):
            writer.write(np.roll(texture, 2 * i, 1) + np.roll(grain, 7 * i, 0))


def decode_everything(path: Path, times: np.ndarray) -> np.ndarray:
    """The plain way: every frame of the file as RGB, then those shown at `times`."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        stamps, wanted, previous = [], [], None
        pending = list(times)
        for frame in container.decode(stream):
            image = frame.to_ndarray(format="rgb24")
            stamps.append(float(frame.pts * stream.time_base))
            while pending and previous is not None and pending[0] < stamps[-1] - 1e-6:
                wanted.append(previous)
                pending.pop(0)
            previous = image
        return np.stack(wanted + [previous] * len(pending))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=40)
    parser.add_argument("--clips", type=int, default=6)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.mp4"
        write_scene(path, options.seconds)
        starts = np.linspace(0, options.seconds - 2, options.clips)
        reader = plain = 0.0
        for start in starts:
            times = sample_times(start, start + 2, 32)
            begun = time.perf_counter()
            with VideoReader(path) as video:
                ours = video.frames_at(times)
            reader += time.perf_counter() - begun
            begun = time.perf_counter()
            theirs = decode_everything(path, times)
            plain += time.perf_counter() - begun
            if not np.array_equal(ours, theirs):
                raise SystemExit(f"frames differ at {start:.2f} s")
        print(f"decode everything: {plain / options.clips * 1000:8.1f} ms a clip")
        print(f"VideoReader:       {reader / options.clips * 1000:8.1f} ms a clip (opening included)")
        print(f"ratio:             {plain / reader:8.1f} times faster, {options.seconds} s of video, equal frames")


if __name__ == "__main__":
    main()
