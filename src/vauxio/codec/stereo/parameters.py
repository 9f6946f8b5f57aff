"""Values of joint stereo to bits and back, as ``docs/format.md``, section 6.3, specifies.

Most values are what they were a span before. So a symbol of each band tells whether its difference,
its coherence, or both are new, which is likelier where channels have less in common; then come the
new values. All of a span is known to the next only: a span's symbols are coded at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...entropy.range_coder import TOTAL, RangeDecoder, RangeEncoder
from .layout import CENTRE, SIZES

__all__ = ["decode_parameters", "encode_parameters"]

_NEWS = 90, 12, 8, 4  # how often nothing, the difference, the coherence or both count as seen new
_VALUE = 16  # and each value
_NEXT_NEWS, _NEXT_VALUE = 20, 24  # what is added when they are seen
_MOST = 8000  # all are halved above

_Code = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def encode_parameters(values: np.ndarray) -> bytes:
    """Values ``uint8[pairs, 2, bands, spans]`` of a block to bytes; none if all are `CENTRE`."""
    if all((values[:, kind] == CENTRE[kind]).all() for kind in (0, 1)):
        return b""
    encoder = RangeEncoder()

    def code(bounds: np.ndarray, rows: np.ndarray, symbols: np.ndarray) -> np.ndarray:
        begins = np.where(symbols > 0, bounds[rows, symbols - 1], 0)
        encoder.encode(begins.tolist(), bounds[rows, symbols].tolist())
        return symbols

    _walk(values.transpose(0, 3, 1, 2).astype(np.intp), code)
    return encoder.finish()


def decode_parameters(data: bytes, pairs: int, bands: int, spans: int) -> np.ndarray:
    """What `encode_parameters` made.

    Raises
    ------
    FormatError
        If it cannot have made them.
    """
    values: np.ndarray = np.empty((pairs, spans, 2, bands), np.intp)
    values[:] = np.array(CENTRE)[:, None]
    if data:
        decoder = RangeDecoder(data)

        def code(bounds: np.ndarray, rows: np.ndarray, symbols: np.ndarray) -> np.ndarray:
            size = bounds.shape[1]
            starts = (rows * size).tolist()
            return np.array(decoder.decode_each(bounds.ravel().tolist(), starts, size), np.intp)

        _walk(values, code)
    found: np.ndarray = values.transpose(0, 2, 3, 1).astype(np.uint8)
    return found


def _walk(values: np.ndarray, code: _Code) -> None:
    """Code the values ``int[pairs, spans, 2, bands]`` in their order, in place.

    `code` takes distributions, the rows of them that symbols have, and symbols, which only an
    encoder heeds, and returns the symbols that there are.
    """
    news = np.tile(np.array(_NEWS), (SIZES[1], 1))
    counts = [np.full((1, size), _VALUE) for size in SIZES]
    others = [1 - np.eye(size, dtype=int) for size in SIZES]
    for pair in values:
        last = np.empty_like(pair[0])
        last[:] = np.array(CENTRE)[:, None]
        for span in pair:
            known, wanted = last[1].copy(), span.copy()
            differ = wanted != last
            new = code(_distributions(news), known, differ[0] + 2 * differ[1])
            for kind in (0, 1):
                at = np.flatnonzero(new >> kind & 1)
                if len(at):
                    bounds = _distributions(counts[kind] * others[kind])
                    found = code(bounds, last[kind, at], wanted[kind, at])
                    last[kind, at] = found
                    _saw(counts[kind], np.zeros_like(found), found, _NEXT_VALUE)
            _saw(news, known, new, _NEXT_NEWS)
            span[:] = last


def _distributions(counts: np.ndarray) -> np.ndarray:
    """Where the interval of each symbol ends, in each row: ``int[rows, symbols]``."""
    room = TOTAL - counts.shape[1]
    weights = counts * room // counts.sum(axis=1, keepdims=True)
    weights[np.arange(len(counts)), counts.argmax(axis=1)] += room - weights.sum(axis=1)
    ends: np.ndarray = (weights + 1).cumsum(axis=1)
    return ends


def _saw(counts: np.ndarray, rows: np.ndarray, symbols: np.ndarray, more: int) -> None:
    np.add.at(counts, (rows, symbols), more)
    many = counts.sum(axis=1) > _MOST
    counts[many] = (counts[many] + 1) // 2
