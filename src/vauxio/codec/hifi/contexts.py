"""Contexts: what a decoder knows of a coefficient before it decodes it, in integers.

Coefficients of a transform block come in two passes: those of even number, then those of odd
number, which know both neighbours. What both know: how strong the band is over its step, and
the values of the two blocks before, as they would be with this block's steps.

What levels and steps alone tell is worked out for many blocks at once (`prepare`); what values
tell, block by block (`Walk`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .layout import LAYOUTS
from .powers import LOG, power

__all__ = ["LIMIT", "Block", "Walk", "prepare"]

LIMIT = (1 << 20) - 1
"""The largest magnitude of a value."""

_LEAST = -160  # a band weaker than this over its step is not coded
_MOST = 1 << 30  # what a value of the past is limited to, in sixteenths of a step
_PLAIN = 128  # values that are expected to be larger than this, in sixteenths, have low bits
_WALKED, _FIXED = 7, 8  # inputs of the network: of the past; of levels alone, with the constant


class _Move(NamedTuple):
    """How the values of a block of the past look on the grid of another, with its steps.

    Attributes
    ----------
    repeat, group : int
        How often each value stands there; how many in a row are made one. One of them is 1.
    factor : ndarray
        ``int64[channels, coefficients * group]``: the ratio of steps, times 2^12.
    """

    repeat: int
    group: int
    factor: np.ndarray


class Block(NamedTuple):
    """What is known of a transform block before any value is.

    Attributes
    ----------
    shape : tuple of (int, int)
        Channels and coefficients that may have a value.
    at : tuple of (ndarray, ndarray)
        The coefficients of each pass that do have one: places in an array of that shape.
    odd : ndarray
        The same of pass 1, in an array of the odd coefficients alone.
    half : ndarray
        ``int64[channels, coefficients]``: half of the band's level, in sixteenths of a step.
    quiet : ndarray
        The same of int8: what a zero is worth.
    ratios : ndarray
        ``int16[4, channels, coefficients]``: how far levels are over steps, in 64ths of an octave:
        of the band, between bands, and of those below and above.
    inputs : ndarray
        ``int8[8, channels, coefficients]``: the network's inputs 7 to 14, without low bits.
    moves : list of _Move
        From the block before and the one before that, as far as there are any.
    """

    shape: tuple[int, int]
    at: tuple[np.ndarray, np.ndarray]
    odd: np.ndarray
    half: np.ndarray
    quiet: np.ndarray
    ratios: np.ndarray
    inputs: np.ndarray
    moves: list[_Move]


def prepare(
    members: dict[int, np.ndarray], levels: dict[int, np.ndarray], logs: dict[int, np.ndarray]
) -> list[Block]:
    """What is known of all transform blocks of a payload.

    Parameters
    ----------
    members : dict of int to ndarray
        By size, the numbers of the blocks.
    levels, logs : dict of int to ndarray
        By size, ``int64[blocks, channels, bands]``: levels in quarters of an octave, and steps as
        of `steps.steps`.
    """
    count = sum(len(numbers) for numbers in members.values())
    found: list[Block | None] = [None] * count
    spread = {}
    for size, numbers in members.items():
        bands = levels[size].shape[2]
        spread[size] = logs[size][..., LAYOUTS[size].band[: LAYOUTS[size].edges[bands]]]
        for i, block in zip(numbers, _alone(size, levels[size], logs[size]), strict=True):
            found[i] = block
    blocks = [block for block in found if block is not None]
    for distance in (1, 2):
        for i, move in _moves(members, spread, distance):
            blocks[i].moves.append(move)
    return blocks


def _alone(size: int, levels: np.ndarray, logs: np.ndarray) -> list[Block]:
    """Blocks of one size, without what lies before them."""
    layout = LAYOUTS[size]
    bands = levels.shape[2]
    stop = int(layout.edges[bands])
    band, share = layout.band[:stop], layout.share[:stop]
    last = max(bands - 1, 0)
    ratio = 16 * (levels - 8) - logs
    own = ratio[..., band]
    between = own * share + ratio[..., np.minimum(layout.far[:stop], last)] * (16 - share) >> 4
    below = ratio[..., np.maximum(band - 1, 0)]
    above = ratio[..., np.minimum(band + 1, last)]
    level = (power(ratio) >> 8)[..., band]
    ratios = np.stack([own, between, below, above], axis=1)
    inputs = np.zeros((len(levels), _FIXED, *own.shape[1:]), np.int8)
    inputs[:, :4] = _over(ratios)
    inputs[:, 4] = 24 * (size.bit_length() - 8)
    inputs[:, 5] = layout.place[:stop]
    inputs[:, 7] = 1
    coded = ((ratio >= _LEAST) & (levels > 0))[..., band]
    at, odd = [], []
    for half in range(2):
        number, channel, place = np.nonzero(coded[:, :, half::2])
        cuts = np.searchsorted(number, np.arange(1, len(levels)))
        at.append(np.split(channel * stop + 2 * place + half, cuts))
        odd = np.split(channel * (stop // 2) + place, cuts)
    halves, quiet = level >> 1, np.minimum(level, 5).astype(np.int8)
    ratios = ratios.astype(np.int16)
    return [
        Block(own.shape[1:], (at[0][i], at[1][i]), odd[i], halves[i], quiet[i], ratios[i],
              inputs[i], [])
        for i in range(len(levels))
    ]  # fmt: skip


def _over(ratios: np.ndarray) -> np.ndarray:
    """Inputs for ratios in 64ths of an octave."""
    return np.asarray(np.clip(ratios * 10 >> 6, -40, 120))


def _moves(
    members: dict[int, np.ndarray], logs: dict[int, np.ndarray], distance: int
) -> list[tuple[int, _Move]]:
    """For each block that has one `distance` before it, its number and the way from there."""
    count = sum(len(numbers) for numbers in members.values())
    sizes, index = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for size, numbers in members.items():
        sizes[numbers], index[numbers] = size, np.arange(len(numbers))
    found = []
    for ours in members:
        for theirs in members:
            pairs = np.flatnonzero((sizes[distance:] == ours) & (sizes[:-distance] == theirs))
            if not len(pairs):
                continue
            now = logs[ours][index[pairs + distance]]
            was = logs[theirs][index[pairs]]
            repeat, group = max(ours // theirs, 1), max(theirs // ours, 1)
            was = _fit(np.repeat(was, repeat, axis=2), now.shape[2] * group)
            factor = power(was - np.repeat(now, group, axis=2))
            found += [
                (int(i), _Move(repeat, group, one))
                for i, one in zip(pairs + distance, factor, strict=True)
            ]
    return found


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
        found = np.empty((_WALKED, channels, size), np.int64)
        found[0] = past
        found[1] = middle[:, 3:-5]
        found[2] = middle[:, 5:-3]
        spread = found[1] + found[2]
        spread += past
        spread += past
        spread >>= 3  # a quarter, then half of that
        spread += block.half
        np.add(middle[:, 2:-6], middle[:, 6:-2], out=found[3])
        found[3] >>= 1
        np.add(middle[:, :-8], middle[:, 1:-7], out=found[4])
        found[4] += middle[:, 7:-1]
        found[4] += middle[:, 8:]
        found[4] >>= 2
        found[5] = older[:, 1:-1]
        np.add(older[:, :-2], older[:, 2:], out=found[6])
        found[6] >>= 1
        self._inputs = inputs = np.empty((_WALKED + _FIXED, channels, size), np.float32)
        inputs[_WALKED:] = block.inputs
        self.shift = None
        if spread.max(initial=0) > _PLAIN:
            over = (np.maximum(spread - 1, 0) >> 7).astype(np.float64)
            self.shift = shift = np.minimum(np.frexp(over)[1], 20).astype(np.int64)
            found >>= shift
            inputs[7:11] = _over(block.ratios - 64 * shift)
            inputs[13] = np.minimum(shift, 1) * 64
        LOG.take(found, out=inputs[:_WALKED], mode="clip")

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
        found = np.empty((5, channels, count), np.int64)
        found[0] = even[:, 1:-3]
        found[1] = even[:, 2:-2]
        found[2] = even[:, :-4]
        found[3] = even[:, 3:-1]
        np.add.reduce(found[:4], axis=0, out=found[4])
        found[4] >>= 2
        if self.shift is not None:
            found >>= self.shift[:, 1::2]
        inputs = np.empty((len(flat) + 5, len(at)), np.float32)
        flat.take(at, axis=1, out=inputs[: len(flat)], mode="clip")
        LOG.take(found.reshape(5, -1).take(block.odd, axis=1), out=inputs[len(flat) :], mode="clip")
        return inputs

    def shifts(self, half: int) -> np.ndarray | None:
        """Low bits of what is coded in a pass, ``int64[n]``."""
        return None if self.shift is None else self.shift.ravel()[self._block.at[half]]

    def end(self, values: np.ndarray) -> None:
        """The magnitudes of the block, ``int64[channels, coefficients]``."""
        worth = values << 4
        np.copyto(worth, self._block.quiet, where=values == 0)
        self._past = [worth, *self._past[:1]]


def _look(to: np.ndarray, was: np.ndarray, move: _Move) -> None:
    """Put magnitudes of a block of the past where they belong, in sixteenths of other steps."""
    channels, size = to.shape
    if move.repeat > 1:
        was = np.repeat(was, move.repeat, axis=1)
    moved = _fit(was, size * move.group) * move.factor
    moved >>= 12
    np.minimum(moved, _MOST, out=moved)
    if move.group > 1:
        groups = moved.reshape(channels, size, move.group)
        mean = groups.sum(axis=2) // move.group
        moved = mean + groups.max(axis=2, initial=0) >> 1
    to[:] = moved


def _fit(values: np.ndarray, size: int) -> np.ndarray:
    """The last axis cut, or filled with zeros, to a size."""
    have = values.shape[-1]
    if have >= size:
        return values[..., :size]
    out = np.zeros((*values.shape[:-1], size), values.dtype)
    out[..., :have] = values
    return out
