"""A bank of synthetic people as a pose estimator finds them in rendered video.

The people, what they do and how often is that of `skeleton_bank.make_bank`; each performance is then filmed by one
camera of its split's domain and given to the estimator frame by frame. Errors that no noise model knows of (a mouth
taken for a hand, a hand drawn to the wrong body) are in such a bank as they are.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from microgesture.pose.estimator import PoseEstimator, create_estimator
from microgesture.skeletons.layouts import GESTURE_62, convert, convert_scores
from microgesture.synthetic.people.motion import NEEDS_HAT
from microgesture.synthetic.pictures.appearance import Appearance, sample_appearance
from microgesture.synthetic.pictures.camera import Camera, sample_camera
from microgesture.synthetic.pictures.renderer import render_chunks
from microgesture.synthetic.worlds.domains import DOMAINS
from microgesture.synthetic.worlds.skeleton_bank import LIBRARY, RATE, Acted, Part, SkeletonBank, act, join_bank

SECONDS = (8.0, 12.0)
"""Shortest and longest performance: short ones show more people for the same computing."""

ASPECTS = ((4, 3), (4, 3), (16, 9), (1, 1), (3, 4))
"""Shapes of the picture, width to height, as often as they occur here."""

PICTURES = (*("full",) * 8, *("knees",) * 2, *("waist",) * 4, *("bust",) * 4, "head", "head")
"""How much of the body the pictures show, as often as they occur here: drawn without a look at what the person does."""


_Job = tuple[int, str, int, tuple[str, ...], int, tuple[float, float]]

ONE_PERSON = partial(create_estimator, max_people=1)
"""Makes an estimator that looks for no further people."""


@dataclass(frozen=True)
class Filmed:
    """One performance, filmed: `unit` is the person's shoulder width in pixels, straight across the line of sight."""

    acted: Acted
    camera: Camera
    appearance: Appearance

    @property
    def unit(self) -> float:
        """Mean length of the shoulder line, in pixels, if it were at a right angle to the line of sight."""
        performance = self.acted.performance
        ends = performance.point("left_shoulder"), performance.point("right_shoulder")
        width = np.linalg.norm(ends[0] - ends[1], axis=-1).mean()
        depth = self.camera.to_camera(0.5 * (ends[0] + ends[1]))[..., 2].mean()
        return float(self.camera.focal * width / depth)

    def in_units(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels as shoulder widths from the middle of the picture."""
        return (pixels - 0.5 * np.array(self.camera.size)) / self.unit


def film(acted: Acted, split: str, size: int) -> Filmed:
    """Look, light and camera of a performance, from its own random numbers; `size` is the picture's shorter side."""
    rng, domain = acted.rng, DOMAINS[split]
    hatted = any(s.key in NEEDS_HAT for s in acted.schedule)
    drawn = sample_appearance(rng, replace(domain.appearance, hat=1.0) if hatted else domain.appearance)
    looks = replace(acted.person.looks, hat=drawn.looks.hat, hat_colour=drawn.looks.hat_colour)
    width, height = ASPECTS[int(rng.integers(len(ASPECTS)))]
    scale = size / min(width, height)
    picture = (round(width * scale), round(height * scale))
    ranges = replace(domain.camera_for(acted.setting), keep_active=0.0, framings=PICTURES)
    camera = sample_camera(rng, ranges, acted.performance, picture)
    return Filmed(acted, camera, replace(drawn, looks=looks))


def estimate(filmed: Filmed, estimator: PoseEstimator) -> np.ndarray:
    """`(T, 62, 3)` float32: x, y in shoulder widths from the middle of the picture and score, as found in the rendered
    frames. All 0 where nobody was found."""
    out = np.zeros((len(filmed.acted.performance.times), len(GESTURE_62), 3), np.float32)
    estimator.reset()
    frame = 0
    for chunk in render_chunks(filmed.acted.performance, filmed.camera, filmed.appearance):
        for picture in chunk:
            poses = estimator.estimate(picture, frame / RATE)
            if poses:
                points = convert(poses[0].points, estimator.layout, GESTURE_62)
                scores = convert_scores(poses[0].scores, estimator.layout, GESTURE_62)
                scores = np.where(np.isfinite(points).all(-1), scores, 0.0)
                out[frame, :, :2] = np.where(scores[:, None] > 0, filmed.in_units(points), 0.0)
                out[frame, :, 2] = scores
            frame += 1
    return out


def estimate_bank(
    performances: int,
    seed: int,
    split: str = "train",
    workers: int = 1,
    size: int = 384,
    factory: Callable[[], PoseEstimator] = ONE_PERSON,
    progress: Callable[[float, float], None] | None = None,
    first: int = 0,
    motions: Sequence[str] = LIBRARY,
    seconds: tuple[float, float] = SECONDS,
) -> SkeletonBank:
    """Let people `first` to `first + performances` of a split act, film them at `RATE` Hz and estimate their poses.

    They make the `motions` for `seconds` (shortest, longest). The shorter side of the pictures has `size` pixels.
    `factory` makes the estimator, one for each of the `workers` (which must be able to import it). The people of a
    seed are the same however they are dealt out over calls and workers. Raises `MissingExtra` when the estimator is
    not installed.
    """
    keys = tuple(motions)
    jobs = [(seed, split, index, keys, size, seconds) for index in range(first, first + performances)]
    parts: list[Part] = []
    if workers > 1:
        with multiprocessing.get_context("spawn").Pool(workers, _prepare, (factory,)) as pool:
            for part in pool.imap(_estimate_in_worker, jobs):
                parts.append(part)
                if progress is not None:
                    progress(len(parts), performances)
    else:
        estimator = factory()
        try:
            for job in jobs:
                parts.append(_estimate(job, estimator))
                if progress is not None:
                    progress(len(parts), performances)
        finally:
            estimator.close()
    return join_bank(keys, parts, estimated=True)


def _estimate(job: _Job, estimator: PoseEstimator) -> Part:
    seed, split, index, keys, size, seconds = job
    acted = act(seed, split, index, keys, seconds)
    return acted.part(estimate(film(acted, split, size), estimator), keys)


_in_worker: PoseEstimator | None = None


def _prepare(factory: Callable[[], PoseEstimator]) -> None:
    """A worker keeps its estimator: starting one loads the models."""
    global _in_worker
    import torch

    torch.set_num_threads(1)
    _in_worker = factory()


def _estimate_in_worker(job: _Job) -> Part:
    assert _in_worker is not None
    return _estimate(job, _in_worker)
