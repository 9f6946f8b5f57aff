"""Copies of what was coded, for zeros at high frequencies.

A voice has its pitch there, too, which random signs have not. Where bits are few, zeros get a mix
of noise and of what lies between 560 and 2440 Hz, moved up by its width again and again, as
spectral band replication does (Dietz et al. 2002).
"""

from __future__ import annotations

import numpy as np

from .layout import Layout

__all__ = ["STEPS", "mix"]

STEPS = 16
"""A share of copies counts in this part of all noise."""

_UNIT = 128  # of a block, 187.5 Hz; what follows counts in it
_LOW, _WIDTH, _REACH = 3, 10, 2
"""Where copies are taken from, how much, and how far to each side they are flattened over."""

_FLOOR = 1e-6


def mix(noise: np.ndarray, values: np.ndarray, layout: Layout, share: int) -> np.ndarray:
    """Noise of which a share is copies.

    Parameters
    ----------
    noise : ndarray
        ``float64[blocks, channels, coefficients]``: 0 where there are values.
    values : ndarray
        The same of what was coded: 0 where there is noise.
    layout : Layout
    share : int
        Of the power of the noise, in parts of `STEPS`.

    Returns
    -------
    ndarray
        About as strong as before.
    """
    unit = layout.size // _UNIT
    low, width, reach = _LOW * unit, _WIDTH * unit, _REACH * unit
    high = np.arange(low + width, noise.shape[2])
    if not share or not len(high):
        return noise
    place = np.arange(width)
    near = abs(place[:, None] - place) <= reach
    source = (values + noise)[..., low : low + width]
    flat = source / np.sqrt((source * source) @ (near / near.sum(axis=0)) + _FLOOR)
    copied = flat[..., (high - low) % width] * np.abs(noise[..., high])
    mixed: np.ndarray = noise.copy()
    mixed[..., high] = (1 - share / STEPS) ** 0.5 * noise[..., high]
    mixed[..., high] += (share / STEPS) ** 0.5 * copied
    return mixed
