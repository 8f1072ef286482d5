"""From a file to decoded frames with their presentation times, in order: the layer below `VideoReader`.

Time is seconds on the file's own clock (`opening`). Files lie in several ways, each handled here: AVI stores decode
times only, raw streams no times at all, joined recordings jump back in time, a cut-off file ends in half a packet.
FFmpeg's own messages are not printed (PyAV's default).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import av.container
import av.error
import av.video
import numpy as np

from microgesture.errors import VideoError
from microgesture.video.opening import clock_zero, open_container, why_undecodable

EPSILON = 1e-6
"""Seconds: two times nearer than this are the same time (2/30 as a float against 2/30 as time stamps)."""

_STEPS_BACK = (0, 1, 5)  # seconds before the keyframe to aim at, one after the other
_JUMP = 1.0  # seconds back in time that make a joint between recordings, not a late frame


class Shown(NamedTuple):
    """A frame and the time, in seconds, from which it is shown until the next one."""

    time: float
    frame: av.VideoFrame


@dataclass(frozen=True)
class Clock:
    """Turns time stamps into seconds: `zero` is the stamp at 0, in units of `tick` seconds."""

    tick: Fraction
    zero: float

    def seconds(self, stamps: np.ndarray) -> np.ndarray:
        """Of an array of stamps."""
        return (stamps - self.zero) * self.tick.numerator / self.tick.denominator

    def at(self, stamp: int) -> float:
        """Seconds of one stamp."""
        return (stamp - self.zero) * self.tick.numerator / self.tick.denominator


@dataclass(frozen=True)
class Keyframe:
    """A place where decoding can start: its time, its stamp in the stream's time base, its size in bytes."""

    time: float
    stamp: int
    size: int


class SeekError(Exception):
    """The container did not jump where it was asked to; decode from the start instead."""


def read_packets(
    container: av.container.InputContainer, stream: av.video.stream.VideoStream, damage: list[str]
) -> Iterator[av.Packet]:
    """The packets of a stream from where the container stands, without the half packet at the end of a
    cut-off file; what is wrong is added to `damage`."""
    held: av.Packet | None = None
    try:
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            if held is not None:
                yield held
            held = packet
    except av.error.FFmpegError as error:
        damage.append(str(error))
    if held is not None and held.is_corrupt:
        damage.append("the last packet is incomplete")
    elif held is not None:
        yield held


def packet_stamp(packet: av.Packet, decode_times: bool) -> int | None:
    """The packet's time in its time base: when it is shown, or when it is decoded if only that is known."""
    if decode_times:
        return packet.dts if packet.dts is not None else packet.pts
    return packet.pts


class Decoder:
    """One open file, decoded front to back from its start or from a keyframe.

    `origin` is the stamp of the first frame and `clock` turns stamps into seconds. `decode_times` is true for AVI,
    which knows when a packet is decoded but not when its picture is shown. A stream without any time (raw H.264) is
    counted at its nominal `rate`. `damage` says what could not be read or decoded, one entry a packet. `number` chooses
    a video stream, counted from 1, in place of the one that players show.
    Raises `VideoError` when the file cannot be opened or holds no frame that can be decoded.
    """

    def __init__(self, path: Path, threads: int = 0, number: int | None = None) -> None:
        self.path = path
        self.threads = threads
        self.number = number
        self.damage: list[str] = []
        self.origin = 0
        self.clock = Clock(Fraction(1), 0.0)
        self.first = self._open()

    def _open(self) -> Shown:
        """Open the file afresh and decode its first frame; the run goes on in `self._rest`."""
        self.container, self.stream = open_container(self.path, self.threads, self.number)
        self.time_base = self.stream.time_base or Fraction(1)
        average, guessed = self.stream.average_rate, self.stream.guessed_rate
        untimed = self.stream.start_time is None  # then the average is FFmpeg's default of 25
        self.rate = float((guessed or average if untimed else average or guessed) or 25)
        self.decode_times = self.container.format.name == "avi"
        self._rest = self._run(read_packets(self.container, self.stream, self.damage), set_origin=True)
        first = next(self._rest, None)
        if first is None:
            self.container.close()
            raise VideoError(f"{self.path}: {why_undecodable(self.path)}")
        return first

    def close(self) -> None:
        """Close the file; the decoder cannot be used after this."""
        self._rest = iter(())
        self.container.close()

    @property
    def is_image(self) -> bool:
        """A still picture (PNG, JPEG, ...) rather than a video."""
        name = self.container.format.name
        return name == "image2" or name.endswith("_pipe")

    def from_start(self) -> Iterator[Shown]:
        """All frames in the order of their times."""
        self.container.close()
        self.first = self._open()
        yield self.first
        yield from self._rest

    def after_first(self) -> Iterator[Shown]:
        """The frames after `first`, once, right after opening."""
        return self._rest

    def from_key(self, key: Keyframe, known: Mapping[int, int]) -> Iterator[Shown]:
        """Frames from a keyframe on, or from an earlier one if the file lands there.

        `known` holds stamp and size of all keyframes: in MPEG program streams the stamps after a jump can be
        wrong, and only a keyframe that is found again as it was can be trusted. Raises `SeekError` when there
        is none.
        """
        for back in _STEPS_BACK:  # MPEG streams have no index and land anywhere near
            packets = self._packets_from(key.stamp - round(back / self.time_base))
            for packet in packets:
                stamp = packet_stamp(packet, self.decode_times)
                if packet.is_keyframe and stamp is not None and (stamp > key.stamp or known.get(stamp) == packet.size):
                    break
            else:
                continue
            if stamp <= key.stamp:
                break
        else:
            raise SeekError(f"{self.path}: cannot go to the keyframe at {key.time} s")
        # Frames shown before the keyframe may refer to pictures that were jumped over.
        trusted = self.clock.at(stamp) - EPSILON
        run = self._run(_chain(packet, packets), set_origin=False)
        yield from (shown for shown in run if shown.time >= trusted)

    def _packets_from(self, stamp: int) -> Iterator[av.Packet]:
        try:
            self.container.seek(stamp, stream=self.stream, backward=True)
        except av.error.FFmpegError:
            return iter(())
        return read_packets(self.container, self.stream, self.damage)

    def _set_clock(self, origin: int) -> None:
        """Start the clock where the file's own starts, and nowhere after its first frame, whose stamp is `origin`."""
        zero = clock_zero(self.path, self.container, self.stream)
        self.origin = origin
        self.clock = Clock(self.time_base, float(origin) if zero is None else min(float(zero / self.time_base), origin))

    def _run(self, packets: Iterator[av.Packet], set_origin: bool) -> Iterator[Shown]:
        """Decode packets and give every frame its time; damaged packets are counted and passed over."""
        waiting: list[int] = []  # decode times of packets whose frame is still to come (AVI)
        shift, last, count, guessed = 0.0, 0.0, 0, False
        for frame in self._frames(packets, waiting):
            stamp = self._frame_stamp(frame, waiting)
            if set_origin and count == 0:
                self._set_clock(stamp or 0)
            time = self.clock.at(stamp) + shift if stamp is not None else last + (1 / self.rate if count else 0.0)
            if count and time <= last and (guessed or time < last - _JUMP):
                shift += last + 1 / self.rate - time
                time = last + 1 / self.rate
            guessed = stamp is None
            if count and time < last:
                continue  # a late frame: its moment has passed
            count, last = count + 1, time
            yield Shown(time, frame)

    def _frames(self, packets: Iterator[av.Packet], waiting: list[int]) -> Iterator[av.VideoFrame]:
        for packet in packets:
            stamp = packet_stamp(packet, self.decode_times) if self.decode_times else None
            if stamp is not None:
                heapq.heappush(waiting, stamp)
            try:
                frames = self.stream.decode(packet)
            except av.error.FFmpegError as error:
                self.damage.append(str(error))
                if stamp is not None:
                    waiting.remove(stamp)
                    heapq.heapify(waiting)
                continue
            yield from frames
        try:
            yield from self.stream.decode(None)
        except av.error.FFmpegError as error:
            self.damage.append(str(error))

    def _frame_stamp(self, frame: av.VideoFrame, waiting: list[int]) -> int | None:
        if self.decode_times:
            # Frames come out in the order they are shown: the n-th has the n-th smallest decode time.
            return heapq.heappop(waiting) if waiting else None
        return frame.pts if frame.pts is not None else frame.dts


def _chain(first: av.Packet, rest: Iterator[av.Packet]) -> Iterator[av.Packet]:
    yield first
    yield from rest
