"""What a file holds, found by walking through its packets without decoding them.

Headers are not believed: a cut-off file still promises its full length, Matroska often counts no frames, and
duration and rate of a variable-rate file are only known from the packets. Walking is about a hundred times
faster than decoding, and done at most once per file and process.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import av.container
import av.video
import numpy as np

from microgesture.video.decoding import EPSILON, Clock, Decoder, Keyframe, packet_stamp, read_packets
from microgesture.video.opening import open_container

_JUMP = 1.0  # seconds that times of decoding step back only at a joint between recordings


@dataclass(frozen=True)
class PacketIndex:
    """`times` of all frames in order, seconds on the file's clock; `end` of the last one; places to start decoding.

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


def packet_index(path: Path, decoder: Decoder) -> PacketIndex:
    """The index of the file and stream that `decoder` has open; remembered until the file changes.

    Raises `VideoError` when the file cannot be read.
    """
    state = path.stat()
    key = decoder.number, decoder.origin, decoder.clock, decoder.decode_times
    return _walk(path, state.st_size, state.st_mtime_ns, *key)


@lru_cache(maxsize=64)
def _walk(
    path: Path, size: int, changed: int, number: int | None, origin: int, clock: Clock, decode_times: bool
) -> PacketIndex:
    container, stream = open_container(path, threads=1, number=number)
    damage: list[str] = []
    packets: list[_Timed] = []
    key_sizes: dict[int, int] = {}
    count = 0
    with container:
        for packet in read_packets(container, stream, damage):
            count += 1
            stamp = packet_stamp(packet, decode_times)
            if stamp is None:
                continue
            if packet.is_keyframe:
                key_sizes[stamp] = packet.size
            packets.append(_Timed(stamp, packet.dts, packet.duration or 0, packet.is_discard))
        untimed = len(packets) < count
        rate = float(stream.average_rate or stream.guessed_rate or 25)
        joined = _straighten(packets, round(_JUMP / clock.tick), round(1 / (rate * clock.tick)))
        shown = [packet for packet in packets if packet.stamp >= origin and not packet.hidden]
        if untimed or not shown:
            rate = float(stream.guessed_rate or rate)
            times, end = np.arange(count) / rate, count / rate
        else:
            times, end = _times(shown, clock, rate)
        promised = _promised_end(container, stream) - clock.zero * float(clock.tick)
        if stream.duration is not None and times[-1] < promised < end and not joined:
            end = promised  # where pictures are reordered, lengths are those of decoding
        shuffled = decode_times and stream.codec_context.has_b_frames  # AVI with B-frames
        short = end < promised - max(0.1, 3 / rate)
    key_times = clock.seconds(np.array(sorted(key_sizes), dtype=np.float64))
    keys = tuple(Keyframe(float(t), s, key_sizes[s]) for t, s in zip(key_times, sorted(key_sizes), strict=True))
    seekable = not (untimed or joined or shuffled) and bool(keys)
    return PacketIndex(times, end, keys, key_times, key_sizes, seekable, bool(damage) or short)


@dataclass
class _Timed:
    """A packet: when it is shown and decoded (None: unknown) and how long it lasts, in ticks; whether an edit list
    hides it."""

    stamp: int
    decoded: int | None
    length: int
    hidden: bool


def _straighten(packets: Sequence[_Timed], jump: int, step: int) -> bool:
    """Let the stamps of a recording that another one was joined to go on where the one before ended; True if any did.

    Packets lie in the order in which they are decoded. Only the time of decoding never steps back within a recording:
    pictures that refer to later ones are shown before them, by seconds where the rate is low.
    """
    shift, joined = 0, False
    latest = before = -math.inf
    known = any(packet.decoded is not None for packet in packets)
    for packet in packets:
        decoded = packet.decoded if known else packet.stamp
        if decoded is not None:
            if decoded < before - jump:
                shift, joined = int(latest) + step - packet.stamp, True
            before = decoded
        packet.stamp += shift
        latest = max(latest, packet.stamp)
    return joined


def _times(packets: Sequence[_Timed], clock: Clock, rate: float) -> tuple[np.ndarray, float]:
    """Frame times in order and the end of the last frame, seconds."""
    ordered = sorted(packets, key=lambda packet: packet.stamp)
    times = clock.seconds(np.array([packet.stamp for packet in ordered], dtype=np.float64))
    last = ordered[-1]
    if last.length > 0:
        return times, clock.at(last.stamp + last.length)
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
