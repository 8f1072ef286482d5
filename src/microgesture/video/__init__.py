"""Video: reading by presentation time, writing, choosing times, and turning frames into model input.

Frame indices never leave this room: everybody else speaks seconds from the first frame. `to_clip` needs torch
and is loaded when first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microgesture.video.reader import VideoReader
from microgesture.video.sampling import sample_times
from microgesture.video.writer import VideoWriter, write_video

if TYPE_CHECKING:
    from microgesture.video.transforms import to_clip

__all__ = ["VideoReader", "VideoWriter", "sample_times", "to_clip", "write_video"]


def __getattr__(name: str) -> Any:
    if name == "to_clip":
        from microgesture.video.transforms import to_clip

        return to_clip
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
