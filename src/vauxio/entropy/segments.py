"""Blocks cut into segments, which are coded side by side.

A Transformer takes hardly longer for a step of sixteen rows than for one of a few. So a block is
cut in time, and its segments go through the steps together. Both sides know where to cut, from the
bit allocation. ``docs/format.md``, section 7.3.1, is the specification.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Segments", "segment_count"]

_CODES = 512  # for each segment after the first, which begins without context
_MOST = 16  # segments of a channel: from there on, a row takes as long as any other
_ROWS = 32  # segments of all channels of a block, which bounds the memory that they take


def segment_count(allocation: np.ndarray) -> int:
    """Into how many segments each channel of a block is cut.

    Parameters
    ----------
    allocation : ndarray
        ``uint8[channels, tokens]``: how many codes there are.
    """
    channels, tokens = allocation.shape
    return int(-(-tokens // _length(allocation)))


def _length(allocation: np.ndarray) -> int:
    """Tokens of each segment but for the last, which may be shorter."""
    channels, tokens = allocation.shape
    codes = int(allocation.sum(axis=1, dtype=np.int64).max(initial=0))
    count = min(1 + codes // _CODES, _MOST, _ROWS // channels)
    return int(max(1, -(-tokens // max(1, count))))


class Segments:
    """The segments of some blocks as rows: by block, then by channel, then in order of time.

    Channels without codes have no rows.

    Parameters
    ----------
    allocations : sequence of ndarray
        ``uint8[channels, tokens]`` of each block, all of as many channels.

    Attributes
    ----------
    tokens : int
        Of the longest segment; shorter ones are filled up.
    allocation : ndarray
        ``uint8[rows, tokens]``
    block, channel : ndarray
        ``int[rows]``: what a row is part of; channels are numbered through all blocks.
    before : ndarray
        ``int[rows]``: the row of the same segment in the channel before; -1 for none.
    """

    def __init__(self, allocations: Sequence[np.ndarray]) -> None:
        self._lengths = [_length(each) for each in allocations]
        self._counts = [segment_count(each) for each in allocations]
        self._coded: list[np.ndarray] = [each.max(axis=1, initial=0) > 0 for each in allocations]
        self.tokens = max(self._lengths)
        self.allocation = self.divide(allocations, 0)
        channel: list[np.ndarray] = []
        before: list[np.ndarray] = []
        rows = 0
        for count, coded in zip(self._counts, self._coded, strict=True):
            numbers = len(channel) * len(coded) + np.flatnonzero(coded)
            channel.append(np.repeat(numbers, count))
            after = np.repeat(np.append(False, coded[:-1])[coded], count)  # after a coded channel
            before.append(np.where(after, np.arange(rows, rows + len(after)) - count, -1))
            rows += len(after)
        self.block = np.repeat(np.arange(len(channel)), [len(each) for each in channel])
        self.channel, self.before = np.concatenate(channel), np.concatenate(before)

    def divide(self, blocks: Sequence[np.ndarray], fill: int) -> np.ndarray:
        """Arrays ``[channels, ..., tokens]``, one of each block, to ``[rows, ..., tokens]``."""
        rows = []
        cuts = zip(self._lengths, self._counts, self._coded, strict=True)
        for block, (length, count, coded) in zip(blocks, cuts, strict=True):
            channels, *middle, tokens = block[coded].shape
            whole = np.full((channels, *middle, count * length), fill, block.dtype)
            whole[..., :tokens] = block[coded]
            parts = np.moveaxis(whole.reshape(channels, *middle, count, length), -2, 1)
            own = np.full((channels * count, *middle, self.tokens), fill, block.dtype)
            own[..., :length] = parts.reshape(channels * count, *middle, length)
            rows.append(own)
        return np.concatenate(rows)

    def join(self, rows: np.ndarray, lengths: Sequence[int], fill: int) -> list[np.ndarray]:
        """The reverse of `divide`, for blocks of so many tokens."""
        middle, blocks = rows.shape[1:-1], []
        for i, tokens in enumerate(lengths):
            length, count, coded = self._lengths[i], self._counts[i], self._coded[i]
            channels = np.count_nonzero(coded)
            own = rows[self.block == i][..., :length].reshape(channels, count, *middle, length)
            whole = np.moveaxis(own, 1, -2).reshape(channels, *middle, count * length)
            block = np.full((len(coded), *middle, tokens), fill, rows.dtype)
            block[coded] = whole[..., :tokens]
            blocks.append(block)
        return blocks
