"""Contexts: what levels and steps tell of coefficients before these are decoded, in integers.

Coefficients of a transform block come in two passes: those of even number, then those of odd
number, which know both neighbours. What both know: how strong the band is over its step, and
the values of the two blocks before, as they would be with this block's steps. The second pass also
knows what the first has left of the energy of each band.

What levels and steps alone tell is worked out here, for many blocks at once; `walk` has what values
tell, block by block.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .layout import LAYOUTS, Layout
from .powers import LOG, power

__all__ = ["FIXED", "WALKED", "Block", "Move", "fitted", "over", "prepare"]

WALKED, FIXED = 11, 12
"""Inputs of the network that come from the past, and from levels alone, with the constant."""

_LEAST = -160  # a band weaker than this over its step is not coded


class Move(NamedTuple):
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
    layout : Layout
    shape : tuple of (int, int)
        Channels and coefficients that may have a value.
    at : tuple of (ndarray, ndarray)
        The coefficients of each pass that do have one: places in an array of that shape.
    odd : ndarray
        The same of pass 1, in an array of the odd coefficients alone.
    levels : ndarray
        ``int64[channels, bands]``: levels, in sixteenths of a step.
    level : ndarray
        ``int64[channels, coefficients]``: the same of each coefficient.
    quiet : ndarray
        ``int8[channels, coefficients]``: what a zero is worth.
    ratios : ndarray
        ``int16[4, channels, coefficients]``: how far levels are over steps, in 64ths of an octave:
        of the band, between bands, and of those below and above.
    inputs : ndarray
        ``int8[12, channels, coefficients]``: the network's inputs 11 to 22, without low bits.
    moves : list of Move
        From the block before and the one before that, as far as there are any.
    """

    layout: Layout
    shape: tuple[int, int]
    at: tuple[np.ndarray, np.ndarray]
    odd: np.ndarray
    levels: np.ndarray
    level: np.ndarray
    quiet: np.ndarray
    ratios: np.ndarray
    inputs: np.ndarray
    moves: list[Move]


def prepare(
    members: dict[int, np.ndarray],
    levels: dict[int, np.ndarray],
    logs: dict[int, np.ndarray],
    coarse: bool,
) -> list[Block]:
    """What is known of all transform blocks of a payload.

    Parameters
    ----------
    members : dict of int to ndarray
        By size, the numbers of the blocks.
    levels, logs : dict of int to ndarray
        By size, ``int64[blocks, channels, bands]``: levels in quarters of an octave, and steps as
        of `steps.steps`.
    coarse : bool
        Whether levels are told to 3 dB.
    """
    count = sum(len(numbers) for numbers in members.values())
    found: list[Block | None] = [None] * count
    spread = {}
    known = np.zeros(count + 1, np.int64)  # of the block before: by how much it is over 128
    for size, numbers in members.items():
        known[numbers + 1] = 24 * (size.bit_length() - 8)
    for size, numbers in members.items():
        spread[size] = LAYOUTS[size].expand(logs[size])
        alone = _alone(size, levels[size], logs[size], coarse, known[numbers])
        for i, block in zip(numbers, alone, strict=True):
            found[i] = block
    blocks = [block for block in found if block is not None]
    for distance in (1, 2):
        for i, move in _moves(members, spread, distance):
            blocks[i].moves.append(move)
    return blocks


def _alone(
    size: int, levels: np.ndarray, logs: np.ndarray, coarse: bool, before: np.ndarray
) -> list[Block]:
    """Blocks of one size, without what lies before them but its size, ``int64[blocks]``."""
    layout = LAYOUTS[size]
    bands = levels.shape[2]
    stop = int(layout.edges[bands])
    band, share = layout.band[:stop], layout.share[:stop]
    ratio = 16 * (levels - 8) - logs
    own, far, below, above = (
        ratio.take(at, axis=-1, mode="clip") for at in (band, layout.far[:stop], band - 1, band + 1)
    )
    between = own * share + far * (16 - share) >> 4
    loud = power(ratio) >> 8
    level = layout.expand(loud)
    ratios = np.stack([own, between, below, above], axis=1)
    inputs = np.zeros((len(levels), FIXED, *own.shape[1:]), np.int8)
    inputs[:, :4] = over(ratios)
    inputs[:, 4] = 24 * (size.bit_length() - 8)
    inputs[:, 5] = layout.place[:stop]
    inputs[:, 7] = 64 * coarse
    inputs[:, 8] = over(ratio.sum(axis=2, keepdims=True) // max(bands, 1))
    inputs[:, 9] = LOG[4 * (layout.widths[band] - 1)]
    inputs[:, 10] = before[:, None, None]
    inputs[:, 11] = 1
    coded = layout.expand((ratio >= _LEAST) & (levels > 0))
    at, odd = [], []
    for half in range(2):
        number, channel, place = np.nonzero(coded[:, :, half::2])
        cuts = np.searchsorted(number, np.arange(1, len(levels)))
        at.append(np.split(channel * stop + 2 * place + half, cuts))
        odd = np.split(channel * (stop // 2) + place, cuts)
    quiet = np.minimum(level, 5).astype(np.int8)
    ratios = ratios.astype(np.int16)
    return [
        Block(layout, own.shape[1:], (at[0][i], at[1][i]), odd[i], loud[i], level[i], quiet[i],
              ratios[i], inputs[i], [])
        for i in range(len(levels))
    ]  # fmt: skip


def over(ratios: np.ndarray) -> np.ndarray:
    """Inputs of the network for ratios in 64ths of an octave."""
    found = ratios * 10
    found >>= 6
    np.maximum(found, -40, out=found)
    np.minimum(found, 120, out=found)
    return np.asarray(found)


def _moves(
    members: dict[int, np.ndarray], logs: dict[int, np.ndarray], distance: int
) -> list[tuple[int, Move]]:
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
            was = fitted(np.repeat(was, repeat, axis=2), now.shape[2] * group)
            factor = power(was - np.repeat(now, group, axis=2))
            found += [
                (int(i), Move(repeat, group, one))
                for i, one in zip(pairs + distance, factor, strict=True)
            ]
    return found


def fitted(values: np.ndarray, size: int) -> np.ndarray:
    """The last axis cut, or filled with zeros, to a size."""
    have = values.shape[-1]
    if have >= size:
        return values[..., :size]
    out = np.zeros((*values.shape[:-1], size), values.dtype)
    out[..., :have] = values
    return out
