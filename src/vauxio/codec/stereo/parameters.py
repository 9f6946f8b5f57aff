"""Angles and widths to bits and back, as ``docs/format.md``, section 6.3, specifies.

Most values are what they were a span before. Where one is not, those of the bands above it will
often not be either: the number of the two bands below that changed tells what to expect.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import numpy as np

from ...entropy.range_coder import TOTAL, RangeDecoder, RangeEncoder
from .layout import ANGLES, CENTRE, WIDTHS

__all__ = ["decode_parameters", "encode_parameters"]

_SAME = 200, 50, 20  # how often no change counts as seen before it was, by the bands below
_OTHER = 2  # and any change
_NEXT, _MOST = 32, 8000  # what is added when it is seen; all are halved above
_SIZES = ANGLES, len(WIDTHS)


def encode_parameters(values: np.ndarray) -> bytes:
    """Values ``uint8[pairs, 2, bands, spans]`` of a block to bytes; none if all are `CENTRE`."""
    if all((values[:, kind] == CENTRE[kind]).all() for kind in (0, 1)):
        return b""
    encoder = RangeEncoder()
    begins: list[int] = []
    ends: list[int] = []
    rows = iter(values.transpose(0, 3, 1, 2).ravel().tolist())

    def code(bounds: list[int], last: int, size: int) -> int:
        change: int = (next(rows) - last) % size
        begins.append(bounds[change - 1] if change else 0)
        ends.append(bounds[change])
        return change

    pairs, _, bands, spans = values.shape
    _walk(pairs, bands, spans, code)
    encoder.encode(begins, ends)
    return encoder.finish()


def decode_parameters(data: bytes, pairs: int, bands: int, spans: int) -> np.ndarray:
    """What `encode_parameters` made.

    Raises
    ------
    FormatError
        If it cannot have made them.
    """
    if not data:
        centre = np.array(CENTRE, np.uint8)[:, None, None]
        default: np.ndarray = np.tile(centre, (pairs, 1, bands, spans))
        return default
    decoder = RangeDecoder(data)

    def code(bounds: list[int], last: int, size: int) -> int:
        return decoder.decode(bounds, 0, size)

    values: np.ndarray = np.array(_walk(pairs, bands, spans, code), np.uint8)
    values = values.reshape(pairs, spans, 2, bands).transpose(0, 2, 3, 1)
    return values


def _walk(
    pairs: int, bands: int, spans: int, code: Callable[[list[int], int, int], int]
) -> list[int]:
    """All values in their order; `code` codes one change, given its distribution."""
    models = [[_Changes(size, same) for same in _SAME] for size in _SIZES]
    values: list[int] = []
    for _ in range(pairs):
        last = [[start] * bands for start in CENTRE]
        for _ in range(spans):
            for kind, size in enumerate(_SIZES):
                row, of_kind = last[kind], models[kind]
                for model in of_kind:
                    model.distribute()
                below = before = 0
                for band, value in enumerate(row):
                    model = of_kind[below + before]
                    change = code(model.bounds, value, size)
                    model.seen.append(change)
                    before, below = below, int(change != 0)
                    if change:
                        row[band] = (value + change) % size
                values += row
    return values


class _Changes:
    """How often a value changed by so much, and the distribution that this makes.

    Attributes
    ----------
    bounds : list of int
        Where the interval of each change ends.
    seen : list of int
        Changes since `distribute`.
    """

    def __init__(self, size: int, same: int) -> None:
        self._counts = [same, *[_OTHER] * (size - 1)]
        self.seen: list[int] = []
        self.bounds: list[int] = []

    def distribute(self) -> None:
        """What is expected from now on, of all that was seen."""
        if self.bounds and not self.seen:
            return
        counts = self._counts
        for change in self.seen:
            counts[change] += _NEXT
        self.seen.clear()
        if sum(counts) > _MOST:
            counts[:] = [(count + 1) // 2 for count in counts]
        room, total = TOTAL - len(counts), sum(counts)
        weights = [count * room // total for count in counts]
        weights[counts.index(max(counts))] += room - sum(weights)
        self.bounds = list(accumulate(weight + 1 for weight in weights))
