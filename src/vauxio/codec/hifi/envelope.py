"""Levels of bands: measured, and coded as differences from what was expected.

A level is a quarter of an octave of amplitude, 1.5 dB; 8 is a mean square of one in units of a
16-bit sample, 0 is silence. What is expected are the levels of the block before; every fourth
band is coded so, then the ones halfway between with what these showed, then the rest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import FormatError
from .layout import Layout, band_map

__all__ = ["HIGHEST", "LevelWalk", "measure"]

HIGHEST = 111
"""The largest level."""

_START = 24  # what a first block is expected to have
_PASSES = ((0, 4, 0), (2, 4, 2), (1, 2, 1))  # first band, distance, and to which neighbours
_EDGES = np.array([1, 3, 5, 8])  # of how much neighbours moved, for contexts

_MAPS: dict[tuple[int, int], np.ndarray] = {}


def measure(coefficients: np.ndarray, layout: Layout, bands: int) -> np.ndarray:
    """Levels of blocks, not rounded.

    Parameters
    ----------
    coefficients : ndarray
        ``float64[..., size]``, in units of a 16-bit sample.
    layout : Layout
    bands : int
        How many are wanted, the first ones.

    Returns
    -------
    ndarray
        ``float64[..., bands]``
    """
    if not bands:
        return np.zeros((*coefficients.shape[:-1], 0))
    edges = layout.edges[: bands + 1]
    power = np.add.reduceat(coefficients[..., : edges[-1]] ** 2, edges[:-1], axis=-1)
    return np.asarray(np.clip(2 * np.log2(power / np.diff(edges) + 1e-9) + 8, 0, HIGHEST))


class LevelWalk:
    """From one transform block to the next.

    Parameters
    ----------
    channels : int
    resolution : int
        0: levels are told one by one; 1: every second one.
    """

    def __init__(self, channels: int, resolution: int) -> None:
        self._channels, self.resolution = channels, resolution
        self._past: tuple[Layout, np.ndarray] | None = None

    def step(
        self,
        layout: Layout,
        bands: int,
        code: Callable[[slice, np.ndarray, np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """Levels of the next block.

        Parameters
        ----------
        layout : Layout
        bands : int
        code : callable
            From a slice of bands, what is expected of them and the context of each, both
            ``int64[channels, n]``, to what they are: coded or decoded.

        Returns
        -------
        ndarray
            ``int64[channels, bands]``, in quarters of an octave.
        """
        base = np.full((self._channels, bands), _START >> self.resolution)
        kind = 0
        if self._past is not None:
            before, levels = self._past
            kind = 2 if before is layout else 1
            source = _map(before, layout)[:bands] if kind == 1 else np.arange(bands)
            base = levels[:, np.minimum(source, levels.shape[1] - 1)] if bands else base
        found = np.zeros_like(base)
        moved = np.zeros((self._channels, bands + 4), np.int64)  # two more on either side
        for number, (first, distance, reach) in enumerate(_PASSES):
            place = slice(first, bands, distance)
            expected = base[:, place]
            if not expected.shape[1]:
                continue
            context = np.full(expected.shape, 11 * kind)
            if reach:
                left = moved[:, first + 2 - reach : bands + 2 - reach : distance]
                right = moved[:, first + 2 + reach : bands + 2 + reach : distance].copy()
                if (first + distance * (expected.shape[1] - 1)) + reach >= bands:
                    right[:, -1] = left[:, -1]
                expected = expected + ((3 if kind == 2 else 4) * (left + right) + 4 >> 3)
                spread = np.searchsorted(_EDGES, np.abs(left) + np.abs(right), side="right")
                context = context + 5 * number - 4 + spread
            expected = np.clip(expected, 0, HIGHEST >> self.resolution)
            found[:, place] = code(place, expected, context)
            moved[:, 2 : 2 + bands][:, place] = found[:, place] - base[:, place]
        self._past = layout, found
        return found << self.resolution

    def check(self, levels: np.ndarray) -> np.ndarray:
        """`FormatError` if a decoded level is out of range."""
        if levels.size and (levels.min() < 0 or levels.max() > HIGHEST >> self.resolution):
            raise FormatError("transform block: a level is out of range")
        return levels


def _map(source: Layout, target: Layout) -> np.ndarray:
    key = source.size, target.size
    if key not in _MAPS:
        _MAPS[key] = band_map(*key)
    return _MAPS[key]
