"""The range coder of ``docs/format.md``, section 8, where every symbol has its own distribution.

For few distributions and many symbols, constriction is faster (`fixed`). If each symbol has its own
distribution, building constriction's models costs more than coding. Each decodes the bytes of the
other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..errors import FormatError

__all__ = ["TOTAL", "RangeDecoder", "RangeEncoder"]

TOTAL = 1 << 24
"""The probabilities of a range coder model are multiples of one over this."""

_WORD = 1 << 32
_STATE = 1 << 64


class RangeEncoder:
    """Intervals to a payload."""

    def __init__(self) -> None:
        self._words: list[int] = []
        self._low, self._range = 0, _STATE - 1

    def encode(self, begins: Sequence[int], ends: Sequence[int]) -> None:
        """Symbols by the beginnings and ends of their intervals in [0, 2^24]."""
        low, width = self._low, self._range
        for begin, end in zip(begins, ends, strict=True):
            scale = width >> 24
            low += scale * begin
            width = scale * (end - begin)
            if low >= _STATE:
                low -= _STATE
                self._carry()
            if width < _WORD:
                self._words.append(low >> 32)
                low = (low << 32) & (_STATE - 1)
                width <<= 32
        self._low, self._range = low, width

    def finish(self) -> bytes:
        """The payload; nothing can follow."""
        last = -(-self._low // _WORD)  # the shortest number in [low, low + range)
        if last == _WORD:
            self._carry()
            last = 0
        words = [*self._words, last]
        return b"".join(word.to_bytes(4, "little") for word in words).rstrip(b"\0")

    def _carry(self) -> None:
        at = len(self._words) - 1
        while self._words[at] == _WORD - 1:
            self._words[at] = 0
            at -= 1
        self._words[at] += 1


class RangeDecoder:
    """A payload to symbols.

    Parameters
    ----------
    payload : bytes
    """

    def __init__(self, payload: bytes) -> None:
        self._payload, self._at = payload, 8
        self._range = _STATE - 1
        # What is missing of a word is zero.
        first, second = (int.from_bytes(payload[at : at + 4], "little") for at in (0, 4))
        self._value = first << 32 | second

    def decode(self, bounds: Any, start: int, stop: int) -> int:
        """The next symbol.

        Parameters
        ----------
        bounds : sequence of int
            In ``bounds[start:stop]`` the end of each symbol's interval, the last being 2^24.

        Raises
        ------
        FormatError
            If no symbol has this code.
        """
        return self.decode_each(bounds, (start,), stop - start)[0]

    def decode_each(self, bounds: Any, starts: Sequence[int], size: int) -> list[int]:
        """The next symbols, each as `decode` with ``bounds[start : start + size]``."""
        value, width, symbols = self._value, self._range, []
        for start in starts:
            scale = width >> 24
            at = bisect_right(bounds, value // scale, start, start + size)
            if at == start + size:
                raise FormatError("range code: no symbols have this code")
            begin = bounds[at - 1] if at > start else 0
            value -= scale * begin
            width = scale * (bounds[at] - begin)
            if width < _WORD:
                word = self._payload[self._at : self._at + 4]
                self._at += 4
                value = value << 32 | int.from_bytes(word, "little")
                width <<= 32
            symbols.append(at - start)
        self._value, self._range = value, width
        return symbols
