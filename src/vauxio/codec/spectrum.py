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
        self._basis = _bases()[0] if factor == 1 else _bases()[1].T / 2
        self._hop = factor * HOP
        self._last = np.zeros((rows, 1, self._hop), np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """``float32[rows, n * hop]`` to ``float32[rows, n, coefficients]``."""
        hops = samples.reshape(len(samples), -1, self._hop)
        hops = np.concatenate([self._last, hops], axis=1)
        self._last = hops[:, -1:]
        found: np.ndarray = np.concatenate([hops[:, :-1], hops[:, 1:]], axis=2) @ self._basis
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
        self._basis = _bases()[0].T if factor == 1 else _bases()[1]
        self._hop = factor * HOP
        self._overlap = np.zeros((rows, 1, self._hop), np.float32)

    def push(self, coefficients: np.ndarray) -> np.ndarray:
        """``float32[rows, n, any]`` to ``float32[rows, n * hop]``."""
        frames = coefficients @ self._basis[: coefficients.shape[2]]
        ends = np.concatenate([self._overlap, frames[..., self._hop :]], axis=1)
        self._overlap = ends[:, -1:]
        out: np.ndarray = (frames[..., : self._hop] + ends[:, :-1]).reshape(len(frames), -1)
        return out


@cache
def _bases() -> tuple[np.ndarray, np.ndarray]:
    """MDCT with a sine window, and its inverse at twice the rate, with all coefficients.

    ``float32[2 * hop, hop]`` and ``float32[stop, 4 * hop]``. The inverse is the same sum of
    cosines, taken where the samples of the higher rate lie.
    """

    def basis(times: np.ndarray, coefficients: int) -> np.ndarray:
        k = np.arange(coefficients) + 0.5
        cosines = np.cos(math.pi / HOP * (times[:, None] + HOP / 2) * k)
        window = np.sin(math.pi * times / (2 * HOP))[:, None]
        return (window * cosines * math.sqrt(2 / HOP)).astype(np.float32)

    analysis = basis(np.arange(2 * HOP) + 0.5, HOP)
    return analysis, np.ascontiguousarray(basis(np.arange(4 * HOP) / 2 + 0.5, STOP).T)
