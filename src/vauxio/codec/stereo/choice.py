"""Which angle and width each band has in each span: as measured, but not at any price.

A value that changes costs some bits, one that stays next to none. What is chosen is the sequence of
the least error and cost together (Viterbi, 1967).
"""

from __future__ import annotations

import numpy as np

from .layout import ANGLES, CENTRE, EDGES, WIDTHS

__all__ = ["choose", "cost_of"]

_SILENCE = 1e-10  # power of a coefficient: less does not count
_HEARD = 60  # dB below the loudest of all: what is so quiet may be anywhere
# How much dearer changes are in the lowest band, and how much cheaper in the highest: low bands are
# narrow, and there the noise in what stands for the side is off by more than any value.
_DEARER, _CHEAPER = 2.0, 0.3
_CHANGE = 3.7  # bits, about, beside those that say where changes are


def choose(powers: np.ndarray, price: float) -> np.ndarray:
    """Values ``uint8[2, bands, spans]`` of a pair.

    Parameters
    ----------
    powers : ndarray
        ``float64[3, bands, spans]``: of the left channel, of the right one, and their product.
    price : float
        Of a change in the middle bands, in squared steps of error.
    """
    left, right, product = powers
    mean = (left + right) / 2
    axis = np.hypot((left - right) / 2, product)
    angle = np.arctan2(product, (left - right) / 2) / 2 / (np.pi / ANGLES)
    ratio = np.clip((mean - axis) / (mean + axis + _SILENCE), 0, 1)
    silent = mean < _SILENCE
    angle[silent], ratio[silent] = CENTRE
    level = 10 * np.log10(mean + _SILENCE)
    prices = price * np.geomspace(_DEARER, _CHEAPER, len(EDGES) - 1)[: len(mean), None]
    heard = np.clip((level - level.max() + _HEARD) / _HEARD, 0, 1)
    off = (angle[..., None] - np.arange(ANGLES) + ANGLES / 2) % ANGLES - ANGLES / 2
    angles = _cheapest(np.square(off) * (heard * (1 - ratio))[..., None], prices, CENTRE[0])
    steps = np.sqrt(np.array(WIDTHS))
    width = np.interp(np.sqrt(ratio), steps, np.arange(len(steps)))
    widths = np.square(width[..., None] - np.arange(len(steps))) * heard[..., None]
    return np.stack([angles, _cheapest(widths, prices, CENTRE[1])]).astype(np.uint8)


def cost_of(values: np.ndarray) -> float:
    """About how many bits the values ``uint8[2, bands, spans]`` of a pair take."""
    changes = int(np.count_nonzero(np.diff(values, axis=2)))
    if not changes and all((values[kind] == CENTRE[kind]).all() for kind in (0, 1)):
        return 0.0
    share = (changes + 1) / (values.size + 2)
    shares = np.array([share, 1 - share])
    return float(_CHANGE * changes - values.size * (shares * np.log2(shares)).sum())


def _cheapest(errors: np.ndarray, prices: np.ndarray, start: int) -> np.ndarray:
    """Of errors ``[bands, spans, values]``, the values of the least sum with what changes cost."""
    bands, spans, values = errors.shape
    rows = np.arange(bands)
    total = errors[:, 0] + 1e-6 * (np.arange(values) != start)  # where nothing is heard
    origins = np.empty((spans, bands, values), np.intp)
    for span in range(1, spans):
        best = total.argmin(axis=1)
        changed = total[rows, best][:, None] + prices
        stays = total <= changed
        origins[span] = np.where(stays, np.arange(values), best[:, None])
        total = np.where(stays, total, changed) + errors[:, span]
    found: np.ndarray = np.empty((bands, spans), np.intp)
    found[:, -1] = total.argmin(axis=1)
    for span in range(spans - 1, 0, -1):
        found[:, span - 1] = origins[span, rows, found[:, span]]
    return found
