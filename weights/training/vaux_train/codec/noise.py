"""Noise in place of coefficients that are too high to be coded as waves.

The decoder knows how loud the upper bands are, not what is in them. Asked for levels only, a
network puts a few steady tones there, which no measure of levels hears and every listener does. So
from some coefficient on only the power that it gives is used, smoothed over neighbours, under
random signs (perceptual noise substitution: Herre & Schulz 1998) or those of what is below
(`copies`). Random ones come from the codes, so that a file always decodes to the same samples, in
whatever pieces.
"""

from __future__ import annotations

import numpy as np

ROWS = 64  # of each of two tables of signs; a token takes the product of two rows
WIDTH = 24  # coefficients over which noise takes over
REACH = 6  # neighbours on each side that power is smoothed over
SEED = 1


def share(first: int, hop: int) -> np.ndarray:
    """How much of the power of each coefficient from `first` on is noise, 0 to 1."""
    return np.clip((np.arange(first, hop) - first + 1) / WIDTH, 0, 1).astype(np.float32)


def neighbours(first: int, hop: int) -> np.ndarray:
    """``bool[hop, hop - first]``: which coefficients each mean from `first` on is taken of."""
    return np.abs(np.arange(hop)[:, None] - np.arange(first, hop)) <= REACH


def signs(first: int, hop: int) -> np.ndarray:
    """Two tables of random signs, ``int8[2, ROWS, hop - first]``."""
    draws = np.random.default_rng(SEED).integers(0, 2, (2, ROWS, hop - first))
    return (2 * draws - 1).astype(np.int8)


def factors(codebooks: int) -> np.ndarray:
    """Odd numbers by which codes are multiplied to find the rows, ``int64[codebooks]``."""
    return 2 * np.random.default_rng(SEED).integers(1 << 20, 1 << 24, codebooks) + 1


SHIFTS = (8, 16)  # bits of the sum of these products that choose the rows, from here on
