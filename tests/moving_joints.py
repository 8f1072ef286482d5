"""Small skeleton data sets in which one hand moves in one of several ways; people differ in size and place."""

from pathlib import Path

import numpy as np

from microgesture.skeletons.layouts import LAYOUTS
from microgesture.skeletons.pyskl import write_pyskl
from microgesture.skeletons.track import SkeletonTrack

PLACES = {
    "nose": (0, -0.62), "neck": (0, 0), "left_eye": (0.08, -0.7), "right_eye": (-0.08, -0.7),
    "left_ear": (0.18, -0.68), "right_ear": (-0.18, -0.68), "left_shoulder": (0.5, 0), "right_shoulder": (-0.5, 0),
    "left_elbow": (0.65, 0.75), "right_elbow": (-0.65, 0.75), "left_wrist": (0.5, 1.4), "right_wrist": (-0.5, 1.4),
    "left_hip": (0.35, 1.5), "right_hip": (-0.35, 1.5), "left_knee": (0.4, 2.5), "right_knee": (-0.4, 2.5),
    "left_ankle": (0.4, 3.4), "right_ankle": (-0.4, 3.4),
}  # fmt: skip
"""Shoulder widths from the point between the shoulders, x to the person's left as in the picture, y down."""

CLASSES = 4


def moving_track(label: int, subject: int, seed: int, layout: str = "coco-17", frames: int = 40) -> SkeletonTrack:
    """A person whose right (0, 1) or left (2, 3) wrist goes up (0, 2) or to and fro (1, 3)."""
    rng = np.random.default_rng((seed, subject))
    names = LAYOUTS[layout].joints
    points = np.array([PLACES[name] for name in names])[None].repeat(frames, 0)
    points = points + rng.normal(0, 0.015, points.shape)
    t = np.linspace(0, 1, frames)
    wrist = names.index("right_wrist" if label < 2 else "left_wrist")
    if label % 2 == 0:
        points[:, wrist, 1] -= 1.6 * np.sin(np.pi * t) * rng.uniform(0.8, 1.2)
    else:
        points[:, wrist, 0] += 0.4 * np.sin(2 * np.pi * t * rng.uniform(2, 4))
    body = np.random.default_rng(subject)
    points = points * body.uniform(60, 200) + body.uniform(300, 600, 2)
    return SkeletonTrack(np.arange(frames) / 25.0, points, rng.uniform(0.8, 1.0, points.shape[:2]), layout, (1280, 720))


def write_pickle(path: Path, subjects: int = 9, clips: int = 8, layout: str = "coco-17", split: bool = True) -> Path:
    """A PYSKL pickle; the last third of the subjects is held out as "val", as PYSKL names its test set."""
    tracks, labels, names = [], [], []
    for subject in range(1, subjects + 1):
        for i in range(clips):
            label = i % CLASSES
            tracks.append(moving_track(label, subject, i, layout))
            labels.append(label)
            names.append(f"S001C001P{subject:03d}R001A{label + 1:03d}_{i}")
    last = subjects - subjects // 3
    parts = {
        "train": [n for n in names if int(n[9:12]) <= last],
        "val": [n for n in names if int(n[9:12]) > last],
    }
    write_pyskl(tracks, labels, path, names, parts if split else None)
    return path
