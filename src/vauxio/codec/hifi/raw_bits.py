"""Bits that need no entropy coding: signs, and the lowest bits of large values."""

from __future__ import annotations

import numpy as np

from ...errors import FormatError

__all__ = ["BitReader", "BitWriter"]


_MANY = 1 << 15  # numbers that are written together


class BitWriter:
    """Numbers to bits, lowest first."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._count = 0  # of numbers that wait

    def put(self, values: np.ndarray, bits: np.ndarray) -> None:
        """The lowest `bits` of each number, ``int64[n]`` both."""
        self._waiting.append((values, bits))
        self._count += len(values)
        if self._count >= _MANY:
            self._flush()

    def put_bits(self, bits: np.ndarray) -> None:
        """One bit of each, ``bool[n]``."""
        self._flush()
        self._parts.append(bits.astype(np.uint8))

    def finish(self) -> bytes:
        """All of them, and zeros up to a whole byte."""
        self._flush()
        parts = [np.empty(0, np.uint8), *self._parts]
        return np.packbits(np.concatenate(parts), bitorder="little").tobytes()

    def _flush(self) -> None:
        if not self._count:
            return
        values, bits = (np.concatenate(part) for part in zip(*self._waiting, strict=True))
        self._waiting, self._count = [], 0
        some = np.flatnonzero(bits)
        values, bits = values[some], bits[some]
        places = np.arange(int(bits.max(initial=0)))
        self._parts.append((values[:, None] >> places & 1)[places < bits[:, None]].astype(np.uint8))


class BitReader:
    """What `BitWriter` wrote."""

    def __init__(self, data: bytes) -> None:
        flat = np.frombuffer(data, np.uint8)
        self._bits = np.unpackbits(flat, bitorder="little")
        self._at = 0
        # The four bytes from each on, which hold any 25 bits from one of its own on.
        wide = np.concatenate([flat, np.zeros(4, np.uint8)]).astype(np.int64)
        self._words = wide[:-3] | wide[1:-2] << 8 | wide[2:-1] << 16 | wide[3:] << 24

    def take(self, bits: np.ndarray) -> np.ndarray:
        """Numbers of so many bits each, at most 25: ``int64[n]``.

        Raises
        ------
        FormatError
            If there are not as many.
        """
        starts = np.cumsum(bits)
        total = int(starts[-1]) if len(bits) else 0
        if self._at + total > len(self._bits):
            raise FormatError("transform block: cut off")
        starts += self._at
        starts -= bits
        self._at += total
        found = self._words.take(starts >> 3)
        found >>= starts & 7
        found &= (1 << bits) - 1
        return np.asarray(found)

    def bits(self, count: int) -> np.ndarray:
        """So many numbers of one bit: ``uint8[count]``; errors as of `take`."""
        if self._at + count > len(self._bits):
            raise FormatError("transform block: cut off")
        self._at += count
        return self._bits[self._at - count : self._at]

    def finish(self) -> None:
        """`FormatError` if there is more than zeros up to a whole byte."""
        rest = self._bits[self._at :]
        if len(rest) > 7 or rest.any():
            raise FormatError("transform block: bits set after the last")
