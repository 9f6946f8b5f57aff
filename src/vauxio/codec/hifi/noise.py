"""Noise filling: noise in place of coefficients that were rounded to zero, as strong as they were.

It is computed in floating point, so decoders differ by rounding. No decoded value depends on it.
"""

from __future__ import annotations

import numpy as np

from .layout import Layout

__all__ = ["fill", "uniform"]

_LEAST_HZ = 5000  # from here on empty bands get nearly all of their level


def uniform(places: np.ndarray) -> np.ndarray:
    """Pseudo-random numbers in [-1, 1), a hash of places, ``uint32`` of any shape."""
    x = places * np.uint32(0x9E3779B1)
    for _ in range(2):
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x45D9F3B)
    x ^= x >> np.uint32(16)
    return np.asarray(x / 2**31 - 1)


def fill(
    values: np.ndarray,
    levels: np.ndarray,
    logs: np.ndarray,
    layout: Layout,
    places: np.ndarray,
    *,
    noisy: bool = False,
) -> np.ndarray:
    """Coefficients from rounded ones, with noise where these are zero.

    Parameters
    ----------
    values : ndarray
        ``int64[blocks, channels, coefficients]``: of the bands that there are.
    levels, logs : ndarray
        ``int64[blocks, channels, bands]``: quarters of an octave; steps of `steps.steps`.
    layout : Layout
    places : ndarray
        ``int64[blocks]``: where noise begins, for the hash.
    noisy : bool, optional
        Whether bands with few values get more of it, and its level goes from that of one band to
        that of the next. Noise has little else; the gaps between partials must stay empty.

    Returns
    -------
    ndarray
        ``float64[blocks, channels, coefficients]``, where 1 is a sample of 2^-15.
    """
    bands = levels.shape[2]
    if not bands:
        return np.zeros(values.shape)
    edges, widths = layout.edges[:bands], layout.widths[:bands]
    band = layout.band[: values.shape[2]]
    step = np.exp2(logs / 64)
    # Towards zero by a little: magnitudes are rarer the larger they are.
    magnitude = np.abs(values)
    out = np.sign(values) * np.where(magnitude == 1, 0.97, magnitude - 0.015) * step[..., band]
    zero = magnitude == 0
    zeros = np.add.reduceat(zero, edges, axis=2, dtype=np.int64)
    coded = np.add.reduceat(out * out, edges, axis=2)
    energy = np.where(levels > 0, np.exp2((levels - 8) / 2), 0) * widths
    rest = np.sqrt(np.maximum(energy - coded, 0) / np.maximum(zeros, 1))
    high = edges * 24_000 >= _LEAST_HZ * layout.size
    empty = np.minimum(rest, 0.5 * step) * np.where(high, 0.9, 0.63)
    few = (zeros / widths) ** 8 if noisy else 0.0
    partly = np.minimum(rest, (0.3 + 0.3 * few) * step) * (0.8 + 0.2 * few)
    level = np.where(zeros == widths, empty, partly) * np.sqrt(3)
    inside = np.arange(values[0].size).reshape(values.shape[1:])
    noise = uniform((places[:, None, None] + inside).astype(np.uint32)) * level[..., band]
    if noisy:
        noise *= _between_bands(levels, layout, band)
    return np.asarray(np.where(zero, noise, out))


def _between_bands(levels: np.ndarray, layout: Layout, band: np.ndarray) -> np.ndarray:
    """By how much noise is stronger or weaker than on average over its band, at most twice."""
    far = np.minimum(layout.far[: len(band)], levels.shape[2] - 1)
    rise = (levels[..., far] - levels[..., band]) * (16 - layout.share[: len(band)])
    slope = np.exp2(rise / 64)
    edges = layout.edges[: levels.shape[2]]
    mean = np.add.reduceat(slope * slope, edges, axis=2) / layout.widths[: levels.shape[2]]
    return np.asarray(np.minimum(slope / np.sqrt(mean)[..., band], 2))
