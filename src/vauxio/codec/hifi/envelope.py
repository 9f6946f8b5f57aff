"""Levels of bands: measured, and coded as differences from what was expected.

A level is a quarter of an octave of amplitude, 1.5 dB; 8 is a mean square of one in units of a
16-bit sample, 0 is silence. What is expected are the levels of the block before; every fourth
band is coded so, then the ones halfway between with what these showed, then the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .layout import Layout, band_map

__all__ = ["HIGHEST", "LevelWalk", "measure"]

HIGHEST = 111
"""The largest level."""

_START = 24  # what a first block is expected to have
_PASSES = ((0, 4, 0), (2, 4, 2), (1, 2, 1))  # first band, distance, and to which neighbours
_EDGES = np.array([1, 3, 5, 8])  # of how much neighbours moved, for contexts


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


class _Pass(NamedTuple):
    """Some bands of a block: which, what these are told from, and their contexts.

    Attributes
    ----------
    place : slice
    left, right : ndarray or None
        The bands on either side of each; None in the first pass.
    contexts : ndarray
        ``int64[9]``: by how much both moved together, at most 8.
    """

    place: slice
    left: np.ndarray | None
    right: np.ndarray | None
    contexts: np.ndarray


class _Plan(NamedTuple):
    """How a block's levels follow from those of the one before.

    Attributes
    ----------
    source : ndarray or None
        For each band, the one of the block before; None in a first block.
    weight : int
        Of how both neighbours moved, in eighths.
    passes : list of _Pass
    """

    source: np.ndarray | None
    weight: int
    passes: list[_Pass]


@lru_cache(1024)
def _plan(before: int, had: int, size: int, bands: int) -> _Plan:
    """For a block of a size and so many bands after one of another (0 for none)."""
    kind = (2 if before == size else 1) if before else 0
    source = None
    if kind and bands:
        source = np.minimum(band_map(before, size)[:bands], had - 1)
    passes = []
    for number, (first, distance, reach) in enumerate(_PASSES):
        at = np.arange(first, bands, distance)
        if not len(at):
            continue
        left = right = None
        contexts = np.full(9, 11 * kind)
        if reach:
            left, right = at - reach, at + reach
            right = np.where(right < bands, right, left)
            contexts += 5 * number - 4 + np.searchsorted(_EDGES, np.arange(9), side="right")
        passes.append(_Pass(slice(first, bands, distance), left, right, contexts))
    return _Plan(source, 3 if kind == 2 else 4, passes)


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
        self.highest = HIGHEST >> resolution
        self._before = 0
        self._levels = np.zeros((channels, 0), np.int64)

    def step(
        self,
        size: int,
        bands: int,
        code: Callable[[slice, np.ndarray, np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """Levels of the next block.

        Parameters
        ----------
        size, bands : int
            Of the block.
        code : callable
            From a slice of bands, what is expected of them and the context of each, both
            ``int64[channels, n]``, to what they are: coded or decoded.

        Returns
        -------
        ndarray
            ``int64[channels, bands]``; where every second one is told, half of what they are.
        """
        plan = _plan(self._before, self._levels.shape[1], size, bands)
        if plan.source is None:
            base = np.full((self._channels, bands), _START >> self.resolution)
        else:
            base = self._levels[:, plan.source]
        found, moved = np.empty_like(base), np.empty_like(base)
        for place, left, right, contexts in plan.passes:
            expected = base[:, place]
            if left is None or right is None:
                told = code(place, expected, np.broadcast_to(contexts[0], expected.shape))
            else:
                below, above = moved[:, left], moved[:, right]
                likely = plan.weight * (below + above)
                likely += 4
                likely >>= 3
                likely += expected
                np.maximum(likely, 0, out=likely)
                np.minimum(likely, self.highest, out=likely)
                spread = np.abs(below, out=below)
                spread += np.abs(above, out=above)
                told = code(place, likely, contexts.take(spread, mode="clip"))
            found[:, place] = told
            moved[:, place] = told - expected
        self._before, self._levels = size, found
        return found
