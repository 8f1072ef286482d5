"""A world that takes a second: clips of a bright square that moves left, right, up or down."""

from pathlib import Path

import numpy as np
import pytest

from microgesture.video import write_video

LABELS = ("left", "right", "up", "down")
ENCODER = '''
import torch
from torch import nn
from microgesture.encoders import Encoder


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
    """Frames (T, H, W, 3) uint8 of a square that moves the way the label says."""
    clip = np.full((frames, size, size, 3), int(rng.integers(0, 60)), np.uint8)
    across = int(rng.integers(4, size - 12))
    for t in range(frames):
        along = 2 + t * (size - 12) // frames
        along = size - 10 - along if label in ("left", "up") else along
        x, y = (along, across) if label in ("left", "right") else (across, along)
        clip[t, y : y + 8, x : x + 8] = 230
    return clip


def make_clips(folder: Path, each: dict[str, int], seed: int = 0) -> Path:
    """Write clips and manifest.csv; `each` is the number of clips of a class in a split."""
    rng = np.random.default_rng(seed)
    rows = ["video,start,end,label,person,subject,split"]
    for split, count in each.items():
        for i in range(count):
            for label in LABELS:
                name = f"{split}_{label}_{i}.mp4"
                write_video(folder / name, moving_square(label, rng), fps=12)
                rows.append(f"{name},,,{label},P1,{split}{i % 3},{split}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    (folder / "tiny.py").write_text(ENCODER)
    return folder


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """Folder with manifest.csv, clips and `tiny.py`, an encoder of the user's own."""
    return make_clips(tmp_path_factory.mktemp("clips"), {"train": 6, "val": 2, "test": 3})
