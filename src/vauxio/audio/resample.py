"""Conversion of the sample rate, as samples come, from any position. soxr is imported when needed.

This module knows rates and positions; it knows nothing of codes, networks or files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

__all__ = ["Resampler", "resampled"]


def resampled(
    blocks: Iterable[np.ndarray], in_rate: int, out_rate: int, channels: int
) -> Iterator[np.ndarray]:
    """Blocks ``float32[n, channels]`` at one rate to blocks that last as long at another."""
    resampler, count = Resampler(in_rate, out_rate, channels), 0
    for block in blocks:
        count += len(block)
        yield resampler.push(block)
    yield resampler.finish(round(count * out_rate / in_rate))


class Resampler:
    """Streaming conversion of the sample rate that can start anywhere and never drifts.

    Output frame j lies at input time ``j * in_rate / out_rate``; there is no delay to make up for.
    libsoxr accumulates the rounding of its step where the ratio of the rates has no small terms:
    some hundredths of a sample in ten hours. So the signal is cut into segments that start on a
    common multiple of both periods, each with a stream of its own that starts early enough to be
    settled. Output is the same bit for bit whatever the size of pushes; wherever one starts, it is
    the same within rounding, and bit for bit from the next segment on.

    Parameters
    ----------
    in_rate, out_rate : int
        In Hz.
    channels : int
    start : int
        The output frame to begin with.

    Attributes
    ----------
    first : int
        The input frame to begin with, at or before `start`. Push frames from here on.
    """

    _SEGMENT = 10  # seconds at least; a stream drifts less than 1e-4 of a sample in that time
    _SETTLE = 128  # periods of the lower rate; soxr's HQ filters were settled within 82

    def __init__(self, in_rate: int, out_rate: int, channels: int, start: int = 0) -> None:
        self._rates, self._channels = (in_rate, out_rate), channels
        divisor = math.gcd(in_rate, out_rate)
        self._in_period, self._out_period = in_rate // divisor, out_rate // divisor
        periods = math.ceil(self._SEGMENT * in_rate / self._in_period)
        self._length = periods * self._out_period  # output frames of a segment
        settle = self._SETTLE * max(1.0, in_rate / out_rate)
        self._early = math.ceil(settle / self._in_period)  # periods
        self._live: list[_Segment] = []
        self._given = start  # output frames, those skipped included
        self._from = start  # where the segment that is opened next begins
        self.first = self._next_frame = start if in_rate == out_rate else self._begin(start)

    @classmethod
    def restart(cls, in_rate: int, out_rate: int, at: int) -> int:
        """The last output frame, `at` or before it, from which a new one is the same bit for bit.

        As one that has come there from the start of the signal, that is.
        """
        return at if in_rate == out_rate else at - at % cls(in_rate, out_rate, 1)._length

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Input ``float32[n, channels]`` that follows the last; whatever output it completes."""
        in_rate, out_rate = self._rates
        if in_rate == out_rate:
            self._given += len(frames)
            return frames
        frames = np.ascontiguousarray(frames)
        at = 0
        while at < len(frames):
            if self._next_frame == self._begin(self._from):
                self._live.append(self._open())
            count = min(len(frames) - at, self._begin(self._from) - self._next_frame)
            for segment in self._live:
                segment.push(frames[at : at + count])
            self._next_frame += count
            at += count
        out = [np.empty((0, self._channels), np.float32)]
        while self._live:
            out.append(self._live[0].take())
            if self._live[0].left:
                break
            self._live.pop(0)
        result = np.concatenate(out)
        self._given += len(result)
        return result

    def finish(self, frames: int) -> np.ndarray:
        """The rest of the output, up to frame `frames`, as if silence followed the input."""
        out = [np.empty((0, self._channels), np.float32)]
        silence = np.zeros((self._rates[0] // 10, self._channels), np.float32)
        while self._given < frames:
            out.append(self.push(silence))
        rest = np.concatenate(out)
        return rest[: len(rest) - max(0, self._given - frames)]

    def _begin(self, start: int) -> int:
        """The input frame to start at for output from `start` on."""
        return max(0, start // self._out_period - self._early) * self._in_period

    def _open(self) -> _Segment:
        start = self._from
        self._from = (start // self._length + 1) * self._length
        drop = start - self._begin(start) // self._in_period * self._out_period
        return _Segment(*self._rates, self._channels, drop, self._from - start)


class _Segment:
    """One soxr stream: `drop` frames of output thrown away, then `left` frames given."""

    def __init__(self, in_rate: int, out_rate: int, channels: int, drop: int, left: int) -> None:
        import soxr

        self._stream = soxr.ResampleStream(in_rate, out_rate, channels, dtype="float32")
        self._channels = channels
        self._drop, self.left = drop, left
        self._ready: list[np.ndarray] = []

    def push(self, frames: np.ndarray) -> None:
        out = self._stream.resample_chunk(frames)
        dropped = min(self._drop, len(out))
        self._drop -= dropped
        self._ready.append(out[dropped:])

    def take(self) -> np.ndarray:
        out = np.concatenate(self._ready or [np.empty((0, self._channels), np.float32)])
        self._ready = []
        out = out[: self.left]
        self.left -= len(out)
        return out
