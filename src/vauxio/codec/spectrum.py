"""A decoder's samples as a spectrum, and back: where what lies above it and beside it is put in.

This module knows the transform. What is done to coefficients, `bandwidth_extension` and `stereo`
know.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

__all__ = ["HOP", "STOP", "Analysis", "Synthesis"]

HOP = 320
"""Samples of a token, at a model's rate: coefficients of the band that the model has."""

STOP = 533
"""Coefficients that there are at twice the rate, up to 20 kHz."""


class Analysis:
    """Samples to coefficients of a modified discrete cosine transform, a token at a time.

    Coefficients of a token are those of its samples and of the token before.

    Parameters
    ----------
    rows : int
    factor : int, optional
        2 for samples of twice the model's rate, and `STOP` coefficients of the same size.
    """

    def __init__(self, rows: int, factor: int = 1) -> None:
        self._before, self._now = _halves(factor)
        self._last = np.zeros((rows, 1, factor * HOP), np.float32)
        self._scale = np.float32(1 / factor)  # the same size at either rate

    def push(self, samples: np.ndarray) -> np.ndarray:
        """``float32[rows, n * hop]`` to ``float32[rows, n, coefficients]``."""
        hops = samples.reshape(len(samples), -1, self._last.shape[2])
        hops = np.concatenate([self._last, hops], axis=1)
        self._last = hops[:, -1:]
        found = self._before.forward(hops[:, :-1])
        found += self._now.forward(hops[:, 1:])
        found *= self._scale
        return found


class Synthesis:
    """Coefficients to samples, those of a token and the one before added: a token late.

    Parameters
    ----------
    rows : int
    factor : int, optional
        2 for samples of twice the model's rate.
    """

    def __init__(self, rows: int, factor: int = 1) -> None:
        self._now, self._after = _halves(factor)
        self._overlap = np.zeros((rows, 1, factor * HOP), np.float32)

    def push(self, coefficients: np.ndarray) -> np.ndarray:
        """``float32[rows, n, any]`` to ``float32[rows, n * hop]``."""
        ends = np.concatenate([self._overlap, self._after.inverse(coefficients)], axis=1)
        self._overlap = ends[:, -1:]
        out: np.ndarray = self._now.inverse(coefficients) + ends[:, :-1]
        return out.reshape(len(out), -1)


class _Half:
    """The samples of one token, as the first or second half of what a transform sees.

    Its cosines are odd about the middle of the first half and even about that of the second, so
    that half of them say all: a matrix of half the size is multiplied with (Princen & Bradley,
    1986).

    Parameters
    ----------
    factor : int
        2 for samples of twice the model's rate; one of them lies in the middle then.
    sign : int
        -1 for the first half, 1 for the second.
    """

    def __init__(self, factor: int, sign: int) -> None:
        hop = factor * HOP
        times = np.arange(hop) / factor + 0.5 + (HOP if sign > 0 else 0)
        self._sign, self._hop = sign, hop
        self._window = np.sin(math.pi * times / (2 * HOP)).astype(np.float32)
        pairs = hop // 2 - (factor - 1)
        self._upper, self._lower = slice(hop // 2, hop // 2 + pairs), slice(pairs - 1, None, -1)
        self._single = slice(hop, None)
        if factor == 2:  # two samples make no pair, and the other one is multiplied by nothing
            single = pairs if sign > 0 else hop - 1
            self._single = slice(single, single + 1)
        k = np.arange(HOP if factor == 1 else STOP) + 0.5
        rows = np.concatenate([times[self._upper], times[self._single]])[:, None]
        basis = np.cos(math.pi / HOP * (rows + HOP / 2) * k) * math.sqrt(2 / HOP)
        self._basis = basis.astype(np.float32)

    def forward(self, samples: np.ndarray) -> np.ndarray:
        """``float32[..., hop]`` to what they add to ``float32[..., coefficients]``."""
        x = samples * self._window
        pairs = x[..., self._upper] + self._sign * x[..., self._lower]
        found: np.ndarray = np.concatenate([pairs, x[..., self._single]], axis=-1) @ self._basis
        return found

    def inverse(self, coefficients: np.ndarray) -> np.ndarray:
        """``float32[..., any]`` to ``float32[..., hop]``."""
        found = coefficients @ self._basis[:, : coefficients.shape[-1]].T
        out = np.zeros((*found.shape[:-1], self._hop), np.float32)
        pairs = self._upper.stop - self._upper.start
        out[..., self._upper] = found[..., :pairs]
        out[..., self._lower] = self._sign * found[..., :pairs]
        out[..., self._single] = found[..., pairs:]
        out *= self._window
        return out


@cache
def _halves(factor: int) -> tuple[_Half, _Half]:
    """Of the MDCT with a sine window, or of the same sum of cosines, taken where the samples of
    twice the rate lie."""
    return _Half(factor, -1), _Half(factor, 1)
