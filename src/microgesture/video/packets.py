"""What a file holds, found by walking through its packets without decoding them.

Headers are not believed: a cut-off file still promises its full length, Matroska often counts no frames, and
duration and rate of a variable-rate file are only known from the packets. Walking is about a hundred times
faster than decoding, and done at most once per file and process.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av.container
import av.video
import numpy as np

from microgesture.video.decoding import EPSILON, Keyframe, open_container, packet_stamp, read_packets

_JUMP = 1.0  # seconds back in decode order that only a joint between recordings explains


@dataclass(frozen=True)
class PacketIndex:
    """`times` of all frames in order, seconds from the first; `end` of the last one; places to start decoding.

    `key_sizes` maps the stamp of every keyframe to its size in bytes. `seekable` is False when time stamps
    are missing, jump back or do not tell when a frame is shown: then only decoding from the start is right.
    `truncated` is True when the file ends before it should.
    """

    times: np.ndarray
    end: float
    keys: tuple[Keyframe, ...]
    key_times: np.ndarray
    key_sizes: dict[int, int]
    seekable: bool
    truncated: bool

    def key_before(self, time: float) -> Keyframe | None:
        """The last keyframe shown at or before `time`, None when decoding has to begin at the start."""
        position = int(np.searchsorted(self.key_times, time + EPSILON, side="right")) - 1
        return self.keys[position] if self.seekable and position >= 0 else None

    def frames_between(self, start: float, end: float) -> int:
        """Number of frames shown after `start` and before `end` seconds."""
        low = np.searchsorted(self.times, start + EPSILON, side="right")
        return max(0, int(np.searchsorted(self.times, end - EPSILON)) - int(low))


def packet_index(path: Path, origin: int, decode_times: bool) -> PacketIndex:
    """The index of a file whose first frame has the stamp `origin`; remembered until the file changes.

    Raises `VideoError` when the file cannot be read.
    """
    state = path.stat()
    return _walk(path, state.st_size, state.st_mtime_ns, origin, decode_times)


@lru_cache(maxsize=64)
def _walk(path: Path, size: int, changed: int, origin: int, decode_times: bool) -> PacketIndex:
    container, stream = open_container(path, threads=1)
    damage: list[str] = []
    stamps: list[int] = []
    lengths: list[int] = []
    key_sizes: dict[int, int] = {}
    count = untimed = 0
    with container:
        for packet in read_packets(container, stream, damage):
            count += 1
            stamp = packet_stamp(packet, decode_times)
            if stamp is None:
                untimed += 1
                continue
            if packet.is_keyframe:
                key_sizes[stamp] = packet.size
            if not packet.is_discard and stamp >= origin:
                stamps.append(stamp)
                lengths.append(packet.duration or 0)
        tick = stream.time_base or Fraction(1)
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        joined = _straighten(stamps, round(_JUMP / tick), round(1 / (rate * tick)))
        if untimed or not stamps:
            rate = float(stream.guessed_rate or rate)
            times, end = np.arange(count) / rate, count / rate
        else:
            times, end = _times(np.array(stamps), lengths, origin, tick, rate)
        shuffled = decode_times and stream.codec_context.has_b_frames  # AVI with B-frames
        promised = _promised_end(container, stream) - float(origin * tick)
        short = end < promised - max(0.1, 3 / rate)
    keys = tuple(Keyframe(float((stamp - origin) * tick), stamp, size) for stamp, size in sorted(key_sizes.items()))
    key_times = np.array([key.time for key in keys])
    seekable = not (untimed or joined or shuffled) and bool(keys)
    return PacketIndex(times, end, keys, key_times, key_sizes, seekable, bool(damage) or short)


def _straighten(stamps: list[int], jump: int, step: int) -> bool:
    """Let stamps (in decode order) that jump back go on where the recording before ended; True if any did."""
    shift, latest = 0, stamps[0] if stamps else 0
    for position, stamp in enumerate(stamps):
        if stamp + shift < latest - jump:
            shift = latest + step - stamp
        stamps[position] = stamp + shift
        latest = max(latest, stamp + shift)
    return shift > 0


def _times(
    stamps: np.ndarray, lengths: list[int], origin: int, tick: Fraction, rate: float
) -> tuple[np.ndarray, float]:
    """Frame times in order and the end of the last frame, seconds from the first frame."""
    order = np.argsort(stamps, kind="stable")
    times = (stamps[order] - origin) * tick.numerator / tick.denominator
    length = lengths[int(order[-1])]
    if length > 0:
        return times, float((int(stamps[order[-1]]) - origin + length) * tick)
    return times, float(times[-1]) + (float(np.median(np.diff(times))) if len(times) > 1 else 1 / rate)


def _promised_end(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> float:
    """Where the header says that the video ends, seconds on the file's clock; 0 when it does not say."""
    if stream.duration is not None and stream.time_base is not None:
        return float((stream.duration + (stream.start_time or 0)) * stream.time_base)
    if match := re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d+)?)", stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = match.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if container.duration is not None and len(container.streams) == 1:
        return container.duration / 1e6
    return 0.0
