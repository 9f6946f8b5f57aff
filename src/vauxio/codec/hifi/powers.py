"""Powers and logarithms of two in whole numbers, the same on every machine."""

from __future__ import annotations

import numpy as np

__all__ = ["FINEST", "LOG", "power"]

FINEST = 4095
"""The largest number with a logarithm of its own."""

LOG = np.zeros(FINEST + 1, np.float32)
"""12 log2(1 + i / 4), rounded down."""

_LOUDEST = 1024  # logarithms go from -512 to here
_POWER = np.zeros(512 + _LOUDEST + 1, np.int64)  # 2^(i/64), times 2^12


def _root(index: int) -> int:
    """2^(index/64 + 40), rounded down: the largest n of which n^64 is at most 2^(index + 2560)."""
    target, low, high = 1 << (index + 2560), 0, 1 << 42
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**64 <= target else (low, middle)
    return low


def _fill_tables() -> None:
    roots = np.array([_root(i) for i in range(64)])
    for i in range(len(_POWER)):
        octave, part = divmod(i - 512, 64)
        shift = 28 - octave
        _POWER[i] = (int(roots[part]) + (1 << shift >> 1)) >> shift
    # 12 log2(1 + i/4) = n while (4 + i)^12 / 4^12 is at least 2^n.
    for i in range(FINEST + 1):
        LOG[i] = ((4 + i) ** 12 >> 24).bit_length() - 1


_fill_tables()


def power(logarithm: np.ndarray) -> np.ndarray:
    """2^(x/64 + 12) of integers, ``int64``; within the table's ends."""
    return np.asarray(_POWER.take(logarithm + 512, mode="clip"))
