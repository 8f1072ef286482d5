"""A world that takes a second: clips of a bright square that moves left, right, up or down, or rests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from microgesture.video import write_video

LABELS = ("left", "right", "up", "down")
REST = "No gesture"
ENCODER = '''
import torch
from torch import nn
from microgesture.encoders import Encoder


class Mover(Encoder):
    """A clip (B, 3, T, H, W) to one token (B, 1, 32) of how what changes moves."""

    modality = "rgb"
    width = 32

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv3d(3, 16, (3, 5, 5), (1, 2, 2), 2), nn.BatchNorm3d(16), nn.ReLU(),
            nn.Conv3d(16, 32, 3, (1, 2, 2), 1), nn.BatchNorm3d(32), nn.ReLU(),
        )

    def forward(self, clip):
        return self.features(clip - clip.mean(2, keepdim=True)).mean((2, 3, 4)).unsqueeze(1)


class Tiny(Encoder):
    """A clip (B, 3, T, H, W) to tokens (B, T, 16)."""

    modality = "rgb"
    width = 16

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(3, 16, (3, 3, 3), (1, 4, 4), 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, clip):
        return self.dropout(torch.relu(self.convolution(clip))).mean((3, 4)).transpose(1, 2)
'''


def moving_square(label: str, rng: np.random.Generator, frames: int = 12, size: int = 32) -> np.ndarray:
    """Frames (T, H, W, 3) uint8 of a square that moves the way the label says, or rests somewhere."""
    ground, across = int(rng.integers(0, 60)), int(rng.integers(4, size - 12))
    resting = int(rng.integers(2, size - 10)) if label == REST else 0
    clip = []
    for t in range(frames):
        along = 2 + t * (size - 12) // frames
        along = size - 10 - along if label in ("left", "up") else along
        along = resting if label == REST else along
        place = (along, across) if label in ("left", "right") else (across, along)
        clip.append(square_at(*place, ground, size))
    return np.stack(clip)


def square_at(x: int, y: int, ground: int = 30, size: int = 32) -> np.ndarray:
    """A frame (H, W, 3) uint8 with the square's corner at (x, y)."""
    frame = np.full((size, size, 3), ground, np.uint8)
    frame[y : y + 8, x : x + 8] = 230
    return frame


def make_clips(
    folder: Path, each: dict[str, int], seed: int = 0, labels: Sequence[str] = LABELS, manifest: str = "manifest.csv"
) -> Path:
    """Write clips and a manifest; `each` is the number of clips of a class in a split."""
    rng = np.random.default_rng(seed)
    rows = ["video,start,end,label,person,subject,split"]
    for split, count in each.items():
        for i in range(count):
            for label in labels:
                name = f"{split}_{label.replace(' ', '_')}_{i}.mp4"
                write_video(folder / name, moving_square(label, rng), fps=12)
                rows.append(f"{name},,,{label},P1,{split}{i % 3},{split}")
    (folder / manifest).write_text("\n".join(rows) + "\n")
    (folder / "tiny.py").write_text(ENCODER)
    return folder


def make_interview(path: Path, fps: int = 12) -> Path:
    """Nine seconds in which the square moves right from 3.0 to 4.0 s and down from 6.0 to 7.0 s."""

    def way(t: float, start: float) -> int:
        return 2 + round(20 * min(max(t - start, 0.0), 1.0))

    times = np.arange(9 * fps) / fps
    write_video(path, np.stack([square_at(way(t, 3.0), way(t, 6.0)) for t in times]), fps=fps)
    return path


def recipe_values(clips: Path, **changes: Any) -> dict[str, Any]:
    """A recipe that learns the squares in seconds; `changes` replace whole keys."""
    return {
        "title": "baseline",
        "data": {"manifest": str(clips / "manifest.csv"), "frames": 6, "size": 32, "flip": False},
        "encoder": {"name": f"{clips}/tiny.py:Mover"},
        "objective": {"name": "supervised"},
        "optimiser": {"lr_encoder": 3e-3, "lr_text": 1e-3, "batch": 10, "epochs": 15, "schedule": "cosine"},
        "training": {"precision": "no"},
        **changes,
    }
