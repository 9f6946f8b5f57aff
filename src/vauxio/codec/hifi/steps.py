"""Quantiser steps of the bands: a perceptual rule, in integers.

The step of a band follows its level less than one to one, and the mean level of the block: loud
bands hide more noise, but not as much more as they are louder. Both sides of a file derive it
from the levels, so steps cost no bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .layout import Layout

__all__ = ["PER_OCTAVE", "Rule", "steps"]

PER_OCTAVE = 64
"""Steps are logarithms: so many to a factor of two."""

_RISE, _FALL = 12, 24  # by how much of a level a neighbouring band spreads, per critical band
_MIDDLE = 32  # the level that the mean is compared with


class Rule(NamedTuple):
    """What the rule depends on; of a whole block of the file.

    Attributes
    ----------
    slope : int
        Sixteenths of a band's level that its step follows; 0 to 16.
    total : int
        The same of the level of all bands together; 0 to 31.
    tilt : int
        Sixteenths of an octave by which steps grow over 12 critical bands; -128 to 127.
    gain : int
        Of all steps, in quarters of an octave's sixteenth; 0 to 4095. 1024 is none.
    """

    slope: int
    total: int
    tilt: int
    gain: int


def steps(levels: np.ndarray, layout: Layout, rule: Rule) -> np.ndarray:
    """Logarithms of step sizes.

    Parameters
    ----------
    levels : ndarray
        ``int64[..., bands]``, the first bands of the layout, in quarters of an octave.
    layout : Layout
    rule : Rule

    Returns
    -------
    ndarray
        ``int64[..., bands]``, in 64ths of an octave.
    """
    bands = levels.shape[-1]
    bark = layout.bark[:bands]
    if not bands:
        return np.zeros(levels.shape, np.int64)
    gap = np.diff(bark)
    spread = levels.copy()
    for b in range(1, bands):
        np.maximum(spread[..., b], spread[..., b - 1] - (_RISE * gap[b - 1] >> 4),
                   out=spread[..., b])  # fmt: skip
    for b in range(bands - 2, -1, -1):
        np.maximum(spread[..., b], spread[..., b + 1] - (_FALL * gap[b] >> 4), out=spread[..., b])
    mean = spread.sum(axis=-1, keepdims=True) // bands
    tilt = rule.tilt * (bark - 192) // 48
    whole = (rule.total - rule.slope) * (mean - _MIDDLE)
    return np.asarray(rule.slope * spread + whole + tilt + rule.gain - 1024)
