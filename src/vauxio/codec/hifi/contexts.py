"""Contexts: what a decoder knows of a coefficient before it decodes it, in integers.

Coefficients of a transform block come in two passes: those of even number, then those of odd
number, which know both neighbours. What both know: how strong the band is over its step, and
the values of the two blocks before, as they would be with this block's steps.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .layout import Layout
from .network import FEATURES

__all__ = ["LIMIT", "Known", "Walk", "know"]

LIMIT = (1 << 20) - 1
"""The largest magnitude of a value."""

_LOUDEST = 1024  # logarithms of ratios go from -512 to here
_POWER = np.zeros(512 + _LOUDEST + 1, np.int64)  # 2^(i/64), times 2^12
_FINE = 4096
_LOG = np.zeros(_FINE, np.float32)  # 12 log2(1 + i / 4), i in sixteenths of a step
_LEAST = -160  # a band weaker than this over its step is not coded


def _root(index: int) -> int:
    """2^(index/64 + 40), rounded down: the largest n of which n^64 is at most 2^(index + 2560)."""
    target, low, high = 1 << (index + 2560), 0, 1 << 42
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**64 <= target else (low, middle)
    return low


def _fill_tables() -> None:
    roots = np.array([_root(i) for i in range(64)])
    for i in range(len(_POWER)):
        octave, part = divmod(i - 512, 64)
        shift = 28 - octave
        _POWER[i] = (int(roots[part]) + (1 << shift >> 1)) >> shift
    # 12 log2(1 + i/4) = n while (4 + i)^12 / 4^12 is at least 2^n.
    for i in range(_FINE):
        _LOG[i] = ((4 + i) ** 12 >> 24).bit_length() - 1


_fill_tables()


def power(logarithm: np.ndarray) -> np.ndarray:
    """2^(x/64 + 12) of integers, ``int64``; within the table's ends."""
    return np.asarray(_POWER[np.minimum(np.maximum(logarithm, -512), _LOUDEST) + 512])


class _Past(NamedTuple):
    """A transform block that has been decoded.

    Attributes
    ----------
    layout : Layout
    size : ndarray
        ``int64[channels, coefficients]``: magnitudes in sixteenths of a step.
    logs : ndarray
        The same: logarithms of steps.
    """

    layout: Layout
    size: np.ndarray
    logs: np.ndarray


class Known(NamedTuple):
    """What levels and steps tell of transform blocks of one size, before any value is known.

    Attributes
    ----------
    layout : Layout
    logs : ndarray
        ``int64[blocks, channels, coefficients]``: logarithms of steps.
    coded : ndarray
        The same of bool: where there are values at all.
    level : ndarray
        The same of int64: the band's level in sixteenths of a step.
    inputs : ndarray
        ``int64[4, blocks, channels, coefficients]``: how far levels are over steps, in 64ths of an
        octave: of the band, between bands, and of those below and above.
    """

    layout: Layout
    logs: np.ndarray
    coded: np.ndarray
    level: np.ndarray
    inputs: np.ndarray


def know(layout: Layout, levels: np.ndarray, logs: np.ndarray) -> Known:
    """What blocks of a layout are known by.

    Parameters
    ----------
    layout : Layout
    levels, logs : ndarray
        ``int64[blocks, channels, bands]``: of the bands that there are, levels in quarters of an
        octave, steps as of `steps.steps`.
    """
    bands = levels.shape[2]
    size = int(layout.edges[bands])
    band, share = layout.band[:size], layout.share[:size]
    last = max(bands - 1, 0)
    ratio = 16 * (levels - 8) - logs
    own = ratio[..., band]
    between = own * share + ratio[..., np.minimum(layout.far[:size], last)] * (16 - share) >> 4
    below = ratio[..., np.maximum(band - 1, 0)]
    above = ratio[..., np.minimum(band + 1, last)]
    return Known(
        layout,
        logs[..., band],
        (own >= _LEAST) & (levels[..., band] > 0),
        power(own) >> 8,
        np.stack([own, between, below, above]),
    )


class Walk:
    """From one transform block to the next, with what each shows of the ones after it.

    Parameters
    ----------
    channels : int
    """

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._past: list[_Past] = []

    def begin(self, known: Known, index: int) -> None:
        """Go on to a block, the one of that index among those known."""
        self._layout = layout = known.layout
        self._logs, self._level = known.logs[index], known.level[index]
        self.coded = known.coded[index]
        size = self._logs.shape[1]
        past, older = self._seen(0, size), self._seen(1, size)
        middle = _margins(past, 4, 4)
        sides = middle[:, 3:-5] + middle[:, 5:-3]
        spread = 2 * past + sides >> 2
        expected = (self._level >> 1) + (spread >> 1)  # half of the level, half of the past
        shift = np.frexp((np.maximum(expected - 1, 0) >> 7).astype(np.float64))[1]
        self.shift = shift = np.minimum(shift, 20).astype(np.int64)
        before = _margins(older, 1, 1)
        self._inputs = inputs = np.empty((FEATURES[0], self._channels, size), np.float32)
        found = np.empty((7, self._channels, size), np.int64)
        found[0] = past
        found[1] = middle[:, 3:-5]
        found[2] = middle[:, 5:-3]
        found[3] = middle[:, 2:-6] + middle[:, 6:-2] >> 1
        found[4] = middle[:, :-8] + middle[:, 1:-7] + middle[:, 7:-1] + middle[:, 8:] >> 2
        found[5] = older
        found[6] = before[:, :-2] + before[:, 2:] >> 1
        found >>= shift
        inputs[:7] = _LOG[np.minimum(found, _FINE - 1, out=found)]
        ratios = (known.inputs[:, index] - 64 * shift) * 10 >> 6
        inputs[7:11] = np.minimum(np.maximum(ratios, -40, out=ratios), 120, out=ratios)
        inputs[11] = 24 * (layout.size.bit_length() - 8)
        inputs[12] = layout.place[:size]
        inputs[13] = np.minimum(shift, 1) * 64

    def rows(self, half: int, values: np.ndarray) -> np.ndarray:
        """Inputs of the network for what is coded in a pass.

        Parameters
        ----------
        half : int
            0 or 1.
        values : ndarray
            ``int64[channels, coefficients]``: magnitudes; in pass 1 those of even number count.

        Returns
        -------
        ndarray
            ``float32[n, FEATURES[half]]``, channel by channel.
        """
        coded = self.coded[:, half::2]
        inputs = self._inputs[:, :, half::2][:, coded]
        if half:
            count = coded.shape[1]
            even = _margins(values[:, ::2], 2, 3) << 4
            shift = self.shift[:, 1::2]
            at = [even[:, i : i + count] for i in range(1, 5)]
            found = np.stack([at[1], at[2], at[0], at[3], at[0] + at[1] + at[2] + at[3] >> 2])
            more = _LOG[np.minimum(found >> shift, _FINE - 1)][:, coded]
            inputs = np.concatenate([inputs, more])
        return np.ascontiguousarray(inputs.T)

    def end(self, values: np.ndarray) -> None:
        """The magnitudes of the block, ``int64[channels, coefficients]``."""
        quiet = np.minimum(self._level, 5)  # a zero is worth .3 of a step, at most
        sizes = np.where(values > 0, values << 4, quiet)
        self._past.insert(0, _Past(self._layout, sizes, self._logs))
        del self._past[2:]

    def _seen(self, index: int, size: int) -> np.ndarray:
        """Magnitudes of a block of the past, in sixteenths of the steps of now."""
        if index >= len(self._past):
            return np.zeros((self._channels, size), np.int64)
        past = self._past[index]
        ours, theirs = self._layout.size, past.layout.size
        if theirs <= ours:
            ratio = ours // theirs
            was, logs = past.size, past.logs
            if ratio > 1:
                was, logs = np.repeat(was, ratio, axis=1), np.repeat(logs, ratio, axis=1)
            was, logs = _fit(was, size), _fit(logs, size)
            return np.asarray(np.minimum(was * power(logs - self._logs) >> 12, 1 << 30))
        ratio = theirs // ours
        was, logs = _fit(past.size, size * ratio), _fit(past.logs, size * ratio)
        now = np.repeat(self._logs, ratio, axis=1)
        moved = np.minimum(was * power(logs - now) >> 12, 1 << 30)
        groups = moved.reshape(self._channels, size, ratio)
        return np.asarray((groups.sum(axis=2) // ratio + groups.max(axis=2, initial=0)) >> 1)


def _margins(values: np.ndarray, left: int, right: int) -> np.ndarray:
    """With zeros on both sides of the last axis."""
    out = np.zeros((values.shape[0], left + values.shape[1] + right), np.int64)
    out[:, left : left + values.shape[1]] = values
    return out


def _fit(values: np.ndarray, size: int) -> np.ndarray:
    have = values.shape[1]
    return values[:, :size] if have >= size else _margins(values, 0, size - have)
