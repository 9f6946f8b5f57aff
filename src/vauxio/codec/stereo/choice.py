"""Which difference and coherence each band has in each span: as measured, but not at any price.

A value that changes costs some bits, one that stays next to none. What is chosen is the sequence of
the least error and cost together (Viterbi, 1967).
"""

from __future__ import annotations

import math

import numpy as np

from .layout import CENTRE, COHERENCES, DIFFERENCES, LOW, SIZES

__all__ = ["choose", "cost_of"]

_SILENCE = 1e-9  # power of a band: less does not count
_HEARD = 70  # dB below the loudest band of all: what is so quiet may be anywhere
_LARGEST = 30  # dB: what differs by more is on one side
_SMALL = 2  # dB off, up to which errors count as their squares, and then in proportion
_COHERENCE = 1.5  # dB that an error of 1 in coherence counts as
# How dear changes of differences are from 2 kHz on, where they gain less than in bands that are
# narrow; and those of all values where the side is coded, and they do not say all.
_DEAR, _CODED = 1.5, 4.0
_DEARER, _DEAREST = 1.3, 20.0  # prices: from one to the next, and after which none follows
_CHANGE = 3.6, 2.5  # bits, about, of new values, beside those that say where they are


def choose(
    powers: np.ndarray, starts: list[int], price: float, side: int = 0, most: float = math.inf
) -> np.ndarray:
    """Values ``uint8[2, bands, spans]`` of a pair.

    Parameters
    ----------
    powers : ndarray
        ``float64[3, bands, spans]``: of the left channel, of the right one, and their product.
    starts : list of int
        Where bands begin, in coefficients.
    price : float
        Of a change below 2 kHz, in dB of error.
    side : int, optional
        Coefficients of the side that are coded.
    most : float, optional
        Bits that they may take, about: the price rises until it is so.
    """
    errors, prices = _errors(*powers), _prices(np.array(starts), side).ravel()
    while True:
        values = _cheapest(errors, price * prices).reshape(2, len(starts), -1).astype(np.uint8)
        if cost_of(values) <= most or price > _DEAREST:
            return values
        price *= _DEARER


def _errors(left: np.ndarray, right: np.ndarray, product: np.ndarray) -> np.ndarray:
    """``float64[spans, rows, values]``: of differences in each band, then of coherences, which are
    fewer. The first span has a little for what should not be there where nothing is heard."""
    both = left + right
    geometric = np.sqrt((left + _SILENCE) * (right + _SILENCE))
    difference = 10 * np.log10((left + _SILENCE) / (right + _SILENCE))
    level = 10 * np.log10(both + _SILENCE)
    heard = np.clip((level - level.max() + _HEARD) / _HEARD, 0, 1) * (both > _SILENCE)
    off = np.abs(np.clip(difference, -_LARGEST, _LARGEST)[..., None]
                 - np.clip(DIFFERENCES, -_LARGEST, _LARGEST))  # fmt: skip
    # Coherence matters as far as both channels are there.
    matters = _COHERENCE * heard * np.minimum(2 * geometric / (both + _SILENCE), 1)
    matters *= np.abs(difference) < _LARGEST
    coherence = np.clip(product / geometric, -1, 1)
    bands, spans = both.shape
    errors = np.full((spans, 2, bands, SIZES[0]), np.inf)
    errors[:, 0] = (np.square(off) / (_SMALL + off) * heard[..., None]).swapaxes(0, 1)
    missed = np.square(coherence[..., None] - np.array(COHERENCES)) * matters[..., None]
    errors[:, 1, :, : SIZES[1]] = missed.swapaxes(0, 1)
    errors[0] += 1e-6 * (np.arange(SIZES[0]) != np.array(CENTRE)[:, None])[:, None]
    return errors.reshape(spans, 2 * bands, -1)


def _prices(starts: np.ndarray, side: int) -> np.ndarray:
    """Of changes in relation to those below 2 kHz: of differences in each band, and coherences."""
    prices: np.ndarray = np.ones((2, len(starts)))
    prices[0, starts >= LOW] = _DEAR
    prices[:, starts < side] *= _CODED
    return prices


def cost_of(values: np.ndarray) -> float:
    """About how many bits the values ``uint8[2, bands, spans]`` of a pair take."""
    if all((values[kind] == CENTRE[kind]).all() for kind in (0, 1)):
        return 0.0
    changes = np.count_nonzero(np.diff(values, axis=2), axis=(1, 2))
    share = (changes + 1) / (values[0].size + 2)
    entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    return float((np.array(_CHANGE) * changes + values[0].size * entropy).sum())


def _cheapest(errors: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Of errors ``[spans, rows, values]``, the values ``int[rows, spans]`` of the least sum with
    what changes cost."""
    spans, rows, _ = errors.shape
    total = errors[0]
    stays, best = np.empty(errors.shape, bool), np.empty((spans, rows), np.intp)
    for span in range(1, spans):
        best[span] = total.argmin(axis=1)
        changed = (total.min(axis=1) + prices)[:, None]
        np.less_equal(total, changed, out=stays[span])
        total = np.minimum(total, changed)
        total += errors[span]
    found: np.ndarray = np.empty((rows, spans), np.intp)
    each, now = np.arange(rows), total.argmin(axis=1)
    for span in range(spans - 1, 0, -1):
        found[:, span] = now
        now = np.where(stays[span, each, now], now, best[span])
    found[:, 0] = now
    return found
