"""Conversion of the sample rate for live streams: least delay, and a state that can be copied.

libsoxr works in blocks, so that its output comes up to 40 ms after the input it is made of, and a
stream of it cannot be copied. Here the same filters are applied frame by frame, so that a stream
sounds like a file (`resample`) and is late by half a filter only: 4 ms at 24 kHz. This module knows
rates and positions; it knows nothing of codes, networks or files.
"""

from __future__ import annotations

import copy
import functools
import math

import numpy as np

__all__ = ["LiveResampler"]

_REACH = 96
"""Half a filter, in periods of the lower rate: what soxr's HQ filters have beyond is below 1e-6."""

_LONGEST_PERIOD = 1000
"""Of ratios with larger terms, filters are not measured but computed: 44,101 Hz has 24,000."""

_DENSITY = 256


class LiveResampler:
    """Streaming conversion of the sample rate, without a frame of delay that could be spared.

    Output frame j lies at input time ``j * in_rate / out_rate``, and is given as soon as its filter
    has its last input frame. Output is the same bit for bit whatever the size of pushes.

    Parameters
    ----------
    in_rate, out_rate : int
        In Hz.
    channels : int

    Attributes
    ----------
    delay : float
        Seconds by which output is late: half the length of the filter.
    """

    def __init__(self, in_rate: int, out_rate: int, channels: int) -> None:
        divisor = math.gcd(in_rate, out_rate)
        self._in, self._out = in_rate // divisor, out_rate // divisor
        self._ahead = 0  # input frames that an output frame needs after the one at its time
        if self._in != self._out:
            self._ahead = _REACH * max(self._in, self._out) // self._out
        self.delay = self._ahead / in_rate
        self._channels = channels
        self.reset()

    def reset(self) -> None:
        """Back to the start of a signal."""
        # What filters still need of the input; silence before its beginning.
        self._frames = np.zeros((max(0, self._ahead - 1), self._channels), np.float32)
        self._pushed = self._given = 0

    def copy(self) -> LiveResampler:
        """One that goes on from here on its own."""
        return copy.copy(self)  # arrays are replaced, never changed

    def ready(self, pushed: int) -> int:
        """How many output frames there are of `pushed` input frames in all."""
        # Frame j can be given when pushed > floor(j * in / out) + ahead.
        return max(0, -(-(pushed - self._ahead) * self._out // self._in))

    def push(self, frames: np.ndarray) -> np.ndarray:
        """Input ``float32[n, channels]`` that follows the last; whatever output it completes."""
        self._pushed += len(frames)
        if self._in == self._out:
            self._given += len(frames)
            return frames
        self._frames = frames = np.concatenate([self._frames, frames])
        wanted = np.arange(self._given, self.ready(self._pushed))
        if not len(wanted):
            return np.empty((0, self._channels), np.float32)
        first = self._pushed - len(frames)  # input frame that `frames` begins with
        at = wanted * self._in // self._out - (self._ahead - 1) - first
        out = np.empty((len(wanted), self._channels), np.float32)
        rows = _rows(self._in, self._out, wanted * self._in % self._out)
        for channel in range(self._channels):
            column = np.ascontiguousarray(frames[:, channel])
            heard = np.lib.stride_tricks.sliding_window_view(column, 2 * self._ahead)[at]
            out[:, channel] = np.einsum("ij,ij->i", heard, rows)
        self._given += len(wanted)
        next_at = self._given * self._in // self._out - (self._ahead - 1) - first
        self._frames = frames[next_at:].copy()
        return out

    def finish(self) -> np.ndarray:
        """The output that remains, up to the last input frame, as if silence followed."""
        total = -(-self._pushed * self._out // self._in)
        given = self._given
        silence = np.zeros((self._ahead + 1, self._channels), np.float32)
        return self.push(silence)[: total - given]


def _rows(in_period: int, out_period: int, remainders: np.ndarray) -> np.ndarray:
    """Filters of output frames that lie ``remainder / out_period`` after an input frame.

    Returns
    -------
    ndarray
        ``float32[len(remainders), taps]``: the weights of the input frames around.
    """
    if max(in_period, out_period) <= _LONGEST_PERIOD:
        measured: np.ndarray = _measured(in_period, out_period)[remainders]
        return measured
    ahead = _REACH * max(in_period, out_period) // out_period
    scale = min(1.0, out_period / in_period)
    times = np.arange(1 - ahead, ahead + 1) - remainders[:, None] / out_period
    place = ((times * scale + _REACH + 1) * _DENSITY).astype(np.float32)
    before = place.astype(np.int32)
    place -= before
    kernel = _kernel()
    weights: np.ndarray = np.float32(scale) * (
        kernel[before] * (1 - place) + kernel[before + 1] * place
    )
    return weights


@functools.lru_cache(maxsize=16)
def _measured(in_period: int, out_period: int) -> np.ndarray:
    """soxr's filters for a ratio, ``float32[out_period, taps]``: what it makes of impulses."""
    import soxr

    ahead = _REACH * max(in_period, out_period) // out_period
    taps = 2 * ahead
    # One impulse for every place that an input frame can have between output frames, each so far
    # from the last that filters do not meet.
    apart = in_period * -(-3 * taps // in_period) + 1
    impulses = 2 * taps + apart * np.arange(in_period)
    signal = np.zeros(int(impulses[-1]) + 3 * taps, np.float32)
    signal[impulses] = 1
    heard = soxr.resample(signal, in_period, out_period)
    filters = np.empty((out_period, taps), np.float32)
    for impulse in impulses:
        # Output frames whose filters reach the impulse, and at which of their taps.
        first = -(-(impulse - ahead) * out_period // in_period)
        frames = np.arange(first, first + taps * out_period // in_period + 2)
        tap = impulse - frames * in_period // out_period + ahead - 1
        reached = (0 <= tap) & (tap < taps)
        frames = frames[reached]
        filters[frames * in_period % out_period, tap[reached]] = heard[frames]
    return filters


@functools.cache
def _kernel() -> np.ndarray:
    """soxr's HQ filter, `_DENSITY` values to a period of the lower rate.

    A sinc under a Kaiser window (J. F. Kaiser, "Nonrecursive digital filter design using the
    I0-sinh window function", 1974), its numbers fitted to soxr's response: within 3e-7 of it.
    """
    cutoff, beta, reach = 0.95687183, 13.71100248, 102.12425715
    times = np.arange(-(_REACH + 1) * _DENSITY, (_REACH + 1) * _DENSITY + 2) / _DENSITY
    window = np.i0(beta * np.sqrt(1 - (times / reach) ** 2)) / np.i0(beta)
    return (cutoff * np.sinc(cutoff * times) * window).astype(np.float32)
