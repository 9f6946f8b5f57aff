"""The walk from one transform block to the next: what values tell of those after them, in integers.

The values of the two blocks before, as they would be with this block's steps; and for the second
pass of a block those of the first, and what they have left of the energy of each band.
"""

from __future__ import annotations

import numpy as np

from .contexts import FIXED, WALKED, Block, Move, fitted, over
from .powers import LOG

__all__ = ["LIMIT", "Walk"]

LIMIT = (1 << 20) - 1
"""The largest magnitude of a value."""

_MOST = 1 << 30  # what a value of the past is limited to, in sixteenths of a step
_PLAIN = 128  # values that are expected to be larger than this, in sixteenths, have low bits
_LARGE = 1 << 20  # what counts of a value in the energy of its band, in sixteenths of a step
_RATIOS, _LOW_BITS = 11, 17  # the inputs that low bits change


class Walk:
    """From one transform block to the next, with what each shows of the ones after it."""

    def __init__(self) -> None:
        self._past: list[np.ndarray] = []
        self.shift: np.ndarray | None = None
        """Low bits of each coefficient of the block, ``int64[channels, coefficients]``, that the
        symbol does not tell; None where there are none."""

    def begin(self, block: Block) -> None:
        """Go on to a block."""
        self._block = block
        channels, size = block.shape
        middle = np.zeros((channels, size + 8), np.int64)
        past = middle[:, 4:-4]
        older = np.zeros((channels, size + 2), np.int64)
        for to, was, move in zip((past, older[:, 1:-1]), self._past, block.moves, strict=False):
            _look(to, was, move)
        found = np.empty((WALKED, channels, size), np.int64)
        found[0] = past
        found[1] = middle[:, 3:-5]
        found[2] = middle[:, 5:-3]
        spread = found[1] + found[2]
        spread += past
        spread += past
        spread >>= 3  # a quarter, then half of that
        spread += block.level >> 1
        np.add(middle[:, 2:-6], middle[:, 6:-2], out=found[3])
        found[3] >>= 1
        np.add(middle[:, :-8], middle[:, 1:-7], out=found[4])
        found[4] += middle[:, 7:-1]
        found[4] += middle[:, 8:]
        found[4] >>= 2
        found[5] = older[:, 1:-1]
        np.add(older[:, :-2], older[:, 2:], out=found[6])
        found[6] >>= 1
        if size:
            _around(past, block, found[7:])
        self._inputs = inputs = np.empty((WALKED + FIXED, channels, size), np.float32)
        inputs[WALKED:] = block.inputs
        self.shift = None
        if spread.max(initial=0) > _PLAIN:
            high = (np.maximum(spread - 1, 0) >> 7).astype(np.float64)
            self.shift = shift = np.minimum(np.frexp(high)[1], 20).astype(np.int64)
            found >>= shift
            inputs[_RATIOS : _RATIOS + 4] = over(block.ratios - 64 * shift)
            inputs[_LOW_BITS] = np.minimum(shift, 1) * 64
        LOG.take(found, out=inputs[:WALKED], mode="clip")

    def rows(self, half: int, values: np.ndarray) -> np.ndarray:
        """Inputs of the network for what is coded in a pass.

        Parameters
        ----------
        half : int
            0 or 1.
        values : ndarray
            ``int64[channels, coefficients]``: magnitudes; in pass 1 those of even number count.

        Returns
        -------
        ndarray
            ``float32[inputs, n]``, channel by channel, as `network.Tables.classify` wants them.
        """
        block = self._block
        flat = self._inputs.reshape(len(self._inputs), -1)
        at = block.at[half]
        if not half:
            return np.asarray(flat.take(at, axis=1))
        channels, size = block.shape
        count = size // 2
        even = np.zeros((channels, count + 4), np.int64)
        np.left_shift(values[:, ::2], 4, out=even[:, 1 : 1 + size - count])
        found = np.empty((6, channels, count), np.int64)
        found[0] = even[:, 1:-3]
        found[1] = even[:, 2:-2]
        found[2] = even[:, :-4]
        found[3] = even[:, 3:-1]
        np.add.reduce(found[:4], axis=0, out=found[4])
        found[4] >>= 2
        found[5] = _left(values[:, ::2], block)
        if self.shift is not None:
            found >>= self.shift[:, 1::2]
        inputs = np.empty((len(flat) + 6, len(at)), np.float32)
        flat.take(at, axis=1, out=inputs[: len(flat)], mode="clip")
        LOG.take(found.reshape(6, -1).take(block.odd, axis=1), out=inputs[len(flat) :], mode="clip")
        return inputs

    def shifts(self, half: int) -> np.ndarray | None:
        """Low bits of what is coded in a pass, ``int64[n]``."""
        return None if self.shift is None else self.shift.ravel()[self._block.at[half]]

    def end(self, values: np.ndarray) -> None:
        """The magnitudes of the block, ``int64[channels, coefficients]``."""
        worth = values << 4
        np.copyto(worth, self._block.quiet, where=values == 0)
        self._past = [worth, *self._past[:1]]


def _around(past: np.ndarray, block: Block, out: np.ndarray) -> None:
    """Means of the block before: over 17 and 33 coefficients, and over bands.

    And what each coefficient would be if its band were as loud then as it is now.
    """
    channels, size = block.shape
    sums = np.zeros((channels, size + 33), np.int64)
    np.cumsum(past, axis=1, out=sums[:, 17 : 17 + size])
    sums[:, 17 + size :] = sums[:, 16 + size, None]
    np.subtract(sums[:, 25 : 25 + size], sums[:, 8 : 8 + size], out=out[0])
    out[0] >>= 4
    np.subtract(sums[:, 33:], sums[:, :size], out=out[1])
    out[1] >>= 5
    bands = block.levels.shape[1]
    edges = block.layout.edges[: bands + 1]
    means = np.add.reduceat(past, edges[:-1], axis=1) // block.layout.widths[:bands]
    means.take(block.layout.band[:size], axis=1, out=out[2], mode="clip")
    np.multiply(past, block.level, out=out[3])
    out[3] //= np.maximum(out[2], 3)


def _left(even: np.ndarray, block: Block) -> np.ndarray:
    """What is left of the energy of bands for odd coefficients: roots of means of squares.

    Parameters
    ----------
    even : ndarray
        ``int64[channels, n]``: magnitudes of those of even number.
    block : Block

    Returns
    -------
    ndarray
        ``int64[channels, odd coefficients]``, in sixteenths of a step.
    """
    layout, bands = block.layout, block.levels.shape[1]
    worth = np.where(even > 0, np.minimum(even << 4, _LARGE), block.quiet[:, ::2])
    first = layout.edges[: bands + 1] + 1 >> 1
    energy = np.add.reduceat(worth * worth, first[:-1], axis=1)
    widths = layout.widths[:bands]
    whole = block.levels**2 * widths
    left = np.maximum(whole - energy, whole >> 6) // (widths - np.diff(first))
    # Below 2^52 the root of a double, rounded down, is exact.
    root = np.sqrt(left.astype(np.float64)).astype(np.int64)
    return np.asarray(root.take(layout.band[1 : block.shape[1] : 2], axis=1))


def _look(to: np.ndarray, was: np.ndarray, move: Move) -> None:
    """Put magnitudes of a block of the past where they belong, in sixteenths of other steps."""
    channels, size = to.shape
    if move.repeat > 1:
        was = np.repeat(was, move.repeat, axis=1)
    moved = fitted(was, size * move.group) * move.factor
    moved >>= 12
    np.minimum(moved, _MOST, out=moved)
    if move.group > 1:
        groups = moved.reshape(channels, size, move.group)
        mean = groups.sum(axis=2) // move.group
        moved = mean + groups.max(axis=2, initial=0) >> 1
    to[:] = moved
