"""Values of joint stereo to bits and back, as ``docs/format.md``, section 6.3, specifies.

Most values are what they were a span before. Of each band, a symbol tells whether its difference,
its coherence, or both are new: which is likelier where the same is true of the band below, and
where the channels have less in common. Then come the new values themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

import numpy as np

from ...entropy.range_coder import TOTAL, RangeDecoder, RangeEncoder
from .layout import CENTRE, SIZES

__all__ = ["decode_parameters", "encode_parameters"]

_NEWS = 90, 12, 8, 4  # how often nothing, the difference, the coherence or both count as seen new
_VALUE = 16  # and each value
_NEXT_NEWS, _NEXT_VALUE = 20, 24  # what is added when they are seen
_MOST = 8000  # all are halved above

_Code = Callable[[list[int], int, tuple[int, int]], int]


def encode_parameters(values: np.ndarray) -> bytes:
    """Values ``uint8[pairs, 2, bands, spans]`` of a block to bytes; none if all are `CENTRE`."""
    if all((values[:, kind] == CENTRE[kind]).all() for kind in (0, 1)):
        return b""
    encoder = RangeEncoder()
    begins: list[int] = []
    ends: list[int] = []
    rows = iter(values.transpose(0, 3, 2, 1).reshape(-1, 2).tolist())
    row = [0, 0]

    def code(bounds: list[int], kind: int, last: tuple[int, int]) -> int:
        if kind < 0:
            row[:] = next(rows)
            symbol = (row[0] != last[0]) + 2 * (row[1] != last[1])
        else:
            symbol = row[kind]
        begins.append(bounds[symbol - 1] if symbol else 0)
        ends.append(bounds[symbol])
        return symbol

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

    def code(bounds: list[int], kind: int, last: tuple[int, int]) -> int:
        return decoder.decode(bounds, 0, len(bounds))

    values: np.ndarray = np.array(_walk(pairs, bands, spans, code), np.uint8)
    values = values.reshape(pairs, spans, bands, 2).transpose(0, 3, 2, 1)
    return values


def _walk(pairs: int, bands: int, spans: int, code: _Code) -> list[tuple[int, int]]:
    """All values in their order.

    `code` codes a symbol, given its distribution, whether it tells what is new (-1) or is a value
    of which kind, and the last values.
    """
    news = [_Counts(list(_NEWS), _NEXT_NEWS) for _ in range(SIZES[1] // 2 + 1 << 1)]
    kinds = [_Counts([_VALUE] * size, _NEXT_VALUE) for size in SIZES]
    values: list[tuple[int, int]] = []
    for _ in range(pairs):
        row = [CENTRE] * bands
        for _ in range(spans):
            below = 0
            for band, last in enumerate(row):
                model = news[(last[1] + 1) // 2 * 2 + below]
                new = code(model.bounds(), -1, last)
                model.seen.append(new)
                below = int(new > 0)
                if new:
                    found = list(last)
                    for kind, counts in enumerate(kinds):
                        if new >> kind & 1:
                            found[kind] = code(counts.bounds(last[kind]), kind, last)
                            counts.seen.append(found[kind])
                    row[band] = found[0], found[1]
            values += row
            for model in (*news, *kinds):
                if model.seen:
                    model.count()
    return values


class _Counts:
    """How often symbols were seen, and the distributions that this makes.

    Attributes
    ----------
    seen : list of int
        Since `count`.
    """

    def __init__(self, counts: list[int], more: int) -> None:
        self._counts, self._more = counts, more
        self.seen: list[int] = []
        self._bounds: dict[int, list[int]] = {}

    def bounds(self, without: int = -1) -> list[int]:
        """Where the interval of each symbol ends; one that cannot be it has next to none."""
        found = self._bounds.get(without)
        if found is None:
            found = self._bounds[without] = self._distribution(without)
        return found

    def count(self) -> None:
        """Expect from now on what has been seen."""
        counts = self._counts
        for symbol in self.seen:
            counts[symbol] += self._more
        self.seen.clear()
        self._bounds.clear()
        if sum(counts) > _MOST:
            counts[:] = [(count + 1) // 2 for count in counts]

    def _distribution(self, without: int) -> list[int]:
        counts = self._counts
        if without >= 0:
            counts = [*counts]
            counts[without] = 0
        room, total = TOTAL - len(counts), sum(counts)
        weights = [count * room // total for count in counts]
        weights[counts.index(max(counts))] += room - sum(weights)
        return list(accumulate(weight + 1 for weight in weights))
