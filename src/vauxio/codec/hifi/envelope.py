"""Levels of bands: measured, and coded as differences from what was expected.

A level is a quarter of an octave of amplitude, 1.5 dB; 8 is a mean square of one in units of a
16-bit sample, 0 is silence. Every fourth band is coded first, then the ones halfway between, then
the rest. A small network expects each from the block before and from what the neighbours that are
coded already did, and says how sure it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .layout import LAYOUTS, Layout, band_map
from .network import LEVEL_CLASSES, LEVEL_FEATURES, QUARTERS, Network

__all__ = ["HIGHEST", "LevelWalk", "measure"]

HIGHEST = 111
"""The largest level."""

_START = 24  # what a first block is expected to have
_PASSES = ((0, 4, 0), (2, 4, 2), (1, 2, 1))  # first band, distance, and to which neighbours
_MOST = 127  # of an input of the network, and of minus it
_FIXED = 11  # the first input that sizes and bands alone decide
_FARTHEST = 20 * QUARTERS  # that a level is expected from where it was
_LEAST_OUTPUTS = np.array([[-_FARTHEST], [0]], np.float32)
_MOST_OUTPUTS = np.array([[_FARTHEST], [LEVEL_CLASSES - 1]], np.float32)


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
    """Some bands of a block, and what these are told from.

    Attributes
    ----------
    number : int
        Of the pass.
    place : slice
    known : slice
        The bands that are told already.
    sides : ndarray or None
        ``int64[2, n]``: the bands on either side of each; None in the first pass.
    """

    number: int
    place: slice
    known: slice
    sides: np.ndarray | None


class _Plan(NamedTuple):
    """How a block's levels follow from those of the one before.

    Attributes
    ----------
    source : ndarray or None
        For each band, the one of the block before; None in a first block.
    beside : ndarray
        ``int64[4, bands]``: bands one and two above and below, within the block.
    fixed : ndarray
        ``float32[n, 1, bands]``: inputs of the network from `_FIXED` on, and the constant.
    passes : list of _Pass
    """

    source: np.ndarray | None
    beside: np.ndarray
    fixed: np.ndarray
    passes: list[_Pass]


@lru_cache(1024)
def _plan(before: int, had: int, size: int, bands: int, coarse: int) -> _Plan:
    """For a block of a size and so many bands after one of another (0 for none)."""
    source = None
    if before and bands:
        source = np.minimum(band_map(before, size)[:bands], had - 1)
    each = np.arange(bands)
    beside = np.clip(np.stack([each + 1, each - 1, each + 2, each - 2]), 0, max(bands - 1, 0))
    fixed = np.zeros((LEVEL_FEATURES + 1 - _FIXED, 1, bands), np.float32)
    fixed[0] = LAYOUTS[size].bark[:bands] >> 2
    fixed[1] = 24 * (size.bit_length() - 8)
    fixed[2] = 24 * (before.bit_length() - 8) if before else 0
    fixed[3] = 64 * (before == size)
    fixed[4] = 64 * (not before)
    fixed[5] = 64 * coarse
    fixed[8] = 1
    passes = []
    for number, (first, distance, reach) in enumerate(_PASSES):
        at = np.arange(first, bands, distance)
        if not len(at):
            continue
        sides = None
        if reach:
            sides = np.stack([at - reach, np.where(at + reach < bands, at + reach, at - reach)])
        place, known = slice(first, bands, distance), slice(0, bands, 2 * reach)
        passes.append(_Pass(number, place, known, sides))
    return _Plan(source, beside, fixed, passes)


class LevelWalk:
    """From one transform block to the next.

    Parameters
    ----------
    channels : int
    resolution : int
        0: levels are told one by one; 1: every second one.
    network : Network
        That expects them.
    observe : callable, optional
        Is told the inputs of the network and what levels came: for training.
    """

    def __init__(
        self,
        channels: int,
        resolution: int,
        network: Network,
        observe: Callable[[np.ndarray, np.ndarray], None] | None = None,
    ) -> None:
        self._channels, self.resolution = channels, resolution
        self._network, self._observe = network, observe
        self.highest = HIGHEST >> resolution
        self._before = 0
        self._levels = self._moved = np.zeros((channels, 0), np.int64)

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
            From a slice of bands, what is expected of them and the distribution of each, both
            ``int64[channels, n]``, to what they are: coded or decoded.

        Returns
        -------
        ndarray
            ``int64[channels, bands]``; where every second one is told, half of what they are.
        """
        plan = _plan(self._before, self._levels.shape[1], size, bands, self.resolution)
        if plan.source is None:
            base = np.full((self._channels, bands), _START >> self.resolution)
            drift = np.zeros_like(base)
        else:
            base, drift = self._levels[:, plan.source], self._moved[:, plan.source]
        inputs = self._inputs(plan, base, drift)
        found, moved = np.empty_like(base), np.empty_like(base)
        for part in plan.passes:
            rows = inputs[:, :, part.place]
            if part.number < 2:
                rows[_FIXED + 6 + part.number] = 64
            if part.sides is not None:
                rows[:2] = moved[:, part.sides].swapaxes(0, 1) << 3
                known = moved[:, part.known]
                rows[2] = _mean(known, 3)
                rows[3] = _mean(np.abs(known), 3)
                _limit(rows[:4])
            outputs = self._network(rows.reshape(len(rows), -1))
            np.maximum(outputs, _LEAST_OUTPUTS, out=outputs)
            np.minimum(outputs, _MOST_OUTPUTS, out=outputs)
            change, spread = outputs.astype(np.int64).reshape(2, *rows.shape[1:])
            was = base[:, part.place]
            expected = (change >> 2) + was
            np.maximum(expected, 0, out=expected)
            np.minimum(expected, self.highest, out=expected)
            told = code(part.place, expected, (spread << 2) + (change & 3))
            found[:, part.place] = told
            moved[:, part.place] = told - was
            if self._observe:
                self._observe(rows.reshape(len(rows), -1), told.ravel())
        self._before, self._levels, self._moved = size, found, moved
        return found

    def _inputs(self, plan: _Plan, base: np.ndarray, drift: np.ndarray) -> np.ndarray:
        """Of the network, as far as they are the same in all passes: ``float32[inputs, ...]``."""
        inputs = np.zeros((LEVEL_FEATURES + 1, *base.shape), np.float32)
        inputs[_FIXED:] = plan.fixed
        inputs[10] = base
        if plan.source is not None:
            inputs[4] = drift << 3
            inputs[5] = _mean(np.abs(drift), 4)
            shape = base[:, plan.beside] - base[:, None]
            inputs[6:10] = shape.swapaxes(0, 1) << 2
            _limit(inputs[4:10])
        return inputs


def _limit(inputs: np.ndarray) -> None:
    np.maximum(inputs, -_MOST, out=inputs)
    np.minimum(inputs, _MOST, out=inputs)


def _mean(values: np.ndarray, shift: int) -> np.ndarray:
    """Of each channel, times a power of two: ``int64[channels, 1]``."""
    sums = np.add.reduce(values, axis=1, keepdims=True)
    return np.asarray((sums << shift) // values.shape[1])
