"""Frames per second of the synthetic renderer, and how much faster it is than testing every ray against every
solid.

Both ways run in this process on the same clips, one after the other, with the same shading; the plain way
differs only in the rasteriser. Usage: `python benchmarks/renderer_speed.py [--size 128] [--threads 1]`.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from microgesture.synthetic.people.body import sample_body
from microgesture.synthetic.people.motion import MOTIONS, perform
from microgesture.synthetic.people.performance import Performance
from microgesture.synthetic.people.schedule import Scheduled, Setting, Style
from microgesture.synthetic.pictures import renderer
from microgesture.synthetic.pictures.appearance import Appearance, sample_appearance
from microgesture.synthetic.pictures.camera import Camera, CameraRanges, sample_camera
from microgesture.synthetic.pictures.primitives import BOX, Solids
from microgesture.synthetic.pictures.raster import MISS, Hits, View, intersect, tile_rays


def rasterise_plainly(solids: Solids, view: View) -> Hits:
    """The nearest three surfaces by intersecting every ray with every solid of its frame."""
    frames, count = solids.radius.shape
    across, down = view.tiles
    frame, ray, pixel = tile_rays(torch.arange(frames * across * down), view)
    table = solids.table(view.focal).view(-1, frames, count)
    keys = torch.full((3, *pixel.shape), MISS, dtype=torch.int32)
    for number in range(count):
        is_box = (solids.kind[number] == BOX).expand(len(frame))
        name = torch.full((len(frame),), number, dtype=torch.int32)
        rows = table[:, :, number].index_select(1, frame)
        new = intersect(rows, is_box, name, ray[0], ray[1], view)
        for layer in range(3):
            keys[layer], new = torch.minimum(keys[layer], new), torch.maximum(keys[layer], new)
    return Hits(keys, frame, ray, pixel)


def clips(count: int, size: int, frames: int) -> list[tuple[Performance, Camera, Appearance]]:
    """People of many kinds, seated and standing, each with a gesture."""
    made = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        key = sorted(MOTIONS)[seed * 7 % len(MOTIONS)]
        seated = not MOTIONS[key].standing_only and (MOTIONS[key].seated_only or seed % 2 == 0)
        setting = Setting(seated, False, "lap" if seated else "sides")
        events = [Scheduled(key, 0.1, frames / 15 - 0.1, seed)]
        performance = perform(sample_body(rng), events, frames / 15, 15.0, setting, Style(), rng)
        camera = sample_camera(rng, CameraRanges(), performance, (size, size))
        made.append((performance, camera, sample_appearance(rng)))
    return made


def seconds(work: list[tuple[Performance, Camera, Appearance]]) -> tuple[float, list[np.ndarray]]:
    """Time to render all clips once, and the frames."""
    begin = time.perf_counter()
    frames = [renderer.render(*clip) for clip in work]
    return time.perf_counter() - begin, frames


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128, help="side of the picture in pixels")
    parser.add_argument("--frames", type=int, default=48, help="frames of each clip")
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    work = clips(options.clips, options.size, options.frames)
    total = options.clips * options.frames
    seconds(work[:1])  # warm up
    tiled, frames = min((seconds(work) for _ in range(3)), key=lambda pair: pair[0])
    few = work[: max(1, options.clips // 4)]
    original = renderer.rasterise
    renderer.rasterise = rasterise_plainly
    try:
        plain, plain_frames = seconds(few)
    finally:
        renderer.rasterise = original
    plain *= len(work) / len(few)
    differs = np.mean([(a != b).any(axis=-1).mean() for a, b in zip(frames, plain_frames, strict=False)])
    print(f"{options.size}x{options.size}, {options.threads} thread(s), {total} frames")
    print(f"tiles                          {total / tiled:8.1f} frames/s")
    print(f"every ray against every solid  {total / plain:8.1f} frames/s")
    print(f"ratio                          {plain / tiled:8.1f}   pixels that differ: {differs:.4%}")


if __name__ == "__main__":
    main()
