"""Files with several video streams."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_streams(
    path: Path,
    shots: Sequence[Sequence[np.ndarray]],
    rate: int = 25,
    default: int | None = None,
    codecs: Sequence[str] | None = None,
) -> Path:
    """One stream for each list of pictures (H, W, 3) uint8; the one with the index `default` is flagged so."""
    with av.open(str(path), "w") as out:
        streams = []
        for k, (shot, codec) in enumerate(zip(shots, codecs or ["libx264"] * len(shots), strict=True)):
            stream = out.add_stream(codec, rate=rate)
            stream.height, stream.width = shot[0].shape[:2]
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            stream.disposition = av.stream.Disposition(int(k == default))
            streams.append(stream)
        for stream, shot in zip(streams, shots, strict=True):
            for k, picture in enumerate(shot):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture))
                frame.pts, frame.time_base = k, Fraction(1, rate)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path
